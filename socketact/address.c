#include "socketact/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fd.h"
#include "base/parse.h"

#define HOSTS_MAX ((size_t)1 << 20)
#define BLANKS    " \t\r"

/* ---- /etc/hosts ---- */

static bool ip_parse(const char *text, struct address *ret)
{
    if (inet_pton(AF_INET, text, &ret->ip4) == 1)
        ret->kind = ADDRESS_IPV4;
    else if (inet_pton(AF_INET6, text, &ret->ip6) == 1)
        ret->kind = ADDRESS_IPV6;
    else
        return false;
    return true;
}

/* Cuts the next word out of the line. NULL at its end. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, BLANKS);
    if (*word == '\0') return NULL;
    *line = word + strcspn(word, BLANKS);
    if (**line != '\0') *(*line)++ = '\0';
    return word;
}

/* "ADDRESS NAME NAME... # comment", names in any case (hosts(5)). */
static bool line_gives(char *line, const struct address *host, struct address *ret)
{
    line[strcspn(line, "#")] = '\0';
    const char *ip = next_word(&line);
    if (!ip) return false;
    for (const char *name; (name = next_word(&line));)
        if (strlen(name) == host->name_length && strncasecmp(name, host->name, host->name_length) == 0)
            return ip_parse(ip, ret);
    return false;
}

static int look_up(const struct address *host, const char *hosts_path, struct address *ret)
{
    char *text = NULL;
    size_t size;
    int r = file_read(AT_FDCWD, hosts_path ? hosts_path : "/etc/hosts", HOSTS_MAX, &text, &size);
    if (r < 0) return r == -ENOMEM ? r : -EADDRNOTAVAIL;
    *ret = (struct address){ .port = host->port };
    bool found = false;
    for (char *line = text, *end; !found && line < text + size; line = end + 1) {
        end = line + strcspn(line, "\n");
        *end = '\0';
        found = line_gives(line, host, ret);
    }
    free(text);
    return found ? 0 : -EADDRNOTAVAIL;
}

/* ---- sockaddr ---- */

static int make_unix(const struct address *address, struct socket_address *ret)
{
    bool abstract = address->kind == ADDRESS_ABSTRACT;
    size_t length = address->name_length + (abstract ? 1 : 0);
    if (length > sizeof ret->un.sun_path) return -ENAMETOOLONG;
    *ret = (struct socket_address){ .un.sun_family = AF_UNIX };
    memcpy(ret->un.sun_path + (abstract ? 1 : 0), address->name, address->name_length);
    /* An abstract name is as long as the length says; a path ends with a NUL where there is room for one. */
    size_t nul = !abstract && length < sizeof ret->un.sun_path;
    ret->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + nul);
    return 0;
}

static void make_ip4(const struct address *address, struct socket_address *ret)
{
    *ret = (struct socket_address){
        .ip4 = { .sin_family = AF_INET, .sin_port = htons(address->port), .sin_addr = address->ip4 },
        .length = sizeof ret->ip4,
    };
}

static void make_ip6(struct in6_addr ip, uint16_t port, uint32_t scope, struct socket_address *ret)
{
    *ret = (struct socket_address){
        .ip6 = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = ip, .sin6_scope_id = scope },
        .length = sizeof ret->ip6,
    };
}

/* An interface by name or number. */
static int find_scope(const struct address *address, uint32_t *ret)
{
    char name[IF_NAMESIZE];
    *ret = 0;
    if (address->name_length == 0) return 0;
    if (address->name_length >= sizeof name) return -ENODEV;
    memcpy(name, address->name, address->name_length);
    name[address->name_length] = '\0';
    if (parse_u32(name, 1, INT32_MAX, ret) < 0) *ret = if_nametoindex(name);
    return *ret == 0 ? -ENODEV : 0;
}

static int make_ip6_scoped(const struct address *address, struct socket_address *ret)
{
    uint32_t scope;
    int r = find_scope(address, &scope);
    if (r == 0) make_ip6(address->ip6, address->port, scope, ret);
    return r;
}

int socket_address_make(const struct address *address, const char *hosts_path, struct socket_address *ret)
{
    struct address found = *address;
    if (address->kind == ADDRESS_HOST) {
        int r = look_up(address, hosts_path, &found);
        if (r < 0) return r;
    }
    switch (found.kind) {
    case ADDRESS_PATH:
    case ADDRESS_ABSTRACT:
        return make_unix(&found, ret);
    case ADDRESS_ANY:
        make_ip6(in6addr_any, found.port, 0, ret);
        return 0;
    case ADDRESS_IPV4:
        make_ip4(&found, ret);
        return 0;
    case ADDRESS_IPV6:
        return make_ip6_scoped(&found, ret);
    case ADDRESS_VSOCK:
        *ret =
            (struct socket_address){ .vm = { .svm_family = AF_VSOCK, .svm_port = found.number, .svm_cid = found.group },
                                     .length = sizeof ret->vm };
        return 0;
    case ADDRESS_NETLINK:
        *ret = (struct socket_address){ .netlink = { .nl_family = AF_NETLINK, .nl_groups = found.group },
                                        .length = sizeof ret->netlink };
        return 0;
    case ADDRESS_HOST:
        break;
    }
    return -EADDRNOTAVAIL;
}

static void format_unix(const struct socket_address *address, char *buffer)
{
    size_t begin = offsetof(struct sockaddr_un, sun_path);
    size_t length = address->length > begin ? address->length - begin : 0;
    const char *name = address->room + begin; /* one byte longer than sun_path */
    size_t n = 0;
    for (size_t i = 0; i < length && n < SOCKET_ADDRESS_TEXT_MAX - 1; i++) {
        if (name[i] == '\0' && name[0] != '\0') break; /* the end of a path */
        buffer[n] = name[i];
        if (name[i] == '\0') buffer[n] = '@';
        n++;
    }
    if (n == 0) buffer[n++] = '@';
    buffer[n] = '\0';
}

const char *socket_address_format(const struct socket_address *address, char *buffer)
{
    char ip[INET6_ADDRSTRLEN] = "?";
    switch (address->any.sa_family) {
    case AF_UNIX:
        format_unix(address, buffer);
        break;
    case AF_INET:
        (void)inet_ntop(AF_INET, &address->ip4.sin_addr, ip, sizeof ip); /* the buffer is large enough */
        (void)snprintf(buffer, SOCKET_ADDRESS_TEXT_MAX, "%s:%u", ip, (unsigned)ntohs(address->ip4.sin_port));
        break;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &address->ip6.sin6_addr, ip, sizeof ip); /* the buffer is large enough */
        (void)snprintf(buffer, SOCKET_ADDRESS_TEXT_MAX, "[%s]:%u", ip, (unsigned)ntohs(address->ip6.sin6_port));
        break;
    case AF_VSOCK:
        (void)snprintf(buffer, SOCKET_ADDRESS_TEXT_MAX, "vsock:%u:%u", address->vm.svm_cid, address->vm.svm_port);
        break;
    default:
        (void)snprintf(buffer, SOCKET_ADDRESS_TEXT_MAX, "?");
        break;
    }
    return buffer;
}

void socket_address_unmap(struct socket_address *address)
{
    if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->ip6.sin6_addr)) return;
    struct sockaddr_in ip4 = { .sin_family = AF_INET, .sin_port = address->ip6.sin6_port };
    memcpy(&ip4.sin_addr, &address->ip6.sin6_addr.s6_addr[12], sizeof ip4.sin_addr);
    address->ip4 = ip4;
    address->length = sizeof ip4;
}
