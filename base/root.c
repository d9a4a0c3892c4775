#include "base/root.h"

#include "base/beneath.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel */

static const char *prefix_of(const char *root)
{
    return root && strcmp(root, "/") != 0 ? root : "";
}

/* What the link at root + done says. 1, 0 when it is no link, -errno. */
static int read_link(const char *root, const struct str *done, char target[static PATH_MAX])
{
    AUTO_STR struct str full = STR_EMPTY;
    int r = str_append(&full, prefix_of(root));
    if (r == 0) r = str_append(&full, str_text(done));
    if (r < 0) return r;
    ssize_t length = readlink(str_text(&full), target, PATH_MAX - 1);
    if (length < 0) return errno == EINVAL ? 0 : -errno;
    target[length] = '\0';
    return 1;
}

/* One component: moved from *todo to the end of `done`, or replaced by what the link there says. */
static int step(const char *root, struct str *todo, struct str *done, unsigned *links)
{
    char target[PATH_MAX] = "";
    const char *text = str_text(todo), *name = text + strspn(text, "/");
    size_t length = strcspn(name, "/"), before = done->length;
    AUTO_STR struct str rest = STR_EMPTY;
    int r = str_append(&rest, name + length);
    if (r < 0) return r;
    if (length == 2 && name[0] == '.' && name[1] == '.') {
        const char *slash = done->length > 0 ? memrchr(done->data, '/', done->length) : NULL;
        if (slash) str_truncate(done, (size_t)(slash - done->data));
    } else if (length > 1 || (length == 1 && name[0] != '.')) {
        r = str_append_char(done, '/');
        if (r == 0) r = str_append_bytes(done, name, length);
        if (r == 0) r = read_link(root, done, target);
        if (r > 0) {
            if (++*links > LINKS_MAX) return -ELOOP;
            str_truncate(done, target[0] == '/' ? 0 : before);
            str_clear(todo);
            r = str_append(todo, target);
            if (r == 0) r = str_append(todo, str_text(&rest));
            return r;
        }
    }
    str_clear(todo);
    return r < 0 ? r : str_append(todo, str_text(&rest));
}

int root_resolve(const char *root, const char *path, struct str *out)
{
    AUTO_STR struct str todo = STR_EMPTY, done = STR_EMPTY;
    unsigned links = 0;
    int r = str_append(&todo, path);
    while (r == 0 && todo.length > 0) {
        if (todo.length >= PATH_MAX) return -ENAMETOOLONG;
        r = step(root, &todo, &done, &links);
    }
    return r < 0 ? r : str_append(out, done.length > 0 ? str_text(&done) : "/");
}

int root_open(const char *root, const char *path, int flags, struct fd *ret)
{
    AUTO_FD struct fd top = FD_NONE;
    if (*prefix_of(root) == '\0') return fd_openat(AT_FDCWD, path, flags, 0, ret);
    int r = fd_openat(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0, &top);
    return r < 0 ? r : beneath_open(top.n, path, flags, ret);
}
