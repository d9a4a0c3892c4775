#include "supervisor/local_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

/* File systems that live in memory. */
static const char *const local_types[] = { "tmpfs", "ramfs", "devtmpfs", "proc", "sysfs", "cgroup2", "cgroup" };

/* 0: the walk ended without leaving the mount of `dirfd`, found or not. -EXDEV: it would have left it. */
static int walk_within(int dirfd, const char *path)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV };
    AUTO_FD struct fd found = fd_own((int)syscall(SYS_openat2, dirfd, path, &how, sizeof how));
    if (fd_is_open(&found) || (errno != EXDEV && errno != ENOSYS && errno != EPERM && errno != EAGAIN)) return 0;
    return -errno;
}

/* mountinfo writes blank, tab, newline and backslash as \ooo. In place. */
static void unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in;) {
        if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' &&
            in[3] <= '7') {
            *out++ = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
            in += 4;
        } else {
            *out++ = *in++;
        }
    }
    *out = '\0';
}

/* Does `mount` hold `path`? */
static bool covers(const char *mount, const char *path)
{
    size_t length = strlen(mount);
    if (length == 1) return true;
    return strncmp(path, mount, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool type_is_local(const char *type)
{
    for (size_t i = 0; i < COUNT_OF(local_types); i++)
        if (strcmp(local_types[i], type) == 0) return true;
    return false;
}

/* Cuts the next blank-separated field off; NULL at the end. */
static char *next_field(char **rest)
{
    char *field = *rest + strspn(*rest, " \n");
    if (!*field) return NULL;
    char *end = field + strcspn(field, " \n");
    *rest = *end ? end + 1 : end;
    *end = '\0';
    return field;
}

/* Fields of a line: mount point is the fifth, the type follows the "-". */
static bool parse_line(char *line, char **ret_mount, char **ret_type)
{
    char *field;
    *ret_mount = *ret_type = NULL;
    for (int i = 0; (field = next_field(&line)); i++) {
        if (i == 4) *ret_mount = field;
        if (i > 5 && strcmp(field, "-") == 0) {
            *ret_type = next_field(&line);
            break;
        }
    }
    if (!*ret_mount || !*ret_type) return false;
    unescape(*ret_mount);
    return true;
}

/* The deepest mount that holds `path` by its text, in `deepest`; false when it or one on the way to it is foreign. */
static bool find_mount(FILE *mountinfo, const char *path, struct str *deepest)
{
    char *line = NULL, *mount, *type;
    size_t size = 0;
    bool local = true;
    while (local && getline(&line, &size, mountinfo) > 0) {
        if (!parse_line(line, &mount, &type) || !covers(mount, path) || mount[1] == '\0') continue;
        local = type_is_local(type);
        if (strlen(mount) < deepest->length) continue;
        str_clear(deepest);
        if (str_append(deepest, mount) < 0) local = false;
    }
    free(line);
    return local;
}

bool local_path_is(const char *path)
{
    if (path[0] != '/') return false;
    AUTO_FD struct fd root = FD_NONE;
    if (fd_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, &root) < 0) return false;
    int r = walk_within(root.n, path);
    if (r != -EXDEV) return r == 0;
    FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
    if (!mountinfo) return false;
    AUTO_STR struct str mount = STR_EMPTY;
    bool local = find_mount(mountinfo, path, &mount);
    (void)fclose(mountinfo); /* was only read */
    if (!local || mount.length <= 1) return false;
    AUTO_FD struct fd top = FD_NONE;
    if (fd_openat(AT_FDCWD, str_text(&mount), O_PATH | O_DIRECTORY, 0, &top) < 0) return false;
    const char *rest = path + mount.length;
    while (*rest == '/') rest++;
    return walk_within(top.n, *rest ? rest : ".") == 0;
}
