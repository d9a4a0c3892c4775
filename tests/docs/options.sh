#!/bin/sh
# options.sh PAGES MANUAL: each option is described in the manual page as it is spelled, and no other is.
set -eu
pages=$1 manual=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$pages" options | LC_ALL=C sort >"$dir/known"
# The entries of the section OPTIONS: "*--units* _DIR_", or several with commas between them.
sed -n '/^# OPTIONS/,/^# [^O]/p' "$manual" | grep -E '^\*-' | sed 's/, /\n/g' | LC_ALL=C sort >"$dir/described"
[ -s "$dir/known" ] && diff -u "$dir/known" "$dir/described" ||
    { echo "$manual: OPTIONS is not what cmd/container-init/options.def knows (-)"; exit 1; }
