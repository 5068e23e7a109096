/* clock.c - the clocks, and what they cost.

   wall_ns() and process_cpu_ns() read what `time` reads.  They are here because
   rows exchange the functions of `time`, and a measurement must not notice. */

#include "clock.h"

#include "areas.h"

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
"Return the nanoseconds that one reading of the wall clock takes now.");

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
        return PyErr_Format(PyExc_RuntimeError,
                            "the wall clock did not move in 1000 readings");
    }
    return PyFloat_FromDouble((double)smallest);
}

PyDoc_STRVAR(wall_ns_doc,
"wall_ns($module, /)\n--\n\n"
"Return the monotonic wall clock in whole nanoseconds.");

static PyObject *
wall_ns(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLongLong(pb_clock_ns());
}

PyDoc_STRVAR(process_cpu_ns_doc,
"process_cpu_ns($module, /)\n--\n\n"
"Return the CPU time of this process in whole nanoseconds, all threads.");

static PyObject *
process_cpu_ns(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLongLong(pb_clock_process_ns());
}

PyMethodDef pb_clock_functions[] = {
    {"clock_cost_ns", clock_cost_ns, METH_NOARGS, clock_cost_ns_doc},
    {"clock_granularity_ns", clock_granularity_ns, METH_NOARGS,
     clock_granularity_ns_doc},
    {"process_cpu_ns", process_cpu_ns, METH_NOARGS, process_cpu_ns_doc},
    {"wall_ns", wall_ns, METH_NOARGS, wall_ns_doc},
    {NULL, NULL, 0, NULL},
};
