#include "cgroup/leaf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/str.h"
#include "cgroup/internal.h"

struct cg_leaf {
    struct cg_root *root;
    struct fd dir, events;
    bool adopted, killed;
    char name[];
};

/* "<leaf>/<file>" below the root's descriptor; files are our own literals. */
enum { FILE_PATH_MAX = PATH_MAX, LEAF_PATH_MAX = FILE_PATH_MAX - 32 };
static const char *leaf_file(const struct cg_leaf *leaf, const char *file, char path[static FILE_PATH_MAX])
{
    (void)snprintf(path, FILE_PATH_MAX, "%s/%s", leaf->name, file); /* fits: see above */
    return path;
}

static int leaf_write(const struct cg_leaf *leaf, const char *file, const char *text)
{
    char path[FILE_PATH_MAX];
    return file_write_small(cg_root_dirfd(leaf->root), leaf_file(leaf, file, path), text);
}

static bool is_gone(int r)
{
    return r == -ENOENT || r == -ENODEV;
}

/* The names that the kernel keeps for interface files begin with "cgroup." or a controller's name; it promises that
 * none ends like a unit does (cgroup-v2.rst, "Conventions"), so only these need a mark. */
static bool needs_escape(const char *name)
{
    if (name[0] == '_' || name[0] == '.' || str_starts_with(name, "cgroup.")) return true;
    if (str_equal(name, CG_INIT_SCOPE) || str_equal(name, "spawn-probe")) return true;
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == '/' || *c == 0x7f) return true;
    return false;
}

int cg_leaf_escape(const char *unit_name, struct str *ret)
{
    if (!*unit_name) return -EINVAL;
    size_t before = ret->length;
    int r = 0;
    if (!needs_escape(unit_name)) {
        r = str_append(ret, unit_name);
    } else {
        r = str_append_char(ret, '_');
        for (const char *c = unit_name; *c && r == 0; c++) {
            if ((unsigned char)*c < ' ' || *c == '/' || *c == '\\' || *c == 0x7f)
                r = str_appendf(ret, "\\x%02x", (unsigned)(unsigned char)*c);
            else
                r = str_append_char(ret, *c);
        }
    }
    if (r < 0) return r;
    return ret->length - before > NAME_MAX ? -ENAMETOOLONG : 0;
}

/* "a-b.slice" -> "a.slice/a-b.slice/". Each directory is made on the way. */
static int make_slices(struct cg_root *root, const char *slice, struct str *path)
{
    if (!slice || str_equal(slice, "-.slice")) return 0;
    for (const char *end = slice; *end; end++) {
        end += strcspn(end, "-");
        AUTO_STR struct str name = STR_EMPTY;
        int r = *end ? str_append_bytes(&name, slice, (size_t)(end - slice)) : str_append(&name, slice);
        if (r == 0 && *end) r = str_append(&name, ".slice");
        if (r == 0) r = cg_leaf_escape(str_text(&name), path);
        if (r == 0) r = path->length >= LEAF_PATH_MAX ? -ENAMETOOLONG : cg_root_make_inner(root, str_text(path));
        if (r == 0) r = str_append_char(path, '/');
        if (r < 0) return r;
        if (!*end) break;
    }
    return 0;
}

static int leaf_new(struct cg_root *root, const char *slice, const char *unit_name, struct cg_leaf **ret_leaf)
{
    AUTO_STR struct str name = STR_EMPTY;
    int r = make_slices(root, slice, &name);
    if (r == 0) r = cg_leaf_escape(unit_name, &name);
    if (r < 0) return r;
    if (name.length >= LEAF_PATH_MAX) return -ENAMETOOLONG;
    struct cg_leaf *leaf = malloc(sizeof *leaf + name.length + 1);
    if (!leaf) return -ENOMEM;
    *leaf = (struct cg_leaf){ .root = root, .dir = FD_NONE, .events = FD_NONE };
    memcpy(leaf->name, str_text(&name), name.length + 1);
    *ret_leaf = leaf;
    return 0;
}

