/* base/log.h - the supervisor's own log lines: "container-init: TEXT".
 *
 * L0-L2 libraries do not log, they return errors; cmd and supervisor do. The threshold and the writer are the only
 * process-wide state of the program. Source: SEED.md S12. */
#pragma once
#include "base/attr.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Where finished lines go (with the newline). The default writes to descriptor 2 and may block: the supervisor installs
 * its never-blocking output before the loop runs. */
typedef void log_writer(const char *line, size_t length, void *userdata);
void log_set_writer(log_writer *writer, void *userdata); /* NULL restores the default */
void log_set_threshold(enum log_level level);
bool log_enabled(enum log_level level);
const char *log_level_name(enum log_level level); /* "warning" */

/* Adds the prefix and the newline; control bytes become '?', but tabs, and newlines with two blanks behind them: a text
 * of somebody else, such as the name of a client's socket, begins no line that looks like ours. errno is kept. */
PRINTF(2, 3) void log_at(enum log_level level, const char *fmt, ...);
#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                                                 \
    do {                                                                                                               \
        if (log_enabled(LOG_LEVEL_DEBUG)) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__);                                        \
    } while (0)
