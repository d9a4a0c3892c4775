/* tests/e2e/test_conditions.c - every kind of condition and assertion, met and not met, at the start of a unit. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <string.h>

#define ACTOR "/usr/local/bin/actor"
#define ONCE  "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n"
#define FORMS 4

/* What holds, as a condition, and what does not, as an assertion; where only the machine knows, one of two that cannot
 * both be so. The test turns each into the other as well. */
static const struct {
    const char *met, *unmet;
} rows[] = {
    /* clang-format off */
    { "ConditionACPower=|yes\nConditionACPower=|no",    "AssertACPower=yes\nAssertACPower=no" },
    { "ConditionArchitecture=native",                   "AssertArchitecture=cris" },
    { "ConditionCapability=CAP_CHOWN",                  "AssertCapability=CAP_UNHEARD_OF" },
    { "ConditionControlGroupController=|v1\nConditionControlGroupController=|v2",
      "AssertControlGroupController=v1\nAssertControlGroupController=v2" },
    { "ConditionCPUFeature=!unheard-of",                "AssertCPUFeature=unheard-of" },
    { "ConditionCPUPressure=100%",                      "AssertCPUPressure=!100%/1min" },
    { "ConditionCPUs=1",                                "AssertCPUs=<1" },
    { "ConditionCredential=passwd",                     "AssertCredential=none" },
    { "ConditionDirectoryNotEmpty=/etc",                "AssertDirectoryNotEmpty=/etc/passwd" },
    { "ConditionEnvironment=GIVEN=a",                   "AssertEnvironment=GIVEN=b" },
    { "ConditionFileIsExecutable=" ACTOR,               "AssertFileIsExecutable=/scene/text" },
    { "ConditionFileNotEmpty=/scene/text",              "AssertFileNotEmpty=/scene/empty" },
    { "ConditionFirmware=!unheard-of",                  "AssertFirmware=unheard-of" },
    { "ConditionFirstBoot=no",                          "AssertFirstBoot=yes" },
    { "ConditionGroup=root",                            "AssertGroup=54321" },
    { "ConditionHost=b?x",                              "AssertHost=elsewhere" },
    { "ConditionIOPressure=100%",                       "AssertIOPressure=!100%/10sec" },
    { "ConditionKernelCommandLine=!no.such.option",     "AssertKernelCommandLine=no.such.option" },
    { "ConditionKernelModuleLoaded=!no_such_module",    "AssertKernelModuleLoaded=no_such_module" },
    { "ConditionKernelVersion=>=4",                     "AssertKernelVersion=<4" },
    { "ConditionMemory=>1M",                            "AssertMemory=>=1000T" },
    { "ConditionMemoryPressure=100%",                   "AssertMemoryPressure=!100%" },
    { "ConditionNeedsUpdate=/scene",                    "AssertNeedsUpdate=!/scene" },
    { "ConditionOSRelease=ID=boxed VERSION_ID>=1.9",    "AssertOSRelease=VERSION_ID>=1.11" },
    { "ConditionPathExists=/scene/text",                "AssertPathExists=/not/there" },
    { "ConditionPathExistsGlob=/scene/{none,te}*",      "AssertPathExistsGlob=/scene/*.none" },
    { "ConditionPathIsDirectory=/scene",                "AssertPathIsDirectory=/scene/text" },
    { "ConditionPathIsEncrypted=!/proc",                "AssertPathIsEncrypted=/proc" },
    { "ConditionPathIsMountPoint=/proc",                "AssertPathIsMountPoint=/scene/text" },
    { "ConditionPathIsReadWrite=/scene",                "AssertPathIsReadWrite=/not/there" },
    { "ConditionPathIsSocket=/run/there.sock",          "AssertPathIsSocket=/scene/text" },
    { "ConditionPathIsSymbolicLink=/proc/self",         "AssertPathIsSymbolicLink=/proc" },
    { "ConditionSecurity=!unheard-of",                  "AssertSecurity=unheard-of" },
    { "ConditionUser=root",                             "AssertUser=54321" },
    { "ConditionVersion=kernel >=4",                    "AssertVersion=systemd <252" },
    { "ConditionVirtualization=container",              "AssertVirtualization=no" },
    /* clang-format on */
};

/* Every "Condition" of the lines becomes "Assert", or the other way. */
static void write_as(const char *lines, bool as_assert, char *out, size_t size)
{
    size_t used = 0;
    for (const char *line = lines; *line;) {
        size_t length = strcspn(line, "\n");
        size_t head = strncmp(line, "Assert", 6) == 0 ? strlen("Assert") : strlen("Condition");
        int n = snprintf(out + used, size - used, "%s%.*s\n", as_assert ? "Assert" : "Condition", (int)(length - head),
                         line + head);
        assert_true(n > 0 && (size_t)n < size - used);
        used += (size_t)n;
        line += length + (line[length] == '\n');
    }
}

