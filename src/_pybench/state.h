/* state.h - the module's state, one per interpreter that imports it. */

#ifndef PB_STATE_H
#define PB_STATE_H

#include "compat.h"

#include <stdatomic.h>

/* More kernels than there are. */
enum { PB_KERNELS_MAX = 64 };

struct pb_state {
    PyTypeObject *result_type;   // KernelResult
    PyObject *kernels;           // dict of KERNELS, also a module attribute
    PyObject *safepoint;         // an empty Python function
    atomic_bool closed;          // the interpreter has begun to exit
    atomic_int cpus_limit;       // of limit_cpus(), 0 for none
    /* Atomic: on a free-threaded build any thread may call the stopwatch's
       functions.  They order nothing else, so relaxed would do; the default
       costs nothing that a kernel times. */
    atomic_bool stopwatch_armed;
    _Atomic double stopwatch_s;

    /* Of the kernels' functions, which keep the module, and so these, alive:
       freed with the module, not cleared before.  `docs` holds the text. */
    PyMethodDef methods[PB_KERNELS_MAX + 1];
    size_t method_count;
    PyObject *docs;
};

static inline struct pb_state *
pb_get_state(PyObject *module)
{
    return (struct pb_state *)PyModule_GetState(module);
}

#endif /* PB_STATE_H */
