#include "tests/supervisor/spawn_fixture.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include "supervisor/exec_env.h"
#include "supervisor/exec_identity.h"
#include "supervisor/exec_streams.h"
#include "supervisor/local_path.h"
#include "supervisor/socket.h"

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_open(f);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

/* A file with the given text, below /tmp; the caller unlinks it. */
static void write_file(char path[32], const char *text, mode_t mode)
{
    (void)snprintf(path, 32, "/tmp/plan-test-XXXXXX");
    AUTO_FD struct fd fd = fd_own(mkostemp(path, O_CLOEXEC));
    assert_true(fd_is_open(&fd));
    assert_int_equal(fd_write_all(fd.n, text, strlen(text)), 0);
    assert_int_equal(fchmod(fd.n, mode), 0);
}

/* ---- environment ---- */

static char *inherited[] = {
    (char *)"PATH=/bin:/usr/bin",
    (char *)"HOME=/root",
    (char *)"LANG=C",
    (char *)"LISTEN_PID=1",
    (char *)"LISTEN_FDS=3",
    (char *)"LISTEN_FDNAMES=a:b",
    (char *)"NOTIFY_SOCKET=/run/n",
    (char *)"USER=root",
    (char *)"DOCKER=by -e",
    (char *)"HOME=/second",
    (char *)"INVOCATION_ID=outer",
    (char *)"not an assignment",
    (char *)"RUNTIME_DIRECTORY=/run/outer",
    NULL,
};

/* The block as one text, each variable on its own line. */
static void build(struct fixture *f, const struct exec_env_user *user, char *out, size_t size)
{
    char first[2048];
    struct plan_memory memory = { .at = first, .end = first + sizeof first };
    struct exec_env env = { .memory = &memory };
    struct exec_env_blanks blanks;
    uint32_t index, line;
    f->request.environ = inherited;
    assert_int_equal(exec_env_build(&env, &f->request, user, &blanks, &index, &line), 0);
    assert_true(!!blanks.listen_pid == (f->request.n_listen_fds > 0));
    *out = '\0';
    for (char **item = exec_env_finish(&env); *item; item++) {
        size_t length = strlen(out);
        (void)snprintf(out + length, size - length, "%s\n", *item);
    }
    plan_memory_done(&memory);
}

static size_t count_of(const char *text, const char *name)
{
    size_t count = 0, length = strlen(name);
    for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        count += strncmp(at, name, length) == 0;
    return count;
}

static void test_inherited_environment(void **state)
{
    struct fixture *f = *state;
    char text[4096];
    build(f, &(struct exec_env_user){ 0 }, text, sizeof text);
    assert_string_equal(line_after(text, "DOCKER="), "by -e"); /* K70 */
    assert_string_equal(line_after(text, "PATH="), "/bin:/usr/bin");
    assert_string_equal(line_after(text, "HOME="), "/second");
    assert_int_equal(count_of(text, "HOME="), 1);
    assert_int_equal(count_of(text, "LISTEN_"), 0); /* K61 */
    assert_int_equal(count_of(text, "NOTIFY_SOCKET="), 0);
    assert_int_equal(count_of(text, "INVOCATION_ID="), 0);
    assert_int_equal(count_of(text, "RUNTIME_DIRECTORY="), 0);
    assert_int_equal(count_of(text, "not an"), 0);
}

