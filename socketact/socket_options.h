/* socketact/socket_options.h - the options of systemd.socket(5) on a socket or FIFO, set from one table.
 *
 * An option without which the socket would serve somebody else than was asked for (Mark=, Transparent=, BindToDevice=,
 * FreeBind=, ReusePort=) has to be set. The others are for speed, or the service sees that they are missing: what
 * cannot be set is reported, and the socket is used. All are set before a client can reach it. Source:
 * systemd.socket(5); socket(7), ip(7), ipv6(7), tcp(7), unix(7), pipe(7). */
#pragma once
#include "base/attr.h"
#include "unit/settings.h"

#define SOCKET_OPTIONS_MAX 40
/* Each option once, however many listeners of the unit could not have it. Plain data: a file helper sends it. */
struct socket_option_report {
    uint32_t line; /* which line of the unit is being opened: for whoever opens them */
    uint32_t count;
    struct {
        uint32_t line;
        uint16_t option;
        int16_t error; /* errno */
    } items[SOCKET_OPTIONS_MAX];
};
/* "KeepAlive"; "?" for a number that is none. */
const char *socket_option_name(unsigned option);

/* 0, or -errno with
 * *ret_step the directive that could not be followed ("Mark=", static). `family` is that of the socket; `report` may be
 * NULL. */
MUST_CHECK int socket_options_set(int fd, int family, const struct socket_extra_section *settings,
                                  struct socket_option_report *report, const char **ret_step);
/* Of an accepted connection, which has all others of its listener: Priority=. */
void socket_options_set_accepted(int fd, const struct socket_extra_section *settings);
/* Of a FIFO: PipeSize=. */
void socket_options_set_fifo(int fd, const struct socket_extra_section *settings, struct socket_option_report *report);
