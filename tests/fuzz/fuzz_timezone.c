/* tests/fuzz/fuzz_timezone.c - zone files: whatever the bytes are, the zone that they make answers, and what its wall
 * shows comes from where it was found. */
#include "tests/fuzz/fuzz.h"

#include "base/timezone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t times[] = { INT64_MIN / 4, -1, 0, 1774746000, 1792890000, 4102444800, 253402214399 };
    AUTO(zones_free) struct zones *zones = zones_new("/nowhere");
    const struct zone *zone = NULL;
    if (!zones) abort();
    if (zones_add(zones, "A/B", data, size) < 0) return 0;
    PROMISE(zones_get(zones, "A/B", &zone) == 0 && zone_abbreviation(zone, true) && zone_abbreviation(zone, false));
    (void)zone_is_utc(zone);
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        struct zone_period period = zone_period_at(zone, times[i]);
        PROMISE(strlen(period.name) < size);
        if (i == 0) continue;
        for (int dst = -1; dst <= 1; dst++) {
            struct civil wall = zone_to_civil(zone, times[i]);
            int32_t offset = period.offset;
            int64_t found = zone_from_civil(zone, &wall, dst, &offset);
            PROMISE(dst >= 0 || found == times[i]);
        }
    }
    return 0;
}
