#include "unit/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/parse.h"
#include "base/str.h"

#define SUN_PATH_MAX sizeof(((struct sockaddr_un *)NULL)->sun_path)

static int parse_unix(const char *text, struct address *ret)
{
    bool abstract = *text == '@';
    size_t length = strlen(text);
    if (length < 2) return -EINVAL;
    /* unix(7): a path may fill sun_path without a final NUL; an abstract name has a NUL in place of the "@". */
    if (length > SUN_PATH_MAX) return -ENAMETOOLONG;
    *ret = (struct address){ .kind = abstract ? ADDRESS_ABSTRACT : ADDRESS_PATH,
                             .name = text + abstract,
                             .name_length = length - abstract };
    return 0;
}

/* Digits, or as systemd reads numbers: "0x50". */
static int parse_port(const char *text, size_t length, uint16_t *ret)
{
    char digits[32];
    uint64_t port;
    if (length >= sizeof digits || *text < '0' || *text > '9') return -EINVAL;
    memcpy(digits, text, length);
    digits[length] = '\0';
    bool based = digits[0] == '0' && strchr("xXoObB", digits[1]) && digits[1] != '\0';
    int r = based ? parse_unsigned(digits, 1, UINT16_MAX, &port) : parse_u64(digits, 1, UINT16_MAX, &port);
    if (r == 0) *ret = (uint16_t)port;
    return r;
}

static bool is_host_name(const char *text, size_t length)
{
    if (length == 0 || length > 253) return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '.' || c == '_';
        if (!good) return false;
    }
    return true;
}

/* The name or number of an interface. */
static bool is_scope(const char *text, size_t length)
{
    bool good = length > 0;
    for (size_t i = 0; i < length; i++) good &= text[i] > ' ' && text[i] < 127 && !strchr(":/%[]", text[i]);
    return good;
}

/* What stands between the brackets. */
static int parse_ipv6(const char *text, size_t length, struct address *ret)
{
    char literal[INET6_ADDRSTRLEN];
    const char *scope = memchr(text, '%', length);
    ret->kind = ADDRESS_IPV6;
    if (scope) {
        if (ret->name) return -EINVAL; /* it has one behind the port */
        ret->name = scope + 1;
        ret->name_length = length - (size_t)(scope + 1 - text);
        length = (size_t)(scope - text);
    }
    if (length >= sizeof literal || (ret->name && !is_scope(ret->name, ret->name_length))) return -EINVAL;
    memcpy(literal, text, length);
    literal[length] = '\0';
    return inet_pton(AF_INET6, literal, &ret->ip6) == 1 ? 0 : -EINVAL;
}

static int parse_host(const char *text, size_t length, struct address *ret)
{
    char literal[INET6_ADDRSTRLEN];
    bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (bracketed) return parse_ipv6(text + 1, length - 2, ret);
    if (ret->name) return -EINVAL; /* a scope, which only they have */
    if (length == 0 || (length == 1 && *text == '*')) {
        ret->kind = ADDRESS_ANY;
        return 0;
    }
    bool short_enough = length < sizeof literal;
    if (short_enough) {
        memcpy(literal, text, length);
        literal[length] = '\0';
    }
    ret->kind = ADDRESS_IPV4;
    if (short_enough && inet_pton(AF_INET, literal, &ret->ip4) == 1) return 0;
    if (short_enough && strcmp(literal, "localhost") == 0) {
        ret->ip4.s_addr = htonl(INADDR_LOOPBACK);
        return 0;
    }
    ret->kind = ADDRESS_HOST;
    ret->name = text;
    ret->name_length = length;
    return is_host_name(text, length) ? 0 : -EINVAL;
}

int address_parse(const char *text, struct address *ret)
{
    if (*text == '/' || *text == '@') return parse_unix(text, ret);
    struct address address = { .kind = ADDRESS_ANY };
    const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
    size_t length = strcspn(port, "%");
    if (port[length] != '\0') {
        if (!colon) return -EINVAL;
        address.name = port + length + 1;
        address.name_length = strlen(address.name);
    }
    int r = parse_port(port, length, &address.port);
    if (r == 0 && colon) r = parse_host(text, (size_t)(colon - text), &address);
    if (r == 0) *ret = address;
    return r;
}

int address_parse_target(const char *text, struct address *ret)
{
    if (str_starts_with(text, "unix:")) {
        text += strlen("unix:");
        return *text == '/' || *text == '@' ? parse_unix(text, ret) : -EINVAL;
    }
    if (str_starts_with(text, "tcp:")) {
        text += strlen("tcp:");
        if (*text == '/' || *text == '@') return -EINVAL;
    }
    struct address address = { .kind = ADDRESS_ANY };
    int r = address_parse(text, &address);
    if (r < 0) return r;
    if (address.kind == ADDRESS_ANY) { /* of this host; nothing connects to every address */
        if (strchr(text, ':')) return -EINVAL;
        address.kind = ADDRESS_IPV4;
        address.ip4.s_addr = htonl(INADDR_LOOPBACK);
    }
    *ret = address;
    return 0;
}

