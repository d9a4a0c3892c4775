/* tests/e2e/actor_mount.c - file systems that never answer: FUSE without its daemon, and with one that takes requests
 * and sits on them. Who waits for the first dies of SIGKILL, who waits for the second does not. */
#include "tests/e2e/actor_verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FUSE_MAJOR 10
#define FUSE_MINOR 229

/* The descriptor of the new file system's daemon, or -1. */
static int mount_hung(const char *path)
{
    char options[64];
    if (mkdir(path, 0755) < 0 && errno != EEXIST) return -1;
    int fd = open("/dev/fuse", O_RDWR);
    if (fd < 0) return -1;
    (void)snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    return mount("hung", path, "fuse", 0, options) < 0 ? -1 : fd; /* it stays open: with it the mount would go */
}

static int make_device(void)
{
    return mknod("/dev/fuse", S_IFCHR | 0600, makedev(FUSE_MAJOR, FUSE_MINOR)) < 0 && errno != EEXIST ? -1 : 0;
}

int verb_hung_mount(char **args, int count)
{
    char *daemon_args[] = { "-", NULL };
    if (make_device() < 0) return actor_fail("/dev/fuse");
    for (int i = 0; i < count; i++)
        if (mount_hung(args[i]) < 0) return actor_fail(args[i]);
    int r = verb_daemon(daemon_args, 1); /* its parent leaves with 0 */
    return r != 0 ? r : verb_sleep(NULL, 0);
}

/* The first request is the kernel's own; without an answer it would hand out no others. */
static int answer_init(int fd)
{
    static char request[1 << 16];
    struct {
        struct fuse_out_header header;
        struct fuse_init_out init;
    } answer = { .header = { .len = sizeof answer },
                 .init = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096 } };
    struct fuse_in_header header;
    ssize_t n = read(fd, request, sizeof request);
    if (n < (ssize_t)sizeof header) return -1;
    memcpy(&header, request, sizeof header);
    answer.header.unique = header.unique;
    return write(fd, &answer, sizeof answer) == (ssize_t)sizeof answer ? 0 : -1;
}

int verb_dead_mount(char **args, int count)
{
    static char request[1 << 16];
    char *daemon_args[] = { (char[]){ "-" }, NULL };
    (void)count;
    int fd = make_device() < 0 ? -1 : mount_hung(args[0]);
    if (fd < 0 || answer_init(fd) < 0) return actor_fail(args[0]);
    int r = verb_daemon(daemon_args, 1); /* its parent leaves with 0 */
    if (r != 0) return r;
    for (;;) {
        struct fuse_in_header header;
        ssize_t n = read(fd, request, sizeof request);
        if (n < (ssize_t)sizeof header) return actor_fail("/dev/fuse");
        memcpy(&header, request, sizeof header);
        char line[64];
        (void)snprintf(line, sizeof line, "request %u", header.opcode);
        if (append_line(args[1], line) < 0) return actor_fail(args[1]);
    }
}

/* ---- one that answers everything but FUSE_FLUSH: its files open, and close(2) does not return ---- */

static void fill_attr(struct fuse_attr *attr, uint64_t node)
{
    *attr = (struct fuse_attr){ .ino = node, .mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0644, .nlink = 1 };
}

static int answer_request(int fd, const struct fuse_in_header *header)
{
    struct {
        struct fuse_out_header header;
        union {
            struct fuse_entry_out entry;
            struct fuse_attr_out attr;
            struct fuse_open_out open;
        } body;
    } answer = { .header = { .unique = header->unique } };
    size_t body = 0;
    switch (header->opcode) {
    case FUSE_FLUSH:
        return 0;
    case FUSE_LOOKUP:
        body = sizeof answer.body.entry;
        answer.body.entry.nodeid = 2;
        fill_attr(&answer.body.entry.attr, 2);
        break;
    case FUSE_GETATTR:
        body = sizeof answer.body.attr;
        fill_attr(&answer.body.attr.attr, header->nodeid);
        break;
    case FUSE_OPEN:
        body = sizeof answer.body.open;
        answer.body.open = (struct fuse_open_out){ .fh = 1 };
        break;
    default:
        answer.header.error = -ENOSYS;
        break;
    }
    answer.header.len = (uint32_t)(sizeof answer.header + body);
    return write(fd, &answer, answer.header.len) == (ssize_t)answer.header.len ? 0 : -1;
}

int verb_stuck_mount(char **args, int count)
{
    static char request[1 << 16];
    (void)count;
    int fd = make_device() < 0 ? -1 : mount_hung(args[0]);
    if (fd < 0 || answer_init(fd) < 0) return actor_fail(args[0]);
    int r = verb_daemon(args + 1, 1); /* its parent leaves with 0 */
    while (r == 0) {
        struct fuse_in_header header;
        ssize_t n = read(fd, request, sizeof request);
        if (n < (ssize_t)sizeof header) return actor_fail("/dev/fuse");
        memcpy(&header, request, sizeof header);
        if (answer_request(fd, &header) < 0 && errno != ENOENT) return actor_fail("answer");
    }
    return r;
}
