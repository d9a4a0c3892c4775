/* supervisor/condition_*: every kind of condition that asks the machine, of a machine that is made up. */
#include "tests/supervisor/condition_place.h"

#include <errno.h>
#include <fcntl.h>

#include "userdb/userdb.h"

#define E              (-EINVAL)
#define BYTES(literal) literal, sizeof(literal)

struct question {
    const char *text;
    int want; /* 1, 0, -errno */
};

static void ask_all(const struct condition_context *context, const struct question *questions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int got = place_ask(context, questions[i].text);
        if (got != questions[i].want) fail_msg("%s: %d, wanted %d", questions[i].text, got, questions[i].want);
    }
}

/* ---- a container, cgroup v2 ---- */

static const struct place_file container_files[] = {
    { "/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n" },
    { "/proc/self/status", "Name:\tx\nTracerPid:\t0\nCapBnd:\t00000000a80425fb\n" },
    { "/proc/self/uid_map", "         0          0 4294967295\n" },
    { "/proc/self/gid_map", "         0          0 4294967295\n" },
    { "/proc/self/setgroups", "allow\n" },
    { "/proc/self/cgroup", "0::/init.scope\n" },
    { "/proc/cmdline", "root=/dev/sda quiet host.only\n" },
    { "/proc/pressure/cpu",
      "some avg10=1.50 avg60=2.00 avg300=12.34 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" },
    { "/proc/pressure/io",
      "some avg10=9.00 avg60=9.00 avg300=9.00 total=1\nfull avg10=0.00 avg60=0.50 avg300=1.00 total=1\n" },
    { "/proc/pressure/memory",
      "some avg10=0.00 avg60=0.00 avg300=1.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" },
    { "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory pids\n" },
    { "/sys/fs/cgroup/cgroup.events", "populated 1\n" },
    { "/sys/fs/cgroup/cgroup.type", "domain\n" },
    { "/sys/fs/cgroup/memory.max", "536870912\n" },
    { "/sys/fs/cgroup/init.scope/memory.max", "max\n" },
    { "/sys/fs/cgroup/a.slice/a-b.slice/cpu.pressure",
      "some avg10=0.00 avg60=0.00 avg300=50.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=40.00 total=1\n" },
    { "/sys/class/power_supply/BAT0/type", "Battery\n" },
    { "/sys/class/power_supply/AC/type", "Mains\n" },
    { "/sys/class/power_supply/AC/online", "0\n" },
    { "/sys/class/dmi/id/sys_vendor", "QEMU\n" },
    { "/sys/class/dmi/id/bios_version", "1.16.2-1\n" },
    { "/sys/class/dmi/id/product_name", "Standard PC (Q35)\n" },
    { "/sys/firmware/efi/x", "" },
    { "/sys/firmware/devicetree/x", "" },
    { "/sys/module/built_in/parameters/x", "1\n" },
    { "/sys/module/loaded_mod/initstate", "live\n" },
    { "/sys/module/coming/initstate", "coming\n" },
    { "/sys/module/apparmor/parameters/enabled", "Y\n" },
    { "/sys/fs/smackfs/x", "" },
    { "/sys/kernel/security/ima/x", "" },
    { "/etc/machine-id", "0123456789abcdef0123456789abcdef\n" },
    { "/etc/os-release", "NAME=\"An OS\"\n# comment\nID=some-os\nVERSION_ID=\"12.4\"\nEMPTY=\n" },
    { "/run/.containerenv", "" },
    { "/creds/plain", "x" },
    { "/etc/.updated", "TIMESTAMP_NSEC=2000000000000000500\n" },
    { "/usr/bin/x", "" },
};

