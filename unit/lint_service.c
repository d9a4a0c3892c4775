/* Rules about the directives of one unit together. */
#include "unit/lint_internal.h"

#include <string.h>

#include "base/parse.h"
#include "unit/fragment.h"

/* systemd.service(5), Type=notify: NotifyAccess=none is forcibly set to main. */
static void notify_rule(const struct lint_subject *s)
{
    const char *type = lint_value(s->lint, LINT_TYPE);
    bool notify = strcmp(type, "notify") == 0 || strcmp(type, "notify-reload") == 0;
    if (notify && strcmp(lint_value(s->lint, LINT_NOTIFY_ACCESS), "none") == 0)
        lint_report(s, DIAG_WARNING, lint_last(s->lint, LINT_NOTIFY_ACCESS)->at, "NotifyAccess",
                    "notify-without-access", "Type=%s needs its messages: systemd reads none as main", type);
}

/* systemd.service(5), Type=forking: "recommended". */
static void forking_rule(const struct lint_subject *s)
{
    if (strcmp(lint_value(s->lint, LINT_TYPE), "forking") == 0 && !lint_last(s->lint, LINT_PID_FILE))
        lint_report(s, DIAG_NOTE, lint_last(s->lint, LINT_TYPE)->at, "Type", "forking-without-pid-file",
                    "without PIDFile= the main process is guessed");
}

static void kill_mode_rule(const struct lint_subject *s)
{
    const struct lint_written *mode = lint_last(s->lint, LINT_KILL_MODE);
    if (mode && strcmp(lint_value(s->lint, LINT_KILL_MODE), "none") == 0)
        lint_report(s, DIAG_WARNING, mode->at, "KillMode", "kill-mode-none", "nothing ends the processes of the unit");
}

/* A service whose process is gone stays active, and nobody restarts it. */
static void remain_rule(const struct lint_subject *s)
{
    const char *type = lint_value(s->lint, LINT_TYPE);
    bool remain = false;
    if (parse_bool(lint_value(s->lint, LINT_REMAIN_AFTER_EXIT), &remain) < 0 || !remain) return;
    if (strcmp(type, "oneshot") == 0 || strcmp(type, "forking") == 0 ||
        (*type == '\0' && !lint_last(s->lint, LINT_EXEC_START)))
        return;
    lint_report(s, DIAG_NOTE, lint_last(s->lint, LINT_REMAIN_AFTER_EXIT)->at, "RemainAfterExit", "remain-after-exit",
                "the service counts as active when its process has ended; it is for Type=oneshot");
}

/* What a directive of a socket is for. */
enum socket_need { FOR_PROXY, FOR_ACCEPT, FOR_NO_ACCEPT, FOR_HAND_OVER, FOR_FIFO, FOR_SPECIAL, FOR_QUEUE };

static bool has_listener(const struct socket_listen_list *list, enum listen_kind kind)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].kind == kind) return true;
    return false;
}

/* What the socket lacks, or has instead; NULL when the directive has its effect. */
static const char *what_is_amiss(const struct socket_section *socket, enum socket_need need)
{
    bool proxy = socket->activation_mode == ACTIVATION_PROXY;
    switch (need) {
    case FOR_PROXY:
        return proxy ? NULL : "without ActivationMode=proxy";
    case FOR_ACCEPT:
        if (proxy) return "with ActivationMode=proxy";
        return socket->accept ? NULL : "without Accept=yes";
    case FOR_NO_ACCEPT:
        return socket->accept ? "with Accept=yes" : NULL;
    case FOR_HAND_OVER:
        if (proxy) return "with ActivationMode=proxy, which hands no descriptor over";
        return socket->accept ? "with Accept=yes: the descriptor's name is \"connection\"" : NULL;
    case FOR_FIFO:
        return has_listener(&socket->listens, LISTEN_FIFO) ? NULL : "without ListenFIFO=";
    case FOR_SPECIAL:
        return has_listener(&socket->listens, LISTEN_SPECIAL) ? NULL : "without ListenSpecial=";
    case FOR_QUEUE:
        return has_listener(&socket->listens, LISTEN_MESSAGE_QUEUE) ? NULL : "without ListenMessageQueue=";
    }
    return NULL;
}

/* systemd.socket(5) says what each is for, and systemd nothing of one that has no effect. */
static void socket_rule(const struct lint_subject *s)
{
    static const struct {
        uint8_t key, need; /* enum lint_key, enum socket_need */
        const char *proxy; /* what a proxy has instead */
    } rows[] = {
        { LINT_PROXY_CONNECT_TIMEOUT, FOR_PROXY, NULL },
        { LINT_PROXY_IDLE_TIMEOUT, FOR_PROXY, NULL },
        { LINT_PROXY_MAX, FOR_PROXY, NULL },
        { LINT_PROXY_MAX_PER_SOURCE, FOR_PROXY, NULL },
        { LINT_PROXY_PROTOCOL, FOR_PROXY, NULL },
        { LINT_PROXY_TRANSPARENT, FOR_PROXY, NULL },
        { LINT_MAX_CONNECTIONS, FOR_ACCEPT, "; ProxyConnectionsMax= limits a proxy" },
        { LINT_MAX_CONNECTIONS_PER_SOURCE, FOR_ACCEPT, "; ProxyConnectionsMaxPerSource= limits a proxy" },
        { LINT_DEFER_TRIGGER, FOR_NO_ACCEPT, NULL },
        { LINT_FLUSH_PENDING, FOR_NO_ACCEPT, NULL },
        { LINT_FD_NAME, FOR_HAND_OVER, NULL },
        { LINT_PIPE_SIZE, FOR_FIFO, NULL },
        { LINT_WRITABLE, FOR_SPECIAL, NULL },
        { LINT_MQ_MAX_MESSAGES, FOR_QUEUE, NULL },
        { LINT_MQ_MESSAGE_SIZE, FOR_QUEUE, NULL },
    };
    const struct socket_section *socket = &s->settings->socket;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct lint_written *written = lint_last(s->lint, rows[i].key);
        const char *amiss = written ? what_is_amiss(socket, rows[i].need) : NULL;
        if (!amiss) continue;
        bool proxy = socket->activation_mode == ACTIVATION_PROXY;
        lint_report(s, proxy || rows[i].need == FOR_PROXY ? DIAG_WARNING : DIAG_NOTE, written->at,
                    lint_key_about(rows[i].key).key, "socket-setting-unused", "has no effect %s%s", amiss,
                    proxy && rows[i].proxy ? rows[i].proxy : "");
    }
}

static const struct {
    void (*look)(const struct lint_subject *subject);
    uint32_t kinds;
} rules[] = {
    { notify_rule, 1U << UNIT_KIND_SERVICE },
    { forking_rule, 1U << UNIT_KIND_SERVICE },
    { kill_mode_rule, 1U << UNIT_KIND_SERVICE | 1U << UNIT_KIND_SOCKET | 1U << UNIT_KIND_SCOPE },
    { remain_rule, 1U << UNIT_KIND_SERVICE },
    { socket_rule, 1U << UNIT_KIND_SOCKET },
};

void lint_unit_rules(const struct lint_subject *subject)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (rules[i].kinds & 1U << subject->context->kind) rules[i].look(subject);
}
