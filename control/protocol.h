/* control/protocol.h - what is said over the control socket: one JSON object per SOCK_SEQPACKET message.
 *
 *     -> {"verb":"restart","units":["web.service"],"mode":"replace","wait":true}
 *     <- {"type":"accepted","unit":"web.service","job":7}
 *     <- {"type":"result","unit":"web.service","job":7,"result":"done","why":"success"}
 *     <- {"type":"end"}
 *
 * A peer asks one thing at a time and reads to the "end". Answers: "accepted", "result" (of a job that was waited for),
 * "unit", "job", "manager" (descriptions), "error" (of one unit: "error" is a stable word, "message" a sentence) and
 * "end". Names that nobody knows are refused, never guessed; members that nobody knows are ignored, so that either side
 * may be newer. Names of units are whole: patterns and suffixes are the client's work. Source: systemctl(1). */
#pragma once
#include "base/attr.h"
#include "base/str.h"

/* A request of somebody who may change things, of somebody who may only look, and any answer. */
#define CONTROL_REQUEST_MAX        65536
#define CONTROL_REQUEST_MAX_READER 4096
#define CONTROL_ANSWER_MAX         65536
#define CONTROL_PATH_DEFAULT       "/run/container-init/control"

/* clang-format off */
#define CONTROL_VERBS(X) /* enumerator, word, does it change anything?, does it name units? */ \
    X(START, "start", true, true)                  X(STOP, "stop", true, true)                 \
    X(RESTART, "restart", true, true)              X(TRY_RESTART, "try-restart", true, true)   \
    X(RELOAD, "reload", true, true)                X(RELOAD_OR_RESTART, "reload-or-restart", true, true) \
    X(TRY_RELOAD_OR_RESTART, "try-reload-or-restart", true, true)                              \
    X(KILL, "kill", true, true)                    X(RESET_FAILED, "reset-failed", true, false) \
    X(CANCEL, "cancel", true, false)               X(EXIT, "exit", true, false)                \
    X(UNITS, "units", false, false)                X(JOBS, "jobs", false, false) \
    X(MANAGER, "manager", false, false)
/* clang-format on */
enum control_verb {
#define X(enumerator, word, changes, names) CONTROL_##enumerator,
    CONTROL_VERBS(X)
#undef X
        CONTROL_VERB_COUNT
};
const char *control_verb_word(enum control_verb verb);
bool control_verb_changes(enum control_verb verb);

enum control_whom { CONTROL_WHOM_ALL, CONTROL_WHOM_MAIN, CONTROL_WHOM_CONTROL, CONTROL_WHOM_COUNT };
const char *control_whom_word(enum control_whom whom);
/* CONTROL_WHOM_COUNT when it is none. */
enum control_whom control_whom_of(const char *word);

struct control_request {
    enum control_verb verb;
    struct strlist units; /* none, where a verb need not name any: all */
    char *mode;           /* of a job; NULL: replace */
    bool wait;            /* for the end of the jobs */
    uint32_t job;         /* cancel: 0 means all */
    int signal;           /* kill */
    enum control_whom whom;
    int exit_code; /* exit; -1: whatever the units say */
};
#define CONTROL_REQUEST_EMPTY ((struct control_request){ .exit_code = -1 })
void control_request_done(struct control_request *request);
/* *request begins empty and is to be given to control_request_done() in any case. -EINVAL: the message is none, and
 * *ret_why is a sentence; -ENOMEM. */
MUST_CHECK int control_request_parse(const char *text, size_t length, struct control_request *request,
                                     const char **ret_why);
/* The message, malloc'ed; NULL when out of memory. */
char *control_request_format(const struct control_request *request);

/* The name of the socket in the abstract namespace, for a container in which CONTROL_PATH_DEFAULT cannot be made: it
 * tells this container's root and pid namespace, so that containers that share a network do not meet. `address` is a
 * struct sockaddr_un; returns its length, or -errno. */
struct sockaddr_un;
int control_address_abstract(struct sockaddr_un *address);
/* The same of a path. -ENAMETOOLONG. */
int control_address_path(const char *path, struct sockaddr_un *address);
