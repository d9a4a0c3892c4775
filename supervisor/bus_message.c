#include "supervisor/bus_message.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

#define VERSION         1
#define NO_REPLY        1                    /* flag NO_REPLY_EXPECTED */
#define FIELDS_SIZE_MAX ((uint32_t)64 << 20) /* of the specification, for any array */

enum field {
    FIELD_PATH = 1,
    FIELD_INTERFACE,
    FIELD_MEMBER,
    FIELD_ERROR,
    FIELD_REPLY_SERIAL,
    FIELD_DESTINATION,
    FIELD_SENDER,
    FIELD_SIGNATURE,
    FIELD_UNIX_FDS
};

/* ---- reading ---- */

/* Alignment is that of the place in the message. `at` never passes `size`. */
struct reader {
    const uint8_t *data;
    size_t size, at;
    bool big_endian;
};

static size_t aligned(size_t at, size_t to)
{
    return (at + to - 1) & ~(to - 1);
}

static int read_bytes(struct reader *r, size_t align, size_t count, const uint8_t **ret)
{
    size_t at = aligned(r->at, align);
    if (at > r->size || count > r->size - at) return -EBADMSG;
    *ret = r->data + at;
    r->at = at + count;
    return 0;
}

static uint32_t number_at(const uint8_t *b, bool big_endian)
{
    if (big_endian) return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

static int read_u32(struct reader *r, uint32_t *ret)
{
    const uint8_t *bytes;
    if (read_bytes(r, 4, 4, &bytes) < 0) return -EBADMSG;
    *ret = number_at(bytes, r->big_endian);
    return 0;
}

/* `length` bytes without a NUL in them, and then one. */
static int read_text(struct reader *r, size_t length, const char **ret)
{
    const uint8_t *bytes;
    if (length >= r->size || read_bytes(r, 1, length + 1, &bytes) < 0) return -EBADMSG;
    if (bytes[length] != '\0' || memchr(bytes, '\0', length)) return -EBADMSG;
    *ret = (const char *)bytes;
    return 0;
}

static int read_string(struct reader *r, const char **ret)
{
    uint32_t length;
    return read_u32(r, &length) < 0 ? -EBADMSG : read_text(r, length, ret);
}

static int read_signature(struct reader *r, const char **ret)
{
    const uint8_t *length;
    return read_bytes(r, 1, 1, &length) < 0 ? -EBADMSG : read_text(r, *length, ret);
}

/* A field nobody knows yet. Of a type with parts we would not know where it ends; no bus passes such a field on. */
static int skip_value(struct reader *r, char type)
{
    static const struct {
        char type;
        uint8_t size;
    } fixed[] = { { 'y', 1 }, { 'n', 2 }, { 'q', 2 }, { 'b', 4 }, { 'i', 4 },
                  { 'u', 4 }, { 'h', 4 }, { 'x', 8 }, { 't', 8 }, { 'd', 8 } };
    const uint8_t *bytes;
    const char *text;
    if (type == 's' || type == 'o') return read_string(r, &text);
    if (type == 'g') return read_signature(r, &text);
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        if (fixed[i].type == type) return read_bytes(r, fixed[i].size, fixed[i].size, &bytes);
    return -EBADMSG;
}

static int read_field(struct reader *r, struct bus_message *m)
{
    const uint8_t *code;
    const char *signature;
    if (read_bytes(r, 8, 1, &code) < 0 || read_signature(r, &signature) < 0) return -EBADMSG;
    if (strlen(signature) != 1) return -EBADMSG;
    static const char types[] = { [FIELD_PATH] = 'o',   [FIELD_INTERFACE] = 's',    [FIELD_MEMBER] = 's',
                                  [FIELD_ERROR] = 's',  [FIELD_REPLY_SERIAL] = 'u', [FIELD_DESTINATION] = 's',
                                  [FIELD_SENDER] = 's', [FIELD_SIGNATURE] = 'g',    [FIELD_UNIX_FDS] = 'u' };
    if (*code == 0 || *code >= sizeof types) return *code == 0 ? -EBADMSG : skip_value(r, *signature);
    if (*signature != types[*code]) return -EBADMSG;
    const char **const texts[sizeof types] = {
        [FIELD_PATH] = &m->path,   [FIELD_INTERFACE] = &m->interface, [FIELD_MEMBER] = &m->member,
        [FIELD_ERROR] = &m->error, [FIELD_SENDER] = &m->sender,       [FIELD_SIGNATURE] = &m->signature
    };
    const char *ignored;
    const char **text = texts[*code] ? texts[*code] : &ignored;
    if (*code == FIELD_REPLY_SERIAL) return read_u32(r, &m->reply_serial);
    if (*signature == 'u') return skip_value(r, 'u');
    return *signature == 'g' ? read_signature(r, text) : read_string(r, text);
}

static bool has_what_its_type_needs(const struct bus_message *m)
{
    switch (m->type) {
    case BUS_CALL:
        return m->path && m->member;
    case BUS_RETURN:
        return m->reply_serial != 0;
    case BUS_ERROR:
        return m->reply_serial != 0 && m->error;
    case BUS_SIGNAL:
        return m->path && m->interface && m->member;
    }
    return false; /* of a type to come: it says nothing to us */
}

int bus_message_size(const uint8_t *header, size_t *ret_size)
{
    bool big_endian = header[0] == 'B';
    if ((!big_endian && header[0] != 'l') || header[1] == 0 || header[3] != VERSION) return -EBADMSG;
    uint32_t body = number_at(header + 4, big_endian), fields = number_at(header + 12, big_endian);
    if (fields > FIELDS_SIZE_MAX || body > BUS_MESSAGE_SIZE_MAX) return -EBADMSG;
    size_t size = aligned(BUS_HEADER_SIZE + fields, 8) + body;
    if (size > BUS_MESSAGE_SIZE_MAX) return -EBADMSG;
    *ret_size = size;
    return 0;
}

int bus_message_parse(const uint8_t *data, size_t size, struct bus_message *ret)
{
    size_t whole;
    if (size < BUS_HEADER_SIZE || bus_message_size(data, &whole) < 0 || whole != size) return -EBADMSG;
    bool big_endian = data[0] == 'B';
    struct bus_message m = {
        .type = data[1], .serial = number_at(data + 8, big_endian), .signature = "", .big_endian = big_endian
    };
    size_t fields_end = BUS_HEADER_SIZE + number_at(data + 12, big_endian);
    struct reader r = { .data = data, .size = fields_end, .at = BUS_HEADER_SIZE, .big_endian = big_endian };
    while (r.at < r.size)
        if (read_field(&r, &m) < 0) return -EBADMSG;
    m.body = data + aligned(fields_end, 8);
    m.body_size = size - aligned(fields_end, 8);
    if (m.serial == 0 || !has_what_its_type_needs(&m)) return -EBADMSG;
    *ret = m;
    return 0;
}

/* The body begins at a multiple of 8, so that its own offsets are aligned as those in the message. */
static struct reader body_of(const struct bus_message *m)
{
    return (struct reader){ .data = m->body, .size = m->body_size, .big_endian = m->big_endian };
}

int bus_message_read_strings(const struct bus_message *m, const char **ret, size_t count)
{
    if (count > BUS_STRINGS_MAX || strlen(m->signature) != count || strspn(m->signature, "s") != count) return -EBADMSG;
    const char *texts[BUS_STRINGS_MAX];
    struct reader r = body_of(m);
    for (size_t i = 0; i < count; i++)
        if (read_string(&r, &texts[i]) < 0) return -EBADMSG;
    if (r.at != r.size) return -EBADMSG;
    for (size_t i = 0; i < count; i++) ret[i] = texts[i];
    return 0;
}

int bus_message_read_u32(const struct bus_message *m, uint32_t *ret)
{
    struct reader r = body_of(m);
    uint32_t number;
    if (strcmp(m->signature, "u") != 0 || read_u32(&r, &number) < 0 || r.at != r.size) return -EBADMSG;
    *ret = number;
    return 0;
}

/* ---- writing, always little-endian ---- */

static int put_padding(struct str *out, size_t begin, size_t to)
{
    static const uint8_t zeros[8];
    size_t at = out->length - begin;
    return str_append_bytes(out, zeros, aligned(at, to) - at);
}

static void set_u32(struct str *out, size_t at, size_t value)
{
    for (size_t i = 0; i < 4; i++) out->data[at + i] = (char)(value >> (8 * i) & 0xff);
}

static int put_u32(struct str *out, size_t begin, size_t value)
{
    int r = put_padding(out, begin, 4);
    if (r == 0) r = str_append_bytes(out, "\0\0\0", 4);
    if (r == 0) set_u32(out, out->length - 4, value);
    return r;
}

static int put_string(struct str *out, size_t begin, const char *text)
{
    int r = put_u32(out, begin, strlen(text));
    return r < 0 ? r : str_append_bytes(out, text, strlen(text) + 1);
}

static int put_field(struct str *out, size_t begin, enum field code, char type, const char *text)
{
    const char head[] = { (char)code, 1, type, '\0' };
    int r = put_padding(out, begin, 8);
    if (r == 0) r = str_append_bytes(out, head, sizeof head);
    if (r < 0 || type != 'g') return r < 0 ? r : put_string(out, begin, text);
    r = str_append_char(out, (char)strlen(text));
    return r < 0 ? r : str_append_bytes(out, text, strlen(text) + 1);
}

int bus_message_append_call(struct str *out, uint32_t serial, bool wants_reply, const char *member,
                            const char *const *arguments, size_t count)
{
    static const char strings[] = "ssss";
    size_t begin = out->length;
    const char head[] = { 'l', BUS_CALL, (char)(wants_reply ? 0 : NO_REPLY), VERSION };
    int r = str_append_bytes(out, head, sizeof head);
    if (r == 0) r = put_u32(out, begin, 0); /* the body's size, known at the end */
    if (r == 0) r = put_u32(out, begin, serial);
    if (r == 0) r = put_u32(out, begin, 0); /* that of the fields */
    if (r == 0) r = put_field(out, begin, FIELD_PATH, 'o', BUS_PATH);
    if (r == 0) r = put_field(out, begin, FIELD_INTERFACE, 's', BUS_SERVICE);
    if (r == 0) r = put_field(out, begin, FIELD_MEMBER, 's', member);
    if (r == 0) r = put_field(out, begin, FIELD_DESTINATION, 's', BUS_SERVICE);
    if (r == 0 && count > 0)
        r = put_field(out, begin, FIELD_SIGNATURE, 'g', strings + (BUS_STRINGS_MAX - MIN_OF(count, BUS_STRINGS_MAX)));
    if (r == 0) {
        set_u32(out, begin + 12, out->length - begin - BUS_HEADER_SIZE);
        r = put_padding(out, begin, 8);
    }
    size_t body = out->length;
    for (size_t i = 0; r == 0 && i < MIN_OF(count, BUS_STRINGS_MAX); i++) r = put_string(out, begin, arguments[i]);
    if (r < 0) {
        str_truncate(out, begin);
        return r;
    }
    set_u32(out, begin + 4, out->length - body);
    return 0;
}
