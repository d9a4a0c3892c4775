#include "base/timezone.h"

#include "base/fd.h"
#include "base/timezone_rule.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define BERLIN   "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"

/* A zone by its rule; the caller frees *ret_zones. */
static const struct zone *zone_of(const char *rule, struct zones **ret_zones)
{
    const struct zone *zone = NULL;
    *ret_zones = zones_new(NULL);
    assert_non_null(*ret_zones);
    assert_int_equal(zones_local(*ret_zones, rule, &zone), 0);
    return zone;
}

static int64_t utc_seconds(int year, int month, int day, int hour, int minute)
{
    struct civil civil = { year, month, day, hour, minute, 0 };
    return civil_to_seconds(&civil);
}

/* clang-format off */
static const struct { const char *label, *rule; int year, month, day, hour, minute; int32_t offset; const char *name; } periods[] = {
    { "winter",                       BERLIN,               2026,  1,  1,  0,  0,   3600, "CET"  },
    { "a minute before summer",       BERLIN,               2026,  3, 29,  0, 59,   3600, "CET"  },
    { "summer begins",                BERLIN,               2026,  3, 29,  1,  0,   7200, "CEST" },
    { "a minute before winter",       BERLIN,               2026, 10, 25,  0, 59,   7200, "CEST" },
    { "winter begins",                BERLIN,               2026, 10, 25,  1,  0,   3600, "CET"  },
    { "in the year 2199",             BERLIN,               2199,  7,  1,  0,  0,   7200, "CEST" },
    { "second Sunday of March",       NEW_YORK,             2026,  3,  8,  7,  0, -14400, "EDT"  },
    { "first Sunday of November",     NEW_YORK,             2026, 11,  1,  6,  0, -18000, "EST"  },
    { "rules left out",               "EST5EDT",            2026,  3,  8,  6, 59, -18000, "EST"  },
    { "no summer",                    "IST-5:30",           2026,  7,  1,  0,  0,  19800, "IST"  },
    { "a name in brackets",           "<-03>3",             2026,  7,  1,  0,  0, -10800, "-03"  },
    { "south: summer over new year",  "NZST-12NZDT,M9.5.0,M4.1.0/3", 2026, 12, 31, 23, 0, 46800, "NZDT" },
    { "south: winter in July",        "NZST-12NZDT,M9.5.0,M4.1.0/3", 2026,  7,  1,  0, 0, 43200, "NZST" },
    { "an offset of its own",         "LHST-10:30LHDT-11,M10.1.0,M4.1.0", 2026, 1, 1, 0, 0, 39600, "LHDT" },
    { "winter is the daylight saving","IST-1GMT0,M10.5.0,M3.5.0/1", 2026, 1, 1, 0, 0, 0, "GMT"   },
    { "time of day below zero",       "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 2026, 3, 29, 1, 0, -3600, "-01" },
    { "Julian days",                  "AAA0BBB,J60/0,J300/0", 2024,  3,  1,  0,  0,   3600, "BBB"  },
    { "Julian days skip February 29", "AAA0BBB,J60/0,J300/0", 2024,  2, 29, 23, 59,      0, "AAA"  },
    { "days from zero",               "AAA0BBB,59/0,300/0",   2024,  2, 29,  0,  0,   3600, "BBB"  },
    { "a word alone is UTC",          "Nope",               2026,  1,  1,  0,  0,      0, "Nope" },
    { "not a rule is UTC",            "CET-1CEST,M13.5.0,M10.5.0", 2026, 7, 1, 0, 0,   0, "UTC"  },
    { "nothing is UTC",               "",                   2026,  1,  1,  0,  0,      0, "UTC"  },
    { "with a colon",                 ":UTC",               2026,  1,  1,  0,  0,      0, "UTC"  },
};
/* clang-format on */

static void test_periods(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(periods); i++) {
        struct zones *zones;
        const struct zone *zone = zone_of(periods[i].rule, &zones);
        struct zone_period period = zone_period_at(
            zone, utc_seconds(periods[i].year, periods[i].month, periods[i].day, periods[i].hour, periods[i].minute));
        print_message("  %s\n", periods[i].label);
        assert_int_equal(period.offset, periods[i].offset);
        assert_string_equal(period.name, periods[i].name);
        zones_free(zones);
    }
}

