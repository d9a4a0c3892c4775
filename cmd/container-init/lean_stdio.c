/* What the static binary's stdio would bring along and nothing here uses: wide characters with their conversion modules
 * (which are loaded from the image with dlopen(3)), floating point, and the unwinder that thread cancellation needs.
 * Together 200 KiB of the link.
 *
 * A stream is oriented to bytes by its first use (fwide(3)), and no wide function is called: what would convert can
 * only be reached through memory that was written over, and ends the program. Numbers with a fraction occur in no
 * format of ours (tests/lint/banned.sh) and in no JSON that we write; in JSON that we read they are taken as such,
 * their value is never asked for. */
#ifdef CONTAINER_INIT_STATIC
#include "base/attr.h"

#include <printf.h>
#include <stdio.h>
#include <stdlib.h>

/* The names are the C library's. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
#define NEVER_CALLED(name)                                                                                             \
    _Noreturn void name(void);                                                                                         \
    _Noreturn void name(void)                                                                                          \
    {                                                                                                                  \
        abort();                                                                                                       \
    }

/* glibc's iofwide.c, wcsmbsload.c, wcrtomb.c and gconv_*.c */
NEVER_CALLED(__libio_codecvt_encoding)
NEVER_CALLED(__libio_codecvt_in)
NEVER_CALLED(__libio_codecvt_length)
NEVER_CALLED(__libio_codecvt_out)
NEVER_CALLED(__wcsmbs_clone_conv)
NEVER_CALLED(__wcsmbs_getfct)
NEVER_CALLED(__wcsmbs_load_conv)
NEVER_CALLED(__wcsmbs_named_conv)
NEVER_CALLED(__wcrtomb)
NEVER_CALLED(wcrtomb)
NEVER_CALLED(_nl_cleanup_ctype)
NEVER_CALLED(__gconv)
NEVER_CALLED(__gconv_close)
NEVER_CALLED(__gconv_open)
NEVER_CALLED(__gconv_release_step)
/* libgcc's unwinder: nothing throws, and no thread is cancelled. */
NEVER_CALLED(_Unwind_Resume)
NEVER_CALLED(__gcc_personality_v0)

extern int __gconv_lock;
int __gconv_lock; /* taken around __gconv_release_step() */
/* The conversions of the C locale, four pointers and two numbers: filled in by what is never called. */
extern void *__wcsmbs_gconv_fcts_c[8];
void *__wcsmbs_gconv_fcts_c[8];

int _IO_fwide(FILE *file, int mode);
int _IO_fwide(FILE *file, int mode)
{
    if (mode < 0 && file->_mode == 0) file->_mode = -1;
    return file->_mode;
}

/* Whole numbers only, without padding. */
int __printf_fp(FILE *file, const struct printf_info *info, const void *const *args);
int __printf_fp(FILE *file, const struct printf_info *info, const void *const *args)
{
    long double value = info->is_long_double ? **(const long double *const *)args : **(const double *const *)args;
    return fprintf(file, "%lld", (long long)value);
}

int __printf_fphex(FILE *file, const struct printf_info *info, const void *const *args);
int __printf_fphex(FILE *file, const struct printf_info *info, const void *const *args)
{
    return __printf_fp(file, info, args);
}

/* Skips what JSON allows as a number; its value is right to about a part in 10^15. */
double strtod(const char *text, char **ret_end)
{
    const char *p = text;
    double value = 0;
    int scale = 0, exponent = 0;
    bool negative = *p == '-';
    if (*p == '-' || *p == '+') p++;
    const char *digits = p;
    for (; *p >= '0' && *p <= '9'; p++) value = value * 10 + (*p - '0');
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9'; p++, scale--) value = value * 10 + (*p - '0');
    if (p > digits && (*p == 'e' || *p == 'E')) {
        const char *mark = p++;
        bool down = *p == '-';
        if (*p == '-' || *p == '+') p++;
        if (*p < '0' || *p > '9') p = mark; /* the letter is no part of it */
        for (; *p >= '0' && *p <= '9'; p++)
            if (exponent < 10000) exponent = exponent * 10 + (*p - '0');
        if (down) exponent = -exponent;
    }
    for (scale += exponent; scale > 0 && value != 0 && value < 1e308; scale--) value *= 10;
    for (; scale < 0 && value != 0; scale++) value /= 10;
    if (ret_end) *ret_end = (char *)(p > digits ? p : text);
    return negative ? -value : value;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
#else
typedef int container_init_lean_stdio; /* a translation unit may not be empty */
#endif
