#include "supervisor/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/bus.h"
#include "supervisor/file_helper.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "supervisor/payload_address.h"
#include "supervisor/service.h"
#include "supervisor/unit_type.h"
#include "trace/trace.h"
#include "unit/machine.h"
#include "unit/special.h"

#define PENDING_MAX 4096

/* ---- the manager outside ---- */

/* Said once: nobody in here can do anything about it. */
static void lose(struct manager *m, int error)
{
    struct payload *p = &m->payload;
    if (!p->told_lost) log_warning("NOTIFY_SOCKET=%s: %s", p->address, strerror(error));
    p->told_lost = true;
    str_clear(&p->pending);
    loop_io_remove(m->loop, &p->io);
    fd_close(&p->socket);
}

static void send_pending(struct manager *m);

static void on_room(int fd, uint32_t events, void *userdata)
{
    (void)fd;
    (void)events;
    send_pending(userdata);
}

static int dial_task(void *address, struct file_answer *answer)
{
    struct fd fd = FD_NONE;
    int r = payload_address_connect(address, &fd);
    return r < 0 ? r : file_answer_add_take(answer, fd);
}

static void on_dialed(int r, struct file_answer *answer, void *userdata)
{
    struct manager *m = userdata;
    m->payload.dialing = NULL;
    if (r == 0 && answer->n_fds != 1) r = -EBADMSG;
    if (r < 0) {
        lose(m, -r);
        return;
    }
    m->payload.socket = fd_take(&answer->fds[0]);
    send_pending(m);
}

/* 0: there is a socket; -EINPROGRESS; -errno. */
static int dial(struct manager *m)
{
    struct payload *p = &m->payload;
    struct payload_address address;
    if (fd_is_open(&p->socket)) return 0;
    if (p->dialing) return -EINPROGRESS;
    int r = payload_address_parse(p->address, &address);
    if (r < 0) return r;
    if (!address.has_path || local_path_is(p->address)) return payload_address_connect(&address, &p->socket);
    struct payload_address *copy = malloc(sizeof *copy);
    if (!copy) return -ENOMEM;
    *copy = address;
    struct file_task task = { .run = dial_task,
                              .argument = copy,
                              .free_argument = free,
                              .keep_fd = -1,
                              .timeout = FILE_HELPER_TIMEOUT,
                              .done = on_dialed,
                              .userdata = m };
    r = file_helper_ask(m->file_helpers, &task, &p->dialing);
    return r < 0 ? r : -EINPROGRESS;
}

static void wait_for_room(struct manager *m)
{
    struct payload *p = &m->payload;
    int r = p->io == LOOP_IO_NONE ? loop_io_add(m->loop, p->socket.n, EPOLLOUT, LOOP_NORMAL, on_room, m, &p->io) : 0;
    if (r < 0) lose(m, -r);
}

/* One message of all that is to be said. */
static void send_pending(struct manager *m)
{
    struct payload *p = &m->payload;
    bool is_new = !fd_is_open(&p->socket);
    if (!p->address || p->pending.length == 0) {
        loop_io_remove(m->loop, &p->io);
        return;
    }
    int r = dial(m);
    if (r == -EINPROGRESS) return;
    ssize_t n = r < 0 ? -1 : send(p->socket.n, p->pending.data, p->pending.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
        str_clear(&p->pending);
        loop_io_remove(m->loop, &p->io);
    } else if (r == 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) {
        wait_for_room(m);
    } else if (!is_new) { /* the one we knew has gone; another may have its place */
        loop_io_remove(m->loop, &p->io);
        fd_close(&p->socket);
        send_pending(m);
    } else {
        lose(m, r < 0 ? -r : errno);
    }
}

PRINTF(2, 3) static void tell(struct manager *m, const char *fmt, ...)
{
    struct payload *p = &m->payload;
    char text[512];
    va_list args;
    if (!p->address) return;
    va_start(args, fmt);
    int length = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (length >= (int)sizeof text)
        text[sizeof text - 2] = '\n'; /* a long status is cut, and still a line of its own */
    int r = p->pending.length + sizeof text > PENDING_MAX ? -ENOBUFS : str_append(&p->pending, text);
    if (r < 0)
        lose(m, -r);
    else
        send_pending(m);
}

