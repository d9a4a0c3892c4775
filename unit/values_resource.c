/* The values of systemd.resource-control(5) that are numbers: weights, quotas, sizes, limits of devices. */
#include "unit/values.h"

#include "base/arena.h"
#include "base/parse.h"
#include "base/timespan.h"
#include "unit/paths.h"
#include "unit/words.h"

#include <errno.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* ---- weights ---- */

const struct weight_range weight_cpu = { 1, 10000, true, "a weight from 1 to 10000, or idle" };
const struct weight_range weight_io = { 1, 10000, false, "a weight from 1 to 10000" };
const struct weight_range weight_shares = { 2, 262144, false, "a number from 2 to 262144" };
const struct weight_range weight_block_io = { 10, 1000, false, "a weight from 10 to 1000" };

/* 1 when *ret was set. */
static int read_weight(struct parse *p, const struct value *value, const char *text, const struct weight_range *range,
                       uint64_t *ret)
{
    if (range->idle && strcmp(text, "idle") == 0) {
        *ret = 0;
        return 1;
    }
    if (parse_unsigned(text, range->min, range->max, ret) == 0) return 1;
    parse_bad(p, value, 0, "bad-integer", range->what);
    return 0;
}

/* An empty value is "not set" again. */
int value_weight(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    if (value->length == 0)
        *(uint64_t *)slot = UINT64_MAX;
    else
        (void)read_weight(p, value, value->text, directive->argument, slot); /* reported */
    return 0;
}

/* ---- shares of the machine ---- */

/* The memory of the machine in pages. It is asked for only where a unit wants a share of it. */
static uint64_t machine_pages(uint64_t page)
{
    struct sysinfo info;
    if (sysinfo(&info) < 0) return 0;
    return (uint64_t)info.totalram * info.mem_unit / page;
}

static uint64_t memory_share(uint32_t permyriad)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    return machine_pages(page) * permyriad / 10000 * page;
}

const struct memory_rule memory_limit = { false, false };
const struct memory_rule memory_limit_or_none = { true, false };
const struct memory_rule memory_guarantee = { true, true };

/* "infinity", a share, or a size; an empty value is the default again. */
int value_memory(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    const struct memory_rule *rule = directive->argument;
    uint64_t bytes = UINT64_MAX;
    uint32_t share;
    if (value->length == 0) {
        *(uint64_t *)slot = rule->guarantee ? 0 : UINT64_MAX;
        return 0;
    }
    if (strcmp(value->text, "infinity") != 0) {
        if (parse_permyriad(value->text, &share) == 0 && share <= 10000)
            bytes = memory_share(share);
        else if (parse_size(value->text, &bytes) < 0) {
            parse_bad(p, value, 0, "bad-value", "a size, a share like 50%, or infinity");
            return 0;
        }
        if (bytes == UINT64_MAX || (bytes == 0 && !rule->zero)) {
            parse_bad(p, value, 0, "bad-value", "a possible limit of memory");
            return 0;
        }
    }
    *(uint64_t *)slot = bytes;
    return 0;
}

/* What share of all processes: the number is known only where the unit runs, so that the share is kept. */
int value_tasks_max(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct tasks_max *tasks = slot, wanted = { .value = UINT64_MAX };
    uint32_t share;
    if (value->length == 0)
        wanted = (struct tasks_max){ TASKS_MAX_SHARE, 100 };
    else if (parse_permyriad(value->text, &share) == 0 && share <= 10000)
        wanted = (struct tasks_max){ share, 10000 };
    else if (strcmp(value->text, "infinity") != 0 &&
             parse_unsigned(value->text, 1, UINT64_MAX - 1, &wanted.value) < 0) {
        parse_bad(p, value, 0, "bad-integer", "a number of processes, a share like 10%, or infinity");
        return 0;
    }
    *tasks = wanted;
    return 0;
}

/* A share of one processor, which may be above 100%. */
int value_cpu_quota(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    usec_t *quota = slot;
    uint32_t share;
    if (value->length == 0)
        *quota = USEC_INFINITY;
    else if (parse_permyriad(value->text, &share) < 0 || share == 0)
        parse_bad(p, value, 0, "bad-value", "a percentage above 0");
    else
        *quota = (usec_t)share * (USEC_PER_SEC / 10000);
    return 0;
}

