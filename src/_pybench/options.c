/* options.c - see options.h. */

#include "options.h"

#include <stdarg.h>  // va_list

void
pb_text_add(PyObject **text, const char *format, ...)
{
    if (*text != NULL) {
        va_list values;
        va_start(values, format);
        PyUnicode_AppendAndDel(text, PyUnicode_FromFormatV(format, values));
        va_end(values);
    }
}

static void
options_list_choices(const struct pb_option *option, PyObject **text)
{
    for (int i = 0; option->choices[i] != NULL; i++) {
        pb_text_add(text, "%s'%s'", i > 0 ? ", " : "", option->choices[i]);
    }
}

/* Raises the text as a ValueError, unless making it failed; -1. */
static int
options_refuse(PyObject *text)
{
    if (text != NULL) {
        PyErr_SetObject(PyExc_ValueError, text);
        Py_DECREF(text);
    }
    return -1;
}

static int
options_read_choice(const struct pb_option *option, PyObject *value,
                    int64_t *number)
{
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s (%R)",
                     option->name, Py_TYPE(value)->tp_name, value);
        return -1;
    }
    for (int i = 0; option->choices[i] != NULL; i++) {
        if (PyUnicode_CompareWithASCIIString(value, option->choices[i]) == 0) {
            *number = i;
            return 0;
        }
    }
    PyObject *text = PyUnicode_FromFormat("%s must be one of ", option->name);
    options_list_choices(option, &text);
    pb_text_add(&text, ", not %.100R", value);
    return options_refuse(text);
}

static int
options_read_number(const struct pb_option *option, const char *owner,
                    PyObject *value, int64_t *number)
{
    /* bool is an int to Python, but threads=True is a mistake. */
    if (!PyLong_Check(value) || PyBool_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be an int, not %.100s (%R)",
                     option->name, Py_TYPE(value)->tp_name, value);
        return -1;
    }
    int overflow = 0;
    *number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (*number == -1 && overflow == 0 && PyErr_Occurred()) {
        return -1;
    }
    if (overflow == 0 && *number >= option->least && *number <= option->most) {
        return 0;
    }
    PyObject *text = PyUnicode_FromFormat("%s must be ", option->name);
    if (option->least < option->most) {
        pb_text_add(&text, "from %lld to ", (long long)option->least);
    }
    pb_text_add(&text, "%lld", (long long)option->most);
    if (option->reason != NULL) {
        pb_text_add(&text, " for %s, %s", owner, option->reason);
    }
    if (overflow == 0) {
        pb_text_add(&text, ", not %lld", (long long)*number);
    }
    else {
        /* Not printed: Python may refuse to turn so long a number to text. */
        pb_text_add(&text, "; the value is %s",
                    overflow > 0 ? "above 2**63 - 1" : "below -2**63");
    }
    return options_refuse(text);
}

int
pb_option_read(const struct pb_option *option, const char *owner,
               PyObject *value, int64_t *number)
{
    if (value == NULL || (value == Py_None && option->otherwise == PB_NONE)) {
        *number = option->otherwise;
        return 0;
    }
    if (option->choices != NULL) {
        return options_read_choice(option, value, number);
    }
    return options_read_number(option, owner, value, number);
}

void
pb_option_sign(const struct pb_option *option, PyObject **text)
{
    if (option->choices != NULL) {
        pb_text_add(text, ", %s='%s'", option->name,
                    option->choices[option->otherwise]);
    }
    else if (option->otherwise == PB_NONE) {
        pb_text_add(text, ", %s=None", option->name);
    }
    else {
        pb_text_add(text, ", %s=%lld", option->name,
                    (long long)option->otherwise);
    }
}

void
pb_option_describe(const struct pb_option *option, PyObject **text)
{
    pb_text_add(text, "%s: ", option->name);
    if (option->choices != NULL) {
        options_list_choices(option, text);
    }
    else {
        pb_text_add(text,
                    option->least < option->most ? "%lld..%lld" : "%lld",
                    (long long)option->least, (long long)option->most);
    }
    if (option->doc != NULL) {
        pb_text_add(text, "\n    %s", option->doc);
    }
    pb_text_add(text, "\n");
}
