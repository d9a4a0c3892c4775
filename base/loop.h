/* base/loop.h - one epoll set and one deadline heap; knows descriptors and time, not units.
 *
 * A callback observes: it drains its descriptor (bounded), records facts and returns. Descriptors are known by a slot
 * number with a generation, so a source may be removed inside a round and its pending event is dropped; nothing is
 * freed late. Deadlines are embedded in their owners. With nothing to do the loop makes no wake-up: the timerfd is
 * armed for the earliest deadline only. Source: epoll(7), timerfd_create(2). */
#pragma once
#include "base/attr.h"
#include <sys/epoll.h>

struct loop;
/* Within one round callbacks run in this order: what tells of readiness is drained before exits are collected. */
enum loop_priority { LOOP_EARLY, LOOP_NORMAL, LOOP_LATE, LOOP_PRIORITY_COUNT };

typedef void loop_io_fn(int fd, uint32_t events, void *userdata);
typedef void loop_deadline_fn(void *userdata);

/* A handle; LOOP_IO_NONE is never given out, and zeroed memory holds it. */
typedef uint32_t loop_io;
#define LOOP_IO_NONE ((loop_io)0)

/* Embedded in its owner, zeroed at first, and disarmed before the owner's memory goes. */
struct loop_deadline {
    usec_t at;
    uint32_t heap_index; /* 1-based; 0 while disarmed */
    loop_deadline_fn *fn;
    void *userdata;
};

MUST_CHECK int loop_new(struct loop **ret_loop);
void loop_free(struct loop *loop);
DEFINE_AUTO(struct loop, loop_free)

/* Borrows fd: the owner removes it here before closing it. `events` are EPOLL* bits (level-triggered). -EPERM: regular
 * files and directories cannot be polled (they are always ready). */
MUST_CHECK int loop_io_add(struct loop *loop, int fd, uint32_t events, enum loop_priority priority, loop_io_fn *fn,
                           void *userdata, loop_io *ret_io);
/* `events` 0 pauses: nothing is reported, not even EPOLLHUP, until it is modified again. */
MUST_CHECK int loop_io_modify(struct loop *loop, loop_io io, uint32_t events);
/* LOOP_IO_NONE is fine; *io becomes LOOP_IO_NONE. */
void loop_io_remove(struct loop *loop, loop_io *io);

/* Arms or moves; USEC_INFINITY disarms. -ENOMEM only, and only when it was not armed. `fn` runs once, after the round's
 * descriptors, with the deadline disarmed; what a deadline's callback sets runs in a later round. */
MUST_CHECK int loop_deadline_set(struct loop *loop, struct loop_deadline *deadline, usec_t at, loop_deadline_fn *fn,
                                 void *userdata);
void loop_deadline_clear(struct loop *loop, struct loop_deadline *deadline);
static inline bool loop_deadline_is_set(const struct loop_deadline *deadline)
{
    return deadline->heap_index != 0;
}

/* For what is told without a wake-up of its own: asked whenever something else is ready, before any callback. True:
 * there is news that comes first; the round ends at once, and what is ready is reported again in the next. One for each
 * loop; NULL: none. */
typedef bool loop_ask_fn(void *userdata);
void loop_ask_first(struct loop *loop, loop_ask_fn *fn, void *userdata);

/* CLOCK_MONOTONIC at the start of the round; refreshed by loop_wait() and loop_refresh_now(). */
usec_t loop_now(const struct loop *loop);
void loop_refresh_now(struct loop *loop);
/* Waits for one round of events and runs their callbacks; returns at once when a deadline is due. `block` false only
 * looks. 0 or -errno (never -EINTR). */
MUST_CHECK int loop_wait(struct loop *loop, bool block);
