/* control/describe.h - a unit, a job or the manager as the object of the answer "unit", "job" or "manager".
 *
 * Members of a unit have the names of systemd's bus properties and their types: numbers, booleans, texts, lists of
 * texts. Times are microseconds since 1970. Long texts and lists are cut, so that each answer fits into one message.
 * Source: org.freedesktop.systemd1(5), systemctl(1) "show". */
#pragma once
#include "base/attr.h"
struct json_value;
struct manager;
struct runtime;

/* NULL when out of memory. */
struct json_value *control_describe_unit(struct runtime *rt);
struct json_value *control_describe_job(const struct runtime *rt);
struct json_value *control_describe_manager(const struct manager *manager);
