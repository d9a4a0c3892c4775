/* unit/settings_units.h - [Timer], [Path], [Mount], [Automount], [Swap], [Scope]: part of unit/settings.h, which
 * includes it and describes pointers and times. */
#pragma once
#include "base/attr.h"
#include "unit/settings_types.h"
#include <sys/types.h>

/* clang-format off */
#define TIMER_BASES(X) /* enumerator, directive, property; the order is nobody's */ \
    X(ACTIVE, "OnActiveSec", "OnActiveUSec")                X(BOOT, "OnBootSec", "OnBootUSec") \
    X(STARTUP, "OnStartupSec", "OnStartupUSec")             X(UNIT_ACTIVE, "OnUnitActiveSec", "OnUnitActiveUSec") \
    X(UNIT_INACTIVE, "OnUnitInactiveSec", "OnUnitInactiveUSec") \
    X(CALENDAR, "OnCalendar", "OnCalendar")
/* clang-format on */
enum timer_base {
#define X(enumerator, directive, property) TIMER_##enumerator,
    TIMER_BASES(X)
#undef X
        TIMER_BASE_COUNT
};
struct timer_value {
    enum timer_base base;
    usec_t span;          /* of all but TIMER_CALENDAR */
    const char *calendar; /* of TIMER_CALENDAR: the normal form of the expression */
};
struct timer_value_list {
    struct timer_value *items;
    uint32_t count, capacity;
};
struct timer_section {
    const char *unit;               /* NULL until complete: the service of the same stem */
    struct timer_value_list values; /* in the order written */
    usec_t accuracy, random_delay;  /* 1 min, 0 */
    bool persistent, wake_system, remain_after_elapse, on_clock_change, on_timezone_change, fixed_random_delay;
    bool defer_reactivation;
};

/* clang-format off */
#define PATH_KINDS(X) /* enumerator, directive */ \
    X(EXISTS, "PathExists")      X(EXISTS_GLOB, "PathExistsGlob")             X(CHANGED, "PathChanged") \
    X(MODIFIED, "PathModified")  X(DIRECTORY_NOT_EMPTY, "DirectoryNotEmpty")
/* clang-format on */
enum path_kind {
#define X(enumerator, directive) PATH_##enumerator,
    PATH_KINDS(X)
#undef X
        PATH_KIND_COUNT
};
struct path_watch {
    enum path_kind kind;
    const char *path;
};
struct path_watch_list {
    struct path_watch *items;
    uint32_t count, capacity;
};
struct path_section {
    const char *unit;              /* NULL until complete: the service of the same stem */
    struct path_watch_list values; /* in the order written */
    bool make_directory;
    mode_t directory_mode;         /* 0755 */
    usec_t trigger_limit_interval; /* 2 s */
    uint32_t trigger_limit_burst;  /* 200 */
};

/* Of mounts, automounts and swaps. */
struct mount_section {
    const char *what, *where, *type, *options, *extra_options;
    bool sloppy_options, lazy_unmount, force_unmount, read_write_only, priority_set;
    mode_t directory_mode; /* 0755 */
    int32_t priority;      /* -1 */
    usec_t timeout;        /* 90 s */
    usec_t idle_timeout;   /* 0 */
};

/* Of scopes; concurrency is of slices. */
struct scope_section {
    usec_t runtime_max, runtime_random_extra, timeout_stop;
    word_index oom_policy;
    uint32_t concurrency_hard_max, concurrency_soft_max; /* UINT32_MAX */
};
