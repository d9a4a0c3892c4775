#include "supervisor/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "supervisor/unit_type.h"

struct mounts {
    struct fd fd;
    loop_io io;
};

static void on_change(int fd UNUSED, uint32_t events UNUSED, void *userdata)
{
    struct manager *m = userdata;
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (rt->type->mounts_changed) rt->type->mounts_changed(rt);
    }
}

int mounts_watch(struct manager *m)
{
    if (m->mounts) return 0;
    struct mounts *mounts = calloc(1, sizeof *mounts);
    if (!mounts) return -ENOMEM;
    int r = fd_openat(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY, 0, &mounts->fd);
    if (r == 0) r = loop_io_add(m->loop, mounts->fd.n, EPOLLPRI, LOOP_NORMAL, on_change, m, &mounts->io);
    if (r < 0) {
        fd_close(&mounts->fd);
        free(mounts);
        return r;
    }
    m->mounts = mounts;
    return 0;
}

void mounts_free(struct manager *m)
{
    if (!m->mounts) return;
    loop_io_remove(m->loop, &m->mounts->io);
    fd_close(&m->mounts->fd);
    free(m->mounts);
    m->mounts = NULL;
}

int mounts_has(const char *path, bool *ret_autofs)
{
    char *line = NULL, *mount, *type;
    size_t size = 0;
    int found = 0;
    FILE *table = fopen("/proc/self/mountinfo", "re");
    if (!table) return -errno;
    while (getline(&line, &size, table) > 0) {
        if (!local_path_parse_mount(line, &mount, &type) || strcmp(mount, path) != 0) continue;
        found = 1; /* the last line is what lies on top */
        if (ret_autofs) *ret_autofs = strcmp(type, "autofs") == 0;
    }
    free(line);
    (void)fclose(table); /* was only read */
    return found;
}