static const struct question container_questions[] = {
    { "ConditionArchitecture=arm64", 1 },
    { "ConditionArchitecture=x86-64", 0 },
    { "ConditionArchitecture=aarch64", 0 },
    { "ConditionArchitecture=!bogus", 1 },
    { "ConditionACPower=false", 1 },
    { "ConditionACPower=true", 0 },
    { "ConditionACPower=!true", 1 },
    { "ConditionACPower=perhaps", E },
    { "ConditionACPower=!perhaps", E },
    { "ConditionCapability=CAP_CHOWN", 1 },
    { "ConditionCapability=cap_chown", 1 },
    { "ConditionCapability=CAP_SYS_ADMIN", 0 },
    { "ConditionCapability=21", 0 },
    { "ConditionCapability=0", 1 },
    { "ConditionCapability=0x1", 1 },
    { "ConditionCapability=64", E },
    { "ConditionCapability=!CAP_NONE", E },
    { "ConditionControlGroupController=v2", 1 },
    { "ConditionControlGroupController=v1", 0 },
    { "ConditionControlGroupController=cpu", 1 },
    { "ConditionControlGroupController=cpu memory", 1 },
    { "ConditionControlGroupController=cpu io", 0 },
    { "ConditionControlGroupController=unheard-of", 1 },
    { "ConditionControlGroupController=unheard-of io", 0 },
    { "ConditionControlGroupController=devices", 0 },
    { "ConditionControlGroupController=!io", 1 },
    { "ConditionCPUFeature=unheard-of", 0 },
    { "ConditionCPUs=3", 1 },
    { "ConditionCPUs=4", 1 },
    { "ConditionCPUs=5", 0 },
    { "ConditionCPUs=<5", 1 },
    { "ConditionCPUs=>= 4", 1 },
    { "ConditionCPUs==4", 1 },
    { "ConditionCPUs===4", 1 },
    { "ConditionCPUs=<>4", 0 },
    { "ConditionCPUs=!=3", 1 }, /* "!" is taken first: not equal to 3 */
    { "ConditionCPUs=!=4", 0 },
    { "ConditionCPUs=0x4", 1 },
    { "ConditionCPUs=05", 0 },
    { "ConditionCPUs=+4", 1 },
    { "ConditionCPUs=08", E },
    { "ConditionCPUs=0x", E },
    { "ConditionCPUs=four", E },
    { "ConditionCPUs=$=4", E },
    { "ConditionCPUs=-1", -ERANGE },
    { "ConditionCPUs=4294967296", -ERANGE },
    { "ConditionMemory=512M", 1 },
    { "ConditionMemory=513M", 0 },
    { "ConditionMemory==512M", 1 },
    { "ConditionMemory=<1G", 1 },
    { "ConditionMemory=> 0.25G", 1 },
    { "ConditionMemory=<= 1 G", 1 },
    { "ConditionMemory=half", E },
    { "ConditionMemory=-1", -ERANGE },
    { "ConditionMemory=50%", E },
    { "ConditionCPUPressure=12.34%", 1 },
    { "ConditionCPUPressure=12.33%", 0 },
    { "ConditionCPUPressure=2%/1min", 1 },
    { "ConditionCPUPressure=1.4% / 10sec", 0 },
    { "ConditionCPUPressure=2%/10s", E },
    { "ConditionCPUPressure=2", E },
    { "ConditionCPUPressure=101%", -ERANGE },
    { "ConditionCPUPressure=a-b.slice:50%", 1 },
    { "ConditionCPUPressure=a-b.slice : 49% / 5min", 0 },
    { "ConditionCPUPressure=gone.slice:0%", 1 },
    { "ConditionCPUPressure=a.service:90%", E },
    { "ConditionCPUPressure=a--b.slice:90%", E },
    { "ConditionCPUPressure=a:b:c", E }, /* no slice */
    { "ConditionCPUPressure=a.slice:100%:c", 1 },
    { "ConditionCPUPressure=+13%", 1 },
    { "ConditionCPUPressure=-1%", -ERANGE },
    { "ConditionIOPressure=1%", 1 },
    { "ConditionIOPressure=\xE2\x80\xB0", E },
    { "ConditionIOPressure=10\xE2\x80\xB0", 1 },
    { "ConditionIOPressure=9\xE2\x80\xB0", 0 },
    { "ConditionIOPressure=99\xE2\x80\xB1", 0 },
    { "ConditionIOPressure=100\xE2\x80\xB1", 1 },
    { "ConditionIOPressure=a.slice:0%", 1 }, /* no such controller, as in systemd */
    { "ConditionMemoryPressure=0%", 1 },
    { "ConditionFirmware=uefi", 0 }, /* it is the host's */
    { "ConditionFirmware=device-tree", 1 },
    { "ConditionFirmware=device-tree-compatible(acme,board)", 1 },
    { "ConditionFirmware=device-tree-compatible(acme)", 0 },
    { "ConditionFirmware=device-tree-compatible(acme,board", 0 },
    { "ConditionFirmware=smbios-field(sys_vendor=QEMU)", 1 },
    { "ConditionFirmware=smbios-field(bios_version >= 1.16.1)", 1 },
    { "ConditionFirmware=smbios-field(bios_version < 1.16)", 0 },
    { "ConditionFirmware=smbios-field(product_name $= Standard*)", 1 },
    { "ConditionFirmware=smbios-field(product_name=\"Standard PC (Q35\")", 0 }, /* up to the first ")" */
    { "ConditionFirmware=smbios-field(gone != x)", 0 },
    { "ConditionFirmware=smbios-field(sys_vendor)", E },
    { "ConditionFirmware=smbios-field(../sys_vendor=QEMU)", E },
    { "ConditionFirmware=unheard-of", 0 },
    { "ConditionFirstBoot=no", 1 },
    { "ConditionFirstBoot=yes", 0 },
    { "ConditionFirstBoot=perhaps", E },
    { "ConditionGroup=50", 1 },
    { "ConditionGroup=51", 1 },
    { "ConditionGroup=52", 1 },
    { "ConditionGroup=53", 0 },
    { "ConditionGroup=root", 0 },
    { "ConditionGroup=@system", 0 },
    { "ConditionUser=1000", 1 },
    { "ConditionUser=01000", 0 },
    { "ConditionUser=root", 0 },
    { "ConditionUser=@system", 0 },
    { "ConditionUser=!@system", 1 },
    { "ConditionHost=Some.Host", 1 },
    { "ConditionHost=some*", 1 },
    { "ConditionHost=other", 0 },
    { "ConditionHost=0123456789abcdef0123456789ABCDEF", 1 },
    { "ConditionHost=01234567-89ab-cdef-0123-456789abcdef", 1 },
    { "ConditionHost=0123456789abcdef0123456789abcdee", 0 },
    { "ConditionKernelCommandLine=/sbin/init", 1 },
    { "ConditionKernelCommandLine=mode", 1 },
    { "ConditionKernelCommandLine=mode=a b", 1 },
    { "ConditionKernelCommandLine=mode=a", 0 },
    { "ConditionKernelCommandLine=mo", 0 },
    { "ConditionKernelCommandLine=host.only", 0 },
    { "ConditionKernelCommandLine=!quiet", 1 },
    { "ConditionKernelModuleLoaded=built-in", 1 },
    { "ConditionKernelModuleLoaded=loaded_mod", 1 },
    { "ConditionKernelModuleLoaded=loaded-mod", 1 },
    { "ConditionKernelModuleLoaded=coming", 0 },
    { "ConditionKernelModuleLoaded=gone", 0 },
    { "ConditionKernelModuleLoaded=../x", E },
    { "ConditionKernelVersion=>=6", 1 },
    { "ConditionKernelVersion=>= 6.2", 0 },
    { "ConditionKernelVersion=\">= 6\" \"<6.2\"", 1 },
    { "ConditionKernelVersion=>=6 <6.1", 0 },
    { "ConditionKernelVersion=6.1.*", 1 },
    { "ConditionKernelVersion=$=6.1.*", 1 },
    { "ConditionKernelVersion=!$=6.1.*", 0 },
    { "ConditionKernelVersion==6.1", 0 },
    { "ConditionKernelVersion==6.1.0-18-amd64", 1 },
    { "ConditionKernelVersion=!=6.1", 1 },
    { "ConditionKernelVersion=<>6.1.0-18-amd64", 0 },
    { "ConditionKernelVersion=< 9 >4", 1 },
    { "ConditionKernelVersion=>=4 < 9", E },
    { "ConditionKernelVersion=<=", E },
    { "ConditionKernelVersion=''", E },
    { "ConditionKernelVersion=\">=4", E },
    { "ConditionKernelVersion=6\\", E },
    { "ConditionVersion=>=6", 1 },
    { "ConditionVersion=kernel <6", 0 },
    { "ConditionVersion=systemd >=252", 1 },
    { "ConditionVersion=systemd >=9999", 0 },
    { "ConditionVersion=glibc >1", 1 },
    { "ConditionOSRelease=ID=some-os", 1 },
    { "ConditionOSRelease=ID!=some-os", 0 },
    { "ConditionOSRelease=\"NAME=An OS\" VERSION_ID>=12", 1 },
    { "ConditionOSRelease=VERSION_ID>=12 VERSION_ID<12.4", 0 },
    { "ConditionOSRelease=VERSION_ID==12.04", 1 },
    { "ConditionOSRelease=ID$=some*", 1 },
    { "ConditionOSRelease=ID!$=some*", 0 },
    { "ConditionOSRelease=GONE$=*", 1 },
    { "ConditionOSRelease=GONE=x", 0 },
    { "ConditionOSRelease=ID=", E },
    { "ConditionOSRelease=ID", E },
    { "ConditionOSRelease==x", E },
    { "ConditionOSRelease=ID = some-os", E },
    { "ConditionSecurity=apparmor", 1 },
    { "ConditionSecurity=smack", 1 },
    { "ConditionSecurity=ima", 1 },
    { "ConditionSecurity=selinux", 0 },
    { "ConditionSecurity=tomoyo", 0 },
    { "ConditionSecurity=uefi-secureboot", 0 },
    { "ConditionSecurity=tpm2", 0 },
    { "ConditionSecurity=AppArmor", 0 },
    { "ConditionVirtualization=yes", 1 },
    { "ConditionVirtualization=no", 0 },
    { "ConditionVirtualization=container", 1 },
    { "ConditionVirtualization=podman", 1 },
    { "ConditionVirtualization=!docker", 1 },
    { "ConditionVirtualization=vm", 0 },
    { "ConditionVirtualization=private-users", 0 },
};

