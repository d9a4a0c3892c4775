/* Time spans, points in time and calendar expressions as systemd-analyze of systemd 252 answered them, from the corpus
 * (tests/unit/corpus.h): all of each file is reached. */
#include "tests/unit/corpus_figures.h"
#include "tests/unit/corpus_json.h"

#include "base/arena.h"
#include "base/timespan.h"
#include "base/timestamp.h"
#include "unit/calendar.h"

#include <inttypes.h>

static const char *root;
static const usec_t now = UINT64_C(1800000000) * USEC_PER_SEC;

struct place {
    struct zones *zones;
    struct arena *arena;
};

/* What systemd and what we say of a line, as text to compare. */
typedef void describe(const struct place *place, const struct json_value *line, const char *input, struct str *systemd,
                      struct str *ours);

static void say(struct str *out, const char *text)
{
    assert_int_equal(str_appendf(out, "%s\n", text ? text : "-"), 0);
}

static bool is_true(const struct json_value *line, const char *key)
{
    bool value = false;
    return json_get_bool(line, key, &value) == 0 && value;
}

/* Of an error its last words: the rest repeats the input. */
static void say_error(const struct json_value *line, struct str *out)
{
    const char *error = json_get_string(line, "error"), *colon = error ? strrchr(error, ':') : NULL;
    say(out, colon ? colon + 2 : "refused");
}

static void describe_timespan(const struct place *place, const struct json_value *line, const char *input,
                              struct str *systemd, struct str *ours)
{
    char text[TIMESPAN_TEXT_MAX];
    usec_t span = 0, want = USEC_INFINITY;
    (void)place;
    if (is_true(line, "ok")) {
        if (json_get(line, "usec")) assert_int_equal(json_get_u64(line, "usec", &want), 0);
        assert_int_equal(str_appendf(systemd, "%" PRIu64 "\n", want), 0);
        say(systemd, json_get_string(line, "human"));
    } else {
        say_error(line, systemd);
    }
    int r = timespan_parse(input, USEC_PER_SEC, &span, NULL);
    if (r == 0) assert_int_equal(str_appendf(ours, "%" PRIu64 "\n", span), 0);
    say(ours, r == 0 ? timespan_format(span, 1, text) : strerror(-r));
}

static void describe_timestamp(const struct place *place, const struct json_value *line, const char *input,
                               struct str *systemd, struct str *ours)
{
    char text[TIMESTAMP_TEXT_MAX];
    usec_t time = 0;
    (void)place;
    int r = timestamp_parse(input, now, zone_utc(), NULL, &time);
    if (is_true(line, "relative")) {
        say(systemd, "accepted");
        say(ours, r == 0 ? "accepted" : strerror(-r));
        return;
    }
    if (is_true(line, "ok")) {
        say(systemd, json_get_string(line, "unix"));
        say(systemd, json_get_string(line, "normalized"));
    } else {
        say_error(line, systemd);
    }
    if (r == 0) assert_int_equal(str_appendf(ours, "@%" PRIu64, time / USEC_PER_SEC), 0);
    if (r == 0 && time % USEC_PER_SEC != 0) assert_int_equal(str_appendf(ours, ".%06" PRIu64, time % USEC_PER_SEC), 0);
    if (r == 0) assert_int_equal(str_append_char(ours, '\n'), 0);
    say(ours, r == 0 ? timestamp_format(time, zone_utc(), text) : strerror(-r));
}

/* As many elapses as systemd was asked for, without their weekdays, which the corpus leaves out. */
static void say_elapses(const struct calendar *calendar, usec_t time, size_t count, bool exhausted, struct str *out)
{
    AUTO(json_free) struct json_value *list = json_array_new();
    int r = 0;
    assert_non_null(list);
    for (size_t i = 0; i < count + exhausted && r == 0; i++) {
        char text[TIMESTAMP_TEXT_MAX];
        r = calendar_next(calendar, zone_utc(), time, &time);
        if (r < 0) continue;
        assert_non_null(timestamp_format(time, zone_utc(), text));
        assert_int_equal(json_array_add_take(list, json_string_new(text + strlen("Mon "))), 0);
    }
    char *text = json_print(list, 0);
    say(out, text);
    say(out, r == 0 ? "goes on" : r == -ENOENT ? "exhausted" : strerror(-r));
    free(text);
}

static void describe_calendar(const struct place *place, const struct json_value *line, const char *input,
                              struct str *systemd, struct str *ours)
{
    const struct json_value *elapses = json_get(line, "elapses");
    const struct calendar *calendar = NULL;
    usec_t base = 0;
    bool exhausted = is_true(line, "exhausted");
    assert_int_equal(timestamp_parse(json_get_string(line, "base_time"), 0, zone_utc(), NULL, &base), 0);
    if (is_true(line, "ok")) {
        char *text = json_print(elapses, 0);
        say(systemd, json_get_string(line, "normalized"));
        say(systemd, text);
        say(systemd, exhausted ? "exhausted" : "goes on");
        free(text);
    } else {
        say_error(line, systemd);
    }
    int r = calendar_parse(input, place->zones, zone_utc(), place->arena, &calendar);
    if (r < 0) {
        say(ours, strerror(-r));
        return;
    }
    assert_int_equal(calendar_format(calendar, zone_utc(), ours), 0);
    say(ours, "");
    say_elapses(calendar, base, json_array_count(elapses), exhausted, ours);
}

static void compare_file(const char *name, describe *describe_line)
{
    struct corpus_figures figures = { .count = 0 };
    struct place place = { zones_new(NULL), arena_new() };
    AUTO_STR struct str path = STR_EMPTY;
    size_t size = 0, lines = 0;
    assert_non_null(place.zones);
    assert_non_null(place.arena);
    assert_int_equal(str_appendf(&path, "%s/values/%s.jsonl", root, name), 0);
    char *data = corpus_read(str_text(&path), &size);
    assert_non_null(data);
    for (char *line = data, *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
        AUTO(json_free) struct json_value *value = corpus_parse(line, (size_t)(end - line), name);
        AUTO_STR struct str systemd = STR_EMPTY, ours = STR_EMPTY;
        const char *input = json_get_string(value, "input");
        assert_non_null(input);
        describe_line(&place, value, input, &systemd, &ours);
        (void)figures_compare(&figures, name, input, str_text(&systemd), str_text(&ours)); /* counted there */
    }
    free(data);
    arena_free(place.arena);
    zones_free(place.zones);
    assert_true(lines > 0);
    figures_done(&figures, name, lines, 0);
}

static void test_timespans(void **state)
{
    (void)state;
    compare_file("timespan", describe_timespan);
}

static void test_timestamps(void **state)
{
    (void)state;
    compare_file("timestamp", describe_timestamp);
}

static void test_calendars(void **state)
{
    (void)state;
    compare_file("calendar", describe_calendar);
}

int main(void)
{
    root = corpus_root();
    if (!root) return CORPUS_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timespans),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_calendars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
