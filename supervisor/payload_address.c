#include "supervisor/payload_address.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <linux/vm_sockets.h>

#include "base/parse.h"

static int parse_vsock(const char *text, struct payload_address *ret)
{
    char cid[DECIMAL_MAX(uint32_t)];
    struct sockaddr_vm vm = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST };
    size_t length = strcspn(text, ":");
    uint32_t number;
    if (text[length] != ':' || length >= sizeof cid) return -EINVAL;
    if (length > 0) {
        memcpy(cid, text, length);
        cid[length] = '\0';
        if (parse_u32(cid, 0, UINT32_MAX, &number) < 0) return -EINVAL;
        vm.svm_cid = number;
    }
    if (parse_u32(text + length + 1, 0, UINT32_MAX, &number) < 0) return -EINVAL;
    vm.svm_port = number;
    memcpy(&ret->address, &vm, sizeof vm);
    ret->size = sizeof vm;
    return 0;
}

static int parse_unix(const char *text, struct payload_address *ret)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t length = strlen(text);
    if (length < 2) return -EINVAL;
    if (length > sizeof un.sun_path) return -ENAMETOOLONG;
    memcpy(un.sun_path, text, length);
    ret->has_path = text[0] == '/';
    if (!ret->has_path) un.sun_path[0] = '\0';
    memcpy(&ret->address, &un, sizeof un);
    ret->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (ret->has_path && length < sizeof un.sun_path) ret->size++; /* its NUL */
    ret->types[0] = SOCK_DGRAM;
    return 0;
}

int payload_address_parse(const char *text, struct payload_address *ret)
{
    static const struct {
        const char *prefix;
        int types[3];
    } forms[] = {
        { "vsock:", { SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM } },
        { "vsock-stream:", { SOCK_STREAM } },
        { "vsock-dgram:", { SOCK_DGRAM } },
        { "vsock-seqpacket:", { SOCK_SEQPACKET } },
    };
    *ret = (struct payload_address){ .has_path = false };
    if (text[0] == '/' || text[0] == '@') return parse_unix(text, ret);
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        size_t length = strlen(forms[i].prefix);
        if (strncmp(text, forms[i].prefix, length) != 0) continue;
        memcpy(ret->types, forms[i].types, sizeof ret->types);
        return parse_vsock(text + length, ret);
    }
    return -EINVAL;
}

int payload_address_connect(const struct payload_address *address, struct fd *ret)
{
    int r = -EINVAL;
    for (size_t i = 0; i < COUNT_OF(address->types) && address->types[i] != 0; i++) {
        int type = address->types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK;
        AUTO_FD struct fd fd = fd_own(socket(address->address.ss_family, type, 0));
        r = fd_is_open(&fd) ? connect(fd.n, (const struct sockaddr *)&address->address, address->size) : -1;
        if (r < 0 && errno != EINPROGRESS) {
            r = -errno; /* of another type it may be there */
            continue;
        }
        *ret = fd_take(&fd);
        return 0;
    }
    return r;
}
