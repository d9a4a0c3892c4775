#include "tests/unit/show_unit.h"
#include "unit/values.h"

#define SERVICE "[Service]\nExecStart=/bin/true\n"

/* clang-format off */
static const struct shown_case numbers[] = {
    { "CPUWeight=7", "", "CPUWeight", "7", "7" },
    { "CPUWeight=0x7f", "", "CPUWeight", "127", "127" },
    { "CPUWeight=idle", "", "CPUWeight", "idle", "0" },
    { "CPUWeight=10001", "bad-integer", "CPUWeight", "[not set]", "18446744073709551615" },
    { "CPUWeight=9\nCPUWeight=", "", "CPUWeight", "[not set]", NULL },
    { "StartupCPUWeight=3", "", "StartupCPUWeight", "3", "3" },
    { "IOWeight=idle", "bad-integer", "IOWeight", "[not set]", NULL },
    { "CPUShares=1", "deprecated bad-integer", "CPUShares", "[not set]", NULL },
    { "CPUShares=2048", "deprecated", "CPUShares", "2048", "2048" },
    { "BlockIOWeight=9", "bad-integer", "BlockIOWeight", "[not set]", NULL },
    { "StartupBlockIOWeight=1000", "", "StartupBlockIOWeight", "1000", NULL },
    { "MemoryMax=3M", "", "MemoryMax", "3145728", "3145728" },
    { "MemoryMax=infinity", "", "MemoryMax", "infinity", "18446744073709551615" },
    { "MemoryMax=1M\nMemoryMax=", "", "MemoryMax", "infinity", NULL },
    { "MemoryMax=0", "bad-value", "MemoryMax", "infinity", NULL },
    { "MemoryMax=0.5%%", "bad-value", "MemoryMax", "infinity", NULL },
    { "MemoryMax=100.01%", "bad-value", "MemoryMax", "infinity", NULL },
    { "MemorySwapMax=0", "", "MemorySwapMax", "0", "0" },
    { "MemoryLow=0", "", "MemoryLow", "0", "0" },
    { "MemoryMin=5\nMemoryMin=", "", "MemoryMin", "0", "0" },
    { "MemoryMin=infinity", "", "MemoryMin", "18446744073709551615", NULL },
    { "DefaultMemoryLow=2K", "", "DefaultMemoryLow", "2048", NULL },
    { "MemoryLimit=1G", "deprecated", "MemoryLimit", "1073741824", NULL },
    { "MemoryZSwapMax=0", "", "MemoryZSwapMax", "0", NULL },
    { "StartupMemoryHigh=4K", "", "StartupMemoryHigh", "4096", NULL },
    { "TasksMax=12", "", "TasksMax", "12", "12" },
    { "TasksMax=infinity", "", "TasksMax", "infinity", "18446744073709551615" },
    { "TasksMax=0", "bad-integer", "TasksMax", NULL, NULL },
    { "TasksMax=0%", "", "TasksMax", "0", "0" },
    { "CPUQuota=150%", "", "CPUQuotaPerSecUSec", "1.500000s", "1500000" },
    { "CPUQuota=0%", "bad-value", "CPUQuotaPerSecUSec", "infinity", NULL },
    { "CPUQuota=5%\nCPUQuota=", "", "CPUQuotaPerSecUSec", "infinity", "18446744073709551615" },
    { "CPUQuotaPeriodSec=10ms", "", "CPUQuotaPeriodUSec", "10ms", "10000" },
    { "CPUQuotaPeriodSec=5\nCPUQuotaPeriodSec=", "", "CPUQuotaPeriodUSec", "infinity", NULL },
    { "MemoryAccounting=no", "", "MemoryAccounting", "no", "false" },
    { "IPAccounting=perhaps", "bad-boolean", "IPAccounting", "no", NULL },
    { "ManagedOOMSwap=kill", "", "ManagedOOMSwap", "kill", "\"kill\"" },
    { "ManagedOOMSwap=kill\nManagedOOMSwap=", "", "ManagedOOMSwap", "auto", NULL },
    { "ManagedOOMMemoryPressureLimit=25%", "", "ManagedOOMMemoryPressureLimit", "1073741824", "1073741824" },
    { "ManagedOOMMemoryPressureLimit=101%", "bad-value", "ManagedOOMMemoryPressureLimit", "0", NULL },
    { "ManagedOOMPreference=avoid", "", "ManagedOOMPreference", "avoid", NULL },
    { "DevicePolicy=strict", "", "DevicePolicy", "strict", "\"strict\"" },
    { "DevicePolicy=", "bad-value", "DevicePolicy", "auto", NULL },
    { "MemoryPressureWatch=skip", "", "MemoryPressureWatch", "skip", NULL },
};
static const struct shown_case lists[] = {
    { "IODeviceWeight=/dev/vda 7\nIODeviceWeight=\"/dev/v b\" 8", "", "IODeviceWeight", "/dev/vda 7 / /dev/v b 8",
      "[[\"/dev/vda\", 7], [\"/dev/v b\", 8]]" },
    { "IODeviceWeight=/dev/vda", "bad-value", "IODeviceWeight", "", "[]" },
    { "IODeviceWeight=/dev/vda 0", "bad-integer", "IODeviceWeight", "", NULL },
    { "IOReadBandwidthMax=/dev//vda 3K\nIOReadBandwidthMax=/dev/vda 1M", "", "IOReadBandwidthMax", "/dev/vda 1000000", NULL },
    { "IOWriteIOPSMax=/dev/vda infinity", "", "IOWriteIOPSMax", "/dev/vda 18446744073709551615", NULL },
    { "IOReadIOPSMax=/dev/vda 1\nIOReadIOPSMax=", "", "IOReadIOPSMax", "", "[]" },
    { "IODeviceLatencyTargetSec=/dev/vda 5ms", "", "IODeviceLatencyTargetUSec", "/dev/vda 5ms", "[[\"/dev/vda\", 5000]]" },
    { "IODeviceLatencyTargetSec=/dev/vda soon", "bad-timespan", "IODeviceLatencyTargetUSec", "", NULL },
    { "BlockIOReadBandwidth=/dev/vda 2M", "deprecated", "BlockIOReadBandwidth", "/dev/vda 2000000", NULL },
    { "BlockIODeviceWeight=/dev/vda 11", "deprecated", "BlockIODeviceWeight", "/dev/vda 11", NULL },
    { "IPAddressAllow=192.0.2.77/24 2001:db8::1", "", "IPAddressAllow", "192.0.2.0/24 2001:db8::1/128",
      "[[2, [192, 0, 2, 0], 24], [10, [32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128]]" },
    { "IPAddressDeny=multicast", "", "IPAddressDeny", "224.0.0.0/4 ff00::/8", NULL },
    { "IPAddressDeny=link-local\nIPAddressDeny=", "", "IPAddressDeny", "", "[]" },
    { "IPAddressDeny=192.0.2.1/33", "bad-address", "IPAddressDeny", "", NULL },
    { "IPAddressDeny=any any", "", "IPAddressDeny", "0.0.0.0/0 ::/0", NULL },
    { "DeviceAllow=/dev/kvm mr\nDeviceAllow=char-vfio", "", "DeviceAllow", "char-vfio rwm / /dev/kvm rm",
      "[[\"char-vfio\", \"rwm\"], [\"/dev/kvm\", \"rm\"]]" },
    { "DeviceAllow=/etc/passwd r", "bad-path", "DeviceAllow", "", NULL },
    { "DeviceAllow=/dev/kvm rx", "bad-value", "DeviceAllow", "", NULL },
    { "BPFProgram=sysctl:/sys/fs/bpf/x", "", "BPFProgram", "sysctl:/sys/fs/bpf/x", "[[\"sysctl\", \"/sys/fs/bpf/x\"]]" },
    { "BPFProgram=bogus:/x", "bad-value", "BPFProgram", "", "[]" },
    { "IPIngressFilterPath=/sys/fs//bpf/f", "", "IPIngressFilterPath", "/sys/fs/bpf/f", "[\"/sys/fs/bpf/f\"]" },
    { "IPEgressFilterPath=x", "bad-path", "IPEgressFilterPath", "", "[]" },
    { "Delegate=yes", "", "DelegateControllers", "cpu cpuset io memory pids", NULL },
    { "Delegate=pids cpu", "", "DelegateControllers", "cpu pids", "[\"cpu\", \"pids\"]" },
    { "Delegate=pids nonsense", "bad-value", "DelegateControllers", "pids", NULL },
    { "Delegate=", "", "Delegate", "yes", "true" },
    { "Delegate=yes", "", "OOMPolicy", "continue", "\"continue\"" },
    { "DisableControllers=io memory", "", "DisableControllers", "io memory", NULL },
    { "DisableControllers=nonsense", "bad-value", "DisableControllers", "", NULL },
    { "SocketBindAllow=ipv6:udp:1000-1010\nSocketBindAllow=any", "", "SocketBindAllow", "any / ipv6:udp1000-1010",
      "[[0, 0, 0, 0], [10, 17, 11, 1000]]" },
    { "SocketBindDeny=tcp", "", "SocketBindDeny", "tcpany", "[[0, 6, 0, 0]]" },
    { "SocketBindDeny=tcp:ipv4", "bad-value", "SocketBindDeny", "", "[]" },
    { "SocketBindDeny=9-8", "bad-value", "SocketBindDeny", "", NULL },
    { "RestrictNetworkInterfaces=~eth1 lo", "", "RestrictNetworkInterfaces", "~eth1 lo", "[false, [\"eth1\", \"lo\"]]" },
    { "RestrictNetworkInterfaces=a b\nRestrictNetworkInterfaces=~a", "", "RestrictNetworkInterfaces", "b", "[true, [\"b\"]]" },
    { "RestrictNetworkInterfaces=a/b 12", "bad-value bad-value", "RestrictNetworkInterfaces", "", "[true, []]" },
    { "Slice=my-own.slice", "", "Slice", "my-own.slice", "\"my-own.slice\"" },
    { "Slice=my.target", "bad-unit-name", "Slice", "system.slice", NULL },
    { "AllowedCPUs=0-2 5\nAllowedCPUs=7", "", "AllowedCPUs", "0-2 5 7", "[167, 0, 0, 0, 0, 0, 0, 0]" },
    { "StartupAllowedMemoryNodes=1\nStartupAllowedMemoryNodes=", "", "StartupAllowedMemoryNodes", "", "[]" },
    { "AllowedMemoryNodes=three", "bad-value", "AllowedMemoryNodes", "", "[]" },
    { "PrivateDevices=yes", "", "DevicePolicy", "closed", NULL },
    { "PrivateDevices=yes\nDevicePolicy=strict", "", "DevicePolicy", "strict", NULL },
    { "ProtectClock=yes", "", "DeviceAllow", "char-rtc r", NULL },
    { "RootImage=/image", "", "DeviceAllow", "", NULL },
    { "RootImage=/image\nDevicePolicy=closed", "", "DeviceAllow",
      "block-device-mapper rwm / block-blkext rwm / block-loop rwm / /dev/mapper/control rw / /dev/loop-control rw", NULL },
    { "PrivateTmp=yes\nRootDirectory=/new", "", "RequiresMountsFor", "/new /var/tmp", NULL },
    { "PAMName=login\nKillMode=process", "bad-combination!", "KillMode", "process", NULL },
    { "NFTSet=cgroup:inet:f:s", "", "NFTSet", "cgroup:inet:f:s", NULL },
};
/* clang-format on */

