#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup/leaf.h"
#include "pid1/boot.h"
#include "supervisor/clone.h"
#include "supervisor/pads.h"
#include "supervisor/plan.h"
#include "supervisor/sys.h"

#define PADS_LOWEST    16
#define PATIENCE       (10 * USEC_PER_MSEC) /* longer than a tick: a timer that is due before costs 20 us to set */
#define PADS_PAY_ABOVE 64                   /* descriptors of ours besides */

enum learnt { UNKNOWN, WORKS, REFUSED };

struct spawner {
    struct loop *loop;
    struct slot_pool *slots;
    struct spawn *under_way;
    struct fd null;
    struct pads pads;
    struct spawn *pad_owners[PADS_AT_MOST];
    struct spawner_limits limits;
    enum learnt clone3;
    int clone3_error, into_cgroup_error; /* errno of what was refused */
    bool into_cgroup_off, close_range_missing, sharing_refused;
    bool dumpable;    /* as we were started; taken away while memory is shared */
    size_t n_sharing; /* children that share our memory now */
    size_t n_patient; /* starts that have `look` set */
    bool signals_known;
    uint64_t ignored_signals, handled_signals; /* bit n-1: signal n */
};

static bool look_at_patient(void *userdata);

/* ---- the spawner ---- */

int spawner_new(struct loop *loop, struct spawner **ret_spawner)
{
    AUTO(spawner_free) struct spawner *spawner = calloc(1, sizeof *spawner);
    if (!spawner) return -ENOMEM;
    spawner->loop = loop;
    spawner->null = FD_NONE;
    spawner->pads = PADS_NONE;
    spawner->slots = slot_pool_new();
    if (!spawner->slots) return -ENOMEM;
    if (fd_openat(AT_FDCWD, "/dev/null", O_RDWR, 0, &spawner->null) < 0) spawner->null = FD_NONE; /* children try */
    spawner->close_range_missing = syscall(SYS_close_range, ~0U, ~0U, CLOSE_RANGE_CLOEXEC) < 0;
    spawner->dumpable = prctl(PR_GET_DUMPABLE) == 1;
    loop_ask_first(loop, look_at_patient, spawner);
    *ret_spawner = TAKE(spawner);
    return 0;
}

struct slot_pool *spawner_slots(struct spawner *spawner)
{
    return spawner->slots;
}

void spawner_expect_crowd(struct spawner *spawner)
{
    if (spawner->pads.count > 0 || !fd_is_open(&spawner->null) || spawner->close_range_missing) return;
    if (pads_init(&spawner->pads, spawner->null.n, PADS_LOWEST) < 0) spawner->pads = PADS_NONE;
}

void spawner_set_limits(struct spawner *spawner, struct spawner_limits limits)
{
    spawner->limits = limits;
}

void spawner_learnt(const struct spawner *spawner, struct spawner_learnt *ret)
{
    *ret = (struct spawner_learnt){
        .clone3_error = spawner->clone3 == REFUSED ? spawner->clone3_error : 0,
        .into_cgroup_error = spawner->into_cgroup_error,
        .no_close_range = spawner->close_range_missing,
    };
}

size_t spawner_count(const struct spawner *spawner)
{
    size_t count = 0;
    for (const struct spawn *spawn = spawner->under_way; spawn; spawn = spawn->next) count++;
    return count;
}

/* Handlers are reset by clone3(), ignored signals are not; ours do not change any more once services start. */
static void learn_signals(struct spawner *spawner)
{
    if (spawner->signals_known) return;
    spawner->signals_known = true;
    for (int signal = 1; signal <= 64; signal++) {
        struct sys_sigaction action = { .handler = SYS_SIG_DFL };
        if (sys_get_sigaction(signal, &action) < 0 || action.handler == SYS_SIG_DFL) continue;
        uint64_t bit = UINT64_C(1) << (signal - 1);
        if (action.handler == SYS_SIG_IGN)
            spawner->ignored_signals |= bit;
        else
            spawner->handled_signals |= bit;
    }
}

/* ---- sharing memory ----
 * A child that has taken its User= while it still shares our memory must not be open to ptrace(2) by that user, and on
 * kernels before 5.16 a core dump of such a child takes everyone who shares its memory along. Both are decided by the
 * dumpable flag of the memory, so it is off while anyone shares it. (Changing ids clears it as well.) */

