#!/bin/sh
# What runs between clone and exec on PID 1's memory refers to nothing outside itself: no libc function, no errno, no
# thread-local variable, no writable data (ARCHITECTURE.md "Processes").
root=${1:-.}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
status=0
for cc in cc clang aarch64-linux-gnu-gcc; do
    command -v "$cc" >/dev/null || continue
    for unit in child child_directory; do
        "$cc" -std=gnu17 -D_GNU_SOURCE -I"$root" -O2 -fPIC -ffreestanding -fno-stack-protector -U_FORTIFY_SOURCE \
            -Wframe-larger-than=1024 -Werror -c "$root/supervisor/$unit.c" -o "$dir/$unit.o" || exit 1
    done
    ld=ld
    [ "$cc" = aarch64-linux-gnu-gcc ] && ld=aarch64-linux-gnu-ld
    "$ld" -r -o "$dir/all.o" "$dir/child.o" "$dir/child_directory.o" || exit 1
    if nm -u "$dir/all.o" | grep .; then
        echo "$cc: the child calls what is not its own"
        status=1
    fi
    if nm "$dir/all.o" | grep -E ' [BbCDd] '; then
        echo "$cc: the child has writable data"
        status=1
    fi
done
exit $status
