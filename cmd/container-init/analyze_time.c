/* container-init analyze timespan, timestamp and calendar. */
#include "cmd/container-init/analyze.h"
#include "cmd/container-init/analyze_table.h"

#include "base/arena.h"
#include "base/str.h"
#include "base/timespan.h"
#include "base/timestamp.h"
#include "unit/calendar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the three verbs need of the place: its zones, and the time. */
struct place {
    const struct analyze_options *options;
    struct zones *zones;
    const struct zone *local;
};

static usec_t now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_REALTIME, &time); /* cannot fail for this clock */
    return (usec_t)time.tv_sec * USEC_PER_SEC + (usec_t)time.tv_nsec / 1000;
}

/* systemd-analyze 252 knows the zones of the machine in calendar expressions, and only UTC and the local one in points
 * in time, for its parser of these does not get as far as systemd.time(7) says. */
static int parse_timestamp(const struct zone *local, const char *text, usec_t *ret)
{
    return timestamp_parse(text, now(), local, NULL, ret);
}

static void place_done(struct place *place)
{
    zones_free(place->zones);
}
#define AUTO_PLACE __attribute__((cleanup(place_done)))

static int place_init(struct place *place, const struct analyze_options *options)
{
    *place = (struct place){ .options = options, .zones = zones_new(NULL) };
    int r = place->zones ? zones_local(place->zones, getenv("TZ"), &place->local) : -ENOMEM;
    if (r < 0) analyze_complain(options, "Out of memory.");
    return r;
}

/* ---- what a text may be ---- */

static int read_span(const struct place *place, const char *text)
{
    usec_t span;
    (void)place;
    return timespan_parse(text, USEC_PER_SEC, &span, NULL);
}

static int read_timestamp(const struct place *place, const char *text)
{
    usec_t time;
    return parse_timestamp(place->local, text, &time);
}

static int read_calendar(const struct place *place, const char *text)
{
    const struct calendar *calendar;
    AUTO(arena_free) struct arena *arena = arena_new();
    return arena ? calendar_parse(text, place->zones, place->local, arena, &calendar) : -ENOMEM;
}

/* After a text that was refused: the first verb, other than the one that was asked, that would take it. */
static void hint(const struct place *place, const char *verb, const char *text)
{
    static const struct {
        const char *verb, *noun;
        int (*read)(const struct place *place, const char *text);
    } kinds[] = {
        { "calendar", "calendar specification", read_calendar },
        { "timestamp", "timestamp", read_timestamp },
        { "timespan", "timespan", read_span },
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(kinds[i].verb, verb) != 0 && kinds[i].read(place, text) == 0)
            analyze_complain(place->options,
                             "Hint: this expression is a valid %s. Use 'container-init analyze %s \"%s\"' instead?",
                             kinds[i].noun, kinds[i].verb, text);
}

/* ---- answers ---- */

static int add_time(struct analyze_table *table, const char *name, usec_t time, const struct zone *zone)
{
    char buffer[TIMESTAMP_TEXT_MAX];
    return analyze_table_add(table, name, timestamp_format(time, zone, buffer));
}

/* The time as the place shows it, and in UTC where that is another. */
static int add_local_time(struct analyze_table *table, const struct place *place, const char *name, usec_t time)
{
    int r = add_time(table, name, time, place->local);
    return r == 0 && !zone_is_utc(place->local) ? add_time(table, "(in UTC)", time, zone_utc()) : r;
}

static int add_distance(struct analyze_table *table, usec_t time)
{
    char buffer[TIMESTAMP_TEXT_MAX];
    return analyze_table_add(table, "From now", timestamp_format_relative(time, now(), buffer));
}

static int explain_timespan(const struct place *place, const char *text)
{
    char number[DECIMAL_MAX(usec_t)], human[TIMESPAN_TEXT_MAX];
    AUTO_ANALYZE_TABLE struct analyze_table table = ANALYZE_TABLE_EMPTY;
    usec_t span;
    int r = timespan_parse(text, USEC_PER_SEC, &span, NULL);
    if (r < 0) {
        analyze_complain(place->options, "Failed to parse time span '%s': %s", text, strerror(-r));
        hint(place, "timespan", text);
        return r;
    }
    (void)snprintf(number, sizeof number, "%" PRIu64, span);
    r = analyze_table_add(&table, "Original", text);
    if (r == 0) r = analyze_table_add(&table, "\xce\xbcs", number);
    if (r == 0) r = analyze_table_add(&table, "Human", timespan_format(span, 1, human));
    if (r == 0) analyze_table_print(&table, place->options->out);
    return r;
}

