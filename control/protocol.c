#include "control/protocol.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/json.h"
#include "unit/name.h"

static const struct {
    const char *word;
    bool changes, names;
} verbs[CONTROL_VERB_COUNT] = {
#define X(enumerator, word, changes, names) [CONTROL_##enumerator] = { (word), (changes), (names) },
    CONTROL_VERBS(X)
#undef X
};

static const char *const whoms[CONTROL_WHOM_COUNT] = { "all", "main", "control" };

const char *control_verb_word(enum control_verb verb)
{
    return verbs[verb].word;
}

bool control_verb_changes(enum control_verb verb)
{
    return verbs[verb].changes;
}

const char *control_whom_word(enum control_whom whom)
{
    return whoms[whom];
}

enum control_whom control_whom_of(const char *word)
{
    size_t i = 0;
    while (i < COUNT_OF(whoms) && strcmp(whoms[i], word) != 0) i++;
    return (enum control_whom)i;
}

void control_request_done(struct control_request *request)
{
    strlist_done(&request->units);
    free(request->mode);
    *request = CONTROL_REQUEST_EMPTY;
}

/* ---- reading ---- */

static int read_verb(const struct json_value *message, enum control_verb *ret)
{
    const char *word = json_get_string(message, "verb");
    for (size_t i = 0; word && i < COUNT_OF(verbs); i++)
        if (strcmp(verbs[i].word, word) == 0) {
            *ret = (enum control_verb)i;
            return 0;
        }
    return -EINVAL;
}

static int read_units(const struct json_value *message, struct strlist *units)
{
    const struct json_value *array = json_get(message, "units");
    int r = 0;
    for (size_t i = 0; r == 0 && array && i < json_array_count(array); i++) {
        const char *name = json_string_text(json_array_at(array, i));
        r = name && unit_name_is_valid(name) ? strlist_add(units, name) : -EINVAL;
    }
    return r;
}

/* An absent number is as it was; what is there has to be one, within the bounds. */
static int read_number(const struct json_value *message, const char *key, int64_t min, int64_t max, int64_t *number)
{
    int64_t value;
    int r = json_get_i64(message, key, &value);
    if (r == -ENOENT) return 0;
    if (r < 0 || value < min || value > max) return -EINVAL;
    *number = value;
    return 0;
}

static int read_rest(const struct json_value *message, struct control_request *request)
{
    const char *mode = json_get_string(message, "mode"), *whom = json_get_string(message, "whom");
    int64_t job = 0, signal = SIGTERM, exit_code = -1;
    if (mode && !(request->mode = strdup(mode))) return -ENOMEM;
    request->whom = whom ? control_whom_of(whom) : CONTROL_WHOM_ALL;
    int r = json_get_bool(message, "wait", &request->wait);
    if (r == -ENOENT) r = 0;
    if (r == 0) r = read_number(message, "job", 0, UINT32_MAX, &job);
    if (r == 0) r = read_number(message, "signal", 1, SIGRTMAX, &signal);
    if (r == 0) r = read_number(message, "exit", 0, 255, &exit_code);
    request->job = (uint32_t)job;
    request->signal = (int)signal;
    request->exit_code = (int)exit_code;
    return r == 0 && request->whom == CONTROL_WHOM_COUNT ? -EINVAL : r;
}

int control_request_parse(const char *text, size_t length, struct control_request *request, const char **ret_why)
{
    AUTO(json_free) struct json_value *message = NULL;
    *ret_why = "the message is not one JSON object";
    int r = json_parse(text, length, &message, NULL);
    if (r < 0) return r;
    *ret_why = "no such verb";
    r = read_verb(message, &request->verb);
    if (r < 0) return r;
    *ret_why = "a name is not that of a unit";
    r = read_units(message, &request->units);
    if (r < 0) return r;
    *ret_why = "no unit is named";
    if (verbs[request->verb].names && request->units.count == 0) return -EINVAL;
    *ret_why = "a value is not what the protocol allows";
    return read_rest(message, request);
}

/* ---- writing ---- */

static int add_int(struct json_value *message, const char *key, int64_t value)
{
    return json_object_set_take(message, key, json_int_new(value));
}

static int add_all(struct json_value *message, const struct control_request *request)
{
    int r = json_object_set_take(message, "verb", json_string_new(verbs[request->verb].word));
    AUTO(json_free) struct json_value *units = json_array_new();
    if (!units) return -ENOMEM;
    for (size_t i = 0; r == 0 && i < request->units.count; i++)
        r = json_array_add_take(units, json_string_new(request->units.items[i]));
    if (r == 0) r = json_object_set_take(message, "units", TAKE(units));
    if (r == 0 && request->mode) r = json_object_set_take(message, "mode", json_string_new(request->mode));
    if (r == 0) r = json_object_set_take(message, "wait", json_bool_new(request->wait));
    if (r == 0 && request->verb == CONTROL_CANCEL) r = add_int(message, "job", request->job);
    if (r == 0 && request->verb == CONTROL_EXIT && request->exit_code >= 0)
        r = add_int(message, "exit", request->exit_code);
    if (r == 0 && request->verb == CONTROL_KILL) {
        r = add_int(message, "signal", request->signal);
        if (r == 0) r = json_object_set_take(message, "whom", json_string_new(whoms[request->whom]));
    }
    return r;
}

char *control_request_format(const struct control_request *request)
{
    AUTO(json_free) struct json_value *message = json_object_new();
    return message && add_all(message, request) == 0 ? json_print(message, 0) : NULL;
}

/* ---- addresses ---- */

int control_address_path(const char *path, struct sockaddr_un *address)
{
    size_t length = strlen(path);
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (length >= sizeof address->sun_path) return -ENAMETOOLONG;
    memcpy(address->sun_path, path, length);
    return (int)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}

int control_address_abstract(struct sockaddr_un *address)
{
    struct stat root, pids = { .st_ino = 0 };
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (stat("/", &root) < 0) return -errno;
    (void)stat("/proc/self/ns/pid", &pids); /* without /proc the root has to do */
    int length =
        snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "container-init/%" PRIx64 "-%" PRIx64 "-%" PRIx64,
                 (uint64_t)root.st_dev, (uint64_t)root.st_ino, (uint64_t)pids.st_ino); /* fits */
    return (int)offsetof(struct sockaddr_un, sun_path) + 1 + length;
}
