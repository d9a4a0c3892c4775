/* What a unit's settings must fulfil together, and the defaults that depend on other settings. */
#include "unit/fragment.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "unit/finish.h"
#include "unit/default_dependencies.h"
#include "unit/lint_internal.h"
#include "unit/name.h"
#include "unit/values_exec.h"

/* systemd's DefaultStartLimitIntervalSec= and DefaultStartLimitBurst=, DefaultTimeoutStartSec=. */
#define START_LIMIT_INTERVAL (10 * USEC_PER_SEC)
#define START_LIMIT_BURST    5
#define TIMEOUT_DEFAULT      (90 * USEC_PER_SEC)
#define TIMEOUT_STOP_NATIVE  (5 * USEC_PER_SEC)
#define ACCEPT_BURST         200
#define ACCEPT_POLL_BURST    150
#define POLL_BURST           15
#define PATH_BURST           200
#define TRIGGER_BURST        20
#define TRIGGER_INTERVAL     (2 * USEC_PER_SEC)

/* Without an origin, where a linter saw the key. */
static struct diag_about about_key(const struct finish *f, struct origin origin, const char *section, const char *key)
{
    struct pos place = lint_key_place(f->context->lint, section_by_name(section, strlen(section)), key);
    if (origin.file || place.line == 0)
        place = (struct pos){ origin.file ? origin.file : f->path, origin.line, origin.column };
    return (struct diag_about){ place, section, key };
}

static void refuse(struct finish *f, struct origin origin, const char *section, const char *key, const char *code,
                   const char *hint, const char *what)
{
    f->refused = true;
    diag_report(f->diags, DIAG_ERROR, about_key(f, origin, section, key), code, hint, "%s", what);
}

/* Something that a unit cannot have; of several the first is reported, as systemd does. */
struct obstacle {
    bool present;
    const char *key, *code, *what;
    struct origin origin;
};

static void refuse_first(struct finish *f, const char *section, const struct obstacle *obstacles, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct obstacle *o = &obstacles[i];
        if (!o->present) continue;
        refuse(f, o->origin, section, o->key, o->code, NULL, o->what);
        return;
    }
}

/* ---- every kind ---- */

/* D8, S50: without either there is no limit in the native directories; one of them brings systemd's other. */
static void finish_start_limit(struct finish *f)
{
    struct unit_section *unit = &f->settings->unit;
    bool interval_set = unit->start_limit_interval != USEC_UNSET, burst_set = unit->start_limit_burst != UINT32_MAX;
    bool limited = interval_set || burst_set || !f->context->native;
    if (!interval_set) unit->start_limit_interval = limited ? START_LIMIT_INTERVAL : 0;
    if (!burst_set) unit->start_limit_burst = limited ? START_LIMIT_BURST : 0;
}

void fragment_settle(struct unit_settings *settings)
{
    struct unit_section *unit = &settings->unit;
    struct service_section *service = &settings->service;
    if (unit->start_limit_interval == USEC_UNSET) unit->start_limit_interval = START_LIMIT_INTERVAL;
    if (unit->start_limit_burst == UINT32_MAX) unit->start_limit_burst = START_LIMIT_BURST;
    if (service->timeout_start == USEC_UNSET) service->timeout_start = TIMEOUT_DEFAULT;
    if (service->timeout_stop == USEC_UNSET) service->timeout_stop = TIMEOUT_DEFAULT;
    if (!settings->service_extra.timeout_abort_set) settings->service_extra.timeout_abort = service->timeout_stop;
}

bool kind_ignores_isolate(enum unit_kind kind)
{
    static const bool ignores[UNIT_KIND_COUNT] = {
        [UNIT_KIND_MOUNT] = true, [UNIT_KIND_AUTOMOUNT] = true, [UNIT_KIND_SWAP] = true,
        [UNIT_KIND_SLICE] = true, [UNIT_KIND_SCOPE] = true,     [UNIT_KIND_DEVICE] = true,
    };
    return ignores[kind];
}

