#include "supervisor/proxy_worker.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pid1/reaper.h"
#include "supervisor/child_proxy.h"
#include "supervisor/clone.h"
#include "supervisor/manager.h"

#define REPORTS_MAX    16   /* in one round */
#define LAST_WORDS_MAX 4096 /* of one that has ended: more than its socket holds */

struct proxy_worker {
    struct manager *manager;
    struct proxy_worker_hooks hooks;
    void *userdata;
    pid_t pid;
    struct fd pidfd, channel;
    loop_io io;
    struct child_proxy *child; /* a mapping, with the child's stack at its end */
    size_t child_size;
};

/* ---- the process ---- */

static void read_reports(struct proxy_worker *w, unsigned max)
{
    for (unsigned i = 0; i < max; i++) {
        struct proxy_report report;
        ssize_t n = proxy_channel_receive(w->channel.n, &report, sizeof report, NULL);
        if (n == -EAGAIN) return;
        if (n == -ECONNRESET) continue; /* it ended before it had read all orders; told once, and before what it said */
        if (n > 0 && proxy_report_check(&report, (size_t)n) == 0) {
            w->hooks.on_report(w, &report, w->userdata);
            continue;
        }
        loop_io_remove(w->manager->loop, &w->io);
        if (n > 0) proxy_worker_kill(w); /* it speaks nonsense; otherwise its exit is on the way */
        return;
    }
}

static void on_channel(int fd, uint32_t events, void *userdata)
{
    (void)fd;
    (void)events;
    read_reports(userdata, REPORTS_MAX);
}

static void worker_release(struct proxy_worker *w)
{
    loop_io_remove(w->manager->loop, &w->io);
    fd_close(&w->channel);
    fd_close(&w->pidfd);
    if (w->child && w->pid == 0) (void)munmap(w->child, w->child_size);
    free(w);
}

static void on_exit_of_worker(const struct child_exit *exit, void *userdata)
{
    struct proxy_worker *w = userdata;
    w->pid = 0;
    if (w->io != LOOP_IO_NONE) read_reports(w, LAST_WORDS_MAX);
    w->hooks.on_exit(w, exit, w->userdata);
    worker_release(w);
}

/* What the child lives on until its exec; it stays until it is sure that there is no child on it. */
static int make_child(struct proxy_worker *w, const char *name, const int *listeners, uint32_t n_listeners, int channel)
{
    size_t size = CHILD_PROXY_STACK + sizeof *w->child + 2 * (size_t)n_listeners * sizeof *listeners;
    w->child_size = (size + 15) & ~(size_t)15; /* a stack begins so */
    void *memory = mmap(NULL, w->child_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return -ENOMEM;
    w->child = memory;
    w->child->channel = channel;
    w->child->program = w->manager->program.n;
    w->child->n_listeners = n_listeners;
    (void)snprintf(w->child->name, sizeof w->child->name, "%s", name);
    for (uint32_t i = 0; i < n_listeners; i++) w->child->listeners[i] = listeners[i];
    return 0;
}

static int make_process(struct proxy_worker *w)
{
    int pidfd = -EBADF;
    if (w->child->program < 0) return -ENOEXEC;
    long stack = (long)w->child + (long)w->child_size;
    long pid = clone_enter(SYS_clone, CLONE_VM | CLONE_PIDFD | SIGCHLD, stack, (long)&pidfd, child_proxy_run, w->child);
    if (pid < 0) return (int)pid;
    w->pid = (pid_t)pid;
    w->pidfd = fd_own(pidfd);
    int r = reaper_add(w->manager->reaper, w->pid, on_exit_of_worker, w);
    if (r < 0) proxy_worker_kill(w);
    return r;
}

int proxy_worker_start(struct manager *manager, const char *name, const struct proxy_config *config,
                       const int *listeners, const struct proxy_worker_hooks *hooks, void *userdata,
                       struct proxy_worker **ret_worker)
{
    AUTO_FD struct fd theirs = FD_NONE;
    int ends[2];
    struct proxy_worker *w = calloc(1, sizeof *w);
    if (!w) return -ENOMEM;
    *w = (struct proxy_worker){
        .manager = manager, .hooks = *hooks, .userdata = userdata, .pidfd = FD_NONE, .channel = FD_NONE
    };
    int r = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
    if (r == 0) {
        w->channel = fd_own(ends[0]);
        theirs = fd_own(ends[1]);
        r = proxy_channel_send(w->channel.n, config, sizeof *config, -1);
    }
    if (r == 0) r = loop_io_add(manager->loop, w->channel.n, EPOLLIN, LOOP_NORMAL, on_channel, w, &w->io);
    if (r == 0) r = make_child(w, name, listeners, config->n_listeners, theirs.n);
    if (r == 0) r = make_process(w);
    if (r < 0) {
        worker_release(w);
        return r;
    }
    *ret_worker = w;
    return 0;
}

/* ---- public ---- */

void proxy_worker_order(struct proxy_worker *w, const struct proxy_order *order, int passed_fd)
{
    int r = proxy_channel_send(w->channel.n, order, sizeof *order, passed_fd);
    if (r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM) proxy_worker_kill(w); /* another: its exit is on the way */
}

void proxy_worker_kill(struct proxy_worker *w)
{
    if (w->pid <= 0) return;
    bool refused = syscall(SYS_pidfd_send_signal, w->pidfd.n, SIGKILL, NULL, 0) < 0 && errno != ESRCH;
    if (refused) (void)kill(w->pid, SIGKILL); /* nobody else can have that number: we have not collected it */
}

void proxy_worker_free(struct proxy_worker *w)
{
    if (!w) return;
    proxy_worker_kill(w);
    if (w->pid > 0) reaper_remove(w->manager->reaper, w->pid); /* collected as an orphan */
    worker_release(w);
}

pid_t proxy_worker_pid(const struct proxy_worker *w)
{
    return w->pid;
}
