#include "supervisor/manager.h"

#include "base/civil.h"
#include "base/log.h"
#include "base/timespan.h"
#include "cgroup/root.h"
#include "pid1/place.h"
#include "pid1/reaper.h"
#include "supervisor/bus.h"
#include "supervisor/exec_identity.h"
#include "supervisor/exec_plan.h"
#include "supervisor/file_helper.h"
#include "supervisor/handlers.h"
#include "supervisor/job.h"
#include "supervisor/logs.h"
#include "supervisor/mounts.h"
#include "supervisor/oom.h"
#include "supervisor/outside.h"
#include "supervisor/path.h"
#include "supervisor/probe.h"
#include "supervisor/notify.h"
#include "supervisor/procs.h"
#include "supervisor/service.h"
#include "supervisor/socket.h"
#include "supervisor/spawn.h"
#include "supervisor/termination.h"
#include "supervisor/timer.h"
#include "supervisor/transaction.h"
#include "supervisor/trigger.h"
#include "supervisor/unit_type.h"
#include "trace/memsnap.h"
#include "trace/trace.h"
#include "unit/unit.h"
#include "userdb/userdb.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Bounds of one round, so that nothing starves a stop timeout: exits collected, jobs run before the next look at
 * events. */
#define CHILDREN_PER_ROUND 512
#define JOBS_PER_ROUND     16
#define STEADY_STATE_AFTER (20 * USEC_PER_SEC)

/* ---- exits and signals ---- */

static void on_orphan(const struct child_exit *exit, void *userdata)
{
    struct manager *m = userdata;
    m->reaped = true;
    procs_reaped(m->procs, exit->pid);
    log_debug("reaped orphan %d", (int)exit->pid);
}

void manager_collect_children(struct manager *m)
{
    int r = reaper_collect(m->reaper, CHILDREN_PER_ROUND);
    m->reaped = true;
    m->more_children = r > 0;
    if (r < 0) log_error("collecting exits: %s", strerror(-r));
}

static void on_signals(int fd, uint32_t events, void *userdata)
{
    struct manager *m = userdata;
    struct pid1_signal signal;
    (void)fd;
    (void)events;
    while (pid1_signals_read(&m->signals, &signal) == 1) {
        if (signal.intent == PID1_CHILDREN)
            manager_collect_children(m);
        else
            payload_signal(m, &signal);
    }
}

/* After exits were collected: who waited for its last process? */
static void check_watched(struct manager *m)
{
    size_t kept = 0;
    if (!m->reaped) return;
    m->reaped = false;
    for (size_t i = 0; i < m->watched.count; i++) {
        struct service *s = m->watched.items[i];
        if (s->begun && !procs_is_empty(m->procs, &s->procs)) {
            service_kill_again(s);
            m->watched.items[kept++] = s;
            continue;
        }
        s->watched = false;
        if (s->begun) manager_post(m, s, SERVICE_EVENT_EMPTY);
    }
    m->watched.count = kept;
    if (m->sockets_ending.count > 0) sockets_check_ending(m);
}

/* ---- trace helpers ---- */

static const char *own_cgroup(const struct manager *m)
{
    return m->cgroup ? cg_root_own_path(m->cgroup) : NULL;
}

static void snapshot(struct manager *m, const char *label)
{
    if (m->trace) memsnap_take(m->trace, label, own_cgroup(m));
}

void manager_label_snapshot(struct manager *m, const char *unit)
{
    if (!m->trace || !m->options.trace_labels) return;
    const char *at = m->options.trace_labels;
    while (*at) {
        at += strspn(at, " ,");
        size_t pair = strcspn(at, ",");
        const char *colon = memchr(at, ':', pair);
        size_t name = colon ? (size_t)(colon - at) : pair;
        if (colon && strlen(unit) == name && memcmp(at, unit, name) == 0) {
            size_t length = pair - name - 1;
            while (length > 0 && colon[length] == ' ') length--;
            char label[128];
            (void)snprintf(label, sizeof label, "%.*s", (int)MIN_OF(length, sizeof label - 1), colon + 1); /* cut */
            snapshot(m, label);
            return;
        }
        at += pair;
    }
}

