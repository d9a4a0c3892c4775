/* tests/fuzz/fuzz_unit.c - a whole unit file of any kind: source, libinih, the directive table, every value parser
 * and the linter, by the native rules, by systemd's, and as it is read to be described. */
#include "tests/fuzz/fuzz.h"

#include "base/arena.h"
#include "unit/fragment.h"
#include "unit/lint.h"

#include <stdio.h>

static void parse(const uint8_t *data, size_t size, enum unit_kind kind, bool native, bool describe)
{
    static char *const environment[] = { "HOME=/root", "APP_USER=app", "EMPTY=", NULL };
    char name[32];
    (void)snprintf(name, sizeof name, "fuzz@a-b%s", unit_kind_suffix(kind));
    struct fragment_context context = { .unit_name = name,
                                        .kind = kind,
                                        .environment = environment,
                                        .hostname = "box",
                                        .native = native,
                                        .describe = describe };
    AUTO(arena_free) struct arena *arena = arena_new();
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    struct unit_settings settings = unit_settings_default;
    AUTO(lint_free) struct lint *lint = NULL;
    if (!arena || !diags || lint_new(&(struct lint_options){ .root = NULL }, &lint) < 0) abort();
    context.lint = describe ? NULL : lint;
    diag_sink_set_strict(diags, !native);
    int r = fragment_parse(arena, "/fuzz/unit", (const char *)data, size, &context, &settings, diags);
    PROMISE(r >= FRAGMENT_READ && r <= FRAGMENT_BROKEN);
    PROMISE(r == 0 || diag_count(diags, DIAG_ERROR) > 0);
    r = fragment_finish(arena, "/fuzz/unit", &context, &settings, diags);
    PROMISE(r >= FRAGMENT_READ && r <= FRAGMENT_BROKEN);
    PROMISE(r == 0 || diag_count(diags, DIAG_ERROR) > 0);
    fuzz_render(diags);
}

/* The kind whose section comes first, so that one corpus has them all. */
static enum unit_kind kind_of(const uint8_t *data, size_t size)
{
    enum unit_kind kind = UNIT_KIND_SERVICE;
    const uint8_t *first = NULL;
    for (int k = 0; size > 0 && k < UNIT_KIND_COUNT; k++) {
        const char *suffix = unit_kind_suffix((enum unit_kind)k);
        char section[32];
        int n = snprintf(section, sizeof section, "[%c%s]", suffix[1] - 'a' + 'A', suffix + 2);
        const uint8_t *at = n > 0 ? memmem(data, size, section, (size_t)n) : NULL;
        if (!at || (first && first < at)) continue;
        first = at;
        kind = (enum unit_kind)k;
    }
    return kind;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum unit_kind kind = kind_of(data, size);
    parse(data, size, kind, true, false);
    parse(data, size, kind, false, false);
    parse(data, size, kind, false, true);
    return 0;
}
