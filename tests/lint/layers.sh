#!/bin/sh
# The arrows of docs/ARCHITECTURE.md, checked over every #include and every target_link_libraries of ours; and third-party
# headers, each of which one file of ours knows (two for libcgroup).
. "$(dirname "$0")/common"

# folder: the folders it may include from, besides itself. "*" is everything.
arrows='
base:
unit: base
cgroup: base
pid1: base
trace: base
userdb: base
socketact: unit base
supervisor: socketact unit cgroup pid1 trace userdb base
control: supervisor unit trace base
frontend: unit base
cmd: *
tests/base: base
tests/unit: unit base
tests/cgroup: cgroup base
tests/pid1: pid1 base
tests/trace: trace base
tests/userdb: userdb base
tests/socketact: tests/base socketact unit base
tests/supervisor: tests/unit supervisor socketact unit cgroup pid1 trace userdb base
tests/control: control supervisor unit trace base
tests/frontend: frontend unit base
tests/cmd: *
tests/docs: cmd supervisor unit base
tests/fuzz: control supervisor unit socketact base
tests/e2e: tests/base base
bench: tests/e2e supervisor socketact pid1 base
examples:
'
# header: the files that may include it.
third_party='
ini.h: unit/ini_walk.c
jansson.h: base/json.c
libcgroup.h: cgroup/root.c cgroup/limits.c
uthash.h: *
utlist.h: *
cmocka.h: tests/*
'

check()
{
    root=$1
    {
        (cd "$root" && c_files . | xargs -r grep -HnE '^[[:space:]]*#[[:space:]]*include') || true
        if [ -f "$root/CMakeLists.txt" ]; then
            grep -nE '^ci_library\(' "$root/CMakeLists.txt" | sed 's|^|CMakeLists.txt:|' || true
        fi
    } | awk -v arrows="$arrows" -v third="$third_party" '
    function trim(s) { gsub(/^ +| +$/, "", s); return s }
    function may(folder, other,   i, n, w) {
        if (!(folder in known)) return 0
        if (folder == other || allowed[folder] == "*") return 1
        n = split(allowed[folder], w, " ")
        for (i = 1; i <= n; i++) if (w[i] == other) return 1
        return 0
    }
    function complain(text) { print where ": " text; bad = 1 }
    # "cgroup" for cgroup/leaf.h, "tests/e2e" for tests/e2e/box.h, "examples" for examples/desktop/x.c
    function folder_of(path,   w) {
        split(path, w, "/")
        return w[1] == "tests" ? w[1] "/" w[2] : w[1]
    }
    function third_party_ok(file, header,   i, n, w) {
        n = split(quarantine[header], w, " ")
        for (i = 1; i <= n; i++) {
            if (w[i] == "*" || w[i] == file) return 1
            if (w[i] ~ /\/\*$/ && index(file, substr(w[i], 1, length(w[i]) - 1)) == 1) return 1
        }
        return 0
    }
    BEGIN {
        n = split(arrows, lines, "\n")
        for (i = 1; i <= n; i++) if (split(lines[i], w, ":") >= 1 && lines[i] != "") {
            known[w[1]] = 1; allowed[w[1]] = trim(w[2])
        }
        n = split(third, lines, "\n")
        for (i = 1; i <= n; i++) if (lines[i] != "") { split(lines[i], w, ":"); quarantine[w[1]] = trim(w[2]) }
        # What libc, the kernel and the compiler bring needs no leave; all else must be in the table above.
        system_headers = "^(sys/|linux/|net/|netinet/|arpa/|asm/|netpacket/)"
    }
    {
        split($0, part, ":"); file = part[1]; where = part[1] ":" part[2]
        text = substr($0, length(where) + 2)
    }
    file == "CMakeLists.txt" {
        gsub(/[()]/, " ", text); n = split(text, w, " ")
        deps = 0
        for (i = 3; i <= n; i++) {
            if (w[i] == "DEPS") deps = 1
            else if (w[i] == "SYSTEM") deps = 0
            else if (deps && !may(w[2], w[i])) complain(w[2] " may not be linked to " w[i])
        }
        next
    }
    {
        folder = folder_of(file)
        if (!(folder in known)) { complain("folder " folder " has no place in the map"); next }
        if (!match(text, /[<"][^>"]+[>"]/)) { complain("include of what is not a plain name"); next }
        open = substr(text, RSTART, 1); header = substr(text, RSTART + 1, RLENGTH - 2)
        if (open == "<") {
            if (header in quarantine) { if (!third_party_ok(file, header)) complain(folder " may not include <" header ">") }
            else if (header ~ system_headers || header !~ /\//) { if (folder_of(header) in known && header ~ /\//) complain("our own header in angle brackets: <" header ">") }
            else complain("<" header "> is neither of the system nor in the list of third-party headers")
            next
        }
        if (header !~ /\// || header ~ /\.\.\//) { complain("\"" header "\" is not named from the top of the tree"); next }
        if (!may(folder, folder_of(header))) complain(folder " may not include from " folder_of(header) ": \"" header "\"")
    }
    END { exit bad }'
}

self_test()
{
    self_test_dir
    echo 'int x;' | plant "$dir/clean" base/a.c
    printf '#include "base/a.h"\n#include <stdio.h>\n#include <ini.h>\n' | plant "$dir/clean" unit/ini_walk.c
    printf '#include "supervisor/a.h"\n' | plant "$dir/clean" cmd/container-init/main.c
    printf 'ci_library(unit DEPS base SYSTEM inih)\n' | plant "$dir/clean" CMakeLists.txt
    accepts "arrows that are drawn" "$dir/clean"

    printf '#include "unit/unit.h"\n' | plant "$dir/up" base/a.c
    refuses "base includes unit" "$dir/up" 'base/a.c:1: base may not include from unit'
    printf '#  include "cgroup/leaf.h"\n' | plant "$dir/side" unit/a.h
    refuses "unit includes cgroup" "$dir/side" 'unit may not include from cgroup'
    printf '#include "supervisor/service.h"\n' | plant "$dir/table" socketact/a.def
    refuses "an arrow from a table" "$dir/table" 'socketact may not include from supervisor'
    printf '#include <jansson.h>\n' | plant "$dir/third" trace/a.c
    refuses "jansson outside base/json.c" "$dir/third" 'trace may not include <jansson.h>'
    printf '#include <libcgroup.h>\n' | plant "$dir/cg" cgroup/leaf.c
    refuses "libcgroup outside its two files" "$dir/cg" 'may not include <libcgroup.h>'
    printf '#include <ini.h>\n' | plant "$dir/ini" unit/source.c
    refuses "libinih outside unit/ini_walk.c" "$dir/ini" 'may not include <ini.h>'
    printf '#include <cmocka.h>\n' | plant "$dir/cmocka" base/a.c
    refuses "the test library in the product" "$dir/cmocka" 'may not include <cmocka.h>'
    printf '#include <glib/glib.h>\n' | plant "$dir/unknown" base/a.c
    refuses "a library nobody named" "$dir/unknown" 'neither of the system'
    printf '#include "../unit/unit.h"\n' | plant "$dir/dots" base/a.c
    refuses "a path with dots" "$dir/dots" 'not named from the top'
    echo '#include <stdio.h>' | plant "$dir/place" misc/a.c
    refuses "a folder without a place" "$dir/place" 'folder misc has no place'
    printf 'ci_library(base DEPS unit)\n' | plant "$dir/link" CMakeLists.txt
    refuses "a link against the arrows" "$dir/link" 'base may not be linked to unit'
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1:-.}"; fi
