#include "supervisor/procs_table.h"

#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

struct procs_member *procs_member_of(const struct procs_table *table, pid_t pid)
{
    return id_map_get(&table->members, (uint64_t)pid);
}

#define LOOKS_AT_MOST 8 /* at our children, while they end under our eyes */

static struct procs *run_of_mark(const struct procs_table *table, uint64_t hard_limit)
{
    uint64_t mark = mark_space_owner(&table->marks, hard_limit);
    return mark ? id_map_get(&table->runs, mark) : NULL;
}

/* ---- one process ---- */

/* By what it was told, or by its mark; -ESRCH when it is gone. Zombies are not looked for here. */
static int find_by_mark(struct procs_table *table, struct found *found)
{
    const struct procs_member *member = procs_member_of(table, found->pid);
    if (member && member->alive) {
        found->run = member->run;
        return 0;
    }
    uint64_t hard_limit;
    int r = proc_read_mark(table->proc.n, found->pid, &hard_limit);
    if (r < 0) return r;
    found->run = run_of_mark(table, hard_limit);
    found->by_mark = found->run != NULL;
    return 0;
}

int procs_run_of(struct procs_table *table, pid_t pid, struct procs **ret)
{
    struct found found = { .pid = pid };
    *ret = NULL;
    const struct procs_member *member = procs_member_of(table, pid);
    if (!(member && member->alive) && !fd_is_open(&table->proc)) return -ENOENT;
    int r = find_by_mark(table, &found);
    if (r == 0) *ret = found.run;
    return r;
}