void payload_ready(struct manager *m, const char *status)
{
    tell(m, "READY=1\nSTATUS=%s\n", status);
}

void payload_stopping(struct manager *m, const char *status)
{
    tell(m, "STOPPING=1\nSTATUS=%s\n", status);
}

void payload_exiting(struct manager *m, int exit_code)
{
    tell(m, "X_SYSTEMD_SHUTDOWN=%s\nEXIT_STATUS=%d\n", pid1_goal_word(m->shutdown.goal), exit_code);
}

/* ---- what it says about us ---- */

/* systemd-detect-virt(1) and the like read it without privilege. */
static void write_container(const struct manager *m)
{
    static const char directory[] = "/run/systemd", path[] = "/run/systemd/container";
    const char *container = manager_environment(m, "container");
    if (!m->boot.is_init || !container || !*container || !local_path_is(path)) return;
    if (access(path, F_OK) == 0 || (mkdir(directory, 0755) < 0 && errno != EEXIST)) return;
    AUTO_FD struct fd fd = FD_NONE;
    int r = fd_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644, &fd);
    if (r == 0) r = fd_write_all(fd.n, container, strlen(container));
    if (r < 0) log_debug("%s: %s", path, strerror(-r));
}

/* machine-id(5) "INITIALIZATION": an image has none, and the container's manager gives one. */
static void write_machine_id(const struct manager *m)
{
    static const char path[] = "/etc/machine-id";
    const char *uuid = manager_environment(m, "container_uuid");
    char id[MACHINE_ID_LENGTH + 2], old[32] = "";
    if (!m->boot.is_init || !uuid || !local_path_is(path)) return;
    if (!machine_id_parse(uuid, id)) {
        log_warning("container_uuid=: this is no UUID");
        return;
    }
    AUTO_FD struct fd fd = FD_NONE;
    int r = fd_openat(AT_FDCWD, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0, &fd);
    ssize_t n = r < 0 ? -1 : read(fd.n, old, sizeof old - 1);
    if (n < 0 || (n > 0 && strcmp(old, "uninitialized\n") != 0)) return; /* it is not to be written, or has been */
    id[MACHINE_ID_LENGTH] = '\n';
    n = pwrite(fd.n, id, MACHINE_ID_LENGTH + 1, 0);
    if (n == MACHINE_ID_LENGTH + 1)
        log_info("%s: set to container_uuid", path);
    else
        log_warning("%s: not set to container_uuid: %s", path, n < 0 ? strerror(errno) : "cut short");
}

void payload_open(struct manager *m)
{
    struct payload *p = &m->payload;
    struct payload_address address;
    p->address = manager_environment(m, "NOTIFY_SOCKET");
    if (p->address && !*p->address) p->address = NULL;
    int r = p->address ? payload_address_parse(p->address, &address) : 0;
    if (r < 0) {
        lose(m, -r);
        p->address = NULL;
    }
    write_container(m);
    write_machine_id(m);
}

void payload_close(struct manager *m)
{
    file_helper_cancel(&m->payload.dialing);
    if (m->loop) loop_io_remove(m->loop, &m->payload.io);
    fd_close(&m->payload.socket);
    str_done(&m->payload.pending);
}

/* ---- what it asks for ---- */

static void start_unit(struct manager *m, const struct pid1_signal *signal)
{
    bool isolate = signal->intent == PID1_ISOLATE;
    const struct unit *unit = unit_set_find(m->set, signal->unit);
    struct job_error error = { .text = "" };
    if (!unit && strcmp(signal->unit, DEFAULT_TARGET) == 0) unit = unit_set_find(m->set, DEFAULT_TARGET_FALLBACK);
    if (!unit) {
        log_info("received %s: there is no %s", pid1_signal_word(signal->signal), signal->unit);
        return;
    }
    log_info("received %s: starting %s", pid1_signal_word(signal->signal), signal->unit);
    int r = jobs_enqueue(m, manager_unit(m, unit->id), JOB_START, isolate ? JOB_MODE_ISOLATE : JOB_MODE_REPLACE, &error,
                         NULL);
    if (r < 0) log_warning("unit %s: not started: %s", unit->name, error.text[0] ? error.text : strerror(-r));
}

