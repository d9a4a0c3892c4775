#include "base/timezone.h"

#include "base/fd.h"
#include "base/timezone_rule.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ZONE_DIRECTORY "/usr/share/zoneinfo/"
#define LOCAL_ZONE     "/etc/localtime"
#define FILE_MAX       ((size_t)65536) /* the largest of tzdata has 4 KiB */
#define PROBES_MAX     6

/* A zone keeps its file as it was read: `times`, `kinds`, `types` and `names` point into it. */
struct zone {
    struct zone *next;
    char *data;
    const unsigned char *times, *kinds, *types;
    const char *names;
    uint32_t n_times, n_types, time_size;
    bool has_rule;
    struct zone_rule rule;
    char name[];
};

struct zones {
    const char *root;
    struct zone *first;
    struct zone *local;
};

static const struct zone utc = {
    .has_rule = true,
    .rule = { .names = { "UTC", "UTC" } },
};

const struct zone *zone_utc(void)
{
    return &utc;
}

/* ---- TZif ---- */

#define HEADER_SIZE 44
#define TYPE_SIZE   6

static int64_t big_endian(const unsigned char *p, size_t size)
{
    uint64_t value = p[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < size; i++) value = value << 8 | p[i];
    return (int64_t)value;
}

/* One block of the file, with times of `time_size` bytes. Gives its size, 0 when it does not fit into `size`. */
static size_t read_block(struct zone *zone, const unsigned char *data, size_t size, uint32_t time_size)
{
    uint32_t counts[6]; /* of UT indicators, standard indicators, leap seconds, times, types, bytes of names */
    if (size < HEADER_SIZE || memcmp(data, "TZif", 4) != 0) return 0;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        counts[i] = (uint32_t)big_endian(data + 20 + 4 * i, 4);
        if (counts[i] > FILE_MAX) return 0;
    }
    const unsigned char *p = data + HEADER_SIZE;
    size_t n = HEADER_SIZE + counts[3] * (time_size + (size_t)1) + counts[4] * (size_t)TYPE_SIZE + counts[5] +
               counts[2] * (time_size + (size_t)4) + counts[1] + counts[0];
    if (n > size || counts[4] == 0 || counts[5] == 0) return 0;
    zone->time_size = time_size;
    zone->n_times = counts[3];
    zone->n_types = counts[4];
    zone->times = p;
    zone->kinds = zone->times + (size_t)time_size * counts[3];
    zone->types = zone->kinds + counts[3];
    zone->names = (const char *)zone->types + (size_t)TYPE_SIZE * counts[4];
    if (zone->names[counts[5] - 1] != '\0') return 0;
    for (size_t i = 0; i < counts[3]; i++)
        if (zone->kinds[i] >= counts[4]) return 0;
    for (size_t i = 0; i < counts[4]; i++) {
        const unsigned char *type = zone->types + i * TYPE_SIZE;
        int64_t offset = big_endian(type, 4);
        if (offset < -ZONE_OFFSET_MAX || offset > ZONE_OFFSET_MAX || type[5] >= counts[5]) return 0;
    }
    return n;
}

/* Version 1 has one block; later ones repeat it with longer times, and end with a rule between two newlines. */
static int read_zone(struct zone *zone, char *data, size_t size)
{
    unsigned char *bytes = (unsigned char *)data;
    size_t first = read_block(zone, bytes, size, 4);
    if (first == 0) return -EBADMSG;
    if (bytes[4] == '\0') return 0;
    size_t second = read_block(zone, bytes + first, size - first, 8);
    if (second == 0) return -EBADMSG;
    size_t rest = size - first - second;
    char *rule = data + first + second, *end = rest > 1 ? memchr(rule + 1, '\n', rest - 1) : NULL;
    if (!end || *rule != '\n') return -EBADMSG;
    *end = '\0';
    zone->has_rule = rule[1] != '\0';
    return zone->has_rule ? zone_rule_parse(rule + 1, &zone->rule) : 0;
}

static struct zone_period period_of_type(const struct zone *zone, size_t type)
{
    const unsigned char *p = zone->types + type * TYPE_SIZE;
    return (struct zone_period){ (int32_t)big_endian(p, 4), p[4] != 0, zone->names + p[5] };
}

