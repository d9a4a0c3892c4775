#!/bin/sh
# rules.sh PAGES MANUAL: the list of rules in the manual page is what the table prints today (scripts/gen-docs).
set -eu
pages=$1 manual=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$pages" rules-manual >"$dir/known"
sed -n '/^; rules: begin/,/^; rules: end/{/^; rules:/!p}' "$manual" >"$dir/described"
[ -s "$dir/known" ] && diff -u "$dir/described" "$dir/known" ||
    { echo "$manual: DIAGNOSTICS is out of date: run scripts/gen-docs"; exit 1; }