void manager_trace_spawn(struct manager *m, const char *unit, const struct exec_plan *plan, pid_t pid)
{
    TRACE(m->trace, "spawn", TRACE_OK, 0, TF_STR("unit", unit),
          TF_STRV("argv", exec_plan_argv(plan), exec_plan_argc(plan)), TF_INT("pid", pid));
}

void manager_report_spawner(struct manager *m)
{
    struct spawner_learnt learnt;
    if (m->spawner_reported || !m->cgroup) return;
    spawner_learnt(m->spawner, &learnt);
    int error = learnt.into_cgroup_error ? learnt.into_cgroup_error : learnt.clone3_error;
    if (error == 0) return;
    m->spawner_reported = true;
    log_info("cgroup: cannot spawn into a cgroup (%s); moving units into their cgroup after spawn", strerror(error));
}

void manager_report_userdb(struct manager *m)
{
    static const struct {
        enum userdb_file file;
        const char *variable;
    } files[] = { { USERDB_PASSWD, "CONTAINER_INIT_PASSWD_FILE" }, { USERDB_GROUP, "CONTAINER_INIT_GROUP_FILE" } };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        const char *path, *missing;
        if (!userdb_changed(m->userdb, files[i].file, &path, &missing)) continue;
        if (missing)
            log_info("userdb: %s=%s does not exist; reading %s", files[i].variable, missing, path);
        else
            log_info("userdb: reading %s (%s)", path, files[i].variable);
    }
}

/* ---- making ---- */

/* Each service has three descriptors while it runs. */
#define CROWD 16

/* Many services, or one for each connection. */
static bool is_crowd(const struct unit_set *set)
{
    uint32_t n_services = 0;
    for (uint32_t id = 0; id < unit_set_count(set); id++) {
        const struct unit *unit = unit_set_get(set, id);
        if (unit->kind == UNIT_KIND_SOCKET && unit->socket->accept) return true;
        if (unit->kind == UNIT_KIND_SERVICE && ++n_services == CROWD) return true;
    }
    return false;
}

static int make_units(struct manager *m)
{
    static const struct unit_type *const types[UNIT_KIND_COUNT] = {
        [UNIT_KIND_SERVICE] = &service_type, [UNIT_KIND_SOCKET] = &socket_type,     [UNIT_KIND_TARGET] = &target_type,
        [UNIT_KIND_PATH] = &path_type,       [UNIT_KIND_TIMER] = &timer_type,       [UNIT_KIND_SLICE] = &slice_type,
        [UNIT_KIND_MOUNT] = &outside_type,   [UNIT_KIND_AUTOMOUNT] = &outside_type, [UNIT_KIND_SWAP] = &outside_type,
        [UNIT_KIND_DEVICE] = &outside_type,
    };
    m->n_units = unit_set_count(m->set);
    m->units_capacity = (size_t)m->n_units + 1;
    m->units = calloc(m->units_capacity, sizeof(struct runtime *));
    if (!m->units) return -ENOMEM;
    if (is_crowd(m->set)) spawner_expect_crowd(m->spawner);
    for (uint32_t id = 0; id < m->n_units; id++) {
        const struct unit *unit = unit_set_get(m->set, id);
        const struct unit_type *type = types[unit->kind];
        struct runtime *rt = calloc(1, type->size);
        if (!rt) return -ENOMEM;
        rt->manager = m;
        rt->unit = unit;
        rt->type = type;
        m->units[id] = rt;
        int r = type->init ? type->init(rt) : 0;
        if (r < 0) return r;
    }
    return vec_reserve(&m->run_queue, m->n_units);
}

static void trace_boot(struct manager *m)
{
    char utc[96];
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    struct civil c = civil_from_seconds(now.tv_sec);
    (void)snprintf(utc, sizeof utc, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", c.year, c.month, c.day, c.hour, c.minute,
                   c.second, now.tv_nsec / 1000000); /* fits */
    TRACE(m->trace, "boot_start", TRACE_OK, 0, TF_STR("wall_utc", utc));
    for (size_t i = 0; i < unit_set_override_count(m->set); i++) {
        const struct unit_override *o = unit_set_override(m->set, i);
        TRACE(m->trace, "unit_overridden", TRACE_OK, 0, TF_STR("unit", o->name), TF_STR("base_path", o->base_path),
              TF_STR("override_path", o->override_path));
    }
    TRACE(m->trace, "units_loaded", TRACE_OK, m->options.load_started, TF_U64("count", m->options.load_units),
          TF_U64("warnings", m->options.load_warnings), TF_U64("overrides", unit_set_override_count(m->set)));
}

