/* supervisor/restart.h - the decisions around Restart= and StartLimit*=: pure functions of values and a clock.
 *
 * Source: systemd.service(5) Restart= (its table), SuccessExitStatus=, RestartPreventExitStatus=,
 * RestartForceExitStatus=; container-init(8) HealthAction=; systemd.unit(5) StartLimitIntervalSec=; SEED.md D7, S50. */
#pragma once
#include "base/attr.h"
#include "pid1/reaper.h"
#include "supervisor/unit_type.h"
#include "unit/settings.h"

/* What an exit means: success, exit-code, signal or core-dump. SIGHUP, SIGINT, SIGTERM and SIGPIPE are clean for a
 * daemon (`is_daemon`: the main process of anything but a oneshot; a oneshot or control process must exit 0). */
enum unit_result exit_result(const struct child_exit *exit, const struct exit_set *success, bool is_daemon);
/* 0..255: the exit status, or 128 plus the signal (K30). */
int exit_shell_code(const struct child_exit *exit);
/* "exit code 3", "killed by SIGKILL", "" for success (S18). Returns `buffer`, at least EXIT_WORDS_MAX bytes. */
#define EXIT_WORDS_MAX 48
const char *exit_words(const struct child_exit *exit, char *buffer);

struct restart_facts {
    enum unit_result result;
    const struct child_exit *main_exit; /* NULL: the main process has not ended, or there was none */
    bool stop_requested;                /* by a job: never restarted */
    bool health_restart;                /* HealthAction=restart was taken: whatever Restart= says */
};
bool restart_is_wanted(const struct service_section *service, const struct restart_facts *facts);

/* A pseudo-random number 0..max; *state is the generator's (any value will do as its beginning), so that a test can pin
 * what follows. Not for secrets. */
usec_t random_span(uint64_t *state, usec_t max);
/* The pause before restart number `n` (from 1): RestartSec=, growing by a constant factor over RestartSteps= steps to
 * RestartMaxDelaySec=, and 0..RestartRandomizedDelaySec= more. */
usec_t restart_delay(const struct service_section *service, const struct service_extra_section *extra, uint32_t n,
                     uint64_t *random_state);

/* Counts a start at `now`; false when `burst` starts are used up within the window that began with the first. An
 * interval or burst of 0 is no limit. */
bool start_limit_take(usec_t *begin, uint32_t *count, usec_t now, usec_t interval, uint32_t burst);
/* The same question without counting. */
bool start_limit_is_hit(usec_t begin, uint32_t count, usec_t now, usec_t interval, uint32_t burst);
