/* container-init systemctl: what each verb asks, and how the answers are shown. */
#include "cmd/container-init/systemctl.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/timestamp.h"
#include "base/vec.h"
#include "control/render.h"

/* A request owns its texts. */
#define AUTO_REQUEST __attribute__((cleanup(control_request_done)))

/* ---- what changes something ---- */

struct change {
    const char *verb; /* as it was typed */
    int status;
    size_t accepted;
};

static int status_of_error(const char *word)
{
    static const struct {
        const char *word;
        int status;
    } statuses[] = {
        { "AccessDenied", SYSTEMCTL_NO_PERMISSION },      { "OnlyByDependency", SYSTEMCTL_NO_PERMISSION },
        { "NoIsolation", SYSTEMCTL_NO_PERMISSION },       { "TransactionIsDestructive", SYSTEMCTL_NO_PERMISSION },
        { "JobTypeNotApplicable", SYSTEMCTL_NOT_ACTIVE }, { "NoSuchUnit", SYSTEMCTL_NOT_INSTALLED }
    };
    for (size_t i = 0; word && i < COUNT_OF(statuses); i++)
        if (strcmp(statuses[i].word, word) == 0) return statuses[i].status;
    return SYSTEMCTL_FAILED;
}

static int take_change(struct systemctl *ctl, struct json_value *answer, void *userdata)
{
    struct change *change = userdata;
    const char *type = json_get_string(answer, "type"), *unit = json_get_string(answer, "unit");
    const char *message = json_get_string(answer, "message"), *result = json_get_string(answer, "result");
    const char *why = json_get_string(answer, "why");
    if (strcmp(type, "error") == 0) {
        if (message && unit) systemctl_complain(ctl, "Failed to %s %s: %s", change->verb, unit, message);
        if (message && !unit) systemctl_complain(ctl, "Failed to %s: %s", change->verb, message);
        change->status = status_of_error(json_get_string(answer, "error"));
        return unit ? 0 : change->status; /* of the whole request: nothing else comes */
    }
    if (strcmp(type, "accepted") == 0) change->accepted++;
    if (unit && result && control_render_failure(ctl->quiet ? NULL : ctl->err, unit, result, why ? why : ""))
        change->status = SYSTEMCTL_FAILED;
    return 0;
}

static int change(struct systemctl *ctl, const char *verb, struct control_request *request, struct change *ret_change)
{
    *ret_change = (struct change){ .verb = verb };
    int r = systemctl_ask(ctl, request, take_change, ret_change);
    return r < 0 ? r : ret_change->status;
}

static int change_units(struct systemctl *ctl, const char *verb, struct control_request *request, size_t n,
                        char **operands)
{
    struct change result;
    int r = systemctl_names(ctl, n, operands, &request->units);
    if (r < 0) return r;
    if (n > 0 && request->units.count == 0) return SYSTEMCTL_OK; /* a pattern that nothing matches */
    return change(ctl, verb, request, &result);
}

static enum control_verb verb_of(const char *word)
{
    static const struct {
        const char *word;
        enum control_verb verb;
    } others[] = { { "condrestart", CONTROL_TRY_RESTART }, { "force-reload", CONTROL_TRY_RELOAD_OR_RESTART } };
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (strcmp(others[i].word, word) == 0) return others[i].verb;
    int verb = 0;
    while (strcmp(control_verb_word((enum control_verb)verb), word) != 0) verb++;
    return (enum control_verb)verb;
}

static int ask_for_job(struct systemctl *ctl, const char *word, enum control_verb verb, const char *mode, size_t n,
                       char **operands)
{
    AUTO_REQUEST struct control_request request = CONTROL_REQUEST_EMPTY;
    request.verb = verb;
    request.wait = !ctl->no_block;
    if (mode && !(request.mode = strdup(mode))) return -ENOMEM;
    return change_units(ctl, word, &request, n, operands);
}

int systemctl_job(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    return ask_for_job(ctl, verb, verb_of(verb), ctl->job_mode, n, operands);
}

/* "isolate multi-user" means the target. */
int systemctl_isolate(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    AUTO_STR struct str target = STR_EMPTY;
    if (n == 1 && !strchr(operands[0], '.')) {
        if (str_appendf(&target, "%s.target", operands[0]) < 0) return -ENOMEM;
        operands[0] = target.data;
    }
    return ask_for_job(ctl, verb, CONTROL_START, "isolate", n, operands);
}

