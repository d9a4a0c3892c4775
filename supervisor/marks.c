#include "supervisor/marks.h"

#define TOP            (UINT64_C(1) << 62) /* so that no program that reads the limit as signed is surprised */
#define TOP_WIDTH      (UINT64_C(1) << 32) /* half a billion runs, each with room for a nested supervisor */
#define NESTING_FACTOR (UINT64_C(1) << 16)
#define NARROWEST      (UINT64_C(1) << 8) /* a limit with fewer zero bits at its end was set by somebody else */

void mark_space_init(struct mark_space *space, uint64_t own_hard_limit)
{
    uint64_t base = 0, top = own_hard_limit;
    *space = (struct mark_space){ .width = 1 };
    if (own_hard_limit >= TOP) {
        top = TOP;
        space->width = TOP_WIDTH;
    } else if ((own_hard_limit & -own_hard_limit) >= NARROWEST) {
        uint64_t own_width = own_hard_limit & -own_hard_limit;
        base = own_hard_limit - own_width;
        space->width = MAX_OF(own_width / NESTING_FACTOR, UINT64_C(1));
    }
    uint64_t pair = 2 * space->width;
    space->first = (base + pair - 1) / pair;
    uint64_t end = top > space->width ? (top - space->width - 1) / pair + 1 : 0; /* marks are below the top */
    space->count = end > space->first ? end - space->first : 0;
    space->at = space->count;
    if (space->count == 0) space->width = 0;
}

void mark_space_begin_at(struct mark_space *space, uint64_t random)
{
    if (space->count > 0) space->at = random % space->count + 1;
}

uint64_t mark_space_next(struct mark_space *space)
{
    if (space->count == 0) return 0;
    if (space->at == 0) space->at = space->count;
    space->at--;
    return (2 * (space->first + space->at) + 1) * space->width;
}

uint64_t mark_space_owner(const struct mark_space *space, uint64_t hard_limit)
{
    if (space->count == 0 || hard_limit == 0 || hard_limit == MARK_UNLIMITED) return 0;
    uint64_t piece = (hard_limit - 1) / space->width;
    if (piece & 1 || piece / 2 < space->first || piece / 2 - space->first >= space->count) return 0;
    return (piece + 1) * space->width;
}
