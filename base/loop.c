#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/vec.h"

#define EVENTS_MIN 256

/* A source. A free one has no fn, and `events` holds the next free slot (0 ends the list: slot 0 is the timerfd's). */
struct slot {
    loop_io_fn *fn;
    void *userdata;
    int fd;
    uint32_t generation; /* grows with each removal, so that an event of the former owner is known as such */
    uint32_t events;     /* 0: paused, and not in the epoll set */
    enum loop_priority priority;
};

struct loop {
    struct fd epoll, timer;
    usec_t now;
    usec_t armed; /* what the timerfd is set to; USEC_INFINITY while it is not armed */
    VEC(struct slot) slots;
    uint32_t free_slot;
    VEC(struct loop_deadline *) heap;
    bool firing; /* deadlines that are set while others fire are due in the next round at the earliest */
    usec_t firing_until;
    loop_ask_fn *ask;
    void *ask_userdata;
    size_t n_ready, events_capacity;
    struct epoll_event *events;
};

static usec_t monotonic_now(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail: the clock exists and ts is ours */
    return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

/* ---- the heap: items[0] is the earliest; heap_index is 1-based, children of i are 2i and 2i + 1 ---- */

static void heap_place(struct loop *loop, struct loop_deadline *deadline, uint32_t index)
{
    loop->heap.items[index - 1] = deadline;
    deadline->heap_index = index;
}

static void heap_sift_up(struct loop *loop, struct loop_deadline *deadline)
{
    uint32_t index = deadline->heap_index;
    for (; index > 1; index /= 2) {
        struct loop_deadline *parent = loop->heap.items[index / 2 - 1];
        if (parent->at <= deadline->at) break;
        heap_place(loop, parent, index);
    }
    heap_place(loop, deadline, index);
}

static void heap_sift_down(struct loop *loop, struct loop_deadline *deadline)
{
    size_t index = deadline->heap_index, count = loop->heap.count;
    for (size_t child; (child = index * 2) <= count; index = child) {
        if (child < count && loop->heap.items[child]->at < loop->heap.items[child - 1]->at) child++;
        struct loop_deadline *least = loop->heap.items[child - 1];
        if (deadline->at <= least->at) break;
        heap_place(loop, least, (uint32_t)index);
    }
    heap_place(loop, deadline, (uint32_t)index);
}

static void heap_move(struct loop *loop, struct loop_deadline *deadline)
{
    heap_sift_up(loop, deadline);
    heap_sift_down(loop, deadline);
}

static void heap_remove(struct loop *loop, struct loop_deadline *deadline)
{
    uint32_t index = deadline->heap_index;
    struct loop_deadline *last = loop->heap.items[--loop->heap.count];
    deadline->heap_index = 0;
    if (last == deadline) return;
    heap_place(loop, last, index);
    heap_move(loop, last);
}

static usec_t heap_earliest(const struct loop *loop)
{
    return loop->heap.count > 0 ? loop->heap.items[0]->at : USEC_INFINITY;
}

/* ---- sources ---- */

static int epoll_control(struct loop *loop, int operation, const struct slot *slot, uint32_t events)
{
    struct epoll_event event = {
        .events = events,
        .data.u64 = (uint64_t)slot->generation << 32 | (uint64_t)(slot - loop->slots.items),
    };
    return epoll_ctl(loop->epoll.n, operation, slot->fd, &event) < 0 ? -errno : 0;
}

static int slot_take(struct loop *loop, uint32_t *ret_index)
{
    if (loop->free_slot == 0) {
        if (loop->slots.count >= UINT32_MAX) return -ENOMEM;
        int r = vec_push(&loop->slots, ((struct slot){ .fd = -EBADF }));
        if (r < 0) return r;
        *ret_index = (uint32_t)(loop->slots.count - 1);
        return 0;
    }
    *ret_index = loop->free_slot;
    loop->free_slot = loop->slots.items[loop->free_slot].events;
    return 0;
}

static void slot_release(struct loop *loop, uint32_t index)
{
    struct slot *slot = &loop->slots.items[index];
    slot->fn = NULL;
    slot->fd = -EBADF;
    slot->generation++;
    slot->events = loop->free_slot;
    loop->free_slot = index;
}

static struct slot *slot_of(struct loop *loop, loop_io io)
{
    if (io == LOOP_IO_NONE || io >= loop->slots.count || !loop->slots.items[io].fn) return NULL;
    return &loop->slots.items[io];
}

/* ---- a round ---- */

/* A round must see every ready source, or one that waits in the kernel's list would miss its turn: a notification
 * behind 256 others would be drained after the exit it precedes. Without memory the array stays as it is. */
static void events_reserve(struct loop *loop)
{
    size_t capacity = loop->events_capacity;
    if (capacity >= loop->slots.count) return;
    while (capacity < loop->slots.count) capacity *= 2;
    struct epoll_event *events = realloc(loop->events, capacity * sizeof *events);
    if (!events) return;
    loop->events = events;
    loop->events_capacity = capacity;
}

static int timer_arm(struct loop *loop, usec_t at)
{
    struct itimerspec spec = { 0 }; /* all zero disarms */
    if (at != USEC_INFINITY) {
        spec.it_value.tv_sec = (time_t)(at / USEC_PER_SEC);
        spec.it_value.tv_nsec = (long)(at % USEC_PER_SEC * 1000);
    }
    if (timerfd_settime(loop->timer.n, TFD_TIMER_ABSTIME, &spec, NULL) < 0) return -errno;
    loop->armed = at;
    return 0;
}

static void timer_drain(struct loop *loop)
{
    uint64_t expirations;
    ssize_t n = read(loop->timer.n, &expirations, sizeof expirations);
    if (n > 0) loop->armed = USEC_INFINITY; /* EAGAIN: it was set anew in the meantime */
}

static int poll_events(struct loop *loop, int timeout)
{
    int room = (int)MIN_OF(loop->events_capacity, (size_t)INT_MAX / sizeof *loop->events);
    int n = epoll_wait(loop->epoll.n, loop->events, room, timeout);
    /* We were stopped, perhaps: what happened meanwhile comes before what has become due. */
    if (n < 0 && errno == EINTR && timeout != 0) n = epoll_wait(loop->epoll.n, loop->events, room, 0);
    if (n < 0 && errno != EINTR) return -errno;
    loop->n_ready = n > 0 ? (size_t)n : 0; /* EINTR: a round without events */
    return n < 0 ? 1 : n;
}

static int wait_events(struct loop *loop, bool block)
{
    usec_t earliest = heap_earliest(loop);
    if (!block || earliest <= monotonic_now()) return poll_events(loop, 0);
    if (earliest > loop->armed) {
        /* Set too early. While there is work the timer may stay so; it must not end the wait of an idle loop. */
        int n = poll_events(loop, 0);
        if (n != 0) return n;
    }
    if (earliest != loop->armed) {
        int r = timer_arm(loop, earliest);
        if (r < 0) return r;
    }
    return poll_events(loop, -1);
}

/* Callbacks add and remove sources: everything is looked up anew by index, and copied before the call. */
static void run_priority(struct loop *loop, enum loop_priority priority)
{
    for (size_t i = 0; i < loop->n_ready; i++) {
        uint32_t index = (uint32_t)loop->events[i].data.u64;
        struct slot slot = loop->slots.items[index];
        if (!slot.fn || slot.generation != (uint32_t)(loop->events[i].data.u64 >> 32)) continue;
        if (slot.priority != priority) continue;
        uint32_t events = loop->events[i].events & (slot.events | EPOLLERR | EPOLLHUP);
        if (slot.events == 0 || events == 0) continue; /* paused or narrowed earlier in this round */
        slot.fn(slot.fd, events, slot.userdata);
    }
}

static void run_deadlines(struct loop *loop)
{
    loop->firing = true;
    loop->firing_until = loop->now;
    while (heap_earliest(loop) <= loop->firing_until) {
        struct loop_deadline *deadline = loop->heap.items[0];
        heap_remove(loop, deadline);
        deadline->fn(deadline->userdata);
    }
    loop->firing = false;
}

/* ---- public ---- */

static int loop_init(struct loop *loop)
{
    int r = vec_push(&loop->slots, ((struct slot){ .fd = -EBADF })); /* slot 0: the timerfd, and LOOP_IO_NONE */
    if (r < 0) return r;
    loop->events_capacity = EVENTS_MIN;
    loop->events = malloc(EVENTS_MIN * sizeof *loop->events);
    if (!loop->events) return -ENOMEM;
    loop->epoll = fd_own(epoll_create1(EPOLL_CLOEXEC));
    if (!fd_is_open(&loop->epoll)) return -errno;
    loop->timer = fd_own(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!fd_is_open(&loop->timer)) return -errno;
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0 };
    if (epoll_ctl(loop->epoll.n, EPOLL_CTL_ADD, loop->timer.n, &event) < 0) return -errno;
    loop->now = monotonic_now();
    return 0;
}

