/* supervisor/service_bus.h - BusName=: the name that a service has on the system bus, watched while it has a run.
 *
 * Type=dbus is ready once the name has an owner and stops when it has none any more. For the other types a name tells
 * which process is the main one, where nothing else does. Where dbus.service is a unit of ours the bus is connected to
 * once that runs, and never made to run by it. Source: systemd.service(5) Type=, BusName=. */
#pragma once
#include "supervisor/service_states.h"

struct service;

/* From service_state_changed() only. */
void service_bus_state_changed(struct service *s);
/* The unit goes. */
void service_bus_done(struct service *s);
