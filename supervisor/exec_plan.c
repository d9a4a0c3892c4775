#include "supervisor/exec_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "supervisor/exec_directories.h"
#include "supervisor/exec_env.h"
#include "supervisor/child_terminal.h"
#include "supervisor/exec_identity.h"
#include "supervisor/exec_terminal.h"
#include "supervisor/local_path.h"
#include "supervisor/plan.h"
#include "unit/expand.h"
#include "unit/unit.h"

#define PLAN_SIZE 8192 /* of a malloc'ed plan's start */

/* ---- the parts of a plan ---- */

static int plan_identity(struct exec_plan *plan, const struct exec_identity *identity)
{
    struct child_plan *child = &plan->child;
    child->uid = identity->uid;
    child->gid = identity->gid;
    child->set_uid = identity->set_uid;
    child->set_gid = identity->set_gid;
    child->set_groups = identity->set_groups;
    if (!identity->set_groups || identity->n_groups == 0) return 0;
    unsigned *groups = plan_alloc(&plan->memory, identity->n_groups * sizeof *groups);
    if (!groups) return -ENOMEM;
    memcpy(groups, identity->groups, identity->n_groups * sizeof *groups);
    child->groups = groups;
    child->n_groups = (uint32_t)identity->n_groups;
    return 0;
}

/* Which descriptor of ours, or which path, a stream is. */
static int plan_stream(struct exec_plan *plan, const struct exec_request *request, int i)
{
    const struct exec_stream *setting = &request->unit->exec->streams[i];
    struct child_stream *stream = &plan->child.streams[i];
    int log_fd = i == 1 ? request->stdout_fd : request->stderr_fd;
    *stream = (struct child_stream){ .same_as = -1, .flags = i == 0 ? O_RDONLY : O_WRONLY };
    plan->child.fds[i] = -1;
    if (request->is_probe) {
        int fd = i == 0 ? request->stdin_fd : log_fd;
        stream->null = fd <= 0;
        if (fd > 0) plan->child.fds[i] = fd;
        return 0;
    }
    switch (setting->kind) {
    case STD_INHERIT:
        if (i == 0)
            stream->null = true;
        else if (i == 2 && plan->child.fds[1] == request->stdout_fd && log_fd >= 0)
            plan->child.fds[i] = log_fd;
        else
            stream->same_as = i - 1;
        return 0;
    case STD_NULL:
        stream->null = true;
        return 0;
    case STD_LOG:
        plan->child.fds[i] = i > 0 && log_fd >= 0 ? log_fd : i;
        return 0;
    case STD_RAW:
        plan->child.fds[i] = i;
        return 0;
    case STD_TTY:
        stream->path = plan->child.terminal->path;
        stream->flags = O_RDWR;
        stream->controlling_terminal = i == 0;
        if (!stream->path) plan->child.fds[i] = 0;
        return 0;
    case STD_FILE:
    case STD_FILE_APPEND:
    case STD_FILE_TRUNCATE:
        /* systemd.exec(5): the same path is opened once. */
        for (int other = 1; i == 2 && other < i; other++)
            if (setting->kind == request->unit->exec->streams[other].kind &&
                str_equal(setting->path, request->unit->exec->streams[other].path))
                stream->same_as = other;
        if (stream->same_as >= 0) return 0;
        stream->path = plan_strdup(&plan->memory, setting->path);
        if (i > 0) stream->flags |= O_CREAT;
        if (setting->kind == STD_FILE_APPEND) stream->flags |= O_APPEND;
        if (setting->kind == STD_FILE_TRUNCATE) stream->flags |= O_TRUNC;
        return stream->path ? 0 : -ENOMEM;
    case STD_SOCKET:
    case STD_FD:
        plan->child.fds[i] = request->stream_fds[i];
        return request->stream_fds[i] > 0 ? 0 : -EBADF;
    case STD_DATA:
    case STD_COUNT:
        return -EOPNOTSUPP;
    }
    return -EINVAL;
}

