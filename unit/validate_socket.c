#include "unit/validate_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/vec.h"
#include "unit/address.h"
#include "unit/graph.h"
#include "unit/listen.h"
#include "unit/name.h"

/* A Service= that no file has (S16: "unknown service"). */
static void validate_service(struct validator *v, const struct unit *socket)
{
    const char *name = unit_triggered_name(socket);
    if (!name || unit_set_find(v->set, name)) return;
    const char *why = absence_text(v, name);
    if (!why) return;
    size_t stem = strlen(socket->name) - strlen("socket");
    bool is_default = strncmp(name, socket->name, stem) == 0 && strcmp(name + stem, "service") == 0;
    diag_report(v->diags, DIAG_WARNING, about_key(v, socket, LINT_SOCKET_SERVICE), "unknown-service",
                is_default ? "Service= names another one, Accept=yes takes a template" : NULL,
                "service %s %s; %s has nothing to activate", name, why, socket->name);
}

/* An instance of Accept=yes ends with its connection, and a service without connections is never there. */
static void validate_idle_stop(struct validator *v, const struct unit *socket)
{
    if (!socket->socket->accept || socket->socket->idle_stop == USEC_INFINITY) return;
    diag_report(v->diags, DIAG_WARNING, about_key(v, socket, LINT_IDLE_STOP), "idle-stop-unused", NULL,
                "with Accept=yes each connection has a service of its own, which IdleStopSec= does not stop");
}

/* systemd.exec(5): StandardInput=socket is for Accept=yes, or for a single socket. An instance may be one of a
 * connection; how many descriptors Sockets= adds, or units of systemd that others start have, is not judged. */
static void validate_standard_input(struct validator *v, const struct unit *service)
{
    struct id_span sockets = graph_edges(v->graph, service->id, GRAPH_TRIGGERED_BY);
    uint32_t n = 0;
    if (service->exec->streams[0].kind != STD_SOCKET || service->service->sockets.count > 0) return;
    for (uint32_t i = 0; i < sockets.count; i++) {
        const struct unit *socket = unit_set_get(v->set, sockets.ids[i]);
        if (socket->kind != UNIT_KIND_SOCKET) continue;
        if (socket->socket->accept) return;
        if (socket->socket->activation_mode == ACTIVATION_NATIVE) n += socket->socket->listens.count;
    }
    bool may_have_one = n == 0 && (service->systemd || unit_name_form(service->name) != UNIT_NAME_PLAIN);
    if (n == 1 || may_have_one) return;
    diag_report(v->diags, DIAG_WARNING, about_key(v, service, LINT_STANDARD_INPUT), "standard-input",
                n > 1 ? "fd:NAME is one of several" : NULL,
                "%u sockets are handed to %s, and standard input can only be one", n, service->name);
}

/* S38, D13: native hands the listener over, proxy keeps it; one service cannot be started both ways. */
static void validate_activation(struct validator *v, const struct unit *service)
{
    struct id_span sockets = graph_edges(v->graph, service->id, GRAPH_TRIGGERED_BY);
    const struct unit *first[2] = { NULL, NULL }; /* by enum activation_mode */
    for (uint32_t i = 0; i < sockets.count; i++) {
        const struct unit *socket = unit_set_get(v->set, sockets.ids[i]);
        if (socket->kind != UNIT_KIND_SOCKET) continue; /* a timer or path starts it as well */
        if (!first[socket->socket->activation_mode]) first[socket->socket->activation_mode] = socket;
    }
    if (!first[ACTIVATION_NATIVE] || !first[ACTIVATION_PROXY]) return;
    diag_report(v->diags, DIAG_ERROR, about_key(v, first[ACTIVATION_PROXY], LINT_ACTIVATION_MODE), "mixed-activation",
                NULL, "%s is activated by %s (native) and by %s (proxy); one service cannot have both", service->name,
                first[ACTIVATION_NATIVE]->name, first[ACTIVATION_PROXY]->name);
    v->refused = true;
}

/* ---- two sockets on one address ---- */

struct claim {
    struct address address;
    const struct unit *socket;
    const struct socket_listen *listen;
    uint64_t key; /* addresses that clash have the same */
};
struct claims {
    struct claim *items;
    size_t count, capacity;
};

static void claims_done(struct claims *claims)
{
    vec_done(claims);
}

