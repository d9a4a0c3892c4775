#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* The vectors of the paper's reference implementation: key 00 01 .. 0f, the first bytes of 00 01 02 .. */
static void test_reference(void **state)
{
    (void)state;
    static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
    static const struct {
        size_t length;
        uint64_t want;
    } vectors[] = {
        { 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd },  { 7, 0xab0200f58b01d137 },
        { 8, 0x93f5f5799a932462 }, { 15, 0xa129ca6149be45e5 },
    };
    unsigned char bytes[16];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)i;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        print_message("  %zu bytes\n", vectors[i].length);
        assert_true(siphash24(bytes, vectors[i].length, key) == vectors[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_reference) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
