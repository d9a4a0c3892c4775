/* supervisor/job.h - transactions and jobs: what is to be started and stopped, and when each may run.
 *
 * A unit has at most one job. Its blockers are counted once, when it is installed, from the ordering edges to other
 * jobs (of two jobs with an order between them a stop goes first, else the one that is Before=), and counted down as
 * those finish: dispatching a whole boot is O(V+E). Nothing recurses. Source: systemd.unit(5) After=, Requires=,
 * Conflicts=, PartOf=; systemd's job merging rules for the job mode "replace". */
#pragma once
#include "base/attr.h"

struct manager;
struct runtime;
struct job_check;

enum job_type { JOB_NONE, JOB_START, JOB_STOP, JOB_RESTART, JOB_TYPE_COUNT };
/* CHECKING: its turn has come, and a file helper looks at its conditions (supervisor/job_conditions.h). */
enum job_state { JOB_WAITING, JOB_CHECKING, JOB_RUNNING };
/* clang-format off */
#define JOB_RESULTS(X) \
    X(DONE, "done") X(FAILED, "failed") X(DEPENDENCY, "dependency") X(SKIPPED, "skipped") X(CANCELED, "canceled")
/* clang-format on */
enum job_result {
#define X(enumerator, text) JOB_##enumerator,
    JOB_RESULTS(X)
#undef X
        JOB_RESULT_COUNT
};
const char *job_type_name(enum job_type type);
const char *job_result_name(enum job_result result);

/* Embedded in struct runtime; zeroed: no job. */
struct job {
    uint8_t type, state;
    bool queued; /* in the run queue */
    bool held;   /* a restart that waits for RestartSec= */
    bool forced; /* the stop bound is near: order does not matter any more */
    uint32_t blockers;
    struct job_check *check; /* CHECKING, and the answer until it is used */
};

/* The start of everything that is not held back, with what it requires and wants (D6, D16). 0 or -ENOMEM. */
MUST_CHECK int jobs_start_boot(struct manager *manager);
/* Starts or stops one unit with what that pulls in. 0 or -ENOMEM; when the manager is stopping, starts are refused with
 * -ESHUTDOWN. */
MUST_CHECK int jobs_start(struct manager *manager, struct runtime *rt);
MUST_CHECK int jobs_stop(struct manager *manager, struct runtime *rt);
/* Stop jobs for all that is up; every start job is cancelled. */
void jobs_stop_all(struct manager *manager);
/* A service waits out RestartSec=: it has a start job from now on, so that who waits for it goes on waiting (K40). */
void job_hold(struct runtime *rt);
/* The wait is over: what requires it is restarted with it, and the job may run. */
MUST_CHECK int job_release(struct runtime *rt);
/* The answer that a CHECKING job waited for is there: it may run. */
void job_checked(struct runtime *rt);
/* Lets a waiting stop run, order or not (D11). */
void job_force(struct runtime *rt);
/* The unit's state changed (called by runtime_set_active only). */
void job_on_state(struct runtime *rt);
/* Runs jobs that may run, at most `max`. Returns how many; more may be left. */
size_t jobs_dispatch(struct manager *manager, size_t max);
bool jobs_pending(const struct manager *manager);
bool jobs_runnable(const struct manager *manager);
