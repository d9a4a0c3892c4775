/* supervisor/virtualization.h - are we in a container or a virtual machine, and in which?
 *
 * By what systemd-detect-virt(1) goes by, in its order, and with its words: an OpenVZ or WSL kernel, proot, what the
 * manager left in /run/host or PID 1's environment, /run/.containerenv, /.dockerenv, the cgroup namespace. A pid
 * namespace of our own counts as well: "container-other". */
#pragma once
#include "base/attr.h"

struct condition_context;

/* "docker", "container-other"; NULL: in none. Static. */
const char *virtualization_container(const struct condition_context *context);
/* "kvm", "vm-other"; NULL: none, or none that shows. Static. */
const char *virtualization_machine(const struct condition_context *context);
/* In a user namespace that is not the initial one. 1, 0 or -errno. */
int virtualization_user_namespace(const struct condition_context *context);
