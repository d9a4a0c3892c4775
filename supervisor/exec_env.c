#include "supervisor/exec_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "unit/environment_file.h"
#include "unit/unit.h"

#define ENVIRONMENT_FILE_MAX ((size_t)16 << 20)

/* clang-format off */
/* Said to a process by whoever started it, about that process: not meant for its children. */
static const char *const not_inherited[] = {
    "LISTEN_PID",        "LISTEN_FDS",      "LISTEN_FDNAMES",  "LISTEN_PIDFDID", "NOTIFY_SOCKET",
    "WATCHDOG_PID",      "WATCHDOG_USEC",   "INVOCATION_ID",   "JOURNAL_STREAM", "MAINPID",
    "MANAGERPID",        "SERVICE_RESULT",  "EXIT_CODE",       "EXIT_STATUS",    "FDSTORE",
    "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY",
    "TRIGGER_UNIT", "TRIGGER_PATH", "TRIGGER_TIMER_REALTIME_USEC", "TRIGGER_TIMER_MONOTONIC_USEC",
    "MONITOR_SERVICE_RESULT", "MONITOR_EXIT_CODE", "MONITOR_EXIT_STATUS", "MONITOR_INVOCATION_ID", "MONITOR_UNIT",
};
/* clang-format on */

/* ---- the table ---- */

static uint32_t name_hash(const char *name, size_t length)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)name[i]) * 16777619U;
    return hash;
}

/* Where the name is in the index, or the free place where it belongs. A removed item keeps its place. */
static uint32_t *env_find(const struct exec_env *env, const char *name, size_t length)
{
    uint32_t mask = env->index_size - 1;
    for (uint32_t at = name_hash(name, length) & mask;; at = (at + 1) & mask) {
        uint32_t *place = &env->index[at];
        if (*place == 0) return place;
        const char *item = env->items[*place - 1];
        if (item && strncmp(item, name, length) == 0 && item[length] == '=') return place;
    }
}

static int env_grow(struct exec_env *env)
{
    if (env->capacity > UINT32_MAX / 8) return -ENOMEM;
    uint32_t capacity = env->capacity ? env->capacity * 2 : 64;
    char **items = plan_alloc(env->memory, ((size_t)capacity + 1) * sizeof *items);
    uint32_t *index = plan_alloc(env->memory, (size_t)capacity * 2 * sizeof *index);
    if (!items || !index) return -ENOMEM;
    uint32_t count = 0;
    for (uint32_t i = 0; i < env->count; i++)
        if (env->items[i]) items[count++] = env->items[i];
    env->items = items;
    env->count = count;
    env->capacity = capacity;
    env->index = index;
    env->index_size = capacity * 2;
    for (uint32_t i = 0; i < count; i++) *env_find(env, items[i], strcspn(items[i], "=")) = i + 1;
    return 0;
}

int exec_env_put(struct exec_env *env, char *assignment)
{
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment) return 0;
    if (env->count == env->capacity) {
        int r = env_grow(env);
        if (r < 0) return r;
    }
    uint32_t *place = env_find(env, assignment, (size_t)(equals - assignment));
    if (*place == 0) *place = ++env->count;
    env->items[*place - 1] = assignment;
    return 0;
}

static char *env_alloc(struct exec_env *env, const char *name, size_t value_size)
{
    size_t length = strlen(name);
    char *text = plan_alloc(env->memory, length + 1 + value_size);
    if (!text) return NULL;
    memcpy(text, name, length); /* NOLINT(bugprone-not-null-terminated-result): the value follows, in zeroed memory */
    text[length] = '=';
    return text;
}

int exec_env_set(struct exec_env *env, const char *name, const char *value)
{
    size_t size = strlen(value) + 1;
    char *text = env_alloc(env, name, size);
    if (!text) return -ENOMEM;
    memcpy(text + strlen(name) + 1, value, size);
    return exec_env_put(env, text);
}

static int env_copy(struct exec_env *env, const char *assignment)
{
    char *text = plan_strdup(env->memory, assignment);
    return text ? exec_env_put(env, text) : -ENOMEM;
}

