/* supervisor/bus.h - who owns a name on the system bus: a client that never waits.
 *
 * There is a connection only while somebody watches a name: connect, EXTERNAL, Hello, and for each name AddMatch (of
 * NameOwnerChanged with that arg0) and GetNameOwner, which the bus answers in order, so that no change is lost. What
 * cannot be reached, refuses us or goes away is tried again after a pause that doubles up to BUS_RETRY_MAX; a full
 * backlog (EAGAIN) as well. Nobody is told of a bus that went away: who owns the names is told when it is back, as by
 * systemd. Signals count only from the bus itself, and a message too long for any of them is read past.
 * Source: D-Bus Specification, "Authentication Protocol", "Message Bus Messages"; systemd.service(5) Type=dbus. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"

struct bus;
struct bus_watch;
struct loop;

#define BUS_RETRY_MIN       (20 * USEC_PER_MSEC)
#define BUS_RETRY_MAX       (2 * USEC_PER_SEC)
#define BUS_DEFAULT_ADDRESS "unix:path=/run/dbus/system_bus_socket"

/* The owner's unique name, or NULL: nobody owns it. Told at least once per connection, and at each change. Borrowed. */
typedef void bus_owner_fn(struct bus_watch *watch, const char *owner, void *userdata);
/* The owner's process, as the bus numbers it. */
typedef void bus_pid_fn(struct bus_watch *watch, uint32_t pid, void *userdata);

/* Embedded in its owner, zeroed at first. */
struct bus_watch {
    const char *name; /* borrowed, and set before it is added, as the next three */
    bus_owner_fn *on_owner;
    bus_pid_fn *on_pid;
    void *userdata;
    struct bus *bus; /* NULL: not watched. The rest is for bus.c alone. */
    struct bus_watch *next;
    uint32_t match_serial, owner_serial, pid_serial; /* calls that were not answered yet; 0: none */
};

struct bus_options {
    const char *address; /* $DBUS_SYSTEM_BUS_ADDRESS, NULL: the default. Borrowed until bus_free() */
    /* Begins to connect to one unix address of it, a path or, with a leading NUL, an abstract name of `length` bytes.
     * 0: *ret is the connected socket, non-blocking and close-on-exec; -EINPROGRESS: bus_dialed() follows; -errno.
     * NULL: bus_dial(). */
    int (*dial)(const char *name, size_t length, struct fd *ret, void *userdata);
    void (*cancel_dial)(void *userdata); /* of one in progress; may be NULL with `dial` */
    bool (*may_connect)(void *userdata); /* NULL: always. While it says no there are no tries: bus_retry() */
    void *userdata;
};

/* 0 or -ENOMEM. The loop is borrowed. */
MUST_CHECK int bus_new(struct loop *loop, const struct bus_options *options, struct bus **ret_bus);
/* Those who still watch are forgotten. */
void bus_free(struct bus *bus);
DEFINE_AUTO(struct bus, bus_free)

/* Callbacks come from the loop, never from within; they must not add or remove watches. */
void bus_watch_add(struct bus *bus, struct bus_watch *watch);
/* Nothing happens for one that is not watched. The connection goes with the last one. */
void bus_watch_remove(struct bus_watch *watch);
/* Asks for the owner's process. 0; -ENOTCONN without a connection; -ENOMEM. */
MUST_CHECK int bus_ask_pid(struct bus_watch *watch);
/* Something has changed (the bus was started): try now. */
void bus_retry(struct bus *bus);
void bus_dialed(struct bus *bus, int r, struct fd socket_take);
bool bus_is_connected(const struct bus *bus);

/* The default way: connect(2), which does not wait; but a path is walked by the kernel and may hang. */
MUST_CHECK int bus_dial(const char *name, size_t length, struct fd *ret);
/* The n-th unix address of a list ("unix:path=/a;unix:abstract=b"), unescaped, into `name` of `size` bytes. Its length,
 * that of an abstract name with its leading NUL; 0: there is no such one; -EINVAL: it is not one we can use. */
MUST_CHECK int bus_address_nth(const char *list, size_t n, char *name, size_t size);
