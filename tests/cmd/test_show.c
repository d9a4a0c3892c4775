/* container-init show and cat: own units in a root of their own, the texts and exit statuses of systemctl 252. */
#include "cmd/container-init/show.h"

#include "base/json.h"
#include "base/str.h"
#include "tests/unit/scratch_dir.h"

#define WORDS_MAX 8
#define UNITS     "usr/lib/systemd/system/"

static struct scratch root;

static const struct {
    const char *path, *text;
} files[] = {
    { UNITS "web.service", "[Unit]\nDescription=The web\nAfter=db.service\nWants=db.service\n"
                           "Documentation=man:web(8) https://example.org/web\n"
                           "[Service]\nExecStart=/bin/web\nEnvironment=\"A=b c\" D=e\nRestartSec=90\n" },
    { UNITS "web.service.d/10-x.conf", "[Service]\nUser=daemon" },
    { "etc/systemd/system/web.service.d/20-y.conf", "[Service]\nUMask=077\n" },
    { UNITS "db.service", "[Service]\nExecStart=/bin/db\n" },
    { UNITS "db.socket", "[Socket]\nListenStream=/run/db\n" },
    { UNITS "two.socket", "[Socket]\nListenStream=/run/a\nListenDatagram=[::1]:5\n" },
    { UNITS "worker@.service", "[Service]\nExecStart=/bin/worker %i\n" },
    { UNITS "bad.service", "[Service]\nExecStart=./x\n" },
    { UNITS "a-b.slice", "[Slice]\n" },
    { UNITS "half.service", "[Service]\nExecStart=/bin/half\n" },
    { "etc/systemd/system/half.service.d/1.conf", "[Service]\nUser=daemon\nExecStart=./x\nPIDFile=/run/half.pid\n" },
    { "etc/systemd/system/half.service.d/2.conf", "[Service\nUMask=0\n" },
    { UNITS "none.service", "[Service]\nExecStart=/bin/none\n[Unit\nAfter=web.service\n" },
};

static int setup(void **state)
{
    (void)state;
    scratch_init(&root);
    static const char *const directories[] = { "etc",
                                               "etc/systemd",
                                               "etc/systemd/system",
                                               "etc/systemd/system/web.service.d",
                                               "etc/systemd/system/half.service.d",
                                               "usr",
                                               "usr/lib",
                                               "usr/lib/systemd",
                                               "usr/lib/systemd/system",
                                               UNITS "web.service.d" };
    for (size_t i = 0; i < COUNT_OF(directories); i++) scratch_mkdir(&root, directories[i]);
    for (size_t i = 0; i < COUNT_OF(files); i++) scratch_write(&root, files[i].path, files[i].text);
    scratch_link(&root, "/dev/null", UNITS "masked.service");
    scratch_link(&root, "web.service", UNITS "www.service");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_done(&root);
    return 0;
}

struct answer {
    char *out, *err;
    int status;
};

static void answer_done(struct answer *answer)
{
    free(answer->out);
    free(answer->err);
}

/* "WORD --systemd --root ROOT WORDS..." */
static struct answer ask(int (*function)(FILE *, FILE *, int, char **), const char *const *words)
{
    struct answer answer = { .status = -1 };
    size_t out_size, err_size;
    char *argv[WORDS_MAX + 5] = { strdup("word"), strdup("--systemd"), strdup("--root"), strdup(root.root) };
    int argc = 4;
    for (size_t i = 0; i < WORDS_MAX && words[i]; i++) argv[argc++] = strdup(words[i]);
    FILE *out = open_memstream(&answer.out, &out_size), *err = open_memstream(&answer.err, &err_size);
    assert_non_null(out);
    assert_non_null(err);
    answer.status = function(out, err, argc, argv);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(err), 0);
    for (int i = 0; i < argc; i++) free(argv[i]);
    return answer;
}

