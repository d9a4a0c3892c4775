/* SystemCallFilter=, SystemCallLog= and SystemCallErrorNumber= of systemd.exec(5). */
#include "unit/values_exec.h"

#include "base/parse.h"
#include "unit/syscalls.h"
#include "unit/words.h"

#include <errno.h>
#include <string.h>

/* What is done with each name of a word. */
struct change {
    struct parse *parse;
    struct syscall_list *list;
    bool invert;    /* the value began with "~" */
    int32_t action; /* -1: none was named */
};

/* Where the name is or belongs: the list is sorted. */
static uint32_t find_rule(const struct syscall_list *list, const char *name, bool *ret_found)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(list->items[middle].name, name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

/* A name enters the list when the value speaks as the list does ("~" of what is forbidden), or when it gives a name of
 * an allow list an error of its own; otherwise it leaves the list. `name` is a static string. */
static int change_name(const char *name, void *userdata)
{
    const struct change *change = userdata;
    struct syscall_list *list = change->list;
    bool found;
    uint32_t at = find_rule(list, name, &found);
    if (change->invert == list->allow && !(change->invert && change->action >= 0)) {
        if (!found) return 0;
        list->count--;
        memmove(&list->items[at], &list->items[at + 1], (list->count - at) * sizeof *list->items);
        return 0;
    }
    if (!found) {
        struct syscall_rule rule = { name, change->action };
        int r = list_push(change->parse, list, rule);
        if (r < 0) return r;
        memmove(&list->items[at + 1], &list->items[at], (list->count - 1 - at) * sizeof *list->items);
    }
    list->items[at] = (struct syscall_rule){ name, change->action };
    return 0;
}

/* "kill" or an error; 0 to 4095. -1 when it is none. */
static int32_t read_action(const char *text)
{
    return strcmp(text, "kill") == 0 ? SYSCALL_ACTION_KILL : MAX_OF(exec_errno(text), -1);
}

static int change_word(struct change *change, const struct value *value, size_t offset, bool with_action)
{
    struct parse *p = change->parse;
    char *word = p->word.data, *colon = with_action ? strchr(word, ':') : NULL;
    change->action = -1;
    if (colon) {
        change->action = colon == word ? -1 : read_action(colon + 1);
        const char *wrong = change->action < 0 ? "a system call and an error"
                            : !change->invert  ? "without an error, as allowed system calls are"
                                               : NULL;
        if (wrong) {
            exec_bad_word(p, value, offset, word, "bad-value", wrong);
            return 0;
        }
        *colon = '\0';
    }
    const char *name = *word == '@' ? NULL : syscall_name(word);
    int r = name ? change_name(name, change) : *word == '@' ? syscall_group(word, change_name, change) : -ENOENT;
    if (r == -ENOENT)
        exec_bad_word(p, value, offset, word, "bad-value", *word == '@' ? "a group of system calls" : "a system call");
    return r == -ENOMEM ? r : 0;
}

static int read_filter(struct parse *p, const struct value *value, struct syscall_list *list, bool is_filter)
{
    struct change change = { .parse = p, .list = list, .invert = *value->text == '~', .action = -1 };
    const char *cursor = value->text + change.invert;
    size_t offset;
    int r = 0;
    if (value->length == 0) {
        *list = (struct syscall_list){ 0 };
        return 0;
    }
    if (!list->written) {
        list->written = true;
        list->allow = !change.invert;
        if (list->allow && is_filter) r = syscall_group("@default", change_name, &change);
        if (r < 0) return r;
    }
    while ((r = exec_word(p, value, &cursor, 0, &offset)) > 0) {
        r = change_word(&change, value, offset, is_filter);
        if (r < 0) return r;
    }
    return r == -ENOMEM ? r : 0;
}

int value_syscall_filter(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                         void *slot)
{
    return read_filter(p, value, slot, true);
}

int value_syscall_log(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    return read_filter(p, value, slot, false);
}

int value_syscall_error(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                        void *slot)
{
    int32_t action = value->length == 0 ? SYSCALL_ACTION_KILL : read_action(value->text);
    if (action > 0)
        *(int32_t *)slot = action;
    else
        parse_bad(p, value, 0, "bad-value", "an error such as EPERM, or kill");
    return 0;
}
