#!/bin/sh
# Words that do not occur: calls without a bound, number parsing outside base/parse, libc's process and signal handling,
# markers of unfinished work, and file-scope state that can change (docs/STYLE.md 5, 9, 10).
. "$(dirname "$0")/common"

# Tests, benchmarks and examples are programs of their own: they may fork, read a number and hold a handler.
own_programs='^(tests|bench|examples)/'
# These files are what the C library has under such names.
lean='^cmd/container-init/lean_[a-z]*[.]c$'
marker='T''ODO|F''IXME|X''XX|not impl''emented'

check()
{
    root=$1
    files=$(mktemp)
    c_files "$root" >"$files"
    found=0
    code_lines "$root" <"$files" | awk -v own="$own_programs" -v lean="$lean" '
    function complain(what) { print where ": " what; bad = 1 }
    function calls(words) { return match(text, "(^|[^A-Za-z0-9_>.])(" words ")[ \t]*\\(") }
    {
        split($0, part, ":"); file = part[1]; where = part[1] ":" part[2]
        text = substr($0, length(where) + 2)
        header = file ~ /\.h$/
    }
    file ~ lean { next }
    calls("strcpy|strcat|sprintf|vsprintf|strtok|alloca|gets|stpcpy") { complain("call without a bound") }
    file ~ own { next }
    calls("atoi|atol|atoll|atof|strtol|strtoll|strtoul|strtoull|strtod|sscanf|strtoimax|strtoumax") &&
        file !~ /^base\/(parse|timespan)\.c$/ { complain("numbers are read by base/parse") }
    calls("fork|vfork|system|popen|posix_spawnp?|daemon|wordexp") { complain("processes are made by supervisor/spawn") }
    calls("signal|sigaction|sigset|bsd_signal|siglongjmp|longjmp") && file !~ /^(pid1\/signals|supervisor\/child)\.c$/ {
        complain("no signal handlers: pid1/signals")
    }
    calls("wait|waitpid|wait3|wait4|waitid") && file !~ /^pid1\/reaper\.c$/ { complain("pid1/reaper is the only waiter") }
    calls("getpwnam|getpwuid|getgrnam|getgrgid|getgrouplist|initgroups|getaddrinfo|gethostbyname|dlopen") &&
        file !~ /^cmd\/container-init\/no_nss\.c$/ {
        complain("name services do not link statically: userdb, unit/address")
    }
    # Mutable state at file scope or in a function: static without const at the level that is written to.
    match(text, /^[ \t]*static[ \t]/) && text !~ /^[^=;]*\(/ && text ~ /[=;]/ {
        declared = text; sub(/[=;].*/, "", declared)
        pointer = declared ~ /\*/
        if (pointer ? declared !~ /\*[ \t]*const[ \t]+[A-Za-z_]/ : declared !~ /(^|[ \t])const[ \t]/)
            complain("state outside of an object: " declared)
    }
    END { exit bad }' || found=1
    # The static binary prints whole numbers only (cmd/container-init/lean_stdio.c).
    if (cd "$root" && grep -vE "$own_programs" <"$files" |
        xargs -r grep -nE "(printf|appendf|log_[a-z]+)\\(.*[^%]%[-+ #0-9.*]*L?[aefgAEFG]"); then
        echo "a number with a fraction is not printed by the static binary"
        found=1
    fi
    if (cd "$root" && xargs -r grep -nE "\\b($marker)\\b" <"$files"); then
        echo "unfinished work is not marked, it is finished"
        found=1
    fi
    rm -f "$files"
    return $found
}

self_test()
{
    self_test_dir
    plant "$dir/clean" base/a.c <<'END'
/* strcpy() and fork() are words here, and so is atoi(). */
static const char *const names[] = { "system(", "a" };
static const int bound = 3;
static int helper(int fork_count);
static inline int f(void)
{
    spec->signal(1);
    cg_leaf_signal(2);
    return my_fork(helper(bound));
}
END
    echo 'int main(void) { return fork() + atoi("1"); }' | plant "$dir/clean" tests/e2e/actor.c
    accepts "clean code" "$dir/clean"
    for call in 'strcpy(a, b)' 'sprintf (a, b)' 'strtok(a, b)' 'alloca(3)' 'atoi("1")' 'strtoul(a, b, 0)' 'sscanf(a, b)' \
        'system("x")' 'popen(a, b)' 'fork()' 'signal(1, f)' 'waitpid(1, 0, 0)' 'getpwnam("x")'; do
        echo "int f(void) { return $call; }" | plant "$dir/call" base/a.c
        refuses "$call" "$dir/call" 'base/a.c:1: '
    done
    echo 'void f(char *a) { strcat(a, "x"); }' | plant "$dir/tests" tests/unit/test_a.c
    refuses "strcat in a test" "$dir/tests" 'without a bound'
    for state in 'static int counter;' 'static struct manager *manager = NULL;' 'static const char *last;' \
        '    static bool once = false;'; do
        echo "$state" | plant "$dir/state" base/a.c
        refuses "$state" "$dir/state" 'state outside of an object'
    done
    echo 'void f(void) { log_info("%.3f", 0.5); }' | plant "$dir/fraction" base/a.c
    refuses "a fraction" "$dir/fraction" 'a number with a fraction'
    echo 'void f(void) { log_info("%s 100%% %d", "half", 1); }' | plant "$dir/whole" base/a.c
    accepts "no fraction" "$dir/whole"
    printf '/* T''ODO: the rest */\n' | plant "$dir/marker" base/a.h
    refuses "a marker" "$dir/marker" 'unfinished work'
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1:-.}"; fi
