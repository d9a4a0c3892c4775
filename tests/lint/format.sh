#!/bin/sh
# The format of .clang-format, checked and never discussed (docs/STYLE.md 13).
. "$(dirname "$0")/common"
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }

check()
{
    (cd "$1" && c_files . | grep -v '\.def$' | xargs -r -n 16 -P 2 clang-format --dry-run -Werror --style=file) || return 1
}

self_test()
{
    self_test_dir
    style=$(cat "$(dirname "$lint")/../../.clang-format")
    printf '%s\n' "$style" | plant "$dir/clean" .clang-format
    printf 'int f(void)\n{\n    return 1;\n}\n' | plant "$dir/clean" base/a.c
    accepts "formatted code" "$dir/clean"
    printf '%s\n' "$style" | plant "$dir/loose" .clang-format
    printf 'int f( void ) { return 1; }\n' | plant "$dir/loose" base/a.c
    refuses "unformatted code" "$dir/loose" 'base/a.c:1'
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1:-.}"; fi
