#include "supervisor/outside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "supervisor/mounts.h"
#include "supervisor/unit_type.h"

struct outside {
    struct runtime base;
    bool stopped; /* by a job: it stays down until it is started again */
    bool autofs;  /* what is mounted there waits to be looked into */
};

static const char *what_it_is(const struct runtime *rt)
{
    return rt->unit->mount->where ? rt->unit->mount->where : rt->unit->mount->what ? rt->unit->mount->what : "";
}

/* ---- is it there? 1, 0 or -errno ---- */

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    if (strcmp(a, b) == 0) return true;
    if (!local_path_is(a) || !local_path_is(b)) return false;
    return stat(a, &x) == 0 && stat(b, &y) == 0 &&
           (S_ISBLK(x.st_mode) ? x.st_rdev == y.st_rdev : x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* proc(5) /proc/swaps: a line of titles, then one for each, which begins with the path. */
static int swap_is_there(const char *what)
{
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    FILE *swaps = fopen("/proc/swaps", "re");
    if (!swaps) return -errno;
    while (!found && getline(&line, &size, swaps) > 0) {
        line[strcspn(line, " \t\n")] = '\0';
        found = line[0] == '/' && is_same_file(line, what);
    }
    free(line);
    (void)fclose(swaps); /* was only read */
    return found;
}

static int node_is_there(const char *path)
{
    if (!local_path_is(path)) return -EXDEV;
    return access(path, F_OK) == 0;
}

/* systemd.device(5): dev-sda.device is /dev/sda, sys-devices-x.device is /sys/devices/x. */
static int device_is_there(const char *name)
{
    AUTO_STR struct str path = STR_EMPTY, other = STR_EMPTY;
    int r = unit_name_to_path(name, &path);
    if (r < 0) return r;
    /* sysfs has had no /sys/subsystem yet, which names are made of. */
    const char *net = "/sys/subsystem/net/devices/";
    if (!str_starts_with(str_text(&path), net)) return node_is_there(str_text(&path));
    r = str_appendf(&other, "/sys/class/net/%s", str_text(&path) + strlen(net));
    return r < 0 ? r : node_is_there(str_text(&other));
}

static int is_there(struct outside *o)
{
    const struct unit *unit = o->base.unit;
    o->autofs = false;
    if (unit->kind == UNIT_KIND_DEVICE) return device_is_there(unit->name);
    if (unit->kind == UNIT_KIND_SWAP) return swap_is_there(what_it_is(&o->base));
    return mounts_has(what_it_is(&o->base), &o->autofs);
}

/* ---- states ---- */

static const char *up_word(const struct outside *o)
{
    switch (o->base.unit->kind) {
    case UNIT_KIND_MOUNT:
        return "mounted";
    case UNIT_KIND_AUTOMOUNT:
        return o->autofs ? "waiting" : "running";
    case UNIT_KIND_DEVICE:
        return "plugged";
    case UNIT_KIND_SERVICE:
    case UNIT_KIND_SOCKET:
    case UNIT_KIND_TARGET:
    case UNIT_KIND_TIMER:
    case UNIT_KIND_PATH:
    case UNIT_KIND_SLICE:
    case UNIT_KIND_SCOPE:
    case UNIT_KIND_SWAP:
    case UNIT_KIND_COUNT:
        break;
    }
    return "active";
}

static const char *sub_of(const struct outside *o, enum active_state state)
{
    return state == ACTIVE_STATE_ACTIVE ? up_word(o) : state == ACTIVE_STATE_FAILED ? "failed" : "dead";
}

static const char *outside_sub(const struct runtime *rt)
{
    return sub_of((const struct outside *)rt, rt->active);
}

static void set_state(struct outside *o, enum active_state to)
{
    runtime_set_active(&o->base, to, outside_sub(&o->base), sub_of(o, to));
}

static int outside_init(struct runtime *rt)
{
    struct outside *o = (struct outside *)rt;
    /* Before anything else happens to it, as what systemd finds mounted: nobody has to be told. */
    if (is_there(o) > 0) rt->active = ACTIVE_STATE_ACTIVE;
    if (rt->unit->kind != UNIT_KIND_DEVICE && mounts_watch(rt->manager) < 0)
        log_debug("unit %s: what is mounted later is not seen: no /proc", runtime_name(rt));
    return 0;
}

static int outside_start(struct runtime *rt)
{
    struct outside *o = (struct outside *)rt;
    static const char *const lacks[UNIT_KIND_COUNT] = { [UNIT_KIND_MOUNT] = "nothing is mounted at",
                                                        [UNIT_KIND_AUTOMOUNT] = "nothing is mounted at",
                                                        [UNIT_KIND_SWAP] = "the kernel does not swap to",
                                                        [UNIT_KIND_DEVICE] = "there is no device for" };
    int r = is_there(o);
    o->stopped = false;
    if (r > 0) {
        set_state(o, ACTIVE_STATE_ACTIVE);
        return 0;
    }
    const char *what = rt->unit->kind == UNIT_KIND_DEVICE ? runtime_name(rt) : what_it_is(rt);
    if (r < 0)
        log_error("unit %s: failed to start: %s: %s", runtime_name(rt), what, strerror(-r));
    else
        log_error("unit %s: failed to start: %s %s, which is left to the container runtime", runtime_name(rt),
                  lacks[rt->unit->kind], what);
    return r < 0 ? r : -ENOENT;
}

static void outside_stop(struct runtime *rt)
{
    struct outside *o = (struct outside *)rt;
    o->stopped = true;
    set_state(o, ACTIVE_STATE_INACTIVE);
}

static void outside_failed(struct runtime *rt)
{
    set_state((struct outside *)rt, ACTIVE_STATE_FAILED);
}

static void outside_mounts_changed(struct runtime *rt)
{
    struct outside *o = (struct outside *)rt;
    if (rt->unit->kind == UNIT_KIND_DEVICE || rt->manager->shutdown.begun) return;
    bool was_autofs = o->autofs;
    int there = is_there(o);
    if (there < 0) return; /* /proc went away: that says nothing */
    if (there == 0 && rt->active == ACTIVE_STATE_ACTIVE) {
        log_info("unit %s: is gone", runtime_name(rt));
        set_state(o, ACTIVE_STATE_INACTIVE);
    } else if (there > 0 && (was_autofs != o->autofs || (runtime_is_down(rt) && !o->stopped))) {
        rt->result = RESULT_SUCCESS;
        set_state(o, ACTIVE_STATE_ACTIVE);
    }
}

const struct unit_type outside_type = {
    .size = sizeof(struct outside),
    .init = outside_init,
    .start = outside_start,
    .failed = outside_failed,
    .stop = outside_stop,
    .sub_state = outside_sub,
    .mounts_changed = outside_mounts_changed,
    .holds_nothing = true,
};

void outside_report(const struct manager *m)
{
    AUTO_STR struct str names = STR_EMPTY;
    int r = 0;
    for (uint32_t id = 0; id < m->n_units && r == 0; id++) {
        const struct runtime *rt = manager_unit(m, id);
        if (rt->type == &outside_type && graph_start_reason(m->graph, id) == START_AT_BOOT)
            r = str_appendf(&names, "%s%s", names.length > 0 ? ", " : "", runtime_name(rt));
    }
    if (names.length > 0) log_info("left to the container runtime: %s", str_text(&names));
}
