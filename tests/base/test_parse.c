#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define UNTOUCHED 77

/* clang-format off */
static const struct { const char *text; uint64_t min, max; int r; uint64_t want; } unsigned_cases[] = {
    { "0",                    0, UINT32_MAX, 0,       0 },
    { "0010",                 0, UINT32_MAX, 0,       10 },
    { "4294967295",           0, UINT32_MAX, 0,       UINT32_MAX },
    { "4294967296",           0, UINT32_MAX, -ERANGE, 0 },
    { "18446744073709551616", 0, UINT32_MAX, -ERANGE, 0 },
    { "4",                    5, 10,         -ERANGE, 0 },
    { "5",                    5, 10,         0,       5 },
    { "10",                   5, 10,         0,       10 },
    { "11",                   5, 10,         -ERANGE, 0 },
    { "",                     0, UINT32_MAX, -EINVAL, 0 },
    { "-1",                   0, UINT32_MAX, -EINVAL, 0 },
    { "+1",                   0, UINT32_MAX, -EINVAL, 0 },
    { " 1",                   0, UINT32_MAX, -EINVAL, 0 },
    { "1 ",                   0, UINT32_MAX, -EINVAL, 0 },
    { "0x10",                 0, UINT32_MAX, -EINVAL, 0 },
    { "1.0",                  0, UINT32_MAX, -EINVAL, 0 },
    { "ten",                  0, UINT32_MAX, -EINVAL, 0 },
};
static const struct { const char *text; int32_t min, max; int r; int32_t want; } signed_cases[] = {
    { "0",            INT32_MIN, INT32_MAX, 0,       0 },
    { "-0",           INT32_MIN, INT32_MAX, 0,       0 },
    { "+5",           INT32_MIN, INT32_MAX, 0,       5 },
    { "-20",          -20,       19,        0,       -20 },
    { "-21",          -20,       19,        -ERANGE, 0 },
    { "20",           -20,       19,        -ERANGE, 0 },
    { "2147483647",   INT32_MIN, INT32_MAX, 0,       INT32_MAX },
    { "2147483648",   INT32_MIN, INT32_MAX, -ERANGE, 0 },
    { "-2147483648",  INT32_MIN, INT32_MAX, 0,       INT32_MIN },
    { "-2147483649",  INT32_MIN, INT32_MAX, -ERANGE, 0 },
    { "-",            INT32_MIN, INT32_MAX, -EINVAL, 0 },
    { "+",            INT32_MIN, INT32_MAX, -EINVAL, 0 },
    { "--1",          INT32_MIN, INT32_MAX, -EINVAL, 0 },
    { "- 1",          INT32_MIN, INT32_MAX, -EINVAL, 0 },
    { "",             INT32_MIN, INT32_MAX, -EINVAL, 0 },
};
static const struct { const char *text; int r; bool want; } bool_cases[] = {
    { "1", 0, true },  { "yes", 0, true },  { "y", 0, true },  { "true", 0, true },   { "t", 0, true },  { "on", 0, true },
    { "0", 0, false }, { "no", 0, false },  { "n", 0, false }, { "false", 0, false }, { "f", 0, false }, { "off", 0, false },
    { "YES", 0, true }, { "False", 0, false }, { "oN", 0, true },
    { "", -EINVAL, false }, { "2", -EINVAL, false }, { "ye", -EINVAL, false }, { "yes ", -EINVAL, false },
    { "enable", -EINVAL, false },
};
static const struct { const char *text; int r; uint64_t want; } size_cases[] = {
    { "0",              0,       0 },
    { "4096",           0,       4096 },
    { "4096B",          0,       4096 },
    { "16K",            0,       16384 },
    { "1.5G",           0,       UINT64_C(1610612736) },
    { "1.G",            0,       UINT64_C(1073741824) },
    { "0.1K",           0,       102 },
    { "1.9",            0,       1 },
    { "64M",            0,       UINT64_C(67108864) },
    { "2T",             0,       UINT64_C(2199023255552) },
    { "1P",             0,       UINT64_C(1125899906842624) },
    { "15E",            0,       UINT64_C(17293822569102704640) },
    { "15.999999999999999999999999E", 0, UINT64_C(18446744073709551614) },
    { "1G 500M 3",      0,       UINT64_C(1598029827) },
    { "1 K",            0,       1024 },
    { "18446744073709551615", 0, UINT64_MAX },
    { "18446744073709551616", -ERANGE, 0 },
    { "16E",            -ERANGE, 0 },
    { "15E 1024P",      -ERANGE, 0 },
    { "1M 1G",          -EINVAL, 0 },
    { "1K1K",           -EINVAL, 0 },
    { "5 5",            -EINVAL, 0 },
    { "1k",             -EINVAL, 0 },
    { "1KiB",           -EINVAL, 0 },
    { ".5G",            -EINVAL, 0 },
    { "1.5.5G",         -EINVAL, 0 },
    { "-1",             -EINVAL, 0 },
    { "K",              -EINVAL, 0 },
    { "",               -EINVAL, 0 },
    { "10%",            -EINVAL, 0 },
    { "infinity",       -EINVAL, 0 },
};
static const struct { const char *text; int r; mode_t want; } mode_cases[] = {
    { "0600",    0,       0600 },    /* K46 */
    { "0000",    0,       0 },       /* K46 */
    { "0",       0,       0 },
    { "644",     0,       0644 },
    { "0o755",   -EINVAL, 0 },
    { "07777",   0,       07777 },
    { "10000",   -ERANGE, 0 },
    { "7777777777777777777777777", -ERANGE, 0 },
    { "999",     -EINVAL, 0 },
    { "0x1ff",   -EINVAL, 0 },
    { "0o",      -EINVAL, 0 },
    { "-1",      -EINVAL, 0 },
    { "+7",      -EINVAL, 0 },
    { "u=rwx",   -EINVAL, 0 },
    { "",        -EINVAL, 0 },
};
static const struct { const char *text; int r; uint64_t max, want; } integer_cases[] = {
    { "0",                    0,       255,        0 },
    { "255",                  0,       255,        255 },
    { "256",                  -ERANGE, 255,        0 },
    { "+7",                   0,       255,        7 },
    { " \t7",                 0,       255,        7 },
    { "7 ",                   -EINVAL, 255,        0 },
    { "-0",                   0,       255,        0 },
    { "-1",                   -ERANGE, 255,        0 },
    { "0x1F",                 0,       255,        31 },
    { "0Xff",                 0,       255,        255 },
    { "0x",                   -EINVAL, 255,        0 },
    { "010",                  0,       255,        8 },
    { "08",                   -EINVAL, 255,        0 },
    { "0o17",                 0,       255,        15 },
    { "0b101",                0,       255,        5 },
    { "0b2",                  -EINVAL, 255,        0 },
    { "0b",                   -EINVAL, 255,        0 },
    { "1e3",                  -EINVAL, 9999,       0 },
    { "1.0",                  -EINVAL, 9999,       0 },
    { "--1",                  -EINVAL, 9999,       0 },
    { "+ 1",                  -EINVAL, 9999,       0 },
    { "x",                    -EINVAL, 9999,       0 },
    { "",                     -EINVAL, 9999,       0 },
    { "18446744073709551615", 0,       UINT64_MAX, UINT64_MAX },
    { "18446744073709551616", -ERANGE, UINT64_MAX, 0 },
    { "99999999999999999999x", -EINVAL, UINT64_MAX, 0 },
};
/* clang-format on */