static void dump(const struct manager *m)
{
    log_info("state: %u units, %u jobs, %zu events%s", m->n_units, m->n_jobs, m->events.count,
             m->shutdown.begun ? ", stopping" : "");
    for (uint32_t id = 0; id < m->n_units; id++) {
        const struct runtime *rt = manager_unit(m, id);
        char pid[32] = "";
        if (runtime_is_hidden(rt)) continue;
        if (rt->unit->kind == UNIT_KIND_SERVICE && ((const struct service *)rt)->main.pid > 0)
            (void)snprintf(pid, sizeof pid, ", pid %d", (int)((const struct service *)rt)->main.pid); /* fits */
        log_info("state: %s: %s (%s), result %s%s%s%s", runtime_name(rt), active_state_name(rt->active),
                 rt->type->sub_state(rt), unit_result_name(rt->result), pid, rt->job.type ? ", job " : "",
                 rt->job.type ? job_type_name(rt->job.type) : "");
    }
}

static void set_log_level(struct payload *p, const struct pid1_signal *signal)
{
    if (!p->configured) {
        p->configured = true;
        p->log_level = LOG_LEVEL_DEBUG;
        while (p->log_level > LOG_LEVEL_ERROR && !log_enabled((enum log_level)p->log_level)) p->log_level--;
    }
    enum log_level level = p->log_level;
    if (signal->intent == PID1_STATUS) level = signal->flag ? MAX_OF(level, LOG_LEVEL_INFO) : LOG_LEVEL_WARNING;
    if (signal->intent == PID1_DEBUG && signal->flag) level = LOG_LEVEL_DEBUG;
    if (level > LOG_LEVEL_WARNING) log_set_threshold(level);
    log_info("received %s: log level %s", pid1_signal_word(signal->signal), log_level_name(level));
    log_set_threshold(level);
}

static void leave(struct manager *m, const struct pid1_signal *signal)
{
    const char *word = pid1_signal_word(signal->signal);
    bool at_once = signal->intent == PID1_LEAVE;
    char why[96];
    TRACE(m->trace, "signal_received", TRACE_OK, 0, TF_STR("sig", word));
    if (at_once)
        (void)snprintf(why, sizeof why, "received %s, leaving at once", word); /* fits, as the next */
    else
        (void)snprintf(why, sizeof why, "received %s, beginning reverse shutdown", word);
    if (m->shutdown.begun && !at_once) log_info("received %s, already stopping", word);
    if (!m->shutdown.begun || at_once) m->shutdown.goal = signal->goal;
    if (at_once)
        shutdown_at_once(m, why);
    else
        shutdown_begin(m, why);
}

void payload_signal(struct manager *m, const struct pid1_signal *signal)
{
    switch (signal->intent) {
    case PID1_SHUTDOWN:
    case PID1_LEAVE:
        leave(m, signal);
        break;
    case PID1_RELOAD:
        log_info("received %s: there is nothing to reload", pid1_signal_word(signal->signal));
        break;
    case PID1_START:
    case PID1_ISOLATE:
        start_unit(m, signal);
        break;
    case PID1_BUS:
        log_debug("received %s: looking for the bus", pid1_signal_word(signal->signal));
        if (m->bus) bus_retry(m->bus);
        break;
    case PID1_DUMP:
        dump(m);
        break;
    case PID1_STATUS:
    case PID1_DEBUG:
        set_log_level(&m->payload, signal);
        break;
    case PID1_OTHER:
    case PID1_NONE:
    case PID1_CHILDREN:
    case PID1_INTENT_COUNT:
        log_debug("received %s: without effect", pid1_signal_word(signal->signal));
        break;
    }
}
