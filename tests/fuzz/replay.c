/* tests/fuzz/replay.c - runs a fuzz target once over each file of the directories or files named, without a fuzzer: the
 * seeds and every input that ever failed stay tests in each build. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>

static int replay(const char *path, size_t size)
{
    FILE *file = fopen(path, "re");
    uint8_t *data = malloc(size > 0 ? size : 1);
    size_t length = file && data ? fread(data, 1, size, file) : 0;
    int r = length == size && file ? 0 : -1;
    if (r == 0) {
        (void)printf("%s\n", path);
        (void)fflush(stdout);
        (void)LLVMFuzzerTestOneInput(data, length);
    }
    free(data);
    if (file) (void)fclose(file);
    return r;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    FTS *tree = argc > 1 ? fts_open(argv + 1, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
    if (!tree) return 2;
    for (FTSENT *entry = fts_read(tree); entry; entry = fts_read(tree)) {
        if (entry->fts_info == FTS_F && replay(entry->fts_path, (size_t)entry->fts_statp->st_size) == 0) count++;
    }
    (void)fts_close(tree);
    (void)printf("%zu inputs\n", count);
    return count > 0 ? 0 : 1;
}
