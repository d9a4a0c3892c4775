#include "supervisor/socket_open.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/condition.h"
#include "supervisor/exec_identity.h"
#include "supervisor/file_helper.h"
#include "supervisor/job_conditions.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "unit/address.h"
#include "unit/unit.h"
#include "userdb/userdb.h"

/* ---- local or not ---- */

static bool address_is_local(const struct address *address)
{
    if (address->kind != ADDRESS_PATH) return true;
    char *path = strndup(address->name, address->name_length);
    bool local = path && local_path_is(path);
    free(path);
    return local;
}

static bool listen_is_local(const struct socket_listen *listen)
{
    return listen->text[0] != '/' || listen->kind == LISTEN_MESSAGE_QUEUE || local_path_is(listen->text);
}

bool socket_target_is_local(const struct unit *unit)
{
    struct address address;
    return address_parse_target(unit->socket->proxy_target, &address) < 0 || address_is_local(&address);
}

bool socket_open_is_local(const struct socket_to_open *what)
{
    const struct socket_section *settings = what->unit->socket;
    struct condition_context context = manager_condition_context(what->manager);
    if (what->service && !conditions_are_local(what->service, &context)) return false;
    if (listen_fds_has_all(what->manager, what->unit)) return true; /* nothing is bound */
    if ((settings->socket_user || settings->socket_group) && !exec_userdb_is_local(what->manager->userdb)) return false;
    for (uint32_t i = 0; i < settings->listens.count; i++)
        if (!listen_is_local(&settings->listens.items[i])) return false;
    const struct text_list *links = &what->unit->socket_extra->symlinks;
    for (uint32_t i = 0; i < links->count; i++)
        if (!local_path_is(links->items[i])) return false;
    return true;
}

/* ---- opening ---- */

static int resolve_owner(const struct socket_to_open *what, struct listener_settings *options, const char **ret_step)
{
    const struct socket_section *settings = what->unit->socket;
    struct userdb *db = what->manager->userdb;
    if (settings->socket_user) {
        AUTO_USER_IDENTITY struct user_identity identity = USER_IDENTITY_EMPTY;
        int r = userdb_lookup_user(db, settings->socket_user, &identity);
        *ret_step = "SocketUser=";
        if (r < 0) return r;
        options->uid = identity.uid;
        options->gid = identity.gid;
    }
    if (settings->socket_group) {
        *ret_step = "SocketGroup=";
        return userdb_lookup_group(db, settings->socket_group, &options->gid);
    }
    return 0;
}

static int open_all(const struct socket_to_open *what, struct socket_opened *opened, const char **ret_step)
{
    const struct socket_section *settings = what->unit->socket;
    struct listener_settings options = {
        .socket = settings, .extra = what->unit->socket_extra, .uid = (uid_t)-1, .gid = (gid_t)-1
    };
    int r = resolve_owner(what, &options, ret_step);
    if (r < 0) return r;
    opened->listeners = calloc(settings->listens.count, sizeof(struct listener *));
    if (!opened->listeners) return -ENOMEM;
    for (uint32_t i = 0; i < settings->listens.count; i++) {
        opened->index = opened->options.line = i;
        struct fd passed = FD_NONE;
        *ret_step = "taking what was passed in";
        bool is_passed = listen_fds_has(what->manager, what->unit, i);
        if (is_passed && !what->in_copy) r = listen_fds_get(what->manager, what->unit, i, &passed);
        if (fd_is_open(&passed))
            r = listener_adopt_take(&settings->listens.items[i], passed, (struct listener_node){ 0 },
                                    &opened->listeners[i]);
        else if (!is_passed)
            r = listener_open(&settings->listens.items[i], &options, &opened->listeners[i], &opened->options, ret_step);
        if (r < 0) return r;
        opened->n_listeners++;
    }
    return 0;
}

/* ---- Symlinks= ---- */

static bool leads_to(const char *link, const char *target)
{
    char there[PATH_MAX];
    ssize_t length = readlink(link, there, sizeof there);
    return length == (ssize_t)strlen(target) && memcmp(there, target, (size_t)length) == 0;
}

