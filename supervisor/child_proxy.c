#include "supervisor/child_proxy.h"

#include <linux/close_range.h>
#include <sys/prctl.h>

#include "socketact/proxy_channel.h"
#include "supervisor/sys.h"

static void place(int from, int to)
{
    int r = sys_dup3(from, to, 0);
    if (r < 0) sys_exit(-r);
}

/* First all go above the places, so that none is overwritten before it was moved. All are close-on-exec, but what is
 * placed. */
void child_proxy_run(void *userdata)
{
    struct child_proxy *c = userdata;
    int last = PROXY_LISTENERS_FD + (int)c->n_listeners, *moved = c->listeners + c->n_listeners;
    char *argv[] = { (char *)(uintptr_t) "container-init", (char *)(uintptr_t) "__proxy", c->name, NULL };
    char *envp[] = { NULL };
    int channel = sys_fcntl(c->channel, F_DUPFD_CLOEXEC, last), program = sys_fcntl(c->program, F_DUPFD_CLOEXEC, last);
    for (uint32_t i = 0; i < c->n_listeners; i++) moved[i] = sys_fcntl(c->listeners[i], F_DUPFD_CLOEXEC, last);
    (void)sys_prctl(PR_SET_PDEATHSIG, 9 /* SIGKILL; cannot fail */);
    (void)sys_setsid(); /* cannot fail: nobody's group has our number */
    place(channel, PROXY_CHANNEL_FD);
    for (uint32_t i = 0; i < c->n_listeners; i++) place(moved[i], PROXY_LISTENERS_FD + (int)i);
    (void)sys_close_range((unsigned)last, ~0U, CLOSE_RANGE_CLOEXEC); /* where it exists; they are anyway */
    (void)sys_execveat(program, argv, envp);
    sys_exit(-sys_execve("/proc/self/exe", argv, envp)); /* some filters have no other */
}
