#!/bin/sh
# The manual pages of docs/ are right for scdoc(1).
. "$(dirname "$0")/common"
command -v scdoc >/dev/null || { echo "skipped: scdoc is not installed"; exit 77; }

check()
{
    status=0
    for page in "$1"/docs/*.scd; do
        [ -f "$page" ] || { echo "$1/docs: no manual page"; return 1; }
        scdoc <"$page" >/dev/null || { echo "$page: scdoc refuses it"; status=1; }
    done
    return $status
}

self_test()
{
    self_test_dir
    printf 'a(8)\n\n# NAME\n\na - b\n' | plant "$dir/clean" docs/a.8.scd
    accepts "a page" "$dir/clean"
    printf 'a(8)\n\n# NAME\n\na - b *c _d_*\n\n*e\n' | plant "$dir/open" docs/a.8.scd
    refuses "bold without its end" "$dir/open" 'scdoc refuses it'
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1:-.}"; fi