/* What leads nowhere is of an earlier run. With RemoveOnStop= the path is the unit's own, whatever is there. */
static int replace_link(const char *target, const char *link, bool is_own)
{
    struct stat st;
    char there[PATH_MAX];
    if (leads_to(link, target)) return 0;
    if (!is_own && (readlink(link, there, sizeof there) < 0 || stat(link, &st) == 0 || errno != ENOENT)) return -EEXIST;
    if (unlink(link) < 0) return -errno;
    return symlink(target, link) < 0 ? -errno : 0;
}

static void make_links(const struct socket_to_open *what, struct socket_opened *opened)
{
    const struct text_list *links = &what->unit->socket_extra->symlinks;
    const struct socket_section *settings = what->unit->socket;
    const char *target = NULL;
    for (uint32_t i = 0; i < opened->n_listeners && links->count > 0; i++)
        if (listener_path(opened->listeners[i])) target = settings->listens.items[i].text;
    for (uint32_t i = 0; target && i < links->count; i++) {
        int r = node_make_parents(links->items[i], settings->directory_mode);
        if (r == 0 && symlink(target, links->items[i]) < 0) r = -errno;
        if (r == -EEXIST) r = replace_link(target, links->items[i], settings->remove_on_stop);
        if (r == 0 || opened->link) continue;
        opened->link = links->items[i];
        opened->link_error = -r;
    }
}

/* What was there before us, and what somebody has put there since, stays. */
void socket_remove_links(const struct unit *unit)
{
    const struct socket_listen_list *listens = &unit->socket->listens;
    const struct text_list *links = &unit->socket_extra->symlinks;
    for (uint32_t i = 0; i < links->count; i++)
        for (uint32_t k = 0; k < listens->count; k++)
            if (leads_to(links->items[i], listens->items[k].text)) (void)unlink(links->items[i]); /* it may be gone */
}

/* ---- all of it ---- */

static void close_all(struct socket_opened *opened)
{
    for (uint32_t i = 0; i < opened->n_listeners; i++) listener_free(opened->listeners[i], !opened->is_far);
    free(opened->listeners);
    opened->listeners = NULL;
    opened->n_listeners = 0;
}

int socket_open(const struct socket_to_open *what, struct socket_opened *ret)
{
    struct manager *m = what->manager;
    struct condition_context context = manager_condition_context(m);
    bool is_assert = false;
    const char *step = "";
    *ret = (struct socket_opened){ .error = 0 };
    /* A socket whose service would be skipped is skipped itself: nobody should connect and wait for ever. */
    if (what->service && conditions_hold(what->service, &context, &ret->reason, &is_assert) == 0 && !is_assert) {
        ret->skipped = true;
        return 0;
    }
    int r = open_all(what, ret, &step);
    if (r == 0) make_links(what, ret);
    if (r == 0) return 0;
    close_all(ret);
    ret->error = -r;
    (void)snprintf(ret->step, sizeof ret->step, "%s", step); /* steps are short words */
    return r;
}

void socket_opened_done(struct socket_opened *opened)
{
    close_all(opened);
    str_done(&opened->reason);
}

/* ---- by a file helper ---- */

/* The answer: this, the node of each listener, the reason; a descriptor for each listener that was opened. */
struct opened_head {
    uint32_t index, n_listeners;
    const char *link; /* of the unit, which lies at the same place here and there */
    int link_error;
    bool skipped;
    char step[sizeof((struct socket_opened *)NULL)->step];
    struct socket_option_report options;
};

static int write_opened(const struct socket_opened *opened, struct file_answer *answer)
{
    struct opened_head head = { .index = opened->index,
                                .n_listeners = opened->n_listeners,
                                .link = opened->link,
                                .link_error = opened->link_error,
                                .skipped = opened->skipped,
                                .options = opened->options };
    memcpy(head.step, opened->step, sizeof head.step);
    int r = str_append_bytes(&answer->bytes, &head, sizeof head);
    for (uint32_t i = 0; r == 0 && i < opened->n_listeners; i++) {
        struct listener *listener = opened->listeners[i];
        struct listener_node node = listener ? listener_node(listener) : (struct listener_node){ 0 };
        struct fd fd = FD_NONE;
        r = str_append_bytes(&answer->bytes, &node, sizeof node);
        if (r < 0 || !listener) continue;
        r = fd_dup(listener_fd(listener), 3, &fd);
        if (r == 0) r = file_answer_add_take(answer, fd);
    }
    return r < 0 ? r : str_append(&answer->bytes, str_text(&opened->reason));
}

