/* The shapes of single values of systemd.exec(5). Lists are in property_exec_lists.c. */
#include "unit/property_internal.h"
#include "unit/values_exec.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

/* ---- numbers ---- */

static int hexadecimal_text(const struct property_value *value, struct str *out)
{
    return str_appendf(out, "0x%" PRIx32, *(const uint32_t *)value->slot);
}

static int hexadecimal_json(const struct property_value *value, struct str *out)
{
    return json_write_u64(out, *(const uint32_t *)value->slot);
}
const struct property_shape property_hexadecimal = { hexadecimal_text, hexadecimal_json };

/* What is not set is what PID 1 has, here and now. */
const uint8_t property_limits[] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };
_Static_assert(sizeof property_limits == 2 * (size_t)EXEC_LIMIT_COUNT, "a limit and its soft limit each");

static uint64_t limit_of(const struct property_value *value)
{
    unsigned index = *(const uint8_t *)value->argument;
    enum exec_limit_kind kind = index / 2;
    const struct exec_limit *limits = *(struct exec_limit *const *)value->slot;
    struct rlimit own;
    if (limits && limits[kind].set) return index % 2 ? limits[kind].soft : limits[kind].hard;
    if (getrlimit((__rlimit_resource_t)exec_limit_resource(kind), &own) < 0) return UINT64_MAX;
    return index % 2 ? own.rlim_cur : own.rlim_max;
}

static int limit_text(const struct property_value *value, struct str *out)
{
    uint64_t limit = limit_of(value);
    return limit == UINT64_MAX ? str_append(out, "infinity") : json_write_u64(out, limit);
}

static int limit_json(const struct property_value *value, struct str *out)
{
    return json_write_u64(out, limit_of(value));
}
const struct property_shape property_limit = { limit_text, limit_json };

/* What the kernel gives where nobody asked for another: prctl(2), PR_SET_TIMERSLACK. */
#define TIMER_SLACK_DEFAULT 50000
static int timer_slack_any(const struct property_value *value, struct str *out)
{
    uint64_t slack = *(const uint64_t *)value->slot;
    return json_write_u64(out, slack == UINT64_MAX ? TIMER_SLACK_DEFAULT : slack);
}
const struct property_shape property_timer_slack = { timer_slack_any, timer_slack_any };

static int unprintable(const struct property_value *value UNUSED, struct str *out)
{
    return str_append(out, "[unprintable]");
}

static int tty_size_json(const struct property_value *value, struct str *out)
{
    return json_write_u64(out, *(const uint32_t *)value->slot & UINT16_MAX);
}
const struct property_shape property_tty_size = { unprintable, tty_size_json };

static int syslog_priority_any(const struct property_value *value, struct str *out)
{
    const struct sandbox_section *sandbox = value->context->unit->sandbox;
    return json_write_i64(out, sandbox->syslog_facility * 8 + sandbox->syslog_level);
}
const struct property_shape property_syslog_priority = { syslog_priority_any, syslog_priority_any };

static int same_process_group_text(const struct property_value *value, struct str *out)
{
    return str_append(out, value->context->unit->kind == UNIT_KIND_MOUNT ? "yes" : "no");
}

/* mount(8) belongs to the process group of PID 1. */
static int same_process_group_json(const struct property_value *value, struct str *out)
{
    return str_append(out, value->context->unit->kind == UNIT_KIND_MOUNT ? "true" : "false");
}
const struct property_shape property_same_process_group = { same_process_group_text, same_process_group_json };

/* ---- words ---- */

static int quoted(struct str *out, const char *text)
{
    return json_write_string(out, text, strlen(text));
}

/* system.conf(5): services have a keyring of their own, other units share one. */
static const char *keyring_of(const struct property_value *value)
{
    const struct unit *unit = value->context->unit;
    bool shared = !unit->sandbox->keyring_mode_written && unit->kind != UNIT_KIND_SERVICE;
    return shared ? words_keyring_mode[2] : words_keyring_mode[unit->sandbox->keyring_mode];
}

static int keyring_mode_text(const struct property_value *value, struct str *out)
{
    return str_append(out, keyring_of(value));
}

static int keyring_mode_json(const struct property_value *value, struct str *out)
{
    return quoted(out, keyring_of(value));
}
const struct property_shape property_keyring_mode = { keyring_mode_text, keyring_mode_json };

/* MPOL_ of set_mempolicy(2), -1 when neither policy nor nodes were written; nodes alone are preferred. */
static int numa_policy_of(const struct property_value *value)
{
    word_index index = *(const word_index *)value->slot;
    return index == 0 && value->context->unit->sandbox->numa_mask.size > 0 ? 1 : index - 1;
}

static int numa_policy_text(const struct property_value *value, struct str *out)
{
    return str_append(out, words_numa_policy[numa_policy_of(value) + 1]);
}

static int numa_policy_json(const struct property_value *value, struct str *out)
{
    return json_write_i64(out, numa_policy_of(value));
}
const struct property_shape property_numa_policy = { numa_policy_text, numa_policy_json };

static int mount_flags_text(const struct property_value *value, struct str *out)
{
    return str_append(out, words_mount_flags[*(const word_index *)value->slot]);
}

