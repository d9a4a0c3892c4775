/* tests/fuzz/fuzz_unit.c - a whole unit file: source, libinih, the directive table, every value parser, the linter. */
#include "tests/fuzz/fuzz.h"

#include "base/arena.h"
#include "unit/fragment.h"
#include "unit/lint.h"

static void parse(const uint8_t *data, size_t size, const char *name, enum unit_kind kind, bool native)
{
    static char *const environment[] = { "HOME=/root", "APP_USER=app", "EMPTY=", NULL };
    struct fragment_context context = {
        .unit_name = name, .kind = kind, .environment = environment, .hostname = "box", .native = native
    };
    AUTO(arena_free) struct arena *arena = arena_new();
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    struct unit_settings settings = unit_settings_default;
    AUTO(lint_free) struct lint *lint = NULL;
    if (!arena || !diags || lint_new(&(struct lint_options){ .root = NULL }, &lint) < 0) abort();
    context.lint = lint;
    diag_sink_set_strict(diags, !native);
    int r = fragment_parse(arena, "/fuzz/unit", (const char *)data, size, &context, &settings, diags);
    PROMISE(r == 0 || r == FRAGMENT_REFUSED || r == FRAGMENT_BROKEN);
    PROMISE(r == 0 || diag_count(diags, DIAG_ERROR) > 0);
    r = fragment_finish(arena, "/fuzz/unit", &context, &settings, diags);
    PROMISE(r == 0 || r == 1);
    PROMISE(r == 0 || diag_count(diags, DIAG_ERROR) > 0);
    fuzz_render(diags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool is_socket = size > 0 && memmem(data, size, "[Socket]", 8);
    for (int native = 0; native < 2; native++) {
        if (is_socket)
            parse(data, size, "fuzz@a-b.socket", UNIT_KIND_SOCKET, native);
        else
            parse(data, size, "fuzz@a-b.service", UNIT_KIND_SERVICE, native);
    }
    return 0;
}
