/* tests/e2e/test_inetd.c - a program for each connection (Accept=yes): those that inetd(8) ran, and Debian's sshd. */
#include "tests/e2e/debian.h"

#define BUSYBOX "/bin/busybox"

static struct scene *inetd_scene(void)
{
    struct scene *s = scene_new();
    scene_unit(s, "cat.socket",
               "[Socket]\nListenStream=7001\nAccept=yes\nMaxConnections=1000\nTriggerLimitBurst=0\nPollLimitBurst=0\n");
    scene_unit(s, "cat@.service", "[Service]\nStandardInput=socket\nExecStart=/bin/cat\n");
    scene_unit(s, "packets.socket", "[Socket]\nListenSequentialPacket=/run/packets.sock\nAccept=yes\n");
    scene_unit(s, "packets@.service", "[Service]\nStandardInput=socket\nExecStart=/bin/cat\n");
    scene_unit(s, "web.socket", "[Socket]\nListenStream=7002\nAccept=yes\n");
    scene_unit(s, "web@.service", "[Service]\nStandardInput=socket\nExecStart=" BUSYBOX " httpd -i -h /srv/web\n");
    scene_unit(s, "script.socket", "[Socket]\nListenStream=127.0.0.1:7003\nAccept=yes\n");
    scene_unit(s, "script@.service",
               "[Service]\nStandardInput=socket\nStandardError=journal\nExecStart=/usr/local/bin/script %i\n");
    scene_unit(s, "broken.socket",
               "[Socket]\nListenStream=7004\nAccept=yes\nMaxConnections=8\nTriggerLimitBurst=0\nPollLimitBurst=0\n");
    scene_unit(s, "broken@.service", "[Service]\nStandardInput=socket\nExecStart=/bin/sh -c 'echo served; exit 1'\n");
    scene_file(s, "/usr/local/bin/script", 0755,
               "#!/bin/sh\nread -r line\necho \"$line from $REMOTE_ADDR $REMOTE_PORT by $1\"\necho served >&2\n");
    return s;
}

static void boot_inetd(struct scene *s, void **state)
{
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "ln -s container-init /usr/local/bin/systemctl; mkdir -p /srv/web; head -c 1000000 /dev/urandom "
                     ">/srv/web/body";
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    life_expect_count(s, 0, "spawn", NULL);
}

/* Waits until no instance is left of what was started, and nothing of them anywhere. */
static void expect_no_instances(struct scene *s)
{
    run(s, "no instance is left",
        "! systemctl --all list-units '*@*.service' | grep -E 'cat@|packets@|web@|script@|broken@' && "
        "! ls -d /sys/fs/cgroup/container-init/*@* 2>/dev/null",
        true);
}

static void test_programs(void **state)
{
    struct scene *s = inetd_scene();
    SKIP_WITHOUT(BUSYBOX);
    boot_inetd(s, state);

    print_message("  /bin/cat\n");
    run(s, "cat", CONNECT("7001") "echo hello >&3 && read -r -t 20 line <&3 && [ \"$line\" = hello ]", false);
    print_message("  /bin/cat of packets\n");
    int fd = scene_connect(s, "seqpacket:/run/packets.sock");
    scene_send(s, fd, "one");
    struct str answer = scene_receive(s, fd, "one");
    str_done(&answer);
    close(fd);
    print_message("  busybox httpd -i\n");
    run(s, "httpd -i", BUSYBOX " wget -q -O - http://127.0.0.1:7002/body | cmp - /srv/web/body", false);
    print_message("  a shell script that is told who asks\n");
    run(s, "script",
        CONNECT(
            "7003") "echo question >&3 && read -r -t 20 line <&3 && "
                    "[[ $line =~ ^'question from 127.0.0.1 '([0-9]+)' by 0-127.0.0.1:7003-127.0.0.1:'([0-9]+)$ ]] && "
                    "[ ${BASH_REMATCH[1]} = ${BASH_REMATCH[2]} ]",
        false);
    scene_wait_log(s, "served\n");

    expect_no_instances(s);
    expect_stop(s, 0);
    expect_no_log(s, "force-killed");
    scene_end(s);
}

/* K59: hundreds of connections leave nothing behind, also those whose program fails: no unit, no cgroup, no descriptor;
 * and none of these is counted any more. */
