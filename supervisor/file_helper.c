#include "supervisor/file_helper.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/loop.h"
#include "pid1/reaper.h"
#include "supervisor/clone.h"

#define DESCRIPTORS_AT_MOST 65536U /* closed one by one where close_range(2) is missing */

TAILQ_HEAD(request_list, file_request);

struct file_request {
    TAILQ_ENTRY(file_request) link; /* in `waiting`, or in `running` until its copy is reaped */
    struct file_helpers *helpers;
    struct file_task task;
    bool is_over; /* answered, out of time or cancelled: only the reaping is left */
    pid_t pid;    /* 0: waits for a place */
    struct fd pidfd, answer;
    loop_io io;
    struct loop_deadline deadline;
};

struct file_helpers {
    struct loop *loop;
    struct reaper *reaper;
    struct request_list waiting, running;
    size_t n_waiting, n_running;
};

/* ---- answers ---- */

struct answer_head {
    int32_t result;
};
struct answer_control {
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(FILE_ANSWER_FDS_MAX * sizeof(int))];
};

void file_answer_done(struct file_answer *answer)
{
    str_done(&answer->bytes);
    for (size_t i = 0; i < answer->n_fds; i++) fd_close(&answer->fds[i]);
    free(answer->fds);
    *answer = (struct file_answer){ .fds = NULL };
}

int file_answer_add_take(struct file_answer *answer, struct fd fd)
{
    struct fd *fds = reallocarray(answer->fds, answer->n_fds + 1, sizeof *fds);
    if (!fds) {
        fd_close(&fd);
        return -ENOMEM;
    }
    answer->fds = fds;
    answer->fds[answer->n_fds++] = fd;
    return 0;
}

