/* bench/place.h - what bench/place.c and the PID 1 that it measures (bench/place_pid1.c) share: a file of this. */
#pragma once
#include "base/attr.h"

#define PLACE_FILE    "figures"
#define PLACE_PIDS    (1 << 15) /* a power of 2: what a container numbers its processes up to */
#define PLACE_SAMPLES (1 << 16)

struct place_figures {
    _Atomic bool on;             /* children are made */
    _Atomic uint32_t count;      /* of those that were collected */
    int64_t exits[PLACE_PIDS];   /* when the process of that number was about to exit; 0: it is none of ours */
    int64_t took[PLACE_SAMPLES]; /* from there until PID 1 had collected it */
};
