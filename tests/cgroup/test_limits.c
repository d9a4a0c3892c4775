#include "tests/cgroup/fixture.h"

#include "cgroup/internal.h"

static struct cg_root *root;
static char written[256];

static int record(int root_dirfd, const char *name, const char *file, const char *text, void *userdata)
{
    assert_int_equal(root_dirfd, cg_root_dirfd(root));
    (void)snprintf(written, sizeof written, "%s/%s=%s", name, file, text);
    return *(int *)userdata;
}

/* clang-format off */
static const struct { const char *label; enum cg_limit limit; uint64_t value; int r; const char *want; } cases[] = {
    { "bytes",                  CG_MEMORY_MAX,      1048576,            0,       "l.service/memory.max=1048576" },
    { "no bound",               CG_MEMORY_MAX,      CG_LIMIT_INFINITY,  0,       "l.service/memory.max=max" },
    { "high",                   CG_MEMORY_HIGH,     4096,               0,       "l.service/memory.high=4096" },
    { "low",                    CG_MEMORY_LOW,      0,                  0,       "l.service/memory.low=0" },
    { "min",                    CG_MEMORY_MIN,      1,                  0,       "l.service/memory.min=1" },
    { "no swap",                CG_MEMORY_SWAP_MAX, 0,                  0,       "l.service/memory.swap.max=0" },
    { "tasks",                  CG_PIDS_MAX,        512,                0,       "l.service/pids.max=512" },
    { "more than there can be", CG_PIDS_MAX,        UINT64_C(1) << 32,  -ERANGE, "" },
    { "more than the kernel's", CG_MEMORY_MAX,      UINT64_MAX - 1,     -ERANGE, "" },
    { "weight",                 CG_CPU_WEIGHT,      10000,              0,       "l.service/cpu.weight=10000" },
    { "weight of nothing",      CG_CPU_WEIGHT,      0,                  -ERANGE, "" },
    { "weight too large",       CG_IO_WEIGHT,       10001,              -ERANGE, "" },
    { "weight without bound",   CG_IO_WEIGHT,       CG_LIMIT_INFINITY,  -ERANGE, "" },
    { "io",                     CG_IO_WEIGHT,       100,                0,       "l.service/io.weight=100" },
    { "huge pages",             CG_HUGETLB_2M_MAX,  2097152,            0,       "l.service/hugetlb.2MB.max=2097152" },
};
/* clang-format on */

static void test_values(void **state)
{
    struct cg_leaf *leaf = *state;
    int result = 0;
    struct cg_limit_ops ops = { record, &result };
    unsigned enabled = root->base_enabled;
    root->base_enabled = (1u << CG_CONTROLLER_COUNT) - 1; /* as if all were on: nothing is really written */
    cg_root_set_limit_ops(root, &ops);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        written[0] = '\0';
        assert_int_equal(cg_limit_set(leaf, cases[i].limit, cases[i].value), cases[i].r);
        assert_string_equal(written, cases[i].want);
    }
    assert_int_equal(cg_limit_set_cpu_max(leaf, 50000, 100000), 0);
    assert_string_equal(written, "l.service/cpu.max=50000 100000");
    assert_int_equal(cg_limit_set_cpu_max(leaf, USEC_INFINITY, 100000), 0);
    assert_string_equal(written, "l.service/cpu.max=max 100000");
    assert_int_equal(cg_limit_set_cpu_max(leaf, 999, 100000), -ERANGE);
    assert_int_equal(cg_limit_set_cpu_max(leaf, 50000, 999), -ERANGE);
    assert_int_equal(cg_limit_set_cpu_max(leaf, 50000, 1000001), -ERANGE);
    result = -EACCES; /* what the writer says is what the caller hears */
    assert_int_equal(cg_limit_set(leaf, CG_PIDS_MAX, 1), -EACCES);
    cg_root_set_limit_ops(root, NULL);
    root->base_enabled = enabled;
    assert_string_equal(cg_limit_file(CG_MEMORY_SWAP_MAX), "memory.swap.max");
}

static void test_controller_off(void **state)
{
    struct cg_leaf *leaf = *state;
    unsigned offered = root->offered, enabled = root->base_enabled;
    root->offered = root->base_enabled = 0;
    assert_int_equal(cg_limit_set(leaf, CG_MEMORY_MAX, 4096), -ENOENT);
    assert_int_equal(cg_limit_set_cpu_max(leaf, 50000, 100000), -ENOENT);
    root->offered = offered;
    root->base_enabled = enabled;
}

/* Whatever this machine offers in the unified hierarchy is really set and read back. */
static void test_really_written(void **state)
{
    struct cg_leaf *leaf = *state;
    unsigned n = 0;
    for (unsigned i = 0; i < CG_LIMIT_COUNT; i++) {
        enum cg_limit limit = (enum cg_limit)i;
        uint64_t value = limit == CG_HUGETLB_2M_MAX ? 2u << 20 : limit >= CG_PIDS_MAX ? 77 : 1u << 20;
        char path[256], text[64], want[64];
        int r = cg_limit_set(leaf, limit, value);
        if (r == -ENOENT) continue; /* the controller is off, or this file is not in this kernel */
        assert_int_equal(r, 0);
        (void)snprintf(path, sizeof path, "l.service/%s", cg_limit_file(limit));
        assert_true(file_read_small(cg_root_dirfd(root), path, text, sizeof text) > 0);
        (void)snprintf(want, sizeof want, "%llu\n", (unsigned long long)value);
        /* io.weight answers "default 77" */
        assert_non_null(strstr(text, want));
        print_message("  %s\n", cg_limit_file(limit));
        n++;
    }
    if (n == 0) print_message("  skipped: no controller in the unified hierarchy of this machine\n");
}

static int setup(void **state)
{
    (void)pass_on_controllers("+");
    root = fixture_root(CG_ON_DEMAND);
    struct cg_leaf *leaf = NULL;
    int r = cg_leaf_create(root, "l.service", &leaf);
    *state = leaf;
    return r;
}

static int teardown(void **state)
{
    cg_leaf_free(*state);
    int r = cg_root_close_all(root);
    (void)pass_on_controllers("-");
    return r;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_controller_off),
        cmocka_unit_test(test_really_written),
    };
    return FIXTURE_MAIN(tests, setup, teardown);
}
