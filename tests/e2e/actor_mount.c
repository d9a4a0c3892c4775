/* tests/e2e/actor_mount.c - a file system that never answers: FUSE without its daemon. */
#include "tests/e2e/actor_verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FUSE_MAJOR 10
#define FUSE_MINOR 229

static int mount_hung(const char *path)
{
    char options[64];
    if (mkdir(path, 0755) < 0 && errno != EEXIST) return -1;
    int fd = open("/dev/fuse", O_RDWR);
    if (fd < 0) return -1;
    (void)snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    return mount("hung", path, "fuse", 0, options); /* the descriptor stays: with it the mount would go */
}

int verb_hung_mount(char **args, int count)
{
    char *daemon_args[] = { "-", NULL };
    if (mknod("/dev/fuse", S_IFCHR | 0600, makedev(FUSE_MAJOR, FUSE_MINOR)) < 0 && errno != EEXIST)
        return actor_fail("/dev/fuse");
    for (int i = 0; i < count; i++)
        if (mount_hung(args[i]) < 0) return actor_fail(args[i]);
    int r = verb_daemon(daemon_args, 1); /* its parent leaves with 0 */
    return r != 0 ? r : verb_sleep(NULL, 0);
}