/* A time span that is infinite when nothing is written. */
int value_timespan_or_none(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    if (value->length > 0) return value_timespan(p, directive, value, slot);
    *(usec_t *)slot = USEC_INFINITY;
    return 0;
}

/* ManagedOOMMemoryPressureLimit=: kept as a part of UINT32_MAX, rounded. */
int value_pressure_limit(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                         void *slot)
{
    uint32_t share = 0;
    if (value->length > 0 && (parse_permyriad(value->text, &share) < 0 || share > 10000)) {
        parse_bad(p, value, 0, "bad-value", "a percentage up to 100%");
        return 0;
    }
    *(uint32_t *)slot = (uint32_t)(((uint64_t)share * UINT32_MAX + 5000) / 10000);
    return 0;
}

int value_managed_oom(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    if (value->length > 0) return value_word(p, directive, value, slot);
    *(word_index *)slot = 0;
    return 0;
}

/* ConcurrencySoftMax=: units of a slice. */
int value_concurrency(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    uint64_t count = UINT32_MAX;
    bool none = value->length == 0 || strcmp(value->text, "infinity") == 0;
    if (!none && parse_unsigned(value->text, 0, UINT32_MAX, &count) < 0)
        parse_bad(p, value, 0, "bad-integer", "a number or infinity");
    else
        *(uint32_t *)slot = (uint32_t)count;
    return 0;
}

/* ---- limits of devices ---- */

/* "PATH REST": the path in p->scratch, *ret_rest behind it. 1 when both are there. */
static int read_device(struct parse *p, const struct value *value, const char **ret_rest)
{
    const char *cursor = value->text;
    size_t offset;
    int r = parse_word(p, value, &cursor, WORD_QUOTES, &offset);
    if (r <= 0) return r == -ENOMEM ? r : 0;
    if (*cursor == '\0') {
        parse_bad(p, value, 0, "bad-value", "a path and a value");
        return 0;
    }
    if (!path_is_normalized(str_text(&p->scratch))) {
        parse_bad(p, value, offset, "bad-path", "a path without '.' and '..'");
        return 0;
    }
    *ret_rest = cursor;
    return 1;
}

/* A device that stands in the list already gets the new value where `replace` says so. */
static int set_device(struct parse *p, struct device_value_list *list, bool replace, uint64_t number)
{
    struct device_value device = { .value = number };
    path_simplify(p->scratch.data);
    for (uint32_t i = list_look_from(list->count); replace && i < list->count; i++) {
        if (strcmp(list->items[i].path, str_text(&p->scratch)) != 0) continue;
        list->items[i].value = number;
        return 0;
    }
    int r = parse_keep(p, str_text(&p->scratch), &device.path);
    return r < 0 ? r : list_push(p, list, device);
}

int value_device_weight(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct device_value_list *list = slot;
    const char *rest;
    uint64_t weight = 0;
    if (value->length == 0) {
        list->count = 0;
        return 0;
    }
    int r = read_device(p, value, &rest);
    if (r > 0) r = read_weight(p, value, rest, directive->argument, &weight);
    return r > 0 ? set_device(p, list, false, weight) : r;
}

int value_device_latency(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                         void *slot)
{
    struct device_value_list *list = slot;
    const char *rest;
    usec_t span;
    if (value->length == 0) {
        list->count = 0;
        return 0;
    }
    int r = read_device(p, value, &rest);
    if (r <= 0) return r;
    if (timespan_parse(rest, USEC_PER_SEC, &span, NULL) == 0) return set_device(p, list, false, span);
    parse_bad(p, value, (size_t)(rest - value->text), "bad-timespan", "a path and a time span");
    return 0;
}

/* Bandwidths and operations count in thousands. */
int value_device_limit(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct device_value_list *list = slot;
    const char *rest;
    uint64_t limit = UINT64_MAX;
    if (value->length == 0) {
        list->count = 0;
        return 0;
    }
    int r = read_device(p, value, &rest);
    if (r <= 0) return r;
    if (strcmp(rest, "infinity") != 0 && (parse_size_decimal(rest, &limit) < 0 || limit == 0)) {
        parse_bad(p, value, (size_t)(rest - value->text), "bad-value", "a path and a number above 0, or infinity");
        return 0;
    }
    return set_device(p, list, true, limit);
}
