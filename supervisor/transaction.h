/* supervisor/transaction.h - which jobs a request comes to: everything it pulls in, without contradictions, or nothing.
 *
 * A transaction is built from one anchor job (or, at boot, from many roots that nobody insists on), follows the
 * relations of the units, and is then made consistent: jobs that change nothing go, of two that contradict each other
 * the one that does not matter to the anchor goes with all that needs it, what is left for one unit is merged. Only
 * what survives is installed, at once. "Matters" means: reached from the anchor through requirements only, not through
 * wishes (Wants=, Upholds=, ConflictedBy). Nothing recurses. Source: systemd.unit(5); systemctl(1) --job-mode=. */
#pragma once
#include "base/attr.h"
#include "supervisor/job_type.h"

struct job_error;
struct manager;
struct runtime;

/* A job that is to be installed, as handed to transaction_install_fn. */
struct planned_job {
    struct runtime *rt;
    enum job_type type; /* one of the installed types */
    bool irreversible, ignore_order, ignore_requirements;
};

struct transaction_request {
    struct runtime *rt; /* the anchor; NULL: at boot, everything that START_AT_BOOT says */
    enum job_type type; /* collapsed, not JOB_NOP */
    enum job_mode mode;
};

/* What a transaction needs of the job engine: to install a job, and to cancel that of a unit (isolate, flush). */
typedef void transaction_install_fn(const struct planned_job *job);

/* 0: everything is installed. -errno: nothing is, and *ret_error (not NULL) says why: -EBADR, -EDEADLK, -ENOMEM. */
MUST_CHECK int transaction_run(struct manager *manager, const struct transaction_request *request,
                               transaction_install_fn *install, transaction_install_fn *cancel,
                               struct job_error *ret_error);
/* Frees what transactions keep between them. */
struct transaction;
void transaction_free(struct transaction *transaction);
