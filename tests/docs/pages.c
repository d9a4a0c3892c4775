/* Prints the pages of docs/ that come from tables: pages
 * directives|service-states|socket-states|options|commands|rules| rules-manual|container-init.unit.5. scripts/gen-docs
 * writes what it prints, and a test compares. */
#include "tests/docs/pages.h"

#include "supervisor/service_states.h"
#include "unit/directive.h"

#include <stdio.h>
#include <string.h>

/* ---- directives.md ---- */

/* A cell of a table: a bar would end it. */
void print_table_cell(const char *text)
{
    for (; *text; text++) {
        if (*text == '|') putchar('\\');
        putchar(*text);
    }
}

static void print_section(enum section section)
{
    size_t count = directive_count(section), supported = 0;
    for (size_t i = 0; i < count; i++) {
        enum support support = directive_support(directive_get(section, i), section);
        supported += support == SUPPORT_FULL || support == SUPPORT_EXTENSION;
    }
    printf("\n## [%s]\n\n%zu directives, %zu of them act.\n\n", section_name(section), count, supported);
    puts("| directive | support | manual | what it does, or why it does not |\n| --- | --- | --- | --- |");
    for (size_t i = 0; i < count; i++) {
        const struct directive *d = directive_get(section, i);
        printf("| `%s=` | %s | %s | ", d->name, support_name(directive_support(d, section)), d->man);
        print_table_cell(directive_text(d, section));
        puts(" |");
    }
}

static void print_directives(void)
{
    puts("# Directives\n\n"
         "Printed from `unit/directives_*.def` by `scripts/gen-docs`; do not edit. The same list for a terminal:\n"
         "`container-init directives`, for programs: `container-init directives --json`.\n\n"
         "| support | meaning |\n| --- | --- |\n"
         "| supported | works as the manual says, but for what [DIFFERENCES.md](DIFFERENCES.md) names |\n"
         "| extension | known to container-init only, see container-init(8) |\n"
         "| accepted | read and without effect, which does no harm in a container; `--validate` notes it |\n"
         "| unsupported | would change behaviour and does not: a warning, an error under `--strict-units` |\n\n"
         "Any other directive is `unknown-directive`, unless its name begins with `X-`.");
    for (enum section section = 0; section < SECTION_COUNT; section++)
        if (directive_count(section) > 0) print_section(section);
}

/* ---- service-states.md ---- */

struct move {
    enum service_state from, to;
    enum service_event event;
    const char *action;
};
static const struct move moves[] = {
#define M(from, event, to, action) { SERVICE_STATE_##from, SERVICE_STATE_##to, SERVICE_EVENT_##event, #action },
#include "supervisor/service_fsm.def"
#undef M
};
static const char *const state_names[] = {
#define X(state, active, sub, timeout) [SERVICE_STATE_##state] = (sub),
    SERVICE_STATES(X)
#undef X
};
static const char *const active_names[] = {
#define X(state, active, sub, timeout) [SERVICE_STATE_##state] = #active,
    SERVICE_STATES(X)
#undef X
};
static const char *const timeout_names[] = {
#define X(state, active, sub, timeout) [SERVICE_STATE_##state] = #timeout,
    SERVICE_STATES(X)
#undef X
};
static const char *const event_names[] = {
#define X(event) [SERVICE_EVENT_##event] = #event,
    SERVICE_EVENTS(X)
#undef X
};
static const char *const timeout_words[][2] = {
    { "NONE", "-" },
    { "START", "`TimeoutStartSec=`" },
    { "STOP", "`TimeoutStopSec=`" },
    { "ABORT", "`TimeoutAbortSec=`" },
    { "RESTART", "`RestartSec=`" },
    { "RUNTIME", "`RuntimeMaxSec=`" },
};
/* What was observed; a decision (GO_...) is named after the state that it leads to. */
static const char *const event_texts[] = {
    [SERVICE_EVENT_EXECED] = "the program of the main process was executed",
    [SERVICE_EVENT_MAIN_EXIT] = "the main process ended",
    [SERVICE_EVENT_CONTROL_EXIT] = "another command of the unit ended, or the parent process of Type=forking",
    [SERVICE_EVENT_EMPTY] = "the last process of the unit is gone",
    [SERVICE_EVENT_TIMEOUT] = "the time limit of the state passed",
    [SERVICE_EVENT_PID_FILE] = "PIDFile= was written",
    [SERVICE_EVENT_RELOAD] = "a reload was asked for",
    [SERVICE_EVENT_READY] = "readiness was told: by `READY=1`, the name on the bus, a probe or the descriptor for it",
    [SERVICE_EVENT_NAME_LOST] = "the name on the bus has no owner any more",
    [SERVICE_EVENT_NOTIFY_RELOADING] = "`RELOADING=1`",
    [SERVICE_EVENT_NOTIFY_STOPPING] = "`STOPPING=1`",
    [SERVICE_EVENT_WATCHDOG] = "`WATCHDOG=1` did not come in time",
    [SERVICE_EVENT_OOM] = "the kernel killed a process of the unit for memory",
    [SERVICE_EVENT_UNHEALTHY] = "`HealthRetries=` checks of `HealthCheck=` in a row have failed",
};