static void set_dumpable(const struct spawner *spawner, bool dumpable)
{
    int r = spawner->dumpable ? pid1_set_dumpable(dumpable) : 0;
    (void)r; /* 0 and 1 are always valid values */
}

static void sharing_begin(struct spawner *spawner)
{
    if (spawner->n_sharing++ == 0) set_dumpable(spawner, false);
}

static void sharing_end(struct spawner *spawner)
{
    if (--spawner->n_sharing == 0) set_dumpable(spawner, true);
}

static struct exec_plan *plan_of(struct spawn *spawn)
{
    return (struct exec_plan *)(void *)((char *)spawn - offsetof(struct exec_plan, spawn));
}

/* ---- pads ---- */

static void pad_release(struct spawn *spawn)
{
    if (spawn->pad < 0) return;
    spawn->spawner->pad_owners[spawn->pad] = NULL;
    pads_give(&spawn->spawner->pads, spawn->pad);
    spawn->pad = -1;
}

/* A pad for this start, where it pays: few descriptors of ours are copied faster than pads are filled. */
static int pad_acquire(struct spawner *spawner, struct exec_plan *plan)
{
    struct spawn *spawn = &plan->spawn;
    if (spawn->status.n < PADS_PAY_ABOVE + spawner->pads.count * PAD_SLOT_COUNT || !spawn->shares_memory ||
        plan->child.n_fds > 4 || plan->child.program_fd > 0)
        return -1;
    if (spawner->limits.no_close_range) return -1;
    int pad = pads_take(&spawner->pads);
    for (int i = 0; pad < 0 && i < spawner->pads.count; i++) {
        struct spawn *owner = spawner->pad_owners[i];
        bool is_gone = kill(owner->pid, 0) < 0 && errno == ESRCH; /* and nobody drained it */
        if (!is_gone && !__atomic_load_n(&plan_of(owner)->child.has_own_table, __ATOMIC_ACQUIRE)) continue;
        pad_release(owner);
        pad = pads_take(&spawner->pads);
    }
    return pad;
}

/* Puts into the pad what the child needs; the plan then names the pad's numbers. */
static int pad_fill(struct spawner *spawner, struct exec_plan *plan, int pad, struct fd *status_write)
{
    static const enum pad_slot slots[] = { PAD_NULL, PAD_OUT, PAD_ERR, PAD_LISTEN };
    struct pads *pads = &spawner->pads;
    struct child_plan *child = &plan->child;
    plan->spawn.pad = pad;
    spawner->pad_owners[pad] = &plan->spawn;
    int r = pads_put(pads, pad, PAD_STATUS, status_write->n);
    for (uint32_t i = 0; r == 0 && i < child->n_fds; i++) {
        if (child->fds[i] < 3) continue; /* opened by the child, or one of 0-2, which it keeps */
        bool null = i < 3 && child->streams[i].null;
        enum pad_slot slot = null ? PAD_NULL : slots[i];
        if (i == 0 && !null) slot = PAD_LISTEN;
        if (slot != PAD_NULL) r = pads_put(pads, pad, slot, child->fds[i]);
        child->fds[i] = pads_fd(pads, pad, slot);
    }
    if (r < 0) return r;
    fd_close(status_write);
    child->status_fd = pads_fd(pads, pad, PAD_STATUS);
    child->pad_begin = pads_fd(pads, pad, PAD_STATUS);
    child->pad_end = child->pad_begin + PAD_SLOT_COUNT;
    return 0;
}

/* ---- clone ---- */

struct creation {
    struct exec_plan *plan;
    uint64_t flags;
    void *stack; /* NULL with a copy of our memory */
    int pidfd;
};

static long clone_new(struct creation *c, bool with_clone3, int leaf_dirfd)
{
    clone_entry *entry = c->plan->deferred ? exec_plan_run_deferred : child_run;
    void *userdata = c->plan->deferred ? (void *)c->plan : &c->plan->child;
    uintptr_t stack = (uintptr_t)c->stack;
    if (!with_clone3)
        return clone_enter(SYS_clone, (long)(c->flags & ~CLONE_CLEAR_SIGHAND) | SIGCHLD,
                           stack ? (long)(stack + SLOT_STACK_SIZE) : 0, (long)&c->pidfd, entry, userdata);
    struct clone_args args = {
        .flags = c->flags | (leaf_dirfd >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uintptr_t)&c->pidfd,
        .exit_signal = SIGCHLD,
        .stack = stack,
        .stack_size = stack ? SLOT_STACK_SIZE : 0,
        .cgroup = leaf_dirfd >= 0 ? (unsigned)leaf_dirfd : 0,
    };
    /* Without the cgroup's member the structure is the one of the first clone3(), which sandboxes may know alone. */
    size_t size = leaf_dirfd >= 0 ? sizeof args : CLONE_ARGS_SIZE_VER0;
    return clone_enter(SYS_clone3, (long)&args, (long)size, 0, entry, userdata);
}

