/* The shapes of lists of systemd.exec(5): a row of the text form or of the JSON form for each item. */
#include "unit/property_internal.h"
#include "unit/values_exec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MS_REC 16384 /* mount(2): bind what is mounted below as well */

static int quoted(struct str *out, const char *text)
{
    return json_write_string(out, text, strlen(text));
}

/* "[" and the items, separated, and "]". */
typedef int item_printer(const void *items, uint32_t index, struct str *out);
static int array_of(const void *items, uint32_t count, item_printer *print, struct str *out)
{
    int r = str_append(out, "[");
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        if (i > 0) r = str_append(out, ", ");
        if (r == 0) r = print(items, i, out);
    }
    return r < 0 ? r : str_append(out, "]");
}

static int lines_of(const void *items, uint32_t count, item_printer *print, char separator, struct str *out)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        if (i > 0) r = str_append_char(out, separator);
        if (r == 0) r = print(items, i, out);
    }
    return r;
}

static int number_item(const void *items, uint32_t index, struct str *out)
{
    return json_write_u64(out, ((const uint8_t *)items)[index]);
}

int property_numbers_json(const uint8_t *bytes, uint32_t size, struct str *out)
{
    return array_of(bytes, size, number_item, out);
}

/* ---- processors ---- */

static bool mask_has(const struct cpu_mask *mask, uint32_t bit)
{
    return bit / 8 < mask->size && (mask->bytes[bit / 8] >> bit % 8 & 1);
}

static int cpu_mask_text(const struct property_value *value, struct str *out)
{
    const struct cpu_mask *mask = value->slot;
    const char *separator = "";
    int r = 0;
    for (uint32_t bit = 0; r == 0 && bit < mask->size * 8; bit++) {
        uint32_t first = bit;
        if (!mask_has(mask, bit)) continue;
        while (mask_has(mask, bit + 1)) bit++;
        r = bit == first ? str_appendf(out, "%s%" PRIu32, separator, first)
                         : str_appendf(out, "%s%" PRIu32 "-%" PRIu32, separator, first, bit);
        separator = " ";
    }
    return r;
}

static int cpu_mask_json(const struct property_value *value, struct str *out)
{
    const struct cpu_mask *mask = value->slot;
    return property_numbers_json(mask->bytes, mask->size, out);
}
const struct property_shape property_cpu_mask = { cpu_mask_text, cpu_mask_json };

/* ---- pairs ---- */

static int pair_json(const void *items, uint32_t index, struct str *out)
{
    const struct text_pair *pair = (const struct text_pair *)items + index;
    int r = str_append(out, "[");
    if (r == 0) r = quoted(out, pair->first);
    if (r == 0) r = str_append(out, ", ");
    if (r == 0) r = quoted(out, pair->second);
    return r < 0 ? r : str_append(out, "]");
}

static int pair_text(const void *items, uint32_t index, struct str *out)
{
    const struct text_pair *pair = (const struct text_pair *)items + index;
    return str_appendf(out, "%s:%s", pair->first, pair->second);
}

static int path_pair_text(const void *items, uint32_t index, struct str *out)
{
    const struct text_pair *pair = (const struct text_pair *)items + index;
    return *pair->second != '\0' ? pair_text(items, index, out) : str_append(out, pair->first);
}

static int pairs_json(const struct property_value *value, struct str *out)
{
    const struct text_pair_list *list = value->slot;
    return array_of(list->items, list->count, pair_json, out);
}

static int temporary_file_systems_text(const struct property_value *value, struct str *out)
{
    const struct text_pair_list *list = value->slot;
    return lines_of(list->items, list->count, path_pair_text, ' ', out);
}
const struct property_shape property_temporary_file_systems = { temporary_file_systems_text, pairs_json };

static int image_options_text(const struct property_value *value, struct str *out)
{
    const struct text_pair_list *list = value->slot;
    return lines_of(list->items, list->count, pair_text, PROPERTY_NEXT_LINE, out);
}
const struct property_shape property_image_options = { image_options_text, pairs_json };

static int symlink_json(const void *items, uint32_t index, struct str *out)
{
    size_t before = out->length;
    int r = pair_json(items, index, out);
    if (r < 0) return r;
    out->length -= out->length > before; /* the bracket */
    return str_append(out, ", 0]");
}

static int symlinks_json(const struct property_value *value, struct str *out)
{
    const struct text_pair_list *list = value->slot;
    return array_of(list->items, list->count, symlink_json, out);
}
const struct property_shape property_symlinks = { image_options_text, symlinks_json };

/* ---- credentials: systemctl does not print them ---- */

static int unprintable(const struct property_value *value UNUSED, struct str *out)
{
    return str_append(out, "[unprintable]");
}
const struct property_shape property_credential_paths = { unprintable, pairs_json };

