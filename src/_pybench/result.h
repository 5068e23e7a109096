/* result.h - from the samples of a call to its list of KernelResult. */

#ifndef PB_RESULT_H
#define PB_RESULT_H

#include "compat.h"
#include "kernel.h"
#include "state.h"

/* What held while a call ran. */
struct pb_conditions {
    bool gil_enabled;
    double clock_cost_ns;
    int cpus;  // that the process may use, its quota included; 0 unknown
};

/* samples[i * rounds + r] is worker i's round r.  A new list with one
   KernelResult per round, or NULL with an exception set. */
PyObject *pb_results(PyObject *module, const struct pb_plan *plan,
                     const struct pb_sample *samples,
                     const struct pb_conditions *during);

/* The row value of a KernelResult in ns per operation; -1 with TypeError set
   for any other object. */
int pb_result_value_ns(const struct pb_state *state, PyObject *result,
                       double *value_ns);

/* Creates the type in the module's state. */
int pb_result_add(PyObject *module);

#endif /* PB_RESULT_H */
