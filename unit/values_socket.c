/* The values of [Socket]. */
#include "unit/values.h"

#include "base/arena.h"
#include "base/parse.h"
#include "unit/address.h"
#include "unit/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

/* S34: a path, an abstract name, a port, or ADDRESS:PORT. What the address means is socketact/address.h's business. */
static bool listener_is_valid(const char *text)
{
    uint32_t port;
    if (text[0] == '/') return true;
    if (text[0] == '@') return text[1] != '\0';
    if (text[strcspn(text, " \t")] != '\0') return false;
    if (text[0] == '[') return address_parse(text, &(struct address){ 0 }) == 0;
    const char *colon = strrchr(text, ':');
    if (colon == text) colon = NULL, text++; /* Go's ":80" is the port alone */
    return parse_u32(colon ? colon + 1 : text, 1, UINT16_MAX, &port) == 0;
}

static enum listen_kind kind_of(const struct directive *directive)
{
    enum listen_kind kind = 0;
    while (strcmp(directive->name, listen_kind_directive(kind)) != 0) kind++;
    return kind;
}

/* The native directories have forms of their own (S34), but for the address forms that only systemd has. */
static int check_listener(struct parse *p, enum listen_kind kind, const char *text)
{
    bool own_forms = p->context->native && kind <= LISTEN_DATAGRAM && !str_starts_with(text, "vsock");
    bool is_unix = *text == '/' || *text == '@';
    if (own_forms && is_unix && strlen(text) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) return -ENAMETOOLONG;
    if (own_forms) return listener_is_valid(text) ? 0 : -EINVAL;
    str_clear(&p->scratch);
    return listen_normalize(kind, text, &p->scratch);
}

static int push_listen(struct parse *p, const struct value *value, enum listen_kind kind, const char *text,
                       struct socket_listen_list *list)
{
    struct socket_listen listen = { .kind = listen_kind_of(kind, text), .origin = parse_origin(value) };
    char *copy = arena_strdup(p->arena, text);
    if (!copy) return -ENOMEM;
    if (!p->context->native) path_leave_var_run(copy);
    listen.text = copy;
    return list_push(p, list, listen);
}

/* An empty assignment clears the listeners of every kind. */
int value_listen(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct socket_listen_list *list = slot;
    enum listen_kind kind = kind_of(directive);
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (p->context->native ? *text == '\0' : value->length == 0) {
        list->count = 0;
        return 0;
    }
    if (kind == LISTEN_USB_FUNCTION && !p->context->describe) { /* D17: a unit that would lack one of its listeners */
        parse_report(p, DIAG_ERROR, value, 0, "unsupported-value", NULL, "%s= needs a device controller",
                     directive->name);
        return push_listen(p, value, kind, text, list); /* so that "no listener" is not reported as well */
    }
    r = check_listener(p, kind, text);
    if (r == -ENOMEM) return r;
    if (r == -EAFNOSUPPORT)
        parse_bad(p, value, 0, "bad-listener", "a path or @name, which sequential packets need");
    else if (r == -ENAMETOOLONG)
        parse_bad(p, value, 0, "bad-listener",
                  "short enough for a socket, whose paths and @names have 107 bytes at most");
    else if (r < 0)
        parse_bad(p, value, 0, "bad-listener",
                  kind <= LISTEN_SEQPACKET ? "a path, @name, port or address:port"
                  : kind == LISTEN_NETLINK ? "a netlink family and a group"
                                           : "an absolute path without '.' and '..'");
    if (r < 0) return 0;
    return push_listen(p, value, kind, text, list);
}

int value_accept(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    p->settings->socket.accept_origin = parse_origin(value);
    return value_boolean(p, directive, value, slot);
}

int value_activation_mode(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                          void *slot)
{
    static const struct word_value modes[] = { { "native", ACTIVATION_NATIVE }, { "proxy", ACTIVATION_PROXY } };
    const char *text;
    int mode, r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (word_lookup(modes, COUNT_OF(modes), text, &mode))
        *(enum activation_mode *)slot = (enum activation_mode)mode;
    else
        parse_bad(p, value, 0, "bad-activation-mode", "one of native, proxy");
    return 0;
}

