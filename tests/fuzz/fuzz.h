/* tests/fuzz/fuzz.h - what the fuzzers share. Each is one LLVMFuzzerTestOneInput(): libFuzzer drives it in the fuzz
 * preset, replay.c over the seeds in every other one. */
#pragma once
#include "base/attr.h"
#include "base/diag.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise of the code under test is a finding, like a crash. */
#define PROMISE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

/* The input as a string of its own, so that a read past its end is seen. It ends at the first NUL. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) abort();
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* Each form of the first diagnostics can be rendered, on one line. */
static inline void fuzz_render(const struct diag_sink *diags)
{
    for (size_t i = 0; i < diag_total(diags) && i < 4; i++) {
        for (int format = DIAG_TEXT; format <= DIAG_GCC; format++) {
            char *line = diag_render(diag_get(diags, i), (enum diag_format)format);
            PROMISE(line && !strchr(line, '\n'));
            free(line);
        }
    }
}