/* Stops at the first that is none, as systemd-analyze does here and not below. */
int analyze_timespan(const struct analyze_options *options, int argc, char **argv)
{
    AUTO_PLACE struct place place;
    if (place_init(&place, options) < 0) return EXIT_FAILURE;
    for (int i = 1; i < argc; i++) {
        if (explain_timespan(&place, argv[i]) < 0) return EXIT_FAILURE;
        if (i + 1 < argc) (void)fputc('\n', options->out);
    }
    return EXIT_SUCCESS;
}

static int explain_timestamp(const struct place *place, const char *text)
{
    char number[2 * DECIMAL_MAX(usec_t)];
    AUTO_ANALYZE_TABLE struct analyze_table table = ANALYZE_TABLE_EMPTY;
    usec_t time;
    int r = parse_timestamp(place->local, text, &time);
    if (r < 0) {
        analyze_complain(place->options, "Failed to parse \"%s\": %s", text, strerror(-r));
        hint(place, "timestamp", text);
        return r;
    }
    int n = snprintf(number, sizeof number, "@%" PRIu64, time / USEC_PER_SEC);
    if (time % USEC_PER_SEC != 0)
        (void)snprintf(number + n, sizeof number - (size_t)n, ".%06" PRIu64, time % USEC_PER_SEC);
    r = analyze_table_add(&table, "Original form", text);
    if (r == 0) r = add_local_time(&table, place, "Normalized form", time);
    if (r == 0) r = analyze_table_add(&table, "UNIX seconds", number);
    if (r == 0) r = add_distance(&table, time);
    if (r == 0) analyze_table_print(&table, place->options->out);
    return r;
}

int analyze_timestamp(const struct analyze_options *options, int argc, char **argv)
{
    AUTO_PLACE struct place place;
    int status = EXIT_SUCCESS;
    if (place_init(&place, options) < 0) return EXIT_FAILURE;
    for (int i = 1; i < argc; i++) {
        if (explain_timestamp(&place, argv[i]) < 0) status = EXIT_FAILURE;
        if (i + 1 < argc) (void)fputc('\n', options->out);
    }
    return status;
}

/* The next matches after `base`, as many as are asked for. */
static int add_matches(struct analyze_table *table, const struct place *place, const struct calendar *calendar,
                       usec_t base, const char *text)
{
    int r = 0;
    for (uint32_t i = 0; i < place->options->iterations && r == 0; i++) {
        char name[sizeof "Iter. #" + DECIMAL_MAX(uint32_t)] = "Next elapse";
        r = calendar_next(calendar, place->local, base, &base);
        if (r == -ENOENT) return i == 0 ? analyze_table_add(table, name, "never") : 0;
        if (r < 0) {
            analyze_complain(place->options, "Failed to determine next elapse for '%s': %s", text, strerror(-r));
            return r;
        }
        if (i > 0) (void)snprintf(name, sizeof name, "Iter. #%" PRIu32, i + 1);
        r = add_local_time(table, place, name, base);
        if (r == 0) r = add_distance(table, base);
    }
    return r;
}

static int explain_calendar(const struct place *place, usec_t base, const char *text)
{
    AUTO(arena_free) struct arena *arena = arena_new();
    AUTO_STR struct str normal = STR_EMPTY;
    AUTO_ANALYZE_TABLE struct analyze_table table = ANALYZE_TABLE_EMPTY;
    const struct calendar *calendar = NULL;
    int r = arena ? calendar_parse(text, place->zones, place->local, arena, &calendar) : -ENOMEM;
    if (r < 0) {
        analyze_complain(place->options, "Failed to parse calendar specification '%s': %s", text, strerror(-r));
        hint(place, "calendar", text);
        return r;
    }
    r = calendar_format(calendar, place->local, &normal);
    if (r == 0 && strcmp(text, str_text(&normal)) != 0) r = analyze_table_add(&table, "Original form", text);
    if (r == 0) r = analyze_table_add(&table, "Normalized form", str_text(&normal));
    if (r == 0) r = add_matches(&table, place, calendar, base, text);
    if (r == 0) analyze_table_print(&table, place->options->out);
    return r;
}

int analyze_calendar(const struct analyze_options *options, int argc, char **argv)
{
    AUTO_PLACE struct place place;
    int status = EXIT_SUCCESS;
    if (place_init(&place, options) < 0) return EXIT_FAILURE;
    usec_t base = USEC_INFINITY;
    if (options->base_time && parse_timestamp(place.local, options->base_time, &base) < 0) {
        analyze_complain(options, "Failed to parse --base-time= parameter: %s", options->base_time);
        return EXIT_FAILURE;
    }
    if (base == USEC_INFINITY) base = now();
    for (int i = 1; i < argc; i++) {
        if (explain_calendar(&place, base, argv[i]) < 0) status = EXIT_FAILURE;
        if (i + 1 < argc) (void)fputc('\n', options->out);
    }
    return status;
}
