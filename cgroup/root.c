#include "cgroup/root.h"

#include <dirent.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/str.h"
#include "cgroup/internal.h"

#define BASE_NAME "container-init"
enum { ALL_CONTROLLERS = (1u << CG_CONTROLLER_COUNT) - 1 };

/* --- why there is nothing --------------------------------------------------------------------------------------------
 */

/* Puts the reason together; a reason that cannot be allocated is a missing one. Returns r. */
PRINTF(3, 4) static int refuse(char **ret_reason, int r, const char *fmt, ...)
{
    va_list args;
    if (!ret_reason || *ret_reason) return r;
    va_start(args, fmt);
    if (vasprintf(ret_reason, fmt, args) < 0) *ret_reason = NULL;
    va_end(args);
    return r;
}

/* Appends the controllers of `set` that the kernel has, and a v1 hierarchy holds: a controller lives in one hierarchy
 * only.
 *
 * This listing is what libcgroup is used for. cgroup_init(), which its mount points and values need, clears a table of
 * 830 KiB (2.0.2) and so would make PID 1 half as big again; it finds no hierarchy without controllers; and it knows
 * nothing of cgroup.kill. Mounts are read from mountinfo and values written through the leaf's directory instead. */
static int append_v1_controllers(unsigned set, struct str *text)
{
    void *handle = NULL;
    struct controller_data data;
    int r = 0;
    for (int c = cgroup_get_all_controller_begin(&handle, &data); c == 0 && r == 0;
         c = cgroup_get_all_controller_next(&handle, &data)) {
        if (data.hierarchy == 0) continue;
        /* v1 calls the io controller blkio. */
        const char *name = str_equal(data.name, "blkio") ? "io" : data.name;
        if (cg_parse_controllers(name) & set) r = str_appendf(text, "%s%s", text->length > 0 ? " " : "", name);
    }
    if (handle) (void)cgroup_get_all_controller_end(&handle); /* it only closes the file */
    return r;
}

/* --- discovery -------------------------------------------------------------------------------------------------------
 */

static int read_proc(const char *proc, const char *name, char **ret_text)
{
    AUTO_STR struct str path = STR_EMPTY;
    size_t size;
    int r = str_appendf(&path, "%s/self/%s", proc, name);
    return r < 0 ? r : file_read(AT_FDCWD, str_text(&path), 16u << 20, ret_text, &size);
}

/* Is this directory a cgroup that we are in? What a mount table says may be covered by another mount, or be about
 * another namespace; the list of processes cannot err. */
static int open_if_ours(const char *path, struct fd *ret)
{
    AUTO_FD struct fd directory = FD_NONE;
    int r = fd_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &directory);
    if (r < 0) return r;
    struct statfs fs;
    if (fstatfs(directory.n, &fs) < 0) return -errno;
    if (fs.f_type != CGROUP2_SUPER_MAGIC) return -EINVAL;

    cg_pids pids = VEC_EMPTY;
    r = cg_read_procs(directory.n, "", &pids);
    bool ours = false;
    for (size_t i = 0; i < pids.count && !ours; i++) ours = pids.items[i] == getpid();
    vec_done(&pids);
    if (r < 0) return r;
    if (!ours) return -EINVAL;
    *ret = fd_take(&directory);
    return 0;
}

static int open_first_that_is_ours(struct cg_root *root, const struct strlist *paths)
{
    int r = -EINVAL;
    for (size_t i = 0; i < paths->count; i++) {
        r = open_if_ours(paths->items[i], &root->own);
        if (r < 0) continue;
        root->own_path = strdup(paths->items[i]);
        return root->own_path ? 0 : -ENOMEM;
    }
    return r;
}

static int find_own(struct cg_root *root, const char *proc, char **ret_reason)
{
    char *cgroup = NULL, *mountinfo = NULL, *own = NULL;
    AUTO_STRLIST struct strlist paths = STRLIST_EMPTY;
    unsigned n_mounts = 0;
    int r = read_proc(proc, "cgroup", &cgroup);
    if (r < 0) {
        (void)refuse(ret_reason, r, "%s/self/cgroup: %s", proc, strerror(-r));
        goto done;
    }
    r = cg_find_own(cgroup, &own);
    if (r < 0) {
        (void)refuse(ret_reason, r, "%s",
                     r == -ENOENT ? "no unified hierarchy in /proc/self/cgroup"
                                  : "own cgroup is outside the cgroup namespace");
        goto done;
    }
    r = read_proc(proc, "mountinfo", &mountinfo);
    if (r < 0) {
        (void)refuse(ret_reason, r, "%s/self/mountinfo: %s", proc, strerror(-r));
        goto done;
    }
    r = cg_find_directories(mountinfo, own, &paths, &n_mounts);
    if (r < 0) goto done;
    if (n_mounts == 0) {
        r = refuse(ret_reason, -ENOENT, "no cgroup2 file system is mounted");
        goto done;
    }
    r = open_first_that_is_ours(root, &paths);
    if (r < 0) (void)refuse(ret_reason, r, "own cgroup %s is not in a mounted hierarchy: %s", own, strerror(-r));
done:
    free(cgroup);
    free(mountinfo);
    free(own);
    return r;
}

