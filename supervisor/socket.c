#include "supervisor/socket_internal.h"

#include "base/fd.h"
#include "base/log.h"
#include "supervisor/file_helper.h"
#include "supervisor/handlers.h"
#include "supervisor/socket_open.h"
#include "trace/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *socket_state_name(enum socket_state state)
{
    static const char *const names[] = {
        [SOCKET_DEAD] = "dead",       [SOCKET_START_CHOWN] = "start-chown", [SOCKET_LISTENING] = "listening",
        [SOCKET_RUNNING] = "running", [SOCKET_STOP_POST] = "stop-post",     [SOCKET_FAILED] = "failed"
    };
    return names[state];
}
void socket_set_state(struct socket *s, enum socket_state to)
{
    static const uint8_t active[] = {
        [SOCKET_DEAD] = ACTIVE_STATE_INACTIVE,          [SOCKET_START_CHOWN] = ACTIVE_STATE_ACTIVATING,
        [SOCKET_LISTENING] = ACTIVE_STATE_ACTIVE,       [SOCKET_RUNNING] = ACTIVE_STATE_ACTIVE,
        [SOCKET_STOP_POST] = ACTIVE_STATE_DEACTIVATING, [SOCKET_FAILED] = ACTIVE_STATE_FAILED
    };
    enum socket_state from = s->state;
    if (from == to) return;
    s->state = to;
    runtime_set_active(&s->base, active[to], socket_state_name(from), socket_state_name(to));
}

/* ---- listeners ---- */

static void on_nodes_removed(int r, struct file_answer *answer, void *userdata)
{
    struct socket *s = userdata;
    (void)answer;
    s->request = NULL;
    if (r < 0) log_warning("socket %s: its nodes were not removed: %s", socket_name(s), strerror(-r));
    if (s->state == SOCKET_STOP_POST && !socket_proxy_drains(s)) socket_set_state(s, SOCKET_DEAD);
}

void socket_proxy_drained(struct socket *s)
{
    if (s->state == SOCKET_STOP_POST && !s->request) socket_set_state(s, SOCKET_DEAD);
}

