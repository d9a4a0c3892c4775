/* ReadyWhen=, HealthCheck= and what belongs to them. */
#include "tests/unit/parse_unit.h"

#include <errno.h>

/* clang-format off */
/* A native and a systemd unit are judged alike: `codes` of both. */
static const struct { const char *lines, *codes; } verdicts[] = {
    { "ReadyWhen=tcp:127.0.0.1:80", "" },            { "ReadyWhen=tcp:[::1]:80", "" },
    { "ReadyWhen=tcp:localhost:80", "" },            { "ReadyWhen=tcp:db.example:5432", "" },
    { "ReadyWhen=tcp:80", "bad-probe!" },            { "ReadyWhen=tcp::80", "bad-probe!" },
    { "ReadyWhen=tcp:a b:80", "bad-probe!" },        { "ReadyWhen=tcp:localhost:0", "bad-probe!" },
    { "ReadyWhen=tcp:localhost:65536", "bad-probe!" }, { "ReadyWhen=tcp:/run/x", "bad-probe!" },
    { "ReadyWhen=tcp:", "bad-probe!" },              { "ReadyWhen=tcp", "bad-probe!" },
    { "ReadyWhen=unix:/run/x.sock", "" },            { "ReadyWhen=unix:@name", "" },
    { "ReadyWhen=unix:%t/x.sock", "" },              { "ReadyWhen=unix:127.0.0.1:80", "bad-probe!" },
    { "ReadyWhen=unix:relative", "bad-probe!" },     { "ReadyWhen=unix:", "bad-probe!" },
    { "ReadyWhen=path:/run/x", "" },                 { "ReadyWhen=path:/run/a b", "" },
    { "ReadyWhen=path:run/x", "bad-probe!" },        { "ReadyWhen=path:", "bad-probe!" },
    { "ReadyWhen=http://localhost/", "" },           { "ReadyWhen=http://localhost", "" },
    { "ReadyWhen=http:http://localhost:8080/a?b=c#d", "" }, { "ReadyWhen=http://[::1]:80/x", "" },
    { "ReadyWhen=http://[::1]/x", "" },              { "ReadyWhen=http://localhost?x", "" },
    { "ReadyWhen=https://localhost/", "bad-probe!" }, { "ReadyWhen=http:localhost", "bad-probe!" },
    { "ReadyWhen=http://", "bad-probe!" },           { "ReadyWhen=http:///x", "bad-probe!" },
    { "ReadyWhen=http://a@b/", "bad-probe!" },       { "ReadyWhen=http://localhost/a b", "bad-probe!" },
    { "ReadyWhen=http://localhost:x/", "bad-probe!" }, { "ReadyWhen=http://localhost:/", "bad-probe!" },
    { "ReadyWhen=exec:/bin/true", "" },              { "ReadyWhen=exec:-/bin/sh -c 'exit 1'", "" },
    { "ReadyWhen=exec:true", "" },                   { "ReadyWhen=exec: /bin/true", "" },
    { "ReadyWhen=exec:", "bad-probe!" },             { "ReadyWhen=exec:/bin/true ; /bin/false", "bad-probe!" },
    { "ReadyWhen=exec:bin/true", "bad-command!" },   { "ReadyWhen=exec:/bin/true 'a", "bad-quoting!" },
    { "ReadyWhen=log:ready", "" },                   { "ReadyWhen=log:^(a|b)+ [[:digit:]]{2}$", "" },
    { "ReadyWhen=log:", "bad-probe!" },              { "ReadyWhen=log:(", "bad-probe!" },
    { "ReadyWhen=log:\\d", "bad-probe!" },           { "ReadyWhen=log:a{256}", "bad-probe!" },
    { "ReadyWhen=log:x\nStandardOutput=null", "bad-combination!" },
    { "ReadyWhen=log:x\nStandardOutput=null\nStandardError=journal", "" },
    { "HealthCheck=log:x\nStandardOutput=null", "bad-combination!" },
    { "ReadyWhen=ftp:x", "bad-probe!" },             { "ReadyWhen=yes", "bad-probe!" },
    { "ReadyWhen=:x", "bad-probe!" },                { "ReadyWhen=", "" },
    { "ReadyWhen=path:/x\nReadyWhen=", "" },         { "HealthCheck=path:relative", "bad-probe!" },
    { "Type=oneshot\nReadyWhen=path:/x", "bad-combination!" },
    { "Type=oneshot\nHealthCheck=path:/x", "bad-combination!" },
    { "Type=forking\nReadyWhen=path:/x", "" },
    { "HealthAction=restart", "" },                  { "HealthAction=none", "" },
    { "HealthAction=exit-container", "" },           { "HealthAction=fail", "" },
    { "ReadyThreshold=3", "" },                      { "HealthTimeoutSec=0", "" },
};
/* clang-format on */

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(verdicts); i++) {
        for (int native = 0; native <= 1; native++) {
            struct parsed u = parse_service(verdicts[i].lines, native);
            AUTO_STR struct str got = STR_EMPTY;
            print_message("  %s%s\n", verdicts[i].lines, native ? "" : " (systemd)");
            char *at = strchr(u.codes, '@');
            if (at) *at = '\0';
            assert_int_equal(str_appendf(&got, "%s%s", u.codes, u.result ? "!" : ""), 0);
            assert_string_equal(str_text(&got), verdicts[i].codes);
            parsed_done(&u);
        }
    }
}

