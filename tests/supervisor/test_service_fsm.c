/* supervisor/service_fsm.def: what has to be true of the matrix as a whole. */
#include "supervisor/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct move {
    enum service_state from;
    enum service_event event;
    enum service_state to;
};
static const struct move moves[] = {
#define M(f, e, t, action) { SERVICE_STATE_##f, SERVICE_EVENT_##e, SERVICE_STATE_##t },
#include "supervisor/service_fsm.def"
#undef M
};

static bool has_move(enum service_state from, enum service_event event)
{
    for (size_t i = 0; i < COUNT_OF(moves); i++)
        if (moves[i].from == from && moves[i].event == event) return true;
    return false;
}

/* Two rows for one cell would overwrite each other in silence. */
static void test_cells_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(moves); i++)
        for (size_t k = i + 1; k < COUNT_OF(moves); k++)
            assert_false(moves[i].from == moves[k].from && moves[i].event == moves[k].event);
}

/* An event named GO_X moves to X, every other event stays. */
static void test_names_keep_their_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        const char *event = service_event_name(moves[i].event), *to = service_state_name(moves[i].to);
        char want[32] = "";
        if (strncmp(event, "GO_", 3) == 0) {
            for (size_t k = 0; event[k + 3]; k++) want[k] = event[k + 3] == '_' ? '-' : (char)(event[k + 3] | 0x20);
            print_message("  %s: %s -> %s\n", service_state_name(moves[i].from), event, to);
            assert_string_equal(want, to);
        } else {
            assert_int_equal(moves[i].from, moves[i].to);
        }
    }
}

/* From every state that has a time limit something happens when it passes; every state on the way down ends. */
static void test_no_dead_ends(void **state)
{
    (void)state;
    for (int s = 0; s < SERVICE_STATE_COUNT; s++) {
        enum service_state from = (enum service_state)s;
        enum active_state active = service_state_active(from);
        print_message("  %s\n", service_state_name(from));
        assert_int_equal(has_move(from, SERVICE_EVENT_TIMEOUT), service_state_timeout(from) != SERVICE_TIMEOUT_NONE);
        if (active == ACTIVE_STATE_ACTIVE || active == ACTIVE_STATE_RELOADING ||
            (active == ACTIVE_STATE_ACTIVATING && from != SERVICE_STATE_AUTO_RESTART &&
             from != SERVICE_STATE_AUTO_RESTART_QUEUED))
            assert_true(has_move(from, SERVICE_EVENT_GO_STOP_SIGTERM));
        if (active == ACTIVE_STATE_DEACTIVATING && from != SERVICE_STATE_STOP) {
            assert_true(has_move(from, SERVICE_EVENT_GO_DEAD));
            assert_true(has_move(from, SERVICE_EVENT_GO_FAILED));
            assert_true(has_move(from, SERVICE_EVENT_GO_AUTO_RESTART));
        }
        if (active == ACTIVE_STATE_DEACTIVATING && from != SERVICE_STATE_FINAL_SIGKILL)
            assert_true(has_move(from, SERVICE_EVENT_GO_FINAL_SIGKILL)); /* the stop bound (D11) */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_are_unique),
        cmocka_unit_test(test_names_keep_their_word),
        cmocka_unit_test(test_no_dead_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
