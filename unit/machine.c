#include "unit/machine.h"

#include "base/fd.h"
#include "base/root.h"
#include "base/siphash.h"
#include "unit/environment_file.h"
#include "unit/expand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SMALL_FILE_MAX 16384
#define ID_FILE_MAX    64

void machine_done(struct machine *machine)
{
    strlist_done(&machine->os_release.fields);
    strlist_done(&machine->machine_info.fields);
}

/* A regular file's first bytes, as text; a FIFO or a device in its place is not waited for. */
static ssize_t read_small_file(const char *root, const char *path, char *buffer, size_t size)
{
    AUTO_FD struct fd fd = FD_NONE;
    struct stat st;
    int r = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd);
    if (r < 0) return r;
    if (fstat(fd.n, &st) < 0) return -errno;
    if (!S_ISREG(st.st_mode)) return -ENXIO;
    ssize_t n = read(fd.n, buffer, size - 1);
    if (n < 0) return -errno;
    buffer[n] = '\0';
    return n;
}

/* The first of the files that is there. */
static int read_fields(struct machine_file *file, const char *root, const char *const *paths)
{
    char text[SMALL_FILE_MAX];
    for (file->state = -ENOENT; *paths && file->state == -ENOENT; paths++) {
        ssize_t n = read_small_file(root, *paths, text, sizeof text);
        if (n < 0) {
            file->state = (int)n;
            continue;
        }
        int r = environment_file_parse(text, (size_t)n, &file->fields, NULL);
        file->state = r == -ENOMEM ? r : 1;
    }
    return file->state;
}

static int field_of(struct machine_file *file, const char *root, const char *const *paths, const char *name,
                    const char **ret)
{
    int r = file->state == 0 ? read_fields(file, root, paths) : file->state;
    if (r < 0) return r;
    const char *value = expand_lookup_environ(name, strlen(name), file->fields.items);
    *ret = value ? value : "";
    return 0;
}

int machine_os_field(struct machine *machine, const char *name, const char **ret)
{
    static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release", NULL };
    return field_of(&machine->os_release, machine->root, paths, name, ret);
}

int machine_pretty_name(struct machine *machine, const char **ret)
{
    static const char *const paths[] = { "/etc/machine-info", NULL };
    int r = field_of(&machine->machine_info, machine->root, paths, "PRETTY_HOSTNAME", ret);
    if (r < 0 && r != -ENOMEM) *ret = "", r = 0;
    return r;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool machine_id_parse(const char *text, char id[static MACHINE_ID_LENGTH + 1])
{
    size_t length = strcspn(text, "\n"), n = 0;
    int any = 0;
    for (size_t i = 0; i < length; i++) {
        bool dash = length == MACHINE_ID_LENGTH + 4 && (i == 8 || i == 13 || i == 18 || i == 23);
        int digit = hex_digit(text[i]);
        if (dash && text[i] == '-') continue;
        if (dash || digit < 0 || n == MACHINE_ID_LENGTH) return false;
        id[n++] = "0123456789abcdef"[digit];
        any |= digit;
    }
    if (n != MACHINE_ID_LENGTH || any == 0) return false;
    id[n] = '\0';
    return true;
}

static int read_id(const char *root, const char *path, char id[static MACHINE_ID_LENGTH + 1])
{
    char text[ID_FILE_MAX] = "", found[MACHINE_ID_LENGTH + 1];
    ssize_t n = read_small_file(root, path, text, sizeof text);
    if (n < 0) return (int)n;
    if (!machine_id_parse(text, found)) return -EINVAL;
    memcpy(id, found, sizeof found);
    return 0;
}

int machine_boot_id(struct machine *machine, const char **ret)
{
    int r = machine->boot_id[0] ? 0 : read_id(NULL, "/proc/sys/kernel/random/boot_id", machine->boot_id);
    if (r == 0) *ret = machine->boot_id;
    return r;
}

static int make_up_id(struct machine *machine)
{
    static const uint64_t keys[2][2] = { { 0x636f6e7461696e65, 0x722d696e69742031 },
                                         { 0x636f6e7461696e65, 0x722d696e69742032 } };
    struct utsname names;
    const char *boot;
    AUTO_STR struct str seed = STR_EMPTY;
    int r = machine_boot_id(machine, &boot);
    if (r < 0) return r;
    if (uname(&names) < 0) return -errno;
    r = str_appendf(&seed, "%s %s", boot, names.nodename);
    if (r < 0) return r;
    uint64_t high = siphash24(seed.data, seed.length, keys[0]), low = siphash24(seed.data, seed.length, keys[1]);
    high = (high & ~UINT64_C(0xf000)) | 0x4000; /* as machine-id(5) wants: a UUID of version 4 */
    low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
    (void)snprintf(machine->machine_id, sizeof machine->machine_id, "%016jx%016jx", (uintmax_t)high,
                   (uintmax_t)low); /* exactly as long */
    return 0;
}

int machine_id(struct machine *machine, const char *container_uuid, const char **ret)
{
    static const char *const paths[] = { "/etc/machine-id", "/var/lib/dbus/machine-id" };
    char id[MACHINE_ID_LENGTH + 1];
    *ret = machine->machine_id;
    if (machine->machine_id[0]) return 0;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        int r = read_id(machine->root, paths[i], machine->machine_id);
        if (r == 0 || r == -ENOMEM) return r;
    }
    if (!container_uuid || !machine_id_parse(container_uuid, id)) return make_up_id(machine);
    memcpy(machine->machine_id, id, sizeof id);
    return 0;
}
