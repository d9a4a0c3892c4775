#include "tests/unit/parse_unit.h"

#include <signal.h>

/* A service with one more line: the diagnostics in both modes. A native unit with a bad value is refused (S31, D17). */
/* clang-format off */
static const struct {
    const char *lines, *native, *systemd;
} verdicts[] = {
    { "RemainAfterExit=Yes", "", "" },
    { "RemainAfterExit=maybe", "bad-boolean!", "bad-boolean" },
    { "RemainAfterExit=", "bad-boolean!", "bad-boolean" },
    { "RestartSec=1m30s", "", "" },
    { "RestartSec=5min 20s", "", "" },
    { "RestartSec=5x", "bad-timespan!", "bad-timespan" },
    { "RestartSec=-1", "bad-timespan!", "bad-timespan" },
    { "RestartSec=99999999999999999999y", "bad-timespan!", "bad-timespan" },
    { "TimeoutStopSec=", "bad-timespan!", "bad-timespan" },
    { "StartLimitBurst=x", "bad-integer!", "bad-integer" },
    { "StartLimitBurst=-1", "bad-integer!", "bad-integer" },
    { "Restart=on-watchdog", "", "" },
    { "Restart=sometimes", "bad-restart!", "bad-restart" },
    { "Restart=", "bad-restart!", "bad-restart" },
    { "Type=forking", "", "" },
    { "Type=exec", "", "" },
    { "Type=bogus", "bad-type!", "bad-type" },
    { "Type=notify", "", "" },
    { "Type=notify-reload", "", "" },
    { "Type=dbus", "missing-setting@0 !", "missing-setting@0 !" }, /* BusName= */
    { "Type=idle", "", "" },
    { "KillSignal=SIGRTMIN+3", "", "" },
    { "KillSignal=65", "bad-signal!", "bad-signal" },
    { "KillSignal=SIGIOT", "bad-signal!", "bad-signal" },
    { "KillMode=mixed", "", "" },
    { "KillMode=", "", "" },
    { "KillMode=all", "bad-value!", "bad-value" },
    { "UMask=0022", "", "" },
    { "UMask=888", "bad-mode!", "bad-mode" },
    { "UMask=", "bad-mode!", "bad-mode" },
    { "User=foo.bar", "", "" },
    { "User=foo$", "", "" },
    { "User=1000", "", "" },
    { "User=", "", "" },
    { "User=foo:bar", "bad-user!", "bad-user!" },
    { "User=4294967295", "bad-user!", "bad-user!" },
    { "Group=65535", "bad-user!", "bad-user!" },
    { "SupplementaryGroups=a 100 -x", "", "" },
    { "SupplementaryGroups=a/b", "bad-user!", "bad-user!" },
    { "WorkingDirectory=~", "", "" },
    { "WorkingDirectory=-/nowhere", "", "" },
    { "WorkingDirectory=relative", "bad-path!", "bad-path!" },
    { "WorkingDirectory=\"/a b\"", "bad-path!", "bad-path!" },
    { "Environment=A", "bad-assignment", "bad-assignment" },
    { "Environment=1A=x", "bad-assignment", "bad-assignment" },
    { "Environment=\"A=x", "bad-quoting!", "bad-quoting" },
    { "Environment=A=\\d", "", "bad-escape" },
    { "EnvironmentFile=-/etc/a*", "", "" },
    { "EnvironmentFile=\"/etc/a b\"", "bad-path!", "bad-path" },
    { "PassEnvironment=A B", "", "" },
    { "PassEnvironment=A-B", "bad-assignment", "bad-assignment" },
    { "UnsetEnvironment=A B=c", "", "" },
    { "StandardOutput=journal+console", "", "" },
    { "StandardOutput=raw", "", "" },
    { "StandardOutput=append:/var/log/x", "", "" },
    { "StandardOutput=file:x", "bad-path!", "bad-path" },
    { "StandardOutput=bogus", "bad-value!", "bad-value" },
    { "StandardOutput=socket", "", "" },
    { "StandardInput=fd:x", "", "" },
    { "StandardInput=data", "unsupported-value!", "unsupported-value!" },
    { "StandardInput=tty-force", "", "" },
    { "StandardInput=inherit", "bad-value!", "bad-value" },
    { "SyslogIdentifier=%n x", "", "" },
    { "LimitNOFILE=1024:infinity", "", "" },
    { "LimitNOFILE=infinity:5", "bad-limit!", "bad-limit" },
    { "LimitNOFILE=1K", "bad-limit!", "bad-limit" },
    { "LimitNOFILE=", "bad-limit!", "bad-limit" },
    { "LimitCORE=1G", "", "" },
    { "Nice=-20", "", "" },
    { "Nice=20", "bad-integer!", "bad-integer" },
    { "OOMScoreAdjust=-1001", "bad-integer!", "bad-integer" },
    { "RuntimeDirectory=a b/c", "", "" },
    { "RuntimeDirectory=/a", "bad-path!", "bad-path" },
    { "RuntimeDirectory=a/../b", "bad-path!", "bad-path" },
    { "RuntimeDirectory=a:b", "unsupported", "unsupported" },
    { "RuntimeDirectoryMode=10000", "bad-mode!", "bad-mode" },
    { "RuntimeDirectoryPreserve=restart", "", "" },
    { "RuntimeDirectoryPreserve=never", "bad-value!", "bad-value" },
    { "SuccessExitStatus=1 TEMPFAIL SIGKILL RTMIN+1", "", "" },
    { "SuccessExitStatus=256", "bad-exit-status!", "bad-exit-status" },
    { "SuccessExitStatus=\"1\"", "bad-exit-status!", "bad-exit-status" },
    { "PIDFile=/run/../x", "bad-path!", "bad-path!" },
    { "Sockets=a.socket", "", "" },
    { "ExitContainerOnFailure=true", "", "" },
    { "ProtectSystem=full", "unsupported", "unsupported" },
    { "SyslogLevel=debug", "", "" },
    { "X-Anything=1", "", "" },
    { "x-anything=1", "unknown-directive", "unknown-directive" },
};
/* clang-format on */

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(verdicts); i++) {
        for (int native = 0; native <= 1; native++) {
            struct parsed u = parse_service(verdicts[i].lines, native);
            AUTO_STR struct str got = STR_EMPTY;
            print_message("  %s%s\n", verdicts[i].lines, native ? "" : " (systemd)");
            char *at = strstr(u.codes, "@3 ");
            if (at) *at = '\0'; /* one diagnostic, on the third line */
            assert_int_equal(str_appendf(&got, "%s%s", u.codes, u.result ? "!" : ""), 0);
            assert_string_equal(str_text(&got), native ? verdicts[i].native : verdicts[i].systemd);
            parsed_done(&u);
        }
    }
}

