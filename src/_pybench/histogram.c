/* histogram.c - see histogram.h. */

#include "histogram.h"

#include "areas.h"
#include <math.h>  // ceil

static int
histogram_index(int64_t value_ns)
{
    if (value_ns < 0) {
        return 0;
    }
    if (value_ns < PB_HISTOGRAM_EXACT) {
        return (int)value_ns;
    }
    /* 6 or more, as the value is 64 or more. */
    int exponent = 63 - __builtin_clzll((unsigned long long)value_ns);
    int part = (int)(value_ns >> (exponent - 5)) - PB_HISTOGRAM_PARTS;
    int index = PB_HISTOGRAM_EXACT + (exponent - 6) * PB_HISTOGRAM_PARTS + part;
    return index < PB_HISTOGRAM_BUCKETS ? index : PB_HISTOGRAM_BUCKETS - 1;
}

/* Largest value that falls into the bucket. */
static int64_t
histogram_upper(int index)
{
    if (index < PB_HISTOGRAM_EXACT) {
        return index;
    }
    int exponent = 6 + (index - PB_HISTOGRAM_EXACT) / PB_HISTOGRAM_PARTS;
    int part = (index - PB_HISTOGRAM_EXACT) % PB_HISTOGRAM_PARTS;
    return ((int64_t)(PB_HISTOGRAM_PARTS + part + 1) << (exponent - 5)) - 1;
}

void
pb_histogram_record(struct pb_histogram *histogram, int64_t value_ns)
{
    histogram->buckets[histogram_index(value_ns)]++;
    histogram->count++;
    if (value_ns > histogram->max_ns) {
        histogram->max_ns = value_ns;
    }
}

int64_t
pb_histogram_quantile(const struct pb_histogram *histogram, double fraction)
{
    if (histogram->count == 0) {
        return 0;
    }
    int64_t wanted = (int64_t)ceil(fraction * (double)histogram->count);
    if (wanted < 1) {
        wanted = 1;
    }
    int64_t seen = 0;
    for (int i = 0; i < PB_HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted) {
            int64_t upper = histogram_upper(i);
            return upper < histogram->max_ns ? upper : histogram->max_ns;
        }
    }
    /* The last bucket has no upper edge. */
    return histogram->max_ns;
}

PyDoc_STRVAR(histogram_quantiles_doc,
"histogram_quantiles($module, values_ns, fractions, /)\n--\n\n"
"Record integers (nanoseconds) and return their quantiles, one int per\n"
"fraction in 0..1, each at most 1/32 above the exact value.\n\n"
"Raises TypeError or ValueError for anything but sequences of numbers in\n"
"range.");

static PyObject *
histogram_quantiles(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *given_values, *given_fractions;
    struct pb_histogram histogram = {0};
    if (!PyArg_ParseTuple(args, "OO:histogram_quantiles", &given_values,
                          &given_fractions)) {
        return NULL;
    }
    PyObject *values = PySequence_Tuple(given_values);
    PyObject *fractions =
        values == NULL ? NULL : PySequence_Tuple(given_fractions);
    PyObject *answer = fractions == NULL ? NULL : PyList_New(0);
    if (answer == NULL) {
        goto error;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(values); i++) {
        int64_t value_ns = PyLong_AsLongLong(PyTuple_GET_ITEM(values, i));
        if (value_ns == -1 && PyErr_Occurred()) {
            goto error;
        }
        pb_histogram_record(&histogram, value_ns);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fractions); i++) {
        PyObject *item = PyTuple_GET_ITEM(fractions, i);
        double fraction = PyFloat_AsDouble(item);
        if (PyErr_Occurred()) {
            goto error;
        }
        if (!(fraction >= 0.0 && fraction <= 1.0)) {
            PyErr_Format(PyExc_ValueError,
                         "a fraction must be from 0 to 1, not %R", item);
            goto error;
        }
        pb_list_add(&answer, PyLong_FromLongLong(pb_histogram_quantile(
                                 &histogram, fraction)));
        if (answer == NULL) {
            goto done;
        }
    }
    goto done;

error:
    Py_CLEAR(answer);
done:
    Py_XDECREF(values);
    Py_XDECREF(fractions);
    return answer;
}

PyMethodDef pb_histogram_functions[] = {
    {"histogram_quantiles", histogram_quantiles, METH_VARARGS,
     histogram_quantiles_doc},
    {NULL, NULL, 0, NULL},
};