int socket_open_task(void *argument, struct file_answer *answer)
{
    struct socket_opened opened;
    struct socket_to_open what = *(const struct socket_to_open *)argument;
    what.in_copy = true;
    int r = socket_open(&what, &opened);
    int written = write_opened(&opened, answer);
    return r < 0 ? r : written;
}

static int adopt_all(const struct socket_to_open *what, const struct opened_head *head, struct file_answer *answer,
                     struct socket_opened *opened)
{
    const struct socket_listen_list *listens = &what->unit->socket->listens;
    size_t n_fds = 0;
    if (head->n_listeners != (head->skipped ? 0 : listens->count)) return -EBADMSG;
    opened->listeners = calloc(listens->count, sizeof(struct listener *));
    if (!opened->listeners) return -ENOMEM;
    for (uint32_t i = 0; i < head->n_listeners; i++) {
        struct listener_node node;
        memcpy(&node, answer->bytes.data + sizeof *head + i * sizeof node, sizeof node);
        opened->index = i;
        struct fd fd = FD_NONE;
        int r = listen_fds_get(what->manager, what->unit, i, &fd);
        if (r == 0 && n_fds == answer->n_fds) r = -EBADMSG;
        if (r == 0) fd = fd_take(&answer->fds[n_fds++]);
        if (r >= 0) r = listener_adopt_take(&listens->items[i], fd, node, &opened->listeners[i]);
        if (r < 0) return r;
        opened->n_listeners++;
    }
    return str_append(&opened->reason,
                      answer->bytes.data + sizeof *head + head->n_listeners * sizeof(struct listener_node));
}

int socket_open_read_answer(const struct socket_to_open *what, int r, struct file_answer *answer,
                            struct socket_opened *ret)
{
    struct opened_head head = { .index = 0 };
    *ret = (struct socket_opened){ .is_far = true };
    bool whole = answer->bytes.length >= sizeof head;
    if (whole) {
        memcpy(&head, answer->bytes.data, sizeof head);
        ret->index = MIN_OF(head.index, what->unit->socket->listens.count - 1);
        ret->skipped = head.skipped;
        ret->options = head.options;
        ret->link = head.link;
        ret->link_error = head.link_error;
        memcpy(ret->step, head.step, sizeof ret->step - 1);
    } else {
        (void)snprintf(ret->step, sizeof ret->step, "waiting for its path"); /* fits */
    }
    if (r == 0) r = whole ? adopt_all(what, &head, answer, ret) : -EBADMSG;
    if (r == 0) return 0;
    close_all(ret);
    ret->error = -r;
    return r;
}

/* ---- nodes ---- */

struct socket_nodes {
    const struct unit *unit;
    uint32_t count;
    struct {
        struct listener_node node;
        enum listen_kind kind;
        char *path;
    } items[];
};

struct socket_nodes *socket_nodes_new(const struct unit *unit)
{
    size_t size = unit->socket->listens.count * sizeof((struct socket_nodes *)NULL)->items[0];
    struct socket_nodes *nodes = calloc(1, sizeof *nodes + size);
    if (nodes) nodes->unit = unit;
    return nodes;
}

void socket_nodes_add(struct socket_nodes *nodes, const struct listener *listener)
{
    const char *path = listener_path(listener);
    char *copy = path ? strdup(path) : NULL;
    if (!copy) return; /* without memory the node stays, and the next start finds it stale */
    nodes->items[nodes->count].path = copy;
    nodes->items[nodes->count].kind = listener_kind(listener);
    nodes->items[nodes->count++].node = listener_node(listener);
}

void socket_nodes_free(void *nodes)
{
    struct socket_nodes *n = nodes;
    for (uint32_t i = 0; n && i < n->count; i++) free(n->items[i].path);
    free(n);
}

int socket_nodes_remove_task(void *nodes, struct file_answer *answer)
{
    const struct socket_nodes *n = nodes;
    (void)answer;
    for (uint32_t i = 0; i < n->count; i++) listener_remove_node(n->items[i].path, n->items[i].kind, n->items[i].node);
    socket_remove_links(n->unit);
    return 0;
}
