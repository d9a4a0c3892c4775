/* unit/machine.h - what a unit file may ask about the machine: its ids, its os-release(5) and its names.
 *
 * Files are read when they are first asked for, and once: all units of a load see the same. Answers are borrowed from
 * the struct. Source: systemd.unit(5) "SPECIFIERS", os-release(5), machine-id(5), machine-info(5). */
#pragma once
#include "base/attr.h"
#include "base/str.h"

#define MACHINE_ID_LENGTH 32 /* hexadecimal digits */

struct machine_file {
    int state; /* 0: not yet read; 1: read; -errno */
    struct strlist fields;
};
struct machine {
    const char *root; /* whose os-release and machine-id; NULL: the system's own. Set by the owner, the rest is zero */
    struct machine_file os_release, machine_info;
    char machine_id[MACHINE_ID_LENGTH + 1], boot_id[MACHINE_ID_LENGTH + 1];
};
void machine_done(struct machine *machine);
#define AUTO_MACHINE __attribute__((cleanup(machine_done)))

/* A field of os-release, "" when it has none of this name. -ENOENT or what else kept the file from being read. */
MUST_CHECK int machine_os_field(struct machine *machine, const char *name, const char **ret);
/* PRETTY_HOSTNAME= of machine-info, "" when there is none. -ENOMEM. */
MUST_CHECK int machine_pretty_name(struct machine *machine, const char **ret);
/* Of the running kernel. -errno where /proc does not say. */
MUST_CHECK int machine_boot_id(struct machine *machine, const char **ret);
/* /etc/machine-id. An image has none, or an empty one, until systemd's PID 1 makes it up: $container_uuid if the
 * container's manager passed one (container_uuid, may be NULL), else one that is made of the boot id and the host name,
 * and so is the same for every process of this container until it starts anew. -errno where that fails too. */
MUST_CHECK int machine_id(struct machine *machine, const char *container_uuid, const char **ret);
/* 32 hexadecimal digits, or the UUID form of them, and at most a newline; not all zero. `id`: in lower case. */
bool machine_id_parse(const char *text, char id[static MACHINE_ID_LENGTH + 1]);