struct zone_period zone_period_at(const struct zone *zone, int64_t seconds)
{
    size_t low = 0, high = zone->n_times; /* how many periods began before or at `seconds` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (big_endian(zone->times + middle * zone->time_size, zone->time_size) <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->n_times && zone->has_rule) return zone_rule_at(&zone->rule, seconds);
    return period_of_type(zone, low == 0 ? 0 : zone->kinds[low - 1]);
}

/* ---- files ---- */

/* systemd's: what could leave the directory is not a name. */
static bool name_is_valid(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+/";
    size_t length = strspn(name, letters);
    return length > 0 && length <= NAME_MAX && name[length] == '\0' && name[0] != '/' && name[length - 1] != '/' &&
           !strstr(name, "//");
}

/* Below a root directory links are followed as if it were the root, which nothing may be opened outside of. */
static int read_file(const char *root, const char *path, char **ret_data, size_t *ret_size)
{
    AUTO_FD struct fd directory = FD_NONE, file = FD_NONE;
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .resolve = RESOLVE_IN_ROOT };
    if (!root) return file_read(AT_FDCWD, path, FILE_MAX, ret_data, ret_size);
    int r = fd_openat(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0, &directory);
    if (r < 0) return r;
    file = fd_own((int)syscall(SYS_openat2, directory.n, path, &how, sizeof how));
    struct stat st;
    if (!fd_is_open(&file) || fstat(file.n, &st) < 0) return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)FILE_MAX) return -EBADMSG;
    char *data = malloc(FILE_MAX);
    ssize_t n = data ? pread(file.n, data, FILE_MAX, 0) : -1;
    if (n <= 0) {
        free(data);
        return -EBADMSG;
    }
    *ret_data = data;
    *ret_size = (size_t)n;
    return 0;
}

static void zone_free(struct zone *zone)
{
    if (zone) free(zone->data);
    free(zone);
}
DEFINE_AUTO(struct zone, zone_free)

static struct zone *zone_new(const char *name)
{
    size_t size = strlen(name) + 1;
    struct zone *zone = calloc(1, sizeof *zone + size);
    if (zone) memcpy(zone->name, name, size);
    return zone;
}

/* Takes the bytes of a file. */
static int zone_make_take(const char *name, char *data, size_t size, struct zone **ret)
{
    AUTO(zone_free) struct zone *zone = zone_new(name);
    if (!zone) {
        free(data);
        return -ENOMEM;
    }
    zone->data = data;
    int r = data ? read_zone(zone, data, size) : -EBADMSG;
    if (r < 0) return r;
    *ret = TAKE(zone);
    return 0;
}

static int zone_load(const struct zones *zones, const char *path, const char *name, struct zone **ret)
{
    char *data = NULL;
    size_t size = 0;
    int r = read_file(zones->root, path, &data, &size);
    return r < 0 ? r : zone_make_take(name, data, size, ret);
}

struct zones *zones_new(const char *root)
{
    struct zones *zones = calloc(1, sizeof *zones);
    if (zones) zones->root = root;
    return zones;
}

void zones_free(struct zones *zones)
{
    if (!zones) return;
    for (struct zone *zone = zones->first, *next; zone; zone = next) {
        next = zone->next;
        zone_free(zone);
    }
    zone_free(zones->local);
    free(zones);
}

int zones_add(struct zones *zones, const char *name, const void *data, size_t size)
{
    struct zone *zone = NULL;
    if (!name_is_valid(name)) return -EINVAL;
    if (size == 0 || size > FILE_MAX) return -EBADMSG;
    char *copy = malloc(size);
    if (!copy) return -ENOMEM;
    memcpy(copy, data, size);
    int r = zone_make_take(name, copy, size, &zone);
    if (r < 0) return r;
    zone->next = zones->first;
    zones->first = zone;
    return 0;
}

int zones_get(struct zones *zones, const char *name, const struct zone **ret)
{
    char path[sizeof ZONE_DIRECTORY + NAME_MAX] = ZONE_DIRECTORY;
    if (!name_is_valid(name)) return -EINVAL;
    for (struct zone *zone = zones ? zones->first : NULL; zone; zone = zone->next)
        if (strcmp(zone->name, name) == 0) {
            *ret = zone;
            return 0;
        }
    if (strcmp(name, "UTC") == 0) {
        *ret = zone_utc();
        return 0;
    }
    if (!zones) return -ENOENT;
    memcpy(path + sizeof ZONE_DIRECTORY - 1, name, strlen(name) + 1);
    struct zone *zone = NULL;
    int r = zone_load(zones, path, name, &zone);
    if (r < 0) return r;
    zone->next = zones->first;
    zones->first = zone;
    *ret = zone;
    return 0;
}

