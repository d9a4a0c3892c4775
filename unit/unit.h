/* unit/unit.h - loaded units: immutable, owned by their set, freed with it.
 *
 * A set owns one arena with every unit and string. Groups of settings that are at their default are shared by all
 * units, so that an idle unit costs little memory. Runtime state lives in supervisor/, in arrays indexed by unit id. */
#pragma once
#include "base/attr.h"
#include "unit/name.h"
#include "unit/settings.h"

/* clang-format off */
#define UNIT_KINDS(X) /* enumerator (as in SECTIONS of unit/directive.h), suffix, does the supervisor run it? */ \
    X(SERVICE, ".service", true)  X(SOCKET, ".socket", true)        X(TARGET, ".target", true) \
    X(TIMER, ".timer", true)      X(PATH, ".path", true)            X(SLICE, ".slice", true) \
    X(SCOPE, ".scope", false)     X(MOUNT, ".mount", true)          X(AUTOMOUNT, ".automount", true) \
    X(SWAP, ".swap", true)        X(DEVICE, ".device", true)
/* clang-format on */
enum unit_kind {
#define X(enumerator, suffix, runs) UNIT_KIND_##enumerator,
    UNIT_KINDS(X)
#undef X
        UNIT_KIND_COUNT
};
const char *unit_kind_suffix(enum unit_kind kind); /* ".service" */
/* Units of the other kinds are read and checked, and never in the set of a run. */
bool unit_kind_runs(enum unit_kind kind);
/* The kind by suffix; UNIT_KIND_COUNT when it is none of systemd.unit(5). */
enum unit_kind unit_kind_of_name(const char *name);

/* LoadState= of systemctl(1). A run has only units that are loaded; all others occur where a set is described. */
/* clang-format off */
#define UNIT_LOAD_STATES(X) /* enumerator, word */ \
    X(LOADED, "loaded")        X(NOT_FOUND, "not-found")  X(BAD_SETTING, "bad-setting") \
    X(ERROR, "error")          X(MASKED, "masked")
/* clang-format on */
enum unit_load_state {
#define X(enumerator, word) UNIT_STATE_##enumerator,
    UNIT_LOAD_STATES(X)
#undef X
        UNIT_LOAD_STATE_COUNT
};
const char *unit_load_state_name(enum unit_load_state state);

struct unit_template;
struct unit {
    const char *name; /* "web.service"; unique in the set */
    const char *path; /* fragment; NULL for a built-in target */
    uint32_t id;      /* index in the set, names sorted */
    enum unit_kind kind;
    bool builtin;  /* a target of systemd.special(7) that no file defines */
    bool instance; /* made from a template because another unit names it; started only when wanted or required */
    bool systemd;  /* from systemd's search path: started only when wanted or required, or when it is the goal */
    bool goal;     /* what a run begins with under systemd's rules: the default target */
    enum unit_load_state load_state : 8;
    bool cut_short;                       /* not loaded, and nothing was concluded from what could be read */
    const struct unit_template *template; /* not NULL: never run, its instances are (unit/template.h) */
    /* A group of another kind of unit is the default. */
#define X(enumerator, member, type) const struct type *member;
    UNIT_GROUPS(X)
#undef X
};

/* The setting at `offset` of struct unit_settings, in whichever group it lies. */
const void *unit_setting(const struct unit *unit, size_t offset);

