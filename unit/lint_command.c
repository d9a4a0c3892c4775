/* Rules about the words of a command line as they are written: what a shell would make of them, and systemd does not.
 */
#include "unit/lint_internal.h"

#include <string.h>

#include "unit/values.h"

#define BLANKS " \t"

/* A word, with its quotes. */
struct raw {
    const char *text;
    size_t length;
    bool quoted; /* a quote stands somewhere in it */
};

/* The next word; its end is the next blank outside of quotes. False at the end. */
static bool next_raw(const char **cursor, struct raw *ret)
{
    const char *p = *cursor + strspn(*cursor, BLANKS), *begin = p;
    char quote = '\0';
    bool quoted = false;
    for (; *p && (quote || !strchr(BLANKS, *p)); p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (quote ? *p == quote : *p == '"' || *p == '\'') {
            if (quote)
                quote = '\0';
            else
                quote = *p;
            quoted = true;
        }
    }
    *ret = (struct raw){ begin, (size_t)(p - begin), quoted };
    *cursor = p;
    return p > begin;
}

static bool is(const struct raw *word, const char *text)
{
    return word->length == strlen(text) && memcmp(word->text, text, word->length) == 0;
}

/* A word that a shell would read as a pipe, a redirection or the like. */
static bool is_operator(const struct raw *word)
{
    static const char *const words[] = { "|", "||", "&&", "&", "|&" };
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (is(word, words[i])) return true;
    const char *p = word->text, *end = word->text + word->length;
    if (word->quoted) return false;
    if (p < end && (*p == '&' || (*p >= '0' && *p <= '9'))) p++;
    if (p == end || (*p != '>' && *p != '<')) return false;
    return !memchr(p + 1, *p == '<' ? '>' : '<',
                   (size_t)(end - p) - 1); /* "<name>" stands for something in an example */
}

/* Where a shell would put the output of a command: `...` or $(...), not in single quotes. NULL: nowhere. */
static const char *find_substitution(const struct raw *word)
{
    if (word->length > 0 && word->text[0] == '\'') return NULL;
    const char *end = word->text + word->length, *tick = memchr(word->text, '`', word->length);
    if (tick && tick + 1 < end && memchr(tick + 1, '`', (size_t)(end - tick) - 1)) return tick;
    for (const char *p = word->text; p < end && (p = memchr(p, '$', (size_t)(end - p))); p++) {
        if (p + 1 < end && p[1] == '$')
            p++;
        else if (p + 1 < end && p[1] == '(')
            return p;
    }
    return NULL;
}

static bool is_shell(const struct raw *word)
{
    static const char *const shells[] = { "sh", "bash", "dash", "ash", "zsh", "ksh", "busybox" };
    struct raw name = *word;
    for (const char *p = word->text; p < word->text + word->length; p++)
        if (strchr("/@-:+!", *p)) name = (struct raw){ p + 1, (size_t)(word->text + word->length - p) - 1, false };
    for (size_t i = 0; i < COUNT_OF(shells); i++)
        if (is(&name, shells[i])) return true;
    return false;
}

/* "NAME=value program" sets a variable in a shell only. */
static bool is_assignment(const struct raw *word)
{
    size_t i = 0;
    while (i < word->length && (((word->text[i] | 0x20) >= 'a' && (word->text[i] | 0x20) <= 'z') ||
                                (i > 0 && word->text[i] >= '0' && word->text[i] <= '9') || word->text[i] == '_'))
        i++;
    return i > 0 && i < word->length && word->text[i] == '=';
}

static void shell_report(struct parse *p, const struct value *value, const char *at, size_t length, const char *what)
{
    char quoted[80];
    parse_report(p, DIAG_WARNING, value, (size_t)(at - value->text), "shell-syntax",
                 "no shell is involved: ExecStart=/bin/sh -c '...'", "'%s' %s",
                 str_escape(at, length, quoted, sizeof quoted), what);
}

/* One word behind the program. True when it was reported. */
static bool word_rule(struct parse *p, const struct value *value, const struct raw *word, bool shell)
{
    const char *substitution = shell ? NULL : find_substitution(word);
    if (is_operator(word)) {
        shell_report(p, value, word->text, word->length, "is passed on as an argument");
        return true;
    }
    if (!substitution) return false;
    shell_report(p, value, substitution, 1 + (substitution[0] == '$'), "is not replaced by the output of a command");
    return true;
}

void lint_command_rules(struct parse *p, const struct directive *directive, const struct value *value)
{
    const char *cursor = value->text;
    struct raw word;
    size_t n = 0; /* words of this command */
    bool shell = false, told = false;
    while (!told && next_raw(&cursor, &word)) {
        if (is(&word, ";")) {
            n = 0, shell = false;
            continue;
        }
        shell |= is_shell(&word);
        if (n == 0 && is_assignment(&word)) {
            shell_report(p, value, word.text, word.length, "is taken as the program; Environment= sets variables");
            told = true;
        } else if (n > 0) {
            told = word_rule(p, value, &word, shell);
        }
        bool kill = n == 0 && word.length >= 4 && memcmp(word.text + word.length - 4, "kill", 4) == 0;
        if (kill && strcmp(directive->name, "ExecReload") == 0)
            parse_report(p, DIAG_NOTE, value, 0, "reload-by-signal", "a program that waits, or Type=notify-reload",
                         "a signal does not wait: the reload counts as done at once");
        n++;
    }
}