int loop_new(struct loop **ret_loop)
{
    AUTO(loop_free) struct loop *loop = calloc(1, sizeof *loop);
    if (!loop) return -ENOMEM;
    loop->epoll = loop->timer = FD_NONE;
    loop->armed = USEC_INFINITY;
    int r = loop_init(loop);
    if (r < 0) return r;
    *ret_loop = TAKE(loop);
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop) return;
    fd_close(&loop->timer);
    fd_close(&loop->epoll);
    vec_done(&loop->slots);
    vec_done(&loop->heap);
    free(loop->events);
    free(loop);
}

int loop_io_add(struct loop *loop, int fd, uint32_t events, enum loop_priority priority, loop_io_fn *fn, void *userdata,
                loop_io *ret_io)
{
    uint32_t index;
    int r = slot_take(loop, &index);
    if (r < 0) return r;
    struct slot *slot = &loop->slots.items[index];
    slot->fn = fn;
    slot->userdata = userdata;
    slot->fd = fd;
    slot->events = events;
    slot->priority = priority;
    /* Added even when it begins paused, so that -EPERM and -EBADF are told here. */
    r = epoll_control(loop, EPOLL_CTL_ADD, slot, events);
    if (r == 0 && events == 0) r = epoll_control(loop, EPOLL_CTL_DEL, slot, 0);
    if (r < 0) {
        slot_release(loop, index);
        return r;
    }
    *ret_io = index;
    return 0;
}