static void test_environment_precedence(void **state)
{
    struct fixture *f = *state;
    char text[8192], first[32], second[32];
    write_file(first, "FILE='kept space '\nORDER=first file\nHOME=/file\n", 0600); /* K66 */
    write_file(second, "ORDER=second file\n", 0600);
    struct environment_file files[] = { { .path = first },
                                        { .path = second },
                                        { .path = "/nonexistent", .optional = true } };
    struct strlist variables = STRLIST_EMPTY;
    assert_int_equal(strlist_add(&variables, "MAINPID=77"), 0);
    assert_int_equal(strlist_add(&variables, "SETTING=manager"), 0);
    f->settings.exec.environment = LIST("SETTING=unit", "ORDER=unit", "HOME=/unit", "USER=unit", "LANG=de",
                                        "GREETING=hello world", "GONE=1", "STAYS=1"); /* K65 */
    f->settings.exec.environment_files = (struct environment_file_list){ files, 3, 3 };
    f->settings.exec.unset_environment = LIST("GONE", "STAYS=2", "DOCKER=by -e", "NEVER");
    f->settings.exec.directories[EXEC_DIRECTORY_RUNTIME].paths = LIST("a", "b/c");
    f->settings.exec.directories[EXEC_DIRECTORY_LOGS].paths = LIST("log");
    f->request.variables = &variables;
    build(f, &(struct exec_env_user){ "app", "/home/app", "/bin/sh" }, text, sizeof text);
    static const struct {
        const char *name, *value;
    } rows[] = {
        { "FILE=", "kept space " },
        { "ORDER=", "second file" },
        { "SETTING=", "manager" },
        { "MAINPID=", "77" },
        { "GREETING=", "hello world" },
        { "LANG=", "de" },
        { "HOME=", "/home/app" }, /* K64 */
        { "USER=", "app" },
        { "LOGNAME=", "app" },
        { "SHELL=", "/bin/sh" },
        { "STAYS=", "1" },
        { "GONE=", NULL },
        { "DOCKER=", NULL },
        { "RUNTIME_DIRECTORY=", "/run/a:/run/b/c" },
        { "LOGS_DIRECTORY=", "/var/log/log" },
        { "STATE_DIRECTORY=", NULL },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].name);
        assert_int_equal(count_of(text, rows[i].name), rows[i].value ? 1 : 0);
        if (rows[i].value) assert_string_equal(line_after(text, rows[i].name), rows[i].value);
    }
    strlist_done(&variables);
    (void)unlink(first); /* of the test's own making */
    (void)unlink(second);
}

static void test_environment_of_sockets(void **state)
{
    struct fixture *f = *state;
    static const int fds[] = { 10, 11, 12 };
    char text[4096];
    f->request.listen_fds = fds;
    f->request.listen_names = WORDS("web.socket", "has:colon", ""); /* K56 */
    f->request.n_listen_fds = 3;
    build(f, &(struct exec_env_user){ 0 }, text, sizeof text);
    assert_string_equal(line_after(text, "LISTEN_FDS="), "3");
    assert_string_equal(line_after(text, "LISTEN_FDNAMES="), "web.socket:unknown:unknown");
    assert_int_equal(count_of(text, "LISTEN_PID="), 1);
    assert_int_equal(count_of(text, "LISTEN_PIDFDID="), 1);
    print_message("  unset by the unit, numbers go nowhere\n");
    f->settings.exec.unset_environment = LIST("LISTEN_PID", "LISTEN_PIDFDID");
    build(f, &(struct exec_env_user){ 0 }, text, sizeof text);
    assert_int_equal(count_of(text, "LISTEN_PID"), 0);
    f->request.listen_fds = (const int[]){ 0, 0, 0 };
    assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c", "env | grep -c ^LISTEN_")), 0);
    assert_string_equal(f->output, "2\n");
}

static void test_default_path(void **state)
{
    struct fixture *f = *state;
    char text[4096], *saved = inherited[0];
    inherited[0] = (char *)(uintptr_t) "OTHER=1";
    build(f, &(struct exec_env_user){ 0 }, text, sizeof text);
    assert_string_equal(line_after(text, "PATH="), EXEC_DEFAULT_PATH);
    f->settings.exec.unset_environment = LIST("PATH");
    build(f, &(struct exec_env_user){ 0 }, text, sizeof text);
    assert_null(line_after(text, "PATH="));
    inherited[0] = saved;
}

static void test_large_environment(void **state)
{
    enum { MANY = 20000 };
    struct fixture *f = *state;
    char path[32];
    AUTO_STR struct str text = STR_EMPTY;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < MANY; i++) assert_int_equal(str_appendf(&text, "NAME_%d=%d\n", i, i + round), 0);
    write_file(path, str_text(&text), 0600);
    struct environment_file file = { .path = path };
    f->settings.exec.environment_files = (struct environment_file_list){ &file, 1, 1 };
    assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c", "env | grep -c ^NAME_; echo $$NAME_19999")), 0);
    assert_string_equal(f->output, "20000\n20000\n");
    (void)unlink(path); /* of the test's own making */
}

/* ---- environment files that cannot be used ---- */

