#include "supervisor/unit_action.h"

#include "base/log.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"
#include "supervisor/termination.h"
#include "unit/unit.h"

#include <stdio.h>

enum manner { IN_ORDER, AT_ONCE, IMMEDIATELY };

/* clang-format off */
/* By the index of words_action. */
static const struct { uint8_t goal, manner; } actions[] = {
    { PID1_EXIT, IN_ORDER }, /* none */
    { PID1_REBOOT, IN_ORDER },   { PID1_REBOOT, AT_ONCE },   { PID1_REBOOT, IMMEDIATELY },
    { PID1_POWEROFF, IN_ORDER }, { PID1_POWEROFF, AT_ONCE }, { PID1_POWEROFF, IMMEDIATELY },
    { PID1_EXIT, IN_ORDER },     { PID1_EXIT, AT_ONCE },
    { PID1_REBOOT, IN_ORDER },   { PID1_REBOOT, AT_ONCE }, /* soft-reboot */
    { PID1_KEXEC, IN_ORDER },    { PID1_KEXEC, AT_ONCE },
    { PID1_HALT, IN_ORDER },     { PID1_HALT, AT_ONCE },     { PID1_HALT, IMMEDIATELY },
};
/* clang-format on */

struct asked {
    const char *directive;
    word_index word;      /* of words_action */
    int32_t status;       /* ...ActionExitStatus=, -1: not set */
    const char *argument; /* of a reboot, NULL: none */
};

static struct asked what_is_asked(const struct runtime *rt, enum unit_action_event event)
{
    const struct unit_extra_section *u = rt->unit->unit_extra;
    switch (event) {
    case ACTION_ON_SUCCESS:
        return (struct asked){ "SuccessAction", u->success_action, u->success_action_status, u->reboot_argument };
    case ACTION_ON_FAILURE:
        return (struct asked){ "FailureAction", u->failure_action, u->failure_action_status, u->reboot_argument };
    case ACTION_ON_START_LIMIT:
        return (struct asked){ "StartLimitAction", u->start_limit_action, -1, u->reboot_argument };
    case ACTION_ON_JOB_TIMEOUT:
        break;
    }
    return (struct asked){ "JobTimeoutAction", u->job_timeout_action, -1, u->job_timeout_reboot_argument };
}

void unit_action(struct runtime *rt, enum unit_action_event event, int exit_code)
{
    struct manager *m = rt->manager;
    struct asked asked = what_is_asked(rt, event);
    char why[512];
    if (asked.word == 0 || asked.word >= COUNT_OF(actions) || m->shutdown.begun) return;
    enum pid1_goal goal = actions[asked.word].goal;
    enum manner manner = actions[asked.word].manner;
    if (event == ACTION_ON_START_LIMIT && rt->unit->kind == UNIT_KIND_SERVICE)
        exit_code = ((const struct service *)(const void *)rt)->failure_code; /* of the last of its runs */
    int code = event != ACTION_ON_SUCCESS ? MAX_OF(exit_code, 1) : goal == PID1_EXIT ? exit_code : 0;
    if (asked.status >= 0) code = asked.status;
    (void)snprintf(why, sizeof why, "unit %s: %s=%s -- %s", runtime_name(rt), asked.directive, words_action[asked.word],
                   manner == IN_ORDER ? "initiating reverse shutdown" : "leaving without an ordered stop"); /* cut */
    m->shutdown.goal = goal;
    m->shutdown.reboot_argument = asked.argument;
    if (code > 0)
        shutdown_decide(rt, code);
    else
        shutdown_decide_asked(m, code);
    if (manner == IN_ORDER) {
        shutdown_begin(m, why);
    } else if (manner == AT_ONCE || !m->boot.is_init) {
        shutdown_at_once(m, why);
    } else { /* the kernel ends the rest with us */
        log_info("%s", why);
        (void)termination_write(m->termination, code); /* it is not waited for */
        m->shutdown.begun = m->shutdown.finished = true;
    }
}
