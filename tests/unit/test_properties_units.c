/* Properties of [Unit], [Service] and [Socket], and what they become when nothing, or something wrong, is written. */
#include "tests/unit/show_unit.h"

/* clang-format off */
static const struct shown_case units[] = {
    { "FailureAction=reboot-force\nSuccessAction=exit", "", "FailureAction", "reboot-force", "\"reboot-force\"" },
    { "FailureAction=explode", "bad-value", "FailureAction", "none", NULL },
    { "SuccessActionExitStatus=7", "", "SuccessActionExitStatus", "7", "7" },
    { "FailureActionExitStatus=999", "bad-exit-status", "FailureActionExitStatus", "[not set]", "-1" },
    { "FailureActionExitStatus=3\nFailureActionExitStatus=", "", "FailureActionExitStatus", "[not set]", NULL },
    { "JobTimeoutSec=1h", "", "JobRunningTimeoutUSec", "1h", "3600000000" },
    { "JobRunningTimeoutSec=2\nJobTimeoutSec=1h", "", "JobRunningTimeoutUSec", "2s", NULL },
    { "JobTimeoutSec=0", "", "JobTimeoutUSec", "infinity", "18446744073709551615" },
    { "JobTimeoutAction=poweroff\nJobTimeoutRebootArgument=%p", "", "JobTimeoutRebootArgument", "case", "\"case\"" },
    { "OnFailureJobMode=isolate", "", "OnFailureJobMode", "isolate", NULL },
    { "OnFailureIsolate=yes", "", "OnFailureJobMode", "isolate", NULL },
    { "OnFailureIsolate=no", "", "OnFailureJobMode", "replace", NULL },
    { "OnSuccessJobMode=", "bad-value", "OnSuccessJobMode", "fail", NULL },
    { "CollectMode=inactive-or-failed", "", "CollectMode", "inactive-or-failed", NULL },
    { "AllowIsolate=yes\nRefuseManualStop=on", "", "RefuseManualStop", "yes", "true" },
    { "IgnoreOnIsolate=yes", "", "IgnoreOnIsolate", "yes", "true" },
    { "StopWhenUnneeded=x", "bad-boolean", "StopWhenUnneeded", "no", "false" },
    { "StartLimitInterval=3\nStartLimitBurst=0x4", "", "StartLimitBurst", "4", "4" },
    { "StartLimitIntervalSec=infinity", "", "StartLimitIntervalUSec", "infinity", NULL },
    { "StartLimitAction=reboot-immediate", "", "StartLimitAction", "reboot-immediate", NULL },
    { "SourcePath=/etc//fstab", "", "SourcePath", "/etc/fstab", NULL },
    { "SourcePath=fstab", "bad-path", "SourcePath", "", NULL },
    { "RequiresMountsFor=/b \"/a c\" ../d\nRequiresMountsFor=", "bad-path", "RequiresMountsFor", "\"/a c\" /b", "[\"/a c\", \"/b\"]" },
    { "PropagateReloadTo=a.service\nPropagatesReloadTo=b.service", "", "PropagatesReloadTo", "a.service b.service", NULL },
    { "Upholds=z.service a.service", "", "Upholds", "a.service z.service", "[\"a.service\", \"z.service\"]" },
    { "StopPropagatedFrom=a.service", "", "StopPropagatedFrom", "a.service", NULL },
    { "JoinsNamespaceOf=a.service nonsense", "bad-unit-name", "JoinsNamespaceOf", "a.service", NULL },
    { "BindTo=a.service", "", "BindsTo", "a.service", NULL },
    { "Description=%n runs", "", "Description", "case.service runs", NULL },
    { "", "", "Description", "case.service", "\"case.service\"" },
    { "Documentation=man:x(1) oops", "bad-uri", "Documentation", "\"man:x(1)\"", NULL },
    { "ConditionPathExists=/a\nAssertPathExists=|!/b", "", "Conditions", "ConditionPathExists=/a", "[[\"ConditionPathExists\", false, false, \"/a\"]]" },
    { "AssertPathExists=|!/b", "", "Asserts", "AssertPathExists=|!/b", "[[\"AssertPathExists\", true, true, \"/b\"]]" },
    { "RebootArgument=x", "", "LoadState", "loaded", "\"loaded\"" },
};
static const struct shown_case services[] = {
    { "Type=notify", "", "NotifyAccess", "main", "\"main\"" },
    { "Type=idle", "", "Type", "idle", NULL },
    { "Type=dbus", "missing-setting!", "Type", "dbus", NULL },
    { "BusName=org.example.App-1", "", "Type", "dbus", "\"dbus\"" },
    { "BusName=org", "bad-value", "BusName", "", NULL },
    { "BusName=org.1x", "bad-value", "BusName", "", NULL },
    { "NotifyAccess=exec", "", "NotifyAccess", "exec", NULL },
    { "WatchdogSec=5", "", "NotifyAccess", "main", NULL },
    { "WatchdogSec=5", "", "WatchdogUSec", "infinity", "18446744073709551615" },
    { "FileDescriptorStoreMax=0b101", "", "FileDescriptorStoreMax", "5", "5" },
    { "FileDescriptorStoreMax=-1", "bad-integer", "FileDescriptorStoreMax", "0", NULL },
    { "FileDescriptorStorePreserve=yes", "", "FileDescriptorStorePreserve", "yes", NULL },
    { "TimeoutStopSec=7", "", "TimeoutAbortUSec", "7s", "7000000" },
    { "TimeoutAbortSec=1\nTimeoutStopSec=7", "", "TimeoutAbortUSec", "1s", NULL },
    { "TimeoutAbortSec=1\nTimeoutAbortSec=", "", "TimeoutAbortUSec", "1min 30s", NULL },
    { "TimeoutStartFailureMode=abort", "", "TimeoutStartFailureMode", "abort", NULL },
    { "RuntimeMaxSec=0", "", "RuntimeMaxUSec", "0", "0" },
    { "RuntimeRandomizedExtraSec=1", "bad-combination", "RuntimeRandomizedExtraUSec", "1s", NULL },
    { "RuntimeMaxSec=9\nRuntimeRandomizedExtraSec=1", "", "RuntimeMaxUSec", "9s", NULL },
    { "OOMPolicy=kill", "", "OOMPolicy", "kill", NULL },
    { "", "", "OOMPolicy", "stop", "\"stop\"" },
    { "ExitType=cgroup", "", "ExitType", "cgroup", NULL },
    { "GuessMainPID=no\nNonBlocking=yes", "", "GuessMainPID", "no", "false" },
    { "USBFunctionStrings=/a\nUSBFunctionDescriptors=/b", "", "USBFunctionDescriptors", "/b", NULL },
    { "USBFunctionStrings=/a", "bad-combination", "USBFunctionStrings", "/a", NULL },
    { "RestartSteps=3", "bad-combination", "RestartSteps", "3", NULL },
    { "RestartMaxDelaySec=10", "bad-combination", "RestartMaxDelayUSec", "10s", NULL },
    { "SuccessExitStatus=3 TERM 1 RTMIN+2", "", "SuccessExitStatus", "1 3 TERM RTMIN+2", "[[1, 3], [15, 36]]" },
    { "RestartForceExitStatus=TEMPFAIL", "", "RestartForceExitStatus", "75", "[[75], []]" },
    { "Restart=on-abnormal\nRestartSec=1min 1s", "", "RestartUSec", "1min 1s", "61000000" },
    { "Restart=on-abnormal", "", "Restart", "on-abnormal", NULL },
    { "RestartMode=direct\nRestartSteps=4\nRestartMaxDelaySec=1h", "", "RestartSteps", "4", NULL },
    { "PIDFile=a//b.pid", "", "PIDFile", "/run/a/b.pid", NULL },
    { "PIDFile=/var/run/b.pid", "", "PIDFile", "/run/b.pid", NULL },
    { "PIDFile=../b.pid", "bad-path!!", "PIDFile", "", NULL },
    { "Sockets=a.socket b.service", "bad-unit-name", "Id", "case.service", NULL },
    { "OpenFile=/etc/hosts:hosts:read-only,graceful", "", "OpenFile", "/etc/hosts:hosts:read-only,graceful", NULL },
    { "OpenFile=/etc/hosts::everything", "bad-value", "OpenFile", "", NULL },
    { "ExecStop=-@/bin/kill killer $MAINPID", "", "ExecStop",
      "{ path=/bin/kill ; argv[]=killer $MAINPID ; ignore_errors=yes ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }",
      "[{\"path\": \"/bin/kill\", \"argv\": [\"killer\", \"$MAINPID\"], \"flags\": [\"ignore-failure\"]}]" },
    { "ExecReload=:+/bin/.//x", "", "ExecReloadEx",
      "{ path=/bin/x ; argv[]=/bin/.//x ; flags=privileged no-env-expand ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }", NULL },
    { "ExecStartPre=/bin/a\nExecStartPre=/bin/b", "", "ExecStartPre", NULL,
      "[{\"path\": \"/bin/a\", \"argv\": [\"/bin/a\"], \"flags\": []}, {\"path\": \"/bin/b\", \"argv\": [\"/bin/b\"], \"flags\": []}]" },
    { "Type=oneshot\nRestart=always", "bad-restart!", "Type", "oneshot", NULL },
    { "Type=oneshot\nRestartForceExitStatus=1", "bad-combination!", "Type", "oneshot", NULL },
    { "Type=oneshot\nRuntimeMaxSec=1", "bad-combination", "TimeoutStartUSec", "infinity", NULL },
    { "WorkingDirectory=/srv\nRuntimeDirectory=a b", "", "RequiresMountsFor", "/run/a /run/b /srv", NULL },
    { "WorkingDirectory=-/srv", "", "RequiresMountsFor", "", NULL },
};
static const struct shown_case sockets[] = {
    { "ListenStream=0x1f90\nListenDatagram=192.0.2.1:53", "", "Listen", "/run/x (Stream) / [::]:8080 (Stream) / 192.0.2.1:53 (Datagram)",
      "[[\"Stream\", \"/run/x\"], [\"Stream\", \"[::]:8080\"], [\"Datagram\", \"192.0.2.1:53\"]]" },
    { "ListenStream=[2001:db8:0::1]:443", "", "Listen", "/run/x (Stream) / [2001:db8::1]:443 (Stream)", NULL },
    { "ListenStream=[::1%%lo]:443", "", "Listen", "/run/x (Stream) / [::1]:443%lo (Stream)", NULL },
    { "ListenStream=[::1]443", "bad-listener", "Listen", "/run/x (Stream)", NULL },
    { "ListenStream=example.org:80", "bad-listener", "Listen", "/run/x (Stream)", NULL },
    { "ListenStream=@a\\b", "", "Listen", "/run/x (Stream) / @a\\\\b (Stream)", NULL },
    { "ListenStream=vsock:3:1024\nListenDatagram=vsock::9", "", "Listen", "/run/x (Stream) / vsock:3:1024 (Stream) / vsock::9 (Datagram)", NULL },
    { "ListenStream=vsock:3", "bad-listener", "Listen", "/run/x (Stream)", NULL },
    { "ListenSequentialPacket=/run//y", "", "Listen", "/run/x (Stream) / /run/y (SequentialPacket)", NULL },
    { "ListenSequentialPacket=7000", "bad-listener", "Listen", "/run/x (Stream)", NULL },
    { "ListenFIFO=/var/run/f\nListenSpecial=/dev/zero", "", "Listen", "/run/x (Stream) / /run/f (FIFO) / /dev/zero (Special)", NULL },
    { "ListenNetlink=xfrm 3\nListenNetlink=200", "", "Listen", "/run/x (Stream) / xfrm 3 (Netlink) / 200 0 (Netlink)", NULL },
    { "ListenNetlink=route a", "bad-listener", "Listen", "/run/x (Stream)", NULL },
    { "ListenMessageQueue=/q\nListenUSBFunction=/dev/ffs", "", "RequiresMountsFor", "/dev/ffs /run/x", NULL },
    { "ListenStream=%i", "bad-listener", "Listen", "/run/x (Stream)", NULL },
    { "ListenStream=", "missing-listener!", "Listen", "", "[]" },
    { "Accept=yes", "", "TriggerLimitBurst", "200", "200" },
    { "Accept=yes\nTriggerLimitBurst=20", "", "TriggerLimitBurst", "20", NULL },
    { "", "", "TriggerLimitBurst", "20", NULL },
    { "Accept=yes\nListenFIFO=/f", "bad-combination!", "Accept", "yes", "true" },
    { "Accept=yes\nMaxConnections=0", "bad-combination!", "MaxConnections", "0", NULL },
    { "Accept=yes\nService=a.service", "bad-combination!", "Accept", "yes", NULL },
    { "Service=a@.service", "bad-unit-name", "Id", "case.socket", NULL },
    { "Symlinks=/a \"/b c\"", "", "Symlinks", "/a \"/b c\"", NULL },
    { "Symlinks=/a\nListenStream=/run/z", "bad-combination!", "Symlinks", "/a", NULL },
    { "BindIPv6Only=yes", "", "BindIPv6Only", "ipv6-only", NULL },
    { "BindIPv6Only=default", "", "BindIPv6Only", "default", NULL },
    { "Timestamping=nsec", "", "Timestamping", "ns", NULL },
    { "Timestamping=sometimes", "bad-value", "Timestamping", "off", NULL },
    { "IPTOS=throughput", "", "IPTOS", "8", "8" },
    { "IPTOS=0xff\nIPTTL=64", "", "IPTOS", "255", NULL },
    { "IPTOS=much", "bad-integer", "IPTOS", "-1", "-1" },
    { "SocketProtocol=udplite", "", "SocketProtocol", "136", "136" },
    { "SocketProtocol=icmp", "bad-value", "SocketProtocol", "0", NULL },
    { "BindToDevice=eth7", "", "BindToDevice", "eth7", NULL },
    { "BindToDevice=eth7\nBindToDevice=*", "", "BindToDevice", "", NULL },
    { "BindToDevice=a:b", "bad-value", "BindToDevice", "", NULL },
    { "Mark=0x10\nPriority=-3", "", "Mark", "16", "16" },
    { "Priority=much", "bad-integer", "Priority", "-1", NULL },
    { "PipeSize=64K\nSendBuffer=1M 1B", "", "SendBuffer", "1048577", "1048577" },
    { "ReceiveBuffer=-1", "bad-value", "ReceiveBuffer", "0", NULL },
    { "MessageQueueMaxMessages=-7", "", "MessageQueueMaxMessages", "-7", "-7" },
    { "KeepAlive=yes\nKeepAliveProbes=3\nKeepAliveTimeSec=2min", "", "KeepAliveTimeUSec", "2min", "120000000" },
    { "DeferAcceptSec=1.5", "", "DeferAcceptUSec", "1.500000s", "1500000" },
    { "Backlog=4294967295", "", "Backlog", "4294967295", "4294967295" },
    { "", "", "Backlog", "2147483647", NULL },
    { "SocketMode=0o600", "bad-mode", "SocketMode", "0666", "438" },
    { "SocketMode=2660", "", "SocketMode", "2660", NULL },
    { "FileDescriptorName=http", "", "FileDescriptorName", "http", NULL },
    { "", "", "FileDescriptorName", "case.socket", "\"case.socket\"" },
    { "ExecStartPre=-!/bin/a b", "", "ExecStartPre", NULL, "[{\"path\": \"/bin/a\", \"argv\": [\"/bin/a\", \"b\"], \"flags\": [\"ignore-failure\"]}]" },
    { "TriggerLimitIntervalSec=infinity", "", "TriggerLimitIntervalUSec", "2s", NULL },
    { "TimeoutSec=0", "", "TimeoutUSec", "infinity", NULL },
    { "SmackLabelIPIn=a\nTCPCongestion=bbr", "", "TCPCongestion", "bbr", NULL },
    { "", "", "ActivationMode", "native", "\"native\"" },
    { "", "", "IdleStopUSec", "infinity", "18446744073709551615" },
    { "IdleStopSec=1h 30min", "", "IdleStopUSec", "1h 30min", "5400000000" },
    { "ActivationMode=proxy\nProxyTarget=unix:@t", "", "ActivationMode", "proxy", "\"proxy\"" },
    { "ActivationMode=proxy\nProxyTarget=unix:@t", "", "ProxyTarget", "unix:@t", "\"unix:@t\"" },
    { "ProxyConnectTimeoutSec=250ms", "", "ProxyConnectTimeoutUSec", "250ms", "250000" },
    { "ProxyIdleTimeoutSec=1min", "", "ProxyIdleTimeoutUSec", "1min", "60000000" },
    { "ProxyConnectionsMax=9", "", "ProxyConnectionsMax", "9", "9" },
    { "ProxyConnectionsMaxPerSource=3", "", "ProxyConnectionsMaxPerSource", "3", "3" },
    { "ProxyProtocol=v2", "", "ProxyProtocol", "v2", "\"v2\"" },
    { "ProxyTransparent=yes", "", "ProxyTransparent", "yes", "true" },
    { "PassSecurity=yes\nTransparent=1\nWritable=y", "", "Transparent", "yes", "true" },
};
/* clang-format on */

