/* tests/e2e/actor_report.c - what a service finds when it starts, as sorted-by-kind key=value lines. */
#include "tests/e2e/actor_verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void report_ids(FILE *f)
{
    gid_t groups[256];
    int n = getgroups((int)COUNT_OF(groups), groups);
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;
    (void)getresuid(&ruid, &euid, &suid);
    (void)getresgid(&rgid, &egid, &sgid);
    (void)fprintf(f, "uid=%u\neuid=%u\nsuid=%u\ngid=%u\negid=%u\nsgid=%u\ngroups=", ruid, euid, suid, rgid, egid, sgid);
    for (int i = 0; i < n; i++) (void)fprintf(f, "%s%u", i ? " " : "", groups[i]);
    (void)fprintf(f, "\npid=%d\nppid=%d\npgid=%d\nsid=%d\n", getpid(), getppid(), getpgrp(), getsid(0));
    (void)fprintf(f, "no_new_privs=%d\ndumpable=%d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
                  prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
}

static void report_limit(FILE *f, const char *name, __rlimit_resource_t resource)
{
    struct rlimit limit = { 0, 0 };
    (void)getrlimit(resource, &limit);
    const rlim_t values[] = { limit.rlim_cur, limit.rlim_max };
    (void)fprintf(f, "limit.%s=", name);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (i > 0) (void)fputc(':', f);
        if (values[i] == RLIM_INFINITY)
            (void)fputs("infinity", f);
        else
            (void)fprintf(f, "%llu", (unsigned long long)values[i]);
    }
    (void)fputc('\n', f);
}

static void report_signals(FILE *f)
{
    sigset_t mask;
    (void)sigprocmask(SIG_BLOCK, NULL, &mask);
    (void)fputs("signals.blocked=", f);
    for (int s = 1, first = 1; s < NSIG; s++)
        if (sigismember(&mask, s) == 1) (void)fprintf(f, "%s%d", first ? "" : " ", s), first = 0;
    (void)fputs("\nsignals.ignored=", f);
    for (int s = 1, first = 1; s < NSIG; s++) {
        struct sigaction action;
        if (sigaction(s, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            (void)fprintf(f, "%s%d", first ? "" : " ", s), first = 0;
    }
    (void)fputc('\n', f);
}

/* Before anything else is opened, so that only inherited descriptors are seen. */
static size_t list_descriptors(int *fds, size_t max)
{
    size_t n = 0;
    for (int fd = 0; fd < 4096 && n < max; fd++)
        if (fcntl(fd, F_GETFD) >= 0) fds[n++] = fd;
    return n;
}

static void report_descriptors(FILE *f, const int *fds, size_t count)
{
    (void)fputs("fds=", f);
    for (size_t i = 0; i < count; i++) (void)fprintf(f, "%s%d", i ? " " : "", fds[i]);
    (void)fputc('\n', f);
    for (size_t i = 0; i < count; i++) {
        char path[64], target[512];
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fds[i]);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n >= 0) (void)fprintf(f, "fd.%d=%.*s\n", fds[i], (int)n, target);
    }
}

/* First line of a small file that starts with `prefix`, without it. */
static void report_file(FILE *f, const char *key, const char *path, const char *prefix)
{
    char line[4096];
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, prefix, strlen(prefix)) != 0) continue;
        (void)fprintf(f, "%s=%s\n", key, line + strlen(prefix) + strspn(line + strlen(prefix), " \t"));
        break;
    }
    if (in) (void)fclose(in);
}

int verb_report(char **args, int count)
{
    int fds[512];
    size_t n_fds = list_descriptors(fds, COUNT_OF(fds));
    char cwd[4096];
    (void)count;
    bool to_stdout = strcmp(args[0], "-") == 0;
    /* Written whole, then renamed: who waits for the file never reads half of it. */
    char temporary[4096];
    (void)snprintf(temporary, sizeof temporary, "%s.new", args[0]);
    FILE *f = to_stdout ? stdout : fopen(temporary, "we");
    if (!f) return actor_fail(temporary);
    report_ids(f);
    mode_t mask = umask(0);
    (void)umask(mask);
    (void)fprintf(f, "umask=%04o\ncwd=%s\nnice=%d\n", (unsigned)mask, getcwd(cwd, sizeof cwd) ? cwd : "?",
                  getpriority(PRIO_PROCESS, 0));
    report_limit(f, "as", RLIMIT_AS);
    report_limit(f, "core", RLIMIT_CORE);
    report_limit(f, "cpu", RLIMIT_CPU);
    report_limit(f, "data", RLIMIT_DATA);
    report_limit(f, "fsize", RLIMIT_FSIZE);
    report_limit(f, "locks", RLIMIT_LOCKS);
    report_limit(f, "memlock", RLIMIT_MEMLOCK);
    report_limit(f, "msgqueue", RLIMIT_MSGQUEUE);
    report_limit(f, "nice", RLIMIT_NICE);
    report_limit(f, "nofile", RLIMIT_NOFILE);
    report_limit(f, "nproc", RLIMIT_NPROC);
    report_limit(f, "rss", RLIMIT_RSS);
    report_limit(f, "rtprio", RLIMIT_RTPRIO);
    report_limit(f, "rttime", RLIMIT_RTTIME);
    report_limit(f, "sigpending", RLIMIT_SIGPENDING);
    report_limit(f, "stack", RLIMIT_STACK);
    report_signals(f);
    report_descriptors(f, fds, n_fds);
    report_file(f, "cgroup", "/proc/self/cgroup", "0::");
    report_file(f, "oom_score_adj", "/proc/self/oom_score_adj", "");
    report_file(f, "capabilities", "/proc/self/status", "CapEff:");
    report_file(f, "threads", "/proc/self/status", "Threads:");
    for (char **e = environ; *e; e++) (void)fprintf(f, "env.%s\n", *e);
    if (to_stdout) return fflush(f) == 0 ? 0 : actor_fail("stdout");
    if (fclose(f) != 0 || rename(temporary, args[0]) < 0) return actor_fail(args[0]);
    return 0;
}