/* The slice above: "a-b.slice" lies in "a.slice", that in "-.slice". */
static int parent_slice(struct finish *f, const char **ret)
{
    const char *name = f->context->unit_name, *dash = strrchr(name, '-');
    *ret = NULL;
    if (strcmp(name, "-.slice") == 0) return 0;
    *ret = dash ? arena_printf(f->arena, "%.*s.slice", (int)(dash - name), name) : "-.slice";
    return *ret ? 0 : -ENOMEM;
}

/* Mounts that are there before systemd, which it leaves alone. */
bool mount_is_extrinsic(const struct mount_section *mount)
{
    static const char *const system[] = { "/", "/usr", "/etc" };
    static const char *const below[] = { "/run/initramfs", "/proc", "/sys", "/dev" };
    const char *where = mount->where ? mount->where : "";
    for (size_t i = 0; i < COUNT_OF(system); i++)
        if (strcmp(where, system[i]) == 0) return true;
    for (size_t i = 0; i < COUNT_OF(below); i++) {
        size_t length = strlen(below[i]);
        if (str_starts_with(where, below[i]) && (where[length] == '/' || where[length] == '\0')) return true;
    }
    return mount_has_option(mount, "x-initrd.mount");
}

/* Instances of a template share a slice. */
static int default_slice(struct finish *f, const char **ret)
{
    struct unit_name_parts parts = unit_name_split(f->context->unit_name);
    bool extrinsic = f->context->kind == UNIT_KIND_MOUNT && mount_is_extrinsic(&f->settings->mount);
    *ret = extrinsic ? "-.slice" : "system.slice";
    if (extrinsic) return 0;
    if (!parts.instance) return 0;
    AUTO_STR struct str name = STR_EMPTY, prefix = STR_EMPTY;
    int r = str_append_bytes(&prefix, parts.prefix, parts.prefix_length);
    if (r == 0) r = unit_name_escape(str_text(&prefix), &name);
    if (r < 0) return r;
    *ret = arena_printf(f->arena, "system-%s.slice", str_text(&name));
    return *ret ? 0 : -ENOMEM;
}

static int allow_device(struct finish *f, const char *node, const char *rights)
{
    struct rule_pair_list *list = &f->settings->resource.device_allow;
    int r = list_reserve(f->arena, (void **)&list->items, list->count, &list->capacity, sizeof *list->items);
    if (r == 0) list->items[list->count++] = (struct rule_pair){ node, rights };
    return r;
}

/* systemd.exec(5): what else PrivateDevices=, ProtectClock=, RootImage= and encrypted credentials ask for. */
static int finish_devices(struct finish *f)
{
    struct resource_section *resource = &f->settings->resource;
    const struct sandbox_section *sandbox = &f->settings->sandbox;
    if (sandbox->private_devices && resource->device_policy == DEVICE_AUTO) resource->device_policy = DEVICE_CLOSED;
    bool limited = resource->device_policy != DEVICE_AUTO || resource->device_allow.count > 0;
    bool images = (sandbox->root_image || sandbox->mount_images.count > 0) && limited;
    bool sealed = sandbox->load_credential_encrypted.count > 0 || sandbox->set_credential_encrypted.count > 0;
    static const char *const rights[] = { "rw", "rw", "rwm", "rwm", "rwm", "r", "rw" }; /* of words_implied_devices */
    int r = 0;
    for (size_t i = 0; r == 0 && words_implied_devices[i]; i++) {
        bool wanted = i < IMPLIED_BY_CLOCK ? images : i == IMPLIED_BY_CLOCK ? sandbox->protect_clock : sealed;
        if (wanted) r = allow_device(f, words_implied_devices[i], rights[i]);
    }
    return r;
}

static int finish_resource(struct finish *f)
{
    int r = finish_devices(f);
    if (r < 0) return r;
    struct resource_section *resource = &f->settings->resource;
    enum unit_kind kind = f->context->kind;
    if (resource->tasks_max.scale == UINT32_MAX)
        resource->tasks_max =
            kind == UNIT_KIND_SLICE ? (struct tasks_max){ UINT64_MAX, 0 } : (struct tasks_max){ TASKS_MAX_SHARE, 100 };
    if (kind == UNIT_KIND_SLICE) return parent_slice(f, &resource->slice);
    resource->slice_is_default = !resource->slice;
    return resource->slice ? 0 : default_slice(f, &resource->slice);
}