static void test_container(void **state)
{
    (void)state;
    static char *environment[] = { "MODE=x", NULL };
    static const gid_t groups[] = { 51, 52 };
    static const char line[] = "/sbin/init\0mode=\"a b\"\0--flag", tree[] = "other,board\0acme,board";
    char root[] = PLACE_TEMPLATE;
    place_make(root, container_files, COUNT_OF(container_files));
    place_add(root, "/proc/1/cmdline", line, sizeof line);
    place_add(root, "/proc/device-tree/compatible", tree, sizeof tree);
    struct condition_context context = { .root = root,
                                         .environ = environment,
                                         .uid = 1000,
                                         .gid = 50,
                                         .groups = groups,
                                         .n_groups = COUNT_OF(groups),
                                         .release = "6.1.0-18-amd64",
                                         .machine = "aarch64",
                                         .hostname = "some.host",
                                         .cpus = 4,
                                         .memory_bytes = UINT64_C(8) << 30 };
    ask_all(&context, container_questions, COUNT_OF(container_questions));
    context.uid = 999;
    assert_int_equal(place_ask(&context, "ConditionUser=@system"), 1);
    context.memory_bytes = UINT64_C(256) << 20;
    assert_int_equal(place_ask(&context, "ConditionMemory=<=256M"), 1);
    place_remove(root);
}

