/* Transactions as text: units, their states, the jobs there are; a request; the jobs there are then, or the refusal.
 *
 * Source: systemd.unit(5) for the relations, systemctl(1) --job-mode= for the modes. */
#include "tests/supervisor/fake_manager.h"

static const struct row {
    const char *label, *units, *states, *jobs, *request, *want;
} rows[] = {
#define ABC "a.service\nb.service\nc.service\n"
    /* clang-format off */
    /* ---- what a start pulls in ---- */
    { "nothing", ABC, "", "", "start a replace", "a/start" },
    { "Requires=", "a.service Requires=b\nb.service Requires=c\nc.service\n", "", "", "start a replace", "a/start b/start c/start" },
    { "BindsTo=", "a.service BindsTo=b\nb.service\n", "", "", "start a replace", "a/start b/start" },
    { "Wants=", "a.service Wants=b\nb.service\n", "", "", "start a replace", "a/start b/start" },
    { "Upholds=", "a.service Upholds=b\nb.service\n", "", "", "start a replace", "a/start b/start" },
    { "Requisite=", "a.service Requisite=b\nb.service\n", "", "", "start a replace", "a/start b/verify-active" },
    { "Requisite= of what is up", "a.service Requisite=b\nb.service\n", "b=active", "", "start a replace", "a/start" },
    { "Requisite= and Wants=", "a.service Requisite=b Wants=b\nb.service\n", "", "", "start a replace", "a/start b/start" },
    { "Conflicts=", "a.service Conflicts=b\nb.service\n", "b=active", "", "start a replace", "a/start b/stop" },
    { "Conflicts= of what is down", "a.service Conflicts=b\nb.service\n", "", "", "start a replace", "a/start" },
    { "Conflicts= from the other side", "a.service\nb.service Conflicts=a\n", "b=active", "", "start a replace", "a/start b/stop" },
    { "PartOf= pulls nothing in", "a.service PartOf=b\nb.service\n", "", "", "start a replace", "a/start" },
    { "After= pulls nothing in", "a.service After=b\nb.service\n", "", "", "start a replace", "a/start" },
    { "PropagatesStopTo= and reloads have no part in it", "a.service PropagatesStopTo=b PropagatesReloadTo=b\nb.service\n", "", "", "start a replace", "a/start" },
    { "what is up is left alone, with what it requires", "a.service Requires=b\nb.service Requires=c\nc.service\n", "b=active", "", "start a replace", "a/start" },
    { "two ways to one unit", "a.service Requires=b Wants=c\nb.service Requires=c\nc.service\n", "", "", "start a replace", "a/start b/start c/start" },
    { "they require each other", "a.service Requires=b\nb.service Requires=a\n", "", "", "start a replace", "a/start b/start" },
    { "a start of what is up stays, to be waited for", ABC, "a=active", "", "start a replace", "a/start" },
    { "a failed one is started again", "a.service Requires=b\nb.service\n", "a=failed,b=failed", "", "start a replace", "a/start b/start" },

    /* ---- what a stop takes along ---- */
    { "RequiredBy", "a.service\nb.service Requires=a\nc.service Requires=b\n", "a=active,b=active,c=active", "", "stop a replace", "a/stop b/stop c/stop" },
    { "RequisiteOf", "a.service\nb.service Requisite=a\n", "a=active,b=active", "", "stop a replace", "a/stop b/stop" },
    { "BoundBy", "a.service\nb.service BindsTo=a\n", "a=active,b=active", "", "stop a replace", "a/stop b/stop" },
    { "ConsistsOf", "a.service\nb.service PartOf=a\n", "a=active,b=active", "", "stop a replace", "a/stop b/stop" },
    { "PropagatesStopTo=", "a.service PropagatesStopTo=b\nb.service\n", "a=active,b=active", "", "stop a replace", "a/stop b/stop" },
    { "StopPropagatedFrom=", "a.service\nb.service StopPropagatedFrom=a\n", "a=active,b=active", "", "stop a replace", "a/stop b/stop" },
    { "not WantedBy, not UpheldBy", "a.service\nb.service Wants=a\nc.service Upholds=a\n", "a=active,b=active,c=active", "", "stop a replace", "a/stop" },
    { "not what it requires", "a.service Requires=b\nb.service\n", "a=active,b=active", "", "stop a replace", "a/stop" },
    { "those that are down stay out of it", "a.service\nb.service Requires=a\nc.service Requires=b\n", "a=active", "", "stop a replace", "a/stop" },
    { "activating is up enough", "a.service\nb.service Requires=a\n", "a=active,b=activating", "", "stop a replace", "a/stop b/stop" },

    /* ---- restarts ---- */
    { "of what is up", ABC, "a=active", "", "restart a replace", "a/restart" },
    { "of what is down is kept: it becomes a start", ABC, "", "", "restart a replace", "a/restart" },
    { "takes along what requires it and is up", "a.service\nb.service Requires=a\nc.service Requires=a\n", "a=active,b=active", "", "restart a replace", "a/restart b/restart" },
    { "BoundBy, ConsistsOf, RequisiteOf", "a.service\nb.service BindsTo=a\nc.service PartOf=a\nd.service Requisite=a\n", "a=active,b=active,c=active,d=active", "", "restart a replace", "a/restart b/restart c/restart d/restart" },
    { "and what is on its way up", "a.service\nb.service Requires=a\n", "a=active,b=activating", "", "restart a replace", "a/restart b/restart" },
    { "but not by PropagatesStopTo=", "a.service PropagatesStopTo=b\nb.service\n", "a=active,b=active", "", "restart a replace", "a/restart" },
    { "starts what it requires", "a.service Requires=b\nb.service\n", "a=active", "", "restart a replace", "a/restart b/start" },
    { "try-restart of what is down: nothing", ABC, "", "", "try-restart a replace", "" },
    { "try-restart of what is up", ABC, "a=active", "", "try-restart a replace", "a/restart" },

    /* ---- reloads ---- */
    { "reload", ABC, "a=active", "", "reload a replace", "a/reload" },
    { "PropagatesReloadTo=", "a.service PropagatesReloadTo=b\nb.service\nc.service ReloadPropagatedFrom=b\n", "a=active,b=active,c=active", "", "reload a replace", "a/reload b/reload c/reload" },
    { "not to what is down", "a.service PropagatesReloadTo=b\nb.service\n", "a=active", "", "reload a replace", "a/reload" },
    { "nor to what cannot", "a.service PropagatesReloadTo=x\nx.service\n", "a=active,x=active", "", "reload a replace", "a/reload" },
    { "of what cannot is refused", "x.service\n", "x=active", "", "reload x replace", "JobTypeNotApplicable" },
    { "reload-or-start of what is down", ABC, "", "", "reload-or-start a replace", "a/start" },
    { "reload-or-start of what is up", ABC, "a=active", "", "reload-or-start a replace", "a/reload" },
    { "try-reload of what is down", ABC, "", "", "try-reload a replace", "" },
    { "try-reload of what is up", ABC, "a=active", "", "try-reload a replace", "a/reload" },

    /* ---- contradictions within the transaction ---- */
    { "a wish yields to a conflict", "a.service Wants=b Conflicts=b\nb.service\n", "", "", "start a replace", "a/start" },
    { "a requirement does not", "a.service Requires=b Conflicts=b\nb.service\n", "", "", "start a replace", "TransactionJobsConflicting: conflicting jobs 'stop' (for a.service) and 'start' (for a.service) for b.service" },
    { "it conflicts with itself by two ways", "a.service Requires=b Requires=c\nb.service\nc.service Conflicts=b\n", "", "", "start a replace", "TransactionJobsConflicting" },
    { "the wished for one yields, with who requires it", "a.service Wants=c Requires=b\nb.service\nc.service Conflicts=b\nd.service\n", "b=active", "", "start a replace", "a/start" },
    { "of two wishes the one that conflicts wins", "a.service Wants=b Wants=c\nb.service\nc.service Conflicts=b\n", "", "", "start a replace", "a/start c/start" },
    { "a wish that requires what yields goes too", "a.service Wants=b Wants=c Wants=d\nb.service\nc.service Conflicts=b\nd.service Requires=b\n", "", "", "start a replace", "a/start c/start" },
    { "what only the dropped one wanted is not left behind", "a.service Wants=b Wants=c\nb.service Requires=d Wants=e\nc.service Conflicts=b\nd.service\ne.service\n", "", "", "start a replace", "a/start c/start" },

    /* ---- jobs that are there: replace ---- */
    { "a stop replaces a start", ABC, "", "a/start", "stop a replace", "a/stop" },
    { "a start replaces a stop", ABC, "a=active", "a/stop", "start a replace", "a/start" },
    { "a start of what is up is not redundant while it is to stop", "a.service Requires=b\nb.service\n", "b=active", "b/stop", "start a replace", "a/start b/start" },
    { "a start and a start are one", ABC, "", "a/start", "start a replace", "a/start" },
    { "a running start does", ABC, "a=activating", "a/start*", "start a replace", "a/start*" },
    { "a restart and a start are a restart", ABC, "a=active", "a/restart", "start a replace", "a/restart" },
    { "a start becomes a restart", ABC, "a=activating", "a/start*", "restart a replace", "a/restart" },
    { "a running restart is one for all", ABC, "a=deactivating", "a/restart*", "restart a replace", "a/restart*" },
    { "a running reload is not", ABC, "a=reloading", "a/reload*", "reload a replace", "a/reload" },
    { "verify-active and start", ABC, "", "a/verify-active", "start a replace", "a/start" },
    { "others stay", ABC, "", "b/start c/stop", "start a replace", "a/start b/start c/stop" },

    /* ---- mode fail ---- */
    { "fail: nothing in the way", ABC, "", "", "start a fail", "a/start" },
    { "fail: a stop that is queued is not turned round", ABC, "a=active", "a/stop", "start a fail", "TransactionIsDestructive: a.service/start is destructive (a.service has 'stop' job queued, but 'start' is included in transaction)" },
    { "fail: that of a requirement neither", "a.service Requires=b\nb.service\n", "b=active", "b/stop", "start a fail", "TransactionIsDestructive" },
    { "fail: that of a wish is left as it is", "a.service Wants=b\nb.service\n", "b=active", "b/stop", "start a fail", "a/start b/stop" },
    { "fail: a conflict stops what runs, since it matters", "a.service Conflicts=b\nb.service\n", "b=active", "", "start a fail", "a/start b/stop" },
    { "fail: what only conflicts with it is not stopped for it", "a.service\nb.service Conflicts=a\n", "b=active", "", "start a fail", "a/start" },
    { "fail: a job of the same kind", ABC, "", "a/start", "start a fail", "a/start" },

    /* ---- irreversible ---- */
    { "replace-irreversibly", ABC, "a=active", "", "stop a replace-irreversibly", "a/stop" },
    { "it is not replaced", ABC, "a=active", "a/stop!", "start a replace", "TransactionIsDestructive" },
    { "nor by itself in that mode", ABC, "a=active", "a/stop!", "start a replace-irreversibly", "TransactionIsDestructive" },
    { "but added to", ABC, "a=active", "a/stop!", "stop a replace", "a/stop" },

    /* ---- ignore-* ---- */
    { "ignore-dependencies", "a.service Requires=b Conflicts=c\nb.service\nc.service\n", "c=active", "", "start a ignore-dependencies", "a/start" },
    { "ignore-requirements", "a.service Requires=b Conflicts=c\nb.service\nc.service\n", "c=active", "", "start a ignore-requirements", "a/start" },
    { "a stop alone", "a.service\nb.service Requires=a\n", "a=active,b=active", "", "stop a ignore-dependencies", "a/stop" },

    /* ---- isolate, flush, triggering, restart-dependencies ---- */
    { "isolate is for some", ABC, "", "", "start a isolate", "NoIsolation: unit a.service may not be isolated" },
    { "isolate is for starts", "a.service AllowIsolate\n", "", "", "stop a isolate", ": Job mode isolate is only valid for start" },
    { "isolate stops the rest", "a.service AllowIsolate Requires=b\nb.service\nc.service\nd.service\ne.service IgnoreOnIsolate\n", "b=active,c=active,e=active", "", "start a isolate", "a/start c/stop" },
    { "isolate cancels other jobs", "a.service AllowIsolate\nb.service\nc.service\n", "c=active", "b/start c/restart", "start a isolate", "a/start b/stop c/stop" },
    { "isolate keeps what a unit that stays triggers", "a.service AllowIsolate Wants=b.timer\nb.timer\nb.service\nc.service\n", "b=active,c=active,b.timer=active", "", "start a isolate", "a/start c/stop" },
    { "isolate goes on to what is bound", "a.service AllowIsolate\nb.service\nc.service IgnoreOnIsolate BindsTo=b\n", "b=active,c=active", "", "start a isolate", "a/start b/stop c/stop" },
    { "flush cancels all other jobs and stops nothing", ABC, "c=active", "b/start c/restart", "start a flush", "a/start" },
    { "triggering", "a.service\na.timer\na.path\n", "a=active,a.timer=active", "", "stop a triggering", "a/stop a.timer/stop" },
    { "triggering is for stops", "a.service\n", "", "", "start a triggering", ": Job mode triggering is only valid for stop" },
    { "restart-dependencies", "a.service Requires=c\nb.service Requires=a\nc.service\nd.service PartOf=a\n", "b=active", "", "start a restart-dependencies", "a/start b/restart c/start" },
    { "lenient starts", "a.service Requires=b\nb.service\n", "", "", "start a lenient", "a/start b/start" },
    { "lenient stops nothing that runs", "a.service Conflicts=b\nb.service\n", "b=active", "", "start a lenient", "TransactionIsDestructive: Transaction for a.service/start is destructive (b.service is active, but 'stop' is included in transaction)." },
    { "lenient turns no job round", "a.service Requires=b\nb.service\n", "b=active", "b/stop", "start a lenient", "TransactionIsDestructive" },
    { "lenient leaves out what is only wanted", "a.service Wants=b\nb.service Conflicts=c\nc.service\n", "c=active", "", "start a lenient", "a/start" },
    { "fail stops what is in the way", "a.service Conflicts=b\nb.service\n", "b=active", "", "start a fail", "a/start b/stop" },
    { "restart-dependencies is for starts", "a.service\n", "", "", "restart a restart-dependencies", ": Job mode restart-dependencies is only valid for start" },

    /* ---- people ---- */
    { "RefuseManualStart=", "a.service RefuseManualStart\n", "", "", "manual start a replace", "OnlyByDependency: unit a.service may be requested by dependency only" },
    { "RefuseManualStart= and a restart", "a.service RefuseManualStart\n", "a=active", "", "manual restart a replace", "OnlyByDependency" },
    { "RefuseManualStart= and a stop", "a.service RefuseManualStart\n", "a=active", "", "manual stop a replace", "a/stop" },
    { "RefuseManualStart= is not for units", "b.service Requires=a\na.service RefuseManualStart\n", "", "", "manual start b replace", "a/start b/start" },
    { "RefuseManualStop=", "a.service RefuseManualStop\n", "a=active", "", "manual stop a replace", "OnlyByDependency" },
    { "RefuseManualStop= and a restart", "a.service RefuseManualStop\n", "a=active", "", "manual try-restart a replace", "OnlyByDependency" },
    { "RefuseManualStop= and a start", "a.service RefuseManualStop\n", "", "", "manual start a replace", "a/start" },
    { "a requirement that is not there", "a.service Requires=b\nb.service Requires=nowhere.service\n", "", "", "manual start a replace", "NoSuchUnit: Unit nowhere.service not found." },

    /* ---- the boot: nobody insists ---- */
    { "boot: all that is not held back", ABC, "", "", "boot", "a/start b/start c/start" },
    { "boot: of two the one that conflicts starts", "a.service Conflicts=b\nb.service\nc.service Requires=b\n", "", "", "boot", "a/start" },
    { "boot: from the other side as well", "a.service\nb.service Conflicts=a\n", "", "", "boot", "b/start" },
    { "boot: of two that conflict with each other the first", "a.service Conflicts=b\nb.service Conflicts=a\n", "", "", "boot", "a/start" },
    { "boot: a wish for it does not help", "a.service Conflicts=b\nb.service\nc.service Wants=b\n", "", "", "boot", "a/start c/start" },
    /* clang-format on */
};

