#include "supervisor/inotify_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "base/vec.h"
#include "supervisor/id_map.h"

#define READS_PER_ROUND 16
/* What is kept for a copy at work; beyond that its answer counts as one after a full queue. */
#define STRAYS_MAX 1024
/* The kernel sends these whether asked for or not. */
#define ALWAYS (IN_UNMOUNT | IN_IGNORED)

struct watch {
    int wd;
    uint32_t mask; /* the kernel's */
    bool gone;     /* the kernel has removed it */
    struct watch_use *uses;
};
struct watch_use {
    struct watch *watch;
    struct watch_user *user;
    struct watch_use *next, **link; /* of the same watch */
    uint32_t mask, name, line;
    bool hit;
};
struct stray {
    int wd;
    uint32_t mask, name;
};
struct watches {
    struct loop *loop;
    struct fd fd;
    loop_io io;
    struct id_map by_wd;
    struct watch_user *users;
    unsigned n_far;
    VEC(struct stray) strays;
    bool strays_lost;
};

uint32_t watch_name(const char *name)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 16777619U;
    return hash ? hash : 1;
}

/* ---- events ---- */

static unsigned news_of(uint32_t wanted, uint32_t wanted_name, bool hit, uint32_t mask, uint32_t name)
{
    if (!(mask & (wanted | ALWAYS))) return 0;
    if (wanted_name && name && wanted_name != name) return 0;
    return hit ? WATCH_HIT : WATCH_WAY;
}

static void watch_free(struct watches *ws, struct watch *watch)
{
    if (!watch->gone) {
        id_map_remove(&ws->by_wd, (uint64_t)watch->wd);
        (void)inotify_rm_watch(ws->fd.n, watch->wd); /* EINVAL: the kernel was faster */
    }
    free(watch);
}

static void keep_stray(struct watches *ws, const struct stray *stray)
{
    if (ws->strays.count >= STRAYS_MAX || vec_push(&ws->strays, *stray) < 0) ws->strays_lost = true;
}

static void on_event(struct watches *ws, int wd, uint32_t mask, uint32_t name)
{
    if (mask & IN_Q_OVERFLOW) {
        ws->strays_lost = ws->n_far > 0;
        for (struct watch_user *user = ws->users; user; user = user->next) user->tell(user, WATCH_LOST, 0);
        return;
    }
    struct watch *watch = id_map_get(&ws->by_wd, (uint64_t)wd);
    if (ws->n_far > 0) keep_stray(ws, &(struct stray){ wd, mask, name });
    if (!watch) { /* made for a copy that was given up, or not yet told of */
        if (ws->n_far == 0 && !(mask & IN_IGNORED)) (void)inotify_rm_watch(ws->fd.n, wd); /* EINVAL: gone as well */
        return;
    }
    for (struct watch_use *use = watch->uses; use; use = use->next) {
        unsigned news = news_of(use->mask, use->name, use->hit, mask, name);
        if (news) use->user->tell(use->user, news, use->line);
    }
    if (!(mask & IN_IGNORED)) return;
    watch->gone = true;
    id_map_remove(&ws->by_wd, (uint64_t)wd);
    if (!watch->uses) watch_free(ws, watch);
}

static void on_inotify(int fd, uint32_t events UNUSED, void *userdata)
{
    struct watches *ws = userdata;
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    for (unsigned i = 0; i < READS_PER_ROUND; i++) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got <= 0) return; /* EAGAIN; anything else comes again */
        for (char *at = buffer; at < buffer + got;) {
            const struct inotify_event *event = (const void *)at;
            on_event(ws, event->wd, event->mask, event->len > 0 ? watch_name(event->name) : 0);
            at += sizeof *event + event->len;
        }
    }
}

/* ---- users ---- */

static void user_leave(struct watch_user *user)
{
    if (!user->link) return;
    *user->link = user->next;
    if (user->next) user->next->link = user->link;
    user->link = NULL;
    user->next = NULL;
}

static void user_join(struct watches *ws, struct watch_user *user)
{
    if (user->link) return;
    user->next = ws->users;
    if (user->next) user->next->link = &user->next;
    user->link = &ws->users;
    ws->users = user;
}

static void use_drop(struct watches *ws, struct watch_use *use)
{
    struct watch *watch = use->watch;
    *use->link = use->next;
    if (use->next) use->next->link = use->link;
    if (!watch->uses && (watch->gone || ws->n_far == 0)) watch_free(ws, watch);
}