/* FNV-1a over the last component: two spellings of one path end alike. */
static uint64_t hash_name(const struct address *address)
{
    const char *end = address->name + address->name_length;
    while (end > address->name && end[-1] == '/') end--;
    const char *begin = end;
    while (begin > address->name && begin[-1] != '/') begin--;
    uint64_t hash = 0xcbf29ce484222325u;
    for (; begin < end; begin++) hash = (hash ^ (unsigned char)*begin) * 0x100000001b3u;
    return hash | 1u << 16; /* apart from the ports */
}

static int compare_claims(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    if (x->socket->id != y->socket->id) return x->socket->id < y->socket->id ? -1 : 1;
    return x->listen < y->listen ? -1 : x->listen > y->listen;
}

/* Ports of their own: of another protocol, of another interface, or shared on purpose. */
static bool is_apart(const struct unit *a, const struct unit *b)
{
    const struct socket_extra_section *x = a->socket_extra, *y = b->socket_extra;
    if (x->reuse_port && y->reuse_port) return true;
    if ((x->protocol == IPPROTO_MPTCP ? 0 : x->protocol) != (y->protocol == IPPROTO_MPTCP ? 0 : y->protocol))
        return true;
    return x->bind_to_device && y->bind_to_device && strcmp(x->bind_to_device, y->bind_to_device) != 0;
}

static bool is_ipv4(const struct claim *claim)
{
    return claim->address.kind == ADDRESS_IPV4;
}

/* BindIPv6Only=ipv6-only */
static bool is_ipv6_only(const struct claim *claim)
{
    return !is_ipv4(claim) && claim->socket->socket_extra->bind_ipv6_only == 2;
}

static bool is_clash(const struct claim *a, const struct claim *b)
{
    bool is_unix = address_is_unix(&a->address);
    bool same_space = a->listen->kind == b->listen->kind || a->address.kind == ADDRESS_PATH;
    if (!same_space || (!is_unix && is_apart(a->socket, b->socket))) return false;
    if ((is_ipv4(a) && is_ipv6_only(b)) || (is_ipv4(b) && is_ipv6_only(a))) return false;
    return address_clashes(&a->address, &b->address);
}

/* Two sockets of which at most one will listen, because conditions choose between them, are how one image serves two
 * places: a note only. */
static void report_clash(struct validator *v, const struct claim *first, const struct claim *second)
{
    char text[ADDRESS_TEXT_MAX];
    bool conditional = first->socket != second->socket &&
                       (first->socket->unit->conditions.count > 0 || second->socket->unit->conditions.count > 0);
    diag_report(v->diags, conditional ? DIAG_NOTE : DIAG_WARNING,
                about_origin(second->listen->origin, "Socket", listen_kind_directive(second->listen->kind)),
                "address-clash", NULL, "%s is taken by %s (line %u); %s cannot listen there",
                address_format(&second->address, text), first->socket->name, first->listen->origin.line,
                second->socket->name);
}

static void report_clashes(struct validator *v, const struct claims *claims)
{
    size_t group = 0; /* where the claims with this key begin */
    for (size_t i = 1; i < claims->count; i++) {
        if (claims->items[i].key != claims->items[group].key) group = i;
        size_t k = group;
        while (k < i && !is_clash(&claims->items[k], &claims->items[i])) k++;
        if (k < i) report_clash(v, &claims->items[k], &claims->items[i]);
    }
}

static void refuse_address(struct validator *v, struct origin origin, const char *key, const char *text)
{
    char quoted[ADDRESS_TEXT_MAX];
    diag_report(v->diags, DIAG_ERROR, about_origin(origin, "Socket", key), "bad-address", NULL,
                "'%s' is not an address that a stream socket can have",
                str_escape(text, strlen(text), quoted, sizeof quoted));
    v->refused = true;
}

/* A proxy whose target is its own listener would connect to itself until descriptors run out. */
static void validate_target(struct validator *v, const struct unit *socket, const struct claim *claims, size_t count)
{
    struct address target;
    const char *text = socket->socket->proxy_target;
    struct origin origin = socket->socket->proxy_target_origin;
    if (socket->socket->activation_mode != ACTIVATION_PROXY || !text) return;
    if (address_parse_target(text, &target) < 0) {
        refuse_address(v, origin, "ProxyTarget", text);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!address_clashes(&claims[i].address, &target)) continue;
        diag_report(v->diags, DIAG_WARNING, about_origin(origin, "Socket", "ProxyTarget"), "proxy-loop", NULL,
                    "'%s' is what %s itself listens on", text, socket->name);
        return;
    }
}