/* Dependencies by the names of systemd's bus properties; those with an inverse are kept both ways. */
/* clang-format off */
#define UNIT_DEPENDENCIES(X) /* enumerator, property, inverse (itself: has none) */ \
    X(AFTER, "After", BEFORE)                          X(BEFORE, "Before", AFTER) \
    X(BINDS_TO, "BindsTo", BOUND_BY)                   X(BOUND_BY, "BoundBy", BINDS_TO) \
    X(CONFLICTED_BY, "ConflictedBy", CONFLICTS)        X(CONFLICTS, "Conflicts", CONFLICTED_BY) \
    X(CONSISTS_OF, "ConsistsOf", PART_OF)              X(PART_OF, "PartOf", CONSISTS_OF) \
    X(JOINS_NAMESPACE_OF, "JoinsNamespaceOf", JOINS_NAMESPACE_OF) \
    X(ON_FAILURE, "OnFailure", ON_FAILURE_OF)          X(ON_FAILURE_OF, "OnFailureOf", ON_FAILURE) \
    X(ON_SUCCESS, "OnSuccess", ON_SUCCESS_OF)          X(ON_SUCCESS_OF, "OnSuccessOf", ON_SUCCESS) \
    X(PROPAGATES_RELOAD_TO, "PropagatesReloadTo", RELOAD_PROPAGATED_FROM) \
    X(RELOAD_PROPAGATED_FROM, "ReloadPropagatedFrom", PROPAGATES_RELOAD_TO) \
    X(PROPAGATES_STOP_TO, "PropagatesStopTo", STOP_PROPAGATED_FROM) \
    X(STOP_PROPAGATED_FROM, "StopPropagatedFrom", PROPAGATES_STOP_TO) \
    X(REQUIRED_BY, "RequiredBy", REQUIRES)             X(REQUIRES, "Requires", REQUIRED_BY) \
    X(REQUISITE, "Requisite", REQUISITE_OF)            X(REQUISITE_OF, "RequisiteOf", REQUISITE) \
    X(SLICE_OF, "SliceOf", IN_SLICE)                   X(IN_SLICE, "Slice", SLICE_OF) \
    X(TRIGGERED_BY, "TriggeredBy", TRIGGERS)           X(TRIGGERS, "Triggers", TRIGGERED_BY) \
    X(UPHELD_BY, "UpheldBy", UPHOLDS)                  X(UPHOLDS, "Upholds", UPHELD_BY) \
    X(WANTED_BY, "WantedBy", WANTS)                    X(WANTS, "Wants", WANTED_BY)
/* clang-format on */
enum unit_dependency {
#define X(enumerator, property, inverse) UNIT_DEPENDENCY_##enumerator,
    UNIT_DEPENDENCIES(X)
#undef X
        UNIT_DEPENDENCY_COUNT
};

/* What only `show` and the like want to know of a unit. */
struct unit_detail {
    const char *const *names;   /* sorted, the unit's own among them; NULL-terminated, as the next */
    const char *const *dropins; /* paths in the order they were read */
    /* Sorted, once each: written in the unit, added by systemd's rules, or the inverse of those of the other units of
     * the set. */
    struct text_list dependencies[UNIT_DEPENDENCY_COUNT];
};

struct unit_override {
    const char *name, *base_path, *override_path;
};

struct unit_set;
void unit_set_free(struct unit_set *set);
DEFINE_AUTO(struct unit_set, unit_set_free)
uint32_t unit_set_count(const struct unit_set *set);
const struct unit *unit_set_get(const struct unit_set *set, uint32_t id);
/* By name or alias; NULL when there is none of that name. */
const struct unit *unit_set_find(const struct unit_set *set, const char *name);
/* NULL in a set that was not loaded to be described. */
const struct unit_detail *unit_set_detail(const struct unit_set *set, const struct unit *unit);
/* The other names of a unit, sorted, in *ret_names; their number. */
size_t unit_set_aliases(const struct unit_set *set, const struct unit *unit, const char *const **ret_names);
/* Why unit_set_find() says NULL, where the loader knows more than "no file has this name". */
enum unit_absence {
    UNIT_NOT_FOUND,
    UNIT_MASKED,  /* an empty file or a link to /dev/null holds the name */
    UNIT_REFUSED, /* its file did not load, and an error says why */
    UNIT_INERT,   /* under systemd's rules: a mount, swap or device without a file, or a scope: counts as active */
};
enum unit_absence unit_set_absence(const struct unit_set *set, const char *name);
size_t unit_set_override_count(const struct unit_set *set);
const struct unit_override *unit_set_override(const struct unit_set *set, size_t index);
/* The name of the unit that a socket, timer or path starts: Service= or Unit=, else the service of its own stem.
 * Borrowed from the set; NULL for units of other kinds. */
const char *unit_triggered_name(const struct unit *unit);
/* Bytes the set holds, for memory reports. */
size_t unit_set_bytes(const struct unit_set *set);
