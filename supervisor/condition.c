#include "supervisor/condition.h"

#include "base/glob.h"
#include "base/parse.h"
#include "supervisor/local_path.h"
#include "unit/expand.h"
#include "unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The reason is built without the "unmet" tail of a negated condition: "ConditionPathExists=!/x unmet". */
static int reason_head(const struct condition *c, struct str *out)
{
    str_clear(out);
    return str_appendf(out, "%s%s=%s%s%s", c->is_assert ? "Assert" : "Condition", condition_kind_name(c->kind),
                       c->trigger ? "|" : "", c->negate ? "!" : "", c->parameter);
}

static int environment_holds(const struct condition *c, const struct condition_context *context, struct str *reason)
{
    const char *equals = strchr(c->parameter, '=');
    size_t length = equals ? (size_t)(equals - c->parameter) : strlen(c->parameter);
    const char *have = expand_lookup_environ(c->parameter, length, (void *)context->environ);
    bool holds = have && (!equals || strcmp(have, equals + 1) == 0);
    if (holds != c->negate) return 1;
    if (c->negate) return str_append(reason, " unmet");
    if (!have) return str_append(reason, " unset");
    return str_appendf(reason, " (have \"%s\", want \"%s\")", have, equals + 1);
}

static int user_holds(const struct condition *c, const struct condition_context *context, struct str *reason)
{
    /* Root, "@system" and a number can be told apart without a user database; names are left to User=. */
    uint32_t uid;
    bool holds;
    if (strcmp(c->parameter, "@system") == 0)
        holds = context->uid < 1000 || context->uid == 65534;
    else if (strcmp(c->parameter, "root") == 0)
        holds = context->uid == 0;
    else
        holds = parse_u32(c->parameter, 0, UINT32_MAX, &uid) == 0 && uid == context->uid;
    if (holds != c->negate) return 1;
    return str_appendf(reason, " unmet (running as uid %u)", (unsigned)context->uid);
}

/* 1: holds; 0: does not, with the reason; -ENOMEM. */
static int condition_holds(const struct condition *c, const struct condition_context *context, struct str *reason)
{
    bool holds = false;
    int r = reason_head(c, reason);
    if (r < 0) return r;
    switch (c->kind) {
    case CONDITION_ENVIRONMENT:
        return environment_holds(c, context, reason);
    case CONDITION_USER:
        return user_holds(c, context, reason);
    case CONDITION_PATH_EXISTS:
        holds = access(c->parameter, F_OK) == 0;
        break;
    case CONDITION_PATH_EXISTS_GLOB:
        r = glob_any(c->parameter);
        if (r < 0) return r;
        holds = r == 1;
        break;
    case CONDITION_KIND_COUNT:
        break;
    }
    if (holds != c->negate) return 1;
    return str_append(reason, " unmet");
}

/* A pattern is matched by reading directories: they are known beforehand when only its last component is a pattern. */
static bool pattern_is_local(const char *pattern)
{
    size_t magic = strcspn(pattern, "*?[\\");
    const char *slash = strrchr(pattern, '/');
    if (!slash || pattern + magic < slash) return false;
    char *directory = slash == pattern ? strdup("/") : strndup(pattern, (size_t)(slash - pattern));
    bool local = directory && local_path_is(directory);
    free(directory);
    return local;
}

bool conditions_are_local(const struct unit *unit)
{
    const struct condition_list *list = &unit->unit->conditions;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct condition *c = &list->items[i];
        if (c->kind == CONDITION_PATH_EXISTS && !local_path_is(c->parameter)) return false;
        if (c->kind == CONDITION_PATH_EXISTS_GLOB && !pattern_is_local(c->parameter)) return false;
    }
    return true;
}

int conditions_hold(const struct unit *unit, const struct condition_context *context, struct str *ret_reason,
                    bool *ret_is_assert)
{
    const struct condition_list *list = &unit->unit->conditions;
    bool any_trigger = false, triggered = false;
    AUTO_STR struct str reason = STR_EMPTY, trigger_reason = STR_EMPTY;
    bool trigger_is_assert = false;

    for (uint32_t i = 0; i < list->count; i++) {
        const struct condition *c = &list->items[i];
        if (c->trigger && triggered) continue;
        int r = condition_holds(c, context, &reason);
        if (r < 0) return r;
        if (c->trigger) {
            any_trigger = true;
            triggered = triggered || r == 1;
            if (r == 0) {
                str_clear(&trigger_reason);
                r = str_append(&trigger_reason, str_text(&reason));
                if (r < 0) return r;
                trigger_is_assert = c->is_assert;
            }
        } else if (r == 0) {
            *ret_is_assert = c->is_assert;
            str_clear(ret_reason);
            return str_append(ret_reason, str_text(&reason));
        }
    }
    if (!any_trigger || triggered) return 1;
    *ret_is_assert = trigger_is_assert;
    str_clear(ret_reason);
    return str_append(ret_reason, str_text(&trigger_reason));
}