static void test_unsigned(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(unsigned_cases); i++) {
        print_message("  '%s'\n", unsigned_cases[i].text);
        uint32_t got = UNTOUCHED;
        uint64_t wide = UNTOUCHED, want = unsigned_cases[i].r == 0 ? unsigned_cases[i].want : UNTOUCHED;
        uint32_t min = (uint32_t)unsigned_cases[i].min, max = (uint32_t)unsigned_cases[i].max;
        assert_int_equal(parse_u32(unsigned_cases[i].text, min, max, &got), unsigned_cases[i].r);
        assert_int_equal(got, want);
        assert_int_equal(parse_u64(unsigned_cases[i].text, min, max, &wide), unsigned_cases[i].r);
        assert_int_equal(wide, want);
    }
    uint64_t wide = 0;
    assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &wide), 0);
    assert_true(wide == UINT64_MAX);
    assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &wide), -ERANGE);
}

static void test_signed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(signed_cases); i++) {
        print_message("  '%s'\n", signed_cases[i].text);
        int32_t got = UNTOUCHED;
        assert_int_equal(parse_i32(signed_cases[i].text, signed_cases[i].min, signed_cases[i].max, &got),
                         signed_cases[i].r);
        assert_int_equal(got, signed_cases[i].r == 0 ? signed_cases[i].want : UNTOUCHED);
    }
}

static void test_bool(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bool_cases); i++) {
        print_message("  '%s'\n", bool_cases[i].text);
        for (int before = 0; before <= 1; before++) {
            bool got = before != 0;
            assert_int_equal(parse_bool(bool_cases[i].text, &got), bool_cases[i].r);
            assert_int_equal(got, bool_cases[i].r == 0 ? bool_cases[i].want : before != 0);
        }
    }
}

