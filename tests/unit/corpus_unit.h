/* tests/unit/corpus_unit.h - one unit against what systemd 252 said of it: properties and diagnostics. */
#pragma once
#include "tests/unit/corpus_figures.h"
#include "tests/unit/corpus_json.h"
#include "tests/unit/corpus_place.h"

#include <sys/utsname.h>

#include "base/fd.h"

/* ---- properties ---- */

/* Defaults that the machine decides, there and here. */
#define CORPUS_DEFAULTS_OF_THE_PLACE                                                                                   \
    { "LimitNOFILE*", "*", "the limits of the machine" }, { "LimitNPROC*", "*", "the limits of the machine" },         \
        { "LimitSIGPENDING*", "*", "the limits of the machine" },                                                      \
        { "LimitMEMLOCK*", "*", "the limits of the machine" }, { "LimitMSGQUEUE*", "*", "the limits of the machine" }, \
    {                                                                                                                  \
        "TasksMax", "*", "15 % of what the machine allows"                                                             \
    }

/* The corpus has the base names of fragments, and drop-ins from the unit directory on. */
static void tame_paths(const char *name, char *text)
{
    if (strcmp(name, "FragmentPath") != 0 && strcmp(name, "DropInPaths") != 0) return;
    static const char *const below[] = { "/" PLACE_UNITS "/", "/" PLACE_GROUP "/" };
    for (size_t i = 0; i < COUNT_OF(below); i++)
        for (char *at; (at = strstr(text, below[i]));) {
            char *quote = at;
            while (quote > text && quote[-1] != '"') quote--;
            memmove(quote, at + strlen(below[i]), strlen(at + strlen(below[i])) + 1);
        }
}

/* JSON without the blanks between its tokens. */
static void corpus_compact(const char *text, size_t size, struct str *out)
{
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        if (!quoted && text[i] == ' ') continue;
        if (text[i] == '"') quoted = !quoted;
        assert_int_equal(str_append_char(out, text[i]), 0);
        if (quoted && text[i] == '\\' && i + 1 < size) assert_int_equal(str_append_char(out, text[++i]), 0);
    }
}

/* Our value in the printed form of corpus_print(); NULL when we have no such property. The caller frees. What does not
 * look like `systemd` at once is parsed, as it may be written differently. */
static char *property_ours(const struct unit_set *set, const struct unit *unit, const char *name, const char *systemd)
{
    const struct property *property = unit ? property_find(unit->kind, name) : NULL;
    AUTO_STR struct str text = STR_EMPTY, tame = STR_EMPTY, compact = STR_EMPTY;
    if (!property) return NULL;
    struct property_context context = { .unit = unit, .set = set };
    assert_int_equal(property_json(property, &context, &text), 0);
    corpus_tame(str_text(&text), text.length, &tame);
    corpus_compact(str_text(&tame), tame.length, &compact);
    if (strcmp(str_text(&compact), systemd) == 0) return str_take(&compact);
    AUTO(json_free) struct json_value *value = corpus_parse(str_text(&text), text.length, name);
    char *printed = corpus_print(value);
    tame_paths(name, printed);
    return printed;
}

/* The default, with the unit's own name where the minimal unit had its own. */
static char *name_default(const char *printed, const char *unit)
{
    static const char stand_in[] = "corpusdef";
    const char *at = strstr(printed, stand_in), *stem_end = strrchr(unit, '.');
    AUTO_STR struct str text = STR_EMPTY;
    if (!at) return strdup(printed);
    assert_non_null(stem_end);
    assert_int_equal(str_append_bytes(&text, printed, (size_t)(at - printed)), 0);
    for (const char *c = unit; c < stem_end; c++) /* within a JSON string */
        assert_int_equal(str_appendf(&text, *c == '\\' ? "\\%c" : "%c", *c), 0);
    assert_int_equal(str_append(&text, at + sizeof stand_in - 1), 0);
    return str_take(&text);
}

