#!/bin/sh
# What runs between clone and exec on PID 1's memory refers to nothing outside itself: no libc function, no errno, no
# thread-local variable, no writable data (docs/ARCHITECTURE.md "Processes").
. "$(dirname "$0")/common"

check()
{
    root=$1 status=0
    objects=$(mktemp -d)
    for cc in cc clang aarch64-linux-gnu-gcc; do
        command -v "$cc" >/dev/null || continue
        for unit in child child_directory child_terminal child_proxy; do
            "$cc" -std=gnu17 -D_GNU_SOURCE -I"$root" -O2 -fPIC -ffreestanding -fno-stack-protector -U_FORTIFY_SOURCE \
                -Wframe-larger-than=1024 -Werror -c "$root/supervisor/$unit.c" -o "$objects/$unit.o" || status=1
        done
        ld=ld
        if [ "$cc" = aarch64-linux-gnu-gcc ]; then ld=aarch64-linux-gnu-ld; fi
        "$ld" -r -o "$objects/all.o" "$objects/child.o" "$objects/child_directory.o" \
            "$objects/child_terminal.o" "$objects/child_proxy.o" || { status=1; break; }
        if nm -u "$objects/all.o" | grep .; then
            echo "$cc: the child calls what is not its own"
            status=1
        fi
        if nm "$objects/all.o" | grep -E ' [BbCDd] '; then
            echo "$cc: the child has writable data"
            status=1
        fi
    done
    rm -rf "$objects"
    return $status
}

self_test()
{
    self_test_dir
    for tree in clean calls data; do
        echo 'int g(int x) { return x; }' | plant "$dir/$tree" supervisor/child_directory.c
        echo 'int h(int x) { return x; }' | plant "$dir/$tree" supervisor/child_terminal.c
        echo 'int i(int x) { return x; }' | plant "$dir/$tree" supervisor/child_proxy.c
    done
    printf 'int g(int x);\nint f(void) { return g(1); }\n' | plant "$dir/clean" supervisor/child.c
    accepts "a child on its own" "$dir/clean"
    printf '#include <string.h>\nunsigned long f(const char *x) { return strlen(x); }\n' | plant "$dir/calls" supervisor/child.c
    refuses "a call of libc" "$dir/calls" 'what is not its own'
    printf 'int count;\nint f(void) { return count++; }\n' | plant "$dir/data" supervisor/child.c
    refuses "writable data" "$dir/data" 'writable data'
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1:-.}"; fi
