/* tests/e2e/box_main.c - `box`: run a program as PID 1 of a throw-away container; see usage below. */
#include "tests/e2e/box.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char usage[] =
    "usage: box [OPTION]... -- PROGRAM [ARGUMENT]...\n"
    "Runs PROGRAM as PID 1 of a throw-away container made from this machine's own root; nothing it does\n"
    "reaches the machine. Leaves with its exit status (128 + N after signal N), 125 when the box cannot be made.\n"
    "  --no-cgroup            /sys/fs/cgroup is read-only, as in a default Docker container\n"
    "  --no-cgroup-mount      nothing is mounted at /sys/fs/cgroup\n"
    "  --user UID[:GID]       PROGRAM runs as that user, without capabilities\n"
    "  --caps docker          capabilities of a default Docker container\n"
    "  --no-new-privs         set no_new_privs\n"
    "  --read-only-root       the root is read-only (/run and /tmp stay writable)\n"
    "  --no-proc --no-sys --no-run --no-tmp --no-shell   leave that out\n"
    "  --deny-syscall NAME=ERRNO   a seccomp filter answers ERRNO\n"
    "  --not-pid1             a small init is PID 1, PROGRAM its child\n"
    "  --copy SRC:DST         copy a file or directory in\n"
    "  --bind SRC:DST         bind mount a file or directory\n"
    "  --env K=V              environment besides PATH, HOME and HOSTNAME\n"
    "  --hostname NAME        default: box\n"
    "  --setup COMMAND        shell command run inside before PROGRAM\n"
    "  --pid-file FILE        write PROGRAM's pid, as this machine numbers it, to FILE\n";

static _Noreturn void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "box: %s: %s\n", what, why);
    exit(125);
}

struct command_line {
    struct box_spec spec;
    const char *pid_file;
};

/* Options without an argument: where they store true. */
static bool *find_flag(struct box_spec *spec, const char *name)
{
    const struct {
        const char *name;
        bool *where;
    } flags[] = {
        { "--no-new-privs", &spec->no_new_privs },
        { "--read-only-root", &spec->read_only_root },
        { "--no-proc", &spec->no_proc },
        { "--no-sys", &spec->no_sys },
        { "--no-run", &spec->no_run },
        { "--no-tmp", &spec->no_tmp },
        { "--no-shell", &spec->no_shell },
        { "--not-pid1", &spec->not_pid1 },
    };
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        if (strcmp(flags[i].name, name) == 0) return flags[i].where;
    return NULL;
}

/* Cuts "A<separator>B" in two; `text` is from argv, which is ours to write to. */
static char *cut(const char *option, char *text, char separator)
{
    char *at = strchr(text, separator);
    if (!at) die(option, "the argument has two parts, see --help");
    *at = '\0';
    return at + 1;
}

static int set_user(struct box_spec *spec, char *text)
{
    char *end;
    spec->as_user = true;
    spec->uid = (uid_t)strtoul(text, &end, 10);
    spec->gid = *end == ':' ? (gid_t)strtoul(end + 1, &end, 10) : spec->uid;
    return *end == '\0' && end != text ? 0 : -EINVAL;
}

static int set_option(struct command_line *line, const char *name, char *value)
{
    struct box_spec *spec = &line->spec;
    if (strcmp(name, "--user") == 0) return set_user(spec, value);
    if (strcmp(name, "--copy") == 0) {
        const char *destination = cut(name, value, ':');
        return box_spec_copy(spec, value, destination);
    }
    if (strcmp(name, "--bind") == 0) {
        const char *destination = cut(name, value, ':');
        return box_spec_bind(spec, value, destination);
    }
    if (strcmp(name, "--deny-syscall") == 0) {
        const char *error = cut(name, value, '=');
        return box_spec_deny(spec, value, error);
    }
    if (strcmp(name, "--env") == 0) return box_spec_env(spec, value);
    if (strcmp(name, "--hostname") == 0) return spec->hostname = value, 0;
    if (strcmp(name, "--setup") == 0) return spec->setup = value, 0;
    if (strcmp(name, "--pid-file") == 0) return line->pid_file = value, 0;
    if (strcmp(name, "--caps") == 0) return spec->docker_caps = true, strcmp(value, "docker") == 0 ? 0 : -EINVAL;
    die(name, "no such option, see --help");
}

static void parse_command_line(char **argv, struct command_line *line)
{
    char **arg = argv + 1;
    for (; *arg && (*arg)[0] == '-'; arg++) {
        bool *flag = find_flag(&line->spec, *arg);
        if (strcmp(*arg, "--") == 0) {
            arg++;
            break;
        }
        if (strcmp(*arg, "--help") == 0) {
            (void)fputs(usage, stdout);
            exit(0);
        }
        if (flag) {
            *flag = true;
        } else if (strcmp(*arg, "--no-cgroup") == 0) {
            line->spec.cgroup = BOX_CGROUP_READ_ONLY;
        } else if (strcmp(*arg, "--no-cgroup-mount") == 0) {
            line->spec.cgroup = BOX_CGROUP_ABSENT;
        } else {
            const char *name = *arg;
            if (!arg[1]) die(name, "needs an argument, see --help");
            int r = set_option(line, name, *++arg);
            if (r < 0) die(name, strerror(-r));
        }
    }
    if (!*arg) die("no program", "see --help");
    line->spec.argv = (const char *const *)arg;
}

static void write_pid_file(const char *path, pid_t pid)
{
    FILE *f = fopen(path, "we");
    if (!f || fprintf(f, "%d\n", pid) < 0 || fclose(f) != 0) die(path, strerror(errno));
}

/* Passes signals on to the program until it ends. */
static int relay(struct box *box, int signals)
{
    struct pollfd fds[] = { { .fd = box_pidfd(box), .events = POLLIN }, { .fd = signals, .events = POLLIN } };
    while (fds[0].revents == 0) {
        struct signalfd_siginfo info;
        if (poll(fds, 2, -1) < 0 && errno != EINTR) die("poll", strerror(errno));
        if (fds[1].revents && read(signals, &info, sizeof info) == (ssize_t)sizeof info)
            (void)!box_signal(box, (int)info.ssi_signo); /* it may have ended meanwhile */
    }
    int status = 125, r = box_wait(box, -1, &status);
    if (r < 0) die("wait", strerror(-r));
    return status;
}

int main(int argc, char **argv)
{
    struct command_line line = { .spec = BOX_SPEC_DEFAULT };
    struct box *box;
    char why[BOX_WHY_MAX];
    sigset_t relayed;
    if (argc < 2) die("no program", "see --help");
    parse_command_line(argv, &line);
    line.spec.stdin_fd = 0;
    const char *refused = box_refused();
    if (refused) die("cannot make a box", refused);
    (void)sigemptyset(&relayed);
    const int passed[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
    for (size_t i = 0; i < COUNT_OF(passed); i++) (void)sigaddset(&relayed, passed[i]);
    (void)sigprocmask(SIG_BLOCK, &relayed, NULL);
    int signals = signalfd(-1, &relayed, SFD_CLOEXEC);
    if (signals < 0) die("signalfd", strerror(errno));
    if (box_start(&line.spec, &box, why) < 0) die("cannot make a box", why);
    if (line.pid_file) write_pid_file(line.pid_file, box_pid(box));
    int status = relay(box, signals);
    box_free(box);
    return status;
}
