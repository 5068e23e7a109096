/* stopwatch.h - a clock that only results of kernels advance. */

#ifndef PB_STOPWATCH_H
#define PB_STOPWATCH_H

#include "compat.h"

int pb_stopwatch_add(PyObject *module);

#endif /* PB_STOPWATCH_H */
