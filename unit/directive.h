/* unit/directive.h - the directive table: what is known of every directive of systemd.directives(7), and of our own.
 *
 * The rows are unit/directives_*.def, one file per group of sections, sorted by name. The parser, the validator, "did
 * you mean", `container-init directives [--json]`, the reference page, the fuzz dictionary and the tests all walk this
 * table. A row is shared by the sections of its group: User= is known in [Service], [Socket], [Mount] and [Swap]. */
#pragma once
#include "base/attr.h"
#include "unit/settings.h"

/* clang-format off */
#define SECTIONS(X) /* enumerator, name; FULL and NULL, or how and why its directives do nothing here */ \
    X(UNIT, "Unit", FULL, NULL)         X(SERVICE, "Service", FULL, NULL)       X(SOCKET, "Socket", FULL, NULL) \
    X(TARGET, "Target", FULL, NULL)     X(INSTALL, "Install", FULL, NULL) \
    X(TIMER, "Timer", FULL, NULL)       X(PATH, "Path", FULL, NULL) \
    X(SLICE, "Slice", UNSUPPORTED, "a slice groups units and stops them, and has no limits of its own") \
    X(SCOPE, "Scope", UNSUPPORTED, "scopes are made by systemd's bus interface, which does not exist here") \
    X(MOUNT, "Mount", ACCEPTED, "the container runtime mounts; the unit is up while something is mounted at Where=") \
    X(AUTOMOUNT, "Automount", ACCEPTED, \
      "the container runtime mounts; the unit is up while something is mounted at Where=") \
    X(SWAP, "Swap", ACCEPTED, "swap belongs to the host; the unit is up while the kernel swaps to What=")
/* clang-format on */
enum section {
#define X(enumerator, name, support, reason) SECTION_##enumerator,
    SECTIONS(X)
#undef X
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
typedef int value_parser(struct parse *parse, const struct directive *directive, const struct value *value, void *slot);

struct directive {
    const char *name;
    value_parser *parse;  /* NULL: the value is not looked at */
    const char *man;      /* "systemd.service(5)" */
    const char *text;     /* one sentence: what it does, or why it is not done */
    const void *argument; /* what the parser needs to know besides: the words of value_word; NULL: nothing */
    uint16_t offset;      /* into struct unit_settings */
    uint8_t support;      /* enum support, where the section itself is read; see directive_support() */
    bool parser_tells;    /* what becomes of a directive that is not supported is said by its parser, not by its row */
};
/* NULL when the section does not know it. */
const struct directive *directive_find(enum section section, const char *name, size_t length);
/* What the row is worth in that section, and the sentence that says so. In a section that is not read nothing is
 * supported; in [Socket] the directives of systemd.exec(5) and systemd.kill(5) have nothing to act on. */
enum support directive_support(const struct directive *directive, enum section section);
const char *directive_text(const struct directive *directive, enum section section);
/* The nearest name of that section within a small edit distance, or NULL. Also NULL for names of under 3 bytes. */
const char *directive_suggest(enum section section, const char *name, size_t length);
/* The section whose name is nearest, SECTION_COUNT when none is near. */
enum section section_suggest(const char *name, size_t length);
/* Any section that knows the name ("belongs in [Service]"), SECTION_COUNT when none does. */
enum section directive_section_of(const char *name, size_t length);
/* The rows of a section, group by group, sorted by name within a group. */
size_t directive_count(enum section section);
const struct directive *directive_get(enum section section, size_t index);