static void test_every_kind(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool met, as_assert;
    } forms[FORMS] = {
        { "met", true, false }, { "unmet", false, false }, { "asserted", true, true }, { "failed", false, true }
    };
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    char name[64], lines[512], text[1024];
    assert_int_equal(box_spec_env(&spec.box, "GIVEN=a"), 0);
    assert_int_equal(box_spec_env(&spec.box, "CREDENTIALS_DIRECTORY=/etc"), 0);
    scene_file(s, "/etc/os-release", 0644, "ID=boxed\nVERSION_ID=1.10\n");
    scene_file(s, "/scene/text", 0644, "text\n");
    scene_file(s, "/scene/empty", 0644, "");
    scene_unit(s, "there.socket", "[Socket]\nListenStream=/run/there.sock\n");
    scene_unit(s, "there.service", ONCE);
    for (size_t i = 0; i < COUNT_OF(rows) * FORMS; i++) {
        size_t row = i / FORMS, form = i % FORMS;
        (void)snprintf(name, sizeof name, "%s-%02zu.service", forms[form].name, row); /* fits */
        write_as(forms[form].met ? rows[row].met : rows[row].unmet, forms[form].as_assert, lines, sizeof lines);
        (void)snprintf(text, sizeof text, "[Unit]\nAfter=there.socket\n%s" ONCE, lines); /* fits */
        scene_unit(s, name, text);
    }
    scene_boot(s, &spec);
    for (size_t i = 0; i < COUNT_OF(rows) * FORMS; i++) {
        size_t row = i / FORMS, form = i % FORMS;
        const char *setting = forms[form].met ? rows[row].met : rows[row].unmet;
        (void)snprintf(name, sizeof name, "%s-%02zu.service", forms[form].name, row); /* fits */
        print_message("  %s: %s\n", name, setting);
        if (forms[form].met)
            scene_wait_event(s, "spawn", name, NULL);
        else if (forms[form].as_assert)
            scene_wait_event(s, "unit_state", name, "active", "failed", "result", "assert", NULL);
        else
            scene_wait_event(s, "skipped", name, NULL);
        if (!forms[form].met) assert_int_equal(scene_count_events(s, "spawn", name, NULL), 0);
    }
    expect_stop(s, 0);
    scene_end(s);
}

/* What is written when a condition is not met, or cannot be answered. */
static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *setting, *reason;
    } cases[] = {
        { "ConditionCapability=CAP_UNHEARD_OF", "ConditionCapability=CAP_UNHEARD_OF cannot be told: Invalid argument" },
        { "ConditionCapability=!CAP_UNHEARD_OF",
          "ConditionCapability=!CAP_UNHEARD_OF cannot be told: Invalid argument" },
        { "ConditionKernelVersion= ! >=4", "ConditionKernelVersion=!>=4 unmet" },
        { "ConditionPathIsDirectory=//scene/./text/", "ConditionPathIsDirectory=/scene/text unmet" },
        { "ConditionHost=|elsewhere\nAssertHost=|box", "ConditionHost=|elsewhere unmet" },
    };
    struct scene *s = scene_new();
    char name[32], text[512];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        (void)snprintf(name, sizeof name, "word-%zu.service", i);                 /* fits */
        (void)snprintf(text, sizeof text, "[Unit]\n%s\n" ONCE, cases[i].setting); /* fits */
        scene_unit(s, name, text);
    }
    scene_file(s, "/scene/text", 0644, "text\n");
    scene_boot(s, NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].setting);
        (void)snprintf(name, sizeof name, "word-%zu.service", i); /* fits */
        scene_wait_event(s, "skipped", name, "reason", cases[i].reason, NULL);
    }
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* Where neither a file, a variable nor a cgroup says what the place is, its pid namespace does. */
static void test_pid_namespace(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.box.cgroup = BOX_CGROUP_ABSENT;
    spec.box.setup = "rm -f /.dockerenv /run/.containerenv"; /* the machine's own, if it is a container */
    scene_unit(s, "container.service", "[Unit]\nConditionVirtualization=container-other\n" ONCE);
    scene_boot(s, &spec);
    scene_wait_event(s, "spawn", "container.service", NULL);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_kind), cmocka_unit_test(test_words),
                                        cmocka_unit_test(test_pid_namespace) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
