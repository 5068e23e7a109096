/* kernel.h - what a kernel, a call of it, a worker and a sample are. */

#ifndef PB_KERNEL_H
#define PB_KERNEL_H

#include "compat.h"
#include "loop.h"

#include <pthread.h>  // pthread_t

/* Most numbers that a kernel adds to a sample, objects that a worker owns, and
   options that a kernel has besides the common ones. */
enum { PB_NOTES = 8, PB_OWNED = 4, PB_OPTIONS = 5 };

enum { PB_THREADS_MAX = 256, PB_ROUNDS_MAX = 100000 };
#define PB_ITERATIONS_MAX INT64_C(1000000000000)

struct pb_run;
struct pb_worker;

/* What the driver has to know of a kernel. */
struct pb_kernel {
    /* The loop runs with an attached thread state.  With the GIL on, such
       loops take turns and the result says so. */
    bool attached;

    /* Workers have a thread state of their own for the whole call.  Implied
       by `attached` and by any of the hooks below. */
    bool thread_state;

    /* The loop waits for other threads by design, so a thread that got less
       CPU than its window is not a disturbance. */
    bool waits;

    /* Background workers compute all the time: with the GIL off each needs a
       CPU, as a measured one does. */
    bool busy_background;

    /* Iterations between two looks at the clock and the stop flag.  The block
       should take 10 us to 1 ms: short enough to be interrupted, long enough
       that the look (30 ns) costs nothing. */
    int64_t block;

    /* Bytes of pb_worker.local, zeroed before `prepare`. */
    size_t local_size;

    /* Meaning of pb_sample.note[i]; they become KernelResult.detail. */
    const char *notes[PB_NOTES];

    /* All hooks but `loop` run attached, on the worker, outside the window.
       They return 0, or -1 with an exception set (the loop of a detached
       kernel: with pb_worker.error set). */
    int (*prepare)(struct pb_worker *worker);        // once, first
    int (*round_prepare)(struct pb_worker *worker);  // before the start line
    int (*loop)(struct pb_worker *worker, int64_t iterations);
    const char *loop_name;  // both are set by PB_LOOP_FUNCTION
    int (*round_finish)(struct pb_worker *worker);   // after the window
    void (*finish)(struct pb_worker *worker);        // once, if prepare ran

    /* Runs attached on each background worker, from before the first round
       until pb_background_over(). */
    int (*background)(struct pb_worker *worker);
};

/* Of a pb_kernel: its loop, and the name that a reader looks for. */
#define PB_LOOP_FUNCTION(function_)                                           \
    .loop = function_, .loop_name = #function_

/* Defines a measured loop: `before` declares what an iteration uses, `each` is
   one iteration, and `result` is 0, or -1 after a failure. */
#define PB_MEASURED(name, before, each, result)                               \
    static int name(struct pb_worker *worker, int64_t iterations)             \
    {                                                                         \
        (void)worker;                                                         \
        before                                                                \
        PB_LOOP(iterations, {                                                 \
            each                                                              \
            pb_clobber();                                                     \
        });                                                                   \
        return result;                                                        \
    }

/* What one worker did in one round; written by that worker alone. */
struct pb_sample {
    int64_t start_ns;
    int64_t stop_ns;
    int64_t excluded_ns;  // of start..stop, what is not the operation: time at
                          // safepoints, and what a loop takes out itself
    int64_t wall_ns;      // start..stop without it
    int64_t cpu_ns;
    int64_t attach_wait_ns;  // from release to attached, before start_ns
    int64_t operations;
    int64_t switches;        // involuntary context switches, -1 unknown
    int64_t cpu;             // at the end, -1 unknown
    int64_t note[PB_NOTES];
};

/* What one call asks for. */
struct pb_plan {
    const char *name;  // of the kernel
    const struct pb_kernel *kernel;
    int64_t options[PB_OPTIONS];  // values in the order of the entry's
    void *shared;  // what the call made
    int64_t iterations;
    int64_t rounds;
    int threads;
    int background;
    bool pin;
};

struct pb_worker {
    /* Set before the worker starts, constant after. */
    struct pb_run *run;
    const struct pb_plan *plan;
    void *shared;
    void *local;                // the kernel's, for this worker alone
    struct pb_sample *samples;  // one per round; NULL of a background worker
    int index;                  // 0..threads-1; background workers count on
    int cpu;                    // to pin to, -1 for none

    /* Written by the worker alone. */
    PyObject *owned[PB_OWNED];  // the kernel's references, dropped at the end
    PyThreadState *tstate;      // its own; NULL for kernels without
    struct pb_sample *sample;   // of the round that runs
    int64_t round;
    const char *error;          // static text of a detached loop's failure
    bool prepared;
    bool ready;                 // a background worker is at work

    pthread_t thread;           // the coordinator's
};

#endif /* PB_KERNEL_H */
