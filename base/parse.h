/* base/parse.h - text to integers, booleans, sizes, modes and signals.
 *
 * The only place that calls strtoull(3). Every function takes a whole NUL-terminated text without surrounding blanks:
 * -EINVAL: not of that form; -ERANGE: of that form, but outside what the function says. The result is untouched on
 * error. Source: systemd.syntax(7), systemd.exec(5), signal(7). */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

/* Decimal digits only: no sign, no blanks, no "0x". */
MUST_CHECK int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret);
MUST_CHECK int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
/* A number as systemd reads most of them: blanks before it, a "+", and the bases "0x", "0o" or a leading zero, and
 * "0b". -ERANGE also for a negative one. */
MUST_CHECK int parse_integer(const char *text, uint64_t max, uint64_t *ret);
/* As parse_u32, with an optional sign. */
MUST_CHECK int parse_i32(const char *text, int32_t min, int32_t max, int32_t *ret);
/* Numbers as systemd reads them: blanks and a sign in front, then digits by base: "0x" hexadecimal, "0b" binary, "0o"
 * or a leading "0" octal. A minus sign is -ERANGE for an unsigned number. */
MUST_CHECK int parse_unsigned(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
MUST_CHECK int parse_signed(const char *text, int64_t min, int64_t max, int64_t *ret);
/* "20%", "1.25%", with one decimal "3.5‰", "12‱": ten thousandths, and more than 10000 where it says so. */
MUST_CHECK int parse_permyriad(const char *text, uint32_t *ret);
/* 1 yes y true t on / 0 no n false f off, any case (systemd.syntax(7)). */
MUST_CHECK int parse_bool(const char *text, bool *ret);
/* "4096", "16K", "1.5G": bytes, base 1024, suffixes B K M G T P E (systemd's parse_size). */
MUST_CHECK int parse_size(const char *text, uint64_t *ret);
/* The same with a base of 1000. */
MUST_CHECK int parse_size_decimal(const char *text, uint64_t *ret);
/* Octal file mode, digits only; -ERANGE above 07777. */
MUST_CHECK int parse_mode(const char *text, mode_t *ret);
/* "TERM", "SIGTERM", "RTMIN+3", "SIGRTMAX-1", "15": 1..SIGRTMAX. */
MUST_CHECK int parse_signal(const char *text, int *ret);
/* "SIGTERM", "SIGRTMIN+3"; never NULL ("SIG?" for a number that is none). */
const char *signal_name(int signal);
