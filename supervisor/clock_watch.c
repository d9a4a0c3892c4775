#include "supervisor/clock_watch.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/siphash.h"
#include "base/timezone.h"
#include "supervisor/file_helper.h"
#include "supervisor/local_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define ZONE_FOLDER "/etc"
#define ZONE_FILE   "localtime"
/* Of a zone file; the largest of tzdata has 4 KiB. */
#define ZONE_SIZE_MAX FILE_ANSWER_SIZE_MAX
/* A deadline that is none: the kernel tells that the clock was set only while the timer is armed. */
#define FAR_AWAY ((time_t)INT32_MAX * 64)

struct clock_watch {
    struct loop *loop;
    struct file_helpers *helpers;
    struct zones *zones;
    const struct zone *zone;
    const char *path; /* of the zone's file */
    const struct clock_watch_hooks *hooks;
    void *userdata;
    struct fd timer, inotify;
    loop_io timer_io, inotify_io;
    usec_t armed;
    bool was_set;                 /* to be told by the next round */
    struct file_request *request; /* the zone is being read */
    bool again;                   /* and has changed since */
    bool unknown;                 /* it was never read */
    uint64_t zone_hash;
};

usec_t clock_realtime(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

/* ---- the deadline, and the setting of the clock ---- */

static int timer_set(struct clock_watch *w, usec_t at)
{
    struct itimerspec spec = { .it_value.tv_sec = FAR_AWAY };
    if (at < (usec_t)FAR_AWAY * USEC_PER_SEC) {
        at = MAX_OF(at, 1U); /* zero would disarm */
        spec.it_value.tv_sec = (time_t)(at / USEC_PER_SEC);
        spec.it_value.tv_nsec = (long)(at % USEC_PER_SEC * 1000);
    }
    int r = timerfd_settime(w->timer.n, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL);
    return r < 0 ? -errno : 0;
}

void clock_watch_arm(struct clock_watch *w, usec_t realtime)
{
    if (w->armed == realtime) return;
    w->armed = realtime;
    int r = w->was_set ? 0 : timer_set(w, realtime);
    if (r == -ECANCELED) {
        /* The clock was set since the last call, which the kernel tells once. It is for the loop to hear, not for who
         * calls here: the timer elapses at once. */
        w->was_set = true;
        r = timer_set(w, 1);
    }
    if (r < 0 && r != -ECANCELED) log_error("timers: timerfd_settime: %s", strerror(-r));
}

static void on_timer(int fd, uint32_t events, void *userdata)
{
    struct clock_watch *w = userdata;
    uint64_t expirations;
    (void)events;
    ssize_t n = read(fd, &expirations, sizeof expirations);
    if (n < 0 && errno != ECANCELED) return;
    bool was_set = n < 0 || w->was_set;
    w->was_set = false;
    w->armed = 0; /* what is armed next is another time */
    if (was_set)
        w->hooks->was_set(w->userdata);
    else
        w->hooks->due(w->userdata);
    if (w->armed == 0) clock_watch_arm(w, USEC_INFINITY);
}

/* ---- the zone ---- */

static int read_zone(void *argument, struct file_answer *answer)
{
    const struct clock_watch *w = argument;
    char *data = NULL;
    size_t size = 0;
    int r = file_read(AT_FDCWD, w->path, ZONE_SIZE_MAX, &data, &size);
    if (r == 0) r = str_append_bytes(&answer->bytes, data, size);
    free(data);
    return r;
}

/* 1: it is another one. */
static int take_zone(struct clock_watch *w, const struct str *bytes)
{
    static const uint64_t key[2] = { 0, 0 };
    uint64_t hash = bytes->length > 0 ? siphash24(bytes->data, bytes->length, key) : 0;
    if (w->zone && hash == w->zone_hash) return 0;
    int r = zones_local_from(w->zones, bytes->data, bytes->length, &w->zone);
    if (r < 0) return r;
    w->zone_hash = hash;
    return 1;
}

static void look_at_zone(struct clock_watch *w);

static void on_zone_read(int r, struct file_answer *answer, void *userdata)
{
    struct clock_watch *w = userdata;
    w->request = NULL;
    if (r == 0 || r == -ENOENT) r = take_zone(w, &answer->bytes);
    if (r < 0) log_warning("timers: %s: %s: the time zone stays", w->path, strerror(-r));
    bool again = w->again;
    w->again = false;
    if (again) look_at_zone(w);
    bool first = w->unknown;
    w->unknown = false;
    if (r > 0) w->hooks->zone_changed(first, w->userdata);
}

static void look_at_zone(struct clock_watch *w)
{
    struct file_task task = { .run = read_zone,
                              .argument = w,
                              .keep_fd = -1,
                              .timeout = FILE_HELPER_TIMEOUT,
                              .done = on_zone_read,
                              .userdata = w };
    if (w->request) {
        w->again = true;
        return;
    }
    int r = file_helper_ask(w->helpers, &task, &w->request);
    if (r < 0) log_warning("timers: the time zone stays: %s", strerror(-r));
}

static void on_folder(int fd, uint32_t events, void *userdata)
{
    union {
        struct inotify_event event;
        char bytes[4096];
    } buffer;
    struct clock_watch *w = userdata;
    bool changed = false;
    (void)events;
    for (ssize_t n; (n = read(fd, &buffer, sizeof buffer)) > 0;) {
        const struct inotify_event *event;
        for (const char *at = buffer.bytes; at < buffer.bytes + n; at += sizeof *event + event->len) {
            event = (const struct inotify_event *)(const void *)at;
            changed |= (event->mask & IN_Q_OVERFLOW) || (event->len > 0 && strcmp(event->name, ZONE_FILE) == 0);
        }
    }
    if (changed) look_at_zone(w);
}

static int watch_zone(struct clock_watch *w)
{
    w->inotify = fd_own(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!fd_is_open(&w->inotify)) return -errno;
    if (inotify_add_watch(w->inotify.n, ZONE_FOLDER,
                          IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR) < 0)
        return -errno;
    return loop_io_add(w->loop, w->inotify.n, EPOLLIN, LOOP_NORMAL, on_folder, w, &w->inotify_io);
}

/* TZ= as tzset(3) takes it: a rule and a name cost nothing to look for, a path may lead anywhere. */
static int first_zone(struct clock_watch *w, const char *tz)
{
    struct file_answer answer = { .fds = NULL };
    const char *path = tz ? tz + (*tz == ':') : NULL;
    if (path && *path != '/') return zones_local(w->zones, tz, &w->zone);
    w->path = path ? path : ZONE_FOLDER "/" ZONE_FILE;
    int r = path ? 0 : watch_zone(w);
    if (r < 0) log_warning("timers: changes of the time zone are not seen: %s", strerror(-r));
    w->unknown = !local_path_is(w->path);
    if (!w->unknown) IGNORE_RESULT(read_zone(w, &answer)); /* there is none, or none that can be read: UTC */
    r = take_zone(w, &answer.bytes);
    file_answer_done(&answer);
    if (w->unknown) {
        log_debug("timers: the time zone is read by a file helper");
        look_at_zone(w);
    }
    return MIN_OF(r, 0);
}

/* ---- public ---- */

int clock_watch_new(struct loop *loop, struct file_helpers *helpers, struct zones *zones, const char *tz,
                    const struct clock_watch_hooks *hooks, void *userdata, struct clock_watch **ret)
{
    AUTO(clock_watch_free) struct clock_watch *w = calloc(1, sizeof *w);
    if (!w) return -ENOMEM;
    *w = (struct clock_watch){ .loop = loop, .helpers = helpers, .zones = zones, .hooks = hooks, .userdata = userdata };
    w->inotify = FD_NONE;
    w->timer = fd_own(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!fd_is_open(&w->timer)) return -errno;
    int r = loop_io_add(loop, w->timer.n, EPOLLIN, LOOP_NORMAL, on_timer, w, &w->timer_io);
    if (r == 0) r = first_zone(w, tz);
    if (r < 0) return r;
    clock_watch_arm(w, USEC_INFINITY);
    *ret = TAKE(w);
    return 0;
}

void clock_watch_free(struct clock_watch *w)
{
    if (!w) return;
    file_helper_cancel(&w->request);
    loop_io_remove(w->loop, &w->timer_io);
    loop_io_remove(w->loop, &w->inotify_io);
    fd_close(&w->timer);
    fd_close(&w->inotify);
    free(w);
}

const struct zone *clock_watch_zone(const struct clock_watch *w)
{
    return w->zone;
}
