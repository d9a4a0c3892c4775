#include "control/perform.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "control/describe.h"
#include "supervisor/manager.h"
#include "supervisor/operate.h"
#include "supervisor/service.h"
#include "supervisor/unit_type.h"
#include "unit/unit.h"

/* ---- answers ---- */

/* An object with members of text: NULL-terminated pairs of key and text, of which a NULL text is left out. */
static struct json_value *answer(const char *const *members)
{
    AUTO(json_free) struct json_value *object = json_object_new();
    int r = object ? 0 : -ENOMEM;
    for (; r == 0 && members[0]; members += 2)
        if (members[1]) r = json_object_set_take(object, members[0], json_string_new(members[1]));
    return r < 0 ? NULL : TAKE(object);
}
#define ANSWER(...) answer((const char *const[]){ __VA_ARGS__, NULL, NULL })

struct json_value *performance_error(const char *unit, const char *word, const char *message)
{
    return ANSWER("type", "error", "unit", unit, "error", word, "message", message);
}

static struct json_value *job_answer(const char *type, const char *unit, uint32_t job, const char *result,
                                     const char *why)
{
    AUTO(json_free) struct json_value *object = ANSWER("type", type, "unit", unit, "result", result, "why", why);
    if (!object || json_object_set_take(object, "job", json_int_new(job)) < 0) return NULL;
    return TAKE(object);
}

/* ---- steps ---- */

/* What went wrong with one unit: a word that programs compare, a sentence for people. */
static struct json_value *refuse(const char *unit, const char *word, const char *fmt)
{
    AUTO_STR struct str message = STR_EMPTY;
    const char *hole = strstr(fmt, "%s");
    int r = str_append_bytes(&message, fmt, hole ? (size_t)(hole - fmt) : strlen(fmt));
    if (r == 0 && hole) r = str_append(&message, unit);
    if (r == 0 && hole) r = str_append(&message, hole + 2);
    return r < 0 ? NULL : performance_error(unit, word, str_text(&message));
}

static struct json_value *refuse_absent(struct manager *m, const char *name)
{
    switch (unit_set_absence(m->set, name)) {
    case UNIT_MASKED:
        return refuse(name, "UnitMasked", "Unit %s is masked.");
    case UNIT_REFUSED:
        return refuse(name, "LoadFailed", "Unit %s failed to load: it has a bad unit file setting.");
    case UNIT_NOT_FOUND:
    case UNIT_INERT:
        break;
    }
    return refuse(name, "NoSuchUnit", "Unit %s not found.");
}

/* What a verb asks of a unit that cannot and of one that can be reloaded. */
static enum job_type job_type_of(enum control_verb verb, bool can_reload)
{
    static const uint8_t types[CONTROL_VERB_COUNT][2] = {
        [CONTROL_START] = { JOB_START, JOB_START },
        [CONTROL_STOP] = { JOB_STOP, JOB_STOP },
        [CONTROL_RESTART] = { JOB_RESTART, JOB_RESTART },
        [CONTROL_TRY_RESTART] = { JOB_TRY_RESTART, JOB_TRY_RESTART },
        [CONTROL_RELOAD] = { JOB_RELOAD, JOB_RELOAD },
        [CONTROL_RELOAD_OR_RESTART] = { JOB_RESTART, JOB_RELOAD_OR_START },
        [CONTROL_TRY_RELOAD_OR_RESTART] = { JOB_TRY_RESTART, JOB_TRY_RELOAD },
    };
    return types[verb][can_reload];
}

static struct json_value *do_job(struct performance *p, struct manager *m, struct runtime *rt)
{
    const struct control_request *request = &p->request;
    enum job_mode mode = request->mode ? job_mode_of_name(request->mode) : JOB_MODE_REPLACE;
    struct job_error error = { .code = "" };
    uint32_t job = 0;
    if (mode == JOB_MODE_COUNT) return refuse(runtime_name(rt), "InvalidArgs", "There is no such job mode.");
    int r = jobs_enqueue_manual(m, rt, job_type_of(request->verb, unit_can_reload(rt)), mode, &error, &job);
    if (r == -ENOMEM) return NULL;
    if (r < 0) return performance_error(runtime_name(rt), error.code, error.text);
    if (request->wait && job != 0) {
        struct awaited awaited = { .unit = strdup(runtime_name(rt)), .job = job };
        if (!awaited.unit || vec_push(&p->awaited, awaited) < 0) {
            free(awaited.unit);
            return NULL;
        }
    }
    return job_answer("accepted", runtime_name(rt), job, NULL, NULL);
}

static struct json_value *do_kill(const struct control_request *request, struct runtime *rt)
{
    static const uint8_t whoms[CONTROL_WHOM_COUNT] = { OPERATE_ALL, OPERATE_MAIN, OPERATE_CONTROL };
    const char *name = runtime_name(rt);
    int r = operate_kill(rt, whoms[request->whom], request->signal);
    if (r == -ESRCH) return refuse(name, "NoSuchProcess", "No such process to kill in unit %s.");
    if (r == -EOPNOTSUPP) return refuse(name, "NotSupported", "Unit type of %s has no processes to kill.");
    if (r < 0) return performance_error(name, "Failed", strerror(-r));
    return job_answer("accepted", name, 0, NULL, NULL);
}

