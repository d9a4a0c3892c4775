#include "supervisor/service_bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "supervisor/bus.h"
#include "supervisor/file_helper.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"

/* ---- the connection of all of them ---- */

static int dial_task(void *name, struct file_answer *answer)
{
    struct fd fd = FD_NONE;
    int r = bus_dial(name, strlen(name), &fd);
    return r < 0 ? r : file_answer_add_take(answer, fd);
}

static void on_dialed(int r, struct file_answer *answer, void *userdata)
{
    struct manager *m = userdata;
    struct fd fd = FD_NONE;
    m->bus_request = NULL;
    if (r == 0 && answer->n_fds != 1) r = -EBADMSG;
    if (r == 0) fd = fd_take(&answer->fds[0]);
    bus_dialed(m->bus, MIN_OF(r, 0), fd);
}

static int dial(const char *name, size_t length, struct fd *ret, void *userdata)
{
    struct manager *m = userdata;
    if (name[0] != '/' || local_path_is(name)) return bus_dial(name, length, ret);
    struct file_task task = { .run = dial_task,
                              .argument = strdup(name),
                              .free_argument = free,
                              .keep_fd = -1,
                              .timeout = FILE_HELPER_TIMEOUT,
                              .done = on_dialed,
                              .userdata = m };
    int r = task.argument ? file_helper_ask(m->file_helpers, &task, &m->bus_request) : -ENOMEM;
    return r < 0 ? r : -EINPROGRESS;
}

static void cancel_dial(void *userdata)
{
    struct manager *m = userdata;
    file_helper_cancel(&m->bus_request);
}

/* A connection to the socket of a bus that is down would start it. */
static bool bus_may_be_there(void *userdata)
{
    const struct manager *m = userdata;
    const struct unit *unit = unit_set_find(m->set, "dbus.service");
    if (m->shutdown.begun) return false;
    if (!unit || manager_environment(m, "DBUS_SYSTEM_BUS_ADDRESS")) return true;
    uint8_t active = manager_unit(m, unit->id)->active;
    return active == ACTIVE_STATE_ACTIVE || active == ACTIVE_STATE_RELOADING;
}

static int open_bus(struct manager *m)
{
    const struct bus_options options = { .address = manager_environment(m, "DBUS_SYSTEM_BUS_ADDRESS"),
                                         .dial = dial,
                                         .cancel_dial = cancel_dial,
                                         .may_connect = bus_may_be_there,
                                         .userdata = m };
    return m->bus ? 0 : bus_new(m->loop, &options, &m->bus);
}

/* ---- one name ---- */

static void on_owner(struct bus_watch *watch, const char *owner, void *userdata)
{
    struct service *s = userdata;
    log_debug("unit %s: BusName=%s: %s", service_name(s), watch->name, owner ? owner : "nobody has it");
    s->has_name = owner != NULL;
    if (service_settings(s)->type == SERVICE_DBUS) {
        manager_post(s->base.manager, s, owner ? SERVICE_EVENT_READY : SERVICE_EVENT_NAME_LOST);
        return;
    }
    if (!owner || process_is_there(&s->main) || !s->base.unit->service_extra->guess_main_pid) return;
    if (bus_ask_pid(watch) < 0) log_debug("unit %s: BusName=: its process is not asked for", service_name(s));
}

static void on_pid(struct bus_watch *watch, uint32_t pid, void *userdata)
{
    struct service *s = userdata;
    (void)watch;
    if (!s->begun || process_is_there(&s->main) || pid < 2 || pid > INT32_MAX) return;
    if (procs_contains(s->base.manager->procs, &s->procs, (pid_t)pid) != 1) return;
    if (service_adopt_main(s, (pid_t)pid) == 1)
        log_debug("unit %s: BusName=: %u is its main process", service_name(s), pid);
}

static bool has_a_run(const struct service *s)
{
    enum active_state active = service_state_active(s->state);
    return active != ACTIVE_STATE_INACTIVE && active != ACTIVE_STATE_FAILED && !service_in_auto_restart(s);
}

void service_bus_state_changed(struct service *s)
{
    struct manager *m = s->base.manager;
    const char *name = s->base.unit->service_extra->bus_name;
    if (m->bus && unit_set_find(m->set, "dbus.service") == s->base.unit) bus_retry(m->bus); /* perhaps an alias */
    if (!name || has_a_run(s) == (s->bus != NULL)) return;
    if (s->bus) {
        service_bus_done(s);
        return;
    }
    int r = open_bus(m);
    s->bus = r < 0 ? NULL : calloc(1, sizeof *s->bus);
    if (!s->bus) {
        log_error("unit %s: BusName=: out of memory", service_name(s));
        return;
    }
    *s->bus = (struct bus_watch){ .name = name, .on_owner = on_owner, .on_pid = on_pid, .userdata = s };
    bus_watch_add(m->bus, s->bus);
}

void service_bus_done(struct service *s)
{
    if (!s->bus) return;
    bus_watch_remove(s->bus);
    free(s->bus);
    s->bus = NULL;
}
