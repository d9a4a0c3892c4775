/* systemd's search path: what is found where, under which names, and what of it is loaded and started. */
#include "tests/unit/load_root.h"

#include "unit/validate.h"

/* ---- the search path ---- */

static void test_order_of_directories(void **state)
{
    static const struct {
        const char *label, *at[3], *want;
    } cases[] = {
        { "/etc before /usr/lib", { USR "a.service", ETC "a.service" }, ETC "a.service" },
        { "/run before /usr/lib", { USR "b.service", RUN "b.service" }, RUN "b.service" },
        { "/etc before /run", { RUN "c.service", ETC "c.service" }, ETC "c.service" },
        { "/usr/local/lib before /usr/lib",
          { USR "d.service", "usr/local/lib/systemd/system/d.service" },
          "usr/local/lib/systemd/system/d.service" },
        /* /lib is /usr/lib here, and comes first in Debian's path */
        { "merged /usr is one directory", { USR "e.service" }, "lib/systemd/system/e.service" },
    };
    struct image *image = *state;
    char path[256];
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t k = 0; k < 3 && cases[i].at[k]; k++) image_write(image, cases[i].at[k], SERVICE);
    const char *const names[] = { "a.service", "b.service", "c.service", "d.service", "e.service", NULL };
    image_load_as(image, (struct unit_load_options){ .systemd = true, .names = names });
    assert_image_clean(image);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        (void)snprintf(path, sizeof path, "%s/%s", image->dir.root, cases[i].want);
        assert_string_equal(image_unit(image, names[i])->path, path);
    }
    assert_int_equal(unit_set_override_count(image->set), 0); /* overriding is what /etc is for */
    assert_string_equal(image_started(image), "a.service b.service c.service d.service e.service");
}

/* D6: a native unit stands in front of systemd's, all native ones start, and of systemd's the default target. */
static void test_both_modes(void **state)
{
    struct image *image = *state;
    const char *const directories[] = { "/native", NULL };
    image_write(image, "native/web.service", SERVICE);
    image_write(image, "native/app.service",
                "[Unit]\nAfter=helper.service\n[Service]\nExecStart=/bin/app ${X:-y}\nUser=${X:-y}\n");
    image_write(image, USR "web.service", SERVICE "User=systemd\n");
    image_write(image, USR "db.service", SERVICE "SyslogIdentifier=${X:-y}\n");
    image_write(image, USR "helper.service", SERVICE);
    image_write(image, USR "unwanted.service", SERVICE);
    image_link(image, "../web.service", ETC "multi-user.target.wants/web.service");
    image_link(image, "../db.service", ETC "multi-user.target.wants/db.service");
    image_load_as(image, (struct unit_load_options){ .systemd = true, .directories = directories });
    assert_false(image->report.failed);
    assert_int_equal(unit_set_override_count(image->set), 1);
    assert_string_equal(unit_set_override(image->set, 0)->name, "web.service");
    assert_null(image_unit(image, "web.service")->exec->user);
    assert_string_equal(image_started(image), "app.service db.service multi-user.target web.service");
    assert_string_equal(image_unit(image, "app.service")->exec->user, "y"); /* D3: native units only */
    assert_string_equal(image_unit(image, "db.service")->exec->syslog_identifier, "${X:-y}");
    assert_false(image_unit(image, "web.service")->systemd);
    assert_true(image_unit(image, "db.service")->systemd);
    assert_string_equal(image_relation(image, "web.service", UNIT_REQUIRES), ""); /* D18 */
    assert_string_equal(image_relation(image, "db.service", UNIT_REQUIRES), "sysinit.target");
    /* Loaded because somebody is ordered after it, and not started. */
    assert_int_equal(graph_start_reason(image->graph, image_unit(image, "helper.service")->id), HELD_UNWANTED);
    assert_null(unit_set_find(image->set, "unwanted.service"));
}

/* ---- what starts ---- */

static void test_default_target(void **state)
{
    struct image *image = *state;
    image_write(image, USR "graphical.target", "[Unit]\nRequires=multi-user.target\n");
    image_write(image, USR "multi-user.target", "[Unit]\nRequires=basic.target\n");
    image_link(image, "graphical.target", USR "default.target");
    image_write(image, USR "a.service", SERVICE);
    image_write(image, USR "b.service", SERVICE);
    image_write(image, USR "c.service", SERVICE);
    image_write(image, USR "broken.service", "[Service]\nExecStart=relative/path\n");
    image_link(image, "/usr/lib/systemd/system/a.service", ETC "multi-user.target.wants/a.service");
    image_link(image, "nowhere", ETC "graphical.target.requires/b.service");
    image_link(image, "../c.service", RUN "default.target.wants/c.service");
    image_load(image);
    assert_image_clean(image);
    assert_ptr_equal(image_unit(image, "default.target"), image_unit(image, "graphical.target"));
    assert_true(image_unit(image, "default.target")->goal);
    assert_string_equal(image_started(image), "a.service b.service c.service graphical.target multi-user.target");
    assert_null(unit_set_find(image->set, "broken.service")); /* what nobody pulls in is not read */
}

