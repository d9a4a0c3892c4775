/* supervisor/exec_env.h - the environment a command gets, each name in it once.
 *
 * Later assignments win: inherited, Environment=, EnvironmentFile=, the user's HOME USER LOGNAME SHELL, the manager's
 * own variables, LISTEN_* and the directories; UnsetEnvironment= is applied last. Source: systemd.exec(5)
 * "ENVIRONMENT"; SEED.md S36, S46; K61, K64-K66, K70. */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include "supervisor/exec_identity.h"
#include "supervisor/plan.h"

#define EXEC_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Embedded; zeroed with `memory` set is an empty one. All of it lies in that memory. */
struct exec_env {
    struct plan_memory *memory;
    char **items; /* "NAME=value", NULL where one was removed */
    uint32_t count, capacity;
    uint32_t *index; /* open addressing by name: place in items + 1, 0 is free */
    uint32_t index_size;
};
/* `assignment` is borrowed. Without "=" or a name nothing happens. 0 or -ENOMEM. */
MUST_CHECK int exec_env_put(struct exec_env *env, char *assignment);
/* Copies. */
MUST_CHECK int exec_env_set(struct exec_env *env, const char *name, const char *value);
/* "NAME", or "NAME=value": only if it has that value. */
void exec_env_unset(struct exec_env *env, const char *text);
/* An expand_lookup; userdata is the struct exec_env. */
const char *exec_env_lookup(const char *name, size_t length, void *userdata);
/* Closes the gaps and ends the array with NULL, fit for execve(2). NULL when out of memory. */
char **exec_env_finish(struct exec_env *env);

/* What is needed of an identity, and outlives it in the deferred case. */
struct exec_env_user {
    const char *name, *home, *shell; /* NULL: not known */
};
/* The blanks behind "LISTEN_PID=" and "WATCHDOG_PID=", for DECIMAL_MAX(int) bytes, and behind "LISTEN_PIDFDID=", for
 * DECIMAL_MAX(uint64_t); NULL where there is no such variable. */
struct exec_env_blanks {
    char *listen_pid, *listen_pidfdid, *watchdog_pid;
};
/* All of it, UnsetEnvironment= included. Where an environment file cannot be used:
 * -errno, *ret_index is which one and *ret_line where in it (0: not a matter of a line). */
MUST_CHECK int exec_env_build(struct exec_env *env, const struct exec_request *request,
                              const struct exec_env_user *user, struct exec_env_blanks *ret_blanks, uint32_t *ret_index,
                              uint32_t *ret_line);
