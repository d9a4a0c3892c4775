/* container-unit.h - libcontainer-unit: reads and checks unit files as container-init(8) does.
 *
 * For the tests of an image's build: load the image's units from outside, look at every diagnostic, and compare the
 * properties that matter, by the names and in the formats of `systemctl show`. The library never logs, never exits,
 * starts nothing and opens only the directories it is given (and, below a root, what lies inside it). It is not
 * thread-safe for one set; different sets are independent.
 * Functions that return int: 0 or a negative errno. See libcontainer-unit(3). */
#ifndef CONTAINER_UNIT_H
#define CONTAINER_UNIT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "1.2.3", or "dev". */
const char *container_unit_version(void);

struct container_unit_options {
    size_t size;                    /* sizeof(struct container_unit_options): later versions have more members */
    const char *const *directories; /* native directories, NULL-terminated, later ones win; NULL: none */
    const char *root;               /* everything lies below this directory; NULL: "/" */
    const char *const *names;       /* only these units and what they pull in, NULL-terminated; NULL: all */
    char *const *environment;       /* for ${VAR} in native units, NULL-terminated; NULL: an empty one */
    int systemd;                    /* not 0: systemd's search path, by systemd's rules */
    int strict;                     /* not 0: every warning is an error */
};

struct container_units;
/* A unit that was refused is told among the diagnostics, and its LoadState is not "loaded". The caller owns *ret_units.
 * -ENOMEM; -EINVAL: options->size is not one this library knows. */
int container_units_load(const struct container_unit_options *options, struct container_units **ret_units);
void container_units_free(struct container_units *units); /* NULL is fine */

/* Sorted by name. What these return is borrowed from the set. */
size_t container_units_count(const struct container_units *units);
const char *container_units_name(const struct container_units *units, size_t index); /* NULL behind the last */
/* The name of the unit that has this name or alias, or NULL. */
const char *container_units_find(const struct container_units *units, const char *name);

enum container_unit_form {
    CONTAINER_UNIT_TEXT, /* as `systemctl show --value`: "1min 30s" */
    CONTAINER_UNIT_JSON  /* as `container-init show --json`: 90000000 */
};
/* A property of a unit, in *ret_text, which the caller frees with free(3). -ENOENT: no such unit; -ENODATA: units of
 * its kind have no such property; -ENOMEM. */
int container_units_property(const struct container_units *units, const char *unit, const char *property,
                             enum container_unit_form form, char **ret_text);
/* The names of the properties a unit has, in a fixed order; NULL behind the last, or when there is no such unit. */
const char *container_units_property_name(const struct container_units *units, const char *unit, size_t index);

enum container_unit_severity { CONTAINER_UNIT_NOTE, CONTAINER_UNIT_WARNING, CONTAINER_UNIT_ERROR };
/* Everything is borrowed from the set; what is absent is NULL or 0. */
struct container_unit_diagnostic {
    enum container_unit_severity severity;
    const char *file;           /* path as it was opened */
    unsigned int line, column;  /* from 1 */
    const char *code;           /* "unknown-directive": one of docs/rules.md */
    const char *section, *key;  /* "Service", "ExecStrat" */
    const char *message, *hint; /* for people; "did you mean ExecStart=?" */
};
/* In the order they were found: files first, then what concerns several units. */
size_t container_units_diagnostic_count(const struct container_units *units);
/* -ENOENT behind the last. */
int container_units_diagnostic(const struct container_units *units, size_t index,
                               struct container_unit_diagnostic *ret_diagnostic);
/* Not 0 when container-init would refuse to run the set: an error, or a cycle. */
int container_units_refused(const struct container_units *units);

#ifdef __cplusplus
}
#endif
#endif
