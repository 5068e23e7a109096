/* companions.c - see companions.h. */

#include "companions.h"

#include "clock.h"

#include <sched.h>      // sched_yield
#include <stdatomic.h>  // _Atomic
#include <time.h>       // nanosleep

/* How long a thread may be attached in C: a stop-the-world waits for so long. */
enum { STRETCH_NS = 8 * 1000 * 1000 };

/* A request to stop the world finds a detached thread by looking for it, every
   millisecond; one that attaches again before that is never stopped. */
enum { LAPSE_NS = 3 * 1000 * 1000 };

/* Turns of a loop in C between two offers of the CPU: where there are fewer CPUs
   than threads, others could not get on. */
enum { TURNS_BEFORE_YIELD = 256 };

int
pb_companion_allowed(int64_t state)
{
    int gil_enabled = state == PB_ATTACHED ? pb_gil_enabled() : 0;
    if (gil_enabled > 0) {
        PyErr_SetString(PyExc_NotImplementedError,
                        "a thread that is attached in C holds the GIL, which is "
                        "on: nobody else runs meanwhile");
    }
    return gil_enabled == 0 ? 0 : -1;
}

int
pb_companion_plan(struct pb_call *call, int64_t state)
{
    call->plan.background = 1;
    call->kernel.busy_background = state < PB_DETACHED;
    return pb_companion_allowed(state);
}

int
pb_companion_stay(struct pb_worker *worker, int64_t state,
                  bool (*step)(struct pb_worker *), _Atomic int64_t *lapses)
{
    _Atomic int64_t unread = 0;
    lapses = lapses == NULL ? &unread : lapses;
    int status = 0;
    int turns = 0;
    PyThreadState *tstate = state == PB_DETACHED ? PyEval_SaveThread() : NULL;
    int64_t begin_ns = pb_clock_ns();
    while (status == 0 && step(worker)) {
        if (state == PB_RUNNING) {
            status = pb_worker_safepoint(worker);
            continue;
        }
        pb_cpu_relax();
        if (++turns % TURNS_BEFORE_YIELD == 0) {
            sched_yield();
        }
        if (state == PB_ATTACHED && pb_clock_ns() - begin_ns >= STRETCH_NS) {
            const struct timespec nap = {.tv_nsec = LAPSE_NS};
            /* Before it begins and after it has ended: counted at its end alone,
               a round that is over by then would not know of it. */
            atomic_fetch_add(lapses, 1);
            Py_BEGIN_ALLOW_THREADS
            (void)nanosleep(&nap, NULL);
            Py_END_ALLOW_THREADS
            atomic_fetch_add(lapses, 1);
            begin_ns = pb_clock_ns();
        }
    }
    if (tstate != NULL) {
        PyEval_RestoreThread(tstate);
    }
    return status;
}
