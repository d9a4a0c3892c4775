#!/bin/sh
# smoke.sh BINARY [RUNNER]: the finished binary says its version, accepts a right unit and refuses a wrong one. RUNNER is
# the emulator for a binary of another machine.
set -eu
binary=$1 runner=${2-}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/units" "$dir/drop-in"
run() { status=0; ${runner:+"$runner"} "$binary" "$@" >"$dir/out" 2>&1 || status=$?; }
expect()
{
    [ "$status" = "$1" ] && grep -q -e "$2" "$dir/out" && return
    echo "expected exit status $1 and \"$2\", got $status:"
    cat "$dir/out"
    exit 1
}

run --version
expect 0 '^container-init '
for word in analyze cat directives escape rules show; do
    run "$word" --help
    expect 0 "container-init $word \["
done
printf '[Service]\nExecStart=/bin/true\n' >"$dir/units/a.service"
printf '[Socket]\nListenStream=/run/a\n' >"$dir/units/a.socket"
run --units "$dir/units" --drop-in "$dir/drop-in" --validate
expect 0 'units=2 warnings=0 overrides=0 strict=false'
printf '[Service]\nExecStart=/bin/true\nRestrat=no\n' >"$dir/drop-in/a.service"
run --units "$dir/units" --drop-in "$dir/drop-in" --validate
expect 1 'Restart='
run --units "$dir/units" --drop-in "$dir/drop-in" --validate --format=gcc
expect 1 "a.service:3:1: warning.unknown-directive.: .Service. Restrat=: "
run --units "$dir/units" --drop-in "$dir/drop-in" --validate --format=json
expect 1 '"code":"unknown-directive"'
printf '[Unit]\nAfter=c.service\n[Service]\nExecStart=/bin/true\n' >"$dir/drop-in/b.service"
printf '[Unit]\nAfter=b.service\n[Service]\nExecStart=/bin/true\n' >"$dir/drop-in/c.service"
run --units "$dir/units" --drop-in "$dir/drop-in" --validate
expect 64 'b.service'
echo "$binary: version, right, wrong and refused units"
