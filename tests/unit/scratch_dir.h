/* tests/unit/scratch_dir.h - a directory of its own for one test, removed with everything in it. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/attr.h"

struct scratch {
    char root[64];
    char path[512]; /* what scratch_path() returned last */
};

static UNUSED void scratch_init(struct scratch *s)
{
    (void)snprintf(s->root, sizeof s->root, "/tmp/container-init-test.XXXXXX");
    assert_non_null(mkdtemp(s->root));
}

static int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static UNUSED void scratch_done(struct scratch *s)
{
    (void)nftw(s->root, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS); /* left-overs in /tmp fail no test */
}

static UNUSED const char *scratch_path(struct scratch *s, const char *name)
{
    (void)snprintf(s->path, sizeof s->path, "%s/%s", s->root, name);
    return s->path;
}

static UNUSED void scratch_mkdir(struct scratch *s, const char *name)
{
    if (mkdir(scratch_path(s, name), 0755) < 0) assert_int_equal(errno, EEXIST);
}

static UNUSED void scratch_write_bytes(struct scratch *s, const char *name, const void *data, size_t size)
{
    int fd = open(scratch_path(s, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    assert_int_equal(close(fd), 0);
}

static UNUSED void scratch_write(struct scratch *s, const char *name, const char *text)
{
    scratch_write_bytes(s, name, text, strlen(text));
}

static UNUSED void scratch_link(struct scratch *s, const char *target, const char *name)
{
    assert_int_equal(symlink(target, scratch_path(s, name)), 0);
}
