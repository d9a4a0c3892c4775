#!/bin/sh
# Every directive that the table calls supported (rows D, DW, X and XW of unit/directives_*.def) is written as "NAME=" in an
# end-to-end test, which runs it: a row without a test promises what nobody has seen.
. "$(dirname "$0")/common"

supported()
{
    (cd "$1" && cat unit/directives_*.def 2>/dev/null) | sed -nE 's/^(D|DP|DW|X|XW)\("([A-Za-z]*)".*/\2/p' | LC_ALL=C sort -u
}

check()
{
    root=$1
    names=$(supported "$root")
    [ -n "$names" ] || { echo "no directive in unit/directives_*.def"; return 1; }
    missing=0
    for name in $names; do
        # "\\nNAME=" within a string; a comment does not count.
        sed 's|/\*.*\*/||' "$root"/tests/e2e/test_*.c | grep -qE "(^|[^A-Za-z]|\\\\n)$name=" && continue
        echo "$name=: supported, and in no test of tests/e2e"
        missing=1
    done
    return $missing
}

self_test()
{
    self_test_dir
    printf 'D("Nice", parse, slot, "doc")\nX("Ours", parse, slot, "doc")\nU("Not", "why")\nA("Nor", "why")\n' |
        plant "$dir/good" unit/directives_a.def
    echo 'const char *unit = "[Service]\nNice=7\nOurs=1\n";' | plant "$dir/good" tests/e2e/test_a.c
    accepts "tests for all of them" "$dir/good"
    echo 'D("Nice", parse, slot, "doc")' | plant "$dir/none" unit/directives_a.def
    printf 'D("Nice", p, s, "d")\nDW("Wordy", w, s, "d")\nUW("Not", w, s, "w")\nX("Ours", p, s, "d")\n' |
        plant "$dir/word" unit/directives_a.def
    echo 'const char *unit = "[Service]\nNice=7\nOurs=1\n";' | plant "$dir/word" tests/e2e/test_a.c
    refuses "a row of words without a test" "$dir/word" 'Wordy=: supported'
    echo 'const char *unit = "ReallyNice=7";' | plant "$dir/none" tests/e2e/test_a.c
    refuses "another name that ends like it" "$dir/none" 'Nice=: supported'
    echo '    x(); /* Nice= */' | plant "$dir/none" tests/e2e/test_a.c
    refuses "a comment" "$dir/none" 'Nice=: supported'
    plant "$dir/empty" unit/directives_a.def </dev/null
    echo 'int x;' | plant "$dir/empty" tests/e2e/test_a.c
    refuses "an empty table" "$dir/empty" 'no directive'
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1:-.}"; fi