/* clang-format off */
static const struct { const char *label, *words[WORDS_MAX]; int status; const char *out, *err; } shows[] = {
    { "properties in a fixed order",   { "-p", "Names,Id,User", "web.service" }, 0,
      "User=daemon\nId=web.service\nNames=web.service www.service\n", "" },
    { "several options",               { "-pId", "--property=User", "web.service" }, 0, "User=daemon\nId=web.service\n", "" },
    { "values alone",                  { "--value", "-p", "Id", "web.service" }, 0, "web.service\n", "" },
    { "values alone, in short",        { "-P", "Id", "web.service" }, 0, "web.service\n", "" },
    { "the suffix is added",           { "-p", "Id", "web" }, 0, "Id=web.service\n", "" },
    { "an alias",                      { "-p", "Id", "www" }, 0, "Id=web.service\n", "" },
    { "units are a line apart",        { "-p", "Id", "web", "db.socket" }, 0, "Id=web.service\n\nId=db.socket\n", "" },
    { "what is asked for is shown empty", { "-p", "PIDFile,SourcePath,User", "db" }, 0, "PIDFile=\nUser=\nSourcePath=\n", "" },
    { "but a list of lines without items", { "-p", "ExecReload,EnvironmentFiles,BindsTo", "web" }, 0, "BindsTo=\n", "" },
    { "a line for each item",          { "-p", "Listen", "two.socket" }, 0,
      "Listen=/run/a (Stream)\nListen=[::1]:5 (Datagram)\n", "" },
    { "an unknown property",           { "-p", "Nonsense", "web" }, 0, "", "" },
    { "quoted words",                  { "-p", "Environment", "web" }, 0, "Environment=\"A=b c\" D=e\n", "" },
    { "drop-ins in their order, inside the root", { "-p", "DropInPaths,FragmentPath", "web" }, 0,
      "DropInPaths=/usr/lib/systemd/system/web.service.d/10-x.conf /etc/systemd/system/web.service.d/20-y.conf\n"
      "FragmentPath=/usr/lib/systemd/system/web.service\n", "" },
    { "a time and a mode",             { "-p", "RestartUSec,UMask", "web" }, 0, "RestartUSec=1min 30s\nUMask=0077\n", "" },
    { "an instance",                   { "-p", "Id,FragmentPath", "worker@1" }, 0,
      "FragmentPath=/usr/lib/systemd/system/worker@.service\nId=worker@1.service\n", "" },
    { "a template",                    { "-p", "Id", "worker@.service" }, 1,
      "", "Failed to get properties: Unit name worker@.service is missing the instance name.\n" },
    { "no such unit",                  { "-p", "LoadState,LoadError,Description", "gone" }, 0,
      "Description=gone.service\nLoadError=org.freedesktop.systemd1.NoSuchUnit \"Unit gone.service not found.\"\n"
      "LoadState=not-found\n", "" },
    { "a masked unit",                 { "-p", "LoadState,LoadError", "masked" }, 0,
      "LoadError=org.freedesktop.systemd1.UnitMasked \"Unit masked.service is masked.\"\nLoadState=masked\n", "" },
    { "what would follow from the rest", { "-p", "TimeoutStartUSec,StartLimitBurst,OOMPolicy", "bad" }, 0,
      "OOMPolicy=\nTimeoutStartUSec=1min 30s\nStartLimitBurst=5\n", "" },
    { "a bad setting",                 { "-p", "LoadState,LoadError", "bad" }, 0,
      "LoadError=org.freedesktop.systemd1.BadUnitSetting \"Unit bad.service has a bad unit file setting.\"\n"
      "LoadState=bad-setting\n", "" },
    { "a file that is none",           { "-p", "LoadState,LoadError", "none" }, 0,
      "LoadError=org.freedesktop.DBus.Error.InvalidArgs \"Unit none.service failed to load properly, please "
      "adjust/correct and reload service manager: Invalid argument\"\nLoadState=error\n", "" },
    { "drop-ins are read up to an error", { "-p", "LoadState,User,PIDFile,UMask", "half" }, 0,
      "PIDFile=\nUMask=0022\nUser=daemon\nLoadState=loaded\n", "" },
    { "what is mounted is not looked at", { "-p", "Description,LoadState,What,Where", "--", "-.mount" }, 0,
      "What=\nWhere=/\nDescription=Root Mount\nLoadState=loaded\n", "" },
    { "inverse relations",             { "-p", "WantedBy,Before", "web", "db" }, 0,
      "Before=shutdown.target\nWantedBy=\n\nBefore=shutdown.target web.service\nWantedBy=web.service\n", "" },
    { "what a socket triggers",        { "-p", "Triggers,TriggeredBy", "db.socket" }, 0, "TriggeredBy=\nTriggers=db.service\n", "" },
    { "a slice's description",         { "-p", "Description,Slice", "a-b.slice" }, 0, "Slice=a.slice\nDescription=Slice /a/b\n", "" },
    { "JSON",                          { "--json", "-p", "Names,RestartUSec,Environment,LoadError", "web" }, 0,
      "{\"Environment\": [\"A=b c\", \"D=e\"], \"LoadError\": [\"\", \"\"], \"Names\": [\"web.service\", \"www.service\"], "
      "\"RestartUSec\": 90000000}\n", "" },
    { "pretty JSON",                   { "--json=pretty", "-p", "Id,UMask", "web", "db" }, 0,
      "{\n  \"Id\": \"web.service\",\n  \"UMask\": 63\n}\n{\n  \"Id\": \"db.service\",\n  \"UMask\": 18\n}\n", "" },
    { "an escaped name",               { "-p", "Id", "a b" }, 0, "Id=a\\x20b.service\n",
      "Invalid unit name \"a b\" escaped as \"a\\x20b.service\" (maybe you should use container-init escape?).\n" },
    { "an unknown option",             { "--nonsense" }, 2,
      "", "container-init: show: unknown option: --nonsense\nTry 'container-init --help'.\n" },
    { "an option without its value",   { "-p" }, 2,
      "", "container-init: show: this option needs an argument: -p\nTry 'container-init --help'.\n" },
};
/* clang-format on */

