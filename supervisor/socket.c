#include "supervisor/socket.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/timespan.h"
#include "socketact/proxy.h"
#include "supervisor/file_helper.h"
#include "supervisor/handlers.h"
#include "supervisor/manager.h"
#include "supervisor/restart.h"
#include "supervisor/service.h"
#include "supervisor/socket_open.h"
#include "supervisor/unit_type.h"
#include "trace/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* START, STOP: a file helper opens the listeners, or removes the nodes (systemd's socket has such states as well). */
enum socket_state { SOCKET_DEAD, SOCKET_START, SOCKET_LISTENING, SOCKET_RUNNING, SOCKET_STOP, SOCKET_FAILED };

struct socket;
struct socket_listener {
    struct listener *listener;
    loop_io io;
    struct socket *socket;
};
struct socket {
    struct runtime base;
    enum socket_state state;
    struct service *service; /* NULL until the start found it */
    struct socket_listener *listeners;
    uint32_t n_listeners;
    bool is_far;                  /* a file helper opens them: their nodes are not touched by us */
    struct file_request *request; /* START; or nodes are removed, which STOP waits for and a start cancels */
    struct proxy *proxy;
    struct loop_deadline pause; /* accepting goes on after a lack of descriptors */
    bool lacking;               /* which was told of already (K88) */
    usec_t trigger_begin;
    uint32_t trigger_count;
    bool connected_once;
};

/* Accepting is tried again this long after descriptors ran out. */
#define ACCEPT_PAUSE (100 * USEC_PER_MSEC)

static struct socket *socket_of(struct runtime *rt)
{
    return (struct socket *)rt;
}

static const struct socket_section *settings_of(const struct socket *s)
{
    return s->base.unit->socket;
}

static const char *socket_name(const struct socket *s)
{
    return s->base.unit->name;
}

static const char *socket_state_name(enum socket_state state)
{
    static const char *const names[] = {
        [SOCKET_DEAD] = "dead",       [SOCKET_START] = "start-chown", [SOCKET_LISTENING] = "listening",
        [SOCKET_RUNNING] = "running", [SOCKET_STOP] = "stop-post",    [SOCKET_FAILED] = "failed"
    };
    return names[state];
}

static bool is_native(const struct socket *s)
{
    return settings_of(s)->activation_mode == ACTIVATION_NATIVE;
}

static void set_state(struct socket *s, enum socket_state to)
{
    static const uint8_t active[] = {
        [SOCKET_DEAD] = ACTIVE_STATE_INACTIVE,     [SOCKET_START] = ACTIVE_STATE_ACTIVATING,
        [SOCKET_LISTENING] = ACTIVE_STATE_ACTIVE,  [SOCKET_RUNNING] = ACTIVE_STATE_ACTIVE,
        [SOCKET_STOP] = ACTIVE_STATE_DEACTIVATING, [SOCKET_FAILED] = ACTIVE_STATE_FAILED
    };
    enum socket_state from = s->state;
    if (from == to) return;
    s->state = to;
    runtime_set_active(&s->base, active[to], socket_state_name(from), socket_state_name(to));
}

/* ---- listeners ---- */

static void stop_waiting(struct socket *s)
{
    for (uint32_t i = 0; i < s->n_listeners; i++) loop_io_remove(s->base.manager->loop, &s->listeners[i].io);
    loop_deadline_clear(s->base.manager->loop, &s->pause);
}

