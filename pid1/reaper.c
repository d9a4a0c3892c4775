#include "pid1/reaper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Open addressing with linear probing; pid 0 marks a free slot. */
struct slot {
    pid_t pid;
    child_exit_fn *fn;
    void *userdata;
};

/* Exits nobody had registered, the latest ones, for a registration that comes late. */
enum { KEPT = 64, FIRST_SLOTS = 64 };

struct reaper {
    struct slot *slots;
    size_t n_slots, count; /* n_slots is a power of two, never more than 3/4 taken */
    child_exit_fn *orphan_fn;
    void *orphan_userdata;
    uint64_t n_orphans;
    struct child_exit kept[KEPT]; /* pid 0: free */
    unsigned next_kept;
};

static size_t home_of(const struct reaper *reaper, pid_t pid)
{
    return ((uint32_t)pid * UINT32_C(2654435769) >> 8) & (reaper->n_slots - 1);
}

static struct slot *find(const struct reaper *reaper, pid_t pid)
{
    for (size_t i = home_of(reaper, pid);; i = (i + 1) & (reaper->n_slots - 1))
        if (reaper->slots[i].pid == pid || reaper->slots[i].pid == 0) return &reaper->slots[i];
}

static int grow(struct reaper *reaper, size_t n_slots)
{
    struct slot *old = reaper->slots, *slots = calloc(n_slots, sizeof *slots);
    size_t n_old = reaper->n_slots;
    if (!slots) return -ENOMEM;
    reaper->slots = slots;
    reaper->n_slots = n_slots;
    for (size_t i = 0; i < n_old; i++)
        if (old[i].pid) *find(reaper, old[i].pid) = old[i];
    free(old);
    return 0;
}

/* Moves later members of the probe chain up, so that no search ends early at the hole. */
static void clear_slot(struct reaper *reaper, struct slot *slot)
{
    size_t mask = reaper->n_slots - 1, hole = (size_t)(slot - reaper->slots);
    for (size_t i = (hole + 1) & mask; reaper->slots[i].pid; i = (i + 1) & mask) {
        size_t home = home_of(reaper, reaper->slots[i].pid);
        if (((i - home) & mask) < ((i - hole) & mask)) continue; /* the hole lies before its home */
        reaper->slots[hole] = reaper->slots[i];
        hole = i;
    }
    reaper->slots[hole].pid = 0;
    reaper->count--;
}

int reaper_new(struct reaper **ret_reaper)
{
    struct reaper *reaper = calloc(1, sizeof *reaper);
    if (!reaper) return -ENOMEM;
    if (grow(reaper, FIRST_SLOTS) < 0) {
        free(reaper);
        return -ENOMEM;
    }
    *ret_reaper = reaper;
    return 0;
}

void reaper_free(struct reaper *reaper)
{
    if (!reaper) return;
    free(reaper->slots);
    free(reaper);
}

/* The system call itself: unlike libc's wrapper it hands the resource usage out. 0 or -errno. */
static int wait_for(idtype_t type, pid_t pid, int options, siginfo_t *info, struct rusage *usage)
{
    info->si_pid = 0;
    for (;;) {
        if (syscall(SYS_waitid, (int)type, pid, info, options | WNOHANG | WEXITED | __WALL, usage) == 0) return 0;
        if (errno != EINTR) return -errno;
    }
}

/* The number is a child of ours now, dead or alive: then an exit kept under it belongs to an earlier process. */
static bool is_child(pid_t pid)
{
    siginfo_t info;
    return wait_for(P_PID, pid, WNOWAIT, &info, NULL) == 0;
}

int reaper_add(struct reaper *reaper, pid_t pid, child_exit_fn *fn, void *userdata)
{
    if (find(reaper, pid)->pid == pid) return -EEXIST;
    for (size_t i = 0; i < KEPT; i++) {
        if (reaper->kept[i].pid != pid) continue;
        struct child_exit exit = reaper->kept[i];
        reaper->kept[i].pid = 0;
        if (is_child(pid)) continue;
        fn(&exit, userdata);
        return 1;
    }
    if ((reaper->count + 1) * 4 > reaper->n_slots * 3) {
        int r = grow(reaper, reaper->n_slots * 2);
        if (r < 0) return r;
    }
    *find(reaper, pid) = (struct slot){ pid, fn, userdata };
    reaper->count++;
    return 0;
}

void reaper_remove(struct reaper *reaper, pid_t pid)
{
    struct slot *slot = find(reaper, pid);
    if (pid > 0 && slot->pid == pid) clear_slot(reaper, slot);
}

bool reaper_has(const struct reaper *reaper, pid_t pid)
{
    return pid > 0 && find(reaper, pid)->pid == pid;
}

size_t reaper_count(const struct reaper *reaper)
{
    return reaper->count;
}

void reaper_set_orphan_fn(struct reaper *reaper, child_exit_fn *fn, void *userdata)
{
    reaper->orphan_fn = fn;
    reaper->orphan_userdata = userdata;
}

uint64_t reaper_orphans(const struct reaper *reaper)
{
    return reaper->n_orphans;
}

static usec_t usec_of(const struct timeval *t)
{
    return (usec_t)t->tv_sec * USEC_PER_SEC + (usec_t)t->tv_usec;
}

static void deliver(struct reaper *reaper, const struct child_exit *exit)
{
    struct slot *slot = find(reaper, exit->pid);
    if (slot->pid == exit->pid) {
        struct slot registered = *slot;
        clear_slot(reaper, slot); /* first: the callback may register the same number for a new child */
        registered.fn(exit, registered.userdata);
        return;
    }
    reaper->n_orphans++;
    reaper->kept[reaper->next_kept++ % KEPT] = *exit;
    if (reaper->orphan_fn) reaper->orphan_fn(exit, reaper->orphan_userdata);
}

int reaper_collect(struct reaper *reaper, unsigned max)
{
    for (unsigned n = 0; n < max; n++) {
        siginfo_t info;
        struct rusage usage;
        int r = wait_for(P_ALL, 0, 0, &info, &usage);
        if (r == -ECHILD) return 0;
        if (r < 0) return r;
        if (info.si_pid == 0) return 0;
        struct child_exit exit = {
            .pid = info.si_pid,
            .code = info.si_code,
            .status = info.si_status,
            .cpu = usec_of(&usage.ru_utime) + usec_of(&usage.ru_stime),
        };
        deliver(reaper, &exit);
    }
    return 1;
}

bool reaper_any_child(const struct reaper *reaper)
{
    (void)reaper;
    siginfo_t info;
    return wait_for(P_ALL, 0, WNOWAIT, &info, NULL) == 0;
}
