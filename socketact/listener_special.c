/* What is listened on and is no socket. */
#include "socketact/listener_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Never waits for the other end or a terminal; the descriptor becomes a blocking one afterwards. */
static int open_ready(const char *path, int flags, struct fd *ret, struct stat *ret_st)
{
    int r = fd_openat(AT_FDCWD, path, flags | O_NONBLOCK | O_NOFOLLOW, 0, ret);
    if (r < 0) return r;
    return fstat(ret->n, ret_st) < 0 ? -errno : 0;
}

static int make_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}

/* ---- FIFOs ---- */

/* Of an earlier run: it had the rights that are asked for, and nobody has others. */
static bool has_rights(const struct stat *st, const struct listener_settings *settings)
{
    uid_t uid = settings->uid == (uid_t)-1 ? geteuid() : settings->uid;
    return S_ISFIFO(st->st_mode) && (st->st_mode & 07777) == settings->socket->socket_mode && st->st_uid == uid &&
           (settings->gid == (gid_t)-1 || st->st_gid == settings->gid);
}

/* Without any right, for others may be waiting to open it. Whom the kernel lets open it only by a right of its own (not
 * root, or root without CAP_DAC_OVERRIDE) gives itself one meanwhile: that is nobody who could not do so anyway. */
static int make_fifo(const char *path, struct fd *ret, struct stat *ret_st)
{
    if (mkfifo(path, 0) < 0) return -errno;
    int r = open_ready(path, O_RDWR, ret, ret_st);
    if (r == -EACCES && chmod(path, S_IRUSR | S_IWUSR) == 0) r = open_ready(path, O_RDWR, ret, ret_st);
    if (r < 0) {
        (void)unlink(path); /* best effort: the failure is reported */
        return r;
    }
    return S_ISFIFO(ret_st->st_mode) && ret_st->st_uid == geteuid() ? 0 : -ESTALE; /* somebody put another one there */
}

static int set_fifo_rights(struct opening *o, const struct stat *st)
{
    const struct listener_settings *settings = o->settings;
    int fd = o->listener->fd.n;
    bool owned = (settings->uid == (uid_t)-1 || settings->uid == st->st_uid) &&
                 (settings->gid == (gid_t)-1 || settings->gid == st->st_gid);
    o->step = "setting the owner";
    if (!owned && fchown(fd, settings->uid, settings->gid) < 0) return -errno;
    o->step = "setting the mode";
    return fchmod(fd, settings->socket->socket_mode) < 0 ? -errno : 0;
}

int fifo_open(struct opening *o)
{
    struct listener *listener = o->listener;
    AUTO_FD struct fd fd = FD_NONE;
    struct stat st;
    o->step = "making its directory";
    int r = node_make_parents(listener->path, o->settings->socket->directory_mode);
    if (r < 0) return r;
    bool used_again = lstat(listener->path, &st) == 0 && has_rights(&st, o->settings) &&
                      open_ready(listener->path, O_RDWR, &fd, &st) == 0 && has_rights(&st, o->settings);
    if (!used_again) {
        fd_close(&fd);
        o->step = "removing what is in its place";
        r = node_remove_stale(listener->path, S_IFIFO);
        if (r < 0) return r;
        o->step = "making the FIFO";
        r = make_fifo(listener->path, &fd, &st);
        if (r < 0) return r;
    }
    listener->node = (struct listener_node){ .device = st.st_dev, .inode = st.st_ino };
    listener->fd = fd_take(&fd);
    r = used_again ? 0 : set_fifo_rights(o, &st);
    return r < 0 ? r : make_blocking(listener->fd.n);
}