static void on_nodes_removed(int r, struct file_answer *answer, void *userdata)
{
    struct socket *s = userdata;
    (void)answer;
    s->request = NULL;
    if (r < 0) log_warning("socket %s: its nodes were not removed: %s", socket_name(s), strerror(-r));
    if (s->state == SOCKET_STOP) set_state(s, SOCKET_DEAD);
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

static void close_listeners(struct socket *s, bool remove_nodes)
{
    stop_waiting(s);
    if (s->is_far && remove_nodes && s->n_listeners > 0) remove_far_nodes(s);
    for (uint32_t i = 0; i < s->n_listeners; i++) listener_free(s->listeners[i].listener, remove_nodes && !s->is_far);
    free(s->listeners);
    s->listeners = NULL;
    s->n_listeners = 0;
    proxy_free(s->proxy);
    s->proxy = NULL;
}

static void socket_fail(struct socket *s, enum unit_result result, const char *why)
{
    log_error("socket %s: failed: %s; closing the listener", socket_name(s), why);
    TRACE(s->base.manager->trace, "socket_failed", TRACE_ERROR, 0, TF_STR("unit", socket_name(s)),
          TF_STR("reason", why));
    s->base.result = (uint8_t)result;
    close_listeners(s, true);
    set_state(s, SOCKET_FAILED);
    unit_failed_for_good(&s->base, 1);
}

/* false: the limit is used up and the socket has failed. */
static bool take_trigger(struct socket *s)
{
    const struct socket_section *settings = settings_of(s);
    if (start_limit_take(&s->trigger_begin, &s->trigger_count, loop_now(s->base.manager->loop),
                         settings->trigger_limit_interval, settings->trigger_limit_burst))
        return true;
    char why[128], span[TIMESPAN_TEXT_MAX];
    (void)snprintf(why, sizeof why, "trigger limit hit (%u activations within %s)", settings->trigger_limit_burst,
                   timespan_format(settings->trigger_limit_interval, 1, span)); /* fits */
    socket_fail(s, RESULT_TRIGGER_LIMIT_HIT, why);
    return false;
}

static void trigger(struct socket *s)
{
    struct manager *m = s->base.manager;
    if (m->shutdown.begun) {
        stop_waiting(s); /* nothing is started any more, and the connection would keep us awake */
        return;
    }
    if (!take_trigger(s)) return;
    if (!s->connected_once) TRACE(m->trace, "first_connect", TRACE_OK, 0, TF_STR("unit", socket_name(s)));
    s->connected_once = true;
    TRACE(m->trace, "triggered", TRACE_OK, 0, TF_STR("unit", socket_name(s)),
          TF_STR("service", service_name(s->service)));
    log_debug("socket %s: a connection starts %s", socket_name(s), service_name(s->service));
    if (is_native(s)) stop_waiting(s);
    set_state(s, SOCKET_RUNNING);
    if (jobs_start(m, &s->service->base) < 0) socket_fail(s, RESULT_RESOURCES, "its service is refused to start");
}

static void wait_for_connection(struct socket *s);

static void on_trigger_due(void *userdata)
{
    struct socket *s = userdata;
    const struct runtime *rt = &s->service->base;
    wait_for_connection(s);
    if (!runtime_is_down(rt) || rt->job.type == JOB_START) return; /* on its way already */
    if (s->proxy && proxy_waiting(s->proxy) > 0) trigger(s);
}

/* In the round's deadlines, for a trigger may end in the closing of the proxy that calls, or begin a transaction. */
static void trigger_soon(struct socket *s)
{
    struct loop *loop = s->base.manager->loop;
    if (loop_deadline_set(loop, &s->pause, loop_now(loop), on_trigger_due, s) < 0)
        log_error("socket %s: out of memory: its connections wait for the next one", socket_name(s));
}

static void on_proxy_waiting(void *userdata)
{
    trigger_soon(userdata);
}

static void on_proxy_done(const char *from, const char *to, int error, void *userdata)
{
    struct socket *s = userdata;
    if (error == 0)
        log_info("socket %s proxy %s -> %s done", socket_name(s), from, to);
    else
        log_info("socket %s proxy %s -> %s error: %s", socket_name(s), from, to, strerror(error));
}

static int dial_task(void *argument, struct file_answer *answer)
{
    struct fd target = FD_NONE;
    int r = proxy_connect_target(argument, &target);
    return r < 0 ? r : file_answer_add_take(answer, target);
}

static void on_dialed(int r, struct file_answer *answer, void *userdata)
{
    struct fd target = FD_NONE;
    if (r == 0 && answer->n_fds != 1) r = -EBADMSG;
    if (r == 0) target = fd_take(&answer->fds[0]);
    proxy_dialed(userdata, r, target);
}

static int dial_far(struct connection *connection, usec_t timeout, void *userdata, void **ret_request)
{
    struct socket *s = userdata;
    struct file_request *request = NULL;
    struct file_task task = { .run = dial_task,
                              .argument = connection,
                              .keep_fd = -1,
                              .timeout = timeout,
                              .done = on_dialed,
                              .userdata = connection };
    int r = file_helper_ask(s->base.manager->file_helpers, &task, &request);
    if (r < 0) return r;
    log_debug("socket %s: its target is connected to by a file helper", socket_name(s));
    *ret_request = request;
    return 0;
}

static void cancel_dial(void *request)
{
    struct file_request *r = request;
    file_helper_cancel(&r);
}

static const struct proxy_hooks hooks = { .on_waiting = on_proxy_waiting, .on_done = on_proxy_done };
static const struct proxy_hooks far_hooks = {
    .on_waiting = on_proxy_waiting, .on_done = on_proxy_done, .dial = dial_far, .dial_cancel = cancel_dial
};

static int new_proxy(struct socket *s)
{
    const struct proxy_hooks *chosen = socket_target_is_local(s->base.unit) ? &hooks : &far_hooks;
    return proxy_new(s->base.manager->loop, settings_of(s)->proxy_target, chosen, s, &s->proxy);
}

static void on_pause_over(void *userdata)
{
    struct socket *s = userdata;
    wait_for_connection(s);
}

static void on_connection(int fd, uint32_t events, void *userdata)
{
    struct socket_listener *l = userdata;
    struct socket *s = l->socket;
    (void)events;
    if (is_native(s)) {
        trigger(s);
        return;
    }
    int r = proxy_accept(s->proxy, fd);
    if (r >= 0) {
        s->lacking = false;
        if (r > 0 && !s->connected_once) {
            TRACE(s->base.manager->trace, "first_connect", TRACE_OK, 0, TF_STR("unit", socket_name(s)));
            s->connected_once = true;
        }
        return;
    }
    if (!s->lacking) log_error("socket %s accept: %s", socket_name(s), strerror(-r));
    s->lacking = true;
    stop_waiting(s);
    struct loop *loop = s->base.manager->loop;
    if (loop_deadline_set(loop, &s->pause, usec_add(loop_now(loop), ACCEPT_PAUSE), on_pause_over, s) < 0)
        socket_fail(s, RESULT_RESOURCES, "out of memory");
}

static void wait_for_connection(struct socket *s)
{
    for (uint32_t i = 0; i < s->n_listeners; i++) {
        struct socket_listener *l = &s->listeners[i];
        if (l->io != LOOP_IO_NONE) continue;
        int r = loop_io_add(s->base.manager->loop, listener_fd(l->listener), EPOLLIN, LOOP_NORMAL, on_connection, l,
                            &l->io);
        if (r < 0) {
            socket_fail(s, RESULT_RESOURCES, strerror(-r));
            return;
        }
    }
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
    close_listeners(s, true);
}

static void take_listeners(struct socket *s, struct socket_opened *opened)
{
    const char *mode = is_native(s) ? "native" : "proxy";
    for (uint32_t i = 0; i < opened->n_listeners; i++) {
        struct socket_listener *l = &s->listeners[i];
        *l = (struct socket_listener){ .listener = opened->listeners[i], .socket = s };
        log_info("socket %s: bound %s/%s -> %s (mode=%s)", socket_name(s), listener_network(l->listener),
                 listener_address(l->listener), service_name(s->service), mode);
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
    const char *service = service_name(s->service);
    if (opened->error > 0) {
        bind_failed(s, &settings_of(s)->listens.items[opened->index], opened->step, opened->error);
        return -opened->error;
    }
    if (opened->skipped) {
        log_info("unit %s: skipped (service %s skipped)", socket_name(s), service);
        TRACE(m->trace, "skipped", TRACE_OK, 0, TF_STR("unit", socket_name(s)),
              TF_STR("reason", str_text(&opened->reason)));
        s->base.skipped = true;
        set_state(s, SOCKET_LISTENING); /* up for whoever waits for it, and down again: nothing is bound */
        set_state(s, SOCKET_DEAD);
        return 0;
    }
    s->listeners = calloc(opened->n_listeners, sizeof *s->listeners);
    if (!s->listeners) return -ENOMEM;
    take_listeners(s, opened);
    int r = is_native(s) ? 0 : new_proxy(s);
    if (r < 0) {
        close_listeners(s, true);
        return r;
    }
    bool service_up = s->service->base.active == ACTIVE_STATE_ACTIVE;
    s->trigger_count = 0;
    set_state(s, service_up && is_native(s) ? SOCKET_RUNNING : SOCKET_LISTENING);
    if (s->proxy) proxy_set_ready(s->proxy, service_up);
    if (s->state == SOCKET_LISTENING) wait_for_connection(s);
    return 0;
}

static struct socket_to_open to_open(const struct socket *s)
{
    return (struct socket_to_open){ s->base.manager, s->base.unit, s->service->base.unit };
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
    set_state(s, SOCKET_FAILED);
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
    set_state(s, SOCKET_START);
    return 0;
}

static int socket_start(struct runtime *rt)
{
    struct socket *s = socket_of(rt);
    struct manager *m = rt->manager;
    const char *service = unit_triggered_name(rt->unit);
    const struct unit *unit = service ? unit_set_find(m->set, service) : NULL;
    if (!unit || unit->kind != UNIT_KIND_SERVICE) {
        log_error("socket %s: unknown service %s", socket_name(s), service ? service : "?");
        return -ENOENT;
    }
    s->service = service_of(manager_unit(m, unit->id));
    struct socket_to_open what = to_open(s);
    file_helper_cancel(&s->request);
    s->is_far = !socket_open_is_local(&what);
    if (s->is_far) return open_by_helper(s);
    struct socket_opened opened;
    IGNORE_RESULT(socket_open(&what, &opened)); /* it is in `opened` as well */
    int r = begin_listening(s, &opened);
    socket_opened_done(&opened);
    return r;
}

static void socket_failed(struct runtime *rt)
{
    set_state(socket_of(rt), SOCKET_FAILED);
}

static void socket_stop(struct runtime *rt)
{
    struct socket *s = socket_of(rt);
    if (s->state == SOCKET_STOP) return;
    file_helper_cancel(&s->request);
    close_listeners(s, settings_of(s)->remove_on_stop);
    set_state(s, s->request ? SOCKET_STOP : SOCKET_DEAD);
}

/* The stop bound has passed: nodes that cannot be reached stay. */
static void socket_kill(struct runtime *rt)
{
    struct socket *s = socket_of(rt);
    file_helper_cancel(&s->request);
    close_listeners(s, false);
    set_state(s, SOCKET_DEAD);
}

static void socket_done(struct runtime *rt)
{
    file_helper_cancel(&socket_of(rt)->request);
    close_listeners(socket_of(rt), false);
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

/* ---- what happens to the service ---- */

/* The socket among the units that trigger a service at this place, or NULL: a timer or path triggers it as well. */
static struct socket *socket_at(const struct manager *m, struct id_span span, uint32_t i)
{
    struct runtime *rt = manager_unit(m, span.ids[i]);
    return rt->unit->kind == UNIT_KIND_SOCKET ? socket_of(rt) : NULL;
}

void passed_fds_done(struct passed_fds *passed)
{
    vec_done(&passed->fds);
    vec_done(&passed->names);
}

int sockets_collect(struct service *service, struct passed_fds *ret)
{
    struct manager *m = service->base.manager;
    struct id_span span = manager_edges(m, service->base.unit->id, GRAPH_TRIGGERED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        const struct socket *s = socket_at(m, span, i);
        if (!s) continue;
        const char *name = settings_of(s)->file_descriptor_name;
        if (!name) name = socket_name(s);
        if (strchr(name, ':')) name = "unknown"; /* a colon would end the name within LISTEN_FDNAMES (K56) */
        for (uint32_t k = 0; is_native(s) && k < s->n_listeners; k++) {
            int r = vec_push(&ret->fds, listener_fd(s->listeners[k].listener));
            if (r == 0) r = vec_push(&ret->names, name);
            if (r < 0) return r;
        }
    }
    return 0;
}

void sockets_service_starting(struct service *service)
{
    struct manager *m = service->base.manager;
    struct id_span span = manager_edges(m, service->base.unit->id, GRAPH_TRIGGERED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct socket *s = socket_at(m, span, i);
        if (!s || s->state != SOCKET_LISTENING) continue;
        if (is_native(s)) {
            stop_waiting(s);
            set_state(s, SOCKET_RUNNING);
        }
    }
}

void sockets_service_ready(struct service *service)
{
    struct manager *m = service->base.manager;
    struct id_span span = manager_edges(m, service->base.unit->id, GRAPH_TRIGGERED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct socket *s = socket_at(m, span, i);
        if (s && s->proxy) proxy_set_ready(s->proxy, true);
    }
}

static void service_down(struct socket *s, struct service *service, const char *why)
{
    struct manager *m = s->base.manager;
    bool listening = s->state == SOCKET_LISTENING || s->state == SOCKET_RUNNING;
    if (!listening || m->shutdown.begun) return;
    if (s->proxy && service->base.result == RESULT_SUCCESS)
        proxy_drop_dialing(s->proxy);
    else if (s->proxy)
        proxy_drop_waiting(s->proxy); /* what they waited for has failed; the next one tries again */
    if (why) {
        socket_fail(s, RESULT_SERVICE_START_LIMIT_HIT, why);
        return;
    }
    if (service->base.skipped) {
        log_info("socket %s: service %s skipped; closing the listener", socket_name(s), service_name(service));
        close_listeners(s, true);
        set_state(s, SOCKET_DEAD);
        return;
    }
    if (s->state != SOCKET_RUNNING) return;
    log_info("socket %s: %s stopped; listening again", socket_name(s), service_name(service));
    TRACE(m->trace, "rearmed", TRACE_OK, 0, TF_STR("unit", socket_name(s)), TF_STR("service", service_name(service)));
    set_state(s, SOCKET_LISTENING);
    wait_for_connection(s);
    if (s->proxy && proxy_waiting(s->proxy) > 0) trigger_soon(s); /* who came meanwhile is served (K57) */
}

void sockets_service_leaving(struct service *service)
{
    struct manager *m = service->base.manager;
    struct id_span span = manager_edges(m, service->base.unit->id, GRAPH_TRIGGERED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct socket *s = socket_at(m, span, i);
        if (s && s->proxy) proxy_set_ready(s->proxy, false);
    }
}

void sockets_service_down(struct service *service, const char *why)
{
    struct manager *m = service->base.manager;
    struct id_span span = manager_edges(m, service->base.unit->id, GRAPH_TRIGGERED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct socket *s = socket_at(m, span, i);
        if (s) service_down(s, service, why);
    }
}
