#include "supervisor/socket_internal.h"

#include "base/fd.h"
#include "base/log.h"
#include "socketact/listener.h"
#include "supervisor/file_helper.h"
#include "supervisor/handlers.h"
#include "supervisor/socket_open.h"
#include "trace/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- listeners ---- */

static void on_nodes_removed(int r, struct file_answer *answer, void *userdata)
{
    struct socket *s = userdata;
    (void)answer;
    s->request = NULL;
    if (r < 0) log_warning("socket %s: its nodes were not removed: %s", socket_name(s), strerror(-r));
    if (!s->firing) socket_fire(s, SOCKET_EVENT_NODES_GONE);
}

void socket_proxy_drained(struct socket *s)
{
    if (!s->firing) socket_fire(s, SOCKET_EVENT_NODES_GONE);
}

static void remove_far_nodes(struct socket *s)
{
    struct socket_nodes *nodes = socket_nodes_new(s->base.unit);
    for (uint32_t i = 0; nodes && i < s->n_listeners; i++) socket_nodes_add(nodes, s->listeners[i].listener);
    struct file_task task = { .run = socket_nodes_remove_task,
                              .argument = nodes,
                              .free_argument = socket_nodes_free,
                              .keep_fd = -1,
                              .timeout = FILE_HELPER_TIMEOUT,
                              .done = on_nodes_removed,
                              .userdata = s };
    int r = nodes ? file_helper_ask(s->base.manager->file_helpers, &task, &s->request) : -ENOMEM;
    if (r < 0) on_nodes_removed(r, NULL, s);
}

/* What lies in the file system, be the listeners open or not. */
static void remove_nodes(struct socket *s)
{
    if (s->n_listeners == 0) return;
    if (s->is_far) {
        remove_far_nodes(s);
        return;
    }
    for (uint32_t i = 0; i < s->n_listeners; i++) {
        const struct listener *l = s->listeners[i].listener;
        if (listener_path(l)) listener_remove_node(listener_path(l), listener_kind(l), listener_node(l));
    }
    socket_remove_links(s->base.unit);
}

void socket_close_listeners(struct socket *s, bool with_nodes)
{
    socket_stop_waiting(s);
    socket_idle_end(s);
    if (with_nodes) remove_nodes(s);
    for (uint32_t i = 0; i < s->n_listeners; i++) {
        loop_deadline_clear(s->base.manager->loop, &s->listeners[i].resume);
        listener_free(s->listeners[i].listener, false);
    }
    free(s->listeners);
    s->listeners = NULL;
    s->n_listeners = 0;
    socket_proxy_close(s);
}

void socket_set_result(struct socket *s, enum unit_result result, int failure_code)
{
    if (s->base.result != RESULT_SUCCESS || result == RESULT_SUCCESS) return;
    s->base.result = (uint8_t)result;
    s->failure_code = failure_code;
}

void socket_fail(struct socket *s, enum unit_result result, const char *why)
{
    enum active_state active = socket_state_active(s->state);
    if (active != ACTIVE_STATE_ACTIVE && active != ACTIVE_STATE_ACTIVATING) return;
    log_error("socket %s: failed: %s; closing the listener", socket_name(s), why);
    TRACE(s->base.manager->trace, "socket_failed", TRACE_ERROR, 0, TF_STR("unit", socket_name(s)),
          TF_STR("reason", why));
    socket_set_result(s, result, 1);
    s->remove_nodes = true;
    socket_decide(s, SOCKET_EVENT_FAIL);
}

/* ---- starting ---- */

/* What can be done about it. */
static const char *bind_hint(const struct socket_listen *listen, int error)
{
    bool is_unix = *listen->text == '/' || *listen->text == '@';
    switch (error) {
    case EADDRINUSE:
        return "; another program listens there";
    case EADDRNOTAVAIL:
        return is_unix ? "" : "; with FreeBind=yes it need not be there yet";
    case EACCES:
        return is_unix ? "" : "; a port below 1024 needs CAP_NET_BIND_SERVICE";
    case EROFS:
        return "; /run is there to be written to";
    default:
        return "";
    }
}

static void tell_bind_failure(struct socket *s, const struct socket_opened *opened)
{
    const struct socket_listen *listen = &socket_settings(s)->listens.items[opened->index];
    const char *text = opened->error == ESRCH ? "no such user or group" : strerror(opened->error);
    log_error("socket %s: bind failed: %s: %s: %s (%s:%u)%s", socket_name(s), listen->text, opened->step, text,
              listen->origin.file ? listen->origin.file : "-", listen->origin.line, bind_hint(listen, opened->error));
    char err[256];
    (void)snprintf(err, sizeof err, "%s: %s", opened->step, text); /* cut when it is long */
    TRACE(s->base.manager->trace, "bind_failed", TRACE_ERROR, 0, TF_STR("unit", socket_name(s)), TF_STR("err", err));
}

