/* unit/values.h - the value parsers that the directive table names, and what they share.
 *
 * A parser gets the value after ${VAR} expansion and writes its slot. What cannot be used is reported and leaves the
 * slot alone; the result is 0, or -ENOMEM. Source: systemd.unit(5), systemd.service(5), systemd.exec(5),
 * systemd.kill(5), systemd.socket(5) and the observed behaviour of systemd 252. */
#pragma once
#include "base/attr.h"
#include "base/diag.h"
#include "base/str.h"
#include "unit/directive.h"
#include "unit/fragment.h"
#include "unit/paths.h"
#include "unit/settings.h"
#include "unit/source.h"
#include "unit/specifier.h"

struct arena;

/* After so many diagnostics on one file it is refused, and further ones are not looked for. */
#define PARSE_PROBLEMS_MAX 1000

/* What one fragment is read with. */
struct parse {
    struct arena *arena; /* strings and lists of the settings */
    struct diag_sink *diags;
    const struct fragment_context *context;
    const char *path;
    struct unit_settings *settings;
    struct specifier_context specifiers;
    enum section section;
    const char *section_name; /* as written, outlives the diagnostics */
    const char *key;          /* of the directive being read, outlives the diagnostics; NULL: the section as a whole */
    bool lenient;             /* the directive has no effect here: no value of it refuses a unit */
    bool refused;             /* an error was reported */
    bool broken;              /* one that makes systemd stop reading: LoadState=error, not bad-setting */
    bool stopped;             /* as systemd, nothing more is read after one */
    uint32_t problems;        /* reported so far */
    struct str variables, text, word, scratch; /* buffers: ${VAR} expansion, parse_text(), words, free for a parser */
};

/* Reports on the current directive, at a byte of the value. DIAG_ERROR refuses the unit. */
PRINTF(7, 8)
void parse_report(struct parse *p, enum severity severity, const struct value *value, size_t offset, const char *code,
                  const char *hint, const char *fmt, ...);
/* A value that cannot be used: an error in the native directories (S31, D17) unless the directive has no effect here
 * anyway, else a warning as in systemd. The message
 * is "'VALUE' is not WHAT", or "WHAT is missing" when it is empty. */
void parse_bad(struct parse *p, const struct value *value, size_t offset, const char *code, const char *what);
/* A known value whose feature does not exist (D17): an error in any mode, and nothing where the unit is only described:
 * the caller then keeps the value. */
void parse_unsupported(struct parse *p, const struct value *value, const char *what);

struct origin parse_origin(const struct value *value);

/* The value with its specifiers expanded, valid until the next call. 1, 0 when it is to be dropped (reported), -ENOMEM.
 */
MUST_CHECK int parse_text(struct parse *p, const struct value *value, const char **ret_text);
/* The same for one word of the value, into `out` (replaced). `offset`: where it lies in the value. */
MUST_CHECK int parse_specifiers(struct parse *p, const struct value *value, size_t offset, const char *word,
                                struct str *out);
/* The next word of the value, flags of unit/words.h, specifiers expanded, in p->scratch. *cursor begins at value->text.
 * 1, 0 at the end, -EBADMSG when the rest or (flags without WORD_LENIENT) the value is unusable (reported), -ENOMEM.
 * A word whose specifiers do not resolve is reported and skipped. *ret_offset: where the word begins. */
MUST_CHECK int parse_word(struct parse *p, const struct value *value, const char **cursor, unsigned flags,
                          size_t *ret_offset);

/* parse_text() and parse_word() for names of units, in which systemd knows only the specifiers that fit in a name. */
MUST_CHECK int parse_name_text(struct parse *p, const struct value *value, const char **ret_text);
MUST_CHECK int parse_name_word(struct parse *p, const struct value *value, const char **cursor, unsigned flags,
                               size_t *ret_offset);

/* One of a table of words. 1 found, 0 not. */
struct word_value {
    const char *word;
    int value;
};
int word_lookup(const struct word_value *table, size_t count, const char *word, int *ret);

/* Room for one more item of `size` bytes in a list of the settings. 0 or -ENOMEM. */
MUST_CHECK int list_reserve(struct arena *arena, void **items, uint32_t count, uint32_t *capacity, size_t size);
#define list_push(parse_, list_, item_)                                                                                \
    __extension__({                                                                                                    \
        int list_r_ = list_reserve((parse_)->arena, (void **)&(list_)->items, (list_)->count, &(list_)->capacity,      \
                                   sizeof *(list_)->items);                                                            \
        if (list_r_ == 0) (list_)->items[(list_)->count++] = (item_);                                                  \
        list_r_;                                                                                                       \
    })
/* A list that holds each item once is looked through from here on. No person writes one that is longer, and one that a
 * program wrote may not take hours: what lies further back can come again. */