void exec_env_unset(struct exec_env *env, const char *text)
{
    if (env->count == 0) return;
    size_t length = strcspn(text, "=");
    const uint32_t *place = env_find(env, text, length);
    if (*place == 0) return;
    char **item = &env->items[*place - 1];
    if (text[length] == '\0' || strcmp(*item, text) == 0) *item = NULL;
}

const char *exec_env_lookup(const char *name, size_t length, void *userdata)
{
    const struct exec_env *env = userdata;
    if (env->count == 0) return NULL;
    const uint32_t *place = env_find(env, name, length);
    return *place ? env->items[*place - 1] + length + 1 : NULL;
}

char **exec_env_finish(struct exec_env *env)
{
    if (!env->items && env_grow(env) < 0) return NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < env->count; i++)
        if (env->items[i]) env->items[count++] = env->items[i];
    env->items[count] = NULL;
    return env->items;
}

/* ---- the sources, in the order in which later ones win ---- */

static bool is_inherited(const char *assignment)
{
    size_t length = strcspn(assignment, "=");
    for (size_t i = 0; i < COUNT_OF(not_inherited); i++)
        if (not_inherited[i][0] == assignment[0] && strncmp(not_inherited[i], assignment, length) == 0 &&
            not_inherited[i][length] == '\0')
            return false;
    return true;
}

static int put_inherited(struct exec_env *env, char *const *environment)
{
    for (int r; environment && *environment; environment++)
        if (is_inherited(*environment) && (r = exec_env_put(env, *environment)) < 0) return r;
    return 0;
}

static int put_file(struct exec_env *env, const struct environment_file *file, uint32_t *ret_line)
{
    char *data;
    size_t size;
    int r = file_read(AT_FDCWD, file->path, ENVIRONMENT_FILE_MAX, &data, &size);
    if (r == -ENOENT && file->optional) return 0;
    if (r < 0) return r;
    AUTO_STRLIST struct strlist assignments = STRLIST_EMPTY;
    r = environment_file_parse(data, size, &assignments, ret_line);
    free(data);
    if (r == -EBADMSG && file->optional) return 0;
    for (size_t i = 0; r == 0 && i < assignments.count; i++) r = env_copy(env, assignments.items[i]);
    return r;
}

static int put_configured(struct exec_env *env, const struct exec_section *exec, uint32_t *ret_index,
                          uint32_t *ret_line)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < exec->environment.count; i++) r = env_copy(env, exec->environment.items[i]);
    for (uint32_t i = 0; r == 0 && i < exec->environment_files.count; i++) {
        *ret_index = i;
        r = put_file(env, &exec->environment_files.items[i], ret_line);
    }
    return r;
}

static int put_user(struct exec_env *env, const struct exec_env_user *user)
{
    int r = 0;
    if (user->name) r = exec_env_set(env, "USER", user->name);
    if (r == 0 && user->name) r = exec_env_set(env, "LOGNAME", user->name);
    if (r == 0 && user->home) r = exec_env_set(env, "HOME", user->home);
    if (r == 0 && user->shell) r = exec_env_set(env, "SHELL", user->shell);
    return r;
}

/* sd_listen_fds(3): names are joined by colons, so none may hold one (K56). */
static int put_listen_names(struct exec_env *env, const struct exec_request *request)
{
    AUTO_STR struct str joined = STR_EMPTY;
    int r = 0;
    for (size_t i = 0; r == 0 && i < request->n_listen_fds; i++) {
        const char *name = request->listen_names[i];
        bool usable = *name && !strchr(name, ':');
        r = str_appendf(&joined, "%s%s", i > 0 ? ":" : "", usable ? name : "unknown");
    }
    return r < 0 ? r : exec_env_set(env, "LISTEN_FDNAMES", str_text(&joined));
}

