/* tests/e2e/actor_bus.c - a service on the system bus: connects, takes a name and keeps the connection open.
 * Source: D-Bus Specification, "Message Protocol". */
#include "tests/e2e/actor_verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUS_FD 10 /* where the connection is kept, for the verb `close` */

static size_t pad(uint8_t *m, size_t at, size_t to)
{
    while (at % to) m[at++] = 0;
    return at;
}

static size_t put_u32(uint8_t *m, size_t at, uint32_t value)
{
    at = pad(m, at, 4);
    memcpy(m + at, &value, 4);
    return at + 4;
}

static size_t put_text(uint8_t *m, size_t at, const char *text)
{
    at = put_u32(m, at, (uint32_t)strlen(text));
    memcpy(m + at, text, strlen(text) + 1);
    return at + strlen(text) + 1;
}

static size_t put_field(uint8_t *m, size_t at, char code, char type, const char *text)
{
    const char head[] = { code, 1, type, 0 };
    at = pad(m, at, 8);
    memcpy(m + at, head, 4);
    return put_text(m, at + 4, text);
}

/* A call of the bus itself; `name` NULL: without arguments. Its size. */
static size_t call(uint8_t *m, uint32_t serial, const char *member, const char *name)
{
    const uint16_t one = 1;
    size_t at = 16;
    const char head[] = { *(const char *)&one ? 'l' : 'B', 1, 0, 1 };
    memcpy(m, head, 4);
    (void)put_u32(m, 8, serial);
    at = put_field(m, at, 1, 'o', "/org/freedesktop/DBus");
    at = put_field(m, at, 2, 's', "org.freedesktop.DBus");
    at = put_field(m, at, 3, 's', member);
    at = put_field(m, at, 6, 's', "org.freedesktop.DBus");
    if (name) {
        at = pad(m, at, 8);
        memcpy(m + at, "\10\1g\0\2su", 8);
        at += 8;
    }
    (void)put_u32(m, 12, (uint32_t)at - 16);
    size_t body = at = pad(m, at, 8);
    if (name) at = put_u32(m, put_text(m, at, name), 4); /* do not queue */
    (void)put_u32(m, 4, (uint32_t)(at - body));
    return at;
}

/* The answer to `serial`, past all else: 2 is a return, 3 an error; -1: the connection has ended. */
static int answer(int fd, uint32_t serial)
{
    uint8_t head[16], rest[8192];
    for (;;) {
        uint32_t body, fields, got = 0;
        if (recv(fd, head, sizeof head, MSG_WAITALL) != sizeof head) return -1;
        memcpy(&body, head + 4, 4);
        memcpy(&fields, head + 12, 4);
        size_t size = ((size_t)fields + 7) / 8 * 8 + body;
        if (size > sizeof rest || recv(fd, rest, size, MSG_WAITALL) != (ssize_t)size) return -1;
        for (size_t at = 0; at + 8 <= fields; at += 8) /* fields begin at multiples of 8 */
            if (memcmp(rest + at, "\5\1u", 4) == 0) memcpy(&got, rest + at + 4, 4);
        if (got == serial) return head[1];
    }
}

int verb_bus_own(char **args, int count)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/dbus/system_bus_socket" };
    uint8_t message[1024];
    char line[128], uid[16], hex[32] = "";
    (void)count;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return actor_fail("bus");
    (void)snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
    for (size_t i = 0; uid[i]; i++) (void)snprintf(hex + 2 * i, sizeof hex - 2 * i, "%02x", (unsigned)uid[i]);
    int n = snprintf(line, sizeof line, "%cAUTH EXTERNAL %s\r\n", 0, hex);
    if (write_all(fd, line, (size_t)n) < 0) return actor_fail("bus");
    for (char c = 0; c != '\n';)
        if (read(fd, &c, 1) != 1) return actor_fail("bus: AUTH");
    if (write_all(fd, "BEGIN\r\n", 7) < 0) return actor_fail("bus");
    if (write_all(fd, message, call(message, 1, "Hello", NULL)) < 0 || answer(fd, 1) != 2) return actor_fail("Hello");
    if (write_all(fd, message, call(message, 2, "RequestName", args[0])) < 0 || answer(fd, 2) != 2)
        return actor_fail("RequestName");
    return dup3(fd, BUS_FD, O_CLOEXEC) < 0 || close(fd) < 0 ? actor_fail("dup") : 0;
}
