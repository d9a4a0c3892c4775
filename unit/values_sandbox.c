/* The values of systemd.exec(5) about capabilities, namespaces and other restrictions. */
#include "unit/values_exec.h"

#include "base/parse.h"
#include "unit/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CAPABILITY_MAX 63

/* ---- capabilities ---- */

/* systemd says nothing of a name that it does not know; here it is a note. */
static void unknown_word(struct parse *p, const struct value *value, size_t offset, const char *what)
{
    char quoted[80];
    parse_report(p, DIAG_NOTE, value, offset, "bad-value", NULL, "'%s' is not %s (ignored)",
                 str_escape(str_text(&p->word), p->word.length, quoted, sizeof quoted), what);
}

/* Names and numbers; the first assignment replaces the default, "~" takes away from what there is. */
int value_capabilities(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    uint64_t *set = slot, sum = 0, number;
    uint64_t initial = *(const uint64_t *)((const char *)&unit_settings_default + directive->offset);
    const char *cursor = value->text;
    bool invert = *cursor == '~';
    size_t offset;
    int r;
    cursor += invert;
    while ((r = exec_word(p, value, &cursor, WORD_QUOTES | WORD_LENIENT, &offset)) > 0) {
        int index = exec_word_index_case(words_capabilities, str_text(&p->word));
        if (index < 0 && parse_integer(str_text(&p->word), CAPABILITY_MAX, &number) == 0) index = (int)number;
        if (index >= 0)
            sum |= UINT64_C(1) << index;
        else
            unknown_word(p, value, offset, "a capability");
    }
    if (r < 0) return r == -ENOMEM ? r : 0;
    if (sum == 0 || *set == initial)
        *set = invert ? ~sum : sum;
    else
        *set = invert ? *set & ~sum : *set | sum;
    return 0;
}

int value_secure_bits(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *cursor = value->text;
    int32_t bits = 0;
    size_t offset;
    int r;
    while ((r = exec_word(p, value, &cursor, WORD_QUOTES, &offset)) > 0) {
        int index = exec_word_index(words_secure_bits, str_text(&p->word));
        if (index >= 0)
            bits |= 1 << index;
        else
            unknown_word(p, value, offset, "a secure bit");
    }
    if (r < 0) return r == -ENOMEM ? r : 0;
    *(int32_t *)slot = bits;
    return 0;
}

/* ---- namespaces ---- */

static const struct {
    const char *name;
    uint64_t bit;
} namespaces[] = {
#define X(name, bit) { name, bit },
    NAMESPACES(X)
#undef X
};

int value_restrict_namespaces(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                              void *slot)
{
    uint64_t *types = slot, sum = 0;
    const char *cursor = value->text;
    bool truth, invert = *cursor == '~';
    size_t offset;
    int r;
    if (value->length == 0 || parse_bool(value->text, &truth) == 0) {
        *types = value->length == 0 ? UINT64_MAX : truth ? 0 : NAMESPACES_ALL;
        return 0;
    }
    cursor += invert;
    while ((r = exec_word(p, value, &cursor, WORD_QUOTES, &offset)) > 0) {
        size_t i = 0;
        while (i < COUNT_OF(namespaces) && strcmp(namespaces[i].name, str_text(&p->word)) != 0) i++;
        if (i == COUNT_OF(namespaces)) {
            exec_bad_word(p, value, offset, str_text(&p->word), "bad-value", "a kind of namespace");
            return 0;
        }
        sum |= namespaces[i].bit;
    }
    if (r < 0) return r == -ENOMEM ? r : 0;
    if (*types == UINT64_MAX)
        *types = invert ? NAMESPACES_ALL & ~sum : sum;
    else
        *types = invert ? *types & ~sum : *types | sum;
    return 0;
}

/* ---- address families ---- */

static int address_family(const char *word)
{
    static const struct word_value aliases[] = { { "AF_LOCAL", 1 }, { "AF_FILE", 1 }, { "AF_ROUTE", 16 } };
    for (size_t i = 0; i < COUNT_OF(aliases); i++)
        if (strcasecmp(aliases[i].word, word) == 0) return aliases[i].value;
    return exec_word_index_case(words_address_families, word);
}

