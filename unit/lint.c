#include "unit/lint_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/search.h"
#include "unit/values.h"

#define SLOTS ((size_t)4096) /* a power of two, well above the number of directives */

struct lint_unit {
    UT_hash_handle hh; /* by name */
    char *name;
    VEC(struct lint_kept) kept;
};

static const struct {
    enum section section;
    const char *name;
    bool keep;
} keys[LINT_KEY_COUNT] = {
#define X(enumerator, in, text, kept) { SECTION_##in, text, kept },
    LINT_KEYS(X)
#undef X
};

/* ---- what kind of value ---- */

static const struct {
    value_parser *parse;
    uint8_t classes;
} classes[] = {
    { value_boolean, CLASS_SINGLE },
    { value_word, CLASS_SINGLE },
    { value_timespan, CLASS_SINGLE },
    { value_timeout, CLASS_SINGLE },
    { value_timeout_both, CLASS_SINGLE },
    { value_u32, CLASS_SINGLE },
    { value_mode, CLASS_SINGLE },
    { value_socket_mode, CLASS_SINGLE },
    { value_signal, CLASS_SINGLE },
    { value_kill_mode, CLASS_SINGLE },
    { value_description, CLASS_SINGLE | CLASS_LITERAL | CLASS_PROSE },
    { value_documentation, CLASS_PROSE },
    { value_service_type, CLASS_SINGLE },
    { value_restart, CLASS_SINGLE },
    { value_pid_file, CLASS_SINGLE | CLASS_LITERAL },
    { value_user, CLASS_SINGLE | CLASS_LITERAL },
    { value_working_directory, CLASS_SINGLE | CLASS_LITERAL },
    { value_standard_input, CLASS_SINGLE },
    { value_standard_output, CLASS_SINGLE },
    { value_syslog_identifier, CLASS_SINGLE | CLASS_LITERAL },
    { value_nice, CLASS_SINGLE },
    { value_oom_score_adjust, CLASS_SINGLE },
    { value_limit, CLASS_SINGLE },
    { value_preserve, CLASS_SINGLE },
    { value_accept, CLASS_SINGLE },
    { value_activation_mode, CLASS_SINGLE },
    { value_service, CLASS_SINGLE | CLASS_LITERAL },
    { value_file_descriptor_name, CLASS_SINGLE | CLASS_LITERAL },
    { value_proxy_target, CLASS_SINGLE | CLASS_LITERAL },
    { value_path, CLASS_SINGLE | CLASS_LITERAL },
    { value_bus_name, CLASS_SINGLE | CLASS_LITERAL },
    { value_trigger_unit, CLASS_SINGLE | CLASS_LITERAL },
    { value_number, CLASS_SINGLE },
    { value_size, CLASS_SINGLE },
    { value_timespan_or_none, CLASS_SINGLE },
    { value_weight, CLASS_SINGLE },
    { value_memory, CLASS_SINGLE },
    { value_tasks_max, CLASS_SINGLE },
    { value_cpu_quota, CLASS_SINGLE },
    { value_slice, CLASS_SINGLE },
    { value_job_mode_isolate, CLASS_SINGLE },
    { value_job_timeout, CLASS_SINGLE },
    { value_job_running_timeout, CLASS_SINGLE },
    { value_action_status, CLASS_SINGLE },
    { value_timeout_abort, CLASS_SINGLE },
    { value_bind_ipv6_only, CLASS_SINGLE },
    { value_timestamping, CLASS_SINGLE },
    { value_ip_tos, CLASS_SINGLE },
    { value_socket_protocol, CLASS_SINGLE },
    { value_interface, CLASS_SINGLE },
    { value_trigger_burst, CLASS_SINGLE },
    { value_swap_priority, CLASS_SINGLE },
    { value_managed_oom, CLASS_SINGLE },
    { value_concurrency, CLASS_SINGLE },
    { value_cpu_policy, CLASS_SINGLE },
    { value_cpu_priority, CLASS_SINGLE },
    { value_io_class, CLASS_SINGLE },
    { value_io_priority, CLASS_SINGLE },
    { value_timer_slack, CLASS_SINGLE },
    { value_numa_policy, CLASS_SINGLE },
    { value_coredump_filter, CLASS_SINGLE },
    { value_tty_size, CLASS_SINGLE },
    { value_log_level, CLASS_SINGLE },
    { value_log_facility, CLASS_SINGLE },
    { value_personality, CLASS_SINGLE },
    { value_keyring_mode, CLASS_SINGLE },
    { value_mount_apivfs, CLASS_SINGLE },
    { value_dynamic_user, CLASS_SINGLE },
    { value_syscall_error, CLASS_SINGLE },
    { value_rate_burst, CLASS_SINGLE },
    { value_restart_signal, CLASS_SINGLE },
    { value_probe, CLASS_SINGLE | CLASS_LITERAL },
    { value_root_path, CLASS_SINGLE | CLASS_LITERAL },
    { value_environment_file, CLASS_LIST | CLASS_LITERAL },
    { value_environment, CLASS_LIST | CLASS_PROSE },
    { value_commands, CLASS_LIST },
    { value_listen, CLASS_LITERAL },
    { value_condition, CLASS_PROSE },
};

