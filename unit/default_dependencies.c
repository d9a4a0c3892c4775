#include "unit/default_dependencies.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "unit/finish.h"

/* ---- what follows from one unit ---- */

#define OF(kind)   (1U << UNIT_KIND_##kind)
#define EXEC_KINDS (OF(SERVICE) | OF(SOCKET) | OF(MOUNT) | OF(SWAP))

/* When a row applies. */
enum fact {
    FACT_DEFAULT,  /* DefaultDependencies=yes */
    FACT_CALENDAR, /* a timer with OnCalendar=, and FACT_DEFAULT */
    FACT_LOCAL,    /* a mount of this machine, and FACT_DEFAULT */
    FACT_NETWORK,  /* a mount of another one, and FACT_DEFAULT */
    FACT_NEEDED,   /* a local mount without nofail, and FACT_DEFAULT */
    FACT_NEEDED_NETWORK,
    FACT_TMPFS,      /* a mount of tmpfs, and FACT_DEFAULT */
    FACT_EXEC,       /* has commands whose output goes to the journal */
    FACT_TMP,        /* PrivateTmp= */
    FACT_STATE,      /* StateDirectory= and others that need a writable disk */
    FACT_ROOT_IMAGE, /* RootImage= */
    FACT_BUS,        /* Type=dbus with BusName= */
    FACT_COUNT
};

static const struct row {
    uint32_t kinds;
    enum fact fact;
    enum unit_relation relation;
    const char *name;
} rows[] = {
    /* clang-format off */
    { OF(SERVICE) | OF(SOCKET) | OF(TIMER) | OF(PATH), FACT_DEFAULT, UNIT_REQUIRES, "sysinit.target" },
    { OF(SERVICE) | OF(SOCKET) | OF(TIMER) | OF(PATH), FACT_DEFAULT, UNIT_AFTER, "sysinit.target" },
    { OF(SERVICE), FACT_DEFAULT, UNIT_AFTER, "basic.target" },
    { OF(SERVICE) | OF(SOCKET) | OF(TIMER) | OF(PATH) | OF(TARGET) | OF(SLICE) | OF(SCOPE),
      FACT_DEFAULT, UNIT_CONFLICTS, "shutdown.target" },
    { OF(SERVICE) | OF(SOCKET) | OF(TIMER) | OF(PATH) | OF(TARGET) | OF(SLICE) | OF(SCOPE),
      FACT_DEFAULT, UNIT_BEFORE, "shutdown.target" },
    { OF(SOCKET), FACT_DEFAULT, UNIT_BEFORE, "sockets.target" },
    { OF(TIMER), FACT_DEFAULT, UNIT_BEFORE, "timers.target" },
    { OF(TIMER), FACT_CALENDAR, UNIT_AFTER, "time-set.target" },
    { OF(TIMER), FACT_CALENDAR, UNIT_AFTER, "time-sync.target" },
    { OF(PATH), FACT_DEFAULT, UNIT_BEFORE, "paths.target" },
    { OF(MOUNT), FACT_LOCAL, UNIT_AFTER, "local-fs-pre.target" },
    { OF(MOUNT), FACT_NEEDED, UNIT_BEFORE, "local-fs.target" },
    { OF(MOUNT), FACT_NETWORK, UNIT_AFTER, "remote-fs-pre.target" },
    { OF(MOUNT), FACT_NETWORK, UNIT_AFTER, "network.target" },
    { OF(MOUNT), FACT_NETWORK, UNIT_AFTER, "network-online.target" },
    { OF(MOUNT), FACT_NETWORK, UNIT_WANTS, "network-online.target" },
    { OF(MOUNT), FACT_NEEDED_NETWORK, UNIT_BEFORE, "remote-fs.target" },
    { OF(MOUNT), FACT_TMPFS, UNIT_AFTER, "swap.target" },
    { OF(AUTOMOUNT), FACT_DEFAULT, UNIT_AFTER, "local-fs-pre.target" },
    { OF(AUTOMOUNT), FACT_DEFAULT, UNIT_BEFORE, "local-fs.target" },
    { OF(MOUNT) | OF(AUTOMOUNT), FACT_DEFAULT, UNIT_CONFLICTS, "umount.target" },
    { OF(MOUNT) | OF(AUTOMOUNT), FACT_DEFAULT, UNIT_BEFORE, "umount.target" },
    { EXEC_KINDS, FACT_EXEC, UNIT_AFTER, "systemd-journald.socket" },
    { EXEC_KINDS, FACT_TMP, UNIT_WANTS, "tmp.mount" },
    { EXEC_KINDS, FACT_TMP, UNIT_AFTER, "tmp.mount" },
    { EXEC_KINDS, FACT_TMP, UNIT_AFTER, "systemd-tmpfiles-setup.service" },
    { EXEC_KINDS, FACT_STATE, UNIT_AFTER, "systemd-remount-fs.service" },
    { EXEC_KINDS, FACT_ROOT_IMAGE, UNIT_AFTER, "systemd-udevd.service" },
    { OF(SERVICE), FACT_BUS, UNIT_REQUIRES, "dbus.socket" },
    { OF(SERVICE), FACT_BUS, UNIT_AFTER, "dbus.socket" },
    /* clang-format on */
};