static void test_default_target_elsewhere(void **state)
{
    static const struct {
        const char *label, *link, *file, *want;
        bool failed;
    } cases[] = {
        { "no default target", NULL, NULL, "a.service multi-user.target", false },
        { "a file of its own", NULL, ETC "default.target", "b.service default.target", false },
        { "a link to a built-in target", "multi-user.target", NULL, "a.service multi-user.target", false },
        { "a link from /etc to /usr/lib", "/usr/lib/systemd/system/own.target", USR "own.target",
          "b.service own.target", false },
        { "a link to nothing", "none.target", NULL, "", true },
        { "masked", "/dev/null", NULL, "", true },
        { "a link to itself", "default.target", NULL, "", true },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        void *fresh;
        print_message("  %s\n", cases[i].label);
        assert_int_equal(image_setup(&fresh), 0);
        struct image *image = fresh;
        image_write(image, USR "a.service", SERVICE);
        image_write(image, USR "b.service", SERVICE);
        image_link(image, "../a.service", ETC "multi-user.target.wants/a.service");
        if (cases[i].file) image_write(image, cases[i].file, "[Unit]\nWants=b.service\n");
        if (cases[i].link) image_link(image, cases[i].link, ETC "default.target");
        image_load(image);
        assert_string_equal(image_started(image), cases[i].want);
        assert_int_equal(image->report.failed, cases[i].failed);
        assert_int_equal(image_diag(image, "missing-goal") != NULL, cases[i].failed);
        assert_int_equal(image_teardown(&fresh), 0);
    }
    (void)state;
}

/* An image without systemd's own targets: what is enabled in them starts all the same, in their order. */
static void test_built_in_targets(void **state)
{
    static const struct {
        const char *target, *unit;
    } links[] = {
        { "sockets.target", "a.socket" },    { "sysinit.target", "b.service" },    { "basic.target", "c.service" },
        { "local-fs.target", "d.service" },  { "getty.target", "e.service" },      { "timers.target", "f.service" },
        { "paths.target", "g.service" },     { "swap.target", "h.service" },       { "multi-user.target", "i.service" },
        { "runlevel3.target", "j.service" }, { "rescue.target", "never.service" },
    };
    struct image *image = *state;
    char path[128];
    for (size_t i = 0; i < COUNT_OF(links); i++) {
        (void)snprintf(path, sizeof path, ETC "%s.wants/%s", links[i].target, links[i].unit);
        image_link(image, "/nowhere", path);
        (void)snprintf(path, sizeof path, USR "%s", links[i].unit);
        image_write(image, path,
                    strstr(links[i].unit, ".socket") ? "[Socket]\nListenStream=/run/a\n"
                                                     : "[Unit]\nDefaultDependencies=no\n" SERVICE);
    }
    image_write(image, USR "a.service", SERVICE);
    image_link(image, "runlevel5.target", ETC "default.target");
    image_load(image);
    assert_image_clean(image);
    assert_string_equal(image_started(image), "a.socket b.service c.service d.service e.service f.service g.service "
                                              "graphical.target h.service i.service j.service");
    assert_string_equal(image_relation(image, "basic.target", UNIT_AFTER),
                        "sysinit.target paths.target slices.target sockets.target timers.target");
    assert_ptr_equal(image_unit(image, "runlevel2.target"), image_unit(image, "multi-user.target"));
    assert_int_equal(graph_cycle_count(image->graph), 0);
}

/* A unit that only stands in an order is told of in notes, and what it names is nothing to the run. */
static void test_aside(void **state)
{
    struct image *image = *state;
    image_write(image, ETC "default.target", "[Unit]\nWants=a.service\n");
    image_write(image, USR "a.service", "[Unit]\nAfter=b.service\nConflicts=c.service\n" SERVICE);
    image_write(image, USR "b.service", "[Unit]\nWants=d.service\nAfter=d.service\n" SERVICE "ExecStrat=typo\n");
    image_write(image, USR "c.service", "[Service]\nType=oneshot\n");
    image_write(image, USR "d.service", SERVICE);
    image_load(image);
    assert_image_clean(image);
    assert_int_equal(image->report.warnings, 0);
    assert_non_null(image_diag(image, "unknown-directive"));
    assert_non_null(unit_set_find(image->set, "b.service"));
    assert_null(unit_set_find(image->set, "d.service"));
    assert_string_equal(image_started(image), "a.service default.target");
}

