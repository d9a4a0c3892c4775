/* The proxy of a socket unit: PID 1's half. It waits for the first client, starts the worker and the service, tells the
 * worker how the service is, and tells of what the worker tells. The worker leaves when nobody has been there for a
 * while, and PID 1 waits for the next client. */
#include "supervisor/socket_internal.h"

#include "base/log.h"
#include "socketact/listener.h"
#include "socketact/proxy_channel.h"
#include "supervisor/file_helper.h"
#include "supervisor/proxy_worker.h"
#include "supervisor/restart.h"
#include "supervisor/socket_open.h"
#include "trace/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define LINGER    (10 * USEC_PER_SEC)   /* without a connection, until the worker leaves */
#define DRAIN_MAX (3 * USEC_PER_SEC)    /* one that does not end after PROXY_ORDER_STOP is killed */
#define DIALS_MAX 256                   /* connections that PID 1 is asked for at a time */
#define AGAIN     (100 * USEC_PER_MSEC) /* after the worker died; doubled each time that it said nothing at all */
#define AGAIN_MAX 5                     /* doublings */

/* A worker process, from its start to its end; several only while earlier ones leave. */
struct socket_worker {
    LIST_ENTRY(socket_worker) link;
    struct socket *socket;
    struct proxy_worker *process;
    struct proxy_counts counts; /* as it said last */
    struct loop_deadline kill;
    bool leaving; /* it said so, or was told to stop */
};
/* A target that PID 1 connects to, by a file helper. */
struct far_dial {
    LIST_ENTRY(far_dial) link;
    struct socket_proxy *proxy;
    uint32_t id;
    struct file_request *request;
};
struct socket_proxy {
    struct socket_worker *worker; /* NULL: PID 1 waits for the next client itself */
    bool ready;                   /* the service is */
    bool waits;                   /* somebody does, for the service */
    bool is_ordered;              /* it goes down because it is to */
    uint32_t number;              /* of the last order */
    uint8_t speechless;           /* workers that died so, one after another */
    uint32_t n_dials;
    struct loop_deadline idle_due;
    LIST_HEAD(, far_dial) dials;
};

/* ---- targets whose path may not answer ---- */