static void test_rules_refused(void **state)
{
    static const char *const texts[] = { "",
                                         "C",
                                         "CE-1",
                                         "CET-25",
                                         "CET-1CEST,M3.5.0",
                                         "CET-1:60",
                                         "CET-1CEST,",
                                         "<CET-1",
                                         "CET-1CEST,M3.6.0,M10.5.0",
                                         "CET-1 ",
                                         "CET-1X",
                                         "CET-1CEST,J0,J1",
                                         "CET-1CEST,M3.5.7,M10.5.0",
                                         "CET-1CEST,366,1",
                                         "CET-1CEST,M3.5.0,M10.5.0/168",
                                         "CET-1CEST,M3.5.0,M10.5.0x",
                                         "<1234567890123456789012345678901>0" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct zone_rule rule;
        print_message("  %s\n", texts[i]);
        assert_int_equal(zone_rule_parse(texts[i], &rule), -EINVAL);
    }
}

/* clang-format off */
static const struct { const char *label, *rule; struct civil wall; int dst; int32_t offset; int64_t from_utc; } walls[] = {
    { "winter",                         BERLIN,   { 2026,  1,  1, 12,  0, 0 }, -1,    0, -3600 },
    { "summer",                         BERLIN,   { 2026,  7,  1, 12,  0, 0 }, -1,    0, -7200 },
    { "left out: later by the hour",    BERLIN,   { 2026,  3, 29,  2, 30, 0 }, -1,    0, -3600 },
    { "left out, coming from summer",   BERLIN,   { 2026,  3, 29,  2, 30, 0 }, -1, 7200, -3600 },
    { "twice: as before, summer",       BERLIN,   { 2026, 10, 25,  2, 30, 0 }, -1, 7200, -7200 },
    { "twice: as before, winter",       BERLIN,   { 2026, 10, 25,  2, 30, 0 }, -1, 3600, -3600 },
    { "twice: summer is said",          BERLIN,   { 2026, 10, 25,  2, 30, 0 },  1, 3600, -7200 },
    { "twice: winter is said",          BERLIN,   { 2026, 10, 25,  2, 30, 0 },  0, 7200, -3600 },
    { "winter time in summer",          BERLIN,   { 2026,  7,  1, 12,  0, 0 },  0,    0, -3600 },
    { "summer time in winter",          BERLIN,   { 2026,  1,  1, 12,  0, 0 },  1,    0, -7200 },
    { "no summer time to be found",     "IST-5:30", { 2026, 1, 1, 12,  0, 0 },  1,    0, -19800 },
    { "left out in New York",           NEW_YORK, { 2026,  3,  8,  2, 30, 0 }, -1,    0, 18000 },
    { "day 0 of March is in February",  BERLIN,   { 2026,  3,  0, 12,  0, 0 }, -1,    0, -3600 },
};
/* clang-format on */

static void test_from_civil(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(walls); i++) {
        struct zones *zones;
        const struct zone *zone = zone_of(walls[i].rule, &zones);
        int32_t offset = walls[i].offset;
        print_message("  %s\n", walls[i].label);
        int64_t local = civil_to_seconds(&walls[i].wall);
        assert_int_equal(zone_from_civil(zone, &walls[i].wall, walls[i].dst, &offset) - local, walls[i].from_utc);
        assert_int_equal(offset, -walls[i].from_utc);
        zones_free(zones);
    }
}

