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
    X(TIMER, ".timer", false)     X(PATH, ".path", false)           X(SLICE, ".slice", false) \
    X(SCOPE, ".scope", false)     X(MOUNT, ".mount", false)         X(AUTOMOUNT, ".automount", false) \
    X(SWAP, ".swap", false)       X(DEVICE, ".device", false)
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

struct unit {
    const char *name; /* "web.service"; unique in the set */
    const char *path; /* fragment; NULL for a built-in target */
    uint32_t id;      /* index in the set, names sorted */
    enum unit_kind kind;
    bool builtin;  /* a target of systemd.special(7) that no file defines */
    bool instance; /* made from a template because another unit names it; started only when wanted or required */
    /* A group of another kind of unit is the default. */
#define X(enumerator, member, type) const struct type *member;
    UNIT_GROUPS(X)
#undef X
};

/* The setting at `offset` of struct unit_settings, in whichever group it lies. */
const void *unit_setting(const struct unit *unit, size_t offset);

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
/* Why unit_set_find() says NULL, where the loader knows more than "no file has this name". */
enum unit_absence {
    UNIT_NOT_FOUND,
    UNIT_MASKED,       /* an empty file or a link to /dev/null holds the name */
    UNIT_REFUSED,      /* its file did not load, and an error says why */
    UNIT_KIND_UNBUILT, /* a file of a kind that this version does not start: .timer, .path, .slice */
};
enum unit_absence unit_set_absence(const struct unit_set *set, const char *name);
size_t unit_set_override_count(const struct unit_set *set);
const struct unit_override *unit_set_override(const struct unit_set *set, size_t index);
/* The name of a socket's service: Service=, or its own stem. Borrowed from the set. NULL when out of memory only. */
const char *unit_socket_service(const struct unit *socket);
/* Bytes the set holds, for memory reports. */
size_t unit_set_bytes(const struct unit_set *set);
