#include "supervisor/path_look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/str.h"
#include "base/vec.h"
#include "supervisor/condition_tests.h"
#include "supervisor/file_helper.h"
#include "supervisor/local_path.h"

#define LINKS_MAX 40 /* as many as the kernel follows */
/* Something that moves all the time may never look the same twice; it has told us so by then. */
#define WALKS_MAX 8
/* Directories of one pattern, behind its fixed part; in more than these nothing is waited for. */
#define PATTERN_DIRECTORIES_MAX 1024

#define OF_ITSELF (IN_DELETE_SELF | IN_MOVE_SELF)
/* Of a directory on the way: it moves, or the name in it goes or is replaced. */
#define OF_WAY (OF_ITSELF | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
/* ... or is to come; a change of rights may show it. */
#define OF_GAP (OF_WAY | IN_CREATE | IN_ATTRIB)

static const uint32_t masks[PATH_KIND_COUNT] = {
    [PATH_EXISTS] = OF_ITSELF | IN_ATTRIB,
    [PATH_EXISTS_GLOB] = OF_GAP,
    [PATH_CHANGED] = OF_GAP | IN_CLOSE_WRITE,
    [PATH_MODIFIED] = OF_GAP | IN_CLOSE_WRITE | IN_MODIFY,
    [PATH_DIRECTORY_NOT_EMPTY] = OF_ITSELF | IN_ATTRIB | IN_CREATE | IN_MOVED_TO,
};

typedef VEC(struct watch_place) place_list;

struct walk {
    const struct path_question *question;
    place_list *places;
    struct str at, rest; /* what was walked, without links and without a "/" at its end; what is left */
    unsigned links;
    uint32_t line;
};

static bool is_absence(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ELOOP || error == ENAMETOOLONG;
}

/* ---- watches ---- */

/* Watches once more for exactly what is needed, where the kernel would tell of more. */
static uint32_t narrow(const struct walk *w, const char *path, uint32_t flags, const struct watch_place *place)
{
    uint32_t mine = place->mask;
    if (w->question->far) return 0;
    for (size_t i = 0; i < w->places->count; i++)
        if (w->places->items[i].wd == place->wd) mine |= w->places->items[i].mask;
    uint32_t wanted = watches_narrowed(w->question->watches, place->wd, w->question->user, mine);
    if (!wanted) return 0;
    int wd = inotify_add_watch(watches_fd(w->question->watches), path, wanted | flags);
    return wd == place->wd ? wanted : 0; /* else it was replaced, which the second walk sees */
}

/* 0; 1 when there is nothing of that name; -errno. */
static int watch(struct walk *w, const char *path, uint32_t flags, const struct watch_place *wanted)
{
    struct watch_place place = *wanted;
    place.line = w->line;
    place.wd = inotify_add_watch(watches_fd(w->question->watches), path, place.mask | flags | IN_MASK_ADD);
    if (place.wd < 0) return is_absence(errno) ? 1 : -errno;
    for (size_t i = 0; i < w->places->count; i++) {
        struct watch_place *known = &w->places->items[i];
        if (known->wd != place.wd || known->name != place.name || known->line != place.line || known->hit != place.hit)
            continue;
        known->mask |= place.mask;
        if (known->set) known->set |= place.mask;
        return 0;
    }
    place.set = narrow(w, path, flags, &place);
    return vec_push(w->places, place);
}

static int watch_name_in(struct walk *w, uint32_t mask, const char *name)
{
    const char *directory = w->at.length > 0 ? str_text(&w->at) : "/";
    return watch(w, directory, IN_DONT_FOLLOW, &(struct watch_place){ .mask = mask, .name = watch_name(name) });
}

/* ---- the walk ---- */

/* Puts what a link says in front of what is left. */
static int splice(struct walk *w, size_t done)
{
    char target[PATH_MAX];
    ssize_t length = readlink(str_text(&w->at), target, sizeof target);
    if (length < 0) return is_absence(errno) || errno == EINVAL ? 1 : -errno;
    if (++w->links > LINKS_MAX) return 1;
    AUTO_STR struct str path = STR_EMPTY;
    int r = str_append_bytes(&path, target, (size_t)length);
    if (r == 0) r = str_appendf(&path, "/%s", str_text(&w->rest) + done);
    if (r < 0) return r;
    str_clear(&w->rest);
    r = str_append(&w->rest, str_text(&path));
    str_truncate(&w->at, length > 0 && target[0] == '/' ? 0 : (size_t)(strrchr(w->at.data, '/') - w->at.data));
    return r;
}

