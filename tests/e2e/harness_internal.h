/* tests/e2e/harness_internal.h - what the files of the harness share. */
#pragma once
#include "tests/e2e/harness.h"
#include "base/vec.h"
#include <stdio.h>

/* cmocka.h wants these in front of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct scene {
    char dir[64];
    struct box *box;
    struct strlist kept;      /* strings that the box spec borrowed */
    int stdout_fd, stderr_fd; /* read ends; -1 at end of file */
    int inotify_fd;
    bool hold_output, ended;
    int exit_code;
    struct str log, out, err;
    int trace_fd;
    struct str trace_tail; /* an unfinished line */
    VEC(struct json_value *) records;
    struct scene *next_live;
};

/* Waits for something to happen, at most until the deadline, and takes it in. `extra` (-1: none) is one more
 * descriptor to wait for. False when the deadline has passed. */
bool scene_pump(struct scene *scene, usec_t deadline, int extra);
usec_t scene_now(void);
usec_t scene_deadline(void);
void scene_dump(struct scene *scene);
/* Reads what is there in output and trace, without waiting. */
void scene_take_in(struct scene *scene);
/* Puts name=text below the scene's directory, making parents. */
void scene_put(struct scene *scene, const char *folder, const char *name, unsigned mode, const char *text);
