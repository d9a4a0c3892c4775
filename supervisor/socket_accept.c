/* Accept=yes: a connection becomes an instance of the template. */
#include "supervisor/socket_internal.h"

#include "base/arena.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "socketact/listener.h"
#include "socketact/peer.h"
#include "socketact/socket_options.h"
#include "supervisor/exec_streams.h"
#include "supervisor/instance.h"
#include "trace/trace.h"
#include "unit/template.h"
#include "unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- who is connected ---- */

/* Connections of one address or user, while there are any. */
struct socket_source {
    struct peer_source who;
    uint32_t count;
};

static struct socket_source *find_source(const struct socket *s, const struct peer_source *who)
{
    for (size_t i = 0; i < s->sources.count; i++)
        if (memcmp(&s->sources.items[i]->who, who, sizeof *who) == 0) return s->sources.items[i];
    return NULL;
}

static int add_source(struct socket *s, const struct peer_source *who, struct socket_source **ret)
{
    struct socket_source *source = find_source(s, who);
    if (!source) {
        source = calloc(1, sizeof *source);
        if (!source || vec_push(&s->sources, source) < 0) {
            free(source);
            return -ENOMEM;
        }
        source->who = *who;
    }
    source->count++;
    *ret = source;
    return 0;
}

static void drop_source(struct socket *s, struct socket_source *source)
{
    if (--source->count > 0) return;
    size_t i = 0;
    while (s->sources.items[i] != source) i++;
    s->sources.items[i] = s->sources.items[--s->sources.count];
    free(source);
    if (s->sources.count == 0) vec_done(&s->sources);
}

void socket_connection_end(struct service *service)
{
    struct service_connection *c = service->connection;
    if (!c) return;
    struct socket *s = socket_of(manager_unit(service->base.manager, c->socket->id));
    s->counters.connections--;
    if (c->source) drop_source(s, c->source);
    s->refusing = false;
    service->connection = NULL;
    fd_close(&c->fd);
    free(c->remote_addr);
    free(c->remote_port);
    free(c);
}

/* Nothing that is still to be started would get it: the client is to see the end of the service's own descriptor. */
static void leave_to_service(struct service *service)
{
    static const enum service_command later[] = { SERVICE_EXEC_RELOAD, SERVICE_EXEC_STOP, SERVICE_EXEC_STOP_POST };
    for (size_t i = 0; i < COUNT_OF(later); i++)
        if (service_commands(service, later[i])->count > 0) return;
    fd_close(&service->connection->fd);
}

void socket_connection_state(struct service *service)
{
    if (!service->connection) return;
    enum service_state state = service->state;
    if (state == SERVICE_STATE_DEAD || state == SERVICE_STATE_FAILED || state == SERVICE_STATE_EXITED)
        socket_connection_end(service);
    else if (state == SERVICE_STATE_RUNNING)
        leave_to_service(service);
}

/* ---- who comes ---- */

/* K58, accept(2): the client has gone, or what the network says of it. */
static bool is_gone(int error)
{
    return error == EAGAIN || error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENOTCONN ||
           error == ECONNRESET || error == ENETDOWN || error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET ||
           error == EHOSTUNREACH || error == EOPNOTSUPP || error == ENETUNREACH || error == EPERM;
}

static int refuse(struct socket *s, const char *why, uint32_t count)
{
    s->counters.refused++;
    if (!s->refusing) log_warning("socket %s: too many connections (%u, %s=): refused", socket_name(s), count, why);
    s->refusing = true; /* until one ends */
    TRACE(s->base.manager->trace, "refused", TRACE_ERROR, 0, TF_STR("unit", socket_name(s)), TF_STR("reason", why));
    return 0;
}

static char *copy(const char *text)
{
    return *text ? strdup(text) : NULL;
}

/* Takes the descriptor. */
static struct service_connection *connection_new(struct socket *s, struct fd *client, const struct peer *peer)
{
    struct service_connection *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    *c = (struct service_connection){ .fd = fd_take(client),
                                      .socket = s->base.unit,
                                      .remote_addr = copy(peer->address),
                                      .remote_port = copy(peer->port) };
    bool lacks = (*peer->address && !c->remote_addr) || (*peer->port && !c->remote_port);
    if (lacks || (socket_extra(s)->max_connections_per_source > 0 && add_source(s, &peer->source, &c->source) < 0)) {
        fd_close(&c->fd);
        free(c->remote_addr);
        free(c->remote_port);
        free(c);
        return NULL;
    }
    s->counters.connections++;
    return c;
}

/* The template as this instance; what is wrong with it was not wrong with all of them. */
static int instantiate(struct socket *s, const struct unit *prototype, const char *name, struct unit_instance **ret)
{
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    if (!diags) return -ENOMEM;
    int r = unit_template_instantiate(prototype, name, diags, ret);
    if (r != -EINVAL) return r;
    const struct diag *error = NULL;
    for (size_t i = 0; i < diag_total(diags); i++)
        if (diag_get(diags, i)->severity == DIAG_ERROR) error = diag_get(diags, i);
    char *text = error ? diag_render(error, DIAG_TEXT) : NULL;
    log_error("socket %s: no instance %s of %s: %s", socket_name(s), name, prototype->name,
              text ? text : "the name is too long");
    free(text);
    return r;
}

