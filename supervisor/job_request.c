/* Asking for jobs. */
#include "supervisor/job_internal.h"

#include "base/log.h"
#include "supervisor/manager.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool unit_can_reload(const struct runtime *rt)
{
    if (rt->type->can_reload) return rt->type->can_reload(rt);
    return rt->type->reload || manager_edges(rt->manager, rt->unit->id, GRAPH_PROPAGATES_RELOAD_TO).count > 0;
}

PRINTF(4, 5)
static int refuse(struct job_error *error, int r, const char *code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    error->code = code;
    (void)vsnprintf(error->text, sizeof error->text, fmt, args); /* cut when names are long */
    va_end(args);
    return r;
}

static void cancel_quietly(const struct planned_job *planned)
{
    job_finish(planned->rt, JOB_RESULT_CANCELED, JOB_QUIETLY);
}

/* systemctl(1) --job-mode=: which modes go with which jobs. */
static int check_mode(const struct runtime *rt, enum job_type type, enum job_mode mode, struct job_error *error)
{
    bool only_start = mode == JOB_MODE_ISOLATE || mode == JOB_MODE_RESTART_DEPENDENCIES;
    if ((only_start && type != JOB_START) || (mode == JOB_MODE_TRIGGERING && type != JOB_STOP))
        return refuse(error, -EINVAL, "", "Job mode %s is only valid for %s.", job_mode_name(mode),
                      only_start ? "start" : "stop");
    if (mode == JOB_MODE_ISOLATE && !rt->unit->unit_extra->allow_isolate)
        return refuse(error, -EPERM, "NoIsolation", "Operation refused, unit %s may not be isolated.",
                      runtime_name(rt));
    return 0;
}

int jobs_enqueue(struct manager *m, struct runtime *rt, enum job_type type, enum job_mode mode,
                 struct job_error *ret_error, uint32_t *ret_job_id)
{
    struct job_error unused, *error = ret_error ? ret_error : &unused;
    uint32_t unused_id, *id = ret_job_id ? ret_job_id : &unused_id;
    *error = (struct job_error){ .code = "" };
    *id = 0;
    int r = check_mode(rt, type, mode, error);
    if (r < 0) return r;
    type = job_type_collapse(type, rt->active);
    if (type == JOB_NOP) return 0;
    if (m->shutdown.begun && type != JOB_STOP)
        return refuse(error, -ESHUTDOWN, "ShuttingDown", "The container is stopping: %s of %s is refused.",
                      job_type_name(type), runtime_name(rt));
    struct transaction_request request = { .rt = rt, .type = type, .mode = mode };
    r = transaction_run(m, &request, job_apply, cancel_quietly, error);
    if (r == -ENOMEM) return refuse(error, r, "", "out of memory");
    if (r == 0 && rt->job.type != JOB_NONE) *id = rt->job.id;
    return r;
}

int jobs_enqueue_manual(struct manager *m, struct runtime *rt, enum job_type type, enum job_mode mode,
                        struct job_error *ret_error, uint32_t *ret_job_id)
{
    struct job_error unused, *error = ret_error ? ret_error : &unused;
    const struct unit_extra_section *extra = rt->unit->unit_extra;
    bool stops = type == JOB_STOP || type == JOB_RESTART || type == JOB_TRY_RESTART;
    bool starts = type == JOB_START || type == JOB_RESTART || type == JOB_TRY_RESTART || type == JOB_RELOAD_OR_START;
    if (ret_job_id) *ret_job_id = 0;
    *error = (struct job_error){ .code = "" };
    if ((starts && extra->refuse_manual_start) || (stops && extra->refuse_manual_stop))
        return refuse(error, -EPERM, "OnlyByDependency",
                      "Operation refused, unit %s may be requested by dependency only "
                      "(it is configured to refuse manual start/stop).",
                      runtime_name(rt));
    bool insists = mode != JOB_MODE_IGNORE_DEPENDENCIES && mode != JOB_MODE_IGNORE_REQUIREMENTS;
    const char *missing = graph_missing_requirement(m->graph, manager_graph_id(m, rt->unit->id), NULL);
    if (starts && insists && missing && runtime_is_down(rt))
        return refuse(error, -ENOENT, "NoSuchUnit", "Unit %s not found.", missing);
    return jobs_enqueue(m, rt, type, mode, error, ret_job_id);
}

struct runtime *jobs_find(const struct manager *m, uint32_t id)
{
    for (uint32_t i = 0; i < m->n_units; i++)
        if (m->units[i]->job.type != JOB_NONE && m->units[i]->job.id == id) return m->units[i];
    return NULL;
}

int jobs_cancel(struct manager *m, uint32_t id)
{
    struct runtime *rt = jobs_find(m, id);
    if (!rt) return -ENOENT;
    job_finish(rt, JOB_RESULT_CANCELED, JOB_SPREADS);
    return 0;
}

int jobs_add_hook(struct manager *m, job_removed_fn *removed, void *userdata)
{
    return vec_push(&m->job_hooks, ((struct job_hook){ removed, userdata }));
}

/* ---- the supervisor's own ---- */

int jobs_start_boot(struct manager *m)
{
    struct job_error error;
    struct transaction_request request = { .type = JOB_START, .mode = JOB_MODE_REPLACE };
    return transaction_run(m, &request, job_apply, cancel_quietly, &error);
}

int jobs_ask(struct manager *m, struct runtime *rt, enum job_type type, enum job_mode mode)
{
    struct job_error error;
    int r = jobs_enqueue(m, rt, type, mode, &error, NULL);
    if (r < 0 && r != -ESHUTDOWN)
        log_error("unit %s: %s refused: %s", runtime_name(rt), job_type_name(type), error.text);
    return r;
}

int jobs_start(struct manager *m, struct runtime *rt)
{
    return jobs_ask(m, rt, JOB_START, JOB_MODE_REPLACE);
}

int jobs_stop(struct manager *m, struct runtime *rt)
{
    return jobs_ask(m, rt, JOB_STOP, JOB_MODE_REPLACE);
}

int job_release(struct runtime *rt)
{
    if (rt->job.type != JOB_NONE && !rt->job.held) return 0; /* it was replaced meanwhile, and goes on by itself */
    rt->job.held = false;
    /* What requires it was up with its former run and starts again with the new one (systemd.unit(5) Requires=). */
    int r = jobs_ask(rt->manager, rt, JOB_START, JOB_MODE_RESTART_DEPENDENCIES);
    if (r < 0 && rt->job.type == JOB_NONE) job_apply(&(struct planned_job){ .rt = rt, .type = JOB_START });
    if (rt->job.type != JOB_NONE) job_start_timer(rt, false); /* unless it has begun before */
    job_queue(rt);
    return r;
}

void jobs_stop_all(struct manager *m)
{
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (rt->job.type != JOB_NONE && rt->job.type != JOB_STOP) job_finish(rt, JOB_RESULT_CANCELED, JOB_QUIETLY);
    }
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (!runtime_is_down(rt) && rt->job.type == JOB_NONE)
            job_apply(&(struct planned_job){ .rt = rt, .type = JOB_STOP });
    }
}
