/* unit/ini_walk.h - libinih as the judge of what is a section and what an assignment; the only includer of <ini.h>.
 *
 * libinih 55 cuts values at " ;", keeps 199 bytes of a line, 49 of a section and 49 of a key, and splits at ":" too. So
 * it is never shown a name or a value: each line goes in as "[@section]" or "@key=@value" with indices, and what comes
 * out is looked up again. It keeps the section for each assignment and calls back once per assignment. */
#pragma once
#include "base/attr.h"

struct ini_line {
    bool is_section;
    uint32_t section, key, value; /* the section of a header line; key and value of an assignment */
};
/* The next line: 1, 0 at the end, or -errno, which ends the walk. */
typedef int ini_line_fn(struct ini_line *ret_line, void *userdata);
/* An assignment as libinih saw it; non-zero ends the walk. */
typedef int ini_assignment_fn(uint32_t section, uint32_t key, uint32_t value, void *userdata);

/* 0, or what a callback returned; -EPROTO when libinih refuses a line or hands back an index that is none. */
MUST_CHECK int ini_walk(ini_line_fn *next, ini_assignment_fn *assignment, void *userdata);
