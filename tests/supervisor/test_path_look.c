/* supervisor/path_look and supervisor/inotify_watch: whatever is done to the way to a path, the next look is asked for.
 */
#include "supervisor/path_look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/glob.h"
#include "base/loop.h"
#include "base/parse.h"
#include "supervisor/file_helper.h"

struct fixture {
    char base[40];
    struct loop *loop;
    struct watches *watches;
};

/* What a path unit does, without the unit: it looks when it is told to, and only then. */
struct watcher {
    struct watch_user user;
    struct fixture *f;
    char path[128];
    struct path_watch line;
    struct path_section section;
    struct path_sight sight;
    unsigned news, n_looks;
};

static void on_news(struct watch_user *user, unsigned news, uint32_t line)
{
    struct watcher *w = (struct watcher *)((char *)user - offsetof(struct watcher, user));
    assert_int_equal(line, 0);
    w->news |= news;
}

static void look(struct watcher *w)
{
    struct path_question question = { .section = &w->section, .watches = w->f->watches, .user = &w->user };
    struct file_answer answer = { .fds = NULL };
    struct path_seen seen;
    int r = path_look(&question, &answer);
    if (r < 0) print_message("%s: %s\n", w->path, strerror(-r));
    assert_true(r >= 0);
    assert_int_equal(path_look_read(&w->section, &answer, &seen), 0);
    w->sight = seen.sights[0];
    assert_int_equal(watch_user_set(w->f->watches, &w->user, seen.places, seen.n_places), 0);
    file_answer_done(&answer);
    w->n_looks++;
}

static void watch_path(struct fixture *f, struct watcher *w, enum path_kind kind, const char *below)
{
    *w = (struct watcher){ .f = f, .user = { .tell = on_news } };
    (void)snprintf(w->path, sizeof w->path, "%s/%s", f->base, below);
    w->line = (struct path_watch){ .kind = kind, .path = w->path };
    w->section = (struct path_section){ .values = { .items = &w->line, .count = 1, .capacity = 1 } };
    look(w);
}

static void unwatch(struct watcher *w)
{
    watch_user_clear(w->f->watches, &w->user);
}

/* The kernel has queued what was done when the call that did it returns. Returns the news. */
static unsigned take_news(struct watcher *w)
{
    assert_int_equal(loop_wait(w->f->loop, false), 0);
    unsigned news = w->news;
    w->news = 0;
    return news;
}

/* Runs a shell command in the fixture's directory. */
static void sh(const struct fixture *f, const char *command)
{
    char text[512];
    (void)snprintf(text, sizeof text, "cd %s && { %s; }", f->base, command);
    if (system(text) != 0) fail_msg("%s", command); /* NOLINT(cert-env33-c): it is the test's own text */
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->base, sizeof f->base, "/tmp/path-look-XXXXXX");
    assert_non_null(mkdtemp(f->base));
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(watches_new(f->loop, &f->watches), 0);
    *state = f;
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    watches_free(f->watches);
    loop_free(f->loop);
    (void)nftw(f->base, remove_entry, 16, FTW_DEPTH | FTW_PHYS); /* best effort */
    free(f);
    return 0;
}

/* ---- what is there ---- */

