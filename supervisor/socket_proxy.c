/* What the proxy of a socket needs of the supervisor. */
#include "supervisor/socket_internal.h"

#include "base/log.h"
#include "socketact/listener.h"
#include "socketact/proxy.h"
#include "supervisor/file_helper.h"
#include "supervisor/socket_open.h"
#include "trace/trace.h"

#include <errno.h>
#include <string.h>

static void on_proxy_waiting(void *userdata)
{
    socket_trigger_soon(userdata);
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

int socket_proxy_new(struct socket *s)
{
    const struct proxy_hooks *chosen = socket_target_is_local(s->base.unit) ? &hooks : &far_hooks;
    return proxy_new(s->base.manager->loop, socket_settings(s)->proxy_target, chosen, s, &s->proxy);
}

int socket_proxy_ready(struct socket *s, struct socket_listener *l)
{
    int r = proxy_accept(s->proxy, listener_fd(l->listener));
    if (r > 0 && !s->connected_once) {
        TRACE(s->base.manager->trace, "first_connect", TRACE_OK, 0, TF_STR("unit", socket_name(s)));
        s->connected_once = true;
    }
    return r;
}
