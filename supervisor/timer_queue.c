#include "supervisor/timer_queue.h"

#include <string.h>

#define MINUTE (60 * USEC_PER_SEC)

enum { BY_EARLIEST, BY_LATEST };

static usec_t key_of(const struct timer_slot *slot, int order)
{
    return order == BY_EARLIEST ? slot->earliest : slot->latest;
}

/* ---- heaps: items[0] is the first; places are 1-based, children of i are 2i and 2i + 1 ---- */

static void put(struct timer_queue *queue, int order, struct timer_slot *slot, size_t place)
{
    queue->heaps[order].items[place - 1] = slot;
    slot->places[order] = (uint32_t)place;
}

static void sift(struct timer_queue *queue, int order, struct timer_slot *slot)
{
    struct timer_slot **items = queue->heaps[order].items;
    size_t place = slot->places[order], count = queue->heaps[order].count;
    usec_t key = key_of(slot, order);
    for (; place > 1 && key < key_of(items[place / 2 - 1], order); place /= 2)
        put(queue, order, items[place / 2 - 1], place);
    for (size_t child; (child = place * 2) <= count; place = child) {
        if (child < count && key_of(items[child], order) < key_of(items[child - 1], order)) child++;
        if (key <= key_of(items[child - 1], order)) break;
        put(queue, order, items[child - 1], place);
    }
    put(queue, order, slot, place);
}

static void take_out(struct timer_queue *queue, int order, struct timer_slot *slot)
{
    size_t place = slot->places[order];
    struct timer_slot *last = queue->heaps[order].items[--queue->heaps[order].count];
    slot->places[order] = 0;
    if (last == slot) return;
    put(queue, order, last, place);
    sift(queue, order, last);
}

/* ---- public ---- */

void timer_queue_done(struct timer_queue *queue)
{
    vec_done(&queue->heaps[BY_EARLIEST]);
    vec_done(&queue->heaps[BY_LATEST]);
}

void timer_queue_remove(struct timer_queue *queue, struct timer_slot *slot)
{
    if (slot->places[BY_EARLIEST] == 0) return;
    take_out(queue, BY_EARLIEST, slot);
    take_out(queue, BY_LATEST, slot);
}

int timer_queue_set(struct timer_queue *queue, struct timer_slot *slot, usec_t earliest, usec_t accuracy)
{
    if (earliest == USEC_INFINITY) {
        timer_queue_remove(queue, slot);
        return 0;
    }
    slot->earliest = earliest;
    slot->latest = usec_add(earliest, accuracy);
    if (slot->places[BY_EARLIEST] == 0) {
        size_t count = queue->heaps[BY_EARLIEST].count + 1;
        int r = vec_reserve(&queue->heaps[BY_EARLIEST], count);
        if (r == 0) r = vec_reserve(&queue->heaps[BY_LATEST], count);
        if (r < 0) return r;
        for (int order = 0; order < 2; order++) {
            queue->heaps[order].count = count;
            put(queue, order, slot, count);
        }
    }
    sift(queue, BY_EARLIEST, slot);
    sift(queue, BY_LATEST, slot);
    return 0;
}

usec_t timer_queue_wake(const struct timer_queue *queue, usec_t phase)
{
    if (queue->heaps[BY_EARLIEST].count == 0) return USEC_INFINITY;
    return timer_wake_between(queue->heaps[BY_EARLIEST].items[0]->earliest, queue->heaps[BY_LATEST].items[0]->latest,
                              phase);
}

struct timer_slot *timer_queue_take_due(struct timer_queue *queue, usec_t now)
{
    if (queue->heaps[BY_EARLIEST].count == 0) return NULL;
    struct timer_slot *slot = queue->heaps[BY_EARLIEST].items[0];
    if (slot->earliest > now) return NULL;
    timer_queue_remove(queue, slot);
    return slot;
}

usec_t timer_wake_between(usec_t earliest, usec_t latest, usec_t phase)
{
    static const usec_t steps[] = { MINUTE, 10 * USEC_PER_SEC, USEC_PER_SEC, 250 * USEC_PER_MSEC };
    if (latest <= usec_add(earliest, 1)) return earliest; /* AccuracySec=1us is as exact as it gets */
    if (latest == USEC_INFINITY) return latest;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        usec_t step = steps[i], at = usec_add(latest / step * step, phase % step);
        if (at >= latest) at = at >= step ? at - step : 0;
        if (at >= earliest && at < latest) return at;
    }
    return latest;
}

static usec_t digit(char c)
{
    return c >= 'a' ? (usec_t)(c - 'a' + 10) & 15 : (usec_t)(c - '0') & 15;
}

usec_t timer_wake_phase(const char *boot_id)
{
    usec_t words[2] = { 0, 0 };
    if (strlen(boot_id) != 32) return 0;
    for (size_t i = 0; i < 16; i++) { /* bytes, the first of each eight is the lowest */
        usec_t byte = digit(boot_id[2 * i]) << 4 | digit(boot_id[2 * i + 1]);
        words[i / 8] |= byte << i % 8 * 8;
    }
    return (words[0] ^ words[1]) % MINUTE;
}