int cg_leaf_create_in(struct cg_root *root, const char *slice, const char *unit_name, struct cg_leaf **ret_leaf)
{
    AUTO(cg_leaf_free) struct cg_leaf *leaf = NULL;
    int r = leaf_new(root, slice, unit_name, &leaf);
    if (r < 0) return r;
    if (mkdirat(cg_root_dirfd(root), leaf->name, 0755) < 0) {
        if (errno != EEXIST) return -errno;
        leaf->adopted = true;
        /* A run that was killed while it had the unit frozen must not hang the next one. */
        r = cg_leaf_freeze(leaf, false);
        if (r < 0 && !is_gone(r)) return r;
    }
    r = cg_leaf_dirfd(leaf);
    if (r < 0) return r;
    *ret_leaf = TAKE(leaf);
    return 0;
}

int cg_leaf_create(struct cg_root *root, const char *unit_name, struct cg_leaf **ret_leaf)
{
    return cg_leaf_create_in(root, NULL, unit_name, ret_leaf);
}

void cg_leaf_rest(struct cg_leaf *leaf)
{
    fd_close(&leaf->dir);
    fd_close(&leaf->events);
}

void cg_leaf_free(struct cg_leaf *leaf)
{
    if (!leaf) return;
    cg_leaf_rest(leaf);
    free(leaf);
}

bool cg_leaf_is_adopted(const struct cg_leaf *leaf)
{
    return leaf->adopted;
}

bool cg_leaf_takes_clones(const struct cg_leaf *leaf)
{
    return !leaf->adopted && !leaf->killed;
}

const char *cg_leaf_name(const struct cg_leaf *leaf)
{
    return leaf->name;
}

struct cg_root *cg_leaf_root(const struct cg_leaf *leaf)
{
    return leaf->root;
}

int cg_leaf_dirfd(struct cg_leaf *leaf)
{
    if (!fd_is_open(&leaf->dir)) {
        int r = fd_openat(cg_root_dirfd(leaf->root), leaf->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &leaf->dir);
        if (r < 0) return r;
    }
    return leaf->dir.n;
}

int cg_leaf_events_fd(struct cg_leaf *leaf)
{
    if (!fd_is_open(&leaf->events)) {
        char path[FILE_PATH_MAX];
        int r =
            fd_openat(cg_root_dirfd(leaf->root), leaf_file(leaf, "cgroup.events", path), O_RDONLY, 0, &leaf->events);
        if (r < 0) return r;
    }
    return leaf->events.n;
}

