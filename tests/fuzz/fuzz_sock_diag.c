/* tests/fuzz/fuzz_sock_diag.c - answers to "who is connected", from the kernel and from /proc/net. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "socketact/sock_diag.h"

static const struct sock_diag_wanted wanted[] = {
    { .family = AF_INET, .inode = 5, .port = 0x5000, .address = { 0x0100007f }, .most = 1 },
    { .family = AF_INET6, .inode = 5, .port = 0x5000, .most = 1 },
    { .family = AF_UNIX,
      .inode = 5,
      .name = "/run/x",
      .name_length = 6,
      .has_node = true,
      .node = { 1, 1 },
      .most = 1 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) abort();
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct sock_diag_wanted of = wanted[i];
        struct sock_diag_seen seen = { 0 };
        int r = sock_diag_parse(&of, 7, data, size, &seen);
        PROMISE(r <= 0 && r >= -4095);
        seen = (struct sock_diag_seen){ 0 };
        sock_diag_parse_proc(&wanted[i], text, &seen);
        PROMISE(seen.connections <= size && !seen.over);
    }
    free(text);
    return 0;
}
