#include "supervisor/job_type.h"

#include <string.h>

static const char *const type_names[JOB_TYPE_COUNT] = {
#define X(enumerator, text) [JOB_##enumerator] = (text),
    JOB_TYPES(X)
#undef X
};

static const char *const mode_names[JOB_MODE_COUNT] = {
#define X(enumerator, text) [JOB_MODE_##enumerator] = (text),
    JOB_MODES(X)
#undef X
};

const char *job_type_name(enum job_type type)
{
    return type_names[type];
}

const char *job_result_name(enum job_result result)
{
    static const char *const names[JOB_RESULT_COUNT] = {
#define X(enumerator, text) [JOB_RESULT_##enumerator] = (text),
        JOB_RESULTS(X)
#undef X
    };
    return names[result];
}

const char *job_mode_name(enum job_mode mode)
{
    return mode_names[mode];
}

enum job_type job_type_of_name(const char *name)
{
    for (enum job_type type = JOB_START; type < JOB_TYPE_COUNT; type++)
        if (type != JOB_NOP && strcmp(type_names[type], name) == 0) return type;
    return JOB_TYPE_COUNT;
}

enum job_mode job_mode_of_name(const char *name)
{
    enum job_mode mode = 0;
    while (mode < JOB_MODE_COUNT && strcmp(mode_names[mode], name) != 0) mode++;
    return mode;
}

static bool is_up(enum active_state state)
{
    return state == ACTIVE_STATE_ACTIVE || state == ACTIVE_STATE_RELOADING;
}

enum job_type job_type_collapse(enum job_type type, enum active_state state)
{
    switch (type) {
    case JOB_TRY_RESTART: /* one that is on its way up may have seen the old state of what it depends on */
        return is_up(state) || state == ACTIVE_STATE_ACTIVATING ? JOB_RESTART : JOB_NOP;
    case JOB_TRY_RELOAD:
        return is_up(state) ? JOB_RELOAD : JOB_NOP;
    case JOB_RELOAD_OR_START:
        return is_up(state) ? JOB_RELOAD : JOB_START;
    case JOB_NONE:
    case JOB_START:
    case JOB_VERIFY_ACTIVE:
    case JOB_STOP:
    case JOB_RELOAD:
    case JOB_RESTART:
    case JOB_NOP:
    case JOB_TYPE_COUNT:
        break;
    }
    return type;
}

/* Symmetric; what is not there conflicts. */
static const uint8_t merged[JOB_TYPE_INSTALLED_COUNT][JOB_TYPE_INSTALLED_COUNT] = {
    /* clang-format off */
    [JOB_START]         = { [JOB_START] = JOB_START,           [JOB_VERIFY_ACTIVE] = JOB_START,
                            [JOB_RELOAD] = JOB_RELOAD_OR_START, [JOB_RESTART] = JOB_RESTART },
    [JOB_VERIFY_ACTIVE] = { [JOB_START] = JOB_START,           [JOB_VERIFY_ACTIVE] = JOB_VERIFY_ACTIVE,
                            [JOB_RELOAD] = JOB_RELOAD,         [JOB_RESTART] = JOB_RESTART },
    [JOB_STOP]          = { [JOB_STOP] = JOB_STOP },
    [JOB_RELOAD]        = { [JOB_START] = JOB_RELOAD_OR_START, [JOB_VERIFY_ACTIVE] = JOB_RELOAD,
                            [JOB_RELOAD] = JOB_RELOAD,         [JOB_RESTART] = JOB_RESTART },
    [JOB_RESTART]       = { [JOB_START] = JOB_RESTART,         [JOB_VERIFY_ACTIVE] = JOB_RESTART,
                            [JOB_RELOAD] = JOB_RESTART,        [JOB_RESTART] = JOB_RESTART },
    /* clang-format on */
};

enum job_type job_type_merge(enum job_type a, enum job_type b, enum active_state state)
{
    return job_type_collapse((enum job_type)merged[a][b], state);
}

bool job_type_is_conflicting(enum job_type a, enum job_type b)
{
    return merged[a][b] == JOB_NONE;
}

bool job_type_is_superset(enum job_type a, enum job_type b)
{
    return merged[a][b] == a;
}

bool job_type_is_redundant(enum job_type type, enum active_state state)
{
    switch (type) {
    case JOB_START:
    case JOB_VERIFY_ACTIVE:
        return is_up(state);
    case JOB_STOP:
        return state == ACTIVE_STATE_INACTIVE || state == ACTIVE_STATE_FAILED;
    case JOB_NOP:
        return true;
    case JOB_RELOAD: /* what is to be read may have changed since the reload under way began */
    case JOB_RESTART:
    case JOB_NONE:
    case JOB_TRY_RESTART:
    case JOB_TRY_RELOAD:
    case JOB_RELOAD_OR_START:
    case JOB_TYPE_COUNT:
        break;
    }
    return false;
}