int zones_local(struct zones *zones, const char *tz_variable, const struct zone **ret)
{
    struct zone *zone = NULL;
    int r = 0;
    if (tz_variable && *tz_variable == ':') tz_variable++;
    if (!tz_variable) {
        r = zone_load(zones, LOCAL_ZONE, "", &zone);
    } else if (name_is_valid(tz_variable)) {
        r = zones_get(zones, tz_variable, ret);
        if (r == 0) return 0;
    } else if (*tz_variable == '/') {
        r = zone_load(zones, tz_variable, "", &zone);
    }
    if (!zone && r != -ENOMEM) {
        zone = zone_new("");
        r = zone ? 0 : -ENOMEM;
        if (zone && (!tz_variable || zone_rule_parse(tz_variable, &zone->rule) < 0)) zone->rule = utc.rule;
        if (zone) zone->has_rule = true;
    }
    if (r < 0) return r;
    zone_free(zones->local);
    zones->local = zone;
    *ret = zone;
    return 0;
}

int zones_local_from(struct zones *zones, const void *data, size_t size, const struct zone **ret)
{
    struct zone *zone = NULL;
    char *copy = size > 0 && size <= FILE_MAX ? malloc(size) : NULL;
    if (copy) memcpy(copy, data, size);
    if (!copy || zone_make_take("", copy, size, &zone) < 0) zone = zone_new("");
    if (!zone) return -ENOMEM;
    if (zone->n_types == 0) {
        zone->rule = utc.rule;
        zone->has_rule = true;
    }
    zone_free(zones->local);
    zones->local = zone;
    *ret = zone;
    return 0;
}

/* ---- questions ---- */

const char *zone_name(const struct zone *zone)
{
    return zone == &utc ? "UTC" : zone->name;
}

/* The last period of that kind, for a file without a rule; the types are in no order. */
static struct zone_period last_period(const struct zone *zone, bool dst)
{
    for (size_t i = zone->n_times; i > 0; i--) {
        struct zone_period period = period_of_type(zone, zone->kinds[i - 1]);
        if (period.is_dst == dst) return period;
    }
    return dst ? last_period(zone, false) : period_of_type(zone, 0);
}

const char *zone_abbreviation(const struct zone *zone, bool dst)
{
    return zone->has_rule ? zone->rule.names[dst] : last_period(zone, dst).name;
}

bool zone_is_utc(const struct zone *zone)
{
    if (zone->n_types == 0) return zone->rule.offsets[false] == 0 && !zone->rule.has_dst;
    return last_period(zone, false).offset == 0 && last_period(zone, true).offset == 0;
}

struct civil zone_to_civil(const struct zone *zone, int64_t seconds)
{
    return civil_from_seconds(seconds + zone_period_at(zone, seconds).offset);
}

/* The wanted kind of time is looked for at both sides, in steps shorter than any period of it ever was, as far as the
 * longest reached; its offset is then taken for this time. */
static int64_t look_around(const struct zone *zone, int64_t local, int64_t found, bool dst)
{
    const int64_t step = 601200, furthest = 536454000 / 2 + step;
    for (int64_t delta = step; delta < furthest; delta += step) {
        struct zone_period before = zone_period_at(zone, found - delta), after = zone_period_at(zone, found + delta);
        if (before.is_dst == dst) return local - before.offset;
        if (after.is_dst == dst) return local - after.offset;
    }
    return found;
}

int64_t zone_from_civil(const struct zone *zone, const struct civil *civil, int dst, int32_t *offset)
{
    int64_t local = civil_to_seconds(civil);
    if (zone == &utc) return local;
    /* Each try is corrected by how far the wall is off. Two tries that only lead to each other stand on either side of
     * a skipped hour: the later kind of time counts. */
    int64_t t = local - *offset, tries[2] = { t, t };
    bool last_dst = false;
    for (int probe = 0; probe < PROBES_MAX; probe++) {
        struct zone_period period = zone_period_at(zone, t);
        int64_t off = local - (t + period.offset);
        if (off == 0) {
            if (dst >= 0 && period.is_dst != (dst > 0)) t = look_around(zone, local, t, dst > 0);
            break;
        }
        if (t == tries[0] && t != tries[1] && (dst < 0 ? last_dst <= period.is_dst : period.is_dst != (dst > 0))) break;
        tries[0] = tries[1];
        tries[1] = t;
        t += off;
        last_dst = period.is_dst;
    }
    *offset = (int32_t)(local - t);
    return t;
}