/* ---- services ---- */

/* S31 */
static void check_native_service(struct finish *f)
{
    const struct service_section *service = &f->settings->service;
    const struct command_list *start = &service->commands[SERVICE_EXEC_START];
    if (start->count == 0)
        refuse(f, (struct origin){ 0 }, "Service", "ExecStart", "missing-exec-start", NULL,
               "a service needs ExecStart=");
    else if (start->count > 1 && service->type != SERVICE_ONESHOT)
        refuse(f, start->items[1].origin, "Service", "ExecStart", "too-many-commands",
               "an empty ExecStart= drops the earlier ones", "more than one command is for Type=oneshot only");
    if (service->type == SERVICE_ONESHOT &&
        (service->restart == RESTART_ALWAYS || service->restart == RESTART_ON_SUCCESS))
        refuse(f, (struct origin){ 0 }, "Service", "Restart", "bad-restart", NULL,
               "Restart=always and on-success are not for Type=oneshot");
    if (service->type == SERVICE_DBUS && !f->settings->service_extra.bus_name)
        refuse(f, (struct origin){ 0 }, "Service", "BusName", "missing-setting", NULL, "Type=dbus needs BusName=");
}

static void check_service(struct finish *f)
{
    const struct service_section *s = &f->settings->service;
    const struct service_extra_section *extra = &f->settings->service_extra;
    const struct command_list *start = &s->commands[SERVICE_EXEC_START];
    bool oneshot = s->type == SERVICE_ONESHOT, none = start->count == 0;
    bool ends = s->commands[SERVICE_EXEC_STOP].count > 0 || f->settings->unit_extra.success_action != 0;
    const struct obstacle obstacles[] = {
        { none && !ends,
          "ExecStart",
          "missing-exec-start",
          "a service needs ExecStart=, ExecStop= or SuccessAction=",
          { 0 } },
        { none && !oneshot, "ExecStart", "missing-exec-start", "only Type=oneshot can do without ExecStart=", { 0 } },
        { none && !s->remain_after_exit && f->settings->unit_extra.success_action == 0,
          "ExecStart",
          "missing-exec-start",
          "only RemainAfterExit=yes can do without ExecStart=",
          { 0 } },
        { start->count > 1 && !oneshot, "ExecStart", "too-many-commands",
          "more than one command is for Type=oneshot only",
          start->count > 1 ? start->items[1].origin : (struct origin){ 0 } },
        { oneshot && (s->restart == RESTART_ALWAYS || s->restart == RESTART_ON_SUCCESS),
          "Restart",
          "bad-restart",
          "Restart=always and on-success are not for Type=oneshot",
          { 0 } },
        { oneshot && s->restart_force_exit_status,
          "RestartForceExitStatus",
          "bad-combination",
          "RestartForceExitStatus= is not for Type=oneshot",
          { 0 } },
        { oneshot && extra->exit_type != 0,
          "ExitType",
          "bad-combination",
          "ExitType=cgroup is not for Type=oneshot",
          { 0 } },
        { f->settings->sandbox.pam_name && f->settings->kill.mode != KILL_CONTROL_GROUP &&
              f->settings->kill.mode != KILL_MIXED,
          "KillMode",
          "bad-combination",
          "with PAMName= only control-group and mixed are possible",
          { 0 } },
        { s->type == SERVICE_DBUS && !extra->bus_name,
          "BusName",
          "missing-setting",
          "Type=dbus needs BusName=",
          { 0 } },
    };
    refuse_first(f, "Service", obstacles, COUNT_OF(obstacles));
}

static void warn(struct finish *f, const char *key, const char *what)
{
    struct diag_about about = about_key(f, (struct origin){ 0 }, "Service", key);
    diag_report(f->diags, DIAG_WARNING, about, "bad-combination", NULL, "%s", what);
}

