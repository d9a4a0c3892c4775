/* container-init systemctl: its options, its verbs, and what they share. */
#include "cmd/container-init/systemctl.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cmd/container-init/commands.h"
#include "control/client.h"
#include "unit/name.h"

static const struct verb {
    const char *word;
    systemctl_function *function;
    uint8_t least; /* operands */
    bool offline;  /* nobody is asked */
} verbs[] = {
    { "cancel", systemctl_cancel, 0, false },
    { "condrestart", systemctl_job, 1, false },
    { "daemon-reexec", systemctl_reload_none, 0, true },
    { "daemon-reload", systemctl_reload_none, 0, true },
    { "exit", systemctl_exit, 0, false },
    { "force-reload", systemctl_job, 1, false },
    { "halt", systemctl_exit, 0, false },
    { "is-active", systemctl_is_active, 1, false },
    { "is-failed", systemctl_is_failed, 1, false },
    { "is-system-running", systemctl_is_system_running, 0, false },
    { "isolate", systemctl_isolate, 1, false },
    { "kill", systemctl_kill, 1, false },
    { "list-jobs", systemctl_list_jobs, 0, false },
    { "list-sockets", systemctl_list_sockets, 0, false },
    { "list-timers", systemctl_list_timers, 0, false },
    { "list-units", systemctl_list_units, 0, false },
    { "poweroff", systemctl_exit, 0, false },
    { "reboot", systemctl_exit, 0, false },
    { "reload", systemctl_job, 1, false },
    { "reload-or-restart", systemctl_job, 1, false },
    { "reset-failed", systemctl_reset_failed, 0, false },
    { "restart", systemctl_job, 1, false },
    { "show", systemctl_show, 0, false },
    { "start", systemctl_job, 1, false },
    { "status", systemctl_status, 0, false },
    { "stop", systemctl_job, 1, false },
    { "try-reload-or-restart", systemctl_job, 1, false },
    { "try-restart", systemctl_job, 1, false },
};

enum option_kind {
    OPTION_IGNORED,      /* without effect here: nothing pages, nobody is asked for a password... */
    OPTION_IGNORED_WORD, /* the same with an argument */
    OPTION_REFUSED,      /* there is one manager to ask */
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_LIST,
    OPTION_HELP,
    OPTION_VERSION
};

#define AT(member) offsetof(struct systemctl, member)
static const struct option {
    const char *name;
    char letter;
    uint8_t kind; /* enum option_kind */
    uint16_t offset;
} options[] = {
    { "all", 'a', OPTION_FLAG, AT(all) },
    { "check-inhibitors", '\0', OPTION_IGNORED_WORD, 0 },
    { "control", '\0', OPTION_TEXT, AT(control) },
    { "failed", '\0', OPTION_FLAG, AT(failed) },
    { "force", 'f', OPTION_IGNORED, 0 },
    { "full", 'l', OPTION_IGNORED, 0 },
    { "help", 'h', OPTION_HELP, 0 },
    { "host", 'H', OPTION_REFUSED, 0 },
    { "job-mode", '\0', OPTION_TEXT, AT(job_mode) },
    { "json", '\0', OPTION_FLAG, AT(json) },
    { "kill-who", '\0', OPTION_TEXT, AT(whom) },
    { "kill-whom", '\0', OPTION_TEXT, AT(whom) },
    { "lines", 'n', OPTION_IGNORED_WORD, 0 },
    { "machine", 'M', OPTION_REFUSED, 0 },
    { "message", '\0', OPTION_IGNORED_WORD, 0 },
    { "no-ask-password", '\0', OPTION_IGNORED, 0 },
    { "no-block", '\0', OPTION_FLAG, AT(no_block) },
    { "no-legend", '\0', OPTION_FLAG, AT(no_legend) },
    { "no-pager", '\0', OPTION_IGNORED, 0 },
    { "no-wall", '\0', OPTION_IGNORED, 0 },
    { "output", 'o', OPTION_TEXT, AT(output) },
    { "plain", '\0', OPTION_IGNORED, 0 },
    { "property", 'p', OPTION_LIST, AT(properties) },
    { "property", 'P', OPTION_LIST, AT(properties) },
    { "quiet", 'q', OPTION_FLAG, AT(quiet) },
    { "show-types", '\0', OPTION_FLAG, AT(show_types) },
    { "signal", 's', OPTION_TEXT, AT(signal) },
    { "state", '\0', OPTION_LIST, AT(states) },
    { "system", '\0', OPTION_IGNORED, 0 },
    { "type", 't', OPTION_LIST, AT(types) },
    { "user", '\0', OPTION_REFUSED, 0 },
    { "value", '\0', OPTION_FLAG, AT(value) },
    { "version", '\0', OPTION_VERSION, 0 },
    { "wait", '\0', OPTION_IGNORED, 0 },
};

