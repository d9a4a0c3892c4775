/* The static binary leaves out what glibc would bring along for libcgroup and jansson: scanf(3) with its floating point
 * and wide characters, and message catalogues. Together 130 KiB of the link.
 *
 * libcgroup scans /proc/cgroups with "%s %d %d %d" (cgroup_get_all_controller_begin(3)); its other scans are in
 * functions that are never called (cgroup/root.c). Messages of the C library and of failed assertions are not
 * translated: a container's log is read by people and tools that look for the text. */
#ifdef CONTAINER_INIT_STATIC
#include "base/attr.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The names are the C library's: those that its headers make of fscanf, sscanf, assert and dcgettext. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __isoc99_fscanf(FILE *file, const char *format, ...);
int __isoc99_sscanf(const char *text, const char *format, ...);
_Noreturn void __assert_fail(const char *expression, const char *file, unsigned line, const char *function);
char *dcgettext(const char *domain, const char *message, int category);
char *__dcgettext(const char *domain, const char *message, int category);

static bool is_blank(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int skip_blanks(FILE *file)
{
    int c = getc(file);
    while (is_blank(c)) c = getc(file);
    return c;
}

/* Both leave the byte behind in the stream. False when there is nothing to convert. */
static bool scan_word(FILE *file, char *word)
{
    int c = skip_blanks(file);
    size_t n = 0;
    for (; c != EOF && !is_blank(c) && n < FILENAME_MAX - 1; c = getc(file)) word[n++] = (char)c; /* libcgroup's size */
    word[n] = '\0';
    (void)ungetc(c, file);
    return n > 0;
}

static bool scan_number(FILE *file, int *number)
{
    int c = skip_blanks(file), value = 0;
    bool found = false;
    for (; c >= '0' && c <= '9'; c = getc(file), found = true)
        if (ckd_mul(&value, value, 10) || ckd_add(&value, value, c - '0')) value = INT_MAX;
    (void)ungetc(c, file);
    *number = value;
    return found;
}

/* Blanks, %s and %d; anything else ends the scan, like a mismatch. */
int __isoc99_fscanf(FILE *file, const char *format, ...)
{
    va_list args;
    int converted = 0;
    va_start(args, format);
    for (; *format; format++) {
        if (is_blank(*format)) {
            (void)ungetc(skip_blanks(file), file);
            continue;
        }
        if (*format++ != '%') break;
        bool matched = *format == 's'   ? scan_word(file, va_arg(args, char *))
                       : *format == 'd' ? scan_number(file, va_arg(args, int *))
                                        : false;
        if (!matched) break;
        converted++;
    }
    va_end(args);
    return converted == 0 && feof(file) ? EOF : converted;
}

/* Only in functions that are never called. */
int __isoc99_sscanf(const char *text UNUSED, const char *format UNUSED, ...)
{
    return EOF;
}

void __assert_fail(const char *expression, const char *file, unsigned line, const char *function)
{
    (void)fprintf(stderr, "container-init: %s:%u: %s: assertion '%s' failed\n", file, line, function, expression);
    abort();
}

char *dcgettext(const char *domain UNUSED, const char *message, int category UNUSED)
{
    char *same;
    memcpy(&same, &message, sizeof same); /* libintl.h: callers do not write to it */
    return same;
}

char *__dcgettext(const char *domain, const char *message, int category)
{
    return dcgettext(domain, message, category);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
#else
typedef int container_init_lean_libc; /* a translation unit may not be empty */
#endif
