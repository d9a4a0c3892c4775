#include "supervisor/service_notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/fd_store.h"
#include "supervisor/manager.h"
#include "supervisor/notify.h"
#include "supervisor/notify_message.h"
#include "supervisor/received_fd.h"
#include "supervisor/service.h"
#include "supervisor/socket.h"
#include "trace/trace.h"

#define ACCESS_AS_SET   (-1)
#define FD_NAME_DEFAULT "stored"
#define PIDFS_FILES     0x50494446 /* statfs(2) f_type of a pidfd, from Linux 6.9 on: its inode is unique */

/* What a service can do wrong as often as it likes is logged once in each run. */
enum complaint {
    COMPLAINT_ACCESS, /* one for each enum notify_access */
    COMPLAINT_VALUE = COMPLAINT_ACCESS + NOTIFY_ALL + 1,
    COMPLAINT_STATUS,
    COMPLAINT_MAIN,
    COMPLAINT_NAME,
    COMPLAINT_STORE,
    COMPLAINT_ERROR,
};

struct service_notify {
    struct service *service;
    char *status;
    int error, exit_status; /* -1: not told */
    int access;             /* enum notify_access by NOTIFYACCESS=, or ACCESS_AS_SET */
    unsigned told;          /* bit of each enum complaint that was logged in this run */
    usec_t watchdog_usec;   /* WATCHDOG_USEC=; USEC_INFINITY: as set */
    struct loop_deadline watchdog, release;
    struct fd_store *store; /* NULL: empty */
    struct fd ready;        /* NotifyFD=: our end, until the newline */
    loop_io ready_io;
};

static const struct service_extra_section *extra_of(const struct service *s)
{
    return s->base.unit->service_extra;
}

static struct loop *loop_of(const struct service *s)
{
    return s->base.manager->loop;
}

/* NULL when out of memory, which is logged. */
static struct service_notify *notify_of(struct service *s)
{
    struct service_notify *n = s->notify;
    if (n) return n;
    n = calloc(1, sizeof *n);
    if (!n) {
        log_error("unit %s: out of memory: its notifications are lost", service_name(s));
        return NULL;
    }
    *n = (struct service_notify){ .service = s,
                                  .error = -1,
                                  .exit_status = -1,
                                  .access = ACCESS_AS_SET,
                                  .watchdog_usec = USEC_INFINITY,
                                  .ready = FD_NONE };
    return s->notify = n;
}

/* The level for a complaint, `first` and from then on debug. */
static enum log_level once(struct service *s, unsigned complaint, enum log_level first)
{
    struct service_notify *n = notify_of(s);
    if (!n || n->told >> complaint & 1) return LOG_LEVEL_DEBUG;
    n->told |= 1U << complaint;
    return first;
}

/* ---- facts ---- */

const char *service_status_text(const struct service *s)
{
    return s->notify ? s->notify->status : NULL;
}

int service_status_errno(const struct service *s)
{
    return s->notify ? s->notify->error : -1;
}

size_t service_stored_fds(const struct service *s)
{
    return s->notify ? fd_store_count(s->notify->store) : 0;
}

enum notify_access service_notify_access(const struct service *s)
{
    if (s->notify && s->notify->access != ACCESS_AS_SET) return (enum notify_access)s->notify->access;
    return (enum notify_access)extra_of(s)->notify_access;
}

static void forget_ready(struct service_notify *n)
{
    loop_io_remove(loop_of(n->service), &n->ready_io);
    fd_close(&n->ready);
}

void service_notify_begin(struct service *s)
{
    struct service_notify *n = s->notify;
    if (!n) return;
    free(n->status);
    n->status = NULL;
    n->error = n->exit_status = -1;
    n->access = ACCESS_AS_SET;
    n->told = 0;
    n->watchdog_usec = USEC_INFINITY;
    forget_ready(n);
}

void service_notify_done(struct service *s)
{
    struct service_notify *n = s->notify;
    if (!n) return;
    loop_deadline_clear(loop_of(s), &n->watchdog);
    loop_deadline_clear(loop_of(s), &n->release);
    forget_ready(n);
    fd_store_free(n->store);
    free(n->status);
    free(n);
    s->notify = NULL;
}

/* ---- the watchdog ---- */

