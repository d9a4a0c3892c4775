/* The channel to PID 1. */
#include "socketact/proxy_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define REPORT_DELAY (20 * USEC_PER_MSEC) /* what is not urgent is told together */
#define DRAIN_MAX    (2 * USEC_PER_SEC)   /* clients may take so long to read what the service said at last */

/* ---- reports ---- */

void proxy_report_soon(struct proxy *p)
{
    if (p->report_at == USEC_INFINITY) p->report_at = p->now + REPORT_DELAY;
}

/* With everything that has gathered. false: PID 1 does not read; it is said again. */
static bool send_report(struct proxy *p, enum proxy_report_type type)
{
    struct proxy_report *report = &p->report;
    report->type = type;
    int r = proxy_channel_send(p->channel.n, report, proxy_report_size(report), -1);
    if (r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM) {
        if (!p->channel_full) {
            struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
                                         .data.u64 = (uint64_t)(uintptr_t)p | TAG_CHANNEL };
            (void)epoll_ctl(p->epoll.n, EPOLL_CTL_MOD, p->channel.n, &event); /* it is there */
        }
        p->channel_full = true;
        return false;
    }
    report->n_ended = report->lost = 0;
    p->report_at = USEC_INFINITY;
    return true; /* another error: it has gone, which the next read tells */
}

void proxy_report_ended(struct proxy *p, const struct proxy_ended *ended)
{
    struct proxy_report *report = &p->report;
    report->counts.up += ended->up;
    report->counts.down += ended->down;
    if (report->n_ended == PROXY_ENDED_MAX && !p->channel_full) (void)send_report(p, PROXY_REPORT_STATUS);
    if (report->n_ended < PROXY_ENDED_MAX)
        report->ended[report->n_ended++] = *ended;
    else
        report->lost++;
    proxy_report_soon(p);
}

void proxy_report(struct proxy *p)
{
    if (p->channel_full) return;
    if (p->tell_lack && send_report(p, PROXY_REPORT_LACKING)) p->tell_lack = false;
    if (p->tell_waiting && send_report(p, PROXY_REPORT_WAITING)) p->tell_waiting = false;
    if (p->tell_leaving || p->left) {
        if (send_report(p, PROXY_REPORT_LEAVING)) p->left = true;
    } else if (p->report_at <= p->now) {
        (void)send_report(p, PROXY_REPORT_STATUS); /* later, then */
    }
}

int proxy_report_dial(struct proxy *p, uint32_t id)
{
    p->report.value = id;
    return send_report(p, PROXY_REPORT_DIAL) ? 0 : -EAGAIN;
}

/* ---- orders ---- */

static void be_ready(struct proxy *p, bool ready)
{
    if (ready && !p->ready) sessions_renew(p);
    p->ready = ready;
    p->told = p->tell_waiting = false;
    p->empty_since = p->now;
    proxy_look_at_listeners(p);
}

static void drop(struct proxy *p, bool waiting)
{
    struct connection *c, *next;
    for (unsigned list = LIST_PAUSE; list < LIST_COPYING; list++)
        for (c = TAILQ_FIRST(&p->lists[list]); c; c = next) {
            next = TAILQ_NEXT(c, link);
            connection_note_error(c, -ECONNREFUSED);
            connection_end(p, c);
        }
    if (waiting) proxy_refuse_waiting(p);
    p->told = p->tell_waiting = false;
    p->empty_since = p->now;
    proxy_look_at_listeners(p);
}

/* What the target has said before its end is delivered; the rest has nobody to talk to. */
static void stop(struct proxy *p)
{
    struct connection *c, *next;
    p->stopping = true;
    p->stop_until = p->now + DRAIN_MAX;
    drop(p, false);
    sessions_end(p);
    proxy_look_at_listeners(p);
    for (uint32_t i = 0; i < p->n_listeners; i++) {
        (void)close(p->listeners[i].fd); /* which PID 1 has closed, or is about to */
        p->listeners[i].fd = -1;
    }
    for (c = TAILQ_FIRST(&p->lists[LIST_COPYING]); c; c = next) {
        next = TAILQ_NEXT(c, link);
        c->ends[TARGET].readable = true;
        connection_run(p, c);
        if (c->list == LIST_COPYING && !c->ways[TARGET].ended && !c->ways[TARGET].cargo && !c->has_work)
            connection_end(p, c);
    }
}

static void obey(struct proxy *p, const struct proxy_order *order, struct fd *fd)
{
    p->report.number = order->number;
    switch ((enum proxy_order_type)order->type) {
    case PROXY_ORDER_READY:
        be_ready(p, order->value != 0);
        break;
    case PROXY_ORDER_DROP:
        drop(p, order->value != 0);
        break;
    case PROXY_ORDER_STOP:
        stop(p);
        break;
    case PROXY_ORDER_DIALED:
        proxy_dialed(p, order->value, order->error, fd_take(fd));
        break;
    case PROXY_ORDER_COUNT:
        break;
    }
}

int proxy_read_orders(struct proxy *p)
{
    for (;;) {
        struct proxy_order order;
        AUTO_FD struct fd fd = FD_NONE;
        ssize_t n = proxy_channel_receive(p->channel.n, &order, sizeof order, &fd);
        if (n == -EAGAIN || n == -ENOMEM || n == -ENOBUFS) return 1; /* PID 1 is still there */
        if (n != sizeof order) return 0;
        obey(p, &order, &fd);
    }
}
