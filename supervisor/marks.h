/* supervisor/marks.h - RLIMIT_LOCKS values that name runs: which ones we may give, and whose a value is.
 *
 * The kernel does not enforce this limit, children inherit it, and lowering it needs no privilege. A mark is an odd
 * multiple of a power of two W and stands for the interval (mark - W, mark]; a supervisor that runs as a service finds
 * its mark as its own limit and gives its services smaller marks of the same interval, so that they still belong to the
 * service it is. Source: getrlimit(2); ARCHITECTURE.md "Processes". */
#pragma once
#include "base/attr.h"

#define MARK_UNLIMITED UINT64_MAX

/* Plain data. */
struct mark_space {
    uint64_t width;            /* W; 0: no mark can be given */
    uint64_t first, count, at; /* mark number i is (2 * (first + i) + 1) * W; the next one given has i = at - 1 */
};
/* What may be given below the hard limit we run under ourselves. */
void mark_space_init(struct mark_space *space, uint64_t own_hard_limit);
/* Where the giving begins. Supervisors that see each other's processes, as in a shared pid namespace, each begin at a
 * random place: with the same marks they would take each other's services for their own. */
void mark_space_begin_at(struct mark_space *space, uint64_t random);
/* The next mark; downwards, and from the top again after the last. 0 when there is none at all. */
uint64_t mark_space_next(struct mark_space *space);
/* The mark whose interval holds `hard_limit`; 0: no interval of this space does. */
uint64_t mark_space_owner(const struct mark_space *space, uint64_t hard_limit);
