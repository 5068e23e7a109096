/* stopwatch.c - a clock that stands still until a kernel's result advances it.

   It advances by that result's seconds per operation.  Given to pytest-benchmark
   as its timer, it makes the stock table show nanoseconds per operation with
   none of Python's call cost.  A calibration that waits for it to move would
   wait for ever, so it raises unless the `kernel` fixture has armed it. */

#include "areas.h"
#include "result.h"
#include "state.h"

#include <stdatomic.h>

PyDoc_STRVAR(stopwatch_doc,
"stopwatch($module, /)\n--\n\n"
"Return the stopwatch's reading in seconds.\n\n"
"It moves only by stopwatch_advance().  Raises RuntimeError unless armed:\n"
"a benchmark that calibrates itself on this clock would never end.");

static PyObject *
stopwatch(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    struct pb_state *state = pb_get_state(module);
    if (!atomic_load(&state->stopwatch_armed)) {
        return PyErr_Format(
                PyExc_RuntimeError,
                "the stopwatch is not armed: it is a clock that only kernels "
                "advance; use the `kernel` fixture, not this timer, directly");
    }
    return PyFloat_FromDouble(atomic_load(&state->stopwatch_s));
}

PyDoc_STRVAR(stopwatch_arm_doc,
"stopwatch_arm($module, /)\n--\n\n"
"Set the stopwatch to zero and allow it to be read.\n\n"
"Raises RuntimeError when it is armed already.");

static PyObject *
stopwatch_arm(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    struct pb_state *state = pb_get_state(module);
    bool expected = false;
    if (!atomic_compare_exchange_strong(&state->stopwatch_armed, &expected,
                                        true)) {
        return PyErr_Format(PyExc_RuntimeError,
                            "the stopwatch is armed already: one row at a time");
    }
    atomic_store(&state->stopwatch_s, 0);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(stopwatch_disarm_doc,
"stopwatch_disarm($module, /)\n--\n\n"
"Forbid reading the stopwatch again; harmless when it is not armed.");

static PyObject *
stopwatch_disarm(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    atomic_store(&pb_get_state(module)->stopwatch_armed, false);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(stopwatch_advance_doc,
"stopwatch_advance($module, result, /)\n--\n\n"
"Advance the stopwatch by the seconds per operation of a KernelResult.\n\n"
"CPU time where the GIL serialised the threads, else wall time.  Raises\n"
"TypeError for anything but a KernelResult: nothing else may set this clock.");

static PyObject *
stopwatch_advance(PyObject *module, PyObject *result)
{
    struct pb_state *state = pb_get_state(module);
    double value_ns;
    if (pb_result_value_ns(state, result, &value_ns) < 0) {
        return NULL;
    }
    /* C11 has no atomic addition of doubles. */
    double before_s = atomic_load(&state->stopwatch_s);
    while (!atomic_compare_exchange_weak(&state->stopwatch_s, &before_s,
                                         before_s + value_ns * 1e-9)) {
    }
    Py_RETURN_NONE;
}

PyMethodDef pb_stopwatch_functions[] = {
    {"stopwatch", stopwatch, METH_NOARGS, stopwatch_doc},
    {"stopwatch_advance", stopwatch_advance, METH_O, stopwatch_advance_doc},
    {"stopwatch_arm", stopwatch_arm, METH_NOARGS, stopwatch_arm_doc},
    {"stopwatch_disarm", stopwatch_disarm, METH_NOARGS, stopwatch_disarm_doc},
    {NULL, NULL, 0, NULL},
};
