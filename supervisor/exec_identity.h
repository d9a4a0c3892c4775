/* supervisor/exec_identity.h - User=, Group=, SupplementaryGroups= -> what the child has to change.
 *
 * Source: systemd.exec(5) "USER/GROUP IDENTITY"; SEED.md S48; K63, K64, K67. */
#pragma once
#include "base/attr.h"
#include "supervisor/exec_plan.h"
#include "userdb/userdb.h"

struct exec_identity {
    struct user_identity user; /* of User=; empty without */
    bool has_user;
    uid_t uid; /* the unit's, whether the child changes to it or not */
    gid_t gid;
    bool set_uid, set_gid, set_groups;
    gid_t *groups; /* owned */
    size_t n_groups;
};
void exec_identity_done(struct exec_identity *identity);
#define AUTO_EXEC_IDENTITY __attribute__((cleanup(exec_identity_done)))
/* None of the files that somebody chose for the database (CONTAINER_INIT_PASSWD_FILE...) lies where a look might hang.
 */
bool exec_userdb_is_local(const struct userdb *db);
/* Stands for an identity that the child looks up: ours, with a user of whom nothing is known. */
void exec_identity_unknown(const struct exec_request *request, struct exec_identity *ret);
/* Why a name could not be looked up, in words, for an -errno of userdb. */
const char *exec_identity_words(int r);
/* 0, or -errno with *ret_failure: -ESRCH no such user or group, -EPERM an identity we may not take. *ret holds what
 * exec_identity_done() can free in both cases. */
MUST_CHECK int exec_identity_resolve(const struct exec_request *request, struct exec_identity *ret,
                                     struct exec_failure *ret_failure);