static const struct {
    const char *label, *before, *path;
    enum path_kind kind;
    bool good;
} states[] = {
    { "a file", "touch a", "a", PATH_EXISTS, true },
    { "no file", ":", "a", PATH_EXISTS, false },
    { "a link that leads nowhere", "ln -s nowhere a", "a", PATH_EXISTS, false },
    { "a link to a directory", "mkdir d; ln -s d a", "a", PATH_EXISTS, true },
    { "below a file", "touch a", "a/b", PATH_EXISTS, false },
    { "round in a circle", "ln -s b a; ln -s a b", "a", PATH_EXISTS, false },
    { "a pattern", "mkdir d; touch d/x1", "d/x?", PATH_EXISTS_GLOB, true },
    { "a pattern of directories", "mkdir d e; touch e/done", "*/done", PATH_EXISTS_GLOB, true },
    { "a pattern with alternatives", "mkdir d e; touch e/b", "{d,e}/{a,b}", PATH_EXISTS_GLOB, true },
    { "a pattern that nothing matches", "mkdir d; touch d/y1", "d/x?", PATH_EXISTS_GLOB, false },
    { "a pattern without magic", "touch a", "a", PATH_EXISTS_GLOB, true },
    { "something in a directory", "mkdir d; touch d/a", "d", PATH_DIRECTORY_NOT_EMPTY, true },
    { "nothing in a directory", "mkdir d", "d", PATH_DIRECTORY_NOT_EMPTY, false },
    { "what is hidden does not count", "mkdir d; touch d/.a d/a~", "d", PATH_DIRECTORY_NOT_EMPTY, false },
    { "no directory", ":", "d", PATH_DIRECTORY_NOT_EMPTY, false },
    { "a file is no directory", "touch d", "d", PATH_DIRECTORY_NOT_EMPTY, false },
};

static void test_states(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        struct watcher w;
        print_message("  %s\n", states[i].label);
        sh(f, "rm -rf ./*");
        sh(f, states[i].before);
        watch_path(f, &w, states[i].kind, states[i].path);
        assert_int_equal(w.sight.good, states[i].good);
        unwatch(&w);
    }
}

/* ---- what is told ---- */

enum told { NOTHING, SOMETHING, HIT };
static const struct {
    const char *label, *before, *path;
    enum path_kind kind;
    const char *action;
    enum told told;
    bool good; /* after the next look */
} events[] = {
    { "it appears", "mkdir d", "d/a", PATH_EXISTS, "touch d/a", SOMETHING, true },
    { "its directory appears", ":", "d/a", PATH_EXISTS, "mkdir d", SOMETHING, false },
    { "another name appears", "mkdir d", "d/a", PATH_EXISTS, "touch d/b", NOTHING, false },
    { "it is moved there", "mkdir d; touch b", "d/a", PATH_EXISTS, "mv b d/a", SOMETHING, true },
    { "a link is made", "mkdir d e; touch e/a", "f/a", PATH_EXISTS, "ln -s e f", SOMETHING, true },
    { "a link is turned", "mkdir d e; touch e/a; ln -s d f", "f/a", PATH_EXISTS, "ln -sfn e f", SOMETHING, true },
    { "a link behind a link is turned", "mkdir d e; touch e/a; ln -s d f; ln -s f g", "g/a", PATH_EXISTS, "ln -sfn e f",
      SOMETHING, true },
    { "the target of a link appears", "mkdir d; ln -s d/x a", "a", PATH_EXISTS, "touch d/x", SOMETHING, true },
    { "through a link with ..", "mkdir d e; ln -s ../e/x d/l", "d/l", PATH_EXISTS, "touch e/x", SOMETHING, true },
    { "a directory on the way is replaced", "mkdir -p d/e x/e; touch x/e/a", "d/e/a", PATH_EXISTS, "mv d old; mv x d",
      SOMETHING, true },
    { "a directory that somebody is in is replaced", "mkdir -p d", "d/a", PATH_EXISTS,
      "exec 9<d; rmdir d; mkdir d; touch d/a", SOMETHING, true },
    { "a file on the way becomes a directory", "touch d", "d/a", PATH_EXISTS, "rm d; mkdir d; touch d/a", SOMETHING,
      true },
    { "a pattern gets its match", "mkdir d", "d/x?", PATH_EXISTS_GLOB, "touch d/x1", SOMETHING, true },
    { "in a directory that matched", "mkdir d e", "*/done", PATH_EXISTS_GLOB, "touch e/done", SOMETHING, true },
    { "in a directory that matches from now on", ":", "*/done", PATH_EXISTS_GLOB, "mkdir e; touch e/done", SOMETHING,
      true },
    { "in a link to a directory that matched", "mkdir d; ln -s d l", "l*/done", PATH_EXISTS_GLOB, "touch d/done",
      SOMETHING, true },
    { "in a directory behind the pattern", "mkdir -p d/e", "d*/e/done", PATH_EXISTS_GLOB, "touch d/e/done", SOMETHING,
      true },
    { "the first thing in a directory", "mkdir d", "d", PATH_DIRECTORY_NOT_EMPTY, "touch d/a", SOMETHING, true },
    { "a directory with something", ":", "d", PATH_DIRECTORY_NOT_EMPTY, "mkdir d; touch d/a", SOMETHING, true },
    { "closed after writing", "touch a", "a", PATH_CHANGED, "echo x >a", HIT, false },
    { "only read", "echo x >a", "a", PATH_MODIFIED, "cat a >/dev/null", NOTHING, false },
    { "attributes", "touch a", "a", PATH_CHANGED, "chmod 600 a", HIT, false },
    { "a file in the directory", "mkdir d; touch d/a", "d", PATH_CHANGED, "echo x >d/a", HIT, false },
    { "a new file in the directory", "mkdir d", "d", PATH_CHANGED, "touch d/a", HIT, false },
    { "a file two levels down", "mkdir -p d/e", "d", PATH_CHANGED, "touch d/e/a", NOTHING, false },
    { "replaced by rename", "echo 1 >a; echo 2 >b", "a", PATH_CHANGED, "mv b a", HIT, false },
    { "removed", "touch a", "a", PATH_CHANGED, "rm a", HIT, false },
    { "moved away", "mkdir d", "d", PATH_CHANGED, "mv d e", HIT, false },
    { "the file behind a link", "mkdir d; touch d/a; ln -s d/a l", "l", PATH_CHANGED, "echo x >d/a", HIT, false },
    { "its directory is moved", "mkdir d; touch d/a", "d/a", PATH_CHANGED, "mv d e", SOMETHING, false },
};

