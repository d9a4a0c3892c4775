/* Rules about what a unit names in the image: programs, files, directories, users, groups. Looked for below the root
 * that was given, and nowhere else. What is below a directory that is empty when a container starts is made later. */
#include "unit/lint_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/beneath.h"
#include "base/parse.h"
#include "unit/fragment.h"

#define SEARCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool is_made_later(const char *path)
{
    static const char *const places[] = { "/run/", "/var/run/", "/tmp/", "/var/tmp/", "/dev/", "/proc/", "/sys/" };
    for (size_t i = 0; i < COUNT_OF(places); i++)
        if (str_starts_with(path, places[i])) return true;
    return false;
}

/* Holds something that is known only when it runs. */
static bool is_pattern(const char *path)
{
    return strpbrk(path, "$%*?[");
}

static int look(const struct lint *lint, const char *path, struct stat *ret)
{
    AUTO_FD struct fd fd = FD_NONE;
    int r = beneath_open(lint->root.n, path, O_PATH, &fd);
    return r < 0 ? r : fstat(fd.n, ret) < 0 ? -errno : 0;
}

static bool is_missing(int r)
{
    return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

/* ---- programs ---- */

/* The last PATH= of Environment=, or what systemd has. */
static const char *search_path(const struct lint_subject *s)
{
    const struct text_list *environment = &s->settings->exec.environment;
    const char *path = lint_value(s->lint, LINT_SEARCH_PATH);
    if (*path) return path;
    for (uint32_t i = environment->count; i-- > 0;)
        if (str_starts_with(environment->items[i], "PATH=")) return environment->items[i] + strlen("PATH=");
    return SEARCH_PATH;
}

/* A bare name, in each directory. */
static int look_along(const struct lint_subject *s, const char *name, struct stat *ret)
{
    AUTO_STR struct str path = STR_EMPTY;
    int worst = -ENOENT;
    for (const char *list = search_path(s), *end; *list; list = *end ? end + 1 : end) {
        end = list + strcspn(list, ":");
        str_clear(&path);
        int r = str_append_bytes(&path, list, (size_t)(end - list));
        if (r == 0) r = str_appendf(&path, "/%s", name);
        if (r < 0) return r;
        if (*list != '/' || is_pattern(str_text(&path))) return -EAGAIN; /* cannot be told */
        r = look(s->lint, str_text(&path), ret);
        if (r == 0 || r == -ENOMEM) return r;
        if (!is_missing(r)) worst = r;
    }
    return worst;
}

static int program_rule(const struct lint_subject *s, const struct command *command, const char *key)
{
    const char *program = command->program;
    struct pos at = { command->origin.file, command->origin.line, command->origin.column };
    struct stat st = { 0 };
    char quoted[256];
    if (command->flags & (COMMAND_IGNORE_FAILURE | COMMAND_PROGRAM_VARIABLE) || is_pattern(program) ||
        is_made_later(program))
        return 0;
    int r = program[0] == '/' ? look(s->lint, program, &st) : look_along(s, program, &st);
    if (r == -ENOMEM) return r;
    (void)str_escape(program, strlen(program), quoted, sizeof quoted);
    if (is_missing(r))
        lint_report(s, DIAG_WARNING, at, key, "missing-program", "'%s' is not in the image", quoted);
    else if (r == 0 && (!S_ISREG(st.st_mode) || !(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH))))
        lint_report(s, DIAG_WARNING, at, key, "not-executable", "'%s' is not an executable file", quoted);
    return 0;
}

static int program_rules(const struct lint_subject *s)
{
    if (lint_last(s->lint, LINT_ROOT_DIRECTORY) || lint_last(s->lint, LINT_ROOT_IMAGE)) return 0; /* another root */
    for (enum service_command c = 0; c < SERVICE_COMMAND_COUNT; c++) {
        const struct command_list *list = &s->settings->service.commands[c];
        for (uint32_t i = 0; i < list->count; i++) {
            int r = program_rule(s, &list->items[i], service_command_name(c));
            if (r < 0) return r;
        }
    }
    return 0;
}

/* ---- users and groups ---- */

