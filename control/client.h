/* control/client.h - the other end of the control socket, for programs that may wait. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
struct control_request;
struct json_value;

/* Connects to PID 1's socket at `path`; NULL: wherever control_server_new() puts it. -ENOENT, -ECONNREFUSED: nobody
 * serves there; -EACCES: who serves is neither root nor the caller; -errno. */
MUST_CHECK int control_connect(const char *path, struct fd *ret);
MUST_CHECK int control_send(int fd, const struct control_request *request);
/* Waits for the next answer. 1; 0 after "end"; -ECONNRESET: the connection ended before; -EBADMSG; -errno. */
MUST_CHECK int control_receive(int fd, struct json_value **ret_answer);