static void test_times(void **state)
{
    (void)state;
    struct parsed u =
        parse_service("RestartSec=1m30s\nTimeoutStartSec=0\nTimeoutStopSec=infinity\nStartLimitInterval=5", true);
    assert_int_equal(u.settings.service.restart_usec, 90 * USEC_PER_SEC);
    assert_int_equal(u.settings.service.timeout_start, USEC_INFINITY); /* D15 */
    assert_int_equal(u.settings.service.timeout_stop, USEC_INFINITY);
    assert_int_equal(u.settings.unit.start_limit_interval, 5 * USEC_PER_SEC);
    parsed_done(&u);
    u = parse_service("TimeoutStartSec=20\nTimeoutSec=10", true);
    assert_int_equal(u.settings.service.timeout_start, 10 * USEC_PER_SEC);
    assert_int_equal(u.settings.service.timeout_stop, 10 * USEC_PER_SEC);
    parsed_done(&u);
    u = parse_service("RestartSec=0", true); /* not a bound: 0 stays 0 */
    assert_int_equal(u.settings.service.restart_usec, 0);
    parsed_done(&u);
}

/* K26: by name and by number. */
static void test_kill_signal(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int want;
    } rows[] = { { "KillSignal=SIGINT", SIGINT }, { "KillSignal=INT", SIGINT },     { "KillSignal=2", SIGINT },
                 { "KillSignal=10", SIGUSR1 },    { "KillSignal=RTMIN+3", 34 + 3 }, { "KillSignal=37", 37 } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct parsed u = parse_service(rows[i].line, true);
        print_message("  %s\n", rows[i].line);
        assert_int_equal(u.settings.kill.signal, rows[i].want);
        assert_int_equal(u.result, 0);
        parsed_done(&u);
    }
}

