/* Looking at lines as they pass. */
#include "tests/supervisor/logs_fixture.h"

struct seen {
    struct log_tap tap;
    struct str text; /* "LABEL:LINE|" of each */
    size_t longest;
};

static void see(const char *label, size_t label_length, const char *line, size_t length, void *userdata)
{
    struct seen *seen = userdata;
    seen->longest = MAX_OF(seen->longest, length);
    size_t shown = MIN_OF(length, (size_t)16);
    assert_int_equal(str_appendf(&seen->text, "%.*s:%.*s|", (int)label_length, label, (int)shown, line), 0);
}

static void expect_seen(struct seen *seen, const char *want)
{
    assert_string_equal(str_text(&seen->text), want);
    str_clear(&seen->text);
}

/* One label by its address, or all; lines in parts; the last one without its newline. */
static void test_lines(void **state)
{
    static const char web[] = "web", db[] = "db";
    struct fixture *f = *state;
    struct seen one = { .tap = { .label = web, .line = see, .userdata = &one } };
    struct seen all = { .tap = { .line = see, .userdata = &all } };
    begin(f);
    AUTO_FD struct fd first = stream(f, web, 1), second = stream(f, db, 2);
    logs_tap(f->logs, &one.tap, false);
    logs_tap(f->logs, &all.tap, false);
    put(first.n, "a\nb", 3);
    settle(f);
    put(second.n, "x\n\n", 3);
    settle(f);
    put(first.n, "c\nlast", 6);
    fd_close(&first);
    settle(f);
    expect_seen(&one, "web:a|web:bc|web:last|");
    expect_seen(&all, "web:a|db:x|db:|web:bc|web:last|");
    assert_string_equal(str_text(&f->out_text), "[web] a\n[web] bc\n[web] last\n");
    logs_untap(f->logs, &one.tap);
    logs_untap(f->logs, &one.tap); /* no harm */
    put(second.n, "y\n", 2);
    settle(f);
    expect_seen(&one, "");
    expect_seen(&all, "db:y|");
    logs_untap(f->logs, &all.tap);
    str_done(&one.text);
    str_done(&all.text);
}

/* What streams of an earlier run carry is passed over. */
static void test_only_new(void **state)
{
    static const char web[] = "web";
    struct fixture *f = *state;
    struct seen seen = { .tap = { .label = web, .line = see, .userdata = &seen } };
    begin(f);
    AUTO_FD struct fd old = stream(f, web, 1);
    logs_tap(f->logs, &seen.tap, true);
    AUTO_FD struct fd new = stream(f, web, 1);
    put(old.n, "old\n", 4);
    put(new.n, "new\n", 4);
    settle(f);
    expect_seen(&seen, "web:new|");
    logs_tap(f->logs, &seen.tap, false); /* again, otherwise */
    put(old.n, "old\n", 4);
    settle(f);
    expect_seen(&seen, "web:old|");
    logs_untap(f->logs, &seen.tap);
    str_done(&seen.text);
}

/* Only the beginning of a long line, once. */
static void test_long_line(void **state)
{
    static const char web[] = "web";
    struct fixture *f = *state;
    struct seen seen = { .tap = { .label = web, .line = see, .userdata = &seen } };
    begin(f);
    logs_tap(f->logs, &seen.tap, false);
    AUTO_FD struct fd writer = stream(f, web, 1);
    char piece[1000];
    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < 40; i++) {
        put(writer.n, piece, sizeof piece);
        settle(f);
    }
    put(writer.n, "\nend\n", 5);
    settle(f);
    expect_seen(&seen, "web:xxxxxxxxxxxxxxxx|web:end|");
    assert_int_equal(seen.longest, LOG_TAP_LINE_MAX);
    logs_untap(f->logs, &seen.tap);
    str_done(&seen.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_only_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_line, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