int cg_leaf_has_children(struct cg_leaf *leaf)
{
    struct stat st;
    if (fstatat(cg_root_dirfd(leaf->root), leaf->name, &st, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    return st.st_nlink > 2; /* kernfs counts directories, as most file systems do */
}

int cg_leaf_is_populated(struct cg_leaf *leaf)
{
    char text[256], path[FILE_PATH_MAX];
    int n;
    if (fd_is_open(&leaf->events)) {
        do n = (int)pread(leaf->events.n, text, sizeof text - 1, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0) n = -errno;
        if (n >= 0) text[n] = '\0';
    } else {
        n = file_read_small(cg_root_dirfd(leaf->root), leaf_file(leaf, "cgroup.events", path), text, sizeof text);
    }
    if (is_gone(n)) return 0;
    if (n < 0) return n;
    const char *value = strstr(text, "populated ");
    if (!value) return -EIO;
    return value[strlen("populated ")] == '1';
}

int cg_leaf_open_procs(struct cg_leaf *leaf)
{
    char path[FILE_PATH_MAX];
    AUTO_FD struct fd procs = FD_NONE;
    int r = fd_openat(cg_root_dirfd(leaf->root), leaf_file(leaf, "cgroup.procs", path), O_WRONLY, 0, &procs);
    return r < 0 ? r : fd_take(&procs).n;
}

int cg_leaf_add_process(struct cg_leaf *leaf, pid_t pid)
{
    char text[DECIMAL_MAX(pid_t)];
    (void)snprintf(text, sizeof text, "%d", (int)pid); /* fits by DECIMAL_MAX */
    return leaf_write(leaf, "cgroup.procs", text);
}

int cg_leaf_freeze(struct cg_leaf *leaf, bool frozen)
{
    return leaf_write(leaf, "cgroup.freeze", frozen ? "1" : "0");
}

int cg_leaf_oom_kills(struct cg_leaf *leaf, uint64_t *ret_count)
{
    char text[512], path[FILE_PATH_MAX];
    int n = file_read_small(cg_root_dirfd(leaf->root), leaf_file(leaf, "memory.events", path), text, sizeof text);
    if (n < 0) return n;
    char *value = strstr(text, "oom_kill ");
    if (!value) return -EIO;
    value += strlen("oom_kill ");
    value[strcspn(value, "\n")] = '\0';
    return parse_u64(value, 0, UINT64_MAX, ret_count);
}

int cg_leaf_set_oom_group(struct cg_leaf *leaf)
{
    return leaf_write(leaf, "memory.oom.group", "1");
}

int cg_leaf_list_pids(struct cg_leaf *leaf, cg_leaf_pid_fn *fn, void *userdata)
{
    cg_pids pids = VEC_EMPTY;
    int r = cg_read_procs_tree(cg_root_dirfd(leaf->root), leaf->name, &pids);
    if (is_gone(r)) r = 0;
    for (size_t i = 0; r == 0 && i < pids.count; i++) r = fn(pids.items[i], userdata);
    vec_done(&pids);
    return r;
}

/* The slices that the leaf was the last in. */
static void remove_slices(const struct cg_leaf *leaf)
{
    char path[LEAF_PATH_MAX], *slash = strrchr(leaf->name, '/');
    if (!slash) return;
    memcpy(path, leaf->name, strlen(leaf->name) + 1);
    while ((slash = strrchr(path, '/'))) {
        *slash = '\0';
        if (unlinkat(cg_root_dirfd(leaf->root), path, AT_REMOVEDIR) < 0) return; /* others are in it */
    }
}

int cg_leaf_remove(struct cg_leaf *leaf)
{
    cg_leaf_rest(leaf);
    int r = cg_remove_tree(cg_root_dirfd(leaf->root), leaf->name);
    if (r == 0) remove_slices(leaf);
    return r;
}

int cg_leaf_remove_empty(struct cg_leaf *leaf)
{
    if (fd_is_open(&leaf->events)) return -EBUSY;
    if (unlinkat(cg_root_dirfd(leaf->root), leaf->name, AT_REMOVEDIR) < 0 && errno != ENOENT) return -errno;
    remove_slices(leaf);
    return 0;
}

/* --- signals ---------------------------------------------------------------------------------------------------------
 */

static int real_pidfd_open(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : fd;
}

static int real_pidfd_send_signal(int pidfd, int signal)
{
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

static const struct cg_signal_ops real_ops = { real_pidfd_open, real_pidfd_send_signal };

static int compare_pids(const void *a, const void *b)
{
    pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;
    return (left > right) - (left < right);
}

static bool pids_contain(const cg_pids *sorted, pid_t pid)
{
    return sorted->count > 0 && bsearch(&pid, sorted->items, sorted->count, sizeof pid, compare_pids);
}

static int read_sorted(struct cg_leaf *leaf, cg_pids *pids)
{
    pids->count = 0;
    int r = cg_read_procs_tree(cg_root_dirfd(leaf->root), leaf->name, pids);
    if (r < 0) return is_gone(r) ? 0 : r;
    if (pids->count > 1) qsort(pids->items, pids->count, sizeof *pids->items, compare_pids);
    return 0;
}

/* The state of one walk. */
struct signal_walk {
    struct cg_leaf *leaf;
    const struct cg_signal_ops *ops;
    int signal;
    pid_t spare;
    cg_pids listed, proof, done;
    int n_signalled;
};

enum { BATCH = 64 };

/* Opens up to BATCH of the listed processes from *next on, reads the list again, and signals those that are in it
 * still: a number that was reused outside the leaf between listing and opening is not in the second list (K09); one
 * reused inside is in the leaf and ours. */
static int signal_batch(struct signal_walk *w, size_t *next)
{
    struct {
        pid_t pid;
        struct fd pidfd;
    } batch[BATCH];
    size_t n = 0;
    int r = 0;
    while (*next < w->listed.count && n < BATCH) {
        pid_t pid = w->listed.items[*next];
        if (pid <= 0 || pid == w->spare || pids_contain(&w->done, pid)) {
            ++*next;
            continue;
        }
        int fd = w->ops->pidfd_open(pid);
        if ((fd == -EMFILE || fd == -ENFILE) && n > 0) break; /* a smaller batch will do */
        ++*next;
        if (fd == -ESRCH || fd == -EINVAL) continue; /* ended, or became a thread's number */
        if (fd < 0) {
            r = fd;
            break;
        }
        batch[n].pid = pid;
        batch[n++].pidfd = fd_own(fd);
    }
    if (n > 0 && r == 0) r = read_sorted(w->leaf, &w->proof);
    for (size_t i = 0; i < n; i++) {
        if (r == 0 && pids_contain(&w->proof, batch[i].pid)) {
            int sent = w->ops->pidfd_send_signal(batch[i].pidfd.n, w->signal);
            if (sent == 0) w->n_signalled++;
            if (sent < 0 && sent != -ESRCH) r = sent;
            int pushed = vec_push(&w->done, batch[i].pid);
            if (pushed < 0) r = pushed;
        }
        fd_close(&batch[i].pidfd);
    }
    if (w->done.count > 1) qsort(w->done.items, w->done.count, sizeof *w->done.items, compare_pids);
    return r;
}

/* One look at the whole subtree. 1: somebody was signalled who had not been before; 0: nobody new; -errno. */
static int signal_pass(struct signal_walk *w)
{
    size_t before = w->done.count;
    int r = read_sorted(w->leaf, &w->listed);
    for (size_t next = 0; r == 0 && next < w->listed.count;) r = signal_batch(w, &next);
    return r < 0 ? r : w->done.count > before;
}

/* 0: a pass found nobody new; -EAGAIN: the last one still did. */
static int signal_all(struct signal_walk *w, unsigned max_passes)
{
    int r = 1;
    for (unsigned pass = 0; r > 0 && pass < max_passes; pass++) r = signal_pass(w);
    vec_done(&w->listed);
    vec_done(&w->proof);
    vec_done(&w->done);
    return r > 0 ? -EAGAIN : r;
}

int cg_leaf_signal_with(struct cg_leaf *leaf, int signal, pid_t spare, const struct cg_signal_ops *ops)
{
    struct signal_walk walk = { .leaf = leaf, .ops = ops, .signal = signal, .spare = spare };
    int r = signal_all(&walk, 16);
    return r < 0 && r != -EAGAIN ? r : walk.n_signalled;
}

int cg_leaf_signal(struct cg_leaf *leaf, int signal, pid_t spare)
{
    return cg_leaf_signal_with(leaf, signal, spare, &real_ops);
}

int cg_leaf_kill_by_pids_with(struct cg_leaf *leaf, const struct cg_signal_ops *ops)
{
    /* Frozen processes fork no more and die of SIGKILL all the same (cgroup-v2.rst, cgroup.freeze). Without the freezer
     * the passes alone have to win the race. */
    int frozen = cg_leaf_freeze(leaf, true);
    struct signal_walk walk = { .leaf = leaf, .ops = ops, .signal = SIGKILL };
    int r = signal_all(&walk, 64);
    if (frozen == 0) {
        int thawed = cg_leaf_freeze(leaf, false);
        if (r == 0 && !is_gone(thawed)) r = thawed;
    }
    return r;
}

int cg_leaf_kill_by_pids(struct cg_leaf *leaf)
{
    return cg_leaf_kill_by_pids_with(leaf, &real_ops);
}

int cg_leaf_kill(struct cg_leaf *leaf)
{
    if (!cg_root_has_kill(leaf->root)) return cg_leaf_kill_by_pids(leaf);
    int r = leaf_write(leaf, "cgroup.kill", "1");
    leaf->killed = leaf->killed || r == 0;
    if (is_gone(r)) return 0;
    /* A threaded cgroup cannot be killed as a whole, and one that became read-only cannot be written; who is in it can
     * be read and signalled all the same. */
    return r < 0 ? cg_leaf_kill_by_pids(leaf) : 0;
}
