/* The static binary has no name service switch: glibc's would load shared libraries of the image at run time.
 *
 * libcgroup refers to these functions for cgconfig.conf permissions, which are never used (cgroup/root.c), and glob(3)
 * for
 * "~user". Users and groups are looked up by userdb/. Defining them here keeps 200 KiB of resolver and its warnings out
 * of the link. Source: getpwnam(3), getgrnam(3): NULL, or the errno for the _r forms, when there is no such entry. */
#ifdef CONTAINER_INIT_STATIC
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>

struct passwd *getpwnam(const char *name)
{
    (void)name;
    return NULL;
}

struct passwd *getpwuid(uid_t uid)
{
    (void)uid;
    return NULL;
}

struct group *getgrnam(const char *name)
{
    (void)name;
    return NULL;
}

struct group *getgrgid(gid_t gid)
{
    (void)gid;
    return NULL;
}

int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **result)
{
    (void)name, (void)entry, (void)buffer, (void)size;
    *result = NULL;
    return ENOENT;
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size, struct group **result)
{
    (void)name, (void)entry, (void)buffer, (void)size;
    *result = NULL;
    return ENOENT;
}
#else
typedef int container_init_no_nss; /* a translation unit may not be empty */
#endif
