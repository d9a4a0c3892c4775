/* The values of systemd.resource-control(5) that are lists of rules: addresses, devices, controllers, interfaces. */
#include "unit/values.h"

#include "base/arena.h"
#include "base/parse.h"
#include "unit/name.h"
#include "unit/paths.h"
#include "unit/words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

/* ---- IP addresses ---- */

static int push_prefix(struct parse *p, struct address_prefix_list *list, const struct address_prefix *prefix)
{
    for (uint32_t i = list_look_from(list->count); i < list->count; i++)
        if (memcmp(&list->items[i], prefix, sizeof *prefix) == 0) return 0;
    return list_push(p, list, *prefix);
}

/* 1 when the word is one of systemd's names, and its two prefixes are in the list. */
static int push_named(struct parse *p, struct address_prefix_list *list, const char *word)
{
    static const struct {
        const char *name;
        struct address_prefix ip4, ip6;
    } names[] = {
        { "any", { AF_INET, 0, { 0 } }, { AF_INET6, 0, { 0 } } },
        { "localhost", { AF_INET, 8, { 127 } }, { AF_INET6, 128, { [15] = 1 } } },
        { "link-local", { AF_INET, 16, { 169, 254 } }, { AF_INET6, 64, { 0xfe, 0x80 } } },
        { "multicast", { AF_INET, 4, { 224 } }, { AF_INET6, 8, { 0xff } } },
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i].name, word) != 0) continue;
        int r = push_prefix(p, list, &names[i].ip4);
        if (r == 0) r = push_prefix(p, list, &names[i].ip6);
        return r < 0 ? r : 1;
    }
    return 0;
}

/* "ADDRESS" or "ADDRESS/BITS"; what lies behind the prefix becomes 0. `word` is changed. */
static bool read_prefix(char *word, struct address_prefix *ret)
{
    char *slash = strchr(word, '/');
    uint64_t length;
    struct address_prefix prefix = { .family = strchr(word, ':') ? AF_INET6 : AF_INET };
    unsigned bits = prefix.family == AF_INET ? 32 : 128;
    if (slash) *slash = '\0';
    bool valid = inet_pton(prefix.family, word, prefix.bytes) == 1;
    if (slash) *slash = '/';
    if (!valid) return false;
    length = bits;
    if (slash && parse_unsigned(slash + 1, 0, bits, &length) < 0) return false;
    prefix.length = (uint8_t)length;
    for (unsigned i = prefix.length; i < bits; i++) prefix.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    *ret = prefix;
    return true;
}

int value_ip_access(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct address_prefix_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        struct address_prefix prefix;
        int r = parse_word(p, value, &cursor, 0, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        r = push_named(p, list, str_text(&p->scratch));
        if (r == 0 && read_prefix(p->scratch.data, &prefix))
            r = push_prefix(p, list, &prefix);
        else if (r == 0)
            parse_bad(p, value, offset, "bad-address", "an address, a prefix, or a name like any or localhost");
        if (r < 0) return r;
    }
}

/* ---- paths ---- */

/* One absolute path; an empty value clears the list. A path that is in it already is not added. */
int value_filter_paths(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct text_list *list = slot;
    const char *path;
    if (value->length == 0) list->count = 0;
    int r = parse_path(p, value, &path);
    if (r <= 0) return r;
    for (uint32_t i = list_look_from(list->count); i < list->count; i++)
        if (strcmp(list->items[i], path) == 0) return 0;
    return list_push(p, list, path);
}

/* "TYPE:PATH". */
int value_bpf_program(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct rule_pair_list *list = slot;
    struct rule_pair program = { 0 };
    const char *colon = strchr(value->text, ':');
    if (value->length == 0) {
        list->count = 0;
        return 0;
    }
    for (size_t i = 0; colon && words_bpf_attach[i]; i++)
        if (strlen(words_bpf_attach[i]) == (size_t)(colon - value->text) &&
            strncmp(words_bpf_attach[i], value->text, (size_t)(colon - value->text)) == 0)
            program.first = words_bpf_attach[i];
    if (!program.first) {
        parse_bad(p, value, 0, "bad-value", "an attach type, a colon and a path");
        return 0;
    }
    struct value path = *value;
    path.text = colon + 1, path.length = strlen(colon + 1), path.pieces = NULL, path.n_pieces = 0;
    int r = parse_path(p, &path, &program.second);
    return r > 0 ? list_push(p, list, program) : r;
}