static void test_events(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        struct watcher w;
        print_message("  %s\n", events[i].label);
        sh(f, "rm -rf ./*");
        sh(f, events[i].before);
        watch_path(f, &w, events[i].kind, events[i].path);
        assert_false(w.sight.good);
        (void)take_news(&w); /* of ours */
        sh(f, events[i].action);
        unsigned news = take_news(&w);
        assert_int_equal(news & WATCH_HIT ? HIT : news ? SOMETHING : NOTHING, events[i].told);
        look(&w);
        assert_int_equal(w.sight.good, events[i].good);
        unwatch(&w);
    }
}

/* systemd.path(5): PathModified= is told of a write, PathChanged= when the file is closed after it. */
static void test_before_it_is_closed(void **state)
{
    struct fixture *f = *state;
    struct watcher changed, modified;
    sh(f, "touch a");
    watch_path(f, &changed, PATH_CHANGED, "a");
    watch_path(f, &modified, PATH_MODIFIED, "a");
    int fd = open(changed.path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(take_news(&changed), 0);
    assert_int_equal(take_news(&modified), WATCH_HIT);
    close(fd);
    assert_int_equal(take_news(&changed), WATCH_HIT);
    assert_int_equal(take_news(&modified), WATCH_HIT);
    /* One inode has one watch: when the other leaves, its events are no longer asked for by this one. */
    unwatch(&modified);
    look(&changed);
    fd = open(changed.path, O_WRONLY | O_CLOEXEC);
    struct pollfd instance = { .fd = watches_fd(f->watches), .events = POLLIN };
    assert_int_equal(take_news(&changed), 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(poll(&instance, 1, 0), 0); /* the kernel does not even tell */
    assert_int_equal(take_news(&modified), 0);
    close(fd);
    unwatch(&changed);
}

/* ---- nothing is missed ---- */

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 17, *seed ^= *seed << 5;
    return *seed;
}

/* One of "a", "b", "c" on up to three levels. */
static const char *random_path(uint32_t *seed, char *buffer)
{
    uint32_t depth = next_random(seed) % 3;
    char *at = buffer;
    for (uint32_t i = 0; i <= depth; i++) at += snprintf(at, 3, "%s%c", i ? "/" : "", "abc"[next_random(seed) % 3]);
    return buffer;
}

/* Fails as often as not, which is as good. */
static void random_operation(int dir, uint32_t *seed)
{
    char one[8], two[8];
    random_path(seed, one);
    random_path(seed, two);
    switch (next_random(seed) % 8) {
    case 0:
    case 1:
        (void)mkdirat(dir, one, 0755);
        break;
    case 2:
        (void)unlinkat(dir, one, AT_REMOVEDIR);
        break;
    case 3:
        (void)unlinkat(dir, one, 0);
        break;
    case 4:
        IGNORE_RESULT(symlinkat(two, dir, one));
        break;
    case 5: {
        int fd = openat(dir, one, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0) close(fd);
        break;
    }
    case 6:
    case 7:
        (void)renameat(dir, one, dir, two);
        break;
    default:
        break;
    }
}

/* After each operation, a watcher that was told nothing would see what it saw before. */
static void test_nothing_is_missed(void **state)
{
    struct fixture *f = *state;
    enum { N = 6, OPERATIONS = 8000 };
    static const char *const paths[N] = { "a", "a/b", "a/b/c", "c/c/c", "b/a", "?/b/*" };
    struct watcher watchers[N];
    uint32_t seed = 20250101;
    int dir = open(f->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t n_good = 0;
    for (size_t i = 0; i < N; i++) watch_path(f, &watchers[i], i + 1 < N ? PATH_EXISTS : PATH_EXISTS_GLOB, paths[i]);
    for (unsigned n = 0; n < OPERATIONS; n++) {
        random_operation(dir, &seed);
        assert_int_equal(loop_wait(f->loop, false), 0);
        for (size_t i = 0; i < N; i++) {
            struct watcher *w = &watchers[i];
            if (w->news) look(w);
            w->news = 0;
            bool is = i + 1 < N ? access(w->path, F_OK) == 0 : glob_any(w->path) > 0;
            if (w->sight.good != is) fail_msg("operation %u: %s was missed", n, w->path);
            /* A unit is triggered once and watches on when the unit is down: here it does so with each look. */
            if (!w->sight.good) continue;
            n_good++;
            if (unlinkat(dir, paths[i], 0) < 0 && i + 1 < N) (void)renameat(dir, paths[i], dir, "c");
            w->news = WATCH_WAY;
        }
    }
    assert_true(n_good > 100);
    for (size_t i = 0; i < N; i++) unwatch(&watchers[i]);
    close(dir);
}

/* The same while somebody else moves things about between looking and watching: when it is quiet again, what was seen
 * last is what is there. */
static void test_race(void **state)
{
    struct fixture *f = *state;
    enum { N = 3, ROUNDS = 12, OPERATIONS = 500 };
    static const char *const paths[N] = { "a/b/c", "b/b", "c" };
    struct watcher watchers[N];
    int dir = open(f->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < N; i++) watch_path(f, &watchers[i], PATH_CHANGED, paths[i]);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            uint32_t seed = 77 + round;
            for (unsigned n = 0; n < OPERATIONS; n++) random_operation(dir, &seed);
            _exit(0);
        }
        for (bool running = true, quiet = false; running || !quiet;) {
            quiet = !running;
            if (running) running = waitpid(pid, NULL, WNOHANG) == 0;
            assert_int_equal(loop_wait(f->loop, false), 0);
            for (size_t i = 0; i < N; i++) {
                if (!watchers[i].news) continue;
                quiet = false;
                watchers[i].news = 0;
                look(&watchers[i]);
            }
        }
        for (size_t i = 0; i < N; i++) {
            struct stat st;
            bool exists = stat(watchers[i].path, &st) == 0;
            if (watchers[i].sight.exists != exists || (exists && watchers[i].sight.inode != st.st_ino))
                fail_msg("round %u: %s was missed", round, paths[i]);
        }
    }
    for (size_t i = 0; i < N; i++) unwatch(&watchers[i]);
    close(dir);
}

