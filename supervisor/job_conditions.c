#include "supervisor/job_conditions.h"

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/condition.h"
#include "supervisor/file_helper.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"
#include "trace/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From the question to a file helper until the job uses the answer. */
struct job_check {
    struct file_request *request; /* NULL: answered */
    int r;                        /* conditions_hold()'s, or the helper's failure */
    bool is_assert;
    struct str reason;
    usec_t timeout;
};

void job_check_drop(struct runtime *rt)
{
    struct job_check *check = rt->job.check;
    if (!check) return;
    rt->job.check = NULL;
    file_helper_cancel(&check->request);
    str_done(&check->reason);
    free(check);
}

struct condition_context manager_condition_context(const struct manager *manager)
{
    return (struct condition_context){
        .environ = manager->options.environ, .userdb = manager->userdb, .uid = manager->uid, .gid = manager->gid
    };
}

/* In the copy. The answer is whether an assertion failed, and the reason. */
static int look(void *argument, struct file_answer *answer)
{
    const struct runtime *rt = argument;
    struct condition_context context = manager_condition_context(rt->manager);
    AUTO_STR struct str reason = STR_EMPTY;
    bool is_assert = false;
    int r = conditions_hold(rt->unit, &context, &reason, &is_assert);
    if (r != 0) return r;
    r = str_append_char(&answer->bytes, is_assert ? '!' : ' ');
    return r < 0 ? r : str_append(&answer->bytes, str_text(&reason));
}

static void on_looked(int r, struct file_answer *answer, void *userdata)
{
    struct runtime *rt = userdata;
    struct job_check *check = rt->job.check;
    check->request = NULL;
    check->r = r;
    if (r == 0) {
        const char *text = str_text(&answer->bytes);
        check->is_assert = *text == '!';
        if (str_append(&check->reason, *text ? text + 1 : "") < 0) check->r = -ENOMEM;
    }
    job_checked(rt);
}

static usec_t timeout_of(const struct runtime *rt)
{
    usec_t timeout = FILE_HELPER_TIMEOUT;
    if (rt->type != &service_type) return timeout;
    return MIN_OF(rt->unit->service->timeout_start, timeout);
}

static int ask_helper(struct runtime *rt)
{
    struct job_check *check = calloc(1, sizeof *check);
    if (!check) return -ENOMEM;
    check->timeout = timeout_of(rt);
    rt->job.check = check;
    struct file_task task = {
        .run = look, .argument = rt, .keep_fd = -1, .timeout = check->timeout, .done = on_looked, .userdata = rt
    };
    int r = file_helper_ask(rt->manager->file_helpers, &task, &check->request);
    if (r < 0) {
        check->request = NULL;
        job_check_drop(rt);
        return r;
    }
    rt->job.state = JOB_CHECKING;
    log_debug("unit %s: its conditions are looked at by a file helper", runtime_name(rt));
    return -EINPROGRESS;
}

static void fail(struct runtime *rt, enum unit_result result, const char *why)
{
    log_error("unit %s: failed to start: %s", runtime_name(rt), why);
    TRACE(rt->manager->trace, "start_failed", result == RESULT_TIMEOUT ? TRACE_TIMEOUT : TRACE_ERROR, 0,
          TF_STR("unit", runtime_name(rt)), TF_STR("err", why));
    rt->result = (uint8_t)result;
}

static int judge(struct runtime *rt, int r, bool is_assert, const char *reason, usec_t timeout)
{
    char why[160], span[TIMESPAN_TEXT_MAX];
    if (r > 0) return r;
    if (r == -ETIMEDOUT) {
        (void)snprintf(why, sizeof why, "a path of its conditions did not answer within %s",
                       timespan_format(timeout, 1, span)); /* fits */
        fail(rt, RESULT_TIMEOUT, why);
        return r;
    }
    if (r < 0) {
        (void)snprintf(why, sizeof why, "its conditions could not be looked at: %s", strerror(-r)); /* fits */
        fail(rt, RESULT_RESOURCES, why);
        return r;
    }
    if (is_assert) {
        fail(rt, RESULT_ASSERT, reason);
        return -EPROTO;
    }
    log_info("unit %s: skipped (%s)", runtime_name(rt), reason);
    TRACE(rt->manager->trace, "skipped", TRACE_OK, 0, TF_STR("unit", runtime_name(rt)), TF_STR("reason", reason));
    rt->skipped = true;
    return 0;
}

int job_check_conditions(struct runtime *rt)
{
    if (rt->unit->unit->conditions.count == 0) return 1;
    struct job_check *check = rt->job.check;
    if (check) {
        int r = judge(rt, check->r, check->is_assert, str_text(&check->reason), check->timeout);
        job_check_drop(rt);
        return r;
    }
    AUTO_STR struct str reason = STR_EMPTY;
    bool is_assert = false;
    int r = -EINPROGRESS;
    struct condition_context context = manager_condition_context(rt->manager);
    if (conditions_are_local(rt->unit, &context)) {
        r = conditions_hold(rt->unit, &context, &reason, &is_assert);
    } else {
        r = ask_helper(rt);
        if (r == -EINPROGRESS) return r;
    }
    return judge(rt, r, is_assert, str_text(&reason), USEC_INFINITY);
}