int systemctl_kill(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    AUTO_REQUEST struct control_request request = CONTROL_REQUEST_EMPTY;
    request.verb = CONTROL_KILL;
    request.signal = SIGTERM;
    if (ctl->signal && parse_signal(ctl->signal, &request.signal) < 0) {
        systemctl_complain(ctl, "Failed to parse signal string %s.", ctl->signal);
        return SYSTEMCTL_FAILED;
    }
    if (ctl->whom && (request.whom = control_whom_of(ctl->whom)) == CONTROL_WHOM_COUNT) {
        systemctl_complain(ctl, "Failed to parse --kill-whom=: %s is none of all, main, control.", ctl->whom);
        return SYSTEMCTL_FAILED;
    }
    return change_units(ctl, verb, &request, n, operands);
}

int systemctl_reset_failed(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    AUTO_REQUEST struct control_request request = CONTROL_REQUEST_EMPTY;
    request.verb = CONTROL_RESET_FAILED;
    return change_units(ctl, verb, &request, n, operands);
}

int systemctl_cancel(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    int status = SYSTEMCTL_OK;
    for (size_t i = 0; i < n || i == 0; i++) {
        AUTO_REQUEST struct control_request request = CONTROL_REQUEST_EMPTY;
        struct change result;
        request.verb = CONTROL_CANCEL;
        if (n > 0 && parse_u32(operands[i], 1, UINT32_MAX, &request.job) < 0) {
            systemctl_complain(ctl, "Failed to parse job id \"%s\".", operands[i]);
            return SYSTEMCTL_FAILED;
        }
        int r = change(ctl, verb, &request, &result);
        if (r != 0) return r;
        if (n == 0 || result.accepted > 0) continue;
        systemctl_complain(ctl, "Failed to cancel job %s: Job %s does not exist.", operands[i], operands[i]);
        status = SYSTEMCTL_FAILED;
    }
    return status;
}

int systemctl_exit(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    AUTO_REQUEST struct control_request request = CONTROL_REQUEST_EMPTY;
    struct change result;
    uint32_t code;
    request.verb = CONTROL_EXIT;
    if (n > 0 && strcmp(verb, "exit") == 0) {
        if (parse_u32(operands[0], 0, UINT8_MAX, &code) < 0) {
            systemctl_complain(ctl, "Invalid exit code.");
            return SYSTEMCTL_FAILED;
        }
        request.exit_code = (int)code;
    }
    return change(ctl, verb, &request, &result);
}

int systemctl_reload_none(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    (void)n;
    (void)operands;
    systemctl_complain(ctl, "%s: not available: container-init reads unit files once, when the container starts.",
                       verb);
    return SYSTEMCTL_FAILED;
}

/* ---- what only looks ---- */

struct units {
    VEC(struct json_value *) items;
};

static void units_done(struct units *units)
{
    for (size_t i = 0; i < units->items.count; i++) json_free(units->items.items[i]);
    vec_done(&units->items);
}
#define AUTO_UNITS __attribute__((cleanup(units_done)))

static int set_text(struct json_value *object, const char *key, const char *text)
{
    return json_object_set_take(object, key, json_string_new(text));
}

/* A unit that is not there is one that is inactive, as it is for systemctl: every verb takes it from here (K98). */
static struct json_value *absent_unit(const char *name, const char *error)
{
    static const char *const members[][2] = { { "ActiveState", "inactive" }, { "SubState", "dead" } };
    const char *state = strcmp(error, "UnitMasked") == 0   ? "masked"
                        : strcmp(error, "LoadFailed") == 0 ? "bad-setting"
                                                           : "not-found";
    AUTO(json_free) struct json_value *unit = json_object_new();
    int r = unit ? set_text(unit, "Id", name) : -ENOMEM;
    if (r == 0) r = set_text(unit, "Description", name);
    if (r == 0) r = set_text(unit, "LoadState", state);
    for (size_t i = 0; r == 0 && i < COUNT_OF(members); i++) r = set_text(unit, members[i][0], members[i][1]);
    return r < 0 ? NULL : TAKE(unit);
}

static int take_unit(struct systemctl *ctl, struct json_value *answer, void *userdata)
{
    struct units *units = userdata;
    const char *type = json_get_string(answer, "type"), *name = json_get_string(answer, "unit");
    const char *error = json_get_string(answer, "error");
    AUTO(json_free) struct json_value *unit = NULL;
    if (strcmp(type, "error") == 0) {
        const char *message = json_get_string(answer, "message");
        if (!name) systemctl_complain(ctl, "%s", message ? message : "The request was refused.");
        if (!name) return -EPROTO;
        unit = absent_unit(name, error ? error : "");
    } else {
        unit = json_share(answer);
    }
    if (!unit || vec_push(&units->items, unit) < 0) return -ENOMEM;
    (void)TAKE(unit);
    return 0;
}

