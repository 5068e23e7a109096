/* areas.h - what each file gives to the module. */

#ifndef PB_AREAS_H
#define PB_AREAS_H

#include "compat.h"

/* One line per area, and per part of one (<area>_<part>.c): adds its kernels. */
int pb_calls_add(PyObject *module);
int pb_churn_add(PyObject *module);
int pb_churn_handover_add(PyObject *module);
int pb_churn_replace_add(PyObject *module);
int pb_containers_add(PyObject *module);
int pb_counters_add(PyObject *module);
int pb_gil_add(PyObject *module);
int pb_locks_add(PyObject *module);
int pb_ordering_add(PyObject *module);
int pb_ordering_objects_add(PyObject *module);
int pb_ordering_threads_add(PyObject *module);
int pb_pauses_add(PyObject *module);
int pb_pauses_stop_add(PyObject *module);
int pb_refcount_add(PyObject *module);
int pb_subinterpreters_add(PyObject *module);
int pb_yardstick_add(PyObject *module);

/* Functions that are no kernels. */
extern PyMethodDef pb_clock_functions[];
extern PyMethodDef pb_events_functions[];
extern PyMethodDef pb_histogram_functions[];
extern PyMethodDef pb_instructions_functions[];
extern PyMethodDef pb_pauses_functions[];
extern PyMethodDef pb_pauses_watch_functions[];
extern PyMethodDef pb_sampler_functions[];
extern PyMethodDef pb_stopwatch_functions[];
extern PyMethodDef pb_threads_functions[];

#endif /* PB_AREAS_H */
