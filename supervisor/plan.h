/* supervisor/plan.h - the inside of a plan: for exec_plan.c, which fills it, and spawn.c, which starts it.
 *
 * Everything a plan points to lies in its own memory, except PID 1's environment, which never changes, and static
 * strings: a child that hangs in a directory that does not answer may outlive the unit it was started for. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "base/loop.h"
#include "supervisor/child.h"
#include "supervisor/exec_plan.h"
#include "supervisor/slots.h"
#include "supervisor/spawn.h"

struct plan_block;
/* Grows, and is freed at once. The first block is what is left of the slot, or of a malloc'ed start. */
struct plan_memory {
    char *at, *end;
    struct plan_block *blocks;
    bool failed; /* some allocation did: looked at once, at the end */
};
/* Aligned to 16 bytes and zeroed; NULL when out of memory. */
void *plan_alloc(struct plan_memory *memory, size_t size);
/* Not aligned. NULL for NULL. */
char *plan_strdup(struct plan_memory *memory, const char *text);
char *plan_strndup(struct plan_memory *memory, const char *text, size_t length);
void plan_memory_done(struct plan_memory *memory);

/* The start of a plan, from clone to the end of its status pipe. */
struct spawn {
    struct spawner *spawner;
    struct spawn *previous, *next; /* all that are under way */
    struct fd status;
    loop_io io;
    spawn_done_fn *done; /* NULL: nobody waits for the outcome */
    void *userdata;
    struct child_report report; /* stage NONE until the child reports */
    int leaf_error;
    bool shares_memory;
    bool is_patient; /* the pipe is looked at when `look` is due, and polled from then on only */
    struct loop_deadline look;
    pid_t pid;
    int pad;          /* of spawner's pads, -1: none */
    void *stack_slot; /* of spawner's pool, for a plan that is not in a slot */
};

struct exec_plan {
    struct child_plan child;
    struct spawn spawn;
    struct plan_memory memory;
    struct slot_pool *slots; /* the plan is in a slot of it; NULL: malloc'ed */
    bool no_share_memory;
    /* Not NULL: environment or identity need a file on a file system that may not answer, and the child, on its copy of
     * our memory, reads it and finishes the plan. */
    struct exec_request *deferred;
    struct strlist words, unset;
    struct strlist lowered; /* names of limits that we may not raise so far */
    /* For messages, by index of a report. */
    const char *user, *group, *program;
    const char *const *environment_files;
};
extern const uint8_t exec_stage_exit_codes[EXEC_STAGE_COUNT];
/* Fits clone_entry; for a copy of our memory only. */
_Noreturn void exec_plan_run_deferred(void *plan);
/* What the child reported, in words. */
void exec_plan_explain(const struct exec_plan *plan, const struct child_report *report, struct exec_failure *ret);