static bool is_shortage(long r)
{
    return r == -EAGAIN || r == -ENOMEM;
}

/* Into the leaf by the kernel, else the child enters it by itself, else it runs outside; with clone3, else with clone.
 * A refusal may carry any errno: only what the next lesser way achieves tells refusal from shortage. */
static long create(struct spawner *spawner, struct creation *c, struct cg_leaf *leaf, bool *ret_in_leaf)
{
    bool with_clone3 = spawner->clone3 != REFUSED && !spawner->limits.no_clone3;
    long into_error = 0, r;
    *ret_in_leaf = false;
    bool into_cgroup =
        leaf && cg_leaf_takes_clones(leaf) && !spawner->into_cgroup_off && !spawner->limits.no_into_cgroup;
    if (with_clone3 && into_cgroup) {
        int dirfd = cg_leaf_dirfd(leaf);
        r = dirfd < 0 ? dirfd : clone_new(c, true, dirfd);
        if (r >= 0) {
            spawner->clone3 = WORKS;
            *ret_in_leaf = true;
            return r;
        }
        if (is_shortage(r) && spawner->clone3 == WORKS) return r;
        into_error = r;
    }
    int procs_fd = leaf ? cg_leaf_open_procs(leaf) : -EBADF;
    AUTO_FD struct fd procs = fd_own(procs_fd);
    c->plan->child.leaf_procs_fd = procs.n;
    if (c->plan->spawn.pad >= 0 && fd_is_open(&procs)) { /* the child shares our table: ours is closed too early */
        r = pads_put(&spawner->pads, c->plan->spawn.pad, PAD_LEAF, procs.n);
        if (r < 0) return r;
        c->plan->child.leaf_procs_fd = pads_fd(&spawner->pads, c->plan->spawn.pad, PAD_LEAF);
    }
    *ret_in_leaf = fd_is_open(&procs);
    if (leaf && procs_fd < 0) c->plan->spawn.leaf_error = -procs_fd;
    long clone3_error = 0;
    if (with_clone3) {
        r = clone_new(c, true, -1);
        if (r >= 0) {
            spawner->clone3 = WORKS;
            if (into_error < 0 && !is_shortage(into_error) && spawner->into_cgroup_error == 0)
                spawner->into_cgroup_error = (int)-into_error;
            if (into_error == -E2BIG || into_error == -EINVAL) spawner->into_cgroup_off = true;
            return r;
        }
        if (is_shortage(r) && spawner->clone3 == WORKS) return r;
        clone3_error = r;
    }
    c->plan->child.reset_signals |= spawner->handled_signals;
    r = clone_new(c, false, -1);
    if (r < 0 && !is_shortage(r) && c->stack) { /* a sandbox that knows threads and copies, and nothing in between */
        c->stack = NULL;
        c->flags &= ~(uint64_t)(CLONE_VM | CLONE_FILES);
        r = clone_new(c, false, -1);
        spawner->sharing_refused = r >= 0;
    }
    if (r < 0 || !with_clone3 || is_shortage(clone3_error)) return r;
    spawner->clone3 = REFUSED;
    spawner->clone3_error = (int)-clone3_error;
    return r;
}

/* ---- the status pipe ---- */

static void spawn_link(struct spawner *spawner, struct spawn *spawn)
{
    spawn->spawner = spawner;
    spawn->previous = NULL;
    spawn->next = spawner->under_way;
    if (spawn->next) spawn->next->previous = spawn;
    spawner->under_way = spawn;
}

static void spawn_unlink(struct spawn *spawn)
{
    if (spawn->previous)
        spawn->previous->next = spawn->next;
    else
        spawn->spawner->under_way = spawn->next;
    if (spawn->next) spawn->next->previous = spawn->previous;
}