static usec_t watchdog_span(const struct service *s)
{
    usec_t span =
        s->notify && s->notify->watchdog_usec != USEC_INFINITY ? s->notify->watchdog_usec : extra_of(s)->watchdog;
    return span == 0 ? USEC_INFINITY : span;
}

static bool is_watched_over(enum service_state state)
{
    return state == SERVICE_STATE_START_POST || state == SERVICE_STATE_RUNNING || state == SERVICE_STATE_RELOAD ||
           state == SERVICE_STATE_RELOAD_SIGNAL || state == SERVICE_STATE_RELOAD_NOTIFY;
}

static void fire_watchdog(struct service *s, const char *why)
{
    log_error("unit %s: watchdog: %s", service_name(s), why);
    TRACE(s->base.manager->trace, "watchdog", TRACE_TIMEOUT, s->since, TF_STR("unit", service_name(s)),
          TF_STR("reason", why));
    service_post(s, SERVICE_EVENT_WATCHDOG);
}

static void on_watchdog(void *userdata)
{
    struct service_notify *n = userdata;
    char span[TIMESPAN_TEXT_MAX], why[TIMESPAN_TEXT_MAX + 32];
    (void)snprintf(why, sizeof why, "no keep-alive within %s", timespan_format(watchdog_span(n->service), 1, span));
    fire_watchdog(n->service, why);
}

static void arm_watchdog(struct service *s)
{
    usec_t span = watchdog_span(s);
    struct service_notify *n = span == USEC_INFINITY ? s->notify : notify_of(s);
    if (!n) return;
    if (loop_deadline_set(loop_of(s), &n->watchdog, usec_add(loop_now(loop_of(s)), span), on_watchdog, n) < 0)
        log_error("unit %s: out of memory: its watchdog does not run", service_name(s));
}

/* ---- the descriptor store ---- */

/* FileDescriptorStorePreserve=restart: nothing that is decided in this round starts the unit again. */
static void on_release(void *userdata)
{
    struct service_notify *n = userdata;
    struct service *s = n->service;
    if (!runtime_is_down(&s->base) || s->base.job.type != JOB_NONE) return;
    fd_store_free(n->store);
    n->store = NULL;
}

static void settle_store(struct service *s)
{
    struct service_notify *n = s->notify;
    bool is_over = runtime_is_down(&s->base), restarts = service_in_auto_restart(s);
    if (!n || !n->store || (!is_over && !restarts)) return;
    if (extra_of(s)->fd_store_preserve == PRESERVE_NO) {
        fd_store_free(n->store);
        n->store = NULL;
    } else if (extra_of(s)->fd_store_preserve == PRESERVE_RESTART && is_over &&
               loop_deadline_set(loop_of(s), &n->release, loop_now(loop_of(s)), on_release, n) < 0) {
        on_release(n);
    }
}

static void store_fds(struct service *s, const struct notify_message *m, struct fd *fds, size_t n_fds)
{
    uint32_t max = extra_of(s)->fd_store_max;
    const char *name = m->fd_name && *m->fd_name ? m->fd_name : FD_NAME_DEFAULT;
    struct service_notify *n = notify_of(s);
    if (!n) return;
    if (!notify_fd_name_is_valid(name)) {
        log_at(once(s, COMPLAINT_NAME, LOG_LEVEL_WARNING), "unit %s: FDNAME= is not usable; stored as " FD_NAME_DEFAULT,
               service_name(s));
        name = FD_NAME_DEFAULT;
    }
    if (!n->store && max > 0) n->store = fd_store_new(loop_of(s), service_name(s));
    for (size_t i = 0; i < n_fds; i++) {
        int r = n->store  ? fd_store_add_take(n->store, &fds[i], name, !(m->flags & NOTIFY_FDPOLL_OFF), max)
                : max > 0 ? -ENOMEM
                          : -ENOSPC;
        if (r >= 0) continue;
        log_at(once(s, COMPLAINT_STORE, LOG_LEVEL_WARNING), "unit %s: descriptor not stored: %s", service_name(s),
               r == -ENOSPC    ? "FileDescriptorStoreMax= is reached"
               : r == -EREMOTE ? "its file system may not answer"
                               : strerror(-r));
        break; /* the others would fare no better */
    }
    TRACE(s->base.manager->trace, "fd_store", TRACE_OK, 0, TF_STR("unit", service_name(s)),
          TF_U64("count", fd_store_count(n->store)));
}

