/* tests/supervisor/test_bus.c - the client of the system bus against a bus of ours at the other end of a socket pair:
 * fragments, both byte orders, refusals, spoofed and oversized messages, and a bus that goes and comes back. */
#include "supervisor/bus.h"
#include "supervisor/bus_message.h"

#include "base/log.h"
#include "base/loop.h"
#include "tests/supervisor/bus_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define APP "org.example.App"

/* The bus's end, and what the client was told. */
struct place {
    struct loop *loop;
    struct bus *bus;
    int peer;     /* of the connection under way, -1: none */
    int refusals; /* the next dials fail so often, with... */
    int refusal;  /* ...this */
    unsigned dials;
    bool may, later; /* later: the dial is answered by bus_dialed() */
    char in[8192];   /* read from the client, what was looked at is removed */
    size_t used;
    unsigned n_told;
    char owner[64]; /* "-": nobody */
    uint32_t pid;
    char dialed[128];
};

static int dial(const char *name, size_t length, struct fd *ret, void *userdata)
{
    struct place *p = userdata;
    int pair[2];
    p->dials++;
    (void)snprintf(p->dialed, sizeof p->dialed, "%s%s", name[0] ? "" : "@", name[0] ? name : name + 1);
    assert_true(length > 0);
    if (p->refusals > 0) {
        p->refusals--;
        return p->refusal;
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    if (p->peer >= 0) close(p->peer);
    p->peer = pair[0];
    p->used = 0;
    if (p->later) {
        bus_dialed(p->bus, 0, fd_own(pair[1]));
        return -EINPROGRESS;
    }
    *ret = fd_own(pair[1]);
    return 0;
}

static bool may_connect(void *userdata)
{
    return ((struct place *)userdata)->may;
}

static void on_owner(struct bus_watch *watch, const char *owner, void *userdata)
{
    struct place *p = userdata;
    assert_string_equal(watch->name, APP);
    p->n_told++;
    (void)snprintf(p->owner, sizeof p->owner, "%s", owner ? owner : "-");
}

static void on_pid(struct bus_watch *watch, uint32_t pid, void *userdata)
{
    (void)watch;
    ((struct place *)userdata)->pid = pid;
}

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    *p = (struct place){ .peer = -1, .may = true };
    log_set_threshold(LOG_LEVEL_ERROR);
    assert_int_equal(loop_new(&p->loop), 0);
    const struct bus_options options = { .dial = dial, .may_connect = may_connect, .userdata = p };
    assert_int_equal(bus_new(p->loop, &options, &p->bus), 0);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    bus_free(p->bus);
    loop_free(p->loop);
    if (p->peer >= 0) close(p->peer);
    free(p);
    return 0;
}

#define WATCH(p) ((struct bus_watch){ .name = APP, .on_owner = on_owner, .on_pid = on_pid, .userdata = (p) })

/* Rounds of the loop until the client has said this much and, in any case, has read all we sent. */
static void rounds(struct place *p, size_t at_least)
{
    for (int i = 0; i < 2000 && p->used < at_least; i++) {
        assert_int_equal(loop_wait(p->loop, false), 0);
        ssize_t n = p->peer >= 0 ? recv(p->peer, p->in + p->used, sizeof p->in - p->used, MSG_DONTWAIT) : -1;
        if (n > 0)
            p->used += (size_t)n;
        else
            (void)poll(NULL, 0, 1);
    }
    assert_true(p->used >= at_least);
    for (int i = 0; i < 4; i++) assert_int_equal(loop_wait(p->loop, false), 0);
}

static void expect_bytes(struct place *p, const void *bytes, size_t size)
{
    rounds(p, size);
    assert_memory_equal(p->in, bytes, size);
    memmove(p->in, p->in + size, p->used - size);
    p->used -= size;
}