static struct watch *watch_of(struct watches *ws, const struct watch_place *place)
{
    struct watch *watch = id_map_get(&ws->by_wd, (uint64_t)place->wd);
    if (!watch) {
        watch = calloc(1, sizeof *watch);
        if (!watch) return NULL;
        watch->wd = place->wd;
        if (id_map_put(&ws->by_wd, (uint64_t)place->wd, watch) < 0) {
            free(watch);
            return NULL;
        }
    }
    watch->mask = place->set ? place->set : watch->mask | place->mask;
    return watch;
}

static void drop_uses(struct watches *ws, struct watch_use *uses, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) use_drop(ws, &uses[i]);
    free(uses);
}

/* What happened while a copy was at work. */
static void tell_strays(const struct watches *ws, struct watch_user *user)
{
    if (ws->strays_lost) user->tell(user, WATCH_LOST, 0);
    for (uint32_t i = 0; i < user->n_uses; i++) {
        const struct watch_use *use = &user->uses[i];
        for (size_t k = 0; k < ws->strays.count; k++) {
            const struct stray *stray = &ws->strays.items[k];
            if (stray->wd != use->watch->wd) continue;
            unsigned news = news_of(use->mask, use->name, use->hit, stray->mask, stray->name);
            if (news) user->tell(user, news, use->line);
        }
    }
}

int watch_user_set(struct watches *ws, struct watch_user *user, const struct watch_place *places, uint32_t count)
{
    struct watch_use *former = user->uses;
    uint32_t n_former = user->n_uses, i;
    int r = 0;
    user->uses = count > 0 ? calloc(count, sizeof *user->uses) : NULL;
    if (count > 0 && !user->uses) r = -ENOMEM;
    /* The new ones first, so that what stays the same is never without a user. */
    for (i = 0; r == 0 && i < count; i++) {
        struct watch_use *use = &user->uses[i];
        use->watch = watch_of(ws, &places[i]);
        if (!use->watch) {
            r = -ENOMEM;
            break;
        }
        use->user = user;
        use->mask = places[i].mask;
        use->name = places[i].name;
        use->line = places[i].line;
        use->hit = places[i].hit;
        use->next = use->watch->uses;
        if (use->next) use->next->link = &use->next;
        use->link = &use->watch->uses;
        use->watch->uses = use;
    }
    user->n_uses = i;
    drop_uses(ws, former, n_former);
    if (r < 0) {
        watch_user_clear(ws, user);
        return r;
    }
    user_join(ws, user);
    tell_strays(ws, user);
    return 0;
}

void watch_user_clear(struct watches *ws, struct watch_user *user)
{
    user_leave(user);
    drop_uses(ws, user->uses, user->n_uses);
    user->uses = NULL;
    user->n_uses = 0;
}

uint32_t watches_narrowed(const struct watches *ws, int wd, const struct watch_user *user, uint32_t mine)
{
    const struct watch *watch = id_map_get(&ws->by_wd, (uint64_t)wd);
    if (!watch || ws->n_far > 0) return 0; /* somebody may be adding to it at this moment */
    uint32_t wanted = mine;
    for (const struct watch_use *use = watch->uses; use && watch->mask & ~wanted; use = use->next)
        if (use->user != user) wanted |= use->mask;
    return watch->mask & ~wanted ? wanted : 0;
}

/* ---- the instance ---- */

void watches_begin_far(struct watches *ws)
{
    ws->n_far++;
}

void watches_end_far(struct watches *ws)
{
    if (--ws->n_far > 0) return;
    vec_done(&ws->strays);
    ws->strays_lost = false;
    for (uint32_t i = 0; i < ws->by_wd.size; i++) {
        struct watch *watch = ws->by_wd.slots[i].id ? ws->by_wd.slots[i].value : NULL;
        if (!watch || watch->uses) continue;
        watch_free(ws, watch);
        i--; /* another may have moved to this place */
    }
}

int watches_fd(const struct watches *ws)
{
    return ws->fd.n;
}

int watches_new(struct loop *loop, struct watches **ret_watches)
{
    AUTO(watches_free) struct watches *ws = calloc(1, sizeof *ws);
    if (!ws) return -ENOMEM;
    ws->loop = loop;
    ws->fd = fd_own(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!fd_is_open(&ws->fd)) return -errno;
    int r = loop_io_add(loop, ws->fd.n, EPOLLIN, LOOP_NORMAL, on_inotify, ws, &ws->io);
    if (r < 0) return r;
    *ret_watches = TAKE(ws);
    return 0;
}

void watches_free(struct watches *ws)
{
    if (!ws) return;
    while (ws->users) watch_user_clear(ws, ws->users);
    ws->n_far = 1;
    watches_end_far(ws);
    id_map_done(&ws->by_wd);
    loop_io_remove(ws->loop, &ws->io);
    fd_close(&ws->fd);
    free(ws);
}