static int plan_streams(struct exec_plan *plan, const struct exec_request *request, struct exec_failure *failure)
{
    static const enum exec_stage stages[] = { EXEC_STAGE_STDIN, EXEC_STAGE_STDOUT, EXEC_STAGE_STDERR };
    size_t passed = 3 + request->n_listen_fds, n = MAX_OF(passed, (size_t)request->notify_target + 1);
    failure->stage = EXEC_STAGE_FDS;
    if (request->notify_target > 0 && request->notify_target < passed) return -EBUSY; /* NotifyFD= of a passed one */
    plan->child.fds = plan_alloc(&plan->memory, n * sizeof *plan->child.fds);
    if (!plan->child.fds) return -ENOMEM;
    plan->child.n_fds = (uint32_t)n;
    int terminal = exec_terminal_plan(request->unit, &plan->memory, &plan->child.terminal);
    if (terminal < 0) return terminal;
    for (int i = 0; i < 3; i++) {
        failure->stage = stages[i];
        int r = plan_stream(plan, request, i);
        if (r < 0) return r;
    }
    for (size_t i = 0; i < request->n_listen_fds; i++) plan->child.fds[3 + i] = request->listen_fds[i];
    plan->child.program_fd = request->program_fd;
    for (size_t i = passed; i < n; i++) plan->child.fds[i] = i == request->notify_target ? request->notify_fd : -1;
    return 0;
}

/* Whether this process may raise its hard limit so far: tried, and taken back. */
static bool may_raise(__rlimit_resource_t resource, const struct rlimit *own, uint64_t hard)
{
    struct rlimit raised = { own->rlim_cur, hard };
    if (setrlimit(resource, &raised) < 0) return false;
    (void)setrlimit(resource, own); /* lowering is always allowed */
    return true;
}

/* As systemd: what may not be had becomes the next best, and is said. */
static int plan_limit(struct exec_plan *plan, enum exec_limit_kind kind, const struct exec_limit *wanted,
                      struct child_limit *ret)
{
    __rlimit_resource_t resource = (__rlimit_resource_t)exec_limit_resource(kind);
    struct rlimit own;
    *ret = (struct child_limit){ resource, wanted->soft, wanted->hard };
    if (getrlimit(resource, &own) < 0 || wanted->hard <= own.rlim_max || may_raise(resource, &own, wanted->hard))
        return 0;
    ret->hard = own.rlim_max;
    ret->soft = MIN_OF(wanted->soft, own.rlim_max);
    return strlist_add(&plan->lowered, exec_limit_name(kind));
}

static int plan_limits(struct exec_plan *plan, const struct exec_request *request)
{
    const struct exec_section *exec = request->unit->exec;
    struct child_limit *limits = plan_alloc(&plan->memory, (EXEC_LIMIT_COUNT + 1) * sizeof *limits);
    if (!limits) return -ENOMEM;
    uint32_t count = 0;
    if (request->mark) limits[count++] = (struct child_limit){ RLIMIT_LOCKS, request->mark, request->mark };
    for (enum exec_limit_kind i = 0; exec->limits && i < EXEC_LIMIT_COUNT; i++)
        if (exec->limits[i].set && i != EXEC_LIMIT_LOCKS) { /* it carries the mark, and Linux ignores it */
            int r = plan_limit(plan, i, &exec->limits[i], &limits[count++]);
            if (r < 0) return r;
        }
    struct rlimit own;
    if (!(exec->limits && exec->limits[EXEC_LIMIT_NOFILE].set) && request->inherited_nofile_soft > 0 &&
        getrlimit(RLIMIT_NOFILE, &own) == 0 && own.rlim_cur != request->inherited_nofile_soft)
        limits[count++] =
            (struct child_limit){ RLIMIT_NOFILE, MIN_OF(request->inherited_nofile_soft, own.rlim_max), own.rlim_max };
    plan->child.limits = limits;
    plan->child.n_limits = count;
    return 0;
}

static int plan_scheduling(struct exec_plan *plan, const struct exec_request *request)
{
    const struct exec_section *exec = request->unit->exec;
    struct child_plan *child = &plan->child;
    child->nice_set = exec->nice_set;
    child->nice = exec->nice;
    child->umask = exec->umask;
    child->keeps_ignored_sigpipe = exec->ignore_sigpipe;
    if (!exec->oom_score_adjust_set) return 0;
    plan->no_share_memory = true; /* oom_score_adj belongs to the memory, and so would be PID 1's as well */
    char text[DECIMAL_MAX(int)];
    int length = snprintf(text, sizeof text, "%d", exec->oom_score_adjust);
    child->oom_score_adjust = plan_strdup(&plan->memory, text);
    child->oom_score_adjust_length = (uint32_t)length;
    return child->oom_score_adjust ? 0 : -ENOMEM;
}