static void test_numbers(void **state)
{
    (void)state;
    check_cases("case.service", SERVICE, numbers, COUNT_OF(numbers));
}

static void test_lists(void **state)
{
    (void)state;
    check_cases("case.service", SERVICE, lists, COUNT_OF(lists));
}

/* K94: each item once, as far as the list is looked through; a list of hundreds of thousands is read in linear time. */
static void test_long_lists(void **state)
{
    (void)state;
    static const struct {
        const char *line, *property;
    } rows[] = {
        { "Environment=FIRST=1", "Environment" },
        { "PassEnvironment=FIRST", "PassEnvironment" },
        { "IPIngressFilterPath=/first", "IPIngressFilterPath" },
    };
    for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
        unsigned others = LIST_LOOK_BACK - 1 + (unsigned)i % 2;
        const char *line = rows[i / 2].line, *equals = strchr(line, '=');
        AUTO_STR struct str text = STR_EMPTY, got = STR_EMPTY;
        assert_int_equal(str_appendf(&text, SERVICE "%s\n", line), 0);
        for (unsigned k = 0; k < others; k++)
            assert_int_equal(str_appendf(&text, "%.*s=%sx%u%s\n", (int)(equals - line), line,
                                         equals[1] == '/' ? "/" : "", k,
                                         strcmp(rows[i / 2].property, "Environment") == 0 ? "=" : ""),
                             0);
        assert_int_equal(str_appendf(&text, "%s\n", line), 0);
        struct shown s = show_unit("case.service", str_text(&text));
        struct property_context context = { .unit = s.unit };
        assert_string_equal(s.codes, "");
        assert_int_equal(property_text(property_find(s.unit->kind, rows[i / 2].property), &context, &got), 0);
        size_t found = 0;
        for (const char *at = str_text(&got); (at = strcasestr(at, "first")); at++) found++;
        assert_int_equal(found, 1 + i % 2);
        shown_done(&s);
    }
}

