/* tests/e2e/actor_process.c - verbs about leaving, signals, forks and output. */
#include "tests/e2e/actor_verbs.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int write_all(int fd, const void *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, (const char *)data + done, length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        done += (size_t)n;
    }
    return 0;
}

int number(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

int append_line(const char *file, const char *line)
{
    char text[8192];
    int length = snprintf(text, sizeof text, "%s\n", line);
    if (strcmp(file, "-") == 0) return write_all(1, text, (size_t)length);
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) return -1;
    int r = write_all(fd, text, (size_t)length);
    return close(fd) < 0 ? -1 : r;
}

static int append_pid(const char *file, pid_t pid)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%d", pid);
    return append_line(file, text);
}

int signal_number(const char *name)
{
    static const char *const names[] = {
        [SIGHUP] = "HUP",   [SIGINT] = "INT",   [SIGQUIT] = "QUIT",   [SIGABRT] = "ABRT", [SIGKILL] = "KILL",
        [SIGUSR1] = "USR1", [SIGUSR2] = "USR2", [SIGSEGV] = "SEGV",   [SIGPIPE] = "PIPE", [SIGALRM] = "ALRM",
        [SIGTERM] = "TERM", [SIGCHLD] = "CHLD", [SIGCONT] = "CONT",   [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP",
        [SIGTTIN] = "TTIN", [SIGTTOU] = "TTOU", [SIGWINCH] = "WINCH",
    };
    if (strncmp(name, "SIG", 3) == 0) name += 3;
    if (strncmp(name, "RTMIN+", 6) == 0) return SIGRTMIN + number(name + 6);
    if (isdigit((unsigned char)name[0])) return number(name);
    for (size_t i = 1; i < COUNT_OF(names); i++)
        if (names[i] && strcmp(names[i], name) == 0) return (int)i;
    return -1;
}

/* Waits for ever: what is not ignored keeps its default effect. */
static _Noreturn void wait_for_ever(void)
{
    for (;;) (void)pause();
}

static void nap(long ms)
{
    struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&left, &left) < 0 && errno == EINTR) continue;
}

int verb_sleep(char **args, int count)
{
    (void)args, (void)count;
    wait_for_ever();
}

int verb_exit(char **args, int count)
{
    (void)count;
    int status = number(args[0]);
    return status == 0 ? ACTOR_DONE : status;
}

int verb_kill_self(char **args, int count)
{
    (void)count;
    int s = signal_number(args[0]);
    sigset_t set;
    const struct rlimit no_core = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(s, SIG_DFL);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, s);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)kill(getpid(), s);
    wait_for_ever(); /* PID 1 of a namespace does not die of its own signal */
}

int verb_ignore(char **args, int count)
{
    for (int i = 0; i < count; i++) {
        int s = signal_number(args[i]);
        if (s < 0 || signal(s, SIG_IGN) == SIG_ERR) return actor_fail(args[i]);
    }
    return 0;
}

int verb_pty(char **args, int count)
{
    char buffer[4096];
    (void)count;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) return actor_fail("pty");
    int file = open(args[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int keep = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC); /* else reading fails between two users */
    if (file < 0 || keep < 0 || symlink(ptsname(master), args[0]) < 0) return actor_fail(args[0]);
    for (;;) {
        ssize_t n = read(master, buffer, sizeof buffer);
        if (n < 0 && errno == EIO) { /* hung up */
            close(keep);
            keep = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
            continue;
        }
        if (n <= 0 || write_all(file, buffer, (size_t)n) < 0) return actor_fail("pty");
    }
}

int verb_await(char **args, int count)
{
    char byte;
    ssize_t n;
    (void)count;
    do { /* nothing to read: who wrote for an earlier wait had not closed it yet */
        int fd = open(args[0], O_RDONLY | O_CLOEXEC);
        if (fd < 0 || (n = read(fd, &byte, 1)) < 0) return actor_fail(args[0]);
        close(fd);
    } while (n == 0);
    return 0;
}

