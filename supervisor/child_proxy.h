/* supervisor/child_proxy.h - a proxy's process between clone and exec (supervisor/proxy_worker.c).
 *
 * It shares PID 1's memory, as services do (child.h): no page tables are copied, and PID 1 need not copy each page that
 * it writes to meanwhile. All that it reads is in the structure. Source: clone(2), CLONE_VM. */
#pragma once
#include "base/attr.h"

#define CHILD_PROXY_STACK 4096

struct child_proxy {
    char name[256]; /* for who looks at the process; cut where it is longer */
    int channel, program;
    uint32_t n_listeners;
    int listeners[]; /* and room for as many after them */
};

/* A clone_entry: `userdata` is a struct child_proxy. Ends with a positive errno as its status where it fails. */
_Noreturn void child_proxy_run(void *userdata);