static uint8_t classes_of(const struct directive *directive)
{
    for (size_t i = 0; i < COUNT_OF(classes); i++)
        if (directive->parse == classes[i].parse) return classes[i].classes;
    return 0;
}

/* ---- directives ---- */

static uint8_t key_of(const struct lint *lint, const struct directive *directive)
{
    uint8_t key = 0;
    while (key < LINT_KEY_COUNT && lint->keys[key] != directive) key++;
    return key;
}

static struct lint_slot *slot_at(const struct lint *lint, const struct directive *directive)
{
    size_t i = (uintptr_t)directive / sizeof *directive * 0x9e3779b1u;
    for (;; i++) {
        struct lint_slot *slot = &lint->slots[i % SLOTS];
        if (slot->directive == directive || !slot->directive) return slot;
    }
}

static struct lint_slot *slot_of(struct lint *lint, const struct directive *directive)
{
    struct lint_slot *slot = slot_at(lint, directive);
    if (slot->directive) return slot;
    *slot =
        (struct lint_slot){ .directive = directive, .classes = classes_of(directive), .key = key_of(lint, directive) };
    return slot;
}

/* ---- life ---- */

int lint_new(const struct lint_options *options, struct lint **ret_lint)
{
    AUTO(lint_free) struct lint *lint = calloc(1, sizeof *lint);
    if (!lint) return -ENOMEM;
    lint->options = *options;
    lint->root = FD_NONE;
    lint->slots = calloc(SLOTS, sizeof *lint->slots);
    if (!lint->slots) return -ENOMEM;
    for (size_t i = 0; i < LINT_KEY_COUNT; i++)
        lint->keys[i] = directive_find(keys[i].section, keys[i].name, strlen(keys[i].name));
    int r = options->root ? fd_openat(AT_FDCWD, options->root, O_PATH | O_DIRECTORY, 0, &lint->root) : 0;
    if (r < 0) return r;
    *ret_lint = TAKE(lint);
    return 0;
}

void lint_free(struct lint *lint)
{
    if (!lint) return;
    struct lint_unit *unit, *next_unit;
    struct lint_file *file, *next_file;
    HASH_ITER(hh, lint->units, unit, next_unit)
    {
        HASH_DEL(lint->units, unit);
        vec_done(&unit->kept);
        free(unit->name);
        free(unit);
    }
    HASH_ITER(hh, lint->files, file, next_file)
    {
        HASH_DEL(lint->files, file);
        free(file);
    }
    for (size_t i = 0; i < lint->triggers.count; i++) {
        free(lint->triggers.items[i].unit);
        free(lint->triggers.items[i].triggered);
    }
    vec_done(&lint->triggers);
    fd_close(&lint->root);
    for (size_t i = 0; i < LINT_KEY_COUNT; i++) str_done(&lint->values[i]);
    free(lint->unit_name);
    free(lint->slots);
    free(lint);
}

/* ---- what is kept ---- */

/* The macros are 250 statements long, here and below. NOLINTNEXTLINE(readability-function-size) */
int lint_know_file(struct lint *lint, const struct search_file *known)
{
    struct lint_file *file = calloc(1, sizeof *file);
    if (!file) return -ENOMEM;
    *file = (struct lint_file){ .name = known->name, .path = known->path };
    file->loadable = !known->masked && !known->alias_of && known->plain;
    file->systemd = !known->native;
    HASH_ADD_KEYPTR(hh, lint->files, file->name, strlen(file->name), file);
    if (file->hh.tbl) return 0;
    free(file);
    return -ENOMEM;
}