int verb_signals(char **args, int count)
{
    int last = count > 1 ? signal_number(args[1]) : -1;
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    if (append_line(args[0], "ready") < 0) return actor_fail(args[0]);
    for (;;) {
        char line[64];
        siginfo_t info;
        int s = sigwaitinfo(&all, &info);
        if (s < 0) continue;
        const char *name = sigabbrev_np(s);
        if (name)
            (void)snprintf(line, sizeof line, "%s", name);
        else
            (void)snprintf(line, sizeof line, "RTMIN+%d", s - SIGRTMIN);
        if (append_line(args[0], line) < 0) return actor_fail(args[0]);
        if (s == last) return ACTOR_DONE;
    }
}

int verb_mark(char **args, int count)
{
    (void)count;
    char line[4096];
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(line, sizeof line, "%lld%09ld %s", (long long)now.tv_sec, now.tv_nsec, args[1]);
    return append_line(args[0], line) < 0 ? actor_fail(args[0]) : 0;
}

int verb_on_term(char **args, int count)
{
    sigset_t term;
    int s;
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &term, NULL);
    (void)printf("%s ready\n", args[1]); /* from here on TERM is not missed */
    (void)fflush(stdout);
    (void)sigwait(&term, &s);
    if (count > 2) nap(number(args[2]));
    int r = verb_mark(args, 2);
    return r == 0 ? ACTOR_DONE : r;
}

int verb_pause(char **args, int count)
{
    (void)count;
    nap(number(args[0]));
    return 0;
}

/* ---- output ---- */

int verb_write(char **args, int count)
{
    (void)count;
    char line[8192];
    int n = snprintf(line, sizeof line, "%s\n", args[1]);
    return write_all(number(args[0]), line, (size_t)n) < 0 ? actor_fail("write") : 0;
}

size_t actor_unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from;) {
        char hex[3] = { 0 };
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        switch (*++from) {
        case 'n':
            *to++ = '\n', from++;
            break;
        case 't':
            *to++ = '\t', from++;
            break;
        case 'x':
            memcpy(hex, from + 1, strnlen(from + 1, 2));
            *to++ = (char)strtoul(hex, NULL, 16);
            from += 1 + strlen(hex);
            break;
        case '\0':
            break;
        default:
            *to++ = *from++;
            break;
        }
    }
    return (size_t)(to - text);
}

int verb_write_raw(char **args, int count)
{
    (void)count;
    size_t length = actor_unescape(args[1]);
    return write_all(number(args[0]), args[1], length) < 0 ? actor_fail("write") : 0;
}

int verb_long_line(char **args, int count)
{
    (void)count;
    size_t n = strtoul(args[1], NULL, 10);
    char *line = malloc(n + 1);
    if (!line) return actor_fail("malloc");
    memset(line, 'x', n);
    line[n] = '\n';
    int r = write_all(number(args[0]), line, n + 1);
    free(line);
    return r < 0 ? actor_fail("write") : 0;
}

int verb_flood(char **args, int count)
{
    unsigned long n = strtoul(args[1], NULL, 10);
    for (unsigned long i = 0; n == 0 || i < n; i++) {
        char line[512];
        int length = snprintf(line, sizeof line, "%s %lu\n", count > 2 ? args[2] : "flood", i);
        if (write_all(number(args[0]), line, (size_t)length) < 0) return actor_fail("write");
    }
    return 0;
}

int verb_close(char **args, int count)
{
    (void)count;
    return close(number(args[0])) < 0 ? actor_fail("close") : 0;
}

/* ---- forks ---- */

static void ignore_stop_signals(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
}

static bool wants_stubborn(char **args, int count)
{
    return count > 1 && strcmp(args[1], "stubborn") == 0;
}

/* Ignored signals survive execve(2), so "sleep" is enough for both kinds. */
static _Noreturn void become_sleeper_without_environment(void)
{
    char *const argv[] = { (char[]){ "actor" }, (char[]){ "sleep" }, NULL };
    char *const none[] = { NULL };
    (void)execve((const char *)getauxval(AT_EXECFN), argv, none); /* not /proc/self/exe: there may be no /proc */
    _exit(99);
}

