#include "base/glob.h"

#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

static bool has_magic(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (strchr("*?[\\", text[i])) return true;
    return false;
}

/* Appends the entries of `directory` that match one component to `out`, as paths. */
static int match_component(const char *directory, const char *component, struct strlist *out)
{
    DIR *dir = opendir(*directory ? directory : "/");
    if (!dir) return errno == ENOMEM ? -ENOMEM : 0;
    int r = 0;
    struct dirent *entry;
    while (r == 0 && (entry = readdir(dir))) {
        if (fnmatch(component, entry->d_name, FNM_PERIOD) != 0) continue;
        AUTO_STR struct str path = STR_EMPTY;
        r = str_appendf(&path, "%s/%s", directory, entry->d_name);
        if (r == 0) r = strlist_add(out, str_text(&path));
    }
    (void)closedir(dir); /* nothing was written */
    return r;
}

/* One level deeper: every path of `level` with what the component matches there. */
static int descend(const struct strlist *level, const char *component, size_t length, struct strlist *out)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r = str_append_bytes(&text, component, length);
    for (size_t i = 0; r == 0 && i < level->count; i++) {
        if (has_magic(component, length)) {
            r = match_component(level->items[i], str_text(&text), out);
            continue;
        }
        AUTO_STR struct str path = STR_EMPTY;
        struct stat status;
        r = str_appendf(&path, "%s/%s", level->items[i], str_text(&text));
        if (r == 0 && lstat(str_text(&path), &status) == 0) r = strlist_add(out, str_text(&path));
    }
    return r;
}

int glob_any(const char *pattern)
{
    AUTO_STRLIST struct strlist level = STRLIST_EMPTY;
    int r = strlist_add(&level, "");
    while (r == 0 && level.count > 0) {
        pattern += strspn(pattern, "/");
        size_t length = strcspn(pattern, "/");
        if (length == 0) return 1;
        struct strlist next = STRLIST_EMPTY;
        r = descend(&level, pattern, length, &next);
        strlist_done(&level);
        level = next;
        pattern += length;
    }
    return r;
}
