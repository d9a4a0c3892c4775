#!/bin/sh
# same.sh PAGES PAGE FILE: FILE is what the tables of the source print today (scripts/gen-docs).
set -eu
pages=$1 page=$2 file=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$pages" "$page" >"$dir/page" || { echo "$page: the tables hold what the page has no words for"; exit 1; }
[ -s "$dir/page" ] || { echo "$page: nothing was printed"; exit 1; }
diff -u "$file" "$dir/page" || { echo "$file is out of date: run scripts/gen-docs"; exit 1; }
