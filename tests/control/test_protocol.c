#include "control/protocol.h"

#include "base/attr.h"

#include <errno.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static const struct {
    const char *label, *text;
    int r;
    enum control_verb verb;
    size_t units;
} messages[] = {
    { "a job", "{\"verb\":\"start\",\"units\":[\"a.service\",\"b.socket\"],\"wait\":true}", 0, CONTROL_START, 2 },
    { "members nobody knows", "{\"verb\":\"stop\",\"units\":[\"a.service\"],\"colour\":{}}", 0, CONTROL_STOP, 1 },
    { "all units", "{\"verb\":\"units\"}", 0, CONTROL_UNITS, 0 },
    { "the same with an empty list", "{\"verb\":\"units\",\"units\":[]}", 0, CONTROL_UNITS, 0 },
    { "all the failed ones", "{\"verb\":\"reset-failed\"}", 0, CONTROL_RESET_FAILED, 0 },
    { "nothing", "", -EINVAL, 0, 0 },
    { "no object", "[\"start\"]", -EINVAL, 0, 0 },
    { "a verb of another type", "{\"verb\":1}", -EINVAL, 0, 0 },
    { "no such verb", "{\"verb\":\"format-disk\",\"units\":[\"a.service\"]}", -EINVAL, 0, 0 },
    { "no verb", "{\"units\":[\"a.service\"]}", -EINVAL, 0, 0 },
    { "a verb twice", "{\"verb\":\"stop\",\"verb\":\"start\",\"units\":[\"a.service\"]}", -EINVAL, 0, 0 },
    { "a job without a unit", "{\"verb\":\"start\"}", -EINVAL, 0, 0 },
    { "units that are no list", "{\"verb\":\"start\",\"units\":\"a.service\"}", -EINVAL, 0, 0 },
    { "a number for a unit", "{\"verb\":\"start\",\"units\":[1]}", -EINVAL, 0, 0 },
    { "a path for a unit", "{\"verb\":\"start\",\"units\":[\"../a.service\"]}", -EINVAL, 0, 0 },
    { "a pattern for a unit", "{\"verb\":\"start\",\"units\":[\"*.service\"]}", -EINVAL, 0, 0 },
    { "signal 0", "{\"verb\":\"kill\",\"units\":[\"a.service\"],\"signal\":0}", -EINVAL, 0, 0 },
    { "signal 65", "{\"verb\":\"kill\",\"units\":[\"a.service\"],\"signal\":65}", -EINVAL, 0, 0 },
    { "a word for a signal", "{\"verb\":\"kill\",\"units\":[\"a.service\"],\"signal\":\"TERM\"}", -EINVAL, 0, 0 },
    { "nobody to kill", "{\"verb\":\"kill\",\"units\":[\"a.service\"],\"whom\":\"me\"}", -EINVAL, 0, 0 },
    { "an exit status of 256", "{\"verb\":\"exit\",\"exit\":256}", -EINVAL, 0, 0 },
    { "an exit status below 0", "{\"verb\":\"exit\",\"exit\":-1}", -EINVAL, 0, 0 },
    { "a job beyond 32 bits", "{\"verb\":\"cancel\",\"job\":4294967296}", -EINVAL, 0, 0 },
    { "a wait that is a word", "{\"verb\":\"stop\",\"units\":[\"a.service\"],\"wait\":\"no\"}", -EINVAL, 0, 0 },
    { "a message cut short", "{\"verb\":\"start\",\"units\":[\"a.serv", -EINVAL, 0, 0 },
    { "two messages", "{\"verb\":\"units\"}{\"verb\":\"jobs\"}", -EINVAL, 0, 0 },
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        struct control_request request = CONTROL_REQUEST_EMPTY;
        const char *why = NULL;
        print_message("  %s\n", messages[i].label);
        assert_int_equal(control_request_parse(messages[i].text, strlen(messages[i].text), &request, &why),
                         messages[i].r);
        assert_non_null(why);
        if (messages[i].r == 0) {
            assert_int_equal(request.verb, messages[i].verb);
            assert_int_equal(request.units.count, messages[i].units);
        }
        control_request_done(&request);
    }
}

/* Deep nesting and bytes that are no text are refused like everything else (K94). */
static void test_hostile(void **state)
{
    (void)state;
    static char deep[CONTROL_REQUEST_MAX];
    static const char nul[] = "{\"verb\":\"units\"\0}",
                      bytes[] = "{\"verb\":\"units\",\"units\":[\"\xff\xfe.service\"]}";
    struct control_request request = CONTROL_REQUEST_EMPTY;
    const char *why;
    memset(deep, '[', sizeof deep);
    assert_int_equal(control_request_parse(deep, sizeof deep, &request, &why), -EINVAL);
    assert_int_equal(control_request_parse(nul, sizeof nul - 1, &request, &why), -EINVAL);
    assert_int_equal(control_request_parse(bytes, sizeof bytes - 1, &request, &why), -EINVAL);
    control_request_done(&request);
}

/* What a client writes, the server reads as it was meant. */
static void test_round_trip(void **state)
{
    (void)state;
    for (int verb = 0; verb < CONTROL_VERB_COUNT; verb++) {
        struct control_request request = CONTROL_REQUEST_EMPTY, again = CONTROL_REQUEST_EMPTY;
        const char *why;
        request.verb = (enum control_verb)verb;
        assert_int_equal(strlist_add(&request.units, "a-b\\x2dc@\\x40.service"), 0);
        request.mode = strdup("replace-irreversibly");
        request.wait = verb % 2 == 0;
        request.job = UINT32_MAX;
        request.signal = SIGRTMIN + 3;
        request.whom = CONTROL_WHOM_MAIN;
        request.exit_code = 0;
        char *text = control_request_format(&request);
        assert_non_null(text);
        print_message("  %s\n", text);
        assert_int_equal(control_request_parse(text, strlen(text), &again, &why), 0);
        assert_int_equal(again.verb, verb);
        assert_string_equal(again.units.items[0], request.units.items[0]);
        assert_string_equal(again.mode, request.mode);
        assert_int_equal(again.wait, request.wait);
        if (verb == CONTROL_CANCEL) assert_int_equal(again.job, request.job);
        if (verb == CONTROL_KILL) assert_int_equal(again.signal, request.signal);
        if (verb == CONTROL_KILL) assert_int_equal(again.whom, request.whom);
        if (verb == CONTROL_EXIT) assert_int_equal(again.exit_code, 0);
        free(text);
        control_request_done(&request);
        control_request_done(&again);
    }
}

static void test_addresses(void **state)
{
    (void)state;
    struct sockaddr_un address, again;
    char path[sizeof address.sun_path + 1];
    memset(path, 'x', sizeof path);
    path[sizeof address.sun_path - 1] = '\0';
    assert_int_equal(control_address_path(path, &address), sizeof address);
    path[sizeof address.sun_path - 1] = 'x';
    path[sizeof address.sun_path] = '\0';
    assert_int_equal(control_address_path(path, &address), -ENAMETOOLONG);
    int length = control_address_abstract(&address);
    assert_true(length > (int)sizeof(sa_family_t) + 16 && address.sun_path[0] == '\0');
    assert_int_equal(control_address_abstract(&again), length); /* both ends find the same */
    assert_memory_equal(&address, &again, sizeof address);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