/* An order in a cycle is left out, rather one that no file asks for, and everything starts. */
static void test_cycles(void **state)
{
    static const struct {
        const char *label, *a, *b, *target, *later, *earlier;
    } cases[] = {
        { "the target's own order", "[Unit]\nAfter=b.service\n", "[Unit]\nAfter=sub.target\n", "a.service",
          "sub.target", "a.service" },
        { "both written", "[Unit]\nAfter=b.service\n", "[Unit]\nAfter=a.service\n", "a.service b.service", "a.service",
          "b.service" },
        { "Before=", "[Unit]\nBefore=b.service\n", "[Unit]\nBefore=a.service\n", "a.service b.service", "a.service",
          "b.service" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        void *fresh;
        char text[256];
        bool refused = false;
        uint32_t later, earlier;
        print_message("  %s\n", cases[i].label);
        assert_int_equal(image_setup(&fresh), 0);
        struct image *image = fresh;
        (void)snprintf(text, sizeof text, "%s" SERVICE, cases[i].a);
        image_write(image, USR "a.service", text);
        (void)snprintf(text, sizeof text, "%s" SERVICE, cases[i].b);
        image_write(image, USR "b.service", text);
        (void)snprintf(text, sizeof text, "[Unit]\nWants=%s\n", cases[i].target);
        image_write(image, USR "sub.target", text);
        image_write(image, ETC "default.target", "[Unit]\nWants=a.service b.service sub.target\n");
        image_load(image);
        assert_int_equal(graph_cycle_count(image->graph), 0);
        assert_int_equal(graph_ignored_count(image->graph), 1);
        (void)graph_ignored_order(image->graph, 0, &later, &earlier);
        assert_string_equal(unit_set_get(image->set, later)->name, cases[i].later);
        assert_string_equal(unit_set_get(image->set, earlier)->name, cases[i].earlier);
        assert_int_equal(unit_set_validate(image->set, image->graph, image->diags, &refused), 0);
        assert_false(refused);
        assert_non_null(image_diag(image, "dependency-cycle"));
        assert_int_equal(image_diag(image, "dependency-cycle")->severity, DIAG_WARNING);
        assert_string_equal(image_started(image), "a.service b.service default.target sub.target");
        assert_int_equal(image_teardown(&fresh), 0);
    }
}

/* Of native units alone a cycle refuses the set, also where systemd's are read (S07). */
static void test_native_cycle(void **state)
{
    struct image *image = *state;
    const char *const directories[] = { "/native", NULL };
    bool refused = false;
    image_write(image, "native/a.service", "[Unit]\nAfter=b.service\n" SERVICE);
    image_write(image, "native/b.service", "[Unit]\nAfter=a.service\n" SERVICE);
    image_load_as(image, (struct unit_load_options){ .systemd = true, .directories = directories });
    assert_int_equal(unit_set_validate(image->set, image->graph, image->diags, &refused), 0);
    assert_true(refused);
}

static void test_pulled_in(void **state)
{
    struct image *image = *state;
    static const char *const names[] = { "w", "r", "b", "q", "a", "f", "after" };
    char path[128];
    image_write(image, ETC "default.target",
                "[Unit]\nWants=w.service s.socket t@1.service\nRequires=r.service\nBindsTo=b.service\n"
                "Requisite=q.service\nAfter=after.service\n");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof path, USR "%s.service", names[i]);
        image_write(image, path,
                    strcmp(names[i], "w") == 0 ? "[Unit]\nOnFailure=f.service\nWants=a.service\n" SERVICE : SERVICE);
    }
    image_write(image, USR "s.socket", "[Socket]\nListenStream=/run/s\n");
    image_write(image, USR "s.service", SERVICE);
    image_write(image, USR "t@.service", "[Service]\nExecStart=/bin/t %i\nUser=u%i\n");
    image_load(image);
    assert_image_clean(image);
    assert_string_equal(image_started(image), "a.service b.service default.target r.service s.socket "
                                              "t@1.service w.service");
    assert_string_equal(image_unit(image, "t@1.service")->exec->user, "u1");
    assert_int_equal(graph_start_reason(image->graph, image_unit(image, "s.service")->id), HELD_FOR_SOCKET);
    assert_int_equal(graph_start_reason(image->graph, image_unit(image, "f.service")->id), HELD_FOR_HANDLER);
    assert_int_equal(graph_start_reason(image->graph, image_unit(image, "after.service")->id), HELD_UNWANTED);
}

