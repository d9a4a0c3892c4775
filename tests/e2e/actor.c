/* tests/e2e/actor.c - one small static program that plays every part a service can play in the tests.
 *
 *     actor VERB [ARGUMENT]... [-- VERB [ARGUMENT]...]...
 *
 * Verbs run one after the other; one that waits for ever or leaves ends the chain. `actor` alone lists them. Times are
 * CLOCK_MONOTONIC nanoseconds, which all processes of a machine share. FILE "-" is standard output. */
#include "tests/e2e/actor_verbs.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANY (-1)

struct verb {
    const char *name;
    int min, max;                       /* how many arguments; max ANY: the rest of the line */
    int (*run)(char **args, int count); /* 0: go on with the next verb; anything else is the exit status */
    const char *help;
};

/* clang-format off */
static const struct verb verbs[] = {
    { "sleep",        0, 0,   verb_sleep,        "                     wait for ever" },
    { "exit",         1, 1,   verb_exit,         "STATUS               leave" },
    { "kill-self",    1, 1,   verb_kill_self,    "SIGNAL               die of a signal, without core" },
    { "ignore",       1, ANY, verb_ignore,       "SIGNAL...            ignore signals from here on" },
    { "signals",      1, 2,   verb_signals,      "FILE [LAST]          log every signal to FILE until LAST comes" },
    { "on-term",      2, 3,   verb_on_term,      "FILE WORD [MS]       print `WORD ready`, wait; on TERM take MS, mark FILE\n"
                                                 "                                    with WORD, exit 0" },
    { "pause",        1, 1,   verb_pause,        "MS                   wait that long" },
    { "mark",         2, 2,   verb_mark,         "FILE WORD            append `TIME WORD`" },
    { "write",        2, 2,   verb_write,        "FD TEXT              a line" },
    { "write-raw",    2, 2,   verb_write_raw,    "FD TEXT              without newline; C escapes \\n \\t \\\\ \\xHH work" },
    { "long-line",    2, 2,   verb_long_line,    "FD N                 one line of N bytes" },
    { "flood",        2, 3,   verb_flood,        "FD N [TEXT]          N numbered lines; 0: without end" },
    { "close",        1, 1,   verb_close,        "FD                   close a descriptor" },
    { "escape",       1, 2,   verb_escape,       "FILE [stubborn]      leave a double-forked process in a session of its own, with\n"
                                                 "                                    an empty environment; its pid goes to FILE; go on" },
    { "child",        1, 2,   verb_child,        "FILE [stubborn]      fork a child that waits for ever; its pid goes to FILE; go on" },
    { "daemon",       1, 2,   verb_daemon,       "PIDFILE [stubborn]   classic daemon: the parent leaves with 0 when PIDFILE is\n"
                                                 "                                    written (- for none); the daemon goes on" },
    { "hold-output",  0, 0,   verb_hold_output,  "                     leave a grandchild that keeps all descriptors open; go on" },
    { "orphans",      1, 1,   verb_orphans,      "N                    N grandchildren whose parents leave at once; go on" },
    { "zombies",      2, 2,   verb_zombies,      "FILE N               N children that end and are not waited for; mark FILE; go on" },
    { "crash",        2, 2,   verb_crash,        "FILE N               mark FILE; exit 1 unless it has N marks" },
    { "report",       1, 1,   verb_report,       "FILE                 key=value lines about this process; go on" },
    { "listen",       0, 1,   verb_listen,       "[FILE]               serve LISTEN_FDS: greet with pid and names, echo lines" },
    { "listen-once",  0, 1,   verb_listen_once,  "[FILE]               the same for one connection, then go on" },
    { "listen-idle",  0, 0,   verb_listen_idle,  "                     wait for a connection, never accept it; go on" },
    { "listen-on",    1, 1,   verb_listen_on,    "FD                   answer each connection of a listener, for ever" },
    { "serve",        2, 2,   verb_serve,        "N HOW                answer N connections of LISTEN_FDS (0: all), then leave with\n"
                                                 "                                    that status or signal; TERM ends it in between" },
    { "hammer",       3, 3,   verb_hammer,       "ADDRESS STOP FILE    connect to a path or port until STOP is there, append to\n"
                                                 "                                    FILE how many were served, refused and lost" },
    { "tcp-echo",     2, 2,   verb_tcp_echo,     "HOST PORT            echo server" },
    { "unix-echo",    1, 1,   verb_unix_echo,    "PATH                 the same on a Unix socket" },
    { "tcp-half",     2, 2,   verb_tcp_half,     "HOST PORT            server that reads to the end, then answers `N bytes`" },
    { "clients",      4, 4,   verb_clients,      "ADDRESS N HOW FILE   connect N times to a port or /path: talk (a byte there and\n"
                                                 "                                    back), hang-up, hold, flood, half; tell FILE `HOW N of N`;\n"
                                                 "                                    keep what is open" },
    { "slow-reader",  3, 3,   verb_slow_reader,  "ADDRESS FIFO FILE    read a byte, tell FILE `first`, wait for FIFO, read on to the\n"
                                                 "                                    end, tell FILE `read N`" },
    { "crowd",        1, 1,   verb_crowd,        "ADDRESS              echo server for thousands at once; -: descriptor 3" },
    { "gush",         3, 3,   verb_gush,         "ADDRESS N FILE       send N bytes to one client; tell FILE `stuck N` when it does\n"
                                                 "                                    not read on" },
    { "dead-mount",   2, 2,   verb_dead_mount,   "DIRECTORY FILE       mount what takes requests, tells FILE and never answers; go on\n"
                                                 "                                    in the background, for ever" },
    { "stuck-mount",  2, 2,   verb_stuck_mount,  "DIRECTORY PIDFILE    mount whose files open, but never close; as `daemon`" },
    { "hung-mount",   1, ANY, verb_hung_mount,   "DIRECTORY...         mount what never answers; go on in the background, for ever" },
    { "await",        1, 1,   verb_await,        "FIFO                 wait until something is written to it; go on" },
    { "pass-in",      2, ANY, verb_pass_in,      "NAMES ADDRESS...     LISTEN_FDS with these names (- for none): a path, an @name,\n"
                                                 "                                    a port of 127.0.0.1, or KIND=ADDRESS with stream,\n"
                                                 "                                    dgram, seqpacket, bound, fifo, mqueue, netlink, file,\n"
                                                 "                                    pair; go on" },
    { "receive",      1, 2,   verb_receive,      "FILE [N]             take N messages (1) of LISTEN_FDS, append what they say; go on" },
    { "send",         3, 3,   verb_send,         "KIND ADDRESS TEXT    one message: stream, dgram, seqpacket, udplite, sctp, fifo, mqueue" },
    { "answer",       2, 2,   verb_answer,       "KIND ADDRESS         server that answers each message with who said it, and what" },
    { "ask",          3, 4,   verb_ask,          "KIND ADDRESS TEXT [FROM]  one message, print the answer" },
    { "last-words",   2, 2,   verb_last_words,   "ADDRESS N            serve one client: `ready`, and on TERM N bytes; leave" },
    { "sockopts",     1, 2,   verb_sockopts,     "FILE [FD]            key=value lines about a descriptor, 3 unless told; go on" },
    { "pty",          2, 2,   verb_pty,          "LINK FILE            make a terminal that LINK leads to, append what is written\n"
                                                 "                                    to it to FILE, for ever" },
    { "bus-own",      1, 1,   verb_bus_own,      "NAME                 take a name on the system bus, with descriptor 10; go on" },
    { "notify",       1, 1,   verb_notify,       "TEXT                 send to $NOTIFY_SOCKET; C escapes as in write-raw" },
    { "notify-barrier", 0, 0, verb_notify_barrier, "                   wait until what was sent has been read" },
    { "notify-child", 1, 1,   verb_notify_child, "TEXT                 send it from a child that waits until it was read" },
    { "notify-gone",  1, 1,   verb_notify_gone,  "TEXT                 send it from a child that is reaped at once" },
    { "notify-flood", 2, 2,   verb_notify_flood, "N TEXT               send it N times; 0: without end" },
    { "notify-store", 2, 3,   verb_notify_store, "NAME N [LINE]        FDSTORE=1 with N memfds of that name" },
    { "notify-store-pipe", 1, 1, verb_notify_store_pipe, "NAME            FDSTORE=1 with a pipe, whose other end is then closed" },
    { "notify-store-file", 2, 2, verb_notify_store_file, "NAME FILE       FDSTORE=1 with an open file" },
    { "notify-main-child", 1, 2, verb_notify_main_child, "FILE [HOW]       MAINPID= and READY=1 for a child; its pid goes to FILE; go on" },
    { "hup-block",    0, 0,   verb_hup_block,    "                     block HUP from here on" },
    { "notify-reload", 1, 1,  verb_notify_reload, "FILE                after hup-block: mark FILE and answer each HUP, for ever" },
    { "passed",       1, 1,   verb_passed,       "FILE                 append a line with names and contents of LISTEN_FDS" },
    { "exec",         1, ANY, verb_exec,         "PROGRAM [ARGUMENT].. become another program (takes the rest of the line)" },
};
/* clang-format on */

int actor_fail(const char *what)
{
    (void)fprintf(stderr, "actor: %s: %s\n", what, strerror(errno));
    return 99;
}

static int usage(void)
{
    (void)puts("usage: actor VERB [ARGUMENT]... [-- VERB [ARGUMENT]...]...");
    for (size_t i = 0; i < COUNT_OF(verbs); i++) (void)printf("  %-12s %s\n", verbs[i].name, verbs[i].help);
    return 2;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2) return usage();
    for (char **at = argv + 1; *at;) {
        const struct verb *verb = find_verb(*at++);
        if (!verb) return usage();
        char **args = at;
        int count = 0;
        bool whole_line = verb->run == verb_exec;
        while (*at && (whole_line || strcmp(*at, "--") != 0)) at++, count++;
        if (count < verb->min || (verb->max != ANY && count > verb->max)) return usage();
        int status = verb->run(args, count);
        if (status != 0) return status < 0 ? 0 : status;
        if (*at) at++; /* over the "--" */
    }
    return 0;
}