static int plan_working_directory(struct exec_plan *plan, const struct exec_request *request,
                                  const struct exec_identity *identity)
{
    const struct exec_section *exec = request->unit->exec;
    const char *directory = exec->working_directory ? exec->working_directory : "/";
    plan->child.directory_optional = exec->working_directory_optional;
    if (str_equal(directory, "~"))
        directory = identity->has_user ? identity->user.home : request->home_directory_of_pid1;
    if (!directory) return 0;
    plan->child.directory = plan_strdup(&plan->memory, directory);
    return plan->child.directory ? 0 : -ENOMEM;
}

/* ---- the command line, which needs the environment ---- */

static bool has_dollar(const struct command *command)
{
    if (command->flags & COMMAND_NO_EXPAND) return false;
    if (strchr(command->program, '$')) return true;
    for (uint32_t i = 0; i < command->argc; i++)
        if (strchr(command->argv[i], '$')) return true;
    return false;
}

static int plan_words(struct exec_plan *plan, const struct command *command, struct exec_env *env)
{
    if (has_dollar(command)) {
        const char *const program[] = { command->program };
        int r = expand_command(program, 1, exec_env_lookup, env, &plan->words, NULL);
        if (r == 0 && plan->words.count == 0) r = strlist_add(&plan->words, "");
        size_t first = plan->words.count;
        if (r == 0)
            r = expand_command((const char *const *)command->argv, command->argc, exec_env_lookup, env, &plan->words,
                               &plan->unset);
        if (r == 0 && plan->words.count == first) r = strlist_add(&plan->words, plan->words.items[0]);
        if (r < 0) return r;
        plan->program = plan->words.items[0];
        plan->child.argv = plan->words.items + first;
        return 0;
    }
    char **argv = plan_alloc(&plan->memory, (command->argc + (size_t)1) * sizeof *argv);
    if (!argv) return -ENOMEM;
    for (uint32_t i = 0; i < command->argc; i++)
        if (!(argv[i] = plan_strdup(&plan->memory, command->argv[i]))) return -ENOMEM;
    plan->child.argv = argv;
    plan->program = plan_strdup(&plan->memory, command->program);
    return plan->program ? 0 : -ENOMEM;
}

/* PATH and then the default path, for a name without a slash; the name itself otherwise. */
static int plan_programs(struct exec_plan *plan, const struct exec_env *env)
{
    const char *path = exec_env_lookup("PATH", 4, (void *)(uintptr_t)env);
    const char *const paths[] = { path ? path : "", EXEC_DEFAULT_PATH };
    size_t count = 1;
    bool bare = !strchr(plan->program, '/');
    for (size_t i = 0; bare && i < COUNT_OF(paths); i++)
        for (const char *at = paths[i]; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) count++;
    const char **programs = plan_alloc(&plan->memory, (count + 1) * sizeof *programs);
    if (!programs) return -ENOMEM;
    plan->child.programs = programs;
    if (!bare || !*plan->program) {
        *programs = plan->program;
        return 0;
    }
    size_t name_size = strlen(plan->program) + 1;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        for (const char *at = paths[i]; *at; at += strspn(at, ":")) {
            size_t length = strcspn(at, ":");
            if (*at == '/') { /* a relative one would depend on the directory */
                char *candidate = plan_alloc(&plan->memory, length + 1 + name_size);
                if (!candidate) return -ENOMEM;
                memcpy(candidate, at, length);
                candidate[length] = '/';
                memcpy(candidate + length + 1, plan->program, name_size);
                *programs++ = candidate;
            }
            at += length;
        }
    }
    return 0;
}

static int plan_environment_file_names(struct exec_plan *plan, const struct exec_section *exec)
{
    const struct environment_file_list *files = &exec->environment_files;
    if (files->count == 0) return 0;
    const char **names = plan_alloc(&plan->memory, files->count * sizeof *names);
    if (!names) return -ENOMEM;
    for (uint32_t i = 0; i < files->count; i++)
        if (!(names[i] = plan_strdup(&plan->memory, files->items[i].path))) return -ENOMEM;
    plan->environment_files = names;
    return 0;
}

static bool needs_foreign_file(const struct exec_section *exec)
{
    for (uint32_t i = 0; i < exec->environment_files.count; i++)
        if (!local_path_is(exec->environment_files.items[i].path)) return true;
    return false;
}