/* A unit that is pulled in and cannot be loaded is no reason to start nothing. */
static void test_broken(void **state)
{
    struct image *image = *state;
    image_write(image, ETC "default.target",
                "[Unit]\nWants=broken.service good.service masked.service empty.service\n");
    image_write(image, USR "broken.service", "[Service]\nType=oneshot\n");
    image_write(image, USR "good.service", "[Unit]\nAfter=broken.service masked.service gone.service\n" SERVICE);
    image_write(image, USR "masked.service", SERVICE);
    image_link(image, "/dev/null", ETC "masked.service");
    image_write(image, ETC "empty.service", "");
    image_write(image, USR "empty.service", SERVICE);
    image_load(image);
    assert_false(image->report.failed);
    assert_true(image->report.warnings > 0);
    assert_string_equal(image_started(image), "default.target good.service");
    assert_int_equal(unit_set_absence(image->set, "broken.service"), UNIT_REFUSED);
    assert_int_equal(unit_set_absence(image->set, "masked.service"), UNIT_MASKED);
    assert_int_equal(unit_set_absence(image->set, "empty.service"), UNIT_MASKED);
    assert_int_equal(unit_set_absence(image->set, "gone.service"), UNIT_NOT_FOUND);
}

/* A zone that the image does not have, with the path that was looked for; what else the timer says counts. */
static void test_zone_of_timer(void **state)
{
    struct image *image = *state;
    image_write(image, ETC "default.target", "[Unit]\nWants=w.timer v.timer\n");
    image_write(image, USR "w.timer", "[Timer]\nOnCalendar=daily Europe/Berlin\nOnBootSec=1\n");
    image_write(image, USR "v.timer", "[Timer]\nOnCalendar=daily UTC\n");
    image_load(image);
    assert_int_equal(image->report.warnings, 1);
    assert_non_null(strstr(image_diag(image, "bad-calendar")->message,
                           "time zone /usr/share/zoneinfo/Europe/Berlin: No such file or directory"));
    assert_int_equal(image_unit(image, "w.timer")->timer->values.count, 1);
    assert_int_equal(image_unit(image, "v.timer")->timer->values.count, 1);
}

/* A slice needs no file. Mounts, swaps and devices are read where there is one; without, they are nobody's business
 * here: whoever requires one does not wait for it. */
static void test_outside_kinds(void **state)
{
    struct image *image = *state;
    image_write(image, ETC "default.target", "[Unit]\nRequires=a.service\n");
    image_write(
        image, USR "a.service",
        "[Unit]\nRequires=some.slice data.mount -.mount x.device\nAfter=data.mount\n[Service]\nExecStart=/bin/a\n"
        "Slice=some.slice\n");
    image_write(image, USR "data.mount", "[Mount]\nWhat=/dev/x\nWhere=/data\n");
    image_load(image);
    assert_false(image->report.failed);
    assert_int_equal(image->report.warnings, 0);
    assert_null(graph_missing_requirement(image->graph, image_unit(image, "a.service")->id, NULL));
    assert_int_equal(unit_set_absence(image->set, "-.mount"), UNIT_INERT);
    assert_int_equal(unit_set_absence(image->set, "x.device"), UNIT_INERT);
    assert_true(image_unit(image, "some.slice")->builtin);
    assert_string_equal(image_started(image), "a.service data.mount default.target");
}

/* ---- other names ---- */

