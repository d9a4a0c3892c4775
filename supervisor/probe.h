/* supervisor/probe.h - ReadyWhen= and HealthCheck=: looking again and again whether a service does what it is for.
 *
 * Each look is a process of the unit: in its leaf, with its mark, user, directory and environment, below a deadline
 * that kills it, and killed with the unit. PID 1 itself connects nowhere, resolves and matches nothing: for all forms
 * but exec: the process is our own program again, `__probe`, by a descriptor that was opened at start. A look at the
 * log gets a copy of the lines through a pipe; what does not fit into it is dropped and counted, so that it slows
 * nothing. ReadyWhen= is asked while the service is in START, until it is true, which posts READY; HealthCheck= while
 * it is running or reloading, which posts UNHEALTHY. Source: container-init(8), "READINESS AND HEALTH"; K77. */
#pragma once
#include "base/fd.h"
#include "supervisor/logs.h"
#include "supervisor/service.h"

/* clang-format off */
#define HEALTH_STATES(X) \
    X(UNKNOWN, "")           /* nothing is asked */ \
    X(STARTING, "starting")  /* no answer that counts yet */ \
    X(GOOD, "healthy")       X(BAD, "unhealthy")
/* clang-format on */
enum health_state {
#define X(enumerator, word) HEALTH_IS_##enumerator,
    HEALTH_STATES(X)
#undef X
};
/* "healthy", for status; "" where nothing is asked. */
const char *probe_health(const struct service *s);

static inline bool probe_tells_ready(const struct service *s)
{
    return s->base.unit->probe->ready.kind != PROBE_NONE;
}
/* The service has come to another state; see service_hooks.c. */
void probe_state_changed(struct service *s, enum service_state from);
/* START has done its part, and readiness is waited for. */
void probe_launched(struct service *s);
/* The service goes away. */
void probe_done(struct service *s);

/* Our own program, to be executed later without /proc and wherever its path leads to by then; numbered above the
 * standard streams. 0 or -errno. */
MUST_CHECK int probe_open_program(struct fd *ret_program);

/* ---- supervisor/probe_exec.c ---- */
struct service_probe {
    struct service *service;
    const struct probe_check *check; /* what is asked; NULL: nothing */
    bool is_health;
    bool looking;            /* `process` is a look whose answer counts */
    bool exec_failed;        /* it did not get to exec: `why` says so */
    uint8_t health;          /* enum health_state */
    uint32_t passed, failed; /* looks in a row */
    usec_t since;            /* when asking began */
    struct process process;
    struct loop_deadline timer; /* the end of a look, or the next one */
    struct log_tap tap;         /* log: */
    struct fd lines_read, lines_write;
    uint64_t lost_lines;
    char why[120]; /* of the last failure */
};
/* Begins a look. 0 or -errno with sp->why filled in; its end is told to probe_look_ended(). */
MUST_CHECK int probe_look(struct service_probe *sp);
/* Kills and forgets a look under way. */
void probe_look_kill(struct service_probe *sp);
void probe_look_stop(struct service_probe *sp);
/* log: from here on lines are kept for the looks; with `only_new` not those of streams that are open already. */
MUST_CHECK int probe_lines_open(struct service_probe *sp, bool only_new);
void probe_lines_close(struct service_probe *sp);
/* ---- supervisor/probe.c ---- */
/* An answer: sp->why says what is wrong, "" is success. */
void probe_look_ended(struct service_probe *sp);
