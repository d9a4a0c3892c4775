/* RequiresMountsFor= as other settings imply it. Source: the "Implicit Dependencies" of systemd.exec(5),
 * systemd.socket(5), systemd.path(5), systemd.timer(5), systemd.mount(5), systemd.automount(5), systemd.swap(5). */
#include "unit/finish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "unit/paths.h"
#include "unit/values.h"

static int add(struct finish *f, const char *path)
{
    struct text_list *list = &f->settings->unit_extra.requires_mounts_for;
    if (!path || path[0] != '/') return 0;
    if (!path_is_normalized(path)) {
        struct diag_about about = { { f->path, 0, 0 }, NULL, NULL };
        f->broken = true;
        diag_report(f->diags, DIAG_ERROR, about, "bad-path", NULL,
                    "'%.200s' has '..', so that nothing can be ordered by it", path);
        return 0;
    }
    int r = list_reserve(f->arena, (void **)&list->items, list->count, &list->capacity, sizeof *list->items);
    if (r == 0) list->items[list->count++] = path;
    return r;
}

static int add_clean(struct finish *f, const char *path)
{
    if (path[0] != '/') return 0;
    char *copy = arena_strdup(f->arena, path);
    if (!copy) return -ENOMEM;
    path_simplify(copy);
    return add(f, copy);
}

/* ---- by group of settings ---- */

static const char *directory_below(enum exec_directory_kind kind)
{
    static const char *const below[] = {
#define X(enumerator, name, root, variable) [EXEC_DIRECTORY_##enumerator] = root,
        EXEC_DIRECTORIES(X)
#undef X
    };
    return below[kind];
}

static int add_directories(struct finish *f)
{
    for (enum exec_directory_kind kind = 0; kind < EXEC_DIRECTORY_COUNT; kind++) {
        const struct text_list *paths = &f->settings->exec.directories[kind].paths;
        for (uint32_t i = 0; i < paths->count; i++) {
            const char *path = arena_printf(f->arena, "%s/%s", directory_below(kind), paths->items[i]);
            int r = path ? add(f, path) : -ENOMEM;
            if (r < 0) return r;
        }
    }
    return 0;
}

static int add_exec(struct finish *f)
{
    const struct exec_section *exec = &f->settings->exec;
    const struct sandbox_section *sandbox = &f->settings->sandbox;
    int r = add_directories(f);
    if (r == 0 && sandbox->root_directory) r = add(f, sandbox->root_directory);
    if (r == 0 && sandbox->root_image) r = add(f, sandbox->root_image);
    if (r == 0 && sandbox->private_tmp) r = add(f, "/var/tmp");
    if (r == 0 && exec->working_directory && !exec->working_directory_optional) r = add(f, exec->working_directory);
    return r;
}

static int add_socket(struct finish *f)
{
    const struct socket_listen_list *listens = &f->settings->socket.listens;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < listens->count; i++) {
        const struct socket_listen *listen = &listens->items[i];
        if (listen->text[0] != '/' || listen->kind == LISTEN_NETLINK || listen->kind == LISTEN_MESSAGE_QUEUE) continue;
        r = add_clean(f, listen->text);
    }
    return r;
}

static int add_paths(struct finish *f)
{
    const struct path_watch_list *watches = &f->settings->path_unit.values;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < watches->count; i++) r = add(f, watches->items[i].path);
    return r;
}

static int add_parent(struct finish *f, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!slash || strcmp(path, "/") == 0) return 0;
    const char *parent = slash == path ? "/" : arena_strndup(f->arena, path, (size_t)(slash - path));
    return parent ? add(f, parent) : -ENOMEM;
}

bool mount_has_option(const struct mount_section *mount, const char *word)
{
    for (const char *p = mount->options; p && *p; p += strcspn(p, ","), p += *p == ',')
        if (strcspn(p, ",") == strlen(word) && strncmp(p, word, strlen(word)) == 0) return true;
    return false;
}

static bool is_network_type(const char *type)
{
    static const char *const types[] = { "afs",  "ceph", "cifs", "smb3",      "smbfs", "sshfs", "ncpfs",  "ncp",  "nfs",
                                         "nfs4", "gfs",  "gfs2", "glusterfs", "pvfs2", "ocfs2", "lustre", "davfs" };
    if (!type) return false;
    if (str_starts_with(type, "fuse.")) type += strlen("fuse.");
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (strcmp(types[i], type) == 0) return true;
    return false;
}

bool mount_is_network(const struct mount_section *mount)
{
    return is_network_type(mount->type) || mount_has_option(mount, "_netdev");
}

static int add_mount(struct finish *f)
{
    const struct mount_section *mount = &f->settings->mount;
    int r = add_parent(f, mount->where);
    bool local = mount_has_option(mount, "bind") || mount_has_option(mount, "rbind") ||
                 mount_has_option(mount, "loop") || !mount_is_network(mount);
    if (r == 0 && mount->what && local) r = add_clean(f, mount->what);
    return r;
}

/* ---- the list ---- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_texts(struct text_list *list)
{
    uint32_t kept = 0;
    if (list->count > 1) qsort(list->items, list->count, sizeof *list->items, compare_texts);
    for (uint32_t i = 0; i < list->count; i++)
        if (kept == 0 || strcmp(list->items[kept - 1], list->items[i]) != 0) list->items[kept++] = list->items[i];
    list->count = kept;
}

int finish_mounts(struct finish *f)
{
    enum unit_kind kind = f->context->kind;
    int r = 0;
    if (kind == UNIT_KIND_SERVICE || kind == UNIT_KIND_SOCKET || kind == UNIT_KIND_MOUNT || kind == UNIT_KIND_SWAP)
        r = add_exec(f);
    if (r == 0 && kind == UNIT_KIND_SOCKET) r = add_socket(f);
    if (r == 0 && kind == UNIT_KIND_PATH) r = add_paths(f);
    if (r == 0 && kind == UNIT_KIND_TIMER && f->settings->timer.persistent) r = add(f, "/var/lib/systemd/timers");
    if (r == 0 && kind == UNIT_KIND_MOUNT) r = add_mount(f);
    if (r == 0 && kind == UNIT_KIND_AUTOMOUNT) r = add_parent(f, f->settings->mount.where);
    if (r == 0 && kind == UNIT_KIND_SWAP) r = add(f, f->settings->mount.what);
    if (r == 0) sort_texts(&f->settings->unit_extra.requires_mounts_for);
    return r;
}
