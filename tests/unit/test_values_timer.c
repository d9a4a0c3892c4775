/* Timers, paths, mounts, automounts, swaps and slices. */
#include "tests/unit/show_unit.h"

/* clang-format off */
static const struct shown_case timers[] = {
    { "OnUnitActiveSec=90\nOnStartupSec=1min 30s", "", "TimersMonotonic",
      "{ OnStartupUSec=1min 30s ; next_elapse=0 } / { OnUnitActiveUSec=1min 30s ; next_elapse=0 } / { OnBootUSec=7s ; next_elapse=0 }",
      "[[\"OnStartupUSec\", 90000000], [\"OnUnitActiveUSec\", 90000000], [\"OnBootUSec\", 7000000]]" },
    { "OnCalendar=monthly\nOnCalendar=Tue 04:00", "", "TimersCalendar",
      "{ OnCalendar=Tue *-*-* 04:00:00 ; next_elapse=n/a } / { OnCalendar=*-*-01 00:00:00 ; next_elapse=n/a }",
      "[[\"OnCalendar\", \"Tue *-*-* 04:00:00\"], [\"OnCalendar\", \"*-*-01 00:00:00\"]]" },
    { "OnCalendar=weekly Europe/Paris", "", "TimersCalendar", "{ OnCalendar=Mon *-*-* 00:00:00 Europe/Paris ; next_elapse=n/a }", NULL },
    { "OnCalendar=now", "bad-calendar", "TimersCalendar", "", "[]" },
    { "OnCalendar=weekly ../etc", "bad-calendar", "TimersCalendar", "", "[]" },
    { "OnActiveSec=1 parsec", "bad-timespan", "TimersMonotonic", NULL, "[[\"OnBootUSec\", 7000000]]" },
    { "OnBootSec=%i", "bad-timespan", "TimersMonotonic", NULL, "[[\"OnBootUSec\", 7000000]]" },
    { "OnBootSec=\nOnCalendar=daily", "", "TimersMonotonic", "", "[]" },
    { "OnCalendar=", "missing-setting!", "TimersMonotonic", "", "[]" },
    { "OnCalendar=\nOnClockChange=yes", "", "OnClockChange", "yes", "true" },
    { "Unit=other.target", "", "Unit", "other.target", "\"other.target\"" },
    { "Unit=one.service\nUnit=two.service", "bad-unit-name", "Unit", "one.service", NULL },
    { "Unit=case.timer", "bad-unit-name", "Unit", "case.service", NULL },
    { "AccuracySec=5min", "", "AccuracyUSec", "5min", "300000000" },
    { "Persistent=yes", "", "RequiresMountsFor", "/var/lib/systemd/timers", "[\"/var/lib/systemd/timers\"]" },
    { "RemainAfterElapse=no", "", "RemainAfterElapse", "no", "false" },
    { "RandomizedDelaySec=1h\nFixedRandomDelay=on", "", "RandomizedDelayUSec", "1h", NULL },
    { "WakeSystem=2", "bad-boolean", "WakeSystem", "no", NULL },
    { "DeferReactivation=yes", "", "DeferReactivation", "yes", NULL },
};
static const struct shown_case paths[] = {
    { "PathChanged=/srv//x/\nDirectoryNotEmpty=%t/q", "", "Paths", "/run/q (DirectoryNotEmpty) / /srv/x (PathChanged) / /w (PathExists)",
      "[[\"DirectoryNotEmpty\", \"/run/q\"], [\"PathChanged\", \"/srv/x\"], [\"PathExists\", \"/w\"]]" },
    { "PathModified=/m", "", "RequiresMountsFor", "/m /w", "[\"/m\", \"/w\"]" },
    { "PathExistsGlob=here/*", "bad-path", "Paths", "/w (PathExists)", NULL },
    { "PathExists=/a/../b", "bad-path", "Paths", "/w (PathExists)", NULL },
    { "PathModified=", "missing-setting!", "Paths", "", "[]" },
    { "MakeDirectory=1\nDirectoryMode=0700", "", "DirectoryMode", "0700", "448" },
    { "TriggerLimitBurst=3\nTriggerLimitIntervalSec=infinity", "", "TriggerLimitIntervalUSec", "2s", "2000000" },
    { "TriggerLimitBurst=3", "", "TriggerLimitBurst", "3", "3" },
    { "Unit=x", "bad-unit-name", "Unit", "case.service", NULL },
};
static const struct shown_case mounts[] = {
    { "Options=rw,nosuid", "", "Options", "rw,nosuid", "\"rw,nosuid\"" },
    { "Where=/mnt//disk/", "", "Where", "/mnt/disk", "\"/mnt/disk\"" },
    { "Where=/elsewhere", "name-mismatch!", "Where", "/elsewhere", NULL },
    { "What=", "missing-setting!", "What", "", NULL },
    { "Type=ext4\nSloppyOptions=yes\nLazyUnmount=yes", "", "SloppyOptions", "yes", "true" },
    { "DirectoryMode=0711\nTimeoutSec=0", "", "TimeoutUSec", "infinity", "18446744073709551615" },
    { "ForceUnmount=maybe", "bad-boolean", "ForceUnmount", "no", NULL },
    { "ReadWriteOnly=yes", "", "ReadWriteOnly", "yes", NULL },
    { "", "", "RequiresMountsFor", "/dev/disk /mnt", NULL },
    { "What=host:/share\nType=nfs4", "", "RequiresMountsFor", "/mnt", NULL },
    { "What=/srv/image\nType=fuse.sshfs", "", "RequiresMountsFor", "/mnt", NULL },
    { "What=/srv/image\nType=nfs\nOptions=ro,bind", "", "RequiresMountsFor", "/mnt /srv/image", NULL },
    { "", "", "Description", "/mnt/disk", NULL },
    { "", "", "IgnoreOnIsolate", "yes", NULL },
};
static const struct shown_case automounts[] = {
    { "TimeoutIdleSec=5", "", "TimeoutIdleUSec", "5s", "5000000" },
    { "", "", "TimeoutIdleUSec", "0", "0" },
    { "ExtraOptions=a,b\nDirectoryMode=0500", "", "ExtraOptions", "a,b", NULL },
    { "Where=/b", "name-mismatch!", "Where", "/b", NULL },
    { "", "", "RequiresMountsFor", "/", NULL },
};
static const struct shown_case swaps[] = {
    { "Priority=7\nOptions=discard", "", "Priority", "7", "7" },
    { "Priority=-2", "bad-integer", "Priority", "-1", "-1" },
    { "Priority=9\nPriority=", "", "Priority", "-1", NULL },
    { "What=/other", "name-mismatch!", "What", "/other", NULL },
    { "TimeoutSec=3", "", "TimeoutUSec", "3s", NULL },
    { "", "", "RequiresMountsFor", "/swapfile", NULL },
};
static const struct shown_case slices[] = {
    { "", "", "Description", "Slice /a/b", NULL },
    { "Slice=c.slice", "unsupported", "Slice", "a.slice", NULL },
    { "Delegate=yes", "unsupported", "Delegate", "no", NULL },
    { "", "", "TasksMax", "infinity", "18446744073709551615" },
    { "ConcurrencySoftMax=4", "", "ConcurrencySoftMax", "4", NULL },
    { "ConcurrencyHardMax=many", "bad-integer", "ConcurrencyHardMax", "4294967295", NULL },
};
/* clang-format on */