static void spawn_stop_looking(struct spawn *spawn)
{
    struct spawner *spawner = spawn->spawner;
    loop_io_remove(spawner->loop, &spawn->io);
    if (loop_deadline_is_set(&spawn->look)) spawner->n_patient--;
    loop_deadline_clear(spawner->loop, &spawn->look);
}

/* Gives back what a start held; the plan is gone afterwards. */
static void spawn_release(struct spawn *spawn)
{
    struct spawner *spawner = spawn->spawner;
    spawn_stop_looking(spawn);
    fd_close(&spawn->status);
    pad_release(spawn);
    slot_give(spawner->slots, spawn->stack_slot);
    exec_plan_free(plan_of(spawn));
}

/* Takes in what the child said. True at the end of the pipe: it has left our memory. */
static bool spawn_read(struct spawn *spawn)
{
    for (;;) {
        struct child_report report;
        ssize_t n = read(spawn->status.n, &report, sizeof report);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno != EAGAIN;
        if (n == 0) return true;
        if (n != (ssize_t)sizeof report) continue; /* not ours: each report is one atomic write */
        if (!report.is_note)
            spawn->report = report;
        else if (report.stage == EXEC_STAGE_CGROUP)
            spawn->leaf_error = report.error;
        else
            pad_release(spawn);
    }
}

static void spawn_outcome(const struct spawn *spawn, const struct exec_plan *plan, struct exec_failure *ret)
{
    exec_plan_explain(plan, &spawn->report, ret);
    ret->leaf_error = spawn->leaf_error;
}

static void spawn_finish(struct spawn *spawn)
{
    struct exec_failure failure;
    spawn_outcome(spawn, plan_of(spawn), &failure);
    spawn_done_fn *done = spawn->done;
    void *userdata = spawn->userdata;
    if (spawn->shares_memory) sharing_end(spawn->spawner);
    spawn_unlink(spawn);
    spawn_release(spawn);
    if (done) done(&failure, userdata);
}

static void on_status(int fd, uint32_t events, void *userdata)
{
    (void)fd, (void)events;
    if (spawn_read(userdata)) spawn_finish(userdata);
}

static int spawn_poll(struct spawn *spawn)
{
    return loop_io_add(spawn->spawner->loop, spawn->status.n, EPOLLIN, LOOP_NORMAL, on_status, spawn, &spawn->io);
}

static void on_look(void *userdata);

/* One whose child has reported; NULL: none. */
static struct spawn *find_told(struct spawner *spawner)
{
    for (struct spawn *spawn = spawner->under_way; spawn; spawn = spawn->next)
        if (loop_deadline_is_set(&spawn->look) && spawn_read(spawn)) return spawn;
    return NULL;
}

/* We are awake anyhow: news of a start comes before what its process has done since, as if it had woken us. */
static bool look_at_patient(void *userdata)
{
    struct spawner *spawner = userdata;
    struct spawn *spawn;
    bool any = false;
    while (spawner->n_patient > 0 && (spawn = find_told(spawner))) {
        spawn_finish(spawn); /* which may end others */
        any = true;
    }
    return any;
}

static int spawn_look_later(struct spawn *spawn)
{
    struct loop *loop = spawn->spawner->loop;
    int r = loop_deadline_set(loop, &spawn->look, usec_add(loop_now(loop), PATIENCE), on_look, spawn);
    if (r == 0) spawn->spawner->n_patient++;
    return r;
}

static void on_look(void *userdata)
{
    struct spawn *spawn = userdata;
    spawn->spawner->n_patient--;
    if (spawn_read(spawn)) {
        spawn_finish(spawn);
    } else if (spawn_poll(spawn) < 0) { /* a lack of descriptors or memory: it may be over by then */
        int r = spawn_look_later(spawn);
        (void)r; /* likewise; its exit tells at the latest */
    }
}

void spawn_drain(struct spawn *spawn)
{
    pad_release(spawn); /* the child is dead */
    if (spawn_read(spawn)) {
        spawn_finish(spawn);
        return;
    }
    /* Somebody else still holds the other end: the outcome is what is known, the memory waits. */
    spawn_done_fn *done = spawn->done;
    struct exec_failure failure;
    spawn_outcome(spawn, plan_of(spawn), &failure);
    spawn->done = NULL;
    if (done) done(&failure, spawn->userdata);
}

void spawn_forget(struct spawn *spawn)
{
    spawn->done = NULL;
}

