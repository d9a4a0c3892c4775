#include "unit/unit_paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static size_t position(const char *path)
{
    size_t i = 0;
    while (unit_paths_system[i] && strcmp(unit_paths_system[i], path) != 0) i++;
    assert_non_null(unit_paths_system[i]);
    return i;
}

/* systemd.unit(5), "Load path when running in system mode": each line wins over the next one. */
static void test_precedence(void **state)
{
    (void)state;
    static const char *const order[] = {
        "/etc/systemd/system.control",  "/run/systemd/system.control",   "/run/systemd/transient",
        "/run/systemd/generator.early", "/etc/systemd/system",           "/run/systemd/system",
        "/run/systemd/generator",       "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
        "/run/systemd/generator.late",
    };
    for (size_t i = 0; i + 1 < sizeof order / sizeof *order; i++)
        assert_true(position(order[i]) < position(order[i + 1]));
    assert_true(position("/etc/systemd/system") < position("/etc/systemd/system.attached"));
    assert_true(position("/run/systemd/system") < position("/run/systemd/system.attached"));
    assert_true(position("/lib/systemd/system") < position("/usr/lib/systemd/system"));
}

static void test_form(void **state)
{
    (void)state;
    for (size_t i = 0; unit_paths_system[i]; i++) {
        const char *path = unit_paths_system[i];
        assert_int_equal(path[0], '/');
        assert_int_not_equal(path[strlen(path) - 1], '/');
        assert_int_equal(position(path), i); /* each once */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_precedence), cmocka_unit_test(test_form) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
