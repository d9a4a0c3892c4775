/* supervisor/inotify_watch.h - one inotify instance for all, and the table of who waits for which watch.
 *
 * Few instances are to be had (fs.inotify.max_user_instances is 128, for all containers of one user), and one instance
 * gives an inode only one watch: what its users want of it is or-ed, and each is told of its own. Watches are made by
 * whoever looks the paths up (supervisor/path_look.h), possibly in a copy of PID 1 that shares the instance: so nothing
 * is removed while one is at work, and what happened before its answer is kept for it.
 * Source: inotify(7), inotify_add_watch(2). */
#pragma once
#include "base/attr.h"

struct loop;
struct watches;
struct watch_use;

enum watch_news {
    WATCH_HIT = 1, /* what is waited for, at a place marked as such */
    WATCH_WAY = 2, /* on the way there: look again */
    WATCH_LOST = 4 /* the kernel's queue was full: anything may have happened */
};

struct watch_place {
    int32_t wd;
    uint32_t mask; /* IN_* bits that its user wants */
    uint32_t set;  /* the bits that the kernel's watch has by now; 0: `mask` was added to those it had */
    uint32_t name; /* watch_name() of the one entry of the directory that matters; 0: any */
    uint32_t line; /* its user's own number for it */
    bool hit;      /* the place itself, not the way */
};
/* A number for the name of a directory's entry; never 0. */
uint32_t watch_name(const char *name);

/* Embedded in its owner; zeroed is one that watches nothing. `tell` is called from the loop, and only takes note. */
struct watch_user {
    void (*tell)(struct watch_user *user, unsigned news, uint32_t line);
    struct watch_use *uses;
    uint32_t n_uses;
    struct watch_user *next, **link;
};

/* -EMFILE: no instance is left, -ENOSYS: the kernel has none. */
MUST_CHECK int watches_new(struct loop *loop, struct watches **ret_watches);
void watches_free(struct watches *watches);
DEFINE_AUTO(struct watches, watches_free)
/* The instance, for inotify_add_watch(2). Borrowed. */
int watches_fd(const struct watches *watches);
/* What is to be asked of a watch when `user` will want `mine` of it and no more: what the others want besides. 0: as it
 * is, the kernel tells of nothing else. */
uint32_t watches_narrowed(const struct watches *watches, int wd, const struct watch_user *user, uint32_t mine);

/* From now on the user watches these places and no others. What the kernel has told of them since watches_begin_far()
 * is told at once. -ENOMEM: it watches nothing. */
MUST_CHECK int watch_user_set(struct watches *watches, struct watch_user *user, const struct watch_place *places,
                              uint32_t count);
/* Watches nothing from now on. */
void watch_user_clear(struct watches *watches, struct watch_user *user);

/* Around the time in which somebody else may make watches. May nest. */
void watches_begin_far(struct watches *watches);
void watches_end_far(struct watches *watches);