/* A closed standard error is the caller's choice. */
void systemctl_complain(const struct systemctl *ctl, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(ctl->err, fmt, args); /* NOLINT(clang-analyzer-valist.Uninitialized): it is, one line above */
    va_end(args);
    (void)fputc('\n', ctl->err);
}

/* ---- asking ---- */

int systemctl_ask(struct systemctl *ctl, const struct control_request *request, systemctl_answer *fn, void *userdata)
{
    int r = control_send(ctl->fd.n, request), answered = 0;
    while (r >= 0) {
        AUTO(json_free) struct json_value *answer = NULL;
        r = control_receive(ctl->fd.n, &answer);
        if (r == 0) return answered;
        if (r == 1 && answered == 0) answered = fn(ctl, answer, userdata);
    }
    if (answered == 0) systemctl_complain(ctl, "The connection to container-init broke: %s", strerror(-r));
    return answered != 0 ? answered : r;
}

struct matching {
    const char *pattern;
    struct strlist *out;
};

static int add_match(struct systemctl *ctl, struct json_value *answer, void *userdata)
{
    const struct matching *matching = userdata;
    const char *id = json_get_string(answer, "Id");
    (void)ctl;
    if (!id || fnmatch(matching->pattern, id, FNM_NOESCAPE) != 0 || strlist_contains(matching->out, id)) return 0;
    return strlist_add(matching->out, id);
}

int systemctl_names(struct systemctl *ctl, size_t n, char **operands, struct strlist *out)
{
    for (size_t i = 0; i < n; i++) {
        AUTO_STR struct str name = STR_EMPTY;
        int r = unit_name_mangle(operands[i], ".service", true, &name);
        if (r == 0 && strpbrk(str_text(&name), "*?[")) {
            struct control_request request = CONTROL_REQUEST_EMPTY;
            struct matching matching = { str_text(&name), out };
            request.verb = CONTROL_UNITS;
            r = systemctl_ask(ctl, &request, add_match, &matching);
            if (r < 0) return r;
        } else if (r == 0) {
            r = strlist_add(out, str_text(&name));
        }
        if (r < 0) {
            systemctl_complain(ctl, "Invalid unit name \"%s\".", operands[i]);
            return r;
        }
    }
    return 0;
}

/* ---- the command line ---- */

/* The function of a word says what it is worth; "" is no argument. */
static int apply(struct systemctl *ctl, const struct option *option, char *value, bool *ret_done)
{
    char *slot = (char *)ctl + option->offset;
    switch ((enum option_kind)option->kind) {
    case OPTION_IGNORED:
    case OPTION_IGNORED_WORD:
        return 0;
    case OPTION_REFUSED:
        systemctl_complain(ctl, "--%s: there is one manager to ask, that of this container.", option->name);
        return -EINVAL;
    case OPTION_FLAG:
        *(bool *)slot = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)slot = value;
        return 0;
    case OPTION_LIST:
        if (option->letter == 'P') ctl->value = true;
        for (char *word = value; word && *word;) {
            size_t length = strcspn(word, ",");
            if (length > 0 && strlist_add_bytes((struct strlist *)slot, word, length) < 0) return -ENOMEM;
            word += length + (word[length] == ',');
        }
        return 0;
    case OPTION_HELP:
        (void)fputs("Usage: container-init systemctl [OPTIONS...] VERB [UNIT...]\n\nVerbs:", ctl->out);
        for (size_t i = 0; i < COUNT_OF(verbs); i++) (void)fprintf(ctl->out, " %s", verbs[i].word);
        (void)fputs("\n\nSee systemctl(1) and container-init(8), \"COMMANDS\".\n", ctl->out);
        break;
    case OPTION_VERSION:
        (void)fputs("container-init " CONTAINER_INIT_VERSION "\n", ctl->out);
        break;
    }
    *ret_done = true;
    return 0;
}

