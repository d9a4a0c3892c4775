#include "tests/supervisor/logs_fixture.h"

#include <sys/resource.h>
#include <sys/socket.h>

#define PIECE ((size_t)16384) /* what the header says */

/* ---- lines ---- */

/* A row: what is printed, each part in a round of its own, and what arrives after end of file. */
static void test_lines(void **state)
{
    static const struct {
        const char *label;
        const char *parts[4];
        const char *want;
    } cases[] = {
        { "a line", { "hello\n" }, "[web] hello\n" },
        { "several lines", { "a\nb\n\nc\n" }, "[web] a\n[web] b\n[web] \n[web] c\n" },
        { "a line in parts", { "he", "ll", "o\n" }, "[web] hello\n" },
        { "the end of one and the beginning of the next", { "a\nb", "c\nd", "\n" }, "[web] a\n[web] bc\n[web] d\n" },
        { "K83: a last line without newline", { "a\nlast" }, "[web] a\n[web] last\n" },
        { "K83: nothing but that", { "la", "st" }, "[web] last\n" },
        { "bytes as they are", { "\033[1m\xff\r\t\n" }, "[web] \033[1m\xff\r\t\n" },
        { "nothing", { NULL }, "" },
    };
    struct fixture *f = *state;
    begin(f);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        AUTO_FD struct fd writer = stream(f, "web", 1);
        for (size_t j = 0; j < COUNT_OF(cases[i].parts) && cases[i].parts[j]; j++) {
            put(writer.n, cases[i].parts[j], strlen(cases[i].parts[j]));
            rounds(f, 1);
        }
        fd_close(&writer);
        str_clear(&f->out_text);
        settle(f);
        assert_string_equal(str_text(&f->out_text), cases[i].want);
        assert_int_equal(logs_stream_count(f->logs), 0);
        assert_int_equal(logs_pending_bytes(f->logs), 0);
    }
    assert_int_equal(f->err_text.length, 0);
    assert_int_equal(logs_lost_bytes(f->logs), 0);
}

static void test_nul_bytes(void **state)
{
    struct fixture *f = *state;
    begin(f);
    AUTO_FD struct fd writer = stream(f, "a", 1);
    put(writer.n, "x\0y\n\0\n", 6);
    settle(f);
    assert_int_equal(f->out_text.length, 14);
    assert_memory_equal(f->out_text.data, "[a] x\0y\n[a] \0\n", 14);
}

/* S15: stdout to stdout, stderr to stderr. */
static void test_two_destinations(void **state)
{
    struct fixture *f = *state;
    begin(f);
    AUTO_FD struct fd out = stream(f, "web", 1), err = stream(f, "web", 2);
    put(err.n, "oops\n", 5);
    put(out.n, "fine\n", 5);
    settle(f);
    assert_string_equal(str_text(&f->out_text), "[web] fine\n");
    assert_string_equal(str_text(&f->err_text), "[web] oops\n");
    log_warning("a line of our own");
    settle(f);
    assert_string_equal(str_text(&f->err_text), "[web] oops\ncontainer-init: a line of our own\n");
}

static int lowest_free(void)
{
    int fd = fcntl(0, F_DUPFD_CLOEXEC, 3);
    assert_true(fd >= 3);
    (void)close(fd); /* a duplicate */
    return fd;
}

/* What is prepared is what the next two get, and nobody's stream until then. */
static void test_prepared(void **state)
{
    struct fixture *f = *state;
    begin(f);
    int before = lowest_free();
    logs_prepare(f->logs);
    int behind = lowest_free();
    logs_prepare(f->logs);
    assert_true(behind > before);
    assert_int_equal(lowest_free(), behind); /* once is enough */
    assert_int_equal(logs_stream_count(f->logs), 0);
    rounds(f, 1);
    AUTO_FD struct fd err = stream(f, "web", 2), out = stream(f, "web", 1);
    assert_int_equal(lowest_free(), behind);
    assert_int_equal(logs_stream_count(f->logs), 2);
    AUTO_FD struct fd another = stream(f, "api", 1); /* none is left */
    assert_int_equal(logs_stream_count(f->logs), 3);
    put(err.n, "oops\n", 5);
    put(out.n, "fine\n", 5);
    put(another.n, "too\n", 4);
    settle(f);
    assert_string_equal(str_text(&f->out_text), "[web] fine\n[api] too\n");
    assert_string_equal(str_text(&f->err_text), "[web] oops\n");
    logs_prepare(f->logs); /* and goes with the rest */
}