/* "Requires=b" is written without ".service". */
static char *with_suffixes(const char *text)
{
    struct str out = STR_EMPTY;
    for (const char *at = text; *at;) {
        size_t word = strcspn(at, " \n");
        const char *equals = memchr(at, '=', word);
        assert_int_equal(str_append_bytes(&out, at, word), 0);
        if (equals && !memchr(equals, '.', word - (size_t)(equals - at)))
            assert_int_equal(str_append(&out, ".service"), 0);
        at += word;
        if (*at) assert_int_equal(str_append_char(&out, *at++), 0);
    }
    char *taken = str_take(&out);
    return taken ? taken : strdup("");
}

static int ask(struct fake *f, const char *request, struct job_error *error)
{
    char type[32], unit[32], mode[32];
    uint32_t id;
    *error = (struct job_error){ .code = "" };
    if (strcmp(request, "boot") == 0) return jobs_start_boot(&f->m);
    bool manual = strncmp(request, "manual ", 7) == 0;
    assert_int_equal(sscanf(request + (manual ? 7 : 0), "%31s %31s %31s", type, unit, mode), 3);
    struct runtime *rt = fake_unit(f, unit);
    enum job_mode job_mode = job_mode_of_name(mode);
    assert_true(job_mode < JOB_MODE_COUNT);
    int r = manual ? jobs_enqueue_manual(&f->m, rt, job_type_of_name(type), job_mode, error, &id)
                   : jobs_enqueue(&f->m, rt, job_type_of_name(type), job_mode, error, &id);
    assert_int_equal(id, r == 0 && rt->job.type != JOB_NONE ? rt->job.id : 0);
    return r;
}

