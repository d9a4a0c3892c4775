#include "supervisor/local_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/str.h"

/* File systems that live in memory. */
static const char *const local_types[] = { "tmpfs", "ramfs", "devtmpfs", "proc", "sysfs", "cgroup2", "cgroup" };

#define LINKS_MAX 40 /* as many as the kernel follows */

/* ---- by hand, without openat2() ---- */

int local_path_mount_id(int fd, uint32_t *ret_id)
{
    char path[sizeof "/proc/self/fdinfo/" + DECIMAL_MAX(int)], text[512];
    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd); /* the bound is in the type */
    int r = file_read_small(AT_FDCWD, path, text, sizeof text);
    if (r < 0) return r;
    char *id = strstr(text, "mnt_id:");
    if (!id) return -ENODATA;
    id += strcspn(id, "0123456789");
    id[strcspn(id, "\n")] = '\0';
    return parse_u32(id, 0, UINT32_MAX, ret_id);
}

/* O_PATH of one component in the mount `id`. */
static int step_within(int dirfd, uint32_t id, const char *name, struct fd *ret)
{
    AUTO_FD struct fd next = FD_NONE;
    uint32_t next_id = 0;
    int r = fd_openat(dirfd, name, O_PATH | O_NOFOLLOW, 0, &next);
    if (r == 0) r = local_path_mount_id(next.n, &next_id);
    if (r < 0) return r;
    if (next_id != id) return -EXDEV;
    *ret = fd_take(&next);
    return 0;
}

/* The link's target and what is left of the path behind it. Where it is absolute, *at becomes the root, which must lie
 * in the mount `id` as well. */
static int follow_link(int link, uint32_t id, struct fd *at, struct str *rest, size_t done)
{
    char target[PATH_MAX];
    uint32_t root_id = 0;
    ssize_t length = readlinkat(link, "", target, sizeof target);
    if (length < 0) return -errno;
    if (length > 0 && target[0] == '/') {
        fd_close(at);
        int r = fd_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, at);
        if (r == 0) r = local_path_mount_id(at->n, &root_id);
        if (r < 0) return r;
        if (root_id != id) return -EXDEV;
    }
    AUTO_STR struct str path = STR_EMPTY;
    int r = str_append_bytes(&path, target, (size_t)length);
    if (r == 0) r = str_appendf(&path, "/%s", str_text(rest) + done);
    if (r < 0) return r;
    str_clear(rest);
    return str_append(rest, str_text(&path));
}

/* 0: it is within, as far as it exists. -EXDEV: it is not. */
static int walk_by_hand(int dirfd, const char *path)
{
    AUTO_STR struct str rest = STR_EMPTY;
    AUTO_FD struct fd at = FD_NONE;
    struct stat st;
    uint32_t id = 0;
    unsigned links = 0;
    int r = local_path_mount_id(dirfd, &id);
    if (r == 0) r = fd_dup(dirfd, 3, &at);
    if (r == 0) r = str_append(&rest, path);
    size_t done = 0;
    while (r == 0) {
        done += strspn(str_text(&rest) + done, "/");
        size_t length = strcspn(str_text(&rest) + done, "/");
        if (length == 0) return 0;
        char name[NAME_MAX + 1];
        if (length >= sizeof name) return 0; /* no such name can exist */
        memcpy(name, str_text(&rest) + done, length);
        name[length] = '\0';
        done += length;
        AUTO_FD struct fd next = FD_NONE;
        r = step_within(at.n, id, name, &next);
        if (r == -ENOENT || r == -ENOTDIR || r == -EACCES) return 0;
        if (r == 0 && fstat(next.n, &st) < 0) r = -errno;
        if (r < 0) break;
        if (S_ISLNK(st.st_mode)) {
            if (++links > LINKS_MAX) return 0; /* nobody gets through there */
            r = follow_link(next.n, id, &at, &rest, done);
            done = 0;
        } else {
            fd_close(&at);
            at = fd_take(&next);
        }
    }
    return r;
}

/* ---- by the kernel ---- */

static bool is_refusal(int error)
{
    return error == ENOSYS || error == EPERM;
}

/* 0: the walk ended without leaving the mount of `dirfd`, found or not. -EXDEV: it would have left it. */
static int walk_within(int dirfd, const char *path)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV };
    AUTO_FD struct fd found = fd_own((int)syscall(SYS_openat2, dirfd, path, &how, sizeof how));
    if (fd_is_open(&found)) return 0;
    if (is_refusal(errno)) return walk_by_hand(dirfd, path);
    return errno == EXDEV || errno == EAGAIN ? -errno : 0;
}

int local_path_open_directory(int dirfd, const char *name, struct fd *ret)
{
    struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV };
    AUTO_FD struct fd top = FD_NONE;
    uint32_t id = 0;
    int fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof how);
    if (fd >= 0) {
        *ret = fd_own(fd);
        return 0;
    }
    if (!is_refusal(errno)) return errno == ELOOP ? -ENOTDIR : -errno;
    int r = local_path_mount_id(dirfd, &id);
    if (r == 0) r = step_within(dirfd, id, name, &top);
    if (r == 0) r = fd_openat(top.n, ".", O_RDONLY | O_DIRECTORY, 0, ret); /* ENOTDIR for a link */
    return r;
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
bool local_path_parse_mount(char *line, char **ret_mount, char **ret_type)
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
        if (!local_path_parse_mount(line, &mount, &type) || !covers(mount, path) || mount[1] == '\0') continue;
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

/* A pattern is matched by reading directories: they are known beforehand when only its last component is a pattern. */
bool local_path_is_pattern(const char *pattern)
{
    size_t magic = strcspn(pattern, "*?[\\{");
    const char *slash = strrchr(pattern, '/');
    if (!slash || pattern + magic < slash) return false;
    char *directory = slash == pattern ? strdup("/") : strndup(pattern, (size_t)(slash - pattern));
    bool local = directory && local_path_is(directory);
    free(directory);
    return local;
}

bool local_path_has(int fd)
{
    uint32_t id = 0, root_id = 0, line_id;
    AUTO_FD struct fd root = FD_NONE;
    if (local_path_mount_id(fd, &id) < 0) return false;
    if (fd_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, &root) == 0 && local_path_mount_id(root.n, &root_id) == 0 &&
        root_id == id)
        return true;
    FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
    if (!mountinfo) return false;
    char *line = NULL, *mount, *type;
    size_t size = 0;
    bool local = false;
    while (getline(&line, &size, mountinfo) > 0) {
        if (!local_path_parse_mount(line, &mount, &type)) continue;
        if (parse_u32(line, 0, UINT32_MAX, &line_id) < 0 || line_id != id) continue; /* its first field was cut off */
        local = type_is_local(type);
        break;
    }
    free(line);
    (void)fclose(mountinfo); /* was only read */
    return local;
}