static void test_bad_environment_files(void **state)
{
    struct fixture *f = *state;
    char quote[32], secret[32], fifo[48];
    write_file(quote, "A=1\nB=\"open\n", 0600);
    write_file(secret, "A=1\n", 0000);
    (void)snprintf(fifo, sizeof fifo, "%s-fifo", secret); /* nobody else has that name */
    assert_int_equal(mkfifo(fifo, 0600), 0);
    char at_line[48];
    (void)snprintf(at_line, sizeof at_line, "%s:2", quote);
    const struct {
        const char *label, *path;
        bool optional;
        int error; /* 0: fine */
        const char *subject;
    } rows[] = {
        { "missing", "/nonexistent/file", false, ENOENT, "/nonexistent/file" },
        { "missing, optional", "/nonexistent/file", true, 0, "" },
        { "a directory", "/tmp", false, EISDIR, "/tmp" },
        { "a FIFO", fifo, false, ENXIO, fifo },
        { "a device", "/dev/zero", false, ENXIO, "/dev/zero" },
        { "an open quote", quote, false, EBADMSG, at_line },
        { "an open quote, optional", quote, true, 0, "" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct environment_file file = { .path = rows[i].path, .optional = rows[i].optional };
        print_message("  %s\n", rows[i].label);
        f->settings.exec.environment_files = (struct environment_file_list){ &file, 1, 1 };
        int r = fixture_run(f, WORDS("/bin/true"));
        /* /dev is a file system of its own in some places: then the copy of PID 1 says it. */
        assert_true(r == -rows[i].error || (r == 0 && f->failure.error == rows[i].error));
        if (rows[i].error == 0) continue;
        assert_int_equal(f->failure.stage, EXEC_STAGE_ENVIRONMENT);
        assert_int_equal(f->failure.error, rows[i].error);
        assert_string_equal(f->failure.subject, rows[i].subject);
    }
    (void)unlink(quote); /* of the test's own making */
    (void)unlink(secret);
    (void)unlink(fifo);
}

/* ---- identity ---- */

static const char passwd_text[] = "root:x:0:0:root:/root:/bin/bash\n"
                                  "app:x:1000:1001:App:/home/app:/bin/sh\n"
                                  "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n";
static const char group_text[] = "root:x:0:\nappgroup:x:1001:\naudio:x:29:app\nvideo:x:44:app,root\n";

static const struct { /* NOLINT(clang-analyzer-optin.performance.Padding): columns in the order of reading */
    const char *label, *user, *group, *supplementary;
    uint32_t flags;
    bool root;
    unsigned own_uid, own_gid;
    int error;
    enum exec_stage stage;
    const char *subject;
    unsigned uid, gid;
    bool set_uid, set_gid, set_groups;
    size_t n_groups;
} identities[] = {
    /* clang-format off */
    { "nothing asked", NULL, NULL, NULL, 0, true, 0, 0, 0, 0, "", 0, 0, false, false, false, 0 },
    { "User= by name", "app", NULL, NULL, 0, true, 0, 0, 0, 0, "", 1000, 1001, true, true, true, 2 },
    { "User= by number", "1000", NULL, NULL, 0, true, 0, 0, 0, 0, "", 1000, 1001, true, true, true, 2 },
    { "a number nobody has", "4242", NULL, NULL, 0, true, 0, 0, 0, 0, "", 4242, 0, true, true, true, 0 },
    { "a number nobody has, Group=", "4242", "audio", NULL, 0, true, 0, 0, 0, 0, "", 4242, 29, true, true, true, 0 },
    { "User= and Group=", "app", "audio", NULL, 0, true, 0, 0, 0, 0, "", 1000, 29, true, true, true, 1 },
    { "Group= alone: K63", NULL, "audio", NULL, 0, true, 0, 0, 0, 0, "", 0, 29, false, true, true, 0 },
    { "SupplementaryGroups=", "app", NULL, "root", 0, true, 0, 0, 0, 0, "", 1000, 1001, true, true, true, 3 },
    { "SupplementaryGroups= twice the same", "app", NULL, "audio", 0, true, 0, 0, 0, 0, "", 1000, 1001, true, true, true, 2 },
    { "with +", "app", NULL, NULL, COMMAND_FULL_PRIVILEGE, true, 0, 0, 0, 0, "", 1000, 1001, false, false, false, 0 },
    { "with !", "app", NULL, NULL, COMMAND_NO_SETUID, true, 0, 0, 0, 0, "", 1000, 1001, false, false, false, 0 },
    { "with !!: ambient capabilities are there", "app", NULL, NULL, COMMAND_AMBIENT, true, 0, 0, 0, 0, "", 1000, 1001, true, true, true, 2 },
    { "no such user", "ghost", NULL, NULL, 0, true, 0, 0, ESRCH, EXEC_STAGE_USER, "User=ghost: there is no such name", 0, 0, 0, 0, 0, 0 },
    { "no such group", NULL, "ghosts", NULL, 0, true, 0, 0, ESRCH, EXEC_STAGE_GROUP, "Group=ghosts: there is no such name", 0, 0, 0, 0, 0, 0 },
    { "no such other group", "app", NULL, "ghosts", 0, true, 0, 0, ESRCH, EXEC_STAGE_GROUP, "SupplementaryGroups=ghosts: there is no such name", 0, 0, 0, 0, 0, 0 },
    { "not root, our own identity", "app", NULL, NULL, 0, false, 1000, 1001, 0, 0, "", 1000, 1001, false, false, false, 2 },
    { "not root, another user: K67", "nobody", NULL, NULL, 0, false, 1000, 1001, EPERM, EXEC_STAGE_USER,
      "User=nobody is uid 65534 gid 65534, we are uid 1000 gid 1001 and not root", 0, 0, 0, 0, 0, 0 },
    { "not root, another group: K63", NULL, "audio", NULL, 0, false, 1000, 1001, EPERM, EXEC_STAGE_GROUP,
      "Group=audio is uid 1000 gid 29, we are uid 1000 gid 1001 and not root", 0, 0, 0, 0, 0, 0 },
    { "not root, the user's group is another", "app", NULL, NULL, 0, false, 1000, 1000, EPERM, EXEC_STAGE_GROUP,
      "User=app is uid 1000 gid 1001, we are uid 1000 gid 1000 and not root", 0, 0, 0, 0, 0, 0 },
    { "not root, SupplementaryGroups=", NULL, NULL, "54321", 0, false, 1000, 1001, EPERM, EXEC_STAGE_GROUP,
      "SupplementaryGroups= asks for gid 54321, we are uid 1000 gid 1001 and not root", 0, 0, 0, 0, 0, 0 },
    { "not root, with +: nothing to change", "nobody", NULL, NULL, COMMAND_FULL_PRIVILEGE, false, 1000, 1001, 0, 0, "", 65534, 65534, false, false, false, 0 },
    /* clang-format on */
};

static void test_identity(void **state)
{
    struct fixture *f = *state;
    char passwd[32], group[32];
    write_file(passwd, passwd_text, 0600);
    write_file(group, group_text, 0600);
    userdb_free(f->userdb);
    f->userdb = NULL;
    assert_int_equal(userdb_new(passwd, group, &f->userdb), 0);
    f->request.userdb = f->userdb;
    for (size_t i = 0; i < COUNT_OF(identities); i++) {
        print_message("  %s\n", identities[i].label);
        f->settings.exec.user = identities[i].user;
        f->settings.exec.group = identities[i].group;
        const char *groups[] = { identities[i].supplementary };
        f->settings.exec.supplementary_groups = (struct text_list){ groups, identities[i].supplementary ? 1 : 0, 1 };
        f->command.flags = identities[i].flags;
        f->request.is_root = identities[i].root;
        f->request.own_uid = identities[i].own_uid;
        f->request.own_gid = identities[i].own_gid;
        AUTO_EXEC_IDENTITY struct exec_identity got;
        struct exec_failure failure = { .stage = EXEC_STAGE_NONE };
        assert_int_equal(exec_identity_resolve(&f->request, &got, &failure), -identities[i].error);
        assert_string_equal(failure.subject, identities[i].subject);
        assert_int_equal(failure.stage, identities[i].stage);
        if (identities[i].error) continue;
        assert_int_equal(got.uid, identities[i].uid);
        assert_int_equal(got.gid, identities[i].gid);
        assert_int_equal(got.set_uid, identities[i].set_uid);
        assert_int_equal(got.set_gid, identities[i].set_gid);
        assert_int_equal(got.set_groups, identities[i].set_groups);
        assert_int_equal(got.n_groups, identities[i].n_groups);
    }
    (void)unlink(passwd); /* of the test's own making */
    (void)unlink(group);
}

static void test_child_takes_the_identity(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0) skip();
    char passwd[32], group[32];
    write_file(passwd, passwd_text, 0600);
    write_file(group, group_text, 0600);
    userdb_free(f->userdb);
    f->userdb = NULL;
    assert_int_equal(userdb_new(passwd, group, &f->userdb), 0);
    f->request.userdb = f->userdb;
    static const char *const words[] = { "/bin/sh", "-c", "id -u; id -g; id -G; echo $HOME $USER $LOGNAME $SHELL",
                                         NULL };
    f->settings.exec.user = "app";
    f->command.flags = COMMAND_NO_EXPAND;
    assert_int_equal(fixture_run(f, words), 0);
    assert_string_equal(f->output, "1000\n1001\n1001 29 44\n/home/app app app /bin/sh\n");
    f->settings.exec.user = NULL;
    f->settings.exec.group = "audio"; /* K63: the supplementary ones are dropped */
    assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c", "id -u; id -g; id -G")), 0);
    assert_string_equal(f->output, "0\n29\n29\n");
    f->settings.exec.user = "app";
    f->command.flags = COMMAND_FULL_PRIVILEGE;
    assert_int_equal(fixture_run(f, WORDS("/usr/bin/id", "-u")), 0);
    assert_string_equal(f->output, "0\n");
    (void)unlink(passwd); /* of the test's own making */
    (void)unlink(group);
}

