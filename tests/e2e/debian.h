/* tests/e2e/debian.h - units of Debian's packages in a box, under --systemd.
 *
 * The box is the machine's own root, as an image with these packages would be: without what systemd's own package
 * brings, and with a default target that wants what the test asks for. */
#pragma once
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <stdio.h>

#define BASH "/bin/bash"
/* "exec 3<>" in a subshell, so that a refused connection is only a "no". */
#define CONNECT(port) "exec 3<>/dev/tcp/127.0.0.1/" port " && "
#define DBUS_SEND     "dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus."

static const char debian_setup[] =
    "cd /lib/systemd/system && rm -rf *.wants *.requires systemd-* *.mount *.automount *.timer *.path *getty* "
    "dbus-org* "
    "&& rm -rf /etc/systemd /run/systemd && mkdir -p /etc/systemd/system && "
    "ln -s container-init /usr/local/bin/systemctl && cp /image/default.target /etc/systemd/system/ && "
    ". /image/prepare";

/* `wants`: names of units, separated by blanks. `prepare`: shell, before PID 1: what the image would have besides. */
static inline struct scene *debian_boot_scene(struct scene *s, const char *wants, const char *prepare,
                                              const struct place *place)
{
    struct str target = STR_EMPTY;
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    int r = str_appendf(&target, "[Unit]\nRequires=basic.target\nAfter=basic.target\nWants=%s\n", wants);
    assert_int_equal(r, 0);
    scene_file(s, "/image/default.target", 0644, str_text(&target));
    scene_file(s, "/image/prepare", 0644, prepare);
    str_done(&target);
    spec.box.setup = debian_setup;
    spec.box.cgroup = place->cgroup;
    spec.box.docker_caps = place->docker_caps;
    spec.args[0] = "--systemd";
    spec.args[1] = "--stay";
    scene_boot(s, &spec);
    return s;
}

/* Runs a script in the box; with `again`, until it succeeds. */
static inline void run(struct scene *s, const char *what, const char *script, bool again)
{
    struct str all = STR_EMPTY, output = STR_EMPTY;
    int r = again ? str_appendf(&all, "for try in {1..200}; do (%s) 2>&1 && exit; sleep 0.1; done; exit 1", script)
                  : str_appendf(&all, "exec 2>&1; %s", script);
    assert_int_equal(r, 0);
    const char *const argv[] = { BASH, "-c", str_text(&all), NULL };
    int status = scene_exec(s, argv, &output);
    str_done(&all);
    if (status != 0) scene_fail(s, "%s: %s: status %d: %s", what, script, status, str_text(&output));
    str_done(&output);
}

static inline size_t times_running(struct scene *s, const char *unit)
{
    return scene_count_events(s, "unit_state", unit, "sub", "running", NULL);
}

/* Skips the running test unless all these files are there; ended by NULL. */
static inline void skip_without_files(const char *const *paths)
{
    for (; *paths; paths++) {
        if (access(*paths, R_OK) == 0) continue;
        print_message("skipped: no %s\n", *paths);
        skip();
    }
}
#define SKIP_WITHOUT(...) skip_without_files((const char *const[]){ __VA_ARGS__, NULL })