static void name_rule(const struct lint_subject *s, const char *name, struct pos at, const char *key, bool is_group)
{
    const struct lint_options *options = &s->lint->options;
    int (*find)(const char *, void *) = is_group ? options->find_group : options->find_user;
    char quoted[128];
    if (!name || !find || is_pattern(name) || find(name, options->userdata) != 0) return;
    lint_report(s, DIAG_WARNING, at, key, is_group ? "unknown-group" : "unknown-user", "the image has no %s '%s'",
                is_group ? "group" : "user", str_escape(name, strlen(name), quoted, sizeof quoted));
}

static struct pos place_of(const struct lint_subject *s, enum lint_key key)
{
    const struct lint_written *last = lint_last(s->lint, key);
    return last ? last->at : (struct pos){ s->lint->path, 0, 0 };
}

static void user_rules(const struct lint_subject *s)
{
    const struct exec_section *exec = &s->settings->exec;
    const struct socket_section *socket = &s->settings->socket;
    bool dynamic = false;
    if (parse_bool(lint_value(s->lint, LINT_DYNAMIC_USER), &dynamic) < 0) dynamic = false;
    if (!dynamic) {
        name_rule(s, exec->user, place_of(s, LINT_USER), "User", false);
        name_rule(s, exec->group, place_of(s, LINT_GROUP), "Group", true);
    }
    for (uint32_t i = 0; i < exec->supplementary_groups.count; i++)
        name_rule(s, exec->supplementary_groups.items[i], place_of(s, LINT_GROUPS), "SupplementaryGroups", true);
    name_rule(s, socket->socket_user, place_of(s, LINT_SOCKET_USER), "SocketUser", false);
    name_rule(s, socket->socket_group, place_of(s, LINT_SOCKET_GROUP), "SocketGroup", true);
}

/* ---- files ---- */

static int environment_rules(const struct lint_subject *s)
{
    const struct environment_file_list *files = &s->settings->exec.environment_files;
    for (uint32_t i = 0; i < files->count; i++) {
        const struct environment_file *file = &files->items[i];
        struct stat st;
        char quoted[256];
        if (file->optional || is_pattern(file->path) || is_made_later(file->path)) continue;
        int r = look(s->lint, file->path, &st);
        if (r == -ENOMEM) return r;
        if (!is_missing(r)) continue;
        struct pos at = { file->origin.file, file->origin.line, file->origin.column };
        lint_report(s, DIAG_WARNING, at, "EnvironmentFile", "missing-environment-file", "'%s' is not in the image",
                    str_escape(file->path, strlen(file->path), quoted, sizeof quoted));
    }
    return 0;
}

/* Below what StateDirectory= and its like make? */
static bool is_made_by_unit(const struct lint_subject *s, const char *path)
{
    static const char *const below[] = {
#define X(enumerator, text, root, variable) [EXEC_DIRECTORY_##enumerator] = root,
        EXEC_DIRECTORIES(X)
#undef X
    };
    for (enum exec_directory_kind kind = 0; kind < EXEC_DIRECTORY_COUNT; kind++) {
        const struct text_list *paths = &s->settings->exec.directories[kind].paths;
        size_t length = strlen(below[kind]);
        if (paths->count == 0 || !str_starts_with(path, below[kind]) || path[length] != '/') continue;
        for (uint32_t i = 0; i < paths->count; i++)
            if (str_starts_with(path + length + 1, paths->items[i])) return true;
    }
    return false;
}

static int directory_rule(const struct lint_subject *s)
{
    const char *path = s->settings->exec.working_directory;
    struct stat st;
    char quoted[256];
    if (!path || path[0] != '/' || s->settings->exec.working_directory_optional || is_pattern(path) ||
        is_made_later(path) || is_made_by_unit(s, path))
        return 0;
    int r = look(s->lint, path, &st);
    if (r == -ENOMEM) return r;
    if (!is_missing(r) && (r < 0 || S_ISDIR(st.st_mode))) return 0;
    lint_report(s, DIAG_WARNING, place_of(s, LINT_WORKING_DIRECTORY), "WorkingDirectory", "missing-directory",
                "'%s' is %s", str_escape(path, strlen(path), quoted, sizeof quoted),
                r == 0 ? "not a directory" : "not in the image");
    return 0;
}

int lint_image_rules(const struct lint_subject *s)
{
    user_rules(s);
    int r = program_rules(s);
    bool other_root = lint_last(s->lint, LINT_ROOT_DIRECTORY) || lint_last(s->lint, LINT_ROOT_IMAGE);
    if (r == 0 && !other_root) r = environment_rules(s);
    if (r == 0 && !other_root) r = directory_rule(s);
    return r;
}
