/* unit/values_exec.h - what the parsers of systemd.exec(5) share beyond unit/values.h. */
#pragma once
#include "unit/values.h"

/* A value that makes systemd refuse the unit: an error, but in the native directories only a warning where the
 * directive has no effect anyway (D17). */
void exec_fatal(struct parse *p, const struct value *value, const char *code, const char *what);
/* As parse_bad(), about one word of the value. */
void exec_bad_word(struct parse *p, const struct value *value, size_t offset, const char *word, const char *code,
                   const char *what);
/* Expands the specifiers where an unknown one is a bad value in systemd: 0 then, not reported. 1, -ENOMEM. */
MUST_CHECK int exec_expand(struct parse *p, const struct value *value, size_t offset, const char *text,
                           struct str *out);
/* The next word as written, without specifiers, in p->word: results of parse_word(). */
MUST_CHECK int exec_word(struct parse *p, const struct value *value, const char **cursor, unsigned flags,
                         size_t *ret_offset);

enum exec_split {
    SPLIT_BLANKS = 1 << 0,   /* words end at blanks as well */
    SPLIT_QUOTES = 1 << 1,   /* quotes are removed, what they enclose is kept together */
    SPLIT_ESCAPES = 1 << 2,  /* C escapes and "\:"; else a backslash makes the next character ordinary */
    SPLIT_COALESCE = 1 << 3, /* colons in front are skipped */
};
/* The next part of "a:b:c" in `part`; *cursor moves behind the colon. *ret_colon: it ended at one. 1; 0 at the end;
 * -EINVAL: unbalanced quote or unknown escape; -ENOMEM. */
MUST_CHECK int exec_split(const char **cursor, unsigned flags, struct str *part, bool *ret_colon);

enum exec_path_kind { PATH_ABSOLUTE, PATH_RELATIVE };
/* Expands the specifiers of `text` and simplifies the path, into p->scratch. 1; 0 when it is none (reported); -ENOMEM.
 * `text` may be p->word, and not p->scratch. */
MUST_CHECK int exec_path(struct parse *p, const struct value *value, size_t offset, const char *text,
                         enum exec_path_kind kind);
/* Simplifies and checks `path` in place: false when it was reported. */
bool exec_path_check(struct parse *p, const struct value *value, size_t offset, char *path, enum exec_path_kind kind);

/* The index of `word` in a table that ends with NULL, -1 when it is not there. "-" in a table stands for no word. */
int exec_word_index(const char *const *words, const char *word);
/* The same regardless of case. */
int exec_word_index_case(const char *const *words, const char *word);
/* A word of the table, or a number up to `max` in any base. -1: neither. */
int64_t exec_word_or_number(const char *const *words, const char *word, uint32_t max);
/* Standard base64 with padding; blanks are skipped. The bytes are in `out` (appended). -EINVAL, -ENOMEM. */
MUST_CHECK int exec_base64(const char *text, struct str *out);
/* C escapes of the whole text, appended. -EINVAL, -ENOMEM. */
MUST_CHECK int exec_unescape(const char *text, struct str *out);
/* "EPERM" or a number up to 4095; -EINVAL. */
int exec_errno(const char *text);
const char *exec_errno_name(int number); /* NULL: none */
/* [A-Z_][A-Z0-9_]*... of environ(7): letters, digits and underscores, no digit first. */
bool exec_variable_name(const char *name, size_t length);
MUST_CHECK int exec_keep_bytes(struct parse *p, const void *bytes, size_t size, struct byte_string *ret);

/* word_tables.c */
extern const char *const words_cpu_policy[], *const words_io_class[],
                                                 *const words_log_level[],
                                                     *const words_log_facility[],
                                                         *const words_coredump_filter[],
                                                             *const words_secure_bits[],
                                                                 *const words_capabilities[],
                                                                     *const words_address_families[],
                                                                         *const words_architectures[],
                                                                             *const words_personality[],
                                                                                 *const words_partitions[],
                                                                                     *const words_file_system_groups[];

/* What the settings of one unit imply once all of them are read. 0 or -ENOMEM. */
MUST_CHECK int exec_finish(struct arena *arena, const struct fragment_context *context, struct unit_settings *settings);