/* One name further. *done counts the bytes of `rest`. 0; 1: there is nothing of that name; -errno. */
static int step(struct walk *w, const char *name, size_t *done)
{
    struct stat st;
    int r = watch_name_in(w, OF_WAY, name);
    if (r != 0) return r;
    size_t before = w->at.length;
    r = str_appendf(&w->at, "/%s", name);
    if (r < 0) return r;
    if (lstat(str_text(&w->at), &st) < 0) {
        if (!is_absence(errno)) return -errno;
        str_truncate(&w->at, before);
        r = watch_name_in(w, OF_GAP, name);
        if (r == 0) r = str_appendf(&w->at, "/%s", name);
        if (r != 0) return r;
        if (lstat(str_text(&w->at), &st) < 0) return is_absence(errno) ? 1 : -errno;
    }
    if (!S_ISLNK(st.st_mode)) return 0;
    r = watch(w, str_text(&w->at), IN_DONT_FOLLOW, &(struct watch_place){ .mask = OF_ITSELF });
    if (r == 0) r = splice(w, *done);
    *done = 0;
    return r;
}

/* 0, also when the path does not exist to its end; -errno. */
static int walk_path(struct walk *w, const char *path, const struct watch_place *end)
{
    char name[NAME_MAX + 1];
    size_t done = 0;
    str_clear(&w->at);
    str_clear(&w->rest);
    w->links = 0;
    int r = str_append(&w->rest, path);
    while (r == 0) {
        done += strspn(str_text(&w->rest) + done, "/");
        size_t length = strcspn(str_text(&w->rest) + done, "/");
        if (length == 0) {
            r = watch(w, w->at.length > 0 ? str_text(&w->at) : "/", IN_DONT_FOLLOW, end);
            break;
        }
        if (length >= sizeof name) break; /* no such name can exist */
        memcpy(name, str_text(&w->rest) + done, length);
        name[length] = '\0';
        done += length;
        if (strcmp(name, ".") == 0) continue;
        if (strcmp(name, "..") == 0) {
            if (w->at.length > 0) str_truncate(&w->at, (size_t)(strrchr(w->at.data, '/') - w->at.data));
            continue;
        }
        r = step(w, name, &done);
    }
    return MIN_OF(r, 0);
}

/* The fixed part is walked, and behind it every directory that is looked into may get what is missing. */
static int walk_pattern(struct walk *w, const char *pattern)
{
    AUTO_STRLIST struct strlist directories = STRLIST_EMPTY;
    AUTO_STR struct str fixed = STR_EMPTY;
    struct watch_place all = { .mask = OF_GAP };
    size_t end = strcspn(pattern, "*?[\\{");
    if (!pattern[end]) return walk_path(w, pattern, &(struct watch_place){ .mask = masks[PATH_EXISTS] });
    while (end > 0 && pattern[end - 1] != '/') end--;
    int r = str_append_bytes(&fixed, pattern, end);
    if (r == 0) r = walk_path(w, str_text(&fixed), &all);
    if (r == 0) r = glob_look(pattern, NULL, &directories);
    for (size_t i = 0; r >= 0 && i < MIN_OF(directories.count, PATTERN_DIRECTORIES_MAX); i++)
        if (strlen(directories.items[i]) > end) r = watch(w, directories.items[i], 0, &all);
    return MIN_OF(r, 0);
}

static int walk_all(const struct path_question *q, place_list *list)
{
    struct walk w = { .question = q, .places = list, .at = STR_EMPTY, .rest = STR_EMPTY };
    int r = 0;
    list->count = 0;
    for (uint32_t i = 0; r == 0 && i < q->section->values.count; i++) {
        w.line = i;
        const struct path_watch *line = &q->section->values.items[i];
        struct watch_place end = { .mask = masks[line->kind],
                                   .hit = line->kind == PATH_CHANGED || line->kind == PATH_MODIFIED };
        r = line->kind == PATH_EXISTS_GLOB ? walk_pattern(&w, line->path) : walk_path(&w, line->path, &end);
    }
    str_done(&w.at);
    str_done(&w.rest);
    return r;
}

static bool same_places(const place_list *a, const place_list *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].wd != b->items[i].wd || a->items[i].mask != b->items[i].mask) return false;
    return true;
}

/* What the first walk narrowed is narrowed still. */
static void keep_narrowed(place_list *later, const place_list *earlier)
{
    for (size_t i = 0; i < later->count; i++)
        if (!later->items[i].set) later->items[i].set = earlier->items[i].set;
}

static int watch_all(const struct path_question *q, place_list *ret)
{
    place_list other = VEC_EMPTY;
    int r = walk_all(q, ret);
    for (unsigned i = 1; r == 0 && i < WALKS_MAX; i++) {
        place_list swap = other;
        other = *ret;
        *ret = swap;
        r = walk_all(q, ret);
        if (r < 0 || !same_places(ret, &other)) continue;
        keep_narrowed(ret, &other);
        break;
    }
    vec_done(&other);
    return r;
}

/* ---- what is there ---- */

