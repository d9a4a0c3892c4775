#include "unit/listen.h"

#include "base/parse.h"
#include "base/str.h"
#include "unit/address.h"
#include "unit/paths.h"
#include "unit/words.h"

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

/* As systemd has it: no names, and neither "*" nor nothing before the port. */
static int normalize_ip(const char *text, struct str *out)
{
    char shown[ADDRESS_TEXT_MAX];
    struct address address;
    int r = address_parse(text, &address);
    if (r < 0) return r;
    if (address.kind == ADDRESS_HOST || (address.kind == ADDRESS_ANY && strchr(text, ':'))) return -EINVAL;
    if (address.kind == ADDRESS_IPV4 && str_starts_with(text, "localhost")) return -EINVAL;
    return str_append(out, address_format(&address, shown));
}

/* ---- vsock(7) ---- */

/* "vsock:CID:PORT", "vsock-stream:CID:PORT" and the like; without a CID it is any. */
static int parse_vsock(const char *text, struct address *ret)
{
    static const struct {
        const char *prefix;
        int type;
    } prefixes[] = { { "vsock:", 0 },
                     { "vsock-stream:", SOCK_STREAM },
                     { "vsock-dgram:", SOCK_DGRAM },
                     { "vsock-seqpacket:", SOCK_SEQPACKET } };
    struct address address = { .kind = ADDRESS_VSOCK };
    char number[24];
    uint64_t cid = UINT32_MAX, port;
    size_t i = 0;
    while (i < COUNT_OF(prefixes) && !str_starts_with(text, prefixes[i].prefix)) i++;
    if (i == COUNT_OF(prefixes)) return -EINVAL;
    address.type = prefixes[i].type;
    text += strlen(prefixes[i].prefix);
    const char *colon = strchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof number) return -EINVAL;
    memcpy(number, text, (size_t)(colon - text));
    number[colon - text] = '\0';
    if (*number != '\0' && parse_unsigned(number, 0, UINT32_MAX, &cid) < 0) return -EINVAL;
    if (parse_unsigned(colon + 1, 0, UINT32_MAX, &port) < 0) return -EINVAL;
    address.group = (uint32_t)cid;
    address.number = (uint32_t)port;
    *ret = address;
    return 0;
}

static int normalize_vsock(const char *text, struct str *out)
{
    char shown[ADDRESS_TEXT_MAX];
    struct address address;
    int r = parse_vsock(text, &address);
    return r < 0 ? r : str_append(out, address_format(&address, shown));
}

/* ---- netlink(7) ---- */

/* "FAMILY [GROUP]"; the family by name or number. */
static int parse_netlink(const char *text, struct address *ret)
{
    char family[32];
    size_t length = strcspn(text, WORD_BLANKS);
    uint64_t number = UINT64_MAX, group = 0;
    if (length == 0 || length >= sizeof family) return -EINVAL;
    memcpy(family, text, length);
    family[length] = '\0';
    text += length + strspn(text + length, WORD_BLANKS);
    if (*text != '\0' && parse_unsigned(text, 0, UINT32_MAX, &group) < 0) return -EINVAL;
    for (size_t i = 0; words_netlink[i]; i++)
        if (strcmp(words_netlink[i], family) == 0) number = i;
    if (number == UINT64_MAX && parse_unsigned(family, 0, UINT8_MAX, &number) < 0) return -EINVAL;
    *ret = (struct address){ .kind = ADDRESS_NETLINK, .number = (uint32_t)number, .group = (uint32_t)group };
    return 0;
}

static int normalize_netlink(const char *text, struct str *out)
{
    struct address address;
    size_t count = 0;
    int r = parse_netlink(text, &address);
    if (r < 0) return r;
    while (words_netlink[count]) count++;
    if (address.number < count && *words_netlink[address.number])
        return str_appendf(out, "%s %u", words_netlink[address.number], address.group);
    return str_appendf(out, "%u %u", address.number, address.group);
}

/* ---- all of them ---- */

static bool is_vsock(const char *text)
{
    return str_starts_with(text, "vsock:") || str_starts_with(text, "vsock-");
}

int listen_parse(const struct socket_listen *listen, struct address *ret)
{
    switch (listen->kind) {
    case LISTEN_STREAM:
    case LISTEN_DATAGRAM:
    case LISTEN_SEQPACKET:
        return is_vsock(listen->text) ? parse_vsock(listen->text, ret) : address_parse(listen->text, ret);
    case LISTEN_NETLINK:
        return parse_netlink(listen->text, ret);
    case LISTEN_FIFO:
    case LISTEN_SPECIAL:
    case LISTEN_MESSAGE_QUEUE:
    case LISTEN_USB_FUNCTION:
        *ret = (struct address){ ADDRESS_PATH, .name = listen->text, .name_length = strlen(listen->text) };
        return 0;
    case LISTEN_KIND_COUNT:
        break;
    }
    return -EINVAL;
}

enum listen_kind listen_kind_of(enum listen_kind kind, const char *text)
{
    struct address address;
    if (kind > LISTEN_SEQPACKET || !is_vsock(text) || parse_vsock(text, &address) < 0) return kind;
    return address.type == SOCK_STREAM      ? LISTEN_STREAM
           : address.type == SOCK_DGRAM     ? LISTEN_DATAGRAM
           : address.type == SOCK_SEQPACKET ? LISTEN_SEQPACKET
                                            : kind;
}

int listen_normalize(enum listen_kind kind, const char *text, struct str *out)
{
    switch (kind) {
    case LISTEN_STREAM:
    case LISTEN_DATAGRAM:
    case LISTEN_SEQPACKET:
        if (*text == '/' || *text == '@') return normalize_unix(text, out);
        if (kind == LISTEN_SEQPACKET) return -EAFNOSUPPORT;
        return is_vsock(text) ? normalize_vsock(text, out) : normalize_ip(text, out);
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
