#!/bin/sh
# Each phase of the trace and each key of its records is in docs/TRACE.md, and no phase is there that nothing emits.
. "$(dirname "$0")/common"

check()
{
    root=$1
    (cd "$root" && c_files . | grep -E '\.c$' | grep -vE '^(tests|bench|examples)/' | xargs -r awk '
    # Rows of the tables: "| `phase`, `phase` | ... `key` ... |"; what stands outside of the tables is for every record.
    FILENAME ~ /TRACE\.md$/ {
        split($0, cell, "|")
        row = $0 ~ /^\|/ && cell[2] ~ /`/ ? cell[2] : ""
        n = 0
        while (match(row, /`[A-Za-z_]+`/)) {
            names[++n] = substr(row, RSTART + 1, RLENGTH - 2)
            row = substr(row, RSTART + RLENGTH)
        }
        in_keys = $0 ~ /^\| key / ? 1 : FNR == 1 || $0 == "" ? 0 : in_keys
        text = $0
        while (match(text, /`[a-z_0-9]+`/)) {
            key = substr(text, RSTART + 1, RLENGTH - 2)
            text = substr(text, RSTART + RLENGTH)
            if ($0 !~ /^\|/ || in_keys) common[key] = 1
            for (i = 1; i <= n; i++) known[names[i], key] = 1
        }
        for (i = 1; i <= n && !in_keys; i++) phases[names[i]] = FNR
        next
    }
    function record(call,   arg, key, n, i, ok, seen) {
        sub(/^[^(]*\([^,]*, */, "", call)
        n = 0
        if (call ~ /^"/) arg = substr(call, 1, index(substr(call, 2), "\"") + 1)
        else if (call ~ /^[a-z_]+ \? "/) arg = substr(call, 1, index(call, ","))
        else if (call ~ /^phase,/ && invoke) arg = "\"STEM_invoke\""
        else { print where ": the phase is not a literal"; bad = 1; return }
        while (match(arg, /"[A-Za-z_]+"/)) {
            seen[++n] = substr(arg, RSTART + 1, RLENGTH - 2)
            arg = substr(arg, RSTART + RLENGTH)
            emitted[seen[n]] = 1
            if (!(seen[n] in phases)) { print where ": docs/TRACE.md has no phase `" seen[n] "`"; bad = 1 }
        }
        while (match(call, /TF_[A-Z0-9]+\("[a-z_0-9]+"/)) {
            key = substr(call, RSTART, RLENGTH); sub(/^[^"]*"/, "", key); sub(/"$/, "", key)
            call = substr(call, RSTART + RLENGTH)
            ok = key in common
            for (i = 1; i <= n; i++) if ((seen[i], key) in known) ok = 1
            if (!ok) { print where ": docs/TRACE.md does not have `" key "` of `" seen[1] "`"; bad = 1 }
        }
    }
    FNR == 1 { call = ""; invoke = 0 }
    /"%\.\*s_invoke"/ { invoke = 1 }
    call == "" && /(^|[^a-zA-Z_])(TRACE|trace_emit|record_format)\(/ && !/^(static |void )|scratch, phase,/ {
        call = substr($0, match($0, /(TRACE|trace_emit|record_format)\(/)); where = FILENAME ":" FNR
        if (call ~ /;/) { record(call); call = "" }
        next
    }
    call != "" { call = call " " $0; if (/;/) { record(call); call = "" } }
    # Fields of a record that is made up first: the key has to be somewhere.
    call == "" && match($0, /TF_[A-Z0-9]+\("[a-z_0-9]+"/) && !/TRACE\(/ {
        key = substr($0, RSTART, RLENGTH); sub(/^[^"]*"/, "", key); sub(/"$/, "", key)
        loose[key] = FILENAME ":" FNR
    }
    END {
        for (pair in known) { split(pair, w, SUBSEP); somewhere[w[2]] = 1 }
        for (key in loose) if (!(key in somewhere) && !(key in common)) {
            print loose[key] ": docs/TRACE.md does not have `" key "`"; bad = 1
        }
        for (phase in phases) if (!(phase in emitted)) {
            print "docs/TRACE.md:" phases[phase] ": nothing emits `" phase "`"; bad = 1
        }
        if (length(emitted) == 0) { print "no record was found"; bad = 1 }
        exit bad
    }' docs/TRACE.md)
}

self_test()
{
    self_test_dir
    for tree in clean phase key gone; do
        printf '| key | meaning |\n| --- | --- |\n| `status` | x |\n\nAll have `unit`.\n\n' | plant "$dir/$tree" docs/TRACE.md
        printf '| phase | keys |\n| --- | --- |\n| `up`, `down` | `why` |\n' >>"$dir/$tree/docs/TRACE.md"
        printf 'TRACE(t, good ? "up" : "down", TRACE_OK, 0,\n      TF_STR("unit", u), TF_STR("why", w));\n' |
            plant "$dir/$tree" supervisor/a.c
    done
    accepts "records that are described" "$dir/clean"
    echo '    TRACE(m->trace, "sideways", TRACE_OK, 0, TF_STR("unit", u));' | plant "$dir/phase" supervisor/b.c
    refuses "a new phase" "$dir/phase" 'supervisor/b.c:1: docs/TRACE.md has no phase `sideways`'
    printf '    TRACE(m->trace, "up", TRACE_OK, 0,\n TF_STR("how", u));\n' | plant "$dir/key" supervisor/b.c
    refuses "a new key" "$dir/key" 'does not have `how` of `up`'
    echo '| `left` | |' >>"$dir/gone/docs/TRACE.md"
    refuses "a phase that is gone" "$dir/gone" 'nothing emits `left`'
    printf 'TRACE(t, name_of(x), TRACE_OK, 0, TF_STR("unit", u));\n' | plant "$dir/clean" supervisor/b.c
    refuses "a phase that cannot be read" "$dir/clean" 'the phase is not a literal'
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1:-.}"; fi
