/* tests/e2e/test_exec.c - every supported directive of systemd.exec(5), seen on a real process by itself. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ENVIRONMENT_FILE "/etc/row.env"

/* One unit each, in one boot. `key` of the actor's report is `want`; NULL: the key is not there. */
static const struct {
    const char *label, *settings, *key, *want;
} rows[] = {
    /* clang-format off */
    { "User= by name",                  "User=app",                                     "uid",             "4711" },
    { "User= takes its group",          "User=app",                                     "gid",             "4711" },
    { "User= saves no other identity",  "User=app",                                     "suid",            "4711" },
    { "User= by number",                "User=4711",                                    "euid",            "4711" },
    { "a number without passwd entry",  "User=54321",                                   "uid",             "54321" },
    { "...keeps group 0 (S48)",         "User=54321",                                   "gid",             "0" },
    { "K63: Group= without User=",      "Group=helpers",                                "gid",             "4712" },
    { "K63: ...keeps the user",         "Group=helpers",                                "uid",             "0" },
    { "Group= with User=",              "User=app\nGroup=helpers",                      "egid",            "4712" },
    { "groups of the user database",    "User=app",                                     "groups",          "4712 4713" },
    { "...without the primary one",     "User=app\nGroup=helpers",                      "groups",          "4713" },
    { "SupplementaryGroups= adds",      "User=app\nSupplementaryGroups=4720 watchers",  "groups",          "4712 4713 4720 4721" },
    { "SupplementaryGroups= as root",   "SupplementaryGroups=watchers",                 "groups",          "4721" },
    { "UMask= default",                 "",                                             "umask",           "0022" },
    { "UMask=",                         "UMask=0077",                                   "umask",           "0077" },
    { "WorkingDirectory= default",      "",                                             "cwd",             "/" },
    { "WorkingDirectory=",              "WorkingDirectory=/usr/local",                  "cwd",             "/usr/local" },
    { "WorkingDirectory=~",             "User=app\nWorkingDirectory=~",                 "cwd",             "/home/app" },
    { "WorkingDirectory=- may miss",    "WorkingDirectory=-/not/there",                 "cwd",             "/" },
    { "K65: quotes in Environment=",    "Environment=\"GREETING=hello world\" B=2",     "env.GREETING",    "hello world" },
    { "Environment= lists",             "Environment=\"GREETING=hello world\" B=2",     "env.B",           "2" },
    { "Environment= later wins",        "Environment=A=1\nEnvironment=A=2",             "env.A",           "2" },
    { "Environment= reset",             "Environment=A=1\nEnvironment=",                "env.A",           NULL },
    { "Environment= over inherited",    "Environment=INHERITED=mine",                   "env.INHERITED",   "mine" },
    { "K70: docker run -e",             "",                                             "env.INHERITED",   "from docker" },
    { "EnvironmentFile=",               "EnvironmentFile=" ENVIRONMENT_FILE,            "env.FROM_FILE",   "one" },
    { "K66: quoted trailing space",     "EnvironmentFile=" ENVIRONMENT_FILE,            "env.TRAILING",    "space " },
    { "EnvironmentFile= over the unit", "Environment=FROM_FILE=unit\nEnvironmentFile=" ENVIRONMENT_FILE, "env.FROM_FILE", "one" },
    { "EnvironmentFile=- may miss",     "EnvironmentFile=-/not/there",                  "env.FROM_FILE",   NULL },
    { "UnsetEnvironment=",              "UnsetEnvironment=INHERITED",                   "env.INHERITED",   NULL },
    { "UnsetEnvironment= with value",   "Environment=A=1 B=1\nUnsetEnvironment=A=1 B=2", "env.A",          NULL },
    { "...leaves another value",        "Environment=A=1 B=1\nUnsetEnvironment=A=1 B=2", "env.B",          "1" },
    { "PassEnvironment=",               "PassEnvironment=INHERITED",                    "env.INHERITED",   "from docker" },
    { "LimitNOFILE=",                   "LimitNOFILE=100:200",                          "limit.nofile",    "100:200" },
    { "LimitNPROC=",                    "LimitNPROC=77",                                "limit.nproc",     "77:77" },
    { "LimitCORE=",                     "LimitCORE=0",                                  "limit.core",      "0:0" },
    { "LimitAS=",                        "LimitAS=4G:8G",                                "limit.as",       "4294967296:8589934592" },
    { "LimitCPU=",                       "LimitCPU=1min",                                "limit.cpu",      "60:60" },
    { "LimitDATA=",                      "LimitDATA=3G",                                 "limit.data",     "3221225472:3221225472" },
    { "LimitFSIZE=",                     "LimitFSIZE=1M:2M",                             "limit.fsize",    "1048576:2097152" },
    { "LimitMEMLOCK=",                   "LimitMEMLOCK=4K",                              "limit.memlock",  "4096:4096" },
    { "LimitMSGQUEUE=",                  "LimitMSGQUEUE=4K",                             "limit.msgqueue", "4096:4096" },
    { "LimitNICE=",                      "LimitNICE=+19",                                "limit.nice",     "1:1" },
    { "LimitRSS=",                       "LimitRSS=1G",                                  "limit.rss",      "1073741824:1073741824" },
    { "LimitRTPRIO=",                    "LimitRTPRIO=3",                                "limit.rtprio",   "3:3" },
    { "LimitRTTIME=",                    "LimitRTTIME=2s",                               "limit.rttime",   "2000000:2000000" },
    { "LimitSIGPENDING=",                "LimitSIGPENDING=50",                           "limit.sigpending","50:50" },
    { "LimitSTACK=",                     "LimitSTACK=4M",                                "limit.stack",    "4194304:4194304" },
    { "Nice=",                          "Nice=7",                                       "nice",            "7" },
    { "OOMScoreAdjust=",                "OOMScoreAdjust=321",                           "oom_score_adj",   "321" },
    { "IgnoreSIGPIPE= default",         "",                                             "signals.ignored", "13" },
    { "IgnoreSIGPIPE=no",               "IgnoreSIGPIPE=no",                             "signals.ignored", "" },
    { "K79: no signal is blocked",      "",                                             "signals.blocked", "" },
    { "StandardInput= default",         "",                                             "fd.0",            "/dev/null" },
    { "StandardInput=null",             "StandardInput=null",                           "fd.0",            "/dev/null" },
    { "StandardInput=file:",            "StandardInput=file:/etc/row.env",              "fd.0",            "/etc/row.env" },
    { "StandardOutput=null",            "StandardOutput=null",                          "fd.1",            "/dev/null" },
    { "StandardError=null",             "StandardError=null",                           "fd.2",            "/dev/null" },
    { "StandardError= follows output",  "StandardOutput=null",                          "fd.2",            "/dev/null" },
    { "StandardOutput=file:",           "StandardOutput=file:/scene/out",               "fd.1",            "/scene/out" },
    { "StandardOutput=append:",         "StandardOutput=append:/scene/appended",        "fd.1",            "/scene/appended" },
    { "StandardError=truncate:",        "StandardError=truncate:/scene/cut",            "fd.2",            "/scene/cut" },
    { "nothing else is inherited",      "",                                             "fds",             "0 1 2" },
    { "K61: no LISTEN_FDS from outside", "",                                            "env.LISTEN_FDS",  NULL },
    { "K61: no LISTEN_PID",             "",                                             "env.LISTEN_PID",  NULL },
    { "K61: no LISTEN_FDNAMES",         "",                                             "env.LISTEN_FDNAMES", NULL },
    { "K64: HOME of the user",          "User=app\nEnvironment=HOME=/wrong HOME=/worse", "env.HOME",       "/home/app" },
    { "K64: USER of the user",          "User=app\nEnvironment=USER=wrong",             "env.USER",        "app" },
    { "K64: LOGNAME of the user",       "User=4711\nEnvironment=LOGNAME=wrong",         "env.LOGNAME",     "app" },
    { "K69: %t",                        "Environment=A=%t",                             "env.A",           "/run" },
    { "K69: %H",                        "Environment=A=%H",                             "env.A",           "rows" },
    { "%% is a per cent sign",          "Environment=A=100%%",                          "env.A",           "100%" },
    /* clang-format on */
};

