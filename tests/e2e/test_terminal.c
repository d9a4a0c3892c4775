/* tests/e2e/test_terminal.c - StandardInput=tty and what belongs to it, on terminals that are made for the test.
 * Source: systemd.exec(5); credentials(7) "Sessions"; ioctl_tty(2). */
#include "tests/e2e/life.h"

#include <sys/ioctl.h>
#include <termios.h>

/* A terminal inside the box, at /run/terminal; what is written to it is in /scene/screen. */
#define TERMINAL                                                                                                       \
    "[Service]\nExecStart=" ACTOR                                                                                      \
    " pty /run/terminal /scene/screen\nExecStartPost=/bin/sh -c 'until test -e /run/terminal; do :; done'\n"
#define ON_TERMINAL "[Unit]\nRequires=terminal.service\nAfter=terminal.service\n[Service]\nTTYPath=/run/terminal\n"
/* The command waits, the hanging up before it does not: another one before it waits. */
#define TELL_WHEN_OPEN                                                                                                 \
    "ExecStartPre=/bin/sh -c 'until test -e /scene/open; do :; done'\n"                                                \
    "ExecStart=/bin/sh -c 'stty -a < /run/terminal > /scene/hang; exec " ACTOR " sleep'\n"
/* pid, process group, session, controlling terminal, its foreground group; then the name of standard input. */
#define TELL(name)                                                                                                     \
    "ExecStart=/bin/sh -c 'read pid comm state ppid rest < /proc/$$$$/stat; set -- $rest; "                            \
    "if [ $pid = $1 ] && [ $pid = $2 ] && [ $3 != 0 ] && [ $pid = $4 ]; then echo leader; else echo $pid $rest; fi > " \
    "/scene/" name "; tty >> /scene/" name "; echo TERM=$TERM >> /scene/" name "; echo shown; exec " ACTOR " sleep'\n"

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* Its own session, in the foreground of the terminal; output follows input without a word. */
static void test_controlling(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    static const char *const prefix[] = { "/usr/bin/env", "-u", "TERM", NULL };
    for (size_t i = 0; prefix[i]; i++) spec.prefix[i] = prefix[i];
    scene_unit(s, "terminal.service", TERMINAL);
    scene_unit(s, "a.service", ON_TERMINAL "StandardInput=tty\n" TELL("a"));
    scene_boot(s, &spec);
    scene_wait_file(s, "a", "TERM=vt220\n");
    char *told = scene_read(s, "a");
    assert_non_null(strstr(told, "leader\n/dev/pts/"));
    free(told);
    scene_wait_file(s, "screen", "shown\r\n");
    end_well(s);
}

/* One that is in use is waited for; taken; or the start fails. Output alone needs no control. */
static void test_shared(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "mkfifo /scene/go";
    scene_unit(s, "terminal.service", TERMINAL);
    scene_unit(s, "a.service",
               ON_TERMINAL "StandardInput=tty\nIgnoreSIGPIPE=yes\nExecStart=" ACTOR
                           " write 1 first -- await /scene/go\n");
    scene_unit(s, "fails.service",
               "[Unit]\nRequires=a.service\nAfter=a.service\n[Service]\nTTYPath=/run/terminal\n"
               "StandardInput=tty-fail\nExecStart=" ACTOR " sleep\n");
    scene_unit(
        s, "waits.service",
        "[Unit]\nAfter=a.service fails.service\n[Service]\nTTYPath=/run/terminal\nStandardInput=tty\n" TELL("waits"));
    scene_unit(s, "shows.service",
               "[Unit]\nAfter=a.service\n[Service]\nTTYPath=/run/terminal\nStandardOutput=tty\n"
               "ExecStart=" ACTOR " write 1 second -- sleep\n");
    scene_boot(s, &spec);
    scene_wait_event(s, "start_failed", "fails.service", NULL);
    scene_wait_log(s, "opening standard input: /run/terminal: Operation not permitted");
    scene_wait_file(s, "screen", "second\r\n");
    life_wait_state(s, "waits.service", "start");
    assert_int_equal(scene_count_events(s, "unit_state", "waits.service", "sub", "running", NULL), 0);
    static const char *const go[] = { "/bin/sh", "-c", "echo > /scene/go", NULL };
    assert_int_equal(scene_exec(s, go, NULL), 0);
    life_wait_state(s, "waits.service", "running");
    scene_wait_file(s, "waits", "leader\n");
    end_well(s);
}

