/* tests/unit/corpus_figures.h - what a comparison with systemd reached: counted by name, printed as a table.
 *
 * scripts/test shows the lines that begin with "corpus: ". CORPUS_VERBOSE=1 prints every difference. */
#pragma once
#include "tests/unit/corpus.h"

#include <fnmatch.h>
#include <string.h>

#include "base/attr.h"

/* A difference that is meant: what is compared (a property, a kind of warning), where (fnmatch(3)), and the line of
 * docs/DIFFERENCES.md, or the reason why the place decides. */
struct corpus_difference {
    const char *name, *where, *why;
};

struct corpus_count {
    char *name;
    size_t compared, same, documented;
};
#define CORPUS_NAMES_MAX 600
struct corpus_figures {
    struct corpus_count counts[CORPUS_NAMES_MAX];
    size_t count, next;                          /* names; the one that is likely to be asked for */
    size_t differ;                               /* differences that are not documented */
    const struct corpus_difference *differences; /* ended by name NULL; NULL: none */
};

static UNUSED bool corpus_verbose(void)
{
    const char *text = getenv("CORPUS_VERBOSE");
    return text && strcmp(text, "1") == 0;
}

static struct corpus_count *figures_count(struct corpus_figures *figures, const char *name)
{
    for (size_t n = 0; n < figures->count; n++) {
        size_t i = (figures->next + n) % figures->count;
        if (strcmp(figures->counts[i].name, name) != 0) continue;
        figures->next = i + 1;
        return &figures->counts[i];
    }
    assert_true(figures->count < CORPUS_NAMES_MAX);
    struct corpus_count *count = &figures->counts[figures->count++];
    *count = (struct corpus_count){ .name = strdup(name) };
    assert_non_null(count->name);
    return count;
}

static const struct corpus_difference *figures_documented(const struct corpus_figures *figures, const char *name,
                                                          const char *where)
{
    for (const struct corpus_difference *d = figures->differences; d && d->name; d++)
        if (fnmatch(d->name, name, 0) == 0 && fnmatch(d->where, where, 0) == 0) return d;
    return NULL;
}

/* One comparison: what systemd has and what we have, as text; NULL is "nothing". */
static UNUSED bool figures_compare(struct corpus_figures *figures, const char *name, const char *where,
                                   const char *systemd, const char *ours)
{
    struct corpus_count *count = figures_count(figures, name);
    bool same = systemd && ours ? strcmp(systemd, ours) == 0 : systemd == ours;
    count->compared++;
    count->same += same;
    if (same) return true;
    const struct corpus_difference *known = figures_documented(figures, name, where);
    count->documented += known != NULL;
    figures->differ += known == NULL;
    if (corpus_verbose())
        (void)printf("%s: %s%s%s\n    systemd %s\n    ours    %s\n", where, name, known ? ": known: " : "",
                     known ? known->why : "", systemd ? systemd : "(nothing)", ours ? ours : "(nothing)");
    return false;
}

static int compare_counts(const void *a, const void *b)
{
    const struct corpus_count *left = a, *right = b;
    size_t l = left->compared - left->same, r = right->compared - right->same;
    return l != r ? (l < r ? 1 : -1) : strcmp(left->name, right->name);
}

/* Prints the figures, worst first, and fails when more than `level` differ that are not documented, or when less than
 * `least` was compared. Ends the figures. */
static UNUSED void figures_done(struct corpus_figures *figures, const char *what, size_t least, size_t level)
{
    struct corpus_count sum = { .compared = 0 };
    qsort(figures->counts, figures->count, sizeof *figures->counts, compare_counts);
    for (size_t i = 0; i < figures->count; i++) {
        struct corpus_count *count = &figures->counts[i];
        sum.compared += count->compared;
        sum.same += count->same;
        sum.documented += count->documented;
    }
    /* First, because ctest keeps the beginning of what a test prints. */
    print_message("corpus: %s: %zu of %zu the same (%.2f %%), %zu documented, %zu differ\n", what, sum.same,
                  sum.compared, sum.compared ? 100.0 * (double)sum.same / (double)sum.compared : 100.0, sum.documented,
                  sum.compared - sum.same - sum.documented);
    for (size_t i = 0; i < figures->count; i++) {
        struct corpus_count *count = &figures->counts[i];
        if (count->same != count->compared)
            print_message("  %-32s %5zu of %5zu (%.1f %%), %zu documented\n", count->name, count->same, count->compared,
                          100.0 * (double)count->same / (double)count->compared, count->documented);
        free(count->name);
    }
    figures->count = 0;
    if (figures->differ > level) fail_msg("%s: %zu differ, the level is %zu", what, figures->differ, level);
    if (sum.compared < least) fail_msg("%s: %zu were compared, not %zu", what, sum.compared, least);
}
