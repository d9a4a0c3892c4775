/* unit/listen.h - what a Listen...= directive of a socket may say, as systemd reads and shows it. Pure.
 *
 * unit/address.h knows the forms of IP and Unix addresses, also those that only native directories have.
 * Source: systemd.socket(5). */
#pragma once
#include "base/attr.h"
#include "unit/settings.h"
struct address;
struct str;

/* What is listened on: an address of a socket; a path (ADDRESS_PATH of any length) of a FIFO, a special file, a message
 * queue. Borrows from the text. Errors as address_parse(). */
MUST_CHECK int listen_parse(const struct socket_listen *listen, struct address *ret);

/* What kind it is: vsock-stream:... says so by itself, whatever the directive. */
enum listen_kind listen_kind_of(enum listen_kind kind, const char *text);
/* Appends the normal form: "8080" is "[::]:8080", a path is cleaned, a netlink family gets its group ("route 0"). 0;
 * -EINVAL: not an address of the kind; -ERANGE: a port or group that is none; -ENAMETOOLONG; -EAFNOSUPPORT: sequential
 * packets over IP; -ENOMEM. On an error `out` may hold a part of the answer. */
MUST_CHECK int listen_normalize(enum listen_kind kind, const char *text, struct str *out);
