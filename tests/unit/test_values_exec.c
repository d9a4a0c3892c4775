/* What is said of values of systemd.exec(5) and systemd.kill(5): where systemd 252 warns we warn, where it refuses the
 * unit ("!") we refuse it; in native units a bad value refuses only where the directive has an effect. */
#include "tests/unit/exec_unit.h"
#include "unit/syscalls.h"
#include "unit/values_exec.h"

#include <errno.h>

/* clang-format off */
static const struct { const char *lines, *codes; } verdicts[] = {
    { "BindPaths=/a:/b:foo", "bad-value@3 " },
    { "BindPaths=a /b -\"/x y\":/z", "bad-path@3 " },
    { "BindPaths=/a/../b //c/ /:/d", "bad-path@3 " },
    { "CPUAffinity=3-1", "bad-value@3 " },
    { "CPUAffinity=9000", "bad-value@3 " },
    { "CPUAffinity=x", "bad-value@3 " },
    { "CPUSchedulingPriority=100", "bad-integer@3 " },
    { "CPUSchedulingPolicy=deadline", "bad-value@3 " },
    { "IOSchedulingClass=rt", "bad-value@3 " },
    { "IOSchedulingPriority=8", "bad-integer@3 " },
    { "CoredumpFilter=bogus", "bad-value@3 " },
    { "ExecPaths=+-/a", "bad-path@3 " },
    { "ExecSearchPath=/a:b", "bad-path@3 " },
    { "ExtensionImages=/a -/b:bogus:1 /c:root:ro,nosuid", "bad-value@3 " },
    { "NetworkNamespacePath=b", "bad-path@3 " },
    { "ReadWritePaths=/a b /c", "bad-path@3 " },
    { "KeyringMode=foo", "bad-value@3 " },
    { "KeyringMode=", "bad-value@3 " },
    { "LimitCPU=", "bad-limit@3 " },
    { "LimitCPU=5:3", "bad-limit@3 " },
    { "LimitCPU=abc", "bad-limit@3 " },
    { "LimitAS=1:2:3", "bad-limit@3 " },
    { "LimitAS=infinity:5", "bad-limit@3 " },
    { "LimitFSIZE= 1K : 2K", "bad-limit@3 " },
    { "LimitNOFILE=10:", "bad-limit@3 " },
    { "LimitNOFILE=:10", "bad-limit@3 " },
    { "LimitNOFILE=-1", "bad-limit@3 " },
    { "LimitNICE=41", "bad-limit@3 " },
    { "LimitNICE=-21", "bad-limit@3 " },
    { "LimitNICE=+20", "bad-limit@3 " },
    { "LimitNICE=infinity", "bad-limit@3 " },
    { "LimitSIGPENDING=18446744073709551615", "bad-limit@3 " },
    { "LimitCORE=16E", "bad-limit@3 " },
    { "LimitCPU=584542y", "bad-limit@3 " },
    { "LoadCredential=a/b:/c", "bad-value@3 " },
    { "LoadCredential=a:/b/../c", "bad-value@3 " },
    { "LoadCredential=a:\"/b c\"", "bad-value@3 " },
    { "LoadCredential=:x", "bad-value@3 " },
    { "SetCredential=a:", "bad-value@3 " },
    { "SetCredential=a", "bad-value@3 " },
    { "SetCredential=a:b\\q", "bad-escape@3 " },
    { "SetCredentialEncrypted=a:!!", "bad-value@3 " },
    { "LogExtraFields=A=b \"C=d e\" x=y _A=1", "bad-assignment@3 bad-assignment@3 " },
    { "LogExtraFields=A", "bad-assignment@3 " },
    { "LogLevelMax=8", "bad-value@3 " },
    { "LogLevelMax=foo", "bad-value@3 " },
    { "LogLevelMax=info\nLogLevelMax=", "bad-value@4 " },
    { "LogNamespace=a/b", "bad-value@3 " },
    { "LogRateLimitBurst=x", "bad-integer@3 " },
    { "LogRateLimitIntervalSec=", "bad-timespan@3 " },
    { "RootDirectory=-/x", "bad-path@3 !" },
    { "RootImage=x", "bad-path@3 !" },
    { "MountFlags=bogus", "bad-value@3 " },
    { "MountImages=/a", "bad-value@3 " },
    { "MountImages=/a:b", "bad-path@3 " },
    { "MountImages=/a:/b:foo:ro", "bad-value@3 " },
    { "NUMAMask=x", "bad-value@3 " },
    { "NUMAPolicy=3", "bad-value@3 " },
    { "NUMAPolicy=foo", "bad-value@3 " },
    { "OOMScoreAdjust=1001", "bad-integer@3 " },
    { "NoNewPrivileges=", "bad-boolean@3 " },
    { "PassEnvironment=A \"B C\" D=1 1X\nPassEnvironment=A", "bad-assignment@3 bad-assignment@3 bad-assignment@3 " },
    { "Environment=A B=1 1C=2", "bad-assignment@3 bad-assignment@3 " },
    { "Environment=\"A=x", "bad-quoting@3 " },
    { "Environment=A=$B ${C} %n %%", "bad-assignment@3 bad-assignment@3 bad-assignment@3 " },
    { "Environment=A=b\\qc", "bad-escape@3 " },
    { "UnsetEnvironment=A B=1 \"C=d e\" 1D\nUnsetEnvironment=A", "bad-assignment@3 " },
    { "EnvironmentFile=a", "bad-path@3 " },
    { "EnvironmentFile=-/a/../b", "bad-path@3 " },
    { "PrivateUsers=foo", "bad-boolean@3 " },
    { "ProcSubset=foo", "bad-value@3 " },
    { "ProtectHome=foo", "bad-value@3 " },
    { "ProtectHome=", "bad-value@3 " },
    { "ProtectSystem=strict\nProtectSystem=", "bad-value@4 " },
    { "ProtectProc=yes", "bad-value@3 " },
    { "RestrictAddressFamilies=AF_FOO AF_INET", "bad-value@3 " },
    { "RestrictAddressFamilies=inet", "bad-value@3 " },
    { "RestrictFileSystems=@foo bar", "bad-value@3 " },
    { "RestrictNamespaces=user foo", "bad-value@3 " },
    { "RootHash=aabb", "bad-value@3 " },
    { "RootHash=foo", "bad-value@3 " },
    { "RootHashSignature=foo", "bad-value@3 " },
    { "RootImageOptions=foo:ro", "bad-value@3 " },
    { "RootImageOptions=root:a:b", "bad-value@3 " },
    { "RootVerity=x", "bad-path@3 !" },
    { "RuntimeDirectory=/a ../b a/../b a/./b a//b/", "bad-path@3 bad-path@3 bad-path@3 " },
    { "RuntimeDirectory=private", "bad-path@3 " },
    { "RuntimeDirectory=private/x", "bad-path@3 " },
    { "ConfigurationDirectory=a:b", "bad-path@3 " },
    { "RuntimeDirectoryMode=99", "bad-mode@3 " },
    { "RuntimeDirectoryMode=", "bad-mode@3 " },
    { "RuntimeDirectoryPreserve=x", "bad-value@3 " },
    { "TimeoutCleanSec=", "bad-timespan@3 " },
    { "StandardInput=fd:a:b", "bad-value@3 " },
    { "StandardInput=file:x", "bad-path@3 " },
    { "StandardInput=", "bad-value@3 " },
    { "StandardInput=foo", "bad-value@3 " },
    { "StandardInputText=a\\q", "bad-escape@3 " },
    { "StandardInputData=!!", "bad-value@3 " },
    { "StandardInputData=YQ", "bad-value@3 " },
    { "StandardInputData=YQ=", "bad-value@3 " },
    { "StandardOutput=append:a", "bad-path@3 " },
    { "StandardOutput=syslog", "deprecated@3 " },
    { "StandardOutput=syslog+console", "deprecated@3 " },
    { "StandardError=syslog", "deprecated@3 " },
    { "StandardOutput=", "bad-value@3 " },
    { "SyslogLevel=9", "bad-value@3 " },
    { "SyslogLevel=", "bad-value@3 " },
    { "SyslogLevel=warn", "bad-value@3 " },
    { "SystemCallArchitectures=x86 x86-64 foo", "bad-value@3 " },
    { "SystemCallErrorNumber=foo", "bad-value@3 " },
    { "SystemCallErrorNumber=4096", "bad-value@3 " },
    { "SystemCallErrorNumber=0", "bad-value@3 " },
    { "SystemCallFilter=read:EPERM write:5 open:kill", "bad-value@3 bad-value@3 bad-value@3 " },
    { "SystemCallFilter=@foo read", "bad-value@3 " },
    { "SystemCallFilter=nosuchcall read", "bad-value@3 " },
    { "SystemCallFilter=~read:foo", "bad-value@3 " },
    { "SystemCallLog=read:EPERM", "bad-value@3 " },
    { "TTYPath=tty1", "bad-path@3 " },
    { "TTYRows=x", "bad-integer@3 " },
    { "TemporaryFileSystem=a", "bad-path@3 " },
    { "TimerSlackNSec=x", "bad-timespan@3 " },
    { "TimerSlackNSec=", "bad-timespan@3 " },
    { "UMask=8", "bad-mode@3 " },
    { "UMask=", "bad-mode@3 " },
    { "UMask=10000", "bad-mode@3 " },
    { "User=-1", "bad-user@3 !" },
    { "User=a:b", "bad-user@3 !" },
    { "User=nobody", "unsafe-user@3 " },
    { "Group=65535", "bad-user@3 !" },
    { "UtmpMode=x", "bad-value@3 " },
    { "WorkingDirectory=a", "bad-path@3 !" },
    { "WorkingDirectory=-a", "bad-path@3 " },
    { "WorkingDirectory=/a/../b", "bad-path@3 !" },
    { "KillMode=foo", "bad-value@3 " },
    { "KillSignal=x", "bad-signal@3 " },
    { "FinalKillSignal=", "bad-signal@3 " },
    { "SendSIGHUP=x", "bad-boolean@3 " },
    { "Capabilities=foo", "deprecated@3 " },
    { "PrivateTmp=yes\nPrivateTmp=", "bad-boolean@4 " },
    { "RestrictAddressFamilies=AF_LOCAL AF_FILE AF_ROUTE AF_UNSPEC AF_MCTP AF_SMC AF_XDP AF_MAX AF_NFC AF_UNIX 1", "bad-value@3 bad-value@3 bad-value@3 " },
    { "RestrictAddressFamilies=~AF_UNSPEC", "bad-value@3 " },
    { "CPUSchedulingPriority=", "bad-integer@3 " },
    { "CPUSchedulingPriority=x", "bad-integer@3 " },
    { "CPUSchedulingPolicy=fifo\nCPUSchedulingResetOnFork=", "bad-boolean@4 " },
    { "IOSchedulingPriority=-1", "bad-integer@3 " },
    { "CoredumpFilter=private-anonymous bogus", "bad-value@3 " },
    { "CoredumpFilter=elf-headers,shared-dax", "bad-value@3 " },
    { "SystemCallErrorNumber=-1", "bad-value@3 " },
    { "MountFlags=rshared", "bad-value@3 " },
    { "SecureBits=\"keep-caps", "bad-quoting@3 " },
    { "LogLevelMax=warn", "bad-value@3 " },
    { "SyslogFacility=128", "bad-value@3 " },
    { "SyslogFacility=kern\nSyslogFacility=", "bad-value@4 " },
    { "SyslogFacility=security", "bad-value@3 " },
    { "SyslogLevelPrefix=", "bad-boolean@3 " },
    { "LogNamespace=*foo", "bad-value@3 " },
    { "LogNamespace=.", "bad-value@3 " },
    { "LogNamespace=a b", "bad-value@3 " },
    { "LogExtraFields=\"A=b", "bad-quoting@3 " },
    { "LogExtraFields=A=b\\q B=1", "bad-escape@3 " },
    { "PassEnvironment=A \"B", "bad-quoting@3 " },
    { "PassEnvironment=%n A%i", "bad-assignment@3 " },
    { "UnsetEnvironment=A=\\q", "bad-escape@3 " },
    { "EnvironmentFile=-", "bad-path@3 " },
    { "EnvironmentFile=\"/a\"", "bad-path@3 " },
    { "SupplementaryGroups=a:b c", "bad-user@3 !" },
    { "SupplementaryGroups=65535 5", "bad-user@3 !" },
    { "DynamicUser=", "bad-boolean@3 !" },
    { "NoNewPrivileges=maybe", "bad-boolean@3 " },
    { "ReadOnlyPaths=\"/a", "bad-quoting@3 " },
    { "ReadOnlyPaths=- /b", "bad-path@3 " },
    { "BindPaths=/a: :/b /c::rbind /d:/e:", "bad-path@3 bad-path@3 bad-path@3 bad-path@3 " },
    { "TemporaryFileSystem=/a: :x", "bad-path@3 " },
    { "ExtensionDirectories=+-/a", "bad-path@3 " },
    { "MountImages=/a:/b:root:ro:bogus:x \"/c d\":/e", "bad-value@3 " },
    { "ExecSearchPath=\"/a:/b\"", "bad-path@3 " },
    { "RootHash=00112233445566778899aabbccddeef", "bad-value@3 " },
    { "RootHash=00112233445566778899aabbccddeeffg", "bad-value@3 " },
    { "RootHashSignature=base64:!!", "bad-value@3 " },
    { "SetCredentialEncrypted=a", "bad-value@3 " },
    { "RuntimeDirectory=\"a:b\" a\\:c d\\x20e f\\ g", "bad-escape@3 " },
    { "TimeoutCleanSec=5\nTimeoutCleanSec=x", "bad-timespan@4 " },
    { "StandardInputText=a\\x00b", "bad-escape@3 " },
    { "StandardInputData=aGk= \\tZ", "bad-value@3 " },
    { "UMask=%n", "bad-mode@3 " },
    { "TTYRows=%n", "bad-integer@3 " },
    { "TTYRows=-1", "bad-integer@3 " },
    { "UtmpMode=", "bad-value@3 " },
    { "LogRateLimitBurst=", "bad-integer@3 " },
    { "Nice=x", "bad-integer@3 " },
    { "Nice=-21", "bad-integer@3 " },
    { "OOMScoreAdjust=x", "bad-integer@3 " },
    { "KillSignal=65", "bad-signal@3 " },
    { "KillSignal=0", "bad-signal@3 " },
    { "RestartKillSignal=\nKillSignal=INT", "bad-signal@3 " },
    { "KillSignal=", "bad-signal@3 " },
    { "User=.", "bad-user@3 !" },
    { "ExecSearchPath=b:/a", "bad-path@3 " },
    { "ExecSearchPath=/x:b:/a\nExecSearchPath=/z", "bad-path@3 " },
    { "CPUAffinity=8192", "bad-value@3 " },
};
/* clang-format on */

