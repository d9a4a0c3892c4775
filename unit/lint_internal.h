/* unit/lint_internal.h - what the files of the linter share, and where the reader of fragments calls it.
 *
 * While a unit is read the last assignment of every directive is written down with its place. Most rules about one unit
 * are looked at when its last fragment was read, with what was written down; what rules across units need later is kept
 * by unit name. */
#pragma once
#include "base/attr.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/vec.h"

/* When memory runs out, HASH_ADD leaves the element out and clears its table pointer instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "unit/directive.h"
#include "unit/lint.h"
#include "unit/unit.h"
struct parse;
struct value;
struct fragment_context;
struct search_file;

/* Directives that rules look at by name: their text is written down, and their place is kept where KEEP says so. */
/* clang-format off */
#define LINT_KEYS(X) /* enumerator, section, name, keep */ \
    X(TYPE, SERVICE, "Type", false)                       X(NOTIFY_ACCESS, SERVICE, "NotifyAccess", false) \
    X(PID_FILE, SERVICE, "PIDFile", false)                X(REMAIN_AFTER_EXIT, SERVICE, "RemainAfterExit", false) \
    X(RESTART, SERVICE, "Restart", false)                 X(RESTART_SEC, SERVICE, "RestartSec", true) \
    X(EXEC_START, SERVICE, "ExecStart", false)            X(KILL_MODE, SERVICE, "KillMode", false) \
    X(USER, SERVICE, "User", false)                       X(GROUP, SERVICE, "Group", false) \
    X(GROUPS, SERVICE, "SupplementaryGroups", false)      X(DYNAMIC_USER, SERVICE, "DynamicUser", false) \
    X(WORKING_DIRECTORY, SERVICE, "WorkingDirectory", false) \
    X(ROOT_DIRECTORY, SERVICE, "RootDirectory", false)    X(ROOT_IMAGE, SERVICE, "RootImage", false) \
    X(SEARCH_PATH, SERVICE, "ExecSearchPath", false)      X(STANDARD_INPUT, SERVICE, "StandardInput", true) \
    X(SOCKET_SERVICE, SOCKET, "Service", true)            X(ACTIVATION_MODE, SOCKET, "ActivationMode", true) \
    X(IDLE_STOP, SOCKET, "IdleStopSec", true) \
    X(PROXY_CONNECT_TIMEOUT, SOCKET, "ProxyConnectTimeoutSec", false) \
    X(PROXY_IDLE_TIMEOUT, SOCKET, "ProxyIdleTimeoutSec", false) \
    X(PROXY_MAX, SOCKET, "ProxyConnectionsMax", false)    X(PROXY_PROTOCOL, SOCKET, "ProxyProtocol", false) \
    X(PROXY_MAX_PER_SOURCE, SOCKET, "ProxyConnectionsMaxPerSource", false) \
    X(PROXY_TRANSPARENT, SOCKET, "ProxyTransparent", false) \
    X(MAX_CONNECTIONS, SOCKET, "MaxConnections", false) \
    X(MAX_CONNECTIONS_PER_SOURCE, SOCKET, "MaxConnectionsPerSource", false) \
    X(DEFER_TRIGGER, SOCKET, "DeferTrigger", false)       X(FLUSH_PENDING, SOCKET, "FlushPending", false) \
    X(FD_NAME, SOCKET, "FileDescriptorName", false)       X(PIPE_SIZE, SOCKET, "PipeSize", false) \
    X(WRITABLE, SOCKET, "Writable", false) \
    X(MQ_MAX_MESSAGES, SOCKET, "MessageQueueMaxMessages", false) \
    X(MQ_MESSAGE_SIZE, SOCKET, "MessageQueueMessageSize", false) \
    X(SOCKET_USER, SOCKET, "SocketUser", false)           X(SOCKET_GROUP, SOCKET, "SocketGroup", false) \
    X(TIMER_UNIT, TIMER, "Unit", true)                    X(PATH_UNIT, PATH, "Unit", true) \
    X(WANTED_BY, INSTALL, "WantedBy", true)               X(REQUIRED_BY, INSTALL, "RequiredBy", true)
/* clang-format on */
enum lint_key {
#define X(enumerator, section, name, keep) LINT_##enumerator,
    LINT_KEYS(X)
#undef X
        LINT_KEY_COUNT
};

/* What kind of value a directive takes, as far as rules ask. */
enum lint_class {
    CLASS_SINGLE = 1 << 0,  /* one value: of two assignments the later counts */
    CLASS_LIST = 1 << 1,    /* a list that an empty assignment resets, and is empty before the first */
    CLASS_LITERAL = 1 << 2, /* quotes are part of the value */
    CLASS_PROSE = 1 << 3,   /* text for people */
};

