#!/bin/sh
# A file past 600 lines wants to be two and is named; past 900 it is refused (docs/STYLE.md 2). Tables (*.def) may be
# long.
. "$(dirname "$0")/common"

check()
{
    (cd "$1" && c_files . | grep -v '\.def$' | xargs -r awk '
        FNR == 1 && file { finish() }
        { file = FILENAME; lines = FNR }
        function finish() {
            if (lines > 900) { print file ": " lines " lines, 900 are the most"; bad = 1 }
            else if (lines > 600) print "note: " file ": " lines " lines, wants to be two files"
        }
        END { if (file) finish(); exit bad }')
}

self_test()
{
    self_test_dir
    seq 1 900 | sed 's|.*|/* & */|' | plant "$dir/fits" base/a.c
    accepts "900 lines" "$dir/fits"
    seq 1 901 | sed 's|.*|/* & */|' | plant "$dir/long" base/a.c
    echo 'int x;' | plant "$dir/long" base/b.c
    refuses "901 lines" "$dir/long" 'base/a.c: 901 lines'
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1:-.}"; fi
