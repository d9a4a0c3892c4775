/* unit/name.h - names of units: their forms, their parts, and the escaping that makes a name of any text or path.
 *
 *     PREFIX.SUFFIX            plain: "web.service"
 *     PREFIX@.SUFFIX           template: "getty@.service"
 *     PREFIX@INSTANCE.SUFFIX   instance: "getty@tty1.service"
 *
 * The prefix ends at the first "@", the suffix is the last dot and what follows it. Whether this program runs units of
 * a suffix is not asked here: all eleven of systemd are names. Functions with a `struct str *out` append to it and
 * return 0, -EINVAL where the text cannot be used (`out` may then hold a part of the answer), or -ENOMEM. Source:
 * systemd.unit(5) "DESCRIPTION" and "STRING ESCAPING FOR INCLUSION IN UNIT NAMES", systemd-escape(1). */
#pragma once
#include "base/attr.h"
struct str;

#define UNIT_NAME_MAX 255 /* bytes, without the final NUL */

enum unit_name_form { UNIT_NAME_INVALID, UNIT_NAME_PLAIN, UNIT_NAME_TEMPLATE, UNIT_NAME_INSTANCE };
/* Letters, digits, ":-_.\" and "@"; not empty before the first "@" or the last dot; a suffix of systemd. */
enum unit_name_form unit_name_form(const char *name);
bool unit_name_is_valid(const char *name);
/* ".service", ".socket", ...: with the dot. */
bool unit_suffix_is_valid(const char *suffix);
/* What may stand between "@" and the suffix; not empty. */
bool unit_instance_is_valid(const char *instance);

/* Any text is split, valid or not; everything is borrowed from it. */
struct unit_name_parts {
    const char *prefix;
    size_t prefix_length;
    const char *instance; /* NULL without "@"; of a template it is empty */
    size_t instance_length;
    const char *suffix; /* from the last dot on; "" without a dot */
};
struct unit_name_parts unit_name_split(const char *name);
/* The name without its suffix, as the log prefix and %N show it; length in *ret_length. */
const char *unit_name_stem(const char *name, size_t *ret_length);

/* "getty@.service" or "getty@x.service", "tty1" -> "getty@tty1.service". */
MUST_CHECK int unit_name_instantiate(const char *name, const char *instance, struct str *out);
/* "getty@tty1.service" -> "getty@.service". -EINVAL for a plain name. */
MUST_CHECK int unit_name_template(const char *name, struct str *out);

/* "/" to "-"; every byte that a name cannot have, "-", "\" and a dot at the beginning to "\xHH". */
MUST_CHECK int unit_name_escape(const char *text, struct str *out);
/* The way back. A byte "\x00" ends the text. -EINVAL on a bad escape. */
MUST_CHECK int unit_name_unescape(const char *text, size_t length, struct str *out);
/* A path without its slashes at both ends, doubled slashes and ".": "/" is "-". -EINVAL: has "..", or is too long. */
MUST_CHECK int unit_name_escape_path(const char *path, struct str *out);
/* The way back to an absolute path. -EINVAL also for what would not be a plain path. */
MUST_CHECK int unit_name_unescape_path(const char *text, size_t length, struct str *out);
/* "/var/lib", ".mount" -> "var-lib.mount". Of a path whose name would be too long the end is a hash. */
MUST_CHECK int unit_name_from_path(const char *path, const char *suffix, struct str *out);
/* "var-lib.mount" -> "/var/lib". */
MUST_CHECK int unit_name_to_path(const char *name, struct str *out);

/* What somebody typed -> a name: a path becomes the mount (the device below /dev and /sys), other text is escaped where
 * it must be and gets `suffix` when it has none. With `globs`, a pattern of fnmatch(3) stays as it is. */
MUST_CHECK int unit_name_mangle(const char *text, const char *suffix, bool globs, struct str *out);
