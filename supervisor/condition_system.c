#include "supervisor/condition_tests.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/str.h"
#include "base/version.h"
#include "supervisor/condition_facts.h"
#include "unit/environment_file.h"
#include "unit/expand.h"
#include "unit/machine.h"
#include "unit/paths.h"
#include "unit/words.h"
#include "userdb/userdb.h"

#define SYSTEM_UID_MAX 999 /* as Debian and Fedora build systemd */

/* ---- users and groups ---- */

/* "root" is known without a database, and is all that systemd as PID 1 looks for. */
int condition_user(const struct condition_context *context, const struct condition *c)
{
    AUTO_USER_IDENTITY struct user_identity identity = USER_IDENTITY_EMPTY;
    uint32_t uid;
    if (strcmp(c->parameter, "@system") == 0) return context->uid <= SYSTEM_UID_MAX;
    if (parse_u32(c->parameter, 0, UINT32_MAX - 1, &uid) == 0)
        return uid == context->uid && (c->parameter[0] != '0' || c->parameter[1] == '\0');
    if (!context->userdb || strcmp(c->parameter, "root") == 0)
        return strcmp(c->parameter, "root") == 0 && context->uid == 0;
    int r = userdb_lookup_user(context->userdb, c->parameter, &identity);
    return r < 0 ? (r == -ENOMEM ? r : 0) : identity.uid == context->uid;
}

static int has_group(const struct condition_context *context, gid_t gid)
{
    const gid_t *list = context->groups;
    int count = (int)context->n_groups, found = gid == context->gid;
    gid_t *own = NULL;
    if (!list) {
        count = getgroups(0, NULL);
        list = own = count > 0 ? calloc((size_t)count, sizeof *own) : NULL;
        if (count > 0) count = own ? getgroups(count, own) : 0;
    }
    for (int i = 0; list && i < count; i++) found |= list[i] == gid;
    free(own);
    return found;
}

int condition_group(const struct condition_context *context, const struct condition *c)
{
    uint32_t gid;
    if (parse_u32(c->parameter, 0, UINT32_MAX - 1, &gid) == 0)
        return c->parameter[0] != '0' || c->parameter[1] == '\0' ? has_group(context, gid) : 0;
    if (strcmp(c->parameter, "root") == 0) return has_group(context, 0);
    int r = context->userdb ? userdb_lookup_group(context->userdb, c->parameter, &gid) : -ESRCH;
    return r < 0 ? (r == -ENOMEM ? r : 0) : has_group(context, gid);
}

/* ---- names ---- */

/* A parameter that has the form of an id is no host name. Where the image has no id, it is the one that %m is here. */
int condition_host(const struct condition_context *context, const struct condition *c)
{
    AUTO_MACHINE struct machine machine = { .root = context->root };
    char want[MACHINE_ID_LENGTH + 1];
    const char *have;
    struct utsname names;
    if (machine_id_parse(c->parameter, want)) {
        static const char uuid[] = "container_uuid";
        int r = machine_id(&machine, expand_lookup_environ(uuid, strlen(uuid), (void *)context->environ), &have);
        return r < 0 ? r : strcmp(have, want) == 0;
    }
    condition_names(context, &names);
    return fnmatch(c->parameter, names.nodename, FNM_CASEFOLD) == 0;
}

int condition_environment(const struct condition_context *context, const struct condition *c)
{
    const char *equals = strchr(c->parameter, '=');
    size_t length = equals ? (size_t)(equals - c->parameter) : strlen(c->parameter);
    const char *have = expand_lookup_environ(c->parameter, length, (void *)context->environ);
    return have && (!equals || strcmp(have, equals + 1) == 0);
}

/* A credential exists as a file in one of two directories, plain or encrypted, that the environment names. */
int condition_credential(const struct condition_context *context, const struct condition *c)
{
    static const char *const variables[] = { "CREDENTIALS_DIRECTORY", "ENCRYPTED_CREDENTIALS_DIRECTORY" };
    if (*c->parameter == '\0' || strlen(c->parameter) > NAME_MAX || strchr(c->parameter, '/') ||
        strcmp(c->parameter, ".") == 0 || strcmp(c->parameter, "..") == 0)
        return 0;
    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        AUTO_STR struct str path = STR_EMPTY;
        const char *directory = expand_lookup_environ(variables[i], strlen(variables[i]), (void *)context->environ);
        if (!directory) continue;
        if (!path_is_usable(directory) || !path_is_normalized(directory)) return -EINVAL;
        int r = str_appendf(&path, "%s/%s", directory, c->parameter);
        if (r < 0) return r;
        if (access(str_text(&path), F_OK) == 0) return 1;
        if (errno != ENOENT) return -errno;
    }
    return 0;
}

