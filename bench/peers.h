/* bench/peers.h - other supervisors, where they are installed, with the same services. */
#pragma once
#include "base/attr.h"

struct peer {
    const char *name, *program;              /* looked up in PATH */
    const char *argv[8];                     /* as PID 1 inside the box, NULL-terminated; its files are in /units */
    void (*make)(const char *dir, size_t n); /* writes them */
};
#define PEER_COUNT 4
extern const struct peer peers[PEER_COUNT];
bool peer_is_installed(const struct peer *peer);
