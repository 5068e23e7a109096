/* arguments.c - see arguments.h. */

#include "arguments.h"

#include "state.h"

#include <string.h>  // strcmp

int
pb_whole_number(const char *name, PyObject *value, int64_t least, int64_t most,
                int64_t otherwise, int64_t *number)
{
    if (value == NULL) {
        *number = otherwise;
        return 0;
    }
    /* bool is an int to Python, but threads=True is a mistake. */
    if (!PyLong_Check(value) || PyBool_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be an int, not %.100s (%R)",
                     name, Py_TYPE(value)->tp_name, value);
        return -1;
    }
    int overflow = 0;
    long long converted = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (converted == -1 && overflow == 0 && PyErr_Occurred()) {
        return -1;
    }
    if (overflow != 0) {
        /* Not printed: Python may refuse to turn so long a number to text. */
        PyErr_Format(PyExc_ValueError,
                     "%s must be from %lld to %lld; the value is %s", name,
                     (long long)least, (long long)most,
                     overflow > 0 ? "above 2**63 - 1" : "below -2**63");
        return -1;
    }
    if (converted < least || converted > most) {
        PyErr_Format(PyExc_ValueError, "%s must be from %lld to %lld, not %lld",
                     name, (long long)least, (long long)most, converted);
        return -1;
    }
    *number = converted;
    return 0;
}

int
pb_choice(const char *name, const char *value, const char *const *choices)
{
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], value) == 0) {
            return i;
        }
    }
    PyObject *list = PyUnicode_FromString("");
    for (int i = 0; list != NULL && choices[i] != NULL; i++) {
        PyObject *longer = PyUnicode_FromFormat(
            "%U%s'%s'", list, i > 0 ? ", " : "", choices[i]);
        Py_SETREF(list, longer);
    }
    if (list != NULL) {
        PyErr_Format(PyExc_ValueError, "%s must be one of %U, not '%.100s'",
                     name, list, value);
        Py_DECREF(list);
    }
    return -1;
}

int
pb_plan_set(struct pb_plan *plan, const struct pb_arguments *arguments)
{
    int64_t threads;
    if (pb_whole_number("iterations", arguments->iterations, 1,
                        PB_ITERATIONS_MAX, 1, &plan->iterations) < 0
        || pb_whole_number("rounds", arguments->rounds, 1, PB_ROUNDS_MAX, 1,
                           &plan->rounds) < 0
        || pb_whole_number("threads", arguments->threads, 1, PB_THREADS_MAX, 1,
                           &threads) < 0) {
        return -1;
    }
    plan->threads = (int)threads;
    plan->pin = arguments->pin != 0;
    return 0;
}

int
pb_area_add(PyObject *module, const char *area, PyMethodDef *methods,
            const struct pb_listing *listings)
{
    if (PyModule_AddFunctions(module, methods) < 0) {
        return -1;
    }
    PyObject *kernels = pb_get_state(module)->kernels;
    for (; listings->name != NULL; listings++) {
        PyObject *entry = Py_BuildValue(
            "{s:s,s:O,s:s}", "area", area, "attached",
            listings->attached ? Py_True : Py_False, "missing",
            listings->missing != NULL ? listings->missing : "");
        if (entry == NULL) {
            return -1;
        }
        int status = PyDict_SetItemString(kernels, listings->name, entry);
        Py_DECREF(entry);
        if (status < 0) {
            return -1;
        }
    }
    return 0;
}