static int dial_task(void *argument, struct file_answer *answer)
{
    const struct socket *s = argument;
    struct address target;
    struct socket_address to = { .length = 0 };
    int r = address_parse_target(socket_settings(s)->proxy_target, &target);
    if (r == 0) r = socket_address_make(&target, NULL, &to);
    if (r < 0) return r;
    bool packets = socket_settings(s)->listens.items[0].kind == LISTEN_SEQPACKET;
    int type = packets ? SOCK_SEQPACKET : SOCK_STREAM;
    AUTO_FD struct fd fd = fd_own(socket(to.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_is_open(&fd) || connect(fd.n, &to.any, to.length) < 0) return -errno;
    return file_answer_add_take(answer, fd_take(&fd));
}

static void dial_forget(struct far_dial *dial)
{
    LIST_REMOVE(dial, link);
    dial->proxy->n_dials--;
    free(dial);
}

static void order(struct socket_proxy *proxy, enum proxy_order_type type, uint32_t value, int error, int passed_fd)
{
    struct proxy_order what = { .type = type, .number = proxy->number, .value = value, .error = error };
    if (proxy->worker) proxy_worker_order(proxy->worker->process, &what, passed_fd);
}

static void on_dialed(int r, struct file_answer *answer, void *userdata)
{
    struct far_dial *dial = userdata;
    if (r == 0 && answer->n_fds != 1) r = -EBADMSG;
    order(dial->proxy, PROXY_ORDER_DIALED, dial->id, -r, r == 0 ? answer->fds[0].n : -1);
    dial_forget(dial);
}

static void dials_cancel(struct socket_proxy *proxy)
{
    for (struct far_dial *dial; (dial = LIST_FIRST(&proxy->dials));) {
        file_helper_cancel(&dial->request);
        dial_forget(dial);
    }
}

static void dial_far(struct socket *s, uint32_t id)
{
    struct socket_proxy *proxy = s->proxy;
    struct far_dial *dial = proxy->n_dials < DIALS_MAX ? calloc(1, sizeof *dial) : NULL;
    int r = dial ? 0 : -EAGAIN;
    if (dial) {
        *dial = (struct far_dial){ .proxy = proxy, .id = id };
        LIST_INSERT_HEAD(&proxy->dials, dial, link);
        proxy->n_dials++;
        struct file_task task = { .run = dial_task,
                                  .argument = s,
                                  .keep_fd = -1,
                                  .timeout = socket_settings(s)->proxy_connect_timeout,
                                  .done = on_dialed,
                                  .userdata = dial };
        r = file_helper_ask(s->base.manager->file_helpers, &task, &dial->request);
        log_debug("socket %s: its target is connected to by a file helper", socket_name(s));
        if (r < 0) dial_forget(dial);
    }
    if (r < 0) order(proxy, PROXY_ORDER_DIALED, id, -r, -1);
}

/* ---- what the worker says ---- */

static void tell_ended(struct socket *s, const struct proxy_ended *ended)
{
    char from[SOCKET_ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX] = "?";
    struct socket_address peer = { .length = offsetof(struct sockaddr_un, sun_path) };
    struct address target;
    memcpy(peer.room, &ended->from, sizeof ended->from);
    socket_address_unmap(&peer);
    (void)socket_address_format(&peer, from);
    if (address_parse_target(socket_settings(s)->proxy_target, &target) == 0) (void)address_format(&target, to);
    const char *why = ended->error == ELOOP ? "the target is the proxy itself"
                      : ended->error        ? strerror(ended->error)
                                            : "";
    log_info("socket %s proxy %s -> %s %s%s", socket_name(s), from, to, ended->error ? "error: " : "done", why);
    TRACE(s->base.manager->trace, "proxy_done", ended->error ? TRACE_ERROR : TRACE_OK, 0,
          TF_STR("unit", socket_name(s)), TF_STR("from", from), TF_STR("to", to), TF_STR("err", why),
          TF_U64("up_bytes", ended->up), TF_U64("down_bytes", ended->down));
}

static void take_counts(struct socket_worker *w, const struct proxy_counts *counts)
{
    struct socket *s = w->socket;
    struct socket_counters *of = &s->counters;
    uint64_t refused = counts->refused - w->counts.refused;
    if (counts->connections < w->counts.connections) s->refusing = false;
    if (refused > 0 && !s->refusing) {
        log_warning("socket %s proxy: clients are refused (%" PRIu64 " so far)", socket_name(s), of->refused + refused);
        s->refusing = true; /* until one ends */
    }
    of->accepted += counts->accepted - w->counts.accepted;
    of->refused += refused;
    of->connections += counts->connections - w->counts.connections;
    w->counts = *counts;
}

static void arm_idle(struct socket *s, usec_t after)
{
    struct loop *loop = s->base.manager->loop;
    usec_t idle = socket_settings(s)->idle_stop;
    if (idle == USEC_INFINITY || !s->proxy->ready) return;
    usec_t at = usec_add(loop_now(loop), usec_sub(idle, after));
    if (loop_deadline_set(loop, &s->proxy->idle_due, at, socket_proxy_idle_due, s) < 0)
        log_error("socket %s: out of memory: its service stays up", socket_name(s));
}

/* The worker is none any more that would be told anything. */
static void let_go(struct socket *s)
{
    s->proxy->worker->leaving = true;
    s->proxy->worker = NULL;
    dials_cancel(s->proxy);
}

static void on_leaving(struct socket *s, struct socket_worker *w)
{
    if (!s->proxy || s->proxy->worker != w) return;
    let_go(s);
    arm_idle(s, MIN_OF(LINGER, socket_settings(s)->idle_stop));
    socket_wait(s);
}

static void on_lacking(struct socket *s, int error)
{
    if (error != 0 && !s->lacking) log_error("socket %s accept: %s", socket_name(s), strerror(error));
    s->lacking = error != 0;
}

static void on_report(struct proxy_worker *process, const struct proxy_report *report, void *userdata)
{
    struct socket_worker *w = userdata;
    struct socket *s = w->socket;
    (void)process;
    take_counts(w, &report->counts);
    for (uint32_t i = 0; i < report->n_ended; i++) tell_ended(s, &report->ended[i]);
    if (report->lost > 0)
        log_warning("socket %s proxy: %u more connections ended; they came too fast to be told", socket_name(s),
                    report->lost);
    bool is_current = s->proxy && s->proxy->worker == w;
    if (is_current) s->proxy->speechless = 0;
    switch ((enum proxy_report_type)report->type) {
    case PROXY_REPORT_WAITING:
        /* Said before the last order was read, it is about somebody whom that order has dealt with. */
        if (!is_current || report->number != s->proxy->number || s->proxy->ready) break;
        s->proxy->waits = true;
        socket_trigger_soon(s);
        break;
    case PROXY_REPORT_LACKING:
        on_lacking(s, report->error);
        break;
    case PROXY_REPORT_DIAL:
        if (is_current) dial_far(s, report->value);
        break;
    case PROXY_REPORT_LEAVING:
        on_leaving(s, w);
        break;
    case PROXY_REPORT_STATUS:
    case PROXY_REPORT_COUNT:
        break;
    }
}

static void worker_gone(struct socket_worker *w)
{
    struct socket *s = w->socket;
    s->counters.connections -= w->counts.connections;
    loop_deadline_clear(s->base.manager->loop, &w->kill);
    LIST_REMOVE(w, link);
    free(w);
}

static void on_exit_of_worker(struct proxy_worker *process, const struct child_exit *exit, void *userdata)
{
    struct socket_worker *w = userdata;
    struct socket *s = w->socket;
    char words[EXIT_WORDS_MAX];
    (void)process;
    if (!w->leaving) {
        log_error("socket %s: its proxy ended: %s; %u connections are lost", socket_name(s), exit_words(exit, words),
                  w->counts.connections);
        TRACE(s->base.manager->trace, "proxy_lost", TRACE_ERROR, 0, TF_STR("unit", socket_name(s)),
              TF_STR("err", words), TF_U64("connections", w->counts.connections));
    }
    bool is_current = s->proxy && s->proxy->worker == w;
    if (is_current) let_go(s);
    worker_gone(w);
    if (is_current) {
        arm_idle(s, 0);
        socket_wait_later(s, AGAIN << s->proxy->speechless);
        if (s->proxy->speechless < AGAIN_MAX) s->proxy->speechless++;
    }
    if (LIST_EMPTY(&s->workers)) socket_proxy_drained(s);
}

static void on_drain_over(void *userdata)
{
    struct socket_worker *w = userdata;
    proxy_worker_kill(w->process);
}

/* ---- starting the worker ---- */

static struct proxy_config config_of(const struct socket *s, bool ready)
{
    const struct socket_section *settings = socket_settings(s);
    struct proxy_config config = { .number = s->proxy->number,
                                   .n_listeners = s->n_listeners,
                                   .ready = ready,
                                   .dial_by_asking = !socket_target_is_local(s->base.unit),
                                   .transparent = settings->proxy_transparent,
                                   .header = (uint8_t)settings->proxy_protocol,
                                   .max = settings->proxy_connections_max,
                                   .max_per_source = settings->proxy_connections_max_per_source,
                                   .connect_timeout = settings->proxy_connect_timeout,
                                   .idle_timeout = settings->proxy_idle_timeout,
                                   .datagram_timeout = settings->proxy_idle_timeout,
                                   .linger = MIN_OF(LINGER, socket_idle_least(s)) };
    if (config.datagram_timeout == USEC_INFINITY) config.datagram_timeout = USEC_PER_SEC * 60;
    (void)snprintf(config.target, sizeof config.target, "%s", settings->proxy_target); /* it was looked at */
    return config;
}

static int start_worker(struct socket *s, bool ready)
{
    static const struct proxy_worker_hooks hooks = { .on_report = on_report, .on_exit = on_exit_of_worker };
    struct manager *m = s->base.manager;
    struct proxy_config config = config_of(s, ready);
    struct socket_worker *w = calloc(1, sizeof *w);
    int *fds = calloc(s->n_listeners, sizeof *fds);
    int r = w && fds ? 0 : -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < s->n_listeners; i++) fds[i] = listener_fd(s->listeners[i].listener);
    if (r == 0) r = proxy_worker_start(m, socket_name(s), &config, fds, &hooks, w, &w->process);
    free(fds);
    if (r < 0) {
        free(w);
        return r;
    }
    w->socket = s;
    LIST_INSERT_HEAD(&s->workers, w, link);
    s->proxy->worker = w;
    loop_deadline_clear(m->loop, &s->proxy->idle_due);
    log_debug("socket %s: its proxy is process %d", socket_name(s), (int)proxy_worker_pid(w->process));
    TRACE(m->trace, "proxy_started", TRACE_OK, 0, TF_STR("unit", socket_name(s)),
          TF_INT("pid", proxy_worker_pid(w->process)));
    return 0;
}