/* K86: one round is enough. */
static void test_at_once(void **state)
{
    struct fixture *f = *state;
    begin(f);
    AUTO_FD struct fd writer = stream(f, "web", 1);
    put(writer.n, "x\n", 2);
    rounds(f, 1);
    char text[32] = "";
    assert_int_equal(read(f->out_reader.n, text, sizeof text), 8);
    assert_string_equal(text, "[web] x\n");
}

/* K84: joining what follows the prefixes gives the line; all pieces but the last are PIECE bytes long. */
static void check_pieces(const struct str *got, const char *line, size_t length)
{
    size_t done = 0, at = 0;
    for (size_t piece = 0; at < got->length; piece++) {
        const char *prefix = piece == 0 ? "[web] " : "[web+] ";
        assert_memory_equal(got->data + at, prefix, strlen(prefix));
        at += strlen(prefix);
        const char *end = memchr(got->data + at, '\n', got->length - at);
        assert_non_null(end);
        size_t n = (size_t)(end - (got->data + at));
        assert_true(done + n <= length);
        assert_true(n == PIECE || done + n == length);
        assert_memory_equal(got->data + at, line + done, n);
        done += n;
        at += n + 1;
    }
    assert_int_equal(done, length);
}

static void test_long_lines(void **state)
{
    static const struct {
        const char *label;
        size_t length, step, pieces;
    } cases[] = {
        { "as long as a piece", PIECE, PIECE, 1 }, { "one more", PIECE + 1, PIECE + 1, 2 },
        { "three pieces", 3 * PIECE, 4096, 3 },    { "in odd parts", 3 * PIECE + 77, 1013, 4 },
        { "one megabyte", 1 << 20, 60000, 64 },
    };
    struct fixture *f = *state;
    begin(f);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int terminated = 0; terminated < 2; terminated++) {
            print_message("  %s%s\n", cases[i].label, terminated ? "" : ", no newline");
            size_t length = cases[i].length, total = length + (terminated ? 1 : 0);
            char *line = malloc(total);
            assert_non_null(line);
            for (size_t j = 0; j < length; j++) line[j] = (char)('a' + j % 23);
            if (terminated) line[length] = '\n';
            AUTO_FD struct fd writer = stream(f, "web", 1);
            str_clear(&f->out_text);
            for (size_t done = 0; done < total;) {
                size_t n = MIN_OF(cases[i].step, total - done);
                put(writer.n, line + done, n);
                done += n;
                settle(f);
            }
            fd_close(&writer);
            settle(f);
            check_pieces(&f->out_text, line, length);
            size_t lines = 0;
            for (size_t j = 0; j < f->out_text.length; j++) lines += f->out_text.data[j] == '\n';
            assert_int_equal(lines, cases[i].pieces);
            free(line);
        }
    }
    AUTO_FD struct fd writer = stream(f, "web", 1);
    str_clear(&f->out_text);
    put(writer.n, "short\n", 6);
    settle(f);
    assert_string_equal(f->out_text.data, "[web] short\n"); /* the mark does not stick */
}

/* ---- many writers, a slow reader ---- */

#define UNITS 20
#define LINES 400

struct writer {
    struct str text; /* everything it will print */
    size_t done;
    struct fd fd;
    unsigned seen; /* lines found at the other side */
    char label[8];
};

static void writer_make(struct fixture *f, struct writer *w, unsigned index)
{
    (void)snprintf(w->label, sizeof w->label, "u%02u", index);
    w->fd = stream(f, w->label, 1);
    assert_int_equal(fcntl(w->fd.n, F_SETFL, O_NONBLOCK), 0);
    for (unsigned i = 0; i < LINES; i++) {
        assert_int_equal(str_appendf(&w->text, "%u:%u:", index, i), 0);
        for (unsigned j = 0; j < (i * 37 + index * 11) % 300; j++)
            assert_int_equal(str_append_char(&w->text, (char)('a' + index)), 0);
        assert_int_equal(str_append_char(&w->text, '\n'), 0);
    }
}

