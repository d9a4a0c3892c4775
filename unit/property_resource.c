/* The shapes of systemd.resource-control(5). As in systemd, the lists of DeviceAllow=, BPFProgram= and SocketBindAllow=
 * begin with what was written last, the others with what was written first. */
#include "unit/property_internal.h"

#include "base/parse.h"
#include "base/timespan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int append_json(struct str *out, const char *text)
{
    return json_write_string(out, text, strlen(text));
}

static int separate(struct str *out, uint32_t i, bool json)
{
    if (i == 0) return 0;
    return json ? str_append(out, ", ") : str_append_char(out, PROPERTY_NEXT_LINE);
}

/* ---- numbers ---- */

static int cpu_weight_text(const struct property_value *value, struct str *out)
{
    if (*(const uint64_t *)value->slot == 0) return str_append(out, "idle");
    return property_weight.text(value, out);
}

static int cpu_weight_json(const struct property_value *value, struct str *out)
{
    return property_weight.json(value, out);
}
const struct property_shape property_cpu_weight = { cpu_weight_text, cpu_weight_json };

static uint64_t read_limit(const char *path, uint64_t otherwise)
{
    char text[32];
    uint64_t value = otherwise;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return otherwise;
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd); /* it was only read */
    while (n > 0 && text[n - 1] == '\n') n--;
    if (n <= 0) return otherwise;
    text[n] = '\0';
    return parse_u64(text, 1, UINT64_MAX, &value) < 0 ? otherwise : value;
}

/* What the kernel allows; asked for only when a share of it is shown. */
static uint64_t tasks_of(const struct tasks_max *tasks)
{
    if (tasks->scale == 0) return tasks->value;
    struct tasks_max share = tasks->scale < UINT32_MAX ? *tasks : (struct tasks_max){ TASKS_MAX_SHARE, 100 };
    uint64_t processes = read_limit("/proc/sys/kernel/pid_max", 32768);
    uint64_t threads = read_limit("/proc/sys/kernel/threads-max", processes);
    return MIN_OF(processes, threads) * share.value / share.scale;
}

static int tasks_json(const struct property_value *value, struct str *out)
{
    return json_write_u64(out, tasks_of(value->slot));
}

static int tasks_text(const struct property_value *value, struct str *out)
{
    uint64_t tasks = tasks_of(value->slot);
    return tasks == UINT64_MAX ? str_append(out, "infinity") : str_appendf(out, "%" PRIu64, tasks);
}
const struct property_shape property_tasks_max = { tasks_text, tasks_json };

/* ---- devices ---- */

static int print_devices(const struct property_value *value, bool json, bool spans, struct str *out)
{
    const struct device_value_list *list = value->slot;
    char span[TIMESPAN_TEXT_MAX];
    int r = json ? str_append_char(out, '[') : 0;
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        const struct device_value *device = &list->items[i];
        r = separate(out, i, json);
        if (r == 0 && json) {
            r = str_append_char(out, '[');
            if (r == 0) r = append_json(out, device->path);
            if (r == 0) r = str_appendf(out, ", %" PRIu64 "]", device->value);
        } else if (r == 0 && spans) {
            r = str_appendf(out, "%s %s", device->path, timespan_format(device->value, 1, span));
        } else if (r == 0) {
            r = str_appendf(out, "%s %" PRIu64, device->path, device->value);
        }
    }
    return r == 0 && json ? str_append_char(out, ']') : r;
}

static int devices_text(const struct property_value *value, struct str *out)
{
    return print_devices(value, false, false, out);
}

static int devices_json(const struct property_value *value, struct str *out)
{
    return print_devices(value, true, false, out);
}
const struct property_shape property_devices = { devices_text, devices_json };

static int latencies_text(const struct property_value *value, struct str *out)
{
    return print_devices(value, false, true, out);
}
const struct property_shape property_latencies = { latencies_text, devices_json };

/* The argument is what stands between the two in the text. */
static int rules_text(const struct property_value *value, struct str *out)
{
    const struct rule_pair_list *list = value->slot;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        const struct rule_pair *rule = &list->items[list->count - 1 - i];
        r = separate(out, i, false);
        if (r == 0) r = str_appendf(out, "%s%s%s", rule->first, (const char *)value->argument, rule->second);
    }
    return r;
}

static int rules_json(const struct property_value *value, struct str *out)
{
    const struct rule_pair_list *list = value->slot;
    int r = str_append_char(out, '[');
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        const struct rule_pair *rule = &list->items[list->count - 1 - i];
        r = separate(out, i, true);
        if (r == 0) r = str_append_char(out, '[');
        if (r == 0) r = append_json(out, rule->first);
        if (r == 0) r = str_append(out, ", ");
        if (r == 0) r = append_json(out, rule->second);
        if (r == 0) r = str_append_char(out, ']');
    }
    return r < 0 ? r : str_append_char(out, ']');
}
const struct property_shape property_rule_pairs = { rules_text, rules_json };

