#!/bin/bash
# memory.sh BINARY: unit files that were written to fill memory are read within bounds: a file of 16 MiB, the most that is
# read, costs at most 8 times its size, whatever is in it; 10,000 drop-ins, alias loops, loops of links and templates that
# name each other end in diagnostics. The bound is one of address space, which is more than what is resident. Nothing takes
# more than 10 s of processor time.
set -eu
binary=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
complain() { echo "memory.sh: $*" >&2; status=1; }

size=$((16 * 1024 * 1024))
# What a program of its libraries' size needs to begin with.
own=32768

# check NAME KIB [OPTION...]: --validate of $dir/NAME, or as the options say, within so much address space.
check()
{
    name=$1 kib=$2
    shift 2
    code=0
    [ $# -gt 0 ] || set -- --units "$dir/$name" --drop-in "$dir/none"
    (ulimit -v "$kib" && ulimit -t 10 && exec timeout 120 "$binary" --validate "$@") \
        >"$dir/out" 2>&1 </dev/null || code=$?
    case $code in
    0 | 1 | 64) ;;
    *) complain "$name: ends with $code: $(tail -n 1 "$dir/out")" ;;
    esac
    ! grep -qi 'memory' "$dir/out" || complain "$name: $(grep -i memory "$dir/out" | head -n 1)"
    [ "$(stat -c %s "$dir/out")" -le 4000000 ] || complain "$name: says too much"
}

# big NAME HEAD LINE [TAIL [FILE]]: a unit of the largest size, filled with a line.
big()
{
    mkdir "$dir/$1"
    {
        printf '%b' "$2"
        line=$(printf '%b' "$3.")
        yes "${line%.}" | head -c $((size - 200))
        printf '\n'
        printf '%b' "${4-}"
    } >"$dir/$1/${5-big.service}"
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
big devices "$service" 'DeviceAllow=/dev/null rw'
big credentials "$service" 'SetCredential=a:b'
big calendar '[Timer]\n' 'OnCalendar=*:0/5' '' big.timer
big triggers '[Path]\n' 'PathExists=/a' '' big.path
big timespans '[Timer]\n' 'OnBootSec=5min' '' big.timer

# numbered NAME HEAD FORMAT [TAIL]: a unit of the largest size with lines that all differ.
numbered()
{
    mkdir "$dir/$1"
    {
        printf '%b' "$2"
        seq -f "$3" 10000000 | head -c $((size - 200))
        printf '\n%b' "${4-}"
    } >"$dir/$1/big.service"
    check "$1" $((8 * size / 1024 + own))
}
numbered orders '[Unit]\n' 'After=a%.0f.service' "$service"
numbered wants '[Unit]\n' 'Wants=a%.0f.service' "$service"
numbered mounts "[Unit]\n" 'RequiresMountsFor=/a%.0f' "$service"
numbered keys "$service" 'Key%.0f=1'
numbered variables-set "$service" 'Environment=N%.0f=1'
numbered variables-passed "$service" 'PassEnvironment=N%.0f'
numbered directories "$service" 'RuntimeDirectory=d%.0f'
numbered calls "$service" 'SystemCallFilter=call%.0f'
numbered statuses "$service" 'SuccessExitStatus=%.0f'
numbered installed "$service[Install]\n" 'WantedBy=a%.0f.target'

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
# A root of systemd's, in which each target wants the next.
root=$dir/chain/usr/lib/systemd/system
mkdir -p "$root"
printf '[Unit]\nWants=t1.target\n' >"$root/default.target"
for i in $(seq 10000); do
    printf '[Unit]\nRequires=t%d.target\n' $((i + 1)) >"$root/t$i.target"
done
check chain $((own + 65536)) --systemd --root "$dir/chain"

# A service that wants the next by a link, 3,000 times; and 10,000 links: round in a circle, to a unit, to each other.
root=$dir/wanted/usr/lib/systemd/system
mkdir -p "$root"
printf '[Unit]\nWants=w1.service\n' >"$root/default.target"
for i in $(seq 3000); do printf '%b' "$service" >"$root/w$i.service"; done
(cd "$root" && seq -f 'w%.0f.service.wants' 3000 | xargs mkdir &&
    for i in $(seq 3000); do echo "../w$((i + 1)).service w$i.service.wants/"; done | xargs -n 2 ln -s)
check wanted $((own + 65536)) --systemd --root "$dir/wanted"

root=$dir/links/usr/lib/systemd/system
mkdir -p "$root/default.target.wants"
printf '[Unit]\nDescription=All\n' >"$root/default.target"
printf '%b' "$service" >"$root/real.service"
(cd "$root" && seq -f '../l%.0f.service' 10000 | xargs ln -s -t default.target.wants &&
    for i in $(seq 10000); do
        case $((i % 4)) in
        0) echo "l$i.service l$i.service" ;;
        1) echo "real.service l$i.service" ;;
        *) echo "l$((i - 1)).service l$i.service" ;;
        esac
    done | xargs -n 2 ln -s)
check links $((own + 65536)) --systemd --root "$dir/links"
exit $status
