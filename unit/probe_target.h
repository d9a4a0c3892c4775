/* unit/probe_target.h - what ReadyWhen= and HealthCheck= ask: the word before the first colon, and what is behind it.
 *
 * Pure: no socket, no look-up of names. `__probe` reads the same texts again in its own process. The forms are
 * "tcp:HOST:PORT", "unix:/path", "unix:@abstract", "path:/file", "http://HOST[:PORT][/PATH]" (also with "http:" before
 * it), "exec:COMMAND" and "log:REGEX". Source: container-init(8), "READINESS AND HEALTH"; RFC 3986 and 9110 for URLs.
 */
#pragma once
#include "base/attr.h"
#include "unit/address.h"

/* clang-format off */
#define PROBE_KINDS(X) /* enumerator, word */ \
    X(NONE, "") X(TCP, "tcp") X(UNIX, "unix") X(PATH, "path") X(HTTP, "http") X(EXEC, "exec") X(LOG, "log")
/* clang-format on */
enum probe_kind {
#define X(enumerator, word) PROBE_##enumerator,
    PROBE_KINDS(X)
#undef X
        PROBE_KIND_COUNT
};
const char *probe_kind_word(enum probe_kind kind);
/* The kind by its word, PROBE_NONE when it is none. *ret_target is what is behind the colon. */
enum probe_kind probe_target_kind(const char *text, const char **ret_target);

/* TCP and UNIX: where to connect to. -EINVAL, -ERANGE, -ENAMETOOLONG as address_parse(). */
MUST_CHECK int probe_target_address(enum probe_kind kind, const char *target, struct address *ret);

struct probe_url {
    struct address address;
    const char *authority; /* "HOST:PORT" as written, for Host:; borrowed, as the next */
    size_t authority_length;
    const char *path; /* with the query, without the fragment; "" stands for "/" */
    size_t path_length;
};
/* -EINVAL: not a URL that is spoken here (no user, no https, no blanks or control characters). */
MUST_CHECK int probe_target_url(const char *target, struct probe_url *ret);

/* Exit statuses of `__probe`: 0, an errno, or one of these. */
#define PROBE_STATUS_NAME  198 /* the name of a host is not in /etc/hosts */
#define PROBE_STATUS_USAGE 199
#define PROBE_STATUS_HTTP  200 /* no HTTP answer; plus 1 to 5: an answer of that class */
/* What an exit status says: "Connection refused", "HTTP status 4xx". Static. */
const char *probe_status_words(int status);
