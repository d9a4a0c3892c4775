/* tests/e2e/test_random.c - sets of units nobody would write, stopped at some moment: whatever they do to each other,
 * each unit goes from state to state without a gap, every unit is down at the end, and the end comes at once.
 *
 * The sets are made from fixed seeds; a failure names its seed. E2E_SEEDS=FROM,COUNT runs others. */
#include "tests/e2e/life.h"

#define N_UNITS 70

static uint64_t random_state;

static unsigned roll(unsigned sides)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return (unsigned)(random_state >> 33) % sides;
}

#define PICK(table) (table)[roll(COUNT_OF(table))]

static void add_line(struct str *text, const char *line)
{
    assert_int_equal(str_append(text, line), 0);
}

static void add_relations(struct str *text, unsigned unit)
{
    static const char *const kinds[] = { "Requires",  "Requires",  "Wants",     "BindsTo",  "PartOf",
                                         "Requisite", "OnFailure", "OnSuccess", "Conflicts" };
    for (unsigned i = unit > 0 ? roll(4) : 0; i > 0; i--) { /* only to lower numbers: no cycles */
        unsigned other = roll(unit);
        assert_int_equal(str_appendf(text, "%s=u%u.service\n", PICK(kinds), other), 0);
        if (roll(2)) assert_int_equal(str_appendf(text, "After=u%u.service\n", other), 0);
    }
}

static void add_service(struct scene *s, unsigned unit)
{
    static const char *const parts[] = { "sleep",
                                         "sleep",
                                         "exit 0",
                                         "exit 1",
                                         "pause 20",
                                         "kill-self KILL",
                                         "child /scene/y -- pause 30 -- exit 1",
                                         "escape /scene/x -- sleep",
                                         "ignore TERM -- pause 50" };
    static const char *const restarts[] = { "no", "no", "always", "on-failure", "on-success", "on-abnormal" };
    static const char *const commands[] = { "ExecStartPre", "ExecStartPost", "ExecStop", "ExecStopPost" };
    static const char *const modes[] = { "control-group", "control-group", "control-group", "mixed", "process" };
    struct str text = STR_EMPTY;
    char name[64];
    add_line(&text, "[Unit]\n");
    add_relations(&text, unit);
    if (roll(3)) add_line(&text, "StartLimitBurst=5\nStartLimitIntervalSec=10\n");
    assert_int_equal(
        str_appendf(&text, "[Service]\nTimeoutStopSec=300ms\nTimeoutStartSec=500ms\nKillMode=%s\n", PICK(modes)), 0);
    unsigned type = roll(6);
    if (type == 0)
        assert_int_equal(str_appendf(&text, "Type=oneshot\n%sExecStart=" ACTOR " exit %u\n",
                                     roll(2) ? "RemainAfterExit=yes\n" : "", roll(2)),
                         0);
    else if (type == 1)
        assert_int_equal(
            str_appendf(&text, "Type=forking\nPIDFile=/run/%u.pid\nExecStart=" ACTOR " daemon /run/%u.pid -- %s\n",
                        unit, unit, PICK(parts)),
            0);
    else if (type == 2)
        assert_int_equal(str_appendf(&text, "Type=forking\nExecStart=" ACTOR " daemon - -- %s\n", PICK(parts)), 0);
    else
        assert_int_equal(str_appendf(&text, "ExecStart=" ACTOR " %s\n", PICK(parts)), 0);
    if (type != 0) assert_int_equal(str_appendf(&text, "Restart=%s\nRestartSec=%ums\n", PICK(restarts), roll(30)), 0);
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (roll(4) == 0) assert_int_equal(str_appendf(&text, "%s=" ACTOR " pause 3\n", commands[i]), 0);
    (void)snprintf(name, sizeof name, "u%u.service", unit);
    scene_unit(s, name, str_text(&text));
    str_done(&text);
    if (roll(8)) return;
    char socket[64];
    (void)snprintf(name, sizeof name, "u%u.socket", unit);
    (void)snprintf(socket, sizeof socket, "[Socket]\nListenStream=/run/s%u\n", unit);
    scene_unit(s, name, socket);
}

static bool has_records(struct scene *s, void *userdata)
{
    return scene_record_count(s) >= *(const size_t *)userdata;
}

/* `from` of each record is where the one before it led, and the last one leads down. */
static void check_unit(struct scene *s, const char *unit)
{
    const char *sub = "dead";
    for (size_t i = 0; i < scene_record_count(s); i++) {
        const struct json_value *r = scene_record(s, i);
        const char *phase = json_get_string(r, "phase"), *name = json_get_string(r, "unit");
        if (!phase || !name || strcmp(phase, "unit_state") != 0 || strcmp(name, unit) != 0) continue;
        const char *from = json_get_string(r, "from");
        if (strcmp(from, sub) != 0) scene_fail(s, "%s went from %s, and had been %s", unit, from, sub);
        sub = json_get_string(r, "sub");
    }
    if (strcmp(sub, "dead") != 0 && strcmp(sub, "failed") != 0) scene_fail(s, "%s is %s at the end", unit, sub);
}

static void run_seed(unsigned long seed, void **state)
{
    struct scene *s = scene_new();
    char name[64];
    random_state = seed;
    print_message("  seed %lu\n", seed);
    for (unsigned i = 0; i < N_UNITS; i++) add_service(s, i);
    scene_unit(s, "ticks.service", "[Service]\nRestart=always\nRestartSec=1ms\nExecStart=" ACTOR " exit 0\n");
    size_t enough = 40 + roll(700);
    life_boot(s, state);
    scene_wait(s, has_records, &enough, "so many records");
    scene_stop(s, SIGTERM);
    int code = scene_exit_code(s);
    if (code != 0 && code != 1) scene_fail(s, "it left with %d", code); /* nobody asks for the end by a failure */
    for (unsigned i = 0; i < N_UNITS; i++) {
        (void)snprintf(name, sizeof name, "u%u.service", i);
        check_unit(s, name);
        (void)snprintf(name, sizeof name, "u%u.socket", i);
        check_unit(s, name);
    }
    life_expect_log(s, "leaving it behind", false);
    life_expect_log(s, "stop timeout expired", false);
    scene_end(s);
}

static void test_random_sets(void **state)
{
    const char *given = getenv("E2E_SEEDS"), *comma = given ? strchr(given, ',') : NULL;
    unsigned long from = given ? strtoul(given, NULL, 10) : 1, count = comma ? strtoul(comma + 1, NULL, 10) : 3;
    for (unsigned long seed = from; seed < from + count; seed++) run_seed(seed, state);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_random_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
