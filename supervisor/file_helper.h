/* supervisor/file_helper.h - what touches a path that may not answer is done by a short-lived copy of PID 1.
 *
 * A dead network server or a FUSE file system without its daemon holds whoever looks a path up, and O_NONBLOCK does
 * nothing about it. So a path that local_path_is() does not vouch for is handed to a copy of PID 1 (a copying clone,
 * which holds no descriptor of ours but the way back), with a deadline. It answers once, with bytes and descriptors.
 * One that misses the deadline gets SIGKILL and is left alone: it may stay in the kernel for as long as the server is
 * away, and keeps one of the FILE_HELPERS_MAX places meanwhile. What finds no place waits for one, within its deadline.
 * Local paths do not come here: the caller runs the same function itself, at once.
 * Source: ARCHITECTURE.md "One loop, never blocking"; clone(2), unix(7) SCM_RIGHTS; K72. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "base/str.h"

struct loop;
struct reaper;
struct file_helpers;
struct file_request;

#define FILE_HELPERS_MAX     32
#define FILE_ANSWER_SIZE_MAX ((size_t)64 << 10)
#define FILE_ANSWER_FDS_MAX  253 /* what one message may carry: SCM_MAX_FD */
/* How long a path may take where no setting of the unit says less: systemd's default for starting anything. */
#define FILE_HELPER_TIMEOUT (90 * USEC_PER_SEC)

/* Zeroed is an empty one. */
struct file_answer {
    struct str bytes;
    struct fd *fds; /* owned; take with fd_take() what shall outlive the answer */
    size_t n_fds;
};
void file_answer_done(struct file_answer *answer);
/* Owns the descriptor, also on failure. 0 or -ENOMEM. */
MUST_CHECK int file_answer_add_take(struct file_answer *answer, struct fd fd);

/* Runs in the copy, where everything PID 1 knew can be read and nothing that is written is seen by PID 1; or in PID 1
 * itself. >= 0 or -errno, which done() gets. */
typedef int file_task_fn(void *argument, struct file_answer *answer);
/* Called once, from the loop. `r` is the function's, or -ETIMEDOUT, -EIO: the copy ended without an answer, or what
 * kept us from making it. The request is gone. */
typedef void file_done_fn(int r, struct file_answer *answer, void *userdata);
struct file_task {
    file_task_fn *run;
    void *argument;                        /* read when the copy is made, at the latest at the deadline */
    void (*free_argument)(void *argument); /* NULL: the caller's. Called when the request is over, in any way */
    int keep_fd;                           /* a descriptor that the copy keeps, -1: none */
    usec_t timeout;
    file_done_fn *done; /* NULL: nobody waits for the answer */
    void *userdata;
};

MUST_CHECK int file_helpers_new(struct loop *loop, struct reaper *reaper, struct file_helpers **ret_helpers);
/* Kills what is under way; nobody is called back. NULL is fine. */
void file_helpers_free(struct file_helpers *helpers);
DEFINE_AUTO(struct file_helpers, file_helpers_free)
/* 0, and *ret_request (may be NULL) is valid until done() is called; -ENOMEM. */
MUST_CHECK int file_helper_ask(struct file_helpers *helpers, const struct file_task *task,
                               struct file_request **ret_request);
/* Forgets a request, kills its copy; *request becomes NULL, and may be NULL. */
void file_helper_cancel(struct file_request **request);
/* Copies that have not been reaped, and requests that wait for a place. */
size_t file_helpers_running(const struct file_helpers *helpers);
size_t file_helpers_waiting(const struct file_helpers *helpers);