static void open_trace(struct manager *m)
{
    const char *path = m->options.trace_path;
    if (!path) return;
    int r = trace_open(path, m->loop, &m->trace);
    if (r < 0) log_error("trace: %s: %s; going on without", path, strerror(-r));
}

static void report_place(struct manager *m, const char *reason)
{
    struct pid1_place place;
    struct pid1_place_cgroup cgroup = { .reason = reason };
    char controllers[64] = "";
    if (m->cgroup) {
        for (int c = 0; c < CG_CONTROLLER_COUNT; c++) {
            if (!cg_root_has_controller(m->cgroup, (enum cg_controller)c)) continue;
            size_t length = strlen(controllers);
            (void)snprintf(controllers + length, sizeof controllers - length, "%s%s", length ? " " : "",
                           cg_controller_name((enum cg_controller)c)); /* fits: five short names */
        }
        cgroup.path = cg_root_path(m->cgroup);
        cgroup.reason = cg_root_controllers_reason(m->cgroup);
        cgroup.controllers = controllers;
        cgroup.kill = cg_root_has_kill(m->cgroup);
    }
    pid1_place_probe(&cgroup, &place);
    AUTO_STR struct str line = STR_EMPTY;
    if (pid1_place_format(&place, &line) < 0) return;
    log_info("place: %s", str_text(&line));
    TRACE(m->trace, "place", TRACE_OK, 0, TF_STR("text", str_text(&line)), TF_BOOL("pid1", place.is_init),
          TF_BOOL("root", place.is_root), TF_BOOL("cgroup", m->cgroup != NULL), TF_BOOL("clone3", place.clone3),
          TF_BOOL("readonly_root", place.readonly_root));
}

static void open_cgroup(struct manager *m)
{
    char *reason = NULL;
    int r = cg_root_open(NULL, &m->cgroup, &reason);
    if (r == 0) {
        log_info("cgroup-v2 base: %s", cg_root_path(m->cgroup));
        TRACE(m->trace, "cgroup_init", TRACE_OK, 0, TF_BOOL("available", true),
              TF_STR("base", cg_root_path(m->cgroup)));
    } else {
        const char *why = reason ? reason : strerror(-r);
        log_info("cgroup-v2 unavailable (%s); falling back to PGID kill path", why);
        TRACE(m->trace, "cgroup_init", TRACE_OK, 0, TF_BOOL("available", false), TF_STR("err", why));
    }
    report_place(m, reason);
    free(reason);
}

static void report_identity(struct manager *m)
{
    m->uid = geteuid();
    m->gid = getegid();
    if (m->uid != 0)
        log_info("running as uid %u gid %u, not root: User= units must resolve to this identity; switching is off",
                 (unsigned)m->uid, (unsigned)m->gid);
}

static int open_parts(struct manager *m)
{
    int r = loop_new(&m->loop);
    if (r < 0) return r;
    m->started = loop_now(m->loop);
    r = pid1_signals_open(&m->signals);
    if (r < 0) return r;
    r = loop_io_add(m->loop, m->signals.fd.n, EPOLLIN, LOOP_LATE, on_signals, m, &m->signals_io);
    if (r < 0) return r;
    r = logs_new(m->loop, &m->logs);
    if (r < 0) return r;
    open_trace(m);
    trace_boot(m);
    report_identity(m);
    open_cgroup(m);
    r = reaper_new(&m->reaper);
    if (r < 0) return r;
    reaper_set_orphan_fn(m->reaper, on_orphan, m);
    r = file_helpers_new(m->loop, m->reaper, &m->file_helpers);
    if (r < 0) return r;
    r = userdb_new(m->options.passwd_file, m->options.group_file, &m->userdb);
    if (r < 0) return r;
    if (!exec_userdb_is_local(m->userdb))
        log_info("userdb: a file that was named may not answer; each child reads it by itself");
    r = termination_new(m, m->options.termination_log, &m->termination);
    if (r < 0) return r;
    r = probe_open_program(&m->program);
    if (r < 0) log_warning("our own program cannot be opened: ReadyWhen= and HealthCheck= need exec:");
    r = spawner_new(m->loop, &m->spawner);
    if (r < 0) return r;
    return procs_table_new(m->cgroup, &m->procs);
}