static void test_environment(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        bool native;
        const char *want;
    } rows[] = {
        { "Environment=\"GREETING=hello world\"", true, "<GREETING=hello world>" }, /* K65 */
        { "Environment=GREETING=\"hello world\"", true, "<GREETING=hello world>" },
        { "Environment=\"A=1\" B=2 'C=3 4'", true, "<A=1> <B=2> <C=3 4>" },
        { "Environment=A=1\nEnvironment=B=2", true, "<A=1> <B=2>" },
        { "Environment=A=1\nEnvironment=\nEnvironment=B=2", true, "<B=2>" },
        { "Environment=A=C:\\dir\\x41", true, "<A=C:\\dir\\x41>" }, /* S36: kept */
        { "Environment=A=say\\\"x\\\"", true, "<A=say\"x\">" },
        { "Environment=A=\\x41\\n", false, "<A=A\n>" },
        { "Environment=A=1\nEnvironment=B=2 C=\\d", false, "<A=1>" },
        { "Environment=A=%n", true, "<A=case.service>" },
        { "Environment=A=%H-%%", true, "<A=testhost.example-%>" },
        { "Environment=A=$HOME $$B=1", false, "<A=$HOME>" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct parsed u = parse_service(rows[i].lines, rows[i].native);
        print_message("  %s\n", rows[i].lines);
        assert_texts(&u.settings.exec.environment, rows[i].want);
        parsed_done(&u);
    }
}

/* D3, S25, K71: ${VAR} of native units at load, of systemd's never. */
static void test_variables(void **state)
{
    (void)state;
    char *const environment[] = { (char[]){ "APP_USER=joe" }, (char[]){ "N=3" }, (char[]){ "D=/srv" }, NULL };
    static const char text[] =
        "[Unit]\nDescription=${N} $$\nDocumentation=man:${N}\nAfter=w${N}.service\n"
        "ConditionPathExists=${D}/x\n[Service]\nExecStart=/bin/echo ${N} $$\n"
        "User=${APP_USER:-app}\nGroup=${NOPE:-staff}\nRestartSec=${N}s\nWorkingDirectory=${D}/%p\n"
        "Environment=A=${N}$$ B=$N C=${NOPE}\nEnvironmentFile=-${D}/${NOPE:-%n}.env\n";
    struct parsed u = parse_bytes("web.service", text, sizeof text - 1, true, environment);
    assert_string_equal(u.codes, "");
    assert_string_equal(u.settings.unit.description, "${N} $$");
    assert_string_equal(u.settings.unit.documentation.items[0], "man:${N}");
    assert_string_equal(u.settings.unit.relations[UNIT_AFTER].items[0].name, "w3.service");
    assert_string_equal(u.settings.unit.conditions.items[0].parameter, "/srv/x");
    assert_string_equal(u.settings.service.commands[SERVICE_EXEC_START].items[0].argv[1], "${N}");
    assert_string_equal(u.settings.service.commands[SERVICE_EXEC_START].items[0].argv[2], "$$");
    assert_string_equal(u.settings.exec.user, "joe");
    assert_string_equal(u.settings.exec.group, "staff");
    assert_int_equal(u.settings.service.restart_usec, 3 * USEC_PER_SEC);
    assert_string_equal(u.settings.exec.working_directory, "/srv/web");
    assert_texts(&u.settings.exec.environment, "<A=3$> <B=$N> <C=>");
    assert_string_equal(u.settings.exec.environment_files.items[0].path, "/srv/web.service.env");
    char *notes = codes_of(u.diags, DIAG_NOTE);
    assert_string_equal(notes, "unset-variable@12 "); /* K71: said, and nothing else happens */
    free(notes);
    parsed_done(&u);

    u = parse_bytes("web.service", "[Service]\nExecStart=/bin/true\nEnvironment=A=${N}\n", 48, false, environment);
    assert_texts(&u.settings.exec.environment, "<A=${N}>");
    parsed_done(&u);
}

/* K68, K69: in paths, before anything is looked up. */
static void test_specifiers_in_paths(void **state)
{
    (void)state;
    static const char text[] = "[Service]\nExecStart=/bin/%p %i\nPIDFile=%t/%p-%i.pid\nWorkingDirectory=%S/%I\n"
                               "EnvironmentFile=-%E/%p/%i.env\nRuntimeDirectory=%p/%i\n";
    struct parsed u = parse_unit("db@main-x.service", text, true);
    assert_string_equal(u.codes, "");
    assert_string_equal(u.settings.service.pid_file, "/run/db-main-x.pid");
    assert_string_equal(u.settings.exec.working_directory, "/var/lib/main/x");
    assert_string_equal(u.settings.exec.environment_files.items[0].path, "/etc/db/main-x.env");
    assert_true(u.settings.exec.environment_files.items[0].optional);
    assert_texts(&u.settings.exec.directories[EXEC_DIRECTORY_RUNTIME].paths, "<db/main-x>");
    parsed_done(&u);

    u = parse_service("PIDFile=x/y.pid", true);
    assert_string_equal(u.settings.service.pid_file, "/run/x/y.pid");
    parsed_done(&u);

    /* S26: an unknown one stays in native units; systemd drops the value. */
    u = parse_service("WorkingDirectory=/srv/%z", true);
    assert_string_equal(u.settings.exec.working_directory, "/srv/%z");
    assert_int_equal(u.result, 0);
    parsed_done(&u);
    u = parse_service("SyslogIdentifier=a%z", false);
    assert_null(u.settings.exec.syslog_identifier);
    assert_string_equal(u.codes, "bad-specifier@3 ");
    parsed_done(&u);
}

