#include "unit/machine.h"

#include "tests/unit/scratch_dir.h"

#define ID       "0123456789abcdef0123456789abcdef"
#define ID_UUID  "01234567-89AB-cdef-0123-456789abcdef"
#define OTHER_ID "fedcba9876543210fedcba9876543210"

static int setup(void **state)
{
    struct scratch *dir = calloc(1, sizeof *dir);
    assert_non_null(dir);
    scratch_init(dir);
    static const char *const directories[] = { "etc", "usr", "usr/lib", "var", "var/lib", "var/lib/dbus" };
    for (size_t i = 0; i < COUNT_OF(directories); i++) scratch_mkdir(dir, directories[i]);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    scratch_done(*state);
    free(*state);
    return 0;
}

static void assert_field(struct machine *machine, const char *name, const char *want)
{
    const char *got = NULL;
    assert_int_equal(machine_os_field(machine, name, &got), 0);
    assert_string_equal(got, want);
}

static void test_os_release(void **state)
{
    struct scratch *dir = *state;
    struct machine machine = { .root = dir->root };
    const char *got;
    scratch_write(dir, "usr/lib/os-release", "# c\nID=lib\nVERSION_ID=\"1 0\"\nVARIANT_ID='x'\n");
    assert_field(&machine, "ID", "lib");
    assert_field(&machine, "VERSION_ID", "1 0");
    assert_field(&machine, "VARIANT_ID", "x");
    assert_field(&machine, "BUILD_ID", "");
    scratch_write(dir, "usr/lib/os-release", "ID=later\n");
    assert_field(&machine, "ID", "lib"); /* read once */
    machine_done(&machine);

    struct machine first = { .root = dir->root }; /* /etc wins, and its links stay in the root */
    assert_int_equal(symlink("/usr/lib/chosen", scratch_path(dir, "etc/os-release")), 0);
    scratch_write(dir, "usr/lib/chosen", "ID=chosen\n");
    assert_field(&first, "ID", "chosen");
    machine_done(&first);

    struct machine none = { .root = dir->root };
    assert_int_equal(unlink(scratch_path(dir, "usr/lib/os-release")), 0);
    assert_int_equal(unlink(scratch_path(dir, "etc/os-release")), 0);
    assert_int_equal(machine_os_field(&none, "ID", &got), -ENOENT);
    assert_int_equal(mkfifo(scratch_path(dir, "etc/os-release"), 0600), 0); /* is not waited for */
    struct machine fifo = { .root = dir->root };
    assert_int_equal(machine_os_field(&fifo, "ID", &got), -ENXIO);
    machine_done(&none), machine_done(&fifo);
}

static void test_pretty_name(void **state)
{
    struct scratch *dir = *state;
    struct machine none = { .root = dir->root }, machine = none;
    const char *got;
    assert_int_equal(machine_pretty_name(&none, &got), 0);
    assert_string_equal(got, "");
    scratch_write(dir, "etc/machine-info", "PRETTY_HOSTNAME=\"Our box\"\n");
    assert_int_equal(machine_pretty_name(&machine, &got), 0);
    assert_string_equal(got, "Our box");
    machine_done(&none), machine_done(&machine);
}

static const char *id_of(const struct scratch *dir, const char *container_uuid)
{
    static char text[MACHINE_ID_LENGTH + 1];
    struct machine machine = { .root = dir->root };
    const char *id, *again;
    if (machine_id(&machine, container_uuid, &id) < 0) return NULL;
    assert_int_equal(machine_id(&machine, NULL, &again), 0); /* stays what it was */
    assert_string_equal(id, again);
    memcpy(text, id, sizeof text);
    return text;
}

static void test_machine_id(void **state)
{
    struct scratch *dir = *state;
    static const char *const useless[] = { "",       "\n",        "uninitialized\n",
                                           ID "0\n", "x" ID "\n", "00000000000000000000000000000000\n" };
    scratch_write(dir, "var/lib/dbus/machine-id", OTHER_ID "\n");
    scratch_write(dir, "etc/machine-id", ID "\n");
    assert_string_equal(id_of(dir, OTHER_ID), ID);
    for (size_t i = 0; i < COUNT_OF(useless); i++) {
        print_message("  '%s'\n", useless[i]);
        scratch_write(dir, "etc/machine-id", useless[i]);
        assert_string_equal(id_of(dir, ID), OTHER_ID);
    }
    assert_int_equal(unlink(scratch_path(dir, "etc/machine-id")), 0);
    assert_string_equal(id_of(dir, ID), OTHER_ID);
    assert_int_equal(unlink(scratch_path(dir, "var/lib/dbus/machine-id")), 0);
    assert_string_equal(id_of(dir, ID_UUID), ID);
    assert_string_equal(id_of(dir, ID), ID);
}

static void test_made_up_id(void **state)
{
    struct scratch *dir = *state;
    struct machine machine = { .root = dir->root };
    const char *boot;
    if (machine_boot_id(&machine, &boot) < 0) skip(); /* no /proc */
    assert_int_equal(strlen(boot), MACHINE_ID_LENGTH);
    AUTO_STR struct str first = STR_EMPTY;
    assert_int_equal(str_append(&first, id_of(dir, NULL)), 0);
    assert_int_equal(first.length, MACHINE_ID_LENGTH);
    assert_int_equal(strspn(str_text(&first), "0123456789abcdef"), MACHINE_ID_LENGTH);
    assert_int_equal(first.data[12], '4'); /* a UUID of version 4 */
    assert_non_null(strchr("89ab", first.data[16]));
    assert_string_equal(id_of(dir, "not an id"), str_text(&first)); /* the same each time */
    assert_string_not_equal(str_text(&first), boot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_os_release, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pretty_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_machine_id, setup, teardown),
        cmocka_unit_test_setup_teardown(test_made_up_id, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