static void test_verdicts(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(verdicts); i++) {
        struct parsed u = describe_service("case.service", verdicts[i].lines);
        AUTO_STR struct str got = STR_EMPTY;
        assert_int_equal(str_appendf(&got, "%s%s", u.codes, u.result ? "!" : ""), 0);
        bool same = strcmp(str_text(&got), verdicts[i].codes) == 0;
        if (!same) print_message("  %s: '%s', not '%s'\n", verdicts[i].lines, str_text(&got), verdicts[i].codes);
        wrong += !same;
        parsed_done(&u);
    }
    assert_int_equal(wrong, 0);
}

/* The value of a directive without effect never refuses a native unit; one with effect does. */
static void test_native(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *codes;
        bool refused;
    } rows[] = {
        { "SystemCallFilter=@bogus", "unsupported@3 bad-value@3 ", false },
        { "ReadOnlyPaths=relative", "unsupported@3 bad-path@3 ", false },
        { "DynamicUser=maybe", "unsupported@3 bad-boolean@3 ", false },
        { "RootDirectory=relative", "unsupported@3 bad-path@3 ", false },
        { "SyslogLevel=loud", "bad-value@3 ", false },
        { "TTYRows=many", "bad-integer@3 ", true },
        { "FinalKillSignal=NONE", "bad-signal@3 ", true },
        { "LimitMEMLOCK=much", "bad-limit@3 ", true },
        { "Environment=1A=x", "bad-assignment@3 ", false },
        { "SupplementaryGroups=a/b", "bad-user@3 ", true },
        { "StandardInput=data", "unsupported-value@3 ", true },
        { "StandardOutput=fd:x", "", false },
        { "User=nobody", "", false },
        { "StandardOutput=syslog", "", false },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct parsed u = parse_service(rows[i].lines, true);
        print_message("  %s\n", rows[i].lines);
        assert_string_equal(u.codes, rows[i].codes);
        assert_int_equal(u.result != 0, rows[i].refused);
        parsed_done(&u);
    }
}

