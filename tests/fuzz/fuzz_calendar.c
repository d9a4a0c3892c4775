/* tests/fuzz/fuzz_calendar.c - calendar expressions: what is canonical is its own canonical form and means the same;
 * each match lies after the time from which it was looked for; nothing takes long (-timeout of the fuzzer). A first
 * byte from '0' to '7' chooses the time to begin with and the reader's zone. */
#include "tests/fuzz/fuzz.h"

#include "base/arena.h"
#include "base/str.h"
#include "base/timestamp.h"
#include "unit/calendar.h"

#include <errno.h>

/* A zone file that is all rule (RFC 8536). */
#define BLOCK  "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4\0\0\0\0\0\0AAA\0"
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define DUBLIN "IST-1GMT0,M10.5.0,M3.5.0/1"

#define MATCHES 4

static void check_matches(const struct calendar *a, const struct calendar *b, const struct zone *local, usec_t time)
{
    for (int i = 0; i < MATCHES; i++) {
        usec_t one = 0, other = 0;
        int r = calendar_next(a, local, time, &one);
        PROMISE(r == 0 || r == -ENOENT || r == -EDEADLK);
        PROMISE(calendar_next(b, local, time, &other) == r && one == other);
        if (r < 0) break;
        PROMISE(one > time && zone_to_civil(zone_utc(), (int64_t)(one / USEC_PER_SEC)).year <= CALENDAR_YEAR_MAX);
        time = one;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char zone[] = BLOCK BLOCK "\n" BERLIN "\n";
    /* 1970; 2026 before summer begins; before winter begins; the last day. */
    static const usec_t times[] = { 0, UINT64_C(1774735200), UINT64_C(1792879200), UINT64_C(7258032000) };
    AUTO(zones_free) struct zones *zones = zones_new("/nowhere");
    AUTO(arena_free) struct arena *arena = arena_new();
    AUTO_STR struct str normal = STR_EMPTY, again = STR_EMPTY;
    const struct calendar *a = NULL, *b = NULL;
    const struct zone *local = NULL;
    usec_t time = times[1];
    if (!zones || !arena || zones_add(zones, "Europe/Berlin", zone, sizeof zone - 1) < 0) abort();
    if (zones_get(zones, "Europe/Berlin", &local) < 0) abort();
    if (size > 0 && data[0] >= '0' && data[0] < '0' + 2 * (int)COUNT_OF(times)) {
        time = times[(data[0] - '0') % COUNT_OF(times)];
        if (data[0] >= '0' + (int)COUNT_OF(times) && zones_local(zones, DUBLIN, &local) < 0) abort();
        data++;
        size--;
    }
    char *text = fuzz_string(data, size);
    int r = calendar_parse(text, zones, local, arena, &a);
    if (r == 0) {
        PROMISE(calendar_format(a, local, &normal) == 0);
        PROMISE(calendar_parse(str_text(&normal), zones, local, arena, &b) == 0);
        PROMISE(calendar_format(b, local, &again) == 0);
        PROMISE(str_equal(str_text(&normal), str_text(&again)));
        PROMISE(arena_used(arena) < 2 * 32 + 24 * (strlen(text) + CALENDAR_FIELD_COUNT));
        check_matches(a, b, local, time * USEC_PER_SEC);
    } else {
        PROMISE(!a && (r == -EINVAL || r == -ERANGE || r == -ENOBUFS));
    }
    free(text);
    return 0;
}