/* What is only for speed, or missed by the service alone, is no reason to fail. */
static void warn_of_options(const struct socket *s, const struct socket_option_report *report)
{
    const struct socket_listen_list *listens = &socket_settings(s)->listens;
    for (uint32_t i = 0; i < report->count && i < SOCKET_OPTIONS_MAX; i++) {
        const struct socket_listen *listen = &listens->items[MIN_OF(report->items[i].line, listens->count - 1)];
        log_warning("socket %s: %s: %s could not be set: %s (%s:%u)", socket_name(s), listen->text,
                    socket_option_name(report->items[i].option), strerror(report->items[i].error),
                    listen->origin.file ? listen->origin.file : "-", listen->origin.line);
    }
}

static void take_listeners(struct socket *s, struct socket_opened *opened)
{
    const char *mode = socket_is_native(s) ? "native" : "proxy";
    for (uint32_t i = 0; i < opened->n_listeners; i++) {
        struct socket_listener *l = &s->listeners[i];
        *l = (struct socket_listener){ .listener = opened->listeners[i], .socket = s };
        log_info("socket %s: bound %s/%s -> %s (mode=%s)", socket_name(s), listener_network(l->listener),
                 listener_address(l->listener), socket_service_name(s), mode);
        TRACE(s->base.manager->trace, "bound", TRACE_OK, 0, TF_STR("unit", socket_name(s)),
              TF_STR("network", listener_network(l->listener)), TF_STR("address", listener_address(l->listener)),
              TF_STR("mode", mode));
    }
    s->n_listeners = opened->n_listeners;
    opened->n_listeners = 0;
}

void socket_go_up(struct socket *s)
{
    bool service_up = s->service && s->service->base.active == ACTIVE_STATE_ACTIVE;
    socket_decide(s, service_up && socket_is_native(s) ? SOCKET_EVENT_GO_RUNNING : SOCKET_EVENT_GO_LISTENING);
}

static int take_opened(struct socket *s, struct socket_opened *opened)
{
    if (opened->error > 0) {
        tell_bind_failure(s, opened);
        return -opened->error;
    }
    if (opened->skipped) {
        log_info("unit %s: skipped (service %s skipped)", socket_name(s), socket_service_name(s));
        TRACE(s->base.manager->trace, "skipped", TRACE_OK, 0, TF_STR("unit", socket_name(s)),
              TF_STR("reason", str_text(&opened->reason)));
        s->base.skipped = true;
        return 0;
    }
    if (opened->link)
        log_warning("socket %s: Symlinks=: %s: %s", socket_name(s), opened->link, strerror(opened->link_error));
    s->listeners = calloc(opened->n_listeners, sizeof *s->listeners);
    if (!s->listeners) return -ENOMEM;
    warn_of_options(s, &opened->options);
    take_listeners(s, opened);
    return socket_is_native(s) ? 0 : socket_proxy_new(s);
}

/* Listens with what was opened. Where nothing was begun the engine is told of a failure, and the state stays. */
static void begin_listening(struct socket *s, struct socket_opened *opened)
{
    int r = take_opened(s, opened);
    s->trigger_count = 0;
    if (r == 0 && s->base.skipped) { /* up for whoever waits for it, and down again: nothing is bound */
        socket_decide(s, SOCKET_EVENT_GO_LISTENING);
    } else if (r == 0 && socket_commands(s, SOCKET_EXEC_START_POST)->count > 0) {
        socket_decide(s, SOCKET_EVENT_GO_START_POST);
    } else if (r == 0) {
        socket_go_up(s);
    } else {
        s->remove_nodes = true;
        s->base.result = RESULT_RESOURCES;
        if (s->state == SOCKET_START_CHOWN) {
            socket_go_down(s);
        } else {
            socket_close_listeners(s, true);
            s->start_error = r;
        }
    }
}

static struct socket_to_open to_open(const struct socket *s)
{
    return (struct socket_to_open){ .manager = s->base.manager,
                                    .unit = s->base.unit,
                                    .service = s->service ? s->service->base.unit : NULL };
}

static int open_task(void *argument, struct file_answer *answer)
{
    struct socket_to_open what = to_open(argument);
    return socket_open_task(&what, answer);
}