/* Environment, words and programs; `report` tells which environment file failed, and where. */
static int plan_finish(struct exec_plan *plan, const struct exec_request *request, const struct exec_env_user *user,
                       struct child_report *report)
{
    struct exec_env env = { .memory = &plan->memory };
    struct exec_env_blanks blanks;
    report->stage = EXEC_STAGE_ENVIRONMENT;
    int r = exec_env_build(&env, request, user, &blanks, &report->index, &report->detail);
    plan->child.listen_pid = blanks.listen_pid;
    plan->child.listen_pidfdid = blanks.listen_pidfdid;
    plan->child.watchdog_pid = blanks.watchdog_pid;
    if (r < 0 && report->index != UINT32_MAX) return r;
    report->stage = EXEC_STAGE_MEMORY;
    if (r == 0) r = plan_words(plan, request->command, &env);
    if (r < 0) return r;
    r = plan_programs(plan, &env);
    if (r < 0) return r;
    plan->child.envp = exec_env_finish(&env);
    return plan->child.envp ? 0 : -ENOMEM;
}

/* ---- what the child must read by itself ---- */

/* What a deferred plan needs of its request, which is gone by then. */
struct deferred {
    struct exec_request request;
    struct strlist variables;
    struct exec_env_user user;
    bool has_identity; /* else the user database is far as well: the child looks its user up */
};

static int plan_defer(struct exec_plan *plan, const struct exec_request *request, const struct exec_env_user *user,
                      bool has_identity)
{
    struct plan_memory *memory = &plan->memory;
    struct deferred *deferred = plan_alloc(memory, sizeof *deferred);
    size_t n = request->variables ? request->variables->count : 0;
    char **variables = plan_alloc(memory, (n + 1) * sizeof *variables);
    const char **names = plan_alloc(memory, (request->n_listen_fds + 1) * sizeof *names);
    char **argv = plan_alloc(memory, (request->command->argc + (size_t)1) * sizeof *argv);
    if (!deferred || !variables || !names || !argv) return -ENOMEM;
    deferred->request = *request;
    deferred->has_identity = has_identity;
    deferred->user = (struct exec_env_user){ plan_strdup(memory, user->name), plan_strdup(memory, user->home),
                                             plan_strdup(memory, user->shell) };
    for (size_t i = 0; i < n; i++) variables[i] = plan_strdup(memory, request->variables->items[i]);
    for (size_t i = 0; request->listen_names && i < request->n_listen_fds; i++)
        names[i] = plan_strdup(memory, request->listen_names[i]);
    for (uint32_t i = 0; i < request->command->argc; i++) argv[i] = plan_strdup(memory, request->command->argv[i]);
    plan->program = plan_strdup(memory, request->command->program);
    deferred->variables = (struct strlist){ variables, n, n };
    deferred->request.variables = &deferred->variables;
    if (request->listen_names) deferred->request.listen_names = names;
    plan->child.argv = argv; /* for the trace: as written, for nobody knows the values yet */
    plan->deferred = &deferred->request;
    plan->no_share_memory = true;
    return memory->failed ? -ENOMEM : 0;
}

static bool needs_foreign_userdb(const struct exec_request *request)
{
    const struct exec_section *exec = request->unit->exec;
    bool any = exec->user || exec->group || exec->supplementary_groups.count > 0;
    return any && !exec_userdb_is_local(request->userdb);
}

/* In the child: the identity, and the parts of the plan that need one. Nothing is given back, exec ends it all. */
static int plan_late_identity(struct exec_plan *plan, struct deferred *deferred, struct child_report *report)
{
    struct exec_failure failure = { .stage = EXEC_STAGE_MEMORY };
    struct exec_identity identity;
    int r = exec_identity_resolve(&deferred->request, &identity, &failure);
    if (r < 0) {
        report->stage = (uint8_t)failure.stage;
        report->index = identity.uid; /* for the words about -EPERM */
        report->detail = identity.gid;
        return r;
    }
    deferred->user = (struct exec_env_user){ identity.user.name, identity.user.home, identity.user.shell };
    report->stage = EXEC_STAGE_MEMORY;
    r = plan_identity(plan, &identity);
    if (r == 0) r = exec_directories_plan(plan, &deferred->request, &identity);
    if (r == 0) r = plan_working_directory(plan, &deferred->request, &identity);
    return r;
}

