#include "supervisor/condition_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/str.h"
#include "supervisor/virtualization.h"
#include "unit/words.h"

#define FILE_SIZE_MAX ((size_t)1 << 20)

/* ---- files ---- */

int fact_path(const struct condition_context *context, const char *path, struct str *out)
{
    str_clear(out);
    return str_appendf(out, "%s%s", context->root ? context->root : "", path);
}

bool fact_exists(const struct condition_context *context, const char *path)
{
    AUTO_STR struct str full = STR_EMPTY;
    return fact_path(context, path, &full) == 0 && access(str_text(&full), F_OK) == 0;
}

int fact_read(const struct condition_context *context, const char *path, char *buffer, size_t size)
{
    AUTO_STR struct str full = STR_EMPTY;
    int r = fact_path(context, path, &full);
    if (r == 0) r = file_read_small(AT_FDCWD, str_text(&full), buffer, size);
    while (r > 0 && strchr(WORD_BLANKS, buffer[r - 1])) buffer[--r] = '\0';
    return r;
}

int fact_read_all(const struct condition_context *context, const char *path, struct str *out)
{
    AUTO_STR struct str full = STR_EMPTY;
    char *data = NULL;
    size_t size = 0;
    int r = fact_path(context, path, &full);
    if (r == 0) r = file_read(AT_FDCWD, str_text(&full), FILE_SIZE_MAX, &data, &size);
    if (r < 0) return r;
    str_clear(out);
    r = str_append_bytes(out, data, size);
    free(data);
    return r;
}

/* ---- the command line ---- */

/* The next of its words that is `key`, or begins with it and "=" where `key` has none. 1, 0 or -errno. */
static int next_match(const char **cursor, const char *key, struct str *word)
{
    bool exact = strchr(key, '=') != NULL;
    for (;;) {
        int r = word_next(cursor, WORD_QUOTES | WORD_LENIENT, word, NULL);
        if (r <= 0) return r;
        const char *text = str_text(word);
        if (exact ? strcmp(text, key) == 0 : str_starts_with(text, key) && strchr("=", text[strlen(key)])) return 1;
    }
}

static int read_command_line(const struct condition_context *context, struct str *out)
{
    const char *path = virtualization_container(context) ? "/proc/1/cmdline" : "/proc/cmdline";
    int r = fact_read_all(context, path, out);
    for (size_t i = 0; r == 0 && i < out->length; i++)
        if (out->data[i] == '\0') out->data[i] = ' '; /* the arguments of PID 1 */
    return r;
}

int fact_command_line_has(const struct condition_context *context, const char *key)
{
    AUTO_STR struct str line = STR_EMPTY, word = STR_EMPTY;
    int r = read_command_line(context, &line);
    const char *cursor = str_text(&line);
    return r < 0 ? r : next_match(&cursor, key, &word);
}

int fact_command_line_bool(const struct condition_context *context, const char *key, bool *ret)
{
    AUTO_STR struct str line = STR_EMPTY, word = STR_EMPTY;
    int found = 0, r = read_command_line(context, &line);
    if (r < 0) return r;
    for (const char *cursor = str_text(&line); (r = next_match(&cursor, key, &word)) > 0;) {
        const char *value = str_text(&word) + strlen(key);
        found = parse_bool(*value ? value + 1 : "yes", ret) == 0;
    }
    return r < 0 ? r : found;
}

/* ---- cgroups ---- */

int fact_cgroup_version(const struct condition_context *context)
{
    static const char *const hierarchies[] = { "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified",
                                               "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/pids" };
    if (fact_exists(context, "/sys/fs/cgroup/cgroup.controllers")) return 2;
    for (size_t i = 0; i < COUNT_OF(hierarchies); i++)
        if (fact_exists(context, hierarchies[i])) return 1;
    return -ENOMEDIUM;
}

/* A line is "ID:CONTROLLER,CONTROLLER:PATH", the unified hierarchy's is "0::PATH". */
static bool line_is_of(const char *line, const char *controller)
{
    if (!controller) return str_starts_with(line, "0::");
    const char *names = strchr(line, ':');
    size_t length = strlen(controller);
    for (const char *name = names; name && (*name == ':' || *name == ','); name += strcspn(name, ",:")) {
        name++;
        if (strncmp(name, controller, length) == 0 && (name[length] == ',' || name[length] == ':')) return true;
        if (name[strcspn(name, ",:")] != ',') break;
    }
    return false;
}

int fact_own_cgroup(const struct condition_context *context, const char *controller, struct str *out)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r = fact_read_all(context, "/proc/self/cgroup", &text);
    if (r < 0) return r;
    for (const char *line = str_text(&text); *line;) {
        size_t length = strcspn(line, "\n");
        if (line_is_of(line, controller)) {
            const char *path = strchr(strchr(line, ':') + 1, ':');
            if (!path || path > line + length) return -EBADMSG;
            str_clear(out);
            return str_append_bytes(out, path + 1, (size_t)(line + length - path - 1));
        }
        line += length + (line[length] == '\n');
    }
    return -ENODATA;
}
