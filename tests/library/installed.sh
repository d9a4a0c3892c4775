#!/bin/sh
# installed.sh BUILD SOURCE: installs libcontainer-unit from BUILD into an empty prefix, and uses only what is there: the
# example of the manual page is compiled with pkg-config against the shared and the static library and run on a root
# that is right and one that is not; the libraries define their public symbols and no others.
set -eu
build=$1 source=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
complain() { echo "installed.sh: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$dir/usr" --component library >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
cp "$source/docs/libcontainer-unit.3.scd" "$dir/page"
sed -n '/^# EXAMPLE/,/^# SEE/p' "$dir/page" | sed '1,/^```$/d; /^```$/,$d; s/\\\\/\\/g' >"$dir/example.c"
grep -q '^int main' "$dir/example.c" || complain "the manual page has no example"

lib=$(dirname "$(find "$dir/usr" -name libcontainer-unit.a)")
PKG_CONFIG_PATH=$lib/pkgconfig
export PKG_CONFIG_PATH
flags="-std=c11 -Wall -Wextra -Wpedantic -Werror"
# shellcheck disable=SC2046
cc $flags -o "$dir/shared" "$dir/example.c" $(pkg-config --cflags --libs container-unit)
# shellcheck disable=SC2046
cc $flags -o "$dir/static" "$dir/example.c" $(pkg-config --cflags container-unit) "$lib/libcontainer-unit.a" \
    $(pkg-config --libs inih jansson)
echo '#include <container-unit.h>
int main() { return container_unit_version()[0] == 0; }' >"$dir/plus.cc"
if command -v c++ >/dev/null; then
    # shellcheck disable=SC2046
    c++ -Wall -Werror -o "$dir/plus" "$dir/plus.cc" $(pkg-config --cflags --libs container-unit)
    LD_LIBRARY_PATH=$lib "$dir/plus" || complain "the C++ program failed"
fi

# Units of every kind have properties, also one that is refused.
mkdir -p "$dir/units"
printf '[Timer]\nOnCalendar=daily\n' >"$dir/units/t.timer"
printf '[Service]\nExecStart=/bin/true\nType=nonsense\n' >"$dir/units/refused.service"
cat >"$dir/kinds.c" <<'PROGRAM'
#include <container-unit.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    const char *const directories[] = { argv[argc - 1], NULL };
    const struct container_unit_options options = { .size = sizeof options, .directories = directories };
    struct container_units *units;
    char *text;
    if (container_units_load(&options, &units) < 0) return 1;
    if (container_units_property(units, "t.timer", "TimersCalendar", CONTAINER_UNIT_JSON, &text) < 0) return 2;
    puts(text);
    free(text);
    if (container_units_property(units, "refused.service", "LoadState", CONTAINER_UNIT_TEXT, &text) < 0) return 3;
    printf("%s %d\n", text, container_units_refused(units));
    free(text);
    container_units_free(units);
    return 0;
}
PROGRAM
# shellcheck disable=SC2046
cc $flags -o "$dir/kinds" "$dir/kinds.c" $(pkg-config --cflags --libs container-unit)
LD_LIBRARY_PATH=$lib "$dir/kinds" "$dir/units" >"$dir/out" || complain "kinds: ends with $?"
grep -q '^\[\["OnCalendar", "\*-\*-\* 00:00:00"' "$dir/out" || { cat "$dir/out"; complain "kinds: no timer"; }
grep -qE '^(bad-setting|error) 1$' "$dir/out" || { cat "$dir/out"; complain "kinds: no state of what was refused"; }

# The symbols.
sed -nE 's/^    (container_unit[a-z_]*);$/\1/p' "$source/unit/container-unit.map" | LC_ALL=C sort >"$dir/wanted"
nm -D --defined-only "$lib/libcontainer-unit.so" | sed -n 's/.* T \([^@]*\).*/\1/p' | LC_ALL=C sort >"$dir/shared.symbols"
nm -g --defined-only "$lib/libcontainer-unit.a" | sed -n 's/.* [A-Z] //p' | LC_ALL=C sort >"$dir/static.symbols"
grep -oE '^[a-z].*container_unit[a-z_]*\(' "$source/unit/container-unit.h" | sed 's/.*\(container_unit[a-z_]*\)($/\1/' |
    LC_ALL=C sort >"$dir/declared"
for list in shared.symbols static.symbols declared; do
    diff "$dir/wanted" "$dir/$list" || complain "$list are not those of unit/container-unit.map"
done
readelf -d "$lib/libcontainer-unit.so" | grep -q 'SONAME.*\[libcontainer-unit\.so\.0\]' || complain "no soname"

# The example, on a root that is as it expects and on one that is not.
mkdir -p "$dir/good/etc/container-init/units" "$dir/good/etc/container-init.d"
cat >"$dir/good/etc/container-init/units/web.service" <<'UNIT'
[Service]
ExecStart=/usr/bin/web
Restart=on-failure
TimeoutStopSec=90
User=www-data
UNIT
cp -R "$dir/good" "$dir/bad"
sed -i 's/=90/=soon/; s/User=/Usr=/' "$dir/bad/etc/container-init/units/web.service"
cp -R "$dir/good" "$dir/other"
printf '[Service]\nExecStart=/usr/bin/web\nRestart=always\nTimeoutStopSec=90\nUser=www-data\n' \
    >"$dir/other/etc/container-init.d/web.service"
for program in shared static; do
    LD_LIBRARY_PATH=$lib "$dir/$program" "$dir/good" >"$dir/out" || { cat "$dir/out"; complain "$program: good"; }
    [ ! -s "$dir/out" ] || complain "$program: says something of the good root"
    ! LD_LIBRARY_PATH=$lib "$dir/$program" "$dir/bad" >"$dir/out" || complain "$program: the bad root passes"
    grep -q 'web.service:4: .*\[bad-timespan\]$' "$dir/out" || { cat "$dir/out"; complain "$program: no diagnostic"; }
    grep -q 'web.service:5: .*\[unknown-directive\]$' "$dir/out" || complain "$program: no diagnostic of the typo"
    ! LD_LIBRARY_PATH=$lib "$dir/$program" "$dir/other" >"$dir/out" || complain "$program: the other root passes"
    grep -q "^web.service: Restart is 'always', not 'on-failure'$" "$dir/out" || { cat "$dir/out"; complain "$program"; }
done
