#include "supervisor/listen_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "socketact/passed_in.h"
#include "supervisor/exec_streams.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "trace/trace.h"
#include "unit/unit.h"

#define FIRST_FD 3
#define FDS_MAX  4096

static struct listen_fd *find(const struct manager *m, uint32_t unit, uint32_t line)
{
    for (size_t i = 0; i < m->listen_fds.count; i++) {
        struct listen_fd *l = &m->listen_fds.items[i];
        if (l->unit == unit && l->line == line) return l;
    }
    return NULL;
}

static bool has_name(const struct unit *unit, const char *name)
{
    const char *own = unit->socket->file_descriptor_name;
    return strcmp(own ? own : unit->name, name) == 0;
}

/* Whether the path of the line may be looked at here. */
static bool may_touch(const struct socket_listen *listen)
{
    return (listen->kind != LISTEN_FIFO && listen->kind != LISTEN_SPECIAL) || local_path_is(listen->text);
}

/* A line that has none yet, of a unit with that name (NULL: of any), at the address that the descriptor has or at any.
 */
static bool find_line(const struct manager *m, int fd, enum listen_kind kind, const char *name, bool at_address,
                      struct listen_fd *ret)
{
    for (uint32_t id = 0; id < m->n_units; id++) {
        const struct unit *unit = unit_set_get(m->set, id);
        if (unit->kind != UNIT_KIND_SOCKET || (name && !has_name(unit, name))) continue;
        for (uint32_t line = 0; line < unit->socket->listens.count; line++) {
            const struct socket_listen *listen = &unit->socket->listens.items[line];
            if (find(m, id, line) || listen->kind != kind) continue;
            if (at_address && (!may_touch(listen) || !passed_in_matches(fd, listen))) continue;
            *ret = (struct listen_fd){ .unit = id, .line = line };
            return true;
        }
    }
    return false;
}

static void sort_in(struct manager *m, struct fd fd, const char *name)
{
    struct listen_fd found;
    char shown[64];
    const char *what;
    int number = fd.n;
    enum listen_kind kind = passed_in_kind(fd.n, &what);
    (void)str_escape(name, strlen(name), shown, sizeof shown);
    if (kind == LISTEN_KIND_COUNT) {
        log_warning("LISTEN_FDS=: descriptor %d (%s) is %s; closed", number, shown, what);
        fd_close(&fd);
        return;
    }
    /* Of lines with one name each has its own, in whatever order they are passed. */
    if (!find_line(m, fd.n, kind, name, true, &found) && !find_line(m, fd.n, kind, name, false, &found) &&
        !find_line(m, fd.n, kind, NULL, true, &found)) {
        log_warning("LISTEN_FDS=: descriptor %d (%s): no socket unit takes it; closed", number, shown);
        fd_close(&fd);
        return;
    }
    found.fd = fd;
    if (vec_push(&m->listen_fds, found) < 0) {
        log_error("LISTEN_FDS=: out of memory: descriptor %d is closed", number);
        fd_close(&fd);
        return;
    }
    const struct unit *unit = unit_set_get(m->set, found.unit);
    log_info("socket %s: descriptor %d (%s) was passed in for %s", unit->name, number, shown,
             unit->socket->listens.items[found.line].text);
}

void listen_fds_open(struct manager *m)
{
    const char *pid = manager_environment(m, "LISTEN_PID"), *text = manager_environment(m, "LISTEN_FDS");
    const char *names = manager_environment(m, "LISTEN_FDNAMES");
    uint32_t number, count;
    if (!pid || !text || parse_u32(pid, 1, INT32_MAX, &number) < 0 || (pid_t)number != getpid()) return;
    if (parse_u32(text, 0, FDS_MAX, &count) < 0) {
        log_warning("LISTEN_FDS=: this is no number of descriptors");
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        char name[256] = "unknown";
        size_t length = names ? strcspn(names, ":") : 0;
        if (length > 0 && length < sizeof name) {
            memcpy(name, names, length);
            name[length] = '\0';
        }
        if (names) names = names[length] == ':' ? names + length + 1 : NULL;
        int fd = (int)(FIRST_FD + i);
        int flags = fcntl(fd, F_GETFD);
        /* What came through an exec is not close-on-exec; what is, is our own. */
        if (flags < 0 || flags & FD_CLOEXEC || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            log_warning("LISTEN_FDS=: descriptor %d was not passed in", fd);
        else
            sort_in(m, fd_own(fd), name);
    }
}

void listen_fds_close(struct manager *m)
{
    for (size_t i = 0; i < m->listen_fds.count; i++) fd_close(&m->listen_fds.items[i].fd);
    vec_done(&m->listen_fds);
}

bool listen_fds_has(const struct manager *m, const struct unit *unit, uint32_t line)
{
    return find(m, unit->id, line) != NULL;
}

bool listen_fds_has_all(const struct manager *m, const struct unit *unit)
{
    if (m->listen_fds.count == 0) return false;
    for (uint32_t line = 0; line < unit->socket->listens.count; line++)
        if (!find(m, unit->id, line)) return false;
    return true;
}

/* Where we accept ourselves, somebody outside may be faster, and we would wait. A service has the mode that its
 * NonBlocking= says, set when it is passed. */
static int set_mode(const struct unit *unit, int fd)
{
    bool is_ours = unit->socket->accept || unit->socket->activation_mode == ACTIVATION_PROXY;
    return is_ours ? exec_streams_set_mode(fd, true) : 0;
}

int listen_fds_get(const struct manager *m, const struct unit *unit, uint32_t line, struct fd *ret)
{
    const struct listen_fd *found = find(m, unit->id, line);
    if (!found) return 0;
    int r = fd_dup(found->fd.n, FIRST_FD, ret);
    if (r == 0) r = set_mode(unit, ret->n);
    return r < 0 ? r : 1;
}
