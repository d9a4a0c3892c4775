/* The values of systemd.exec(5) that bound and schedule processes. */
#include "unit/values_exec.h"

#include "base/arena.h"
#include "base/parse.h"
#include "base/timespan.h"
#include "unit/words.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

/* ---- limits ---- */

enum limit_unit { LIMIT_NUMBER, LIMIT_SIZE, LIMIT_SECONDS, LIMIT_MICROSECONDS, LIMIT_PRIORITY };
static const struct {
    const char *name;
    int resource;
    enum limit_unit unit;
} limit_rows[EXEC_LIMIT_COUNT] = {
#define X(enumerator, text, unit_) [EXEC_LIMIT_##enumerator] = { text, RLIMIT_##enumerator, LIMIT_##unit_ },
    EXEC_LIMITS(X)
#undef X
};

int exec_limit_resource(enum exec_limit_kind kind)
{
    return limit_rows[kind].resource;
}

const char *exec_limit_name(enum exec_limit_kind kind)
{
    return limit_rows[kind].name;
}

/* "-5" and "+5" are nice levels, plain numbers are 20 minus one: setrlimit(2), RLIMIT_NICE. */
static int read_priority(const char *text, uint64_t *ret)
{
    uint64_t number;
    if (*text != '+' && *text != '-') return parse_integer(text, 40, ret);
    if (parse_integer(text + 1, *text == '-' ? 20 : 19, &number) < 0) return -EINVAL;
    *ret = *text == '-' ? 20 + number : 20 - number;
    return 0;
}

/* RLIMIT_CPU counts whole seconds: rounded up. */
static int read_seconds(const char *text, uint64_t *ret)
{
    usec_t span;
    int r = timespan_parse(text, USEC_PER_SEC, &span, NULL);
    if (r == 0) *ret = span / USEC_PER_SEC + (span % USEC_PER_SEC != 0);
    return r;
}

static int read_limit(const char *text, enum limit_unit unit, uint64_t *ret)
{
    if (unit == LIMIT_PRIORITY) return read_priority(text, ret);
    if (strcmp(text, "infinity") == 0) {
        *ret = UINT64_MAX;
        return 0;
    }
    int r = unit == LIMIT_SECONDS        ? read_seconds(text, ret)
            : unit == LIMIT_MICROSECONDS ? timespan_parse(text, 1, ret, NULL)
            : unit == LIMIT_SIZE         ? parse_size(text, ret)
                                         : parse_integer(text, UINT64_MAX, ret);
    return r == 0 && *ret == UINT64_MAX ? -ERANGE : r;
}

static const char *limit_form(enum limit_unit unit)
{
    return unit == LIMIT_SIZE       ? "a size, infinity or SOFT:HARD"
           : unit == LIMIT_PRIORITY ? "a nice level with its sign, a number up to 40 or SOFT:HARD"
           : unit == LIMIT_SECONDS || unit == LIMIT_MICROSECONDS ? "a time span, infinity or SOFT:HARD"
                                                                 : "a number, infinity or SOFT:HARD";
}

static int keep_limit(struct parse *p, enum exec_limit_kind kind, struct exec_limit limit)
{
    struct exec_limit **limits = &p->settings->exec.limits;
    if (!*limits) *limits = arena_alloc_array(p->arena, EXEC_LIMIT_COUNT, sizeof **limits);
    if (!*limits) return -ENOMEM;
    (*limits)[kind] = limit;
    return 0;
}

/* "both" or "soft:hard". */
int value_limit(struct parse *p, const struct directive *directive, const struct value *value, void *slot UNUSED)
{
    enum exec_limit_kind kind = 0;
    struct exec_limit limit = { .set = true };
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    while (strcmp(limit_rows[kind].name, directive->name) != 0) kind++;
    enum limit_unit unit = limit_rows[kind].unit;
    const char *colon = strchr(text, ':');
    str_clear(&p->scratch);
    r = str_append_bytes(&p->scratch, text, colon ? (size_t)(colon - text) : strlen(text));
    if (r < 0) return r;
    r = read_limit(str_text(&p->scratch), unit, &limit.soft);
    limit.hard = limit.soft;
    if (r == 0 && colon) r = read_limit(colon + 1, unit, &limit.hard);
    if (r == 0 && limit.soft <= limit.hard) return keep_limit(p, kind, limit);
    parse_bad(p, value, 0, "bad-limit", r < 0 ? limit_form(unit) : "a soft limit that is below its hard limit");
    return 0;
}

/* ---- numbers ---- */

/* 1 when *ret was set, 2 when the value is empty. */
static int read_i32(struct parse *p, const struct value *value, int32_t min, int32_t max, int32_t *ret,
                    const char *what)
{
    const char *text;
    uint64_t number;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (*text == '\0') return 2;
    bool negative = *text == '-';
    if (parse_integer(text + negative, INT32_MAX, &number) == 0 && !(negative && (text[1] == '+' || text[1] == '-'))) {
        int64_t signed_number = negative ? -(int64_t)number : (int64_t)number;
        if (signed_number >= min && signed_number <= max) {
            *ret = (int32_t)signed_number;
            return 1;
        }
    }
    parse_bad(p, value, 0, "bad-integer", what);
    return 0;
}