/* Where a unit's processes lie when it does not say so. */
static void test_slices(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *slice;
    } rows[] = {
        { "a.service", SERVICE, "system.slice" },
        { "web-app@one.service", SERVICE, "system-web\\x2dapp.slice" },
        { "a-b-c.slice", "[Slice]\n", "a-b.slice" },
        { "a.slice", "[Slice]\n", "-.slice" },
        { "-.slice", "[Slice]\n", "" },
        { "var-x.mount", "[Mount]\nWhat=/dev/x\n", "system.slice" },
        { "sys-x.mount", "[Mount]\nWhat=x\n", "-.slice" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct shown s = show_unit(rows[i].name, rows[i].text);
        assert_text(&s, "Slice", rows[i].slice);
        shown_done(&s);
    }
}

/* A directive without effect refuses nothing in the native directories either. */
static void test_native(void **state)
{
    (void)state;
    struct parsed u = parse_service("MemoryMax=lots\nDelegate=\"\nIPAddressDeny=x\nCPUQuotaPeriodSec=1x", true);
    assert_int_equal(u.result, 0);
    for (unsigned line = 3; line <= 6; line++) {
        AUTO_STR struct str bad = STR_EMPTY;
        assert_int_equal(str_appendf(&bad, "bad-"), 0);
        assert_non_null(strstr(u.codes, str_text(&bad)));
    }
    parsed_done(&u);
}

