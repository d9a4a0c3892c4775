/* Rules about the directives of one unit together. */
#include "unit/lint_internal.h"

#include <string.h>

#include "base/parse.h"
#include "unit/fragment.h"

/* systemd.service(5), Type=notify: NotifyAccess=none is forcibly set to main. */
static void notify_rule(const struct lint_subject *s)
{
    const char *type = lint_value(s->lint, LINT_TYPE);
    bool notify = strcmp(type, "notify") == 0 || strcmp(type, "notify-reload") == 0;
    if (notify && strcmp(lint_value(s->lint, LINT_NOTIFY_ACCESS), "none") == 0)
        lint_report(s, DIAG_WARNING, lint_last(s->lint, LINT_NOTIFY_ACCESS)->at, "NotifyAccess",
                    "notify-without-access", "Type=%s needs its messages: systemd reads none as main", type);
}

/* systemd.service(5), Type=forking: "recommended". */
static void forking_rule(const struct lint_subject *s)
{
    if (strcmp(lint_value(s->lint, LINT_TYPE), "forking") == 0 && !lint_last(s->lint, LINT_PID_FILE))
        lint_report(s, DIAG_NOTE, lint_last(s->lint, LINT_TYPE)->at, "Type", "forking-without-pid-file",
                    "without PIDFile= the main process is guessed");
}

static void kill_mode_rule(const struct lint_subject *s)
{
    const struct lint_written *mode = lint_last(s->lint, LINT_KILL_MODE);
    if (mode && strcmp(lint_value(s->lint, LINT_KILL_MODE), "none") == 0)
        lint_report(s, DIAG_WARNING, mode->at, "KillMode", "kill-mode-none", "nothing ends the processes of the unit");
}

/* A service whose process is gone stays active, and nobody restarts it. */
static void remain_rule(const struct lint_subject *s)
{
    const char *type = lint_value(s->lint, LINT_TYPE);
    bool remain = false;
    if (parse_bool(lint_value(s->lint, LINT_REMAIN_AFTER_EXIT), &remain) < 0 || !remain) return;
    if (strcmp(type, "oneshot") == 0 || strcmp(type, "forking") == 0 ||
        (*type == '\0' && !lint_last(s->lint, LINT_EXEC_START)))
        return;
    lint_report(s, DIAG_NOTE, lint_last(s->lint, LINT_REMAIN_AFTER_EXIT)->at, "RemainAfterExit", "remain-after-exit",
                "the service counts as active when its process has ended; it is for Type=oneshot");
}

static const struct {
    void (*look)(const struct lint_subject *subject);
    uint32_t kinds;
} rules[] = {
    { notify_rule, 1U << UNIT_KIND_SERVICE },
    { forking_rule, 1U << UNIT_KIND_SERVICE },
    { kill_mode_rule, 1U << UNIT_KIND_SERVICE | 1U << UNIT_KIND_SOCKET | 1U << UNIT_KIND_SCOPE },
    { remain_rule, 1U << UNIT_KIND_SERVICE },
};

void lint_unit_rules(const struct lint_subject *subject)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (rules[i].kinds & 1U << subject->context->kind) rules[i].look(subject);
}