/* --- processes of the container's own cgroup -------------------------------------------------------------------------
 */

/* Moves what is in `own` to init.scope. Returns how many were moved; *ret_left is how many are there still that could
 * not be moved (outside our pid namespace, or refused). The root of the whole hierarchy is exempt from the rule against
 * inner processes and holds kernel threads: only we leave it. */
static int move_processes(struct cg_root *root, unsigned *ret_left)
{
    AUTO_FD struct fd scope = FD_NONE;
    *ret_left = 0;
    int r = fd_openat(root->base.n, CG_INIT_SCOPE "/cgroup.procs", O_WRONLY, 0, &scope);
    if (r < 0) return r;
    cg_pids pids = VEC_EMPTY;
    r = cg_read_procs(root->own.n, "", &pids);
    int n_moved = 0;
    for (size_t i = 0; r == 0 && i < pids.count; i++) {
        pid_t pid = pids.items[i];
        if (pid != getpid() && (!root->move_all || root->true_root || pid <= 0)) {
            ++*ret_left;
            continue;
        }
        char text[DECIMAL_MAX(pid_t)];
        int n = snprintf(text, sizeof text, "%d", (int)pid);
        if (write(scope.n, text, (size_t)n) == n)
            n_moved++;
        else if (pid == getpid())
            r = -errno;
        else if (errno != ESRCH)
            ++*ret_left;
    }
    vec_done(&pids);
    return r < 0 ? r : n_moved;
}

/* --- controllers -----------------------------------------------------------------------------------------------------
 */

static int append_names(struct str *text, unsigned set, const char *prefix)
{
    int r = 0;
    for (unsigned i = 0; i < CG_CONTROLLER_COUNT && r == 0; i++)
        if (set & (1u << i))
            r = str_appendf(text, "%s%s%s", text->length > 0 ? " " : "", prefix,
                            cg_controller_name((enum cg_controller)i));
    return r;
}

static unsigned read_controllers(int dirfd, const char *file)
{
    char text[512];
    return file_read_small(dirfd, file, text, sizeof text) < 0 ? 0 : cg_parse_controllers(text);
}

/* Switches `set` on or off below dirfd, all at once or, where one spoils it for the others, each alone. 0 or the first
 * failure. */
static int write_subtree_control(int dirfd, unsigned set, const char *sign)
{
    if (set == 0) return 0;
    AUTO_STR struct str text = STR_EMPTY;
    int first = append_names(&text, set, sign);
    if (first < 0) return first;
    int r = file_write_small(dirfd, "cgroup.subtree_control", str_text(&text));
    if (r == 0 || (set & (set - 1)) == 0) return r;
    for (unsigned i = 0; i < CG_CONTROLLER_COUNT; i++) {
        if (!(set & (1u << i))) continue;
        char one[32];
        (void)snprintf(one, sizeof one, "%s%s", sign, cg_controller_name((enum cg_controller)i)); /* names are short */
        r = file_write_small(dirfd, "cgroup.subtree_control", one);
        if (first == 0) first = r;
    }
    return first;
}

static void set_controllers_reason(struct cg_root *root, unsigned missing, int r, unsigned n_left)
{
    AUTO_STR struct str text = STR_EMPTY;
    free(root->controllers_reason);
    root->controllers_reason = NULL;
    if (missing == 0) return;
    int a = append_names(&text, missing, "");
    if (a == 0) a = str_appendf(&text, ": %s", strerror(r < 0 ? -r : EBUSY));
    if (a == 0 && n_left > 0 && (r == -EBUSY || r == 0))
        a = str_appendf(&text, " (%u process%s of the container's own cgroup cannot be moved)", n_left,
                        n_left == 1 ? "" : "es");
    if (a == 0) root->controllers_reason = str_take(&text); /* without memory there is no text, only the bits */
}

/* Enables `set` in own and base. What is in own at the moment is in the way and moved again: a process may have forked
 * between the listing and the move. */