/* systemd takes one alone for none, in silence. */
static void validate_queues(struct validator *v, const struct unit *socket)
{
    const struct socket_extra_section *extra = socket->socket_extra;
    const struct socket_listen_list *list = &socket->socket->listens;
    if ((extra->mq_max_messages > 0) == (extra->mq_message_size > 0)) return;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].kind == LISTEN_MESSAGE_QUEUE)
            diag_report(v->diags, DIAG_NOTE, about_origin(list->items[i].origin, "Socket", "ListenMessageQueue"),
                        "bad-combination", NULL,
                        "MessageQueueMaxMessages= and MessageQueueMessageSize= have an effect together only");
}

static void refuse_setting(struct validator *v, struct origin origin, const char *key, const char *why)
{
    diag_report(v->diags, DIAG_ERROR, about_origin(origin, "Socket", key), "bad-combination", NULL, "%s= %s", key, why);
    v->refused = true;
}

/* The proxy accepts connections, takes datagrams, and connects to something of the same kind. */
static void validate_proxy(struct validator *v, const struct unit *socket)
{
    const struct socket_section *settings = socket->socket;
    struct address target;
    if (settings->activation_mode != ACTIVATION_PROXY || !settings->proxy_target) return;
    bool is_ip = address_parse_target(settings->proxy_target, &target) == 0 && !address_is_unix(&target);
    if (settings->proxy_transparent && !is_ip)
        refuse_setting(v, settings->proxy_target_origin, "ProxyTransparent", "is for targets with an IP address");
    for (uint32_t i = 0; i < settings->listens.count; i++) {
        const struct socket_listen *listen = &settings->listens.items[i];
        const char *key = listen_kind_directive(listen->kind);
        bool is_stream = listen->kind == LISTEN_STREAM, is_datagram = listen->kind == LISTEN_DATAGRAM;
        if (listen->kind == LISTEN_SEQPACKET && is_ip)
            refuse_setting(v, listen->origin, key, "is proxied to unix sockets only");
        else if (is_datagram && settings->proxy_protocol != 0)
            refuse_setting(v, listen->origin, key, "has no place for what ProxyProtocol= adds");
        if (is_stream || is_datagram || listen->kind == LISTEN_SEQPACKET) continue;
        diag_report(v->diags, DIAG_ERROR, about_origin(listen->origin, "Socket", key), "bad-address", NULL,
                    "%s= is nothing that a proxy can accept from", key);
        v->refused = true;
    }
}

static int collect_claims(struct validator *v, const struct unit *socket, struct claims *claims)
{
    const struct socket_listen_list *list = &socket->socket->listens;
    size_t before = claims->count;
    for (uint32_t i = 0; i < list->count; i++) {
        struct claim claim = { .socket = socket, .listen = &list->items[i] };
        if (claim.listen->kind == LISTEN_SPECIAL || claim.listen->kind == LISTEN_MESSAGE_QUEUE) continue; /* shared */
        if (listen_parse(claim.listen, &claim.address) < 0) {
            refuse_address(v, claim.listen->origin, listen_kind_directive(claim.listen->kind), claim.listen->text);
            continue;
        }
        claim.key = address_is_unix(&claim.address)       ? hash_name(&claim.address)
                    : claim.address.kind == ADDRESS_VSOCK ? claim.address.number | (uint64_t)1 << 32
                                                          : claim.address.port;
        int r = vec_push(claims, claim);
        if (r < 0) return r;
    }
    validate_proxy(v, socket);
    validate_queues(v, socket);
    validate_target(v, socket, claims->items ? claims->items + before : NULL, claims->count - before);
    return 0;
}

int validate_sockets(struct validator *v)
{
    __attribute__((cleanup(claims_done))) struct claims claims = VEC_EMPTY;
    for (uint32_t id = 0; id < unit_set_count(v->set); id++) {
        const struct unit *unit = unit_set_get(v->set, id);
        if (unit->kind == UNIT_KIND_SERVICE) {
            validate_activation(v, unit);
            validate_standard_input(v, unit);
        }
        if (unit->kind != UNIT_KIND_SOCKET) continue;
        validate_service(v, unit);
        validate_idle_stop(v, unit);
        int r = collect_claims(v, unit, &claims);
        if (r < 0) return r;
    }
    if (claims.count > 1) qsort(claims.items, claims.count, sizeof *claims.items, compare_claims);
    report_clashes(v, &claims);
    return 0;
}