/* A process number, and a number for that process. */
static int put_for_pid(struct exec_env *env, const char *pid_name, const char *name, uint64_t value, char **ret_blank)
{
    char number[DECIMAL_MAX(uint64_t)];
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)value); /* the bound is in the type */
    char *pid = env_alloc(env, pid_name, DECIMAL_MAX(int));
    if (!pid) return -ENOMEM;
    *ret_blank = strchr(pid, '=') + 1;
    int r = exec_env_put(env, pid);
    return r < 0 ? r : exec_env_set(env, name, number);
}

static int put_listen(struct exec_env *env, const struct exec_request *request, struct exec_env_blanks *blanks)
{
    if (request->n_listen_fds == 0) return 0;
    int r = put_for_pid(env, "LISTEN_PID", "LISTEN_FDS", request->n_listen_fds, &blanks->listen_pid);
    char *id = env_alloc(env, "LISTEN_PIDFDID", DECIMAL_MAX(uint64_t));
    if (r < 0 || !id) return r < 0 ? r : -ENOMEM;
    blanks->listen_pidfdid = strchr(id, '=') + 1;
    r = exec_env_put(env, id);
    return r == 0 && request->listen_names ? put_listen_names(env, request) : r;
}

/* sd_watchdog_enabled(3): only the process of that number is meant. */
static int put_watchdog(struct exec_env *env, const struct exec_request *request, char **ret_blank)
{
    if (request->watchdog_usec == 0 || request->watchdog_usec == USEC_INFINITY) return 0;
    return put_for_pid(env, "WATCHDOG_PID", "WATCHDOG_USEC", request->watchdog_usec, ret_blank);
}

static int put_directories(struct exec_env *env, const struct exec_section *exec)
{
    static const struct {
        const char *below, *variable;
    } kinds[] = {
#define X(enumerator, text, below, variable) [EXEC_DIRECTORY_##enumerator] = { below, variable },
        EXEC_DIRECTORIES(X)
#undef X
    };
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
        const struct text_list *paths = &exec->directories[kind].paths;
        AUTO_STR struct str joined = STR_EMPTY;
        int r = 0;
        for (uint32_t i = 0; r == 0 && i < paths->count; i++)
            r = str_appendf(&joined, "%s%s/%s", i > 0 ? ":" : "", kinds[kind].below, paths->items[i]);
        if (r == 0 && paths->count > 0) r = exec_env_set(env, kinds[kind].variable, str_text(&joined));
        if (r < 0) return r;
    }
    return 0;
}

/* systemd.exec(5) $TERM. */
static bool has_terminal(const struct exec_section *exec)
{
    bool has = false;
    for (size_t i = 0; i < COUNT_OF(exec->streams); i++) has |= exec->streams[i].kind == STD_TTY;
    return has;
}

int exec_env_build(struct exec_env *env, const struct exec_request *request, const struct exec_env_user *user,
                   struct exec_env_blanks *ret_blanks, uint32_t *ret_index, uint32_t *ret_line)
{
    const struct exec_section *exec = request->unit->exec;
    *ret_blanks = (struct exec_env_blanks){ .listen_pid = NULL };
    *ret_index = UINT32_MAX; /* not a matter of a file */
    *ret_line = 0;
    int r = put_inherited(env, request->environ);
    if (r == 0) r = put_configured(env, exec, ret_index, ret_line);
    if (r < 0) return r;
    *ret_index = UINT32_MAX;
    r = put_user(env, user);
    for (size_t i = 0; r == 0 && request->variables && i < request->variables->count; i++)
        r = env_copy(env, request->variables->items[i]);
    if (r == 0 && has_terminal(exec) && !exec_env_lookup("TERM", 4, env)) r = exec_env_set(env, "TERM", "vt220");
    if (r == 0 && !exec_env_lookup("PATH", 4, env)) r = exec_env_set(env, "PATH", EXEC_DEFAULT_PATH);
    if (r == 0) r = put_listen(env, request, ret_blanks);
    if (r == 0) r = put_watchdog(env, request, &ret_blanks->watchdog_pid);
    if (r == 0) r = put_directories(env, exec);
    for (uint32_t i = 0; r == 0 && i < exec->unset_environment.count; i++)
        exec_env_unset(env, exec->unset_environment.items[i]);
    return r;
}
