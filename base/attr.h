/* base/attr.h - attributes, scope-bound ownership and small arithmetic every module uses. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK         __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define UNUSED             __attribute__((unused))
/* Drops the result of a MUST_CHECK function, which gcc does not let a cast do; the reason stands beside it. */
#define IGNORE_RESULT(call)                                                                                            \
    do {                                                                                                               \
        __auto_type ignored_ = (call);                                                                                 \
        (void)ignored_;                                                                                                \
    } while (0)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MIN_OF(a, b)    ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b)    ((a) > (b) ? (a) : (b))

/* Characters that the decimal form of an integer of this type needs: sign, digits and the final NUL. */
#define DECIMAL_MAX(type) (sizeof(type) * 3 + 2)

/* DEFINE_AUTO(struct foo, foo_free) makes AUTO(foo_free) usable on a `struct foo *` local: the destructor runs when the
 * local leaves scope; TAKE(local) hands the pointer out and leaves NULL behind. */
#define DEFINE_AUTO(type, destructor)                                                                                  \
    static inline UNUSED void destructor##_auto(type **object)                                                         \
    {                                                                                                                  \
        destructor(*object);                                                                                           \
    }
#define AUTO(destructor) __attribute__((cleanup(destructor##_auto)))
#define TAKE(local)                                                                                                    \
    __extension__({                                                                                                    \
        __auto_type take_ = (local);                                                                                   \
        (local) = NULL;                                                                                                \
        take_;                                                                                                         \
    })

#define ckd_add(result, a, b) __builtin_add_overflow((a), (b), (result))
#define ckd_sub(result, a, b) __builtin_sub_overflow((a), (b), (result))
#define ckd_mul(result, a, b) __builtin_mul_overflow((a), (b), (result))

/* Microseconds, of CLOCK_MONOTONIC where a point in time is meant. USEC_INFINITY: never, or no bound. */
typedef uint64_t usec_t;
#define USEC_INFINITY ((usec_t)UINT64_MAX)
#define USEC_PER_MSEC ((usec_t)1000)
#define USEC_PER_SEC  ((usec_t)1000000)

static inline usec_t usec_add(usec_t a, usec_t b)
{
    usec_t sum;
    return ckd_add(&sum, a, b) ? USEC_INFINITY : sum;
}
/* Not below 0; USEC_INFINITY stays what it is. */
static inline usec_t usec_sub(usec_t a, usec_t b)
{
    return a == USEC_INFINITY ? a : a > b ? a - b : 0;
}