/* ---- the command line ---- */

static void test_words(void **state)
{
    const struct {
        const char *label;
        const char *const *words;
        uint32_t flags;
        const char *output;
    } rows[] = {
        { "a word of its own is split", WORDS("/bin/echo", "$LIST", "end"), 0, "one two end\n" },
        { "inside a word it is not", WORDS("/usr/bin/printf", "[%s]\\n", "x${LIST}"), 0, "[xone two]\n" },
        { "default: D3", WORDS("/bin/echo", "${NOTHING:-else}"), 0, "else\n" },
        { "unset: K71", WORDS("/bin/echo", "a", "$NOTHING", "b"), 0, "a b\n" },
        { "a dollar", WORDS("/bin/echo", "$$LIST"), 0, "$LIST\n" },
        { "not expanded with :", WORDS("/bin/echo", "$LIST"), COMMAND_NO_EXPAND, "$LIST\n" },
        { "the program too", WORDS("${SHELL_DIR}/echo", "yes"), 0, "yes\n" },
        { "a bare name", WORDS("echo", "found"), 0, "found\n" },
        { "socket variables are known", WORDS("/bin/echo", "${LISTEN_FDS:-none}"), 0, "none\n" },
    };
    struct fixture *f = *state;
    f->settings.exec.environment = LIST("LIST=one two", "SHELL_DIR=/bin");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].label);
        f->command.flags = rows[i].flags;
        assert_int_equal(fixture_run(f, rows[i].words), 0);
        assert_int_equal(f->failure.stage, EXEC_STAGE_NONE);
        assert_string_equal(f->output, rows[i].output);
    }
}

