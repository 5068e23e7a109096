/* clock.h - the two clocks every window is read from, and what they cost. */

#ifndef PB_CLOCK_H
#define PB_CLOCK_H

#include "compat.h"

#include <time.h>  // clock_gettime

/* Wall time.  CLOCK_MONOTONIC and not _RAW: on Linux only the former is read
   without a system call on every architecture. */
static inline int64_t
pb_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* CPU time of the calling thread; a system call, so it is read outside the
   wall-clock window. */
static inline int64_t
pb_clock_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* CPU time of all threads of this process. */
static inline int64_t
pb_clock_process_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Nanoseconds one pb_clock_ns() takes now: the fastest of a few batches. */
double pb_clock_cost_ns(void);

#endif /* PB_CLOCK_H */
