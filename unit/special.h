/* unit/special.h - the targets of systemd.special(7): they exist, empty, where no file defines them (SEED.md D18). */
#pragma once
#include "base/attr.h"
#include <stddef.h>

/* The static name of the built-in target, NULL when `name` is none. */
const char *special_target(const char *name);

/* Started by a signal to PID 1 (pid1/signals.h): loaded where a file defines it, and held until then. NULL behind the
 * last. */
const char *special_signal_target(size_t index);
bool special_is_for_signal(const char *name);
/* The targets of systemd's shutdown: what they want starts when the container stops. Starting one of those that name a
 * way to end, such as exit.target, is the end. */
bool special_is_for_stop(const char *name);
/* Natively, which of them [Install] of this unit names, NULL behind the last: the only thing there that counts. */
struct unit;
const char *special_stop_of(const struct unit *unit, size_t index);

/* systemd's own file of this target has AllowIsolate=yes. */
bool special_allows_isolate(const char *name);

/* What the targets of systemd's own package say, where no file does: the ones on the way from default.target to what a
 * unit's [Install] names. For systemd's rules; natively they are empty. 0 or -ENOMEM. */
struct arena;
struct unit_section;
MUST_CHECK int special_target_dependencies(struct arena *arena, const char *name, struct unit_section *section);
/* The target that a built-in name is another name of: "multi-user.target" for "runlevel3.target". NULL: none. */
const char *special_alias(const char *name);
/* All such names; NULL behind the last. */
const char *special_alias_get(size_t index);

/* What systemd starts, and what is started where nothing has that name. */
#define DEFAULT_TARGET          "default.target"
#define DEFAULT_TARGET_FALLBACK "multi-user.target"