static void test_plan_tells_its_words(void **state)
{
    struct fixture *f = *state;
    AUTO(exec_plan_free) struct exec_plan *plan = NULL;
    fixture_command(f, WORDS("/bin/echo", "${A_NAME_NOBODY_SET}", "x"));
    assert_int_equal(exec_plan_new(&f->request, &plan, &f->failure), 0);
    assert_int_equal(exec_plan_argc(plan), 3);
    assert_string_equal(exec_plan_argv(plan)[2], "x");
    assert_int_equal(exec_plan_unset_variables(plan)->count, 1);
    assert_string_equal(exec_plan_unset_variables(plan)->items[0], "A_NAME_NOBODY_SET");
}

/* ---- failures of the child, in words ---- */

static void test_failures(void **state)
{
    struct fixture *f = *state;
    char script[32], plain[32], interpreter[128], denied[128];
    write_file(script, "#!/nonexistent/interpreter\n", 0755);
    write_file(plain, "no program\n", 0644);
    (void)snprintf(interpreter, sizeof interpreter,
                   "executing the program %s (its interpreter is missing): No such file or directory", script);
    (void)snprintf(denied, sizeof denied, "executing the program %s: Permission denied", plain);
    const struct {
        const char *label, *program, *directory, *output;
        bool optional;
        int code;
        const char *text;
    } rows[] = {
        { "missing", "/nonexistent", NULL, NULL, false, 203,
          "executing the program /nonexistent: No such file or directory" }, /* K73 */
        { "missing, a bare name", "no-such-program", NULL, NULL, false, 203,
          "executing the program no-such-program: No such file or directory" },
        { "not executable", plain, NULL, NULL, false, 203, denied },
        { "no interpreter", script, NULL, NULL, false, 203, interpreter },
        { "no directory", "/bin/true", "/nonexistent", NULL, false, 200,
          "changing directory /nonexistent: No such file or directory" },
        { "no directory, optional", "/bin/true", "/nonexistent", NULL, true, 0, NULL },
        { "no output file", "/bin/true", NULL, "/nonexistent/log", false, 209,
          "opening standard output /nonexistent/log: No such file or directory" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[512];
        print_message("  %s\n", rows[i].label);
        f->settings.exec.working_directory = rows[i].directory;
        f->settings.exec.working_directory_optional = rows[i].optional;
        f->settings.exec.streams[1] =
            (struct exec_stream){ .kind = rows[i].output ? STD_FILE : STD_LOG, .path = rows[i].output };
        assert_int_equal(fixture_run(f, WORDS(rows[i].program)), 0);
        assert_true(WIFEXITED(f->status));
        assert_int_equal(WEXITSTATUS(f->status), rows[i].code);
        assert_int_equal(exec_stage_exit_code(f->failure.stage), rows[i].code);
        if (!rows[i].text)
            assert_int_equal(f->failure.stage, EXEC_STAGE_NONE);
        else
            assert_string_equal(exec_failure_text(&f->failure, text, sizeof text), rows[i].text);
    }
    (void)unlink(script); /* of the test's own making */
    (void)unlink(plain);
}

/* Setting a hard limit above our own, or a better OOM score, needs a capability that even root may lack. */
static void test_refused_limit(void **state)
{
    struct fixture *f = *state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {                                 /* so that the lowered limit is this process's own */
        struct rlimit low = { 64 * 512, 64 * 512 }; /* ulimit -c counts 512 bytes */
        if (setrlimit(RLIMIT_CORE, &low) < 0 || (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))) _exit(77);
        f->request.is_root = false;
        f->settings.exec.limits = (struct exec_limit[EXEC_LIMIT_COUNT]){ [EXEC_LIMIT_CORE] = { true, 65536, 65536 } };
        if (fixture_run(f, WORDS("/bin/sh", "-c", "ulimit -Sc; ulimit -Hc")) < 0) _exit(1);
        if (strcmp(f->output, "64\n64\n") != 0) _exit(2);
        if (f->n_lowered != 1) _exit(3);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- what the child sets ---- */

static void test_settings_of_the_process(void **state)
{
    struct fixture *f = *state;
    f->command.flags = COMMAND_NO_EXPAND;
    f->settings.exec.umask = 0027;
    f->settings.exec.nice_set = true;
    f->settings.exec.nice = 7;
    f->settings.exec.limits = (struct exec_limit[EXEC_LIMIT_COUNT]){
        [EXEC_LIMIT_NOFILE] = { true, 123, 456 }, [EXEC_LIMIT_CORE] = { true, 0, 0 }
    };
    f->settings.exec.working_directory = "/tmp";
    f->request.mark = (UINT64_C(1) << 62) - (UINT64_C(1) << 32);
    assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c",
                                          "umask; nice; pwd; ulimit -Sn; ulimit -Hn; ulimit -c;"
                                          "grep 'file locks' /proc/self/limits")),
                     0);
    assert_string_equal(f->output, "0027\n7\n/tmp\n123\n456\n0\n"
                                   "Max file locks            4611686014132420608  4611686014132420608  locks     \n");
}