/* The corpus names what differs from machine to machine. */
static char *fill_place_in(char *printed)
{
    static const struct {
        const char *word;
        enum { KERNEL_RELEASE, BOOT_ID } what;
    } words[] = { { "<KERNEL_RELEASE>", KERNEL_RELEASE }, { "<BOOT_ID>", BOOT_ID } };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        char *at = strstr(printed, words[i].word), id[64] = "";
        struct utsname host;
        size_t length = 0;
        if (!at) continue;
        assert_int_equal(uname(&host), 0);
        if (words[i].what == BOOT_ID) {
            assert_true(file_read_small(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id, sizeof id) > 0);
            for (const char *c = id; *c; c++)
                if (isxdigit((unsigned char)*c)) id[length++] = *c;
            id[length] = '\0';
        }
        AUTO_STR struct str text = STR_EMPTY;
        assert_int_equal(str_appendf(&text, "%.*s%s%s", (int)(at - printed), printed,
                                     words[i].what == BOOT_ID ? id : host.release, at + strlen(words[i].word)),
                         0);
        free(printed);
        printed = str_take(&text);
    }
    return printed;
}

static int compare_printed(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What systemd keeps in hash tables it lists in any order. */
static char *sort_items(const char *name, char *printed)
{
    static const char *const names[] = { "IPAddressAllow",          "IPAddressDeny", "LoadCredential",
                                         "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted" };
    bool is_set = false;
    for (size_t i = 0; i < COUNT_OF(names); i++) is_set |= strcmp(name, names[i]) == 0;
    if (!is_set || !printed) return printed;
    AUTO(json_free) struct json_value *value = corpus_parse(printed, strlen(printed), name);
    AUTO_STR struct str text = STR_EMPTY;
    size_t count = json_array_count(value);
    char **items = calloc(count + 1, sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < count; i++) items[i] = corpus_print(json_array_at(value, i));
    qsort(items, count, sizeof *items, compare_printed);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(str_appendf(&text, "%s%s", i ? "," : "[", items[i]), 0);
        free(items[i]);
    }
    assert_int_equal(str_append(&text, count ? "]" : "[]"), 0);
    free(items);
    free(printed);
    return str_take(&text);
}

static void compare_property(struct corpus_figures *figures, const char *where, const char *name, char *systemd,
                             const struct unit_set *set, const struct unit *unit)
{
    systemd = fill_place_in(systemd);
    char *ours = property_ours(set, unit, name, systemd);
    systemd = sort_items(name, systemd);
    ours = sort_items(name, ours);
    (void)figures_compare(figures, name, where, systemd, ours);
    free(ours);
    free(systemd);
}

/* The properties of a minimal unit of each kind, printed; read when the first unit of its kind is. */
struct corpus_defaults {
    const char *corpus;
    struct corpus_default {
        char *name, *printed;
    } * items[UNIT_KIND_COUNT]; /* ended by name NULL */
};

static const struct corpus_default *defaults_of(struct corpus_defaults *defaults, enum unit_kind kind)
{
    AUTO_STR struct str path = STR_EMPTY;
    assert_true(kind < UNIT_KIND_COUNT);
    if (defaults->items[kind]) return defaults->items[kind];
    assert_int_equal(str_appendf(&path, "%s/expected/systemd252-show/_defaults/%s.json", defaults->corpus,
                                 unit_kind_suffix(kind) + 1),
                     0);
    AUTO(json_free) struct json_value *values = corpus_json(str_text(&path));
    struct corpus_default *items = calloc(CORPUS_NAMES_MAX + 1, sizeof *items);
    size_t count = 0;
    assert_non_null(values);
    assert_non_null(items);
    for (const char *name = NULL; (name = json_object_next(values, name));) {
        assert_true(count < CORPUS_NAMES_MAX);
        items[count++] = (struct corpus_default){ strdup(name), corpus_print(json_get(values, name)) };
    }
    return defaults->items[kind] = items;
}

