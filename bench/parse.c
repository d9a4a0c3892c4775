/* bench/parse.c - 10,000 unit files of ten directives: loading and validating them, side by side with cat(1) reading
 * them, and with systemd's own check where it is installed. */
#include "bench/measure.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_COUNT 10000
#define OURS_AT    6 /* words before the files, for the longest of the command lines */

static void make_units(const char *dir, char **paths)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "u%05zu.service", i);
        write_file(dir, name, 0644,
                   "[Unit]\nDescription=Unit number %zu\nAfter=network.target\nWants=u%05zu.service\n\n"
                   "[Service]\nExecStart=/usr/bin/env sleep %zu\nRestart=on-failure\nRestartSec=5s\nUser=root\n"
                   "Environment=NUMBER=%zu\nTimeoutStopSec=10\n\n[Install]\nWantedBy=multi-user.target\n",
                   i, (i + 1) % FILE_COUNT, i, i);
        if (asprintf(&paths[i], "%s/%s", dir, name) < 0) die(0, "out of memory");
    }
    paths[FILE_COUNT] = NULL;
}

/* A program with every file as an argument, in turn with ours; the medians. */
static void compare(const struct settings *settings, const char *what, const char *const *words, char *const *paths,
                    const char *const *ours)
{
    int64_t peer[ROUNDS_MAX], we[ROUNDS_MAX];
    const char **argv = calloc(OURS_AT + FILE_COUNT + 1, sizeof *argv);
    size_t n = 0;
    if (!argv) die(0, "out of memory");
    while (words[n]) argv[n] = words[n], n++;
    memcpy(argv + n, paths, (FILE_COUNT + 1) * sizeof *paths);
    for (size_t i = 0; i < settings->rounds; i++) {
        peer[i] = time_program(argv, NULL);
        we[i] = time_program(ours, NULL);
    }
    print_row(what, median(we, settings->rounds), median(peer, settings->rounds));
    free(argv);
}

void bench_parse(const struct settings *settings)
{
    char dir[64];
    static char *paths[FILE_COUNT + 1];
    make_directory(dir, sizeof dir);
    make_units(dir, paths);
    const char *const ours[] = { settings->binary, "--units", dir, "--drop-in", "/none", "--validate", NULL };
    (void)puts("\n### parse: --validate of 10,000 unit files of ten directives, against programs that are given the "
               "same files\n\n"
               "| | its ms | container-init ms | ratio |\n|---|--:|--:|--:|");
    const char *const cat[] = { "cat", NULL };
    compare(settings, "cat", cat, paths, ours);
    if (access("/usr/bin/systemd-analyze", X_OK) == 0) {
        const char *const verify[] = { "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", NULL };
        compare(settings, "systemd-analyze verify", verify, paths, ours);
    }
    uint64_t peak;
    (void)time_program(ours, &peak);
    (void)printf("\nPeak of memory: %.1f MiB\n", (double)peak / 1024);
    for (size_t i = 0; i < FILE_COUNT; i++) free(paths[i]);
    remove_tree(dir);
}