/* Units that are always there, whatever a file says of them: systemd.special(7). */
static bool is_perpetual(const char *name)
{
    static const char *const names[] = { "-.mount", "-.slice", "system.slice", "init.scope" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static void find_mount_facts(const struct mount_section *mount, bool *facts)
{
    bool network = mount_is_network(mount), needed = !mount_has_option(mount, "nofail");
    if (!facts[FACT_DEFAULT]) return;
    facts[FACT_LOCAL] = !network;
    facts[FACT_NETWORK] = network;
    facts[FACT_NEEDED] = !network && needed;
    facts[FACT_NEEDED_NETWORK] = network && needed;
    facts[FACT_TMPFS] = mount->type && strcmp(mount->type, "tmpfs") == 0;
}

/* A socket without commands starts nothing. */
static bool has_commands(enum unit_kind kind, const struct unit_settings *settings)
{
    if (kind != UNIT_KIND_SOCKET) return true;
    for (int i = 0; i < SOCKET_COMMAND_COUNT; i++)
        if (settings->socket_extra.commands[i].count > 0) return true;
    return false;
}

static bool logs(const struct exec_section *exec)
{
    return exec->streams[1].kind == STD_LOG || exec->streams[2].kind == STD_LOG;
}

static void find_facts(enum unit_kind kind, const char *name, const struct unit_settings *settings, bool *facts)
{
    const struct exec_section *exec = &settings->exec;
    bool runs = (1U << kind & EXEC_KINDS) && has_commands(kind, settings);
    facts[FACT_DEFAULT] = settings->unit.default_dependencies && strcmp(name, "shutdown.target") != 0 &&
                          !(kind == UNIT_KIND_MOUNT && mount_is_extrinsic(&settings->mount));
    for (uint32_t i = 0; facts[FACT_DEFAULT] && i < settings->timer.values.count; i++)
        facts[FACT_CALENDAR] |= settings->timer.values.items[i].base == TIMER_CALENDAR;
    if (kind == UNIT_KIND_MOUNT) find_mount_facts(&settings->mount, facts);
    facts[FACT_BUS] = settings->service.type == SERVICE_DBUS && settings->service_extra.bus_name != NULL;
    if (!runs) return;
    facts[FACT_EXEC] = logs(exec) && !settings->sandbox.log_namespace;
    facts[FACT_TMP] = settings->sandbox.private_tmp || settings->sandbox.dynamic_user;
    facts[FACT_STATE] = exec->directories[EXEC_DIRECTORY_STATE].paths.count > 0 ||
                        exec->directories[EXEC_DIRECTORY_CACHE].paths.count > 0 ||
                        exec->directories[EXEC_DIRECTORY_LOGS].paths.count > 0;
    facts[FACT_ROOT_IMAGE] = settings->sandbox.root_image != NULL;
}

static int add_both(struct arena *arena, struct unit_settings *settings, const char *name)
{
    if (!name) return -ENOMEM;
    int r = unit_relation_add(arena, &settings->unit, UNIT_REQUIRES, name);
    return r < 0 ? r : unit_relation_add(arena, &settings->unit, UNIT_AFTER, name);
}

/* "a-b.slice" lies in "a.slice", which lies in "-.slice". */
static const char *parent_slice(struct arena *arena, const char *name)
{
    const char *dash = strrchr(name, '-');
    if (!dash || dash == name) return "-.slice";
    return arena_printf(arena, "%.*s.slice", (int)(dash - name), name);
}

int default_dependencies_add_slice(struct arena *arena, const char *name, struct unit_settings *settings, bool describe)
{
    enum unit_kind kind = unit_kind_of_name(name);
    if (kind == UNIT_KIND_COUNT || strcmp(name, "-.slice") == 0) return 0;
    if (kind == UNIT_KIND_SLICE) return add_both(arena, settings, parent_slice(arena, name));
    if (!(1U << kind & (EXEC_KINDS | OF(SCOPE)))) return 0;
    if (!describe && settings->resource.slice_is_default) return 0;
    return add_both(arena, settings, settings->resource.slice ? settings->resource.slice : "-.slice");
}

/* LogNamespace=: the journal has sockets of its own. */
static int add_log_namespace(struct arena *arena, enum unit_kind kind, struct unit_settings *settings)
{
    const char *space = settings->sandbox.log_namespace;
    if (!space || !(1U << kind & EXEC_KINDS) || !has_commands(kind, settings)) return 0;
    int r = add_both(arena, settings, arena_printf(arena, "systemd-journald@%s.socket", space));
    return r < 0 ? r : add_both(arena, settings, arena_printf(arena, "systemd-journald-varlink@%s.socket", space));
}

int default_dependencies_add(struct arena *arena, const char *name, struct unit_settings *settings)
{
    enum unit_kind kind = unit_kind_of_name(name);
    bool facts[FACT_COUNT] = { false };
    int r = 0;
    if (kind == UNIT_KIND_COUNT) return 0;
    if (is_perpetual(name))
        settings->unit.default_dependencies = false; /* whatever a file says */
    else
        find_facts(kind, name, settings, facts);
    for (size_t i = 0; r == 0 && i < COUNT_OF(rows); i++)
        if (1U << kind & rows[i].kinds && facts[rows[i].fact])
            r = unit_relation_add(arena, &settings->unit, rows[i].relation, rows[i].name);
    return r == 0 ? add_log_namespace(arena, kind, settings) : r;
}

/* ---- what follows from other units ---- */

/* A copy of the section that is the unit's alone, once. */
static struct unit_section *own_section(struct unit_set *set, struct unit *unit, struct unit_section **own)
{
    if (*own) return *own;
    *own = arena_memdup(unit_set_arena(set), unit->unit, sizeof **own);
    if (!*own) return NULL;
    /* Room that is left in a list may be that of another unit, which shares the section. */
    for (enum unit_relation relation = 0; relation < UNIT_RELATION_COUNT; relation++)
        (*own)->relations[relation].capacity = (*own)->relations[relation].count;
    unit->unit = *own;
    return *own;
}

static bool names_unit(const struct unit_set *set, const struct unit_ref_list *list, const struct unit *unit)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, unit->name) == 0 || unit_set_find(set, list->items[i].name) == unit)
            return true;
    return false;
}

