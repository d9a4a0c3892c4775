/* String functions of the static binary that are called with short texts or not at all: glibc has each of them up to
 * five times, for the vector units of different processors. Together 80 KiB of the link. strcmp(3), strlen(3),
 * memcpy(3) and the like stay glibc's.
 *
 * Source: strcasecmp(3), strcpy(3), strncpy(3), strcat(3), stpcpy(3). Only the C locale exists here: nobody calls
 * setlocale(3). The file is compiled without builtins (CMakeLists.txt), or a loop would become a call of itself. */
#ifdef CONTAINER_INIT_STATIC
#include <locale.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The names are the C library's, by which its other functions call these. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-inconsistent-declaration-parameter-name)
 */
int __strcasecmp(const char *a, const char *b);
int __strncasecmp(const char *a, const char *b, size_t n);
int __strcasecmp_l(const char *a, const char *b, locale_t locale);
int __strncasecmp_l(const char *a, const char *b, size_t n, locale_t locale);
char *__stpcpy(char *to, const char *from);
char *__strncat(char *to, const char *from, size_t n);

static int lower(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
}

int __strncasecmp(const char *a, const char *b, size_t n)
{
    for (; n > 0; a++, b++, n--) {
        int difference = lower(*a) - lower(*b);
        if (difference != 0 || *a == '\0') return difference;
    }
    return 0;
}

int __strcasecmp(const char *a, const char *b)
{
    return __strncasecmp(a, b, (size_t)-1);
}

int strcasecmp(const char *a, const char *b)
{
    return __strncasecmp(a, b, (size_t)-1);
}

int strncasecmp(const char *a, const char *b, size_t n)
{
    return __strncasecmp(a, b, n);
}

int __strcasecmp_l(const char *a, const char *b, locale_t locale)
{
    (void)locale;
    return __strncasecmp(a, b, (size_t)-1);
}

int strcasecmp_l(const char *a, const char *b, locale_t locale)
{
    return __strcasecmp_l(a, b, locale);
}

int __strncasecmp_l(const char *a, const char *b, size_t n, locale_t locale)
{
    (void)locale;
    return __strncasecmp(a, b, n);
}

int strncasecmp_l(const char *a, const char *b, size_t n, locale_t locale)
{
    return __strncasecmp_l(a, b, n, locale);
}

char *__stpcpy(char *to, const char *from)
{
    size_t length = strlen(from);
    memcpy(to, from, length + 1);
    return to + length;
}

char *stpcpy(char *to, const char *from)
{
    return __stpcpy(to, from);
}

char *strcpy(char *to, const char *from)
{
    (void)__stpcpy(to, from);
    return to;
}

char *strcat(char *to, const char *from)
{
    (void)__stpcpy(to + strlen(to), from);
    return to;
}

char *__strncat(char *to, const char *from, size_t n)
{
    size_t length = strnlen(from, n);
    char *end = to + strlen(to);
    memcpy(end, from, length);
    end[length] = '\0';
    return to;
}

char *strncat(char *to, const char *from, size_t n)
{
    return __strncat(to, from, n);
}

char *strncpy(char *to, const char *from, size_t n)
{
    size_t length = strnlen(from, n);
    memcpy(to, from, length);
    memset(to + length, 0, n - length);
    return to;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-inconsistent-declaration-parameter-name)
 */
#else
typedef int container_init_lean_string; /* a translation unit may not be empty */
#endif