static int enable(struct cg_root *root, unsigned set)
{
    unsigned n_left = 0;
    int r = 0;
    if ((set & ~root->base_enabled) == 0) return 0;
    for (unsigned attempt = 0; attempt < 3; attempt++) {
        unsigned missing = set & ~root->own_enabled;
        r = write_subtree_control(root->own.n, missing, "+");
        unsigned now = read_controllers(root->own.n, "cgroup.subtree_control");
        root->own_added |= now & missing;
        root->own_enabled = now;
        if (r != -EBUSY || move_processes(root, &n_left) < 0 || n_left > 0) break;
    }
    unsigned possible = set & root->own_enabled & ~root->base_enabled;
    int b = write_subtree_control(root->base.n, possible, "+");
    root->base_enabled = read_controllers(root->base.n, "cgroup.subtree_control");
    if (r == 0) r = b;
    set_controllers_reason(root, set & ~root->base_enabled, r, n_left);
    return r;
}

static void explain_absence(struct cg_root *root)
{
    /* cpuset and hugetlb are not missed by anybody who does not ask for them. */
    unsigned usual = 1u << CG_CPU | 1u << CG_IO | 1u << CG_MEMORY | 1u << CG_PIDS;
    unsigned missing = usual & ~root->offered;
    AUTO_STR struct str text = STR_EMPTY, v1 = STR_EMPTY;
    if (missing == 0 || root->controllers_reason) return;
    int r = append_names(&text, missing, "");
    if (r == 0) r = append_v1_controllers(missing, &v1);
    if (r == 0)
        r = v1.length > 0 ? str_appendf(&text, ": not offered here (held by cgroup v1: %s)", str_text(&v1))
                          : str_append(&text, ": not offered here");
    if (r == 0) root->controllers_reason = str_take(&text); /* without memory there is no text, only the bits */
}

/* --- open and close --------------------------------------------------------------------------------------------------
 */

static int make_directory(int dirfd, const char *name)
{
    return mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_base(struct cg_root *root, char **ret_reason)
{
    if (asprintf(&root->path, "%s/" BASE_NAME, root->own_path) < 0) {
        root->path = NULL;
        return -ENOMEM;
    }
    int r = make_directory(root->own.n, BASE_NAME);
    if (r < 0) return refuse(ret_reason, r, "mkdir %s: %s", root->path, strerror(-r));
    r = fd_openat(root->own.n, BASE_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &root->base);
    if (r < 0) return refuse(ret_reason, r, "open %s: %s", root->path, strerror(-r));
    r = make_directory(root->base.n, CG_INIT_SCOPE);
    if (r < 0) return refuse(ret_reason, r, "mkdir %s/" CG_INIT_SCOPE ": %s", root->path, strerror(-r));

    unsigned n_left;
    r = move_processes(root, &n_left);
    if (r < 0) {
        /* Where we may not move ourselves, no unit could be placed either. */
        (void)refuse(ret_reason, r, "moving to %s/" CG_INIT_SCOPE ": %s", root->path, strerror(-r));
        (void)unlinkat(root->base.n, CG_INIT_SCOPE, AT_REMOVEDIR); /* as found, as far as possible */
        (void)unlinkat(root->own.n, BASE_NAME, AT_REMOVEDIR);
        return r;
    }
    return 0;
}

int cg_root_open(const struct cg_root_options *options, struct cg_root **ret_root, char **ret_reason)
{
    static const struct cg_root_options none;
    if (!options) options = &none;
    if (ret_reason) *ret_reason = NULL;
    AUTO(cg_root_free) struct cg_root *root = malloc(sizeof *root);
    if (!root) return -ENOMEM;
    *root = (struct cg_root){ .own = FD_NONE, .base = FD_NONE };
    root->move_all = (getpid() == 1 || options->move_others) && !options->leave_others;
    root->wanted = (options->controllers ? options->controllers : ALL_CONTROLLERS) & ALL_CONTROLLERS;

    int r = find_own(root, options->proc ? options->proc : "/proc", ret_reason);
    if (r == 0) {
        root->true_root = faccessat(root->own.n, "cgroup.type", F_OK, 0) < 0;
        r = make_base(root, ret_reason);
    }
    if (r < 0) return refuse(ret_reason, r, "%s", strerror(-r));

    root->has_kill = faccessat(root->base.n, "cgroup.kill", F_OK, 0) == 0;
    root->offered = read_controllers(root->own.n, "cgroup.controllers");
    root->own_enabled = read_controllers(root->own.n, "cgroup.subtree_control");
    root->base_enabled = read_controllers(root->base.n, "cgroup.subtree_control");
    (void)enable(root, root->wanted & root->offered); /* never fatal: cg_root_controllers_reason() */
    explain_absence(root);
    *ret_root = TAKE(root);
    return 0;
}

int cg_root_make_inner(struct cg_root *root, const char *path)
{
    AUTO_FD struct fd directory = FD_NONE;
    int r = make_directory(root->base.n, path);
    if (r == 0) r = fd_openat(root->base.n, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &directory);
    if (r < 0) return r;
    (void)write_subtree_control(directory.n, root->base_enabled, "+");
    return 0;
}

void cg_root_free(struct cg_root *root)
{
    if (!root) return;
    fd_close(&root->own);
    fd_close(&root->base);
    free(root->own_path);
    free(root->path);
    free(root->controllers_reason);
    free(root);
}

/* Removes what is below base but init.scope, as far as it is empty. */
static int remove_leaves(struct cg_root *root)
{
    DIR *stream = opendir(root->path);
    if (!stream) return -errno;
    int first = 0;
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || str_equal(entry->d_name, CG_INIT_SCOPE)) continue;
        int r = cg_remove_tree(root->base.n, entry->d_name);
        if (first == 0) first = r;
    }
    (void)closedir(stream); /* nothing was written */
    return first;
}

