/* supervisor/socket.h - the runtime of one .socket unit: listeners, the wait for a connection, hand-over or proxy.
 *
 * Source: systemd.socket(5); SEED.md S53-S59, D9, D13. */
#pragma once
#include "base/attr.h"
#include "base/vec.h"

struct manager;
struct runtime;
struct service;

/* Since the unit was started: NAccepted, NConnections and NRefused of org.freedesktop.systemd1(5); of a proxy, its
 * clients. */
struct socket_counters {
    uint64_t accepted, refused;
    uint32_t connections;
};
const struct socket_counters *socket_counters(const struct runtime *rt);

/* ---- supervisor/socket_accept.c: instances for connections ---- */
/* The instance's state has changed, or it goes: its connection is over for us when nothing will be done with it. */
void socket_connection_state(struct service *service);
void socket_connection_end(struct service *service);

/* What manager_post_socket() was given; enum socket_event. Called by the manager's settle loop only. */
void socket_fire_posted(struct runtime *rt, uint8_t event);

/* After exits were collected: who of manager->sockets_ending waits no longer? */
void sockets_check_ending(struct manager *manager);
/* A unit is down: sockets whose trigger was deferred look again, in the next round's deadlines. */
void sockets_retry_deferred(struct manager *manager);

struct passed_fds {
    VEC(int) fds; /* borrowed from the listeners */
    VEC(const char *) names;
};
void passed_fds_done(struct passed_fds *passed);
/* The listeners of all native sockets of this service that are up, in the order of the sockets' names and lines (D13).
 */
MUST_CHECK int sockets_collect(struct service *service, struct passed_fds *ret);
/* The service is about to start by whatever way: its native sockets stop waiting. */
void sockets_service_starting(struct service *service);
/* The service is up: proxies dial. */
void sockets_service_ready(struct service *service);
/* It was to stop, which was called off, and is up: proxies dial. */
void sockets_service_stays(struct service *service);
/* The service is no longer up: proxied connections wait from now on. */
void sockets_service_leaving(struct service *service);
/* The service is down: its sockets listen again, or fail with `why` (S17 words) when it cannot come back. */
void sockets_service_down(struct service *service, const char *why);
