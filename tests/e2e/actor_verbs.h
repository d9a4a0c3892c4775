/* tests/e2e/actor_verbs.h - the parts the actor plays. A verb gets its arguments and their number and returns 0 to go
 * on with the next verb, a positive exit status to leave with it, or ACTOR_DONE to leave with 0. */
#pragma once
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/attr.h"
#include <sys/types.h>

#define ACTOR_DONE (-1)

int actor_fail(const char *what); /* complains with errno, returns the exit status for it */

/* actor.c's table says what each does. */
int verb_sleep(char **args, int count);
int verb_exit(char **args, int count);
int verb_kill_self(char **args, int count);
int verb_ignore(char **args, int count);
int verb_signals(char **args, int count);
int verb_on_term(char **args, int count);
int verb_pause(char **args, int count);
int verb_mark(char **args, int count);
int verb_write(char **args, int count);
int verb_write_raw(char **args, int count);
int verb_long_line(char **args, int count);
int verb_flood(char **args, int count);
int verb_close(char **args, int count);
int verb_escape(char **args, int count);
int verb_child(char **args, int count);
int verb_daemon(char **args, int count);
int verb_hold_output(char **args, int count);
int verb_orphans(char **args, int count);
int verb_zombies(char **args, int count);
int verb_crash(char **args, int count);
int verb_report(char **args, int count);
int verb_listen(char **args, int count);
int verb_listen_once(char **args, int count);
int verb_listen_idle(char **args, int count);
int verb_tcp_echo(char **args, int count);
int verb_unix_echo(char **args, int count);
int verb_tcp_half(char **args, int count);
int verb_clients(char **args, int count);
int verb_slow_reader(char **args, int count);
int verb_crowd(char **args, int count);
int verb_gush(char **args, int count);
int verb_hung_mount(char **args, int count);
int verb_dead_mount(char **args, int count);
int verb_stuck_mount(char **args, int count);
int verb_exec(char **args, int count);
int verb_await(char **args, int count);
int verb_pass_in(char **args, int count);
int verb_receive(char **args, int count);
int verb_send(char **args, int count);
int verb_answer(char **args, int count);
int verb_ask(char **args, int count);
int verb_last_words(char **args, int count);

union any_address {
    struct sockaddr any;
    struct sockaddr_un un;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_vm vm;
};

/* /path, @abstract, vsock:CID:PORT, HOST:PORT, [HOST]:PORT. The length, 0 when it is none of these. */
socklen_t any_address_parse(const char *text, union any_address *ret);
int verb_sockopts(char **args, int count);
int verb_pty(char **args, int count);
int verb_bus_own(char **args, int count);
int verb_notify(char **args, int count);
int verb_notify_barrier(char **args, int count);
int verb_notify_child(char **args, int count);
int verb_notify_gone(char **args, int count);
int verb_notify_flood(char **args, int count);
int verb_notify_store(char **args, int count);
int verb_notify_store_pipe(char **args, int count);
int verb_notify_store_file(char **args, int count);
int verb_notify_main_child(char **args, int count);
int verb_notify_reload(char **args, int count);
int verb_hup_block(char **args, int count);
int verb_passed(char **args, int count);
int verb_serve(char **args, int count);
int verb_hammer(char **args, int count);
int verb_listen_on(char **args, int count);

/* Shared by the files of the actor. */
int signal_number(const char *name);                    /* "TERM", "SIGTERM", "RTMIN+3" or a number; -1 */
size_t actor_unescape(char *text);                      /* \n \t \xHH and the like, in place; the length */
int number(const char *text);                           /* 0 when it is none */
int append_line(const char *file, const char *line);    /* one write(2) of line and newline; 0 or -1 with errno */
int write_all(int fd, const void *data, size_t length); /* 0 or -1 with errno */
