/* supervisor/bus_message.h - D-Bus messages: what we send to the bus itself, and a bounded reader of what it sends.
 *
 * No I/O and no allocation but the caller's string. What is read was written by a peer: every length is checked
 * before it is used, texts end in a NUL that belongs to the message, and both byte orders are read.
 * Source: D-Bus Specification, "Type System", "Message Protocol", "Message Bus Messages". */
#pragma once
#include "base/attr.h"

struct str;

#define BUS_SERVICE          "org.freedesktop.DBus"
#define BUS_PATH             "/org/freedesktop/DBus"
#define BUS_HEADER_SIZE      ((size_t)16)        /* tells the size of the whole */
#define BUS_MESSAGE_SIZE_MAX ((size_t)128 << 20) /* of the specification; what is larger is no message */
#define BUS_STRINGS_MAX      4

enum bus_message_type { BUS_CALL = 1, BUS_RETURN = 2, BUS_ERROR = 3, BUS_SIGNAL = 4 };

/* Borrows from the bytes it was read from. NULL: the field is not there. */
struct bus_message {
    enum bus_message_type type;
    uint32_t serial, reply_serial; /* reply_serial 0: it answers nothing */
    const char *path, *interface, *member, *error, *sender, *signature;
    const uint8_t *body;
    size_t body_size;
    bool big_endian;
};

/* How long the message is that begins with these BUS_HEADER_SIZE bytes. 0, or -EBADMSG: this is no D-Bus. */
MUST_CHECK int bus_message_size(const uint8_t *header, size_t *ret_size);
/* `size` is what bus_message_size() said. 0, or -EBADMSG: a length or a text is wrong, or a field is missing. */
MUST_CHECK int bus_message_parse(const uint8_t *data, size_t size, struct bus_message *ret);
/* The body is exactly `count` strings, at most BUS_STRINGS_MAX, or exactly one number. 0 or -EBADMSG. */
MUST_CHECK int bus_message_read_strings(const struct bus_message *message, const char **ret, size_t count);
MUST_CHECK int bus_message_read_u32(const struct bus_message *message, uint32_t *ret);

/* Appends a call of a method of the bus itself, with strings as arguments. 0 or -ENOMEM. */
MUST_CHECK int bus_message_append_call(struct str *out, uint32_t serial, bool wants_reply, const char *member,
                                       const char *const *arguments, size_t count);