/* What systemd ignores with a word. */
static void warn_of_service(struct finish *f)
{
    const struct service_extra_section *extra = &f->settings->service_extra;
    bool bounded = extra->runtime_max != USEC_INFINITY;
    if (extra->usb_descriptors && !extra->usb_strings)
        warn(f, "USBFunctionDescriptors", "USBFunctionDescriptors= needs USBFunctionStrings= (ignored)");
    if (!extra->usb_descriptors && extra->usb_strings)
        warn(f, "USBFunctionStrings", "USBFunctionStrings= needs USBFunctionDescriptors= (ignored)");
    if (bounded && f->settings->service.type == SERVICE_ONESHOT)
        warn(f, "RuntimeMaxSec", "RuntimeMaxSec= has no effect with Type=oneshot (ignored)");
    if (!bounded && extra->runtime_random_extra != 0)
        warn(f, "RuntimeRandomizedExtraSec", "RuntimeRandomizedExtraSec= needs RuntimeMaxSec= (ignored)");
    bool grows = extra->restart_max_delay != USEC_INFINITY;
    if (extra->restart_steps > 0 && !grows)
        warn(f, "RestartSteps", "RestartSteps= needs RestartMaxDelaySec= (ignored)");
    if (extra->restart_steps == 0 && grows)
        warn(f, "RestartMaxDelaySec", "RestartMaxDelaySec= needs RestartSteps= (ignored)");
}

/* What the program can be asked depends on what kind of service it is, and on where its output goes. */
static void check_probes(struct finish *f)
{
    const struct probe_section *probe = &f->settings->probe;
    const struct exec_stream *streams = f->settings->exec.streams;
    bool logged = streams[1].kind == STD_LOG || streams[2].kind == STD_LOG;
    enum service_type type = f->settings->service.type;
    bool tells = type == SERVICE_NOTIFY || type == SERVICE_NOTIFY_RELOAD || type == SERVICE_DBUS;
    const struct probe_check *const checks[] = { &probe->ready, &probe->health };
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        if (checks[i]->kind == PROBE_NONE) continue;
        const char *key = i == 0 ? "ReadyWhen" : "HealthCheck", *what = NULL;
        if (type == SERVICE_ONESHOT)
            what = "a service of Type=oneshot does not go on running, so that it could be asked";
        else if (i == 0 && tells)
            what = "a service of this Type= says itself when it is ready";
        else if (checks[i]->kind == PROBE_LOG && !logged)
            what = "log: needs a StandardOutput= or StandardError= that is logged";
        if (what) refuse(f, checks[i]->origin, "Service", key, "bad-combination", NULL, what);
    }
}

static void finish_type(struct finish *f)
{
    struct service_section *service = &f->settings->service;
    if (service->type_set) return;
    if (f->settings->service_extra.notify_fd > 0)
        service->type = SERVICE_NOTIFY;
    else if (f->settings->service_extra.bus_name)
        service->type = SERVICE_DBUS;
    else if (!f->context->native && service->commands[SERVICE_EXEC_START].count == 0)
        service->type = SERVICE_ONESHOT;
}

static void finish_service(struct finish *f)
{
    struct service_section *service = &f->settings->service;
    struct service_extra_section *extra = &f->settings->service_extra;
    finish_type(f);
    if (f->context->native)
        check_native_service(f);
    else
        check_service(f);
    check_probes(f);
    if (!f->context->native && !f->refused) warn_of_service(f);
    bool oneshot = service->type == SERVICE_ONESHOT;
    if (service->timeout_start == USEC_UNSET) service->timeout_start = oneshot ? USEC_INFINITY : TIMEOUT_DEFAULT;
    if (service->timeout_stop == USEC_UNSET)
        service->timeout_stop = f->context->native ? TIMEOUT_STOP_NATIVE : TIMEOUT_DEFAULT;
    if (!extra->timeout_abort_set) extra->timeout_abort = service->timeout_stop;
    if (extra->oom_policy == OOM_POLICY_UNSET)
        extra->oom_policy = f->settings->resource.delegate ? OOM_CONTINUE : OOM_STOP;
    bool notifies = service->type == SERVICE_NOTIFY || service->type == SERVICE_NOTIFY_RELOAD || extra->watchdog > 0 ||
                    extra->fd_store_max > 0;
    if (notifies && extra->notify_access == NOTIFY_NONE) extra->notify_access = NOTIFY_MAIN;
}

