#include "supervisor/exec_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/exec_plan.h"
#include "supervisor/socket.h"
#include "unit/settings.h"

static bool has_kind(const struct exec_section *exec, enum exec_std kind)
{
    for (size_t i = 0; i < COUNT_OF(exec->streams); i++)
        if (exec->streams[i].kind == kind) return true;
    return false;
}

bool exec_streams_have_socket(const struct exec_section *exec)
{
    return has_kind(exec, STD_SOCKET);
}

bool exec_streams_need_fds(const struct exec_section *exec)
{
    return has_kind(exec, STD_SOCKET) || has_kind(exec, STD_FD);
}

int exec_streams_set_mode(int fd, bool non_blocking)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    int wanted = non_blocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return wanted != flags && fcntl(fd, F_SETFL, wanted) < 0 ? -errno : 0;
}

/* The descriptor of a stream; or -errno, and what is wrong in words. */
static int find(const struct exec_stream *stream, const struct passed_fds *passed, size_t n_sockets,
                struct exec_failure *failure)
{
    if (stream->kind == STD_SOCKET) {
        const char *what = n_sockets == 0 ? "no socket was passed" : "more than one socket was passed";
        if (n_sockets == 1) return passed->fds.items[0];
        (void)snprintf(failure->subject, sizeof failure->subject, "%s", what); /* fits */
        return -EINVAL;
    }
    for (size_t i = 0; i < passed->fds.count; i++)
        if (strcmp(passed->names.items[i], stream->path) == 0) return passed->fds.items[i];
    (void)snprintf(failure->subject, sizeof failure->subject, "fd:%s", stream->path); /* cut when it is long */
    return -ENOENT;
}

int exec_streams_find(const struct exec_section *exec, const struct passed_fds *passed, size_t n_sockets,
                      struct exec_request *request, struct exec_failure *ret_failure)
{
    static const uint8_t stages[] = { EXEC_STAGE_STDIN, EXEC_STAGE_STDOUT, EXEC_STAGE_STDERR };
    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        const struct exec_stream *stream = &exec->streams[i];
        if (stream->kind != STD_SOCKET && stream->kind != STD_FD) continue;
        ret_failure->stage = stages[i];
        int fd = find(stream, passed, n_sockets, ret_failure);
        int r = fd < 0 ? fd : exec_streams_set_mode(fd, false);
        if (r < 0) {
            ret_failure->error = -r;
            return r;
        }
        request->stream_fds[i] = fd;
    }
    ret_failure->stage = EXEC_STAGE_NONE;
    return 0;
}