static void test_show(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(shows); i++) {
        __attribute__((cleanup(answer_done))) struct answer answer = ask(show_main, shows[i].words);
        print_message("  %s\n", shows[i].label);
        assert_string_equal(answer.err, shows[i].err);
        assert_string_equal(answer.out, shows[i].out);
        assert_int_equal(answer.status, shows[i].status);
    }
}

/* Without a choice: every property that is set, in any case those of the unit itself. */
static void test_everything(void **state)
{
    (void)state;
    static const char *const one[] = { "web", NULL }, *const all[] = { "-a", "web", NULL };
    __attribute__((cleanup(answer_done))) struct answer set = ask(show_main, one), full = ask(show_main, all);
    assert_int_equal(set.status, 0);
    assert_non_null(strstr(set.out, "\nUser=daemon\n"));
    assert_non_null(strstr(set.out, "\nDescription=The web\n"));
    assert_non_null(strstr(set.out, "\nDocumentation=\"man:web(8)\" https://example.org/web\n"));
    assert_null(strstr(set.out, "\nWantedBy="));
    assert_null(strstr(set.out, "[not set]\nSuccessActionExitStatus"));
    assert_non_null(strstr(full.out, "\nWantedBy=\n"));
    assert_true(strlen(full.out) > strlen(set.out));
}

/* A line per unit, each an object that a parser takes. */
static void test_json_lines(void **state)
{
    (void)state;
    static const char *const words[] = { "--json", "-p", "Id,After,LoadState", "web", "db", "masked", NULL };
    __attribute__((cleanup(answer_done))) struct answer answer = ask(show_main, words);
    size_t count = 0;
    for (char *rest = answer.out, *line; (line = strsep(&rest, "\n")) && *line; count++) {
        AUTO(json_free) struct json_value *value = NULL;
        assert_int_equal(json_parse(line, strlen(line), &value, NULL), 0);
        assert_non_null(json_get_string(value, "Id"));
    }
    assert_int_equal(count, 3);
}

static void expect(struct str *out, const char *file)
{
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (strcmp(files[i].path, file) != 0) continue;
        const char *text = files[i].text;
        bool ends = text[strlen(text) - 1] == '\n';
        assert_int_equal(
            str_appendf(out, "%s# %s/%s\n%s%s", out->length ? "\n" : "", root.root, file, text, ends ? "" : "\n"), 0);
    }
}

static void test_cat(void **state)
{
    (void)state;
    static const char *const words[] = { "www", "masked", "gone", "worker@7", NULL }, *const none[] = { NULL };
    AUTO_STR struct str want = STR_EMPTY;
    expect(&want, UNITS "web.service");
    expect(&want, UNITS "web.service.d/10-x.conf");
    expect(&want, "etc/systemd/system/web.service.d/20-y.conf");
    assert_int_equal(str_append(&want, "# Unit masked.service is masked.\n"), 0);
    expect(&want, UNITS "worker@.service");
    __attribute__((cleanup(answer_done))) struct answer answer = ask(cat_main, words);
    assert_string_equal(answer.out, str_text(&want));
    assert_string_equal(answer.err, "No files found for gone.service.\n");
    assert_int_equal(answer.status, 1);
    __attribute__((cleanup(answer_done))) struct answer usage = ask(cat_main, none);
    assert_int_equal(usage.status, 2);
    assert_string_equal(usage.out, "");
}

/* A directory that is named as it lies below the working directory, without a root. */
static void test_relative_directory(void **state)
{
    (void)state;
    char *argv[] = { (char[]){ "cat" }, (char[]){ "--units" }, (char[]){ "usr/lib/systemd/system" },
                     (char[]){ "www" } };
    struct answer answer;
    size_t out_size;
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(here >= 0);
    assert_int_equal(chdir(root.root), 0);
    FILE *out = open_memstream(&answer.out, &out_size);
    assert_non_null(out);
    assert_int_equal(cat_main(out, stderr, COUNT_OF(argv), argv), 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fchdir(here), 0);
    assert_int_equal(close(here), 0);
    assert_non_null(strstr(answer.out, "# usr/lib/systemd/system/web.service\n["));
    free(answer.out);
}

/* A root that is not there is a mistake of whoever wrote it, not an image without units. */
static void test_missing_root(void **state)
{
    (void)state;
    char *argv[] = { (char[]){ "show" }, (char[]){ "--root=/does/not/exist" }, (char[]){ "web.service" } };
    int (*const words[])(FILE *, FILE *, int, char **) = { show_main, cat_main };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        struct answer answer;
        size_t out_size, err_size;
        FILE *out = open_memstream(&answer.out, &out_size), *err = open_memstream(&answer.err, &err_size);
        assert_non_null(out);
        assert_non_null(err);
        assert_int_equal(words[i](out, err, COUNT_OF(argv), argv), 1);
        assert_int_equal(fclose(out) | fclose(err), 0);
        assert_string_equal(answer.out, "");
        assert_string_equal(answer.err, "container-init: --root /does/not/exist: No such file or directory\n");
        answer_done(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_show), cmocka_unit_test(test_everything),         cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_cat),  cmocka_unit_test(test_relative_directory), cmocka_unit_test(test_missing_root)
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