/* systemd.service(5) Type=: dbus is the default with BusName=, in native units as well. */
static void test_bus_name_alone(void **state)
{
    (void)state;
    for (int native = 0; native < 2; native++) {
        struct parsed u = parse_service("BusName=org.example.App", native);
        assert_int_equal(u.result, 0);
        assert_int_equal(u.settings.service.type, SERVICE_DBUS);
        assert_string_equal(u.codes, "");
        parsed_done(&u);
        u = parse_service("BusName=org.example.App\nType=simple", native);
        assert_int_equal(u.settings.service.type, SERVICE_SIMPLE);
        parsed_done(&u);
    }
}

/* A share of the kernel's bounds, whatever they are here. */
static void test_tasks_share(void **state)
{
    (void)state;
    uint64_t half = 0, all = 0;
    static const struct {
        const char *line;
        bool half;
    } rows[] = { { SERVICE "TasksMax=50%\n", true }, { SERVICE "TasksMax=100%\n", false } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct shown s = show_unit("case.service", rows[i].line);
        struct property_context context = { .unit = s.unit };
        AUTO_STR struct str text = STR_EMPTY;
        assert_int_equal(property_text(property_find(UNIT_KIND_SERVICE, "TasksMax"), &context, &text), 0);
        *(rows[i].half ? &half : &all) = strtoull(str_text(&text), NULL, 10);
        shown_done(&s);
    }
    assert_true(all > 0);
    assert_int_equal(half, all / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),     cmocka_unit_test(test_lists),  cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_slices),      cmocka_unit_test(test_native), cmocka_unit_test(test_bus_name_alone),
        cmocka_unit_test(test_tasks_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
