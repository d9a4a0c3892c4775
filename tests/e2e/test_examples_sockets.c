/* tests/e2e/test_examples_sockets.c - examples/sockets: servers that rest until somebody asks, as they stand. */
#include "tests/e2e/debian.h"

#define IMAGE TEST_SOURCE_DIR "/examples/sockets"

static void expect_spawns(struct scene *s, const char *unit, size_t want)
{
    if (want > 0) (void)scene_wait_nth_event(s, want, "spawn", unit, NULL); /* its doings may be seen before */
    size_t got = scene_count_events(s, "spawn", unit, NULL);
    if (got != want) scene_fail(s, "%s was started %zu times, expected %zu", unit ? unit : "anything", got, want);
}

static void test_example(void **state)
{
    (void)state;
    SKIP_WITHOUT("/bin/busybox", "/usr/bin/redis-server", "/usr/bin/redis-cli");
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    assert_int_equal(box_spec_copy(&spec.box, IMAGE "/units", "/etc/container-init/units"), 0);
    assert_int_equal(box_spec_copy(&spec.box, IMAGE "/bin", "/usr/local/bin"), 0);
    assert_int_equal(box_spec_env(&spec.box, "IDLE_STOP=500ms"), 0);
    spec.box.setup = "mkdir -p /srv/web && echo hello >/srv/web/index.html && ln -s container-init "
                     "/usr/local/bin/systemctl";
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    expect_spawns(s, NULL, 0);

    for (size_t round = 1; round <= 2; round++) {
        print_message("  asked, each starts; left alone, it rests\n");
        run(s, "web", "[ \"$(busybox wget -q -O - http://127.0.0.1/)\" = hello ]", false);
        if (round == 1) run(s, "cache", "[ \"$(redis-cli set key value)\" = OK ]", false);
        run(s, "cache", "[ \"$(redis-cli get key)\" = value ]", false); /* also after the rest */
        (void)scene_wait_nth_event(s, round, "rearmed", "web.socket", NULL);
        (void)scene_wait_nth_event(s, round, "rearmed", "cache.socket", NULL);
        expect_spawns(s, "web.service", round);
    }
    print_message("  a program for each connection\n");
    run(s, "whoami",
        CONNECT("7777") "echo hello >&3 && read -r -t 20 line <&3 && [[ $line = 'hello: you are 127.0.0.1, port '* ]]",
        false);
    print_message("  a line that starts its reader\n");
    run(s, "notes", "echo remember >/run/notes", false);
    scene_wait_log(s, "[notes] note: remember\n");
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_example) };
    scene_skip_unless_possible();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