static void test_transactions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        struct job_error error;
        print_message("  %s\n", row->label);
        char *units = with_suffixes(row->units);
        struct fake *f = fake_new(units);
        fake_set_states(f, row->states);
        fake_set_jobs(f, row->jobs);
        struct str before = fake_jobs(f);
        int r = ask(f, row->request, &error);
        struct str after = fake_jobs(f);
        const char *colon = strchr(row->want, ':'); /* a code word, and words of the text */
        bool refused = (row->want[0] != '\0' && !strchr(row->want, '/')) || colon;
        if (refused) {
            if (r >= 0) fail_msg("not refused: %s", str_text(&after));
            size_t code = colon ? (size_t)(colon - row->want) : strlen(row->want);
            if (strlen(error.code) != code || memcmp(error.code, row->want, code) != 0)
                fail_msg("refused as %s: %s", error.code, error.text);
            if (colon && colon[1] && !strstr(error.text, colon + 2)) fail_msg("refused with: %s", error.text);
            assert_string_equal(str_text(&after), str_text(&before)); /* as a whole or not at all */
        } else {
            if (r < 0) fail_msg("refused: %d %s %s", r, error.code, error.text);
            assert_string_equal(str_text(&after), row->want);
        }
        for (uint32_t id = 0; id < f->m.n_units; id++) assert_int_equal(f->m.units[id]->planned, 0);
        str_done(&before);
        str_done(&after);
        fake_free(f);
        free(units);
    }
}

