/* tests/supervisor/condition_place.h - a made-up machine: a directory with the files that conditions are asked of. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "supervisor/condition.h"
#include "unit/condition.h"

#define PLACE_TEMPLATE "/tmp/test-condition-XXXXXX"

struct place_file {
    const char *path, *text; /* text NULL: a directory */
};

static UNUSED void place_path(const char *root, const char *path, char out[static PATH_MAX])
{
    assert_true(snprintf(out, PATH_MAX, "%s%s", root, path) < PATH_MAX);
}

/* `path` with the directories on the way. */
static UNUSED void place_add(const char *root, const char *path, const char *text, size_t length)
{
    char full[PATH_MAX];
    place_path(root, path, full);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0755); /* is there */
        *slash = '/';
    }
    if (!text) {
        assert_int_equal(mkdir(full, 0755), 0);
        return;
    }
    FILE *file = fopen(full, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* `root` is PLACE_TEMPLATE. */
static UNUSED void place_make(char *root, const struct place_file *files, size_t count)
{
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < count; i++)
        place_add(root, files[i].path, files[i].text, files[i].text ? strlen(files[i].text) : 0);
}

static UNUSED int place_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static UNUSED void place_remove(const char *root)
{
    assert_int_equal(nftw(root, place_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* "ConditionX=|!PARAMETER" -> the condition; its parameter is what follows. */
static UNUSED struct condition place_condition(const char *text)
{
    struct condition c = { .negate = false };
    const char *equals = strchr(text, '=');
    assert_non_null(equals);
    if (!condition_find(text, (size_t)(equals - text), &c.kind, &c.is_assert)) fail_msg("%s is no condition", text);
    c.parameter = condition_read_prefixes(equals + 1, &c);
    return c;
}

/* 1, 0, or -errno. */
static UNUSED int place_ask(const struct condition_context *context, const char *text)
{
    struct condition c = place_condition(text);
    return condition_test(&c, context);
}
