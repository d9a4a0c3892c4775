#include "unit/directive.h"

#include "base/likeness.h"
#include "unit/values.h"

#include <string.h>

/* ---- the rows ---- */

#define ROW(name, parser, member, man, text, argument, support)                                                        \
    { name, parser, man, text, argument, offsetof(struct unit_settings, member), SUPPORT_##support, false },
#define D(name, parser, member, text) ROW(name, parser, member, MAN, text, NULL, FULL)
#define X(name, parser, member, text) ROW(name, parser, member, "container-init(8)", text, NULL, EXTENSION)
#define L(name, parser, member, why)                                                                                   \
    { name, parser, MAN, why, NULL, offsetof(struct unit_settings, member), SUPPORT_UNSUPPORTED, true },
#define A(name, why)                             { name, NULL, MAN, why, NULL, 0, SUPPORT_ACCEPTED, false },
#define U(name, why)                             { name, NULL, MAN, why, NULL, 0, SUPPORT_UNSUPPORTED, false },
#define AV(name, parser, member, why)            ROW(name, parser, member, MAN, why, NULL, ACCEPTED)
#define UV(name, parser, member, why)            ROW(name, parser, member, MAN, why, NULL, UNSUPPORTED)
#define AP(name, parser, member, argument, why)  ROW(name, parser, member, MAN, why, argument, ACCEPTED)
#define UP(name, parser, member, argument, why)  ROW(name, parser, member, MAN, why, argument, UNSUPPORTED)
#define DP(name, parser, member, argument, text) ROW(name, parser, member, MAN, text, argument, FULL)
#define DW(name, words, member, text)            ROW(name, value_word, member, MAN, text, words, FULL)
#define XW(name, words, member, text)            ROW(name, value_word, member, "container-init(8)", text, words, EXTENSION)
#define AW(name, words, member, why)             ROW(name, value_word, member, MAN, why, words, ACCEPTED)
#define UW(name, words, member, why)             ROW(name, value_word, member, MAN, why, words, UNSUPPORTED)

#define MAN "systemd.unit(5)"
static const struct directive unit_rows[] = {
#include "unit/directives_unit.def"
};
static const struct directive install_rows[] = {
#include "unit/directives_install.def"
};
#undef MAN
#define MAN "systemd.service(5)"
static const struct directive service_rows[] = {
#include "unit/directives_service.def"
};
#undef MAN
#define MAN "systemd.socket(5)"
static const struct directive socket_rows[] = {
#include "unit/directives_socket.def"
};
#undef MAN
#define MAN "systemd.exec(5)"
static const struct directive exec_rows[] = {
#include "unit/directives_exec.def"
};
#undef MAN
#define MAN "systemd.kill(5)"
static const struct directive kill_rows[] = {
#include "unit/directives_kill.def"
};
#undef MAN
#define MAN "systemd.resource-control(5)"
static const struct directive resource_rows[] = {
#include "unit/directives_resource.def"
};
#undef MAN
#define MAN "systemd.timer(5)"
#define DIRECTIVES_TIMER
static const struct directive timer_rows[] = {
#include "unit/directives_other.def"
};
#undef DIRECTIVES_TIMER
#undef MAN
#define MAN "systemd.path(5)"
#define DIRECTIVES_PATH
static const struct directive path_rows[] = {
#include "unit/directives_other.def"
};
#undef DIRECTIVES_PATH
#undef MAN
#define MAN "systemd.scope(5)"
#define DIRECTIVES_SCOPE
static const struct directive scope_rows[] = {
#include "unit/directives_other.def"
};
#undef DIRECTIVES_SCOPE
#undef MAN
#define MAN "systemd.slice(5)"
#define DIRECTIVES_SLICE
static const struct directive slice_rows[] = {
#include "unit/directives_other.def"
};
#undef DIRECTIVES_SLICE
#undef MAN
#define MAN "systemd.mount(5)"
#define DIRECTIVES_MOUNT
static const struct directive mount_rows[] = {
#include "unit/directives_other.def"
};
#undef DIRECTIVES_MOUNT
#undef MAN
#define MAN "systemd.automount(5)"
#define DIRECTIVES_AUTOMOUNT
static const struct directive automount_rows[] = {
#include "unit/directives_other.def"
};
#undef DIRECTIVES_AUTOMOUNT
#undef MAN
#define MAN "systemd.swap(5)"
#define DIRECTIVES_SWAP
static const struct directive swap_rows[] = {
#include "unit/directives_other.def"
};
#undef DIRECTIVES_SWAP
#undef MAN
#undef D
#undef X
#undef L
#undef A
#undef U
#undef AV
#undef UV
#undef AP
#undef UP
#undef DP
#undef DW
#undef AW
#undef UW
#undef ROW

#define IN(section) (1U << SECTION_##section)
#define EXEC_KINDS  (IN(SERVICE) | IN(SOCKET) | IN(MOUNT) | IN(SWAP))

static const struct group {
    const struct directive *rows;
    size_t count;
    uint32_t sections;
} groups[] = {
#define ROWS(name) name##_rows, COUNT_OF(name##_rows)
    { ROWS(unit), IN(UNIT) },
    { ROWS(service), IN(SERVICE) },
    { ROWS(socket), IN(SOCKET) },
    { ROWS(exec), EXEC_KINDS },
    { ROWS(kill), EXEC_KINDS | IN(SCOPE) },
    { ROWS(resource), EXEC_KINDS | IN(SLICE) | IN(SCOPE) },
    { ROWS(install), IN(INSTALL) },
    { ROWS(timer), IN(TIMER) },
    { ROWS(path), IN(PATH) },
    { ROWS(scope), IN(SCOPE) },
    { ROWS(slice), IN(SLICE) },
    { ROWS(mount), IN(MOUNT) },
    { ROWS(automount), IN(AUTOMOUNT) },
    { ROWS(swap), IN(SWAP) },
#undef ROWS
};

static const struct {
    const char *name, *reason;
    enum support support;
} sections[SECTION_COUNT] = {
#define X(enumerator, name_text, support, reason_text)                                                                 \
    [SECTION_##enumerator] = { name_text, reason_text, SUPPORT_##support },
    SECTIONS(X)
#undef X
};

/* ---- names ---- */

const char *section_name(enum section section)
{
    return sections[section].name;
}

enum section section_by_name(const char *name, size_t length)
{
    for (enum section section = 0; section < SECTION_COUNT; section++)
        if (strncmp(sections[section].name, name, length) == 0 && sections[section].name[length] == '\0')
            return section;
    return SECTION_COUNT;
}

const char *support_name(enum support support)
{
    static const char *const names[] = {
        [SUPPORT_FULL] = "supported",
        [SUPPORT_EXTENSION] = "extension",
        [SUPPORT_ACCEPTED] = "accepted",
        [SUPPORT_UNSUPPORTED] = "unsupported",
    };
    return names[support];
}

/* ---- lookup ---- */

static int compare_name(const char *row, const char *name, size_t length)
{
    size_t i = 0;
    while (i < length && row[i] == name[i] && row[i] != '\0') i++;
    if (i == length) return row[i] != '\0';
    return (unsigned char)row[i] < (unsigned char)name[i] ? -1 : 1;
}

static const struct directive *find_in_group(const struct group *group, const char *name, size_t length)
{
    size_t low = 0, high = group->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_name(group->rows[middle].name, name, length);
        if (order == 0) return &group->rows[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct directive *directive_find(enum section section, const char *name, size_t length)
{
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        if (!(groups[i].sections & 1U << section)) continue;
        const struct directive *found = find_in_group(&groups[i], name, length);
        if (found) return found;
    }
    return NULL;
}

enum support directive_support(const struct directive *directive, enum section section)
{
    if (sections[section].reason) return sections[section].support;
    return (enum support)directive->support;
}

const char *directive_text(const struct directive *directive, enum section section)
{
    if (sections[section].reason) return sections[section].reason;
    return directive->text;
}

size_t directive_count(enum section section)
{
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(groups); i++)
        if (groups[i].sections & 1U << section) count += groups[i].count;
    return count;
}

const struct directive *directive_get(enum section section, size_t index)
{
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        if (!(groups[i].sections & 1U << section)) continue;
        if (index < groups[i].count) return &groups[i].rows[index];
        index -= groups[i].count;
    }
    return NULL;
}

enum section directive_section_of(const char *name, size_t length)
{
    for (enum section section = 0; section < SECTION_COUNT; section++)
        if (directive_find(section, name, length)) return section;
    return SECTION_COUNT;
}

/* ---- suggestions ---- */

const char *directive_suggest(enum section section, const char *name, size_t length)
{
    unsigned best = word_distance_limit(length) + 1; /* one more than is still alike */
    if (best == 1) return NULL;
    const char *nearest = NULL;
    for (size_t i = 0, count = directive_count(section); i < count && best > 0; i++) {
        const char *candidate = directive_get(section, i)->name;
        size_t other = strlen(candidate), gap = other > length ? other - length : length - other;
        if (gap >= best) continue;
        unsigned d = word_distance(name, length, candidate, other, best - 1);
        if (d < best) best = d, nearest = candidate;
    }
    return nearest;
}

enum section section_suggest(const char *name, size_t length)
{
    unsigned best = 3;
    enum section nearest = SECTION_COUNT;
    if (word_distance_limit(length) == 0) return nearest;
    for (enum section section = 0; section < SECTION_COUNT; section++) {
        const char *candidate = sections[section].name;
        unsigned d = word_distance(name, length, candidate, strlen(candidate), best - 1);
        if (d < best) best = d, nearest = section;
    }
    return nearest;
}