/* ---- network ---- */

static int prefixes_text(const struct property_value *value, struct str *out)
{
    const struct address_prefix_list *list = value->slot;
    char literal[INET6_ADDRSTRLEN];
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        const struct address_prefix *prefix = &list->items[i];
        (void)inet_ntop(prefix->family, prefix->bytes, literal, sizeof literal); /* it fits */
        r = str_appendf(out, "%s%s/%u", i > 0 ? " " : "", literal, prefix->length);
    }
    return r;
}

static int prefixes_json(const struct property_value *value, struct str *out)
{
    const struct address_prefix_list *list = value->slot;
    int r = str_append_char(out, '[');
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        const struct address_prefix *prefix = &list->items[i];
        size_t size = prefix->family == AF_INET ? 4 : 16;
        r = str_appendf(out, "%s[%u, [", i > 0 ? ", " : "", prefix->family);
        for (size_t k = 0; r == 0 && k < size; k++) r = str_appendf(out, "%s%u", k > 0 ? ", " : "", prefix->bytes[k]);
        if (r == 0) r = str_appendf(out, "], %u]", prefix->length);
    }
    return r < 0 ? r : str_append_char(out, ']');
}
const struct property_shape property_prefixes = { prefixes_text, prefixes_json };

static int socket_rule_text(const struct socket_rule *rule, struct str *out)
{
    int r = 0;
    if (rule->family != 0) r = str_append(out, rule->family == AF_INET ? "ipv4:" : "ipv6:");
    if (r == 0 && rule->protocol != 0) r = str_append(out, rule->protocol == IPPROTO_TCP ? "tcp" : "udp");
    if (r < 0) return r;
    if (rule->ports == 0) return str_append(out, "any");
    if (rule->ports == 1) return str_appendf(out, "%u", rule->first_port);
    return str_appendf(out, "%u-%u", rule->first_port, rule->first_port + rule->ports - 1U);
}

static int socket_rules_text(const struct property_value *value, struct str *out)
{
    const struct socket_rule_list *list = value->slot;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        r = separate(out, i, false);
        if (r == 0) r = socket_rule_text(&list->items[list->count - 1 - i], out);
    }
    return r;
}

static int socket_rules_json(const struct property_value *value, struct str *out)
{
    const struct socket_rule_list *list = value->slot;
    int r = str_append_char(out, '[');
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        const struct socket_rule *rule = &list->items[list->count - 1 - i];
        r = str_appendf(out, "%s[%d, %d, %u, %u]", i > 0 ? ", " : "", rule->family, rule->protocol, rule->ports,
                        rule->first_port);
    }
    return r < 0 ? r : str_append_char(out, ']');
}
const struct property_shape property_socket_rules = { socket_rules_text, socket_rules_json };

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int print_filter(const struct property_value *value, struct str *out,
                        int (*print)(const char *const *, size_t, struct str *))
{
    const struct name_filter *filter = value->slot;
    if (filter->names.count == 0) return print(NULL, 0, out);
    const char **names = calloc(filter->names.count, sizeof *names);
    if (!names) return -ENOMEM;
    memcpy(names, filter->names.items, filter->names.count * sizeof *names);
    qsort(names, filter->names.count, sizeof *names, compare_texts);
    int r = print(names, filter->names.count, out);
    free(names);
    return r;
}

static int filter_text(const struct property_value *value, struct str *out)
{
    const struct name_filter *filter = value->slot;
    int r = filter->is_allow || filter->names.count == 0 ? 0 : str_append_char(out, '~');
    return r < 0 ? r : print_filter(value, out, property_words_text);
}

static int filter_json(const struct property_value *value, struct str *out)
{
    const struct name_filter *filter = value->slot;
    int r = str_append(out, filter->is_allow ? "[true, " : "[false, ");
    if (r == 0) r = print_filter(value, out, property_words_json);
    return r < 0 ? r : str_append_char(out, ']');
}
const struct property_shape property_name_filter = { filter_text, filter_json };

/* ---- controllers ---- */

static size_t controller_names(const struct property_value *value, const char *names[static 32])
{
    uint32_t mask = *(const uint32_t *)value->slot;
    size_t count = 0;
    for (uint32_t i = 0; words_controllers[i]; i++)
        if (mask >> i & 1) names[count++] = words_controllers[i];
    return count;
}

static int controllers_text(const struct property_value *value, struct str *out)
{
    const char *names[32];
    size_t count = controller_names(value, names);
    return property_words_text(names, count, out);
}

static int controllers_json(const struct property_value *value, struct str *out)
{
    const char *names[32];
    size_t count = controller_names(value, names);
    return property_words_json(names, count, out);
}
const struct property_shape property_controllers = { controllers_text, controllers_json };
