/* tests/unit/set_builder.h - small unit sets written as text, without unit files.
 *
 * One unit per line: its name, then words of the form Directive=a,b (every relation of [Unit], Service=, Sockets=,
 * ListenStream=, ProxyTarget=, Restart=always, RestartSec=0, Limit=N, some of what builder_add_extra() names) or
 * `builtin`, `instance`, `conditional`. A name with a "!" before it is masked. Origins are line numbers of the text, in
 * the file "/units/NAME". */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/parse.h"
#include "base/str.h"
#include "unit/graph.h"
#include "unit/set.h"

static void builder_add_ref(struct unit_set *set, struct unit_ref_list *list, char *names, struct origin origin)
{
    for (char *name; (name = strsep(&names, ","));) {
        struct unit_ref *items = arena_alloc_array(unit_set_arena(set), list->count + 1u, sizeof *items);
        assert_non_null(items);
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
        items[list->count++] = (struct unit_ref){ arena_strdup(unit_set_arena(set), name), origin };
        list->items = items;
    }
}

static void builder_add_listen(struct unit_set *set, struct socket_listen_list *list, char *texts, struct origin origin)
{
    for (char *text; (text = strsep(&texts, ","));) {
        struct socket_listen *items = arena_alloc_array(unit_set_arena(set), list->count + 1u, sizeof *items);
        assert_non_null(items);
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
        items[list->count++] = (struct socket_listen){ LISTEN_STREAM, arena_strdup(unit_set_arena(set), text), origin };
        list->items = items;
    }
}

/* Switches and, in seconds, times of [Unit]; OnFailureJobMode= by its number. */
static bool builder_add_extra(struct unit_extra_section *extra, const char *word, uint32_t number)
{
    const struct {
        const char *word;
        bool *flag;
    } flags[] = {
        { "StopWhenUnneeded", &extra->stop_when_unneeded },
        { "AllowIsolate", &extra->allow_isolate },
        { "RefuseManualStart", &extra->refuse_manual_start },
        { "RefuseManualStop", &extra->refuse_manual_stop },
    };
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        if (strcmp(word, flags[i].word) == 0) return *flags[i].flag = true;
    if (strcmp(word, "IgnoreOnIsolate") == 0)
        extra->ignore_on_isolate = 1;
    else if (strcmp(word, "JobTimeoutSec") == 0)
        extra->job_timeout = number * USEC_PER_SEC;
    else if (strcmp(word, "JobRunningTimeoutSec") == 0)
        extra->job_running_timeout = number * USEC_PER_SEC;
    else if (strcmp(word, "OnFailureJobMode") == 0)
        extra->on_failure_job_mode = (word_index)number;
    else
        return false;
    return true;
}

static void builder_add_word(struct unit_set *set, struct unit *unit, struct unit_settings *s, char *word,
                             struct origin origin)
{
    static const struct condition condition = { .kind = CONDITION_PATH_EXISTS, .parameter = "/x" };
    char *value = strchr(word, '=');
    char nothing[] = "";
    uint32_t number = 0;
    if (value)
        *value++ = '\0';
    else
        value = nothing;
    if (parse_u32(value, 0, UINT32_MAX, &number) < 0) number = 0;
    for (enum unit_relation relation = 0; relation < UNIT_RELATION_COUNT; relation++) {
        if (strcmp(word, unit_relation_name(relation)) != 0) continue;
        builder_add_ref(set, &s->unit.relations[relation], value, origin);
        return;
    }
    if (strcmp(word, "builtin") == 0)
        unit->builtin = true;
    else if (builder_add_extra(&s->unit_extra, word, number))
        return;
    else if (strcmp(word, "instance") == 0)
        unit->instance = true;
    else if (strcmp(word, "conditional") == 0)
        s->unit.conditions =
            (struct condition_list){ arena_memdup(unit_set_arena(set), &condition, sizeof condition), 1, 1 };
    else if (strcmp(word, "Unit") == 0)
        s->timer.unit = s->path_unit.unit = arena_strdup(unit_set_arena(set), value);
    else if (strcmp(word, "Service") == 0)
        s->socket.service = arena_strdup(unit_set_arena(set), value);
    else if (strcmp(word, "Sockets") == 0)
        builder_add_ref(set, &s->service.sockets, value, origin);
    else if (strcmp(word, "ListenStream") == 0)
        builder_add_listen(set, &s->socket.listens, value, origin);
    else if (strcmp(word, "ProxyTarget") == 0) {
        s->socket.activation_mode = ACTIVATION_PROXY;
        s->socket.proxy_target = arena_strdup(unit_set_arena(set), value);
        s->socket.proxy_target_origin = origin;
    } else if (strcmp(word, "Restart") == 0)
        s->service.restart = RESTART_ALWAYS;
    else if (strcmp(word, "RestartSec") == 0)
        s->service.restart_usec = number * USEC_PER_SEC;
    else if (strcmp(word, "Limit") == 0) {
        s->unit.start_limit_burst = number;
        s->unit.start_limit_interval = 10 * USEC_PER_SEC;
    } else
        fail_msg("unknown word '%s'", word);
}

static void builder_add_unit(struct unit_set *set, char *line, uint32_t number)
{
    const char *name = strsep(&line, " ");
    if (*name == '\0') return;
    if (*name == '!') {
        assert_int_equal(unit_set_add_absent(set, arena_strdup(unit_set_arena(set), name + 1), UNIT_MASKED), 0);
        return;
    }
    struct unit *unit;
    struct unit_settings settings = unit_settings_default;
    const char *path = arena_printf(unit_set_arena(set), "/units/%s", name);
    assert_int_equal(unit_set_add(set, arena_strdup(unit_set_arena(set), name), path, &unit), 0);
    settings.unit.start_limit_burst = 0;
    settings.unit.start_limit_interval = 0;
    for (char *word; (word = strsep(&line, " "));)
        builder_add_word(set, unit, &settings, word, (struct origin){ .file = path, .line = number });
    if (!settings.timer.unit) {
        size_t length;
        const char *stem = unit_name_stem(name, &length);
        settings.timer.unit = settings.path_unit.unit =
            arena_printf(unit_set_arena(set), "%.*s.service", (int)length, stem);
    }
    assert_int_equal(unit_set_store(set, unit, &settings), 0);
}

static UNUSED struct unit_set *build_set(const char *text)
{
    struct unit_set *set;
    char *copy = strdup(text), *rest = copy;
    uint32_t number = 0;
    assert_non_null(copy);
    assert_int_equal(unit_set_new(&set), 0);
    for (char *line; (line = strsep(&rest, "\n"));) builder_add_unit(set, line, ++number);
    free(copy);
    assert_int_equal(unit_set_seal(set), 0);
    return set;
}

static UNUSED uint32_t id_of(const struct unit_set *set, const char *name)
{
    const struct unit *unit = unit_set_find(set, name);
    if (!unit) fail_msg("no unit %s", name);
    return unit ? unit->id : 0;
}

/* The names of some ids, separated by blanks. */
static UNUSED const char *names_of(const struct unit_set *set, struct id_span span, char *buffer, size_t size)
{
    size_t used = 0;
    buffer[0] = '\0';
    for (uint32_t i = 0; i < span.count && used < size; i++)
        used +=
            (size_t)snprintf(buffer + used, size - used, "%s%s", i ? " " : "", unit_set_get(set, span.ids[i])->name);
    return buffer;
}