/* What standard input says of standard output is for services. */
static void test_streams_of_sockets(void **state)
{
    (void)state;
    struct parsed u = parse_socket("StandardInput=tty", false);
    assert_int_equal(u.settings.exec.streams[1].kind, STD_LOG);
    parsed_done(&u);
    u = parse_service("StandardInput=tty", false);
    assert_int_equal(u.settings.exec.streams[1].kind, STD_INHERIT);
    parsed_done(&u);
}

static void test_unknown_names(void **state)
{
    (void)state;
    static const char *const lines[] = { "CapabilityBoundingSet=CAP_BOGUS", "AmbientCapabilities=CAP_BOGUS",
                                         "SecureBits=bogus" };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct parsed u = describe_service("case.service", lines[i]);
        char *notes = codes_of(u.diags, DIAG_NOTE);
        assert_string_equal(u.codes, "");
        assert_string_equal(notes, "bad-value@3 ");
        free(notes);
        parsed_done(&u);
    }
}

/* ---- what the parsers share ---- */

static void test_base64(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
        int r;
    } rows[] = {
        { "", "", 0 },
        { "YQ==", "a", 0 },
        { "YWI=", "ab", 0 },
        { "YW Jj", "abc", 0 },
        { "YWJjZA==", "abcd", 0 },
        { "YQ", NULL, -EINVAL },
        { "YQ=", NULL, -EINVAL },
        { "YQ==YQ==", NULL, -EINVAL },
        { "YR==", NULL, -EINVAL },
        { "=", NULL, -EINVAL },
        { "Y=Q=", NULL, -EINVAL },
        { "YQ-_", NULL, -EINVAL },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_STR struct str out = STR_EMPTY;
        assert_int_equal(exec_base64(rows[i].text, &out), rows[i].r);
        if (rows[i].want) assert_string_equal(str_text(&out), rows[i].want);
    }
}