/* MS_SHARED, MS_SLAVE and MS_PRIVATE of mount(2). */
static int mount_flags_json(const struct property_value *value, struct str *out)
{
    static const uint32_t flags[] = { 0, 1U << 20, 1U << 19, 1U << 18 };
    return json_write_u64(out, flags[*(const word_index *)value->slot]);
}
const struct property_shape property_mount_flags = { mount_flags_text, mount_flags_json };

static const char *stream_of(const struct property_value *value)
{
    const struct exec_stream *stream = value->slot;
    return words_streams[stream->variant ? stream->variant : stream->kind];
}

static int stream_text(const struct property_value *value, struct str *out)
{
    return str_append(out, stream_of(value));
}

static int stream_json(const struct property_value *value, struct str *out)
{
    return quoted(out, stream_of(value));
}
const struct property_shape property_stream = { stream_text, stream_json };

static const char *descriptor_of(const struct property_value *value)
{
    const struct exec_stream *stream = value->slot;
    return stream->kind == STD_FD ? stream->path : "";
}

static int stream_descriptor_text(const struct property_value *value, struct str *out)
{
    return str_append(out, descriptor_of(value));
}

static int stream_descriptor_json(const struct property_value *value, struct str *out)
{
    return quoted(out, descriptor_of(value));
}
const struct property_shape property_stream_descriptor = { stream_descriptor_text, stream_descriptor_json };

static int working_directory_text(const struct property_value *value, struct str *out)
{
    const struct exec_section *exec = value->context->unit->exec;
    if (!exec->working_directory) return 0;
    return str_appendf(out, "%s%s", exec->working_directory_optional ? "!" : "", exec->working_directory);
}

static int working_directory_json(const struct property_value *value, struct str *out)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r = working_directory_text(value, &text);
    return r < 0 ? r : quoted(out, str_text(&text));
}
const struct property_shape property_working_directory = { working_directory_text, working_directory_json };

static int label_text(const struct property_value *value, struct str *out)
{
    const struct mac_label *label = value->slot;
    return label->text ? str_appendf(out, "%s%s", label->optional ? "-" : "", label->text) : 0;
}

static int label_json(const struct property_value *value, struct str *out)
{
    const struct mac_label *label = value->slot;
    int r = str_append(out, label->optional ? "[true, " : "[false, ");
    if (r == 0) r = quoted(out, label->text ? label->text : "");
    return r < 0 ? r : str_append(out, "]");
}
const struct property_shape property_label = { label_text, label_json };

/* ---- bits ---- */

static int capabilities_text(const struct property_value *value, struct str *out)
{
    uint64_t set = *(const uint64_t *)value->slot;
    const char *separator = "";
    int r = 0;
    for (size_t i = 0; r == 0 && words_capabilities[i]; i++) {
        if (!(set >> i & 1)) continue;
        r = str_appendf(out, "%s%s", separator, words_capabilities[i]);
        separator = " ";
    }
    return r;
}

static int u64_json(const struct property_value *value, struct str *out)
{
    return json_write_u64(out, *(const uint64_t *)value->slot);
}
const struct property_shape property_capabilities = { capabilities_text, u64_json };

static int namespaces_text(const struct property_value *value, struct str *out)
{
    static const struct {
        const char *name;
        uint64_t bit;
    } rows[] = {
#define X(name, bit) { name, bit },
        NAMESPACES(X)
#undef X
    };
    uint64_t set = *(const uint64_t *)value->slot & NAMESPACES_ALL;
    const char *separator = "";
    int r = 0;
    if (set == 0 || set == NAMESPACES_ALL) return str_append(out, set == 0 ? "yes" : "no");
    for (size_t i = 0; r == 0 && i < COUNT_OF(rows); i++) {
        if (!(set & rows[i].bit)) continue;
        r = str_appendf(out, "%s%s", separator, rows[i].name);
        separator = " ";
    }
    return r;
}
const struct property_shape property_namespaces = { namespaces_text, u64_json };

/* ---- bytes ---- */

const char property_base16[] = "base16";

static int bytes_text(const struct property_value *value, struct str *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const struct byte_string *data = value->slot;
    int r = 0;
    if (value->argument == property_base16) {
        for (uint32_t i = 0; r == 0 && i < data->size; i++) r = str_appendf(out, "%02x", data->bytes[i]);
        return r;
    }
    for (uint32_t i = 0; r == 0 && i < data->size; i += 3) {
        uint32_t left = data->size - i, group = (uint32_t)data->bytes[i] << 16;
        if (left > 1) group |= (uint32_t)data->bytes[i + 1] << 8;
        if (left > 2) group |= data->bytes[i + 2];
        char four[] = { digits[group >> 18], digits[group >> 12 & 63], '=', '=' };
        if (left > 1) four[2] = digits[group >> 6 & 63];
        if (left > 2) four[3] = digits[group & 63];
        r = str_append_bytes(out, four, sizeof four);
    }
    return r;
}

static int bytes_json(const struct property_value *value, struct str *out)
{
    const struct byte_string *data = value->slot;
    return property_numbers_json(data->bytes, data->size, out);
}
const struct property_shape property_bytes = { bytes_text, bytes_json };
