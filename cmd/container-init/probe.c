#include "cmd/container-init/probe.h"

#include "base/ere.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/str.h"
#include "socketact/address.h"
#include "unit/probe_target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)64 << 10)

/* ---- connecting ---- */

static int connect_to(const struct address *address, struct fd *ret)
{
    struct socket_address to;
    int r = socket_address_make(address, NULL, &to);
    if (r < 0) return r == -EADDRNOTAVAIL ? -PROBE_STATUS_NAME : r;
    AUTO_FD struct fd fd = fd_own(socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd.n < 0 || connect(fd.n, &to.any, to.length) < 0) return -errno;
    *ret = fd_take(&fd);
    return 0;
}

/* A name is what /etc/hosts says; `localhost` is either loopback address. */
static int connect_host(const struct address *address, const char *text, struct fd *ret)
{
    int r = connect_to(address, ret);
    if (r != -ECONNREFUSED || strncmp(text, "localhost", strlen("localhost")) != 0) return r;
    struct address six = { .kind = ADDRESS_IPV6, .port = address->port, .ip6 = in6addr_loopback };
    return connect_to(&six, ret) == 0 ? 0 : r;
}

static int probe_address(enum probe_kind kind, const char *target)
{
    AUTO_FD struct fd fd = FD_NONE;
    struct address address;
    if (probe_target_address(kind, target, &address) < 0) return PROBE_STATUS_USAGE;
    return -connect_host(&address, target, &fd);
}

/* ---- http ---- */

static int send_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = send(fd, text, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        text += n;
        length -= (size_t)n;
    }
    return 0;
}

/* RFC 9112, 4: "HTTP/1.1 200 ...". */
static int judge_status_line(const char *line, size_t length)
{
    if (length < 12 || strncmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ') return PROBE_STATUS_HTTP;
    char class = line[9];
    if (class == '2' || class == '3') return 0;
    return class >= '1' && class <= '5' ? PROBE_STATUS_HTTP + (class - '0') : PROBE_STATUS_HTTP;
}

/* The status line; what else has arrived by then is taken as well, so that the peer does not see a reset. */
static int read_answer(int fd)
{
    char answer[ANSWER_MAX];
    size_t length = 0;
    while (length < sizeof answer && !memchr(answer, '\n', length)) {
        ssize_t n = recv(fd, answer + length, sizeof answer - length, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (n == 0) break;
        length += (size_t)n;
    }
    int status = judge_status_line(answer, length);
    for (size_t taken = 0; taken < sizeof answer;) {
        ssize_t n = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
        if (n <= 0) break;
        taken += (size_t)n;
    }
    return status;
}

static int probe_http(const char *target)
{
    AUTO_FD struct fd fd = FD_NONE;
    struct probe_url url;
    if (probe_target_url(target, &url) < 0) return PROBE_STATUS_USAGE;
    int r = connect_host(&url.address, url.authority, &fd);
    if (r < 0) return -r;
    bool has_slash = url.path_length > 0 && url.path[0] == '/';
    AUTO_STR struct str request = STR_EMPTY;
    r = str_appendf(&request,
                    "GET %s%.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: container-init\r\nAccept: */*\r\n"
                    "Connection: close\r\n\r\n",
                    has_slash ? "" : "/", (int)url.path_length, url.path, (int)url.authority_length, url.authority);
    if (r == 0) r = send_all(fd.n, str_text(&request), request.length);
    return r < 0 ? -r : read_answer(fd.n);
}

/* ---- files and lines ---- */

static int probe_path(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? errno : 0;
}

/* Lines as PID 1 writes them: each at most PIPE_BUF bytes with its newline. */
static int probe_log(const char *count_text, const char *pattern)
{
    char buffer[(size_t)64 << 10];
    AUTO(ere_free) struct ere *ere = NULL;
    size_t length = 0, bad;
    const char *why;
    uint32_t wanted;
    if (parse_u32(count_text, 1, UINT32_MAX, &wanted) < 0) return PROBE_STATUS_USAGE;
    int r = ere_new(pattern, &ere, &bad, &why);
    if (r < 0) return r == -ENOMEM ? ENOMEM : PROBE_STATUS_USAGE;
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buffer + length, sizeof buffer - length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? errno : ENODATA;
        length += (size_t)n;
        char *line = buffer;
        for (char *end; (end = memchr(line, '\n', (size_t)(buffer + length - line))); line = end + 1)
            if (ere_matches(ere, line, (size_t)(end - line)) && --wanted == 0) return 0;
        length -= (size_t)(line - buffer);
        memmove(buffer, line, length);
        if (length == sizeof buffer) length = 0; /* not from PID 1 */
    }
}

int probe_main(int argc, char **argv)
{
    const char *target;
    if (argc == 1) return 0;
    AUTO_STR struct str text = STR_EMPTY;
    if (argc < 3 || str_appendf(&text, "%s:", argv[1]) < 0) return PROBE_STATUS_USAGE;
    enum probe_kind kind = probe_target_kind(str_text(&text), &target);
    switch (kind) {
    case PROBE_TCP:
    case PROBE_UNIX:
        return probe_address(kind, argv[2]);
    case PROBE_PATH:
        return probe_path(argv[2]);
    case PROBE_HTTP:
        return probe_http(argv[2]);
    case PROBE_LOG:
        return argc == 4 ? probe_log(argv[2], argv[3]) : PROBE_STATUS_USAGE;
    case PROBE_NONE:
    case PROBE_EXEC:
    case PROBE_KIND_COUNT:
        break;
    }
    return PROBE_STATUS_USAGE;
}