/* NOLINTNEXTLINE(readability-function-size) */
static struct lint_unit *kept_unit(struct lint *lint, const char *name)
{
    struct lint_unit *unit = NULL;
    HASH_FIND_STR(lint->units, name, unit);
    if (unit) return unit;
    unit = calloc(1, sizeof *unit);
    if (unit) unit->name = strdup(name);
    if (!unit || !unit->name) {
        free(unit);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, lint->units, unit->name, strlen(unit->name), unit);
    if (unit->hh.tbl) return unit;
    free(unit->name);
    free(unit);
    return NULL;
}

static int keep_places(struct lint *lint)
{
    for (enum lint_key key = 0; key < LINT_KEY_COUNT; key++) {
        const struct lint_written *last = keys[key].keep ? lint_last(lint, key) : NULL;
        if (!last) continue;
        struct lint_unit *unit = kept_unit(lint, lint->unit_name);
        int r = unit ? vec_push(&unit->kept, ((struct lint_kept){ (uint8_t)key, last->at })) : -ENOMEM;
        if (r < 0) return r;
    }
    return 0;
}

/* What timers and paths start is kept here, where it is not looked for in the set. */
static int keep_trigger(struct lint *lint, const struct fragment_context *context, const struct unit_settings *settings)
{
    bool timer = context->kind == UNIT_KIND_TIMER;
    if (!timer && context->kind != UNIT_KIND_PATH) return 0;
    const char *written = timer ? settings->timer.unit : settings->path_unit.unit;
    struct lint_trigger trigger = { .timer = timer, .at = { lint->path, 0, 0 } };
    enum lint_key key = timer ? LINT_TIMER_UNIT : LINT_PATH_UNIT;
    const struct lint_written *last = lint_last(lint, key);
    AUTO_STR struct str name = STR_EMPTY;
    size_t stem;
    (void)unit_name_stem(context->unit_name, &stem);
    if (last) trigger.at = last->at;
    if (last && !written && !strchr(lint_value(lint, key), '%')) written = lint_value(lint, key);
    int r = written ? str_append(&name, written) : str_appendf(&name, "%.*s.service", (int)stem, context->unit_name);
    if (r == 0) r = vec_reserve(&lint->triggers, lint->triggers.count + 1);
    if (r < 0) return r;
    trigger.unit = strdup(context->unit_name);
    trigger.triggered = str_take(&name);
    lint->triggers.items[lint->triggers.count++] = trigger;
    return trigger.unit && trigger.triggered ? 0 : -ENOMEM;
}

struct pos lint_place(const struct lint *lint, const struct unit *unit, enum lint_key key)
{
    struct lint_unit *kept = NULL;
    HASH_FIND_STR(lint->units, unit->name, kept);
    for (size_t i = 0; kept && i < kept->kept.count; i++)
        if (kept->kept.items[i].key == key) return kept->kept.items[i].at;
    return (struct pos){ unit->path, 0, 0 };
}

bool lint_has_file(const struct lint *lint, const char *name)
{
    struct lint_file *file = NULL;
    HASH_FIND_STR(lint->files, name, file);
    return file;
}

/* ---- while a unit is read ---- */

static int begin_unit(struct lint *lint, const struct fragment_context *context, const char *path)
{
    bool same = lint->unit_name && strcmp(lint->unit_name, context->unit_name) == 0;
    if (same && context->is_dropin) return 0;
    free(lint->unit_name);
    lint->unit_name = strdup(context->unit_name);
    lint->path = path;
    lint->n_units++;
    return lint->unit_name ? 0 : -ENOMEM;
}

int lint_fragment(struct lint *lint, struct parse *p, const char *data, size_t size)
{
    if (!lint) return 0;
    int r = begin_unit(lint, p->context, p->path);
    if (r < 0) return r;
    lint->n_files++;
    memset(lint->sections, 0, sizeof lint->sections);
    lint_form(p->path, p->context->file_mode, data, size, p->diags);
    return 0;
}

void lint_section(struct lint *lint, struct parse *p, struct pos at)
{
    if (!lint || p->section >= SECTION_COUNT) return;
    uint32_t *line = &lint->sections[p->section];
    if (*line > 0)
        diag_report(p->diags, DIAG_NOTE, (struct diag_about){ at, section_name(p->section), NULL }, "repeated-section",
                    NULL, "the section stands in line %u already; both count", *line);
    *line = at.line;
}