/* The next call; its serial. Its first argument is `*ret` when that is asked for. */
static uint32_t expect_call(struct place *p, const char *member, const char *argument)
{
    size_t size;
    struct bus_message m;
    rounds(p, BUS_HEADER_SIZE);
    assert_int_equal(bus_message_size((uint8_t *)p->in, &size), 0);
    rounds(p, size);
    assert_int_equal(bus_message_parse((uint8_t *)p->in, size, &m), 0);
    assert_string_equal(m.member, member);
    assert_string_equal(m.path, "/org/freedesktop/DBus");
    assert_string_equal(m.interface, WIRE_BUS);
    const char *text;
    if (argument) {
        assert_int_equal(bus_message_read_strings(&m, &text, 1), 0);
        if (strcmp(text, argument) != 0) assert_non_null(strstr(text, argument));
    }
    uint32_t serial = m.serial;
    memmove(p->in, p->in + size, p->used - size);
    p->used -= size;
    return serial;
}

static void say_bytes(struct place *p, const void *bytes, size_t size)
{
    assert_int_equal(send(p->peer, bytes, size, MSG_NOSIGNAL), size);
    rounds(p, 0);
}

static void say(struct place *p, const struct wire *w)
{
    say_bytes(p, w->data, w->size);
}

static void greet(struct place *p)
{
    char want[128];
    char uid[16], hex[40] = "";
    (void)snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
    for (size_t i = 0; uid[i]; i++) (void)snprintf(hex + 2 * i, sizeof hex - 2 * i, "%02x", (unsigned)uid[i]);
    int n = snprintf(want, sizeof want, "%cAUTH EXTERNAL %s\r\n", 0, hex);
    expect_bytes(p, want, (size_t)n);
    say_bytes(p, "OK 0123456789abcdef0123456789abcdef\r\n", 37);
    expect_bytes(p, "BEGIN\r\n", 7);
}

static void say_hello(struct place *p)
{
    struct wire w;
    greet(p);
    wire_answer(&w, false, expect_call(p, "Hello", NULL), ":1.7");
    say(p, &w);
    assert_true(bus_is_connected(p->bus));
}

/* Connects and answers whether the name has an owner; NULL: it has none. */
static void connect_with(struct place *p, const char *owner)
{
    struct wire w;
    say_hello(p);
    wire_answer(&w, false, expect_call(p, "AddMatch", "member='NameOwnerChanged',arg0='" APP "'"), NULL);
    say(p, &w);
    uint32_t serial = expect_call(p, "GetNameOwner", APP);
    if (owner)
        wire_answer(&w, false, serial, owner);
    else
        wire_refusal(&w, false, serial, WIRE_BUS ".Error.NameHasNoOwner");
    say(p, &w);
}

static void test_owner(void **state)
{
    struct place *p = *state;
    struct bus_watch watch = WATCH(p);
    struct wire w;
    assert_int_equal(p->dials, 0); /* nobody watches, nobody connects */
    bus_watch_add(p->bus, &watch);
    connect_with(p, NULL);
    assert_string_equal(p->dialed, "/run/dbus/system_bus_socket");
    assert_string_equal(p->owner, "-");

    print_message("  a change, in either byte order\n");
    for (int big = 0; big < 2; big++) {
        wire_change(&w, big, WIRE_BUS, APP, "", big ? ":1.11" : ":1.10");
        say(p, &w);
        assert_string_equal(p->owner, big ? ":1.11" : ":1.10");
        wire_change(&w, big, WIRE_BUS, APP, ":1.10", "");
        say(p, &w);
        assert_string_equal(p->owner, "-");
    }
    print_message("  what another client says of it does not count, nor another name\n");
    unsigned told = p->n_told;
    wire_change(&w, false, ":1.66", APP, "", ":1.66");
    say(p, &w);
    wire_change(&w, false, WIRE_BUS, APP "2", "", ":1.66");
    say(p, &w);
    assert_int_equal(p->n_told, told);

    print_message("  its process\n");
    assert_int_equal(bus_ask_pid(&watch), 0);
    const struct wire_head head = { .type = 2,
                                    .reply_serial = expect_call(p, "GetConnectionUnixProcessID", APP),
                                    .sender = WIRE_BUS,
                                    .signature = "u" };
    wire_begin(&w, false, &head);
    wire_u32(&w, 4711);
    wire_end(&w);
    say(p, &w);
    assert_int_equal(p->pid, 4711);

    print_message("  nobody watches any more\n");
    bus_watch_remove(&watch);
    assert_int_equal(recv(p->peer, p->in, 1, 0), 0);
    assert_false(bus_is_connected(p->bus));
    assert_int_equal(bus_ask_pid(&watch), -ENOTCONN);
    bus_watch_remove(&watch);
}