static void change_store(struct service *s, const struct notify_message *m, struct fd *fds, size_t n_fds)
{
    if (m->flags & NOTIFY_FDSTOREREMOVE) {
        if (!m->fd_name || !notify_fd_name_is_valid(m->fd_name)) {
            log_at(once(s, COMPLAINT_NAME, LOG_LEVEL_WARNING),
                   "unit %s: FDSTOREREMOVE=1 needs a usable FDNAME=", service_name(s));
            return;
        }
        struct fd_store *store = s->notify ? s->notify->store : NULL;
        if (store) (void)fd_store_remove(store, m->fd_name); /* none of that name is no error */
        TRACE(s->base.manager->trace, "fd_store", TRACE_OK, 0, TF_STR("unit", service_name(s)),
              TF_U64("count", fd_store_count(store)));
    } else if (m->flags & NOTIFY_FDSTORE) {
        store_fds(s, m, fds, n_fds);
    }
}

/* ---- the main process ---- */

/* MAINPIDFDID=: the number of the process may be another's by now. Where a pidfd has no inode of its own, nothing is
 * compared. */
static bool has_pidfd_id(pid_t pid, uint64_t id)
{
    struct statfs fs;
    struct stat st;
    AUTO_FD struct fd pidfd = fd_own((int)syscall(SYS_pidfd_open, pid, 0));
    if (!fd_is_open(&pidfd)) return false;
    if (fstatfs(pidfd.n, &fs) < 0 || fs.f_type != PIDFS_FILES || fstat(pidfd.n, &st) < 0) return true;
    return (uint64_t)st.st_ino == id;
}

/* By its mark, for it may be younger than what this round knows of the others; else by its leaf. */
static bool is_of_unit(struct service *s, pid_t pid)
{
    struct procs *run = NULL;
    struct procs_table *table = s->base.manager->procs;
    return (procs_run_of(table, pid, &run) == 0 && run == &s->procs) || procs_contains(table, &s->procs, pid) == 1;
}

static bool may_change_main(enum service_state state)
{
    return state == SERVICE_STATE_START || is_watched_over(state);
}

/* K78: a process outside of the unit is never taken for its main one, and so never signalled. */
static void change_main(struct service *s, const struct notify_message *m, const struct fd *fds, size_t n_fds)
{
    const char *why = NULL;
    int pid = m->main_pid;
    if (m->flags & NOTIFY_MAINPIDFD && (n_fds != 1 || received_pidfd_process(fds[0].n, &pid) < 0))
        why = "MAINPIDFD=1 comes with one pidfd of a process that runs";
    else if (pid == 0 || pid == s->main.pid || !may_change_main(s->state))
        return;
    else if (pid == s->control.pid || pid == getpid())
        why = "it is another one's";
    else if (!is_of_unit(s, pid))
        why = "it is not a process of the unit";
    else if (m->main_pidfd_id != 0 && !has_pidfd_id(pid, m->main_pidfd_id))
        why = "it is another process than MAINPIDFDID= says";
    else if (service_set_main(s, pid) != 1)
        why = "it has ended";
    if (why)
        log_at(once(s, COMPLAINT_MAIN, LOG_LEVEL_WARNING), "unit %s: MAINPID=%d ignored: %s", service_name(s), pid,
               why);
    else
        log_debug("unit %s: the main process is %d now", service_name(s), pid);
    if (!why)
        TRACE(s->base.manager->trace, "main_changed", TRACE_OK, 0, TF_STR("unit", service_name(s)), TF_INT("pid", pid));
}

/* ---- messages ---- */

/* Says so once in each run for each way of access. */
static bool is_authorized(struct service *s, const struct notify_sender *sender)
{
    enum notify_access access = service_notify_access(s);
    bool is_main = s->main.pid > 0 && sender->pid == s->main.pid;
    bool is_control = s->control.pid > 0 && sender->pid == s->control.pid;
    if (access == NOTIFY_ALL || (access != NOTIFY_NONE && is_main) || (access == NOTIFY_EXEC && is_control))
        return true;
    enum log_level level = once(s, COMPLAINT_ACCESS + access, LOG_LEVEL_WARNING);
    log_at(level, "unit %s: notification of process %d ignored: NotifyAccess=%s, and the main process is %d",
           service_name(s), (int)sender->pid, words_notify_access[access], (int)s->main.pid);
    if (level == LOG_LEVEL_WARNING)
        TRACE(s->base.manager->trace, "notify_ignored", TRACE_ERROR, 0, TF_STR("unit", service_name(s)),
              TF_INT("pid", sender->pid), TF_STR("reason", words_notify_access[access]));
    return false;
}