static int answer_send(int socket, int result, const struct file_answer *answer)
{
    struct answer_head head = { .result = result };
    struct answer_control control;
    struct iovec parts[] = { { &head, sizeof head }, { answer->bytes.data, answer->bytes.length } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = answer->bytes.length > 0 ? 2 : 1 };
    if (answer->bytes.length > FILE_ANSWER_SIZE_MAX || answer->n_fds > FILE_ANSWER_FDS_MAX) return -E2BIG;
    if (answer->n_fds > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(answer->n_fds * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(answer->n_fds * sizeof(int));
        for (size_t i = 0; i < answer->n_fds; i++)
            memcpy(CMSG_DATA(rights) + i * sizeof(int), &answer->fds[i].n, sizeof(int));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int answer_take_fds(struct file_answer *answer, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        int r = 0;
        for (size_t i = 0; i < count; i++) {
            int number;
            memcpy(&number, CMSG_DATA(c) + i * sizeof number, sizeof number);
            int added = file_answer_add_take(answer, fd_own(number));
            if (r == 0) r = added;
        }
        if (r < 0) return r;
    }
    return message->msg_flags & MSG_CTRUNC ? -EMFILE : 0;
}

/* 1: it is there, *ret_result is the copy's. 0: the copy has ended without one. -EAGAIN: not yet. */
static int answer_receive(int socket, struct file_answer *answer, int *ret_result)
{
    struct answer_head head;
    struct answer_control control;
    ssize_t size = recv(socket, &head, sizeof head, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
    if (size < 0) return errno == ECONNRESET ? 0 : -errno;
    if (size < (ssize_t)sizeof head) return 0;
    char *bytes = malloc((size_t)size + 1);
    if (!bytes) return -ENOMEM;
    struct iovec part = { bytes, (size_t)size };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room
    };
    int r = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0 ? -errno : 0;
    if (r == 0) r = answer_take_fds(answer, &message);
    if (r == 0) r = str_append_bytes(&answer->bytes, bytes + sizeof head, (size_t)size - sizeof head);
    free(bytes);
    if (r < 0) return r;
    *ret_result = head.result;
    return 1;
}

/* ---- the copy ---- */

static void close_between(unsigned first, unsigned last)
{
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0) return;
    struct rlimit limit = { .rlim_cur = DESCRIPTORS_AT_MOST };
    (void)getrlimit(RLIMIT_NOFILE, &limit); /* on failure the preset stands */
    for (unsigned fd = first; fd <= last && fd < MIN_OF(limit.rlim_cur, DESCRIPTORS_AT_MOST); fd++)
        (void)close((int)fd); /* EBADF: not open */
}

/* A copy that hangs must not keep anything of ours alive: listeners, pipes, the console's other end. */
static void close_others(int socket, int keep_fd)
{
    unsigned low = (unsigned)socket, high = keep_fd > 2 ? (unsigned)keep_fd : low;
    if (low > high) {
        unsigned swap = low;
        low = high;
        high = swap;
    }
    close_between(3, low - 1);
    close_between(low + 1, high - 1);
    close_between(high + 1, ~0U);
}

struct copy {
    const struct file_task *task;
    int socket;
};

static void copy_main(void *userdata)
{
    const struct copy *copy = userdata;
    struct file_answer answer = { .fds = NULL };
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* cannot fail: where we are no PID 1 nobody else would end it */
    close_others(copy->socket, copy->task->keep_fd);
    int r = copy->task->run(copy->task->argument, &answer);
    int sent = answer_send(copy->socket, r, &answer);
    if (sent < 0) {
        struct file_answer nothing = { .fds = NULL };
        sent = answer_send(copy->socket, sent, &nothing);
    }
    _exit(sent < 0);
}

/* ---- requests ---- */

static void start_waiting(struct file_helpers *helpers);

/* Takes a request off its list. */
static void request_free(struct file_request *request)
{
    struct file_helpers *helpers = request->helpers;
    if (request->pid > 0) {
        TAILQ_REMOVE(&helpers->running, request, link);
        helpers->n_running--;
    } else {
        TAILQ_REMOVE(&helpers->waiting, request, link);
        helpers->n_waiting--;
    }
    fd_close(&request->pidfd);
    free(request);
}

/* Over for the owner. What is left of a running one is its reaping. */
static void request_end(struct file_request *request, bool kill)
{
    struct file_helpers *helpers = request->helpers;
    request->is_over = true;
    loop_io_remove(helpers->loop, &request->io);
    loop_deadline_clear(helpers->loop, &request->deadline);
    fd_close(&request->answer);
    if (request->task.free_argument) request->task.free_argument(request->task.argument);
    if (request->pid == 0)
        request_free(request);
    else if (kill) /* ESRCH: it has ended, the exit is on the way */
        (void)syscall(SYS_pidfd_send_signal, request->pidfd.n, SIGKILL, NULL, 0);
}

static void request_finish(struct file_request *request, int r, struct file_answer *answer)
{
    file_done_fn *done = request->task.done;
    void *userdata = request->task.userdata;
    request_end(request, r == -ETIMEDOUT);
    if (done) done(r, answer, userdata);
}

static void request_read(struct file_request *request, bool has_ended)
{
    struct file_answer answer = { .fds = NULL };
    int result = -EIO;
    int r = answer_receive(request->answer.n, &answer, &result);
    if (r == -EAGAIN && !has_ended) return;
    request_finish(request, r == -EAGAIN ? -EIO : r < 0 ? r : result, &answer);
    file_answer_done(&answer);
}

static void on_answer(int fd, uint32_t events, void *userdata)
{
    (void)fd, (void)events;
    request_read(userdata, false);
}

static void on_exit_of_copy(const struct child_exit *exit, void *userdata)
{
    struct file_request *request = userdata;
    struct file_helpers *helpers = request->helpers;
    (void)exit; /* the answer tells */
    if (!request->is_over) request_read(request, true);
    request_free(request);
    start_waiting(helpers);
}

static void on_deadline(void *userdata)
{
    struct file_answer answer = { .fds = NULL };
    request_finish(userdata, -ETIMEDOUT, &answer);
}

static int make_copy(struct file_request *request)
{
    AUTO_FD struct fd theirs = FD_NONE;
    struct file_helpers *helpers = request->helpers;
    int ends[2], pidfd = -EBADF;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
    request->answer = fd_own(ends[0]);
    theirs = fd_own(ends[1]);
    int r = loop_io_add(helpers->loop, request->answer.n, EPOLLIN, LOOP_NORMAL, on_answer, request, &request->io);
    if (r < 0) return r;
    struct copy copy = { .task = &request->task, .socket = theirs.n };
    long pid = clone_enter(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, (long)&pidfd, copy_main, &copy);
    if (pid < 0) return (int)pid;
    request->pidfd = fd_own(pidfd);
    r = reaper_add(helpers->reaper, (pid_t)pid, on_exit_of_copy, request);
    if (r < 0) { /* its exit would never be told: it must not live, and is an orphan's */
        (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        return r;
    }
    TAILQ_REMOVE(&helpers->waiting, request, link);
    helpers->n_waiting--;
    TAILQ_INSERT_TAIL(&helpers->running, request, link);
    helpers->n_running++;
    request->pid = (pid_t)pid;
    return 0;
}

static void start_waiting(struct file_helpers *helpers)
{
    struct file_request *request;
    while (helpers->n_running < FILE_HELPERS_MAX && (request = TAILQ_FIRST(&helpers->waiting))) {
        struct file_answer answer = { .fds = NULL };
        int r = make_copy(request);
        if (r < 0) request_finish(request, r, &answer);
    }
}

int file_helper_ask(struct file_helpers *helpers, const struct file_task *task, struct file_request **ret_request)
{
    struct file_request *request = calloc(1, sizeof *request);
    if (!request) {
        if (task->free_argument) task->free_argument(task->argument);
        return -ENOMEM;
    }
    request->helpers = helpers;
    request->task = *task;
    request->pidfd = request->answer = FD_NONE;
    TAILQ_INSERT_TAIL(&helpers->waiting, request, link);
    helpers->n_waiting++;
    int r = loop_deadline_set(helpers->loop, &request->deadline, usec_add(loop_now(helpers->loop), task->timeout),
                              on_deadline, request);
    if (r == 0 && helpers->n_running < FILE_HELPERS_MAX) r = make_copy(request);
    if (r < 0) {
        request_end(request, false);
        return r;
    }
    if (ret_request) *ret_request = request;
    return 0;
}

void file_helper_cancel(struct file_request **request)
{
    if (*request) request_end(*request, true);
    *request = NULL;
}

size_t file_helpers_running(const struct file_helpers *helpers)
{
    return helpers->n_running;
}

size_t file_helpers_waiting(const struct file_helpers *helpers)
{
    return helpers->n_waiting;
}

int file_helpers_new(struct loop *loop, struct reaper *reaper, struct file_helpers **ret_helpers)
{
    struct file_helpers *helpers = calloc(1, sizeof *helpers);
    if (!helpers) return -ENOMEM;
    helpers->loop = loop;
    helpers->reaper = reaper;
    TAILQ_INIT(&helpers->waiting);
    TAILQ_INIT(&helpers->running);
    *ret_helpers = helpers;
    return 0;
}

void file_helpers_free(struct file_helpers *helpers)
{
    if (!helpers) return;
    struct file_request *request;
    while ((request = TAILQ_FIRST(&helpers->waiting))) request_end(request, false);
    while ((request = TAILQ_FIRST(&helpers->running))) {
        if (!request->is_over) request_end(request, true);
        reaper_remove(helpers->reaper, request->pid);
        request_free(request);
    }
    free(helpers);
}
