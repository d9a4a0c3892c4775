#include "unit/listen.h"

#include "base/parse.h"
#include "base/str.h"
#include "unit/paths.h"
#include "unit/words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#define SUN_PATH_MAX sizeof(((struct sockaddr_un *)NULL)->sun_path)

/* ---- unix(7) ---- */

/* As C would write it: bytes that are not printable ASCII in octal. */
static int append_bytes(const char *text, struct str *out)
{
    int r = 0;
    for (; r == 0 && *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c >= 127)
            r = str_appendf(out, "\\%03o", (unsigned)c);
        else if (c == '\\' || c == '"' || c == '\'')
            r = str_appendf(out, "\\%c", c);
        else
            r = str_append_char(out, (char)c);
    }
    return r;
}

static int normalize_unix(const char *text, struct str *out)
{
    if (strlen(text) < 2) return -EINVAL;
    if (strlen(text) >= SUN_PATH_MAX) return -ENAMETOOLONG;
    char path[SUN_PATH_MAX];
    memcpy(path, text, strlen(text) + 1);
    if (*path == '/') path_simplify(path);
    return append_bytes(path, out);
}

static int normalize_path(const char *text, struct str *out)
{
    if (!path_is_usable(text)) return -EINVAL;
    size_t before = out->length;
    int r = str_append(out, text);
    if (r < 0) return r;
    path_simplify(out->data + before);
    out->length = before + strlen(out->data + before);
    return path_is_normalized(out->data + before) ? 0 : -EINVAL;
}

/* ---- ip(7) ---- */

/* An IPv6 address has brackets, and perhaps the number or name of an interface behind it. */
static int normalize_ipv6(const char *text, uint64_t port, struct str *out)
{
    char literal[INET6_ADDRSTRLEN];
    struct in6_addr address;
    const char *end = strchr(text, ']'), *scope = memchr(text, '%', (size_t)(end - text));
    size_t length = (size_t)((scope ? scope : end) - text);
    if (length >= sizeof literal) return -EINVAL;
    memcpy(literal, text, length);
    literal[length] = '\0';
    if (inet_pton(AF_INET6, literal, &address) != 1 || scope == end - 1) return -EINVAL;
    (void)inet_ntop(AF_INET6, &address, literal, sizeof literal); /* cannot fail: family and size are right */
    return str_appendf(out, "[%s]:%u%.*s", literal, (unsigned)port, scope ? (int)(end - scope) : 0, scope ? scope : "");
}

static int normalize_ip(const char *text, struct str *out)
{
    const char *colon = strrchr(text, ':');
    char literal[INET_ADDRSTRLEN];
    struct in_addr address;
    uint64_t port = 0;
    if (text[strspn(text, "0123456789abcdefx")] == '\0') {
        int r = parse_unsigned(text, 1, UINT16_MAX, &port);
        return r < 0 ? r : str_appendf(out, "[::]:%u", (unsigned)port);
    }
    if (!colon) return -EINVAL;
    int r = colon[1] < '0' || colon[1] > '9' ? -EINVAL : parse_unsigned(colon + 1, 1, UINT16_MAX, &port);
    if (r < 0) return r;
    if (*text == '[') return colon[-1] == ']' ? normalize_ipv6(text + 1, port, out) : -EINVAL;
    size_t length = (size_t)(colon - text);
    if (length >= sizeof literal) return -EINVAL;
    memcpy(literal, text, length);
    literal[length] = '\0';
    if (inet_pton(AF_INET, literal, &address) != 1) return -EINVAL;
    return str_appendf(out, "%s:%u", literal, (unsigned)port);
}

/* "CID:PORT"; without a CID it is any. */
static int normalize_vsock(const char *text, struct str *out)
{
    const char *colon = strchr(text, ':');
    char number[24];
    uint64_t cid = 0, port;
    if (!colon || (size_t)(colon - text) >= sizeof number) return -EINVAL;
    memcpy(number, text, (size_t)(colon - text));
    number[colon - text] = '\0';
    if (*number != '\0' && parse_unsigned(number, 0, UINT32_MAX, &cid) < 0) return -EINVAL;
    if (parse_unsigned(colon + 1, 0, UINT32_MAX, &port) < 0) return -EINVAL;
    if (*number == '\0' || cid == UINT32_MAX) return str_appendf(out, "vsock::%u", (unsigned)port);
    return str_appendf(out, "vsock:%u:%u", (unsigned)cid, (unsigned)port);
}

/* ---- netlink(7) ---- */

/* "FAMILY [GROUP]"; the family by name or number. */
static int normalize_netlink(const char *text, struct str *out)
{
    char family[32];
    size_t length = strcspn(text, WORD_BLANKS);
    uint64_t number = UINT64_MAX, group = 0;
    if (length == 0 || length >= sizeof family) return -EINVAL;
    memcpy(family, text, length);
    family[length] = '\0';
    text += length + strspn(text + length, WORD_BLANKS);
    if (*text != '\0' && parse_unsigned(text, 0, UINT32_MAX, &group) < 0) return -EINVAL;
    size_t count = 0;
    for (; words_netlink[count]; count++)
        if (strcmp(words_netlink[count], family) == 0) number = count;
    if (number == UINT64_MAX && parse_unsigned(family, 0, UINT8_MAX, &number) < 0) return -EINVAL;
    if (number < count && *words_netlink[number])
        return str_appendf(out, "%s %u", words_netlink[number], (unsigned)group);
    return str_appendf(out, "%u %u", (unsigned)number, (unsigned)group);
}

int listen_normalize(enum listen_kind kind, const char *text, struct str *out)
{
    switch (kind) {
    case LISTEN_STREAM:
    case LISTEN_DATAGRAM:
    case LISTEN_SEQPACKET:
        if (*text == '/' || *text == '@') return normalize_unix(text, out);
        if (kind == LISTEN_SEQPACKET) return -EAFNOSUPPORT;
        return str_starts_with(text, "vsock:") ? normalize_vsock(text + 6, out) : normalize_ip(text, out);
    case LISTEN_NETLINK:
        return normalize_netlink(text, out);
    case LISTEN_FIFO:
    case LISTEN_SPECIAL:
    case LISTEN_MESSAGE_QUEUE:
    case LISTEN_USB_FUNCTION:
        return normalize_path(text, out);
    case LISTEN_KIND_COUNT:
        break;
    }
    return -EINVAL;
}
