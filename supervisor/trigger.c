#include "supervisor/trigger.h"

#include "base/str.h"
#include "supervisor/unit_type.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int trigger_set(struct runtime *rt, const struct unit *by, usec_t realtime, usec_t monotonic, const char *path)
{
    if (!runtime_is_down(rt) || rt->job.type != JOB_NONE) return 0;
    size_t size = path ? strlen(path) + 1 : 1;
    struct trigger *trigger = calloc(1, sizeof *trigger + size);
    if (!trigger) return -ENOMEM;
    trigger->unit = by;
    trigger->realtime = realtime;
    trigger->monotonic = monotonic;
    if (path) memcpy(trigger->path, path, size);
    trigger_clear(rt); /* of a start that was skipped */
    rt->trigger = trigger;
    return 0;
}

void trigger_clear(struct runtime *rt)
{
    free(rt->trigger);
    rt->trigger = NULL;
}

static int add(struct strlist *out, const char *name, const char *value)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r = str_appendf(&text, "TRIGGER_%s=%s", name, value);
    return r < 0 ? r : strlist_add(out, str_text(&text));
}

static int add_time(struct strlist *out, const char *name, usec_t value)
{
    char text[DECIMAL_MAX(usec_t)];
    (void)snprintf(text, sizeof text, "%" PRIu64, value); /* the bound is in the type */
    return add(out, name, text);
}

int trigger_variables(const struct runtime *rt, struct strlist *out)
{
    const struct trigger *t = rt->trigger;
    if (!t) return 0;
    int r = add(out, "UNIT", t->unit->name);
    if (r == 0 && t->path[0]) r = add(out, "PATH", t->path);
    if (r < 0 || t->realtime == 0) return r;
    r = add_time(out, "TIMER_REALTIME_USEC", t->realtime);
    return r < 0 ? r : add_time(out, "TIMER_MONOTONIC_USEC", t->monotonic);
}
