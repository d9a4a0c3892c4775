/* tests/fuzz/fuzz_control.c - messages of the control interface: hostile requests to PID 1, hostile answers to people.
 */
#include "tests/fuzz/fuzz.h"

#include "base/json.h"
#include "control/protocol.h"
#include "control/render.h"

#include <errno.h>

static void request(const char *text, size_t length)
{
    struct control_request first = CONTROL_REQUEST_EMPTY, again = CONTROL_REQUEST_EMPTY;
    const char *why = NULL;
    int r = control_request_parse(text, length, &first, &why);
    PROMISE((r == 0 || r == -EINVAL) && why);
    if (r == 0) {
        char *written = control_request_format(&first);
        PROMISE(written);
        PROMISE(control_request_parse(written, strlen(written), &again, &why) == 0);
        PROMISE(again.verb == first.verb && again.units.count == first.units.count && again.wait == first.wait);
        free(written);
    }
    control_request_done(&first);
    control_request_done(&again);
}

/* Whatever PID 1 says, one line of it is one line on the terminal. */
static void answer(const char *text, size_t length)
{
    struct json_value *value = NULL;
    struct strlist none = STRLIST_EMPTY;
    char *shown = NULL;
    size_t size = 0;
    if (json_parse(text, length, &value, NULL) < 0) return;
    FILE *out = open_memstream(&shown, &size);
    PROMISE(out);
    control_render_status(out, value, 0);
    control_render_properties(out, value, &none, false);
    PROMISE(fclose(out) == 0);
    for (size_t i = 0; i < size; i++)
        PROMISE(shown[i] == '\n' || (shown[i] & 0x80) || (shown[i] >= ' ' && shown[i] != 0x7f));
    free(shown);
    json_free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);
    request(text, size);
    answer(text, size);
    free(text);
    return 0;
}
