/* tests/e2e/harness.c - making, booting and ending a scene. */
#include "tests/e2e/harness_internal.h"
#include "base/fd.h"
#include "base/json.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef E2E_CONTAINER_INIT
#define E2E_CONTAINER_INIT "container-init"
#endif
#ifndef E2E_CONTAINER_INIT_PLAIN
#define E2E_CONTAINER_INIT_PLAIN E2E_CONTAINER_INIT
#endif

/* Scenes that were not ended: a failed assertion jumped out of their test. */
static struct scene *live;

static const char *program_path(bool plain)
{
    static const char *const built[] = { E2E_CONTAINER_INIT, E2E_CONTAINER_INIT_PLAIN };
    const char *given = getenv("CONTAINER_INIT_BIN");
    return given ? given : built[plain];
}

void scene_skip_unless_possible(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* a write to who has hung up fails the test instead of ending it silently */
    const char *why = box_refused();
    if (!why && access(program_path(false), X_OK) < 0) why = "container-init has not been built";
    if (!why) return;
    (void)printf("skipped: %s\n", why);
    exit(77);
}

static void unlink_live(const struct scene *scene)
{
    for (struct scene **at = &live; *at; at = &(*at)->next_live) {
        if (*at != scene) continue;
        *at = scene->next_live;
        return;
    }
}

static void end_abandoned(void)
{
    while (live) {
        (void)fprintf(stderr, "---- left open by a failed test:\n");
        scene_dump(live);
        scene_end(live);
    }
}

struct scene *scene_new(void)
{
    static bool registered;
    if (!registered) (void)atexit(end_abandoned);
    registered = true;
    end_abandoned();
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    (void)snprintf(scene->dir, sizeof scene->dir, "/tmp/scene-XXXXXX");
    assert_non_null(mkdtemp(scene->dir));
    assert_int_equal(chmod(scene->dir, 0755), 0);
    scene->stdout_fd = scene->stderr_fd = scene->inotify_fd = scene->trace_fd = -1;
    scene->next_live = live;
    live = scene;
    static const char *const folders[] = { "units", "drop-in", "root" };
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", scene->dir, folders[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    return scene;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void scene_end(struct scene *scene)
{
    if (!scene) return;
    unlink_live(scene);
    box_free(scene->box);
    const int owned[] = { scene->stdout_fd, scene->stderr_fd, scene->inotify_fd, scene->trace_fd };
    for (size_t i = 0; i < COUNT_OF(owned); i++)
        if (owned[i] >= 0) close(owned[i]);
    (void)nftw(scene->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* a directory left in /tmp is no failure */
    strlist_done(&scene->kept);
    str_done(&scene->log), str_done(&scene->out), str_done(&scene->err), str_done(&scene->trace_tail);
    for (size_t i = 0; i < scene->records.count; i++) json_free(scene->records.items[i]);
    vec_done(&scene->records);
    free(scene);
}

/* ---- files ---- */

static void make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST) fail_msg("mkdir %s: %s", path, strerror(errno));
        *slash = '/';
    }
}

void scene_put(struct scene *scene, const char *folder, const char *name, unsigned mode, const char *text)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s/%s", scene->dir, folder, name);
    make_parents(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) fail_msg("%s: %s", path, strerror(errno));
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

void scene_unit(struct scene *scene, const char *name, const char *text)
{
    scene_put(scene, "units", name, 0644, text);
}

void scene_drop_in(struct scene *scene, const char *name, const char *text)
{
    scene_put(scene, "drop-in", name, 0644, text);
}

void scene_file(struct scene *scene, const char *path, unsigned mode, const char *text)
{
    scene_put(scene, "root", path, mode, text);
}

/* Adds a line to a file of the image, which starts as a copy of this machine's. */
static void append_to_image(struct scene *scene, const char *path, const char *line)
{
    char ours[PATH_MAX], *text = NULL;
    size_t size;
    (void)snprintf(ours, sizeof ours, "%s/root%s", scene->dir, path);
    int r = file_read(AT_FDCWD, access(ours, F_OK) == 0 ? ours : path, 1 << 20, &text, &size);
    if (r < 0) fail_msg("%s: %s", path, strerror(-r));
    struct str all = STR_EMPTY;
    assert_int_equal(str_appendf(&all, "%s%s", text, line), 0);
    scene_file(scene, path, 0644, str_text(&all));
    str_done(&all);
    free(text);
}

void scene_user(struct scene *scene, const char *name, unsigned id, const char *home)
{
    char line[512];
    (void)snprintf(line, sizeof line, "%s:x:%u:%u::%s:/bin/sh\n", name, id, id, home);
    append_to_image(scene, "/etc/passwd", line);
    (void)snprintf(line, sizeof line, "%s:x:%u:\n", name, id);
    append_to_image(scene, "/etc/group", line);
}

const char *scene_dir(const struct scene *scene)
{
    return scene->dir;
}

/* ---- the run ---- */

/* Keeps a formatted string as long as the scene lives. */
PRINTF(2, 3) static const char *keep(struct scene *scene, const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    assert_true(n >= 0);
    assert_int_equal(strlist_add_take(&scene->kept, text), 0);
    return text;
}

