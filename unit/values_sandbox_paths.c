/* The values of systemd.exec(5) about what of the file system processes see. */
#include "unit/values_exec.h"

#include "base/parse.h"
#include "unit/words.h"

#include <errno.h>
#include <string.h>

#define ROOT_HASH_MIN 16

/* ---- lists of paths ---- */

/* "[-][+]PATH" words. */
int value_access_paths(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    AUTO_STR struct str path = STR_EMPTY;
    struct text_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        int r = exec_word(p, value, &cursor, WORD_QUOTES, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        const char *word = str_text(&p->word);
        bool optional = *word == '-', root = word[optional] == '+';
        r = exec_path(p, value, offset, word + optional + root, PATH_ABSOLUTE);
        if (r < 0) return r;
        if (r == 0) continue;
        str_clear(&path);
        r = str_appendf(&path, "%s%s%s", optional ? "-" : "", root ? "+" : "", str_text(&p->scratch));
        if (r == 0) r = list_push_text(p, list, str_text(&path));
        if (r < 0) return r;
    }
}

/* "PATH:PATH", the blanks belong to the paths. */
int value_search_path(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct text_list *list = slot;
    const char *cursor = value->text;
    bool colon;
    if (value->length == 0) list->count = 0;
    for (;;) {
        size_t offset = (size_t)(cursor - value->text);
        int r = exec_split(&cursor, SPLIT_COALESCE, &p->word, &colon);
        if (r == -EINVAL) parse_bad(p, value, offset, "bad-escape", "a list of paths");
        if (r <= 0) return r == -ENOMEM ? r : 0;
        r = exec_path(p, value, offset, str_text(&p->word), PATH_ABSOLUTE);
        if (r <= 0) return r; /* systemd does not look at the rest */
        r = list_push_text(p, list, str_text(&p->scratch));
        if (r < 0) return r;
    }
}

/* One path, where systemd refuses the unit that has a bad one. */
int value_root_path(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char **target = slot;
    if (value->length == 0) {
        *target = NULL;
        return 0;
    }
    int r = exec_expand(p, value, 0, value->text, &p->scratch);
    if (r < 0) return r;
    if (r > 0 && *str_text(&p->scratch) == '/') {
        path_simplify(p->scratch.data);
        if (path_is_usable(p->scratch.data) && path_is_normalized(p->scratch.data))
            return parse_keep(p, p->scratch.data, target);
    }
    exec_fatal(p, value, "bad-path", "an absolute path without '..'");
    return 0;
}

/* ---- mounts ---- */

/* A part in p->word that is a path; kept in *ret. 1, 0 when it is none (reported), -ENOMEM. */
static int keep_path(struct parse *p, const struct value *value, size_t offset, const char *text, const char **ret)
{
    int r = exec_path(p, value, offset, text, PATH_ABSOLUTE);
    if (r <= 0) return r;
    r = parse_keep(p, str_text(&p->scratch), ret);
    return r < 0 ? r : 1;
}

/* What a colon ended in front of blanks or the end is an empty part, not the next word. */
static bool part_follows(const char *cursor)
{
    return *cursor != '\0' && !strchr(WORD_BLANKS, *cursor);
}

/* SOURCE[:DESTINATION[:OPTIONS]] words. -EBADMSG: the rest is of no use. */
static int bind_word(struct parse *p, const struct value *value, const char **cursor, struct bind_path_list *list)
{
    struct bind_path bind = { .recursive = true };
    AUTO_STR struct str part = STR_EMPTY;
    size_t offset = (size_t)(*cursor - value->text);
    bool colon, usable;
    int r = exec_split(cursor, SPLIT_BLANKS | SPLIT_QUOTES, &part, &colon);
    if (r <= 0) return r;
    const char *text = str_text(&part);
    bind.optional = *text == '-';
    r = keep_path(p, value, offset, text + bind.optional, &bind.source);
    if (r < 0) return r;
    usable = r > 0;
    bind.destination = bind.source;
    if (colon && part.length > 0) { /* behind an empty part systemd begins anew */
        str_clear(&part);
        colon = false;
        r = part_follows(*cursor) ? exec_split(cursor, SPLIT_BLANKS | SPLIT_QUOTES, &part, &colon) : 1;
        colon = colon && part.length > 0;
        if (r > 0) r = keep_path(p, value, offset, str_text(&part), &bind.destination);
        if (r < 0) return r;
        usable = usable && r > 0;
    }
    if (colon && part.length > 0 && part_follows(*cursor)) {
        size_t at = (size_t)(*cursor - value->text);
        r = exec_word(p, value, cursor, WORD_QUOTES, &at);
        if (r < 0) return r;
        bind.recursive = strcmp(str_text(&p->word), "norbind") != 0;
        if (bind.recursive && strcmp(str_text(&p->word), "rbind") != 0) {
            exec_bad_word(p, value, at, str_text(&p->word), "bad-value", "one of rbind, norbind");
            return -EBADMSG;
        }
    }
    r = usable ? list_push(p, list, bind) : 0;
    return r < 0 ? r : 1;
}

