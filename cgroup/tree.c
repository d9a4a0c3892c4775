#include "cgroup/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

/* Digits, one number per line: what the kernel writes. Anything else ends a number. `*value` carries over blocks. */
static int parse_block(const char *block, size_t size, int64_t *value, cg_pids *pids)
{
    for (size_t i = 0; i < size; i++) {
        if (block[i] >= '0' && block[i] <= '9') {
            int64_t digit = block[i] - '0';
            *value = *value < 0 ? digit : (*value * 10 + digit) & INT32_MAX;
            continue;
        }
        if (*value >= 0) {
            int r = vec_push(pids, (pid_t)*value);
            if (r < 0) return r;
        }
        *value = -1;
    }
    return 0;
}

#define LINE_ROOM 64

int cg_read_procs(int dirfd, const char *path, cg_pids *pids)
{
    char file[PATH_MAX];
    int n = snprintf(file, sizeof file, "%s%scgroup.procs", path, *path ? "/" : "");
    if (n < 0 || (size_t)n >= sizeof file) return -ENAMETOOLONG;
    AUTO_FD struct fd procs = FD_NONE;
    int r = fd_openat(dirfd, file, O_RDONLY, 0, &procs);
    if (r < 0) return r;

    char block[4096];
    int64_t value = -1;
    for (;;) {
        ssize_t got = read(procs.n, block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno == EOPNOTSUPP ? 0 : -errno;
        if (got == 0) return 0;
        r = parse_block(block, (size_t)got, &value, pids);
        /* The kernel fills a block with whole lines, each shorter than this: one with more room was the last. */
        if (r < 0 || (size_t)got + LINE_ROOM < sizeof block) return r;
    }
}

/* The name of the first directory at or after index *skip below `path`, into `name`. 1: found, 0: none, -errno. */
static int first_child(int dirfd, const char *path, char name[static NAME_MAX + 1])
{
    AUTO_FD struct fd directory = FD_NONE;
    int r = fd_openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &directory);
    if (r < 0) return r;
    DIR *stream = fdopendir(directory.n);
    if (!stream) return -errno;
    (void)fd_take(&directory); /* closedir() closes it */

    r = 0;
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (entry->d_type != DT_DIR || str_equal(entry->d_name, ".") || str_equal(entry->d_name, "..")) continue;
        memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
        r = 1;
        break;
    }
    (void)closedir(stream); /* nothing was written */
    return r;
}

static bool is_gone(int r)
{
    return r == -ENOENT || r == -ENODEV;
}

int cg_remove_tree(int dirfd, const char *path)
{
    char current[PATH_MAX], name[NAME_MAX + 1];
    size_t length = strlen(path);
    if (length >= sizeof current) return -ENAMETOOLONG;
    memcpy(current, path, length + 1);

    /* Each round either removes a directory or goes one down. The bound is for a service that makes cgroups as fast as
     * they are removed. */
    unsigned depth = 0;
    for (unsigned round = 0; round < 100000; round++) {
        int r = unlinkat(dirfd, current, AT_REMOVEDIR) < 0 ? -errno : 0;
        if (r == 0 || is_gone(r)) {
            if (depth == 0) return 0;
            depth--;
            length = (size_t)(strrchr(current, '/') - current);
            current[length] = '\0';
            continue;
        }
        if (r != -EBUSY && r != -ENOTEMPTY) return r;

        int found = first_child(dirfd, current, name);
        if (is_gone(found)) continue;
        if (found < 0) return found;
        if (found == 0) return -EBUSY; /* processes, not children */
        size_t add = strlen(name) + 1;
        if (++depth > CG_DEPTH_MAX || length + add >= sizeof current) return -ENAMETOOLONG;
        current[length] = '/';
        memcpy(current + length + 1, name, add);
        length += add;
    }
    return -EBUSY;
}

/* Appends the path of each directory below `path` to `todo`. */
static int push_children(int dirfd, const char *path, struct strlist *todo)
{
    /* The kernel counts subdirectories in the links of a directory: most leaves have none, and listing costs more than
     * all else. A count below 2 is no count. */
    struct stat st;
    if (fstatat(dirfd, *path ? path : ".", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 2) return 0;

    AUTO_FD struct fd directory = FD_NONE;
    int r = fd_openat(dirfd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &directory);
    if (r < 0) return r;
    DIR *stream = fdopendir(directory.n);
    if (!stream) return -errno;
    (void)fd_take(&directory); /* closedir() closes it */

    AUTO_STR struct str child = STR_EMPTY;
    for (struct dirent *entry; r == 0 && (entry = readdir(stream));) {
        if (entry->d_type != DT_DIR || str_equal(entry->d_name, ".") || str_equal(entry->d_name, "..")) continue;
        str_clear(&child);
        r = str_appendf(&child, "%s%s%s", path, *path ? "/" : "", entry->d_name);
        if (r == 0) r = strlist_add(todo, str_text(&child));
    }
    (void)closedir(stream); /* nothing was written */
    return r;
}

int cg_read_procs_tree(int dirfd, const char *path, cg_pids *pids)
{
    /* Breadth first over a list of paths: no recursion and one descriptor at a time. A tree too wide to be listed in
     * bounded memory is cut off; the kernel's cgroup.max.descendants is the tool against those. */
    AUTO_STRLIST struct strlist todo = STRLIST_EMPTY;
    int r = strlist_add(&todo, path);
    for (size_t i = 0; r == 0 && i < todo.count && i < 100000; i++) {
        r = cg_read_procs(dirfd, todo.items[i], pids);
        if (r == 0) r = push_children(dirfd, todo.items[i], &todo);
        if (i > 0 && is_gone(r)) r = 0;
    }
    return r;
}