static int query(struct systemctl *ctl, enum control_verb verb, size_t n, char **operands, struct units *ret_units)
{
    AUTO_REQUEST struct control_request request = CONTROL_REQUEST_EMPTY;
    request.verb = verb;
    int r = systemctl_names(ctl, n, operands, &request.units);
    if (r < 0 || (n > 0 && request.units.count == 0)) return r;
    return systemctl_ask(ctl, &request, take_unit, ret_units);
}

static const char *text_of(const struct json_value *unit, const char *key)
{
    const char *text = json_get_string(unit, key);
    return text ? text : "";
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word) != 0) words++;
    return *words != NULL;
}

/* Prints the states; is any of them among `good`? */
static int check_state(struct systemctl *ctl, size_t n, char **operands, const char *const *good, int otherwise)
{
    AUTO_UNITS struct units units = { VEC_EMPTY };
    int r = query(ctl, CONTROL_UNITS, n, operands, &units), status = otherwise;
    for (size_t i = 0; r == 0 && i < units.items.count; i++) {
        const char *state = text_of(units.items.items[i], "ActiveState");
        if (!ctl->quiet) (void)fprintf(ctl->out, "%s\n", state);
        if (is_one_of(state, good)) status = SYSTEMCTL_OK;
    }
    return r < 0 ? r : status;
}

static const char *const active_states[] = { "active", "reloading", NULL }, *const failed_states[] = { "failed", NULL };

int systemctl_is_active(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    (void)verb;
    return check_state(ctl, n, operands, active_states, SYSTEMCTL_NOT_ACTIVE);
}

int systemctl_is_failed(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    (void)verb;
    return check_state(ctl, n, operands, failed_states, SYSTEMCTL_FAILED);
}

int systemctl_is_system_running(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    AUTO_UNITS struct units units = { VEC_EMPTY };
    (void)verb;
    (void)n;
    int r = query(ctl, CONTROL_MANAGER, 0, operands, &units);
    if (r < 0 || units.items.count == 0) return SYSTEMCTL_FAILED;
    const char *state = text_of(units.items.items[0], "SystemState");
    if (!ctl->quiet) (void)fprintf(ctl->out, "%s\n", state);
    return strcmp(state, "running") == 0 ? SYSTEMCTL_OK : SYSTEMCTL_FAILED;
}

static int print_json(struct systemctl *ctl, const struct units *units)
{
    AUTO(json_free) struct json_value *list = json_array_new();
    int r = list ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < units->items.count; i++)
        r = json_array_add_take(list, json_share(units->items.items[i]));
    char *text = r == 0 ? json_print(list, 2) : NULL;
    if (!text) return -ENOMEM;
    (void)fprintf(ctl->out, "%s\n", text);
    free(text);
    return 0;
}

