/* threads.h - the driver that every kernel shares.

   A kernel is a loop that does one named operation `iterations` times on each
   of `threads` threads.  The driver starts one native thread per worker (also
   for a single one, so that every number is made the same way), lets them
   begin each round on one start line, and notes per worker and round when its
   loop began and ended.  The calling thread only coordinates: detached, asleep,
   awake every few milliseconds to look for Ctrl-C. */

#ifndef PB_THREADS_H
#define PB_THREADS_H

#include "compat.h"
#include "loop.h"

#include <pthread.h>
#include <stdatomic.h>

/* Numbers a kernel may add to a worker's sample of a round. */
enum { PB_NOTES = 8 };

enum { PB_THREADS_MAX = 256, PB_ROUNDS_MAX = 100000 };
#define PB_ITERATIONS_MAX INT64_C(1000000000000)

struct pb_worker;

/* What the driver has to know of a kernel; constant. */
/* Of a pb_kernel: its loop, and what people find it by in the source. */
#define PB_LOOP_FUNCTION(function_)                                           \
    .loop = function_, .loop_name = #function_

struct pb_kernel {
    const char *name;

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
    const char *loop_name;  // set by PB_LOOP_FUNCTION
    int (*round_finish)(struct pb_worker *worker);   // after the window
    void (*finish)(struct pb_worker *worker);        // once, if prepare ran

    /* Runs attached on each background worker, from before the first round
       until pb_background_over(). */
    int (*background)(struct pb_worker *worker);
};

/* What one worker did in one round; written by that worker alone. */
struct pb_sample {
    int64_t start_ns;
    int64_t stop_ns;
    int64_t cpu_ns;
    int64_t attach_wait_ns;     // from release to attached, before start_ns
    int64_t safepoint_wait_ns;  // inside start..stop, not in the window
    int64_t operations;
    int64_t switches;           // involuntary context switches, -1 unknown
    int cpu;                    // at the end, -1 unknown
    int64_t note[PB_NOTES];
};

/* What an entry asks for. */
struct pb_plan {
    const struct pb_kernel *kernel;
    const void *shared;  // the kernel's own arguments, read-only for workers
    int64_t iterations;
    int64_t rounds;
    int threads;
    int background;
    bool pin;
};

struct pb_run;

struct pb_worker {
    /* Set before the worker starts, constant after. */
    struct pb_run *run;
    const struct pb_plan *plan;
    const void *shared;
    void *local;                // the kernel's, for this worker alone
    struct pb_sample *samples;  // one per round
    int index;                  // 0..threads-1; background workers count on
    int cpu;                    // to pin to, -1 for none
    bool measured;              // not a background worker

    /* Written by the worker alone. */
    PyThreadState *tstate;      // its own; NULL for kernels without
    struct pb_sample *sample;   // of the round that runs
    int64_t round;
    const char *error;          // static text of a detached loop's failure
    PyObject *exception;        // of a failed hook, owned
    bool failed;
    bool prepared;

    pthread_t thread;           // the coordinator's
};

/* Runs the plan and returns a list of KernelResult, or NULL with an exception
   set.  No thread is left behind in either case. */
PyObject *pb_run(PyObject *module, const struct pb_plan *plan);

/* For loops that wait for other workers: the call is ending early. */
bool pb_stopping(const struct pb_worker *worker);

/* For background workers: the measured ones are done, or the call is ending. */
bool pb_background_over(const struct pb_worker *worker);

/* For a background worker: it is now doing what it is there for. */
void pb_background_ready(struct pb_worker *worker);

/* Starts a thread that takes no signal: those belong to the threads of the
   interpreter, which can act on them.  0 or an error number. */
int pb_thread_start(pthread_t *thread, void *(*function)(void *),
                    void *argument);

/* A condition whose timed waits go by the monotonic clock, so that a step of
   the wall clock does not lengthen them. */
void pb_condition_init(pthread_cond_t *condition);

/* Waits for at most `timeout_ns`; the lock is held. */
void pb_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                       int64_t timeout_ns);

/* CPUs this process may run on; 0 where the system does not tell. */
int pb_cpus_allowed(void);

/* Makes the empty function that attached loops call as their safepoint, and
   asks to be told when the interpreter exits. */
int pb_threads_add(PyObject *module);

#endif /* PB_THREADS_H */
