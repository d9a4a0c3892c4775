#include "supervisor/exec_directories.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/local_path.h"
#include "unit/unit.h"

#define TREE_DEPTH      64
#define ENTRIES_AT_MOST 1000000 /* a tree that grows while it is removed must not hold us */
#define RUNTIME_BELOW   "/run"

static const struct {
    const char *name, *below;
    enum exec_stage stage;
} kinds[EXEC_DIRECTORY_COUNT] = {
#define X(enumerator, text, below, variable)                                                                           \
    [EXEC_DIRECTORY_##enumerator] = { text "=", below, EXEC_STAGE_##enumerator##_DIRECTORY },
    EXEC_DIRECTORIES(X)
#undef X
};

const char *exec_directory_name(enum exec_stage stage)
{
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++)
        if (kinds[kind].stage == stage) return kinds[kind].name;
    return NULL;
}

int exec_directories_plan(struct exec_plan *plan, const struct exec_request *request,
                          const struct exec_identity *identity)
{
    const struct exec_section *exec = request->unit->exec;
    size_t count = 0;
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) count += exec->directories[kind].paths.count;
    if (count == 0 || !request->make_directories) return 0;
    struct child_directory *list = plan_alloc(&plan->memory, count * sizeof *list);
    plan->child.scratch = plan_alloc(&plan->memory, CHILD_SCRATCH_SIZE);
    if (!list || !plan->child.scratch) return -ENOMEM;
    plan->child.directories = list;
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
        const struct exec_directory *directory = &exec->directories[kind];
        for (uint32_t i = 0; i < directory->paths.count; i++) {
            *list = (struct child_directory){
                .below = kinds[kind].below,
                .path = plan_strdup(&plan->memory, directory->paths.items[i]),
                .mode = directory->mode,
                .uid = identity->uid,
                .gid = identity->gid,
                .set_owner = request->is_root && kind != EXEC_DIRECTORY_CONFIGURATION,
                .stage = (uint8_t)kinds[kind].stage,
            };
            if (!list->path) return -ENOMEM;
            list++;
        }
    }
    plan->child.n_directories = (uint32_t)count;
    return 0;
}

/* ---- removal ---- */

struct removal {
    DIR *dirs[TREE_DEPTH];
    char *names[TREE_DEPTH]; /* of dirs[i] in dirs[i-1] */
    int depth;
    unsigned left; /* entries that may still be removed */
};

static int removal_enter(struct removal *removal, struct fd *fd_to_take, const char *name)
{
    if (removal->depth == TREE_DEPTH) return -ELOOP;
    char *copy = strdup(name);
    if (!copy) return -ENOMEM;
    DIR *dir = fdopendir(fd_to_take->n);
    if (!dir) {
        int r = -errno;
        free(copy);
        return r;
    }
    (void)fd_take(fd_to_take); /* dir owns it now */
    removal->dirs[removal->depth] = dir;
    removal->names[removal->depth++] = copy;
    return 0;
}

static void removal_leave(struct removal *removal)
{
    removal->depth--;
    (void)closedir(removal->dirs[removal->depth]); /* was only read */
    free(removal->names[removal->depth]);
}

static int removal_entry(struct removal *removal, const char *name)
{
    if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]))) return 0;
    if (removal->left-- == 0) return -E2BIG;
    int parent = dirfd(removal->dirs[removal->depth - 1]);
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return -errno;
    int r = errno == EPERM ? -EPERM : 0;
    AUTO_FD struct fd fd = FD_NONE;
    int opened = local_path_open_directory(parent, name, &fd);
    if (opened < 0) return opened == -ENOTDIR && r < 0 ? r : opened;
    return removal_enter(removal, &fd, name);
}

/* Empties the directory that `top` is, which is consumed. Iterative: a tree is as deep as its owner likes. */
static int remove_contents(struct fd *top)
{
    struct removal removal = { .left = ENTRIES_AT_MOST };
    int first = removal_enter(&removal, top, "");
    while (removal.depth > 0) {
        int depth = removal.depth;
        const struct dirent *entry = readdir(removal.dirs[depth - 1]);
        int r = 0;
        if (entry) {
            r = removal_entry(&removal, entry->d_name);
        } else {
            if (depth > 1 && unlinkat(dirfd(removal.dirs[depth - 2]), removal.names[depth - 1], AT_REMOVEDIR) < 0 &&
                errno != ENOENT)
                r = -errno;
            removal_leave(&removal);
        }
        if (r < 0 && first == 0) first = r;
        if (r == -E2BIG)
            while (removal.depth > 0) removal_leave(&removal);
    }
    return first;
}

/* Opens the directory above the last component of `path`, in which `*ret_name` then is. */
static int open_parent(const char *below, const char *path, struct fd *ret, const char **ret_name)
{
    AUTO_FD struct fd at = FD_NONE;
    int r = fd_openat(AT_FDCWD, below, O_RDONLY | O_DIRECTORY, 0, &at);
    while (r == 0) {
        while (*path == '/') path++;
        size_t length = strcspn(path, "/");
        if (path[length + strspn(path + length, "/")] == '\0') break;
        char *name = strndup(path, length);
        if (!name) return -ENOMEM;
        AUTO_FD struct fd next = FD_NONE;
        r = local_path_open_directory(at.n, name, &next);
        free(name);
        if (r < 0) break;
        fd_close(&at);
        at = fd_take(&next);
        path += length;
    }
    if (r < 0) return r;
    *ret = fd_take(&at);
    *ret_name = path;
    return 0;
}

static int remove_one(const char *below, const char *path)
{
    AUTO_FD struct fd parent = FD_NONE, fd = FD_NONE;
    const char *name;
    int r = open_parent(below, path, &parent, &name);
    if (r == 0) r = local_path_open_directory(parent.n, name, &fd);
    if (r < 0) return r == -ENOENT ? 0 : r;
    r = remove_contents(&fd);
    if (r < 0) return r;
    return unlinkat(parent.n, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int exec_directories_remove_below(const char *below, const struct unit *unit, bool will_restart, const char **ret_path)
{
    const struct exec_section *exec = unit->exec;
    const struct text_list *paths = &exec->directories[EXEC_DIRECTORY_RUNTIME].paths;
    if (paths->count == 0 || exec->runtime_directory_preserve == PRESERVE_YES) return 0;
    if (exec->runtime_directory_preserve == PRESERVE_RESTART && will_restart) return 0;
    int first = 0;
    for (uint32_t i = 0; i < paths->count; i++) {
        int r = local_path_is(below) ? remove_one(below, paths->items[i]) : -EXDEV;
        if (r == 0 || first < 0) continue;
        first = r;
        if (ret_path) *ret_path = paths->items[i];
    }
    return first;
}

int exec_directories_remove(const struct unit *unit, bool will_restart, const char **ret_path)
{
    return exec_directories_remove_below(RUNTIME_BELOW, unit, will_restart, ret_path);
}