/* systemd.target(5): a target comes after what it pulls in, unless that is ordered after the target already. */
static int connect_target(struct unit_set *set, struct unit *target)
{
    static const enum unit_relation pulls[] = { UNIT_REQUIRES, UNIT_REQUISITE, UNIT_WANTS, UNIT_BINDS_TO,
                                                UNIT_UPHOLDS };
    struct unit_section *own = NULL;
    for (size_t i = 0; i < COUNT_OF(pulls); i++) {
        const struct unit_ref_list *list = &target->unit->relations[pulls[i]];
        for (uint32_t k = 0; k < list->count; k++) {
            const struct unit *other = unit_set_find(set, list->items[k].name);
            if (!other || other == target || other->load_state != UNIT_STATE_LOADED) continue;
            if (!other->unit->default_dependencies) continue;
            if (names_unit(set, &other->unit->relations[UNIT_AFTER], target) ||
                names_unit(set, &target->unit->relations[UNIT_BEFORE], other))
                continue;
            struct unit_section *section = own_section(set, target, &own);
            int r =
                section ? unit_relation_add(unit_set_arena(set), section, UNIT_AFTER, list->items[k].name) : -ENOMEM;
            if (r < 0) return r;
            list = &target->unit->relations[pulls[i]];
        }
    }
    return 0;
}