static void test_aliases(void **state)
{
    struct image *image = *state;
    static const struct {
        const char *target, *link;
    } links[] = {
        { "web.service", USR "www.service" },
        { "/usr/lib/systemd/system/www.service", ETC "home.service" },    /* a link to a link */
        { "../../../lib/systemd/system/web.service", ETC "far.service" }, /* through merged /usr */
        { "tty@.service", USR "console@.service" },
        { "tty@9.service", USR "nine@9.service" },
        { "tty@.service", USR "tty@4.service" }, /* an instance with a file of its own */
        { "../../../../opt/other.service", ETC "linked.service" },
        { "tty@.service", ETC "bad.service" },
        { "web.service", ETC "bad@.service" },
        { "tty@1.service", ETC "bad@2.service" },
        { "web.service", ETC "bad.socket" },
        { "web.service", ETC "web.service" },
    };
    image_write(image, USR "web.service", SERVICE "User=web\n");
    image_write(image, USR "tty@.service", SERVICE "User=u%i\n");
    scratch_mkdir(&image->dir, "opt");
    image_write(image, "opt/other.service", SERVICE "User=other\n");
    for (size_t i = 0; i < COUNT_OF(links) - 1; i++) image_link(image, links[i].target, links[i].link);
    image_write(image, ETC "default.target",
                "[Unit]\nWants=home.service console@3.service nine@9.service tty@4.service linked.service bad.service "
                "bad@1.service bad@2.service bad.socket far.service\n");
    image_load(image);
    static const struct {
        const char *name, *unit;
    } cases[] = {
        { "www.service", "web.service" },       { "home.service", "web.service" },
        { "far.service", "web.service" },       { "console@3.service", "tty@3.service" },
        { "nine@9.service", "tty@9.service" },  { "tty@4.service", "tty@4.service" },
        { "linked.service", "linked.service" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        assert_string_equal(image_unit(image, cases[i].name)->name, cases[i].unit);
    }
    assert_string_equal(image_unit(image, "linked.service")->exec->user, "other");
    assert_string_equal(image_unit(image, "console@3.service")->exec->user, "u3");
    static const char *const bad[] = { "bad.service", "bad@1.service", "bad@2.service", "bad.socket" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) assert_null(unit_set_find(image->set, bad[i]));
    assert_int_equal(image->report.warnings, COUNT_OF(bad));
    const char *const *names;
    assert_int_equal(unit_set_aliases(image->set, image_unit(image, "web.service"), &names), 3);
    assert_string_equal(names[0], "far.service");
    assert_string_equal(names[1], "home.service");
    assert_string_equal(names[2], "www.service");
    assert_int_equal(unit_set_aliases(image->set, image_unit(image, "linked.service"), &names), 0);
}

static void test_alias_loops(void **state)
{
    struct image *image = *state;
    image_link(image, "b.service", ETC "a.service");
    image_link(image, "a.service", ETC "b.service");
    image_link(image, "self.service", ETC "self.service");
    image_link(image, "t@.service", ETC "u@.service");
    image_link(image, "u@.service", ETC "t@.service");
    image_write(image, ETC "default.target", "[Unit]\nWants=a.service self.service t@1.service\n");
    image_load(image);
    assert_false(image->report.failed);
    assert_string_equal(image_started(image), "default.target");
    assert_int_equal(unit_set_absence(image->set, "a.service"), UNIT_REFUSED);
    assert_int_equal(unit_set_absence(image->set, "self.service"), UNIT_NOT_FOUND);
    assert_int_equal(unit_set_absence(image->set, "t@1.service"), UNIT_REFUSED);
}

/* The names of links count, also for aliases, instances, prefixes and the kind. */
static void test_wants_directories(void **state)
{
    struct image *image = *state;
    static const char *const links[] = {
        "app.service.wants/own.service",          "alias.service.wants/by-alias.service",
        "tty@.service.wants/by-template.service", "tty@1.service.requires/by-instance.service",
        "tty@.service.wants/log@.service",        "app-.service.wants/never.service",
        "pre-fix.service.wants/x.service",        "pre-.service.wants/by-prefix.service",
        "service.wants/by-kind.service",
    };
    char path[160];
    for (size_t i = 0; i < COUNT_OF(links); i++) {
        (void)snprintf(path, sizeof path, ETC "%s", links[i]);
        image_link(image, "/nowhere", path);
    }
    image_link(image, "/dev/null", ETC "app.service.wants/masked.service");
    image_write(image, USR "empty.service", "");
    image_link(image, "/usr/lib/systemd/system/empty.service", ETC "app.service.wants/empty.service");
    image_link(image, "../masked.service", USR "app.service.wants/masked.service");
    image_write(image, ETC "app.service.wants/plain.service", "x");
    image_write(image, USR "app.service", SERVICE);
    image_link(image, "app.service", USR "alias.service");
    image_write(image, USR "tty@.service", SERVICE);
    image_write(image, USR "pre-fix.service", SERVICE);
    image_write(image, ETC "default.target", "[Unit]\nWants=app.service tty@1.service pre-fix.service\n");
    image_load(image);
    static const struct {
        const char *unit;
        enum unit_relation relation;
        const char *want;
    } cases[] = {
        { "app.service", UNIT_WANTS, "by-alias.service by-kind.service own.service" },
        { "tty@1.service", UNIT_WANTS, "by-kind.service by-template.service log@1.service" },
        { "tty@1.service", UNIT_REQUIRES, "by-instance.service sysinit.target" },
        { "pre-fix.service", UNIT_WANTS, "by-kind.service by-prefix.service x.service" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].unit);
        assert_string_equal(image_relation(image, cases[i].unit, cases[i].relation), cases[i].want);
    }
    assert_non_null(image_diag(image, "not-a-link"));
}

