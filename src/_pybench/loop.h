/* loop.h - what a measured loop is written with.

   The compiler may drop, merge or hoist work whose result nobody uses; these
   few tools stop it without adding an instruction of their own. */

#ifndef PB_LOOP_H
#define PB_LOOP_H

#include "compat.h"

/* The operation under measurement, and nothing else, goes through PB_OP.  A
   build with PB_MUTANT leaves it out: the honesty test builds one and fails
   unless every kernel's instruction count then changes. */
#ifdef PB_MUTANT
#  define PB_OP(...) ((void)0);
#else
#  define PB_OP(...) __VA_ARGS__
#endif

#define PB_REPEAT_8(...)                                                      \
    __VA_ARGS__ __VA_ARGS__ __VA_ARGS__ __VA_ARGS__                           \
    __VA_ARGS__ __VA_ARGS__ __VA_ARGS__ __VA_ARGS__

/* Runs the statements `count` times, eight to a turn, so that the loop's own
   add and branch are an eighth of an instruction pair per operation.  Not
   left to -funroll-loops: its choice differs between compilers. */
#define PB_LOOP(count, ...)                                                   \
    do {                                                                      \
        for (int64_t pb_turn = (count) >> 3; pb_turn > 0; pb_turn--) {        \
            PB_REPEAT_8(__VA_ARGS__)                                          \
        }                                                                     \
        for (int64_t pb_rest = (count) & 7; pb_rest > 0; pb_rest--) {         \
            __VA_ARGS__                                                       \
        }                                                                     \
    } while (0)

/* Whoever calls it keeps a stack frame of its own, so that a profile and
   callgrind see the window as one function. */
#ifdef __clang__
#  define PB_NOINLINE __attribute__((noinline))
#else
/* GCC would otherwise make a copy of its own, under another name. */
#  define PB_NOINLINE __attribute__((noinline, noclone))
#endif

/* On an array of at least two cache lines this keeps neighbours out of reach
   of the adjacent-line prefetcher as well as out of the line itself. */
#define PB_ALIGNMENT 256

/* What memory is spaced by.  64 bytes is a line on x86-64 and most Arm; where
   lines are 128 bytes (Apple) two places share one and half of the accesses
   beyond L1 are cheaper. */
enum { PB_LINE_BYTES = 64, PB_LINE_WORDS = PB_LINE_BYTES / 8 };

/* The place after this one in a circle through all places of a power of two,
   out of a prefetcher's reach.  x -> a x + c modulo a power of two visits every
   number once if c is odd and a - 1 a multiple of 4 (Hull, Dobell: Random
   number generators, SIAM Review 4(3), 1962).  A shuffle would be more random,
   but takes 0.2 s for 64 MiB, in every call, and cannot be interrupted. */
static inline uint64_t
pb_scatter(uint64_t place, uint64_t places)
{
    return (place * UINT64_C(6364136223846793005)
            + UINT64_C(1442695040888963407))
           & (places - 1);
}

/* The compiler must assume that all of memory has just been read and
   written; no instruction is emitted. */
static inline void
pb_clobber(void)
{
    __asm__ volatile("" : : : "memory");
}

/* The value is used, as far as the compiler can tell. */
static inline void
pb_keep(uint64_t value)
{
    __asm__ volatile("" : : "r"(value));
}

/* The value may have changed, as far as the compiler can tell: a chain of
   operations through it can be neither folded nor shortened. */
static inline void
pb_opaque(uint64_t *value)
{
    __asm__ volatile("" : "+r"(*value));
}

/* Politeness of a spin loop towards the other hardware thread. */
static inline void
pb_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" : : : "memory");
#else
    pb_clobber();
#endif
}

#endif /* PB_LOOP_H */
