/* cmd/container-init/systemctl.h - container-init systemctl: the verbs, over the control interface.
 *
 * Texts and exit statuses are those of systemctl 252. Source: systemctl(1). */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "base/str.h"
#include "control/protocol.h"
#include <stdio.h>

struct json_value;

/* systemctl(1) "EXIT STATUS", LSB. */
enum {
    SYSTEMCTL_OK = 0,
    SYSTEMCTL_FAILED = 1,
    SYSTEMCTL_NOT_ACTIVE = 3,    /* is-active, status; and what a unit cannot do */
    SYSTEMCTL_NO_UNIT = 4,       /* status */
    SYSTEMCTL_NO_PERMISSION = 4, /* what would change something */
    SYSTEMCTL_NOT_INSTALLED = 5,
};

struct systemctl {
    FILE *out, *err;
    struct fd fd;
    struct strlist properties, states, types;
    const char *control, *job_mode, *signal, *whom, *output;
    bool all, value, quiet, no_block, no_legend, json, failed, bare_values, show_types;
};

typedef int systemctl_function(struct systemctl *ctl, const char *verb, size_t n, char **operands);
systemctl_function systemctl_job, systemctl_isolate, systemctl_kill, systemctl_reset_failed, systemctl_cancel,
    systemctl_is_active, systemctl_is_failed, systemctl_status, systemctl_show, systemctl_list_units,
    systemctl_list_jobs, systemctl_list_sockets, systemctl_list_timers, systemctl_is_system_running, systemctl_exit,
    systemctl_reload_none;

/* One request, and `fn` for each answer until it returns non-zero. 0, what fn returned, or -errno, which was told. */
typedef int systemctl_answer(struct systemctl *ctl, struct json_value *answer, void *userdata);
MUST_CHECK int systemctl_ask(struct systemctl *ctl, const struct control_request *request, systemctl_answer *fn,
                             void *userdata);
/* What somebody typed -> names of units, patterns replaced by those that match. 0 or -errno, which was told. */
MUST_CHECK int systemctl_names(struct systemctl *ctl, size_t n, char **operands, struct strlist *out);
PRINTF(2, 3) void systemctl_complain(const struct systemctl *ctl, const char *fmt, ...);

int systemctl_main(FILE *out, FILE *err, int argc, char **argv);
