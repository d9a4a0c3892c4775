#!/bin/sh
# Each header compiles alone, with the warnings of the build (docs/STYLE.md 2).
. "$(dirname "$0")/common"

check()
{
    (cd "$1" && c_files . | grep '\.h$' | xargs -r -n 8 -P 2 sh -c '
        for header; do
            printf "#include \"%s\"\n" "$header" | ${CC:-gcc} -std=gnu17 -fsyntax-only -D_GNU_SOURCE -I. -Wall -Wextra \
                -Wstrict-prototypes -Wundef -Werror -x c - || { echo "$header: does not compile alone"; status=1; }
        done
        exit ${status:-0}' sh) || return 1
}

self_test()
{
    self_test_dir
    printf '#pragma once\nstruct a;\nint f(const struct a *a);\n' | plant "$dir/clean" base/a.h
    accepts "a header that stands alone" "$dir/clean"
    printf '#pragma once\nsize_t f(void);\n' | plant "$dir/leans" base/b.h
    refuses "a header that leans on another" "$dir/leans" 'base/b.h: does not compile alone'
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1:-.}"; fi