/* "Echo (10.0.0.7:4711)". */
static int describe(struct unit_instance *made, const struct peer *peer)
{
    if (*peer->address == '\0') return 0;
    struct unit_section *section = arena_memdup(made->arena, made->unit.unit, sizeof *section);
    if (!section) return -ENOMEM;
    bool has_port = *peer->port != '\0',
         brackets = has_port && peer->source.family == AF_INET6 && strchr(peer->address, ':');
    section->description =
        arena_printf(made->arena, "%s (%s%s%s%s%s)", section->description ? section->description : made->unit.name,
                     brackets ? "[" : "", peer->address, brackets ? "]" : "", has_port ? ":" : "", peer->port);
    made->unit.unit = section;
    return section->description ? 0 : -ENOMEM;
}

/* The instance exists from here on; it goes when it is down, and its connection with it. */
static int start(struct socket *s, struct unit_instance *made, const struct unit *prototype, struct fd *client,
                 const struct peer *peer)
{
    struct manager *m = s->base.manager;
    struct runtime *rt;
    int r = describe(made, peer);
    if (r < 0) {
        unit_instance_free(made);
        return r;
    }
    r = instance_add(m, made, prototype, &rt);
    if (r < 0) return r;
    struct service *service = service_of(rt);
    service->connection = connection_new(s, client, peer);
    if (service->connection) {
        s->n_instances++;
        s->counters.accepted++;
        char who[256]; /* a client of a Unix socket names itself */
        log_debug("socket %s: a connection of %s starts %s", socket_name(s),
                  *peer->address ? str_escape(peer->address, strlen(peer->address), who, sizeof who) : "a client",
                  runtime_name(rt));
        TRACE(m->trace, "accepted", TRACE_OK, 0, TF_STR("unit", socket_name(s)), TF_STR("instance", runtime_name(rt)),
              TF_STR("remote", peer->address), TF_STR("port", peer->port));
    }
    r = service->connection ? jobs_start(m, rt) : -ENOMEM;
    if (r < 0) socket_connection_end(service);
    instance_check(rt);
    return r == -ESHUTDOWN ? 0 : r;
}

static int take(struct socket *s, struct fd *client)
{
    const struct socket_extra_section *settings = socket_extra(s);
    const struct unit *prototype = unit_set_find(s->base.manager->set, unit_triggered_name(s->base.unit));
    struct peer peer;
    if (s->counters.connections >= settings->max_connections)
        return refuse(s, "MaxConnections", s->counters.connections);
    int r = peer_read(client->n, s->n_instances, &peer);
    if (r < 0) return is_gone(-r) ? 0 : r;
    const struct socket_source *source = settings->max_connections_per_source > 0 ? find_source(s, &peer.source) : NULL;
    if (source && source->count >= settings->max_connections_per_source)
        return refuse(s, "MaxConnectionsPerSource", source->count);
    struct unit_instance *made;
    r = instantiate(s, prototype, peer.instance, &made);
    if (r == -EINVAL) {
        s->counters.refused++;
        return 0;
    }
    return r < 0 ? r : start(s, made, prototype, client, &peer);
}

/* Other units are supervised and started while connections use up the descriptors: the last ones are kept for that, and
 * who has not been accepted by then waits in the backlog. */
static int check_descriptors(int listener)
{
    AUTO_FD struct fd next = FD_NONE;
    int r = fd_dup(listener, 0, &next);
    return r < 0 ? r : fd_is_near_limit(next.n) ? -EMFILE : 0;
}

int socket_accept_connection(struct socket *s, struct socket_listener *l)
{
    struct manager *m = s->base.manager;
    int fd = listener_fd(l->listener);
    if (m->shutdown.begun) {
        socket_stop_waiting(s); /* nothing is started any more, and the connection would keep us awake */
        return 0;
    }
    int r = exec_streams_set_mode(fd, true); /* the client may have gone (K62); nobody else has this listener */
    if (r == 0) r = check_descriptors(fd);
    if (r < 0) return r;
    AUTO_FD struct fd client = fd_own(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd_is_open(&client)) return is_gone(errno) ? 0 : -errno;
    socket_options_set_accepted(client.n, socket_extra(s));
    if (!s->connected_once) TRACE(m->trace, "first_connect", TRACE_OK, 0, TF_STR("unit", socket_name(s)));
    s->connected_once = true;
    if (s->base.job.type == JOB_STOP || s->base.job.type == JOB_RESTART) { /* it is on its way down */
        s->counters.refused++;
        return 0;
    }
    return take(s, &client);
}