static int credential_json(const void *items, uint32_t index, struct str *out)
{
    const struct set_credential *credential = (const struct set_credential *)items + index;
    int r = str_append(out, "[");
    if (r == 0) r = quoted(out, credential->id);
    if (r == 0) r = str_append(out, ", ");
    if (r == 0) r = property_numbers_json(credential->data.bytes, credential->data.size, out);
    return r < 0 ? r : str_append(out, "]");
}

static int credentials_json(const struct property_value *value, struct str *out)
{
    const struct set_credential_list *list = value->slot;
    return array_of(list->items, list->count, credential_json, out);
}
const struct property_shape property_credentials = { unprintable, credentials_json };

/* ---- mounts ---- */

static int bind_text(const void *items, uint32_t index, struct str *out)
{
    const struct bind_path *bind = (const struct bind_path *)items + index;
    return str_appendf(out, "%s%s:%s%s", bind->optional ? "-" : "", bind->source, bind->destination,
                       bind->recursive ? ":rbind" : "");
}

static int bind_json(const void *items, uint32_t index, struct str *out)
{
    const struct bind_path *bind = (const struct bind_path *)items + index;
    int r = str_append(out, "[");
    if (r == 0) r = quoted(out, bind->source);
    if (r == 0) r = str_append(out, ", ");
    if (r == 0) r = quoted(out, bind->destination);
    if (r < 0) return r;
    return str_appendf(out, ", %s, %d]", bind->optional ? "true" : "false", bind->recursive ? MS_REC : 0);
}

static int bind_paths_text(const struct property_value *value, struct str *out)
{
    const struct bind_path_list *list = value->slot;
    return lines_of(list->items, list->count, bind_text, ' ', out);
}

static int bind_paths_json(const struct property_value *value, struct str *out)
{
    const struct bind_path_list *list = value->slot;
    return array_of(list->items, list->count, bind_json, out);
}
const struct property_shape property_bind_paths = { bind_paths_text, bind_paths_json };

static int image_text(const void *items, uint32_t index, struct str *out)
{
    const struct mount_image *image = (const struct mount_image *)items + index;
    int r = str_appendf(out, "%s%s", image->optional ? "-" : "", image->source);
    if (r == 0 && *image->destination != '\0') r = str_appendf(out, ":%s", image->destination);
    for (uint32_t i = 0; r == 0 && i < image->options.count; i++) {
        r = str_append(out, ":");
        if (r == 0) r = pair_text(image->options.items, i, out);
    }
    return r;
}

static int image_json(const void *items, uint32_t index, struct str *out)
{
    const struct mount_image *image = (const struct mount_image *)items + index;
    int r = str_append(out, "[");
    if (r == 0) r = quoted(out, image->source);
    if (r == 0 && *image->destination != '\0') {
        r = str_append(out, ", ");
        if (r == 0) r = quoted(out, image->destination);
    }
    if (r == 0) r = str_append(out, image->optional ? ", true, " : ", false, ");
    if (r == 0) r = array_of(image->options.items, image->options.count, pair_json, out);
    return r < 0 ? r : str_append(out, "]");
}

static int images_text(const struct property_value *value, struct str *out)
{
    const struct mount_image_list *list = value->slot;
    return lines_of(list->items, list->count, image_text, ' ', out);
}

static int images_json(const struct property_value *value, struct str *out)
{
    const struct mount_image_list *list = value->slot;
    return array_of(list->items, list->count, image_json, out);
}
const struct property_shape property_extension_images = { images_text, images_json };
const struct property_shape property_mount_images = { images_text, images_json };

/* ---- environment, log ---- */

static int environment_file_text(const void *items, uint32_t index, struct str *out)
{
    const struct environment_file *file = (const struct environment_file *)items + index;
    return str_appendf(out, "%s (ignore_errors=%s)", file->path, file->optional ? "yes" : "no");
}

static int environment_file_json(const void *items, uint32_t index, struct str *out)
{
    const struct environment_file *file = (const struct environment_file *)items + index;
    int r = str_append(out, "[");
    if (r == 0) r = quoted(out, file->path);
    return r < 0 ? r : str_append(out, file->optional ? ", true]" : ", false]");
}

static int environment_files_text(const struct property_value *value, struct str *out)
{
    const struct environment_file_list *list = value->slot;
    return lines_of(list->items, list->count, environment_file_text, PROPERTY_NEXT_LINE, out);
}

static int environment_files_json(const struct property_value *value, struct str *out)
{
    const struct environment_file_list *list = value->slot;
    return array_of(list->items, list->count, environment_file_json, out);
}
const struct property_shape property_environment_files = { environment_files_text, environment_files_json };

static int text_item(const void *items, uint32_t index, struct str *out)
{
    return str_append(out, ((const char *const *)items)[index]);
}