static usec_t time_of_day(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

int systemctl_status(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    AUTO_UNITS struct units units = { VEC_EMPTY };
    if (n == 0) return systemctl_list_units(ctl, verb, n, operands);
    int r = query(ctl, CONTROL_UNITS, n, operands, &units), status = SYSTEMCTL_OK;
    if (r == 0 && ctl->json) r = print_json(ctl, &units);
    for (size_t i = 0; r == 0 && i < units.items.count; i++) {
        const struct json_value *unit = units.items.items[i];
        if (strcmp(text_of(unit, "LoadState"), "not-found") == 0) {
            systemctl_complain(ctl, "Unit %s could not be found.", text_of(unit, "Id"));
            status = SYSTEMCTL_NO_UNIT;
            continue;
        }
        if (!is_one_of(text_of(unit, "ActiveState"), active_states) && status == SYSTEMCTL_OK)
            status = SYSTEMCTL_NOT_ACTIVE;
        if (ctl->quiet || ctl->json) continue;
        if (i > 0) (void)fputc('\n', ctl->out);
        control_render_status(ctl->out, unit, time_of_day());
    }
    return r < 0 ? r : status;
}

int systemctl_show(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    AUTO_UNITS struct units units = { VEC_EMPTY };
    (void)verb;
    int r = query(ctl, n == 0 && !ctl->all ? CONTROL_MANAGER : CONTROL_UNITS, n, operands, &units);
    if (r == 0 && ctl->json) return print_json(ctl, &units);
    for (size_t i = 0; r == 0 && i < units.items.count; i++) {
        if (i > 0) (void)fputc('\n', ctl->out);
        control_render_properties(ctl->out, units.items.items[i], &ctl->properties, ctl->value);
    }
    return r;
}

/* ---- tables ---- */

static int print_table(struct systemctl *ctl, const struct units *units, const char *const *head,
                       const char *const *keys, size_t n_columns, const char *what)
{
    AUTO_STRLIST struct strlist cells = STRLIST_EMPTY;
    int r = 0;
    for (size_t i = 0; r == 0 && i < units->items.count; i++)
        for (size_t k = 0; r == 0 && k < n_columns; k++) {
            const struct json_value *item = units->items.items[i];
            char number[DECIMAL_MAX(int64_t)];
            const char *text = text_of(item, keys[k]);
            int64_t value;
            if (json_get_i64(item, keys[k], &value) == 0) {
                (void)snprintf(number, sizeof number, "%" PRId64, value); /* fits */
                text = number;
            }
            r = strlist_add(&cells, text);
        }
    if (r < 0) return r;
    bool legend = !ctl->no_legend && !ctl->quiet;
    control_render_table(ctl->out, legend ? head : NULL, &cells, n_columns);
    if (legend) (void)fprintf(ctl->out, "\n%zu %s listed.\n", units->items.count, what);
    return 0;
}

static bool is_listed(const struct systemctl *ctl, const struct json_value *unit, size_t n_operands)
{
    const char *active = text_of(unit, "ActiveState"), *sub = text_of(unit, "SubState");
    const char *suffix = strrchr(text_of(unit, "Id"), '.');
    if (strcmp(text_of(unit, "LoadState"), "not-found") == 0) return false;
    if (ctl->types.count > 0 && (!suffix || !strlist_contains(&ctl->types, suffix + 1))) return false;
    if (ctl->failed) return strcmp(active, "failed") == 0;
    if (ctl->states.count > 0)
        return strlist_contains(&ctl->states, active) || strlist_contains(&ctl->states, sub) ||
               strlist_contains(&ctl->states, text_of(unit, "LoadState"));
    return ctl->all || n_operands > 0 || strcmp(active, "inactive") != 0 || json_get(unit, "JobType");
}

int systemctl_list_units(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    static const char *const head[] = { "UNIT", "LOAD", "ACTIVE", "SUB", "DESCRIPTION" };
    static const char *const keys[] = { "Id", "LoadState", "ActiveState", "SubState", "Description" };
    AUTO_UNITS struct units units = { VEC_EMPTY };
    (void)verb;
    int r = query(ctl, CONTROL_UNITS, n, operands, &units);
    if (r < 0) return r;
    size_t kept = 0;
    for (size_t i = 0; i < units.items.count; i++) {
        struct json_value *unit = units.items.items[i];
        if (is_listed(ctl, unit, n))
            units.items.items[kept++] = unit;
        else
            json_free(unit);
    }
    units.items.count = kept;
    return ctl->json ? print_json(ctl, &units) : print_table(ctl, &units, head, keys, COUNT_OF(keys), "units");
}

/* NEXT and LEFT, or LAST and PASSED. */
static int set_times(struct json_value *timer, const char *key, const char *date, const char *span)
{
    char text[TIMESTAMP_TEXT_MAX];
    int64_t at = 0;
    if (json_get_i64(timer, key, &at) < 0) at = 0;
    const char *when = timestamp_format((usec_t)at, zone_utc(), text);
    int r = set_text(timer, date, when ? when : "-");
    if (r < 0) return r;
    when = timestamp_format_relative((usec_t)at, time_of_day(), text);
    return set_text(timer, span, when ? when : "-");
}

/* The next one first, those that wait for nothing last. */
static int compare_timers(const void *a, const void *b)
{
    int64_t times[2] = { 0, 0 };
    IGNORE_RESULT(json_get_i64(*(struct json_value *const *)a, "NextElapseUSecRealtime", &times[0])); /* 0 then */
    IGNORE_RESULT(json_get_i64(*(struct json_value *const *)b, "NextElapseUSecRealtime", &times[1]));
    uint64_t x = times[0] > 0 ? (uint64_t)times[0] : UINT64_MAX, y = times[1] > 0 ? (uint64_t)times[1] : UINT64_MAX;
    return x < y ? -1 : x > y;
}

int systemctl_list_timers(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    static const char *const head[] = { "NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES" };
    char every[] = "*.timer";
    char *all[] = { every, NULL };
    AUTO_UNITS struct units timers = { VEC_EMPTY };
    (void)verb;
    int r = query(ctl, CONTROL_UNITS, n > 0 ? n : 1, n > 0 ? operands : all, &timers);
    if (r == 0 && ctl->json) return print_json(ctl, &timers);
    if (timers.items.count > 1) qsort(timers.items.items, timers.items.count, sizeof(void *), compare_timers);
    for (size_t i = 0; r == 0 && i < timers.items.count; i++) {
        struct json_value *timer = timers.items.items[i];
        const char *activates = json_string_text(json_array_at(json_get(timer, "Triggers"), 0));
        r = set_times(timer, "NextElapseUSecRealtime", "NEXT", "LEFT");
        if (r == 0) r = set_times(timer, "LastTriggerUSec", "LAST", "PASSED");
        if (r == 0) r = set_text(timer, "UNIT", text_of(timer, "Id"));
        if (r == 0) r = set_text(timer, "ACTIVATES", activates ? activates : "-");
    }
    return r < 0 ? r : print_table(ctl, &timers, head, head, COUNT_OF(head), "timers");
}

/* A row for each address of a socket. */
static int add_addresses(struct units *rows, const struct json_value *socket)
{
    const struct json_value *listens = json_get(socket, "Listen");
    const char *activates = json_string_text(json_array_at(json_get(socket, "Triggers"), 0));
    int r = 0;
    for (size_t i = 0; r == 0 && i < json_array_count(listens); i++) {
        AUTO(json_free) struct json_value *row = json_object_new();
        const char *listen = json_string_text(json_array_at(listens, i));
        const char *type = listen ? strrchr(listen, ' ') : NULL;
        AUTO_STR struct str address = STR_EMPTY, word = STR_EMPTY;
        if (!type || type[1] != '(') continue; /* "/run/x (Stream)" */
        r = row ? str_append_bytes(&address, listen, (size_t)(type - listen)) : -ENOMEM;
        if (r == 0) r = str_append_bytes(&word, type + 2, strlen(type) - 3);
        if (r == 0) r = set_text(row, "LISTEN", str_text(&address));
        if (r == 0) r = set_text(row, "TYPE", str_text(&word));
        if (r == 0) r = set_text(row, "UNIT", text_of(socket, "Id"));
        if (r == 0) r = set_text(row, "ACTIVATES", activates ? activates : "-");
        if (r == 0) r = vec_push(&rows->items, row);
        if (r == 0) (void)TAKE(row);
    }
    return r;
}

static int compare_rows(const void *a, const void *b)
{
    const struct json_value *x = *(struct json_value *const *)a, *y = *(struct json_value *const *)b;
    int order = strcmp(text_of(x, "LISTEN"), text_of(y, "LISTEN"));
    return order ? order : strcmp(text_of(x, "TYPE"), text_of(y, "TYPE"));
}

int systemctl_list_sockets(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    static const char *const heads[][4] = { { "LISTEN", "UNIT", "ACTIVATES" },
                                            { "LISTEN", "TYPE", "UNIT", "ACTIVATES" } };
    char every[] = "*.socket";
    char *all[] = { every, NULL };
    AUTO_UNITS struct units sockets = { VEC_EMPTY }, rows = { VEC_EMPTY };
    (void)verb;
    int r = query(ctl, CONTROL_UNITS, n > 0 ? n : 1, n > 0 ? operands : all, &sockets);
    if (r == 0 && ctl->json) return print_json(ctl, &sockets);
    for (size_t i = 0; r == 0 && i < sockets.items.count; i++)
        if (is_listed(ctl, sockets.items.items[i], n)) r = add_addresses(&rows, sockets.items.items[i]);
    if (r < 0) return r;
    if (rows.items.count > 1) qsort(rows.items.items, rows.items.count, sizeof(void *), compare_rows);
    const char *const *head = heads[ctl->show_types];
    return print_table(ctl, &rows, head, head, ctl->show_types ? 4 : 3, "sockets");
}

int systemctl_list_jobs(struct systemctl *ctl, const char *verb, size_t n, char **operands)
{
    static const char *const head[] = { "JOB", "UNIT", "TYPE", "STATE" };
    static const char *const keys[] = { "Id", "Unit", "JobType", "State" };
    AUTO_UNITS struct units jobs = { VEC_EMPTY };
    (void)verb;
    (void)n;
    (void)operands;
    int r = query(ctl, CONTROL_JOBS, 0, NULL, &jobs);
    if (r < 0 || ctl->json) return r < 0 ? r : print_json(ctl, &jobs);
    if (jobs.items.count > 0) return print_table(ctl, &jobs, head, keys, COUNT_OF(keys), "jobs");
    if (!ctl->quiet && !ctl->no_legend) (void)fputs("No jobs running.\n", ctl->out);
    return 0;
}
