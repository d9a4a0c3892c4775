#include "control/render.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/timestamp.h"
#include "unit/exit_status.h"

static void print_escaped(FILE *out, const char *text)
{
    AUTO_STR struct str escaped = STR_EMPTY;
    if (str_append_escaped(&escaped, text, strlen(text)) == 0) (void)fputs(str_text(&escaped), out);
}

static void print_around(FILE *out, const char *before, const char *text, const char *after)
{
    (void)fputs(before, out);
    print_escaped(out, text);
    (void)fputs(after, out);
}

/* ---- values ---- */

static const char *text_of(const struct json_value *unit, const char *key)
{
    const char *text = json_get_string(unit, key);
    return text ? text : "";
}

static int64_t number_of(const struct json_value *unit, const char *key)
{
    int64_t number = 0;
    return json_get_i64(unit, key, &number) < 0 ? 0 : number;
}

/* As systemctl shows a value: lists joined by blanks, yes and no, times as dates. NULL when out of memory. */
static char *value_text(const struct json_value *unit, const char *key)
{
    const struct json_value *value = json_get(unit, key);
    AUTO_STR struct str text = STR_EMPTY;
    const char *string = json_string_text(value);
    int r = 0;
    if (string) {
        r = str_append_escaped(&text, string, strlen(string));
    } else if (json_array_count(value) > 0) {
        for (size_t i = 0; r == 0 && i < json_array_count(value); i++) {
            const char *item = json_string_text(json_array_at(value, i));
            if (i > 0) r = str_append_char(&text, ' ');
            if (r == 0 && item) r = str_append_escaped(&text, item, strlen(item));
        }
    } else {
        char *plain = json_print(value, 0), buffer[TIMESTAMP_TEXT_MAX];
        const char *shown = plain;
        if (!plain) return NULL;
        if (str_suffix(key, "Timestamp") || str_suffix(key, "USecRealtime") || str_suffix(key, "TriggerUSec"))
            shown = timestamp_format((usec_t)number_of(unit, key), zone_utc(), buffer);
        else if (strcmp(plain, "true") == 0 || strcmp(plain, "false") == 0)
            shown = *plain == 't' ? "yes" : "no";
        else if (strcmp(plain, "[]") == 0)
            shown = "";
        if (shown) r = str_append_escaped(&text, shown, strlen(shown));
        free(plain);
    }
    if (r == 0) r = str_append(&text, "");
    return r < 0 ? NULL : text.data ? str_take(&text) : strdup("");
}

