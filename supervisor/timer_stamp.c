#include "supervisor/timer_stamp.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "supervisor/clock_watch.h"
#include "supervisor/file_helper.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "supervisor/timer.h"
#include "supervisor/unit_type.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static int stamp_path(const char *directory, const char *unit, struct str *out)
{
    return str_appendf(out, "%s/timers/stamp-%s", directory, unit);
}

static int make_parents(char *path)
{
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        int r = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
        *slash = '/';
        if (r < 0) return r;
    }
    return 0;
}

static int set_time(const char *path, usec_t realtime)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
    if (realtime > 0)
        times[0] = times[1] =
            (struct timespec){ (time_t)(realtime / USEC_PER_SEC), (long)(realtime % USEC_PER_SEC * 1000) };
    return utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int make_stamp(char *path, usec_t realtime)
{
    AUTO_FD struct fd fd = FD_NONE;
    int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, r = fd_openat(AT_FDCWD, path, flags, 0644, &fd);
    if (r == -ENOENT) {
        r = make_parents(path);
        if (r == 0) r = fd_openat(AT_FDCWD, path, flags, 0644, &fd);
    }
    return r < 0 || realtime == 0 ? r : set_time(path, realtime);
}

int timer_stamp_update(const char *directory, const char *unit, usec_t realtime, usec_t *ret)
{
    AUTO_STR struct str path = STR_EMPTY;
    struct stat st;
    *ret = 0;
    int r = stamp_path(directory, unit, &path);
    if (r < 0) return r;
    if (realtime > 0 || lstat(path.data, &st) < 0) {
        if (realtime == 0 && errno != ENOENT) return -errno;
        return make_stamp(path.data, realtime);
    }
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    if (st.st_mtim.tv_sec > 0) *ret = (usec_t)st.st_mtim.tv_sec * USEC_PER_SEC + (usec_t)st.st_mtim.tv_nsec / 1000;
    bool to_come = *ret > (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
    return to_come ? set_time(path.data, 0) : 0;
}

/* ---- by a file helper where that is needed ---- */

struct stamp_task {
    struct runtime *timer;
    usec_t realtime;
};

static int update(const struct stamp_task *task, usec_t *ret)
{
    return timer_stamp_update(task->timer->manager->options.state_dir, runtime_name(task->timer), task->realtime, ret);
}

static int run_task(void *argument, struct file_answer *answer)
{
    usec_t time;
    int r = update(argument, &time), appended = str_append_bytes(&answer->bytes, &time, sizeof time);
    return r < 0 ? r : appended;
}

static void tell_failure(const struct runtime *timer, int error)
{
    if (timers_say_once(timer->manager))
        log_warning("timer %s: %s/timers: %s: when timers ran is not kept", runtime_name(timer),
                    timer->manager->options.state_dir, strerror(-error));
}

static void read_done(int r, struct file_answer *answer, void *userdata)
{
    struct runtime *timer = userdata;
    usec_t time = 0;
    if (answer->bytes.length == sizeof time) memcpy(&time, answer->bytes.data, sizeof time);
    if (r < 0) tell_failure(timer, r);
    if (time > clock_realtime()) {
        log_warning("timer %s: its stamp is of a time to come; it is made to be of now", runtime_name(timer));
        time = 0;
    }
    timer_stamped(timer, time);
}

static void write_done(int r, struct file_answer *answer, void *userdata)
{
    (void)answer;
    if (r < 0) tell_failure(userdata, r);
}

/* Where its path may be touched, PID 1 does it; a copy otherwise. */
static void begin(struct runtime *timer, usec_t realtime, file_done_fn *done, struct file_request **ret_request)
{
    struct manager *m = timer->manager;
    struct file_answer answer = { .fds = NULL };
    struct stamp_task task = { timer, realtime }, *copy = NULL;
    AUTO_STR struct str path = STR_EMPTY;
    int r = stamp_path(m->options.state_dir, runtime_name(timer), &path);
    if (r == 0 && local_path_is(str_text(&path))) {
        r = run_task(&task, &answer);
    } else if (r == 0) {
        copy = malloc(sizeof *copy);
        if (copy) *copy = task;
        r = -ENOMEM;
        if (copy)
            r = file_helper_ask(m->file_helpers,
                                &(struct file_task){ .run = run_task,
                                                     .argument = copy,
                                                     .free_argument = free,
                                                     .keep_fd = -1,
                                                     .timeout = FILE_HELPER_TIMEOUT,
                                                     .done = done,
                                                     .userdata = timer },
                                ret_request);
        if (r == 0) return;
    }
    done(r, &answer, timer);
    file_answer_done(&answer);
}

void timer_stamp_read(struct runtime *timer, struct file_request **ret_request)
{
    begin(timer, 0, read_done, ret_request);
}

void timer_stamp_write(struct runtime *timer, usec_t realtime)
{
    begin(timer, realtime, write_done, NULL);
}
