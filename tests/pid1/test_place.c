#include "tests/pid1/child.h"

#include <linux/capability.h>

#include "pid1/place.h"

static const char *format(const struct pid1_place *place)
{
    static char text[2048];
    AUTO_STR struct str s = STR_EMPTY;
    assert_int_equal(pid1_place_format(place, &s), 0);
    (void)snprintf(text, sizeof text, "%s", str_text(&s));
    return text;
}

static struct pid1_place rich(void)
{
    return (struct pid1_place){
        .cgroup = { "/sys/fs/cgroup/container-init", NULL, "cpu memory pids", true },
        .is_init = true,
        .is_root = true,
        .proc = true,
        .clone3 = true,
        .pidfd_open = true,
        .pidfd_send_signal = true,
        .close_range = true,
        .close_range_cloexec = true,
        .cap_effective = UINT64_C(0x1ffffffffff),
        .cap_known = UINT64_C(0x1ffffffffff),
        .kernel = "6.1.0",
    };
}

static void test_format(void **state)
{
    (void)state;
    struct pid1_place place = rich();
    assert_string_equal(format(&place),
                        "pid 1, root, kernel 6.1.0, cgroup /sys/fs/cgroup/container-init (cpu memory pids, "
                        "kill), clone3, pidfd, close_range, all capabilities");
    place = (struct pid1_place){
        .cgroup = { NULL, "no cgroup2 file system is mounted", NULL, false },
        .uid = 1000,
        .gid = 100,
        .user_namespace = true,
        .readonly_root = true,
        .no_new_privs = true,
        .seccomp = 2,
        .kernel = "5.4.0",
        .cap_known = UINT64_C(0x1ffffffffff),
    };
    assert_string_equal(format(&place),
                        "not pid 1 (subreaper), uid 1000 gid 100, kernel 5.4.0, no cgroup (no cgroup2 file system is "
                        "mounted), no clone3, no pidfd, no close_range, user namespace, read-only root, no /proc, "
                        "no_new_privs, seccomp, no capabilities");
    place = rich();
    place.cgroup = (struct pid1_place_cgroup){ "/c", "memory: Device or resource busy", "", false };
    place.cap_effective = UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_KILL;
    place.close_range_cloexec = false;
    assert_string_equal(format(&place),
                        "pid 1, root, kernel 6.1.0, cgroup /c (no controllers, no kill, off: memory: Device "
                        "or resource busy), clone3, pidfd, old close_range, capabilities CHOWN KILL");
    place = rich();
    place.cap_effective &= ~(UINT64_C(1) << CAP_SYS_RESOURCE);
    assert_non_null(str_suffix(format(&place), ", all capabilities but SYS_RESOURCE"));
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(pid1_cap_name(CAP_SYS_ADMIN), "CAP_SYS_ADMIN");
    assert_string_equal(pid1_cap_name(0), "CAP_CHOWN");
    assert_string_equal(pid1_cap_name(40), "CAP_CHECKPOINT_RESTORE");
    for (unsigned c = 0; c <= 40; c++) assert_non_null(pid1_cap_name(c));
    assert_null(pid1_cap_name(41));
    struct pid1_place place = { .cap_effective = UINT64_C(1) << CAP_SYS_ADMIN };
    assert_true(pid1_place_has_cap(&place, CAP_SYS_ADMIN));
    assert_false(pid1_place_has_cap(&place, CAP_KILL));
    assert_false(pid1_place_has_cap(&place, 64));
}

static uint64_t status_hex(const char *key)
{
    char text[8192];
    unsigned long long value = 0;
    assert_true(file_read_small(AT_FDCWD, "/proc/self/status", text, sizeof text) > 0);
    const char *line = strstr(text, key);
    assert_non_null(line);
    assert_int_equal(sscanf(line + strlen(key), " %llx", &value), 1);
    return value;
}

static void test_probe_agrees_with_proc(void **state)
{
    (void)state;
    struct pid1_place place;
    pid1_place_probe(NULL, &place);
    assert_int_equal(place.is_init, getpid() == 1);
    assert_int_equal(place.is_root, geteuid() == 0);
    assert_true(place.proc);
    assert_null(place.cgroup.path);
    assert_int_equal(place.cap_effective, status_hex("CapEff:"));
    assert_int_equal(place.cap_bounding, status_hex("CapBnd:"));
    assert_int_equal(place.no_new_privs, status_hex("NoNewPrivs:"));
    assert_int_equal(place.seccomp, (int)status_hex("\nSeccomp:"));
    assert_true(strlen(place.kernel) > 0);
    print_message("  %s\n", format(&place));
}

static void in_user_namespace(void)
{
    struct pid1_place before, after;
    pid1_place_probe(NULL, &before);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    NEED(unshare(CLONE_NEWUSER) == 0);
    pid1_place_probe(NULL, &after);
    CHECK(after.user_namespace && after.no_new_privs);
    CHECK(after.clone3 == before.clone3 && after.pidfd_open == before.pidfd_open);
}

static void test_user_namespace(void **state)
{
    (void)state;
    in_child(in_user_namespace, false);
}

static void read_only_root(void)
{
    char directory[] = "/tmp/ci-place-XXXXXX";
    CHECK(mkdtemp(directory) != NULL);
    struct pid1_place place;
    pid_t pid = fork();
    if (pid == 0) {
        NEED(unshare(CLONE_NEWNS) == 0);
        CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
        CHECK(mount("tmpfs", directory, "tmpfs", MS_RDONLY, NULL) == 0);
        CHECK(chroot(directory) == 0 && chdir("/") == 0);
        pid1_place_probe(NULL, &place);
        CHECK(place.readonly_root && !place.proc);
        CHECK(place.cap_effective != 0 && place.cap_known != 0); /* needs no /proc */
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(rmdir(directory) == 0);
    _exit(WEXITSTATUS(status));
}

static void test_read_only_root_without_proc_K92(void **state)
{
    (void)state;
    in_child(read_only_root, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_probe_agrees_with_proc),
        cmocka_unit_test(test_user_namespace),
        cmocka_unit_test(test_read_only_root_without_proc_K92),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
