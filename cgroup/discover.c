#include "cgroup/internal.h"

#include <string.h>

#include "base/str.h"

/* clang-format off */
static const char *const controller_names[CG_CONTROLLER_COUNT] = {
    [CG_CPU]    = "cpu",
    [CG_CPUSET] = "cpuset",
    [CG_IO]     = "io",
    [CG_MEMORY] = "memory",
    [CG_PIDS]   = "pids",
    [CG_HUGETLB] = "hugetlb",
};
/* clang-format on */

const char *cg_controller_name(enum cg_controller controller)
{
    return controller_names[controller];
}

unsigned cg_parse_controllers(const char *text)
{
    unsigned set = 0;
    for (;;) {
        text += strspn(text, " \n");
        size_t length = strcspn(text, " \n");
        if (length == 0) return set;
        for (unsigned i = 0; i < CG_CONTROLLER_COUNT; i++)
            if (strlen(controller_names[i]) == length && memcmp(text, controller_names[i], length) == 0) set |= 1u << i;
        text += length;
    }
}

/* The length of the line at `text`, without its newline; *next is where the following one begins, or NULL. */
static size_t line_length(const char *text, const char **next)
{
    size_t length = strcspn(text, "\n");
    *next = text[length] ? text + length + 1 : NULL;
    return length;
}

int cg_find_own(const char *proc_self_cgroup, char **ret_own)
{
    for (const char *line = proc_self_cgroup, *next; line && *line; line = next) {
        size_t length = line_length(line, &next);
        if (length < 4 || memcmp(line, "0::/", 4) != 0) continue;
        if (length >= 6 && memcmp(line + 3, "/..", 3) == 0 && (length == 6 || line[6] == '/')) return -EINVAL;
        char *own = strndup(line + 3, length - 3);
        if (!own) return -ENOMEM;
        *ret_own = own;
        return 0;
    }
    return -ENOENT;
}

/* Field `index` (from 0) of a mountinfo line; false when there are fewer. */
static bool mount_field(const char *line, size_t length, unsigned index, const char **ret_field, size_t *ret_length)
{
    const char *end = line + length;
    for (unsigned i = 0;; i++) {
        const char *blank = memchr(line, ' ', (size_t)(end - line));
        if (i == index) {
            *ret_field = line;
            *ret_length = (size_t)((blank ? blank : end) - line);
            return true;
        }
        if (!blank) return false;
        line = blank + 1;
    }
}

/* mountinfo writes blank, tab, newline and backslash as \ooo (proc(5)). */
static int append_unescaped(struct str *s, const char *field, size_t length)
{
    int r = 0;
    for (size_t i = 0; i < length && r == 0; i++) {
        if (field[i] == '\\' && i + 3 < length && field[i + 1] >= '0' && field[i + 1] <= '3') {
            r = str_append_char(s, (char)((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0')));
            i += 3;
        } else {
            r = str_append_char(s, field[i]);
        }
    }
    return r;
}

/* What is left of `own` below the root of a mount, "" for the root itself; NULL when it is not below it. */
static const char *below(const char *root, const char *own)
{
    size_t length = strlen(root);
    if (length == 1) return own[1] ? own : "";
    if (strncmp(root, own, length) != 0) return NULL;
    return own[length] == '/' || own[length] == '\0' ? own + length : NULL;
}

/* Appends the directory of `own` in the mount that this line describes, if it is a cgroup2 one that contains it. 1 for
 * any cgroup2 mount, 0 for other lines, -errno. */
static int add_mount(const char *line, size_t length, const char *own, struct strlist *paths)
{
    const char *separator = memmem(line, length, " - ", 3), *type, *field;
    size_t n;
    if (!separator) return 0;
    size_t rest = length - (size_t)(separator + 3 - line);
    if (!mount_field(separator + 3, rest, 0, &type, &n) || n != 7 || memcmp(type, "cgroup2", 7) != 0) return 0;

    AUTO_STR struct str root = STR_EMPTY, path = STR_EMPTY;
    size_t fields = (size_t)(separator - line);
    if (!mount_field(line, fields, 3, &field, &n)) return 0;
    int r = append_unescaped(&root, field, n);
    if (!mount_field(line, fields, 4, &field, &n)) return 0;
    if (r == 0) r = append_unescaped(&path, field, n);
    if (r < 0) return r;
    if (str_text(&root)[0] != '/' || str_text(&path)[0] != '/') return 0;
    const char *tail = below(str_text(&root), own);
    if (!tail) return 1;
    if (str_equal(str_text(&path), "/")) str_clear(&path);
    r = str_append(&path, tail);
    if (r == 0) r = strlist_add(paths, str_text(&path));
    return r < 0 ? r : 1;
}

int cg_find_directories(const char *mountinfo, const char *own, struct strlist *ret_paths, unsigned *ret_n_mounts)
{
    *ret_n_mounts = 0;
    for (const char *line = mountinfo, *next; line && *line; line = next) {
        size_t length = line_length(line, &next);
        int r = add_mount(line, length, own, ret_paths);
        if (r < 0) return r;
        *ret_n_mounts += (unsigned)r;
    }
    /* The usual place first: the others may be there for somebody else (a bind mount into a chroot). */
    for (size_t i = 1; i < ret_paths->count; i++) {
        if (!str_starts_with(ret_paths->items[i], "/sys/fs/cgroup")) continue;
        if (str_starts_with(ret_paths->items[0], "/sys/fs/cgroup")) break;
        char *first = ret_paths->items[0];
        ret_paths->items[0] = ret_paths->items[i];
        ret_paths->items[i] = first;
    }
    return 0;
}
