/* unit/special.h - the targets of systemd.special(7): they exist, empty, where no file defines them (SEED.md D18). */
#pragma once
#include "base/attr.h"

/* The static name of the built-in target, NULL when `name` is none. */
const char *special_target(const char *name);

/* What systemd starts, and what is started where nothing has that name. */
#define DEFAULT_TARGET          "default.target"
#define DEFAULT_TARGET_FALLBACK "multi-user.target"
