/* tests/supervisor/bus_fixture.h - messages as a bus writes them, in either byte order; not the code under test. */
#pragma once
#include "base/attr.h"
#include <string.h>

struct wire {
    uint8_t data[8192];
    size_t size;
    bool big_endian;
};

static inline void wire_pad(struct wire *w, size_t to)
{
    while (w->size % to) w->data[w->size++] = 0;
}

static inline void wire_set_u32(struct wire *w, size_t at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++) w->data[at + i] = (uint8_t)(value >> 8 * (w->big_endian ? 3 - i : i));
}

static inline void wire_u32(struct wire *w, uint32_t value)
{
    wire_pad(w, 4);
    w->size += 4;
    wire_set_u32(w, w->size - 4, value);
}

static inline void wire_bytes(struct wire *w, const void *bytes, size_t size)
{
    memcpy(w->data + w->size, bytes, size);
    w->size += size;
}

static inline void wire_text(struct wire *w, const char *text)
{
    wire_u32(w, (uint32_t)strlen(text));
    wire_bytes(w, text, strlen(text) + 1);
}

static inline void wire_field(struct wire *w, uint8_t code, char type, const char *text)
{
    const uint8_t head[] = { code, 1, (uint8_t)type, 0 };
    if (!text) return;
    wire_pad(w, 8);
    wire_bytes(w, head, sizeof head);
    if (type == 'g') {
        const uint8_t length = (uint8_t)strlen(text);
        wire_bytes(w, &length, 1);
        wire_bytes(w, text, strlen(text) + 1);
    } else {
        wire_text(w, text);
    }
}

struct wire_head {
    uint8_t type;
    uint32_t reply_serial;
    const char *path, *interface, *member, *error, *destination, *sender, *signature;
};

/* Begins a message at the start of `w`; wire_end() after its body. */
static inline void wire_begin(struct wire *w, bool big_endian, const struct wire_head *head)
{
    const uint8_t start[] = { big_endian ? 'B' : 'l', head->type, 1, 1 };
    *w = (struct wire){ .big_endian = big_endian };
    wire_bytes(w, start, sizeof start);
    wire_u32(w, 0);
    wire_u32(w, 77);
    wire_u32(w, 0);
    wire_field(w, 1, 'o', head->path);
    wire_field(w, 2, 's', head->interface);
    wire_field(w, 3, 's', head->member);
    wire_field(w, 4, 's', head->error);
    if (head->reply_serial) {
        wire_pad(w, 8);
        wire_bytes(w, "\5\1u\0", 4);
        wire_u32(w, head->reply_serial);
    }
    wire_field(w, 6, 's', head->destination);
    wire_field(w, 7, 's', head->sender);
    wire_field(w, 8, 'g', head->signature);
    wire_set_u32(w, 12, (uint32_t)w->size - 16);
    wire_pad(w, 8);
    wire_set_u32(w, 4, (uint32_t)w->size); /* where the body begins, until the end is known */
}

static inline void wire_end(struct wire *w)
{
    uint32_t begin = 0;
    for (size_t i = 0; i < 4; i++) begin |= (uint32_t)w->data[4 + i] << 8 * (w->big_endian ? 3 - i : i);
    wire_set_u32(w, 4, (uint32_t)w->size - begin);
}

#define WIRE_BUS "org.freedesktop.DBus"

static inline void wire_answer(struct wire *w, bool big_endian, uint32_t serial, const char *text)
{
    const struct wire_head head = {
        .type = 2, .reply_serial = serial, .sender = WIRE_BUS, .destination = ":1.7", .signature = text ? "s" : NULL
    };
    wire_begin(w, big_endian, &head);
    if (text) wire_text(w, text);
    wire_end(w);
}

static inline void wire_refusal(struct wire *w, bool big_endian, uint32_t serial, const char *error)
{
    const struct wire_head head = {
        .type = 3, .reply_serial = serial, .sender = WIRE_BUS, .error = error, .signature = "s"
    };
    wire_begin(w, big_endian, &head);
    wire_text(w, "because");
    wire_end(w);
}

static inline void wire_change(struct wire *w, bool big_endian, const char *sender, const char *name, const char *from,
                               const char *to)
{
    const struct wire_head head = { .type = 4,
                                    .sender = sender,
                                    .path = "/org/freedesktop/DBus",
                                    .interface = WIRE_BUS,
                                    .member = "NameOwnerChanged",
                                    .signature = "sss" };
    wire_begin(w, big_endian, &head);
    wire_text(w, name);
    wire_text(w, from);
    wire_text(w, to);
    wire_end(w);
}