static void on_opened(int r, struct file_answer *answer, void *userdata)
{
    struct socket *s = userdata;
    struct socket_to_open what = to_open(s);
    s->request = NULL;
    s->opened = calloc(1, sizeof *s->opened);
    if (!s->opened) {
        socket_fail(s, RESULT_RESOURCES, "out of memory");
        return;
    }
    IGNORE_RESULT(socket_open_read_answer(&what, r, answer, s->opened)); /* it is in there as well */
    socket_fire(s, SOCKET_EVENT_OPENED);
}

static void drop_opened(struct socket *s)
{
    if (s->opened) socket_opened_done(s->opened);
    free(s->opened);
    s->opened = NULL;
}

void socket_act_opened(struct socket *s, enum socket_state from)
{
    (void)from;
    begin_listening(s, s->opened);
    drop_opened(s);
}

static void open_by_helper(struct socket *s)
{
    usec_t timeout = socket_settings(s)->timeout;
    struct file_task task = { .run = open_task,
                              .argument = s,
                              .keep_fd = -1,
                              .timeout = timeout > 0 ? MIN_OF(timeout, FILE_HELPER_TIMEOUT) : FILE_HELPER_TIMEOUT,
                              .done = on_opened,
                              .userdata = s };
    if (file_helper_ask(s->base.manager->file_helpers, &task, &s->request) < 0)
        socket_fail(s, RESULT_RESOURCES, "out of memory");
    else
        log_debug("socket %s: its listeners are opened by a file helper", socket_name(s));
}

void socket_act_open(struct socket *s, enum socket_state from)
{
    struct socket_to_open what = to_open(s);
    struct socket_opened opened;
    (void)from;
    if (s->is_far) {
        open_by_helper(s);
        return;
    }
    IGNORE_RESULT(socket_open(&what, &opened)); /* it is in `opened` as well */
    begin_listening(s, &opened);
    socket_opened_done(&opened);
}

/* A socket that has no commands and whose paths are local listens at once. */
void socket_act_start(struct socket *s, enum socket_state from)
{
    struct socket_to_open what = to_open(s);
    bool runs = socket_has_commands(s);
    s->is_far = !socket_open_is_local(&what);
    s->remove_nodes = socket_settings(s)->remove_on_stop;
    s->failure_code = 1;
    s->forced = FORCED_NOT;
    s->start_error = runs ? socket_begin_run(s) : 0;
    if (s->start_error < 0) return;
    if (socket_commands(s, SOCKET_EXEC_START_PRE)->count > 0)
        socket_decide(s, SOCKET_EVENT_GO_START_PRE);
    else if (runs || s->is_far)
        socket_decide(s, SOCKET_EVENT_GO_START_CHOWN);
    else
        socket_act_open(s, from);
}

/* ---- up ---- */

void socket_act_listening(struct socket *s, enum socket_state from)
{
    bool starts = socket_state_active(from) != ACTIVE_STATE_ACTIVE;
    if (s->base.skipped) {
        socket_go_down(s);
        return;
    }
    if (starts && s->proxy) socket_proxy_set_ready(s, s->service->base.active == ACTIVE_STATE_ACTIVE);
    if (from == SOCKET_RUNNING && s->base.unit->socket_extra->flush_pending) socket_flush(s);
    socket_wait(s);
    socket_prepare_start(s);
}

void socket_act_running(struct socket *s, enum socket_state from)
{
    (void)from;
    if (socket_is_native(s)) socket_stop_waiting(s);
}

void socket_act_deferred(struct socket *s, enum socket_state from)
{
    (void)from;
    s->base.manager->n_deferred++;
    socket_stop_waiting(s);
}

/* ---- the way down ---- */

void socket_act_stop(struct socket *s, enum socket_state from)
{
    (void)from;
    socket_stop_waiting(s);
    file_helper_cancel(&s->request);
    if (process_is_there(&s->control))
        socket_decide(s, SOCKET_EVENT_GO_STOP_PRE_SIGTERM);
    else
        socket_go_down(s);
}

void socket_act_reset(struct socket *s, enum socket_state from)
{
    (void)from;
    socket_decide(s, SOCKET_EVENT_GO_DEAD);
}

void socket_go_down(struct socket *s)
{
    bool has_time = !s->base.manager->shutdown.near_bound_passed;
    if (s->begun && has_time && s->state != SOCKET_START_PRE && socket_commands(s, SOCKET_EXEC_STOP_PRE)->count > 0)
        socket_decide(s, SOCKET_EVENT_GO_STOP_PRE);
    else
        socket_go_stop_post(s);
}