static bool is_any(const struct address *address)
{
    return address->kind == ADDRESS_ANY || (address->kind == ADDRESS_IPV6 && IN6_IS_ADDR_UNSPECIFIED(&address->ip6));
}

static bool is_any_ipv4(const struct address *address)
{
    return address->kind == ADDRESS_IPV4 && address->ip4.s_addr == htonl(INADDR_ANY);
}

/* The next component of a path, without slashes and "." components; NULL at the end. */
static const char *next_component(const char **path, const char *end, size_t *ret_length)
{
    for (;;) {
        while (*path < end && **path == '/') ++*path;
        const char *begin = *path;
        while (*path < end && **path != '/') ++*path;
        *ret_length = (size_t)(*path - begin);
        if (*ret_length == 0) return NULL;
        if (*ret_length != 1 || *begin != '.') return begin;
    }
}

static bool is_same_path(const struct address *a, const struct address *b)
{
    const char *pa = a->name, *pb = b->name;
    for (;;) {
        size_t la, lb;
        const char *ca = next_component(&pa, a->name + a->name_length, &la);
        const char *cb = next_component(&pb, b->name + b->name_length, &lb);
        if (!ca || !cb) return !ca && !cb;
        if (la != lb || memcmp(ca, cb, la) != 0) return false;
    }
}

static bool is_same_name(const struct address *a, const struct address *b)
{
    return a->name_length == b->name_length && (a->name_length == 0 || memcmp(a->name, b->name, a->name_length) == 0);
}

bool address_clashes(const struct address *a, const struct address *b)
{
    if (a->kind == ADDRESS_PATH || b->kind == ADDRESS_PATH) return a->kind == b->kind && is_same_path(a, b);
    if (a->kind == ADDRESS_NETLINK || b->kind == ADDRESS_NETLINK) return false; /* the kernel gives each its own */
    if (a->kind == ADDRESS_VSOCK || b->kind == ADDRESS_VSOCK)
        return a->kind == b->kind && a->number == b->number &&
               (a->group == b->group || a->group == UINT32_MAX || b->group == UINT32_MAX);
    if (a->kind == ADDRESS_ABSTRACT || b->kind == ADDRESS_ABSTRACT) return a->kind == b->kind && is_same_name(a, b);
    if (a->port != b->port) return false;
    if (is_any(a) || is_any(b)) return true;
    if (a->kind != b->kind) return false;
    if (a->kind == ADDRESS_HOST) return is_same_name(a, b);
    if (a->kind == ADDRESS_IPV6) return memcmp(&a->ip6, &b->ip6, sizeof a->ip6) == 0 && is_same_name(a, b);
    return is_any_ipv4(a) || is_any_ipv4(b) || a->ip4.s_addr == b->ip4.s_addr;
}

const char *address_format(const struct address *address, char *buffer)
{
    char literal[INET6_ADDRSTRLEN] = "::";
    int length = (int)address->name_length;
    switch (address->kind) {
    case ADDRESS_PATH:
        (void)snprintf(buffer, ADDRESS_TEXT_MAX, "%.*s", length, address->name);
        break;
    case ADDRESS_ABSTRACT:
        (void)snprintf(buffer, ADDRESS_TEXT_MAX, "@%.*s", length, address->name);
        break;
    case ADDRESS_HOST:
        (void)snprintf(buffer, ADDRESS_TEXT_MAX, "%.*s:%u", length, address->name, address->port);
        break;
    case ADDRESS_IPV4:
        (void)inet_ntop(AF_INET, &address->ip4, literal, sizeof literal); /* cannot fail: family and size are right */
        (void)snprintf(buffer, ADDRESS_TEXT_MAX, "%s:%u", literal, address->port);
        break;
    case ADDRESS_IPV6:
        (void)inet_ntop(AF_INET6, &address->ip6, literal, sizeof literal);
        (void)snprintf(buffer, ADDRESS_TEXT_MAX, "[%s]:%u%s%.*s", literal, address->port, length > 0 ? "%" : "", length,
                       length > 0 ? address->name : "");
        break;
    case ADDRESS_VSOCK:
        if (address->group == UINT32_MAX)
            (void)snprintf(buffer, ADDRESS_TEXT_MAX, "vsock::%u", address->number);
        else
            (void)snprintf(buffer, ADDRESS_TEXT_MAX, "vsock:%u:%u", address->group, address->number);
        break;
    case ADDRESS_NETLINK:
        (void)snprintf(buffer, ADDRESS_TEXT_MAX, "%u %u", address->number, address->group);
        break;
    case ADDRESS_ANY:
        (void)snprintf(buffer, ADDRESS_TEXT_MAX, "[::]:%u", address->port);
        break;
    }
    return buffer;
}