/* K94: thousands of units, in a chain and all against all that conflict. */
static void test_large(void **state)
{
    (void)state;
    struct str text = STR_EMPTY;
    enum { N = 5000 };
    for (int i = 0; i < N; i++)
        assert_int_equal(str_appendf(&text,
                                     "u%04d.service Requires=u%04d.service After=u%04d.service Conflicts=z.service\n",
                                     i, (i + 1) % N, i + 1),
                         0);
    assert_int_equal(str_append(&text, "z.service\n"), 0);
    struct fake *f = fake_new(str_text(&text));
    assert_int_equal(jobs_start_boot(&f->m), 0);
    assert_int_equal(f->m.n_jobs, N);
    assert_int_equal(jobs_enqueue(&f->m, fake_unit(f, "u0000"), JOB_STOP, JOB_MODE_REPLACE, NULL, NULL), 0);
    assert_int_equal(f->m.n_jobs, N);
    assert_int_equal(fake_unit(f, "u2500")->job.type, JOB_STOP);
    fake_free(f);
    str_done(&text);
}

static void drop_line(const char *line, size_t length, void *userdata)
{
    (void)line;
    (void)length;
    (void)userdata;
}

int main(void)
{
    log_set_writer(drop_line, NULL); /* refusals are expected */
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_transactions), cmocka_unit_test(test_large) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