int manager_new(const struct manager_options *options, const struct unit_set *set, const struct graph *graph,
                struct manager **ret_manager)
{
    AUTO(manager_free) struct manager *m = calloc(1, sizeof *m);
    if (!m) return -ENOMEM;
    m->signals.fd = m->program = FD_NONE;
    m->boot.spare = FD_NONE;
    m->payload.socket = FD_NONE;
    m->options = *options;
    /* Early in a virtual machine's boot there may be none: pauses are to differ, not to be secret. */
    if (getrandom(&m->random, sizeof m->random, GRND_NONBLOCK) != (ssize_t)sizeof m->random)
        m->random = (uint64_t)(uintptr_t)m;
    m->set = set;
    m->graph = graph;
    int r = pid1_boot_init(&m->boot);
    if (r < 0) return r;
    r = open_parts(m);
    if (r < 0) return r;
    r = make_units(m);
    if (r < 0) return r;
    payload_open(m);
    listen_fds_open(m);
    *ret_manager = TAKE(m);
    return 0;
}

void manager_free(struct manager *m)
{
    if (!m) return;
    instances_free(m);
    for (uint32_t id = 0; m->units && id < m->n_units; id++) {
        struct runtime *rt = m->units[id];
        if (rt) job_done(rt);
        if (rt) unit_handlers_done(rt);
        if (rt && rt->type->done) rt->type->done(rt);
        if (rt) trigger_clear(rt);
        free(rt);
    }
    free(m->units);
    timers_free(m->timers);
    if (m->loop) {
        struct loop_deadline *const deadlines[] = { &m->steady_state, &m->shutdown.near_bound, &m->shutdown.bound,
                                                    &m->shutdown.give_up, &m->shutdown.flush };
        for (size_t i = 0; i < COUNT_OF(deadlines); i++) loop_deadline_clear(m->loop, deadlines[i]);
        loop_io_remove(m->loop, &m->signals_io);
    }
    vec_done(&m->events);
    vec_done(&m->run_queue);
    vec_done(&m->job_hooks);
    vec_done(&m->checks);
    transaction_free(m->transaction);
    vec_done(&m->watched);
    vec_done(&m->sockets_ending);
    paths_free(m);
    mounts_free(m);
    vec_done(&m->idle);
    if (m->loop) oom_watch_free(m);
    notify_free(m->notify);
    termination_free(m->termination);
    procs_table_free(m->procs);
    spawner_free(m->spawner);
    userdb_free(m->userdb);
    payload_close(m);
    listen_fds_close(m);
    bus_free(m->bus);
    file_helpers_free(m->file_helpers);
    reaper_free(m->reaper);
    (void)cg_root_close_all(m->cgroup); /* best effort; what stays is empty */
    trace_free(m->trace);
    logs_free(m->logs);
    loop_free(m->loop);
    fd_close(&m->program);
    pid1_signals_close(&m->signals);
    pid1_boot_done(&m->boot);
    free(m);
}

/* ---- running ---- */

const char *manager_environment(const struct manager *m, const char *name)
{
    size_t length = strlen(name);
    for (char *const *at = m->options.environ; at && *at; at++)
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=') return *at + length + 1;
    return NULL;
}

struct runtime *manager_find(const struct manager *m, const char *name)
{
    const struct unit *unit = unit_set_find(m->set, name);
    if (unit) return unit->template ? NULL : manager_unit(m, unit->id);
    return instance_find(m, name);
}

void manager_post_socket(struct runtime *socket, uint8_t event)
{
    struct posted posted = { .unit = socket, .event = event };
    if (vec_push(&socket->manager->events, posted) < 0)
        log_error("unit %s: out of memory: an event was lost", runtime_name(socket));
}

void manager_post(struct manager *m, struct service *service, enum service_event event)
{
    struct posted posted = { .unit = &service->base, .event = (uint8_t)event };
    if (vec_push(&m->events, posted) < 0)
        log_error("unit %s: out of memory: %s was lost", service_name(service), service_event_name(event));
}

