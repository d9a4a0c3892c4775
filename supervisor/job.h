/* supervisor/job.h - installed jobs: what is to be done to which unit, and when each may run.
 *
 * A unit has at most one job; what is asked for while it has one is merged into it or replaces it. Which jobs a request
 * makes is decided by a transaction (supervisor/transaction.h), as a whole or not at all. A job's blockers are counted
 * once, when it is installed, from the ordering edges to other jobs (of two jobs with an order between them a stop goes
 * first, else the one that is Before=), and counted down as those finish: dispatching a whole boot is O(V+E). Nothing
 * recurses. Source: systemd.unit(5), systemctl(1) --job-mode=; systemd's rules for merging jobs. */
#pragma once
#include "base/attr.h"
#include "supervisor/job_type.h"

struct manager;
struct runtime;
struct job_check;
struct job_timer;

/* CHECKING: its turn has come, and a file helper looks at its conditions (supervisor/job_conditions.h). */
enum job_state { JOB_WAITING, JOB_CHECKING, JOB_RUNNING };

/* Embedded in struct runtime; zeroed: no job. */
struct job {
    uint8_t type, state;
    bool queued;              /* in the run queue */
    bool held;                /* a start that waits for RestartSec= */
    bool ignore_order;        /* mode ignore-dependencies, or the stop bound is near (D11) */
    bool ignore_requirements; /* of its unit; mode ignore-requirements as well */
    bool irreversible;        /* mode replace-irreversibly: only cancelling and the shutdown take it away */
    uint32_t blockers;
    uint32_t id;             /* never 0 while there is a job */
    struct job_check *check; /* CHECKING, and the answer until it is used */
    struct job_timer *timer; /* JobTimeoutSec=, JobRunningTimeoutSec=: only where one is set */
};

/* ---- requests ---- */
/* Why a request was refused: for people, and a word for programs, which is that of systemd's bus errors without
 * "org.freedesktop.systemd1." ("TransactionIsDestructive", "OnlyByDependency", "NoIsolation", "ShuttingDown",
 * "JobTypeNotApplicable", "NoSuchUnit", "TransactionJobsConflicting"; "" where there is none, such as -ENOMEM). */
struct job_error {
    const char *code;
    char text[320];
};
/* Builds and applies the transaction that has this job as its anchor. `ret_error` and `ret_job_id` may be NULL.
 * *ret_job_id is the anchor's job, to be waited for with a hook; 0: there was nothing to do, as for try-restart of a
 * unit that is down. Nothing was changed when it fails: -ESHUTDOWN (only stops are taken then), -EINVAL (mode and type
 * do not go together), -EBADR (the unit cannot do that, as a reload), -EDEADLK (it contradicts jobs that are there, or
 * itself), -ENOENT (a requirement is not installed), -ENOMEM. */
MUST_CHECK int jobs_enqueue(struct manager *manager, struct runtime *rt, enum job_type type, enum job_mode mode,
                            struct job_error *ret_error, uint32_t *ret_job_id);
/* The same for what a person asks for: RefuseManualStart=, RefuseManualStop= (-EPERM) and a requirement that is not
 * installed (-ENOENT) are looked at first. AllowIsolate= (-EPERM) is looked at for everybody. */
MUST_CHECK int jobs_enqueue_manual(struct manager *manager, struct runtime *rt, enum job_type type, enum job_mode mode,
                                   struct job_error *ret_error, uint32_t *ret_job_id);
/* Takes the job away; what waited for a start fails. Its unit stays as it is. -ENOENT: there is no such job. */
MUST_CHECK int jobs_cancel(struct manager *manager, uint32_t id);
/* The unit whose job has this id, or NULL. */
struct runtime *jobs_find(const struct manager *manager, uint32_t id);
bool unit_can_reload(const struct runtime *rt);

/* Told of each job that is gone, with its type and how it ended; within the engine: it records, and asks for no job. */
typedef void job_removed_fn(struct runtime *rt, uint32_t id, enum job_type type, enum job_result result,
                            void *userdata);
struct job_hook {
    job_removed_fn *removed;
    void *userdata;
};
/* 0 or -ENOMEM. Hooks are called in the order they were added, and stay. */
MUST_CHECK int jobs_add_hook(struct manager *manager, job_removed_fn *removed, void *userdata);

/* ---- shorthands of the supervisor itself ---- */
/* The start of everything that is not held back, with what it requires and wants (D6, D16). 0 or -ENOMEM. */
MUST_CHECK int jobs_start_boot(struct manager *manager);
/* jobs_enqueue() for those who have nobody to tell of a refusal: it is logged. */
MUST_CHECK int jobs_ask(struct manager *manager, struct runtime *rt, enum job_type type, enum job_mode mode);
MUST_CHECK int jobs_start(struct manager *manager, struct runtime *rt); /* JOB_START, JOB_MODE_REPLACE */
MUST_CHECK int jobs_stop(struct manager *manager, struct runtime *rt);
/* Stop jobs for all that is up; every start job is cancelled. */
void jobs_stop_all(struct manager *manager);

/* ---- what happens to jobs ---- */
/* A service waits out RestartSec=: it has a start job from now on, so that who waits for it goes on waiting (K40). */
void job_hold(struct runtime *rt);
/* The wait is over: what requires it is restarted with it, what it requires is started, and the job may run. -errno
 * when nothing but the job itself came of it. */
MUST_CHECK int job_release(struct runtime *rt);
/* The answer that a CHECKING job waited for is there: it may run. */
void job_checked(struct runtime *rt);
/* Lets a waiting stop run, order or not (D11). */
void job_force(struct runtime *rt);
/* The unit's state changed (called by runtime_set_active only). Returns whether no job has asked for that. */
bool job_on_state(struct runtime *rt);
/* Runs jobs that may run, at most `max`. Returns how many; more may be left. */
size_t jobs_dispatch(struct manager *manager, size_t max);
bool jobs_pending(const struct manager *manager);
bool jobs_runnable(const struct manager *manager);
/* Forgets what hangs on the job, when the unit goes. */
void job_done(struct runtime *rt);
