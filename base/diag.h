/* base/diag.h - diagnostics for the author of a unit file: file:line:column, a stable code word, a message.
 *
 * diag_report() is the only producer; --strict-units turns warnings into errors there and nowhere else. The sink keeps
 * the diagnostics in order of report and renders them in the forms of STYLE.md 5 and SEED.md D12. So that a hostile
 * file cannot fill memory with its faults, at most DIAG_KEPT_PER_FILE in a row of one file and severity are kept; a
 * note "too-many-diagnostics" says so once, and the counters go on counting. */
#pragma once
#include "base/attr.h"
#include <stdio.h>

#define DIAG_KEPT_PER_FILE 1000

struct pos {
    const char *file;      /* path as it was opened; NULL when no file is to blame. Outlives the sink. */
    uint32_t line, column; /* 1-based; column 0 means the whole line, line 0 the whole file */
};

enum severity { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR, DIAG_SEVERITY_COUNT };

enum diag_format { DIAG_TEXT, DIAG_JSON, DIAG_GCC, DIAG_SARIF };

struct diag {
    enum severity severity; /* after strictness was applied */
    bool was_warning;       /* an error only because of --strict-units or --rule */
    struct pos at;
    const char *code;    /* static string */
    const char *section; /* "Service", or NULL */
    const char *key;     /* "ExecStart", or NULL */
    char *message;       /* without file, section and key: "directive not in supported subset (ignored)" */
    char *hint;          /* "did you mean ExecStart=?", or NULL */
};

struct diag_sink;
struct diag_sink *diag_sink_new(void);
void diag_sink_free(struct diag_sink *sink);
DEFINE_AUTO(struct diag_sink, diag_sink_free)
void diag_sink_set_strict(struct diag_sink *sink, bool strict);
/* --allow=CODE or CODE:KEY, comma separated ("unsupported:ProtectSystem"): a matching warning becomes a note, under
 * --strict-units too. Lists add up; words are compared exactly, blanks around them do not count. -EINVAL on an empty
 * word, code or key: nothing of the list is taken then. -ENOMEM. */
MUST_CHECK int diag_sink_allow(struct diag_sink *sink, const char *list);

/* What becomes of the warnings and notes with a code word, of one directive when `key` is not NULL: nothing at all, or
 * the severity. An error that refuses a file or the set stays one whatever is asked. What was said of a directive wins
 * over what was said of all; of two that say the same the later one. DIAG_LEVEL_WARNING is subject to strictness,
 * DIAG_LEVEL_ERROR counts as a warning that was made an error (`was_warning`). Both texts are copied. -ENOMEM. */
enum diag_level { DIAG_LEVEL_OFF, DIAG_LEVEL_NOTE, DIAG_LEVEL_WARNING, DIAG_LEVEL_ERROR };
MUST_CHECK int diag_sink_set_level(struct diag_sink *sink, const char *code, const char *key, enum diag_level level);
/* The same as DIAG_LEVEL_OFF, for what is reported from now on about lines `first` to `last` of a file (both 0: the
 * whole file). `length` bytes of "CODE" or "CODE:KEY" are copied, `file` is not. -ENOMEM. */
MUST_CHECK int diag_sink_disable(struct diag_sink *sink, const char *file, uint32_t first, uint32_t last,
                                 const char *word, size_t length);

/* From now on nothing is worth more than `highest`: a file that is not the run's concern has warnings (which strictness
 * makes errors again), or notes at most. `once`: what has been said in the same words of the same line is not said
 * again, as by instances of one template. DIAG_ERROR and false is how a sink begins. */
void diag_sink_set_mode(struct diag_sink *sink, enum severity highest, bool once);

/* What a diagnostic speaks about; section and key are static or outlive the sink, and may be NULL. */
struct diag_about {
    struct pos at;
    const char *section, *key;
};
/* Copies the message. `hint` may be NULL. When memory runs out the counters still count. */
PRINTF(6, 7)
void diag_report(struct diag_sink *sink, enum severity severity, struct diag_about about, const char *code,
                 const char *hint, const char *fmt, ...);

size_t diag_count(const struct diag_sink *sink, enum severity severity);
/* Warnings, counting those that strictness made errors. */
size_t diag_warning_count(const struct diag_sink *sink);
/* Those that strictness, or DIAG_LEVEL_ERROR, made errors. */
size_t diag_promoted_count(const struct diag_sink *sink);
size_t diag_total(const struct diag_sink *sink);
const struct diag *diag_get(const struct diag_sink *sink, size_t index);

/* How messages name a file: its base name, and for a drop-in its directory too ("web.service.d/10-user.conf"). Points
 * into `path`. */
const char *diag_file_name(const char *path);
/* One rendered line without the newline; the caller frees it. NULL when out of memory. Control bytes and what is not
 * UTF-8 are shown as C escapes (as U+FFFD in JSON).
 * DIAG_TEXT: "warning: FILE [Section] Key: message (line N, code; hint)" with FILE as diag_file_name() says (SEED S12,
 * D12). What is absent falls away: "FILE [Section]: ", "FILE: ", " (code)". A warning that strictness made an error
 * still reads "warning" (SEED S14). DIAG_GCC: "PATH:LINE:COLUMN: warning[code]: [Section] Key=: message, hint"; column
 * 1 stands for the whole line; a whole file is "PATH: warning...", no file "container-init: warning...". DIAG_JSON: one
 * object with code, column, file, hint, key, line, message, section, severity, was_warning; members without a value are
 * left out. DIAG_SARIF is one document for all of them and not rendered here: NULL. */
char *diag_render(const struct diag *d, enum diag_format format);
