#include "socketact/proxy_channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int proxy_report_check(const struct proxy_report *report, size_t size)
{
    if (size < offsetof(struct proxy_report, ended) || report->type >= PROXY_REPORT_COUNT) return -EBADMSG;
    if (report->n_ended > PROXY_ENDED_MAX || size != proxy_report_size(report)) return -EBADMSG;
    return 0;
}

int proxy_channel_send(int channel, const void *record, size_t size, int passed_fd)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof passed_fd)] = { 0 };
    struct iovec part = { (void *)(uintptr_t)record, size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (passed_fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof passed_fd);
        memcpy(CMSG_DATA(rights), &passed_fd, sizeof passed_fd);
    }
    ssize_t n;
    do n = sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

ssize_t proxy_channel_receive(int channel, void *record, size_t size, struct fd *ret_fd)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = { record, size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (ret_fd) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
    }
    ssize_t n;
    do n = recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    if (ret_fd && rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS &&
        rights->cmsg_len >= CMSG_LEN(sizeof(int))) {
        int number;
        memcpy(&number, CMSG_DATA(rights), sizeof number);
        *ret_fd = fd_own(number);
    }
    return n;
}
