/* What a unit's settings must fulfil together, and the defaults that depend on other settings. */
#include "unit/fragment.h"

#include "base/diag.h"

struct finish {
    const char *path;
    const struct fragment_context *context;
    struct unit_settings *settings;
    struct diag_sink *diags;
    bool refused;
};

/* systemd's DefaultStartLimitIntervalSec= and DefaultStartLimitBurst=, DefaultTimeoutStartSec=. */
#define START_LIMIT_INTERVAL (10 * USEC_PER_SEC)
#define START_LIMIT_BURST    5
#define TIMEOUT_DEFAULT      (90 * USEC_PER_SEC)
#define TIMEOUT_STOP_NATIVE  (5 * USEC_PER_SEC)

static void refuse(struct finish *f, struct origin origin, const char *section, const char *key, const char *code,
                   const char *hint, const char *what)
{
    struct diag_about about = { { origin.file ? origin.file : f->path, origin.line, 0 }, section, key };
    f->refused = true;
    diag_report(f->diags, DIAG_ERROR, about, code, hint, "%s", what);
}

/* D8, S50: without either there is no limit in the native directories; one of them brings systemd's other. */
static void finish_start_limit(struct finish *f)
{
    struct unit_section *unit = &f->settings->unit;
    bool interval_set = unit->start_limit_interval != USEC_UNSET, burst_set = unit->start_limit_burst != UINT32_MAX;
    bool limited = interval_set || burst_set || !f->context->native;
    if (!interval_set) unit->start_limit_interval = limited ? START_LIMIT_INTERVAL : 0;
    if (!burst_set) unit->start_limit_burst = limited ? START_LIMIT_BURST : 0;
}

static void finish_commands(struct finish *f)
{
    struct service_section *service = &f->settings->service;
    const struct command_list *start = &service->commands[SERVICE_EXEC_START];
    if (start->count == 0 && !f->context->native && !service->type_set) service->type = SERVICE_ONESHOT;
    if (start->count == 0) {
        bool allowed = !f->context->native && service->type == SERVICE_ONESHOT && service->remain_after_exit &&
                       service->commands[SERVICE_EXEC_STOP].count > 0;
        if (!allowed)
            refuse(f, (struct origin){ 0 }, "Service", "ExecStart", "missing-exec-start", NULL,
                   "a service needs ExecStart=");
    } else if (start->count > 1 && service->type != SERVICE_ONESHOT) {
        refuse(f, start->items[1].origin, "Service", "ExecStart", "too-many-commands",
               "an empty ExecStart= drops the earlier ones", "more than one command is for Type=oneshot only");
    }
}

static void finish_service(struct finish *f)
{
    struct service_section *service = &f->settings->service;
    finish_commands(f);
    bool oneshot = service->type == SERVICE_ONESHOT;
    if (oneshot && (service->restart == RESTART_ALWAYS || service->restart == RESTART_ON_SUCCESS))
        refuse(f, (struct origin){ 0 }, "Service", "Restart", "bad-restart", NULL,
               "Restart=always and on-success are not for Type=oneshot");
    if (service->timeout_start == USEC_UNSET) service->timeout_start = oneshot ? USEC_INFINITY : TIMEOUT_DEFAULT;
    if (service->timeout_stop == USEC_UNSET)
        service->timeout_stop = f->context->native ? TIMEOUT_STOP_NATIVE : TIMEOUT_DEFAULT;

    struct exec_stream *streams = f->settings->exec.streams; /* systemd.exec(5), StandardOutput= */
    if (streams[0].kind == STD_TTY && !streams[1].origin.file) streams[1].kind = STD_INHERIT;
}

static void finish_socket(struct finish *f)
{
    const struct socket_section *socket = &f->settings->socket;
    if (socket->listens.count == 0)
        refuse(f, (struct origin){ 0 }, "Socket", "ListenStream", "missing-listener", NULL,
               "a socket needs ListenStream=");
    if (socket->activation_mode == ACTIVATION_PROXY && !socket->proxy_target)
        refuse(f, (struct origin){ 0 }, "Socket", "ProxyTarget", "missing-proxy-target", NULL,
               "ActivationMode=proxy needs ProxyTarget=");
    if (socket->activation_mode == ACTIVATION_NATIVE && socket->proxy_target)
        refuse(f, socket->proxy_target_origin, "Socket", "ProxyTarget", "proxy-target-unused",
               "set ActivationMode=proxy", "ProxyTarget= has no meaning with ActivationMode=native");
}

int fragment_finish(struct arena *arena UNUSED, const char *path, const struct fragment_context *context,
                    struct unit_settings *settings, struct diag_sink *diags)
{
    struct finish f = { .path = path, .context = context, .settings = settings, .diags = diags };
    finish_start_limit(&f);
    if (context->kind == UNIT_KIND_SERVICE) finish_service(&f);
    if (context->kind == UNIT_KIND_SOCKET) finish_socket(&f);
    return f.refused;
}