static void test_inherited_soft_limit(void **state)
{
    struct fixture *f = *state;
    f->request.inherited_nofile_soft = 77;
    assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c", "ulimit -Sn")), 0);
    assert_string_equal(f->output, "77\n");
}

static void test_home_directory(void **state)
{
    struct fixture *f = *state;
    f->settings.exec.working_directory = "~";
    f->request.home_directory_of_pid1 = "/usr";
    assert_int_equal(fixture_run(f, WORDS("/bin/pwd")), 0);
    assert_string_equal(f->output, "/usr\n");
    f->settings.exec.working_directory = NULL;
    assert_int_equal(fixture_run(f, WORDS("/bin/pwd")), 0);
    assert_string_equal(f->output, "/\n");
}

/* ---- streams ---- */

static void test_streams(void **state)
{
    static const char script[] = "echo out; echo err >&2";
    static const struct {
        const char *label;
        enum exec_std out, err;
        bool same_path;
        const char *first, *second; /* the file after "before\n" and one run, and after two */
        const char *output;         /* of the log after the first run */
    } rows[] = {
        { "file: writes from the beginning", STD_FILE, STD_LOG, false, "out\nre\n", "out\nre\n", "err\n" },
        { "append", STD_FILE_APPEND, STD_LOG, false, "before\nout\n", "before\nout\nout\n", "err\n" },
        { "truncate", STD_FILE_TRUNCATE, STD_LOG, false, "out\n", "out\n", "err\n" },
        { "the same file is opened once", STD_FILE_TRUNCATE, STD_FILE_TRUNCATE, true, "out\nerr\n", "out\nerr\n", "" },
        { "stderr inherits", STD_FILE_TRUNCATE, STD_INHERIT, false, "out\nerr\n", "out\nerr\n", "" },
        { "null", STD_NULL, STD_LOG, false, "before\n", "before\n", "err\n" },
        { "null, stderr inherits", STD_NULL, STD_INHERIT, false, "before\n", "before\n", "" },
        { "the log, stderr inherits", STD_LOG, STD_INHERIT, false, "before\n", "before\n", "out\nerr\n" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char path[32], *text;
        size_t size;
        print_message("  %s\n", rows[i].label);
        write_file(path, "before\n", 0600);
        f->settings.exec.streams[1] = (struct exec_stream){ .kind = rows[i].out, .path = path };
        f->settings.exec.streams[2] =
            (struct exec_stream){ .kind = rows[i].err, .path = rows[i].same_path ? path : NULL };
        for (int run = 0; run < 2; run++) {
            assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c", script)), 0);
            assert_int_equal(f->failure.stage, EXEC_STAGE_NONE);
            assert_string_equal(f->output, rows[i].output);
            assert_int_equal(file_read(AT_FDCWD, path, 4096, &text, &size), 0);
            assert_string_equal(text, run == 0 ? rows[i].first : rows[i].second);
            free(text);
        }
        (void)unlink(path); /* of the test's own making */
    }
    char input[32];
    write_file(input, "from a file\n", 0600);
    f->settings.exec.streams[0] = (struct exec_stream){ .kind = STD_FILE, .path = input };
    f->settings.exec.streams[1] = f->settings.exec.streams[2] = (struct exec_stream){ .kind = STD_LOG };
    assert_int_equal(fixture_run(f, WORDS("/bin/cat")), 0);
    assert_string_equal(f->output, "from a file\n");
    (void)unlink(input); /* of the test's own making */
    f->settings.exec.streams[1] = (struct exec_stream){ .kind = STD_SOCKET };
    assert_int_equal(fixture_run(f, WORDS("/bin/cat")), -EBADF); /* nobody gave it one */
    assert_int_equal(f->failure.stage, EXEC_STAGE_STDOUT);
}

/* systemd.exec(5): "socket", and "fd:NAME" of which the first counts. Both ways over one descriptor. */
static void test_streams_of_sockets(void **state)
{
    static const struct {
        const char *label;
        enum exec_std in, out, err;
        const char *name;
        size_t n_fds, n_sockets;
        int r;
        enum exec_stage stage;
        const char *subject;
        int want_in, want_out, want_err; /* which of the passed descriptors */
    } rows[] = {
        { "the one socket", STD_SOCKET, STD_INHERIT, STD_LOG, NULL, 1, 1, 0, EXEC_STAGE_NONE, "", 0, -1, -1 },
        { "output too", STD_NULL, STD_SOCKET, STD_SOCKET, NULL, 2, 1, 0, EXEC_STAGE_NONE, "", -1, 0, 0 },
        { "none", STD_SOCKET, STD_LOG, STD_LOG, NULL, 2, 0, -EINVAL, EXEC_STAGE_STDIN, "no socket was passed", 0, 0,
          0 },
        { "two", STD_NULL, STD_LOG, STD_SOCKET, NULL, 2, 2, -EINVAL, EXEC_STAGE_STDERR,
          "more than one socket was passed", 0, 0, 0 },
        { "by name", STD_FD, STD_FD, STD_LOG, "b", 3, 2, 0, EXEC_STAGE_NONE, "", 1, 1, -1 },
        { "of the store", STD_NULL, STD_FD, STD_LOG, "c", 3, 2, 0, EXEC_STAGE_NONE, "", -1, 2, -1 },
        { "no such name", STD_NULL, STD_FD, STD_LOG, "x", 3, 2, -ENOENT, EXEC_STAGE_STDOUT, "fd:x", 0, 0, 0 },
    };
    struct fixture *f = *state;
    int pair[2], fds[3];
    const char *names[] = { "a", "b", "c" };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    for (size_t i = 0; i < COUNT_OF(fds); i++) fds[i] = fcntl(pair[1], F_DUPFD_CLOEXEC, 50);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].label);
        struct passed_fds passed = { { fds, rows[i].n_fds, 0 }, { names, rows[i].n_fds, 0 } };
        const enum exec_std kinds[] = { rows[i].in, rows[i].out, rows[i].err };
        for (size_t k = 0; k < 3; k++)
            f->settings.exec.streams[k] = (struct exec_stream){ .kind = kinds[k], .path = rows[i].name };
        memset(f->request.stream_fds, 0, sizeof f->request.stream_fds);
        f->failure = (struct exec_failure){ .stage = EXEC_STAGE_NONE };
        assert_int_equal(exec_streams_find(&f->settings.exec, &passed, rows[i].n_sockets, &f->request, &f->failure),
                         rows[i].r);
        assert_int_equal(f->failure.stage, rows[i].stage);
        assert_string_equal(f->failure.subject, rows[i].subject);
        if (rows[i].r < 0) continue;
        const int wanted[] = { rows[i].want_in, rows[i].want_out, rows[i].want_err };
        for (size_t k = 0; k < 3; k++) assert_int_equal(f->request.stream_fds[k], wanted[k] < 0 ? 0 : fds[wanted[k]]);
    }
    print_message("  a program that speaks to it\n");
    char text[16] = "";
    assert_int_equal(fcntl(pair[1], F_GETFL) & O_NONBLOCK, 0); /* a program expects to wait */
    f->settings.exec.streams[0].kind = STD_SOCKET;
    f->settings.exec.streams[1].kind = STD_INHERIT;
    f->settings.exec.streams[2].kind = STD_LOG;
    f->request.stream_fds[0] = pair[1];
    assert_int_equal(write(pair[0], "hello\n", 6), 6);
    assert_int_equal(fixture_run(f, WORDS("/usr/bin/head", "-n", "1")), 0);
    assert_int_equal(read(pair[0], text, sizeof text), 6);
    assert_string_equal(text, "hello\n");
    for (size_t i = 0; i < COUNT_OF(fds); i++) close(fds[i]);
    close(pair[0]), close(pair[1]);
}

/* ---- paths that PID 1 may touch ---- */

static void test_local_path(void **state)
{
    (void)state;
    assert_true(local_path_is("/"));
    assert_true(local_path_is("/etc/passwd"));
    assert_true(local_path_is("/nonexistent/at/all"));
    assert_true(local_path_is("/proc/self/status"));
    assert_false(local_path_is("relative"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_inherited_environment),
        TEST(test_environment_precedence),
        TEST(test_environment_of_sockets),
        TEST(test_default_path),
        TEST(test_large_environment),
        TEST(test_bad_environment_files),
        TEST(test_identity),
        TEST(test_child_takes_the_identity),
        TEST(test_words),
        TEST(test_plan_tells_its_words),
        TEST(test_failures),
        TEST(test_refused_limit),
        TEST(test_settings_of_the_process),
        TEST(test_inherited_soft_limit),
        TEST(test_home_directory),
        TEST(test_streams),
        TEST(test_streams_of_sockets),
        TEST(test_local_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
