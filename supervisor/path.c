#include "supervisor/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/file_helper.h"
#include "supervisor/handlers.h"
#include "supervisor/inotify_watch.h"
#include "supervisor/job.h"
#include "supervisor/manager.h"
#include "supervisor/mounts.h"
#include "supervisor/path_look.h"
#include "supervisor/restart.h"
#include "supervisor/trigger.h"
#include "supervisor/unit_type.h"
#include "trace/trace.h"

/* START: a copy of PID 1 has the first look. */
enum path_state { PATH_DEAD, PATH_START, PATH_WAITING, PATH_RUNNING, PATH_FAILED };

/* Beside enum watch_news: what else there is to be done in a round of its own. */
enum { NEWS_UNIT = 8, NEWS_FIRE = 16 };

struct path {
    struct runtime base;
    enum path_state state;
    struct runtime *triggered; /* NULL until the start found it */
    struct watch_user user;
    struct path_question question;
    struct file_request *request;
    struct path_sight *known; /* of each line, when it was last looked at */
    bool initial, from_unit;  /* why it is being looked at: differences do not count */
    unsigned news;
    struct loop_deadline due;
    const char *hit; /* the line that was hit first */
    char *fire;      /* what was seen; the unit is about to be triggered */
    usec_t limit_begin;
    uint32_t limit_count;
};

static struct path *path_of(struct runtime *rt)
{
    return (struct path *)rt;
}

static const struct path_section *section_of(const struct path *p)
{
    return p->base.unit->path_unit;
}

static const char *path_state_name(enum path_state state)
{
    static const char *const names[] = { [PATH_DEAD] = "dead",
                                         [PATH_START] = "start",
                                         [PATH_WAITING] = "waiting",
                                         [PATH_RUNNING] = "running",
                                         [PATH_FAILED] = "failed" };
    return names[state];
}

static void set_state(struct path *p, enum path_state to)
{
    static const uint8_t active[] = { [PATH_DEAD] = ACTIVE_STATE_INACTIVE,
                                      [PATH_START] = ACTIVE_STATE_ACTIVATING,
                                      [PATH_WAITING] = ACTIVE_STATE_ACTIVE,
                                      [PATH_RUNNING] = ACTIVE_STATE_ACTIVE,
                                      [PATH_FAILED] = ACTIVE_STATE_FAILED };
    enum path_state from = p->state;
    if (from == to) return;
    p->state = to;
    runtime_set_active(&p->base, active[to], path_state_name(from), path_state_name(to));
}

/* ---- what is under way ---- */

static void unwatch(struct path *p)
{
    struct manager *m = p->base.manager;
    if (m->watches) watch_user_clear(m->watches, &p->user);
}

static void rest(struct path *p)
{
    struct manager *m = p->base.manager;
    if (p->request) {
        file_helper_cancel(&p->request);
        watches_end_far(m->watches);
    }
    unwatch(p);
    loop_deadline_clear(m->loop, &p->due);
    free(p->fire);
    p->fire = NULL;
    p->hit = NULL;
    p->news = 0;
}

static void path_fail(struct path *p, enum unit_result result, const char *why)
{
    log_error("path %s: failed: %s", runtime_name(&p->base), why);
    p->base.result = (uint8_t)result;
    rest(p);
    set_state(p, PATH_FAILED);
    unit_failed_for_good(&p->base, 1);
}

static const char *error_text(int error)
{
    if (error == ENOSPC) return "no inotify watches are left (fs.inotify.max_user_watches)";
    if (error == EMFILE) return "no inotify instances are left (fs.inotify.max_user_instances)";
    if (error == ETIMEDOUT) return "its paths did not answer in time";
    return strerror(error);
}

static void on_due(void *userdata);

static void add_news(struct path *p, unsigned news)
{
    struct loop *loop = p->base.manager->loop;
    p->news |= news;
    if (loop_deadline_is_set(&p->due)) return;
    if (loop_deadline_set(loop, &p->due, loop_now(loop), on_due, p) < 0)
        log_error("path %s: out of memory: what happened waits for the next event", runtime_name(&p->base));
}

static void on_watch(struct watch_user *user, unsigned news, uint32_t line)
{
    struct path *p = (struct path *)((char *)user - offsetof(struct path, user));
    if (news & WATCH_HIT && !p->hit) p->hit = section_of(p)->values.items[line].path;
    add_news(p, news);
}

/* ---- triggering ---- */

/* In the round's deadlines, for it begins a transaction. */
static int fire_soon(struct path *p, const char *seen)
{
    unwatch(p);
    p->fire = strdup(seen);
    if (!p->fire) return -ENOMEM;
    add_news(p, NEWS_FIRE);
    return 0;
}

static bool take_trigger(struct path *p)
{
    const struct path_section *section = section_of(p);
    if (start_limit_take(&p->limit_begin, &p->limit_count, loop_now(p->base.manager->loop),
                         section->trigger_limit_interval, section->trigger_limit_burst))
        return true;
    char why[128], span[TIMESPAN_TEXT_MAX];
    (void)snprintf(why, sizeof why, "trigger limit hit (%u activations within %s)", section->trigger_limit_burst,
                   timespan_format(section->trigger_limit_interval, 1, span)); /* fits */
    path_fail(p, RESULT_TRIGGER_LIMIT_HIT, why);
    return false;
}