/* ---- sockets ---- */

static bool can_accept(const struct socket_listen *listen)
{
    return listen->kind == LISTEN_STREAM || listen->kind == LISTEN_SEQPACKET;
}

static bool accepts_everywhere(const struct socket_listen_list *listens)
{
    for (uint32_t i = 0; i < listens->count; i++)
        if (!can_accept(&listens->items[i])) return false;
    return true;
}

/* Symlinks= lead to the one listener that lies in the file system. */
static uint32_t count_nodes(const struct socket_listen_list *listens)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < listens->count; i++) {
        const struct socket_listen *listen = &listens->items[i];
        bool no_file = listen->kind == LISTEN_NETLINK || listen->kind == LISTEN_MESSAGE_QUEUE ||
                       listen->kind == LISTEN_SPECIAL || listen->kind == LISTEN_USB_FUNCTION;
        if (!no_file && listen->text[0] == '/') count++;
    }
    return count;
}

static void check_socket(struct finish *f)
{
    const struct socket_section *s = &f->settings->socket;
    const struct socket_extra_section *extra = &f->settings->socket_extra;
    const struct obstacle obstacles[] = {
        { s->listens.count == 0,
          "ListenStream",
          "missing-listener",
          "a socket needs ListenStream= or one of its kin",
          { 0 } },
        { s->accept && !accepts_everywhere(&s->listens),
          "Accept",
          "bad-combination",
          "Accept=yes is for streams and sequential packets",
          { 0 } },
        { s->accept && extra->max_connections == 0,
          "MaxConnections",
          "bad-combination",
          "Accept=yes needs MaxConnections= above 0",
          { 0 } },
        { s->accept && s->activation_mode == ACTIVATION_PROXY,
          "Accept",
          "bad-combination",
          "ActivationMode=proxy takes connections itself and cannot have Accept=yes",
          { 0 } },
        { s->accept && s->service, "Service", "bad-combination", "Service= cannot be set with Accept=yes", { 0 } },
        { extra->symlinks.count > 0 && count_nodes(&s->listens) != 1,
          "Symlinks",
          "bad-combination",
          "Symlinks= needs one listener in the file system, and only one",
          { 0 } },
    };
    refuse_first(f, "Socket", obstacles, COUNT_OF(obstacles));
}

static void finish_socket(struct finish *f)
{
    struct socket_section *socket = &f->settings->socket;
    if (f->context->native && socket->listens.count == 0)
        refuse(f, (struct origin){ 0 }, "Socket", "ListenStream", "missing-listener", NULL,
               "a socket needs ListenStream=");
    else
        check_socket(f);
    if (socket->activation_mode == ACTIVATION_PROXY && !socket->proxy_target)
        refuse(f, (struct origin){ 0 }, "Socket", "ProxyTarget", "missing-proxy-target", NULL,
               "ActivationMode=proxy needs ProxyTarget=");
    if (socket->activation_mode == ACTIVATION_NATIVE && socket->proxy_target)
        refuse(f, socket->proxy_target_origin, "Socket", "ProxyTarget", "proxy-target-unused",
               "set ActivationMode=proxy", "ProxyTarget= has no meaning with ActivationMode=native");
    bool burst_set = f->settings->socket_extra.trigger_limit_burst_set && socket->trigger_limit_burst < UINT32_MAX;
    if (!burst_set) socket->trigger_limit_burst = socket->accept ? ACCEPT_BURST : TRIGGER_BURST;
    uint32_t *poll_burst = &f->settings->socket_extra.poll_limit_burst;
    if (*poll_burst == UINT32_MAX) *poll_burst = socket->accept ? ACCEPT_POLL_BURST : POLL_BURST;
    if (!f->context->native && socket->trigger_limit_interval == USEC_INFINITY)
        socket->trigger_limit_interval = TRIGGER_INTERVAL;
}

/* ---- timers, paths, mounts, automounts, swaps, slices ---- */

