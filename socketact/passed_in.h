/* socketact/passed_in.h - listening sockets that PID 1 was started with, as socket activation of the whole container.
 *
 * Source: sd_listen_fds(3); https://systemd.io/CONTAINER_INTERFACE. */
#pragma once
#include "base/attr.h"
#include "unit/settings.h"

/* A stream socket that listens. */
bool passed_in_is_listener(int fd);
/* ... and does so at the address that the line says. Names are looked up in /etc/hosts only. */
bool passed_in_matches(int fd, const struct socket_listen *listen);