static void test_second_watch(void **state)
{
    struct place *p = *state;
    struct bus_watch watch = WATCH(p), other = WATCH(p);
    struct wire w;
    bus_watch_add(p->bus, &watch);
    connect_with(p, ":1.3");
    assert_string_equal(p->owner, ":1.3");
    bus_watch_add(p->bus, &other);
    (void)expect_call(p, "AddMatch", APP);
    uint32_t serial = expect_call(p, "GetNameOwner", APP);
    print_message("  a change that comes before the answer is older than the answer\n");
    p->n_told = 0;
    wire_change(&w, false, WIRE_BUS, APP, ":1.3", "");
    say(p, &w);
    assert_int_equal(p->n_told, 1); /* the first one only */
    wire_answer(&w, false, serial, ":1.4");
    say(p, &w);
    assert_string_equal(p->owner, ":1.4");
    bus_watch_remove(&watch);
    (void)expect_call(p, "RemoveMatch", APP);
    wire_change(&w, false, WIRE_BUS, APP, ":1.4", "");
    say(p, &w);
    assert_string_equal(p->owner, "-");
    bus_watch_remove(&other);
}

static void test_fragments(void **state)
{
    struct place *p = *state;
    struct bus_watch watch = WATCH(p);
    struct wire w;
    p->later = true;
    bus_watch_add(p->bus, &watch);
    rounds(p, 16);
    p->used = 0;
    for (const char *c = "OK 0123\r\n"; *c; c++) say_bytes(p, c, 1);
    expect_bytes(p, "BEGIN\r\n", 7);
    wire_answer(&w, true, expect_call(p, "Hello", NULL), ":1.7");
    for (size_t i = 0; i < w.size; i++) say_bytes(p, w.data + i, 1);
    (void)expect_call(p, "AddMatch", APP);
    wire_answer(&w, false, expect_call(p, "GetNameOwner", APP), ":1.9");
    for (size_t i = 0; i < w.size; i += 7) say_bytes(p, w.data + i, MIN_OF((size_t)7, w.size - i));
    assert_string_equal(p->owner, ":1.9");
    print_message("  several at once\n");
    uint8_t several[2048];
    size_t size = 0;
    for (int i = 0; i < 5; i++) {
        char owner[16];
        (void)snprintf(owner, sizeof owner, ":1.%d", 20 + i);
        wire_change(&w, i % 2, WIRE_BUS, APP, "", owner);
        memcpy(several + size, w.data, w.size);
        size += w.size;
    }
    p->n_told = 0;
    say_bytes(p, several, size);
    assert_int_equal(p->n_told, 5);
    assert_string_equal(p->owner, ":1.24");
    bus_watch_remove(&watch);
}

/* A signal of any client may be long; what follows it is read all the same. */
static void test_oversized(void **state)
{
    struct place *p = *state;
    struct bus_watch watch = WATCH(p);
    struct wire w;
    bus_watch_add(p->bus, &watch);
    connect_with(p, NULL);
    const size_t body = 3 << 20;
    const struct wire_head head = {
        .type = 4, .sender = ":1.66", .path = "/", .interface = "a.b", .member = "Long", .signature = "ay"
    };
    wire_begin(&w, false, &head);
    wire_set_u32(&w, 4, (uint32_t)body);
    say(p, &w);
    uint8_t zeros[4096] = { 0 };
    for (size_t sent = 0; sent < body; sent += sizeof zeros) say_bytes(p, zeros, sizeof zeros);
    wire_change(&w, false, WIRE_BUS, APP, "", ":1.5");
    say(p, &w);
    assert_string_equal(p->owner, ":1.5");
    bus_watch_remove(&watch);
}

