#include "supervisor/bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/str.h"
#include "supervisor/bus_message.h"

/* What concerns us is short: names have at most 255 bytes. */
#define BUFFER_SIZE     4096
#define READS_PER_ROUND 16
/* A bus that takes nothing of this much is stopped; it is tried again as one that is gone. */
#define UNSENT_MAX ((size_t)64 * 1024)
/* A bus that is just being started is no news. */
#define TELL_FROM (500 * USEC_PER_MSEC)

enum bus_state { BUS_CLOSED, BUS_DIALING, BUS_AUTH, BUS_HELLO, BUS_UP };

struct bus {
    struct loop *loop;
    struct bus_options options;
    enum bus_state state;
    struct bus_watch *watches;
    struct fd socket;
    loop_io io;
    struct loop_deadline retry;
    usec_t pause;
    size_t n_address; /* which of the list is tried next */
    bool told;        /* that it cannot be reached: once per outage */
    uint32_t serial;
    struct str out;
    size_t sent;
    uint8_t in[BUFFER_SIZE];
    size_t used;
    size_t skip; /* bytes of a message that is too long for us */
};

/* ---- addresses ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* D-Bus Specification, "Server Addresses": %XX stands for a byte. */
static int unescape(const char *text, size_t length, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = length - i < 3 ? -1 : hex_digit(text[i + 1]), low = high < 0 ? -1 : hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return -EINVAL;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || n >= size) return -EINVAL;
        out[n++] = c;
    }
    return (int)n;
}

static int address_value(const char *address, size_t length, char *name, size_t size)
{
    static const char *const keys[] = { "path=", "abstract=" };
    size_t at = strlen("unix:");
    if (length < at || memcmp(address, "unix:", at) != 0) return -EINVAL;
    while (at < length) {
        const char *pair = address + at, *comma = memchr(pair, ',', length - at);
        size_t size_of_pair = comma ? (size_t)(comma - pair) : length - at;
        for (size_t k = 0; k < COUNT_OF(keys); k++) {
            size_t key = strlen(keys[k]);
            if (size_of_pair <= key || memcmp(pair, keys[k], key) != 0) continue;
            if (k == 1) name[0] = '\0';
            int r = unescape(pair + key, size_of_pair - key, name + k, size - k);
            return r < 0 || (k == 0 && name[0] != '/') ? -EINVAL : r + (int)k;
        }
        at += size_of_pair + 1;
    }
    return -EINVAL;
}

int bus_address_nth(const char *list, size_t n, char *name, size_t size)
{
    for (;; list++) {
        size_t length = strcspn(list, ";");
        if (length > 0 && n-- == 0) return address_value(list, length, name, size);
        list += length;
        if (*list == '\0') return 0;
    }
}

int bus_dial(const char *name, size_t length, struct fd *ret)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (length > sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, name, length);
    AUTO_FD struct fd fd = fd_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_is_open(&fd)) return -errno;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (connect(fd.n, (const struct sockaddr *)&address, size) < 0) return -errno;
    *ret = fd_take(&fd);
    return 0;
}

/* ---- the connection ---- */

static void try_connect(struct bus *bus);

static void on_retry(void *userdata)
{
    try_connect(userdata);
}

static void disconnect(struct bus *bus)
{
    if (bus->state == BUS_DIALING && bus->options.cancel_dial) bus->options.cancel_dial(bus->options.userdata);
    loop_deadline_clear(bus->loop, &bus->retry);
    loop_io_remove(bus->loop, &bus->io);
    fd_close(&bus->socket);
    str_done(&bus->out);
    bus->sent = bus->used = bus->skip = 0;
    bus->state = BUS_CLOSED;
    for (struct bus_watch *w = bus->watches; w; w = w->next) w->match_serial = w->owner_serial = w->pid_serial = 0;
}

static void try_after(struct bus *bus, usec_t pause)
{
    if (!bus->watches) return;
    if (loop_deadline_set(bus->loop, &bus->retry, usec_add(loop_now(bus->loop), pause), on_retry, bus) < 0)
        log_error("bus: out of memory: names on it are not followed any more");
}

