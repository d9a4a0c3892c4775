#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static bool all_zero(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0) return false;
    return true;
}

static void test_objects(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 4000, 4096, 16384, 16385, 65536, 200000, 8 };
    AUTO(arena_free) struct arena *arena = arena_new();
    assert_non_null(arena);
    assert_int_equal(arena_used(arena), 0);
    unsigned char *objects[COUNT_OF(sizes)];
    size_t total = 0;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        print_message("  %zu bytes\n", sizes[i]);
        objects[i] = arena_alloc(arena, sizes[i]);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % 16, 0);
        assert_true(all_zero(objects[i], sizes[i]));
        memset(objects[i], (int)(i + 1), sizes[i]);
        total += sizes[i];
        assert_true(arena_used(arena) >= total);
    }
    /* Nothing overlaps: each still holds what was written to it. */
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (size_t j = 0; j < sizes[i]; j++) assert_int_equal(objects[i][j], i + 1);
}

static void test_many_small(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_new();
    char *texts[2000];
    unsigned char *objects[2000];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        texts[i] = arena_printf(arena, "text number %zu", i);
        objects[i] = arena_alloc(arena, 24);
        assert_true(all_zero(objects[i], 24));
        assert_int_equal((uintptr_t)objects[i] % 16, 0);
        memset(objects[i], 0xff, 24);
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char want[32];
        (void)snprintf(want, sizeof want, "text number %zu", i);
        assert_string_equal(texts[i], want);
    }
}

/* Arrays that grow side by side, with objects between them: nothing moves that is not grown, and a large one leaves
 * nothing behind. */
static void test_grow(void **state)
{
    (void)state;
    enum { ARRAYS = 3, COUNT = 40000 };
    AUTO(arena_free) struct arena *arena = arena_new();
    uint32_t *arrays[ARRAYS] = { NULL }, *between = NULL;
    assert_non_null(arena);
    for (uint32_t count = 0, room = 0; count < COUNT; count++) {
        if (count == room) {
            room = room == 0 ? 1 : room * 2;
            for (size_t k = 0; k < ARRAYS; k++) {
                arrays[k] = arena_grow_array(arena, arrays[k], count, room, sizeof *arrays[k]);
                assert_non_null(arrays[k]);
                uint32_t *object = arena_alloc(arena, sizeof *object);
                assert_non_null(object);
                if (between) assert_int_equal(*between, 4711);
                between = object;
                *between = 4711;
            }
        }
        for (uint32_t k = 0; k < ARRAYS; k++) arrays[k][count] = count * 7 + k;
    }
    for (uint32_t k = 0; k < ARRAYS; k++)
        for (uint32_t i = 0; i < COUNT; i++) assert_int_equal(arrays[k][i], i * 7 + k);
    /* 65536 items each, and what they had below 16 KiB. */
    assert_true(arena_used(arena) < ARRAYS * (65536 + 2 * 4096) * sizeof(uint32_t) + 4096);
    assert_null(arena_grow_array(arena, arrays[0], 65536, SIZE_MAX / 4, sizeof *arrays[0]));
    assert_null(arena_grow_array(arena, arrays[0], 65536, SIZE_MAX / 4 - 8, sizeof *arrays[0]));
    assert_int_equal(arrays[0][1], 7);
}

static void test_overflow(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_new();
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_null(arena_alloc(arena, SIZE_MAX - 16));
    assert_null(arena_alloc_array(arena, SIZE_MAX / 2, 3));
    assert_int_equal(arena_used(arena), 0);
    uint32_t *numbers = arena_alloc_array(arena, 10, sizeof *numbers);
    assert_non_null(numbers);
    assert_true(all_zero((const unsigned char *)numbers, 40));
}

static void test_copies(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_new();
    char source[] = "abcdef";
    char *copy = arena_strdup(arena, source), *cut = arena_strndup(arena, source, 3);
    char *shorter = arena_strndup(arena, source, 100), *empty = arena_strdup(arena, "");
    char *bytes = arena_memdup(arena, "a\0b", 3);
    source[0] = 'X';
    assert_string_equal(copy, "abcdef");
    assert_string_equal(cut, "abc");
    assert_string_equal(shorter, "abcdef");
    assert_string_equal(empty, "");
    assert_memory_equal(bytes, "a\0b", 3);
    assert_int_equal((uintptr_t)bytes % 16, 0);
    assert_non_null(arena_memdup(arena, NULL, 0));
}

static void test_printf(void **state)
{
    (void)state;
    static const int widths[] = { 0, 1, 254, 255, 256, 257, 5000, 70000 };
    AUTO(arena_free) struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(widths); i++) {
        print_message("  %d characters\n", widths[i]);
        char *text = arena_printf(arena, "%*s|", widths[i], "");
        assert_non_null(text);
        assert_int_equal(strlen(text), (size_t)widths[i] + 1);
        assert_int_equal(text[widths[i]], '|');
    }
}

static void test_free_null(void **state)
{
    (void)state;
    arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),   cmocka_unit_test(test_many_small), cmocka_unit_test(test_grow),
        cmocka_unit_test(test_overflow),  cmocka_unit_test(test_copies),     cmocka_unit_test(test_printf),
        cmocka_unit_test(test_free_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
