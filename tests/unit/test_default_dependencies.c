/* What systemd adds to a unit's dependencies, as it shows in a described unit. */
#include "tests/unit/load_root.h"

#define NO_DEFAULTS "[Unit]\nDefaultDependencies=no\n"

struct expectation {
    enum unit_dependency kind;
    const char *want;
};

static const struct {
    const char *label, *unit, *text;
    struct expectation expect[7];
} cases[] = {
    { "service",
      "a.service",
      SERVICE,
      { { UNIT_DEPENDENCY_REQUIRES, "sysinit.target system.slice" },
        { UNIT_DEPENDENCY_AFTER, "basic.target sysinit.target system.slice systemd-journald.socket" },
        { UNIT_DEPENDENCY_BEFORE, "shutdown.target" },
        { UNIT_DEPENDENCY_CONFLICTS, "shutdown.target" },
        { UNIT_DEPENDENCY_WANTS, "" },
        { UNIT_DEPENDENCY_IN_SLICE, "system.slice" } } },
    { "service without defaults",
      "a.service",
      NO_DEFAULTS SERVICE "BusName=org.example\nType=dbus\n",
      { { UNIT_DEPENDENCY_REQUIRES, "dbus.socket system.slice" },
        { UNIT_DEPENDENCY_AFTER, "dbus.socket system.slice systemd-journald.socket" },
        { UNIT_DEPENDENCY_CONFLICTS, "" } } },
    { "output elsewhere than in the journal",
      "a.service",
      NO_DEFAULTS SERVICE "StandardOutput=null\nStandardError=null\n",
      { { UNIT_DEPENDENCY_AFTER, "system.slice" } } },
    { "bus name",
      "a.service",
      SERVICE "BusName=org.example\nType=dbus\n",
      { { UNIT_DEPENDENCY_REQUIRES, "dbus.socket sysinit.target system.slice" },
        { UNIT_DEPENDENCY_AFTER, "basic.target dbus.socket sysinit.target system.slice systemd-journald.socket" } } },
    { "slice",
      "a.service",
      NO_DEFAULTS SERVICE "Slice=a-b.slice\n",
      { { UNIT_DEPENDENCY_REQUIRES, "a-b.slice" },
        { UNIT_DEPENDENCY_AFTER, "a-b.slice systemd-journald.socket" },
        { UNIT_DEPENDENCY_IN_SLICE, "a-b.slice" } } },
    { "instance", "x-y@z.service", NO_DEFAULTS SERVICE, { { UNIT_DEPENDENCY_REQUIRES, "system-x\\x2dy.slice" } } },
    { "state directory",
      "a.service",
      NO_DEFAULTS SERVICE "StateDirectory=a\n",
      { { UNIT_DEPENDENCY_AFTER, "-.mount system.slice systemd-journald.socket systemd-remount-fs.service" },
        { UNIT_DEPENDENCY_REQUIRES, "system.slice" } } },
    { "a /tmp of its own",
      "a.service",
      NO_DEFAULTS SERVICE "PrivateTmp=yes\n",
      { { UNIT_DEPENDENCY_AFTER,
          "-.mount system.slice systemd-journald.socket systemd-tmpfiles-setup.service tmp.mount" },
        { UNIT_DEPENDENCY_WANTS, "tmp.mount" } } },
    { "root image",
      "a.service",
      NO_DEFAULTS SERVICE "RootImage=/srv/image\n",
      { { UNIT_DEPENDENCY_AFTER, "-.mount system.slice systemd-journald.socket systemd-udevd.service" } } },
    { "log namespace",
      "a.service",
      NO_DEFAULTS SERVICE "LogNamespace=x\n",
      { { UNIT_DEPENDENCY_REQUIRES, "system.slice systemd-journald-varlink@x.socket systemd-journald@x.socket" } } },
    { "runtime directory",
      "a.service",
      NO_DEFAULTS SERVICE "RuntimeDirectory=a\n",
      { { UNIT_DEPENDENCY_AFTER, "-.mount system.slice systemd-journald.socket" } } },
    { "mount units on the way to a path",
      "a.service",
      NO_DEFAULTS SERVICE "WorkingDirectory=/srv/data/deep\n",
      { { UNIT_DEPENDENCY_AFTER, "-.mount srv-data.mount system.slice systemd-journald.socket" },
        { UNIT_DEPENDENCY_REQUIRES, "srv-data.mount system.slice" } } },
    { "sockets of a service",
      "a.service",
      NO_DEFAULTS SERVICE "Sockets=b.socket\n",
      { { UNIT_DEPENDENCY_AFTER, "b.socket system.slice systemd-journald.socket" },
        { UNIT_DEPENDENCY_WANTS, "b.socket" },
        { UNIT_DEPENDENCY_TRIGGERED_BY, "b.socket" } } },
    { "socket",
      "a.socket",
      "[Socket]\nListenStream=80\n",
      { { UNIT_DEPENDENCY_REQUIRES, "sysinit.target system.slice" },
        { UNIT_DEPENDENCY_AFTER, "sysinit.target system.slice" },
        { UNIT_DEPENDENCY_BEFORE, "a.service shutdown.target sockets.target" },
        { UNIT_DEPENDENCY_CONFLICTS, "shutdown.target" },
        { UNIT_DEPENDENCY_TRIGGERS, "a.service" } } },
    { "socket of a path, for another service, with a command",
      "a.socket",
      "[Socket]\nListenStream=/run/a\nService=b.service\nExecStartPre=/bin/true\n",
      { { UNIT_DEPENDENCY_AFTER, "-.mount sysinit.target system.slice systemd-journald.socket" },
        { UNIT_DEPENDENCY_TRIGGERS, "b.service" } } },
    { "socket that accepts",
      "a.socket",
      "[Socket]\nListenStream=80\nAccept=yes\n",
      { { UNIT_DEPENDENCY_TRIGGERS, "" } } },
    { "timer of spans",
      "a.timer",
      "[Timer]\nOnBootSec=1\n",
      { { UNIT_DEPENDENCY_REQUIRES, "sysinit.target" },
        { UNIT_DEPENDENCY_AFTER, "sysinit.target" },
        { UNIT_DEPENDENCY_BEFORE, "a.service shutdown.target timers.target" },
        { UNIT_DEPENDENCY_TRIGGERS, "a.service" } } },
    { "timer of a calendar, persistent",
      "a.timer",
      "[Timer]\nOnCalendar=daily\nPersistent=yes\nUnit=b.target\n",
      { { UNIT_DEPENDENCY_AFTER, "-.mount sysinit.target time-set.target time-sync.target" },
        { UNIT_DEPENDENCY_TRIGGERS, "b.target" } } },
    { "path",
      "a.path",
      "[Path]\nPathExists=/x\n",
      { { UNIT_DEPENDENCY_REQUIRES, "sysinit.target" },
        { UNIT_DEPENDENCY_AFTER, "-.mount sysinit.target" },
        { UNIT_DEPENDENCY_BEFORE, "a.service paths.target shutdown.target" },
        { UNIT_DEPENDENCY_TRIGGERS, "a.service" } } },
    { "target",
      "a.target",
      "[Unit]\nWants=w.service early.service late.service gone.service plain.service\nRequires=r.service\n",
      { { UNIT_DEPENDENCY_AFTER, "r.service w.service" },
        { UNIT_DEPENDENCY_BEFORE, "early.service late.service shutdown.target" },
        { UNIT_DEPENDENCY_CONFLICTS, "shutdown.target" } } },
    { "target without defaults", "a.target", NO_DEFAULTS "Wants=w.service\n", { { UNIT_DEPENDENCY_AFTER, "" } } },
    { "the target that everything conflicts with",
      "shutdown.target",
      "[Unit]\n",
      { { UNIT_DEPENDENCY_CONFLICTS, "" }, { UNIT_DEPENDENCY_BEFORE, "" } } },
    { "slice in a slice",
      "a-b.slice",
      "[Slice]\n",
      { { UNIT_DEPENDENCY_REQUIRES, "a.slice" },
        { UNIT_DEPENDENCY_AFTER, "a.slice" },
        { UNIT_DEPENDENCY_BEFORE, "shutdown.target" },
        { UNIT_DEPENDENCY_IN_SLICE, "a.slice" } } },
    { "slice at the top", "a.slice", "[Slice]\n", { { UNIT_DEPENDENCY_REQUIRES, "-.slice" } } },
    { "slice that is always there",
      "system.slice",
      "[Slice]\n",
      { { UNIT_DEPENDENCY_REQUIRES, "-.slice" }, { UNIT_DEPENDENCY_CONFLICTS, "" } } },
    { "mount",
      "srv-data.mount",
      "[Mount]\nWhat=/dev/x\nWhere=/srv/data\n",
      { { UNIT_DEPENDENCY_AFTER, "-.mount local-fs-pre.target system.slice systemd-journald.socket" },
        { UNIT_DEPENDENCY_BEFORE, "local-fs.target umount.target" },
        { UNIT_DEPENDENCY_CONFLICTS, "umount.target" },
        { UNIT_DEPENDENCY_REQUIRES, "system.slice" } } },
    { "mount that may fail",
      "srv-data.mount",
      "[Mount]\nWhat=UUID=1\nWhere=/srv/data\nOptions=ro,nofail\n",
      { { UNIT_DEPENDENCY_BEFORE, "umount.target" } } },
    { "mount of another machine",
      "srv-data.mount",
      "[Mount]\nWhat=host:/x\nWhere=/srv/data\nType=nfs4\n",
      { { UNIT_DEPENDENCY_AFTER, "-.mount network-online.target network.target remote-fs-pre.target system.slice "
                                 "systemd-journald.socket" },
        { UNIT_DEPENDENCY_BEFORE, "remote-fs.target umount.target" },
        { UNIT_DEPENDENCY_WANTS, "network-online.target" } } },
    { "mount that says so itself",
      "srv-data.mount",
      "[Mount]\nWhat=x\nWhere=/srv/data\nOptions=defaults,_netdev\n",
      { { UNIT_DEPENDENCY_BEFORE, "remote-fs.target umount.target" } } },
    { "mount of memory",
      "srv-data.mount",
      "[Mount]\nWhat=tmpfs\nWhere=/srv/data\nType=tmpfs\n",
      { { UNIT_DEPENDENCY_AFTER, "-.mount local-fs-pre.target swap.target system.slice systemd-journald.socket" } } },
    { "mount of the kernel",
      "sys-kernel-x.mount",
      "[Mount]\nWhat=x\nWhere=/sys/kernel/x\n",
      { { UNIT_DEPENDENCY_BEFORE, "" }, { UNIT_DEPENDENCY_CONFLICTS, "" }, { UNIT_DEPENDENCY_REQUIRES, "-.slice" } } },
    { "automount",
      "srv-data.automount",
      "[Automount]\nWhere=/srv/data\n",
      { { UNIT_DEPENDENCY_AFTER, "-.mount local-fs-pre.target" },
        { UNIT_DEPENDENCY_BEFORE, "local-fs.target srv-data.mount umount.target" },
        { UNIT_DEPENDENCY_CONFLICTS, "umount.target" },
        { UNIT_DEPENDENCY_TRIGGERS, "srv-data.mount" } } },
    { "swap: nothing by default in a container",
      "swapfile.swap",
      "[Swap]\nWhat=/swapfile\n",
      { { UNIT_DEPENDENCY_BEFORE, "" }, { UNIT_DEPENDENCY_CONFLICTS, "" } } },
    { "bus name of another type",
      "a.service",
      SERVICE "BusName=org.example\nType=notify\n",
      { { UNIT_DEPENDENCY_REQUIRES, "sysinit.target system.slice" } } },
    { "bus name without default dependencies",
      "a.service",
      NO_DEFAULTS SERVICE "BusName=org.example\n",
      { { UNIT_DEPENDENCY_REQUIRES, "dbus.socket system.slice" } } },
    { "inverses",
      "r.service",
      SERVICE,
      { { UNIT_DEPENDENCY_REQUIRED_BY, "asks.service" },
        { UNIT_DEPENDENCY_BOUND_BY, "asks.service" },
        { UNIT_DEPENDENCY_CONSISTS_OF, "asks.service" },
        { UNIT_DEPENDENCY_CONFLICTED_BY, "asks.service" },
        { UNIT_DEPENDENCY_ON_FAILURE_OF, "asks.service" },
        { UNIT_DEPENDENCY_UPHELD_BY, "asks.service" },
        { UNIT_DEPENDENCY_STOP_PROPAGATED_FROM, "asks.service" } } },
};

