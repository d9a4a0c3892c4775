#!/bin/sh
# Each row of docs/DIFFERENCES.md names in its last column, `test`, at least one test that fails when the difference is
# gone: `tests/FOLDER/FILE.c:FUNCTION`, where FILE.c defines FUNCTION and gives it to the runner, or another file that is
# there. Functions that stay behind when a test is renamed would leave a promise that nobody keeps.
. "$(dirname "$0")/common"

# LINE TEST of the rows of the tables on standard input, and "LINE -" for a row or a table without one.
rows()
{
    awk '
    { sub(/[ \t]+$/, "") }
    !/^\|/ { in_table = 0; next }
    !in_table { in_table = 1; if (!/\| test \|$/) print NR, "header"; next }
    /^\|[-| :]+\|$/ { next }
    {
        gsub(/\\\|/, "")
        cells = split($0, cell, "|")
        text = cell[cells - 1]
        found = 0
        while (match(text, /`[^`]+`/)) {
            print NR, substr(text, RSTART + 1, RLENGTH - 2)
            text = substr(text, RSTART + RLENGTH)
            found = 1
        }
        if (!found) print NR, "-"
    }'
}

# The function is defined in the file and named once more there: in the list for the runner.
has_test()
{
    grep -qE "^(static )?(void|int) $2\(" "$1" && [ "$(grep -cwE "$2" "$1")" -gt 1 ]
}

check()
{
    root=$1 page=docs/DIFFERENCES.md
    rows=$(rows <"$root/$page")
    [ -n "$rows" ] || { echo "$page: no table"; return 1; }
    printf '%s\n' "$rows" | {
        status=0
        while read -r line test; do
            file=${test%%:*} function=${test#*:}
            case $test in
            header) echo "$page:$line: the last column of a table is \"test\"" ;;
            -) echo "$page:$line: no test" ;;
            tests/*.c:*)
                [ -f "$root/$file" ] && has_test "$root/$file" "$function" && continue
                echo "$page:$line: $file has no test $function" ;;
            tests/*.c) echo "$page:$line: which test of $file?" ;;
            tests/*)
                [ -f "$root/$file" ] && continue
                echo "$page:$line: there is no $file" ;;
            *) echo "$page:$line: $test is no test" ;;
            esac
            status=1
        done
        return $status
    }
}

self_test()
{
    self_test_dir
    for tree in clean none empty gone unlisted file which other header; do
        printf 'static void test_a(void **state)\n{\n}\nint main(void) { run(test_a); }\n' |
            plant "$dir/$tree" tests/unit/test_x.c
        printf '| what | why | test |\n| --- | --- | --- |\n| `a\\|b` | c | `tests/unit/test_x.c:test_a` |\n' |
            plant "$dir/$tree" docs/DIFFERENCES.md
    done
    printf '| d | e | `tests/unit/test_x.c:test_a`, `tests/docs/a.sh` |\n\ntext\n' >>"$dir/clean/docs/DIFFERENCES.md"
    echo ':' | plant "$dir/clean" tests/docs/a.sh
    accepts "tests for all rows" "$dir/clean"
    echo 'text' | plant "$dir/none" docs/DIFFERENCES.md
    refuses "a page without a table" "$dir/none" 'no table'
    echo '| d | `e` | |' >>"$dir/empty/docs/DIFFERENCES.md"
    refuses "a row without a test" "$dir/empty" 'md:4: no test'
    sed -i 's/test_a/test_b/' "$dir/gone/tests/unit/test_x.c"
    refuses "a test that was renamed" "$dir/gone" 'md:3: tests/unit/test_x.c has no test test_a'
    sed -i '/main/d' "$dir/unlisted/tests/unit/test_x.c"
    refuses "a test that nothing runs" "$dir/unlisted" 'md:3: tests/unit/test_x.c has no test test_a'
    echo '| d | e | `tests/docs/a.sh` |' >>"$dir/file/docs/DIFFERENCES.md"
    refuses "a script that is not there" "$dir/file" 'md:4: there is no tests/docs/a.sh'
    echo '| d | e | `tests/unit/test_x.c` |' >>"$dir/which/docs/DIFFERENCES.md"
    refuses "a program without its function" "$dir/which" 'md:4: which test of'
    echo '| d | e | `d` |' >>"$dir/other/docs/DIFFERENCES.md"
    refuses "a word that is no test" "$dir/other" 'md:4: d is no test'
    printf '\n| what | why |\n| --- | --- |\n' >>"$dir/header/docs/DIFFERENCES.md"
    refuses "a table without the column" "$dir/header" 'md:5: the last column'
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1:-.}"; fi
