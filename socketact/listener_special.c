/* What is listened on and is no socket. */
#include "socketact/listener_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "socketact/socket_options.h"

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
    return (st->st_mode & 07777) == settings->socket->socket_mode && st->st_uid == uid &&
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

static int set_rights(struct opening *o, const struct stat *st)
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
    bool used_again = lstat(listener->path, &st) == 0 && S_ISFIFO(st.st_mode) && has_rights(&st, o->settings) &&
                      open_ready(listener->path, O_RDWR, &fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
                      has_rights(&st, o->settings);
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
    r = used_again ? 0 : set_rights(o, &st);
    if (r < 0) return r;
    socket_options_set_fifo(listener->fd.n, o->settings->extra, o->report);
    return make_blocking(listener->fd.n);
}

/* ---- devices, and files of /proc and /sys ---- */

int special_open(struct opening *o)
{
    struct stat st;
    o->step = "opening it";
    int r = open_ready(o->listener->path, o->settings->extra->writable ? O_RDWR : O_RDONLY, &o->listener->fd, &st);
    if (r < 0) return r;
    o->step = "it has to be a character device or a file";
    if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)) return -EINVAL;
    o->step = "opening it";
    return make_blocking(o->listener->fd.n);
}

/* ---- message queues ---- */

/* By system calls: the functions of libc are of no use but to check the name once more. */
static int queue_call(const char *name, int flags, const struct mq_attr *attributes, struct fd *ret)
{
    if (*name != '/') return -EINVAL;
    long fd = syscall(SYS_mq_open, name + 1, flags | O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, attributes);
    if (fd < 0) return -errno;
    *ret = fd_own((int)fd);
    return 0;
}

static int queue_state(int fd, struct stat *ret_st, struct mq_attr *ret_attributes)
{
    if (fstat(fd, ret_st) < 0 || syscall(SYS_mq_getsetattr, fd, NULL, ret_attributes) < 0) return -errno;
    return 0;
}

/* A queue of an earlier run is used again, with what waits in it, when it is what is asked for. Another one is replaced
 * unless something waits in it. 1: used again, 0: there is none any more. */
static int take_queue(struct opening *o, const struct mq_attr *wanted)
{
    struct listener *listener = o->listener;
    AUTO_FD struct fd fd = FD_NONE;
    struct mq_attr found = { .mq_curmsgs = 0 };
    struct stat st;
    o->step = "removing what is in its place";
    int r = queue_call(listener->path, 0, NULL, &fd);
    if (r < 0) return r == -ENOENT ? 0 : r;
    r = queue_state(fd.n, &st, &found);
    if (r < 0) return r;
    bool same = !wanted || (found.mq_maxmsg == wanted->mq_maxmsg && found.mq_msgsize == wanted->mq_msgsize);
    if (same && has_rights(&st, o->settings)) {
        listener->node = (struct listener_node){ .device = st.st_dev, .inode = st.st_ino };
        listener->fd = fd_take(&fd);
        return 1;
    }
    if (found.mq_curmsgs > 0) return -EEXIST;
    return syscall(SYS_mq_unlink, listener->path + 1) < 0 && errno != ENOENT ? -errno : 0;
}

/* Without any right, as a FIFO; whoever makes it may read it nevertheless. */
static int make_queue(struct opening *o, const struct mq_attr *attributes)
{
    struct listener *listener = o->listener;
    struct stat st;
    o->step = "making the message queue";
    int r = queue_call(listener->path, O_CREAT | O_EXCL, attributes, &listener->fd);
    if (r < 0) return r;
    if (fstat(listener->fd.n, &st) < 0) return -errno;
    listener->node = (struct listener_node){ .device = st.st_dev, .inode = st.st_ino };
    return set_rights(o, &st);
}

int queue_open(struct opening *o)
{
    const struct socket_extra_section *extra = o->settings->extra;
    struct mq_attr attributes = { .mq_maxmsg = (long)extra->mq_max_messages,
                                  .mq_msgsize = (long)extra->mq_message_size };
    bool given = attributes.mq_maxmsg > 0 && attributes.mq_msgsize > 0; /* both or none, as systemd has it */
    int r = take_queue(o, given ? &attributes : NULL);
    if (r == 0) r = make_queue(o, given ? &attributes : NULL);
    return r < 0 ? r : make_blocking(o->listener->fd.n);
}

void queue_remove(const char *name, struct listener_node node)
{
    AUTO_FD struct fd fd = FD_NONE;
    struct stat st;
    int r = queue_call(name, 0, NULL, &fd);
    if (r == 0 && (fstat(fd.n, &st) < 0 || st.st_dev != node.device || st.st_ino != node.inode)) return;
    if (r == 0 || r == -EACCES) (void)syscall(SYS_mq_unlink, name + 1); /* gone already, or not ours: as good */
}