static UNUSED void defaults_done(struct corpus_defaults *defaults)
{
    for (size_t kind = 0; kind < UNIT_KIND_COUNT; kind++) {
        struct corpus_default *items = defaults->items[kind];
        for (size_t i = 0; items && items[i].name; i++) free(items[i].name), free(items[i].printed);
        free(items);
    }
}

/* Every property of `listed`, and, unless the unit did not load, of the defaults of its kind. `changed`: figures of
 * the listed ones alone, which say more, because most settings of most units are at their default. */
static UNUSED void compare_properties(struct corpus_figures *figures, struct corpus_figures *changed, const char *where,
                                      const char *name, const struct json_value *listed,
                                      struct corpus_defaults *defaults, const struct unit_set *set)
{
    const struct unit *unit = unit_set_find(set, name);
    bool loaded = str_equal(json_get_string(listed, "LoadState"), "loaded");
    for (const char *key = NULL; (key = json_object_next(listed, key));) {
        if (key[0] == '_') continue;
        compare_property(changed, where, key, corpus_print(json_get(listed, key)), set, unit);
    }
    const struct corpus_default *values = defaults_of(defaults, unit_kind_of_name(name));
    for (size_t i = 0; loaded && values[i].name; i++)
        if (!json_get(listed, values[i].name) && !(strcmp(values[i].name, "FragmentPath") == 0 && strchr(name, '@')))
            compare_property(figures, where, values[i].name, name_default(values[i].printed, name), set, unit);
}

/* ---- diagnostics ---- */

/* The line where the assignment that begins at `line` ends: that is the one which systemd names. */
static uint32_t last_line_of(const char *data, size_t size, uint32_t line)
{
    const char *at = data, *end = data + size;
    uint32_t number = 1;
    bool continued = false;
    while (at < end) {
        const char *newline = at;
        while (newline < end && *newline != '\n' && *newline != '\0' && *newline != '\r') newline++;
        const char *first = at;
        while (first < newline && strchr(" \t", *first)) first++;
        bool comment = continued && first < newline && strchr("#;", *first);
        size_t slashes = 0;
        while (newline - slashes > at && newline[-1 - (ptrdiff_t)slashes] == '\\') slashes++;
        if (number >= line && !comment) {
            if (slashes % 2 == 0) return number;
            continued = true;
        }
        if (newline + 1 < end && newline[0] == '\r' && newline[1] == '\n') newline++;
        at = newline + 1;
        number++;
    }
    return continued ? number : line; /* the file ends inside: systemd counts on */
}

/* What a diagnostic is about, for both sides: systemd's kinds and our code words have one coarse name in common. */
static const struct {
    const char *word, *class;
} diagnostic_classes[] = {
    /* systemd's, as the corpus names them */
    { "bad-escape", "value" },
    { "bad-specifier", "value" },
    { "bad-value", "value" },
    { "other", "value" },
    { "unbalanced-quoting", "value" },
    { "deprecated*", "deprecated" },
    { "bad-utf8", "syntax" },
    { "bad-section", "syntax" },
    { "line-too-long", "syntax" },
    { "missing-equals", "syntax" },
    { "missing-key", "syntax" },
    { "outside-section", "syntax" },
    { "unknown-key", "unknown" },
    { "unknown-section", "unknown" },
    { "unit-error", "unit" },
    { "unit-note", NULL }, /* follows from another one */
    { "bad-combination", "unit" },
    /* ours */
    { "unknown-directive", "unknown" },
    { "unsafe-user", "value" },
    { "bad-section-header", "syntax" },
    { "unreadable-file", "syntax" },
    { "file-too-large", "syntax" },
    { "nul-byte", "syntax" },
    { "misplaced-section", "unknown" },
    { "missing-*", "unit" },
    { "too-many-commands", "unit" },
    { "unknown-specifier", "value" },
    { "unsupported-value", "value" },
    { "bad-*", "value" },
};

static const char *diagnostic_class(const char *word)
{
    for (size_t i = 0; i < COUNT_OF(diagnostic_classes); i++)
        if (fnmatch(diagnostic_classes[i].word, word, 0) == 0) return diagnostic_classes[i].class;
    return "other";
}

