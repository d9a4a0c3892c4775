#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "supervisor/exec_identity.h"
#include "supervisor/plan.h"

const uint8_t exec_stage_exit_codes[EXEC_STAGE_COUNT] = {
#define X(enumerator, code, words) [EXEC_STAGE_##enumerator] = (code),
    EXEC_STAGES(X)
#undef X
};
static const char *const stage_words[EXEC_STAGE_COUNT] = {
#define X(enumerator, code, words) [EXEC_STAGE_##enumerator] = (words),
    EXEC_STAGES(X)
#undef X
};

int exec_stage_exit_code(enum exec_stage stage)
{
    return exec_stage_exit_codes[stage];
}

const char *exec_stage_words(enum exec_stage stage)
{
    return stage_words[stage];
}

static const char *limit_name(unsigned resource)
{
    if (resource == RLIMIT_LOCKS) return "RLIMIT_LOCKS"; /* the mark of a run */
    switch (resource) {
#define X(enumerator, text, unit)                                                                                      \
    case RLIMIT_##enumerator:                                                                                          \
        return text "=";
        EXEC_LIMITS(X)
#undef X
    default:
        return "";
    }
}

/* The child looked the identity up: what the parent would have said had it done so itself. */
static int explain_identity(const struct exec_request *request, const struct child_report *report, struct str *subject)
{
    if (report->error == EPERM && !request->is_root) /* K67 */
        return str_appendf(subject, " is uid %u gid %u, we are uid %u gid %u and not root", report->index,
                           report->detail, request->own_uid, request->own_gid);
    return report->error == ESRCH ? str_appendf(subject, ": %s", exec_identity_words(-ESRCH)) : 0;
}

/* What the step was about; -ENOMEM leaves a message without it. */
static int explain_subject(const struct exec_plan *plan, const struct child_report *report, struct str *subject)
{
    const struct child_plan *child = &plan->child;
    const char *text = NULL, *setting = "";
    switch ((enum exec_stage)report->stage) {
    case EXEC_STAGE_STDIN:
        text = child->streams[0].null ? "/dev/null" : child->streams[0].path;
        break;
    case EXEC_STAGE_STDOUT:
        text = child->streams[1].null ? "/dev/null" : child->streams[1].path;
        break;
    case EXEC_STAGE_STDERR:
        text = child->streams[2].null ? "/dev/null" : child->streams[2].path;
        break;
    case EXEC_STAGE_LIMITS:
        text = limit_name(child->limits[report->index].resource);
        break;
    case EXEC_STAGE_OOM_ADJUST:
        text = child->oom_score_adjust;
        break;
    case EXEC_STAGE_RUNTIME_DIRECTORY:
    case EXEC_STAGE_STATE_DIRECTORY:
    case EXEC_STAGE_CACHE_DIRECTORY:
    case EXEC_STAGE_LOGS_DIRECTORY:
    case EXEC_STAGE_CONFIGURATION_DIRECTORY:
        if (str_appendf(subject, "%s/", child->directories[report->index].below) < 0) return -ENOMEM;
        text = child->directories[report->index].path;
        break;
    case EXEC_STAGE_ENVIRONMENT:
        text = plan->environment_files[report->index];
        break;
    case EXEC_STAGE_GROUP:
        text = plan->group ? plan->group : "SupplementaryGroups=", setting = plan->group ? "Group=" : "";
        break;
    case EXEC_STAGE_USER:
        text = plan->user, setting = "User=";
        break;
    case EXEC_STAGE_CHDIR:
        text = child->directory ? child->directory : "~";
        break;
    case EXEC_STAGE_EXEC:
        text = plan->program;
        if (report->error == EACCES || report->interpreter_missing) text = child->programs[report->index];
        break;
    case EXEC_STAGE_NONE:
    case EXEC_STAGE_CGROUP:
    case EXEC_STAGE_FDS:
    case EXEC_STAGE_SIGNALS:
    case EXEC_STAGE_SETSID:
    case EXEC_STAGE_NICE:
    case EXEC_STAGE_MEMORY:
    case EXEC_STAGE_CLONE:
    case EXEC_STAGE_COUNT:
        break;
    }
    if (!text) return 0;
    int r = str_appendf(subject, "%s%s", setting, text);
    if (r == 0 && plan->deferred && (report->stage == EXEC_STAGE_USER || report->stage == EXEC_STAGE_GROUP))
        r = explain_identity(plan->deferred, report, subject);
    if (r == 0 && report->stage == EXEC_STAGE_ENVIRONMENT && report->detail > 0)
        r = str_appendf(subject, ":%u", report->detail);
    if (r == 0 && report->interpreter_missing) r = str_append(subject, " (its interpreter is missing)");
    return r;
}

void exec_plan_explain(const struct exec_plan *plan, const struct child_report *report, struct exec_failure *ret)
{
    *ret = (struct exec_failure){ .stage = EXEC_STAGE_NONE };
    if (report->stage == EXEC_STAGE_NONE) return;
    AUTO_STR struct str subject = STR_EMPTY;
    int r = explain_subject(plan, report, &subject);
    ret->stage = (enum exec_stage)report->stage;
    ret->error = report->error;
    if (r == 0) (void)str_escape(str_text(&subject), subject.length, ret->subject, sizeof ret->subject);
}

const char *exec_failure_text(const struct exec_failure *failure, char *buffer, size_t size)
{
    /* Looked-up names and identities have said it all; "No such process" would only mislead. */
    bool complete = failure->subject[0] && (failure->stage == EXEC_STAGE_USER || failure->stage == EXEC_STAGE_GROUP) &&
                    (failure->error == ESRCH || failure->error == EPERM || failure->error == EINVAL);
    const char *subject = failure->subject;
    int r = snprintf(buffer, size, "%s%s%s%s%s", stage_words[failure->stage], *subject ? " " : "", subject,
                     complete ? "" : ": ", complete ? "" : strerrordesc_np(failure->error));
    if (r < 0 && size > 0) *buffer = '\0';
    return buffer;
}
