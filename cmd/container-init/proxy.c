#include "cmd/container-init/proxy.h"

#include "socketact/proxy.h"
#include "socketact/proxy_channel.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* It talks to strangers: what it does not need is given away. CAP_DAC_OVERRIDE is for the path of a target, which PID 1
 * could connect to as well; NET_ADMIN for addresses that are not ours. */
static int drop_privileges(const struct proxy_config *config)
{
    uint32_t wanted = 1U << CAP_DAC_OVERRIDE;
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    if (config->transparent) wanted |= 1U << CAP_NET_ADMIN | 1U << CAP_NET_RAW;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capget, &head, data) < 0) return -errno;
    uint32_t has = data[0].permitted | data[1].permitted | data[0].inheritable | data[1].inheritable;
    data[0].effective = data[0].permitted = data[0].permitted & wanted;
    data[1].effective = data[1].permitted = 0;
    data[0].inheritable = data[1].inheritable = 0;
    if (has == 0) return 0; /* and need not be allowed to ask */
    return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return; /* what it has will do */
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int listen_to_pid1(struct proxy_config *config)
{
    struct pollfd pollfd = { .fd = PROXY_CHANNEL_FD, .events = POLLIN };
    while (poll(&pollfd, 1, -1) < 0) /* it was sent before we were made */
        if (errno != EINTR) return -errno;
    ssize_t n = proxy_channel_receive(PROXY_CHANNEL_FD, config, sizeof *config, NULL);
    return n < 0 ? (int)n : n == sizeof *config ? 0 : -EBADMSG;
}

static int run(struct proxy *proxy)
{
    int r;
    do r = proxy_round(proxy, true);
    while (r > 0);
    return r;
}

int proxy_main(void)
{
    struct proxy_config config = { 0 };
    AUTO(proxy_free) struct proxy *proxy = NULL;
    sigset_t blocked;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* cannot fail; that PID 1 has gone already is told by the channel */
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGPIPE); /* of splice(2), which has no MSG_NOSIGNAL */
    (void)sigprocmask(SIG_SETMASK, &blocked, NULL);
    raise_limit();
    int r = listen_to_pid1(&config);
    if (r == 0) r = drop_privileges(&config);
    if (r == 0 && config.n_listeners == 0) r = -EBADMSG;
    if (r != 0) return -r;
    int *listeners = calloc(config.n_listeners, sizeof *listeners);
    if (!listeners) return ENOMEM;
    for (uint32_t i = 0; i < config.n_listeners; i++) listeners[i] = PROXY_LISTENERS_FD + (int)i;
    r = proxy_new(&config, fd_own(PROXY_CHANNEL_FD), listeners, &proxy);
    free(listeners);
    if (r == 0) r = run(proxy);
    return -r;
}
