/* clock.c - the clocks, what they cost, and the stopwatch.

   wall_ns() and process_cpu_ns() read what `time` reads.  They are here because
   rows exchange the functions of `time`, and a measurement must not notice.

   The stopwatch is a clock that stands still until a kernel's result advances
   it by that result's seconds per operation.  Given to pytest-benchmark as its
   timer, it makes the stock table show nanoseconds per operation with none of
   Python's call cost.  A calibration that waits for it to move would wait for
   ever, so it raises unless the `kernel` fixture has armed it. */

#include "clock.h"

#include "result.h"
#include "state.h"

/* Enough reads that one costs the batch's own two reads under 1 %. */
enum { CLOCK_BATCH = 200, CLOCK_BATCHES = 5, CLOCK_STEPS = 1000 };

double
pb_clock_cost_ns(void)
{
    double best_ns = 0;
    for (int batch = 0; batch < CLOCK_BATCHES; batch++) {
        int64_t start = pb_clock_ns();
        int64_t stop = start;
        for (int i = 0; i < CLOCK_BATCH; i++) {
            stop = pb_clock_ns();
        }
        double cost_ns = (double)(stop - start) / CLOCK_BATCH;
        if (batch == 0 || cost_ns < best_ns) {
            best_ns = cost_ns;
        }
    }
    return best_ns;
}

PyDoc_STRVAR(clock_cost_ns_doc,
"clock_cost_ns($module, /)\n--\n\n"
"Return the nanoseconds that one reading of the wall clock takes now.\n\n"
"The fastest of five batches of 200 readings.");

static PyObject *
clock_cost_ns(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyFloat_FromDouble(pb_clock_cost_ns());
}

PyDoc_STRVAR(clock_granularity_ns_doc,
"clock_granularity_ns($module, /)\n--\n\n"
"Return the smallest step, in nanoseconds, that the wall clock was seen\n"
"to take in 1000 readings.");

static PyObject *
clock_granularity_ns(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    int64_t smallest = INT64_MAX;
    int64_t last = pb_clock_ns();
    for (int step = 0; step < CLOCK_STEPS; step++) {
        int64_t now = pb_clock_ns();
        if (now > last && now - last < smallest) {
            smallest = now - last;
        }
        last = now;
    }
    if (smallest == INT64_MAX) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the wall clock did not move in 1000 readings");
        return NULL;
    }
    return PyFloat_FromDouble((double)smallest);
}

PyDoc_STRVAR(wall_ns_doc,
"wall_ns($module, /)\n--\n\n"
"Return the monotonic wall clock in whole nanoseconds.\n\n"
"Whatever has been put in the place of the functions of `time`.");

static PyObject *
wall_ns(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLongLong(pb_clock_ns());
}

PyDoc_STRVAR(process_cpu_ns_doc,
"process_cpu_ns($module, /)\n--\n\n"
"Return the CPU time of this process in whole nanoseconds, all threads.\n\n"
"Whatever has been put in the place of the functions of `time`.");

static PyObject *
process_cpu_ns(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLongLong(pb_clock_process_ns());
}

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
        PyErr_SetString(
            PyExc_RuntimeError,
            "the stopwatch is not armed: it is a clock that only kernels "
            "advance; use the `kernel` fixture, not this timer, directly");
        return NULL;
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
        PyErr_SetString(PyExc_RuntimeError,
                        "the stopwatch is armed already: one row at a time");
        return NULL;
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

static PyMethodDef clock_methods[] = {
    {"clock_cost_ns", clock_cost_ns, METH_NOARGS, clock_cost_ns_doc},
    {"clock_granularity_ns", clock_granularity_ns, METH_NOARGS,
     clock_granularity_ns_doc},
    {"process_cpu_ns", process_cpu_ns, METH_NOARGS, process_cpu_ns_doc},
    {"stopwatch", stopwatch, METH_NOARGS, stopwatch_doc},
    {"stopwatch_advance", stopwatch_advance, METH_O, stopwatch_advance_doc},
    {"stopwatch_arm", stopwatch_arm, METH_NOARGS, stopwatch_arm_doc},
    {"stopwatch_disarm", stopwatch_disarm, METH_NOARGS, stopwatch_disarm_doc},
    {"wall_ns", wall_ns, METH_NOARGS, wall_ns_doc},
    {NULL, NULL, 0, NULL},
};

int
pb_clock_add(PyObject *module)
{
    return PyModule_AddFunctions(module, clock_methods);
}
