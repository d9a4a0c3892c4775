/* tests/fuzz/fuzz_address.c - listeners and proxy targets: what is printed is read back as the same address. */
#include "tests/fuzz/fuzz.h"

#include "base/str.h"
#include "unit/address.h"
#include "unit/listen.h"

/* What systemd's form of a listener says is read by whoever opens it, and is a fixed point. */
static void try_listen(enum listen_kind kind, const char *text)
{
    AUTO_STR struct str once = STR_EMPTY, twice = STR_EMPTY;
    struct socket_listen listen = { .kind = kind, .text = text };
    struct address address;
    if (listen_normalize(kind, text, &once) < 0) return;
    PROMISE(listen_parse(&listen, &address) == 0);
    /* Bytes that are shown in another way; and the root, which "//" is and nothing can be bound to. */
    if (strchr(str_text(&once), '\\') || strcmp(str_text(&once), "/") == 0) return;
    PROMISE(listen_normalize(kind, str_text(&once), &twice) == 0);
    PROMISE(strcmp(str_text(&once), str_text(&twice)) == 0);
}

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
    for (int kind = 0; kind < LISTEN_KIND_COUNT; kind++) try_listen((enum listen_kind)kind, text);
    free(text);
    return 0;
}