int socket_proxy_ready(struct socket *s, struct socket_listener *l)
{
    struct manager *m = s->base.manager;
    bool stays = s->idle ? socket_idle_over(s) : m->shutdown.begun || service_stays_up(s->service);
    bool ready = s->proxy->ready && stays; /* else they would have it until its turn to stop comes, and no longer */
    (void)l;
    if (m->shutdown.begun && !ready) {
        socket_stop_waiting(s); /* nothing is started any more, and the connection would keep us awake */
        return 0;
    }
    if (!s->connected_once) TRACE(m->trace, "first_connect", TRACE_OK, 0, TF_STR("unit", socket_name(s)));
    s->connected_once = true;
    int r = start_worker(s, ready);
    if (r < 0) return r;
    socket_stop_polling(s);
    if (ready) return 0;
    s->proxy->ready = false;
    s->proxy->waits = true;
    socket_trigger_soon(s);
    return 0;
}

/* ---- how the service is ---- */

bool socket_proxy_has_worker(const struct socket *s)
{
    return s->proxy && s->proxy->worker;
}

bool socket_proxy_waits(const struct socket *s)
{
    return s->proxy && s->proxy->waits;
}

void socket_proxy_set_ready(struct socket *s, bool ready)
{
    struct socket_proxy *proxy = s->proxy;
    proxy->ready = ready;
    enum job_type job = s->service->base.job.type;
    proxy->is_ordered = !ready && (job == JOB_STOP || job == JOB_RESTART);
    proxy->number++;
    if (ready) proxy->waits = false;
    order(proxy, PROXY_ORDER_READY, ready, 0, -1);
    loop_deadline_clear(s->base.manager->loop, &proxy->idle_due);
    if (!proxy->worker) arm_idle(s, 0);
}

