#!/bin/sh
# commands.sh PAGES MANUAL: each word that may stand first on the command line has its synopsis and its part of COMMANDS in
# the manual page, each verb of analyze its entry there, and no other has.
set -eu
pages=$1 manual=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$pages" commands | LC_ALL=C sort >"$dir/known"
grep -v ' ' "$dir/known" >"$dir/words" || { echo "no command is known"; exit 1; }
sed -n '/^# SYNOPSIS/,/^# [^S]/s/^\*container-init \([a-z-]*\)\*.*/\1/p' "$manual" | LC_ALL=C sort -u >"$dir/synopsis"
diff -u "$dir/words" "$dir/synopsis" ||
    { echo "$manual: SYNOPSIS is not what cmd/container-init/commands.def knows (-)"; exit 1; }
# "## WORD", and within "## analyze" the entries "*VERB* _OPERANDS_".
sed -n '/^# COMMANDS/,/^# [^C]/p' "$manual" | awk '
    /^## / { word = $2; print word }
    word == "analyze" && match($0, /^\*[a-z-]+\*/) { print word, substr($0, 2, RLENGTH - 2) }' |
    LC_ALL=C sort >"$dir/described"
diff -u "$dir/known" "$dir/described" ||
    { echo "$manual: COMMANDS is not what cmd/container-init/commands.def and analyze.def know (-)"; exit 1; }
