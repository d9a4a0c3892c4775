#include "supervisor/oom.h"

#include "base/fd.h"
#include "base/log.h"
#include "cgroup/leaf.h"
#include "cgroup/root.h"
#include "supervisor/id_map.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct oom_watch {
    struct fd inotify;
    loop_io io;
    struct id_map services; /* by watch descriptor */
};

static void on_changed(int fd, uint32_t events, void *userdata)
{
    struct manager *m = userdata;
    _Alignas(struct inotify_event) char buffer[4096];
    (void)events;
    ssize_t n = read(fd, buffer, sizeof buffer); /* more than fits is told in the next round */
    for (char *at = buffer; n > 0 && at < buffer + n;) {
        const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
        struct service *s = event->wd > 0 ? id_map_get(&m->oom->services, (uint64_t)event->wd) : NULL;
        if (s) oom_look(s);
        at += sizeof *event + event->len;
    }
}

void oom_watch_free(struct manager *m)
{
    struct oom_watch *oom = m->oom;
    if (!oom) return;
    m->oom = NULL;
    loop_io_remove(m->loop, &oom->io);
    fd_close(&oom->inotify);
    id_map_done(&oom->services);
    free(oom);
}

static int open_watch(struct manager *m)
{
    if (m->oom) return 0;
    m->oom = calloc(1, sizeof *m->oom);
    if (!m->oom) return -ENOMEM;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    m->oom->inotify = fd < 0 ? FD_NONE : fd_own(fd);
    int r = fd < 0 ? -errno : loop_io_add(m->loop, fd, EPOLLIN, LOOP_NORMAL, on_changed, m, &m->oom->io);
    if (r < 0) oom_watch_free(m);
    return r;
}

static int add_watch(struct service *s)
{
    struct manager *m = s->base.manager;
    char path[PATH_MAX];
    int r = open_watch(m);
    if (r < 0) return r;
    int n = snprintf(path, sizeof path, "%s/%s/memory.events", cg_root_path(m->cgroup), cg_leaf_name(s->procs.leaf));
    if (n < 0 || (size_t)n >= sizeof path) return -ENAMETOOLONG;
    s->oom_wd = inotify_add_watch(m->oom->inotify.n, path, IN_MODIFY);
    if (s->oom_wd < 0) return -errno;
    return id_map_put(&m->oom->services, (uint64_t)s->oom_wd, s);
}

void oom_begin(struct service *s)
{
    struct manager *m = s->base.manager;
    enum oom_policy policy = s->base.unit->service_extra->oom_policy;
    if (!s->procs.leaf || policy == OOM_CONTINUE || !cg_root_has_controller(m->cgroup, CG_MEMORY)) return;
    int r = cg_leaf_oom_kills(s->procs.leaf, &s->oom_kills); /* a leaf that was there before has a past */
    if (r == 0 && policy == OOM_KILL) r = cg_leaf_set_oom_group(s->procs.leaf);
    if (r == 0) r = add_watch(s);
    if (r < 0) log_warning("unit %s: OOMPolicy=: %s", service_name(s), strerror(-r));
}

void oom_look(struct service *s)
{
    uint64_t kills = 0;
    if (s->oom_wd <= 0 || !s->procs.leaf || cg_leaf_oom_kills(s->procs.leaf, &kills) < 0) return;
    if (kills <= s->oom_kills) return;
    s->oom_kills = kills;
    manager_post(s->base.manager, s, SERVICE_EVENT_OOM);
}

void oom_end(struct service *s)
{
    struct oom_watch *oom = s->base.manager->oom;
    if (s->oom_wd > 0 && oom) {
        id_map_remove(&oom->services, (uint64_t)s->oom_wd);
        (void)inotify_rm_watch(oom->inotify.n, s->oom_wd); /* EINVAL: it went with the leaf */
    }
    s->oom_wd = 0;
    s->oom_kills = 0;
}