/* ---- which container, which machine ---- */

static void test_virtualization(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        struct place_file files[3];
        const char *is; /* by name */
        bool is_container;
    } cases[] = {
        { "nothing shows", { { "/x", "" } }, NULL, false },
        { "what the manager left",
          { { "/run/host/container-manager", "systemd-nspawn\n" }, { "/.dockerenv", "" } },
          "systemd-nspawn",
          true },
        { "what systemd as PID 1 left", { { "/run/systemd/container", "lxc\n" }, { "/.dockerenv", "" } }, "lxc", true },
        { "a manager nobody knows", { { "/run/systemd/container", "acme\n" } }, "container-other", true },
        { "oci is nobody, the file says",
          { { "/run/systemd/container", "oci\n" }, { "/.dockerenv", "" } },
          "docker",
          true },
        { "oci is nobody", { { "/run/systemd/container", "oci\n" } }, "container-other", true },
        { "docker's file", { { "/.dockerenv", "" } }, "docker", true },
        { "podman's file comes first", { { "/.dockerenv", "" }, { "/run/.containerenv", "" } }, "podman", true },
        { "a kernel of Windows",
          { { "/proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n" } },
          "wsl",
          true },
        { "OpenVZ", { { "/proc/vz/x", "" } }, "openvz", true },
        { "the host of OpenVZ", { { "/proc/vz/x", "" }, { "/proc/bc/x", "" } }, NULL, false },
        { "proot traces us",
          { { "/proc/self/status", "A:\tx\nTracerPid:\t42\n" }, { "/proc/42/comm", "proot\n" } },
          "proot",
          true },
        { "a debugger traces us",
          { { "/proc/self/status", "A:\tx\nTracerPid:\t42\n" }, { "/proc/42/comm", "gdb\n" } },
          NULL,
          false },
        { "a cgroup namespace",
          { { "/sys/fs/cgroup/cgroup.events", "" }, { "/sys/fs/cgroup/cgroup.type", "" } },
          "container-other",
          true },
        { "KVM by its firmware", { { "/sys/class/dmi/id/product_name", "KVM\n" } }, "kvm", false },
        { "Amazon's", { { "/sys/class/dmi/id/sys_vendor", "Amazon EC2\n" } }, "amazon", false },
        { "Xen by its directory", { { "/proc/xen/x", "" } }, "xen", false },
        { "user mode", { { "/proc/cpuinfo", "processor\t: 0\nvendor_id\t: User Mode Linux\n" } }, "uml", false },
        { "a device tree", { { "/proc/device-tree/hypervisor/compatible", "linux,kvm" } }, "kvm", false },
        { "a mainframe", { { "/proc/sysinfo", "VM00 Control Program: z/VM    6.4.0\n" } }, "zvm", false },
        { "a container in a machine",
          { { "/.dockerenv", "" }, { "/sys/class/dmi/id/product_name", "KVM\n" } },
          "docker",
          true },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char root[] = PLACE_TEMPLATE, text[64];
        print_message("  %s\n", cases[i].label);
        place_make(root, NULL, 0);
        for (size_t j = 0; j < COUNT_OF(cases[i].files) && cases[i].files[j].path; j++)
            place_add(root, cases[i].files[j].path, cases[i].files[j].text, strlen(cases[i].files[j].text));
        struct condition_context context = { .root = root };
        assert_int_equal(place_ask(&context, "ConditionVirtualization=yes"), cases[i].is != NULL);
        assert_int_equal(place_ask(&context, "ConditionVirtualization=container"), cases[i].is_container);
        assert_int_equal(place_ask(&context, "ConditionVirtualization=vm"), cases[i].is && !cases[i].is_container);
        (void)snprintf(text, sizeof text, "ConditionVirtualization=%s", cases[i].is ? cases[i].is : "none"); /* fits */
        assert_int_equal(place_ask(&context, text), cases[i].is != NULL);
        place_remove(root);
    }
}

