/* sampler.h - where threads are, at equal steps of their CPU time. */

#ifndef PB_SAMPLER_H
#define PB_SAMPLER_H

#include "compat.h"

int pb_sampler_add(PyObject *module);

#endif /* PB_SAMPLER_H */