/* Every quarter of an hour of a year is found again. */
static void test_there_and_back(void **state)
{
    static const char *const rules[] = { BERLIN, NEW_YORK, "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "UTC0" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        struct zones *zones;
        const struct zone *zone = zone_of(rules[i], &zones);
        for (int64_t t = utc_seconds(2026, 1, 1, 0, 0); t < utc_seconds(2027, 1, 1, 0, 0); t += 900) {
            struct zone_period period = zone_period_at(zone, t);
            struct civil wall = zone_to_civil(zone, t);
            int32_t offset = period.offset;
            assert_int_equal(zone_from_civil(zone, &wall, -1, &offset), t);
            offset = 0;
            assert_int_equal(zone_from_civil(zone, &wall, period.is_dst, &offset), t);
        }
        zones_free(zones);
    }
}

/* ---- files ---- */

struct place {
    char root[64], path[128];
};

static void put(struct place *p, const char *name, const void *data, size_t size)
{
    (void)snprintf(p->path, sizeof p->path, "%s/%s", p->root, name);
    int fd = open(p->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    assert_int_equal(close(fd), 0);
}

static int setup(void **state)
{
    static const char *const directories[] = { "etc", "usr", "usr/share", "usr/share/zoneinfo",
                                               "usr/share/zoneinfo/Test" };
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    (void)snprintf(p->root, sizeof p->root, "/tmp/container-init-test.XXXXXX");
    assert_non_null(mkdtemp(p->root));
    for (size_t i = 0; i < COUNT_OF(directories); i++) {
        (void)snprintf(p->path, sizeof p->path, "%s/%s", p->root, directories[i]);
        assert_int_equal(mkdir(p->path, 0755), 0);
    }
    *state = p;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct place *p = *state;
    (void)nftw(p->root, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* left-overs in /tmp fail no test */
    free(p);
    return 0;
}

/* One block: LMT until 1000, AAA until 2000, then BBB, which is summer time. */
#define COUNTS                                                                                                         \
    "\0\0\0\0"                                                                                                         \
    "\0\0\0\0"                                                                                                         \
    "\0\0\0\0"                                                                                                         \
    "\0\0\0\2"                                                                                                         \
    "\0\0\0\3"                                                                                                         \
    "\0\0\0\14"
#define HEADER(version) "TZif" version "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" COUNTS
#define KINDS                                                                                                          \
    "\1\2"                                                                                                             \
    "\0\0\0\x64\0\0"                                                                                                   \
    "\0\0\x0e\x10\0\4"                                                                                                 \
    "\0\0\x1c\x20\1\10"                                                                                                \
    "LMT\0AAA\0BBB\0"
#define TIMES_4                                                                                                        \
    "\0\0\x03\xe8"                                                                                                     \
    "\0\0\x07\xd0"
#define TIMES_8                                                                                                        \
    "\0\0\0\0\0\0\x03\xe8"                                                                                             \
    "\0\0\0\0\0\0\x07\xd0"
#define VERSION_1       HEADER("\0") TIMES_4 KINDS
#define VERSION_2(rule) HEADER("2") TIMES_4 KINDS HEADER("2") TIMES_8 KINDS "\n" rule "\n"

static void test_file(void **state)
{
    static const char one[] = VERSION_1, two[] = VERSION_2("CCC-3");
    struct place *p = *state;
    put(p, "usr/share/zoneinfo/Test/One", one, sizeof one - 1);
    put(p, "usr/share/zoneinfo/Two", two, sizeof two - 1);
    AUTO(zones_free) struct zones *zones = zones_new(p->root);
    const struct zone *zone = NULL, *again = NULL;
    assert_non_null(zones);

    assert_int_equal(zones_get(zones, "Test/One", &zone), 0);
    assert_string_equal(zone_name(zone), "Test/One");
    assert_string_equal(zone_period_at(zone, 999).name, "LMT");
    assert_int_equal(zone_period_at(zone, -1).offset, 100);
    assert_string_equal(zone_period_at(zone, 1000).name, "AAA");
    assert_string_equal(zone_period_at(zone, 2000).name, "BBB");
    assert_true(zone_period_at(zone, 1 << 30).is_dst);
    assert_string_equal(zone_abbreviation(zone, false), "AAA");
    assert_string_equal(zone_abbreviation(zone, true), "BBB");
    assert_false(zone_is_utc(zone));

    assert_int_equal(zones_get(zones, "Two", &zone), 0);
    assert_string_equal(zone_period_at(zone, 1999).name, "AAA");
    assert_string_equal(zone_period_at(zone, 2000).name, "CCC");
    assert_int_equal(zone_period_at(zone, 2000).offset, 10800);
    assert_string_equal(zone_abbreviation(zone, true), "CCC");
    assert_int_equal(zones_get(zones, "Two", &again), 0);
    assert_ptr_equal(zone, again);
}

/* A file of zoneinfo/right says when leap seconds were: they are stepped over, and no time is moved by them. */
static void test_leap_seconds(void **state)
{
    static const char file[] = "TZif"
                               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                               "\0\0\0\0"
                               "\0\0\0\0"
                               "\0\0\0\1"
                               "\0\0\0\2"
                               "\0\0\0\3"
                               "\0\0\0\14" TIMES_4 KINDS "\0\0\x05\xdc\0\0\0\1";
    struct place *p = *state;
    const struct zone *zone;
    put(p, "usr/share/zoneinfo/Test/Leap", file, sizeof file - 1);
    AUTO(zones_free) struct zones *zones = zones_new(p->root);
    assert_non_null(zones);
    assert_int_equal(zones_get(zones, "Test/Leap", &zone), 0);
    for (int64_t t = 1499; t <= 1502; t++) {
        struct civil want = civil_from_seconds(t + 3600),
                     got = zone_to_civil(zone, t); /* the leap second was at 1500 */
        assert_int_equal(civil_compare(&got, &want), 0);
    }
}

static void test_broken_files(void **state)
{
    static const struct {
        const char *label, *data;
        size_t size;
    } files[] = {
#define F(label, text) { label, text, sizeof(text) - 1 }
        F("empty", ""),
        F("something else", "#!/bin/sh\n"),
        F("a header alone", HEADER("2")),
        F("a kind that is not there", HEADER("\0") TIMES_4 "\1\3"
                                                           "\0\0\0\x64\0\0"
                                                           "\0\0\x0e\x10\0\4"
                                                           "\0\0\x1c\x20\1\10"
                                                           "LMT\0AAA\0BBB\0"),
        F("a name that is not there", HEADER("\0") TIMES_4 "\1\2"
                                                           "\0\0\0\x64\0\0"
                                                           "\0\0\x0e\x10\0\14"
                                                           "\0\0\x1c\x20\1\10"
                                                           "LMT\0AAA\0BBB\0"),
        F("a name without an end", HEADER("\0") TIMES_4 "\1\2"
                                                        "\0\0\0\x64\0\0"
                                                        "\0\0\x0e\x10\0\4"
                                                        "\0\0\x1c\x20\1\10"
                                                        "LMT\0AAA\0BBBB"),
        F("an offset of a year", HEADER("\0") TIMES_4 "\1\2"
                                                      "\1\0\0\x64\0\0"
                                                      "\0\0\x0e\x10\0\4"
                                                      "\0\0\x1c\x20\1\10"
                                                      "LMT\0AAA\0BBB\0"),
        F("counts beyond all bounds", "TZif\0"
                                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                      "\0\0\0\0"
                                      "\0\0\0\0"
                                      "\0\0\0\0"
                                      "\x7f\xff\xff\xff"
                                      "\x7f\xff\xff\xff"
                                      "\x7f\xff\xff\xff"),
        F("no types", "TZif\0"
                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                      "\0\0\0\0"
                      "\0\0\0\0"
                      "\0\0\0\0"
                      "\0\0\0\0"
                      "\0\0\0\0"
                      "\0\0\0\0"),
        F("no second block", HEADER("2") TIMES_4 KINDS),
        F("no rule", HEADER("2") TIMES_4 KINDS HEADER("2") TIMES_8 KINDS),
        F("a rule without an end", HEADER("2") TIMES_4 KINDS HEADER("2") TIMES_8 KINDS "\nCCC-3"),
        F("not a rule", VERSION_2("C")),
#undef F
    };
    struct place *p = *state;
    AUTO(zones_free) struct zones *zones = zones_new(p->root);
    const struct zone *zone = NULL;
    assert_non_null(zones);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        print_message("  %s\n", files[i].label);
        put(p, "usr/share/zoneinfo/Broken", files[i].data, files[i].size);
        assert_true(zones_get(zones, "Broken", &zone) < 0);
    }
    assert_null(zone);
}

static void test_names(void **state)
{
    static const char *const refused[] = { "",          "/etc/localtime", "../passwd", "Test/../../../../etc/localtime",
                                           "Test//One", "Test/",          "A b",       "A.b",
                                           "\xc3\xa4" };
    static const char one[] = VERSION_1;
    struct place *p = *state;
    put(p, "usr/share/zoneinfo/Test/One", one, sizeof one - 1);
    put(p, "etc/localtime", one, sizeof one - 1);
    AUTO(zones_free) struct zones *zones = zones_new(p->root);
    const struct zone *zone = NULL;
    assert_non_null(zones);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        print_message("  %s\n", refused[i]);
        assert_int_equal(zones_get(zones, refused[i], &zone), -EINVAL);
    }
    assert_int_equal(zones_get(zones, "Test/Two", &zone), -ENOENT);
    assert_true(zones_get(zones, "Test", &zone) < 0); /* a directory */
    assert_null(zone);
    assert_int_equal(zones_get(zones, "UTC", &zone), 0); /* needs no file */
    assert_ptr_equal(zone, zone_utc());
    assert_int_equal(zones_get(NULL, "UTC", &zone), 0);
    assert_int_equal(zones_get(NULL, "Test/One", &zone), -ENOENT);
}

