/* tests/e2e/box_root.c - the box's file system: overlay root, fresh /proc /sys /dev /run /tmp, copies and binds. */
#include "tests/e2e/box_internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Where the overlay is put together; hidden from everyone else by the private mount namespace. */
#define STAGE "/tmp"

int box_detached_mount(const char *type, const char *const *options, int *ret_fd)
{
    int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    if (fs < 0) return -errno;
    int r = 0;
    for (size_t i = 0; options && options[i]; i += 2)
        if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, options[i], options[i + 1], 0) < 0) r = -errno;
    if (r == 0 && syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) r = -errno;
    if (r == 0) {
        *ret_fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
        if (*ret_fd < 0) r = -errno;
    }
    close(fs);
    return r;
}

/* ---- copying a file or a directory with everything in it ---- */

static int copy_bytes(int from, int to)
{
    char buffer[65536];
    for (;;) {
        ssize_t n = read(from, buffer, sizeof buffer);
        if (n <= 0) return n < 0 ? -errno : 0;
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(to, buffer + done, (size_t)(n - done));
            if (w < 0) return -errno;
            done += w;
        }
    }
}

static int copy_symlink(int from_dir, const char *name, int to_dir, const char *to_name)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(from_dir, name, target, sizeof target - 1);
    if (n < 0) return -errno;
    target[n] = '\0';
    (void)unlinkat(to_dir, to_name, 0); /* a node of the image in its place; symlinkat() reports what remains */
    return symlinkat(target, to_dir, to_name) < 0 ? -errno : 0;
}

static int copy_open(int from, const struct stat *st, int to_dir, const char *to_name);

static int copy_entry(int from_dir, const char *name, int to_dir)
{
    struct stat st;
    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    if (S_ISLNK(st.st_mode)) return copy_symlink(from_dir, name, to_dir, name);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) /* FIFO, device, socket: tests put them among unit files */
        return mknodat(to_dir, name, st.st_mode, st.st_rdev) < 0 ? -errno : 0;
    int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0) return -errno;
    int r = copy_open(from, &st, to_dir, name);
    close(from);
    return r;
}

static int copy_directory(int from, int to)
{
    int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again < 0 ? NULL : fdopendir(again);
    if (!dir) return -errno;
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        r = copy_entry(from, e->d_name, to);
    }
    closedir(dir);
    return r;
}

static int copy_open(int from, const struct stat *st, int to_dir, const char *to_name)
{
    bool is_directory = S_ISDIR(st->st_mode), was_there = false;
    if (is_directory) {
        was_there = mkdirat(to_dir, to_name, 0700) < 0;
        if (was_there && errno != EEXIST) return -errno;
    } else {
        (void)unlinkat(to_dir, to_name, 0);
    }
    int to = is_directory ? openat(to_dir, to_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                          : openat(to_dir, to_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) return -errno;
    int r = is_directory ? copy_directory(from, to) : copy_bytes(from, to);
    if (r == 0 && !was_there && fchmod(to, st->st_mode & 07777) < 0) r = -errno;
    close(to);
    return r;
}

/* ---- small makers ---- */

static int make_parents(const char *path)
{
    char copy[PATH_MAX];
    if ((size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy) return -ENAMETOOLONG;
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST) return -errno;
        *slash = '/';
    }
    return 0;
}

static int make_mount_point(int source, const char *path)
{
    struct stat st;
    int r = make_parents(path);
    if (r < 0) return r;
    if (fstat(source, &st) < 0) return -errno;
    if (S_ISDIR(st.st_mode)) return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return -errno;
    close(fd);
    return 0;
}

