#include "supervisor/procs_table.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup/leaf.h"

#define SCANS_PER_ROUND 8  /* beyond, a kill works with what the round has seen and goes on in the next */
#define PASSES_AT_MOST  64 /* of one kill: a bomb that forks faster than we look is left to the next round */
#define BATCH           32 /* pidfds held at once */

/* ---- the table ---- */

int procs_table_new(struct cg_root *root_or_null, struct procs_table **ret_table)
{
    struct procs_table *table = calloc(1, sizeof *table);
    if (!table) return -ENOMEM;
    table->root = root_or_null;
    table->proc = FD_NONE;
    if (proc_open(&table->proc) < 0) table->proc = FD_NONE; /* asked for by procs_table_has_proc() */
    struct rlimit limit;
    mark_space_init(&table->marks, getrlimit(RLIMIT_LOCKS, &limit) == 0 ? (uint64_t)limit.rlim_max : MARK_UNLIMITED);
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) == (ssize_t)sizeof random)
        mark_space_begin_at(&table->marks, random);
    *ret_table = table;
    return 0;
}

void procs_table_free(struct procs_table *table)
{
    if (!table) return;
    for (uint32_t i = 0; i < table->members.size; i++) free(table->members.slots[i].value);
    id_map_done(&table->members);
    id_map_done(&table->runs);
    vec_done(&table->pids);
    vec_done(&table->scan);
    vec_done(&table->orphans);
    fd_close(&table->proc);
    free(table);
}

void procs_table_new_round(struct procs_table *table)
{
    table->scan_valid = table->orphans_valid = false;
    table->scans = 0;
}

bool procs_table_has_proc(const struct procs_table *table)
{
    return fd_is_open(&table->proc);
}

/* ---- a run and what is known of it ---- */

static int take_mark(struct procs_table *table, struct procs *procs)
{
    for (uint64_t tries = 0; tries < table->marks.count; tries++) {
        uint64_t mark = mark_space_next(&table->marks);
        if (id_map_get(&table->runs, mark)) continue;
        procs->mark = mark;
        return id_map_put(&table->runs, mark, procs);
    }
    return 0; /* session, group and descent have to do */
}

/* Forgets all of a run; what is prepared for the next one stays. */
static void reset(struct procs *procs)
{
    *procs = (struct procs){ .spare = procs->spare };
}

void procs_prepare(struct procs_table *table, struct procs *procs, const char *slice, const char *unit_name)
{
    AUTO(cg_leaf_free) struct cg_leaf *leaf = NULL;
    if (!table->root || procs->leaf || procs->mark || procs->spare || table->n_spare >= SPARE_LEAVES_AT_MOST) return;
    if (cg_leaf_create_in(table->root, slice, unit_name, &leaf) < 0 || cg_leaf_is_adopted(leaf)) return;
    procs->spare = TAKE(leaf);
    table->n_spare++;
}

void procs_unprepare(struct procs_table *table, struct procs *procs)
{
    if (!procs->spare) return;
    int r = cg_leaf_remove(procs->spare);
    (void)r; /* somebody put a process into it: the next run adopts it, as it would any other */
    cg_leaf_free(TAKE(procs->spare));
    table->n_spare--;
}

/* NULL: there is none, or somebody else has removed it or made cgroups in it. */
static struct cg_leaf *take_spare(struct procs_table *table, struct procs *procs)
{
    AUTO(cg_leaf_free) struct cg_leaf *leaf = TAKE(procs->spare);
    if (!leaf) return NULL;
    table->n_spare--;
    return cg_leaf_has_children(leaf) == 0 ? TAKE(leaf) : NULL;
}

int procs_begin_in(struct procs_table *table, struct procs *procs, const char *slice, const char *unit_name,
                   int *ret_leaf_error)
{
    reset(procs);
    *ret_leaf_error = 0;
    int r = take_mark(table, procs);
    if (r < 0) {
        reset(procs);
        return r;
    }
    procs->leaf = take_spare(table, procs);
    if (table->root && !procs->leaf) *ret_leaf_error = cg_leaf_create_in(table->root, slice, unit_name, &procs->leaf);
    return 0;
}

int procs_begin(struct procs_table *table, struct procs *procs, const char *unit_name, int *ret_leaf_error)
{
    return procs_begin_in(table, procs, NULL, unit_name, ret_leaf_error);
}

static void member_forget(struct procs_table *table, struct procs_member *member)
{
    struct procs_member **link = &member->run->members;
    while (*link != member) link = &(*link)->next;
    *link = member->next;
    id_map_remove(&table->members, (uint64_t)member->pid);
    free(member);
}

