/* unit/source.h - the bytes of one unit file -> sections, keys and values with true positions.
 *
 * Joins "\" continuations with a space, drops comment lines inside them (an empty line ends one), skips a byte-order
 * mark, knows comments (# and ;). Refuses NUL bytes, lines above 1 MiB (after joining) and files above 16 MiB with a
 * diagnostic. unit/ini_walk hands section and key splitting to libinih by index (ARCHITECTURE.md, "Third-party code").
 * Source: systemd.syntax(7). */
#pragma once
#include "base/attr.h"
#include "base/diag.h"

#define SOURCE_FILE_MAX ((size_t)16 << 20)
#define SOURCE_LINE_MAX ((size_t)1 << 20)

/* A value as it was written after joining: bytes `text[0..length)`, NUL-terminated, and the physical lines it came
 * from. */
struct value {
    const char *text;
    size_t length;
    const char *file;
    const struct value_piece {
        uint32_t offset; /* into text, where this piece begins */
        uint32_t line, column;
    } * pieces;
    uint32_t n_pieces;
    uint32_t key_line, key_column;
};
/* The file position of a byte of the value. */
struct pos value_pos(const struct value *value, size_t offset);
struct pos value_key_pos(const struct value *value);

/* Called for each assignment in order. Section and key are NUL-terminated and valid during the call, as is the value.
 * A negative return ends the walk and is returned; a positive one ends the reading. */
typedef int source_fn(const char *section, const char *key, const struct value *value, void *userdata);
/* Called at each [Section] header, in order with the assignments. NULL is fine. A negative return ends the walk. */
typedef int source_section_fn(const char *section, struct pos at, void *userdata);

/* How strict a file is taken. */
enum source_rules {
    SOURCE_NATIVE,         /* reading goes on after an error, so that one run reports everything */
    SOURCE_SYSTEMD,        /* as systemd: nothing is read after an error, and a NUL byte ends a line */
    SOURCE_SYSTEMD_DROPIN, /* the same, but what would be an error is a warning: what was read before it counts */
};

/* Walks `data` (which need not be NUL-terminated). Problems of form (a line that is neither section, comment nor
 * assignment, an assignment before any section, NUL, sizes) are reported. 0; 1 when one of them was an error, which
 * means that the file cannot be used as a whole; -ENOMEM, or what a callback returned. */
MUST_CHECK int source_walk(const char *file, const char *data, size_t size, enum source_rules rules,
                           struct diag_sink *diags, source_fn *fn, source_section_fn *section_fn, void *userdata);