static const char *timeout_text(enum service_state state)
{
    for (size_t i = 0; i < COUNT_OF(timeout_words); i++)
        if (strcmp(timeout_words[i][0], timeout_names[state]) == 0) return timeout_words[i][1];
    return "?";
}

/* The action on the way into a state from elsewhere; NULL when the rows do not agree. */
static const char *entry_action(enum service_state to)
{
    const char *action = NULL;
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].to != to || moves[i].from == to) continue;
        if (action && strcmp(action, moves[i].action) != 0) return NULL;
        action = moves[i].action;
    }
    return action;
}

static void print_lower(const char *word)
{
    for (; *word; word++) putchar(*word >= 'A' && *word <= 'Z' ? *word - 'A' + 'a' : *word);
}

static void print_diagram(void)
{
    puts("```mermaid\nstateDiagram-v2");
    for (enum service_state state = 0; state < SERVICE_STATE_COUNT; state++)
        printf("    state \"%s\" as s%d\n", state_names[state], (int)state);
    printf("    [*] --> s%d\n", (int)SERVICE_STATE_DEAD);
    for (size_t i = 0; i < COUNT_OF(moves); i++)
        if (moves[i].from != moves[i].to) printf("    s%d --> s%d\n", (int)moves[i].from, (int)moves[i].to);
    puts("```");
}

static void print_state(enum service_state state)
{
    const char *action = entry_action(state), *separator = "";
    printf("| `%s` | ", state_names[state]);
    print_lower(active_names[state]);
    printf(" | %s | `%s` | ", timeout_text(state), action ? action : "?");
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].from != state || moves[i].to != state) continue;
        printf("%s%s `%s`", separator, event_names[moves[i].event], moves[i].action);
        separator = ", ";
    }
    printf(" | ");
    separator = "";
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].from != state || moves[i].to == state) continue;
        printf("%s`%s`", separator, state_names[moves[i].to]);
        separator = ", ";
    }
    puts(" |");
}

/* 0, or 1 when the tables hold what this page has no words for. */
static int print_service_states(void)
{
    puts("# States of a service\n\n"
         "Printed from `supervisor/service_fsm.def` and `supervisor/service_states.h` by `scripts/gen-docs`; do not "
         "edit.\n\n"
         "An observation does not move the service: the action beside it judges what was "
         "seen and\n"
         "decides what comes next. A decision is named after the state that it leads to and is carried out before the "
         "next\n"
         "observation is judged. What a state has no row for is ignored there, by name, in the debug log.\n");
    print_diagram();
    puts("\n## States\n\n| state | ActiveState | bounded by | on entry | judges | leads to |\n"
         "| --- | --- | --- | --- | --- | --- |");
    int status = 0;
    for (enum service_state state = 0; state < SERVICE_STATE_COUNT; state++) {
        print_state(state);
        if (!entry_action(state) || *timeout_text(state) == '?') status = 1;
    }
    puts("\n## Observations\n\n| event | what was seen |\n| --- | --- |");
    for (enum service_event event = 0; event < SERVICE_EVENT_COUNT; event++) {
        if (service_event_is_decision(event)) continue;
        const char *text = event < COUNT_OF(event_texts) ? event_texts[event] : NULL;
        printf("| %s | %s |\n", event_names[event], text ? text : "?");
        if (!text) status = 1;
    }
    return status;
}

/* ---- options, as the manual page has to show them ---- */

static void print_options(void)
{
    static const struct {
        const char *name, *argument, *help;
    } options[] = {
#define O(text, option_kind, member, argument_text, help_text) { (text), (argument_text), (help_text) },
#include "cmd/container-init/options.def"
#undef O
    };
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        if (!options[i].help)
            printf("*-%s*\n", options[i].name);
        else if (options[i].argument)
            printf("*--%s* _%s_\n", options[i].name, options[i].argument);
        else
            printf("*--%s*\n", options[i].name);
    }
}

/* ---- commands, and the verbs of analyze: WORD, or analyze WORD ---- */

static void print_commands(void)
{
#define C(word, function, arguments, help) puts(word);
#include "cmd/container-init/commands.def"
#undef C
#define A(verb, function, least, operands, help) puts("analyze " verb);
#include "cmd/container-init/analyze.def"
#undef A
}

int main(int argc, char **argv)
{
    const char *page = argc == 2 ? argv[1] : "";
    int status = 0;
    if (strcmp(page, "directives") == 0)
        print_directives();
    else if (strcmp(page, "service-states") == 0)
        status = print_service_states();
    else if (strcmp(page, "socket-states") == 0)
        status = print_socket_states();
    else if (strcmp(page, "rules") == 0)
        print_rules();
    else if (strcmp(page, "rules-manual") == 0)
        print_rules_manual();
    else if (strcmp(page, "options") == 0)
        print_options();
    else if (strcmp(page, "commands") == 0)
        print_commands();
    else if (strcmp(page, "container-init.unit.5") == 0)
        status = print_unit_page(TEST_SOURCE_DIR "/tests/docs/unit.5.scd");
    else
        status = 2;
    return fflush(stdout) == 0 ? status : 1;
}