static bool takes_word(const struct option *option)
{
    return option->kind == OPTION_IGNORED_WORD || option->kind == OPTION_TEXT || option->kind == OPTION_LIST;
}

/* "--name", "--name=value", "--name value". */
static int long_option(struct systemctl *ctl, char **argv, int *index, bool *ret_done)
{
    char *word = argv[*index] + 2, *value = strchr(word, '=');
    size_t length = value ? (size_t)(value++ - word) : strlen(word);
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        if (strncmp(options[i].name, word, length) != 0 || options[i].name[length]) continue;
        if (takes_word(&options[i]) && !value) value = argv[++*index];
        if (takes_word(&options[i]) == (value != NULL)) return apply(ctl, &options[i], value, ret_done);
        systemctl_complain(ctl, "systemctl: option '--%s' %s an argument", options[i].name,
                           value ? "takes no" : "requires");
        return -EINVAL;
    }
    systemctl_complain(ctl, "systemctl: unrecognized option '--%s'", word);
    return -EINVAL;
}

/* "-q", "-pNAME", "-p NAME", "-qp NAME". */
static int short_options(struct systemctl *ctl, char **argv, int *index, bool *ret_done)
{
    for (char *p = argv[*index] + 1; *p && !*ret_done; p++) {
        const struct option *option = NULL;
        for (size_t i = 0; i < COUNT_OF(options) && !option; i++)
            if (options[i].letter == *p) option = &options[i];
        char *value = option && takes_word(option) ? (p[1] ? p + 1 : argv[++*index]) : NULL;
        if (!option || (takes_word(option) && !value)) {
            systemctl_complain(ctl, "systemctl: %s -- '%c'", option ? "option requires an argument" : "invalid option",
                               *p);
            return -EINVAL;
        }
        int r = apply(ctl, option, value, ret_done);
        if (r < 0 || value) return r;
    }
    return 0;
}

/* Operands are moved to the front of argv. Their number, or -errno. */
static int take_options(struct systemctl *ctl, char **argv, bool *ret_done)
{
    int n = 0, r = 0;
    for (int i = 1; r == 0 && !*ret_done && argv[i]; i++) {
        if (strcmp(argv[i], "--") == 0) {
            while (argv[++i]) argv[n++] = argv[i];
            break;
        }
        if (argv[i][0] != '-' || !argv[i][1])
            argv[n++] = argv[i];
        else
            r = argv[i][1] == '-' ? long_option(ctl, argv, &i, ret_done) : short_options(ctl, argv, &i, ret_done);
    }
    return r < 0 ? r : n;
}

static int run_verb(struct systemctl *ctl, const char *word, size_t n, char **operands)
{
    const struct verb *verb = NULL;
    for (size_t i = 0; i < COUNT_OF(verbs) && !verb; i++)
        if (strcmp(verbs[i].word, word) == 0) verb = &verbs[i];
    if (!verb || n < verb->least) {
        systemctl_complain(ctl, verb ? "Too few arguments." : "Unknown command verb %s.", word);
        return SYSTEMCTL_FAILED;
    }
    if (ctl->output && strncmp(ctl->output, "json", 4) == 0) ctl->json = true;
    int r = verb->offline ? 0 : control_connect(ctl->control, &ctl->fd);
    if (r < 0) {
        systemctl_complain(ctl, "Failed to connect to container-init: %s", strerror(-r));
        return SYSTEMCTL_FAILED;
    }
    r = verb->function(ctl, word, n, operands);
    return r < 0 ? SYSTEMCTL_FAILED : r;
}

int systemctl_main(FILE *out, FILE *err, int argc, char **argv)
{
    struct systemctl ctl = { .out = out, .err = err, .fd = FD_NONE };
    bool done = false;
    int n = argc > 0 ? take_options(&ctl, argv, &done) : -EINVAL, r = SYSTEMCTL_FAILED;
    if (done)
        r = SYSTEMCTL_OK;
    else if (n >= 0)
        r = run_verb(&ctl, n > 0 ? argv[0] : "list-units", n > 0 ? (size_t)n - 1 : 0, argv + 1);
    fd_close(&ctl.fd);
    strlist_done(&ctl.properties);
    strlist_done(&ctl.states);
    strlist_done(&ctl.types);
    return fflush(out) == 0 && !ferror(out) ? r : SYSTEMCTL_FAILED;
}

int cmd_systemctl(int argc, char **argv)
{
    return systemctl_main(stdout, stderr, argc, argv);
}