void procs_add(struct procs_table *table, struct procs *procs, pid_t pid, bool in_leaf)
{
    procs->empty = false;
    if (!in_leaf) procs->outside = true;
    struct procs_member *member = procs_member_of(table, pid);
    if (member && (member->run != procs || !member->alive)) { /* its number is in use again: no group bears it */
        member_forget(table, member);
        member = NULL;
    }
    if (!member) {
        member = calloc(1, sizeof *member);
        if (!member) return;
        *member = (struct procs_member){ .next = procs->members, .run = procs, .pid = pid };
        if (id_map_put(&table->members, (uint64_t)pid, member) < 0) {
            free(member);
            return;
        }
        procs->members = member;
    }
    member->alive = true;
    member->in_leaf = in_leaf;
}

void procs_remove(struct procs_table *table, struct procs *procs, pid_t pid)
{
    table->scan_stale = true;
    table->orphans_valid = false;
    struct procs_member *member = procs_member_of(table, pid);
    if (!member || member->run != procs) return;
    member->alive = false;
    /* While members of its group live the kernel does not give the number away. */
    bool group_lives = !member->in_leaf && (kill(-pid, 0) == 0 || errno == EPERM);
    if (!group_lives) member_forget(table, member);
}

void procs_reaped(struct procs_table *table, pid_t pid)
{
    const struct procs_member *member = procs_member_of(table, pid);
    if (member && member->alive) procs_remove(table, member->run, pid);
}

bool procs_begin_again(struct procs_table *table, struct procs *procs)
{
    if (!procs->leaf || procs->outside || procs->ending || !cg_leaf_takes_clones(procs->leaf)) return false;
    if (!procs_is_empty(table, procs) || cg_leaf_has_children(procs->leaf) != 0) return false;
    while (procs->members) member_forget(table, procs->members);
    return true;
}

void procs_end(struct procs_table *table, struct procs *procs)
{
    while (procs->members) member_forget(table, procs->members);
    if (procs->mark) id_map_remove(&table->runs, procs->mark);
    int r = procs->leaf ? cg_leaf_remove(procs->leaf) : 0;
    (void)r; /* what is left in it (KillMode=process) is adopted by the next run */
    cg_leaf_free(procs->leaf);
    table->scan_valid = table->orphans_valid = false; /* they point to the run */
    reset(procs);
}

/* ---- questions ---- */

/* Without /proc: the groups our children led. Those that are empty are forgotten. */
static bool groups_live(struct procs_table *table, struct procs *procs)
{
    for (struct procs_member *member = procs->members, *next; member; member = next) {
        next = member->next;
        if (member->alive || kill(-member->pid, 0) == 0 || errno == EPERM) return true;
        member_forget(table, member);
    }
    return false;
}

/* 1, 0 or -errno. The leaf of a run that ends is removed without asking first: the kernel refuses while it is in use.
 */
static int leaf_holds_any(struct procs *procs)
{
    if (procs->ending && cg_leaf_remove_empty(procs->leaf) == 0) {
        cg_leaf_free(procs->leaf);
        procs->leaf = NULL;
        procs->leaf_removed = true;
        return 0;
    }
    return cg_leaf_is_populated(procs->leaf);
}

static bool nobody_outside(struct procs_table *table, struct procs *procs)
{
    int r = procs_orphan_of(table, procs);
    if (r == -ENOENT) return !groups_live(table, procs);
    return r == 0; /* what cannot be found out for lack of descriptors or memory is not "nothing" */
}

bool procs_is_empty(struct procs_table *table, struct procs *procs)
{
    if (procs->empty) return true;
    /* Also one that enters the leaf by itself and may not have got there yet. */
    for (const struct procs_member *member = procs->members; member; member = member->next)
        if (member->alive) return false;
    bool look_outside = procs->outside || !(procs->leaf || procs->leaf_removed);
    if (procs->leaf) {
        int r = leaf_holds_any(procs);
        if (r > 0) return false;
        if (r < 0) look_outside = true;
    }
    bool empty = !look_outside || nobody_outside(table, procs);
    /* Into an empty leaf nobody comes but by procs_add(). */
    procs->empty = empty && (procs->ending || !look_outside);
    return empty;
}

static int collect_pid(pid_t pid, void *userdata)
{
    struct pid_list *list = userdata;
    return pid > 0 ? vec_push(list, pid) : 0; /* 0: outside our pid namespace */
}

