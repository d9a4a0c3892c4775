/* The values of systemd.exec(5) about directories of the unit and credentials. */
#include "unit/values_exec.h"

#include "base/parse.h"
#include "unit/words.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* ---- directories ---- */

/* systemd keeps them sorted, each once. */
static int directory_add(struct parse *p, struct text_list *paths, const char *path)
{
    uint32_t at = paths->count, from = list_look_from(at);
    for (uint32_t i = from; i < paths->count; i++)
        if (strcmp(paths->items[i], path) == 0) return 0;
    const char *copy;
    int r = parse_keep(p, path, &copy);
    if (r == 0) r = list_push(p, paths, copy);
    if (r < 0 || p->context->native) return r; /* the order is that of making them */
    for (; at > from && strcmp(paths->items[at - 1], copy) > 0; at--) paths->items[at] = paths->items[at - 1];
    paths->items[at] = copy;
    return 0;
}

static int symlink_add(struct parse *p, struct text_pair_list *links, const char *path, const char *link)
{
    struct text_pair pair;
    uint32_t at = links->count, from = list_look_from(at);
    int r = parse_keep(p, path, &pair.first);
    if (r == 0) r = parse_keep(p, link, &pair.second);
    if (r == 0) r = list_push(p, links, pair);
    if (r < 0) return r;
    for (; at > from && strcmp(links->items[at - 1].first, path) > 0; at--) links->items[at] = links->items[at - 1];
    links->items[at] = pair;
    return 0;
}

/* One PATH or PATH:LINK. -EINVAL when an escape was reported: the rest is not read. */
static int directory_word(struct parse *p, const struct directive *directive, const struct value *value, size_t offset,
                          const char *word, struct exec_directory *directory)
{
    AUTO_STR struct str first = STR_EMPTY;
    AUTO_STR struct str second = STR_EMPTY;
    bool colon, has_link;
    int r = exec_split(&word, SPLIT_ESCAPES | SPLIT_COALESCE, &first, &colon);
    if (r > 0) r = exec_split(&word, SPLIT_ESCAPES | SPLIT_COALESCE, &second, &colon);
    if (r == -EINVAL) exec_bad_word(p, value, offset, word, "bad-escape", "a path with escapes of C");
    if (r < 0) return r;
    has_link = second.length > 0;
    r = exec_path(p, value, offset, str_text(&first), PATH_RELATIVE);
    if (r <= 0) return r;
    const char *path = str_text(&p->scratch);
    if (strncmp(path, "private", strlen("private")) == 0 && strchr("/", path[strlen("private")])) {
        exec_bad_word(p, value, offset, path, "bad-path", "a path besides 'private', which is reserved");
        return 0;
    }
    if (has_link && strcmp(directive->name, "ConfigurationDirectory") == 0) {
        exec_bad_word(p, value, offset, path, "bad-path", "a path without a symbolic link");
        return 0;
    }
    if (has_link) {
        str_clear(&first);
        r = str_append(&first, path);
        if (r == 0) r = exec_path(p, value, offset, str_text(&second), PATH_RELATIVE);
        if (r <= 0) return r;
        if (!p->context->describe)
            parse_report(p, DIAG_WARNING, value, offset, "unsupported", NULL,
                         "the symbolic link behind ':' is not made");
        r = symlink_add(p, &directory->symlinks, str_text(&first), str_text(&p->scratch));
        path = str_text(&first);
    }
    directory->origin = parse_origin(value);
    return r < 0 ? r : directory_add(p, &directory->paths, path);
}

int value_directories(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    AUTO_STR struct str word = STR_EMPTY;
    struct exec_directory *directory = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) directory->paths.count = directory->symlinks.count = 0;
    for (;;) {
        int r = exec_word(p, value, &cursor, WORD_QUOTES | WORD_PLAIN_BACKSLASH, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        str_clear(&word);
        r = str_append(&word, str_text(&p->word));
        if (r == 0) r = directory_word(p, directive, value, offset, str_text(&word), directory);
        if (r < 0) return r == -ENOMEM ? r : 0;
    }
}

