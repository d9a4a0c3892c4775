/* control/perform.h - one request, carried out step by step as its answers are taken.
 *
 * Each step does one thing to one unit and makes one answer, so that a long list neither keeps PID 1 from its work nor
 * fills its memory. Jobs that are waited for are noted here until they end. Source: systemctl(1). */
#pragma once
#include "base/attr.h"
#include "base/vec.h"
#include "control/protocol.h"
#include "supervisor/job.h"
struct json_value;
struct manager;
struct runtime;

struct awaited {
    char *unit; /* its name: an instance may be gone before its answer is */
    uint32_t job;
    uint8_t result, why; /* enum job_result, enum unit_result: once it has ended */
    bool ended, told;
};

/* Embedded; zeroed: none. */
struct performance {
    struct control_request request;
    const char *refused, *why; /* of the whole request: word and sentence */
    size_t next;               /* of the names, or of all units */
    VEC(struct awaited) awaited;
    bool over;
};

/* Reads the request. What is wrong with it becomes its only answer. 0 or -ENOMEM. */
MUST_CHECK int performance_begin(struct performance *performance, const char *text, size_t length, bool may_change);
/* Does the next step. 1: *ret_text (malloc'ed) is the answer to it; 0: only ends of jobs are to come; -ENOMEM. */
MUST_CHECK int performance_next(struct performance *performance, struct manager *manager, char **ret_text);
/* The last answer was made. */
bool performance_is_over(const struct performance *performance);
/* A job has ended. Returns whether performance_next() has something to say because of it. */
bool performance_job_removed(struct performance *performance, const struct runtime *rt, uint32_t job,
                             enum job_result result);
void performance_done(struct performance *performance);

/* The answer "error"; `unit` may be NULL. NULL when out of memory. */
struct json_value *performance_error(const char *unit, const char *word, const char *message);
