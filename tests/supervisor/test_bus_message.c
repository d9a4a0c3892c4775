/* tests/supervisor/test_bus_message.c - messages of the bus read in both byte orders, and hostile ones refused. */
#include "supervisor/bus_message.h"

#include "base/str.h"
#include "tests/supervisor/bus_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* A copy of its exact size, so that a read past the end is seen. */
static int parse(const struct wire *w, struct bus_message *ret, uint8_t **ret_copy)
{
    uint8_t *copy = malloc(w->size);
    assert_non_null(copy);
    memcpy(copy, w->data, w->size);
    *ret_copy = copy;
    return bus_message_parse(copy, w->size, ret);
}

static void test_both_byte_orders(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct wire w;
        struct bus_message m;
        uint8_t *copy;
        const char *texts[3];
        size_t size;
        print_message("  %s\n", big ? "big-endian" : "little-endian");
        wire_change(&w, big, WIRE_BUS, "org.example.App", "", ":1.42");
        assert_int_equal(bus_message_size(w.data, &size), 0);
        assert_int_equal(size, w.size);
        assert_int_equal(parse(&w, &m, &copy), 0);
        assert_int_equal(m.type, BUS_SIGNAL);
        assert_int_equal(m.serial, 77);
        assert_int_equal(m.big_endian, big);
        assert_string_equal(m.path, "/org/freedesktop/DBus");
        assert_string_equal(m.interface, "org.freedesktop.DBus");
        assert_string_equal(m.member, "NameOwnerChanged");
        assert_string_equal(m.sender, "org.freedesktop.DBus");
        assert_int_equal(bus_message_read_strings(&m, texts, 3), 0);
        assert_string_equal(texts[0], "org.example.App");
        assert_string_equal(texts[1], "");
        assert_string_equal(texts[2], ":1.42");
        assert_int_equal(bus_message_read_strings(&m, texts, 2), -EBADMSG);
        free(copy);

        const struct wire_head head = { .type = 2, .reply_serial = 5, .signature = "u" };
        uint32_t number = 0;
        wire_begin(&w, big, &head);
        wire_u32(&w, 4711);
        wire_end(&w);
        assert_int_equal(parse(&w, &m, &copy), 0);
        assert_int_equal(m.reply_serial, 5);
        assert_int_equal(bus_message_read_u32(&m, &number), 0);
        assert_int_equal(number, 4711);
        assert_int_equal(bus_message_read_strings(&m, texts, 1), -EBADMSG);
        free(copy);
    }
}

static void test_every_cut_and_every_byte(void **state)
{
    (void)state;
    struct wire whole;
    struct bus_message m;
    uint8_t *copy;
    wire_change(&whole, false, WIRE_BUS, "org.example.App", ":1.4", ":1.42");
    for (size_t cut = BUS_HEADER_SIZE; cut < whole.size; cut++) {
        struct wire w = whole;
        w.size = cut;
        assert_int_equal(parse(&w, &m, &copy), -EBADMSG);
        free(copy);
    }
    /* Whatever stands in one byte: it is read within its bounds, or refused. */
    for (size_t at = 0; at < whole.size; at++) {
        static const uint8_t values[] = { 0, 1, 4, 'l', 'B', 's', 'g', 0x7f, 0x80, 0xff };
        for (size_t v = 0; v < sizeof values; v++) {
            struct wire w = whole;
            const char *texts[3];
            w.data[at] = values[v];
            if (parse(&w, &m, &copy) == 0 && bus_message_read_strings(&m, texts, 3) == 0)
                assert_true(strlen(texts[0]) + strlen(texts[1]) + strlen(texts[2]) < w.size);
            free(copy);
        }
    }
}

static void test_hostile(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        size_t at, size;
        const char *bytes;
    } cases[] = {
        { "no byte order", 0, 1, "x" },
        { "no type", 1, 1, "\0" },
        { "a version to come", 3, 1, "\2" },
        { "no serial", 8, 4, "\0\0\0\0" },
        { "fields longer than anything", 12, 4, "\377\377\377\377" },
        { "a body longer than anything", 4, 4, "\377\377\377\177" },
        { "both together just too long", 4, 4, "\370\377\377\7" },
        { "a field's code is 0", 16, 1, "\0" },
        { "a path that is no path", 18, 1, "s" },
        { "a signature without an end", 19, 1, "x" },
        { "a text longer than the message", 20, 4, "\377\377\377\377" },
        { "a text of the message's length", 20, 4, "\310\0\0\0" },
        { "a NUL within a text", 26, 1, "\0" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wire w;
        struct bus_message m;
        uint8_t *copy;
        wire_change(&w, false, WIRE_BUS, "org.example.App", "", ":1.42");
        memcpy(w.data + cases[i].at, cases[i].bytes, cases[i].size);
        print_message("  %s\n", cases[i].label);
        assert_int_equal(parse(&w, &m, &copy), -EBADMSG);
        free(copy);
    }
}