static void furnish(struct scene *scene, struct box_spec *box, bool plain)
{
    const struct box_pair copies[] = {
        { program_path(plain), "/usr/local/bin/container-init" },
        { E2E_ACTOR, "/usr/local/bin/actor" },
        { keep(scene, "%s/units", scene->dir), "/etc/container-init/units" },
        { keep(scene, "%s/drop-in", scene->dir), "/etc/container-init.d" },
        { keep(scene, "%s/root", scene->dir), "/" },
    };
    for (size_t i = 0; i < COUNT_OF(copies); i++)
        assert_int_equal(box_spec_copy(box, copies[i].source, copies[i].destination), 0);
    box->shared = "/scene";
}

static void watch_shared(struct scene *scene)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", box_shared(scene->box));
    scene->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    assert_true(scene->inotify_fd >= 0);
    int watch = inotify_add_watch(scene->inotify_fd, path, IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO);
    assert_true(watch >= 0);
}

static size_t put_words(const char **argv, size_t n, const char *const *words, size_t max)
{
    for (size_t i = 0; i < max && words[i]; i++) argv[n++] = words[i];
    return n;
}

void scene_boot(struct scene *scene, const struct scene_spec *given)
{
    struct scene_spec spec = given ? *given : SCENE_SPEC_DEFAULT;
    struct fd out[2] = { FD_NONE, FD_NONE }, err[2] = { FD_NONE, FD_NONE };
    const char *argv[40];
    char why[BOX_WHY_MAX];
    size_t n = put_words(argv, 0, spec.prefix, COUNT_OF(spec.prefix));
    argv[n++] = "/usr/local/bin/container-init";
    n = put_words(argv, n, spec.args, COUNT_OF(spec.args));
    argv[n] = NULL;
    spec.box.argv = argv;
    furnish(scene, &spec.box, spec.plain);
    if (!spec.no_trace) {
        assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_TRACE=1"), 0);
        assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_TRACE_FILE=/scene/trace.jsonl"), 0);
    }
    assert_int_equal(fd_pipe(0, &out[0], &out[1]), 0);
    assert_int_equal(fd_pipe(0, &err[0], &err[1]), 0);
    if (spec.box.stdout_fd < 0) spec.box.stdout_fd = out[1].n;
    if (spec.box.stderr_fd < 0) spec.box.stderr_fd = err[1].n;
    int r = box_start(&spec.box, &scene->box, why);
    fd_close(&out[1]), fd_close(&err[1]);
    scene->stdout_fd = fd_take(&out[0]).n, scene->stderr_fd = fd_take(&err[0]).n;
    /* Only our own reads must not block: the box has the other ends, with flags of their own. */
    (void)fcntl(scene->stdout_fd, F_SETFL, O_NONBLOCK);
    (void)fcntl(scene->stderr_fd, F_SETFL, O_NONBLOCK);
    if (r < 0) scene_fail(scene, "the box did not start: %s", why);
    watch_shared(scene);
}

struct box *scene_box(struct scene *scene)
{
    return scene->box;
}

void scene_stop(struct scene *scene, int signal)
{
    int r = box_signal(scene->box, signal);
    if (r < 0) scene_fail(scene, "signal %d: %s", signal, strerror(-r));
}

static bool has_ended(struct scene *scene, void *userdata)
{
    (void)userdata;
    return scene->ended && (scene->hold_output || (scene->stdout_fd < 0 && scene->stderr_fd < 0));
}

int scene_exit_code(struct scene *scene)
{
    scene_wait(scene, has_ended, NULL, "the end of container-init");
    return scene->exit_code;
}

/* Reads a child's output to its end, keeping the scene's own output flowing, and waits for the child. */
static int collect(struct scene *scene, pid_t pid, int output, struct str *ret_output)
{
    usec_t deadline = scene_deadline();
    struct str text = STR_EMPTY;
    int status = 0;
    for (;;) {
        char buffer[4096];
        ssize_t n = read(output, buffer, sizeof buffer);
        if (n == 0) break;
        if (n > 0) assert_int_equal(str_append_bytes(&text, buffer, (size_t)n), 0);
        if (n < 0 && !scene_pump(scene, deadline, output))
            scene_fail(scene, "the program did not end; its output:\n%s", str_text(&text));
    }
    assert_true(waitpid(pid, &status, 0) == pid);
    if (ret_output)
        *ret_output = text;
    else
        str_done(&text);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int scene_exec(struct scene *scene, const char *const *argv, struct str *ret_output)
{
    AUTO_FD struct fd reader = FD_NONE, writer = FD_NONE;
    pid_t pid = -1;
    assert_int_equal(fd_pipe(0, &reader, &writer), 0);
    (void)fcntl(reader.n, F_SETFL, O_NONBLOCK);
    int r = box_exec(scene->box, argv, writer.n, writer.n, &pid);
    if (r < 0) scene_fail(scene, "cannot run %s in the box: %s", argv[0], strerror(-r));
    fd_close(&writer);
    return collect(scene, pid, reader.n, ret_output);
}

int scene_run(struct scene *scene, const char *const *args, struct str *ret_output)
{
    AUTO_FD struct fd reader = FD_NONE, writer = FD_NONE;
    const char *argv[64] = { program_path(false) };
    (void)put_words(argv, 1, args, COUNT_OF(argv) - 2);
    assert_int_equal(fd_pipe(0, &reader, &writer), 0);
    (void)fcntl(reader.n, F_SETFL, O_NONBLOCK);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (dup2(writer.n, 1) < 0 || dup2(writer.n, 2) < 0) _exit(126);
        (void)execv(argv[0], (char *const *)(uintptr_t)argv); /* execv does not write to them */
        _exit(127);
    }
    assert_true(pid > 0);
    fd_close(&writer);
    return collect(scene, pid, reader.n, ret_output);
}
