/* The values of [Socket]. */
#include "unit/values.h"

#include "base/parse.h"

#include <string.h>
#include <sys/un.h>

/* S34: a path, an abstract name, a port, or ADDRESS:PORT. What the address means is socketact/address.h's business. */
static bool listener_is_valid(const char *text)
{
    uint32_t port;
    if (text[0] == '/') return strlen(text) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
    if (text[0] == '@') return text[1] != '\0' && strlen(text) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
    if (text[strcspn(text, " \t")] != '\0') return false;
    const char *colon = strrchr(text, ':');
    if (colon == text) colon = NULL, text++; /* Go's ":80" is the port alone */
    if (colon && text[0] == '[' && colon[-1] != ']') return false;
    return parse_u32(colon ? colon + 1 : text, 1, UINT16_MAX, &port) == 0;
}

static int push_listen(struct parse *p, const struct value *value, enum listen_kind kind, const char *text,
                       struct socket_listen_list *list)
{
    struct socket_listen listen = { .kind = kind, .origin = parse_origin(value) };
    int r = parse_keep(p, text, &listen.text);
    return r < 0 ? r : list_push(p, list, listen);
}

/* An empty assignment clears the listeners of every kind. */
int value_listen_stream(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                        void *slot)
{
    struct socket_listen_list *list = slot;
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (*text == '\0') {
        list->count = 0;
        return 0;
    }
    if (str_starts_with(text, "vsock:")) {
        parse_unsupported(p, value, "AF_VSOCK addresses are not built yet");
        return 0;
    }
    if (!listener_is_valid(text)) {
        parse_bad(p, value, 0, "bad-listener", "a path, @name, port or address:port");
        return 0;
    }
    return push_listen(p, value, LISTEN_STREAM, text, list);
}

/* D17: a unit that would lack one of its listeners is not run. */
int value_listen_later(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct socket_listen_list *list = slot;
    if (value->length == 0) {
        list->count = 0;
        return 0;
    }
    parse_report(p, DIAG_ERROR, value, 0, "unsupported-value", "ListenStream= is", "%s= is not built yet",
                 directive->name);
    return push_listen(p, value, LISTEN_DATAGRAM, value->text,
                       list); /* so that "no listener" is not reported as well */
}

int value_accept(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                 void *slot UNUSED)
{
    bool yes = false;
    int r = value_boolean(p, directive, value, &yes);
    if (r == 0 && yes)
        parse_unsupported(p, value, "Accept=yes is not built yet; the service gets the listening socket only");
    return r;
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
    if (!unit_name_is_valid(text) || unit_kind_of_name(text) != UNIT_KIND_SERVICE) {
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

/* S57: tcp:HOST:PORT, unix:/path, /path, HOST:PORT. */
int value_proxy_target(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    const char *address = str_starts_with(text, "unix:") ? text + 5 : str_starts_with(text, "tcp:") ? text + 4 : text;
    bool valid = str_starts_with(text, "unix:") ? address[0] == '/' || address[0] == '@' : listener_is_valid(address);
    if (*text != '\0' && (!valid || (address[0] != '/' && address[0] != '@' && !strchr(address, ':')))) {
        parse_bad(p, value, 0, "bad-proxy-target", "tcp:HOST:PORT, unix:/PATH, /PATH or HOST:PORT");
        return 0;
    }
    p->settings->socket.proxy_target_origin = parse_origin(value);
    return value_text(p, directive, value, slot);
}