static int look_at(const struct path_watch *line, struct path_sight *sight, struct str *trigger)
{
    struct condition as_condition = { .parameter = line->path };
    struct stat st;
    int r = 0;
    switch (line->kind) {
    case PATH_EXISTS:
        sight->good = access(line->path, F_OK) == 0;
        break;
    case PATH_EXISTS_GLOB:
        if (trigger->length > 0) return 0; /* one is enough */
        r = glob_look(line->path, trigger, NULL);
        sight->good = r > 0;
        return r;
    case PATH_DIRECTORY_NOT_EMPTY:
        sight->good = condition_directory_not_empty(NULL, &as_condition) > 0;
        break;
    case PATH_CHANGED:
    case PATH_MODIFIED:
        sight->exists = stat(line->path, &st) == 0;
        sight->device = sight->exists ? st.st_dev : 0;
        sight->inode = sight->exists ? st.st_ino : 0;
        break;
    case PATH_KIND_COUNT:
        break;
    }
    return sight->good && trigger->length == 0 ? str_append(trigger, line->path) : 0;
}

/* > 0: a line is good. */
static int look_at_all(const struct path_section *section, struct path_sight *sights, struct str *trigger)
{
    int good = 0;
    for (uint32_t i = 0; i < section->values.count; i++) {
        int r = look_at(&section->values.items[i], &sights[i], trigger);
        if (r < 0) return r;
        good |= sights[i].good;
    }
    return good;
}

/* Parents as well, with the same mode. systemd.path(5) MakeDirectory=, DirectoryMode=. */
static int make_directories(const char *path, mode_t mode)
{
    AUTO_STR struct str part = STR_EMPTY;
    for (size_t end = 1; path[end - 1] != '\0'; end++) {
        if (path[end] != '/' && path[end] != '\0') continue;
        str_clear(&part);
        int r = str_append_bytes(&part, path, end);
        if (r == 0 && mkdir(str_text(&part), mode) == 0)
            r = chmod(str_text(&part), mode) < 0 ? -errno : 0; /* whatever the umask is */
        else if (r == 0 && errno != EEXIST)
            r = -errno;
        if (r < 0) return r;
    }
    struct stat st;
    if (stat(path, &st) < 0) return -errno;
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

static void make_all(const struct path_section *section, struct path_sight *sights)
{
    for (uint32_t i = 0; i < section->values.count; i++) {
        const struct path_watch *line = &section->values.items[i];
        if (line->kind == PATH_EXISTS || line->kind == PATH_EXISTS_GLOB) continue;
        sights[i].make_error = -make_directories(line->path, section->directory_mode);
    }
}

/* ---- question and answer ---- */

/* What an answer begins with; sights, places and the text follow. */
struct head {
    uint64_t n_places;
};

static int answer_with(struct file_answer *answer, const struct path_sight *sights, uint32_t n,
                       const place_list *places, const struct str *trigger)
{
    struct head head = { .n_places = places->count };
    struct str *out = &answer->bytes;
    int r = str_append_bytes(out, &head, sizeof head);
    if (r == 0) r = str_append_bytes(out, sights, n * sizeof *sights);
    if (r == 0) r = str_append_bytes(out, places->items, places->count * sizeof *places->items);
    return r < 0 ? r : str_append_bytes(out, str_text(trigger), trigger->length + 1);
}

int path_look(void *question, struct file_answer *answer)
{
    const struct path_question *q = question;
    const struct path_section *section = q->section;
    AUTO_STR struct str trigger = STR_EMPTY;
    place_list list = VEC_EMPTY;
    struct path_sight *sights = calloc(MAX_OF(section->values.count, 1u), sizeof *sights);
    if (!sights) return -ENOMEM;
    if (q->make_directories) make_all(section, sights);
    int r = look_at_all(section, sights, &trigger);
    if (r == 0) r = watch_all(q, &list);
    if (r == 0) r = look_at_all(section, sights, &trigger); /* what came before the watches were there */
    if (r >= 0) r = answer_with(answer, sights, section->values.count, &list, &trigger);
    vec_done(&list);
    free(sights);
    return r;
}

bool path_look_is_local(const struct path_section *section)
{
    for (uint32_t i = 0; i < section->values.count; i++) {
        const struct path_watch *line = &section->values.items[i];
        if (line->kind == PATH_EXISTS_GLOB ? !local_path_is_pattern(line->path) : !local_path_is(line->path))
            return false;
    }
    return true;
}

int path_look_read(const struct path_section *section, const struct file_answer *answer, struct path_seen *ret)
{
    const struct head *head = (const void *)answer->bytes.data;
    size_t size = answer->bytes.length, before = sizeof *head + section->values.count * sizeof *ret->sights;
    if (size <= before || head->n_places > (size - before) / sizeof *ret->places) return -EBADMSG;
    size_t text = before + head->n_places * sizeof *ret->places;
    if (text >= size || answer->bytes.data[size - 1] != '\0') return -EBADMSG;
    *ret = (struct path_seen){
        .sights = (const void *)(answer->bytes.data + sizeof *head),
        .places = (const void *)(answer->bytes.data + before),
        .n_places = (uint32_t)head->n_places,
        .trigger = answer->bytes.data + text,
    };
    return 0;
}