static void test_timers(void **state)
{
    (void)state;
    check_cases("case.timer", "[Timer]\nOnBootSec=7\n", timers, COUNT_OF(timers));
}

static void test_paths(void **state)
{
    (void)state;
    check_cases("case.path", "[Path]\nPathExists=/w\n", paths, COUNT_OF(paths));
}

static void test_mounts(void **state)
{
    (void)state;
    check_cases("mnt-disk.mount", "[Mount]\nWhat=/dev/disk\n", mounts, COUNT_OF(mounts));
    check_cases("a.automount", "[Automount]\n", automounts, COUNT_OF(automounts));
    check_cases("swapfile.swap", "[Swap]\n", swaps, COUNT_OF(swaps));
}

/* What the kernel mounts is no unit's business, and neither is a slice with such a name. */
static void test_names(void **state)
{
    (void)state;
    static const struct shown_case proc[] = { { "What=proc", "bad-path!", "Where", "/proc", NULL } };
    static const struct shown_case root[] = { { "", "bad-path!", "Where", "/", NULL } };
    static const struct shown_case bad[] = { { "", "bad-unit-name!", "Id", "a--b.slice", NULL } };
    check_cases("proc.mount", "[Mount]\n", proc, COUNT_OF(proc));
    check_cases("-.automount", "[Automount]\n", root, COUNT_OF(root));
    check_cases("a--b.slice", "[Slice]\n", bad, COUNT_OF(bad));
    check_cases("a-b.slice", "[Slice]\n", slices, COUNT_OF(slices));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