/* ---- drop-ins ---- */

static void test_dropins(void **state)
{
    static const struct {
        const char *label, *unit;
        const char *files[8]; /* in any order; the first names the unit's file */
        const char *want;
    } cases[] = {
        { "sorted by name whatever the directory",
          "a.service",
          { USR "a.service", USR "a.service.d/20.conf", ETC "a.service.d/10.conf", RUN "a.service.d/30.conf" },
          ETC "a.service.d/10.conf lib/systemd/system/a.service.d/20.conf " RUN "a.service.d/30.conf" },
        { "one name: the directory that comes first",
          "a.service",
          { USR "a.service", USR "a.service.d/10.conf", RUN "a.service.d/10.conf", ETC "a.service.d/10.conf" },
          ETC "a.service.d/10.conf" },
        { "one name: the more specific in one directory",
          "a-b-c.service",
          { USR "a-b-c.service", ETC "a-.service.d/10.conf", ETC "a-b-.service.d/10.conf",
            ETC "a-b-c.service.d/10.conf", ETC "service.d/10.conf" },
          ETC "a-b-c.service.d/10.conf" },
        { "one name: the directory before the more specific",
          "a-b.service",
          { USR "a-b.service", ETC "a-.service.d/10.conf", USR "a-b.service.d/10.conf" },
          ETC "a-.service.d/10.conf" },
        { "one name: the kind last of all",
          "a.service",
          { USR "a.service", ETC "service.d/10.conf", USR "a.service.d/10.conf" },
          "lib/systemd/system/a.service.d/10.conf" },
        { "all prefixes",
          "a-b-c.service",
          { USR "a-b-c.service", ETC "a-.service.d/1.conf", ETC "a-b-.service.d/2.conf", ETC "a-b-c.service.d/3.conf",
            ETC "service.d/4.conf", ETC "a-b.service.d/5.conf", ETC "a.service.d/6.conf" },
          ETC "a-.service.d/1.conf " ETC "a-b-.service.d/2.conf " ETC "a-b-c.service.d/3.conf " ETC
              "service.d/4.conf" },
        { "template, instance, and their prefixes",
          "a-b@x.service",
          { USR "a-b@.service", ETC "a-b@.service.d/1.conf", ETC "a-b@x.service.d/2.conf", ETC "a-@.service.d/3.conf",
            ETC "a-@x.service.d/4.conf", ETC "a-b@y.service.d/5.conf", ETC "a-b.service.d/6.conf" },
          ETC "a-b@.service.d/1.conf " ETC "a-b@x.service.d/2.conf " ETC "a-@.service.d/3.conf " ETC
              "a-@x.service.d/4.conf" },
        { "the instance before the template",
          "t@x.service",
          { USR "t@.service", ETC "t@.service.d/1.conf", ETC "t@x.service.d/1.conf" },
          ETC "t@x.service.d/1.conf" },
        { "a slice without a file",
          "user-1000.slice",
          { NULL, USR "user-.slice.d/1.conf", ETC "slice.d/2.conf" },
          "lib/systemd/system/user-.slice.d/1.conf " ETC "slice.d/2.conf" },
        { "other files", "a.service", { USR "a.service", ETC "a.service.d/README", ETC "a.service.d/1.conf~" }, "" },
        { "another kind", "a.socket", { NULL, ETC "service.d/1.conf", ETC "a.service.d/1.conf" }, "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        void *fresh;
        print_message("  %s\n", cases[i].label);
        assert_int_equal(image_setup(&fresh), 0);
        struct image *image = fresh;
        for (size_t k = 0; k < COUNT_OF(cases[i].files); k++)
            if (cases[i].files[k]) image_write(image, cases[i].files[k], k == 0 ? SERVICE : "[Unit]\nDescription=x\n");
        image_describe(image, cases[i].unit);
        const struct unit_detail *detail = unit_set_detail(image->set, image_unit(image, cases[i].unit));
        assert_string_equal(image_list(image, detail->dropins), cases[i].want);
        assert_int_equal(image_teardown(&fresh), 0);
    }
}

static void test_dropin_contents(void **state)
{
    struct image *image = *state;
    image_write(image, USR "web.service", SERVICE "User=file\nGroup=file\nSyslogIdentifier=file\n");
    image_link(image, "web.service", USR "www.service");
    image_write(image, ETC "www.service.d/50-alias.conf", "[Service]\nUser=alias\n");
    image_write(image, USR "web.service.d/10-lib.conf", "[Service]\nGroup=lib\nUser=lib\n");
    image_write(image, USR "web.service.d/60-masked.conf", "[Service]\nGroup=masked\n");
    image_link(image, "/dev/null", ETC "web.service.d/60-masked.conf");
    image_link(image, "nowhere.conf", ETC "web.service.d/70-dangling.conf");
    image_link(image, "/opt/there", ETC "service.d");
    scratch_mkdir(&image->dir, "opt");
    scratch_mkdir(&image->dir, "opt/there");
    image_write(image, "opt/there/80-linked.conf", "[Service]\nSyslogIdentifier=linked\n");
    image_link(image, "../web.service", ETC "multi-user.target.wants/web.service");
    image_load(image);
    const struct unit *unit = image_unit(image, "web.service");
    assert_string_equal(unit->exec->user, "alias");
    assert_string_equal(unit->exec->group, "lib");
    assert_string_equal(unit->exec->syslog_identifier, "linked");
    assert_false(image->report.failed);
}

/* ---- the root ---- */

/* Nothing outside the root is opened, whatever links say. */
static void test_root_is_kept(void **state)
{
    struct image *image = *state;
    struct scratch outside;
    char target[160];
    scratch_init(&outside);
    scratch_mkdir(&outside, "units");
    scratch_write(&outside, "units/secret.service", SERVICE);
    scratch_write(&outside, "units/10.conf", "[Service]\nUser=outside\n");
    (void)snprintf(target, sizeof target, "%s/units/secret.service", outside.root);
    image_link(image, target, ETC "secret.service");
    (void)snprintf(target, sizeof target, "../../../../../..%s/units", outside.root);
    image_link(image, target, ETC "web.service.d");
    image_write(image, USR "web.service", SERVICE);
    image_write(image, ETC "default.target", "[Unit]\nWants=secret.service web.service\n");
    image_load(image);
    assert_int_equal(unit_set_absence(image->set, "secret.service"), UNIT_NOT_FOUND);
    assert_null(image_unit(image, "web.service")->exec->user);
    scratch_done(&outside);
}

static void test_no_such_root(void **state)
{
    struct image *image = *state;
    (void)snprintf(image->dir.path, sizeof image->dir.path, "%s/missing", image->dir.root);
    const struct unit_load_options options = { .systemd = true, .root = image->dir.path, .hostname = "host" };
    assert_int_equal(unit_set_load(&options, image->diags, &image->report, &image->set), 0);
    assert_true(image->report.failed);
    assert_non_null(image_diag(image, "unreadable-directory"));
}

/* ---- describing ---- */

static void test_load_states(void **state)
{
    static const struct {
        const char *name;
        enum unit_load_state want;
    } cases[] = {
        { "good.service", UNIT_STATE_LOADED },
        { "gone.service", UNIT_STATE_NOT_FOUND },
        { "masked.service", UNIT_STATE_MASKED },
        { "empty.service", UNIT_STATE_MASKED },
        { "broken.service", UNIT_STATE_BAD_SETTING },
        { "network.target", UNIT_STATE_LOADED },
        { "system.slice", UNIT_STATE_LOADED },
        { "any-name.slice", UNIT_STATE_LOADED },
        { "-.mount", UNIT_STATE_LOADED },
        { "gone.mount", UNIT_STATE_NOT_FOUND },
        { "good.timer", UNIT_STATE_LOADED },
        { "t@1.service", UNIT_STATE_LOADED },
        { "t@.service", UNIT_STATE_LOADED },
    };
    struct image *image = *state;
    const char *names[COUNT_OF(cases) + 1] = { NULL };
    image_write(image, USR "good.service", SERVICE);
    image_link(image, "/dev/null", ETC "masked.service");
    image_write(image, ETC "empty.service", "");
    image_write(image, ETC "broken.service", "[Service]\nType=oneshot\nUser=kept\n");
    image_write(image, ETC "good.timer", "[Timer]\nOnBootSec=1\n");
    image_write(image, ETC "t@.service", SERVICE);
    for (size_t i = 0; i < COUNT_OF(cases); i++) names[i] = cases[i].name;
    image_load_as(image, (struct unit_load_options){ .systemd = true, .describe = true, .names = names });
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        assert_int_equal(image_unit(image, cases[i].name)->load_state, cases[i].want);
        assert_non_null(unit_set_detail(image->set, image_unit(image, cases[i].name)));
    }
    assert_string_equal(image_unit(image, "broken.service")->exec->user, "kept");
    assert_string_equal(unit_load_state_name(UNIT_STATE_BAD_SETTING), "bad-setting");
}