static bool is_text(const char *text)
{
    size_t length = strlen(text), used;
    uint32_t code;
    for (; length > 0; text += used, length -= used)
        if ((used = utf8_decode((const unsigned char *)text, length, &code)) == 0) return false;
    return true;
}

static void note_status(struct service *s, const char *text)
{
    struct service_notify *n = notify_of(s);
    if (!n) return;
    if (!is_text(text)) {
        log_at(once(s, COMPLAINT_STATUS, LOG_LEVEL_WARNING), "unit %s: STATUS= is not UTF-8, ignored", service_name(s));
        return;
    }
    if (str_equal(n->status, text)) return;
    free(n->status);
    n->status = *text ? strdup(text) : NULL;
    log_debug("unit %s: status: %s", service_name(s), text);
    TRACE(s->base.manager->trace, "notify_status", TRACE_OK, 0, TF_STR("unit", service_name(s)),
          TF_STR("status_text", text));
}

static void note_facts(struct service *s, const struct notify_message *m)
{
    if (m->status) note_status(s, m->status);
    if (m->error < 0 && m->exit_status < 0 && !m->bus_error && !m->varlink_error) return;
    struct service_notify *n = notify_of(s);
    if (!n) return;
    if (m->error >= 0) n->error = m->error;
    if (m->exit_status >= 0) n->exit_status = m->exit_status;
    const char *name = m->bus_error ? m->bus_error : m->varlink_error;
    log_at(once(s, COMPLAINT_ERROR, LOG_LEVEL_INFO), "unit %s: reports error %s%s%s", service_name(s),
           m->error > 0 ? strerror(m->error) : "", name ? " " : "", name ? name : "");
    TRACE(s->base.manager->trace, "notify_error", TRACE_OK, 0, TF_STR("unit", service_name(s)),
          TF_INT("errno", n->error), TF_INT("exit_status", n->exit_status), TF_STR("name", name ? name : ""));
}

/* STOPPING=1 wins over the others. */
static void note_phase(struct service *s, const struct notify_message *m)
{
    if (m->flags & NOTIFY_STOPPING) {
        service_post(s, SERVICE_EVENT_NOTIFY_STOPPING);
        return;
    }
    if (m->flags & NOTIFY_RELOADING) service_told_reloading(s, m->monotonic);
    if (m->flags & NOTIFY_READY) service_post(s, SERVICE_EVENT_READY);
}

/* Of the state it is in, whichever that is; never shorter than it was. The bound of the container's stop is not its. */
static void extend(struct service *s, usec_t span)
{
    struct loop_deadline *watchdog = s->notify ? &s->notify->watchdog : NULL;
    usec_t at = usec_add(loop_now(loop_of(s)), span);
    service_extend_timeout(s, span);
    if (watchdog && loop_deadline_is_set(watchdog) && watchdog->at < at) /* armed: moving it needs no memory */
        IGNORE_RESULT(loop_deadline_set(loop_of(s), watchdog, at, on_watchdog, s->notify));
}

static void note_time(struct service *s, const struct notify_message *m)
{
    if (m->extend_timeout != USEC_INFINITY && !service_in_auto_restart(s)) extend(s, m->extend_timeout);
    if (m->watchdog != USEC_INFINITY) {
        struct service_notify *n = notify_of(s);
        if (n) n->watchdog_usec = m->watchdog;
    }
    bool again = m->flags & NOTIFY_WATCHDOG || m->watchdog != USEC_INFINITY;
    if (again && is_watched_over(s->state)) arm_watchdog(s);
    if (m->flags & NOTIFY_WATCHDOG_TRIGGER && is_watched_over(s->state)) fire_watchdog(s, "triggered by the service");
}

