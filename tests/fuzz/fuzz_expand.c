/* tests/fuzz/fuzz_expand.c - ${VAR} at load, $VAR on the words of a command. */
#include "tests/fuzz/fuzz.h"

#include "unit/expand.h"

static char *const environment[] = { "HOME=/root", "WORDS=a  b c", "EMPTY=", "A=1", "A=2", "_x=$HOME", NULL };

static void at_load(const char *text)
{
    AUTO_STR struct str out = STR_EMPTY;
    AUTO_STRLIST struct strlist unset = STRLIST_EMPTY;
    PROMISE(expand_load(text, expand_lookup_environ, (void *)(uintptr_t)environment, &out, &unset) == 0);
    /* Without a dollar nothing changes. */
    if (!strchr(text, '$')) PROMISE(strcmp(str_text(&out), text) == 0);
}

/* The lines are the words. */
static void at_exec(char *text)
{
    const char *words[16];
    size_t n = 0;
    AUTO_STRLIST struct strlist out = STRLIST_EMPTY;
    AUTO_STRLIST struct strlist unset = STRLIST_EMPTY;
    for (char *rest = text, *word = strsep(&rest, "\n"); word && n < COUNT_OF(words); word = strsep(&rest, "\n")) {
        words[n++] = word;
    }
    PROMISE(expand_command(words, n, expand_lookup_environ, (void *)(uintptr_t)environment, &out, &unset) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);
    at_load(text);
    at_exec(text);
    free(text);
    return 0;
}