static void test_relations(void **state)
{
    (void)state;
    static const char text[] =
        "[Unit]\nAfter=a.service b.target c@.service d@x.service\nAfter=\nAfter=bad /x dev-sda.device\n"
        "Wants=%p.socket\nBindTo=e.service\n[Service]\nExecStart=/bin/true\n";
    struct parsed u = parse_unit("web@one.service", text, true);
    const struct unit_ref_list *after = &u.settings.unit.relations[UNIT_AFTER];
    static const char *const want[] = { "a.service", "b.target", "c@one.service", "d@x.service", "dev-sda.device" };
    assert_int_equal(after->count, COUNT_OF(want)); /* an empty one does not reset */
    for (size_t i = 0; i < COUNT_OF(want); i++) assert_string_equal(after->items[i].name, want[i]);
    assert_int_equal(after->items[0].origin.line, 2);
    assert_string_equal(after->items[0].origin.file, "/units/test.unit");
    assert_string_equal(u.settings.unit.relations[UNIT_WANTS].items[0].name, "web.socket");
    assert_string_equal(u.settings.unit.relations[UNIT_BINDS_TO].items[0].name, "e.service");
    assert_string_equal(u.codes, "bad-unit-name@4 bad-unit-name@4 ");
    parsed_done(&u);
    u = parse_unit("web.service", "[Unit]\nAfter=c@.service\n[Service]\nExecStart=/bin/true\n", true);
    assert_string_equal(u.settings.unit.relations[UNIT_AFTER].items[0].name, "c@web.service");
    parsed_done(&u);
}

static void test_conditions(void **state)
{
    (void)state;
    static const char text[] = "[Unit]\nConditionPathExists=|!/a\nAssertPathExists=/b\nConditionEnvironment=!A=b\n"
                               "ConditionPathExists=! /c\nConditionPathExists=/a/../b\nConditionUser=@system\n"
                               "ConditionUser=!root\n[Service]\nExecStart=/bin/true\n";
    struct parsed u = parse_unit("a.service", text, false);
    const struct condition_list *list = &u.settings.unit.conditions;
    assert_int_equal(list->count, 5);
    assert_true(list->items[0].trigger && list->items[0].negate && !list->items[0].is_assert);
    assert_string_equal(list->items[0].parameter, "/a");
    assert_true(list->items[1].is_assert);
    assert_int_equal(list->items[2].kind, CONDITION_ENVIRONMENT);
    assert_true(list->items[2].negate);
    assert_string_equal(list->items[2].parameter, "A=b");
    assert_int_equal(list->items[3].kind, CONDITION_USER);
    assert_string_equal(list->items[3].parameter, "@system");
    assert_string_equal(u.codes, "bad-path@5 bad-path@6 ");
    parsed_done(&u);

    u = parse_unit("a.service",
                   "[Unit]\nConditionUser=a\nAssertUser=b\nConditionPathExists=\n[Service]\nExecStart=/x\n", true);
    assert_int_equal(u.settings.unit.conditions.count, 1); /* of any kind, but no asserts */
    assert_true(u.settings.unit.conditions.items[0].is_assert);
    parsed_done(&u);
}