int value_bind_paths(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct bind_path_list *list = slot;
    const char *cursor = value->text;
    int r;
    if (value->length == 0) list->count = 0;
    while ((r = bind_word(p, value, &cursor, list)) > 0) continue;
    if (r == -EINVAL) parse_bad(p, value, 0, "bad-quoting", "a list of SOURCE:DESTINATION:OPTIONS");
    return r == -ENOMEM ? r : 0;
}

/* PATH[:OPTIONS] words. */
int value_temporary_file_systems(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                                 void *slot)
{
    AUTO_STR struct str path = STR_EMPTY;
    struct text_pair_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        struct text_pair pair;
        bool colon;
        int r = exec_word(p, value, &cursor, WORD_QUOTES, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        const char *rest = str_text(&p->word);
        str_clear(&path);
        r = exec_split(&rest, 0, &path, &colon);
        if (r == -ENOMEM) return r;
        r = keep_path(p, value, offset, str_text(&path), &pair.first);
        if (r > 0) r = parse_keep(p, rest, &pair.second) < 0 || list_push(p, list, pair) < 0 ? -ENOMEM : 1;
        if (r < 0) return r;
    }
}

/* The partition of a disk image: "" is the root. */
static bool partition_is_known(struct parse *p, const struct value *value, size_t offset, const char *name)
{
    if (exec_word_index(words_partitions, name) >= 0) return true;
    char quoted[80];
    parse_report(p, DIAG_WARNING, value, offset, "bad-value", NULL, "'%s' is not a partition of a disk image (ignored)",
                 str_escape(name, strlen(name), quoted, sizeof quoted));
    return false;
}

static int options_add(struct parse *p, const struct value *value, size_t offset, const char *partition,
                       const char *options, struct text_pair_list *list)
{
    struct text_pair pair;
    if (!partition_is_known(p, value, offset, partition)) return 0;
    int r = parse_keep(p, partition, &pair.first);
    if (r == 0) r = parse_specifiers(p, value, offset, options, &p->scratch);
    if (r <= 0) return r;
    r = parse_keep(p, str_text(&p->scratch), &pair.second);
    return r < 0 ? r : list_push(p, list, pair);
}

/* OPTIONS or PARTITION:OPTIONS words. */
int value_image_options(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                        void *slot)
{
    AUTO_STR struct str word = STR_EMPTY;
    AUTO_STR struct str first = STR_EMPTY;
    struct text_pair_list *list = slot, read = { 0 };
    const char *cursor = value->text;
    size_t offset;
    int r;
    while ((r = exec_word(p, value, &cursor, WORD_QUOTES, &offset)) > 0) {
        const char *rest = str_text(&p->word);
        bool colon;
        r = exec_split(&rest, 0, &first, &colon);
        if (r > 0 && colon && strchr(rest, ':')) {
            parse_bad(p, value, offset, "bad-value", "PARTITION:OPTIONS");
            return 0;
        }
        str_clear(&word);
        if (r > 0) r = str_append(&word, rest);
        if (r >= 0)
            r = options_add(p, value, offset, colon ? str_text(&first) : words_partitions[0],
                            colon ? str_text(&word) : str_text(&first), &read);
        if (r < 0) return r;
    }
    if (r < 0) return r == -ENOMEM ? r : 0;
    if (value->length == 0) list->count = 0;
    for (uint32_t i = 0; i < read.count; i++) {
        r = list_push(p, list, read.items[i]);
        if (r < 0) return r;
    }
    return 0;
}

