#include "supervisor/exec_identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/local_path.h"
#include "unit/unit.h"

void exec_identity_done(struct exec_identity *identity)
{
    user_identity_done(&identity->user);
    free(identity->groups);
    identity->groups = NULL;
}

PRINTF(4, 5)
static int identity_fail(struct exec_failure *failure, enum exec_stage stage, int r, const char *fmt, ...)
{
    char text[sizeof failure->subject];
    va_list args;
    va_start(args, fmt);
    int length = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    failure->stage = stage;
    failure->error = -r;
    size_t size = length < 0 ? 0 : MIN_OF((size_t)length, sizeof text - 1);
    (void)str_escape(text, size, failure->subject, sizeof failure->subject);
    return r;
}

const char *exec_identity_words(int r)
{
    return r == -ESRCH    ? "there is no such name"
           : r == -EINVAL ? "neither a name nor a number"
                          : "looking it up failed";
}

static int identity_user(const struct exec_request *request, struct exec_identity *identity,
                         struct exec_failure *failure)
{
    const char *text = request->unit->exec->user;
    identity->uid = request->own_uid;
    identity->gid = request->own_gid;
    if (!text) return 0;
    int r = userdb_lookup_user(request->userdb, text, &identity->user);
    if (r < 0) return identity_fail(failure, EXEC_STAGE_USER, r, "User=%s: %s", text, exec_identity_words(r));
    identity->has_user = true;
    identity->uid = identity->user.uid;
    identity->gid = identity->user.gid;
    return 0;
}

static int identity_group(const struct exec_request *request, struct exec_identity *identity,
                          struct exec_failure *failure)
{
    const char *text = request->unit->exec->group;
    if (!text) return 0;
    int r = userdb_lookup_group(request->userdb, text, &identity->gid);
    if (r < 0) return identity_fail(failure, EXEC_STAGE_GROUP, r, "Group=%s: %s", text, exec_identity_words(r));
    return 0;
}

static int groups_reserve(struct exec_identity *identity, size_t more)
{
    gid_t *groups = realloc(identity->groups, (identity->n_groups + more + 1) * sizeof *groups);
    if (!groups) return -ENOMEM;
    identity->groups = groups;
    return 0;
}

static void groups_add(struct exec_identity *identity, gid_t gid)
{
    for (size_t i = 0; i < identity->n_groups; i++)
        if (identity->groups[i] == gid) return;
    identity->groups[identity->n_groups++] = gid;
}

/* initgroups(3) for the user and the group it will have, then SupplementaryGroups=. */
static int identity_groups(const struct exec_request *request, struct exec_identity *identity,
                           struct exec_failure *failure)
{
    const struct text_list *texts = &request->unit->exec->supplementary_groups;
    int r = 0;
    if (identity->has_user && identity->user.name)
        r = userdb_groups_of(request->userdb, identity->user.name, identity->gid, &identity->groups,
                             &identity->n_groups);
    if (r == 0) r = groups_reserve(identity, texts->count);
    if (r < 0) return identity_fail(failure, EXEC_STAGE_GROUP, r, "%s", "");
    for (uint32_t i = 0; i < texts->count; i++) {
        gid_t gid;
        r = userdb_lookup_group(request->userdb, texts->items[i], &gid);
        if (r < 0)
            return identity_fail(failure, EXEC_STAGE_GROUP, r, "SupplementaryGroups=%s: %s", texts->items[i],
                                 exec_identity_words(r));
        groups_add(identity, gid);
    }
    return 0;
}

static bool have_group(gid_t gid)
{
    if (getegid() == gid) return true;
    int n = getgroups(0, NULL);
    if (n <= 0) return false;
    gid_t *groups = calloc((size_t)n, sizeof *groups);
    bool found = false;
    if (groups) {
        n = getgroups(n, groups);
        for (int i = 0; i < n && !found; i++) found = groups[i] == gid;
    }
    free(groups);
    return found;
}

/* K67: without root an identity equal to ours runs as is, any other is refused by a line that names both. */
static int identity_compare(const struct exec_request *request, const struct exec_identity *identity,
                            struct exec_failure *failure)
{
    const struct exec_section *exec = request->unit->exec;
    if (identity->uid != request->own_uid || identity->gid != request->own_gid) {
        enum exec_stage stage = identity->uid != request->own_uid ? EXEC_STAGE_USER : EXEC_STAGE_GROUP;
        const char *name = exec->user && stage == EXEC_STAGE_USER ? exec->user : exec->group;
        return identity_fail(failure, stage, -EPERM, "%s=%s is uid %u gid %u, we are uid %u gid %u and not root",
                             name == exec->group && name ? "Group" : "User", name ? name : exec->user, identity->uid,
                             identity->gid, request->own_uid, request->own_gid);
    }
    for (size_t i = 0; exec->supplementary_groups.count > 0 && i < identity->n_groups; i++)
        if (!have_group(identity->groups[i]))
            return identity_fail(failure, EXEC_STAGE_GROUP, -EPERM,
                                 "SupplementaryGroups= asks for gid %u, we are uid %u gid %u and not root",
                                 identity->groups[i], request->own_uid, request->own_gid);
    return 0;
}

bool exec_userdb_is_local(const struct userdb *db)
{
    for (int file = 0; file < USERDB_FILE_COUNT; file++) {
        const char *path = userdb_preferred_path(db, (enum userdb_file)file);
        if (path && !local_path_is(path)) return false;
    }
    return true;
}

void exec_identity_unknown(const struct exec_request *request, struct exec_identity *ret)
{
    *ret = (struct exec_identity){ .user = USER_IDENTITY_EMPTY,
                                   .has_user = request->unit->exec->user,
                                   .uid = request->own_uid,
                                   .gid = request->own_gid };
}

int exec_identity_resolve(const struct exec_request *request, struct exec_identity *ret,
                          struct exec_failure *ret_failure)
{
    *ret = (struct exec_identity){ .user = USER_IDENTITY_EMPTY };
    const struct exec_section *exec = request->unit->exec;
    bool applied = !(request->command->flags & (COMMAND_FULL_PRIVILEGE | COMMAND_NO_SETUID));
    bool any = exec->user || exec->group || exec->supplementary_groups.count > 0;
    int r = identity_user(request, ret, ret_failure);
    if (r == 0) r = identity_group(request, ret, ret_failure);
    if (r < 0 || !applied || !any) return r;
    r = identity_groups(request, ret, ret_failure);
    if (r < 0) return r;
    if (!request->is_root) return identity_compare(request, ret, ret_failure);
    ret->set_groups = true;
    ret->set_gid = exec->user || exec->group;
    ret->set_uid = exec->user;
    return 0;
}
