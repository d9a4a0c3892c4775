/* Who is told that a service's state has changed. */
#include "supervisor/service.h"

#include "supervisor/exec_terminal.h"
#include "supervisor/probe.h"
#include "supervisor/service_bus.h"
#include "supervisor/service_notify.h"
#include "supervisor/socket.h"

void service_state_changed(struct service *s, enum service_state from)
{
    probe_state_changed(s, from);
    service_bus_state_changed(s);
    service_notify_state_changed(s, from);
    exec_terminal_state_changed(s, from);
    socket_connection_state(s);
}