/* Of two values in one file the first is dead; what an empty one resets too. */
static void order_rules(struct lint *lint, struct parse *p, const struct lint_slot *slot, const struct value *value)
{
    struct value at = { .text = "", .file = value->file, .key_line = value->key_line, .key_column = value->key_column };
    const struct lint_written *before = slot->unit == lint->n_units ? &slot->last : NULL;
    bool here = before && slot->file == lint->n_files;
    if (value->length > 0) {
        if (here && !before->empty && slot->classes & CLASS_SINGLE)
            parse_report(p, DIAG_WARNING, &at, 0, "duplicate-assignment", NULL,
                         "line %u assigns it too, which has no effect", before->at.line);
    } else if (here && !before->empty && slot->classes & (CLASS_SINGLE | CLASS_LIST)) {
        parse_report(p, DIAG_NOTE, &at, 0, "dead-assignment", NULL, "resets what line %u has assigned",
                     before->at.line);
    } else if (!before && !p->context->is_dropin && slot->classes & CLASS_LIST) {
        parse_report(p, DIAG_NOTE, &at, 0, "useless-reset", NULL, "there is nothing that an empty value could reset");
    }
}

int lint_assignment(struct lint *lint, struct parse *p, const struct directive *directive, const char *key,
                    const struct value *value)
{
    if (!lint || !directive) return 0;
    struct lint_slot *slot = slot_of(lint, directive);
    order_rules(lint, p, slot, value);
    lint_value_rules(p, slot, key, value);
    if (directive->parse == value_commands) lint_command_rules(p, directive, value);
    if (slot->key < LINT_KEY_COUNT) {
        struct str *text = &lint->values[slot->key];
        str_clear(text);
        int r = str_append_bytes(text, value->text, value->length);
        if (r < 0) return r;
    }
    slot->last = (struct lint_written){ .at = value_key_pos(value), .empty = value->length == 0 };
    slot->unit = lint->n_units;
    slot->file = lint->n_files;
    return 0;
}

int lint_unit_end(struct lint *lint, const struct fragment_context *context, const struct unit_settings *settings,
                  struct diag_sink *diags)
{
    const struct lint_subject subject = { lint, context, settings, diags };
    if (!lint || !lint->unit_name || strcmp(lint->unit_name, context->unit_name) != 0) return 0;
    lint_unit_rules(&subject);
    int r = fd_is_open(&lint->root) ? lint_image_rules(&subject) : 0;
    if (r == 0) r = keep_trigger(lint, context, settings);
    return r == 0 ? keep_places(lint) : r;
}

/* ---- for rules ---- */

struct diag_about lint_key_about(enum lint_key key)
{
    return (struct diag_about){ .section = section_name(keys[key].section), .key = keys[key].name };
}

static const struct lint_written *last_of(const struct lint *lint, const struct directive *directive)
{
    const struct lint_slot *slot = directive ? slot_at(lint, directive) : NULL;
    if (!slot || !slot->directive || slot->unit != lint->n_units) return NULL;
    return &slot->last;
}

const struct lint_written *lint_last(const struct lint *lint, enum lint_key key)
{
    const struct lint_written *last = last_of(lint, lint->keys[key]);
    return last && !last->empty ? last : NULL;
}

const char *lint_value(const struct lint *lint, enum lint_key key)
{
    return lint_last(lint, key) ? str_text(&lint->values[key]) : "";
}

struct pos lint_key_place(const struct lint *lint, enum section section, const char *key)
{
    if (!lint || !lint->unit_name) return (struct pos){ 0 };
    const struct lint_written *last = key ? last_of(lint, directive_find(section, key, strlen(key))) : NULL;
    if (last) return last->at;
    return (struct pos){ lint->path, lint->sections[section], lint->sections[section] > 0 };
}

void lint_report(const struct lint_subject *subject, enum severity severity, struct pos at, const char *key,
                 const char *code, const char *fmt, ...)
{
    static const char *const sections[UNIT_KIND_COUNT] = {
        [UNIT_KIND_SERVICE] = "Service", [UNIT_KIND_SOCKET] = "Socket", [UNIT_KIND_MOUNT] = "Mount",
        [UNIT_KIND_SWAP] = "Swap",       [UNIT_KIND_TIMER] = "Timer",   [UNIT_KIND_PATH] = "Path",
    };
    char message[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args); /* cut when long: the texts it quotes are bounded */
    va_end(args);
    diag_report(subject->diags, severity, (struct diag_about){ at, sections[subject->context->kind], key }, code, NULL,
                "%s", message);
}
