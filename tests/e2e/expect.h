/* tests/e2e/expect.h - what several e2e tests ask in the same way. As in harness.h, what fails ends the test. */
#pragma once
#include "tests/e2e/harness.h"

/* Waits for the actor's report /scene/NAME and compares one of its values; `want` NULL: the key is not there. */
void expect_report(struct scene *scene, const char *name, const char *key, const char *want);
/* Waits until /scene/NAME is this and no more. */
void expect_file(struct scene *scene, const char *name, const char *want);
/* The run's log has the text, or gets it; or has it not by now. */
void expect_log(struct scene *scene, const char *text);
void expect_no_log(struct scene *scene, const char *text);
/* `first` of `unit1` stands in the trace before `second` of `unit2`. */
void expect_order(struct scene *scene, const char *first, const char *unit1, const char *second, const char *unit2);
/* TERM, and the end with this status. */
void expect_stop(struct scene *scene, int status);
/* --validate on the scene's files: exit status, and that the output contains `text` (NULL: whatever it says). */
void expect_validate(struct scene *scene, const char *option, int status, const char *text);
/* Makes an empty /scene/NAME: what a service waits for. */
void scene_touch(struct scene *scene, const char *name);
/* The other side closes the connection without a word; so do we. */
void expect_hang_up(struct scene *scene, int fd);
