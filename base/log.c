#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_PREFIX    "container-init: "
#define PREFIX_LENGTH (sizeof LOG_PREFIX - 1)
#define LINE_ON_STACK 1024

static void write_stderr(const char *line, size_t length, void *userdata)
{
    (void)userdata;
    while (length > 0) {
        ssize_t n = write(STDERR_FILENO, line, length);
        if (n > 0) {
            line += n;
            length -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            /* Somebody who shares the description set O_NONBLOCK on it. */
            struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
            (void)poll(&p, 1, -1); /* what poll says, write says again */
        } else if (n == 0 || errno != EINTR) {
            return; /* nobody left to tell */
        }
    }
}

/* The process-wide state that STYLE.md 8 allows. */
static struct {
    log_writer *writer;
    void *userdata;
    enum log_level threshold;
} state = { write_stderr, NULL, LOG_LEVEL_INFO };

void log_set_writer(log_writer *writer, void *userdata)
{
    state.writer = writer ? writer : write_stderr;
    state.userdata = userdata;
}

void log_set_threshold(enum log_level level)
{
    state.threshold = level;
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = { [LOG_LEVEL_ERROR] = "error",
                                         [LOG_LEVEL_WARNING] = "warning",
                                         [LOG_LEVEL_INFO] = "info",
                                         [LOG_LEVEL_DEBUG] = "debug" };
    return names[level];
}

bool log_enabled(enum log_level level)
{
    return level <= state.threshold;
}

/* `line` holds `length` bytes of text behind the prefix and has room for the newline. */
static void log_finish(char *line, size_t length)
{
    memcpy(line, LOG_PREFIX, PREFIX_LENGTH);
    size_t end = PREFIX_LENGTH + length;
    for (size_t i = PREFIX_LENGTH; i < end; i++) {
        unsigned char c = (unsigned char)line[i];
        bool goes_on = c == '\n' && i + 2 < end && line[i + 1] == ' ' && line[i + 2] == ' ';
        if ((c < 0x20 && c != '\t' && !goes_on) || c == 0x7f) line[i] = '?';
    }
    line[end++] = '\n';
    state.writer(line, end, state.userdata);
}

void log_at(enum log_level level, const char *fmt, ...)
{
    if (!log_enabled(level)) return;
    int saved_errno = errno;
    char fixed[LINE_ON_STACK];
    size_t room = sizeof fixed - PREFIX_LENGTH; /* the byte of the final NUL becomes the newline */
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(fixed + PREFIX_LENGTH, room, fmt, ap);
    char *large = NULL;
    if (n >= 0 && (size_t)n >= room) {
        large = malloc(PREFIX_LENGTH + (size_t)n + 1);
        errno = saved_errno; /* for %m */
        if (large)
            (void)vsnprintf(large + PREFIX_LENGTH, (size_t)n + 1, fmt, again); /* the length is known */
        else
            n = (int)room - 1; /* out of memory: the beginning is better than nothing */
    }
    va_end(again);
    va_end(ap);
    if (n >= 0) log_finish(large ? large : fixed, (size_t)n);
    free(large);
    errno = saved_errno;
}