static void test_names_of_a_unit(void **state)
{
    struct image *image = *state;
    image_write(image, USR "getty@.service", SERVICE);
    image_link(image, "getty@.service", USR "autovt@.service");
    image_describe(image, "getty@tty1.service");
    const struct unit_detail *detail = unit_set_detail(image->set, image_unit(image, "getty@tty1.service"));
    assert_string_equal(image_list(image, detail->names), "autovt@tty1.service getty@tty1.service");
}

/* ---- hostile ---- */

static void test_ten_thousand_dropins(void **state)
{
    struct image *image = *state;
    char path[96], file[160];
    image_write(image, USR "a.service", SERVICE);
    image_write(image, ETC "a.service.d/99998.conf", "[Service]\nUser=last\n");
    image_write(image, USR "a.service.d/00000.conf", "[Service]\nUser=first\n");
    (void)snprintf(file, sizeof file, "%s/" USR "a.service.d/00000.conf", image->dir.root);
    for (unsigned i = 1; i < 10000; i++) { /* links of one file, which cost no time to make */
        (void)snprintf(path, sizeof path, "%sa.service.d/%05u.conf", i % 2 ? ETC : USR, i / 2 * 2);
        assert_true(link(file, scratch_path(&image->dir, path)) == 0 || errno == EEXIST);
    }
    image_describe(image, "a.service");
    const struct unit_detail *detail = unit_set_detail(image->set, image_unit(image, "a.service"));
    size_t count = 0;
    while (detail->dropins[count]) count++;
    assert_int_equal(count, 5001);
    assert_string_equal(image_unit(image, "a.service")->exec->user, "last");
}