static void write_helpers(struct image *image)
{
    image_write(image, USR "w.service", SERVICE);
    image_write(image, USR "r.service", SERVICE);
    image_write(image, USR "plain.service", NO_DEFAULTS SERVICE);
    image_write(image, USR "early.service", "[Unit]\nAfter=a.target\n" SERVICE);
    image_write(image, USR "late.service", SERVICE);
    image_write(image, ETC "a.target.d/late.conf", "[Unit]\nBefore=late.service\n");
    image_write(image, USR "srv-data.mount", "[Mount]\nWhat=/dev/x\nWhere=/srv/data\n");
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        void *fresh;
        char path[128];
        print_message("  %s\n", cases[i].label);
        assert_int_equal(image_setup(&fresh), 0);
        struct image *image = fresh;
        write_helpers(image);
        if (strcmp(cases[i].label, "target without defaults") == 0)
            assert_int_equal(unlink(scratch_path(&image->dir, ETC "a.target.d/late.conf")), 0);
        image_write(image, USR "asks.service",
                    "[Unit]\nRequires=r.service\nBindsTo=r.service\nPartOf=r.service\nConflicts=r.service\n"
                    "OnFailure=r.service\nUpholds=r.service\nPropagatesStopTo=r.service\n" NO_DEFAULTS SERVICE);
        (void)snprintf(path, sizeof path, USR "%s", cases[i].unit);
        image_write(image, path, cases[i].text);
        const char *const names[] = { cases[i].unit, "asks.service", NULL };
        image_load_as(image, (struct unit_load_options){ .systemd = true, .describe = true, .names = names });
        for (size_t k = 0; k < COUNT_OF(cases[i].expect) && cases[i].expect[k].want; k++) {
            print_message("    %zu\n", k);
            assert_string_equal(image_dependencies(image, cases[i].unit, cases[i].expect[k].kind),
                                cases[i].expect[k].want);
        }
        assert_int_equal(image_teardown(&fresh), 0);
    }
}