static void test_init_environment(void **state)
{
    (void)state;
    static const struct {
        const char *environ;
        size_t size;
        const char *condition;
    } cases[] = {
        { BYTES("A=b\0container=lxc"), "ConditionVirtualization=lxc" },
        { BYTES("A=b\0container="), "ConditionVirtualization=no" }, /* empty: certainly none */
        { BYTES("A=container=lxc"), "ConditionVirtualization=docker" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char root[] = PLACE_TEMPLATE;
        place_make(root, NULL, 0);
        place_add(root, "/proc/1/environ", cases[i].environ, cases[i].size);
        place_add(root, "/.dockerenv", "", 0);
        struct condition_context context = { .root = root };
        print_message("  %s\n", cases[i].condition);
        assert_int_equal(place_ask(&context, cases[i].condition), 1);
        place_remove(root);
    }
}

/* ---- a machine of its own, with what a container does not have ---- */

static void test_machine(void **state)
{
    (void)state;
    static const struct place_file files[] = {
        { "/proc/self/uid_map", "0 100000 65536\n" },
        { "/proc/self/gid_map", "0 100000 65536\n" },
        { "/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n1:name=systemd:/\n" },
        { "/proc/cmdline", "quiet systemd.condition-first-boot systemd.condition-needs-update=no\n" },
        { "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n" },
        { "/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1048576\n" },
        { "/sys/fs/cgroup/cpu/x", "" },
        { "/sys/class/tpmrm/tpmrm0", "" },
        { "/sys/firmware/acpi/tables/TPM2", "" },
        { "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", "\6\6\6\6\1" },
        { "/usr/lib/os-release", "ID=other\n" },
    };
    static const struct question questions[] = {
        { "ConditionVirtualization=private-users", 1 },
        { "ConditionVirtualization=no", 1 },
        { "ConditionKernelCommandLine=quiet", 1 },
        { "ConditionFirstBoot=yes", 1 },
        { "ConditionNeedsUpdate=/etc", 0 },
        { "ConditionFirmware=uefi", 1 },
        { "ConditionSecurity=uefi-secureboot", 1 },
        { "ConditionSecurity=tpm2", 1 },
        { "ConditionSecurity=audit", 0 },
        { "ConditionOSRelease=ID=other", 1 },
        { "ConditionControlGroupController=v1", 1 },
        { "ConditionControlGroupController=cpu memory", 1 },
        { "ConditionControlGroupController=io", 0 },
        { "ConditionControlGroupController=cpuset", 0 },
        { "ConditionMemory==1M", 1 },
        { "ConditionACPower=yes", 1 },
        { "ConditionCPUPressure=nonsense", 1 }, /* the kernel does not measure: nobody reads it */
        { "ConditionCapability=CAP_CHOWN", -ENOENT },
        { "ConditionHost=0123456789abcdef0123456789abcdef", 0 }, /* a made-up id */
    };
    char root[] = PLACE_TEMPLATE;
    place_make(root, files, COUNT_OF(files));
    struct condition_context context = { .root = root, .memory_bytes = UINT64_C(8) << 30 };
    ask_all(&context, questions, COUNT_OF(questions));
    place_remove(root);

    char empty[] = PLACE_TEMPLATE;
    place_make(empty, NULL, 0);
    context = (struct condition_context){ .root = empty };
    assert_int_equal(place_ask(&context, "ConditionControlGroupController=v2"), -ENOMEDIUM);
    assert_int_equal(place_ask(&context, "ConditionControlGroupController=!v2"), -ENOMEDIUM);
    assert_int_equal(place_ask(&context, "ConditionOSRelease=ID=x"), -ENOENT);
    static char *environment[] = { "container_uuid=01234567-89ab-cdef-0123-456789abcdef", NULL };
    context.environ = environment;
    assert_int_equal(place_ask(&context, "ConditionHost=0123456789abcdef0123456789abcdef"), 1);
    assert_int_equal(place_ask(&context, "ConditionVirtualization=private-users"), 0);
    place_remove(empty);
}

/* ---- credentials, the stamp of an update ---- */

static void test_credentials(void **state)
{
    (void)state;
    static const struct place_file files[] = { { "/plain/a", "" }, { "/encrypted/b", "" } };
    char root[] = PLACE_TEMPLATE, plain[PATH_MAX], encrypted[PATH_MAX];
    place_make(root, files, COUNT_OF(files));
    (void)snprintf(plain, sizeof plain, "CREDENTIALS_DIRECTORY=%s/plain", root);                       /* fits */
    (void)snprintf(encrypted, sizeof encrypted, "ENCRYPTED_CREDENTIALS_DIRECTORY=%s/encrypted", root); /* fits */
    char *both[] = { plain, encrypted, NULL }, *none[] = { NULL }, *relative[] = { "CREDENTIALS_DIRECTORY=x", NULL };
    static const struct question questions[] = {
        { "ConditionCredential=a", 1 }, { "ConditionCredential=b", 1 },          { "ConditionCredential=c", 0 },
        { "ConditionCredential=.", 0 }, { "ConditionCredential=../plain/a", 0 }, { "ConditionCredential=!c", 1 },
    };
    struct condition_context context = { .environ = both };
    ask_all(&context, questions, COUNT_OF(questions));
    context.environ = none;
    assert_int_equal(place_ask(&context, "ConditionCredential=a"), 0);
    context.environ = relative;
    assert_int_equal(place_ask(&context, "ConditionCredential=a"), -EINVAL);
    place_remove(root);
}

static void test_needs_update(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        time_t usr_sec, stamp_sec; /* 0: no stamp */
        long usr_nsec, stamp_nsec;
        const char *text;
        int want;
    } cases[] = {
        { "no stamp", 1000, 0, 0, 0, "", 1 },
        { "a newer stamp", 1000, 1001, 0, 0, "", 0 },
        { "an older stamp", 1001, 1000, 0, 0, "", 1 },
        { "the same second, newer by the rest of it", 1000, 1000, 5, 9, "", 0 },
        { "the same second, older by the rest of it", 1000, 1000, 9, 5, "", 1 },
        { "the file has the rest: newer", 1000, 1000, 5, 0, "TIMESTAMP_NSEC=1000000000009\n", 0 },
        { "the file has the rest: older", 1000, 1000, 9, 0, "TIMESTAMP_NSEC=1000000000005\n", 1 },
        { "nobody has the rest", 1000, 1000, 9, 0, "", 1 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        static const struct place_file files[] = { { "/usr/x", "" }, { "/etc/x", "" } };
        char root[] = PLACE_TEMPLATE, path[PATH_MAX];
        struct timespec usr[] = { { .tv_nsec = UTIME_OMIT }, { cases[i].usr_sec, cases[i].usr_nsec } };
        struct timespec stamp[] = { { .tv_nsec = UTIME_OMIT }, { cases[i].stamp_sec, cases[i].stamp_nsec } };
        print_message("  %s\n", cases[i].label);
        place_make(root, files, COUNT_OF(files));
        if (cases[i].stamp_sec > 0) {
            place_add(root, "/etc/.updated", cases[i].text, strlen(cases[i].text));
            place_path(root, "/etc/.updated", path);
            assert_int_equal(utimensat(AT_FDCWD, path, stamp, 0), 0);
        }
        place_path(root, "/usr", path);
        assert_int_equal(utimensat(AT_FDCWD, path, usr, 0), 0);
        struct condition_context context = { .root = root };
        assert_int_equal(place_ask(&context, "ConditionNeedsUpdate=/etc"), cases[i].want);
        place_add(root, "/etc/initrd-release", "", 0);
        assert_int_equal(place_ask(&context, "ConditionNeedsUpdate=/etc"), 0);
        place_remove(root);
    }
}

/* ---- docs/DIFFERENCES.md ---- */

/* Names beside root are looked up; the first boot is what a file says; the version is that of the directives. */
static void test_differences(void **state)
{
    (void)state;
    static const struct place_file files[] = { { "/run/systemd/first-boot", "" },
                                               { "/passwd", "root:x:0:0::/:\napp:x:1000:50::/:\n" },
                                               { "/group", "root:x:0:\nstaff:x:50:\nother:x:51:\n" } };
    static const struct question questions[] = {
        { "ConditionFirstBoot=yes", 1 }, { "ConditionVersion=systemd =257", 1 }, { "ConditionUser=app", 1 },
        { "ConditionUser=nobody", 0 },   { "ConditionGroup=staff", 1 },          { "ConditionGroup=other", 0 },
    };
    char root[] = PLACE_TEMPLATE, passwd[PATH_MAX], group[PATH_MAX];
    place_make(root, files, COUNT_OF(files));
    place_path(root, "/passwd", passwd);
    place_path(root, "/group", group);
    struct condition_context context = { .root = root, .uid = 1000, .gid = 50 };
    assert_int_equal(userdb_new(passwd, group, &context.userdb), 0);
    ask_all(&context, questions, COUNT_OF(questions));
    userdb_free(context.userdb);
    place_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_container),        cmocka_unit_test(test_virtualization),
        cmocka_unit_test(test_init_environment), cmocka_unit_test(test_machine),
        cmocka_unit_test(test_credentials),      cmocka_unit_test(test_needs_update),
        cmocka_unit_test(test_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
