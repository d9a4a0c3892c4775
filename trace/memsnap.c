#include "trace/memsnap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/vec.h"
#include "trace/trace.h"

#define COMM_MAX  64   /* a task's name has 15 bytes, a kernel worker's more */
#define STAT_MAX  1024 /* /proc/PID/stat */
#define RSS_FIELD 22   /* of the words behind the name, from 1: proc(5) counts it as 24 */

struct process {
    char comm[COMM_MAX];
    uint64_t rss_pages;
};

struct snapshot {
    VEC(struct process) processes; /* sorted and added up by name in the end */
    size_t n_processes;
    uint64_t rss_pages;
};

/* ---- the cgroup ---- */

enum value { CURRENT, PEAK, SWAP, VALUE_COUNT };
static const struct {
    const char *key;
    const char *files[2]; /* v2, then v1 below the mount point (SEED.md S69) */
} values[VALUE_COUNT] = {
    [CURRENT] = { "cgroup_current_bytes", { "memory.current", "memory/memory.usage_in_bytes" } },
    [PEAK] = { "cgroup_peak_bytes", { "memory.peak", "memory/memory.max_usage_in_bytes" } },
    [SWAP] = { "cgroup_swap_bytes", { "memory.swap.current", NULL } },
};

static int read_number(int directory, const char *file, uint64_t *ret)
{
    char text[64];
    int n = file_read_small(directory, file, text, sizeof text);
    if (n < 0) return n;
    text[strcspn(text, "\n")] = '\0';
    return parse_u64(text, 0, UINT64_MAX, ret);
}

/* A field is null when it cannot be read, so that the record keeps its shape. */
static void read_cgroup(const char *cgroup_dir, struct trace_field fields[static VALUE_COUNT])
{
    AUTO_FD struct fd directory = FD_NONE;
    int r = fd_openat(AT_FDCWD, cgroup_dir ? cgroup_dir : "/sys/fs/cgroup", O_PATH | O_DIRECTORY, 0, &directory);
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        uint64_t number;
        fields[i] = (struct trace_field){ .key = values[i].key, .type = TRACE_NULL };
        for (size_t j = 0; r == 0 && j < COUNT_OF(values[i].files) && values[i].files[j]; j++) {
            if (read_number(directory.n, values[i].files[j], &number) < 0) continue;
            fields[i] = TF_U64(values[i].key, number);
            break;
        }
    }
}

/* ---- the processes ---- */

/* "PID (COMM) STATE PPID ... RSS ...", where COMM may hold blanks and parentheses. */
static bool stat_parse(char *text, struct process *ret)
{
    char *begin = strchr(text, '('), *end = strrchr(text, ')');
    if (!begin || !end || end < begin) return false;
    size_t length = MIN_OF((size_t)(end - begin - 1), sizeof ret->comm - 1);
    *ret = (struct process){ .rss_pages = 0 };
    memcpy(ret->comm, begin + 1, length);
    char *word = end + 1 + strspn(end + 1, " ");
    for (unsigned i = 1; i < RSS_FIELD; i++) {
        word += strcspn(word, " \n");
        word += strspn(word, " \n");
    }
    word[strcspn(word, " \n")] = '\0';
    return parse_u64(word, 0, UINT64_MAX, &ret->rss_pages) == 0;
}

static int read_processes(struct snapshot *snapshot)
{
    DIR *proc = opendir("/proc");
    if (!proc) return 0; /* K92: without /proc there are none to tell of */
    int r = 0;
    for (struct dirent *entry; r == 0 && (entry = readdir(proc));) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
        AUTO_STR struct str path = STR_EMPTY;
        char text[STAT_MAX];
        struct process process;
        r = str_appendf(&path, "%s/stat", entry->d_name);
        if (r < 0 || file_read_small(dirfd(proc), path.data, text, sizeof text) < 0) continue; /* it has ended */
        if (!stat_parse(text, &process)) continue;
        snapshot->n_processes++;
        snapshot->rss_pages += process.rss_pages;
        r = vec_push(&snapshot->processes, process);
    }
    (void)closedir(proc); /* it was only read */
    return r;
}