_Noreturn void exec_plan_run_deferred(void *userdata)
{
    struct exec_plan *plan = userdata;
    struct deferred *deferred = (struct deferred *)(void *)plan->deferred;
    int r = 0;
    struct child_report report = { .stage = EXEC_STAGE_NONE };
    sigset_t none;
    child_enter(&plan->child);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail; TERM shall end a child that waits for its file */
    if (!deferred->has_identity) r = plan_late_identity(plan, deferred, &report);
    if (r == 0) r = plan_finish(plan, &deferred->request, &deferred->user, &report);
    if (r == 0) child_run(&plan->child);
    report.error = -r;
    child_fail(&plan->child, &report);
}

/* ---- the plan ---- */

static struct exec_plan *plan_create(struct slot_pool *slots)
{
    char *memory = slots ? slot_take(slots) : malloc(PLAN_SIZE);
    if (!memory) return NULL;
    struct exec_plan *plan = memset(memory, 0, sizeof *plan);
    plan->memory.at = (char *)(plan + 1);
    plan->memory.end = memory + (slots ? SLOT_PLAN_SIZE : PLAN_SIZE);
    plan->slots = slots;
    plan->spawn.status = FD_NONE;
    plan->child.exit_codes = exec_stage_exit_codes;
    return plan;
}

void exec_plan_free(struct exec_plan *plan)
{
    if (!plan) return;
    strlist_done(&plan->words);
    strlist_done(&plan->unset);
    strlist_done(&plan->lowered);
    plan_memory_done(&plan->memory);
    if (plan->slots)
        slot_give(plan->slots, plan);
    else
        free(plan);
}

/* Everything but the environment and what needs it. */
static int plan_settings(struct exec_plan *plan, const struct exec_request *request,
                         const struct exec_identity *identity, struct exec_failure *failure)
{
    const struct exec_section *exec = request->unit->exec;
    plan->user = plan_strdup(&plan->memory, exec->user);
    plan->group = plan_strdup(&plan->memory, exec->group);
    plan->no_share_memory = request->no_share_memory;
    plan->spawn.is_patient = request->is_patient;
    int r = plan_streams(plan, request, failure);
    if (r < 0) return r;
    failure->stage = EXEC_STAGE_MEMORY;
    if ((r = plan_identity(plan, identity)) < 0) return r;
    if ((r = exec_directories_plan(plan, request, identity)) < 0) return r;
    if ((r = plan_limits(plan, request)) < 0) return r;
    if ((r = plan_scheduling(plan, request)) < 0) return r;
    if ((r = plan_working_directory(plan, request, identity)) < 0) return r;
    return plan_environment_file_names(plan, exec);
}

int exec_plan_new(const struct exec_request *request, struct exec_plan **ret_plan, struct exec_failure *ret_failure)
{
    *ret_failure = (struct exec_failure){ .stage = EXEC_STAGE_MEMORY, .error = ENOMEM };
    AUTO_EXEC_IDENTITY struct exec_identity identity = { .user = USER_IDENTITY_EMPTY };
    bool is_late = needs_foreign_userdb(request);
    int r = 0;
    if (is_late)
        exec_identity_unknown(request, &identity);
    else
        r = exec_identity_resolve(request, &identity, ret_failure);
    if (r < 0) return r;
    AUTO(exec_plan_free) struct exec_plan *plan = plan_create(request->slots);
    if (!plan) return -ENOMEM;
    r = plan_settings(plan, request, &identity, ret_failure);
    if (r < 0) {
        ret_failure->error = -r;
        return r;
    }
    struct exec_env_user user = { identity.user.name, identity.user.home, identity.user.shell };
    struct child_report report = { .stage = EXEC_STAGE_MEMORY };
    if (is_late || needs_foreign_file(request->unit->exec))
        r = plan_defer(plan, request, &user, !is_late);
    else
        r = plan_finish(plan, request, &user, &report);
    if (r == 0 && plan->memory.failed) r = -ENOMEM;
    if (r < 0) {
        report.error = -r;
        exec_plan_explain(plan, &report, ret_failure);
        return r;
    }
    *ret_failure = (struct exec_failure){ .stage = EXEC_STAGE_NONE };
    *ret_plan = TAKE(plan);
    return 0;
}

const char *const *exec_plan_argv(const struct exec_plan *plan)
{
    return (const char *const *)plan->child.argv;
}

size_t exec_plan_argc(const struct exec_plan *plan)
{
    size_t count = 0;
    while (plan->child.argv[count]) count++;
    return count;
}

const struct strlist *exec_plan_unset_variables(const struct exec_plan *plan)
{
    return &plan->unset;
}

const struct strlist *exec_plan_lowered_limits(const struct exec_plan *plan)
{
    return &plan->lowered;
}
