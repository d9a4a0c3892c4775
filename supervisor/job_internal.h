/* supervisor/job_internal.h - what job.c (installed jobs and their end), job_dispatch.c (running them), job_request.c
 * (asking for them) and the transactions share. */
#pragma once
#include "supervisor/job.h"
#include "supervisor/transaction.h"
#include "supervisor/unit_type.h"

static inline bool job_is_stop(const struct job *job)
{
    return job->type == JOB_STOP || job->type == JOB_RESTART;
}
static inline bool job_waits_for_start(const struct job *job)
{
    return job->type == JOB_START || job->type == JOB_VERIFY_ACTIVE;
}

/* ---- job.c ---- */
/* Puts a waiting job that may run into the run queue. */
void job_queue(struct runtime *rt);
/* Installs a job, merges it into the one that is there or replaces that: transaction_install_fn. */
void job_apply(const struct planned_job *planned);
/* Ends a job. A restart that is done becomes a start. What the end means for others follows (JOB_QUIETLY: it does not,
 * since a transaction that knows of them is being applied). */
enum job_spread { JOB_SPREADS, JOB_QUIETLY };
void job_finish(struct runtime *rt, enum job_result result, enum job_spread spread);
void job_start_timer(struct runtime *rt, bool running);

/* ---- job_dispatch.c ---- */
/* "not started: required unit ...", in log and trace. */
void job_log_dependency(struct runtime *rt, const struct runtime *culprit, const char *what);
/* Tells of a requirement that is not installed, of its own or further down (S43). */
bool job_missing_requirement(struct runtime *rt);
/* The culprit's failure is the container's when it is the first that kept another unit from starting (K31). */
void job_note_deciding(struct runtime *culprit);
/* The unit waits out RestartSec=. */
bool job_unit_waits_to_restart(const struct runtime *rt);
