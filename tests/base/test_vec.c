#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_push(void **state)
{
    (void)state;
    VEC(int) numbers = VEC_EMPTY;
    for (int i = 0; i < 1000; i++) assert_int_equal(vec_push(&numbers, i), 0);
    assert_int_equal(numbers.count, 1000);
    assert_true(numbers.capacity >= 1000 && numbers.capacity < 2048);
    for (int i = 0; i < 1000; i++) assert_int_equal(numbers.items[i], i);
    vec_done(&numbers);
    assert_null(numbers.items);
    assert_int_equal(numbers.count + numbers.capacity, 0);
    assert_int_equal(vec_push(&numbers, 7), 0); /* usable again */
    assert_int_equal(numbers.items[0], 7);
    vec_done(&numbers);
}

static void test_structs_and_pointers(void **state)
{
    (void)state;
    struct pair {
        char tag;
        uint64_t value;
    };
    VEC(struct pair) pairs = VEC_EMPTY;
    VEC(const char *) texts = VEC_EMPTY;
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(vec_push(&pairs, ((struct pair){ (char)('a' + i % 26), i })), 0);
        assert_int_equal(vec_push(&texts, "text"), 0);
    }
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(pairs.items[i].tag, 'a' + i % 26);
        assert_int_equal(pairs.items[i].value, i);
        assert_string_equal(texts.items[i], "text");
    }
    vec_done(&pairs);
    vec_done(&texts);
}

static void test_reserve(void **state)
{
    (void)state;
    VEC(uint64_t) numbers = VEC_EMPTY;
    assert_int_equal(vec_reserve(&numbers, 0), 0);
    assert_null(numbers.items);
    assert_int_equal(vec_reserve(&numbers, 100), 0);
    assert_int_equal(numbers.capacity, 100);
    uint64_t *before = numbers.items;
    assert_int_equal(vec_reserve(&numbers, 100), 0);
    assert_ptr_equal(numbers.items, before);
    assert_int_equal(vec_reserve(&numbers, SIZE_MAX / 4), -ENOMEM);
    assert_ptr_equal(numbers.items, before);
    assert_int_equal(numbers.capacity, 100);
    vec_done(&numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_structs_and_pointers),
        cmocka_unit_test(test_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
