/* tests/e2e/harness.h - end-to-end tests of container-init: write units, boot it in a box, wait for what it reports.
 *
 *     struct scene *s = scene_new();
 *     scene_unit(s, "web.service", "[Service]\nExecStart=/usr/local/bin/actor sleep\n");
 *     scene_boot(s, NULL);
 *     scene_wait_event(s, "spawn", "web.service", NULL);
 *     scene_stop(s, SIGTERM);
 *     assert_int_equal(scene_exit_code(s), 0);
 *     scene_end(s);
 *
 * Inside the box: the units are in /etc/container-init/units and /etc/container-init.d, the programs are
 * /usr/local/bin/container-init and /usr/local/bin/actor, and /scene is a tmpfs shared with the test (marks, reports).
 * Nothing sleeps: every wait is for an event, and fails the test after 120 s (E2E_DEADLINE_S changes that). A failing
 * wait prints the whole log and the trace; so does a scene that a failed assertion left open. All functions fail the
 * running cmocka test instead of returning errors. */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include "tests/e2e/box.h"

struct json_value;
struct scene;

struct scene_spec {
    struct box_spec box;    /* argv and shared are set by scene_boot(); stdio too where it is -1 */
    const char *args[16];   /* for container-init, NULL-terminated */
    const char *prefix[16]; /* a program that execs the rest, e.g. "actor ignore CHLD -- exec"; NULL-terminated */
    bool plain;             /* the build without sanitizers: for places sanitizers cannot live in (no /proc) */
    bool no_trace;          /* leave CONTAINER_INIT_TRACE unset */
};
#define SCENE_SPEC_DEFAULT ((struct scene_spec){ .box = BOX_SPEC_DEFAULT })

/* Call in main(), before cmocka: exits 77 with the reason printed where boxes are refused. */
void scene_skip_unless_possible(void);

struct scene *scene_new(void);
void scene_end(struct scene *scene); /* kills what is left, removes everything */

/* ---- before the boot ---- */
/* Base image and derived image. `name` may have a directory: "web.service.d/10-more.conf". */
void scene_unit(struct scene *scene, const char *name, const char *text);
void scene_drop_in(struct scene *scene, const char *name, const char *text);
/* Any file of the image; `path` is absolute inside. */
void scene_file(struct scene *scene, const char *path, unsigned mode, const char *text);
/* Adds a user and a group of the same name and number to the image's /etc/passwd and /etc/group. */
void scene_user(struct scene *scene, const char *name, unsigned id, const char *home);
/* The scene's directory on this machine: units/, drop-in/ and root/ (copied over /) are below it. */
const char *scene_dir(const struct scene *scene);

/* ---- the run ---- */
void scene_boot(struct scene *scene, const struct scene_spec *spec); /* NULL: the default */
struct box *scene_box(struct scene *scene);
void scene_stop(struct scene *scene, int signal);
/* Waits for the end; exit status, or 128 + N after signal N. */
int scene_exit_code(struct scene *scene);
/* Runs container-init on this machine, outside any box (--validate, --version...): its exit status. *ret_output gets
 * stdout and stderr; the caller owns it. `args` is NULL-terminated and without argv[0]. */
int scene_run(struct scene *scene, const char *const *args, struct str *ret_output);
/* Runs a program inside the box and returns its exit status; *ret_output (may be NULL) gets stdout and stderr. */
int scene_exec(struct scene *scene, const char *const *argv, struct str *ret_output);

/* ---- the trace: one record per state change, SEED S65-S70 ---- */
/* Waits for a record with that phase and, unless NULL, unit; further arguments are pairs of strings, field and value,
 * ended by NULL: numbers and booleans compare by their text. The record belongs to the scene. */
const struct json_value *scene_wait_event(struct scene *scene, const char *phase, const char *unit, ...)
    __attribute__((sentinel));
/* The same for the n-th such record, n from 1. */
const struct json_value *scene_wait_nth_event(struct scene *scene, size_t n, const char *phase, const char *unit, ...)
    __attribute__((sentinel));
/* How many there are so far, and where the first one stands in the trace (SIZE_MAX: there is none). No waiting. */
size_t scene_count_events(struct scene *scene, const char *phase, const char *unit, ...) __attribute__((sentinel));
size_t scene_event_position(struct scene *scene, const char *phase, const char *unit, ...) __attribute__((sentinel));
size_t scene_record_count(struct scene *scene);
const struct json_value *scene_record(struct scene *scene, size_t index);

/* ---- output ---- */
void scene_wait_log(struct scene *scene, const char *substring); /* in stdout and stderr together */
bool scene_log_has(struct scene *scene, const char *substring);  /* so far */
const char *scene_log(struct scene *scene);                      /* so far, in order of arrival; also the next two */
const char *scene_stdout(struct scene *scene);
const char *scene_stderr(struct scene *scene);
/* While held, nothing reads the box's stdout and stderr, so they fill up (K15). */
void scene_hold_output(struct scene *scene, bool hold);

/* ---- /scene ---- */
/* Waits until /scene/NAME contains the text ("" for: exists). */
void scene_wait_file(struct scene *scene, const char *name, const char *substring);
/* Its content so far, malloc'ed; NULL when it does not exist. */
char *scene_read(struct scene *scene, const char *name);
/* Its path as this process can open it; `buffer` has PATH_MAX bytes. */
const char *scene_path(struct scene *scene, const char *name, char *buffer);
/* The value of `key` in a report of the actor (key=value lines), malloc'ed; NULL when the key is not there. */
char *scene_report(struct scene *scene, const char *name, const char *key);

/* ---- connections ---- */
int scene_connect(struct scene *scene, const char *address); /* see box_connect(), as root; the caller closes it */
void scene_send(struct scene *scene, int fd, const char *text);
/* Reads until `substring` is in what was read, or, when it is NULL, to the end of the stream. Owned by the caller. */
struct str scene_receive(struct scene *scene, int fd, const char *substring);

/* Waits for anything: calls `done` whenever output, trace or /scene changed, or the program ended. */
void scene_wait(struct scene *scene, bool (*done)(struct scene *scene, void *userdata), void *userdata,
                const char *what);
/* The same, but whether it came is the answer: what is compared next says what is wrong. */
bool scene_settle(struct scene *scene, bool (*done)(struct scene *scene, void *userdata), void *userdata);
/* Prints log and trace and fails the running test. */
PRINTF(2, 3) _Noreturn void scene_fail(struct scene *scene, const char *fmt, ...);
