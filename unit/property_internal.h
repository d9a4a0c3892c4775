/* unit/property_internal.h - the rows of the property table and the shapes that print them. */
#pragma once
#include "base/json.h"
#include "unit/property.h"
#include "unit/settings.h"

/* What a shape prints: the slot is the setting that the row names; shapes that are made from the whole unit use the
 * context instead. */
struct property_value {
    const void *slot;
    const void *argument; /* of the row: the words of property_word, ... */
    const struct property_context *context;
};
typedef int property_printer(const struct property_value *value, struct str *out);
struct property_shape {
    property_printer *text, *json;
};
struct property {
    const char *name;
    const struct property_shape *shape;
    const void *argument;
    uint16_t offset; /* into struct unit_settings */
};

/* Lists of words: the text as systemctl quotes them, and an array of strings. 0 or -ENOMEM. */
MUST_CHECK int property_words_text(const char *const *items, size_t count, struct str *out);
MUST_CHECK int property_words_json(const char *const *items, size_t count, struct str *out);

/* An array of the bytes as numbers. */
MUST_CHECK int property_numbers_json(const uint8_t *bytes, uint32_t size, struct str *out);

/* clang-format off */
#define PROPERTY_SHAPES(X) \
    X(boolean)   /* bool */ \
    X(word)      /* word_index; the argument is its table */ \
    X(timespan)  /* usec_t: "1min 30s", "infinity" */ \
    X(u32) X(u64) X(i32) X(i64) \
    X(bound)     /* uint64_t, UINT64_MAX is "infinity" */ \
    X(weight)    /* uint64_t, UINT64_MAX is "[not set]" */ \
    X(mode)      /* mode_t: four octal digits; JSON: a number */ \
    X(string)    /* const char *, NULL is empty */ \
    X(strings)   /* struct text_list: separated by blanks, quoted */ \
    X(relation)  /* struct unit_ref_list: the names, sorted, once each */ \
    /* property_units.c */ \
    X(enum_word) /* an enum; the argument is its table of words */ \
    X(action_status) /* int32_t, -1 is "[not set]" */ \
    X(never)     /* always infinity */ \
    X(no_list) X(no_text) /* always empty */ \
    X(commands)  /* struct command_list */ \
    X(commands_ex) X(commands_old) \
    X(exit_set)  /* struct exit_set * */ \
    X(listens)   /* struct socket_listen_list */ \
    X(descriptor_name) /* const char *, NULL is the name of the unit */ \
    X(timers_calendar) X(timers_monotonic) /* struct timer_value_list */ \
    X(watches)   /* struct path_watch_list */ \
    /* property_resource.c */ \
    X(cpu_weight) /* as weight; 0 is "idle" */ \
    X(tasks_max) /* struct tasks_max */ \
    X(devices) X(latencies) /* struct device_value_list */ \
    X(rule_pairs) /* struct rule_pair_list; the argument stands between the two */ \
    X(prefixes)  /* struct address_prefix_list */ \
    X(socket_rules) /* struct socket_rule_list */ \
    X(name_filter) /* struct name_filter */ \
    X(controllers) /* uint32_t: bits of words_controllers */ \
    /* property_whole.c: of the unit */ \
    X(isolate) /* tristate */ X(unit_name) X(fragment_path) X(description) X(load_state) X(load_error) X(names) X(dropins) \
    X(dependency) /* the argument is one of property_dependencies */ \
    X(conditions) X(asserts) /* struct condition_list */ \
    /* of systemd.exec(5): */ \
    X(bytes)     /* struct byte_string: base64, or hexadecimal where the argument is property_base16 */ \
    X(hexadecimal) /* uint32_t */ \
    X(limit)     /* struct exec_limit *; the argument is an item of property_limits */ \
    X(capabilities) X(label) X(bind_paths) X(cpu_mask) X(numa_policy) X(symlinks) X(environment_files) \
    X(extension_images) X(mount_images) X(keyring_mode) X(credential_paths) X(credentials) X(log_fields) X(mount_flags) \
    X(address_families) X(name_set) X(namespaces) X(image_options) X(same_process_group) X(stream) \
    X(stream_descriptor) X(syslog_priority) X(syscalls) X(tty_size) X(temporary_file_systems) X(timer_slack) \
    X(working_directory)
/* clang-format on */
#define X(name) extern const struct property_shape property_##name;
PROPERTY_SHAPES(X)
#undef X
/* Each value at its own index, for arguments of rows. */
extern const enum unit_dependency property_dependencies[UNIT_DEPENDENCY_COUNT];
extern const uint8_t property_limits[]; /* at 2 * enum exec_limit_kind, and behind it the soft limit */
extern const char property_base16[];
