/* tests/fuzz/fuzz_command.c - the value of an ExecStart= line: prefixes, quotes, escapes, ";", and then $VAR. */
#include "tests/fuzz/fuzz.h"

#include "base/arena.h"
#include "unit/expand.h"
#include "unit/fragment.h"

static char *const environment[] = { "HOME=/root", "WORDS=a  b c", "EMPTY=", NULL };

static void check(const struct command *command)
{
    AUTO_STRLIST struct strlist words = STRLIST_EMPTY;
    AUTO_STRLIST struct strlist unset = STRLIST_EMPTY;
    PROMISE(command->argc > 0 && command->program && command->program[0]);
    for (uint32_t i = 0; i < command->argc; i++) PROMISE(command->argv[i]);
    PROMISE(expand_command(command->argv, command->argc, expand_lookup_environ, (void *)(uintptr_t)environment, &words,
                           &unset) == 0);
}

static void parse(const uint8_t *data, size_t size, bool native)
{
    static const char before[] = "[Service]\nType=oneshot\nExecStart=";
    struct fragment_context context = { .unit_name = "fuzz@a.service",
                                        .kind = UNIT_KIND_SERVICE,
                                        .environment = environment,
                                        .hostname = "box",
                                        .native = native };
    AUTO(arena_free) struct arena *arena = arena_new();
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    struct unit_settings settings = unit_settings_default;
    char *text = malloc(sizeof before - 1 + size);
    if (!arena || !diags || !text) abort();
    memcpy(text, before, sizeof before - 1);
    if (size > 0) memcpy(text + sizeof before - 1, data, size);
    int r = fragment_parse(arena, "/fuzz/unit", text, sizeof before - 1 + size, &context, &settings, diags);
    PROMISE(r >= FRAGMENT_READ && r <= FRAGMENT_BROKEN);
    PROMISE(r == 0 || diag_count(diags, DIAG_ERROR) > 0);
    const struct command_list *list = &settings.service.commands[SERVICE_EXEC_START];
    for (uint32_t i = 0; i < list->count; i++) check(&list->items[i]);
    fuzz_render(diags);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(data, size, true);
    parse(data, size, false);
    return 0;
}
