/* tests/fuzz/fuzz_timespan.c - time spans, both ways: what is printed is read back as the same span. The last year
 * before infinity is printed but not read: systemd's bound for a number is one unit short of what would fit. */
#include "tests/fuzz/fuzz.h"

#include "base/timespan.h"

#include <errno.h>

#define YEAR      (31557600 * USEC_PER_SEC)
#define LAST_YEAR (USEC_INFINITY / YEAR * YEAR)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);
    usec_t span = 0, again = 0;
    size_t bad = 0;
    int r = timespan_parse(text, USEC_PER_SEC, &span, &bad);
    PROMISE(bad <= strlen(text));
    if (r == 0) {
        char buffer[TIMESPAN_TEXT_MAX];
        PROMISE(bad == 0);
        r = timespan_parse(timespan_format(span, 1, buffer), USEC_PER_SEC, &again, NULL);
        if (span < LAST_YEAR || span == USEC_INFINITY)
            PROMISE(r == 0 && again == span);
        else
            PROMISE(r == -ERANGE);
    }
    free(text);
    return 0;
}
