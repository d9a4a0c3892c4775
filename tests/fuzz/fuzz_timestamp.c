/* tests/fuzz/fuzz_timestamp.c - points in time, in Berlin or in the zone of the rule on the first line: what is shown
 * is read back as the same second, in UTC and in Berlin. */
#include "tests/fuzz/fuzz.h"

#include "base/timestamp.h"

#include <errno.h>

#define NOW (UINT64_C(1784118896) * USEC_PER_SEC + 500000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(zones_free) struct zones *zones = zones_new("/nowhere");
    const struct zone *local = NULL;
    char *rule = fuzz_string(data, size), *text = strchr(rule, '\n'), shown[TIMESTAMP_TEXT_MAX];
    usec_t time = 0, again = 0;
    if (!zones) abort();
    if (text) *text++ = '\0';
    if (zones_local(zones, text ? rule : "CET-1CEST,M3.5.0,M10.5.0/3", &local) < 0) abort();
    if (!text) text = rule;
    int r = timestamp_parse(text, NOW, local, zones, &time);
    PROMISE(r == 0 || r == -EINVAL || r == -ERANGE);
    PROMISE(r < 0 || time <= TIMESTAMP_MAX || *text == '@');
    if (r == 0 && time <= TIMESTAMP_MAX && timestamp_format(time, zone_utc(), shown)) {
        PROMISE(timestamp_parse(shown, NOW, local, zones, &again) == 0);
        PROMISE(again == time / USEC_PER_SEC * USEC_PER_SEC);
        char distance[TIMESTAMP_TEXT_MAX];
        PROMISE(timestamp_format_relative(time, NOW, distance) && strlen(distance) > 2);
    }
    if (r == 0 && time <= TIMESTAMP_MAX && text == rule && timestamp_format(time, local, shown)) {
        PROMISE(timestamp_parse(shown, NOW, local, zones, &again) == 0);
        PROMISE(again == time / USEC_PER_SEC * USEC_PER_SEC);
    }
    free(rule);
    return 0;
}