/* The mount unit of `path`, of which only the first `length` bytes count; NULL when there is none. *ret: 0 or -ENOMEM.
 */
static const struct unit *find_mount(const struct unit_set *set, const char *path, size_t length, int *ret)
{
    AUTO_STR struct str prefix = STR_EMPTY, name = STR_EMPTY;
    *ret = str_append_bytes(&prefix, path, length);
    if (*ret == 0) *ret = unit_name_from_path(str_text(&prefix), ".mount", &name);
    if (*ret == -EINVAL) *ret = 0; /* no mount has such a name */
    const struct unit *unit = *ret == 0 && name.length > 0 ? unit_set_find(set, str_text(&name)) : NULL;
    return unit && unit->load_state == UNIT_STATE_LOADED ? unit : NULL;
}

/* systemd.unit(5), RequiresMountsFor=, WantsMountsFor=: after each mount on the way to the path, and requiring or
 * wanting those that have a file. */
static int connect_path(struct unit_set *set, struct unit *unit, const char *path, enum unit_relation relation,
                        struct unit_section **own)
{
    for (size_t end = 1;; end++) {
        if (end > 1 && path[end] != '/' && path[end] != '\0') continue;
        int r;
        const struct unit *mount = find_mount(set, path, end, &r);
        if (r < 0) return r;
        if (mount && mount != unit) {
            struct unit_section *section = own_section(set, unit, own);
            if (!section) return -ENOMEM;
            r = unit_relation_add(unit_set_arena(set), section, UNIT_AFTER, mount->name);
            if (r == 0 && mount->path) r = unit_relation_add(unit_set_arena(set), section, relation, mount->name);
            if (r < 0) return r;
        }
        if (path[1] == '\0' || path[end] == '\0') return 0;
    }
}

static int connect_mounts(struct unit_set *set, struct unit *unit)
{
    const struct unit_extra_section *extra = unit->unit_extra;
    const struct {
        const struct text_list *paths;
        enum unit_relation relation;
    } lists[] = { { &extra->requires_mounts_for, UNIT_REQUIRES }, { &extra->wants_mounts_for, UNIT_WANTS } };
    struct unit_section *own = NULL;
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        for (uint32_t k = 0; r == 0 && k < lists[i].paths->count; k++)
            if (lists[i].paths->items[k][0] == '/')
                r = connect_path(set, unit, lists[i].paths->items[k], lists[i].relation, &own);
    return r;
}

int default_dependencies_connect(struct unit_set *set)
{
    struct unit *unit;
    for (uint32_t i = 0; (unit = unit_set_added(set, i)); i++) {
        int r = 0;
        if (unit->load_state != UNIT_STATE_LOADED) continue;
        if (unit->systemd && unit->kind == UNIT_KIND_TARGET && unit->unit->default_dependencies)
            r = connect_target(set, unit);
        if (r == 0) r = connect_mounts(set, unit);
        if (r < 0) return r;
    }
    return 0;
}
