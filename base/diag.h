/* base/diag.h - diagnostics for the author of a unit file: file:line:column, a stable code word, a message.
 *
 * diag_report() is the only producer; --strict-units turns warnings into errors there and nowhere else. The sink keeps
 * every diagnostic in order of report and renders them in the forms of STYLE.md 5 and SEED.md D12. */
#pragma once
#include "base/attr.h"
#include <stdio.h>

struct pos {
    const char *file;      /* path as it was opened; NULL when no file is to blame. Outlives the sink. */
    uint32_t line, column; /* 1-based; column 0 means the whole line, line 0 the whole file */
};

enum severity { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR, DIAG_SEVERITY_COUNT };

enum diag_format { DIAG_TEXT, DIAG_JSON, DIAG_GCC };

struct diag {
    enum severity severity; /* after strictness was applied */
    bool was_warning;       /* an error only because of --strict-units */
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
/* --allow=CODE or CODE:KEY, comma separated ("unsupported:ProtectSystem"): a matching warning becomes a note. -EINVAL
 * on an empty word. */
MUST_CHECK int diag_sink_allow(struct diag_sink *sink, const char *list);

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
size_t diag_total(const struct diag_sink *sink);
const struct diag *diag_get(const struct diag_sink *sink, size_t index);

/* One rendered line without the newline; the caller frees it. NULL when out of memory.
 * DIAG_TEXT: "warning: FILE [Section] Key: message (line N, code; hint)" with FILE a base name (SEED S12, D12);
 * DIAG_GCC: "FILE:LINE:COLUMN: warning[code]: [Section] Key=: message, hint"; DIAG_JSON: one object. */
char *diag_render(const struct diag *d, enum diag_format format);