static void test_exec(void **state)
{
    (void)state;
    struct parsed u =
        parse_service("LimitNOFILE=1024:infinity\nLimitCORE=1.5G\nNice=-5\nOOMScoreAdjust=100\nUMask=027\n"
                      "StandardInput=file:/in\nStandardOutput=truncate:/out\nSupplementaryGroups=a b\n"
                      "SuccessExitStatus=143 EXEC TERM\nRestartPreventExitStatus=1\nRestartPreventExitStatus=\n"
                      "StateDirectory=a b\nStateDirectoryMode=2770\nRuntimeDirectoryPreserve=yes\nIgnoreSIGPIPE=no",
                      true);
    const struct exec_section *exec = &u.settings.exec;
    assert_string_equal(u.codes, "");
    assert_true(exec->limits[EXEC_LIMIT_NOFILE].set);
    assert_int_equal(exec->limits[EXEC_LIMIT_NOFILE].soft, 1024);
    assert_int_equal(exec->limits[EXEC_LIMIT_NOFILE].hard, UINT64_MAX);
    assert_int_equal(exec->limits[EXEC_LIMIT_CORE].soft, UINT64_C(3) << 29);
    assert_false(exec->limits[EXEC_LIMIT_NPROC].set);
    assert_true(exec->nice_set && exec->oom_score_adjust_set);
    assert_int_equal(exec->nice, -5);
    assert_int_equal(exec->oom_score_adjust, 100);
    assert_int_equal(exec->umask, 027);
    assert_int_equal(exec->streams[0].kind, STD_FILE);
    assert_string_equal(exec->streams[1].path, "/out");
    assert_int_equal(exec->streams[2].kind, STD_INHERIT);
    assert_texts(&exec->supplementary_groups, "<a> <b>");
    assert_texts(&exec->directories[EXEC_DIRECTORY_STATE].paths, "<a> <b>");
    assert_int_equal(exec->directories[EXEC_DIRECTORY_STATE].mode, 02770);
    assert_int_equal(exec->runtime_directory_preserve, PRESERVE_YES);
    assert_false(exec->ignore_sigpipe);
    const struct exit_set *success = u.settings.service.success_exit_status;
    assert_true(exit_set_has_status(success, 143) && exit_set_has_status(success, 203) &&
                !exit_set_has_status(success, 1));
    assert_true(exit_set_has_signal(success, SIGTERM) && !exit_set_has_signal(success, SIGKILL));
    assert_null(u.settings.service.restart_prevent_exit_status);
    parsed_done(&u);

    u = parse_service("StandardInput=tty", true); /* systemd.exec(5): output then defaults to inherit */
    assert_int_equal(u.settings.exec.streams[1].kind, STD_INHERIT);
    parsed_done(&u);
    u = parse_service("StandardInput=tty\nStandardOutput=journal", true);
    assert_int_equal(u.settings.exec.streams[1].kind, STD_LOG);
    parsed_done(&u);
}

/* clang-format off */
static const struct {
    const char *lines, *native, *systemd;
} socket_verdicts[] = {
    { "ListenStream=80", "", "" },
    { "ListenStream=127.0.0.1:80", "", "" },
    { "ListenStream=[::1]:80", "", "" },
    { "ListenStream=localhost:80", "", "bad-listener" },
    { "ListenStream=:80", "", "bad-listener" },
    { "ListenStream=@name", "", "" },
    { "ListenStream=/run/%p/x", "", "" },
    { "ListenStream=65536", "bad-listener!", "bad-listener" },
    { "ListenStream=0", "bad-listener!", "bad-listener" },
    { "ListenStream=relative", "bad-listener!", "bad-listener" },
    { "ListenStream=80 81", "bad-listener!", "bad-listener" },
    { "ListenStream=@", "bad-listener!", "bad-listener" },
    { "ListenStream=vsock::1", "", "" },
    { "ListenStream=vsock-seqpacket:2:1", "", "" },
    { "ListenStream=vsock-raw:2:1", "bad-listener!", "bad-listener" },
    { "ListenSequentialPacket=vsock::1", "bad-listener!", "bad-listener" },
    { "ListenStream=[fe80::1]:80%%eth0", "", "" },
    { "ListenStream=[fe80::1%%eth0]:80", "", "" },
    { "ListenStream=[fe80::1%%]:80", "bad-listener!", "bad-listener" },
    { "ListenStream=127.0.0.1:80%%eth0", "bad-listener!", "bad-listener" },
    { "ListenNetlink=route 1", "", "" },
    { "ListenNetlink=nothing 1", "bad-listener!", "bad-listener" },
    { "ListenMessageQueue=/q", "", "" },
    { "ListenMessageQueue=q", "bad-listener!", "bad-listener" },
    { "ListenSpecial=/dev/zero", "", "" },
    { "ListenDatagram=/run/d", "", "" },
    { "ListenDatagram=localhost:80", "", "bad-listener" },
    { "ListenSequentialPacket=/run/d", "", "" },
    { "ListenSequentialPacket=80", "bad-listener!", "bad-listener" },
    { "ListenFIFO=/run/d", "", "" },
    { "ListenFIFO=d", "bad-listener!", "bad-listener" },
    { "ListenUSBFunction=/run/d", "unsupported-value!", "unsupported-value!" }, /* D17 */
    { "Accept=no", "", "" },
    { "Accept=yes", "", "" },
    { "ActivationMode=native", "", "" },
    { "ActivationMode=both", "bad-activation-mode!", "bad-activation-mode" },
    { "Service=other.service", "", "" },
    { "Service=other", "bad-unit-name!", "bad-unit-name" },
    { "SocketMode=999", "bad-mode!", "bad-mode" },
    { "FileDescriptorName=a b", "", "" },
    { "FileDescriptorName=a:b", "bad-value!", "bad-value" }, /* K56 */
    { "Backlog=5", "", "" },
    { "TriggerLimitIntervalSec=1s\nTriggerLimitBurst=0", "", "" },
    { "SocketUser=a:b", "bad-user!", "bad-user!" },
    { "ExecStartPre=/bin/true", "", "" },
    { "PollLimitBurst=x", "bad-integer!", "bad-integer" },
    { "Symlinks=/l", "", "" },
    { "Symlinks=/l\nListenFIFO=/run/b", "bad-combination@0 !", "bad-combination@0 !" }, /* which of them? */
    { "IdleStopSec=5min", "", "" },
    { "IdleStopSec=later", "bad-timespan!", "bad-timespan" },
    { "User=nobody", "", "unsafe-user" },
    { "Restart=always", "unknown-directive", "unknown-directive" },
    { "ProxyTarget=nowhere", "bad-proxy-target!", "bad-proxy-target" },
};
/* clang-format on */

