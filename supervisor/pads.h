/* supervisor/pads.h - low descriptor numbers from which children take what they need of ours.
 *
 * A child with a descriptor table of its own pays for each of ours: with three thousand open (log pipes of a thousand
 * services) a clone and exec takes ten times as long. So a child that shares our memory shares our table too, for its
 * first system call: close_range(CLOSE_RANGE_UNSHARE) copies the table only up to its pad, where the descriptors for it
 * were put. The numbers are held by duplicates of /dev/null while no child uses them.
 * Source: close_range(2), clone(2) CLONE_FILES. */
#pragma once
#include "base/attr.h"

enum pad_slot { PAD_STATUS, PAD_OUT, PAD_ERR, PAD_LEAF, PAD_LISTEN, PAD_NULL, PAD_SLOT_COUNT };

#define PADS_AT_MOST 24

/* Embedded; PADS_NONE is one without pads. */
struct pads {
    int base; /* pad i begins at base + i * PAD_SLOT_COUNT */
    int count;
    int null;                     /* borrowed */
    uint64_t used;                /* bit by pad */
    uint8_t filled[PADS_AT_MOST]; /* bit by slot */
};
#define PADS_NONE ((struct pads){ .base = -1 })

/* Reserves a block of numbers at or above `lowest`. 0; -EMFILE: fewer are to be had than would pay. */
MUST_CHECK int pads_init(struct pads *pads, int null_fd, int lowest);
void pads_done(struct pads *pads);
/* The lowest free pad, -1 when all are in use. */
int pads_take(struct pads *pads);
/* Closes what was put into it. -1 is fine. */
void pads_give(struct pads *pads, int pad);
/* The number of a slot; what is there while the pad is free is /dev/null, as PAD_NULL always is. */
static inline int pads_fd(const struct pads *pads, int pad, enum pad_slot slot)
{
    return pads->base + pad * PAD_SLOT_COUNT + (int)slot;
}
/* Puts a duplicate there. */
MUST_CHECK int pads_put(struct pads *pads, int pad, enum pad_slot slot, int fd);
