/* One look as a process of the unit. */
#include "supervisor/probe.h"

#include "base/fd.h"
#include "base/log.h"
#include "supervisor/logs.h"
#include "supervisor/manager.h"
#include "supervisor/restart.h"
#include "supervisor/spawn.h"
#include "unit/probe_target.h"
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINES_PIPE_SIZE (1 << 20)

int probe_open_program(struct fd *ret_program)
{
    AUTO_FD struct fd program = FD_NONE;
    int r = fd_openat(AT_FDCWD, "/proc/self/exe", O_PATH, 0, &program);
    const char *path = (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr): that is what it is */
    if (r < 0 && path) r = fd_openat(AT_FDCWD, path, O_PATH, 0, &program);
    return r < 0 ? r : fd_dup(program.n, STDERR_FILENO + 1, ret_program);
}

/* ---- lines ---- */

static void on_line(const char *label, size_t label_length, const char *line, size_t length, void *userdata)
{
    struct service_probe *sp = userdata;
    struct iovec parts[] = { { (char *)(uintptr_t)line, length }, { "\n", 1 } };
    (void)label;
    (void)label_length;
    /* At most PIPE_BUF: it is all written, or nothing. */
    if (writev(sp->lines_write.n, parts, COUNT_OF(parts)) < 0) sp->lost_lines++;
}

int probe_lines_open(struct service_probe *sp, bool only_new)
{
    struct service *s = sp->service;
    size_t length;
    probe_lines_close(sp);
    int r = fd_pipe(O_CLOEXEC, &sp->lines_read, &sp->lines_write);
    if (r < 0) return r;
    /* Both ends are ours alone; the child's standard input is the reading one, which goes on blocking. */
    if (fcntl(sp->lines_write.n, F_SETFL, O_NONBLOCK) < 0) return -errno;
    (void)fcntl(sp->lines_write.n, F_SETPIPE_SZ, LINES_PIPE_SIZE); /* what may not be had is 64 KiB */
    sp->lost_lines = 0;
    sp->tap.label = unit_log_label(s->base.unit, &length);
    sp->tap.line = on_line;
    sp->tap.userdata = sp;
    logs_tap(s->base.manager->logs, &sp->tap, only_new);
    return 0;
}

void probe_lines_close(struct service_probe *sp)
{
    if (!fd_is_open(&sp->lines_write)) return;
    logs_untap(sp->service->base.manager->logs, &sp->tap);
    fd_close(&sp->lines_read);
    fd_close(&sp->lines_write);
    if (sp->lost_lines > 0)
        log_warning("unit %s: log: %" PRIu64 " lines came too fast to be looked at", service_name(sp->service),
                    sp->lost_lines);
}

/* ---- the process ---- */

static void on_spawned(const struct exec_failure *failure, void *userdata)
{
    struct service_probe *sp = userdata;
    struct service *s = sp->service;
    sp->process.spawn = NULL;
    if (failure->leaf_error != 0 && sp->process.pid > 0)
        procs_add(s->base.manager->procs, &s->procs, sp->process.pid, false);
    if (failure->stage == EXEC_STAGE_NONE) return;
    sp->exec_failed = true; /* its exit with the status of that step follows */
    (void)exec_failure_text(failure, sp->why, sizeof sp->why);
}

static void judge(struct service_probe *sp, const struct child_exit *exit)
{
    char words[EXIT_WORDS_MAX];
    bool own = sp->check->kind != PROBE_EXEC;
    if (sp->exec_failed) return;
    sp->why[0] = '\0';
    if (!own && sp->check->commands.items[0].flags & COMMAND_IGNORE_FAILURE) return;
    if (own && exit->code == CLD_EXITED && exit->status != 0)
        (void)snprintf(sp->why, sizeof sp->why, "%s", probe_status_words(exit->status)); /* fits */
    else
        (void)snprintf(sp->why, sizeof sp->why, "%s", exit_words(exit, words)); /* fits */
}

static void on_look_exit(const struct child_exit *exit, void *userdata)
{
    struct service_probe *sp = userdata;
    struct service *s = sp->service;
    if (sp->process.spawn) spawn_drain(sp->process.spawn);
    procs_remove(s->base.manager->procs, &s->procs, exit->pid);
    process_release(s->base.manager, &sp->process);
    if (!sp->looking) return;
    sp->looking = false;
    judge(sp, exit);
    probe_look_ended(sp);
}

static int start(struct service_probe *sp, const struct command *command, struct exec_failure *failure)
{
    struct service *s = sp->service;
    AUTO_FD struct fd out = FD_NONE, err = FD_NONE;
    AUTO_STRLIST struct strlist variables = STRLIST_EMPTY;
    bool own = sp->check->kind != PROBE_EXEC;
    *failure = (struct exec_failure){ .stage = EXEC_STAGE_MEMORY, .error = ENOMEM };
    int r = service_variables(s, SERVICE_EXEC_START_POST, &variables);
    if (r < 0) return r;
    struct exec_request request = process_request(&s->base, &s->procs, command, &variables);
    request.is_probe = true;
    request.program_fd = own ? s->base.manager->program.n : 0;
    request.stdin_fd = sp->check->kind == PROBE_LOG ? sp->lines_read.n : 0;
    if (!own) r = process_open_streams(&s->base, &request, &out, &err, failure);
    if (r < 0) return r;
    struct process_start what = { .rt = &s->base,
                                  .procs = &s->procs,
                                  .request = &request,
                                  .on_spawned = on_spawned,
                                  .on_exit = on_look_exit,
                                  .userdata = sp };
    return process_start(&what, &sp->process, failure);
}

int probe_look(struct service_probe *sp)
{
    struct service *s = sp->service;
    const struct probe_check *check = sp->check;
    struct exec_failure failure;
    char count[DECIMAL_MAX(uint32_t)];
    const char *argv[6] = { "container-init", "__probe", probe_kind_word(check->kind), check->target };
    struct command own = { .program = "container-init", .argv = argv, .argc = 4, .flags = COMMAND_NO_EXPAND };
    if (check->kind == PROBE_LOG) {
        uint32_t wanted = sp->is_health ? 1 : MAX_OF(s->base.unit->probe->ready_threshold, 1U);
        (void)snprintf(count, sizeof count, "%u", wanted); /* fits */
        argv[3] = count;
        argv[4] = check->target;
        own.argc = 5;
    }
    sp->exec_failed = false;
    sp->process.since = loop_now(s->base.manager->loop);
    int r = start(sp, check->kind == PROBE_EXEC ? &check->commands.items[0] : &own, &failure);
    if (r < 0) (void)exec_failure_text(&failure, sp->why, sizeof sp->why);
    sp->looking = r == 0;
    return r;
}

/* What it has started is of its session, and so of its group; its number is its own until it is collected (K09). */
void probe_look_kill(struct service_probe *sp)
{
    if (sp->process.pid <= 0) return;
    (void)kill(-sp->process.pid, SIGKILL);       /* ESRCH: it has no group of its own yet */
    (void)process_signal(&sp->process, SIGKILL); /* ESRCH: its exit is on the way */
}

void probe_look_stop(struct service_probe *sp)
{
    sp->looking = false;
    if (sp->process.pid <= 0) return;
    probe_look_kill(sp);
    process_release(sp->service->base.manager, &sp->process); /* collected as an orphan */
}
