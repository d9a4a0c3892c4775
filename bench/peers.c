/* bench/peers.c - see the header. Each gets what its own manual shows for a plain long-running program. */
#include "bench/peers.h"

#include "bench/measure.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* runit and s6: a directory for each service, with a run script. */
static void make_run_scripts(const char *dir, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "s%04zu/run", i);
        write_file(dir, name, 0755, "#!/bin/sh\nexec " TICK "\n");
    }
}

static void make_dinit(const char *dir, size_t n)
{
    write_file(dir, "boot", 0644, "type = internal\nwaits-for.d = all\n");
    for (size_t i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "s%04zu", i);
        write_file(dir, name, 0644, "type = process\ncommand = " TICK "\n");
        (void)snprintf(name, sizeof name, "all/s%04zu", i);
        write_file(dir, name, 0644, "%s", "");
    }
}

static void make_supervisord(const char *dir, size_t n)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) die(0, "out of memory");
    (void)fputs("[supervisord]\nnodaemon=true\nuser=root\nlogfile=/dev/null\nlogfile_maxbytes=0\nminfds=8192\n", f);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(f, "[program:s%04zu]\ncommand=" TICK "\nstdout_logfile=NONE\nstderr_logfile=NONE\n", i);
    (void)fclose(f);
    write_file(dir, "supervisord.conf", 0644, "%s", text);
    free(text);
}

const struct peer peers[PEER_COUNT] = {
    { "dinit", "dinit", { "dinit", "-m", "-d", "/units" }, make_dinit },
    { "runit", "runsvdir", { "runsvdir", "/units" }, make_run_scripts },
    { "s6", "s6-svscan", { "s6-svscan", "/units" }, make_run_scripts },
    { "supervisord", "supervisord", { "supervisord", "-n", "-c", "/units/supervisord.conf" }, make_supervisord },
};

bool peer_is_installed(const struct peer *peer)
{
    static const char *const directories[] = { "/usr/bin", "/usr/sbin",      "/bin",
                                               "/sbin",    "/usr/local/bin", "/usr/local/sbin" };
    for (size_t i = 0; i < COUNT_OF(directories); i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", directories[i], peer->program);
        if (access(path, X_OK) == 0) return true;
    }
    return false;
}
