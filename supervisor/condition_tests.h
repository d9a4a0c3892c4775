/* supervisor/condition_tests.h - one function for each kind of condition; supervisor/condition.c has them in a table.
 *
 * Each says whether `c->parameter` is so, without "!": 1 or 0, or -errno when that cannot be told, which counts as
 * false with "!" as well. They may touch the paths that the table names, and files of the kernel, but wait for nothing
 * else. Source: systemd.unit(5) "CONDITIONS AND ASSERTS" and what systemd 252 answers. */
#pragma once
#include "base/attr.h"
#include "unit/settings.h"

struct condition_context;
typedef int condition_fn(const struct condition_context *context, const struct condition *c);

/* condition_hardware.c */
condition_fn condition_ac_power, condition_architecture, condition_cpu_feature, condition_cpus, condition_firmware,
    condition_memory;
/* condition_kernel.c */
condition_fn condition_capability, condition_control_group_controller, condition_kernel_command_line,
    condition_kernel_module_loaded, condition_kernel_version, condition_pressure, condition_security, condition_version,
    condition_virtualization;
/* condition_system.c */
condition_fn condition_credential, condition_environment, condition_first_boot, condition_group, condition_host,
    condition_needs_update, condition_os_release, condition_user;
/* condition_path.c */
condition_fn condition_directory_not_empty, condition_file_is_executable, condition_file_not_empty,
    condition_path_exists, condition_path_exists_glob, condition_path_is_directory, condition_path_is_encrypted,
    condition_path_is_mount_point, condition_path_is_read_write, condition_path_is_socket,
    condition_path_is_symbolic_link;

/* The file system of `path` is mounted read-only. 1, 0 or -errno. */
int path_is_read_only(const char *path);
/* The UTS names, `context`'s first. */
struct utsname;
void condition_names(const struct condition_context *context, struct utsname *ret);
/* Every word of `expressions` compares well with `have`: "OPERATOR VERSION", a pattern without an operator; between the
 * first operator and its version may be a blank. 1, 0, -EINVAL, -ENOMEM. */
int condition_compare_all(const char *have, const char *expressions);
/* The next word, which may be quoted. 1, 0 at the end, -EINVAL, -ENOMEM. */
struct str;
int condition_word(const char **cursor, struct str *word);
