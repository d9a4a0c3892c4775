/* tests/fuzz/fuzz_address.c - listeners and proxy targets: what is printed is read back as the same address. */
#include "tests/fuzz/fuzz.h"

#include "unit/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);
    char buffer[ADDRESS_TEXT_MAX], second[ADDRESS_TEXT_MAX];
    struct address address = { .kind = ADDRESS_ANY }, again = { .kind = ADDRESS_ANY };
    if (address_parse(text, &address) == 0) {
        PROMISE(address_clashes(&address, &address) || address.kind == ADDRESS_HOST);
        (void)address_format(&address, buffer);
        if (address.name_length < 200) {
            PROMISE(address_parse(buffer, &again) == 0);
            PROMISE(strcmp(address_format(&again, second), buffer) == 0);
        }
    }
    if (address_parse_target(text, &address) == 0) (void)address_format(&address, buffer);
    free(text);
    return 0;
}