static void test_forced(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "terminal.service", TERMINAL);
    scene_unit(s, "a.service",
               ON_TERMINAL "StandardInput=tty\nExecStart=" ACTOR " ignore HUP -- write 1 first -- sleep\n");
    scene_unit(s, "b.service",
               "[Unit]\nAfter=a.service\n[Service]\nTTYPath=/run/terminal\nStandardInput=tty-force\n" TELL("b"));
    life_boot(s, state);
    life_wait_state(s, "b.service", "running");
    scene_wait_file(s, "b", "leader\n");
    end_well(s);
}

/* TTYReset=, TTYRows=, TTYColumns= before the command and TTYReset= after the end; TTYVHangup= ends who has it open. */
static void test_settings(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    scene_unit(s, "terminal.service", TERMINAL);
    scene_unit(s, "spoil.service",
               ON_TERMINAL "Type=oneshot\nStandardInput=tty\nExecStart=/bin/stty -echo -icrnl rows 7\n");
    scene_unit(s, "set.service",
               ON_TERMINAL "Type=oneshot\nStandardInput=tty\nTTYReset=yes\nTTYRows=33\n"
                           "TTYColumns=111\nExecStart=/bin/sh -c '(stty -a; stty size) > /scene/set; "
                           "stty -echo'\n");
    scene_unit(s, "set.service.d/order.conf", "[Unit]\nAfter=spoil.service\n");
    scene_unit(
        s, "reader.service",
        "[Unit]\nAfter=set.service\n[Service]\nExecStart=/bin/sh -c 'trap \"\" HUP; " /* both hang-ups come to it */
        "exec 3<>/run/terminal; echo > /scene/open; read x <&3; echo $? > /scene/hung-up'\n");
    scene_unit(s, "hang.service", ON_TERMINAL "StandardOutput=tty\nTTYVHangup=yes\n" TELL_WHEN_OPEN);
    scene_unit(s, "hang.service.d/order.conf", "[Unit]\nAfter=set.service\n");
    scene_boot(s, &spec);
    scene_wait_file(s, "set", "33 111\n");
    char *told = scene_read(s, "set");
    assert_non_null(strstr(told, " echo "));
    assert_non_null(strstr(told, " icrnl "));
    free(told);
    life_wait_state(s, "set.service", "dead");
    scene_wait_file(s, "hang", " echo ");
    if (!spec.box.docker_caps) scene_wait_file(s, "hung-up", ""); /* vhangup needs CAP_SYS_ADMIN */
    end_well(s);
}

/* `docker run -it`: PID 1's own input is the terminal and it is the leader of its session; it lets go for the unit, and
 * is not told to hang up by that (K79). The others write to it without being stopped, TOSTOP or not (K80). */
static void test_own_terminal(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    struct termios settings;
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    int end = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(end >= 0);
    assert_int_equal(tcgetattr(end, &settings), 0);
    settings.c_lflag |= TOSTOP;
    assert_int_equal(tcsetattr(end, TCSANOW, &settings), 0);
    spec.box.stdin_fd = end;
    spec.prefix[0] = "/usr/bin/setsid";
    spec.prefix[1] = "--ctty";
    scene_unit(s, "a.service", "[Service]\nStandardInput=tty\n" TELL("a"));
    scene_unit(s, "b.service",
               "[Unit]\nAfter=a.service\n[Service]\nStandardOutput=tty\nExecStart=" ACTOR
               " write 1 background -- mark /scene/b written -- sleep\n");
    scene_boot(s, &spec);
    scene_wait_file(s, "a", "TERM=");
    char *told = scene_read(s, "a");
    if (strncmp(told, "leader\n", 7) != 0) scene_fail(s, "not in the foreground: %s", told);
    free(told);
    scene_wait_file(s, "b", "written");
    life_expect_log(s, "received hangup", false);
    char text[512] = "";
    size_t size = 0;
    for (ssize_t n; size < sizeof text - 1 && !(strstr(text, "background") && strstr(text, "shown\r\n"));
         text[size] = '\0') {
        n = read(terminal, text + size, sizeof text - 1 - size);
        assert_true(n > 0);
        size += (size_t)n;
    }
    assert_non_null(strstr(text, "shown\r\n"));
    assert_non_null(strstr(text, "background\r\n"));
    close(end);
    end_well(s);
    close(terminal);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_controlling), IN_BOTH_PLACES(test_shared),       cmocka_unit_test(test_forced),
        IN_BOTH_PLACES(test_settings),    IN_BOTH_PLACES(test_own_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
