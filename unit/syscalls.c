#include "unit/syscalls.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *name, *members;
} groups[] = {
#define G(name, members) { name, members },
#include "unit/syscalls.def"
#undef G
};

const char *syscall_name(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(groups); i++)
        for (const char *member = groups[i].members; *member != '\0'; member += strlen(member) + 1)
            if (strcmp(member, name) == 0 && *member != '@') return member;
    return NULL;
}

static const char *members_of(const char *group)
{
    for (size_t i = 0; i < COUNT_OF(groups); i++)
        if (*group != '\0' && strcmp(groups[i].name, group) == 0) return groups[i].members;
    return NULL;
}

static bool contains(const char *members, const char *name)
{
    for (; *members != '\0'; members += strlen(members) + 1)
        if (strcmp(members, name) == 0) return true;
    return false;
}

/* The table is ours: no group of it leads back to itself. */
static int walk(const char *members, const char *without, int (*add)(const char *name, void *userdata), void *userdata)
{
    for (const char *member = members; *member != '\0'; member += strlen(member) + 1) {
        int r = 0;
        if (*member == '@')
            r = walk(members_of(member), without, add, userdata);
        else if (!contains(without, member))
            r = add(member, userdata);
        if (r != 0) return r;
    }
    return 0;
}

int syscall_group(const char *group, int (*add)(const char *name, void *userdata), void *userdata)
{
    const char *members = *group == '@' ? members_of(group) : NULL;
    if (!members) return -ENOENT;
    return walk(members, strcmp(group, "@known") == 0 ? members_of("~") : "", add, userdata);
}
