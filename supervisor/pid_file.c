#include "supervisor/pid_file.h"

#include "base/log.h"
#include "base/parse.h"
#include "supervisor/file_helper.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define PID_FILE_SIZE_MAX 64

/* What one look at the file found. */
struct pid_look {
    uint32_t pid; /* 0: there is no file, or it is not written to its end yet */
    int wd;       /* watch descriptor of its directory, or of the nearest parent that exists; -errno */
};

struct pid_file {
    struct fd inotify; /* opened when the first look found nothing */
    loop_io io;
    int wd; /* what it watches now */
    struct file_request *request;
    bool answered; /* the helper's answer is in r and look */
    bool again;    /* something changed while the helper looked */
    int r;
    struct pid_look look;
};

void pid_file_forget(struct service *s)
{
    struct pid_file *file = s->pid_file;
    if (!file) return;
    s->pid_file = NULL;
    file_helper_cancel(&file->request);
    loop_io_remove(s->base.manager->loop, &file->io);
    fd_close(&file->inotify);
    free(file);
}

/* ---- one look ---- */

static int watch_nearest(int inotify, const char *path)
{
    char directory[PATH_MAX];
    if (strlen(path) >= sizeof directory) return -ENAMETOOLONG;
    memcpy(directory, path, strlen(path) + 1);
    for (;;) {
        char *slash = strrchr(directory, '/');
        if (!slash) return -EINVAL;
        slash[slash == directory ? 1 : 0] = '\0';
        int wd =
            inotify_add_watch(inotify, directory, IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MODIFY | IN_ONLYDIR);
        if (wd >= 0) return wd;
        if (errno != ENOENT || slash == directory) return -errno;
    }
}

/* The watch comes first, so that what is written after the look is told. */
static int look(const struct service *s, struct pid_look *ret)
{
    const char *path = service_settings(s)->pid_file;
    char *data = NULL;
    size_t size = 0;
    *ret = (struct pid_look){ .wd = -EBADF };
    if (fd_is_open(&s->pid_file->inotify)) ret->wd = watch_nearest(s->pid_file->inotify.n, path);
    int r = file_read(AT_FDCWD, path, PID_FILE_SIZE_MAX, &data, &size);
    if (r < 0) return r == -ENOENT ? 0 : r;
    data[strcspn(data, " \t\r\n")] = '\0';
    if (parse_u32(data, 1, INT32_MAX, &ret->pid) < 0) ret->pid = 0;
    free(data);
    return 0;
}

static int look_task(void *argument, struct file_answer *answer)
{
    struct pid_look found;
    int r = look(argument, &found);
    return r < 0 ? r : str_append_bytes(&answer->bytes, &found, sizeof found);
}

static void on_looked(int r, struct file_answer *answer, void *userdata)
{
    struct service *s = userdata;
    struct pid_file *file = s->pid_file;
    file->request = NULL;
    file->answered = true;
    file->r = r == 0 && answer->bytes.length != sizeof file->look ? -EBADMSG : r;
    if (file->r == 0) memcpy(&file->look, answer->bytes.data, sizeof file->look);
    service_post(s, SERVICE_EVENT_PID_FILE);
}

/* 1: the answer is in file->look. 0: it will be. */
static int ask(struct service *s)
{
    struct pid_file *file = s->pid_file;
    int r = 0;
    if (file->request) {
        file->again = true;
        return 0;
    }
    if (file->answered) {
        file->answered = false;
        return file->r < 0 ? file->r : 1;
    }
    file->again = false;
    if (local_path_is(service_settings(s)->pid_file)) {
        r = look(s, &file->look);
        return r < 0 ? r : 1;
    }
    struct file_task task = { .run = look_task,
                              .argument = s,
                              .keep_fd = file->inotify.n,
                              .timeout = MIN_OF(service_settings(s)->timeout_start, FILE_HELPER_TIMEOUT),
                              .done = on_looked,
                              .userdata = s };
    log_debug("unit %s: PIDFile= is looked at by a file helper", service_name(s));
    return file_helper_ask(s->base.manager->file_helpers, &task, &file->request);
}

/* ---- waiting for it ---- */

static void on_change(int fd, uint32_t events, void *userdata)
{
    char buffer[4096];
    (void)events;
    /* Which name it was does not matter, the file is read. Once: a directory in which much happens has always more. */
    IGNORE_RESULT(read(fd, buffer, sizeof buffer));
    service_post(userdata, SERVICE_EVENT_PID_FILE);
}

static int open_watch(struct service *s)
{
    struct pid_file *file = s->pid_file;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0) return -errno;
    file->inotify = fd_own(fd);
    file->wd = -EBADF;
    return loop_io_add(s->base.manager->loop, fd, EPOLLIN, LOOP_NORMAL, on_change, s, &file->io);
}

/* The look found nothing: another follows where the watch is new, or something happened meanwhile. */
static int wait_for_change(struct service *s)
{
    struct pid_file *file = s->pid_file;
    if (!fd_is_open(&file->inotify)) {
        int r = open_watch(s);
        if (r < 0) return r;
    } else if (file->look.wd < 0) {
        return file->look.wd;
    } else if (file->look.wd == file->wd && !file->again) {
        log_debug("unit %s: PIDFile=%s does not name a process of the unit yet", service_name(s),
                  service_settings(s)->pid_file);
        return 0;
    } else {
        file->wd = file->look.wd;
    }
    service_post(s, SERVICE_EVENT_PID_FILE);
    return 0;
}

int pid_file_find(struct service *s, pid_t *ret_pid)
{
    struct procs_table *procs = s->base.manager->procs;
    if (!s->pid_file) {
        s->pid_file = calloc(1, sizeof *s->pid_file);
        if (!s->pid_file) return -ENOMEM;
        s->pid_file->inotify = FD_NONE;
    }
    int r = ask(s);
    if (r <= 0) return r;
    pid_t pid = (pid_t)s->pid_file->look.pid;
    r = pid > 0 ? procs_contains(procs, &s->procs, pid) : 0;
    if (r == 0) return wait_for_change(s);
    if (r > 0) *ret_pid = pid;
    return r;
}
