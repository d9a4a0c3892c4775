/* unit/environment_file.h - EnvironmentFile= contents -> assignments (SEED.md S36; systemd.exec(5)).
 *
 * # and ; comments, "\" continuation, keys [A-Za-z_][A-Za-z0-9_]*, adjacent quoted segments are joined, '...' is
 * literal,
 * "..." knows \" \\ \n \t \r \a \b \f \v \' \$ and \space, a byte-order mark is skipped, unquoted edges are trimmed (a
 * quoted trailing space is kept, K66). An unterminated quote is an error, other bad lines are skipped. */
#pragma once
#include "base/attr.h"
#include "base/str.h"

/* Appends "NAME=value" words to `out`. *ret_line is the line of an error (-EBADMSG: unterminated quote, NUL byte). */
MUST_CHECK int environment_file_parse(const char *data, size_t size, struct strlist *out, uint32_t *ret_line);