static struct json_value *do_unit(struct performance *p, struct manager *m, struct runtime *rt)
{
    switch (p->request.verb) {
    case CONTROL_UNITS:
        return control_describe_unit(rt);
    case CONTROL_KILL:
        return do_kill(&p->request, rt);
    case CONTROL_RESET_FAILED:
        operate_reset_failed(rt);
        return job_answer("accepted", runtime_name(rt), 0, NULL, NULL);
    case CONTROL_JOBS:
        return control_describe_job(rt);
    case CONTROL_CANCEL: {
        uint32_t job = rt->job.id;
        if (jobs_cancel(m, job) < 0) return refuse(runtime_name(rt), "NoSuchJob", "Unit %s has no job.");
        return job_answer("accepted", runtime_name(rt), job, NULL, NULL);
    }
    case CONTROL_START:
    case CONTROL_STOP:
    case CONTROL_RESTART:
    case CONTROL_TRY_RESTART:
    case CONTROL_RELOAD:
    case CONTROL_RELOAD_OR_RESTART:
    case CONTROL_TRY_RELOAD_OR_RESTART:
        return do_job(p, m, rt);
    case CONTROL_EXIT:
    case CONTROL_MANAGER:
    case CONTROL_VERB_COUNT:
        break;
    }
    return NULL;
}

/* Of a request that names no unit: is this one meant? */
static bool is_meant(const struct control_request *request, const struct runtime *rt)
{
    bool has_job = rt->job.type != JOB_NONE;
    if (runtime_is_hidden(rt)) return false;
    if (request->verb == CONTROL_JOBS) return has_job;
    if (request->verb == CONTROL_CANCEL) return has_job && (request->job == 0 || request->job == rt->job.id);
    if (request->verb == CONTROL_RESET_FAILED) return rt->active == ACTIVE_STATE_FAILED;
    return true;
}

/* The step for the next name or unit; NULL with p->next at the end: there is none left. */
static struct json_value *step(struct performance *p, struct manager *m, bool *ret_any)
{
    const struct control_request *request = &p->request;
    *ret_any = true;
    if (request->verb == CONTROL_MANAGER) {
        if (p->next++ == 0) return control_describe_manager(m);
    } else if (request->units.count > 0) {
        if (p->next < request->units.count) {
            const char *name = request->units.items[p->next++];
            struct runtime *rt = manager_find(m, name);
            return rt ? do_unit(p, m, rt) : refuse_absent(m, name);
        }
    } else {
        while (p->next < m->n_units) {
            struct runtime *rt = manager_unit(m, (uint32_t)p->next++);
            if (is_meant(request, rt)) return do_unit(p, m, rt);
        }
    }
    *ret_any = false;
    return NULL;
}

static void do_exit(const struct control_request *request, struct manager *m)
{
    if (request->exit_code >= 0) shutdown_decide_asked(m, request->exit_code);
    shutdown_begin(m, "the control interface asks for the end, beginning reverse shutdown");
}

static struct json_value *next_answer(struct performance *p, struct manager *m, bool *ret_any)
{
    *ret_any = true;
    if (p->refused) {
        const char *word = p->refused;
        p->refused = NULL;
        p->request.verb = CONTROL_VERB_COUNT; /* nothing of it is done: the end comes next */
        p->next = SIZE_MAX;
        return performance_error(NULL, word, p->why);
    }
    if (p->request.verb != CONTROL_EXIT) {
        struct json_value *object = step(p, m, ret_any);
        if (*ret_any) return object;
        *ret_any = true;
    }
    bool waiting = false;
    for (size_t i = 0; i < p->awaited.count; i++) {
        struct awaited *a = &p->awaited.items[i];
        if (a->ended && !a->told) {
            a->told = true;
            return job_answer("result", a->unit, a->job, job_result_name((enum job_result)a->result),
                              unit_result_name((enum unit_result)a->why));
        }
        if (!a->ended) waiting = true;
    }
    if (waiting) {
        *ret_any = false;
        return NULL;
    }
    p->over = true;
    if (p->request.verb == CONTROL_EXIT) do_exit(&p->request, m);
    return ANSWER("type", "end");
}

/* ---- public ---- */

int performance_begin(struct performance *p, const char *text, size_t length, bool may_change)
{
    *p = (struct performance){ .request = CONTROL_REQUEST_EMPTY };
    int r = control_request_parse(text, length, &p->request, &p->why);
    if (r == -ENOMEM) return r;
    if (r < 0) {
        p->refused = "InvalidArgs";
    } else if (control_verb_changes(p->request.verb) && !may_change) {
        p->refused = "AccessDenied";
        p->why = "Access denied";
    }
    return 0;
}

int performance_next(struct performance *p, struct manager *m, char **ret_text)
{
    bool any;
    AUTO(json_free) struct json_value *object = next_answer(p, m, &any);
    if (!any) return 0;
    char *text = object ? json_print(object, 0) : NULL;
    if (!text) return -ENOMEM;
    *ret_text = text;
    return 1;
}

bool performance_is_over(const struct performance *p)
{
    return p->over;
}

bool performance_job_removed(struct performance *p, const struct runtime *rt, uint32_t job, enum job_result result)
{
    bool any = false;
    for (size_t i = 0; i < p->awaited.count; i++) {
        struct awaited *a = &p->awaited.items[i];
        if (a->job != job || a->ended || strcmp(a->unit, runtime_name(rt)) != 0) continue;
        a->ended = any = true;
        a->result = (uint8_t)result;
        a->why = rt->result;
    }
    return any;
}

void performance_done(struct performance *p)
{
    control_request_done(&p->request);
    for (size_t i = 0; i < p->awaited.count; i++) free(p->awaited.items[i].unit);
    vec_done(&p->awaited);
    *p = (struct performance){ .over = true };
}