/* IN_Q_OVERFLOW: whoever waits is told that something was lost. */
static void test_overflow(void **state)
{
    struct fixture *f = *state;
    struct watcher one, other;
    uint32_t max = 0;
    char text[32];
    assert_true(file_read_small(AT_FDCWD, "/proc/sys/fs/inotify/max_queued_events", text, sizeof text) > 0);
    text[strcspn(text, "\n")] = '\0';
    assert_int_equal(parse_u32(text, 1, 10000000, &max), 0);
    sh(f, "mkdir d e");
    watch_path(f, &one, PATH_CHANGED, "d");
    watch_path(f, &other, PATH_EXISTS, "e/a");
    char path[160];
    (void)snprintf(path, sizeof path, "%s/x", one.path);
    for (uint32_t i = 0; i <= max / 2; i++) { /* two events each, and never two alike */
        assert_int_equal(mknod(path, S_IFREG | 0600, 0), 0);
        assert_int_equal(unlink(path), 0);
    }
    sh(f, "touch e/a");
    while (!(one.news & WATCH_LOST)) assert_int_equal(loop_wait(f->loop, true), 0);
    assert_true(other.news & WATCH_LOST);
    look(&other);
    assert_true(other.sight.good);
    unwatch(&one);
    unwatch(&other);
}