int value_nice(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    int r = read_i32(p, value, -20, 19, slot, "a number from -20 to 19");
    if (r > 0) p->settings->exec.nice_set = r == 1;
    if (r == 2) *(int *)slot = 0;
    return MIN_OF(r, 0);
}

int value_oom_score_adjust(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                           void *slot)
{
    int r = read_i32(p, value, -1000, 1000, slot, "a number from -1000 to 1000");
    if (r > 0) p->settings->exec.oom_score_adjust_set = r == 1;
    if (r == 2) *(int *)slot = 0;
    return MIN_OF(r, 0);
}

/* ---- scheduling ---- */

/* The priority follows a policy that it does not fit. */
int value_cpu_policy(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                     void *slot UNUSED)
{
    struct sandbox_section *sandbox = &p->settings->sandbox;
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (*text == '\0') {
        sandbox->cpu_policy_written = sandbox->cpu_reset_on_fork = false;
        sandbox->cpu_policy = sandbox->cpu_priority = 0;
        return 0;
    }
    int64_t policy = exec_word_or_number(words_cpu_policy, text, INT32_MAX);
    if (policy < 0) {
        parse_bad(p, value, 0, "bad-value", "one of other, batch, idle, fifo, rr");
        return 0;
    }
    int min = sched_get_priority_min((int)policy), max = sched_get_priority_max((int)policy);
    sandbox->cpu_policy = (int32_t)policy;
    sandbox->cpu_policy_written = true;
    if (sandbox->cpu_priority < min) sandbox->cpu_priority = min;
    if (sandbox->cpu_priority > max) sandbox->cpu_priority = max;
    return 0;
}

int value_cpu_priority(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    int r = read_i32(p, value, 0, 99, slot, "a number from 0 to 99");
    if (r == 1) p->settings->sandbox.cpu_policy_written = true;
    if (r == 2) parse_bad(p, value, 0, "bad-integer", "a number from 0 to 99");
    return MIN_OF(r, 0);
}

/* systemd shows "none" as what the kernel then takes. */
#define IO_CLASS_NONE       0
#define IO_CLASS_DEFAULT    2
#define IO_PRIORITY_DEFAULT 4
static void set_io(struct sandbox_section *sandbox, bool written, int32_t class, int32_t priority)
{
    sandbox->io_written = written;
    sandbox->io_class = class == IO_CLASS_NONE ? IO_CLASS_DEFAULT : class;
    sandbox->io_priority = class == IO_CLASS_NONE ? IO_PRIORITY_DEFAULT : priority;
}

int value_io_class(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                   void *slot UNUSED)
{
    struct sandbox_section *sandbox = &p->settings->sandbox;
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    int64_t class = exec_word_or_number(words_io_class, text, 8);
    if (*text == '\0')
        set_io(sandbox, false, IO_CLASS_NONE, 0);
    else if (class >= 0)
        set_io(sandbox, true, (int32_t) class, sandbox->io_priority);
    else
        parse_bad(p, value, 0, "bad-value", "one of none, realtime, best-effort, idle");
    return 0;
}

int value_io_priority(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                      void *slot UNUSED)
{
    struct sandbox_section *sandbox = &p->settings->sandbox;
    int32_t priority;
    int r = read_i32(p, value, 0, 7, &priority, "a number from 0 to 7");
    if (r == 1) set_io(sandbox, true, sandbox->io_class, priority);
    if (r == 2) set_io(sandbox, false, IO_CLASS_NONE, 0);
    return MIN_OF(r, 0);
}

int value_timer_slack(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    static const char suffixes[][5] = { "nsec", "ns" };
    const char *text;
    usec_t span;
    uint64_t number;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    str_clear(&p->scratch);
    r = str_append(&p->scratch, text);
    if (r < 0) return r;
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        char *suffix = (char *)(uintptr_t)str_suffix(str_text(&p->scratch), suffixes[i]);
        if (!suffix || suffix == p->scratch.data) continue;
        *suffix = '\0';
        break;
    }
    /* A bare number counts nanoseconds; spans of systemd.time(7) are known here to the microsecond. */
    if (parse_u64(str_text(&p->scratch), 0, UINT64_MAX - 1, &number) == 0)
        *(uint64_t *)slot = number;
    else if (timespan_parse(text, 1, &span, NULL) == 0)
        *(uint64_t *)slot = span > UINT64_MAX / 1000 ? UINT64_MAX : span * 1000;
    else
        parse_bad(p, value, 0, "bad-timespan", "a time span");
    return 0;
}

/* ---- processors and memory nodes ---- */

static int mask_grow(struct parse *p, struct cpu_mask *mask, uint32_t bits)
{
    uint32_t size = (bits + 63) / 64 * 8;
    if (size <= mask->size) return 0;
    uint8_t *bytes = arena_alloc(p->arena, size);
    if (!bytes) return -ENOMEM;
    if (mask->size > 0) memcpy(bytes, mask->bytes, mask->size);
    *mask = (struct cpu_mask){ bytes, size };
    return 0;
}