static void fire(struct path *p)
{
    struct manager *m = p->base.manager;
    if (!runtime_is_down(p->triggered)) { /* something else was faster */
        rest(p);
        set_state(p, PATH_RUNNING);
        return;
    }
    if (!take_trigger(p)) return;
    log_debug("path %s: %s starts %s", runtime_name(&p->base), p->fire, runtime_name(p->triggered));
    TRACE(m->trace, "triggered", TRACE_OK, 0, TF_STR("unit", runtime_name(&p->base)),
          TF_STR("service", runtime_name(p->triggered)), TF_STR("path", p->fire));
    int r = trigger_set(p->triggered, p->base.unit, 0, 0, p->fire);
    rest(p);
    set_state(p, PATH_RUNNING);
    if (r == 0) r = jobs_start(m, p->triggered);
    if (r < 0) {
        path_fail(p, RESULT_RESOURCES, r == -ENOMEM ? strerror(ENOMEM) : "the unit it starts cannot be started");
        return;
    }
    if (runtime_is_down(p->triggered) && p->triggered->job.type == JOB_NONE) add_news(p, NEWS_UNIT);
}

/* ---- looking ---- */

/* Remembers what is there now. Returns the first line that shows another thing than before, or NULL. */
static const char *note_differences(struct path *p, const struct path_sight *sights)
{
    const struct path_watch_list *lines = &section_of(p)->values;
    const char *first = NULL;
    for (uint32_t i = 0; i < lines->count; i++) {
        const struct path_sight *before = &p->known[i], *now = &sights[i];
        if (now->make_error)
            log_warning("path %s: mkdir %s: %s (ignored)", runtime_name(&p->base), lines->items[i].path,
                        strerror(now->make_error));
        if (!first && (before->exists != now->exists || before->device != now->device || before->inode != now->inode))
            first = lines->items[i].path;
        p->known[i] = *now;
    }
    return first;
}

/* What was seen decides what the unit does next. 0 or -errno. */
static int look_done(struct path *p, const struct file_answer *answer)
{
    struct path_seen seen;
    int r = path_look_read(section_of(p), answer, &seen);
    if (r < 0) return r;
    const char *differs = note_differences(p, seen.sights);
    if (!runtime_is_down(p->triggered)) {
        unwatch(p);
        set_state(p, PATH_RUNNING);
        return 0;
    }
    if (seen.trigger[0])
        differs = seen.trigger;
    else if (p->initial || p->from_unit)
        differs = NULL;
    r = differs ? fire_soon(p, differs)
                : watch_user_set(p->base.manager->watches, &p->user, seen.places, seen.n_places);
    if (r == 0) set_state(p, PATH_WAITING);
    return r;
}

/* PID 1 has forgotten the state in which the unit could fail by itself. */
static void look_failed(struct path *p, int r)
{
    path_fail(p, RESULT_RESOURCES, error_text(-r));
}

static void on_looked(int r, struct file_answer *answer, void *userdata)
{
    struct path *p = userdata;
    p->request = NULL;
    if (r >= 0) r = look_done(p, answer);
    watches_end_far(p->base.manager->watches);
    if (r < 0)
        look_failed(p, r);
    else if (p->news)
        add_news(p, p->news); /* what happened meanwhile has its turn now */
}

/* 0: done or under way; -errno. */
static int look(struct path *p, bool initial, bool from_unit)
{
    struct manager *m = p->base.manager;
    p->initial = initial;
    p->from_unit = from_unit;
    p->question.far = !path_look_is_local(section_of(p));
    p->question.make_directories = initial && section_of(p)->make_directory;
    if (!p->question.far) {
        struct file_answer answer = { .fds = NULL };
        int r = path_look(&p->question, &answer);
        if (r >= 0) r = look_done(p, &answer);
        file_answer_done(&answer);
        return r;
    }
    struct file_task task = { .run = path_look,
                              .argument = &p->question,
                              .keep_fd = watches_fd(m->watches),
                              .timeout = FILE_HELPER_TIMEOUT,
                              .done = on_looked,
                              .userdata = p };
    int r = file_helper_ask(m->file_helpers, &task, &p->request);
    if (r < 0) return r;
    watches_begin_far(m->watches);
    log_debug("path %s: its paths are looked at by a file helper", runtime_name(&p->base));
    if (p->state == PATH_DEAD || p->state == PATH_FAILED) set_state(p, PATH_START);
    return 0;
}

static void look_again(struct path *p, bool from_unit)
{
    int r = look(p, false, from_unit);
    if (r < 0) look_failed(p, r);
}

/* ---- what happens ---- */

static void while_running(struct path *p)
{
    if (runtime_is_down(p->triggered) && p->triggered->job.type == JOB_NONE) look_again(p, true);
}