static void test_fields(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        uint8_t type;
        const char *bytes; /* of a field, at a multiple of 8 */
        size_t size;
        int r;
    } cases[] = {
        { "nothing that is needed", 4, "", 0, -EBADMSG },
        { "a signal without a member", 4, "\1\1o\0\1\0\0\0/\0\0\0\0\0\0\0\2\1s\0\1\0\0\0a\0", 26, -EBADMSG },
        { "an answer to nothing", 2, "\5\1u\0\0\0\0\0", 8, -EBADMSG },
        { "an answer", 2, "\5\1u\0\1\0\0\0", 8, 0 },
        { "an error without a name", 3, "\5\1u\0\1\0\0\0", 8, -EBADMSG },
        { "a type to come", 9, "\5\1u\0\1\0\0\0", 8, -EBADMSG },
        { "a number of descriptors", 2, "\5\1u\0\1\0\0\0\11\1u\0\3\0\0\0", 16, 0 },
        { "a field to come, a byte", 2, "\5\1u\0\1\0\0\0\12\1y\0\3", 13, 0 },
        { "a field to come, 8 bytes", 2, "\5\1u\0\1\0\0\0\12\1t\0\0\0\0\0\1\2\3\4\5\6\7\10", 24, 0 },
        { "a field to come, 8 bytes, cut", 2, "\5\1u\0\1\0\0\0\12\1t\0\0\0\0\0\1\2\3\4\5\6\7", 23, -EBADMSG },
        { "a field to come, a signature", 2, "\5\1u\0\1\0\0\0\12\1g\0\2si\0", 16, 0 },
        { "a field to come, a list", 2, "\5\1u\0\1\0\0\0\12\2as\0\0\0\0\0\0\0\0", 19, -EBADMSG },
        { "an empty signature", 2, "\5\1u\0\1\0\0\0\12\0\0", 11, -EBADMSG },
        { "a field without a value", 2, "\5\1u\0\1\0\0\0\7", 9, -EBADMSG },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wire w;
        struct bus_message m;
        uint8_t *copy;
        const struct wire_head head = { .type = cases[i].type };
        print_message("  %s\n", cases[i].label);
        wire_begin(&w, false, &head);
        wire_bytes(&w, cases[i].bytes, cases[i].size);
        wire_set_u32(&w, 12, (uint32_t)cases[i].size);
        wire_set_u32(&w, 4, 0);
        wire_pad(&w, 8);
        assert_int_equal(parse(&w, &m, &copy), cases[i].r);
        free(copy);
    }
}

static void test_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *label, *signature, *bytes;
        size_t size;
        int strings, number;
    } cases[] = {
        { "one text", "s", "\1\0\0\0a\0", 6, 0, -EBADMSG },
        { "something after it", "s", "\1\0\0\0a\0\0\0", 8, -EBADMSG, -EBADMSG },
        { "without its NUL", "s", "\1\0\0\0ab", 6, -EBADMSG, -EBADMSG },
        { "too long", "s", "\3\0\0\0a\0", 6, -EBADMSG, -EBADMSG },
        { "without a signature", NULL, "\1\0\0\0a\0", 6, -EBADMSG, -EBADMSG },
        { "nothing", "s", "", 0, -EBADMSG, -EBADMSG },
        { "one number", "u", "\1\0\0\0", 4, -EBADMSG, 0 },
        { "half a number", "u", "\1\0", 2, -EBADMSG, -EBADMSG },
        { "two numbers", "u", "\1\0\0\0\1\0\0\0", 8, -EBADMSG, -EBADMSG },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wire w;
        struct bus_message m;
        uint8_t *copy;
        const char *text;
        uint32_t number;
        const struct wire_head head = { .type = 2, .reply_serial = 1, .signature = cases[i].signature };
        print_message("  %s\n", cases[i].label);
        wire_begin(&w, false, &head);
        wire_bytes(&w, cases[i].bytes, cases[i].size);
        wire_end(&w);
        assert_int_equal(parse(&w, &m, &copy), 0);
        assert_int_equal(bus_message_read_strings(&m, &text, 1), cases[i].strings);
        assert_int_equal(bus_message_read_u32(&m, &number), cases[i].number);
        free(copy);
    }
}

static void test_calls(void **state)
{
    (void)state;
    struct str out = STR_EMPTY;
    const char *const arguments[] = { "first", "second text" };
    struct bus_message m;
    const char *texts[2];
    assert_int_equal(bus_message_append_call(&out, 1, true, "Hello", NULL, 0), 0);
    size_t first = out.length;
    assert_int_equal(bus_message_append_call(&out, 0x01020304, false, "Pair", arguments, 2), 0);
    assert_int_equal(bus_message_parse((const uint8_t *)out.data, first, &m), 0);
    assert_string_equal(m.member, "Hello");
    assert_string_equal(m.signature, "");
    assert_int_equal(m.body_size, 0);
    assert_int_equal(out.data[2], 0);
    uint8_t *copy = malloc(out.length - first);
    assert_non_null(copy);
    memcpy(copy, out.data + first, out.length - first);
    assert_int_equal(bus_message_parse(copy, out.length - first, &m), 0);
    assert_int_equal(m.serial, 0x01020304);
    assert_int_equal(copy[2], 1); /* no reply is expected */
    assert_int_equal(bus_message_read_strings(&m, texts, 2), 0);
    assert_string_equal(texts[0], "first");
    assert_string_equal(texts[1], "second text");
    free(copy);
    str_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_byte_orders), cmocka_unit_test(test_every_cut_and_every_byte),
        cmocka_unit_test(test_hostile),          cmocka_unit_test(test_fields),
        cmocka_unit_test(test_bodies),           cmocka_unit_test(test_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