void service_notify_message(struct service *s, const struct notify_sender *sender, const struct notify_message *m,
                            struct fd *fds, size_t n_fds)
{
    if (!is_authorized(s, sender)) return;
    if (m->bad)
        log_at(once(s, COMPLAINT_VALUE, LOG_LEVEL_WARNING), "unit %s: notification: %s has a value that cannot be used",
               service_name(s), m->bad);
    change_main(s, m, fds, n_fds);
    if (m->notify_access >= 0) {
        struct service_notify *n = notify_of(s);
        if (n) n->access = m->notify_access;
    }
    if (m->flags & NOTIFY_RESTART_RESET) s->n_restarts = 0;
    note_facts(s, m);
    note_time(s, m);
    change_store(s, m, fds, n_fds);
    note_phase(s, m);
}

/* ---- NotifyFD= ---- */

static void on_ready_readable(int fd, uint32_t events, void *userdata)
{
    struct service_notify *n = userdata;
    struct service *s = n->service;
    char text[256];
    (void)events;
    ssize_t size = read(fd, text, sizeof text);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size > 0 && !memchr(text, '\n', (size_t)size)) return;
    if (size > 0)
        service_post(s, SERVICE_EVENT_READY);
    else if (s->state == SERVICE_STATE_START)
        log_warning("unit %s: NotifyFD=%u was closed without a newline", service_name(s), extra_of(s)->notify_fd);
    forget_ready(n); /* as s6 does: what else is written there goes nowhere */
}

void service_notify_before_exit(struct service *s)
{
    if (service_notify_access(s) != NOTIFY_NONE) notify_drain(s->base.manager);
    if (s->notify && fd_is_open(&s->notify->ready)) on_ready_readable(s->notify->ready.n, EPOLLIN, s->notify);
}

static int open_ready(struct service *s, struct fd *ret_write)
{
    struct service_notify *n = notify_of(s);
    AUTO_FD struct fd end = FD_NONE;
    if (!n) return -ENOMEM;
    forget_ready(n);
    int r = fd_pipe(0, &n->ready, &end);
    if (r == 0 && fcntl(n->ready.n, F_SETFL, O_NONBLOCK) < 0) r = -errno;
    if (r == 0) r = loop_io_add(loop_of(s), n->ready.n, EPOLLIN, LOOP_EARLY, on_ready_readable, n, &n->ready_io);
    if (r < 0) {
        forget_ready(n);
        return r;
    }
    *ret_write = fd_take(&end);
    return 0;
}

/* ---- starting ---- */

/* systemd.exec(5): a control process is told of the socket only where it may use it. */
static bool is_told(const struct service *s, bool is_main)
{
    enum notify_access access = service_notify_access(s);
    return is_main ? access != NOTIFY_NONE : access == NOTIFY_EXEC || access == NOTIFY_ALL;
}

int service_notify_prepare(struct service *s, enum service_command slot, bool is_main, struct strlist *variables,
                           struct passed_fds *passed, struct exec_request *request, struct fd *ret_ready)
{
    const struct service_extra_section *extra = extra_of(s);
    bool is_start = slot == SERVICE_EXEC_START;
    const char *address = is_told(s, is_main || is_start) ? notify_address(s->base.manager) : NULL;
    char text[128]; /* an address is at most as long as sun_path */
    int r = 0;
    if (address) {
        (void)snprintf(text, sizeof text, "NOTIFY_SOCKET=%s", address); /* fits */
        r = strlist_add(variables, text);
    }
    if (r == 0 && extra->fd_store_max > 0) {
        (void)snprintf(text, sizeof text, "FDSTORE=%u", extra->fd_store_max); /* fits */
        r = strlist_add(variables, text);
    }
    if (r < 0 || !is_start) return r;
    request->watchdog_usec = extra->watchdog;
    if (s->notify) r = fd_store_collect(s->notify->store, passed);
    if (r < 0 || extra->notify_fd == 0) return r;
    r = open_ready(s, ret_ready);
    request->notify_fd = ret_ready->n;
    request->notify_target = extra->notify_fd;
    return r;
}

/* ---- changes of state ---- */

void service_notify_state_changed(struct service *s, enum service_state from)
{
    if (is_watched_over(s->state) && !is_watched_over(from))
        arm_watchdog(s);
    else if (!is_watched_over(s->state) && s->notify)
        loop_deadline_clear(loop_of(s), &s->notify->watchdog);
    settle_store(s);
    if (s->notify && (runtime_is_down(&s->base) || service_in_auto_restart(s))) forget_ready(s->notify);
}
