/* tests/fuzz/fuzz_specifier.c - specifiers. The first line is the name of the unit, the rest the text. */
#include "tests/fuzz/fuzz.h"

#include "base/str.h"
#include "unit/machine.h"
#include "unit/specifier.h"

static char *const environment[] = { "TMPDIR=/scratch", "container_uuid=0123456789abcdef0123456789abcdef",
                                     "HOME=relative", NULL };

static void expand(const struct specifier_context *context, const char *text, struct str *out)
{
    const char *unknown = text;
    PROMISE(specifier_expand(context, text, strlen(text), out, &unknown) == 0);
    if (!strchr(text, '%')) PROMISE(strcmp(str_text(out), text) == 0);
    if (!unknown) return;
    /* It stays as it is written. */
    PROMISE(unknown >= text && unknown < text + strlen(text) && unknown[0] == '%' && unknown[1] != '%');
    char pair[3] = { unknown[0], unknown[1], '\0' };
    PROMISE(strstr(str_text(out), pair));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *input = fuzz_string(data, size), *text = input;
    const char *name = strsep(&text, "\n");
    if (!text) text = input + strlen(input);
    struct machine machine = { .root = "/nonexistent" };
    for (unsigned mode = 0; mode < 8; mode++) {
        struct specifier_context context = { .unit_name = mode & 4 ? NULL : name,
                                             .fragment_path = mode & 1 ? "/nonexistent/etc/a.service" : NULL,
                                             .hostname = "box.example",
                                             .machine = &machine,
                                             .environment = environment,
                                             .names_only = mode & 1,
                                             .deprecated = mode & 2,
                                             .ids_given = true,
                                             .uid = 1000 };
        AUTO_STR struct str out = STR_EMPTY;
        expand(&context, text, &out);
    }
    const char *old = specifier_deprecated(text);
    PROMISE(!old || (old[0] == '%' && memchr("crR", old[1], 3)));
    machine_done(&machine);
    free(input);
    return 0;
}
