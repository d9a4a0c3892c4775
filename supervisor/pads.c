#include "supervisor/pads.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PADS_AT_LEAST 8
#define ATTEMPTS      4

static void close_numbers(int first, int count)
{
    for (int i = 0; i < count; i++) (void)close(first + i); /* duplicates of /dev/null */
}

/* As many numbers in a row from the first free one at or above `lowest`. */
static int reserve_row(int null_fd, int lowest, int want, int *ret_first)
{
    int first = fcntl(null_fd, F_DUPFD_CLOEXEC, lowest), count = 1;
    if (first < 0) return 0;
    for (int next; count < want; count++) {
        next = fcntl(null_fd, F_DUPFD_CLOEXEC, first + count);
        if (next == first + count) continue;
        if (next >= 0) (void)close(next); /* behind a gap that is taken */
        break;
    }
    *ret_first = first;
    return count;
}

/* Of few descriptors the services need most themselves. */
static int pads_wanted(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / 16 >= (rlim_t)PADS_AT_MOST * PAD_SLOT_COUNT)
        return PADS_AT_MOST;
    return (int)limit.rlim_cur / (16 * PAD_SLOT_COUNT);
}

int pads_init(struct pads *pads, int null_fd, int lowest)
{
    int want = pads_wanted() * PAD_SLOT_COUNT, first = lowest;
    if (want < PADS_AT_LEAST * PAD_SLOT_COUNT) return -EMFILE;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int count = reserve_row(null_fd, first, want, &first);
        if (count >= PADS_AT_LEAST * PAD_SLOT_COUNT) {
            int spare = count % PAD_SLOT_COUNT;
            close_numbers(first + count - spare, spare);
            *pads = (struct pads){ .base = first, .count = count / PAD_SLOT_COUNT, .null = null_fd };
            return 0;
        }
        close_numbers(first, count);
        first += count + 1;
    }
    return -EMFILE;
}

void pads_done(struct pads *pads)
{
    if (pads->count > 0) close_numbers(pads->base, pads->count * PAD_SLOT_COUNT);
    *pads = PADS_NONE;
}

int pads_take(struct pads *pads)
{
    for (int pad = 0; pad < pads->count; pad++) {
        if (pads->used >> pad & 1) continue;
        pads->used |= UINT64_C(1) << pad;
        return pad;
    }
    return -1;
}

/* Only what was put there is replaced: most starts use three slots of six. */
void pads_give(struct pads *pads, int pad)
{
    if (pad < 0) return;
    for (int slot = 0; slot < PAD_NULL; slot++) {
        int fd = pads_fd(pads, pad, (enum pad_slot)slot);
        if (pads->filled[pad] >> slot & 1) (void)dup3(pads->null, fd, O_CLOEXEC); /* both are open: it cannot fail */
    }
    pads->filled[pad] = 0;
    pads->used &= ~(UINT64_C(1) << pad);
}

int pads_put(struct pads *pads, int pad, enum pad_slot slot, int fd)
{
    pads->filled[pad] = (uint8_t)(pads->filled[pad] | 1U << slot);
    return dup3(fd, pads_fd(pads, pad, slot), O_CLOEXEC) < 0 ? -errno : 0;
}
