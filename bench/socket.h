/* bench/socket.h - what the benchmarks of connections share. */
#pragma once
#include "bench/measure.h"

#define SOCKET_LOAD  "/bench/socket_load"
#define SOCKET_FLOOR "/bench/socket_floor"
#define PROXYD       "/lib/systemd/systemd-socket-proxyd"

/* Numbers that bench/socket_load.c prints, and the processor time of the client in nanoseconds. */
struct answer {
    int64_t first, second, third, cpu;
};

/* Runs the client in the container. false: it failed, or said less than two numbers. */
bool client_ask(const struct run *run, const char *const *argv, struct answer *ret);
/* The same in the background; the caller reads its numbers, ends it and waits for it. */
FILE *client_start(const struct run *run, const char *const *argv, pid_t *ret_pid);
/* Waits until somebody answers there. */
void await_port(const struct run *run, const char *port);
/* Nanoseconds, and PSS, of the processes of a unit; "": of PID 1 and what it runs for its sockets; NULL: 0. */
int64_t proxy_cpu(const struct run *run, const char *unit);
int64_t proxy_pss_kib(const struct run *run, const char *unit);
/* Room for connections that wait to be forgotten. */
void widen_ports(const struct run *run);

struct processors;
/* From here on this process and the containers it starts have the last `count` processors; hand back what there was. */
struct processors *processors_take(size_t count);
void processors_give_back(struct processors *before);
