/* state.h - the module's state, one per interpreter that imports it. */

#ifndef PB_STATE_H
#define PB_STATE_H

#include "compat.h"

#include <stdatomic.h>

struct pb_state {
    PyTypeObject *result_type;   // KernelResult
    PyObject *kernels;           // dict of KERNELS, also a module attribute
    PyObject *safepoint;         // an empty Python function
    atomic_bool closed;          // the interpreter has begun to exit
    /* Atomic: on a free-threaded build any thread may call the stopwatch's
       functions.  They order nothing else, so relaxed would do; the default
       costs nothing that a kernel times. */
    atomic_bool stopwatch_armed;
    _Atomic double stopwatch_s;
};

static inline struct pb_state *
pb_get_state(PyObject *module)
{
    return (struct pb_state *)PyModule_GetState(module);
}

#endif /* PB_STATE_H */