int value_service(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text, **target = slot;
    int r = parse_name_text(p, value, &text);
    if (r <= 0) return r;
    if (*text == '\0') {
        *target = NULL;
        return 0;
    }
    bool template = !p->context->native && unit_name_form(text) == UNIT_NAME_TEMPLATE;
    if (!unit_name_is_valid(text) || template || unit_kind_of_name(text) != UNIT_KIND_SERVICE) {
        parse_bad(p, value, 0, "bad-unit-name", "the name of a service unit");
        return 0;
    }
    return parse_keep(p, text, target);
}

/* sd_listen_fds_with_names(3): no colon, no control characters, at most 255 bytes (K56). */
int value_file_descriptor_name(struct parse *p, const struct directive *directive, const struct value *value,
                               void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    size_t length = strlen(text);
    bool valid = length <= 255;
    for (size_t i = 0; i < length; i++) valid &= text[i] >= ' ' && text[i] < 127 && text[i] != ':';
    if (valid) return value_text(p, directive, value, slot);
    parse_bad(p, value, 0, "bad-value", "a name without ':' of at most 255 characters");
    return 0;
}

/* S57: tcp:HOST:PORT, unix:/path, /path, HOST:PORT; and PORT, unix:@name. */
int value_proxy_target(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    const char *address = str_starts_with(text, "unix:") ? text + 5 : str_starts_with(text, "tcp:") ? text + 4 : text;
    bool valid = str_starts_with(text, "unix:") ? address[0] == '/' || address[0] == '@' : listener_is_valid(address);
    if (*text != '\0' && !valid) {
        parse_bad(p, value, 0, "bad-proxy-target", "tcp:HOST:PORT, unix:/PATH, unix:@NAME, /PATH, HOST:PORT or PORT");
        return 0;
    }
    p->settings->socket.proxy_target_origin = parse_origin(value);
    return value_text(p, directive, value, slot);
}

/* ---- options of sockets ---- */

/* Of the words, and as a boolean of old: yes is ipv6-only, no is both. */
int value_bind_ipv6_only(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    bool only;
    if (parse_bool(value->text, &only) < 0) return value_word(p, directive, value, slot);
    *(word_index *)slot = only ? 2 : 1;
    return 0;
}

/* Of the words, the other spellings of the two units of time, and yes for the finer one. */
int value_timestamping(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    const char *text = value->text;
    bool on;
    if (strcmp(text, "usec") == 0 || strcmp(text, "\xc2\xb5s") == 0 || strcmp(text, "\xce\xbcs") == 0)
        *(word_index *)slot = 1;
    else if (strcmp(text, "nsec") == 0)
        *(word_index *)slot = 2;
    else if (parse_bool(text, &on) == 0)
        *(word_index *)slot = on ? 2 : 0;
    else
        return value_word(p, directive, value, slot);
    return 0;
}

/* A number, or a name of ip(7). */
int value_ip_tos(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    uint64_t number;
    if (value->length == 0) {
        *(int32_t *)slot = -1;
        return 0;
    }
    for (int i = 0; words_ip_tos[i]; i++)
        if (strcmp(words_ip_tos[i], value->text) == 0) {
            *(int32_t *)slot = 2 << i;
            return 0;
        }
    if (parse_unsigned(value->text, 0, UINT8_MAX, &number) < 0)
        parse_bad(p, value, 0, "bad-integer", "a number up to 255, or low-delay, throughput, reliability, low-cost");
    else
        *(int32_t *)slot = (int32_t)number;
    return 0;
}

int value_socket_protocol(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                          void *slot)
{
    static const struct word_value protocols[] = { { "udplite", IPPROTO_UDPLITE },
                                                   { "sctp", IPPROTO_SCTP },
                                                   { "mptcp", IPPROTO_MPTCP } };
    int number;
    if (word_lookup(protocols, COUNT_OF(protocols), value->text, &number))
        *(int32_t *)slot = number;
    else
        parse_bad(p, value, 0, "bad-value", "one of udplite, sctp, mptcp");
    return 0;
}

/* Empty and "*" are every interface. */
int value_interface(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char **target = slot;
    if (value->length == 0 || strcmp(value->text, "*") == 0) {
        *target = NULL;
        return 0;
    }
    if (interface_name_is_valid(value->text)) return parse_keep(p, value->text, target);
    parse_bad(p, value, 0, "bad-value", "the name of a network interface");
    return 0;
}

int value_trigger_burst(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    uint32_t burst = UINT32_MAX;
    int r = value_u32(p, directive, value, &burst);
    if (burst == UINT32_MAX) return r;
    p->settings->socket_extra.trigger_limit_burst_set = true;
    *(uint32_t *)slot = burst;
    return r;
}
