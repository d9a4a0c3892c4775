#include "pid1/boot.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

bool pid1_is_init(void)
{
    return getpid() == 1;
}

int pid1_boot_stdio(unsigned *ret_closed)
{
    unsigned closed = 0;
    for (int n = 0; n <= 2; n++) {
        if (fcntl(n, F_GETFD) >= 0 || errno != EBADF) continue;
        /* The lower ones are open, so that this becomes n. No close-on-exec: it is standard I/O from now on. */
        int fd = open("/dev/null", O_RDWR | O_NOCTTY);    /* NOLINT(android-cloexec-open) */
        if (fd < 0) fd = open("/", O_PATH | O_DIRECTORY); /* reads and writes fail, but the number is taken */
        if (fd < 0) return -errno;
        if (fd != n) {
            (void)close(fd); /* another thread opens and closes: not in this program */
            return -EBADF;
        }
        closed |= 1u << n;
    }
    *ret_closed = closed;
    return 0;
}

void pid1_boot_spare_release(struct pid1_boot *boot)
{
    fd_close(&boot->spare);
}

void pid1_boot_spare_refill(struct pid1_boot *boot)
{
    if (fd_is_open(&boot->spare)) return;
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) boot->spare = fd_own(fd); /* else there is none; the next refill tries again */
}

int pid1_boot_init(struct pid1_boot *ret_boot)
{
    struct pid1_boot boot = { .is_init = pid1_is_init(), .spare = FD_NONE };
    int r = pid1_boot_stdio(&boot.closed_stdio);
    if (r < 0) return r;
    if (!boot.is_init) boot.is_subreaper = prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
    boot.inherited_umask = umask(0);
    if (getrlimit(RLIMIT_NOFILE, &boot.nofile) == 0) {
        struct rlimit raised = { boot.nofile.rlim_max, boot.nofile.rlim_max };
        (void)setrlimit(RLIMIT_NOFILE, &raised); /* refused: we have fewer descriptors, and boot.nofile says so */
    } else {
        boot.nofile = (struct rlimit){ 1024, 4096 }; /* the kernel's own start values */
    }
    pid1_boot_spare_refill(&boot);
    *ret_boot = boot;
    return 0;
}

void pid1_boot_done(struct pid1_boot *boot)
{
    fd_close(&boot->spare);
}

int pid1_set_dumpable(bool dumpable)
{
    return prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0, 0, 0, 0) < 0 ? -errno : 0;
}

void pid1_release_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return; /* ENXIO: we have none */
    bool given_up = ioctl(fd, TIOCNOTTY) == 0;
    (void)close(fd); /* nothing was written */
    if (!given_up) return;
    sigset_t set;
    const struct timespec now = { 0 };
    (void)sigemptyset(&set); /* cannot fail, as the next two */
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCONT);
    while (sigtimedwait(&set, NULL, &now) > 0) {
    } /* ours was the foreground group (ioctl_tty(2)) */
}

/* --- mounts of a virtual machine -------------------------------------------------------------------------------------
 */

/* clang-format off */
static const struct api_mount {
    const char *type, *where, *options;
    unsigned long flags;
} api_mounts[] = {
    { "proc",     "/proc",          NULL,                              MS_NOSUID | MS_NOEXEC | MS_NODEV },
    { "sysfs",    "/sys",           NULL,                              MS_NOSUID | MS_NOEXEC | MS_NODEV },
    { "devtmpfs", "/dev",           "mode=0755",                       MS_NOSUID | MS_NOEXEC },
    { "devpts",   "/dev/pts",       "gid=5,mode=0620,ptmxmode=0666",   MS_NOSUID | MS_NOEXEC },
    { "tmpfs",    "/dev/shm",       "mode=1777",                       MS_NOSUID | MS_NODEV },
    { "tmpfs",    "/run",           "mode=0755",                       MS_NOSUID | MS_NODEV },
    { "cgroup2",  "/sys/fs/cgroup", NULL,                              MS_NOSUID | MS_NOEXEC | MS_NODEV },
};
static const char *const container_markers[] = { "/run/.containerenv", "/.dockerenv", "/run/systemd/container" };
/* clang-format on */

static bool below_exists(const char *root_dir, const char *path)
{
    AUTO_STR struct str full = STR_EMPTY;
    return str_appendf(&full, "%s%s", root_dir, path) == 0 && access(str_text(&full), F_OK) == 0;
}

bool pid1_boot_needs_mounts(const char *root_dir)
{
    if (!pid1_is_init() || getenv("container")) return false;
    for (size_t i = 0; i < COUNT_OF(container_markers); i++)
        if (below_exists(root_dir, container_markers[i])) return false;
    return !below_exists(root_dir, "/proc/self");
}

/* A mount point lies on another device than its parent, or is the root of its file system. */
static bool is_mount_point(const char *path)
{
    AUTO_STR struct str parent = STR_EMPTY;
    struct stat here, above;
    if (str_appendf(&parent, "%s/..", path) < 0) return false;
    if (stat(path, &here) < 0 || stat(str_text(&parent), &above) < 0) return false;
    return here.st_dev != above.st_dev;
}

static int mount_one(const struct api_mount *m, const char *path)
{
    if (is_mount_point(path)) return 0;
    if (mkdir(path, 0755) < 0 && errno != EEXIST && errno != EROFS) return -errno;
    return mount(m->type, path, m->type, m->flags, m->options) < 0 ? -errno : 1;
}

int pid1_boot_mount(const char *root_dir, struct str *ret_report)
{
    int n_mounted = 0;
    for (size_t i = 0; i < COUNT_OF(api_mounts); i++) {
        AUTO_STR struct str path = STR_EMPTY;
        int r = str_appendf(&path, "%s%s", root_dir, api_mounts[i].where);
        if (r == 0) r = mount_one(&api_mounts[i], str_text(&path));
        if (r > 0) n_mounted++;
        if (r >= 0 || !ret_report) continue;
        r = str_appendf(ret_report, "mount %s on %s: %s\n", api_mounts[i].type, str_text(&path), strerror(-r));
        if (r < 0) ret_report = NULL; /* no memory for reports: the mounts go on */
    }
    return n_mounted;
}
