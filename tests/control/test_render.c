#include "control/render.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What `fn` prints, malloc'ed. */
#define PRINTED(stream, call)                                                                                          \
    __extension__({                                                                                                    \
        char *text_ = NULL;                                                                                            \
        size_t size_ = 0;                                                                                              \
        FILE *stream = open_memstream(&text_, &size_);                                                                 \
        assert_non_null(stream);                                                                                       \
        (void)(call);                                                                                                  \
        assert_int_equal(fclose(stream), 0);                                                                           \
        text_;                                                                                                         \
    })

static void expect(char *got, const char *want)
{
    assert_string_equal(got, want);
    free(got);
}

static struct json_value *parse(const char *text)
{
    struct json_value *value = NULL;
    assert_int_equal(json_parse(text, strlen(text), &value, NULL), 0);
    return value;
}

static const struct {
    const char *label, *unit, *want;
} statuses[] = {
    { "a service that runs",
      "{\"Id\":\"a.service\",\"Description\":\"A thing\",\"LoadState\":\"loaded\",\"FragmentPath\":\"/u/a.service\","
      "\"ActiveState\":\"active\",\"SubState\":\"running\",\"ActiveEnterTimestamp\":3600000000,\"StatusText\":\"all "
      "is\\nwell\",\"ControlGroup\":\"/g/a\",\"Documentation\":[\"man:a(8)\",\"man:b(8)\"],"
      "\"TriggeredBy\":[\"a.socket\"],\"triggered_by_states\":[\"active\"]}",
      "\u25cf a.service - A thing\n     Loaded: loaded (/u/a.service)\n"
      "     Active: active (running) since Thu 1970-01-01 01:00:00 UTC; 1h 0min ago\n"
      "TriggeredBy: \u25cf a.socket\n       Docs: man:a(8)\n             man:b(8)\n"
      "     Status: \"all is\\nwell\"\n     CGroup: /g/a\n" },
    { "one that failed by its exit status",
      "{\"Id\":\"a.service\",\"Description\":\"a.service\",\"LoadState\":\"loaded\",\"ActiveState\":\"failed\","
      "\"SubState\":\"failed\",\"Result\":\"exit-code\",\"MainPID\":0,\"ExecMainPID\":7,\"ExecMainCode\":1,"
      "\"ExecMainStatus\":203}",
      "\u00d7 a.service\n     Loaded: loaded\n     Active: failed (failed) (Result: exit-code)\n"
      "   Main PID: 7 (code=exited, status=203/EXEC)\n" },
    { "one that a signal ended",
      "{\"Id\":\"a.service\",\"Description\":\"a.service\",\"LoadState\":\"loaded\",\"ActiveState\":\"inactive\","
      "\"SubState\":\"dead\",\"ExecMainPID\":7,\"ExecMainCode\":2,\"ExecMainStatus\":15}",
      "\u25cb a.service\n     Loaded: loaded\n     Active: inactive (dead)\n"
      "   Main PID: 7 (code=killed, signal=TERM)\n" },
    { "a socket that has refused somebody",
      "{\"Id\":\"a.socket\",\"Description\":\"a.socket\",\"LoadState\":\"loaded\",\"ActiveState\":\"active\","
      "\"SubState\":\"listening\",\"Listen\":[\"/run/a (Stream)\",\"[::]:80 (Stream)\"],\"Accept\":false,"
      "\"NAccepted\":3,\"NConnections\":2,\"NRefused\":1,\"Triggers\":[\"a.service\",\"b.service\"],"
      "\"triggers_states\":[\"failed\"]}",
      "\u25cf a.socket\n     Loaded: loaded\n     Active: active (listening)\n"
      "   Triggers: \u00d7 a.service\n             b.service\n"
      "     Listen: /run/a (Stream)\n             [::]:80 (Stream)\n"
      "   Accepted: 3; Connected: 2;  Refused: 1\n" },
    { "a timer",
      "{\"Id\":\"a.timer\",\"Description\":\"a.timer\",\"LoadState\":\"loaded\",\"ActiveState\":\"active\","
      "\"SubState\":\"waiting\",\"NextElapseUSecRealtime\":10800000000}",
      "\u25cf a.timer\n     Loaded: loaded\n     Active: active (waiting)\n"
      "    Trigger: Thu 1970-01-01 03:00:00 UTC; 1h 0min left\n" },
    { "one that waits for nothing", "{\"Id\":\"a.timer\",\"Description\":\"a.timer\",\"NextElapseUSecRealtime\":0}",
      "\u25cf a.timer\n     Loaded: \n     Active:  ()\n    Trigger: n/a\n" },
    { "what is no unit at all", "{}", "\u25cf \n     Loaded: \n     Active:  ()\n" },
};

static void test_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        struct json_value *unit = parse(statuses[i].unit);
        print_message("  %s\n", statuses[i].label);
        expect(PRINTED(out, (control_render_status(out, unit, 7200 * USEC_PER_SEC), 0)), statuses[i].want);
        json_free(unit);
    }
}

static void test_properties(void **state)
{
    (void)state;
    struct json_value *unit = parse("{\"type\":\"unit\",\"MainPID\":5,\"ConditionResult\":true,\"Names\":[\"a\",\"b\"],"
                                    "\"Nothing\":[],\"Text\":\"a\\u0007b\",\"SinceTimestamp\":0}");
    AUTO_STRLIST struct strlist none = STRLIST_EMPTY, some = STRLIST_EMPTY;
    assert_int_equal(strlist_add(&some, "Names"), 0);
    assert_int_equal(strlist_add(&some, "Absent"), 0);
    expect(PRINTED(out, (control_render_properties(out, unit, &none, false), 0)),
           "ConditionResult=yes\nMainPID=5\nNames=a b\nNothing=\nSinceTimestamp=\nText=a\\ab\n");
    expect(PRINTED(out, (control_render_properties(out, unit, &some, true), 0)), "a b\n");
    json_free(unit);
}

static void test_table(void **state)
{
    (void)state;
    static const char *const head[] = { "UNIT", "STATE" };
    AUTO_STRLIST struct strlist cells = STRLIST_EMPTY;
    static const char *const texts[] = { "a-long-name.service", "active", "b", "failed\n" };
    for (size_t i = 0; i < COUNT_OF(texts); i++) assert_int_equal(strlist_add(&cells, texts[i]), 0);
    expect(PRINTED(out, (control_render_table(out, head, &cells, 2), 0)),
           "UNIT                STATE\na-long-name.service active\nb                   failed\\n\n");
    expect(PRINTED(out, (control_render_table(out, NULL, &cells, 2), 0)),
           "a-long-name.service active\nb                   failed\\n\n");
}

static const struct {
    const char *result, *why, *want; /* NULL: there is nothing to say */
} failures[] = {
    { "done", "success", NULL },
    { "skipped", "success", NULL },
    { "canceled", "success", "Job for a.service canceled.\n" },
    { "invalid", "success", "a.service is not active, cannot reload.\n" },
    { "dependency", "success", "A dependency job for a.service failed. See the container's log for details.\n" },
    { "failed", "exit-code",
      "Job for a.service failed because the control process exited with error code.\n"
      "See \"systemctl status a.service\" and the container's log for details.\n" },
    { "failed", "a-new-word",
      "Job for a.service failed.\nSee \"systemctl status a.service\" and the container's log for details.\n" },
};

static void test_failure(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        bool any = false;
        char *text = PRINTED(out, any = control_render_failure(out, "a.service", failures[i].result, failures[i].why));
        assert_int_equal(any, failures[i].want != NULL);
        expect(text, failures[i].want ? failures[i].want : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
