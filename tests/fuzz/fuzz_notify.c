/* tests/fuzz/fuzz_notify.c - a message of sd_notify(3), as any process of the container may send it. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "supervisor/notify_message.h"

static bool lies_in(const char *text, const char *begin, size_t size)
{
    return !text || (text >= begin && text <= begin + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct notify_message m;
    char *text = malloc(size + 1);
    if (!text) abort();
    if (size > 0) memcpy(text, data, size);
    int r = notify_message_parse(text, size, &m);
    PROMISE(r == 0 || r == -EBADMSG);
    PROMISE(lies_in(m.status, text, size) && lies_in(m.bus_error, text, size));
    PROMISE(lies_in(m.varlink_error, text, size) && lies_in(m.fd_name, text, size));
    PROMISE(m.main_pid >= 0 && m.error >= -1 && m.error <= 4095 && m.exit_status >= -1 && m.exit_status <= 255);
    /* A refused message says nothing. */
    if (r < 0) PROMISE(m.flags == 0 && m.main_pid == 0 && !m.status && !m.fd_name);
    if (m.status) PROMISE(!strchr(m.status, '\n'));
    if (m.fd_name && notify_fd_name_is_valid(m.fd_name)) PROMISE(strlen(m.fd_name) <= 255 && !strchr(m.fd_name, ':'));
    free(text);
    return 0;
}
