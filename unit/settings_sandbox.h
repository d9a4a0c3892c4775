/* unit/settings_sandbox.h - what systemd.exec(5) says beyond identity, environment, streams and limits: part of
 * unit/settings.h, which includes it and describes pointers and times. */
#pragma once
#include "base/attr.h"
#include "unit/settings_types.h"

extern const char *const words_protect_home[]; /* ProtectHome= */

struct sandbox_section {
    bool no_new_privileges;
    word_index protect_home;
};
