#include "supervisor/unit_process.h"

#include "base/log.h"
#include "base/str.h"
#include "supervisor/logs.h"
#include "supervisor/manager.h"
#include "supervisor/procs.h"
#include "supervisor/unit_type.h"
#include "unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

struct exec_request process_request(const struct runtime *rt, const struct procs *procs, const struct command *command,
                                    const struct strlist *variables)
{
    struct manager *m = rt->manager;
    return (struct exec_request){
        .unit = rt->unit,
        .command = command,
        .environ = m->options.environ,
        .variables = variables,
        .userdb = m->userdb,
        .stdout_fd = -1,
        .stderr_fd = -1,
        .mark = procs->mark,
        .slots = spawner_slots(m->spawner),
        .inherited_nofile_soft = m->boot.nofile.rlim_cur,
        .is_root = m->uid == 0,
        .own_uid = m->uid,
        .own_gid = m->gid,
    };
}

const char *unit_log_label(const struct unit *unit, size_t *ret_length)
{
    const char *label = unit->exec->syslog_identifier;
    if (!label) return unit_name_stem(unit->name, ret_length);
    *ret_length = strlen(label);
    return label;
}

int process_open_streams(const struct runtime *rt, struct exec_request *request, struct fd *ret_stdout,
                         struct fd *ret_stderr, struct exec_failure *ret_failure)
{
    const struct exec_section *exec = rt->unit->exec;
    struct logs *logs = rt->manager->logs;
    size_t length = 0;
    const char *label = unit_log_label(rt->unit, &length);
    int r = 0;
    if (exec->streams[1].kind == STD_LOG) r = logs_open_stream(logs, label, length, 1, ret_stdout);
    /* Inherited from a logged standard output it is logged as well, as what it is: standard error (S15). */
    bool follows = exec->streams[2].kind == STD_INHERIT && exec->streams[1].kind == STD_LOG;
    if (r == 0 && (exec->streams[2].kind == STD_LOG || follows))
        r = logs_open_stream(logs, label, length, 2, ret_stderr);
    if (r < 0) *ret_failure = (struct exec_failure){ .stage = EXEC_STAGE_FDS, .error = -r, .subject = "log pipe" };
    request->stdout_fd = fd_is_open(ret_stdout) ? ret_stdout->n : -1;
    request->stderr_fd = fd_is_open(ret_stderr) ? ret_stderr->n : -1;
    return r;
}

static void tell(const struct process_start *start, const struct exec_plan *plan)
{
    const struct strlist *unset = exec_plan_unset_variables(plan);
    const char *name = runtime_name(start->rt);
    for (size_t i = 0; unset && i < unset->count; i++)
        log_debug("unit %s: %s=: variable %s is not set", name, start->directive, unset->items[i]);
    const struct strlist *lowered = exec_plan_lowered_limits(plan);
    for (size_t i = 0; i < lowered->count; i++)
        log_warning("unit %s: %s= is above our hard limit, which we may not raise: it becomes the limit", name,
                    lowered->items[i]);
}

int process_start(struct process_start *start, struct process *process, struct exec_failure *ret_failure)
{
    struct manager *m = start->rt->manager;
    AUTO(exec_plan_free) struct exec_plan *plan = NULL;
    int r = exec_plan_new(start->request, &plan, ret_failure);
    if (r < 0) return r;
    if (start->directive) tell(start, plan);
    start->plan = plan;
    struct spawn_result result = { .pidfd = FD_NONE };
    r = spawn_start(m->spawner, TAKE(plan), start->procs->leaf, start->on_spawned, start->userdata, &result,
                    ret_failure);
    if (r < 0) return r;
    process->pid = result.pid;
    process->pidfd = fd_take(&result.pidfd);
    process->spawn = result.spawn;
    procs_add(m->procs, start->procs, result.pid, result.in_leaf);
    r = reaper_add(m->reaper, result.pid, start->on_exit, start->userdata);
    if (r >= 0) return 0;
    /* Without a registration its exit would never be told: it must not live. */
    *ret_failure = (struct exec_failure){ .stage = EXEC_STAGE_MEMORY, .error = -r };
    (void)process_signal(process, SIGKILL); /* ESRCH: it has gone already */
    process_release(m, process);
    return r;
}

int process_signal(const struct process *process, int signal)
{
    if (process->pid <= 0 || !fd_is_open(&process->pidfd)) return -ESRCH;
    return syscall(SYS_pidfd_send_signal, process->pidfd.n, signal, NULL, 0) < 0 ? -errno : 0;
}

void process_release(struct manager *m, struct process *process)
{
    if (process->spawn) spawn_forget(process->spawn);
    process->spawn = NULL;
    if (process->pid > 0) reaper_remove(m->reaper, process->pid);
    loop_io_remove(m->loop, &process->io);
    fd_close(&process->pidfd);
    process->pid = 0;
    process->exited = false;
}

static void signal_known(const struct process *const *known, size_t n_known, int signal, bool also_sighup)
{
    for (size_t i = 0; i < n_known; i++) {
        if (known[i]->pid <= 0) continue;
        (void)process_signal(known[i], signal); /* ESRCH: it has gone, its exit is on the way */
        if (signal != SIGKILL && also_sighup) (void)process_signal(known[i], SIGHUP); /* likewise */
        if (signal != SIGKILL) (void)process_signal(known[i], SIGCONT);               /* likewise */
    }
}

void process_signal_run(const struct runtime *rt, struct procs *procs, const struct process *const *known,
                        size_t n_known, int signal, bool also_sighup, bool finally)
{
    enum kill_mode mode = rt->unit->kill->mode;
    struct procs_table *table = rt->manager->procs;
    bool any = !procs_is_empty(table, procs);
    for (size_t i = 0; i < n_known; i++) any |= process_is_there(known[i]);
    if (!any || mode == KILL_NONE) return;
    if (mode != KILL_CONTROL_GROUP && !(mode == KILL_MIXED && finally)) {
        signal_known(known, n_known, signal, also_sighup);
        return;
    }
    int r = signal == SIGKILL ? procs_kill(table, procs) : procs_signal(table, procs, signal, 0, also_sighup);
    if (r < 0) {
        log_error("unit %s: its processes could not be signalled: %s", runtime_name(rt), strerror(-r));
        signal_known(known, n_known, signal, also_sighup);
    }
}

void process_fill_invocation_id(const struct runtime *rt, uint64_t salt, char ret_id[33])
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, GRND_NONBLOCK) != (ssize_t)sizeof bytes) {
        /* Early in a virtual machine's boot: an id has to be unique, not secret. */
        uint64_t words[2] = { loop_now(rt->manager->loop), (uint64_t)(uintptr_t)rt ^ salt << 48 };
        memcpy(bytes, words, sizeof bytes);
    }
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof bytes; i++) {
        ret_id[2 * i] = digits[bytes[i] >> 4];
        ret_id[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_id[32] = '\0';
}
