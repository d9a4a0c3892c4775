/* tests/fuzz/fuzz_ere.c - a pattern and, behind the first newline, a text. What is taken is matched within its bounds;
 * short patterns without counts, which glibc's automaton can stand as well, are taken by it and match alike, on a text
 * that is one line. */
#include "tests/fuzz/fuzz.h"

#include "base/ere.h"

#include <errno.h>
#include <regex.h>

/* glibc takes time that doubles with each repetition that is repeated: "a++++++++". */
static bool glibc_stands(const char *pattern)
{
    size_t repetitions = 0;
    for (const char *c = pattern; *c; c++) repetitions += strchr("*+?", *c) != NULL;
    return strlen(pattern) <= 16 && repetitions <= 5 && !strchr(pattern, '{');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *pattern = fuzz_string(data, size), *text = strchr(pattern, '\n');
    struct ere *ere;
    size_t bad = 0;
    const char *why = NULL;
    if (text)
        *text++ = '\0';
    else
        text = pattern + strlen(pattern);
    size_t length = MIN_OF(strlen(text), (size_t)4096);
    int r = ere_new(pattern, &ere, &bad, &why);
    if (r < 0) {
        PROMISE(r == -EINVAL && !ere && why && bad <= strlen(pattern));
    } else {
        bool matches = ere_matches(ere, text, length);
        PROMISE(matches == ere_matches(ere, text, length));
        regex_t glibc;
        if (glibc_stands(pattern) && length < 64 && !strchr(text, '\n')) {
            PROMISE(regcomp(&glibc, pattern, REG_EXTENDED | REG_NOSUB) == 0);
            PROMISE((regexec(&glibc, text, 0, NULL, 0) == 0) == matches);
            regfree(&glibc);
        }
        ere_free(ere);
    }
    free(pattern);
    return 0;
}