static bool writer_go_on(struct writer *w, size_t step)
{
    if (w->done == w->text.length) {
        fd_close(&w->fd);
        return false;
    }
    ssize_t n = write(w->fd.n, w->text.data + w->done, MIN_OF(step, w->text.length - w->done));
    if (n > 0) w->done += (size_t)n;
    return true;
}

static void check_line(struct writer *writers, const char *line, size_t length)
{
    assert_true(length > 6);
    assert_memory_equal(line, "[u", 2);
    unsigned index = (unsigned)(line[2] - '0') * 10 + (unsigned)(line[3] - '0');
    assert_true(index < UNITS);
    struct writer *w = &writers[index];
    const char *want = w->text.data;
    for (unsigned i = 0; i < w->seen; i++) want = strchr(want, '\n') + 1;
    size_t want_length = (size_t)(strchr(want, '\n') - want);
    assert_int_equal(length - 6, want_length);
    assert_memory_equal(line + 6, want, want_length);
    w->seen++;
}

/* S15: lines of different units never mix, each arrives once and in order, whatever the reader's pace. */
static void test_never_mixed(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct writer writers[UNITS] = { 0 };
    for (unsigned i = 0; i < UNITS; i++) writer_make(f, &writers[i], i);
    size_t step = 1;
    for (bool busy = true; busy;) {
        busy = false;
        for (unsigned i = 0; i < UNITS; i++) busy |= writer_go_on(&writers[i], step = step * 31 % 4099);
        rounds(f, 1);
        char buffer[3000];
        ssize_t n = read(f->out_reader.n, buffer, sizeof buffer);
        if (n > 0) assert_int_equal(str_append_bytes(&f->out_text, buffer, (size_t)n), 0);
    }
    settle(f);
    assert_int_equal(logs_stream_count(f->logs), 0);
    for (char *line = f->out_text.data, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        check_line(writers, line, (size_t)(end - line));
    }
    for (unsigned i = 0; i < UNITS; i++) {
        assert_int_equal(writers[i].seen, LINES);
        str_done(&writers[i].text);
    }
    assert_int_equal(logs_lost_bytes(f->logs), 0);
}

/* A service that floods does not keep others from being heard. */
static void test_flood(void **state)
{
    struct fixture *f = *state;
    begin(f);
    AUTO_FD struct fd loud = stream(f, "loud", 1), quiet = stream(f, "quiet", 1);
    assert_int_equal(fcntl(loud.n, F_SETFL, O_NONBLOCK), 0);
    char lines[4096];
    for (size_t i = 0; i < sizeof lines; i++) lines[i] = i % 64 == 63 ? '\n' : 'x';
    bool heard = false;
    put(quiet.n, "hello\n", 6);
    for (int round = 0; round < 4 && !heard; round++) {
        while (write(loud.n, lines, sizeof lines) > 0) {
        }
        rounds(f, 1);
        (void)collect(f->out_reader.n, &f->out_text);
        heard = strstr(str_text(&f->out_text), "[quiet] hello\n") != NULL;
    }
    assert_true(heard);
}

/* ---- what stdout may be ---- */