/* One assignment of the unit that is being read. */
struct lint_written {
    struct pos at; /* of its name */
    bool empty;    /* an emptying assignment */
};

/* What is known of one directive in the unit that is being read. */
struct lint_slot {
    const struct directive *directive;
    uint8_t classes;     /* enum lint_class */
    uint8_t key;         /* enum lint_key, LINT_KEY_COUNT: none of them */
    uint32_t unit, file; /* the unit and the file of the last assignment, by number */
    struct lint_written last;
};

/* A place that a rule across units may want. */
struct lint_kept {
    uint8_t key;
    struct pos at;
};

/* A timer or path, and what it starts. */
struct lint_trigger {
    char *unit, *triggered; /* owned */
    struct pos at;
    bool timer;
};

/* A file of the directories, read or not. */
struct lint_file {
    UT_hash_handle hh;       /* by name */
    const char *name, *path; /* borrowed from the set */
    bool loadable;           /* no link, not masked */
    bool systemd;            /* in systemd's search path */
};

struct lint_unit;

struct lint {
    struct lint_options options;
    struct fd root;
    struct lint_slot *slots; /* hash by directive, LINT_SLOTS */
    uint32_t n_units, n_files;
    uint32_t sections[SECTION_COUNT]; /* line of the last header in this file, 0 none */
    char *unit_name;                  /* that is being read */
    const char *path;                 /* its first fragment */
    const struct directive *keys[LINT_KEY_COUNT];
    struct str values[LINT_KEY_COUNT]; /* as they were last written */
    VEC(struct lint_trigger) triggers;
    struct lint_unit *units; /* hash by name: what is kept */
    struct lint_file *files; /* hash by name: every file of the directories */
};

/* ---- while fragments are read (unit/fragment.c, unit/fragment_finish.c); nothing happens where `lint` is NULL ---- */
MUST_CHECK int lint_fragment(struct lint *lint, struct parse *p, const char *data, size_t size);
void lint_section(struct lint *lint, struct parse *p, struct pos at);
/* What systemd itself says of a directive that is obsolete, while it reads its units. */
void lint_tell_deprecated(struct parse *p, const char *key, const struct value *at);
/* `directive` NULL: it is not known. */
MUST_CHECK int lint_assignment(struct lint *lint, struct parse *p, const struct directive *directive, const char *key,
                               const struct value *value);
MUST_CHECK int lint_unit_end(struct lint *lint, const struct fragment_context *context,
                             const struct unit_settings *settings, struct diag_sink *diags);
/* Tells it of one of the files of the directories, each name once; the strings live as long as the set. 0 or -ENOMEM.
 */
MUST_CHECK int lint_know_file(struct lint *lint, const struct search_file *file);
/* Where the unit that is being read has the directive, or else the header of the section; line 0: neither. */
struct pos lint_key_place(const struct lint *lint, enum section section, const char *key);

/* ---- for rules ---- */
/* Section and name of a directive of LINT_KEYS, without a place. */
struct diag_about lint_key_about(enum lint_key key);
/* The last assignment of the directive in this unit; NULL when there is none, or it is an empty one. */
const struct lint_written *lint_last(const struct lint *lint, enum lint_key key);
/* Its value as it was written; "" when there is none. */
const char *lint_value(const struct lint *lint, enum lint_key key);
/* A place that was kept of a unit; of the file as a whole when there is none. */
struct pos lint_place(const struct lint *lint, const struct unit *unit, enum lint_key key);
/* Is there a file of this name in the directories? */
bool lint_has_file(const struct lint *lint, const char *name);

/* What one unit's rules look at. */
struct lint_subject {
    struct lint *lint;
    const struct fragment_context *context;
    const struct unit_settings *settings;
    struct diag_sink *diags;
};
PRINTF(6, 7)
void lint_report(const struct lint_subject *subject, enum severity severity, struct pos at, const char *key,
                 const char *code, const char *fmt, ...);

/* lint_form.c: the bytes of a file. */
void lint_form(const char *path, mode_t mode, const char *data, size_t size, struct diag_sink *diags);
/* lint_value.c: one assignment. `before` is the last one of the same directive in this file, or NULL. */
void lint_value_rules(struct parse *p, const struct lint_slot *slot, const char *key, const struct value *value);
/* lint_command.c: the words of one command line, as they are written. */
void lint_command_rules(struct parse *p, const struct directive *directive, const struct value *value);
/* lint_service.c: the settings of one unit together. */
void lint_unit_rules(const struct lint_subject *subject);
/* lint_image.c: programs, files, users and groups below the root. */
MUST_CHECK int lint_image_rules(const struct lint_subject *subject);
