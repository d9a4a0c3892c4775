/* base/glob.h - does anything match a shell pattern? Without glob(3), whose "~user" drags in the name service switch.
 *
 * Source: glob(7): "/" is matched by itself only, a leading dot must be written; glob(3) GLOB_BRACE: "{a,b}" is either,
 * and may nest. */
#pragma once
#include "base/attr.h"
struct str;
struct strlist;

/* 1: some path matches the absolute pattern; 0: none does (or a directory on the way cannot be read); -ENOMEM. */
MUST_CHECK int glob_any(const char *pattern);
/* The same; *ret_first gets a path that matches, and `directories` is added to by each one that the pattern is looked
 * for in (what appears in none of them changes nothing). Both may be NULL. */
MUST_CHECK int glob_look(const char *pattern, struct str *ret_first, struct strlist *directories);
