#include "base/likeness.h"

static unsigned lower(char c)
{
    unsigned byte = (unsigned char)c;
    return byte - 'A' < 26 ? byte | 0x20 : byte;
}

unsigned word_distance(const char *a, size_t n, const char *b, size_t m, unsigned limit)
{
    unsigned rows[3][LIKENESS_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    if (n > LIKENESS_MAX || m > LIKENESS_MAX) return limit + 1;
    for (size_t j = 0; j <= m; j++) last[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned best = row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned differ = lower(a[i - 1]) != lower(b[j - 1]);
            unsigned cost = MIN_OF(MIN_OF(last[j], row[j - 1]) + 1, last[j - 1] + differ);
            if (i > 1 && j > 1 && differ && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                cost = MIN_OF(cost, before[j - 2] + 1);
            row[j] = cost;
            best = MIN_OF(best, cost);
        }
        if (best > limit) return limit + 1;
        unsigned *spare = before;
        before = last, last = row, row = spare;
    }
    return MIN_OF(last[m], limit + 1);
}

unsigned word_distance_limit(size_t length)
{
    if (length < 3 || length > LIKENESS_MAX) return 0;
    return (unsigned)MIN_OF(MAX_OF(length / 3, 1), 3);
}