static void test_deep_wants(void **state)
{
    struct image *image = *state;
    char path[96], target[64];
    for (unsigned i = 0; i < 500; i++) {
        (void)snprintf(path, sizeof path, ETC "n%u.service.wants/n%u.service", i, i + 1);
        (void)snprintf(target, sizeof target, "../n%u.service", i + 1);
        image_link(image, target, path);
        (void)snprintf(path, sizeof path, USR "n%u.service", i);
        image_write(image, path, SERVICE);
    }
    image_write(image, ETC "default.target", "[Unit]\nWants=n0.service\n");
    image_load(image);
    assert_true(unit_set_count(image->set) > 500 && unit_set_count(image->set) < 550); /* and built-in targets */
    assert_int_equal(graph_start_reason(image->graph, image_unit(image, "n499.service")->id), START_AT_BOOT);
}

static void test_endless_instances(void **state)
{
    struct image *image = *state;
    image_write(image, USR "t@.service", "[Unit]\nWants=t@%ix.service\n" SERVICE);
    image_write(image, USR "u@.service", "[Unit]\nWants=u@%i%i.service\n" SERVICE);
    image_write(image, ETC "default.target", "[Unit]\nWants=t@0.service u@0.service\n");
    image_load(image);
    assert_true(unit_set_count(image->set) < 1000); /* names end at 255 bytes */
}

static void test_link_chain(void **state)
{
    struct image *image = *state;
    char path[96], target[64];
    image_write(image, USR "n0.service", SERVICE);
    for (unsigned i = 1; i <= 300; i++) {
        (void)snprintf(path, sizeof path, ETC "n%u.service", i);
        (void)snprintf(target, sizeof target, "n%u.service", i - 1);
        image_link(image, target, path);
    }
    image_write(image, ETC "default.target", "[Unit]\nWants=n5.service n300.service\n");
    image_load(image);
    assert_non_null(image_unit(image, "n5.service"));
    assert_false(image->report.failed);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, image_setup, image_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_order_of_directories),
        TEST(test_both_modes),
        TEST(test_default_target),
        cmocka_unit_test(test_default_target_elsewhere),
        TEST(test_built_in_targets),
        TEST(test_aside),
        cmocka_unit_test(test_cycles),
        TEST(test_native_cycle),
        TEST(test_pulled_in),
        TEST(test_broken),
        TEST(test_zone_of_timer),
        TEST(test_outside_kinds),
        TEST(test_aliases),
        TEST(test_alias_loops),
        TEST(test_wants_directories),
        cmocka_unit_test(test_dropins),
        TEST(test_dropin_contents),
        TEST(test_root_is_kept),
        TEST(test_no_such_root),
        TEST(test_load_states),
        TEST(test_names_of_a_unit),
        TEST(test_ten_thousand_dropins),
        TEST(test_deep_wants),
        TEST(test_endless_instances),
        TEST(test_link_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
