#!/bin/sh
# Each code word of a diagnostic has its row in unit/rules.def, and no other word has one. (The manual page is printed
# from the rows: tests/docs/rules.sh.)
. "$(dirname "$0")/common"

# A code word is the first literal in small letters of a call that reports. Literals of the form a-b also count anywhere
# else, but in a table of words ({ "tty-force", or [A] = "on-failure"), in a comparison, and in the files of word tables
# and properties, which report nothing.
words_in_source()
{
    (cd "$1" && c_files . | grep -E '^(base/diag|unit/.*)\.c$' | grep -vE '^unit/(word_tables|property.*|rules)\.c$' | xargs -r awk '
    function words(text, form, first_only) {
        while (match(text, form)) {
            print substr(text, RSTART + 1, RLENGTH - 2)
            text = first_only ? "" : substr(text, RSTART + RLENGTH)
        }
    }
    FNR == 1 { call = "" }
    { line = $0; gsub(/\/\*[^*]*\*\//, "", line); gsub(/(\{|\] =) *"[^"]*"/, "", line) }
    { gsub(/"(ppc-le|container-init)"/, "", line) } # an architecture, our name
    line ~ /"[a-z]+(-[a-z0-9]+)+"/ && line !~ /strcmp/ { words(line, "\"[a-z]+(-[a-z0-9]+)+\"", 0) }
    match(line, /(^|[^a-z_])(diag_report|parse_report|parse_bad|report_name|source_problem|unusable_line|refuse)\(/) {
        call = substr(line, RSTART)
        line = ""
    }
    call != "" { call = call line; if (call ~ /;/) { words(call, "\"[a-z]+(-[a-z0-9]+)*\"", 1); call = "" } }')
}

check()
{
    root=$1 rules=$1/unit/rules.def
    dir=$(mktemp -d)
    words_in_source "$root" | LC_ALL=C sort -u >"$dir/source"
    sed -n 's/^R("\([^"]*\)".*/\1/p' "$rules" >"$dir/rules"
    status=0
    [ -s "$dir/source" ] || { echo "no code word was found in the source"; status=1; }
    LC_ALL=C sort -c "$dir/rules" || { echo "$rules: not sorted"; status=1; }
    LC_ALL=C sort "$dir/rules" | diff "$dir/source" - >"$dir/diff" || status=1
    sed -n "s|^< \(.*\)|$rules lacks: \1 (add a row, then run scripts/gen-docs)|p
        s|^> \(.*\)|$rules has what nothing reports: \1|p" "$dir/diff"
    rm -rf "$dir"
    return $status
}

self_test()
{
    self_test_dir
    for tree in clean new call table gone; do
        echo 'diag_report(d, DIAG_NOTE, about, "bad-path", NULL, "a");' | plant "$dir/$tree" unit/a.c
        printf 'R("bad-path", ERROR, "A path.",\n  "a-b")\n' | plant "$dir/$tree" unit/rules.def
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