static void test_units(void **state)
{
    (void)state;
    check_cases("case.service", "[Service]\nExecStart=/bin/true\n[Unit]\n", units, COUNT_OF(units));
}

static void test_services(void **state)
{
    (void)state;
    check_cases("case.service", "[Service]\nExecStart=/bin/true\n", services, COUNT_OF(services));
}

static void test_sockets(void **state)
{
    (void)state;
    check_cases("case.socket", "[Socket]\nListenStream=/run/x\n", sockets, COUNT_OF(sockets));
}

/* What a service needs, by systemd's rules. */
static void test_without_start(void **state)
{
    (void)state;
    static const struct shown_case rows[] = {
        { "", "missing-exec-start!", "Type", "oneshot", NULL },
        { "ExecStop=/bin/true", "missing-exec-start!", "Type", "oneshot", NULL },
        { "ExecStop=/bin/true\nRemainAfterExit=yes", "", "Type", "oneshot", NULL },
        { "ExecStop=/bin/true\nRemainAfterExit=yes\nType=simple", "missing-exec-start!", "Type", "simple", NULL },
        { "[Unit]\nSuccessAction=exit", "", "Type", "oneshot", NULL },
        { "ExecStart=/bin/a\nExecStart=/bin/b", "too-many-commands!", "Type", "simple", NULL },
        { "Type=oneshot\nExecStart=/bin/a\nExecStart=/bin/b", "", "TimeoutStartUSec", "infinity", NULL },
    };
    check_cases("case.service", "[Service]\n", rows, COUNT_OF(rows));
}

/* Every property of every kind can be printed of a unit that says nothing. */
static void test_all(void **state)
{
    (void)state;
    for (enum unit_kind kind = 0; kind < UNIT_KIND_COUNT; kind++) {
        AUTO_STR struct str name = STR_EMPTY;
        assert_int_equal(str_appendf(&name, "x%s", unit_kind_suffix(kind)), 0);
        struct shown s = show_unit(str_text(&name), "[Unit]\nDescription=x\n");
        struct property_context context = { .unit = s.unit };
        const struct property *property;
        for (size_t i = 0; (property = property_get(kind, i)); i++) {
            AUTO_STR struct str text = STR_EMPTY, json = STR_EMPTY;
            assert_int_equal(property_text(property, &context, &text), 0);
            assert_int_equal(property_json(property, &context, &json), 0);
            assert_true(json.length > 0);
            assert_ptr_equal(property_find(kind, property_name(property)), property);
        }
        shown_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),         cmocka_unit_test(test_services), cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_without_start), cmocka_unit_test(test_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