/* ---- show ---- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Members that are none have lower-case names. */
static bool is_property(const char *key)
{
    return key[0] >= 'A' && key[0] <= 'Z' &&
           key[strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")] == '\0';
}

static void print_lines(FILE *out, const struct json_value *list, const char *before)
{
    for (size_t i = 0; i < json_array_count(list); i++) {
        const char *text = json_string_text(json_array_at(list, i));
        print_around(out, before, text ? text : "", "\n");
    }
}

void control_render_properties(FILE *out, const struct json_value *unit, const struct strlist *names, bool value)
{
    AUTO_STRLIST struct strlist keys = STRLIST_EMPTY;
    for (const char *key = json_object_next(unit, NULL); key; key = json_object_next(unit, key)) {
        bool wanted = is_property(key) && (names->count == 0 || strlist_contains(names, key));
        if (wanted && strlist_add(&keys, key) < 0) return;
    }
    if (keys.count > 1) qsort(keys.items, keys.count, sizeof *keys.items, compare_texts);
    for (size_t i = 0; i < keys.count; i++) {
        if (strcmp(keys.items[i], "Listen") == 0) { /* one by one */
            print_lines(out, json_get(unit, keys.items[i]), value ? "" : "Listen=");
            continue;
        }
        char *text = value_text(unit, keys.items[i]);
        if (text && value) (void)fprintf(out, "%s\n", text);
        if (text && !value) (void)fprintf(out, "%s=%s\n", keys.items[i], text);
        free(text);
    }
}

/* ---- status ---- */

static void print_active(FILE *out, const struct json_value *unit, usec_t now)
{
    static const struct {
        const char *state, *since;
    } stamps[] = { { "active", "ActiveEnterTimestamp" },      { "reloading", "ActiveEnterTimestamp" },
                   { "inactive", "InactiveEnterTimestamp" },  { "failed", "InactiveEnterTimestamp" },
                   { "activating", "InactiveExitTimestamp" }, { "deactivating", "ActiveExitTimestamp" } };
    const char *active = text_of(unit, "ActiveState"), *result = text_of(unit, "Result");
    char date[TIMESTAMP_TEXT_MAX], ago[TIMESTAMP_TEXT_MAX];
    int64_t since = 0;
    for (size_t i = 0; i < COUNT_OF(stamps); i++)
        if (strcmp(stamps[i].state, active) == 0) since = number_of(unit, stamps[i].since);
    print_around(out, "     Active: ", active, "");
    print_around(out, " (", text_of(unit, "SubState"), ")");
    if (strcmp(active, "failed") == 0 && strcmp(result, "success") != 0) print_around(out, " (Result: ", result, ")");
    const char *when = timestamp_format((usec_t)since, zone_utc(), date);
    const char *relative = timestamp_format_relative((usec_t)since, now, ago);
    if (when && relative) (void)fprintf(out, " since %s; %s", when, relative);
    (void)fputc('\n', out);
}

static const char *dot_of(const char *active)
{
    return strcmp(active, "failed") == 0 ? "\u00d7" : strcmp(active, "inactive") == 0 ? "\u25cb" : "\u25cf";
}

/* `states` (or NULL) is the key of the states whose dots stand in front. */
static void print_list(FILE *out, const struct json_value *unit, const char *key, const char *states, const char *label)
{
    const struct json_value *list = json_get(unit, key), *active = states ? json_get(unit, states) : NULL;
    for (size_t i = 0; i < json_array_count(list); i++) {
        const char *state = json_string_text(json_array_at(active, i));
        (void)fprintf(out, "%11s%c ", i == 0 ? label : "", i == 0 ? ':' : ' ');
        if (state) (void)fprintf(out, "%s ", dot_of(state));
        const char *text = json_string_text(json_array_at(list, i));
        print_escaped(out, text ? text : "");
        (void)fputc('\n', out);
    }
}

/* The main process: the one that runs, else how the last one ended. */
static void print_main(FILE *out, const struct json_value *unit)
{
    int64_t pid = number_of(unit, "MainPID"), status = number_of(unit, "ExecMainStatus");
    int64_t code = number_of(unit, "ExecMainCode"), last = number_of(unit, "ExecMainPID");
    char path[64], comm[32] = "";
    if (pid > 0) {
        (void)snprintf(path, sizeof path, "/proc/%" PRId64 "/comm", pid); /* fits */
        int length = file_read_small(AT_FDCWD, path, comm, sizeof comm);
        if (length > 0) comm[strcspn(comm, "\n")] = '\0';
        (void)fprintf(out, "   Main PID: %" PRId64, pid);
        if (length > 0) print_around(out, " (", comm, ")");
        (void)fputc('\n', out);
    } else if (last > 0) {
        bool exited = code == CLD_EXITED;
        const char *name = exit_status_name((int)status);
        (void)fprintf(out, "   Main PID: %" PRId64 " (code=%s, ", last,
                      exited               ? "exited"
                      : code == CLD_KILLED ? "killed"
                                           : "dumped");
        if (exited)
            (void)fprintf(out, "status=%" PRId64 "%s%s)\n", status, name ? "/" : "", name ? name : "");
        else
            (void)fprintf(out, "signal=%s)\n", signal_name((int)status) + 3);
    }
}

/* When a timer elapses next. */
static void print_trigger(FILE *out, const struct json_value *unit, usec_t now)
{
    char date[TIMESTAMP_TEXT_MAX], left[TIMESTAMP_TEXT_MAX];
    usec_t at = (usec_t)number_of(unit, "NextElapseUSecRealtime");
    const char *when = timestamp_format(at, zone_utc(), date), *relative = timestamp_format_relative(at, now, left);
    (void)fprintf(out, "    Trigger: %s%s%s\n", when ? when : "n/a", when && relative ? "; " : "",
                  when && relative ? relative : "");
}

/* Of a socket that accepts connections itself, for instances or as a proxy. */
static void print_counts(FILE *out, const struct json_value *unit)
{
    int64_t accepted = number_of(unit, "NAccepted"), refused = number_of(unit, "NRefused");
    bool accepts = false;
    if (json_get_bool(unit, "Accept", &accepts) < 0 || (!accepts && accepted == 0 && refused == 0)) return;
    (void)fprintf(out, "   Accepted: %" PRId64 "; Connected: %" PRId64 ";", accepted, number_of(unit, "NConnections"));
    if (refused > 0) (void)fprintf(out, "  Refused: %" PRId64, refused);
    (void)fputc('\n', out);
}

void control_render_status(FILE *out, const struct json_value *unit, usec_t now)
{
    const char *id = text_of(unit, "Id");
    (void)fprintf(out, "%s ", dot_of(text_of(unit, "ActiveState")));
    print_escaped(out, id);
    if (strcmp(text_of(unit, "Description"), id) != 0) print_around(out, " - ", text_of(unit, "Description"), "");
    const char *path = text_of(unit, "FragmentPath");
    print_around(out, "\n     Loaded: ", text_of(unit, "LoadState"), "");
    if (*path) print_around(out, " (", path, ")");
    (void)fputc('\n', out);
    print_active(out, unit, now);
    print_list(out, unit, "TriggeredBy", "triggered_by_states", "TriggeredBy");
    if (json_get(unit, "NextElapseUSecRealtime")) print_trigger(out, unit, now);
    print_list(out, unit, "Triggers", "triggers_states", "Triggers");
    print_list(out, unit, "Documentation", NULL, "Docs");
    print_list(out, unit, "Listen", NULL, "Listen");
    print_counts(out, unit);
    print_main(out, unit);
    static const struct {
        const char *key, *label;
    } texts[] = { { "StatusText", "Status" }, { "Health", "Health" }, { "ControlGroup", "CGroup" } };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *text = text_of(unit, texts[i].key);
        bool quoted = i == 0;
        if (!*text) continue;
        (void)fprintf(out, "%11s: ", texts[i].label);
        print_around(out, quoted ? "\"" : "", text, quoted ? "\"\n" : "\n");
    }
}

