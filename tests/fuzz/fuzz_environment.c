/* tests/fuzz/fuzz_environment.c - EnvironmentFile= contents: whatever is read is an assignment to a proper name. */
#include "tests/fuzz/fuzz.h"

#include "unit/environment_file.h"

static bool is_assignment(const char *text)
{
    size_t name = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
    return name > 0 && text[name] == '=' && !(text[0] >= '0' && text[0] <= '9');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_STRLIST struct strlist out = STRLIST_EMPTY;
    uint32_t line = 0;
    char *copy = malloc(size > 0 ? size : 1); /* of exactly this size: a read past the end is seen */
    if (!copy) abort();
    if (size > 0) memcpy(copy, data, size);
    int r = environment_file_parse(copy, size, &out, &line);
    PROMISE(r == 0 || line > 0);
    for (size_t i = 0; i < out.count; i++) PROMISE(is_assignment(out.items[i]));
    free(copy);
    return 0;
}