static void fire_events(struct manager *m)
{
    while (m->events_head < m->events.count) {
        struct posted p = m->events.items[m->events_head++];
        if (p.unit->unit->kind == UNIT_KIND_SERVICE)
            service_fire(service_of(p.unit), (enum service_event)p.event);
        else
            socket_fire_posted(p.unit, p.event);
    }
    m->events_head = m->events.count = 0;
}

static void on_steady_state(void *userdata)
{
    snapshot(userdata, "steady_state_t+20s");
}

static void boot_is_complete(struct manager *m)
{
    char span[TIMESPAN_TEXT_MAX];
    m->boot_complete = true;
    char text[TIMESPAN_TEXT_MAX + 32];
    (void)snprintf(text, sizeof text, "startup finished in %s",
                   timespan_format(loop_now(m->loop) - m->started, 1000, span)); /* fits */
    log_info("%s", text);
    payload_ready(m, text);
    TRACE(m->trace, "startup_finished", TRACE_OK, m->started, TF_U64("units", m->n_units));
    snapshot(m, "post_services");
    if (m->trace && loop_deadline_set(m->loop, &m->steady_state, usec_add(loop_now(m->loop), STEADY_STATE_AFTER),
                                      on_steady_state, m) < 0)
        log_error("out of memory: no memory snapshot after 20 s");
}

static void report_held(struct manager *m)
{
    for (uint32_t id = 0; id < m->n_units; id++) {
        const char *name = runtime_name(manager_unit(m, id));
        if (runtime_is_hidden(manager_unit(m, id))) continue;
        enum start_reason reason = graph_start_reason(m->graph, id);
        if (reason == HELD_FOR_SOCKET)
            log_info("unit %s: socket-activated (driven by attached .socket)", name);
        else if (reason == HELD_FOR_TIMER)
            log_info("unit %s: timer-activated (driven by attached .timer)", name);
        else if (reason == HELD_FOR_PATH)
            log_info("unit %s: path-activated (driven by attached .path)", name);
        else if (reason == HELD_FOR_HANDLER)
            log_info("unit %s: deferred (OnFailure target only)", name);
        else if (reason == HELD_FOR_STOP)
            log_info("unit %s: deferred (until the container stops)", name);
    }
}

/* Fires what was posted and runs what became runnable, to a fixed point or to this round's bound. */
static void settle(struct manager *m)
{
    /* One job at a time: what it decides is carried out before the next is looked at, so that no unit is down with a
     * start on its way (K22), and the bound holds for jobs that make jobs (K41). */
    fire_events(m);
    for (size_t n = 0; n < JOBS_PER_ROUND && jobs_dispatch(m, 1) > 0; n++) fire_events(m);
    if (m->idle.count > 0) services_let_idle_go(m);
    units_check(m);
    if (!m->boot_complete && !m->shutdown.begun && !jobs_pending(m)) boot_is_complete(m);
    shutdown_check(m);
    instances_collect(m);
}

int manager_run(struct manager *m)
{
    TRACE(m->trace, "supervisor_start", TRACE_OK, 0, TF_U64("units", m->n_units));
    snapshot(m, "boot");
    report_held(m);
    outside_report(m);
    loop_refresh_now(m->loop); /* opening took its time; what starts now starts now */
    int r = jobs_start_boot(m);
    if (r < 0) return r;
    for (;;) {
        settle(m);
        if (m->shutdown.finished) break;
        bool work = jobs_runnable(m) || m->events.count > 0 || m->more_children;
        r = loop_wait(m->loop, !work);
        if (r < 0) return r;
        procs_table_new_round(m->procs);
        if (m->more_children) manager_collect_children(m);
        check_watched(m);
    }
    int exit_code = shutdown_exit_code(m);
    payload_exiting(m, exit_code);
    uint64_t lost = logs_lost_bytes(m->logs) + logs_output_pending(m->logs);
    if (lost > 0) log_error("shutdown: %" PRIu64 " bytes of output could not be written", lost);
    TRACE(m->trace, "reverse_shutdown_done", TRACE_OK, m->shutdown.since, TF_INT("exit", exit_code),
          TF_U64("log_bytes_lost", lost));
    TRACE(m->trace, "boot_done", TRACE_OK, m->started, TF_INT("exit", exit_code));
    return exit_code;
}
