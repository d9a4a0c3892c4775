/* container-init: the command line, the build check, and the run. */
#include "cmd/container-init/commands.h"
#include "cmd/container-init/options.h"
#include "cmd/container-init/place.h"
#include "cmd/container-init/probe.h"
#include "cmd/container-init/proxy.h"
#include "cmd/container-init/validate.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "base/timespan.h"
#include "control/protocol.h"
#include "control/server.h"
#include "pid1/leave.h"
#include "pid1/signals.h"
#include "supervisor/manager.h"
#include "supervisor/termination.h"
#include "supervisor/timer_stamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STOP_TIMEOUT_DEFAULT (8 * USEC_PER_SEC)
#define TRACE_FILE_DEFAULT   "/tmp/container-init-trace.jsonl"

static usec_t stop_timeout(const struct options *options)
{
    const char *text = options->stop_timeout ? options->stop_timeout : getenv("CONTAINER_INIT_STOP_TIMEOUT");
    usec_t span;
    if (!text || !*text) return STOP_TIMEOUT_DEFAULT;
    int r = text[0] == '-' ? -ERANGE : timespan_parse(text, USEC_PER_SEC, &span, NULL);
    if (r == 0 && span > 0) return span;
    if (r == -EINVAL) log_warning("warning: stop timeout: '%s' is not a time span; using 8s", text);
    return STOP_TIMEOUT_DEFAULT; /* zero or less restores the default (S02) */
}

static const char *state_dir(const struct options *options)
{
    const char *path = options->state_dir ? options->state_dir : getenv("CONTAINER_INIT_STATE_DIR");
    return path && *path ? path : TIMER_STATE_DIRECTORY;
}

static int set_log_level(const char *word)
{
    for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
        if (strcmp(word, log_level_name(level)) == 0) {
            log_set_threshold(level);
            return 0;
        }
    log_error("--log-level: '%s' is none of error, warning, info, debug", word);
    return -EINVAL;
}

static int set_format(const char *word, enum diag_format *ret)
{
    static const char *const words[] = {
        [DIAG_TEXT] = "text", [DIAG_JSON] = "json", [DIAG_GCC] = "gcc", [DIAG_SARIF] = "sarif"
    };
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(word, words[i]) == 0) {
            *ret = (enum diag_format)i;
            return 0;
        }
    log_error("--format: '%s' is none of text, json, gcc, sarif", word);
    return -EINVAL;
}

static usec_t monotonic_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

/* Without the interface the container runs all the same: *ret_server is then untouched. */
static void open_control(struct manager *manager, const char *path, struct control_server **ret_server)
{
    const char *where;
    if (path && !*path) return;
    int r = control_server_new(manager, path, ret_server, &where);
    if (r < 0)
        log_warning("control: %s: %s; going on without", path ? path : CONTROL_PATH_DEFAULT, strerror(-r));
    else
        log_debug("control: %s", where);
}

/* Says what is wrong, and keeps it. Warnings are not the reason. */
static void keep_line(const char *line, size_t length, void *userdata)
{
    int r = fd_write_all(STDERR_FILENO, line, length);
    if (!str_starts_with(line, "container-init: warning: ")) r = str_append_bytes(userdata, line, length);
    (void)r; /* nobody is left to tell */
}

static int load_units(const struct options *options, const struct validate_request *request, struct loaded_units *units)
{
    AUTO_STR struct str reason = STR_EMPTY;
    log_set_writer(keep_line, &reason);
    int r = cmd_load_units(request, units);
    log_set_writer(NULL, NULL);
    if (r != 0) termination_write_text(options->termination_log, str_text(&reason));
    return r;
}

static int run(const struct options *options, const struct validate_request *request)
{
    pid1_signals_hold();
    usec_t load_started = monotonic_now();
    __attribute__((cleanup(loaded_units_done))) struct loaded_units units = { .set = NULL };
    int r = load_units(options, request, &units);
    if (r != 0) return r;

    const char *trace = getenv("CONTAINER_INIT_TRACE"), *path = getenv("CONTAINER_INIT_TRACE_FILE");
    struct manager_options manager_options = {
        .stop_timeout = stop_timeout(options),
        .stay = options->stay,
        .trace_path = trace && strcmp(trace, "1") == 0 ? (path && *path ? path : TRACE_FILE_DEFAULT) : NULL,
        .trace_labels = getenv("CONTAINER_INIT_TRACE_LABELS"),
        .load_units = units.report.units,
        .load_warnings = units.report.warnings,
        .load_started = load_started,
        .passwd_file = getenv("CONTAINER_INIT_PASSWD_FILE"),
        .group_file = getenv("CONTAINER_INIT_GROUP_FILE"),
        .termination_log = options->termination_log,
        .state_dir = state_dir(options),
        .environ = environ,
    };
    AUTO(manager_free) struct manager *manager = NULL;
    AUTO(control_server_free) struct control_server *control = NULL;
    r = manager_new(&manager_options, units.set, units.graph, &manager);
    if (r == 0) open_control(manager, options->control, &control);
    if (r == 0) r = manager_run(manager);
    if (r >= 0) return pid1_leave(manager->shutdown.goal, manager->shutdown.reboot_argument, r);
    log_error("supervisor: %s", strerror(-r));
    return EXIT_FAILURE;
}

static int load(const struct options *options)
{
    const char *directories[PLACE_DIRECTORIES];
    place_directories(options, directories);
    struct validate_request request = {
        .directories = directories,
        .systemd = options->systemd,
        .root = options->root,
        .environment = environ,
        .allow = (const char *const *)options->allow.items,
        .rules = (const char *const *)options->rules.items,
        .strict = options->strict,
        .format = DIAG_TEXT,
        .out = stdout,
        .err = stderr,
    };
    if (options->root && *options->root && !options->validate) {
        log_error("--root: an image is looked at from outside (--validate, show, cat), not run");
        return EXIT_USAGE;
    }
    if (options->format && set_format(options->format, &request.format) < 0) return EXIT_USAGE;
    return options->validate ? cmd_validate(&request) : run(options, &request);
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "";
}

int main(int argc, char **argv)
{
    if (argc > 0 && strcmp(base_name(argv[0]), "systemctl") == 0) return cmd_systemctl(argc, argv);
    if (argc > 1 && strcmp(argv[1], "__probe") == 0) return probe_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "__proxy") == 0) return proxy_main();
    if (argc == 3 && command_help(argv[1], argv[2], stdout)) return EXIT_SUCCESS;
    command_function *command = argc > 1 ? command_find(argv[1]) : NULL;
    if (command) return command(argc - 1, argv + 1);
    struct options options;
    int r = options_parse(argc, argv, &options);
    if (r == 0 && options.log_level) r = set_log_level(options.log_level);
    if (r < 0) {
        r = EXIT_USAGE;
    } else if (options.help) {
        options_help(stdout);
        r = EXIT_SUCCESS;
    } else if (options.version) {
        (void)puts("container-init " CONTAINER_INIT_VERSION); /* a closed standard output is the caller's choice */
        r = EXIT_SUCCESS;
    } else {
        r = load(&options);
    }
    options_done(&options);
    return r;
}