/* In a run a unit has what orders it, and no slices. Native units have nothing of it (D18). */
static void test_run(void **state)
{
    struct image *image = *state;
    const char *const directories[] = { "/native", NULL };
    image_write(image, "native/n.service", SERVICE);
    image_write(image, "native/n.target", "[Unit]\nWants=n.service\n");
    image_write(image, USR "s.service", SERVICE);
    image_write(image, ETC "default.target", "[Unit]\nWants=s.service n.service\n");
    image_load_as(image, (struct unit_load_options){ .systemd = true, .directories = directories });
    assert_image_clean(image);
    assert_string_equal(image_relation(image, "s.service", UNIT_REQUIRES), "sysinit.target");
    assert_string_equal(image_relation(image, "s.service", UNIT_AFTER),
                        "sysinit.target basic.target systemd-journald.socket");
    assert_string_equal(image_relation(image, "default.target", UNIT_AFTER), "s.service n.service");
    assert_string_equal(image_relation(image, "n.service", UNIT_AFTER), "");
    assert_string_equal(image_relation(image, "n.target", UNIT_AFTER), "");
    assert_null(unit_set_detail(image->set, image_unit(image, "s.service")));
}

/* Dependencies are shown under the unit's own name, whatever name somebody used. */
static void test_aliases_in_dependencies(void **state)
{
    struct image *image = *state;
    image_write(image, USR "web.service", SERVICE);
    image_link(image, "web.service", USR "www.service");
    image_write(image, USR "a.service", NO_DEFAULTS "Wants=www.service web.service a.service\n" SERVICE);
    image_describe(image, "a.service");
    assert_string_equal(image_dependencies(image, "a.service", UNIT_DEPENDENCY_WANTS), "web.service");
    assert_string_equal(image_dependencies(image, "www.service", UNIT_DEPENDENCY_WANTED_BY), "a.service");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test_setup_teardown(test_run, image_setup, image_teardown),
        cmocka_unit_test_setup_teardown(test_aliases_in_dependencies, image_setup, image_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