static void test_hundreds(void **state)
{
    struct scene *s = inetd_scene();
    boot_inetd(s, state);
    static const char clients[] = "client() { for i in {1..20}; do (" CONNECT(
        "7001") "echo hello $i >&3 && read -r -t 60 line <&3 && "
                "[ \"$line\" = \"hello $i\" ]) || { echo no answer; exit 1; }; done; }\n"
                "for n in {1..20}; do client & pids=\"$pids $!\"; done\n"
                "for pid in $pids; do wait $pid || exit 1; done\n";
    run(s, "one, for what stays open", CONNECT("7001") "echo hello >&3 && read -r -t 20 line <&3", false);
    expect_no_instances(s);
    run(s, "descriptors", "ls /proc/1/fd | wc -l >/scene/before", false);
    run(s, "hundreds", clients, false);
    run(s, "failures",
        "for i in {1..40}; do (" CONNECT("7004") "[ \"$(timeout 20 cat <&3)\" = served ]) || exit 1; done", false);
    expect_no_instances(s);
    run(s, "descriptors", "ls /proc/1/fd | wc -l >/scene/after; cmp /scene/before /scene/after", true);
    run(s, "it goes on", CONNECT("7001") "echo hello >&3 && read -r -t 20 line <&3 && [ \"$line\" = hello ]", false);
    assert_int_equal(scene_count_events(s, "socket_failed", NULL, NULL), 0);
    expect_stop(s, 0);
    scene_end(s);
}

/* What is connected is stopped with the container; what the socket lets go of goes on. */
static void test_stop(void **state)
{
    struct scene *s = inetd_scene();
    boot_inetd(s, state);
    int fds[20];
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = scene_connect(s, "tcp:127.0.0.1:7001");
        scene_send(s, fds[i], "here\n");
        struct str answer = scene_receive(s, fds[i], "here\n");
        str_done(&answer);
    }
    run(s, "stop of the socket", "systemctl stop cat.socket", false);
    assert_true(box_connect(scene_box(s), "tcp:127.0.0.1:7001", 0, 0, &(int){ -1 }) < 0);
    scene_send(s, fds[0], "still\n");
    struct str answer = scene_receive(s, fds[0], "still\n");
    str_done(&answer);
    expect_stop(s, 0);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        answer = scene_receive(s, fds[i], NULL); /* hung up on */
        str_done(&answer);
        close(fds[i]);
    }
    expect_no_log(s, "force-killed");
    scene_end(s);
}

/* ---- sshd ---- */

#define SSH                                                                                                            \
    "ssh -i /root/.ssh/of-the-box -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "       \
    "root@127.0.0.1 "
/* The service is that of Debian 11, whose ssh.socket had Accept=yes; keys of its own, and nothing of the machine's. */
static const char sshd_prepare[] =
    "rm -f /etc/ssh/sshd_not_to_be_run; ssh-keygen -A >/dev/null; rm -rf /root/.ssh; mkdir -m 700 /root/.ssh; "
    "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/of-the-box; "
    "cp /root/.ssh/of-the-box.pub /root/.ssh/authorized_keys; mkdir /etc/systemd/system/ssh.socket.d; "
    "printf '[Unit]\\nConflicts=ssh.service\\nBefore=ssh.service\\n[Socket]\\nAccept=yes\\n' "
    ">/etc/systemd/system/ssh.socket.d/accept.conf; "
    "cat >/etc/systemd/system/ssh@.service <<'END'\n"
    "[Unit]\n"
    "Description=OpenBSD Secure Shell server per-connection daemon\n"
    "After=auditd.service\n"
    "\n"
    "[Service]\n"
    "EnvironmentFile=-/etc/default/ssh\n"
    "ExecStart=-/usr/sbin/sshd -i $SSHD_OPTS\n"
    "StandardInput=socket\n"
    "RuntimeDirectory=sshd\n"
    "RuntimeDirectoryPreserve=yes\n"
    "RuntimeDirectoryMode=0755\n"
    "END\n";

static void test_sshd(void **state)
{
    SKIP_WITHOUT("/usr/sbin/sshd", "/usr/bin/ssh", "/lib/systemd/system/ssh.socket");
    struct scene *s = debian_boot_scene(scene_new(), "ssh.socket", sshd_prepare, *state);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    run(s, "nothing runs", "! pgrep -x sshd", false);
    print_message("  a login, with its answer and its status\n");
    run(s, "login", SSH "'echo of-the-box; exit 7' >/tmp/answer; [ $? = 7 ] && [ \"$(cat /tmp/answer)\" = of-the-box ]",
        false);
    print_message("  five at once, one of whom stays\n");
    run(s, "logins",
        "for i in 1 2 3 4; do " SSH
        "echo $i >/dev/null & pids=\"$pids $!\"; done; for pid in $pids; do wait $pid || exit 1; "
        "done",
        false);
    run(s, "a long one",
        "(" SSH "'touch /run/inside; sleep 1000' >/dev/null 2>&1 &) ; until [ -e /run/inside ]; do sleep 0.1; done",
        false);
    run(s, "an instance each", "[ $(systemctl list-units 'ssh@*' | grep -c '^ssh@') = 1 ]", true);
    expect_stop(s, 0);
    expect_no_log(s, "force-killed");
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_programs),
        IN_BOTH_PLACES(test_hundreds),
        IN_BOTH_PLACES(test_stop),
        IN_BOTH_PLACES(test_sshd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
