/* unit/listen.h - what a Listen...= directive of a socket may say, as systemd 252 reads and shows it. Pure.
 *
 * How a stream is then bound is unit/address.h's business, which also knows the forms of the native directories.
 * Source: systemd.socket(5). */
#pragma once
#include "base/attr.h"
#include "unit/settings.h"
struct str;

/* Appends the normal form: "8080" is "[::]:8080", a path is cleaned, a netlink family gets its group ("route 0"). 0;
 * -EINVAL: not an address of the kind; -ERANGE: a port or group that is none; -ENAMETOOLONG; -EAFNOSUPPORT: sequential
 * packets over IP; -ENOMEM. On an error `out` may hold a part of the answer. */
MUST_CHECK int listen_normalize(enum listen_kind kind, const char *text, struct str *out);