static struct found *scan_find(struct procs_table *table, pid_t pid)
{
    size_t low = 0, high = table->scan.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->scan.items[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < table->scan.count && table->scan.items[low].pid == pid ? &table->scan.items[low] : NULL;
}

/* The run whose session or process group this number names. A number whose process was reaped and that names one again
 * was given away: its group is another one. */
static struct procs *run_of_group(const struct procs_table *table, pid_t group)
{
    const struct procs_member *member = procs_member_of(table, group);
    if (!member) return NULL;
    struct proc_stat stat;
    if (!member->alive && proc_read_stat(table->proc.n, group, &stat) == 0) return NULL;
    return member->run;
}

/* For one that lost its mark: by session and group, else by its parent, which the scan has seen before it or will have
 * resolved in a later pass. Returns whether it is somebody's now. */
static bool find_by_kin(struct procs_table *table, struct found *found)
{
    struct proc_stat stat;
    if (proc_read_stat(table->proc.n, found->pid, &stat) < 0 || !proc_stat_is_alive(&stat)) return false;
    found->start = stat.start;
    found->run = run_of_group(table, stat.session);
    if (!found->run) found->run = run_of_group(table, stat.group);
    const struct found *parent = found->run ? NULL : scan_find(table, stat.parent);
    if (parent) found->run = parent->run;
    return found->run != NULL;
}

/* ---- the scan ---- */

/* Not an answer about the process. */
static bool is_shortage(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

static int scan_fill(struct procs_table *table)
{
    table->pids.count = 0;
    table->scan.count = 0;
    int r = proc_list(table->proc.n, &table->pids);
    if (r < 0) return r;
    r = vec_reserve(&table->scan, table->pids.count);
    if (r < 0) return r;
    pid_t own = getpid();
    for (size_t i = 0; i < table->pids.count; i++) {
        struct found found = { .pid = table->pids.items[i] };
        if (found.pid == own) continue;
        r = find_by_mark(table, &found);
        if (is_shortage(r)) return r;
        if (r < 0) continue; /* it has gone */
        table->scan.items[table->scan.count++] = found;
    }
    return 0;
}

/* A chain of processes that all lost their marks is resolved from its top, one generation per pass. */
static void scan_resolve_kin(struct procs_table *table)
{
    bool more = table->members.count > 0;
    while (more) {
        more = false;
        for (size_t i = 0; i < table->scan.count; i++)
            if (!table->scan.items[i].run && find_by_kin(table, &table->scan.items[i])) more = true;
    }
}

static void scan_link(struct procs_table *table)
{
    table->serial++;
    for (size_t i = table->scan.count; i-- > 0;) {
        struct found *found = &table->scan.items[i];
        struct procs *run = found->run;
        if (!run) continue;
        found->next = run->scan_serial == table->serial ? run->scan_first : 0;
        run->scan_serial = table->serial;
        run->scan_first = (uint32_t)(i + 1);
    }
}

int procs_scan(struct procs_table *table, bool fresh)
{
    if (!fd_is_open(&table->proc)) return -ENOENT;
    if (table->scan_valid && !fresh) return 0;
    int r = scan_fill(table);
    if (r < 0) {
        table->scan_valid = false;
        return r;
    }
    scan_resolve_kin(table);
    scan_link(table);
    table->scan_valid = true;
    table->scan_stale = false;
    table->scans++;
    return 0;
}

struct found *procs_scan_first(struct procs_table *table, const struct procs *procs)
{
    if (procs->scan_serial != table->serial || procs->scan_first == 0) return NULL;
    return &table->scan.items[procs->scan_first - 1];
}

struct found *procs_scan_next(struct procs_table *table, const struct found *found)
{
    return found->next ? &table->scan.items[found->next - 1] : NULL;
}

int procs_found_holds(struct procs_table *table, const struct found *found)
{
    struct proc_stat stat;
    const struct procs_member *member = procs_member_of(table, found->pid);
    if (member && member->alive) return member->run == found->run;
    if (proc_read_stat(table->proc.n, found->pid, &stat) < 0 || !proc_stat_is_alive(&stat)) return 0;
    if (!found->by_mark) return stat.start == found->start;
    uint64_t hard_limit;
    if (proc_read_mark(table->proc.n, found->pid, &hard_limit) < 0) return 0;
    return run_of_mark(table, hard_limit) == found->run;
}

pid_t procs_found_group(struct procs_table *table, const struct found *found)
{
    struct proc_stat stat;
    uint64_t hard_limit;
    if (!found->by_mark || proc_read_stat(table->proc.n, found->pid, &stat) < 0) return 0;
    if (stat.parent != getpid() || stat.group <= 1 || stat.group == getpgrp()) return 0;
    if (proc_read_mark(table->proc.n, found->pid, &hard_limit) < 0) return 0;
    return run_of_mark(table, hard_limit) == found->run ? stat.group : 0;
}

/* Without a part in the reaping, orphans are not our children. */
static bool we_adopt_orphans(void)
{
    int subreaper = 0;
    return getpid() == 1 || (prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == 0 && subreaper);
}

/* ---- orphans: every process of a run descends from one of our children that is of the run, so when none of them is,
 * nothing of it is left ---- */

/* One look. *ret_dead: how many of those listed have ended, and wait to be reaped by us. */
static int orphans_list(struct procs_table *table, size_t *ret_dead)
{
    *ret_dead = 0;
    table->pids.count = 0;
    table->orphans.count = 0;
    int r = we_adopt_orphans() ? proc_list_children(table->proc.n, getpid(), &table->pids) : -ENOENT;
    for (size_t i = 0; r == 0 && i < table->pids.count; i++) {
        struct found orphan = { .pid = table->pids.items[i] };
        const struct procs_member *member = procs_member_of(table, orphan.pid);
        struct proc_stat stat;
        if (member && member->alive) continue;
        int seen = proc_read_stat(table->proc.n, orphan.pid, &stat);
        bool alive = seen == 0 && proc_stat_is_alive(&stat);
        if (alive) seen = find_by_mark(table, &orphan);
        if (is_shortage(seen)) return seen;
        if (!alive || seen < 0) {
            (*ret_dead)++;
            continue;
        }
        orphan.start = stat.start;
        if (!orphan.run) orphan.run = run_of_group(table, stat.session);
        if (!orphan.run) orphan.run = run_of_group(table, stat.group);
        if (orphan.run) r = vec_push(&table->orphans, orphan);
    }
    return r;
}

/* Who ended after the listing has left us children that are not in it: looked at again until nobody did. We do not reap
 * meanwhile, so the number of the dead only grows. -EAGAIN: they end faster than we look. */
static int orphans_read(struct procs_table *table)
{
    size_t dead = 0, before;
    int r, looks = 0;
    do {
        before = dead;
        r = orphans_list(table, &dead);
    } while (r == 0 && dead != before && ++looks < LOOKS_AT_MOST);
    if (r == 0 && dead != before) r = -EAGAIN;
    table->orphans_valid = r == 0;
    return r;
}

static int orphan_by_scan(struct procs_table *table, const struct procs *procs)
{
    int r = procs_scan(table, true);
    if (r < 0) return r;
    for (struct found *found = procs_scan_first(table, procs); found; found = procs_scan_next(table, found))
        if (procs_found_holds(table, found)) return 1;
    return 0;
}

int procs_orphan_of(struct procs_table *table, const struct procs *procs)
{
    if (!fd_is_open(&table->proc)) return -ENOENT;
    for (int look = 0; !table->children_unknown; look++) {
        if (!table->orphans_valid) {
            int r = look < LOOKS_AT_MOST ? orphans_read(table) : -EAGAIN;
            if (r == -ENOENT) {
                table->children_unknown = true;
                break;
            }
            if (r == -EAGAIN) return 1; /* one of them may be of this run; their exits make us asked again */
            if (r < 0) return r;
        }
        bool changed = false;
        for (size_t i = 0; i < table->orphans.count; i++) {
            if (table->orphans.items[i].run != procs) continue;
            if (procs_found_holds(table, &table->orphans.items[i])) return 1;
            changed = true; /* it ended since: its children are ours now, and not in the list */
        }
        if (!changed) return 0;
        table->orphans_valid = false;
    }
    return orphan_by_scan(table, procs);
}

int procs_zombies_of(struct procs_table *table, pid_t parent, struct zombies *ret)
{
    *ret = (struct zombies){ .count = 0 };
    table->pids.count = 0;
    int r = fd_is_open(&table->proc) ? proc_list_children(table->proc.n, parent, &table->pids) : -ENOENT;
    for (size_t i = 0; r == 0 && i < table->pids.count; i++) {
        struct proc_stat stat;
        pid_t pid = table->pids.items[i];
        if (proc_read_stat(table->proc.n, pid, &stat) < 0 || stat.state != 'Z' || stat.parent != parent) continue;
        if (ret->count++ > 0) continue;
        ret->first = pid;
        if (proc_read_comm(table->proc.n, pid, ret->comm) < 0) ret->comm[0] = '\0';
    }
    return r;
}