/* ---- tables ---- */

void control_render_table(FILE *out, const char *const *head, const struct strlist *cells, size_t n_columns)
{
    size_t widths[8] = { 0 };
    for (size_t i = 0; i < cells->count + (head ? n_columns : 0); i++) {
        const char *cell = i < cells->count ? cells->items[i] : head[i - cells->count];
        size_t *width = &widths[i % n_columns];
        *width = MAX_OF(*width, strlen(cell));
    }
    for (size_t i = 0; i < cells->count + n_columns; i++) {
        bool last = i % n_columns == n_columns - 1;
        const char *cell = i >= n_columns ? cells->items[i - n_columns] : head ? head[i] : NULL;
        if (!cell) continue;
        if (last)
            print_escaped(out, cell), (void)fputc('\n', out);
        else
            (void)fprintf(out, "%-*s ", (int)widths[i % n_columns], cell);
    }
}

/* ---- jobs ---- */

bool control_render_failure(FILE *err, const char *unit, const char *result, const char *why)
{
    static const struct {
        const char *result, *text;
    } results[] = { { "canceled", "Job for %s canceled." },
                    { "timeout", "Job for %s timed out." },
                    { "dependency", "A dependency job for %s failed. See the container's log for details." },
                    { "invalid", "%s is not active, cannot reload." },
                    { "assert", "Assertion failed on job for %s." },
                    { "unsupported", "Operation on or unit type of %s not supported on this system." },
                    { "collected", "Queued job for %s was garbage collected." },
                    { "once", "Unit %s was started already once and can't be started again." } };
    static const struct {
        const char *why, *text;
    } reasons[] = { { "resources", "of unavailable resources or another system error" },
                    { "protocol", "the service did not take the steps required by its unit configuration" },
                    { "timeout", "a timeout was exceeded" },
                    { "exit-code", "the control process exited with error code" },
                    { "signal", "a fatal signal was delivered to the control process" },
                    { "core-dump", "a fatal signal was delivered causing the control process to dump core" },
                    { "watchdog", "the service failed to send watchdog ping" },
                    { "start-limit-hit", "start of the service was attempted too often" },
                    { "oom-kill", "of an out-of-memory (OOM) situation" } };
    if (strcmp(result, "done") == 0 || strcmp(result, "skipped") == 0) return false;
    if (!err) return true;
    for (size_t i = 0; i < COUNT_OF(results); i++) {
        if (strcmp(results[i].result, result) != 0) continue;
        const char *hole = strstr(results[i].text, "%s");
        (void)fprintf(err, "%.*s%s%s\n", (int)(hole - results[i].text), results[i].text, unit, hole + 2);
        return true;
    }
    const char *because = NULL;
    for (size_t i = 0; i < COUNT_OF(reasons) && !because; i++)
        if (strcmp(reasons[i].why, why) == 0) because = reasons[i].text;
    (void)fprintf(err, "Job for %s failed%s%s.\nSee \"systemctl status %s\" and the container's log for details.\n",
                  unit, because ? " because " : "", because ? because : "", unit);
    return true;
}
