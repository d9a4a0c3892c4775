/* supervisor/job_type.h - the algebra of jobs: pure functions of job types and states.
 *
 * What two jobs of one unit become, which jobs change nothing, and what a collapsed form means for a unit in its
 * present state. Source: systemctl(1) for the verbs, systemd.unit(5); the tables are those that systemd's job engine
 * documents (merging is commutative, and after collapsing associative). */
#pragma once
#include "base/attr.h"
#include "supervisor/active_state.h"

/* clang-format off */
/* Up to RESTART they are merged and installed; NOP changes nothing and is never installed; the rest are asked for and
 * become one of the former by the unit's state. */
#define JOB_TYPES(X) \
    X(NONE, "none") X(START, "start") X(VERIFY_ACTIVE, "verify-active") X(STOP, "stop") X(RELOAD, "reload") \
    X(RESTART, "restart") X(NOP, "nop") X(TRY_RESTART, "try-restart") X(TRY_RELOAD, "try-reload") \
    X(RELOAD_OR_START, "reload-or-start")
#define JOB_RESULTS(X) \
    X(DONE, "done") X(CANCELED, "canceled") X(TIMEOUT, "timeout") X(FAILED, "failed") X(DEPENDENCY, "dependency") \
    X(SKIPPED, "skipped") X(INVALID, "invalid") X(ASSERT, "assert") X(UNSUPPORTED, "unsupported") \
    X(COLLECTED, "collected") X(ONCE, "once")
/* In the order of words_job_mode (unit/settings.h), whose index is one of these. */
#define JOB_MODES(X) \
    X(FAIL, "fail") X(REPLACE, "replace") X(REPLACE_IRREVERSIBLY, "replace-irreversibly") X(ISOLATE, "isolate") \
    X(FLUSH, "flush") X(IGNORE_DEPENDENCIES, "ignore-dependencies") X(IGNORE_REQUIREMENTS, "ignore-requirements") \
    X(TRIGGERING, "triggering") X(RESTART_DEPENDENCIES, "restart-dependencies") X(LENIENT, "lenient")
/* clang-format on */
enum job_type {
#define X(enumerator, text) JOB_##enumerator,
    JOB_TYPES(X)
#undef X
        JOB_TYPE_COUNT
};
#define JOB_TYPE_INSTALLED_COUNT (JOB_RESTART + 1)
enum job_result {
#define X(enumerator, text) JOB_RESULT_##enumerator,
    JOB_RESULTS(X)
#undef X
        JOB_RESULT_COUNT
};
enum job_mode {
#define X(enumerator, text) JOB_MODE_##enumerator,
    JOB_MODES(X)
#undef X
        JOB_MODE_COUNT
};
const char *job_type_name(enum job_type type);       /* "start" */
const char *job_result_name(enum job_result result); /* "done" */
const char *job_mode_name(enum job_mode mode);       /* "replace" */
/* By name; JOB_TYPE_COUNT, JOB_MODE_COUNT when there is none. "none" and "nop" are not asked for. */
enum job_type job_type_of_name(const char *name);
enum job_mode job_mode_of_name(const char *name);

/* What a collapsed form means in that state: JOB_NOP for nothing to do. Other types are themselves. */
enum job_type job_type_collapse(enum job_type type, enum active_state state);
/* One job that does what both do, collapsed; JOB_NONE when they conflict. Both are of the installed types. */
enum job_type job_type_merge(enum job_type a, enum job_type b, enum active_state state);
bool job_type_is_conflicting(enum job_type a, enum job_type b);
/* Doing `a` is doing `b` as well. */
bool job_type_is_superset(enum job_type a, enum job_type b);
/* The unit is as the job would leave it. A restart or reload never is redundant. */
bool job_type_is_redundant(enum job_type type, enum active_state state);
