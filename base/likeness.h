/* base/likeness.h - how alike two words are, for "did you mean". */
#pragma once
#include "base/attr.h"

#define LIKENESS_MAX 64 /* bytes; longer words are like nothing */

/* Edit distance with neighbours swapped counting once, whatever the case of letters; `limit` + 1 when it is more, or
 * when one of the words is longer than LIKENESS_MAX. */
unsigned word_distance(const char *a, size_t n, const char *b, size_t m, unsigned limit);
/* The largest distance at which a word of this length still looks like a mistyped other one; 0 below 3 bytes. */
unsigned word_distance_limit(size_t length);