/* "3" or "0-3"; -EINVAL, -ERANGE. */
static int read_range(const char *word, uint64_t *ret_first, uint64_t *ret_last)
{
    char number[24];
    const char *dash = strchr(word, '-');
    size_t length = dash ? (size_t)(dash - word) : strlen(word);
    if (length >= sizeof number) return -EINVAL;
    memcpy(number, word, length);
    number[length] = '\0';
    int r = parse_integer(number, UINT32_MAX, ret_first);
    *ret_last = *ret_first;
    if (r == 0 && dash) r = parse_integer(dash + 1, UINT32_MAX, ret_last);
    return r;
}

/* Words separated by blanks and commas, added to the mask; the whole value counts or none of it. */
static int read_mask(struct parse *p, const struct value *value, const char *text, struct cpu_mask *mask)
{
    struct cpu_mask add = { 0 };
    char word[48];
    for (const char *cursor = text; *(cursor += strspn(cursor, WORD_BLANKS ",\"'")) != '\0';) {
        size_t length = strcspn(cursor, WORD_BLANKS ",\"'");
        uint64_t first = 0, last = 0;
        int r = length >= sizeof word ? -EINVAL : 0;
        if (r == 0) {
            memcpy(word, cursor, length);
            word[length] = '\0';
            r = read_range(word, &first, &last);
        }
        cursor += length;
        if (r < 0 || last >= CPU_MASK_BITS_MAX) {
            parse_bad(p, value, 0, "bad-value", "a list of numbers and ranges such as 0-3");
            return 0;
        }
        if (first > last) exec_bad_word(p, value, 0, word, "bad-value", "a range from a lower to a higher number");
        r = mask_grow(p, &add, (uint32_t)last + 1);
        if (r < 0) return r;
        for (uint64_t bit = first; add.bytes && bit <= last; bit++) add.bytes[bit / 8] |= (uint8_t)(1U << bit % 8);
    }
    int r = mask_grow(p, mask, add.size * 8);
    for (uint32_t i = 0; r == 0 && i < add.size; i++) mask->bytes[i] |= add.bytes[i];
    return r;
}

int value_cpu_mask(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct cpu_mask *mask = slot;
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (*text != '\0') return read_mask(p, value, text, mask);
    *mask = (struct cpu_mask){ 0 };
    return 0;
}

int value_cpu_affinity(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct sandbox_section *sandbox = &p->settings->sandbox;
    sandbox->cpu_affinity_from_numa = strcmp(value->text, "numa") == 0;
    if (!sandbox->cpu_affinity_from_numa) return value_cpu_mask(p, directive, value, slot);
    sandbox->cpu_affinity = (struct cpu_mask){ 0 };
    return 0;
}

/* "all" is what the machine has: here the first node, which every machine has. */
int value_numa_mask(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    if (strcmp(value->text, "all") == 0) return read_mask(p, value, "0", slot);
    return value_cpu_mask(p, directive, value, slot);
}

int value_numa_policy(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    int index = *text == '\0' ? 0 : exec_word_index(words_numa_policy + 1, text) + 1;
    if (index > 0 || *text == '\0')
        *(word_index *)slot = (word_index)index;
    else
        parse_bad(p, value, 0, "bad-value", "one of default, preferred, bind, interleave, local");
    return 0;
}

/* ---- core files ---- */

/* Numbers are hexadecimal, with and without 0x: core(5). */
static int read_coredump_word(const char *word, uint32_t *mask)
{
    uint64_t number;
    char hex[20] = "0x";
    int index = exec_word_index(words_coredump_filter, word);
    if (index >= 0) {
        *mask |= 1U << index;
    } else if (strcmp(word, "default") == 0) {
        *mask |= 0x33;
    } else if (strcmp(word, "all") == 0) {
        *mask = UINT32_MAX;
    } else {
        if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) word += 2;
        if (strlen(word) > 16 || strchr("+-", *word)) return -EINVAL;
        memcpy(hex + 2, word, strlen(word) + 1);
        if (parse_integer(hex, UINT32_MAX, &number) < 0) return -EINVAL;
        *mask |= (uint32_t)number;
    }
    return 0;
}

int value_coredump_filter(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                          void *slot)
{
    struct sandbox_section *sandbox = &p->settings->sandbox;
    const char *cursor = value->text;
    uint32_t mask = 0;
    size_t offset;
    int r;
    if (value->length == 0) {
        sandbox->coredump_filter_written = false;
        *(uint32_t *)slot = unit_settings_default.sandbox.coredump_filter;
        return 0;
    }
    while ((r = parse_word(p, value, &cursor, WORD_QUOTES, &offset)) > 0)
        if (read_coredump_word(str_text(&p->scratch), &mask) < 0) {
            exec_bad_word(p, value, offset, str_text(&p->scratch), "bad-value", "a kind of memory, or a mask of them");
            return 0;
        }
    if (r < 0) return r == -ENOMEM ? r : 0;
    *(uint32_t *)slot = (sandbox->coredump_filter_written ? *(uint32_t *)slot : 0) | mask;
    sandbox->coredump_filter_written = true;
    return 0;
}