#define LIST_LOOK_BACK 1024U
static inline uint32_t list_look_from(uint32_t count)
{
    return count > LIST_LOOK_BACK ? count - LIST_LOOK_BACK : 0;
}
/* Copies into the arena. 0 or -ENOMEM. */
MUST_CHECK int parse_keep(struct parse *p, const char *text, const char **ret);
MUST_CHECK int list_push_text(struct parse *p, struct text_list *list, const char *text);

/* An absolute path without "..", as systemd cleans it: specifiers expanded, doubled slashes and the last one gone. In
 * the arena. 1; 0 when the value is empty or cannot be used, which is reported; -ENOMEM. */
MUST_CHECK int parse_path(struct parse *p, const struct value *value, const char **ret);

/* "/var/run/x" becomes "/run/x", as systemd does it for sockets and PID files. In place. */
void path_leave_var_run(char *path);

/* Arguments of rows. */
struct weight_range { /* value_weight, value_device_weight */
    uint64_t min, max;
    bool idle; /* the word is known, and is 0 */
    const char *what;
};
extern const struct weight_range weight_cpu, weight_io, weight_shares, weight_block_io;
struct memory_rule { /* value_memory */
    bool zero, guarantee;
};
extern const struct memory_rule memory_limit, memory_limit_or_none, memory_guarantee;
struct number_range { /* value_number: slots of 4 or 8 bytes */
    int64_t min;
    uint64_t max;
    size_t size;
};
extern const struct number_range number_u32, number_i32, number_i64;
extern const bool keep_when_empty; /* value_paths: an empty value does not clear the list */

/* Could a network interface have that name? */
bool interface_name_is_valid(const char *name);

/* clang-format off */
#define VALUE_PARSERS(X) \
    X(value_boolean) X(value_word) X(value_timespan) X(value_timeout) X(value_timeout_both) X(value_u32) X(value_mode) X(value_text) \
    X(value_socket_mode) X(value_signal) X(value_kill_mode) \
    X(value_description) X(value_documentation) X(value_units) X(value_condition) X(value_names) X(value_also) X(value_alias) X(value_default_instance) \
    X(value_commands) X(value_service_type) X(value_restart) X(value_exit_set) X(value_pid_file) X(value_notify_fd) \
    X(value_user) X(value_groups) X(value_working_directory) X(value_environment) X(value_environment_file) \
    X(value_variable_names) X(value_unset_environment) X(value_standard_input) X(value_standard_output) \
    X(value_syslog_identifier) X(value_limit) X(value_nice) X(value_oom_score_adjust) X(value_directories) \
    X(value_preserve) \
    X(value_listen) X(value_accept) X(value_activation_mode) X(value_service) \
    X(value_file_descriptor_name) X(value_proxy_target) \
    X(value_number) X(value_size) X(value_timespan_or_none) X(value_path) X(value_paths) \
    X(value_weight) X(value_memory) X(value_tasks_max) X(value_cpu_quota) X(value_pressure_limit) \
    X(value_device_weight) X(value_device_latency) X(value_device_limit) X(value_ip_access) X(value_filter_paths) \
    X(value_bpf_program) X(value_device_allow) X(value_delegate) X(value_controllers) X(value_socket_bind) \
    X(value_network_interfaces) X(value_slice) X(value_words) \
    X(value_job_mode_isolate) X(value_job_timeout) X(value_job_running_timeout) X(value_action_status) \
    X(value_mounts) X(value_bus_name) X(value_timeout_abort) \
    X(value_bind_ipv6_only) X(value_timestamping) X(value_ip_tos) X(value_socket_protocol) X(value_interface) \
    X(value_timer) X(value_watch) X(value_trigger_unit) X(value_trigger_burst) X(value_swap_priority) \
    X(value_managed_oom) X(value_sockets) X(value_open_file) X(value_concurrency) \
    X(value_cpu_policy) X(value_cpu_priority) X(value_io_class) X(value_io_priority) X(value_timer_slack) \
    X(value_cpu_mask) X(value_cpu_affinity) X(value_numa_mask) X(value_numa_policy) X(value_coredump_filter) \
    X(value_input_text) X(value_input_data) X(value_tty_size) X(value_log_level) X(value_log_facility) \
    X(value_log_fields) X(value_log_namespace) X(value_load_credential) X(value_set_credential) \
    X(value_capabilities) X(value_secure_bits) X(value_restrict_namespaces) X(value_address_families) \
    X(value_file_systems) X(value_architectures) X(value_personality) X(value_label) X(value_keyring_mode) \
    X(value_mount_apivfs) X(value_dynamic_user) X(value_removed) X(value_access_paths) X(value_search_path) \
    X(value_root_path) X(value_bind_paths) X(value_temporary_file_systems) X(value_image_options) \
    X(value_mount_images) X(value_extension_images) X(value_root_hash) X(value_root_hash_signature) \
    X(value_syscall_filter) X(value_syscall_log) X(value_syscall_error) X(value_rate_burst) X(value_text_list) X(value_restart_signal) X(value_probe)
/* clang-format on */
#define X(name) value_parser name;
VALUE_PARSERS(X)
#undef X