static bool list_has(const struct pid_list *list, pid_t pid)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == pid) return true;
    return false;
}

/* The live processes of a run, each once. */
static int collect(struct procs_table *table, struct procs *procs, struct pid_list *list)
{
    if (procs->leaf) {
        int r = cg_leaf_list_pids(procs->leaf, collect_pid, list);
        if (r < 0 || !procs->outside) return r;
    }
    size_t in_leaf = list->count;
    int r = procs_scan(table, table->scan_stale);
    if (r == -ENOENT) {
        for (const struct procs_member *member = procs->members; member; member = member->next)
            if (member->alive && (r = vec_push(list, member->pid)) < 0) return r;
        return 0;
    }
    if (r < 0) return r;
    for (struct found *found = procs_scan_first(table, procs); found; found = procs_scan_next(table, found)) {
        struct pid_list seen = { list->items, in_leaf, in_leaf };
        if (list_has(&seen, found->pid) || !procs_found_holds(table, found)) continue;
        if ((r = vec_push(list, found->pid)) < 0) return r;
    }
    return 0;
}

int procs_each(struct procs_table *table, struct procs *procs, int (*fn)(pid_t pid, void *userdata), void *userdata)
{
    struct pid_list list = VEC_EMPTY;
    int r = collect(table, procs, &list);
    for (size_t i = 0; r == 0 && i < list.count; i++) r = fn(list.items[i], userdata);
    vec_done(&list);
    return r;
}

int procs_contains(struct procs_table *table, struct procs *procs, pid_t pid)
{
    if (pid <= 0) return 0;
    const struct procs_member *member = procs_member_of(table, pid);
    if (member && member->alive) return member->run == procs;
    struct pid_list list = VEC_EMPTY;
    int r = collect(table, procs, &list);
    if (r == 0) r = list_has(&list, pid);
    vec_done(&list);
    return r;
}

/* ---- signals ---- */

struct sending {
    struct procs_table *table;
    struct procs *procs;
    int signal;
    pid_t spare;
    bool also_sighup;
    int sent;
};

/* systemd.kill(5): what may handle the signal is continued, so that it can; then SIGHUP. */
static const int *signals_of(const struct sending *s, int list[4])
{
    int n = 0;
    list[n++] = s->signal;
    if (s->signal != SIGKILL && s->signal != SIGCONT && s->signal != SIGSTOP) list[n++] = SIGCONT;
    if (s->also_sighup && s->signal != SIGHUP && s->signal != SIGKILL) list[n++] = SIGHUP;
    list[n] = 0;
    return list;
}

/* A child of ours that was not reaped: its number cannot be another's. */
static void send_to_child(struct sending *s, pid_t pid)
{
    int list[4];
    for (const int *signal = signals_of(s, list); *signal; signal++)
        if (kill(pid, *signal) == 0 && *signal == s->signal) s->sent++;
}

static void send_to_pidfd(struct sending *s, int pidfd)
{
    int list[4];
    for (const int *signal = signals_of(s, list); *signal; signal++)
        if (syscall(SYS_pidfd_send_signal, pidfd, *signal, NULL, 0) == 0 && *signal == s->signal) s->sent++;
}

static bool is_own_child(const struct sending *s, pid_t pid)
{
    const struct procs_member *member = procs_member_of(s->table, pid);
    return member && member->alive && member->run == s->procs;
}

static struct fd pidfd_of(pid_t pid)
{
    return fd_own((int)syscall(SYS_pidfd_open, pid, 0));
}

/* Others in the leaf: opened first, then listed again: who is still listed is who was opened (K09). */
static int send_batch_in_leaf(struct sending *s, const pid_t *pids, size_t count)
{
    struct fd pidfds[BATCH];
    struct pid_list again = VEC_EMPTY;
    for (size_t i = 0; i < count; i++) pidfds[i] = pidfd_of(pids[i]);
    int r = cg_leaf_list_pids(s->procs->leaf, collect_pid, &again);
    for (size_t i = 0; i < count; i++) {
        if (r == 0 && fd_is_open(&pidfds[i]) && list_has(&again, pids[i])) send_to_pidfd(s, pidfds[i].n);
        fd_close(&pidfds[i]);
    }
    vec_done(&again);
    return r;
}

