/* unit/directive.h - the directive table: what is known of every directive of systemd.directives(7), and of our own.
 *
 * The rows are unit/directives.def. The parser, the validator, "did you mean", `container-init directives [--json]`,
 * the reference page, the fuzz dictionary and the tests all walk this table. */
#pragma once
#include "base/attr.h"
#include "unit/settings.h"

enum section {
    SECTION_UNIT,
    SECTION_SERVICE,
    SECTION_SOCKET,
    SECTION_TARGET,
    SECTION_INSTALL,
    SECTION_TIMER,
    SECTION_PATH,
    SECTION_SLICE,
    SECTION_SCOPE,
    SECTION_MOUNT,
    SECTION_AUTOMOUNT,
    SECTION_SWAP,
    SECTION_COUNT
};
const char *section_name(enum section section); /* "Service" */
/* SECTION_COUNT when unknown. */
enum section section_by_name(const char *name, size_t length);

enum support { SUPPORT_FULL, SUPPORT_EXTENSION, SUPPORT_ACCEPTED, SUPPORT_UNSUPPORTED };
const char *support_name(enum support support); /* "supported", "extension", "accepted", "unsupported" */

struct parse;
struct value;
struct directive;
/* Writes `slot` (offset of the row into the scratch unit_settings). 0 or -ENOMEM; a bad value is a diagnostic. */
typedef int value_parser(struct parse *parse, const struct directive *directive, struct value value, void *slot);

struct directive {
    enum section section;
    const char *name;
    value_parser *parse; /* NULL: accepted or unsupported */
    size_t offset;       /* into struct unit_settings */
    enum support support;
    const char *man;  /* "systemd.service(5)" */
    const char *text; /* one sentence: what it does, or why it is not done */
};
/* NULL when the section does not know it. */
const struct directive *directive_find(enum section section, const char *name, size_t length);
/* The nearest name of that section within a small edit distance, or NULL. Also NULL for names of under 3 bytes. */
const char *directive_suggest(enum section section, const char *name, size_t length);
/* Any other section that knows the name ("belongs in [Service]"), SECTION_COUNT when none does. */
enum section directive_section_of(const char *name, size_t length);
size_t directive_count(void);
const struct directive *directive_get(size_t index);