/* What each of them is answered with ends the connection; the next one works. */
static void test_bad_buses(void **state)
{
    static const struct {
        const char *label;
        int step; /* 0: instead of OK, 1: of the answer to Hello, 2: later; 3: closed */
        const char *bytes;
        size_t size;
    } cases[] = {
        { "refused", 0, "REJECTED EXTERNAL\r\n", 19 },
        { "nonsense instead of OK", 0, "\n", 1 },
        { "a line without end", 0, NULL, 4096 },
        { "no D-Bus for an answer", 1, "0123456789abcdef", 16 },
        { "a message of 2 GiB", 2, "l\4\1\1\377\377\377\177\1\0\0\0\0\0\0\0", 16 },
        { "gone", 3, "", 0 },
    };
    struct place *p = *state;
    char filler[4096];
    memset(filler, 'x', sizeof filler);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bus_watch watch = WATCH(p);
        print_message("  %s\n", cases[i].label);
        p->n_told = p->dials = 0;
        bus_watch_add(p->bus, &watch);
        if (cases[i].step == 0)
            rounds(p, 16);
        else if (cases[i].step == 1)
            greet(p);
        else
            connect_with(p, ":1.2");
        unsigned told = p->n_told;
        if (cases[i].step == 3) {
            close(p->peer);
            p->peer = -1;
            rounds(p, 0);
        } else {
            say_bytes(p, cases[i].bytes ? cases[i].bytes : filler, cases[i].size);
        }
        p->used = 0;
        assert_false(bus_is_connected(p->bus));
        assert_int_equal(p->n_told, told); /* a bus that goes is no loss of a name */
        connect_with(p, ":1.8");
        assert_int_equal(p->dials, 2);
        assert_string_equal(p->owner, ":1.8");
        bus_watch_remove(&watch);
    }
}

static void test_retries(void **state)
{
    struct place *p = *state;
    struct bus_watch watch = WATCH(p);
    print_message("  a full backlog, and none there, are tried again\n");
    p->refusals = 3;
    p->refusal = -EAGAIN;
    bus_watch_add(p->bus, &watch);
    connect_with(p, ":1.2");
    assert_int_equal(p->dials, 4);
    bus_watch_remove(&watch);

    print_message("  held back until the bus runs, and then at once\n");
    p->may = false;
    p->dials = 0;
    bus_watch_add(p->bus, &watch);
    for (int i = 0; i < 20; i++) assert_int_equal(loop_wait(p->loop, false), 0);
    assert_int_equal(p->dials, 0);
    p->may = true;
    p->used = 0;
    bus_retry(p->bus);
    connect_with(p, ":1.2");
    assert_int_equal(p->dials, 1);
    bus_watch_remove(&watch);

    print_message("  given up by the one who watched\n");
    p->refusals = 1000;
    p->dials = 0;
    bus_watch_add(p->bus, &watch);
    for (int i = 0; i < 20 && p->dials == 0; i++) assert_int_equal(loop_wait(p->loop, false), 0);
    bus_watch_remove(&watch);
    unsigned dials = p->dials;
    usec_t until = loop_now(p->loop) + 3 * BUS_RETRY_MIN;
    while (loop_now(p->loop) < until) assert_int_equal(loop_wait(p->loop, false), 0);
    assert_int_equal(p->dials, dials);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *list;
        size_t n;
        int r;
        const char *name; /* "@": abstract */
    } cases[] = {
        { "unix:path=/run/bus", 0, 8, "/run/bus" },
        { "unix:path=/run/bus", 1, 0, NULL },
        { "unix:guid=00,path=/b", 0, 2, "/b" },
        { "unix:path=/b,guid=00", 0, 2, "/b" },
        { "unix:abstract=/tmp/x,guid=0", 0, 7, "@/tmp/x" },
        { "tcp:host=h,port=1;unix:path=/b", 0, -EINVAL, NULL },
        { "tcp:host=h,port=1;unix:path=/b", 1, 2, "/b" },
        { ";;unix:path=/b;", 0, 2, "/b" },
        { ";;unix:path=/b;", 1, 0, NULL },
        { "unix:path=/a%20b%2c", 0, 5, "/a b," },
        { "unix:path=/a%2", 0, -EINVAL, NULL },
        { "unix:path=/a%zz", 0, -EINVAL, NULL },
        { "unix:path=/a%00b", 0, -EINVAL, NULL },
        { "unix:path=relative", 0, -EINVAL, NULL },
        { "unix:path=", 0, -EINVAL, NULL },
        { "unix:", 0, -EINVAL, NULL },
        { "unix:path=/0123456789012345678901234567890123456789", 0, -EINVAL, NULL },
        { "", 0, 0, NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char name[32] = "";
        print_message("  %s, %zu\n", cases[i].list, cases[i].n);
        int r = bus_address_nth(cases[i].list, cases[i].n, name, sizeof name);
        assert_int_equal(r, cases[i].r);
        if (r <= 0) continue;
        if (cases[i].name[0] == '@') assert_int_equal(name[0], 0);
        assert_memory_equal(name + (cases[i].name[0] == '@'), cases[i].name + (cases[i].name[0] == '@'),
                            (size_t)r - (cases[i].name[0] == '@'));
    }
}

