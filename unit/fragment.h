/* unit/fragment.h - one unit file or drop-in -> settings: the entry point of the unit language.
 *
 * The loader calls fragment_parse() for the unit file and for each drop-in in order, on one scratch `struct
 * unit_settings` that begins as a copy of unit_settings_default, and fragment_finish() once at the end. Every string
 * and list lands in the arena. Source: systemd.syntax(7), SEED.md S25-S37, D3, D8, D10, D15, D17. */
#pragma once
#include "base/attr.h"
#include "unit/settings.h"
#include "unit/unit.h"

struct arena;
struct diag_sink;
struct lint;
struct machine;

struct fragment_context {
    const char *unit_name;    /* full name with the instance, for specifiers: "getty@tty1.service" */
    enum unit_kind kind;      /* of unit_name; decides which sections belong */
    char *const *environment; /* for ${VAR} and for a few specifiers; NULL is an empty one */
    const char *hostname;     /* %H, %l; NULL: uname(2) */
    const char *main_path;    /* %y, %Y of a drop-in: the unit file; NULL: the file that is read */
    struct machine *machine;  /* for %m, %o and their like; NULL: the system's own, read at each use */
    bool native;              /* D3, D17: ${VAR} at load, a bad value refuses the file; false: systemd's rules */
    bool describe;            /* nobody runs the unit: what is not supported is read all the same, and not reported */
    struct lint *lint;        /* what looks at all that is read (--validate); NULL: nobody */
    mode_t file_mode;         /* of this fragment, for the linter; 0: not known */
    bool is_dropin;           /* NAME.d/x.conf: one of systemd's counts as far as it can be read, and refuses nothing */
};

enum fragment_result { FRAGMENT_READ, FRAGMENT_REFUSED, FRAGMENT_BROKEN };

/* Returns 0; FRAGMENT_REFUSED when the unit is to be refused (a DIAG_ERROR that strictness did not make was reported,
 * S31; reading went on to the end so that one run reports everything, in systemd's units it ended there);
 * FRAGMENT_BROKEN the same, where systemd says LoadState=error rather than bad-setting: the file as such cannot be
 * read; -ENOMEM. `path` outlives the arena, diags and settings; `data` need not be NUL-terminated and is not needed
 * afterwards. `settings` is written to as far as the file is right.
 */
MUST_CHECK int fragment_parse(struct arena *arena, const char *path, const char *data, size_t size,
                              const struct fragment_context *context, struct unit_settings *settings,
                              struct diag_sink *diags);

/* After the last fragment: resolves USEC_UNSET and UINT32_MAX (D8, D15, S50), checks what one unit's settings must
 * fulfil together (S31: ExecStart=, listeners, ProxyTarget=; one ExecStart= unless oneshot; ...). `path` is the unit
 * file, for the position of its diagnostics. Same results as fragment_parse(). */
MUST_CHECK int fragment_finish(struct arena *arena, const char *path, const struct fragment_context *context,
                               struct unit_settings *settings, struct diag_sink *diags);

/* Of a unit that was not read to its end: systemd's defaults for what would follow from other settings. */
void fragment_settle(struct unit_settings *settings);