int value_address_families(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                           void *slot UNUSED)
{
    struct sandbox_section *sandbox = &p->settings->sandbox;
    const char *cursor = value->text;
    bool invert = *cursor == '~';
    size_t offset;
    int r;
    if (value->length == 0 || strcmp(value->text, "none") == 0) {
        sandbox->address_families = 0;
        sandbox->address_families_written = sandbox->address_families_allow = value->length > 0;
        return 0;
    }
    cursor += invert;
    if (!sandbox->address_families_written) sandbox->address_families_allow = !invert;
    sandbox->address_families_written = true;
    while ((r = exec_word(p, value, &cursor, WORD_QUOTES, &offset)) > 0) {
        int family = address_family(str_text(&p->word));
        uint64_t bit = family < 0 ? 0 : UINT64_C(1) << family;
        if (family < 0)
            exec_bad_word(p, value, offset, str_text(&p->word), "bad-value", "an address family such as AF_INET");
        else if (invert != sandbox->address_families_allow)
            sandbox->address_families |= bit;
        else
            sandbox->address_families &= ~bit;
    }
    return r == -ENOMEM ? r : 0;
}

/* ---- file systems ---- */

static void name_remove(struct text_list *names, const char *name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) != 0) continue;
        names->count--;
        memmove(&names->items[i], &names->items[i + 1], (names->count - i) * sizeof *names->items);
        return;
    }
}

static int name_add(struct parse *p, struct text_list *names, const char *name)
{
    const char *copy;
    name_remove(names, name);
    int r = list_push_text(p, names, name);
    if (r < 0) return r;
    uint32_t at = names->count - 1;
    copy = names->items[at];
    for (; at > 0 && strcmp(names->items[at - 1], copy) > 0; at--) names->items[at] = names->items[at - 1];
    names->items[at] = copy;
    return 0;
}

/* Names of file systems and "@groups" of them, kept as written: the groups are the kernel's to resolve. */
int value_file_systems(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct name_set *set = slot;
    const char *cursor = value->text;
    bool invert = *cursor == '~';
    size_t offset;
    int r;
    if (value->length == 0) {
        *set = (struct name_set){ 0 };
        return 0;
    }
    cursor += invert;
    if (!set->written) set->allow = !invert;
    set->written = true;
    while ((r = exec_word(p, value, &cursor, WORD_QUOTES, &offset)) > 0) {
        const char *word = str_text(&p->word);
        if (*word == '@' && exec_word_index(words_file_system_groups, word + 1) < 0)
            exec_bad_word(p, value, offset, word, "bad-value", "a group of file systems");
        else if (invert != set->allow)
            r = name_add(p, &set->names, word);
        else
            name_remove(&set->names, word);
        if (r < 0) break;
    }
    return r == -ENOMEM ? r : 0;
}

/* ---- others ---- */

int value_architectures(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                        void *slot)
{
    struct text_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    int r;
    if (value->length == 0) list->count = 0;
    while ((r = exec_word(p, value, &cursor, WORD_QUOTES, &offset)) > 0) {
        if (exec_word_index(words_architectures, str_text(&p->word)) < 0)
            exec_bad_word(p, value, offset, str_text(&p->word), "bad-value", "an architecture");
        else
            r = name_add(p, list, str_text(&p->word));
        if (r < 0) break;
    }
    return r == -ENOMEM ? r : 0;
}

int value_personality(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    if (value->length > 0 && exec_word_index(words_personality, value->text) < 0) {
        parse_bad(p, value, 0, "bad-value", "an architecture that programs of this machine can be run for");
        return 0;
    }
    return value_text(p, directive, value, slot);
}

/* "-LABEL": may be missing. */
int value_label(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct mac_label *label = slot;
    if (value->length == 0) {
        *label = (struct mac_label){ 0 };
        return 0;
    }
    bool optional = *value->text == '-';
    int r = parse_specifiers(p, value, 0, value->text + optional, &p->scratch);
    if (r <= 0) return r;
    label->optional = optional;
    return parse_keep(p, str_text(&p->scratch), &label->text);
}

int value_keyring_mode(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct directive with_words = *directive;
    with_words.argument = words_keyring_mode;
    p->settings->sandbox.keyring_mode_written = true;
    return value_word(p, &with_words, value, slot);
}

int value_mount_apivfs(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct sandbox_section *sandbox = &p->settings->sandbox;
    if (value->length == 0) {
        sandbox->mount_api_vfs = sandbox->mount_api_vfs_written = false;
        return 0;
    }
    sandbox->mount_api_vfs_written = true;
    return value_boolean(p, directive, value, slot);
}

/* A bad one refuses the unit in systemd. */
int value_dynamic_user(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    if (parse_bool(value->text, slot) < 0) exec_fatal(p, value, "bad-boolean", "a boolean (yes or no)");
    return 0;
}

/* Capabilities= was taken out of systemd: it is read as nothing. */
int value_removed(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                  void *slot UNUSED)
{
    parse_report(p, DIAG_WARNING, value, 0, "deprecated", NULL, "the directive was removed from systemd (ignored)");
    return 0;
}
