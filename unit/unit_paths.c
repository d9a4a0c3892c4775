#include "unit/unit_paths.h"

#include <stddef.h>

const char *const unit_paths_system[] = {
    "/etc/systemd/system.control", "/run/systemd/system.control",
    "/run/systemd/transient",      "/run/systemd/generator.early",
    "/etc/systemd/system",         "/etc/systemd/system.attached",
    "/run/systemd/system",         "/run/systemd/system.attached",
    "/run/systemd/generator",      "/usr/local/lib/systemd/system",
    "/lib/systemd/system",         "/usr/lib/systemd/system",
    "/run/systemd/generator.late", NULL,
};
