/* tests/e2e/rest.h - what PID 1 holds while it has nothing to do, to be compared after much was done. */
#pragma once
#include "base/parse.h"
#include "tests/e2e/life.h"
#include <dirent.h>
#include <stdio.h>

struct rest {
    uint64_t fds, watched, timers, inotify_watches; /* open; in its epoll sets; armed; of its inotify descriptors */
    uint64_t processes, leaves;                     /* besides PID 1's own */
    uint64_t anonymous_kib;
};

static inline char *rest_read(struct scene *s, const char *file)
{
    char path[320], *text = NULL;
    size_t size;
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)box_pid(scene_box(s)), file);
    return file_read(AT_FDCWD, path, 1 << 20, &text, &size) < 0 ? NULL : text;
}

static inline uint64_t rest_count(const char *text, const char *word)
{
    uint64_t n = 0;
    for (const char *at = text; at && (at = strstr(at, word)); at += strlen(word)) n++;
    return n;
}

static inline void rest_descriptors(struct scene *s, struct rest *rest)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/fdinfo", (int)box_pid(scene_box(s)));
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char file[300];
        if (entry->d_name[0] == '.') continue;
        (void)snprintf(file, sizeof file, "fdinfo/%s", entry->d_name);
        char *text = rest_read(s, file);
        rest->fds++;
        rest->watched += rest_count(text, "tfd:");
        rest->inotify_watches += rest_count(text, "inotify wd:");
        if (text && strstr(text, "it_value:") && !strstr(text, "it_value: (0, 0)")) rest->timers++;
        free(text);
    }
    (void)closedir(dir);
}

static inline uint64_t rest_number(struct scene *s, const char *script)
{
    struct str output = STR_EMPTY;
    uint64_t number = 0;
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    assert_int_equal(scene_exec(s, argv, &output), 0);
    str_truncate(&output, strcspn(str_text(&output), "\n"));
    if (parse_u64(str_text(&output), 0, UINT64_MAX, &number) < 0) scene_fail(s, "%s: %s", script, str_text(&output));
    str_done(&output);
    return number;
}

static inline struct rest rest_look(struct scene *s)
{
    struct rest rest = { 0 };
    /* Zombies have a directory in /proc as well; the shell that looks has one itself. */
    rest.processes = rest_number(s, "set -- /proc/[0-9]*; echo $(($# - 2))");
    rest.leaves = rest_number(s, "set -- /sys/fs/cgroup/container-init/*.service; [ -e \"$1\" ] || shift; echo $#");
    rest_descriptors(s, &rest);
    char *memory = rest_read(s, "smaps_rollup");
    const char *line = memory ? strstr(memory, "Anonymous:") : NULL;
    assert_non_null(line);
    if (!line) return rest;
    line += strcspn(line, "0123456789");
    char number[24];
    (void)snprintf(number, sizeof number, "%.*s", (int)strspn(line, "0123456789"), line); /* fits: KiB */
    assert_int_equal(parse_u64(number, 0, UINT64_MAX, &rest.anonymous_kib), 0);
    free(memory);
    print_message(
        "  at rest: %lu descriptors, %lu watched, %lu timers, %lu inotify watches, %lu processes, %lu leaves, "
        "%lu KiB\n",
        rest.fds, rest.watched, rest.timers, rest.inotify_watches, rest.processes, rest.leaves, rest.anonymous_kib);
    return rest;
}