void socket_proxy_service_down(struct socket *s, bool failed)
{
    bool waiting = failed && !s->proxy->is_ordered;
    s->proxy->is_ordered = false;
    if (waiting) s->proxy->waits = false;
    s->proxy->number++;
    order(s->proxy, PROXY_ORDER_DROP, waiting, 0, -1);
}

void socket_proxy_idle_due(void *userdata)
{
    socket_idle_reached(userdata);
}

/* ---- beginning and end ---- */

/* Whether sockets may have a foreign address here. */
static int look_at_transparency(const struct socket *s)
{
    static const int on = 1;
    if (!socket_settings(s)->proxy_transparent) return 0;
    AUTO_FD struct fd fd = fd_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int r = fd_is_open(&fd) && setsockopt(fd.n, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) == 0 ? 0 : -errno;
    if (r < 0) log_error("socket %s: ProxyTransparent=: %s", socket_name(s), strerror(-r));
    return r;
}

int socket_proxy_new(struct socket *s)
{
    int r = look_at_transparency(s);
    if (r < 0) return r;
    s->proxy = calloc(1, sizeof *s->proxy);
    return s->proxy ? 0 : -ENOMEM;
}

void socket_proxy_close(struct socket *s)
{
    struct loop *loop = s->base.manager->loop;
    struct socket_proxy *proxy = s->proxy;
    if (!proxy) return;
    struct socket_worker *w = proxy->worker;
    loop_deadline_clear(loop, &proxy->idle_due);
    if (w) {
        order(proxy, PROXY_ORDER_STOP, 0, 0, -1);
        let_go(s);
        if (loop_deadline_set(loop, &w->kill, usec_add(loop_now(loop), DRAIN_MAX), on_drain_over, w) < 0)
            proxy_worker_kill(w->process);
    }
    dials_cancel(proxy);
    free(proxy);
    s->proxy = NULL;
}

bool socket_proxy_drains(const struct socket *s)
{
    return !LIST_EMPTY(&s->workers);
}

void socket_proxy_kill(struct socket *s)
{
    struct socket_worker *w;
    LIST_FOREACH(w, &s->workers, link) proxy_worker_kill(w->process);
}

void socket_proxy_done(struct socket *s)
{
    for (struct socket_worker *w; (w = LIST_FIRST(&s->workers));) {
        proxy_worker_free(w->process);
        worker_gone(w);
    }
}
