/* tests/unit/corpus.h - the folder of other people's units with what systemd 252 said of them. It is no part of the
 * repository: tests that compare with it are skipped where it is absent. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef TEST_SOURCE_DIR
#define TEST_SOURCE_DIR "."
#endif
#define CORPUS_SKIPPED 77

/* CONTAINER_INIT_CORPUS, else ../shared/corpus beside the source tree. NULL, and says so, when it is not there. */
static inline const char *corpus_root(void)
{
    const char *root = getenv("CONTAINER_INIT_CORPUS");
    if (!root || *root == '\0') root = TEST_SOURCE_DIR "/../shared/corpus";
    if (access(root, R_OK | X_OK) == 0) return root;
    (void)puts("skipped: the corpus is absent (CONTAINER_INIT_CORPUS, or ../shared/corpus)");
    return NULL;
}

/* A whole file, with a NUL behind it; the caller frees it. NULL when it cannot be read. */
static inline char *corpus_read(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    char *data = NULL;
    size_t size = 0;
    if (!file) return NULL;
    FILE *memory = open_memstream(&data, &size);
    assert_non_null(memory);
    for (int c; (c = getc(file)) != EOF;) assert_int_equal(putc(c, memory), c);
    assert_int_equal(fclose(memory), 0);
    assert_int_equal(fclose(file), 0);
    *ret_size = size;
    return data;
}