int verb_escape(char **args, int count)
{
    pid_t first = fork();
    if (first == 0) {
        (void)setsid();
        pid_t second = fork();
        if (second != 0) _exit(second < 0 ? 99 : 0);
        (void)setsid();
        if (wants_stubborn(args, count)) ignore_stop_signals();
        if (append_pid(args[0], getpid()) < 0) _exit(actor_fail(args[0]));
        become_sleeper_without_environment();
    }
    return first < 0 || waitpid(first, NULL, 0) < 0 ? actor_fail("fork") : 0;
}

int verb_child(char **args, int count)
{
    int ready[2];
    char byte;
    if (pipe2(ready, O_CLOEXEC) < 0) return actor_fail("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        if (wants_stubborn(args, count)) ignore_stop_signals();
        if (append_pid(args[0], getpid()) < 0) _exit(actor_fail(args[0]));
        close(ready[0]), close(ready[1]);
        wait_for_ever();
    }
    close(ready[1]);
    (void)!read(ready[0], &byte, 1); /* end of file: the child is what it should be */
    close(ready[0]);
    return pid < 0 ? actor_fail("fork") : 0;
}

int verb_daemon(char **args, int count)
{
    int ready[2];
    char byte = 0;
    if (pipe2(ready, O_CLOEXEC) < 0) return actor_fail("pipe");
    pid_t pid = fork();
    if (pid < 0) return actor_fail("fork");
    if (pid > 0) {
        close(ready[1]);
        return read(ready[0], &byte, 1) == 1 ? ACTOR_DONE : 1;
    }
    close(ready[0]);
    (void)setsid();
    if (wants_stubborn(args, count)) ignore_stop_signals();
    if (strcmp(args[0], "-") != 0) {
        (void)unlink(args[0]); /* append_line() would add to an old one */
        if (append_pid(args[0], getpid()) < 0) return actor_fail(args[0]);
    }
    (void)!write(ready[1], &byte, 1);
    close(ready[1]);
    return 0;
}

int verb_hold_output(char **args, int count)
{
    (void)args, (void)count;
    pid_t first = fork();
    if (first == 0) {
        pid_t second = fork();
        if (second != 0) _exit(second < 0 ? 99 : 0);
        (void)setsid();
        wait_for_ever();
    }
    return first < 0 || waitpid(first, NULL, 0) < 0 ? actor_fail("fork") : 0;
}

int verb_orphans(char **args, int count)
{
    (void)count;
    for (unsigned long n = strtoul(args[0], NULL, 10); n > 0; n--) {
        pid_t first = fork();
        if (first == 0) _exit(fork() < 0 ? 99 : 0); /* both leave: the second as somebody else's child */
        if (first < 0 || waitpid(first, NULL, 0) < 0) return actor_fail("fork");
    }
    return 0;
}

int verb_zombies(char **args, int count)
{
    (void)count;
    for (unsigned long n = strtoul(args[1], NULL, 10); n > 0; n--) {
        siginfo_t info;
        pid_t child = fork();
        if (child == 0) _exit(0);
        /* Seen to have ended, and left as it is. */
        if (child < 0 || waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) < 0) return actor_fail("fork");
    }
    char *mark_args[] = { args[0], (char[]){ "zombies" }, NULL };
    return verb_mark(mark_args, 2);
}

int verb_crash(char **args, int count)
{
    (void)count;
    char *mark_args[] = { args[0], (char[]){ "crash" }, NULL };
    if (verb_mark(mark_args, 2) != 0) return 99;
    FILE *f = fopen(args[0], "re");
    if (!f) return actor_fail(args[0]);
    long marks = 0;
    for (int c; (c = fgetc(f)) != EOF;) marks += c == '\n';
    (void)fclose(f);
    return marks >= number(args[1]) ? 0 : 1;
}

int verb_exec(char **args, int count)
{
    (void)count;
    (void)execvp(args[0], args);
    return actor_fail(args[0]);
}
