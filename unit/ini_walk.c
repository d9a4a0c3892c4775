#include "unit/ini_walk.h"

#include <errno.h>
#include <ini.h>

/* "@4294967295=@4294967295\n" and its NUL. */
#define INI_TEXT_MAX (2 * DECIMAL_MAX(uint32_t) + 4)

struct ini_state {
    ini_line_fn *next;
    ini_assignment_fn *assignment;
    void *userdata;
    int result;
};

static char *put_index(char *out, uint32_t index)
{
    char digits[DECIMAL_MAX(uint32_t)];
    size_t n = 0;
    do digits[n++] = (char)('0' + index % 10);
    while ((index /= 10) > 0);
    *out++ = '@';
    while (n > 0) *out++ = digits[--n];
    return out;
}

static bool read_index(const char *text, uint32_t *ret)
{
    uint32_t index = 0;
    if (*text++ != '@' || *text == '\0') return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        index = index * 10 + (uint32_t)(*text - '0');
    }
    *ret = index;
    return true;
}

/* libinih's fgets(3). */
static char *ini_read(char *buffer, int size, void *stream)
{
    struct ini_state *state = stream;
    struct ini_line line = { 0 };
    if (state->result != 0 || size < (int)INI_TEXT_MAX) return NULL;
    int r = state->next(&line, state->userdata);
    if (r <= 0) {
        state->result = r;
        return NULL;
    }
    char *p = buffer;
    if (line.is_section) {
        *p++ = '[';
        p = put_index(p, line.section);
        *p++ = ']';
    } else {
        p = put_index(p, line.key);
        *p++ = '=';
        p = put_index(p, line.value);
    }
    *p++ = '\n';
    *p = '\0';
    return buffer;
}

/* libinih's handler: zero is an error, which it only remembers. */
static int ini_handle(void *user, const char *section, const char *name, const char *value)
{
    struct ini_state *state = user;
    uint32_t s, k, v;
    if (state->result != 0) return 0;
    if (!read_index(section, &s) || !read_index(name, &k) || !read_index(value, &v)) {
        state->result = -EPROTO;
        return 0;
    }
    state->result = state->assignment(s, k, v, state->userdata);
    return state->result == 0;
}

int ini_walk(ini_line_fn *next, ini_assignment_fn *assignment, void *userdata)
{
    struct ini_state state = { next, assignment, userdata, 0 };
    int r = ini_parse_stream(ini_read, &state, ini_handle, &state);
    if (state.result != 0) return state.result;
    return r == 0 ? 0 : -EPROTO;
}
