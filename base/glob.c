#include "base/glob.h"

#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

/* Braces multiply; what goes beyond is not looked for. */
#define GLOB_PATTERNS_MAX 1024

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
static int descend(const struct strlist *level, const char *component, size_t length, struct strlist *out,
                   struct strlist *directories)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r = str_append_bytes(&text, component, length);
    for (size_t i = 0; r == 0 && i < level->count; i++) {
        if (directories) r = strlist_add(directories, level->items[i][0] ? level->items[i] : "/");
        if (r < 0) break;
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

/* One pattern without braces. */
static int match_path(const char *pattern, struct str *ret_first, struct strlist *directories)
{
    AUTO_STRLIST struct strlist level = STRLIST_EMPTY;
    int r = strlist_add(&level, "");
    while (r == 0 && level.count > 0) {
        pattern += strspn(pattern, "/");
        size_t length = strcspn(pattern, "/");
        if (length == 0) {
            r = ret_first ? str_append(ret_first, level.items[0][0] ? level.items[0] : "/") : 0;
            return r < 0 ? r : 1;
        }
        struct strlist next = STRLIST_EMPTY;
        r = descend(&level, pattern, length, &next, directories);
        strlist_done(&level);
        level = next;
        pattern += length;
    }
    return r;
}

/* ---- {a,b} ---- */

/* The first "{" that has its "}", NULL without one; *ret_end is the "}". */
static const char *find_braces(const char *text, const char **ret_end)
{
    for (; *text; text++) {
        if (*text == '\\' && text[1]) {
            text++;
        } else if (*text == '{') {
            size_t depth = 1;
            const char *end = text + 1;
            for (; *end; end++) {
                if (*end == '\\' && end[1]) {
                    end++;
                    continue;
                }
                depth += *end == '{';
                if (*end == '}' && --depth == 0) break;
            }
            *ret_end = end;
            return *end ? text : NULL;
        }
    }
    return NULL;
}

/* Where the alternative that begins at `text` ends: at a "," or at `end`. */
static const char *alternative_end(const char *text, const char *end)
{
    size_t depth = 0;
    for (; text < end; text++) {
        if (*text == '\\' && text + 1 < end) {
            text++;
            continue;
        }
        depth += *text == '{';
        depth -= *text == '}' && depth > 0;
        if (*text == ',' && depth == 0) break;
    }
    return text;
}

/* Appends the pattern with each of the alternatives between `open` and `close`. */
static int expand_braces(const char *pattern, const char *open, const char *close, struct strlist *out)
{
    int r = 0;
    for (const char *begin = open + 1; r == 0; begin++) {
        const char *end = alternative_end(begin, close);
        AUTO_STR struct str text = STR_EMPTY;
        r = str_append_bytes(&text, pattern, (size_t)(open - pattern));
        if (r == 0) r = str_append_bytes(&text, begin, (size_t)(end - begin));
        if (r == 0) r = str_append(&text, close + 1);
        if (r == 0) r = strlist_add(out, str_text(&text));
        begin = end;
        if (end == close) break;
    }
    return r;
}

int glob_look(const char *pattern, struct str *ret_first, struct strlist *directories)
{
    AUTO_STRLIST struct strlist patterns = STRLIST_EMPTY;
    int r = strlist_add(&patterns, pattern);
    for (size_t i = 0; r == 0 && i < patterns.count; i++) {
        const char *close, *open = find_braces(patterns.items[i], &close);
        if (!open)
            r = match_path(patterns.items[i], ret_first, directories);
        else if (patterns.count < GLOB_PATTERNS_MAX)
            r = expand_braces(patterns.items[i], open, close, &patterns);
    }
    return r;
}

int glob_any(const char *pattern)
{
    return glob_look(pattern, NULL, NULL);
}