void socket_go_stop_post(struct socket *s)
{
    bool runs = s->begun && socket_commands(s, SOCKET_EXEC_STOP_POST)->count > 0;
    if (runs && s->base.unit->socket_extra->pass_fds_to_exec) { /* ExecStopPost= gets them: they close at the end */
        socket_stop_waiting(s);
        if (s->remove_nodes) remove_nodes(s);
        s->remove_nodes = false;
    } else {
        socket_close_listeners(s, s->remove_nodes);
    }
    /* Whoever waits for a failure does not wait for a path that may never answer. */
    if (runs || ((s->request || socket_proxy_drains(s)) && s->base.result == RESULT_SUCCESS))
        socket_decide(s, SOCKET_EVENT_GO_STOP_POST);
    else
        socket_go_final(s);
}

void socket_post_end(struct socket *s)
{
    socket_decide(s, s->base.result == RESULT_SUCCESS ? SOCKET_EVENT_GO_DEAD : SOCKET_EVENT_GO_FAILED);
}

void socket_act_end(struct socket *s, enum socket_state from)
{
    (void)from;
    socket_close_listeners(s, s->remove_nodes);
    socket_unprepare_start(s);
    socket_end_run(s);
    if (s->state == SOCKET_FAILED) unit_failed_for_good(&s->base, s->failure_code);
}

/* ---- vtable ---- */

/* What its connections are for. Of Accept=yes there is nothing before the first one. */
static int find_service(struct socket *s)
{
    struct manager *m = s->base.manager;
    const char *service = unit_triggered_name(s->base.unit);
    const struct unit *unit = service ? unit_set_find(m->set, service) : NULL;
    if (!unit || unit->kind != UNIT_KIND_SERVICE) {
        log_error("socket %s: unknown service %s", socket_name(s), service ? service : "?");
        return -ENOENT;
    }
    if (socket_settings(s)->accept) return 0;
    s->service = service_of(manager_unit(m, unit->id));
    /* It would not get what is opened now, and clients would wait for ever. What was passed in, it has. */
    const struct runtime *rt = &s->service->base;
    bool runs = socket_is_native(s) && !runtime_is_down(rt) && !service_in_auto_restart(s->service);
    if (!runs || listen_fds_has_all(m, s->base.unit)) return 0;
    log_error("socket %s: service %s is already %s, refusing; stop it first", socket_name(s), service,
              active_state_name(rt->active));
    return -EALREADY;
}

static int socket_init(struct runtime *rt)
{
    socket_of(rt)->control.pidfd = FD_NONE;
    return 0;
}

static int socket_start(struct runtime *rt)
{
    struct socket *s = socket_of(rt);
    int r = find_service(s);
    if (r < 0) return r;
    file_helper_cancel(&s->request);
    s->start_error = 0;
    socket_fire(s, SOCKET_EVENT_START);
    return s->start_error;
}

static void socket_failed(struct runtime *rt)
{
    socket_fire(socket_of(rt), SOCKET_EVENT_GO_FAILED);
}

static void socket_stop(struct runtime *rt)
{
    socket_fire(socket_of(rt), SOCKET_EVENT_STOP);
}

static void socket_hurry(struct runtime *rt)
{
    socket_fire(socket_of(rt), SOCKET_EVENT_HURRY);
}

static void socket_kill(struct runtime *rt)
{
    socket_fire(socket_of(rt), SOCKET_EVENT_KILL);
}

static void socket_done(struct runtime *rt)
{
    struct socket *s = socket_of(rt);
    file_helper_cancel(&s->request);
    drop_opened(s);
    socket_close_listeners(s, false);
    socket_proxy_done(s);
    loop_deadline_clear(rt->manager->loop, &s->timeout);
    process_release(rt->manager, &s->control);
    procs_end(rt->manager->procs, &s->procs);
}

void socket_fire_posted(struct runtime *rt, uint8_t event)
{
    socket_fire(socket_of(rt), (enum socket_event)event);
}

const struct socket_counters *socket_counters(const struct runtime *rt)
{
    return &((const struct socket *)rt)->counters;
}

static const char *socket_sub(const struct runtime *rt)
{
    return socket_state_name(((const struct socket *)rt)->state);
}

const struct unit_type socket_type = {
    .size = sizeof(struct socket),
    .init = socket_init,
    .done = socket_done,
    .start = socket_start,
    .stop = socket_stop,
    .hurry = socket_hurry,
    .kill = socket_kill,
    .failed = socket_failed,
    .sub_state = socket_sub,
};
