#!/bin/sh
# untouched.sh BINARY: --validate --root executes nothing, asks no network, needs no privilege, and opens nothing outside
# of the image, whatever the links in it point to. The dynamic loader's own files do not count.
set -eu
binary=$1
command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null ||
    { echo "skipped: strace is not there, or may not trace"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 0755 "$dir"
image=$dir/image
mkdir -p "$image/etc/container-init/units/b.service.d" "$image/etc/systemd/system/default.target.wants" \
    "$image/usr/bin" "$dir/outside"
printf '[Service]\nExecStart=/bin/true\n' >"$dir/outside/outside.service"
echo secret >"$dir/outside/secret"
# Links that would lead out if they were followed from here.
ln -s "$dir/outside/outside.service" "$image/etc/container-init/units/c.service"
ln -s ../../../../../../../../../../../../"$dir/outside" "$image/up"
ln -s "$dir/outside" "$image/etc/systemd/system/d.service.d"
ln -s "$dir/outside/secret" "$image/etc/secret"
ln -s "$dir/outside/secret" "$image/etc/passwd"
ln -s "$dir/outside/secret" "$image/usr/bin/program"
cat >"$image/etc/container-init/units/a.service" <<'UNIT'
[Unit]
Description=%H %m %o %v
Documentation=file:///etc/shadow
ConditionPathExists=/etc/shadow
[Service]
ExecStartPre=/up/secret
ExecStart=/usr/bin/program --option
ExecStop=sh -c 'echo no'
EnvironmentFile=/etc/secret
WorkingDirectory=/up
PIDFile=/var/run/a.pid
User=app
Group=app
UNIT
cp "$image/etc/container-init/units/a.service" "$image/etc/systemd/system/d.service"
printf '[Service]\nExecStart=/usr/bin/program\n' >"$image/etc/container-init/units/b.service"
printf '[Service]\nNice=1\n' >"$image/etc/container-init/units/b.service.d/x.conf"
printf '[Unit]\nDescription=D\nWants=d.service\n' >"$image/etc/systemd/system/default.target"
chmod -R a+rX "$dir"

set -- "$binary" --validate --format gcc --units /etc/container-init/units --drop-in /none --systemd --root "$image"
strace -f -qq -s 4096 -e trace=%file,%network,%process -o "$dir/trace" "$@" >"$dir/out" 2>"$dir/err" </dev/null || true
status=0
grep -q 'missing-program' "$dir/err" || { cat "$dir/err"; echo "the image was not looked at"; status=1; }
# Whatever has a path: through a descriptor of the image, in the image, or the loader's.
sed 's/^[0-9]* *//' "$dir/trace" | grep -E '^[a-z_0-9]+\(' | sed 1d | awk -v image="$image" '
    /^(exit|exit_group|brk|mmap)\(/ { next }
    /^(socket|connect|bind|sendto|execve|execveat|clone|clone3|fork|vfork)\(/ { print "not allowed: " $0; next }
    /^openat2\(/ && /RESOLVE_IN_ROOT/ { next }
    /^[a-z0-9]+\([0-9]+, "[^\/]/ || /^[a-z0-9]+\([0-9]+, ""/ { next }        # relative to a descriptor
    { path = $0; if (!match(path, /"[^"]*"/)) next; path = substr(path, RSTART + 1, RLENGTH - 2) }
    index(path, image) == 1 && (/NOFOLLOW/ || /O_PATH/ || /O_DIRECTORY/ || /^lstat|^readlink/ || /etc\/(passwd|group)"/) { next }
    index("/proc/sys/kernel/random/boot_id", path) == 1 { next } # %m of an image without a machine id
    path ~ /^(\/etc\/ld\.so|\/lib|\/usr\/lib|\/proc\/self\/(exe|maps|task)|\/sys\/devices\/system\/cpu|\/dev\/(null|urandom)|\/usr\/share\/zoneinfo|\/etc\/localtime)/ { next }
    { print "outside of the image: " $0 }' >"$dir/bad"
if [ -s "$dir/bad" ]; then cat "$dir/bad"; status=1; fi
if grep -q secret "$dir/out"; then echo "a file outside of the image was read"; status=1; fi

# Another user sees the same, but for what it may not read.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    "$@" >"$dir/out1" 2>"$dir/err1" </dev/null && one=0 || one=$?
    setpriv --reuid 65534 --regid 65534 --clear-groups "$@" >"$dir/out2" 2>"$dir/err2" </dev/null && two=0 || two=$?
    [ "$one" = "$two" ] && cmp "$dir/err1" "$dir/err2" && cmp "$dir/out1" "$dir/out2" ||
        { echo "another user sees something else: $one, $two"; diff "$dir/err1" "$dir/err2" || true; status=1; }
fi
exit $status