/* A copy of PID 1 makes watches of which PID 1 learns later: what happens in between is told then. */
static void test_made_elsewhere(void **state)
{
    struct fixture *f = *state;
    struct watcher w;
    sh(f, "mkdir d");
    watch_path(f, &w, PATH_CHANGED, "d");
    unwatch(&w);
    struct path_question question = { .section = &w.section, .watches = f->watches, .user = &w.user, .far = true };
    struct file_answer answer = { .fds = NULL };
    struct path_seen seen;
    watches_begin_far(f->watches);
    assert_true(path_look(&question, &answer) >= 0);
    assert_int_equal(path_look_read(&w.section, &answer, &seen), 0);
    sh(f, "touch d/a");
    assert_int_equal(take_news(&w), 0);
    assert_int_equal(watch_user_set(f->watches, &w.user, seen.places, seen.n_places), 0);
    watches_end_far(f->watches);
    assert_int_equal(take_news(&w), WATCH_HIT);
    sh(f, "touch d/b");
    assert_int_equal(take_news(&w), WATCH_HIT);
    unwatch(&w);
    file_answer_done(&answer);
}

static void make_some(struct fixture *f, const char *name, mode_t mode, int error)
{
    struct watcher w;
    watch_path(f, &w, PATH_CHANGED, name);
    w.section.make_directory = true;
    w.section.directory_mode = mode;
    struct path_question question = {
        .section = &w.section, .watches = f->watches, .user = &w.user, .make_directories = true
    };
    struct file_answer answer = { .fds = NULL };
    struct path_seen seen;
    struct stat st;
    assert_true(path_look(&question, &answer) >= 0);
    assert_int_equal(path_look_read(&w.section, &answer, &seen), 0);
    assert_int_equal(seen.sights[0].make_error, error);
    assert_int_equal(seen.sights[0].exists, error == 0);
    if (error == 0) {
        assert_int_equal(stat(w.path, &st), 0);
        assert_int_equal(st.st_mode, S_IFDIR | mode);
    }
    file_answer_done(&answer);
    unwatch(&w);
}

static void test_make_directories(void **state)
{
    struct fixture *f = *state;
    mode_t before = umask(077);
    make_some(f, "x/y/z", 0750, 0);
    make_some(f, "x/y/z", 0750, 0); /* as it is */
    (void)umask(before);
    sh(f, "test $(stat -c %a x) = 750; touch file");
    make_some(f, "file/y", 0755, ENOTDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_states, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_before_it_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_missed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_race, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_made_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_make_directories, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