static void test_split(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned flags;
        const char *want;
    } rows[] = {
        { "a:b::c", 0, "a:|b:|:|c|" },
        { "a:b::c", SPLIT_COALESCE, "a:|b:|c|" },
        { "a:b c", 0, "a:|b c|" },
        { "a:b c", SPLIT_BLANKS, "a:|b|c|" },
        { "\"a:b\":c", SPLIT_QUOTES, "a:b:|c|" },
        { "a\\:b", 0, "a:b|" },
        { "a\\:b\\x41", SPLIT_ESCAPES, "a:bA|" },
        { "\"a", SPLIT_QUOTES, "!" },
        { "a\\q", SPLIT_ESCAPES, "!" },
        { "a\\", 0, "!" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_STR struct str part = STR_EMPTY;
        AUTO_STR struct str got = STR_EMPTY;
        const char *cursor = rows[i].text;
        bool colon;
        int r;
        while ((r = exec_split(&cursor, rows[i].flags, &part, &colon)) > 0)
            assert_int_equal(str_appendf(&got, "%s%s|", str_text(&part), colon ? ":" : ""), 0);
        if (r < 0) assert_int_equal(str_append(&got, "!"), 0);
        assert_string_equal(str_text(&got), rows[i].want);
    }
}

static void test_errno(void **state)
{
    (void)state;
    assert_int_equal(exec_errno("EPERM"), EPERM);
    assert_int_equal(exec_errno("EWOULDBLOCK"), EAGAIN);
    assert_int_equal(exec_errno("0x10"), 16);
    assert_int_equal(exec_errno("4095"), 4095);
    assert_int_equal(exec_errno("4096"), -EINVAL);
    assert_int_equal(exec_errno("EWHAT"), -EINVAL);
    assert_string_equal(exec_errno_name(EPERM), "EPERM");
    assert_null(exec_errno_name(0));
    assert_null(exec_errno_name(4095));
}