static int make_devices(void)
{
    /* clang-format off */
    static const struct { const char *path; unsigned major, minor; } nodes[] = {
        { "/dev/null",   1, 3 }, { "/dev/zero",    1, 5 }, { "/dev/full", 1, 7 },
        { "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty",  5, 0 },
    };
    static const struct { const char *path, *target; } links[] = {
        { "/dev/ptmx",   "pts/ptmx" },        { "/dev/fd",     "/proc/self/fd" },   { "/dev/stdin", "/proc/self/fd/0" },
        { "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
    };
    /* clang-format on */
    for (size_t i = 0; i < COUNT_OF(nodes); i++)
        if (mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0) return -errno;
    for (size_t i = 0; i < COUNT_OF(links); i++)
        if (symlink(links[i].target, links[i].path) < 0) return -errno;
    return 0;
}

/* ---- the steps ---- */

struct sources {
    int copies[BOX_PAIRS_MAX], binds[BOX_PAIRS_MAX];
};

/* Sources are opened before the new root hides them. */
static int open_sources(const struct box_spec *spec, struct sources *s, struct box_failure *failure)
{
    for (size_t i = 0; i < spec->n_copies; i++) {
        s->copies[i] = open(spec->copies[i].source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (s->copies[i] < 0) return box_fail(failure, errno, "copy %s", spec->copies[i].source);
    }
    for (size_t i = 0; i < spec->n_binds; i++) {
        s->binds[i] = (int)syscall(SYS_open_tree, AT_FDCWD, spec->binds[i].source,
                                   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (s->binds[i] < 0) return box_fail(failure, errno, "bind %s", spec->binds[i].source);
    }
    return 0;
}

static int stage_overlay(const struct box_spec *spec, struct box_failure *failure)
{
    static const char *const options = "lowerdir=/,upperdir=" STAGE "/upper,workdir=" STAGE "/work";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return box_fail(failure, errno, "make mounts private");
    if (mount("box", STAGE, "tmpfs", 0, "mode=755") < 0) return box_fail(failure, errno, "staging tmpfs");
    if (mkdir(STAGE "/upper", 0755) < 0 || mkdir(STAGE "/work", 0755) < 0 || mkdir(STAGE "/root", 0755) < 0)
        return box_fail(failure, errno, "staging directories");
    /* A 0:0 character device is how an overlay says "not there". */
    if (spec->no_tmp && mknod(STAGE "/upper/tmp", S_IFCHR, makedev(0, 0)) < 0)
        return box_fail(failure, errno, "remove /tmp");
    if (mount("box", STAGE "/root", "overlay", 0, options) < 0) return box_fail(failure, errno, "overlay of /");
    return 0;
}

static int mount_kernel_trees(const struct box_spec *spec, struct box_failure *failure)
{
    const unsigned long strict = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    const unsigned long cgroup_flags = strict | (spec->cgroup == BOX_CGROUP_READ_ONLY ? MS_RDONLY : 0UL);
    const struct {
        const char *type, *path;
        unsigned long flags;
        const char *data;
        bool skip;
    } mounts[] = {
        { "proc", "proc", strict, NULL, spec->no_proc },
        { "sysfs", "sys", strict | MS_RDONLY, NULL, spec->no_sys },
        { "cgroup2", "sys/fs/cgroup", cgroup_flags, NULL, spec->no_sys || spec->cgroup == BOX_CGROUP_ABSENT },
        { "tmpfs", "dev", MS_NOSUID, "mode=755", false },
        { "tmpfs", "run", MS_NOSUID | MS_NODEV, "mode=755", spec->no_run },
        { "tmpfs", "tmp", MS_NOSUID | MS_NODEV, "mode=1777", spec->no_tmp },
    };
    for (size_t i = 0; i < COUNT_OF(mounts); i++) {
        if (mounts[i].skip) continue;
        if (mount("box", mounts[i].path, mounts[i].type, mounts[i].flags, mounts[i].data) < 0)
            return box_fail(failure, errno, "mount %s on /%s", mounts[i].type, mounts[i].path);
    }
    return 0;
}

static int enter_root(struct box_failure *failure)
{
    if (syscall(SYS_pivot_root, ".", ".") < 0) return box_fail(failure, errno, "pivot_root");
    if (umount2(".", MNT_DETACH) < 0) return box_fail(failure, errno, "detach the old root");
    if (chdir("/") < 0) return box_fail(failure, errno, "chdir /");
    return 0;
}

static int fill_dev(struct box_failure *failure)
{
    int r = make_devices();
    if (r < 0) return box_fail(failure, -r, "device nodes");
    if (mkdir("/dev/pts", 0755) < 0 || mkdir("/dev/shm", 0755) < 0) return box_fail(failure, errno, "/dev directories");
    if (mount("box", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620") < 0)
        return box_fail(failure, errno, "mount devpts");
    if (mount("box", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
        return box_fail(failure, errno, "mount /dev/shm");
    return 0;
}

static int place_sources(const struct box_spec *spec, const struct sources *s, struct box_failure *failure)
{
    for (size_t i = 0; i < spec->n_copies; i++) {
        struct stat st;
        const char *to = spec->copies[i].destination;
        int r = make_parents(to);
        if (r == 0) r = fstat(s->copies[i], &st) < 0 ? -errno : copy_open(s->copies[i], &st, AT_FDCWD, to);
        if (r < 0) return box_fail(failure, -r, "copy %s to %s", spec->copies[i].source, to);
        close(s->copies[i]);
    }
    for (size_t i = 0; i < spec->n_binds; i++) {
        const char *to = spec->binds[i].destination;
        int r = make_mount_point(s->binds[i], to);
        if (r == 0 && syscall(SYS_move_mount, s->binds[i], "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) < 0) r = -errno;
        if (r < 0) return box_fail(failure, -r, "bind %s to %s", spec->binds[i].source, to);
        close(s->binds[i]);
    }
    return 0;
}

int box_root_build(const struct box_spec *spec, int shared_mount, struct box_failure *failure)
{
    struct sources sources;
    int r = open_sources(spec, &sources, failure);
    if (r == 0) r = stage_overlay(spec, failure);
    if (r < 0) return r;
    if (chdir(STAGE "/root") < 0) return box_fail(failure, errno, "enter the overlay");
    umask(0);
    r = mount_kernel_trees(spec, failure);
    if (r == 0) r = enter_root(failure);
    if (r == 0) r = fill_dev(failure);
    umask(022);
    if (r < 0) return r;
    if (spec->shared) {
        r = make_mount_point(shared_mount, spec->shared);
        if (r == 0 && syscall(SYS_move_mount, shared_mount, "", AT_FDCWD, spec->shared, MOVE_MOUNT_F_EMPTY_PATH) < 0)
            r = -errno;
        if (r < 0) return box_fail(failure, -r, "shared directory %s", spec->shared);
    }
    return place_sources(spec, &sources, failure);
}

int box_root_finish(const struct box_spec *spec, struct box_failure *failure)
{
    static const char *const shells[] = { "/bin/sh",        "/bin/bash",       "/bin/dash",     "/bin/rbash",
                                          "/bin/busybox",   "/usr/bin/sh",     "/usr/bin/bash", "/usr/bin/dash",
                                          "/usr/bin/rbash", "/usr/bin/busybox" };
    for (size_t i = 0; spec->no_shell && i < COUNT_OF(shells); i++)
        if (unlink(shells[i]) < 0 && errno != ENOENT) return box_fail(failure, errno, "remove %s", shells[i]);
    if (spec->read_only_root && mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
        return box_fail(failure, errno, "read-only root");
    return 0;
}

static int remove_tree(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) return -errno;
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)remove_tree(fd, e->d_name); /* what stays makes the rmdir below fail */
    closedir(dir);
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

void box_cgroup_remove(int parent_fd, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/cgroup.kill", name);
    int kill_fd = openat(parent_fd, path, O_WRONLY | O_CLOEXEC);
    /* The kernel ends the processes in its own time; a tree with live ones answers EBUSY. Bounded: 1000 x 10 ms. */
    for (int attempt = 0; attempt < 1000; attempt++) {
        if (kill_fd >= 0 && write(kill_fd, "1", 1) < 0 && errno == ENODEV) break;
        int r = remove_tree(parent_fd, name);
        if (r != -EBUSY) break;
        (void)usleep(attempt < 20 ? 500 : 10000);
    }
    if (kill_fd >= 0) close(kill_fd);
}
