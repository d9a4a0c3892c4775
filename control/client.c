#include "control/client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"
#include "control/protocol.h"

static int connect_to(const struct sockaddr_un *address, int length, struct fd *ret)
{
    AUTO_FD struct fd fd = fd_own(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    struct ucred server;
    socklen_t size = sizeof server;
    if (!fd_is_open(&fd)) return -errno;
    if (connect(fd.n, (const struct sockaddr *)address, (socklen_t)length) < 0) return -errno;
    /* In the abstract namespace anybody could have taken the name, also from another container. */
    if (getsockopt(fd.n, SOL_SOCKET, SO_PEERCRED, &server, &size) < 0) return -errno;
    if (server.uid != 0 && server.uid != geteuid()) return -EACCES;
    if (!address->sun_path[0] && server.pid <= 0) return -EACCES;
    *ret = fd_take(&fd);
    return 0;
}

int control_connect(const char *path, struct fd *ret)
{
    struct sockaddr_un address;
    int length = control_address_path(path ? path : CONTROL_PATH_DEFAULT, &address);
    int r = length < 0 ? length : connect_to(&address, length, ret);
    if (r == 0 || path) return r;
    length = control_address_abstract(&address);
    int other = length < 0 ? length : connect_to(&address, length, ret);
    return other == 0 ? 0 : r;
}

int control_send(int fd, const struct control_request *request)
{
    char *text = control_request_format(request);
    if (!text) return -ENOMEM;
    size_t length = strlen(text);
    ssize_t n = length > CONTROL_REQUEST_MAX ? -1 : send(fd, text, length, MSG_NOSIGNAL);
    int r = length > CONTROL_REQUEST_MAX ? -EMSGSIZE : n < 0 ? -errno : 0;
    free(text);
    return r;
}

int control_receive(int fd, struct json_value **ret_answer)
{
    char *text = malloc(CONTROL_ANSWER_MAX);
    if (!text) return -ENOMEM;
    ssize_t n;
    do {
        n = recv(fd, text, CONTROL_ANSWER_MAX, 0);
    } while (n < 0 && errno == EINTR);
    AUTO(json_free) struct json_value *answer = NULL;
    int r = n < 0 ? -errno : n == 0 ? -ECONNRESET : json_parse(text, (size_t)n, &answer, NULL);
    free(text);
    if (r < 0) return r == -EINVAL ? -EBADMSG : r;
    const char *type = json_get_string(answer, "type");
    if (!type) return -EBADMSG;
    if (strcmp(type, "end") == 0) return 0;
    *ret_answer = TAKE(answer);
    return 1;
}
