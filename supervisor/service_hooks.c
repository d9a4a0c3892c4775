/* Who is told that a service's state has changed. */
#include "supervisor/service.h"

void service_state_changed(struct service *s, enum service_state from)
{
    (void)s;
    (void)from;
}