/* A bus that is stopped while units come and go: what it is asked does not pile up. */
static void test_bus_that_does_not_read(void **state)
{
    struct place *p = *state;
    struct bus_watch watch = WATCH(p), other = WATCH(p);
    bus_watch_add(p->bus, &watch);
    connect_with(p, NULL);
    for (int i = 0; i < 20000 && bus_is_connected(p->bus); i++) {
        bus_watch_add(p->bus, &other);
        bus_watch_remove(&other);
    }
    assert_false(bus_is_connected(p->bus));
    unsigned dials = p->dials;
    for (int i = 0; i < 2000 && p->dials == dials; i++) {
        assert_int_equal(loop_wait(p->loop, false), 0);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(p->dials, dials + 1);
    bus_watch_remove(&watch);
}

/* A listener that nobody accepts from: the backlog is full, connect(2) does not wait. */
static void test_dial(void **state)
{
    char name[64] = "";
    struct fd fds[4] = { FD_NONE, FD_NONE, FD_NONE, FD_NONE };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)state;
    int length = snprintf(name + 1, sizeof name - 1, "container-init-test-bus-%d", (int)getpid()) + 1;
    memcpy(address.sun_path, name, (size_t)length);
    assert_int_equal(bus_dial(name, (size_t)length, &fds[0]), -ECONNREFUSED);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)),
                     0);
    assert_int_equal(listen(listener, 0), 0);
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(fds) && r == 0; i++) r = bus_dial(name, (size_t)length, &fds[i]);
    assert_int_equal(r, -EAGAIN);
    assert_true(fcntl(fds[0].n, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fds[0].n, F_GETFD) & FD_CLOEXEC);
    for (size_t i = 0; i < COUNT_OF(fds); i++) fd_close(&fds[i]);
    close(listener);
    char path[200] = "/";
    memset(path + 1, 'a', sizeof path - 1);
    assert_int_equal(bus_dial(path, sizeof path, &fds[0]), -ENAMETOOLONG);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_owner),
        IN_PLACE(test_second_watch),
        IN_PLACE(test_fragments),
        IN_PLACE(test_oversized),
        IN_PLACE(test_bad_buses),
        IN_PLACE(test_retries),
        IN_PLACE(test_bus_that_does_not_read),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_dial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