/* What a timer or path starts: the service of the same stem. */
static int finish_trigger(struct finish *f, const char **unit)
{
    size_t length;
    const char *stem = unit_name_stem(f->context->unit_name, &length);
    if (*unit) return 0;
    *unit = arena_printf(f->arena, "%.*s%s", (int)length, stem, unit_kind_suffix(UNIT_KIND_SERVICE));
    return *unit ? 0 : -ENOMEM;
}

static int finish_timer(struct finish *f)
{
    struct timer_section *timer = &f->settings->timer;
    const struct obstacle nothing = { timer->values.count == 0 && !timer->on_clock_change && !timer->on_timezone_change,
                                      "OnCalendar",
                                      "missing-setting",
                                      "a timer needs a time",
                                      { 0 } };
    refuse_first(f, "Timer", &nothing, 1);
    return finish_trigger(f, &timer->unit);
}

static int finish_path(struct finish *f)
{
    struct path_section *path = &f->settings->path_unit;
    const struct obstacle nothing = {
        path->values.count == 0, "PathExists", "missing-setting", "a path unit needs a path to look at", { 0 }
    };
    refuse_first(f, "Path", &nothing, 1);
    if (path->trigger_limit_burst == UINT32_MAX) path->trigger_limit_burst = PATH_BURST;
    if (path->trigger_limit_interval == USEC_INFINITY) path->trigger_limit_interval = TRIGGER_INTERVAL;
    return finish_trigger(f, &path->unit);
}

/* The path that the unit's name stands for. */
static int path_of_name(struct finish *f, const char **ret)
{
    AUTO_STR struct str path = STR_EMPTY;
    int r = unit_name_to_path(f->context->unit_name, &path);
    if (r == -EINVAL) return 0;
    if (r < 0) return r;
    *ret = arena_strdup(f->arena, str_text(&path));
    return *ret ? 0 : -ENOMEM;
}

/* 1 when the unit's name is the one that the path has to have. */
static int name_fits(struct finish *f, const char *path)
{
    AUTO_STR struct str name = STR_EMPTY;
    if (!path) return 0;
    int r = unit_name_from_path(path, unit_kind_suffix(f->context->kind), &name);
    if (r == -EINVAL) return 0;
    return r < 0 ? r : strcmp(str_text(&name), f->context->unit_name) == 0;
}

/* What the kernel or systemd itself mounts before there are units. */
static bool is_api_mount(const char *path)
{
    static const char *const mounts[] = { "/proc",
                                          "/sys",
                                          "/dev",
                                          "/dev/shm",
                                          "/dev/pts",
                                          "/run",
                                          "/sys/kernel/security",
                                          "/sys/fs/smackfs",
                                          "/sys/fs/cgroup",
                                          "/sys/fs/pstore",
                                          "/sys/firmware/efi/efivars",
                                          "/sys/fs/bpf",
                                          "/sys/fs/selinux",
                                          "/selinux",
                                          "/dev/console",
                                          "/proc/kmsg",
                                          "/proc/sys",
                                          "/proc/sys/kernel/random/boot_id" };
    for (size_t i = 0; i < COUNT_OF(mounts); i++)
        if (strcmp(mounts[i], path) == 0) return true;
    return str_starts_with(path, "/sys/fs/cgroup/");
}

static int finish_mount(struct finish *f)
{
    struct mount_section *mount = &f->settings->mount;
    bool automount = f->context->kind == UNIT_KIND_AUTOMOUNT;
    int r = mount->where ? 0 : path_of_name(f, &mount->where);
    int fits = r == 0 ? name_fits(f, mount->where) : r;
    if (fits < 0) return fits;
    const char *where = mount->where ? mount->where : "";
    const struct obstacle obstacles[] = {
        { !fits, "Where", "name-mismatch", "Where= and the name of the unit do not say the same path", { 0 } },
        { automount && strcmp(where, "/") == 0,
          "Where",
          "bad-path",
          "the root directory cannot be mounted on demand",
          { 0 } },
        { !automount && is_api_mount(where),
          "Where",
          "bad-path",
          "a file system of the kernel has no mount unit",
          { 0 } },
        { !automount && !mount->what && strcmp(where, "/") != 0,
          "What",
          "missing-setting",
          "a mount needs What=",
          { 0 } },
    };
    refuse_first(f, automount ? "Automount" : "Mount", obstacles, COUNT_OF(obstacles));
    bool root = !automount && strcmp(where, "/") == 0;
    if (root) f->settings->unit.default_dependencies = false; /* it is always mounted */
    if (!automount && !f->settings->unit.description)
        f->settings->unit.description = root ? "Root Mount" : mount->where;
    return 0;
}