int loop_io_modify(struct loop *loop, loop_io io, uint32_t events)
{
    struct slot *slot = slot_of(loop, io);
    if (!slot) return -EINVAL;
    if (slot->events == events) return 0;
    int operation = slot->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    int r = epoll_control(loop, operation, slot, events);
    if (r == 0) slot->events = events;
    return r;
}

void loop_io_remove(struct loop *loop, loop_io *io)
{
    struct slot *slot = slot_of(loop, *io);
    if (slot) {
        if (slot->events != 0) (void)epoll_control(loop, EPOLL_CTL_DEL, slot, 0); /* closed already: gone already */
        slot_release(loop, *io);
    }
    *io = LOOP_IO_NONE;
}

int loop_deadline_set(struct loop *loop, struct loop_deadline *deadline, usec_t at, loop_deadline_fn *fn,
                      void *userdata)
{
    if (at == USEC_INFINITY) {
        loop_deadline_clear(loop, deadline);
        return 0;
    }
    if (loop->firing && at <= loop->firing_until) at = loop->firing_until + 1;
    if (!loop_deadline_is_set(deadline)) {
        if (loop->heap.count >= UINT32_MAX) return -ENOMEM;
        int r = vec_push(&loop->heap, deadline);
        if (r < 0) return r;
        deadline->heap_index = (uint32_t)loop->heap.count;
    }
    deadline->at = at;
    deadline->fn = fn;
    deadline->userdata = userdata;
    heap_move(loop, deadline);
    return 0;
}

void loop_deadline_clear(struct loop *loop, struct loop_deadline *deadline)
{
    if (loop_deadline_is_set(deadline)) heap_remove(loop, deadline);
}

void loop_ask_first(struct loop *loop, loop_ask_fn *fn, void *userdata)
{
    loop->ask = fn;
    loop->ask_userdata = userdata;
}

usec_t loop_now(const struct loop *loop)
{
    return loop->now;
}

void loop_refresh_now(struct loop *loop)
{
    loop->now = monotonic_now();
}

int loop_wait(struct loop *loop, bool block)
{
    events_reserve(loop);
    int r = wait_events(loop, block);
    if (r < 0) return r;
    loop_refresh_now(loop);
    if (loop->n_ready > 0 && loop->ask && loop->ask(loop->ask_userdata)) return 0;
    for (size_t i = 0; i < loop->n_ready; i++)
        if (loop->events[i].data.u64 == 0) timer_drain(loop);
    for (unsigned p = 0; p < LOOP_PRIORITY_COUNT; p++) run_priority(loop, (enum loop_priority)p);
    run_deadlines(loop);
    return 0;
}
