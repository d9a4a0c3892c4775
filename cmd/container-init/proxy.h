/* cmd/container-init/proxy.h - `container-init __proxy`: the worker of a proxy socket, beside PID 1. */
#pragma once

/* Has its channel and listeners where socketact/proxy_channel.h says. 0: it left, or PID 1 has gone; an errno. */
int proxy_main(void);