/* Moves everybody from init.scope back to own. */
static int move_back(struct cg_root *root)
{
    AUTO_FD struct fd procs = FD_NONE;
    int r = fd_openat(root->own.n, "cgroup.procs", O_WRONLY, 0, &procs);
    if (r < 0) return r;
    cg_pids pids = VEC_EMPTY;
    r = cg_read_procs(root->base.n, CG_INIT_SCOPE, &pids);
    for (size_t i = 0; i < pids.count; i++) {
        char text[DECIMAL_MAX(pid_t)];
        int n = snprintf(text, sizeof text, "%d", (int)pids.items[i]);
        if (pids.items[i] > 0 && write(procs.n, text, (size_t)n) != n && errno != ESRCH && r == 0) r = -errno;
    }
    vec_done(&pids);
    return r;
}

int cg_root_close_all(struct cg_root *root)
{
    if (!root) return 0;
    int first = remove_leaves(root);
    /* Inner processes are allowed again only once no controller is enabled below. */
    int r = write_subtree_control(root->base.n, root->base_enabled, "-");
    if (first == 0) first = r;
    r = write_subtree_control(root->own.n, root->own_added, "-");
    if (first == 0) first = r;
    r = move_back(root);
    if (first == 0) first = r;
    if (unlinkat(root->base.n, CG_INIT_SCOPE, AT_REMOVEDIR) < 0 && first == 0) first = -errno;
    if (unlinkat(root->own.n, BASE_NAME, AT_REMOVEDIR) < 0 && first == 0) first = -errno;
    cg_root_free(root);
    return first;
}

/* --- facts -----------------------------------------------------------------------------------------------------------
 */

const char *cg_root_path(const struct cg_root *root)
{
    return root->path;
}

const char *cg_root_own_path(const struct cg_root *root)
{
    return root->own_path;
}

int cg_root_dirfd(const struct cg_root *root)
{
    return root->base.n;
}

bool cg_root_has_controller(const struct cg_root *root, enum cg_controller controller)
{
    return root->base_enabled & (1u << controller);
}

bool cg_root_offers_controller(const struct cg_root *root, enum cg_controller controller)
{
    return root->offered & (1u << controller);
}

int cg_root_enable(struct cg_root *root, enum cg_controller controller)
{
    if (cg_root_has_controller(root, controller)) return 0;
    if (!cg_root_offers_controller(root, controller)) return -ENOENT;
    root->wanted |= 1u << controller;
    int r = enable(root, root->wanted & root->offered);
    if (cg_root_has_controller(root, controller)) return 0;
    return r < 0 ? r : -EBUSY;
}

const char *cg_root_controllers_reason(const struct cg_root *root)
{
    return root->controllers_reason;
}

bool cg_root_has_kill(const struct cg_root *root)
{
    return root->has_kill;
}

int cg_root_gather(struct cg_root *root)
{
    unsigned n_left;
    int n_moved = move_processes(root, &n_left);
    unsigned missing = root->wanted & root->offered & ~root->base_enabled;
    if (n_moved >= 0 && missing) (void)enable(root, root->wanted & root->offered); /* as in cg_root_open() */
    return n_moved;
}
