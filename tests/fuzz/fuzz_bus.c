/* tests/fuzz/fuzz_bus.c - what a bus, or who sits in its place, may send: read within its bounds, or refused. */
#include "tests/fuzz/fuzz.h"

#include "base/str.h"
#include "supervisor/bus_message.h"

static void promise_text(const char *text, const uint8_t *data, size_t size)
{
    if (!text || !*text) return;
    const uint8_t *at = (const uint8_t *)text;
    PROMISE(at >= data && at < data + size && strlen(text) < (size_t)(data + size - at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bus_message m;
    size_t whole = 0;
    if (size < BUS_HEADER_SIZE) return 0;
    int r = bus_message_size(data, &whole);
    PROMISE(r < 0 || (whole >= BUS_HEADER_SIZE && whole <= BUS_MESSAGE_SIZE_MAX));
    if (bus_message_parse(data, size, &m) < 0) return 0;
    PROMISE(r == 0 && whole == size);
    const char *const texts[] = { m.path, m.interface, m.member, m.error, m.sender, m.signature };
    for (size_t i = 0; i < COUNT_OF(texts); i++) promise_text(texts[i], data, size);
    const char *strings[BUS_STRINGS_MAX];
    uint32_t number;
    for (size_t n = 0; n <= BUS_STRINGS_MAX; n++) {
        if (bus_message_read_strings(&m, strings, n) < 0) continue;
        struct str out = STR_EMPTY; /* and what was read can be written and read again */
        struct bus_message again;
        const char *same[BUS_STRINGS_MAX];
        PROMISE(bus_message_append_call(&out, 1, true, "Again", strings, n) == 0);
        PROMISE(bus_message_parse((const uint8_t *)out.data, out.length, &again) == 0);
        PROMISE(bus_message_read_strings(&again, same, n) == 0);
        for (size_t i = 0; i < n; i++) PROMISE(strcmp(same[i], strings[i]) == 0);
        str_done(&out);
    }
    IGNORE_RESULT(bus_message_read_u32(&m, &number));
    return 0;
}
