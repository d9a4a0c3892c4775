/* tests/e2e/attack.h - what the tests of attacked sockets share: a bystander that has to be supervised all the while,
 * clients in a process of their own, and what PID 1 may hold before and after. */
#pragma once
#include "base/parse.h"
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <dirent.h>
#include <stdio.h>
#include <sys/wait.h>

/* malloc keeps pieces of what it once had. */
#define ATTACK_GROWTH_KIB 1024

#define CROWD ACTOR " crowd "

struct attack {
    struct scene *scene;
    size_t crashes;          /* of the bystander, so far */
    uint64_t fds, anonymous; /* PID 1 at rest: descriptors, KiB */
};

static inline uint32_t attack_setting(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);
    uint32_t value = otherwise;
    if (text && parse_u32(text, 1, UINT32_MAX, &value) < 0) fail_msg("%s=%s", name, text);
    return value;
}

static inline uint64_t attack_descriptors(struct scene *s)
{
    char path[64];
    uint64_t n = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)box_pid(scene_box(s)));
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir)) n++;
    (void)closedir(dir);
    return n - 2;
}

/* A number of /proc/PID/FILE of PID 1. */
static inline uint64_t attack_number(struct scene *s, const char *file, const char *key)
{
    char path[64], *text = NULL;
    size_t size;
    uint64_t value = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)box_pid(scene_box(s)), file);
    if (file_read(AT_FDCWD, path, 1 << 16, &text, &size) < 0) scene_fail(s, "%s cannot be read", path);
    const char *at = strstr(text, key);
    if (at) value = strtoull(at + strlen(key), NULL, 10);
    free(text);
    return value;
}

static inline uint64_t attack_anonymous(struct scene *s)
{
    return attack_number(s, "smaps_rollup", "\nAnonymous:");
}

/* systemctl in the box; its output is owned by the caller. */
static inline int attack_systemctl(struct scene *s, const char *arguments, struct str *ret_output)
{
    char script[256];
    (void)snprintf(script, sizeof script, "exec /usr/local/bin/container-init systemctl %s 2>&1", arguments);
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    return scene_exec(s, argv, ret_output);
}

static inline void attack_expect_systemctl(struct scene *s, const char *arguments, const char *text)
{
    struct str output = STR_EMPTY;
    int status = attack_systemctl(s, arguments, &output);
    if (strncmp(str_text(&output), text, strlen(text)) != 0)
        scene_fail(s, "systemctl %s: status %d: %s", arguments, status, str_text(&output));
    str_done(&output);
}

/* Meanwhile: another service crashes and is restarted, and systemctl answers. */
static inline void attack_bystander(struct attack *a)
{
    attack_expect_systemctl(a->scene, "kill -s KILL bystander", "");
    (void)scene_wait_nth_event(a->scene, ++a->crashes + 1, "unit_state", "bystander.service", "sub", "running", NULL);
    attack_expect_systemctl(a->scene, "is-active bystander", "active\n");
}

/* Boots the scene's units and the bystander; `limit` (0: none) is the hard limit of PID 1's descriptors. Without
 * sanitizers, which keep memory for themselves. */
static inline void attack_begin(struct attack *a, struct scene *s, unsigned limit)
{
    char script[64];
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    *a = (struct attack){ .scene = s };
    spec.plain = true;
    spec.args[0] = "--stay";
    spec.box.setup = "mkfifo /scene/go";
    scene_unit(s, "bystander.service",
               "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=" ACTOR " sleep\nRestart=always\nRestartSec=0\n");
    if (limit > 0) {
        (void)snprintf(script, sizeof script, "ulimit -n %u; exec \"$0\" \"$@\"", limit);
        spec.prefix[0] = "/bin/sh", spec.prefix[1] = "-c", spec.prefix[2] = script;
    }
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    life_wait_state(s, "bystander.service", "running");
    attack_bystander(a); /* what the first use of the control interface needs stays */
    a->fds = attack_descriptors(s);
    a->anonymous = attack_anonymous(s);
}

/* Lets go whoever waits for the FIFO /scene/go. */
static inline void attack_go(struct attack *a)
{
    char path[PATH_MAX];
    int fd = open(scene_path(a->scene, "go", path), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || write(fd, "x", 1) != 1) scene_fail(a->scene, "/scene/go: %s", strerror(errno));
    /* Kept open for as long as this program runs: the reader may not have opened it yet. */
}

/* The actor as a client, in the background; attack_clients_end() ends it. */
static inline pid_t attack_clients(struct attack *a, const char *address, const char *count, const char *how,
                                   const char *file)
{
    char path[64];
    pid_t pid = -1;
    (void)snprintf(path, sizeof path, "/scene/%s", file);
    const char *const argv[] = { ACTOR, "clients", address, count, how, path, NULL };
    int r = box_exec(scene_box(a->scene), argv, -1, -1, &pid);
    if (r < 0) scene_fail(a->scene, "clients: %s", strerror(-r));
    return pid;
}

static inline void attack_clients_end(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

/* N times a byte there and back, one after the other, all of which succeed. */
static inline void attack_talk(struct attack *a, const char *address, const char *count, const char *file)
{
    char want[64];
    pid_t pid = attack_clients(a, address, count, "talk", file);
    (void)snprintf(want, sizeof want, "talk %s of %s\n", count, count);
    scene_wait_file(a->scene, file, "\n");
    (void)waitpid(pid, NULL, 0);
    expect_file(a->scene, file, want);
}

/* Nothing tells the test when PID 1 closes a descriptor, so it looks again. */
static inline void attack_wait_descriptors(struct attack *a, uint64_t most)
{
    for (usec_t deadline = scene_deadline(); attack_descriptors(a->scene) > most;) {
        usec_t soon = scene_now() + 10000;
        (void)scene_pump(a->scene, soon, -1);
        if (scene_now() > deadline)
            scene_fail(a->scene, "PID 1 has %lu descriptors and had %lu", attack_descriptors(a->scene), a->fds);
    }
}

/* What was there before, and no more; then the end. `more`: descriptors of services that run now and did not then. */
static inline void attack_end(struct attack *a, uint64_t more)
{
    struct scene *s = a->scene;
    attack_bystander(a);
    attack_wait_descriptors(a, a->fds + more);
    uint64_t anonymous = attack_anonymous(s);
    print_message("  PID 1: %lu and %lu descriptors, %lu and %lu KiB\n", a->fds, attack_descriptors(s), a->anonymous,
                  anonymous);
    if (anonymous > a->anonymous + ATTACK_GROWTH_KIB) scene_fail(s, "PID 1 has grown");
    expect_stop(s, 0);
    scene_end(s);
}

/* Native on port 9000, and by the proxy on port 9001 to a service on port 9002. */
static inline void crowd_units(struct scene *s, const char *socket_settings, const char *service_settings)
{
    char text[512];
    (void)snprintf(text, sizeof text, "[Socket]\nListenStream=127.0.0.1:9000\n%s", socket_settings);
    scene_unit(s, "native.socket", text);
    (void)snprintf(text, sizeof text, "[Service]\n%sExecStart=" CROWD "-\n", service_settings);
    scene_unit(s, "native.service", text);
    (void)snprintf(text, sizeof text,
                   "[Socket]\nListenStream=127.0.0.1:9001\nActivationMode=proxy\nProxyTarget=127.0.0.1:9002\n%s",
                   socket_settings);
    scene_unit(s, "through.socket", text);
    (void)snprintf(text, sizeof text, "[Service]\n%sExecStart=" CROWD "9002\n", service_settings);
    scene_unit(s, "through.service", text);
}