static void test_slots(void **state)
{
    (void)state;
    struct parsed u = parse_service(
        "ReadyWhen=unix:/run/%p.sock\nReadyIntervalSec=2s\nReadyTimeoutSec=0\nReadyThreshold=4\n"
        "HealthCheck=exec:-/bin/sh -c 'echo \"%n\"'\nHealthIntervalSec=1min\nHealthTimeoutSec=5\nHealthRetries=2\n"
        "HealthStartPeriodSec=10s\nHealthAction=exit-container",
        true);
    const struct probe_section *probe = &u.settings.probe;
    assert_string_equal(u.codes, "");
    assert_int_equal(probe->ready.kind, PROBE_UNIX);
    assert_string_equal(probe->ready.text, "unix:/run/case.sock");
    assert_string_equal(probe->ready.target, "/run/case.sock");
    assert_int_equal(probe->ready.origin.line, 3);
    assert_int_equal(probe->ready_interval, 2 * USEC_PER_SEC);
    assert_int_equal(probe->ready_timeout, USEC_INFINITY);
    assert_int_equal(probe->ready_threshold, 4);
    assert_int_equal(probe->health.kind, PROBE_EXEC);
    assert_int_equal(probe->health.commands.count, 1);
    const struct command *command = &probe->health.commands.items[0];
    assert_string_equal(command->program, "/bin/sh");
    assert_int_equal(command->flags, COMMAND_IGNORE_FAILURE);
    assert_int_equal(command->argc, 3);
    assert_string_equal(command->argv[2], "echo \"case.service\"");
    assert_int_equal(command->origin.line, 7);
    assert_int_equal(probe->health_interval, 60 * USEC_PER_SEC);
    assert_int_equal(probe->health_timeout, 5 * USEC_PER_SEC);
    assert_int_equal(probe->health_retries, 2);
    assert_int_equal(probe->health_start_period, 10 * USEC_PER_SEC);
    assert_int_equal(probe->health_action, HEALTH_EXIT_CONTAINER);
    parsed_done(&u);

    u = parse_service("HealthCheck=path:/x\nHealthCheck=tcp:[::1]:25", true); /* the last one counts */
    assert_int_equal(u.settings.probe.health.kind, PROBE_TCP);
    assert_string_equal(u.settings.probe.health.target, "[::1]:25");
    assert_int_equal(u.settings.probe.health_interval, 30 * USEC_PER_SEC);
    assert_int_equal(u.settings.probe.health_retries, 3);
    assert_int_equal(u.settings.probe.health_action, HEALTH_RESTART);
    parsed_done(&u);
}

/* Unit, file, line, column and directive of what is wrong: in the expression, in the command behind "exec:". */
static void test_positions(void **state)
{
    (void)state;
    struct parsed u = parse_service("ReadyWhen=log:ab(c\nHealthCheck=exec:/bin/true \\\n  'a", true);
    const struct diag *d = diag_get(u.diags, 0);
    assert_string_equal(d->key, "ReadyWhen");
    assert_string_equal(d->at.file, "/units/test.unit");
    assert_int_equal(d->at.line, 3);
    assert_int_equal(d->at.column, 17);
    assert_non_null(strstr(d->message, "has a '(' without its ')'"));
    d = diag_get(u.diags, 1);
    assert_string_equal(d->code, "bad-quoting");
    assert_int_equal(d->at.line, 5);
    assert_int_equal(d->at.column, 3);
    parsed_done(&u);
}

/* clang-format off */
static const struct { const char *url; int r; enum address_kind kind; unsigned port; const char *authority, *path; } urls[] = {
    { "//127.0.0.1:8080/health?x=1#y", 0, ADDRESS_IPV4, 8080, "127.0.0.1:8080", "/health?x=1" },
    { "//127.0.0.1",                   0, ADDRESS_IPV4, 80,   "127.0.0.1", "" },
    { "http://[::1]:81",               0, ADDRESS_IPV6, 81,   "[::1]:81", "" },
    { "//[::1]/a",                     0, ADDRESS_IPV6, 80,   "[::1]", "/a" },
    { "//db?x",                        0, ADDRESS_HOST, 80,   "db", "?x" },
    { "//a:b:c/",                      -EINVAL, 0, 0, "", "" },
    { "/127.0.0.1",                    -EINVAL, 0, 0, "", "" },
    { "//user@host/",                  -EINVAL, 0, 0, "", "" },
    { "//host/\x7f",                   -EINVAL, 0, 0, "", "" },
    { "//*:80/",                       -EINVAL, 0, 0, "", "" },
};
/* clang-format on */

static void test_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct probe_url url;
        print_message("  %s\n", urls[i].url);
        assert_int_equal(probe_target_url(urls[i].url, &url), urls[i].r);
        if (urls[i].r < 0) continue;
        assert_int_equal(url.address.kind, urls[i].kind);
        assert_int_equal(url.address.port, urls[i].port);
        assert_int_equal(url.authority_length, strlen(urls[i].authority));
        assert_memory_equal(url.authority, urls[i].authority, url.authority_length);
        assert_int_equal(url.path_length, strlen(urls[i].path));
        assert_memory_equal(url.path, urls[i].path, url.path_length);
    }
    char *longest = malloc(400);
    assert_non_null(longest);
    (void)snprintf(longest, 400, "//%0380d/", 1);
    struct probe_url url;
    assert_int_equal(probe_target_url(longest, &url), -EINVAL);
    free(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_verdicts), cmocka_unit_test(test_slots),
                                        cmocka_unit_test(test_positions), cmocka_unit_test(test_urls) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
