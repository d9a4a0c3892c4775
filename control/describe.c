#include "control/describe.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/str.h"
#include "supervisor/manager.h"
#include "supervisor/operate.h"
#include "supervisor/probe.h"
#include "supervisor/service.h"
#include "supervisor/service_notify.h"
#include "supervisor/socket.h"
#include "supervisor/timer.h"
#include "unit/property.h"

/* Of one text, and of the entries of one list: a message holds them all. */
#define TEXT_MAX 2048
#define LIST_MAX 64

struct description {
    struct json_value *object;
    int error; /* of the first member that could not be added */
};

static void add(struct description *d, const char *key, struct json_value *value)
{
    int r = json_object_set_take(d->object, key, value);
    if (r < 0 && d->error == 0) d->error = r;
}

static struct json_value *cut_text(const char *text)
{
    size_t length = strlen(text);
    if (length <= TEXT_MAX) return json_string_new(text);
    AUTO_STR struct str cut = STR_EMPTY;
    int r = str_append_bytes(&cut, text, TEXT_MAX);
    if (r == 0) r = str_append(&cut, "...");
    return r < 0 ? NULL : json_string_new(str_text(&cut));
}

static void add_text(struct description *d, const char *key, const char *text)
{
    add(d, key, cut_text(text ? text : ""));
}

static void add_int(struct description *d, const char *key, int64_t value)
{
    add(d, key, json_int_new(value));
}

/* A point of the monotonic clock as time of day; 0 for 0 and USEC_INFINITY, which are none. */
static int64_t time_of_day(usec_t monotonic)
{
    struct timespec wall, steady;
    (void)clock_gettime(CLOCK_REALTIME, &wall); /* cannot fail for these clocks */
    (void)clock_gettime(CLOCK_MONOTONIC, &steady);
    if (monotonic == 0 || monotonic == USEC_INFINITY) return 0;
    return (int64_t)(wall.tv_sec - steady.tv_sec) * (int64_t)USEC_PER_SEC + (wall.tv_nsec - steady.tv_nsec) / 1000 +
           (int64_t)monotonic;
}

static void add_time(struct description *d, const char *key, usec_t monotonic)
{
    add_int(d, key, time_of_day(monotonic));
}

static bool has_id(struct id_span span, uint32_t id)
{
    uint32_t i = 0;
    while (i < span.count && span.ids[i] != id) i++;
    return i < span.count;
}

/* Names, and how each of them is. */
struct unit_names {
    struct json_value *names, *states;
};

static int add_unit(struct unit_names *out, const struct runtime *rt)
{
    if (runtime_is_hidden(rt)) return 0; /* the template of an instance */
    int r = json_array_add_take(out->names, json_string_new(runtime_name(rt)));
    return r < 0 ? r : json_array_add_take(out->states, json_string_new(active_state_name(rt->active)));
}

/* Those of the one kind, and those of the other that are not among them: for systemd, Sockets= is a trigger as well. */
static void add_units(struct description *d, const char *key, const char *states, struct runtime *rt,
                      enum graph_edge edge, enum graph_edge other)
{
    struct id_span span = manager_edges(rt->manager, rt->unit->id, edge);
    struct id_span more = manager_edges(rt->manager, rt->unit->id, other);
    struct unit_names out = { json_array_new(), json_array_new() };
    int r = out.names && out.states ? 0 : -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < MIN_OF(span.count, LIST_MAX); i++)
        r = add_unit(&out, manager_unit(rt->manager, span.ids[i]));
    for (uint32_t i = 0; r == 0 && i < MIN_OF(more.count, LIST_MAX); i++)
        if (!has_id(span, more.ids[i])) r = add_unit(&out, manager_unit(rt->manager, more.ids[i]));
    if (r < 0 && d->error == 0) d->error = r;
    add(d, key, out.names);
    add(d, states, out.states);
}

