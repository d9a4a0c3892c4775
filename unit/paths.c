#include "unit/paths.h"

#include <limits.h>
#include <string.h>

bool path_is_usable(const char *path)
{
    if (path[0] != '/' || strlen(path) >= PATH_MAX) return false;
    for (const char *p = path; *p != '\0';) {
        p += strspn(p, "/");
        size_t n = strcspn(p, "/");
        if (n > NAME_MAX) return false;
        p += n;
    }
    return true;
}

bool path_is_normalized(const char *path)
{
    for (const char *p = path; *p != '\0';) {
        p += strspn(p, "/");
        size_t n = strcspn(p, "/");
        if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.')) return false;
        p += n;
    }
    return true;
}

void path_simplify(char *path)
{
    char *to = path + (*path == '/');
    for (const char *from = path; *from != '\0';) {
        from += strspn(from, "/");
        size_t n = strcspn(from, "/");
        if (n > 0 && !(n == 1 && *from == '.')) {
            if (to > path && to[-1] != '/') *to++ = '/';
            memmove(to, from, n);
            to += n;
        }
        from += n;
    }
    *to = '\0';
}