static bool is_device_class(const char *node)
{
    return str_starts_with(node, "block-") || str_starts_with(node, "char-");
}

/* "/dev/x RIGHTS", "char-pts RIGHTS". */
int value_device_allow(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct rule_pair_list *list = slot;
    struct rule_pair rule = { 0 };
    const char *cursor = value->text;
    char rights[4] = "";
    size_t offset;
    if (value->length == 0) list->count = 0;
    int r = parse_word(p, value, &cursor, WORD_QUOTES, &offset);
    if (r <= 0) return r == -ENOMEM ? r : 0;
    if (cursor[strspn(cursor, "rwm")] != '\0') {
        parse_bad(p, value, (size_t)(cursor - value->text), "bad-value", "a device and rights out of r, w and m");
        return 0;
    }
    for (const char *c = "rwm"; *c; c++)
        if (*cursor == '\0' || strchr(cursor, *c)) rights[strlen(rights)] = *c;
    char *node = p->scratch.data;
    if (!is_device_class(node)) {
        path_simplify(node);
        bool below_dev = str_starts_with(node, "/dev/") || str_starts_with(node, "/run/systemd/inaccessible/");
        if (!below_dev || !path_is_normalized(node)) {
            parse_bad(p, value, offset, "bad-path", "a device node, or a class like char-pts");
            return 0;
        }
    }
    r = parse_keep(p, node, &rule.first);
    if (r == 0) r = parse_keep(p, rights, &rule.second);
    return r < 0 ? r : list_push(p, list, rule);
}

/* ---- controllers ---- */

static uint32_t controller_bit(const char *word)
{
    for (uint32_t i = 0; words_controllers[i]; i++)
        if (strcmp(words_controllers[i], word) == 0) return UINT32_C(1) << i;
    return 0;
}