/* [-]SOURCE[:DESTINATION][:PARTITION:OPTIONS...], the options alone for the root. */
static int image_word(struct parse *p, const struct value *value, size_t offset, const char *word, bool has_destination,
                      struct mount_image_list *list)
{
    AUTO_STR struct str first = STR_EMPTY;
    AUTO_STR struct str second = STR_EMPTY;
    struct mount_image image = { .destination = "" };
    bool colon;
    int r;
    image.optional = *word == '-';
    word += image.optional;
    r = exec_split(&word, 0, &first, &colon);
    if (r <= 0) return r == -ENOMEM ? r : 0;
    r = keep_path(p, value, offset, str_text(&first), &image.source);
    if (r <= 0) return r;
    if (has_destination) {
        if (!colon) {
            exec_bad_word(p, value, offset, image.source, "bad-value", "an image with its destination");
            return 0;
        }
        r = exec_split(&word, 0, &first, &colon);
        if (r == -ENOMEM) return r;
        r = keep_path(p, value, offset, str_text(&first), &image.destination);
        if (r <= 0) return r;
    }
    while (colon && (r = exec_split(&word, 0, &first, &colon)) > 0) {
        if (colon && (r = exec_split(&word, 0, &second, &colon)) > 0)
            r = options_add(p, value, offset, str_text(&first), str_text(&second), &image.options);
        else if (r > 0)
            r = options_add(p, value, offset, words_partitions[0], str_text(&first), &image.options);
        if (r < 0) break;
    }
    return r == -ENOMEM ? r : list_push(p, list, image);
}

static int read_images(struct parse *p, const struct value *value, bool has_destination, struct mount_image_list *list)
{
    AUTO_STR struct str word = STR_EMPTY;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        int r = exec_word(p, value, &cursor, WORD_QUOTES, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        str_clear(&word);
        r = str_append(&word, str_text(&p->word));
        if (r == 0) r = image_word(p, value, offset, str_text(&word), has_destination, list);
        if (r < 0) return r;
    }
}

int value_mount_images(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    return read_images(p, value, true, slot);
}

int value_extension_images(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                           void *slot)
{
    return read_images(p, value, false, slot);
}

/* ---- verity ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A path, or the hash as hexadecimal digits. */
int value_root_hash(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                    void *slot UNUSED)
{
    struct sandbox_section *sandbox = &p->settings->sandbox;
    if (value->length == 0 || *value->text == '/') {
        sandbox->root_hash = (struct byte_string){ 0 };
        sandbox->root_hash_path = NULL;
        return value->length == 0 ? 0 : parse_keep(p, value->text, &sandbox->root_hash_path);
    }
    str_clear(&p->scratch);
    for (size_t i = 0; i < value->length; i += 2) {
        int high = hex_digit(value->text[i]), low = high < 0 ? -1 : hex_digit(value->text[i + 1]);
        if (low < 0) {
            parse_bad(p, value, i, "bad-value", "a path, or a hash in hexadecimal digits");
            return 0;
        }
        int r = str_append_char(&p->scratch, (char)(high << 4 | low));
        if (r < 0) return r;
    }
    if (p->scratch.length < ROOT_HASH_MIN) {
        parse_bad(p, value, 0, "bad-value", "a hash of at least 128 bits");
        return 0;
    }
    sandbox->root_hash_path = NULL;
    return exec_keep_bytes(p, p->scratch.data, p->scratch.length, &sandbox->root_hash);
}

/* A path, or "base64:DATA". */
int value_root_hash_signature(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                              void *slot UNUSED)
{
    AUTO_STR struct str data = STR_EMPTY;
    struct sandbox_section *sandbox = &p->settings->sandbox;
    static const char prefix[] = "base64:";
    if (value->length == 0 || *value->text == '/') {
        sandbox->root_hash_signature = (struct byte_string){ 0 };
        sandbox->root_hash_signature_path = NULL;
        return value->length == 0 ? 0 : parse_keep(p, value->text, &sandbox->root_hash_signature_path);
    }
    int r = str_starts_with(value->text, prefix) ? exec_base64(value->text + strlen(prefix), &data) : -EINVAL;
    if (r == -EINVAL) parse_bad(p, value, 0, "bad-value", "a path, or base64: and the signature");
    if (r < 0) return r == -ENOMEM ? r : 0;
    sandbox->root_hash_signature_path = NULL;
    return exec_keep_bytes(p, data.data, data.length, &sandbox->root_hash_signature);
}
