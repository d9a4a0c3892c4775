/* tests/supervisor/spawn_fixture.h - runs one command through a plan and a spawner, and collects what came of it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "base/str.h"
#include "supervisor/exec_plan.h"
#include "supervisor/spawn.h"
#include "unit/unit.h"
#include "userdb/userdb.h"

extern char **environ;

#define WORDS(...)                                                                                                     \
    (const char *[])                                                                                                   \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }
#define LIST(...)                                                                                                      \
    ((struct text_list){ WORDS(__VA_ARGS__), COUNT_OF(((const char *[]){ __VA_ARGS__ })),                              \
                         COUNT_OF(((const char *[]){ __VA_ARGS__ })) })

/* One unit with one command; tests change what they need before fixture_run(). */
struct fixture {
    struct loop *loop;
    struct spawner *spawner;
    struct userdb *userdb;
    struct unit_settings settings;
    struct unit unit;
    struct command command;
    struct exec_request request;
    struct cg_leaf *leaf;
    /* the outcome */
    struct exec_failure failure;
    bool is_done, in_leaf;
    pid_t pid;
    size_t n_lowered;  /* limits that we may not raise */
    int status;        /* of waitpid(2) */
    char output[8192]; /* stdout and stderr */
};

static inline void fixture_on_done(const struct exec_failure *failure, void *userdata)
{
    struct fixture *f = userdata;
    f->failure = *failure;
    f->is_done = true;
}

static inline void fixture_open(struct fixture *f)
{
    *f = (struct fixture){ .settings = unit_settings_default };
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(spawner_new(f->loop, &f->spawner), 0);
    assert_int_equal(userdb_new(NULL, NULL, &f->userdb), 0);
    f->unit = (struct unit){
        .name = "test.service",
        .unit = &f->settings.unit,
        .exec = &f->settings.exec,
        .kill = &f->settings.kill,
        .service = &f->settings.service,
        .socket = &f->settings.socket,
        .install = &f->settings.install,
    };
    f->settings.exec.streams[0] = (struct exec_stream){ .kind = STD_NULL };
    f->settings.exec.streams[1] = (struct exec_stream){ .kind = STD_LOG };
    f->settings.exec.streams[2] = (struct exec_stream){ .kind = STD_LOG };
    f->request = (struct exec_request){
        .unit = &f->unit,
        .command = &f->command,
        .environ = environ,
        .userdb = f->userdb,
        .stdout_fd = -1,
        .stderr_fd = -1,
        .is_root = geteuid() == 0,
        .own_uid = geteuid(),
        .own_gid = getegid(),
        .slots = spawner_slots(f->spawner),
    };
}

static inline void fixture_close(struct fixture *f)
{
    userdb_free(f->userdb);
    spawner_free(f->spawner);
    loop_free(f->loop);
}

static inline void fixture_command(struct fixture *f, const char *const *words)
{
    uint32_t argc = 0;
    while (words[argc]) argc++;
    f->command.program = words[0];
    f->command.argv = (const char **)(uintptr_t)words;
    f->command.argc = argc;
}

/* Plan and start; the caller waits. 0 or what failed. */
static inline int fixture_start(struct fixture *f, int output_fd)
{
    struct exec_plan *plan = NULL;
    struct spawn_result result;
    f->is_done = f->in_leaf = false;
    f->pid = 0;
    f->request.stdout_fd = f->request.stderr_fd = output_fd;
    int r = exec_plan_new(&f->request, &plan, &f->failure);
    if (r < 0) return r;
    f->n_lowered = exec_plan_lowered_limits(plan)->count;
    r = spawn_start(f->spawner, plan, f->leaf, fixture_on_done, f, &result, &f->failure);
    if (r < 0) return r;
    f->pid = result.pid;
    f->in_leaf = result.in_leaf;
    assert_true(fd_is_open(&result.pidfd));
    fd_close(&result.pidfd);
    return 0;
}

static inline void fixture_wait_done(struct fixture *f)
{
    while (!f->is_done) assert_int_equal(loop_wait(f->loop, true), 0);
}

static inline void fixture_read_output(struct fixture *f, int fd)
{
    size_t length = 0;
    for (ssize_t n; length < sizeof f->output - 1; length += (size_t)n) {
        n = read(fd, f->output + length, sizeof f->output - 1 - length);
        if (n <= 0) break;
    }
    f->output[length] = '\0';
}

/* The whole run: what the child says until it ends, its outcome and its exit status. */
static inline int fixture_run(struct fixture *f, const char *const *words)
{
    AUTO_FD struct fd reader = FD_NONE, writer = FD_NONE;
    fixture_command(f, words);
    f->output[0] = '\0';
    f->status = -1;
    assert_int_equal(fd_pipe(0, &reader, &writer), 0);
    int r = fixture_start(f, writer.n);
    fd_close(&writer);
    if (r < 0) return r;
    fixture_wait_done(f); /* until then PID 1 may hold the writing end, in a pad */
    fixture_read_output(f, reader.n);
    assert_int_equal(waitpid(f->pid, &f->status, 0), f->pid);
    return 0;
}

/* The line of `text` that begins with `prefix`, without it, in a static buffer; NULL when there is none. */
static inline const char *line_after(const char *text, const char *prefix)
{
    static char line[4096];
    size_t length = strlen(prefix);
    for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (strncmp(at, prefix, length) != 0) continue;
        size_t rest = strcspn(at + length, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)rest, at + length);
        return line;
    }
    return NULL;
}

/* A cgroup of the test's own, so that tests that run at the same time do not meet in one base directory. */
struct own_cgroup {
    char before[2048], path[2100];
};

static inline bool own_cgroup_enter(struct own_cgroup *c)
{
    char text[4096], *mountinfo;
    size_t size;
    if (file_read_small(AT_FDCWD, "/proc/self/cgroup", text, sizeof text) < 0) return false;
    const char *own = line_after(text, "0::");
    if (!own || file_read(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mountinfo, &size) < 0) return false;
    char mount[1024] = "";
    for (char *line = mountinfo; line && !mount[0]; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *type = strstr(line, " - cgroup2 "), *end = strchr(line, '\n');
        if (!type || (end && type > end)) continue;
        const char *at = line;
        for (int field = 0; field < 4; field++) at = strchr(at, ' ') + 1;
        (void)snprintf(mount, sizeof mount, "%.*s", (int)strcspn(at, " "), at);
    }
    free(mountinfo);
    int length = snprintf(c->before, sizeof c->before, "%s%s", mount, own);
    if (length < 0 || (size_t)length >= sizeof c->before) return false;
    (void)snprintf(c->path, sizeof c->path, "%s/ci-test-%d", c->before, getpid());
    char procs[2200];
    (void)snprintf(procs, sizeof procs, "%s/cgroup.procs", c->path);
    if (!mount[0] || mkdir(c->path, 0755) < 0) return false;
    if (file_write_small(AT_FDCWD, procs, "0") == 0) return true;
    (void)rmdir(c->path);
    return false;
}

static inline void own_cgroup_leave(const struct own_cgroup *c)
{
    char procs[2200];
    (void)snprintf(procs, sizeof procs, "%s/cgroup.procs", c->before);
    assert_int_equal(file_write_small(AT_FDCWD, procs, "0"), 0);
    assert_int_equal(rmdir(c->path), 0);
}