/* The controllers that are named; others are reported when `strict`. */
static int read_controllers(struct parse *p, const struct value *value, bool strict, uint32_t *ret)
{
    const char *cursor = value->text;
    size_t offset;
    *ret = 0;
    for (;;) {
        int r = parse_word(p, value, &cursor, WORD_QUOTES, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        uint32_t bit = controller_bit(str_text(&p->scratch));
        if (bit == 0 && strict) parse_bad(p, value, offset, "bad-value", "a list of controllers");
        *ret |= bit;
    }
}

/* A boolean, or the controllers that are handed over. Empty: handed over without any. */
int value_delegate(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                   void *slot UNUSED)
{
    struct resource_section *resource = &p->settings->resource;
    uint32_t controllers;
    bool all;
    if (p->section != SECTION_SERVICE && p->section != SECTION_SCOPE) {
        parse_report(p, DIAG_WARNING, value, 0, "unsupported", NULL,
                     "only services and scopes have a cgroup that can be handed over (ignored)");
        return 0;
    }
    if (value->length > 0 && parse_bool(value->text, &all) == 0) {
        resource->delegate = all;
        resource->delegate_controllers = all ? CONTROLLERS_V2 : 0;
        return 0;
    }
    int r = read_controllers(p, value, true, &controllers);
    resource->delegate = true;
    resource->delegate_controllers = value->length > 0 ? resource->delegate_controllers | controllers : 0;
    return r;
}

int value_controllers(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    uint32_t *controllers = slot, named;
    if (value->length == 0) *controllers = 0;
    int r = read_controllers(p, value, false, &named);
    if (r == 0 && named == 0 && value->length > 0) parse_bad(p, value, 0, "bad-value", "a list of controllers");
    *controllers |= named;
    return r;
}

/* ---- sockets and interfaces ---- */

static bool read_ports(const char *text, struct socket_rule *rule)
{
    char first[8];
    uint64_t from, to;
    const char *dash = strchr(text, '-');
    size_t length = dash ? (size_t)(dash - text) : strlen(text);
    if (length >= sizeof first) return false;
    memcpy(first, text, length);
    first[length] = '\0';
    if (parse_unsigned(first, 1, UINT16_MAX, &from) < 0) return false;
    to = from;
    if (dash && (parse_unsigned(dash + 1, 1, UINT16_MAX, &to) < 0 || to < from)) return false;
    rule->first_port = (uint16_t)from;
    rule->ports = (uint16_t)(to - from + 1);
    return true;
}

/* "[FAMILY:][PROTOCOL:][PORTS]", or "any" for everything. */
static bool read_socket_rule(char *text, struct socket_rule *ret)
{
    struct socket_rule rule = { 0 };
    if (strcmp(text, "any") == 0) {
        *ret = rule;
        return true;
    }
    for (int stage = 0; text;) {
        char *token = strsep(&text, ":");
        bool ip4 = strcmp(token, "ipv4") == 0, tcp = strcmp(token, "tcp") == 0;
        if (stage == 0 && (ip4 || strcmp(token, "ipv6") == 0))
            rule.family = ip4 ? AF_INET : AF_INET6, stage = 1;
        else if (stage <= 1 && (tcp || strcmp(token, "udp") == 0))
            rule.protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP, stage = 2;
        else if (stage <= 2 && strcmp(token, "any") == 0)
            stage = 3;
        else if (stage <= 2 && read_ports(token, &rule))
            stage = 3;
        else
            return false;
    }
    *ret = rule;
    return true;
}

int value_socket_bind(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct socket_rule_list *list = slot;
    struct socket_rule rule;
    if (value->length == 0) {
        list->count = 0;
        return 0;
    }
    str_clear(&p->scratch);
    int r = str_append(&p->scratch, value->text);
    if (r < 0) return r;
    if (read_socket_rule(p->scratch.data, &rule)) return list_push(p, list, rule);
    parse_bad(p, value, 0, "bad-value", "[ipv4:|ipv6:][tcp:|udp:][PORT|PORT-PORT|any]");
    return 0;
}

/* netdevice(7) and what systemd leaves out besides. */
bool interface_name_is_valid(const char *name)
{
    size_t length = strlen(name);
    bool digits = true;
    if (length == 0 || length >= IF_NAMESIZE) return false;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "all") == 0 || strcmp(name, "default") == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] == 127 || (unsigned char)name[i] > 127 || strchr(":/%", name[i])) return false;
        digits = digits && name[i] >= '0' && name[i] <= '9';
    }
    return !digits;
}

static void remove_name(struct text_list *list, const char *name)
{
    uint32_t kept = list_look_from(list->count);
    for (uint32_t i = kept; i < list->count; i++)
        if (strcmp(list->items[i], name) != 0) list->items[kept++] = list->items[i];
    list->count = kept;
}

/* The first value decides whether the list allows or, beginning with "~", forbids; later ones of the other kind take
 * names out. */
int value_network_interfaces(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                             void *slot)
{
    struct name_filter *filter = slot;
    bool inverted = value->text[0] == '~';
    const char *cursor = value->text + inverted;
    size_t offset;
    if (value->length == 0) {
        *filter = (struct name_filter){ 0 };
        return 0;
    }
    if (filter->names.count == 0) filter->is_allow = !inverted;
    for (;;) {
        int r = parse_word(p, value, &cursor, WORD_QUOTES, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        const char *name = str_text(&p->scratch);
        if (!interface_name_is_valid(name)) {
            parse_bad(p, value, offset, "bad-value", "a list of network interfaces");
            continue;
        }
        remove_name(&filter->names, name);
        if (filter->is_allow == !inverted) r = list_push_text(p, &filter->names, name);
        if (r < 0) return r;
    }
}

/* ---- Slice= ---- */

int value_slice(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (unit_name_form(text) == UNIT_NAME_PLAIN && unit_kind_of_name(text) == UNIT_KIND_SLICE) {
        if (p->context->kind != UNIT_KIND_SLICE) return value_text(p, directive, value, slot);
        parse_report(p, DIAG_WARNING, value, 0, "unsupported", NULL, "a slice lies where its name says (ignored)");
        return 0;
    }
    parse_bad(p, value, 0, "bad-unit-name", "the name of a slice unit");
    return 0;
}