static void remove_far_nodes(struct socket *s)
{
    struct socket_nodes *nodes = socket_nodes_new(s->n_listeners);
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

void socket_close_listeners(struct socket *s, bool remove_nodes)
{
    socket_stop_waiting(s);
    socket_idle_end(s);
    if (s->is_far && remove_nodes && s->n_listeners > 0) remove_far_nodes(s);
    for (uint32_t i = 0; i < s->n_listeners; i++) listener_free(s->listeners[i].listener, remove_nodes && !s->is_far);
    free(s->listeners);
    s->listeners = NULL;
    s->n_listeners = 0;
    socket_proxy_close(s);
}

void socket_fail(struct socket *s, enum unit_result result, const char *why)
{
    log_error("socket %s: failed: %s; closing the listener", socket_name(s), why);
    TRACE(s->base.manager->trace, "socket_failed", TRACE_ERROR, 0, TF_STR("unit", socket_name(s)),
          TF_STR("reason", why));
    s->base.result = (uint8_t)result;
    socket_close_listeners(s, true);
    socket_set_state(s, SOCKET_FAILED);
    unit_failed_for_good(&s->base, 1);
}

/* ---- starting ---- */

static void bind_failed(struct socket *s, const struct socket_listen *listen, const char *step, int error)
{
    const char *text = error == ESRCH ? "no such user or group" : strerror(error);
    log_error("socket %s: bind failed: %s: %s: %s (%s:%u)", socket_name(s), listen->text, step, text,
              listen->origin.file ? listen->origin.file : "-", listen->origin.line);
    char err[256];
    (void)snprintf(err, sizeof err, "%s: %s", step, text); /* cut when it is long */
    TRACE(s->base.manager->trace, "bind_failed", TRACE_ERROR, 0, TF_STR("unit", socket_name(s)), TF_STR("err", err));
    s->base.result = RESULT_RESOURCES;
    socket_close_listeners(s, true);
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

/* Listens with what was opened, or says why not. 0 or -errno. */
static int begin_listening(struct socket *s, struct socket_opened *opened)
{
    struct manager *m = s->base.manager;
    if (opened->error > 0) {
        bind_failed(s, &socket_settings(s)->listens.items[opened->index], opened->step, opened->error);
        return -opened->error;
    }
    if (opened->skipped) {
        log_info("unit %s: skipped (service %s skipped)", socket_name(s), socket_service_name(s));
        TRACE(m->trace, "skipped", TRACE_OK, 0, TF_STR("unit", socket_name(s)),
              TF_STR("reason", str_text(&opened->reason)));
        s->base.skipped = true;
        socket_set_state(s, SOCKET_LISTENING); /* up for whoever waits for it, and down again: nothing is bound */
        socket_set_state(s, SOCKET_DEAD);
        return 0;
    }
    s->listeners = calloc(opened->n_listeners, sizeof *s->listeners);
    if (!s->listeners) return -ENOMEM;
    warn_of_options(s, &opened->options);
    take_listeners(s, opened);
    int r = socket_is_native(s) ? 0 : socket_proxy_new(s);
    if (r < 0) {
        socket_close_listeners(s, true);
        return r;
    }
    bool service_up = s->service && s->service->base.active == ACTIVE_STATE_ACTIVE;
    s->trigger_count = 0;
    socket_set_state(s, service_up && socket_is_native(s) ? SOCKET_RUNNING : SOCKET_LISTENING);
    if (s->proxy) socket_proxy_set_ready(s, service_up);
    if (s->state == SOCKET_LISTENING) socket_wait(s);
    return 0;
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
    struct socket_opened opened;
    s->request = NULL;
    IGNORE_RESULT(socket_open_read_answer(&what, r, answer, &opened)); /* it is in `opened` as well */
    r = begin_listening(s, &opened);
    socket_opened_done(&opened);
    if (r == 0) return;
    s->base.result = RESULT_RESOURCES;
    socket_set_state(s, SOCKET_FAILED);
    unit_failed_for_good(&s->base, 1);
}

static int open_by_helper(struct socket *s)
{
    struct file_task task = {
        .run = open_task, .argument = s, .keep_fd = -1, .timeout = FILE_HELPER_TIMEOUT, .done = on_opened, .userdata = s
    };
    int r = file_helper_ask(s->base.manager->file_helpers, &task, &s->request);
    if (r < 0) return r;
    log_debug("socket %s: its listeners are opened by a file helper", socket_name(s));
    socket_set_state(s, SOCKET_START_CHOWN);
    return 0;
}

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
    return 0;
}

static int socket_start(struct runtime *rt)
{
    struct socket *s = socket_of(rt);
    int r = find_service(s);
    if (r < 0) return r;
    struct socket_to_open what = to_open(s);
    file_helper_cancel(&s->request);
    s->is_far = !socket_open_is_local(&what);
    if (s->is_far) return open_by_helper(s);
    struct socket_opened opened;
    IGNORE_RESULT(socket_open(&what, &opened)); /* it is in `opened` as well */
    r = begin_listening(s, &opened);
    socket_opened_done(&opened);
    return r;
}

static void socket_failed(struct runtime *rt)
{
    socket_set_state(socket_of(rt), SOCKET_FAILED);
}

static void socket_stop(struct runtime *rt)
{
    struct socket *s = socket_of(rt);
    if (s->state == SOCKET_STOP_POST) return;
    file_helper_cancel(&s->request);
    socket_close_listeners(s, socket_settings(s)->remove_on_stop);
    socket_set_state(s, s->request || socket_proxy_drains(s) ? SOCKET_STOP_POST : SOCKET_DEAD);
}

/* The stop bound has passed: nodes that cannot be reached stay. */
static void socket_kill(struct runtime *rt)
{
    struct socket *s = socket_of(rt);
    file_helper_cancel(&s->request);
    socket_close_listeners(s, false);
    socket_proxy_kill(s);
    socket_set_state(s, SOCKET_DEAD);
}

static void socket_done(struct runtime *rt)
{
    file_helper_cancel(&socket_of(rt)->request);
    socket_close_listeners(socket_of(rt), false);
    socket_proxy_done(socket_of(rt));
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
    .done = socket_done,
    .start = socket_start,
    .stop = socket_stop,
    .kill = socket_kill,
    .failed = socket_failed,
    .sub_state = socket_sub,
};