void spawner_free(struct spawner *spawner)
{
    if (!spawner) return;
    for (struct spawn *spawn = spawner->under_way, *next; spawn; spawn = next) {
        next = spawn->next;
        spawn->done = NULL;
        if (plan_of(spawn)->child.has_own_table) pad_release(spawn);
        if (spawn_read(spawn)) {
            spawn_finish(spawn);
        } else { /* its child may read the plan for as long as we live */
            spawn_stop_looking(spawn);
            fd_close(&spawn->status);
        }
    }
    loop_ask_first(spawner->loop, NULL, NULL);
    pads_done(&spawner->pads);
    slot_pool_free(spawner->slots);
    fd_close(&spawner->null);
    free(spawner);
}

/* ---- a start ---- */

/* Descriptors and signals the plan could not know. */
static int prepare(struct spawner *spawner, struct exec_plan *plan, struct fd *ret_status_write)
{
    struct spawn *spawn = &plan->spawn;
    int r = fd_pipe(O_NONBLOCK, &spawn->status, ret_status_write);
    if (r < 0) return r;
    r = spawn->is_patient ? spawn_look_later(spawn) : spawn_poll(spawn);
    if (r < 0) return r;
    struct child_plan *child = &plan->child;
    child->status_fd = ret_status_write->n;
    child->leaf_procs_fd = -EBADF;
    child->close_range_missing = spawner->close_range_missing || spawner->limits.no_close_range;
    learn_signals(spawner);
    child->reset_signals = spawner->ignored_signals;
    for (int i = 0; i < 3; i++)
        if (child->streams[i].null) child->fds[i] = spawner->null.n;
    int pad = pad_acquire(spawner, plan);
    if (pad >= 0) return pad_fill(spawner, plan, pad, ret_status_write);
    if (spawner->pads.count == 0) return 0;
    child->others_begin = spawner->pads.base;
    child->others_end = spawner->pads.base + spawner->pads.count * PAD_SLOT_COUNT;
    return 0;
}

int spawn_start(struct spawner *spawner, struct exec_plan *plan_take, struct cg_leaf *leaf, spawn_done_fn *done,
                void *userdata, struct spawn_result *ret, struct exec_failure *ret_failure)
{
    struct exec_plan *plan = plan_take;
    struct spawn *spawn = &plan->spawn;
    AUTO_FD struct fd status_write = FD_NONE;
    *ret_failure = (struct exec_failure){ .stage = EXEC_STAGE_FDS };
    spawn->spawner = spawner;
    spawn->status = FD_NONE;
    spawn->pad = -1;
    spawn->shares_memory = !plan->no_share_memory && !spawner->limits.no_clone_vm && !spawner->sharing_refused;
    long r = prepare(spawner, plan, &status_write);
    if (r < 0) goto fail;

    struct creation c = { .plan = plan, .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND, .pidfd = -EBADF };
    if (spawn->pad >= 0) c.flags |= CLONE_FILES;
    ret_failure->stage = EXEC_STAGE_CLONE;
    if (spawn->shares_memory) {
        r = -ENOMEM;
        char *slot = plan->slots ? (char *)plan : (spawn->stack_slot = slot_take(spawner->slots));
        if (!slot) goto fail;
        c.stack = slot + SLOT_PLAN_SIZE;
        c.flags |= CLONE_VM;
        sharing_begin(spawner);
    }
    sigset_t all, old;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &old); /* no handler may run in the child: it would be on our memory */
    bool in_leaf;
    r = create(spawner, &c, leaf, &in_leaf);
    (void)sigprocmask(SIG_SETMASK, &old, NULL); /* both cannot fail: the sets are ours */
    if (spawn->shares_memory && (r < 0 || !c.stack)) {
        spawn->shares_memory = false;
        sharing_end(spawner);
    }
    if (r < 0) goto fail;
    spawn->pid = (pid_t)r;
    spawn_link(spawner, spawn);
    spawn->done = done;
    spawn->userdata = userdata;
    *ret = (struct spawn_result){ .pid = (pid_t)r, .pidfd = fd_own(c.pidfd), .in_leaf = in_leaf, .spawn = spawn };
    ret_failure->stage = EXEC_STAGE_NONE;
    return 0;
fail:
    ret_failure->error = (int)-r;
    spawn_release(spawn);
    return (int)r;
}
