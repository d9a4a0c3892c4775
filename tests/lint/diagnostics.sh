#!/bin/sh
# Each code word of a diagnostic has its line in DIAGNOSTICS of docs/container-init.8.scd, and no other word has one.
. "$(dirname "$0")/common"

# A code word is the first literal in small letters of a call that reports. Literals of the form a-b also count anywhere
# else, but in a table of words ({ "tty-force", or [A] = "on-failure"), in a comparison, and in the files of word tables
# and properties, which report nothing.
words_in_source()
{
    (cd "$1" && c_files . | grep -E '^(base/diag|unit/.*)\.c$' | grep -vE '^unit/(word_tables|property.*)\.c$' | xargs -r awk '
    function words(text, form, first_only) {
        while (match(text, form)) {
            print substr(text, RSTART + 1, RLENGTH - 2)
            text = first_only ? "" : substr(text, RSTART + RLENGTH)
        }
    }
    FNR == 1 { call = "" }
    { line = $0; gsub(/\/\*[^*]*\*\//, "", line); gsub(/(\{|\] =) *"[^"]*"/, "", line) }
    { gsub(/"(ppc-le|container-init)"/, "", line) } # an architecture, our name
    line ~ /"[a-z]+(-[a-z]+)+"/ && line !~ /strcmp/ { words(line, "\"[a-z]+(-[a-z]+)+\"", 0) }
    match(line, /(^|[^a-z_])(diag_report|parse_report|parse_bad|report_name|source_problem|unusable_line|refuse)\(/) {
        call = substr(line, RSTART)
        line = ""
    }
    call != "" { call = call line; if (call ~ /;/) { words(call, "\"[a-z]+(-[a-z]+)*\"", 1); call = "" } }')
}

check()
{
    root=$1 manual=$1/docs/container-init.8.scd
    dir=$(mktemp -d)
    words_in_source "$root" | LC_ALL=C sort -u >"$dir/source"
    sed -n '/^# DIAGNOSTICS/,/^# [^D]/p' "$manual" | sed -n 's/^\*\(.*\)\*$/\1/p' >"$dir/manual"
    status=0
    [ -s "$dir/source" ] || { echo "no code word was found in the source"; status=1; }
    LC_ALL=C sort -c "$dir/manual" || { echo "$manual: DIAGNOSTICS is not sorted"; status=1; }
    LC_ALL=C sort "$dir/manual" | diff "$dir/source" - >"$dir/diff" || status=1
    sed -n "s|^< \(.*\)|$manual: DIAGNOSTICS lacks: \1|p; s|^> \(.*\)|$manual: DIAGNOSTICS has what nothing reports: \1|p" \
        "$dir/diff"
    rm -rf "$dir"
    return $status
}

self_test()
{
    self_test_dir
    for tree in clean new call table gone; do
        echo 'diag_report(d, DIAG_NOTE, about, "bad-path", NULL, "a");' | plant "$dir/$tree" unit/a.c
        printf '# DIAGNOSTICS\n\n*bad-path*\n\tA path.\n\n# FILES\n\n*a.conf*\n' | plant "$dir/$tree" docs/container-init.8.scd
    done
    accepts "described words" "$dir/clean"
    echo 'static const struct w w[] = { { "tty-force", 1 }, { "tty-fail", 2 } };' | plant "$dir/table" unit/b.c
    accepts "a word of unit files" "$dir/table"
    echo 'int r = new_wrapper(p, "bad-idea");' | plant "$dir/new" unit/b.c
    refuses "a new word behind a new function" "$dir/new" 'lacks: bad-idea'
    printf 'parse_report(p, DIAG_NOTE, value, 0,\n             "novel", NULL, "a");\n' | plant "$dir/call" unit/b.c
    refuses "a new word without a dash" "$dir/call" 'lacks: novel'
    echo 'int x;' | plant "$dir/gone" unit/a.c
    echo 'parse_bad(p, value, 0, "bad-mode", "a mode");' | plant "$dir/gone" unit/b.c
    refuses "a word that is gone" "$dir/gone" 'nothing reports: bad-path'
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1:-.}"; fi
