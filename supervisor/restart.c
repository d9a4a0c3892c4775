#include "supervisor/restart.h"

#include "base/parse.h"

#include <signal.h>
#include <stdio.h>

static bool signal_is_clean(int signal)
{
    return signal == SIGHUP || signal == SIGINT || signal == SIGTERM || signal == SIGPIPE;
}

enum unit_result exit_result(const struct child_exit *exit, const struct exit_set *success, bool is_daemon)
{
    if (exit->code == CLD_EXITED)
        return exit->status == 0 || exit_set_has_status(success, exit->status) ? RESULT_SUCCESS : RESULT_EXIT_CODE;
    if ((is_daemon && signal_is_clean(exit->status)) || exit_set_has_signal(success, exit->status))
        return RESULT_SUCCESS;
    return exit->code == CLD_DUMPED ? RESULT_CORE_DUMP : RESULT_SIGNAL;
}

int exit_shell_code(const struct child_exit *exit)
{
    return exit->code == CLD_EXITED ? exit->status : 128 + exit->status;
}

const char *exit_words(const struct child_exit *exit, char *buffer)
{
    if (exit->code != CLD_EXITED)
        (void)snprintf(buffer, EXIT_WORDS_MAX, "killed by %s", signal_name(exit->status)); /* fits: the name is short */
    else if (exit->status != 0)
        (void)snprintf(buffer, EXIT_WORDS_MAX, "exit code %d", exit->status); /* fits */
    else
        buffer[0] = '\0';
    return buffer;
}

static bool exit_is_in(const struct child_exit *exit, const struct exit_set *set)
{
    return exit->code == CLD_EXITED ? exit_set_has_status(set, exit->status) : exit_set_has_signal(set, exit->status);
}

bool restart_is_wanted(const struct service_section *service, const struct restart_facts *facts)
{
    const struct child_exit *exit = facts->main_exit;
    enum unit_result r = facts->result;
    if (facts->stop_requested) return false;
    if (exit && exit_is_in(exit, service->restart_prevent_exit_status)) return false;
    if (exit && exit_is_in(exit, service->restart_force_exit_status)) return true;
    if (r == RESULT_EXEC_CONDITION) return false;
    switch (service->restart) {
    case RESTART_NO:
    case RESTART_COUNT:
        break;
    case RESTART_ON_SUCCESS:
        return r == RESULT_SUCCESS;
    case RESTART_ON_FAILURE:
        return r != RESULT_SUCCESS;
    case RESTART_ON_ABNORMAL:
        return r != RESULT_SUCCESS && r != RESULT_EXIT_CODE;
    case RESTART_ON_ABORT:
        return r == RESULT_SIGNAL || r == RESULT_CORE_DUMP;
    case RESTART_ON_WATCHDOG:
        return r == RESULT_WATCHDOG;
    case RESTART_ALWAYS:
        return true;
    }
    return false;
}

bool start_limit_is_hit(usec_t begin, uint32_t count, usec_t now, usec_t interval, uint32_t burst)
{
    if (interval == 0 || burst == 0 || count == 0) return false;
    return usec_add(begin, interval) > now && count >= burst;
}

bool start_limit_take(usec_t *begin, uint32_t *count, usec_t now, usec_t interval, uint32_t burst)
{
    if (interval == 0 || burst == 0) return true;
    if (start_limit_is_hit(*begin, *count, now, interval, burst)) return false;
    if (*count == 0 || usec_add(*begin, interval) <= now) {
        *begin = now;
        *count = 0;
    }
    (*count)++;
    return true;
}