/* The box is not root on the machine: it can lower limits only. 0 where this test cannot raise them for it either. */
static bool raise_limit(__rlimit_resource_t resource)
{
    struct rlimit limit = { 5, 5 }, own;
    return setrlimit(resource, &limit) == 0 || (getrlimit(resource, &own) == 0 && own.rlim_max >= 5);
}

static void prepare_image(struct scene *s)
{
    scene_file(s, "/etc/passwd", 0644, "root:x:0:0::/root:/bin/sh\napp:x:4711:4711::/home/app:/bin/sh\n");
    scene_file(s, "/etc/group", 0644,
               "root:x:0:\napp:x:4711:\nhelpers:x:4712:app\ntesters:x:4713:other,app\nwatchers:x:4721:\n");
    scene_file(s, "/home/app/.profile", 0644, "");
    scene_file(s, ENVIRONMENT_FILE, 0644, "# comment\nFROM_FILE=one\nTRAILING=\"space \"\n");
}

static void test_rows(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    char name[32], text[1024];
    spec.box.hostname = "rows";
    static const char *const environment[] = { "INHERITED=from docker", "LISTEN_FDS=3",   "LISTEN_PID=1",
                                               "LISTEN_FDNAMES=a:b:c",  "USER=inherited", "HOME=/inherited" };
    for (size_t i = 0; i < COUNT_OF(environment); i++) assert_int_equal(box_spec_env(&spec.box, environment[i]), 0);
    prepare_image(s);
    bool nice = raise_limit(RLIMIT_NICE), priority = raise_limit(RLIMIT_RTPRIO);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(name, sizeof name, "row-%02zu.service", i);
        (void)snprintf(text, sizeof text,
                       "[Service]\nType=oneshot\n%s\nExecStart=/usr/local/bin/actor report /scene/%s\n",
                       rows[i].settings, name);
        scene_unit(s, name, text);
    }
    scene_boot(s, &spec);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(name, sizeof name, "row-%02zu.service", i);
        print_message("  %s\n", rows[i].label);
        scene_wait_event(s, "exited", name, "err", "", NULL);
        bool lowered =
            (!nice && str_equal(rows[i].key, "limit.nice")) || (!priority && str_equal(rows[i].key, "limit.rtprio"));
        expect_report(s, name, rows[i].key, lowered ? "0:0" : rows[i].want);
    }
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
