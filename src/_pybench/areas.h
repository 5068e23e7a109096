/* areas.h - one line per area: the function that adds its kernels. */

#ifndef PB_AREAS_H
#define PB_AREAS_H

#include "compat.h"

int pb_calls_add(PyObject *module);
int pb_churn_add(PyObject *module);
int pb_containers_add(PyObject *module);
int pb_counters_add(PyObject *module);
int pb_gil_add(PyObject *module);
int pb_locks_add(PyObject *module);
int pb_ordering_add(PyObject *module);
int pb_pauses_add(PyObject *module);
int pb_refcount_add(PyObject *module);
int pb_subinterpreters_add(PyObject *module);
int pb_yardstick_add(PyObject *module);

#endif /* PB_AREAS_H */
