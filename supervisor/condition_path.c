#include "supervisor/condition_tests.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/glob.h"
#include "base/str.h"
#include "supervisor/condition_facts.h"
#include "supervisor/local_path.h"

#define DEVICE_DEPTH_MAX 10 /* of block devices on top of each other */

static bool has_type(const struct condition *c, mode_t type, struct stat *st)
{
    int r = type == S_IFLNK ? lstat(c->parameter, st) : stat(c->parameter, st);
    return r == 0 && (st->st_mode & S_IFMT) == type;
}

int condition_path_exists(const struct condition_context *context UNUSED, const struct condition *c)
{
    return access(c->parameter, F_OK) == 0;
}

int condition_path_exists_glob(const struct condition_context *context UNUSED, const struct condition *c)
{
    return glob_any(c->parameter);
}

int condition_path_is_directory(const struct condition_context *context UNUSED, const struct condition *c)
{
    struct stat st;
    return has_type(c, S_IFDIR, &st);
}

int condition_path_is_symbolic_link(const struct condition_context *context UNUSED, const struct condition *c)
{
    struct stat st;
    return has_type(c, S_IFLNK, &st);
}

int condition_path_is_socket(const struct condition_context *context UNUSED, const struct condition *c)
{
    struct stat st;
    return has_type(c, S_IFSOCK, &st);
}

int condition_file_not_empty(const struct condition_context *context UNUSED, const struct condition *c)
{
    struct stat st;
    return has_type(c, S_IFREG, &st) && st.st_size > 0;
}

int condition_file_is_executable(const struct condition_context *context UNUSED, const struct condition *c)
{
    struct stat st;
    return has_type(c, S_IFREG, &st) && (st.st_mode & 0111) != 0;
}

int path_is_read_only(const char *path)
{
    struct statvfs st;
    if (statvfs(path, &st) < 0) return -errno;
    /* A server may refuse what the mount does not say (NFS). */
    return (st.f_flag & ST_RDONLY) != 0 || (access(path, W_OK) < 0 && errno == EROFS);
}

/* What cannot be looked at otherwise than by not being there counts as writable, as in systemd. */
int condition_path_is_read_write(const struct condition_context *context UNUSED, const struct condition *c)
{
    int r = path_is_read_only(c->parameter);
    return r <= 0 && r != -ENOENT;
}

/* ---- mount points ---- */

/* Before Linux 5.8: it lies in another mount than the directory that holds it. */
static int is_mount_point_by_hand(const char *path)
{
    AUTO_FD struct fd itself = FD_NONE, parent = FD_NONE;
    uint32_t id = 0, parent_id = 0;
    char *real = realpath(path, NULL);
    if (!real) return -errno;
    int r = fd_openat(AT_FDCWD, real, O_PATH, 0, &itself);
    char *slash = strrchr(real, '/');
    slash[slash == real] = '\0';
    if (r == 0) r = fd_openat(AT_FDCWD, real, O_PATH | O_DIRECTORY, 0, &parent);
    free(real);
    if (r == 0) r = local_path_mount_id(itself.n, &id);
    if (r == 0) r = local_path_mount_id(parent.n, &parent_id);
    return r < 0 ? r : id != parent_id;
}

int condition_path_is_mount_point(const struct condition_context *context UNUSED, const struct condition *c)
{
    struct statx st;
    if (strcmp(c->parameter, "/") == 0) return 1;
    if (statx(AT_FDCWD, c->parameter, 0, STATX_TYPE, &st) < 0) {
        if (errno != ENOSYS) return 0;
    } else if (st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) {
        return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    }
    return is_mount_point_by_hand(c->parameter) > 0;
}

/* ---- directories ---- */

/* systemd's idea of files that do not make a directory one with contents. */
static bool is_hidden_or_backup(const char *name)
{
    static const char *const names[] = { "lost+found", "aquota.user", "aquota.group" };
    static const char *const suffixes[] = { "rpmnew",   "rpmsave",   "rpmorig",  "dpkg-old",    "dpkg-new",
                                            "dpkg-tmp", "dpkg-dist", "dpkg-bak", "dpkg-backup", "dpkg-remove",
                                            "ucf-new",  "ucf-old",   "ucf-dist", "swp",         "bak",
                                            "old",      "new" };
    if (name[0] == '.' || str_suffix(name, "~")) return true;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < COUNT_OF(suffixes); i++)
        if (strcmp(dot + 1, suffixes[i]) == 0) return true;
    return false;
}

int condition_directory_not_empty(const struct condition_context *context UNUSED, const struct condition *c)
{
    DIR *directory = opendir(c->parameter);
    if (!directory) return errno != ENOENT && errno != ENOTDIR;
    const struct dirent *entry;
    bool found = false;
    while (!found && (entry = readdir(directory))) found = !is_hidden_or_backup(entry->d_name);
    (void)closedir(directory); /* nothing was written */
    return found;
}

/* ---- encrypted block devices ---- */

static int device_is_encrypted(const struct condition_context *context, const char *device, unsigned depth);

/* All the devices it is made of. A device that is made of none is not. */
static int slaves_are_encrypted(const struct condition_context *context, const char *device, unsigned depth)
{
    AUTO_STR struct str path = STR_EMPTY, full = STR_EMPTY;
    int r = str_appendf(&path, "%s/slaves", device);
    if (r == 0) r = fact_path(context, str_text(&path), &full);
    if (r < 0) return r;
    DIR *directory = opendir(str_text(&full));
    if (!directory) return errno == ENOENT ? 0 : -errno;
    const struct dirent *entry;
    size_t found = 0;
    r = 1;
    while (r > 0 && (entry = readdir(directory))) {
        AUTO_STR struct str slave = STR_EMPTY;
        if (entry->d_name[0] == '.') continue;
        r = str_appendf(&slave, "%s/%s", str_text(&path), entry->d_name);
        if (r == 0) r = device_is_encrypted(context, str_text(&slave), depth - 1);
        found += r > 0;
    }
    (void)closedir(directory); /* nothing was written */
    return r <= 0 ? r : found > 0;
}

/* `device` is its directory in /sys. */
static int device_is_encrypted(const struct condition_context *context, const char *device, unsigned depth)
{
    AUTO_STR struct str path = STR_EMPTY;
    char text[256];
    if (depth == 0) return -EINVAL;
    int r = str_appendf(&path, "%s/dm/uuid", device);
    if (r == 0) r = fact_read(context, str_text(&path), text, sizeof text);
    if (r > 0 && str_starts_with(text, "CRYPT-")) return 1;
    if (r < 0 && r != -ENOENT) return r;
    str_clear(&path);
    r = str_appendf(&path, "%s/partition", device);
    if (r == 0 && fact_exists(context, str_text(&path))) {
        str_clear(&path);
        r = str_appendf(&path, "%s/..", device);
        return r < 0 ? r : slaves_are_encrypted(context, str_text(&path), depth);
    }
    return r < 0 ? r : slaves_are_encrypted(context, device, depth);
}

int condition_path_is_encrypted(const struct condition_context *context, const struct condition *c)
{
    struct stat st;
    char device[64];
    if (stat(c->parameter, &st) < 0 || major(st.st_dev) == 0) return 0; /* without a device, as overlayfs */
    (void)snprintf(device, sizeof device, "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev)); /* fits */
    return device_is_encrypted(context, device, DEVICE_DEPTH_MAX) > 0;
}