static int compare_names(const void *a, const void *b)
{
    const struct process *pa = a, *pb = b;
    return strcmp(pa->comm, pb->comm);
}

static void add_up(struct snapshot *snapshot)
{
    struct process *items = snapshot->processes.items;
    size_t kept = 0;
    if (snapshot->processes.count == 0) return;
    qsort(items, snapshot->processes.count, sizeof *items, compare_names);
    for (size_t i = 1; i < snapshot->processes.count; i++) {
        if (strcmp(items[kept].comm, items[i].comm) == 0)
            items[kept].rss_pages += items[i].rss_pages;
        else
            items[++kept] = items[i];
    }
    snapshot->processes.count = kept + 1;
}

/* ---- the record ---- */

static uint64_t page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);
    return size > 0 ? (uint64_t)size : 4096;
}

static int write_by_comm(struct str *out, const struct snapshot *snapshot)
{
    int r = str_append_char(out, '[');
    for (size_t i = 0; i < snapshot->processes.count && r == 0; i++) {
        const struct process *process = &snapshot->processes.items[i];
        r = str_append(out, i > 0 ? ",{\"comm\":" : "{\"comm\":");
        if (r == 0) r = json_write_string(out, process->comm, strlen(process->comm));
        if (r == 0) r = str_append(out, ",\"rss_kib\":");
        if (r == 0) r = json_write_u64(out, process->rss_pages * page_size() / 1024);
        if (r == 0) r = str_append_char(out, '}');
    }
    return r < 0 ? r : str_append_char(out, ']');
}

/* The same values once more as one object (D20); `fields` are in the order of their keys. */
static int write_members(struct str *out, const struct trace_field *fields, size_t n_fields)
{
    int r = str_append_char(out, '{');
    for (size_t i = 0; i < n_fields && r == 0; i++) {
        r = str_appendf(out, "%s\"%s\":", i > 0 ? "," : "", fields[i].key);
        if (r < 0) break;
        if (fields[i].type == TRACE_RAW)
            r = str_append(out, fields[i].string);
        else if (fields[i].type == TRACE_U64)
            r = json_write_u64(out, fields[i].u64);
        else
            r = str_append(out, "null");
    }
    return r < 0 ? r : str_append_char(out, '}');
}

void memsnap_take(struct trace *trace, const char *label, const char *cgroup_dir)
{
    if (!trace) return;
    struct snapshot snapshot = { .processes = VEC_EMPTY };
    AUTO_STR struct str by_comm = STR_EMPTY, members = STR_EMPTY;
    struct trace_field fields[VALUE_COUNT + 5];
    read_cgroup(cgroup_dir, fields + 1);
    int r = read_processes(&snapshot);
    if (r == 0) add_up(&snapshot);
    if (r == 0) r = write_by_comm(&by_comm, &snapshot);
    fields[0] = TF_RAW("by_comm", by_comm.data);
    fields[VALUE_COUNT + 1] = TF_U64("nproc", snapshot.n_processes);
    fields[VALUE_COUNT + 2] = TF_U64("rss_sum_bytes", snapshot.rss_pages * page_size());
    if (r == 0) r = write_members(&members, fields, VALUE_COUNT + 3);
    fields[VALUE_COUNT + 3] = TF_RAW("mem_snapshot", members.data);
    fields[VALUE_COUNT + 4] = TF_STR("label", label);
    if (r == 0)
        trace_emit(trace, "mem_snapshot", TRACE_OK, 0, fields, COUNT_OF(fields));
    else
        TRACE(trace, "mem_snapshot", TRACE_ERROR, 0, TF_STR("label", label), TF_STR("err", strerror(-r)));
    vec_done(&snapshot.processes);
}
