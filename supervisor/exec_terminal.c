#include "supervisor/exec_terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "pid1/boot.h"
#include "supervisor/child_terminal.h"
#include "supervisor/file_helper.h"
#include "supervisor/manager.h"
#include "supervisor/plan.h"
#include "supervisor/service.h"

static bool has_terminal(const struct unit *unit)
{
    for (int i = 0; i < 3; i++)
        if (unit->exec->streams[i].kind == STD_TTY) return true;
    return false;
}

static void fill(const struct unit *unit, struct child_terminal *t)
{
    const char *mode = words_streams[unit->exec->streams[0].variant];
    const struct sandbox_section *settings = unit->sandbox;
    t->path = settings->tty_path;
    if (!t->path && (access("/dev/console", F_OK) == 0 || isatty(0) != 1)) t->path = "/dev/console";
    if (unit->exec->streams[0].variant != 0) t->mode = strcmp(mode, "tty-force") == 0 ? TERMINAL_FORCE : TERMINAL_FAIL;
    t->reset = settings->tty_reset;
    t->hang_up = settings->tty_vhangup;
    t->rows = settings->tty_rows;
    t->columns = settings->tty_columns;
    for (int i = 0; i < 3; i++) {
        struct stat st;
        if (fstat(i, &st) == 0 && S_ISCHR(st.st_mode))
            t->own[i] = (uint64_t)major(st.st_rdev) << 32 | minor(st.st_rdev);
    }
}

int exec_terminal_plan(const struct unit *unit, struct plan_memory *memory, const struct child_terminal **ret)
{
    *ret = NULL;
    if (!has_terminal(unit)) return 0;
    struct child_terminal *t = plan_alloc(memory, sizeof *t);
    if (!t) return -ENOMEM;
    fill(unit, t);
    t->path = plan_strdup(memory, t->path); /* NULL stays; the plan may outlive the unit */
    if (unit->exec->streams[0].kind == STD_TTY) pid1_release_terminal();
    *ret = t;
    return 0;
}

/* ---- after its end ---- */

static int revert_task(void *terminal, struct file_answer *answer)
{
    (void)answer;
    return child_terminal_prepare(terminal);
}

void exec_terminal_state_changed(struct service *s, enum service_state from)
{
    enum active_state active = service_state_active(s->state), before = service_state_active(from);
    const struct unit *unit = s->base.unit;
    bool over = active == ACTIVE_STATE_INACTIVE || active == ACTIVE_STATE_FAILED || service_in_auto_restart(s);
    if (!over || before != ACTIVE_STATE_DEACTIVATING || !has_terminal(unit)) return;
    if (!unit->sandbox->tty_reset && !unit->sandbox->tty_vhangup) return;
    struct child_terminal *t = calloc(1, sizeof *t);
    struct file_task task = {
        .run = revert_task, .argument = t, .free_argument = free, .keep_fd = -1, .timeout = FILE_HELPER_TIMEOUT
    };
    if (t) fill(unit, t);
    if (t && !t->path) { /* PID 1's own, which the copy does not have: it is not hung up, and the ioctls do not wait */
        IGNORE_RESULT(child_terminal_prepare(t));
        free(t);
    } else if (!t || file_helper_ask(s->base.manager->file_helpers, &task, NULL) < 0) {
        log_error("unit %s: out of memory: its terminal is left as it is", service_name(s));
    }
}
