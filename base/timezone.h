/* base/timezone.h - time zones, read once and without the C library's one zone per process.
 *
 * A zone is loaded from its TZif file (RFC 8536), whose rule for the years to come is kept, or made from a rule in the
 * form of the TZ variable. Nothing here looks at the environment, and a loaded zone never looks at a file again, so a
 * process that must not block can go on using it. Leap seconds ("right/..." zones) are not counted.
 * Source: systemd.time(7); tzfile(5); POSIX.1, "Other Environment Variables", TZ. */
#pragma once
#include "base/attr.h"
#include "base/civil.h"

struct zone;
struct zones;

/* ---- where they come from ---- */

/* The zones of the machine, or of the image whose root directory is `root` (NULL: of the machine), each loaded when it
 * is first asked for. `root` is borrowed. NULL: out of memory. */
struct zones *zones_new(const char *root);
void zones_free(struct zones *zones); /* with every zone it gave out */
DEFINE_AUTO(struct zones, zones_free)

/* The zone "Europe/Berlin" of /usr/share/zoneinfo; "UTC" is always there. -EINVAL: not a name of a zone (no path
 * outside of that directory is one); -ENOENT, -EBADMSG and the like: there is no such zone. *ret lives as long as
 * `zones`, which may be NULL: then only UTC is known. */
MUST_CHECK int zones_get(struct zones *zones, const char *name, const struct zone **ret);
/* The zone of one's own clock, from the value of the TZ variable (NULL when it is not set: /etc/localtime), as
 * tzset(3) takes it: UTC where nothing better is found. Only out of memory is an error. */
MUST_CHECK int zones_local(struct zones *zones, const char *tz_variable, const struct zone **ret);
/* The same from the bytes of /etc/localtime, which somebody else has read (none: there is no such file): UTC where they
 * are no zone. Each of the two frees the zone that either gave before. */
MUST_CHECK int zones_local_from(struct zones *zones, const void *data, size_t size, const struct zone **ret);
const struct zone *zone_utc(void);
/* A zone from the bytes of a TZif file that is none of the machine's: it wins over an older one of its name. -EINVAL:
 * not a name; -EBADMSG, -EINVAL: not such a file; -ENOMEM. */
MUST_CHECK int zones_add(struct zones *zones, const char *name, const void *data, size_t size);

/* ---- what they say ---- */

/* Offset from UTC, daylight saving, and abbreviation ("CEST") of a period; the text is the zone's. */
struct zone_period {
    int32_t offset;
    bool is_dst;
    const char *name;
};
/* The name it was asked for with; "" where it had none. */
const char *zone_name(const struct zone *zone);
/* Standard (false) or daylight saving time (true) of the last years: tzname[] of tzset(3). */
const char *zone_abbreviation(const struct zone *zone, bool dst);
/* Never anything but UTC in the last years. */
bool zone_is_utc(const struct zone *zone);
/* `seconds` since 1970-01-01 UTC. */
struct zone_period zone_period_at(const struct zone *zone, int64_t seconds);

/* What the clock on the wall showed at `seconds`. */
struct civil zone_to_civil(const struct zone *zone, int64_t seconds);
/* When the wall shows `civil`, whose fields may lie outside their ranges, as mktime(3) of glibc finds it. `dst`: 1 and
 * 0 say whether daylight saving time is meant, -1 leaves it open. A time that is skipped moves by what is skipped; of
 * a time that occurs twice the one that is nearer to *offset is meant. *offset (begin with 0, or with the offset of
 * where one comes from) is what was found, for the next time. */
int64_t zone_from_civil(const struct zone *zone, const struct civil *civil, int dst, int32_t *offset);