/* Some events were lost: what waits for one has to take it that it was among them. */
static const char *lost_line(const struct path *p)
{
    const struct path_watch_list *lines = &section_of(p)->values;
    for (uint32_t i = 0; i < lines->count; i++)
        if (lines->items[i].kind == PATH_CHANGED || lines->items[i].kind == PATH_MODIFIED) return lines->items[i].path;
    return NULL;
}

static void while_waiting(struct path *p, unsigned news)
{
    const char *hit = p->hit;
    p->hit = NULL;
    if (!runtime_is_down(p->triggered)) {
        unwatch(p);
        set_state(p, PATH_RUNNING);
        return;
    }
    if (!hit && news & WATCH_LOST) hit = lost_line(p);
    if (!hit) {
        if (news & ~(unsigned)NEWS_UNIT) look_again(p, false);
    } else if (fire_soon(p, hit) < 0) {
        look_failed(p, -ENOMEM);
    }
}

static void on_due(void *userdata)
{
    struct path *p = userdata;
    const struct runtime *other = p->triggered;
    unsigned news = p->news;
    if (p->base.manager->shutdown.begun || p->base.job.type == JOB_STOP) return;
    if (p->state != PATH_WAITING && p->state != PATH_RUNNING) return;
    if (p->request) return; /* the answer comes first */
    p->news = 0;
    if (news & NEWS_UNIT && other->active == ACTIVE_STATE_FAILED && other->result == RESULT_START_LIMIT_HIT) {
        char why[512];
        (void)snprintf(why, sizeof why, "%s hit its start limit", runtime_name(other)); /* fits */
        path_fail(p, RESULT_UNIT_START_LIMIT_HIT, why);
    } else if (p->state == PATH_RUNNING) {
        while_running(p);
    } else if (p->fire) {
        fire(p);
    } else {
        while_waiting(p, news);
    }
}

static void path_trigger_notify(struct runtime *rt, struct runtime *triggered UNUSED, enum active_state from UNUSED)
{
    struct path *p = path_of(rt);
    if (p->state == PATH_WAITING || p->state == PATH_RUNNING) add_news(p, NEWS_UNIT);
}

/* A start that came to nothing, or a job that was cancelled: the unit's state does not tell. */
static void on_job_removed(struct runtime *rt, uint32_t id UNUSED, enum job_type type UNUSED,
                           enum job_result result UNUSED, void *userdata UNUSED)
{
    struct id_span span = manager_edges(rt->manager, rt->unit->id, GRAPH_TRIGGERED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct runtime *other = manager_unit(rt->manager, span.ids[i]);
        if (other->type == &path_type) path_trigger_notify(other, rt, ACTIVE_STATE_INACTIVE);
    }
}

/* A path may lead elsewhere now, and the kernel does not tell a watch that something was mounted over it. */
static void path_mounts_changed(struct runtime *rt)
{
    struct path *p = path_of(rt);
    if (p->state == PATH_WAITING) add_news(p, WATCH_WAY);
}

/* ---- starting and stopping ---- */

static int open_watches(struct manager *m)
{
    if (m->watches) return 0;
    int r = watches_new(m->loop, &m->watches);
    if (r == 0) r = jobs_add_hook(m, on_job_removed, NULL);
    if (r == 0 && mounts_watch(m) < 0) log_warning("paths: what is mounted over them later is not seen: no /proc");
    return r;
}

static int path_start(struct runtime *rt)
{
    struct path *p = path_of(rt);
    struct manager *m = rt->manager;
    const char *name = unit_triggered_name(rt->unit);
    const struct unit *unit = name ? unit_set_find(m->set, name) : NULL;
    if (!unit) {
        log_error("path %s: unknown unit %s", runtime_name(rt), name ? name : "?");
        return -ENOENT;
    }
    p->triggered = manager_unit(m, unit->id);
    rest(p);
    if (!p->known) p->known = calloc(MAX_OF(section_of(p)->values.count, 1u), sizeof *p->known);
    int r = p->known ? open_watches(m) : -ENOMEM;
    if (r == 0) {
        p->user.tell = on_watch;
        p->question = (struct path_question){ .section = section_of(p), .watches = m->watches, .user = &p->user };
        r = look(p, true, false);
    }
    if (r < 0) log_error("path %s: failed: %s", runtime_name(rt), error_text(-r));
    return r;
}

static void path_failed(struct runtime *rt)
{
    rest(path_of(rt));
    set_state(path_of(rt), PATH_FAILED);
}

static void path_stop(struct runtime *rt)
{
    rest(path_of(rt));
    set_state(path_of(rt), PATH_DEAD);
}

static void path_done(struct runtime *rt)
{
    rest(path_of(rt));
    free(path_of(rt)->known);
}

static const char *path_sub(const struct runtime *rt)
{
    return path_state_name(((const struct path *)rt)->state);
}

const struct unit_type path_type = {
    .size = sizeof(struct path),
    .done = path_done,
    .start = path_start,
    .stop = path_stop,
    .failed = path_failed,
    .sub_state = path_sub,
    .trigger_notify = path_trigger_notify,
    .mounts_changed = path_mounts_changed,
};

void paths_free(struct manager *m)
{
    watches_free(m->watches);
    m->watches = NULL;
}
