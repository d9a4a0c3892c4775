#!/bin/sh
# binary.sh FILE [MACHINE]: one static-pie binary, stripped, at most 1.5 MiB, that needs neither loader nor library, with
# the hardening the preset asks for. `binary.sh --self-test` shows that a common dynamic program is refused.
set -eu

check()
{
    file=$1 machine=${2-} bad=0
    complain() { echo "$file: $*"; bad=1; }
    size=$(stat -c %s "$file")
    echo "$file: $size bytes"
    [ "$size" -le 1572864 ] || complain "larger than 1572864 bytes"
    readelf -W -h "$file" | grep -q 'Type: *DYN' || complain "not position independent"
    if readelf -W -l "$file" | grep -q INTERP; then complain "asks for a loader"; fi
    if readelf -W -d "$file" | grep -q NEEDED; then complain "needs a shared library"; fi
    readelf -W -d "$file" | grep -q 'FLAGS_1.*PIE' || complain "not marked as PIE"
    readelf -W -d "$file" | grep -q 'BIND_NOW\|FLAGS_1.*NOW' || complain "lazy binding"
    readelf -W -l "$file" | grep -q GNU_RELRO || complain "no RELRO"
    if readelf -W -l "$file" | grep 'GNU_STACK' | grep -q RWE; then complain "executable stack"; fi
    if readelf -W -S "$file" | grep -qE ' \.(symtab|debug_info) '; then complain "not stripped"; fi
    if [ -n "$machine" ]; then
        readelf -W -h "$file" | grep -q "Machine: *$machine" || complain "not for $machine"
    fi
    return $bad
}

if [ "${1-}" = --self-test ]; then
    if out=$(check "$(command -v readelf)"); then echo "self-test: a dynamic program was accepted"; exit 1; fi
    for word in 'asks for a loader' 'needs a shared library'; do
        echo "$out" | grep -q "$word" || { echo "self-test: nothing was said of '$word'"; exit 1; }
    done
else
    check "$@"
fi
