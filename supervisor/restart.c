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
    if (facts->health_restart) return true;
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
        return r == RESULT_WATCHDOG || r == RESULT_HEALTH;
    case RESTART_ALWAYS:
        return true;
    }
    return false;
}

usec_t random_span(uint64_t *state, usec_t max)
{
    /* splitmix64, Steele, Lea and Flood 2014; the product's upper half is even enough for pauses. */
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return max == UINT64_MAX ? z : (usec_t)((unsigned __int128)z * (max + 1) >> 64);
}

static double power(double base, uint32_t exponent)
{
    double result = 1;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1) result *= base;
        base *= base;
    }
    return result;
}

/* The n-th root of x >= 1, by halving: without libm, which nothing else here needs. */
static double root(double x, uint32_t n)
{
    double low = 1, high = x;
    for (int i = 0; i < 80; i++) {
        double middle = low + (high - low) / 2;
        if (power(middle, n) > x)
            high = middle;
        else
            low = middle;
    }
    return low;
}

static usec_t step_delay(const struct service_section *service, const struct service_extra_section *extra, uint32_t n)
{
    usec_t first = service->restart_usec, last = extra->restart_max_delay;
    uint32_t steps = extra->restart_steps;
    if (n <= 1 || steps == 0 || first == 0 || last == USEC_INFINITY || first >= last) return first;
    if (n > steps) return last;
    return (usec_t)((double)first * power(root((double)last / (double)first, steps), n - 1) + 0.5);
}

usec_t restart_delay(const struct service_section *service, const struct service_extra_section *extra, uint32_t n,
                     uint64_t *random_state)
{
    usec_t delay = step_delay(service, extra, n);
    if (extra->restart_jitter == 0) return delay;
    return usec_add(delay, random_span(random_state, extra->restart_jitter));
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