/* ---- credentials ---- */

static bool credential_is_valid(const char *name)
{
    if (*name == '\0' || strlen(name) > NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return false;
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e || *c == '/' || *c == ':') return false;
    return true;
}

/* The name in front of the colon, expanded and checked, in p->scratch. *ret_rest: behind the colon, NULL without one.
 */
static int credential_name(struct parse *p, const struct value *value, const char **ret_rest)
{
    AUTO_STR struct str name = STR_EMPTY;
    const char *cursor = value->text;
    bool colon;
    int r = exec_split(&cursor, 0, &name, &colon);
    if (r == -ENOMEM) return r;
    *ret_rest = colon ? cursor : NULL;
    if (r > 0) r = parse_specifiers(p, value, 0, str_text(&name), &p->scratch);
    if (r == -ENOMEM || r == 0) return r;
    if (r > 0 && credential_is_valid(str_text(&p->scratch))) return 1;
    parse_bad(p, value, 0, "bad-value", "a credential: ID:PATH or ID:DATA");
    return 0;
}

/* ID:PATH, ID:NAME or ID: a name alone stands for the credential of that name given to PID 1. */
int value_load_credential(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                          void *slot)
{
    struct text_pair_list *list = slot;
    struct text_pair pair;
    const char *rest;
    if (value->length == 0) {
        list->count = 0;
        return 0;
    }
    int r = credential_name(p, value, &rest);
    if (r > 0) r = parse_keep(p, str_text(&p->scratch), &pair.first) < 0 ? -ENOMEM : 1;
    if (r <= 0) return r;
    r = parse_specifiers(p, value, 0, rest && *rest ? rest : pair.first, &p->scratch);
    if (r <= 0) return r;
    const char *path = str_text(&p->scratch);
    if (*path == '/' ? !path_is_usable(path) || !path_is_normalized(path) : !credential_is_valid(path)) {
        parse_bad(p, value, 0, "bad-value", "a credential with a path or the name of another");
        return 0;
    }
    r = parse_keep(p, path, &pair.second);
    if (r < 0) return r;
    for (uint32_t i = list_look_from(list->count); i < list->count; i++)
        if (strcmp(list->items[i].first, pair.first) == 0) {
            list->items[i] = pair;
            return 0;
        }
    return list_push(p, list, pair);
}

int value_set_credential(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    AUTO_STR struct str data = STR_EMPTY;
    struct set_credential_list *list = slot;
    struct set_credential credential;
    bool encrypted = str_suffix(directive->name, "Encrypted");
    const char *rest;
    if (value->length == 0) {
        list->count = 0;
        return 0;
    }
    int r = credential_name(p, value, &rest);
    if (r > 0) r = parse_keep(p, str_text(&p->scratch), &credential.id) < 0 ? -ENOMEM : 1;
    if (r <= 0) return r;
    if (!rest || *rest == '\0') {
        parse_bad(p, value, 0, "bad-value", "a credential with data behind its ID and a colon");
        return 0;
    }
    r = encrypted ? exec_base64(rest, &data) : exec_unescape(rest, &data);
    if (r == -EINVAL)
        parse_bad(p, value, 0, encrypted ? "bad-value" : "bad-escape",
                  encrypted ? "a credential in base64" : "a credential with escapes of C");
    if (r < 0) return r == -ENOMEM ? r : 0;
    r = exec_keep_bytes(p, data.data, data.length, &credential.data);
    if (r < 0) return r;
    for (uint32_t i = list_look_from(list->count); i < list->count; i++)
        if (strcmp(list->items[i].id, credential.id) == 0) {
            list->items[i] = credential;
            return 0;
        }
    return list_push(p, list, credential);
}
