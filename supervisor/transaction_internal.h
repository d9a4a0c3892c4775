/* supervisor/transaction_internal.h - what transaction.c, which builds the plan, and transaction_settle.c, which makes
 * it consistent, share. */
#pragma once
#include "base/vec.h"
#include "supervisor/job.h"
#include "supervisor/transaction.h"
#include "supervisor/unit_type.h"

/* Indices into the arrays of a transaction; the first item of each is not used, so that 0 is none. */
#define NO_JOB  0U
#define NO_LINK 0U

enum strength { WISH, NEED, CONFLICT }; /* CONFLICT: a NEED from Conflicts= */

struct planned {
    uint32_t unit, next;       /* `next`: another job of the unit */
    uint32_t needs, needed_by; /* lists of links of which this is the subject, the object */
    uint32_t users;            /* links of which this is the object */
    uint8_t type;
    bool root;    /* the anchor, or planned for itself at boot */
    bool matters; /* to the anchor */
    bool ignore_order, dropped;
};

/* The subject's job is why the object's is planned. */
struct link {
    uint32_t subject, object, next_of_subject, next_of_object;
    bool matters, conflicts, gone;
};

struct transaction {
    struct manager *manager;
    VEC(struct planned) jobs;
    VEC(struct link) links;
    VEC(uint32_t) stack, loose; /* loose: nobody may need them any more */
    uint32_t anchor;            /* NO_JOB at boot */
    uint32_t closed;            /* jobs up to here have been followed */
    enum job_mode mode;
    struct job_error *error;
    bool in_use;
};

/* Drops what changes nothing, what nobody needs and what contradicts the rest, and merges: at most one job is left per
 * unit. 0, -EDEADLK with tr->error filled in, or -ENOMEM. */
MUST_CHECK int transaction_settle(struct transaction *tr);
