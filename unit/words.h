/* unit/words.h - text -> words: blanks, quotes and backslashes as systemd.syntax(7) and systemd.service(5) have them.
 *
 * Words are separated by blanks, tabs and line ends. Quotes may stand anywhere in a word; they are removed and what
 * they enclose is kept together. */
#pragma once
#include "base/attr.h"
#include "base/str.h"

#define WORD_BLANKS " \t\n\r"

enum word_flags {
    WORD_QUOTES = 1 << 0,         /* '...' and "..." keep blanks; otherwise they are ordinary characters */
    WORD_ESCAPES = 1 << 1,        /* C escapes: \a \b \f \n \r \t \v \\ \" \' \s \xHH \NNN \uHHHH \UHHHHHHHH */
    WORD_KEEP_BACKSLASH = 1 << 2, /* "\x" stays "\x" in the word; only \" and \' lose the backslash, and do not quote */
    WORD_PLAIN_BACKSLASH = 1 << 4, /* a backslash is an ordinary character, before a quote as well */
    WORD_LENIENT = 1 << 3,         /* an unknown escape stays as written, an unbalanced quote ends with the text */
};
/* Without WORD_ESCAPES, WORD_KEEP_BACKSLASH and WORD_PLAIN_BACKSLASH a backslash makes the next character ordinary and
 * goes away. */

/* Replaces `word` with the next word and moves *cursor past it and the blanks behind it. 1: a word (possibly empty,
 * from
 * ""), 0: no more, -EINVAL: unbalanced quote, -EBADMSG: unknown or forbidden escape (NUL bytes are), -ENOMEM. On an
 * error *cursor stays where it was, and *ret_bad (may be NULL) points at the quote or backslash. */
MUST_CHECK int word_next(const char **cursor, unsigned flags, struct str *word, const char **ret_bad);

/* Decodes the escape behind a backslash at `text`: bytes used in *ret_used, the UTF-8 or single byte in
 * out[*ret_length]. -EINVAL when it is none. */
MUST_CHECK int escape_decode(const char *text, char out[static 4], size_t *ret_length, size_t *ret_used);