static void test_kinds(void **state) /* K85 */
{
    static const char *const kinds[] = { "pipe", "socket", "datagram socket", "terminal", "file", "/dev/null" };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        print_message("  %s\n", kinds[i]);
        struct fixture *f = *state;
        char path[] = "/tmp/ci-logs-XXXXXX";
        int pair[2] = { -1, -1 };
        switch (i) {
        case 0:
            assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
            break;
        case 1:
        case 2:
            assert_int_equal(socketpair(AF_UNIX, (i == 1 ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0, pair), 0);
            break;
        case 3:
            pair[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
            assert_true(pair[0] >= 0 && grantpt(pair[0]) == 0 && unlockpt(pair[0]) == 0);
            pair[1] = open(ptsname(pair[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
            break;
        case 4:
            pair[1] = mkstemp(path);
            pair[0] = open(path, O_RDONLY | O_CLOEXEC);
            assert_int_equal(unlink(path), 0); /* K87 */
            break;
        default:
            pair[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
            pair[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
            break;
        }
        assert_true(pair[0] >= 0 && pair[1] >= 0);
        int before = fcntl(pair[1], F_GETFL);
        struct logs *logs = NULL;
        assert_int_equal(logs_new_on(f->loop, pair[1], pair[1], &logs), 0);
        AUTO_FD struct fd writer = FD_NONE;
        assert_int_equal(logs_open_stream(logs, "web", 3, 1, &writer), 0);
        put(writer.n, "hello\n", 6);
        rounds(f, 2);
        log_info("here");
        assert_true(logs_pending_bytes(logs) == 0);
        assert_int_equal(fcntl(pair[1], F_GETFL), before); /* the description is shared: its flags stay */
        char text[128] = "";
        size_t got = 0;
        size_t want = i == 3 ? 35 : 33; /* a terminal adds two carriage returns */
        for (ssize_t n; i != 5 && got < want && (n = read(pair[0], text + got, sizeof text - 1 - got)) > 0;)
            got += (size_t)n;
        char plain[128], *end = plain;
        for (const char *c = text; *c; c++)
            if (*c != '\r') *end++ = *c;
        *end = '\0';
        assert_string_equal(plain, i == 5 ? "" : "[web] hello\ncontainer-init: here\n");
        assert_int_equal(logs_lost_bytes(logs), 0);
        logs_free(logs);
        (void)close(pair[0]);
        (void)close(pair[1]);
    }
}

/* Closed, broken or full: services are read on, bytes are counted, the loop rests. */
static void test_gone(void **state)
{
    static const char *const kinds[] = { "not open", "open for reading", "no reader", "device full" };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        print_message("  %s\n", kinds[i]);
        struct fixture *f = *state;
        AUTO_FD struct fd reader = FD_NONE, gone = FD_NONE;
        if (i == 1) assert_int_equal(fd_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0, &gone), 0);
        if (i == 2) {
            assert_int_equal(fd_pipe(0, &reader, &gone), 0);
            fd_close(&reader);
        }
        if (i == 3) assert_int_equal(fd_openat(AT_FDCWD, "/dev/full", O_WRONLY, 0, &gone), 0);
        struct logs *logs = NULL;
        assert_int_equal(logs_new_on(f->loop, gone.n, f->err.n, &logs), 0);
        AUTO_FD struct fd writer = FD_NONE;
        assert_int_equal(logs_open_stream(logs, "web", 3, 1, &writer), 0);
        for (int j = 0; j < 100; j++) {
            put(writer.n, "0123456789\n", 11);
            rounds(f, 1);
        }
        assert_int_equal(logs_lost_bytes(logs), 100 * 17);
        assert_int_equal(logs_pending_bytes(logs), 0);
        fd_close(&writer);
        rounds(f, 1);
        assert_int_equal(logs_stream_count(logs), 0);
        logs_free(logs);
    }
}

/* A line that was cut by a full disk is ended before the next one begins. */
static void test_disk_with_room_again(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, small = { .rlim_cur = 25 };
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    char path[] = "/tmp/ci-logs-XXXXXX";
    fd_close(&f->out);
    f->out = fd_own(mkstemp(path));
    assert_int_equal(unlink(path), 0);
    begin(f);
    AUTO_FD struct fd writer = stream(f, "web", 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 3; i++) {
        put(writer.n, "0123456789\n", 11);
        rounds(f, 1);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    put(writer.n, "again\n", 6);
    rounds(f, 1);
    char text[128] = "";
    assert_true(pread(f->out.n, text, sizeof text - 1, 0) > 0);
    assert_string_equal(text, "[web] 0123456789\n[web] 01\n[web] again\n");
    assert_int_equal(logs_lost_bytes(f->logs), 9 + 17);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines),   TEST(test_nul_bytes),  TEST(test_two_destinations),     TEST(test_prepared),
        TEST(test_at_once), TEST(test_long_lines), TEST(test_never_mixed),          TEST(test_flood),
        TEST(test_kinds),   TEST(test_gone),       TEST(test_disk_with_room_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