static void test_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(size_cases); i++) {
        print_message("  '%s'\n", size_cases[i].text);
        uint64_t got = UNTOUCHED, want = size_cases[i].r == 0 ? size_cases[i].want : UNTOUCHED;
        assert_int_equal(parse_size(size_cases[i].text, &got), size_cases[i].r);
        assert_int_equal(got, want);
    }
}

static void test_mode(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(mode_cases); i++) {
        print_message("  '%s'\n", mode_cases[i].text);
        mode_t got = UNTOUCHED;
        assert_int_equal(parse_mode(mode_cases[i].text, &got), mode_cases[i].r);
        assert_int_equal(got, mode_cases[i].r == 0 ? mode_cases[i].want : UNTOUCHED);
    }
}

static void test_integer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(integer_cases); i++) {
        print_message("  '%s'\n", integer_cases[i].text);
        uint64_t got = UNTOUCHED;
        assert_int_equal(parse_integer(integer_cases[i].text, integer_cases[i].max, &got), integer_cases[i].r);
        assert_int_equal(got, integer_cases[i].r == 0 ? integer_cases[i].want : UNTOUCHED);
    }
}

static void test_signal(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int r, want;
    } cases[] = {
        /* clang-format off */
        { "SIGTERM",      0,       SIGTERM },
        { "TERM",         0,       SIGTERM },
        { "HUP",          0,       SIGHUP },
        { "SIGSTKFLT",    0,       SIGSTKFLT },
        { "SIGPWR",       0,       SIGPWR },
        { "SIGIO",        0,       SIGIO },
        { "15",           0,       15 },
        { "1",            0,       1 },
        { "64",           0,       64 },
        { "65",           -ERANGE, 0 },
        { "0",            -ERANGE, 0 },
        { "SIGRTMIN",     0,       SIGRTMIN },
        { "SIGRTMIN+3",   0,       SIGRTMIN + 3 },
        { "RTMIN+3",      0,       SIGRTMIN + 3 },
        { "RTMIN+30",     0,       SIGRTMIN + 30 },
        { "RTMIN+31",     -ERANGE, 0 },
        { "RTMIN-1",      -EINVAL, 0 },
        { "RTMIN+",       -EINVAL, 0 },
        { "SIGRTMAX",     0,       SIGRTMAX },
        { "SIGRTMAX-2",   0,       SIGRTMAX - 2 },
        { "RTMAX-30",     0,       SIGRTMAX - 30 },
        { "RTMAX-31",     -ERANGE, 0 },
        { "RTMAX+1",      -EINVAL, 0 },
        { "-1",           -EINVAL, 0 },
        { "+15",          -EINVAL, 0 },
        { "SIG15",        -EINVAL, 0 },
        { "SIG",          -EINVAL, 0 },
        { "",             -EINVAL, 0 },
        { "sigterm",      -EINVAL, 0 },
        { "term",         -EINVAL, 0 },
        { "SigTerm",      -EINVAL, 0 },
        { "SIGSIGTERM",   -EINVAL, 0 },
        { "SIGIOT",       -EINVAL, 0 },
        { "SIGCLD",       -EINVAL, 0 },
        { "SIGPOLL",      -EINVAL, 0 },
        { "SIGTERM ",     -EINVAL, 0 },
        /* clang-format on */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  '%s'\n", cases[i].text);
        int got = UNTOUCHED;
        assert_int_equal(parse_signal(cases[i].text, &got), cases[i].r);
        assert_int_equal(got, cases[i].r == 0 ? cases[i].want : UNTOUCHED);
    }
}

static void test_signal_name(void **state)
{
    (void)state;
    for (int number = 1; number <= SIGRTMAX; number++) {
        const char *name = signal_name(number);
        if (number > SIGSYS && number < SIGRTMIN) { /* the C library keeps these to itself */
            assert_string_equal(name, "SIG?");
            continue;
        }
        int got = 0;
        assert_int_equal(parse_signal(name, &got), 0);
        assert_int_equal(got, number);
    }
    assert_string_equal(signal_name(SIGTERM), "SIGTERM");
    assert_string_equal(signal_name(SIGABRT), "SIGABRT");
    assert_string_equal(signal_name(SIGRTMIN + 3), "SIGRTMIN+3");
    assert_string_equal(signal_name(0), "SIG?");
    assert_string_equal(signal_name(-1), "SIG?");
    assert_string_equal(signal_name(SIGRTMAX + 1), "SIG?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsigned), cmocka_unit_test(test_signed),      cmocka_unit_test(test_bool),
        cmocka_unit_test(test_size),     cmocka_unit_test(test_mode),        cmocka_unit_test(test_integer),
        cmocka_unit_test(test_signal),   cmocka_unit_test(test_signal_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