/* One diagnostic of either side. */
struct said {
    char *file;
    uint32_t line; /* 0: the unit as a whole */
    const char *class;
    char *text;
};
#define SAID_MAX 4000
struct said_list {
    struct said items[SAID_MAX];
    size_t count;
};

static void said_add(struct said_list *list, const char *file, uint32_t line, const char *word, const char *message)
{
    AUTO_STR struct str text = STR_EMPTY;
    const char *class = diagnostic_class(word);
    if (!class) return;
    assert_true(list->count < SAID_MAX);
    assert_int_equal(str_appendf(&text, "%s: %s", word, message), 0);
    list->items[list->count++] = (struct said){ strdup(file), line, class, str_take(&text) };
}

static void said_done(struct said_list *list)
{
    for (size_t i = 0; i < list->count; i++) free(list->items[i].file), free(list->items[i].text);
    list->count = 0;
}

/* Warnings and errors about one file, whose text is `data`. */
static UNUSED void said_add_ours(struct said_list *list, const char *where, const struct diag_sink *diags,
                                 const char *path, const char *data, size_t size)
{
    for (size_t i = 0; i < diag_total(diags); i++) {
        const struct diag *d = diag_get(diags, i);
        if (d->severity == DIAG_NOTE || !str_equal(d->at.file, path)) continue;
        said_add(list, where, d->at.line ? last_line_of(data, size, d->at.line) : 0, d->code, d->message);
    }
}

/* The kinds of the corpus are told from words of the messages, which are sometimes those of the value. */
static const char *kind_of(const struct json_value *warning)
{
    const char *message = json_get_string(warning, "message"), *kind = json_get_string(warning, "kind");
    if (str_suffix(message, ". Refusing.")) return "unit-error";
    if (str_starts_with(message, "Delegate= setting not supported")) return "unsupported";
    if (str_starts_with(message, "Special user nobody")) return "unsafe-user";
    if (str_starts_with(message, "Failed to parse ") || str_starts_with(message, "Address family not supported"))
        return strcmp(kind, "bad-specifier") == 0 ? kind : "bad-value";
    return kind;
}

/* Members line (null: the whole unit), kind and message. */
static UNUSED void said_add_systemd(struct said_list *list, const char *where, const struct json_value *warning)
{
    uint64_t line;
    if (json_get_u64(warning, "line", &line) < 0) line = 0;
    said_add(list, where, (uint32_t)line, kind_of(warning), json_get_string(warning, "message"));
}

/* "where:line" of one that the other side has not said. What concerns the unit as a whole has a line with us, and
 * errors of a unit often follow from each other: any of the same class will do. */
static void said_match(struct corpus_figures *figures, struct said *said, struct said_list *others, bool is_ours)
{
    AUTO_STR struct str where = STR_EMPTY;
    bool found = false;
    for (size_t i = 0; !found && i < others->count; i++) {
        struct said *other = &others->items[i];
        bool same_line =
            said->line == other->line || said->line == 0 || other->line == 0 || strcmp(said->class, "unit") == 0;
        found = same_line && strcmp(said->class, other->class) == 0 && strcmp(said->file, other->file) == 0;
    }
    assert_int_equal(str_appendf(&where, "%s:%u", said->file, said->line), 0);
    (void)figures_compare(figures, said->class, str_text(&where), is_ours && !found ? NULL : said->text,
                          !is_ours && !found ? NULL : said->text);
}

/* Each side's against the other's; empties both. */
static UNUSED void compare_diagnostics(struct corpus_figures *figures, struct said_list *systemd,
                                       struct said_list *ours)
{
    for (size_t i = 0; i < systemd->count; i++) said_match(figures, &systemd->items[i], ours, false);
    for (size_t i = 0; i < ours->count; i++) said_match(figures, &ours->items[i], systemd, true);
    said_done(systemd);
    said_done(ours);
}