/* A link of an image leads to the image's file, not to the machine's. */
static void test_links(void **state)
{
    static const char one[] = VERSION_1, two[] = VERSION_2("CCC-3");
    struct place *p = *state;
    char outside[96];
    put(p, "usr/share/zoneinfo/Test/One", one, sizeof one - 1);
    (void)snprintf(outside, sizeof outside, "%s.outside", p->root);
    int fd = open(outside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, two, sizeof two - 1), (ssize_t)sizeof two - 1);
    assert_int_equal(close(fd), 0);
    (void)snprintf(p->path, sizeof p->path, "%s/etc/localtime", p->root);
    assert_int_equal(symlink("/usr/share/zoneinfo/Test/One", p->path), 0);
    (void)snprintf(p->path, sizeof p->path, "%s/usr/share/zoneinfo/Out", p->root);
    assert_int_equal(symlink(outside, p->path), 0);

    AUTO(zones_free) struct zones *zones = zones_new(p->root);
    const struct zone *zone = NULL;
    assert_non_null(zones);
    assert_true(zones_get(zones, "Out", &zone) < 0);
    assert_int_equal(unlink(outside), 0);
    assert_int_equal(zones_local(zones, NULL, &zone), 0);
    assert_string_equal(zone_abbreviation(zone, true), "BBB");
    assert_string_equal(zone_name(zone), "");
    assert_int_equal(zones_local(zones, "Test/One", &zone), 0);
    assert_string_equal(zone_name(zone), "Test/One");
}

static void test_no_local_file(void **state)
{
    struct place *p = *state;
    AUTO(zones_free) struct zones *zones = zones_new(p->root);
    const struct zone *zone = NULL;
    assert_non_null(zones);
    assert_int_equal(zones_local(zones, NULL, &zone), 0);
    assert_true(zone_is_utc(zone));
    assert_string_equal(zone_abbreviation(zone, false), "UTC");
}

int main(void)
{
#define FILES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_periods),
        cmocka_unit_test(test_rules_refused),
        cmocka_unit_test(test_from_civil),
        cmocka_unit_test(test_there_and_back),
        FILES(test_file),
        FILES(test_leap_seconds),
        FILES(test_broken_files),
        FILES(test_names),
        FILES(test_links),
        FILES(test_no_local_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
