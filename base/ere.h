/* base/ere.h - POSIX extended regular expressions, matched in linear time: does the text contain a match?
 *
 * A small automaton of our own, for glibc's regcomp() weighs 73 KiB in a static binary and takes exponential time and
 * memory for patterns that a unit file may contain. Bytes are compared, as in the C locale. All of IEEE Std 1003.1
 * chapter 9.4 but: no back-references (POSIX has none in EREs either), no equivalence classes and collating symbols
 * longer than one character, repeat counts up to 255. As in glibc \w \W \s \S stand for word characters and blanks; a
 * backslash before any other letter or digit is refused, for it means something else in most other dialects.
 * Source: regex(7), IEEE Std 1003.1-2017 9.3.5 and 9.4. */
#pragma once
#include "base/attr.h"

/* Instructions of the automaton: a pattern that needs more is refused. A match costs at most so many steps per byte. */
#define ERE_SIZE_MAX 4096

struct ere;
/* 0; -EINVAL with the offset of what is wrong in *ret_bad and words about it (static) in *ret_why; -ENOMEM. The caller
 * owns *ret_ere, which is NULL on failure. */
MUST_CHECK int ere_new(const char *pattern, struct ere **ret_ere, size_t *ret_bad, const char **ret_why);
void ere_free(struct ere *ere);
DEFINE_AUTO(struct ere, ere_free)
/* Does any part of the bytes match? The text is one line: "^" and "$" are its beginning and its end. Not const: the
 * automaton's state lives in it, so that nothing is allocated here. */
bool ere_matches(struct ere *ere, const char *text, size_t length);