/* It is gone, refuses us or does not speak D-Bus; tried again later. */
static void fail(struct bus *bus, const char *why)
{
    bool is_expected = bus->options.may_connect && !bus->options.may_connect(bus->options.userdata);
    bool is_worth_telling = !is_expected && (bus->state == BUS_UP || bus->pause >= TELL_FROM);
    if (is_worth_telling && !bus->told)
        log_warning("bus: %s: %s; trying again", bus->options.address, why);
    else
        log_debug("bus: %s", why);
    bus->told |= is_worth_telling;
    disconnect(bus);
    try_after(bus, bus->pause);
    bus->pause = MIN_OF(bus->pause * 2, BUS_RETRY_MAX);
}

static void on_socket(int fd, uint32_t events, void *userdata);

/* What does not fit now goes when there is room. */
static void flush(struct bus *bus)
{
    while (bus->sent < bus->out.length) {
        ssize_t n =
            send(bus->socket.n, bus->out.data + bus->sent, bus->out.length - bus->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break; /* EAGAIN; or it is gone, which reading tells */
        bus->sent += (size_t)n;
    }
    if (bus->out.length - bus->sent > UNSENT_MAX) {
        fail(bus, "it does not read");
        return;
    }
    bool done = bus->sent == bus->out.length;
    if (done) {
        str_clear(&bus->out);
        bus->sent = 0;
    }
    if (loop_io_modify(bus->loop, bus->io, done ? EPOLLIN : EPOLLIN | EPOLLOUT) < 0)
        log_debug("bus: its socket cannot be polled");
}

static void greet(struct bus *bus)
{
    /* The identity is the uid in decimal digits, in hexadecimal; the NUL before it carried credentials once. */
    char uid[DECIMAL_MAX(uid_t)];
    (void)snprintf(uid, sizeof uid, "%u", (unsigned)geteuid()); /* the bound is in the type */
    int r = str_append_bytes(&bus->out, "\0AUTH EXTERNAL ", strlen("AUTH EXTERNAL ") + 1);
    for (const char *digit = uid; r == 0 && *digit; digit++) r = str_appendf(&bus->out, "%02x", (unsigned char)*digit);
    if (r == 0) r = str_append(&bus->out, "\r\n");
    if (r < 0)
        fail(bus, strerror(-r));
    else
        flush(bus);
}

void bus_dialed(struct bus *bus, int r, struct fd socket_take)
{
    bus->socket = socket_take;
    bus->state = BUS_AUTH;
    if (r == 0) r = loop_io_add(bus->loop, bus->socket.n, EPOLLIN, LOOP_EARLY, on_socket, bus, &bus->io);
    if (r == 0)
        greet(bus);
    else
        fail(bus, strerror(-r));
}

/* One address of the list at each try; the pause is made after the last one. */
static void try_connect(struct bus *bus)
{
    char name[sizeof(struct sockaddr_un)];
    if (bus->state != BUS_CLOSED || !bus->watches) return;
    loop_deadline_clear(bus->loop, &bus->retry);
    if (bus->options.may_connect && !bus->options.may_connect(bus->options.userdata)) return;
    struct fd fd = FD_NONE;
    int length = bus_address_nth(bus->options.address, bus->n_address++, name, sizeof name - 1);
    if (length == 0) {
        bool is_empty = bus->n_address == 1;
        bus->n_address = 0;
        if (is_empty)
            fail(bus, "no address");
        else
            try_connect(bus);
        return;
    }
    int r = length;
    if (length > 0) {
        name[length] = '\0';
        bus->state = BUS_DIALING;
        r = bus->options.dial(name, (size_t)length, &fd, bus->options.userdata);
        if (r == -EINPROGRESS) return;
    }
    bus_dialed(bus, r, fd);
}

bool bus_is_connected(const struct bus *bus)
{
    return bus->state == BUS_UP;
}

/* ---- calls ---- */

static int call(struct bus *bus, const char *member, const char *const *arguments, size_t count, uint32_t *ret_serial)
{
    uint32_t serial = ++bus->serial ? bus->serial : ++bus->serial; /* 0 is none */
    int r = bus_message_append_call(&bus->out, serial, ret_serial != NULL, member, arguments, count);
    if (r == 0 && ret_serial) *ret_serial = serial;
    return r;
}

static int call_for_match(struct bus *bus, const char *member, const char *name, uint32_t *ret_serial)
{
    AUTO_STR struct str rule = STR_EMPTY;
    int r = str_appendf(&rule,
                        "type='signal',sender='" BUS_SERVICE "',path='" BUS_PATH "',interface='" BUS_SERVICE
                        "',member='NameOwnerChanged',arg0='%s'",
                        name);
    const char *const arguments[] = { str_text(&rule) };
    return r < 0 ? r : call(bus, member, arguments, 1, ret_serial);
}

static void begin_to_follow(struct bus *bus, struct bus_watch *watch)
{
    const char *const arguments[] = { watch->name };
    int r = call_for_match(bus, "AddMatch", watch->name, &watch->match_serial);
    if (r == 0) r = call(bus, "GetNameOwner", arguments, 1, &watch->owner_serial);
    if (r < 0) log_error("bus: out of memory: %s is not followed", watch->name);
}

int bus_ask_pid(struct bus_watch *watch)
{
    struct bus *bus = watch->bus;
    const char *const arguments[] = { watch->name };
    if (!bus || bus->state != BUS_UP) return -ENOTCONN;
    int r = call(bus, "GetConnectionUnixProcessID", arguments, 1, &watch->pid_serial);
    if (r == 0) flush(bus);
    return r;
}

/* ---- what the bus says ---- */

static void is_up(struct bus *bus)
{
    if (bus->told) log_info("bus: connected");
    bus->told = false;
    bus->state = BUS_UP;
    bus->pause = BUS_RETRY_MIN;
    bus->n_address = 0;
    for (struct bus_watch *w = bus->watches; w; w = w->next) begin_to_follow(bus, w);
    flush(bus);
}

static void on_answer(struct bus *bus, const struct bus_message *m)
{
    bool is_error = m->type == BUS_ERROR;
    const char *owner = NULL;
    uint32_t pid;
    if (bus->state == BUS_HELLO && m->reply_serial == bus->serial) {
        if (is_error)
            fail(bus, m->error);
        else
            is_up(bus);
        return;
    }
    for (struct bus_watch *w = bus->watches; w; w = w->next) {
        if (m->reply_serial == w->match_serial) {
            w->match_serial = 0;
            if (is_error) log_warning("bus: changes of %s are not told: %s", w->name, m->error);
        } else if (m->reply_serial == w->owner_serial) {
            w->owner_serial = 0;
            if (!is_error && bus_message_read_strings(m, &owner, 1) < 0) return;
            w->on_owner(w, owner && *owner ? owner : NULL, w->userdata);
        } else if (m->reply_serial == w->pid_serial) {
            w->pid_serial = 0;
            if (!is_error && bus_message_read_u32(m, &pid) == 0 && w->on_pid) w->on_pid(w, pid, w->userdata);
        }
    }
}

static void on_signal(struct bus *bus, const struct bus_message *m)
{
    const char *texts[3]; /* name, old owner, new owner */
    if (strcmp(m->member, "NameOwnerChanged") != 0 || strcmp(m->interface, BUS_SERVICE) != 0) return;
    if (bus_message_read_strings(m, texts, 3) < 0) return;
    for (struct bus_watch *w = bus->watches; w; w = w->next) {
        /* An owner that is asked for and not told yet will be newer than this. */
        if (strcmp(w->name, texts[0]) != 0 || w->owner_serial != 0) continue;
        w->on_owner(w, *texts[2] ? texts[2] : NULL, w->userdata);
    }
}

static void on_message(struct bus *bus, const uint8_t *data, size_t size)
{
    struct bus_message m;
    int r = bus_message_parse(data, size, &m);
    if (r < 0) {
        log_debug("bus: a message that cannot be read");
        return;
    }
    /* Any client may send us a signal; who sent it is filled in by the bus. */
    if (!m.sender || strcmp(m.sender, BUS_SERVICE) != 0) return;
    if (m.type == BUS_SIGNAL)
        on_signal(bus, &m);
    else if (m.type == BUS_RETURN || m.type == BUS_ERROR)
        on_answer(bus, &m);
}

static void drop(struct bus *bus, size_t count)
{
    memmove(bus->in, bus->in + count, bus->used - count);
    bus->used -= count;
}

/* false: no whole line yet, or it failed. */
static bool take_line(struct bus *bus)
{
    const uint8_t *end = memchr(bus->in, '\n', bus->used);
    if (!end) {
        if (bus->used == BUFFER_SIZE) fail(bus, "no D-Bus");
        return false;
    }
    size_t length = (size_t)(end - bus->in) + 1;
    if (length < 3 || memcmp(bus->in, "OK ", 3) != 0) {
        fail(bus, "it refuses to authenticate us");
        return false;
    }
    drop(bus, length);
    int r = str_append(&bus->out, "BEGIN\r\n");
    uint32_t serial;
    if (r == 0) r = call(bus, "Hello", NULL, 0, &serial);
    if (r < 0) {
        fail(bus, strerror(-r));
        return false;
    }
    bus->state = BUS_HELLO;
    flush(bus);
    return true;
}

static bool take_message(struct bus *bus)
{
    size_t size;
    if (bus->skip > 0) {
        size = MIN_OF(bus->skip, bus->used);
        bus->skip -= size;
        drop(bus, size);
    }
    if (bus->used < BUS_HEADER_SIZE) return false;
    if (bus_message_size(bus->in, &size) < 0) {
        fail(bus, "no D-Bus");
        return false;
    }
    if (size > BUFFER_SIZE) { /* not for us: see BUFFER_SIZE */
        bus->skip = size;
        return true;
    }
    if (bus->used < size) return false;
    on_message(bus, bus->in, size);
    if (bus->state != BUS_HELLO && bus->state != BUS_UP) return false;
    drop(bus, size);
    return true;
}

static void on_socket(int fd, uint32_t events, void *userdata)
{
    struct bus *bus = userdata;
    if (events & EPOLLOUT) flush(bus);
    for (int i = 0; i < READS_PER_ROUND && bus->io != LOOP_IO_NONE; i++) {
        ssize_t n = recv(fd, bus->in + bus->used, BUFFER_SIZE - bus->used, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            fail(bus, n < 0 ? strerror(errno) : "it has closed the connection");
            return;
        }
        bus->used += (size_t)n;
        while (bus->state == BUS_AUTH ? take_line(bus) : take_message(bus)) {
        }
    }
}

/* ---- watches ---- */

void bus_watch_add(struct bus *bus, struct bus_watch *watch)
{
    if (watch->bus) return;
    watch->bus = bus;
    watch->match_serial = watch->owner_serial = watch->pid_serial = 0;
    watch->next = bus->watches;
    bus->watches = watch;
    if (bus->state == BUS_UP) {
        begin_to_follow(bus, watch);
        flush(bus);
    } else if (bus->state == BUS_CLOSED && !loop_deadline_is_set(&bus->retry)) {
        bus->pause = BUS_RETRY_MIN;
        try_after(bus, 0);
    }
}

void bus_watch_remove(struct bus_watch *watch)
{
    struct bus *bus = watch->bus;
    if (!bus) return;
    struct bus_watch **link = &bus->watches;
    while (*link != watch) link = &(*link)->next;
    *link = watch->next;
    watch->bus = NULL;
    if (!bus->watches) {
        disconnect(bus);
        bus->told = false;
    } else if (bus->state == BUS_UP && call_for_match(bus, "RemoveMatch", watch->name, NULL) == 0) {
        flush(bus); /* without memory the bus goes on to tell what nobody listens to */
    }
}

void bus_retry(struct bus *bus)
{
    if (bus->state != BUS_CLOSED || !bus->watches) return;
    bus->pause = BUS_RETRY_MIN;
    bus->n_address = 0;
    try_after(bus, 0);
}

static int dial_here(const char *name, size_t length, struct fd *ret, void *userdata)
{
    (void)userdata;
    return bus_dial(name, length, ret);
}

int bus_new(struct loop *loop, const struct bus_options *options, struct bus **ret_bus)
{
    struct bus *bus = calloc(1, sizeof *bus);
    if (!bus) return -ENOMEM;
    bus->loop = loop;
    bus->options = *options;
    if (!bus->options.address || !*bus->options.address) bus->options.address = BUS_DEFAULT_ADDRESS;
    if (!bus->options.dial) bus->options.dial = dial_here;
    bus->socket = FD_NONE;
    bus->pause = BUS_RETRY_MIN;
    *ret_bus = bus;
    return 0;
}

void bus_free(struct bus *bus)
{
    if (!bus) return;
    for (struct bus_watch *w = bus->watches; w; w = w->next) w->bus = NULL;
    disconnect(bus);
    bus->watches = NULL;
    free(bus);
}
