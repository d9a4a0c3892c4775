/* tests/fuzz/fuzz_timespan.c - time spans, both ways: what is printed is read back as the same span. */
#include "tests/fuzz/fuzz.h"

#include "base/timespan.h"

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
        PROMISE(timespan_parse(timespan_format(span, 1, buffer), USEC_PER_SEC, &again, NULL) == 0);
        PROMISE(again == span);
    }
    free(text);
    return 0;
}