/* ---- system calls ---- */

static int count_name(const char *name, void *userdata)
{
    size_t *count = userdata;
    ++*count;
    return syscall_name(name) ? 0 : -EINVAL; /* every member is a known name */
}

static void test_syscall_groups(void **state)
{
    (void)state;
    static const struct {
        const char *group;
        size_t least;
    } groups[] = {
        { "@aio", 10 },       { "@basic-io", 17 },     { "@chown", 7 },
        { "@clock", 6 },      { "@cpu-emulation", 5 }, { "@debug", 7 },
        { "@default", 60 },   { "@file-system", 70 },  { "@io-event", 17 },
        { "@ipc", 25 },       { "@keyring", 3 },       { "@memlock", 5 },
        { "@module", 3 },     { "@mount", 12 },        { "@network-io", 22 },
        { "@obsolete", 25 },  { "@pkey", 3 },          { "@privileged", 50 },
        { "@process", 20 },   { "@raw-io", 7 },        { "@reboot", 3 },
        { "@resources", 13 }, { "@setuid", 14 },       { "@signal", 14 },
        { "@swap", 2 },       { "@sync", 7 },          { "@system-service", 300 },
        { "@timer", 16 },     { "@known", 450 },
    };
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        size_t count = 0;
        print_message("  %s\n", groups[i].group);
        assert_int_equal(syscall_group(groups[i].group, count_name, &count), 0);
        assert_true(count >= groups[i].least);
    }
    size_t count = 0;
    assert_int_equal(syscall_group("@bogus", count_name, &count), -ENOENT);
    assert_int_equal(syscall_group("", count_name, &count), -ENOENT);
    assert_int_equal(syscall_group("~", count_name, &count), -ENOENT);
    assert_null(syscall_name("bogus"));
    assert_null(syscall_name("@swap"));
    assert_string_equal(syscall_name("umount2"), "umount2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),      cmocka_unit_test(test_native),
        cmocka_unit_test(test_unknown_names), cmocka_unit_test(test_streams_of_sockets),
        cmocka_unit_test(test_base64),        cmocka_unit_test(test_split),
        cmocka_unit_test(test_errno),         cmocka_unit_test(test_syscall_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
