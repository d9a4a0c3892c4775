#include "unit/probe_target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AUTHORITY_MAX 280

const char *probe_kind_word(enum probe_kind kind)
{
    static const char *const words[] = {
#define X(enumerator, word) [PROBE_##enumerator] = (word),
        PROBE_KINDS(X)
#undef X
    };
    return words[kind];
}

enum probe_kind probe_target_kind(const char *text, const char **ret_target)
{
    size_t length = strcspn(text, ":");
    *ret_target = text[length] == ':' ? text + length + 1 : "";
    if (text[length] != ':') return PROBE_NONE;
    for (enum probe_kind kind = PROBE_TCP; kind < PROBE_KIND_COUNT; kind++) {
        const char *word = probe_kind_word(kind);
        if (strlen(word) == length && strncmp(word, text, length) == 0) return kind;
    }
    return PROBE_NONE;
}

int probe_target_address(enum probe_kind kind, const char *target, struct address *ret)
{
    struct address address;
    int r = address_parse(target, &address);
    if (r < 0) return r;
    bool is_unix = address.kind == ADDRESS_PATH || address.kind == ADDRESS_ABSTRACT;
    if (is_unix != (kind == PROBE_UNIX) || address.kind == ADDRESS_ANY) return -EINVAL;
    *ret = address;
    return 0;
}

int probe_target_url(const char *target, struct probe_url *ret)
{
    char text[AUTHORITY_MAX];
    if (strncmp(target, "http:", 5) == 0) target += 5;
    if (strncmp(target, "//", 2) != 0) return -EINVAL;
    for (const char *c = target; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f) return -EINVAL;
    *ret = (struct probe_url){ .authority = target + 2 };
    ret->authority_length = strcspn(ret->authority, "/?#");
    ret->path = ret->authority + ret->authority_length;
    ret->path_length = strcspn(ret->path, "#");
    size_t length = ret->authority_length;
    if (length == 0 || length > AUTHORITY_MAX - 4 || memchr(ret->authority, '@', length)) return -EINVAL;
    const char *colon = memrchr(ret->authority, ':', length);
    bool has_port = colon && !memchr(colon, ']', length - (size_t)(colon - ret->authority));
    (void)snprintf(text, sizeof text, "%.*s%s", (int)length, ret->authority, has_port ? "" : ":80"); /* fits */
    int r = probe_target_address(PROBE_TCP, text, &ret->address);
    if (r < 0) return -EINVAL;
    /* The name, which the address borrows, lies in the URL as well. */
    if (ret->address.kind == ADDRESS_HOST) ret->address.name = ret->authority;
    return 0;
}

const char *probe_status_words(int status)
{
    static const char *const http[] = { "no HTTP answer",  "HTTP status 1xx", "HTTP status 2xx",
                                        "HTTP status 3xx", "HTTP status 4xx", "HTTP status 5xx" };
    if (status == PROBE_STATUS_NAME) return "no such name in /etc/hosts (there is no DNS here)";
    if (status == PROBE_STATUS_USAGE) return "it was asked in a form that it does not know";
    if (status < PROBE_STATUS_HTTP) return strerror(status);
    size_t class = (size_t)(status - PROBE_STATUS_HTTP);
    return class < COUNT_OF(http) ? http[class] : "an unknown answer";
}