static int quoted_item(const void *items, uint32_t index, struct str *out)
{
    return quoted(out, ((const char *const *)items)[index]);
}

static int byte_item(const void *items, uint32_t index, struct str *out)
{
    const char *text = ((const char *const *)items)[index];
    return property_numbers_json((const uint8_t *)text, (uint32_t)strlen(text), out);
}

static int log_fields_text(const struct property_value *value, struct str *out)
{
    const struct text_list *list = value->slot;
    return lines_of(list->items, list->count, text_item, ' ', out);
}

static int log_fields_json(const struct property_value *value, struct str *out)
{
    const struct text_list *list = value->slot;
    return array_of(list->items, list->count, byte_item, out);
}
const struct property_shape property_log_fields = { log_fields_text, log_fields_json };

/* ---- what is allowed, or with "~" forbidden ---- */

static int filter_text(bool allow, const void *items, uint32_t count, item_printer *print, struct str *out)
{
    int r = allow ? 0 : str_append(out, "~");
    return r < 0 ? r : lines_of(items, count, print, ' ', out);
}

static int filter_json(bool allow, const void *items, uint32_t count, item_printer *print, struct str *out)
{
    int r = str_append(out, allow ? "[true, " : "[false, ");
    if (r == 0) r = array_of(items, count, print, out);
    return r < 0 ? r : str_append(out, "]");
}

static int name_set_text(const struct property_value *value, struct str *out)
{
    const struct name_set *set = value->slot;
    return filter_text(set->allow, set->names.items, set->names.count, text_item, out);
}

static int name_set_json(const struct property_value *value, struct str *out)
{
    const struct name_set *set = value->slot;
    return filter_json(set->allow, set->names.items, set->names.count, quoted_item, out);
}
const struct property_shape property_name_set = { name_set_text, name_set_json };

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the families, sorted. */
static uint32_t family_names(const struct property_value *value, const char *names[static 64])
{
    uint64_t families = *(const uint64_t *)value->slot;
    uint32_t count = 0;
    for (size_t i = 0; words_address_families[i]; i++)
        if (families >> i & 1) names[count++] = words_address_families[i];
    qsort(names, count, sizeof *names, compare_names);
    return count;
}

static int address_families_text(const struct property_value *value, struct str *out)
{
    const char *names[64];
    uint32_t count = family_names(value, names);
    return filter_text(value->context->unit->sandbox->address_families_allow, names, count, text_item, out);
}

static int address_families_json(const struct property_value *value, struct str *out)
{
    const char *names[64];
    uint32_t count = family_names(value, names);
    return filter_json(value->context->unit->sandbox->address_families_allow, names, count, quoted_item, out);
}
const struct property_shape property_address_families = { address_families_text, address_families_json };

static int syscall_text(const void *items, uint32_t index, struct str *out)
{
    const struct syscall_rule *rule = (const struct syscall_rule *)items + index;
    if (rule->action < 0) return str_append(out, rule->name);
    const char *error = rule->action == SYSCALL_ACTION_KILL ? "kill" : exec_errno_name(rule->action);
    return error ? str_appendf(out, "%s:%s", rule->name, error)
                 : str_appendf(out, "%s:%" PRId32, rule->name, rule->action);
}

static int syscall_json(const void *items, uint32_t index, struct str *out)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r = syscall_text(items, index, &text);
    return r < 0 ? r : quoted(out, str_text(&text));
}

/* In the order of what is printed: "a64:EPERM" comes before "a:EPERM". */
static int compare_rules(const void *a, const void *b)
{
    const struct syscall_rule *left = a, *right = b;
    const char *x = left->name, *y = right->name;
    while (*x == *y && *x != '\0') x++, y++;
    int x_next = *x == '\0' && left->action >= 0 ? ':' : (unsigned char)*x;
    int y_next = *y == '\0' && right->action >= 0 ? ':' : (unsigned char)*y;
    return x_next - y_next;
}

static int sorted_rules(const struct syscall_list *list,
                        int (*print)(bool, const void *, uint32_t, item_printer *, struct str *), item_printer *item,
                        struct str *out)
{
    struct syscall_rule *rules = calloc((size_t)list->count + 1, sizeof *rules);
    if (!rules) return -ENOMEM;
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++) /* among allowed calls those with an error are forbidden */
        if (!list->allow || list->items[i].action < 0) rules[count++] = list->items[i];
    qsort(rules, count, sizeof *rules, compare_rules);
    int r = print(list->allow, rules, count, item, out);
    free(rules);
    return r;
}

static int syscalls_text(const struct property_value *value, struct str *out)
{
    return sorted_rules(value->slot, filter_text, syscall_text, out);
}

static int syscalls_json(const struct property_value *value, struct str *out)
{
    return sorted_rules(value->slot, filter_json, syscall_json, out);
}
const struct property_shape property_syscalls = { syscalls_text, syscalls_json };