static void add_documentation(struct description *d, const struct text_list *documentation)
{
    AUTO(json_free) struct json_value *list = json_array_new();
    int r = list ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < MIN_OF(documentation->count, 8); i++)
        r = json_array_add_take(list, cut_text(documentation->items[i]));
    if (r < 0 && d->error == 0) d->error = r;
    if (r == 0) add(d, "Documentation", TAKE(list));
}

static void describe_service(struct description *d, struct service *s)
{
    bool ended = s->main_ended;
    add_int(d, "MainPID", s->main.pid);
    add_int(d, "ControlPID", s->control.pid);
    add_int(d, "ExecMainPID", ended ? s->main_exit.pid : s->main.pid);
    add_int(d, "ExecMainCode", ended ? s->main_exit.code : 0);
    add_int(d, "ExecMainStatus", ended ? s->main_exit.status : 0);
    add_int(d, "NRestarts", s->n_restarts);
    add_text(d, "InvocationID", s->invocation_id);
    int error = service_status_errno(s);
    add_text(d, "StatusText", service_status_text(s));
    add_int(d, "StatusErrno", error > 0 ? error : 0);
    if (*probe_health(s)) add_text(d, "Health", probe_health(s)); /* ours */
    add_int(d, "NFileDescriptorStore", (int64_t)service_stored_fds(s));
}

static void describe_timer(struct description *d, const struct runtime *rt)
{
    usec_t realtime, monotonic;
    timer_next_elapse(rt, &realtime, &monotonic);
    int64_t by_clock = realtime == USEC_INFINITY ? 0 : (int64_t)realtime, by_span = time_of_day(monotonic);
    struct timer_moment last = timer_last_trigger(rt);
    add_int(d, "NextElapseUSecRealtime", by_span > 0 && (by_clock == 0 || by_span < by_clock) ? by_span : by_clock);
    add_int(d, "LastTriggerUSec", last.realtime > 0 ? (int64_t)last.realtime : time_of_day(last.monotonic));
}

/* "/run/x (Stream)", as systemctl shows them. */
static int add_listens(struct description *d, const struct unit *unit)
{
    struct property_context context = { .unit = unit };
    AUTO_STR struct str text = STR_EMPTY;
    AUTO(json_free) struct json_value *list = json_array_new();
    int r = list ? property_text(property_find(UNIT_KIND_SOCKET, "Listen"), &context, &text) : -ENOMEM;
    char *line = text.data;
    for (unsigned i = 0; r == 0 && line && i < LIST_MAX; i++) {
        char *end = strchr(line, PROPERTY_NEXT_LINE);
        if (end) *end++ = '\0';
        r = json_array_add_take(list, cut_text(line));
        line = end;
    }
    if (r == 0) add(d, "Listen", TAKE(list));
    return r;
}

/* Our own settings, which `systemctl show` of systemd has no words for. */
static void add_own_settings(struct description *d, const struct unit *unit)
{
    static const char *const names[] = { "ActivationMode", "IdleStopUSec",
                                         /* of a proxy: */
                                         "ProxyTarget", "ProxyConnectTimeoutUSec", "ProxyConnectionsMax",
                                         "ProxyConnectionsMaxPerSource", "ProxyIdleTimeoutUSec", "ProxyProtocol",
                                         "ProxyTransparent" };
    struct property_context context = { .unit = unit };
    size_t count = unit->socket->activation_mode == ACTIVATION_PROXY ? COUNT_OF(names) : 2;
    for (size_t i = 0; i < count; i++) {
        AUTO_STR struct str text = STR_EMPTY;
        int r = property_text(property_find(UNIT_KIND_SOCKET, names[i]), &context, &text);
        if (r == 0) add_text(d, names[i], str_text(&text));
        if (r < 0 && d->error == 0) d->error = r;
    }
}