/* ---- ConditionOSRelease= ---- */

/* What the file does not have is empty. */
int condition_os_release(const struct condition_context *context, const struct condition *c)
{
    AUTO_MACHINE struct machine machine = { .root = context->root };
    AUTO_STR struct str word = STR_EMPTY, key = STR_EMPTY;
    const char *cursor = c->parameter, *have;
    int r;
    while ((r = condition_word(&cursor, &word)) > 0) {
        const char *text = str_text(&word), *want = text + strcspn(text, "!<>=$");
        str_clear(&key);
        r = str_append_bytes(&key, text, (size_t)(want - text));
        if (r < 0) return r;
        enum compare op = compare_read(&want, true);
        if (op == COMPARE_NONE || key.length == 0 || *want == '\0' || strchr(WORD_BLANKS, *want)) return -EINVAL;
        r = machine_os_field(&machine, str_text(&key), &have);
        if (r < 0) return r;
        if (!compare_versions(op, have, want)) return 0;
    }
    return r < 0 ? r : 1;
}

/* ---- ConditionFirstBoot=, ConditionNeedsUpdate= ---- */

int condition_first_boot(const struct condition_context *context, const struct condition *c)
{
    bool want, first;
    int r = parse_bool(c->parameter, &want);
    if (r < 0) return r;
    if (fact_command_line_bool(context, "systemd.condition-first-boot", &first) <= 0)
        first = fact_exists(context, "/run/systemd/first-boot");
    return first == want;
}

/* The stamp's own time: file systems that keep seconds only have it written in the file. */
static bool usr_is_newer(const struct condition_context *context, const struct stat *usr, const struct stat *stamp,
                         const char *path)
{
    static const char key[] = "TIMESTAMP_NSEC=";
    AUTO_STR struct str text = STR_EMPTY;
    AUTO_STRLIST struct strlist entries = STRLIST_EMPTY;
    uint32_t line;
    uint64_t time;
    if (usr->st_mtim.tv_sec != stamp->st_mtim.tv_sec) return usr->st_mtim.tv_sec > stamp->st_mtim.tv_sec;
    if (usr->st_mtim.tv_nsec == 0 || stamp->st_mtim.tv_nsec > 0) return usr->st_mtim.tv_nsec > stamp->st_mtim.tv_nsec;
    if (fact_read_all(context, path, &text) < 0 ||
        environment_file_parse(str_text(&text), text.length, &entries, &line) < 0)
        return true;
    for (size_t i = 0; i < entries.count; i++)
        if (str_starts_with(entries.items[i], key) &&
            parse_u64(entries.items[i] + strlen(key), 0, UINT64_MAX, &time) == 0)
            return (uint64_t)usr->st_mtim.tv_sec * 1000000000U + (uint64_t)usr->st_mtim.tv_nsec > time;
    return true;
}

/* In doubt an update is needed: better one too many. */
int condition_needs_update(const struct condition_context *context, const struct condition *c)
{
    AUTO_STR struct str path = STR_EMPTY, full = STR_EMPTY, usr_path = STR_EMPTY;
    struct stat usr, stamp;
    bool forced;
    if (fact_command_line_bool(context, "systemd.condition-needs-update", &forced) > 0) return forced;
    if (fact_exists(context, "/etc/initrd-release")) return 0;
    int r = fact_path(context, c->parameter, &full);
    if (r < 0 || path_is_read_only(str_text(&full)) > 0) return r;
    r = str_appendf(&path, "%s/.updated", c->parameter);
    if (r == 0) r = fact_path(context, str_text(&path), &full);
    if (r == 0) r = fact_path(context, "/usr", &usr_path);
    if (r < 0) return r;
    if (lstat(str_text(&full), &stamp) < 0 || stat(str_text(&usr_path), &usr) < 0) return 1;
    return usr_is_newer(context, &usr, &stamp, str_text(&path));
}