static int send_in_leaf(struct sending *s)
{
    struct pid_list list = VEC_EMPTY;
    int r = cg_leaf_list_pids(s->procs->leaf, collect_pid, &list);
    pid_t batch[BATCH];
    size_t n = 0;
    for (size_t i = 0; r == 0 && i < list.count; i++) {
        pid_t pid = list.items[i];
        if (pid == s->spare) continue;
        if (is_own_child(s, pid))
            send_to_child(s, pid);
        else
            batch[n++] = pid;
        if (n == BATCH) {
            r = send_batch_in_leaf(s, batch, n);
            n = 0;
        }
    }
    if (r == 0 && n > 0) r = send_batch_in_leaf(s, batch, n);
    /* Our children that have yet to enter the leaf by themselves are not listed. */
    for (const struct procs_member *member = s->procs->members; r == 0 && member; member = member->next)
        if (member->alive && member->in_leaf && member->pid != s->spare && !list_has(&list, member->pid))
            send_to_child(s, member->pid);
    vec_done(&list);
    return r;
}

static void send_by_groups(struct sending *s)
{
    int list[4];
    for (const struct procs_member *member = s->procs->members; member; member = member->next) {
        if (member->alive && member->pid != s->spare) send_to_child(s, member->pid);
        if (member->pid == s->spare) continue; /* its group is spared with it: members cannot be told apart */
        for (const int *signal = signals_of(s, list); *signal; signal++)
            if (kill(-member->pid, *signal) == 0 && !member->alive && *signal == s->signal) s->sent++;
    }
}

static bool is_done(const struct sending *s, const struct id_map *done, pid_t pid)
{
    return pid == s->spare || (done && id_map_get(done, (uint64_t)pid));
}

/* Our own children, which the scan may be too old to know, then one pass over the scan; `done` names who had it
 * already. Returns how many were new, or -errno. */
static int send_outside(struct sending *s, struct id_map *done)
{
    int before = s->sent, r = 0;
    for (struct procs_member *member = s->procs->members; r == 0 && member; member = member->next) {
        if (!member->alive || member->in_leaf || is_done(s, done, member->pid)) continue;
        send_to_child(s, member->pid);
        if (done) r = id_map_put(done, (uint64_t)member->pid, s);
    }
    for (struct found *found = procs_scan_first(s->table, s->procs); r == 0 && found;
         found = procs_scan_next(s->table, found)) {
        if (is_done(s, done, found->pid) || is_own_child(s, found->pid)) continue;
        /* A group is signalled at one stroke: what makes another process and leaves, over and over, is not outrun. */
        pid_t group = s->signal == SIGKILL ? procs_found_group(s->table, found) : 0;
        if (group > 0 && kill(-group, SIGKILL) == 0) s->sent++;
        AUTO_FD struct fd pidfd = pidfd_of(found->pid);
        if (fd_is_open(&pidfd) && procs_found_holds(s->table, found)) send_to_pidfd(s, pidfd.n);
        if (done) r = id_map_put(done, (uint64_t)found->pid, s);
    }
    return r < 0 ? r : s->sent - before;
}

int procs_signal(struct procs_table *table, struct procs *procs, int signal, pid_t spare, bool also_sighup)
{
    struct sending s = { table, procs, signal, spare, also_sighup, 0 };
    int r = procs->leaf ? send_in_leaf(&s) : 0;
    if (r == 0 && (procs->outside || !procs->leaf)) {
        r = procs_scan(table, false);
        if (r == -ENOENT) {
            send_by_groups(&s);
            r = 0;
        } else if (r == 0) {
            r = send_outside(&s, NULL);
        }
    }
    return r < 0 ? r : s.sent;
}

int procs_kill(struct procs_table *table, struct procs *procs)
{
    struct sending s = { table, procs, SIGKILL, 0, false, 0 };
    int leaf_error = procs->leaf ? cg_leaf_kill(procs->leaf) : 0;
    for (const struct procs_member *member = procs->members; procs->leaf && member; member = member->next)
        if (member->alive && member->in_leaf) (void)kill(member->pid, SIGKILL); /* it may have yet to enter the leaf */
    if (!procs->outside && procs->leaf) return leaf_error;
    struct id_map done = { NULL, 0, 0 };
    int r = procs_scan(table, table->scan_stale && table->scans < SCANS_PER_ROUND);
    if (r == -ENOENT) {
        send_by_groups(&s);
        r = 0;
    } else if (r == 0) {
        for (int pass = 0; (r = send_outside(&s, &done)) > 0 && pass < PASSES_AT_MOST; pass++) {
            if (table->scans >= SCANS_PER_ROUND) break;
            r = procs_scan(table, true);
            if (r < 0) break;
        }
    }
    id_map_done(&done);
    if (r < 0) return r;
    return s.sent > 0 || leaf_error == 0 ? s.sent : leaf_error;
}
