/* supervisor/job_conditions.h - the step of a start job that looks at Condition*= and Assert*=.
 *
 * Where one of their paths might not answer, a file helper looks: the job is JOB_CHECKING meanwhile, and is queued
 * again with the answer. Whatever takes the job away (a stop, the shutdown, a failed requirement) ends the look as
 * well (K11, K20, K72). Source: systemd.unit(5) "CONDITIONS AND ASSERTS". */
#pragma once
#include "base/attr.h"

struct runtime;
struct job_check;
struct manager;
struct condition_context;

/* 1: go on. 0: skipped. -EINPROGRESS: the job is JOB_CHECKING now and will be queued. Any other -errno: the start
 * fails with rt->result. What came out is in log and trace when this returns. */
MUST_CHECK int job_check_conditions(struct runtime *rt);
/* Forgets a look under way, and an answer that was not used. */
void job_check_drop(struct runtime *rt);
/* What the conditions of its units are asked of. Borrowed from the manager. */
struct condition_context manager_condition_context(const struct manager *manager);