static int finish_swap(struct finish *f)
{
    struct mount_section *swap = &f->settings->mount;
    int r = swap->what ? 0 : path_of_name(f, &swap->what);
    int fits = r == 0 ? name_fits(f, swap->what) : r;
    if (fits < 0) return fits;
    const struct obstacle mismatch = {
        !fits, "What", "name-mismatch", "What= and the name of the unit do not say the same path", { 0 }
    };
    refuse_first(f, "Swap", &mismatch, 1);
    if (!f->settings->unit.description) f->settings->unit.description = swap->what;
    return 0;
}

static int finish_slice(struct finish *f)
{
    const char *path = NULL, *name = f->context->unit_name;
    size_t length;
    (void)unit_name_stem(name, &length);
    bool root = strcmp(name, "-.slice") == 0;
    if (root) f->settings->unit.default_dependencies = false; /* it is always there */
    const struct obstacle bad = { !root && (name[0] == '-' || name[length - 1] == '-' || strstr(name, "--") ||
                                            unit_name_form(name) != UNIT_NAME_PLAIN),
                                  NULL,
                                  "bad-unit-name",
                                  "no slice can have this name",
                                  { 0 } };
    refuse_first(f, "Slice", &bad, 1);
    int r = f->settings->unit.description ? 0 : path_of_name(f, &path);
    if (r < 0 || !path) return r;
    if (root)
        f->settings->unit.description = "Root Slice";
    else if (strcmp(name, "system.slice") == 0)
        f->settings->unit.description = "System Slice";
    else
        f->settings->unit.description = arena_printf(f->arena, "Slice %s", path);
    return f->settings->unit.description ? 0 : -ENOMEM;
}

static int finish_kind(struct finish *f)
{
    switch (f->context->kind) {
    case UNIT_KIND_SERVICE:
        finish_service(f);
        return 0;
    case UNIT_KIND_SOCKET:
        finish_socket(f);
        return 0;
    case UNIT_KIND_TIMER:
        return finish_timer(f);
    case UNIT_KIND_PATH:
        return finish_path(f);
    case UNIT_KIND_MOUNT:
    case UNIT_KIND_AUTOMOUNT:
        return finish_mount(f);
    case UNIT_KIND_SWAP:
        return finish_swap(f);
    case UNIT_KIND_SLICE:
        return finish_slice(f);
    case UNIT_KIND_TARGET:
    case UNIT_KIND_SCOPE:
    case UNIT_KIND_DEVICE:
    case UNIT_KIND_COUNT:
        break;
    }
    return 0;
}

int fragment_finish(struct arena *arena, const char *path, const struct fragment_context *context,
                    struct unit_settings *settings, struct diag_sink *diags)
{
    struct finish f = { .arena = arena, .path = path, .context = context, .settings = settings, .diags = diags };
    finish_start_limit(&f);
    tristate *ignore = &settings->unit_extra.ignore_on_isolate;
    if (*ignore == TRISTATE_UNSET) *ignore = kind_ignores_isolate(context->kind);
    int r = finish_kind(&f);
    if (r == 0) r = exec_finish(arena, context, settings);
    if (r == 0) r = finish_resource(&f);
    if (r == 0 && !context->native) r = finish_mounts(&f);
    if (r == 0) r = lint_unit_end(context->lint, context, settings, diags);
    if (r < 0 || f.broken) return r < 0 ? r : FRAGMENT_BROKEN;
    return f.refused ? FRAGMENT_REFUSED : 0;
}