static void test_socket_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(socket_verdicts); i++) {
        for (int native = 0; native <= 1; native++) {
            struct parsed u = parse_socket(socket_verdicts[i].lines, native);
            AUTO_STR struct str got = STR_EMPTY;
            print_message("  %s%s\n", socket_verdicts[i].lines, native ? "" : " (systemd)");
            char *at = strstr(u.codes, "@3 ");
            if (at) *at = '\0';
            assert_int_equal(str_appendf(&got, "%s%s", u.codes, u.result ? "!" : ""), 0);
            assert_string_equal(str_text(&got), native ? socket_verdicts[i].native : socket_verdicts[i].systemd);
            parsed_done(&u);
        }
    }
}

static void test_socket(void **state)
{
    (void)state;
    struct parsed u =
        parse_socket("ListenStream=80\nListenStream=\nListenStream=81\nListenStream=/x\nSocketMode=01640\n"
                     "SocketUser=root\nFileDescriptorName=web\nRemoveOnStop=yes\nService=%p-real.service",
                     true);
    const struct socket_section *s = &u.settings.socket;
    assert_string_equal(u.codes, "");
    assert_int_equal(s->listens.count, 2);
    assert_string_equal(s->listens.items[0].text, "81");
    assert_int_equal(s->listens.items[1].origin.line, 6);
    assert_int_equal(s->socket_mode, 0640); /* S33 */
    assert_string_equal(s->socket_user, "root");
    assert_int_equal(s->socket_user_origin.line, 8);
    assert_string_equal(s->file_descriptor_name, "web");
    assert_true(s->remove_on_stop);
    assert_string_equal(s->service, "case-real.service");
    assert_int_equal(s->backlog, INT32_MAX);
    parsed_done(&u);

    u = parse_socket("SocketMode=0000", true); /* K46 */
    assert_int_equal(u.settings.socket.socket_mode, 0);
    parsed_done(&u);
    u = parse_socket("", true);
    assert_int_equal(u.settings.socket.socket_mode, 0666);
    assert_int_equal(u.settings.socket.idle_stop, USEC_INFINITY);
    parsed_done(&u);
    u = parse_socket("IdleStopSec=1min 30s", true);
    assert_int_equal(u.settings.socket.idle_stop, 90 * USEC_PER_SEC);
    parsed_done(&u);
    u = parse_socket("IdleStopSec=90\nIdleStopSec=0", true); /* as other time limits: none */
    assert_int_equal(u.settings.socket.idle_stop, USEC_INFINITY);
    parsed_done(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),    cmocka_unit_test(test_times),
        cmocka_unit_test(test_kill_signal), cmocka_unit_test(test_environment),
        cmocka_unit_test(test_variables),   cmocka_unit_test(test_specifiers_in_paths),
        cmocka_unit_test(test_relations),   cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_exec),        cmocka_unit_test(test_socket_verdicts),
        cmocka_unit_test(test_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
