/* supervisor/clone.h - clone(2) and clone3(2) whose child goes straight into a function on a stack of its own.
 *
 * A child that shares our memory must not return into the caller's frame, and neither glibc's syscall() nor its clone()
 * can prevent that for clone3, so the system call and the step into `entry` are one piece of assembly. The same piece
 * serves the copying clone: with stack 0 the child runs `entry` on its copy of our stack. Source: clone(2). */
#pragma once
#include "base/attr.h"

#include <sys/syscall.h>

/* Does not return. Where memory is shared it uses raw system calls only (supervisor/sys.h). */
typedef void clone_entry(void *userdata);

#if defined __x86_64__
/* Returns what the system call `number` answers in the parent: a pid, or -errno. */
static inline long clone_enter(long number, long a, long b, long c, clone_entry *entry, void *userdata)
{
    long result;
    register long r10 __asm__("r10") = 0; /* clone(2): child_tid and tls, both unused */
    register long r8 __asm__("r8") = 0;
    register clone_entry *r12 __asm__("r12") = entry;
    register void *r13 __asm__("r13") = userdata;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "and $-16, %%rsp\n\t"
                     "mov %%r13, %%rdi\n\t"
                     "call *%%r12\n\t"
                     "hlt\n"
                     "1:"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
                     : "rcx", "r11", "memory", "cc");
    return result;
}
#elif defined __aarch64__
static inline long clone_enter(long number, long a, long b, long c, clone_entry *entry, void *userdata)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    register clone_entry *x19 __asm__("x19") = entry;
    register void *x20 __asm__("x20") = userdata;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t"
                     "mov x30, xzr\n\t"
                     "mov x0, x20\n\t"
                     "blr x19\n\t"
                     "brk #1\n"
                     "1:"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x19), "r"(x20)
                     : "memory", "cc");
    return x0;
}
#else
#error "clone_enter() is written for x86-64 and aarch64"
#endif
