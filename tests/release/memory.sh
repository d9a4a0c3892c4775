#!/bin/bash
# memory.sh BINARY: unit files that were written to fill memory are read within bounds: a file of 16 MiB, the most that is
# read, costs at most 8 times its size, whatever is in it; 10,000 drop-ins, alias loops, loops of links and templates that
# name each other end in diagnostics. The bound is one of address space, which is more than what is resident.
set -eu
binary=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
complain() { echo "memory.sh: $*" >&2; status=1; }

size=$((16 * 1024 * 1024))
# What a program of its libraries' size needs to begin with.
own=32768

# check NAME KIB [OPTION...]: --validate of $dir/NAME within so much address space.
check()
{
    name=$1 kib=$2
    shift 2
    code=0
    (ulimit -v "$kib" && exec timeout 60 "$binary" --validate --units "$dir/$name" --drop-in "$dir/none" "$@") \
        >"$dir/out" 2>&1 </dev/null || code=$?
    case $code in
    0 | 1 | 64) ;;
    *) complain "$name: ends with $code: $(tail -n 1 "$dir/out")" ;;
    esac
    ! grep -qi 'memory' "$dir/out" || complain "$name: $(grep -i memory "$dir/out" | head -n 1)"
    [ "$(stat -c %s "$dir/out")" -le 4000000 ] || complain "$name: says too much"
}

# big NAME HEAD LINE [TAIL]: a unit of the largest size, filled with a line.
big()
{
    mkdir "$dir/$1"
    {
        printf '%b' "$2"
        line=$(printf '%b' "$3.")
        yes "${line%.}" | head -c $((size - 200))
        printf '\n'
        printf '%b' "${4-}"
    } >"$dir/$1/big.service"
    check "$1" $((8 * size / 1024 + own))
}
service='[Service]\nExecStart=/bin/true\n'
big unknown "$service" 'Unknown=1'
big empty-lines "$service" ''
big comments "$service" '# a comment that says nothing'
big environment "$service" 'Environment=A=1 B=2 "C=3 4" D=5'
big after "[Unit]\n" 'After=a.service b.service c.service' "$service"
big requires "[Unit]\n" 'Requires=a.service' "$service"
big conditions "[Unit]\n" 'ConditionPathExists=/a' "$service"
big commands '[Service]\nType=oneshot\n' 'ExecStart=/bin/a b'
big one-command '[Service]\nType=oneshot\nExecStart=/bin/a \\\n' 'b c d e f \\' '\n'
big semicolons '[Service]\nType=oneshot\nExecStart=/bin/a \\\n' '; a ; a ; a \\' '\n'
big one-line '[Service]\nExecStart=/bin/true\nEnvironment=' 'A=1 \\'
big specifiers "$service" 'Environment=A=%n%n%n%n%n%n'
big variables "$service" 'Environment=A=${A:-${B:-${C:-x}}}'
big sections "$service" '[Section]'
big listeners '[Socket]\n' 'ListenStream=1'
big paths "$service" 'ReadWritePaths=/a /b /c'
big filters "$service" 'SystemCallFilter=@default @file-system'
big limits "$service" 'LimitNOFILE=1:2'

mkdir "$dir/too-large"
yes '# x' | head -c $((size + 1)) >"$dir/too-large/a.service"
check too-large $own
grep -q 'larger than 16 MiB' "$dir/out" || complain "too-large: not refused"

mkdir -p "$dir/dropins/a.service.d"
printf '%b' "$service" >"$dir/dropins/a.service"
for i in $(seq 10000); do echo "[Service]
Environment=N$i=$i"; done | (cd "$dir/dropins/a.service.d" && split -l 2 -a 4 --additional-suffix=.conf - x)
check dropins $((own + 65536))

mkdir "$dir/aliases"
for i in $(seq 1000); do ln -s "a$((i % 1000 + 1)).service" "$dir/aliases/a$i.service"; done
check aliases $((own + 8192))
[ -s "$dir/out" ] && ! grep -q 'warnings=0' "$dir/out" || complain "aliases: loops are not told"

mkdir "$dir/templates"
printf '[Unit]\nWants=b@%%i%%i.service a@%%ix.service\n%b' "$service" >"$dir/templates/a@.service"
printf '[Unit]\nWants=a@%%i.service\n%b' "$service" >"$dir/templates/b@.service"
printf '[Unit]\nWants=a@x.service\n%b' "$service" >"$dir/templates/c.service"
check templates $((own + 65536))
exit $status
