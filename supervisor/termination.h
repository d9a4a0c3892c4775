/* supervisor/termination.h - why the container failed, in a file that an orchestrator reads.
 *
 * The unit whose failure decided, what it failed with, and the last lines that it printed or that were said about it,
 * at most 4096 bytes, which is what Kubernetes takes of its terminationMessagePath. The last lines of all units are
 * kept in one ring; from the decision on only those that belong to it are added. Written once, when the units are down
 * and their output has been read; a file that may not answer is written by a file helper, within the stop's bound.
 * Source: Kubernetes, "Determine the Reason for Pod Failure"; container-init(8) --termination-log. */
#pragma once
#include "base/attr.h"

#define TERMINATION_LOG_DEFAULT "/dev/termination-log"
#define TERMINATION_MAX         4096

struct manager;
struct runtime;
struct termination;
/* `path` NULL: the default, if it is there. "" and a default that is missing: *ret is NULL, and all functions below
 * take that for "off". -ENOMEM. */
MUST_CHECK int termination_new(struct manager *manager, const char *path, struct termination **ret);
void termination_free(struct termination *termination);
/* This unit's failure is why the container ends. */
void termination_decided(struct termination *termination, const struct runtime *rt);
/* Writes, once; nothing when the container ends well (exit_code 0). True when there is nothing to wait for (any more).
 */
bool termination_write(struct termination *termination, int exit_code);

/* Before there is a manager, and after it could not be made: the text is written now, within a quarter of a second.
 * `path` as above. */
void termination_write_text(const char *path, const char *text);
