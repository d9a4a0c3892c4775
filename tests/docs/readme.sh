#!/bin/sh
# readme.sh PROGRAM SOURCE: each command in the table of README.md that asks container-init something answers there as it
# stands: it prints something, and its exit status is 0.
set -eu
program=$1 source=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
ln -s "$program" "$dir/container-init"
PATH=$dir:$PATH
cd "$source"
grep '^D=' README.md >"$dir/settings" || { echo "README.md does not say what \$D is"; exit 1; }
# "| question | `command` (remark) |", but for what is said of an image, which is not here.
sed -n 's/^|.*| `\(container-init [^`]*\)`.*|$/\1/p' README.md | grep -v ' \./rootfs' >"$dir/commands" ||
    { echo "README.md has no table of commands"; exit 1; }
status=0
while read -r command; do
    printf '%s\n' ". $dir/settings" "$command" >"$dir/script"
    if sh "$dir/script" </dev/null >"$dir/out" 2>&1 && [ -s "$dir/out" ]; then
        echo "  $command"
    else
        echo "README.md: does not answer: $command"
        cat "$dir/out"
        status=1
    fi
done <"$dir/commands"
exit $status