static void describe_socket(struct description *d, const struct runtime *rt)
{
    const struct socket_counters *counters = socket_counters(rt);
    int r = add_listens(d, rt->unit);
    if (r < 0 && d->error == 0) d->error = r;
    add_own_settings(d, rt->unit);
    add(d, "Accept", json_bool_new(rt->unit->socket->accept));
    add_int(d, "NAccepted", (int64_t)counters->accepted);
    add_int(d, "NConnections", counters->connections);
    add_int(d, "NRefused", (int64_t)counters->refused);
}

struct json_value *control_describe_unit(struct runtime *rt)
{
    const struct unit *unit = rt->unit;
    AUTO(json_free) struct json_value *object = json_object_new();
    struct description d = { .object = object };
    if (!object) return NULL;
    add_text(&d, "type", "unit");
    add_text(&d, "Id", unit->name);
    add_text(&d, "Description", unit->unit->description ? unit->unit->description : unit->name);
    add_text(&d, "LoadState", unit_load_state_name(unit->load_state));
    add_text(&d, "FragmentPath", unit->path);
    add_documentation(&d, &unit->unit->documentation);
    add_text(&d, "ActiveState", active_state_name(rt->active));
    add_text(&d, "SubState", rt->type->sub_state(rt));
    add_text(&d, "Result", unit_result_name(rt->result));
    add(&d, "ConditionResult", json_bool_new(!rt->skipped));
    add_time(&d, "InactiveExitTimestamp", rt->inactive_exit);
    add_time(&d, "InactiveEnterTimestamp", rt->inactive_enter);
    add_time(&d, "ActiveEnterTimestamp", rt->active_enter);
    add_time(&d, "ActiveExitTimestamp", rt->active_exit);
    add_int(&d, "Job", rt->job.id);
    if (rt->job.type != JOB_NONE) add_text(&d, "JobType", job_type_name(rt->job.type));
    add_units(&d, "Triggers", "triggers_states", rt, GRAPH_TRIGGERS, GRAPH_PASSES_TO);
    add_units(&d, "TriggeredBy", "triggered_by_states", rt, GRAPH_TRIGGERED_BY, GRAPH_PASSED_BY);
    AUTO_STR struct str cgroup = STR_EMPTY;
    if (operate_control_group(rt, &cgroup) == 0) add_text(&d, "ControlGroup", str_text(&cgroup));
    if (rt->type == &service_type) describe_service(&d, service_of(rt));
    if (rt->type == &timer_type) describe_timer(&d, rt);
    if (rt->type == &socket_type) describe_socket(&d, rt);
    return d.error < 0 ? NULL : TAKE(object);
}

struct json_value *control_describe_job(const struct runtime *rt)
{
    AUTO(json_free) struct json_value *object = json_object_new();
    struct description d = { .object = object };
    if (!object) return NULL;
    add_text(&d, "type", "job");
    add_int(&d, "Id", rt->job.id);
    add_text(&d, "Unit", runtime_name(rt));
    add_text(&d, "JobType", job_type_name(rt->job.type));
    add_text(&d, "State", rt->job.state == JOB_WAITING ? "waiting" : "running");
    return d.error < 0 ? NULL : TAKE(object);
}

/* Source: systemctl(1), is-system-running. */
struct json_value *control_describe_manager(const struct manager *m)
{
    AUTO(json_free) struct json_value *object = json_object_new();
    struct description d = { .object = object };
    uint32_t failed = 0, names = 0;
    if (!object) return NULL;
    for (uint32_t id = 0; id < m->n_units; id++) {
        const struct runtime *rt = manager_unit(m, id);
        if (runtime_is_hidden(rt)) continue;
        names++;
        failed += rt->active == ACTIVE_STATE_FAILED;
    }
    add_text(&d, "type", "manager");
    add_text(&d, "SystemState",
             m->shutdown.begun   ? "stopping"
             : !m->boot_complete ? "starting"
             : failed > 0        ? "degraded"
                                 : "running");
    add_int(&d, "NNames", names);
    add_int(&d, "NFailedUnits", failed);
    add_int(&d, "NJobs", m->n_jobs);
    return d.error < 0 ? NULL : TAKE(object);
}
