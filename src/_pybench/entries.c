/* entries.c - see entries.h. */

#include "entries.h"

#include "state.h"
#include "threads.h"

#include <stdio.h>   // snprintf
#include <string.h>  // strcspn

static const struct pb_option usual_iterations = {
    "iterations", .least = 1, .most = PB_ITERATIONS_MAX,
    .doc = "Operations on each thread in one round."};
static const struct pb_option usual_rounds = {
    "rounds", .least = 1, .most = PB_ROUNDS_MAX, .otherwise = 1};
static const struct pb_option usual_threads = {
    "threads", .least = 1, .most = PB_THREADS_MAX, .otherwise = 1};

/* The entry's own option, or the usual one. */
static const struct pb_option *
entry_option(const struct pb_option *own, const struct pb_option *usual)
{
    return own->name != NULL ? own : usual;
}

static int
entry_option_count(const struct pb_entry *entry)
{
    int count = 0;
    while (count < PB_OPTIONS && entry->options[count].name != NULL) {
        count++;
    }
    return count;
}

/* The kernel for these choices of the first options. */
static const struct pb_kernel *
entry_kernel(const struct pb_entry *entry, const int64_t *options)
{
    int64_t chosen = 0;
    for (int i = 0; i < entry->chosen_by; i++) {
        int count = 0;
        while (entry->options[i].choices[count] != NULL) {
            count++;
        }
        chosen = chosen * count + options[i];
    }
    return &entry->kernels[chosen];
}

/* 0, or -1 with an exception set. */
static int
entry_parse(const struct pb_entry *entry, PyObject *args, PyObject *kwargs,
            struct pb_call *call)
{
    char format[80];
    char *names[4 + PB_OPTIONS + 1] = {"iterations", "rounds", "threads",
                                       "pin"};
    PyObject *iterations = NULL, *rounds = NULL, *threads = NULL;
    PyObject *given[PB_OPTIONS] = {NULL};
    int pin = 1;
    int count = entry_option_count(entry);
    for (int i = 0; i < count; i++) {
        names[4 + i] = (char *)entry->options[i].name;
    }
    _Static_assert(PB_OPTIONS == 5, "as many targets as options");
    snprintf(format, sizeof(format), "O|$OOp%.*s:%s", count, "OOOOO",
             entry->name);
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names, &iterations,
                                     &rounds, &threads, &pin, &given[0],
                                     &given[1], &given[2], &given[3],
                                     &given[4])) {
        return -1;
    }
    struct pb_plan *plan = &call->plan;
    int64_t thread_count;
    if (pb_option_read(entry_option(&entry->iterations, &usual_iterations),
                       entry->name, iterations, &plan->iterations) < 0
        || pb_option_read(&usual_rounds, NULL, rounds, &plan->rounds) < 0
        || pb_option_read(entry_option(&entry->threads, &usual_threads),
                          entry->name, threads, &thread_count) < 0) {
        return -1;
    }
    plan->threads = (int)thread_count;
    plan->pin = pin != 0;
    for (int i = 0; i < count; i++) {
        if (pb_option_read(&entry->options[i], entry->name, given[i],
                           &call->plan.options[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Why the kernel cannot run now, or NULL; 0, or -1 with an exception set. */
static int
entry_missing(const struct pb_entry *entry, const char **missing)
{
    *missing = entry->missing;
    if (!entry->needs_gil) {
        return 0;
    }
    int gil_enabled = pb_gil_enabled();
    if (gil_enabled == 0) {
        *missing = "the GIL is off in this process: there is none to hand over";
    }
    return gil_enabled < 0 ? -1 : 0;
}

PyObject *
pb_entry_call(const struct pb_entry *entry, PyObject *module, PyObject *args,
              PyObject *kwargs)
{
    struct pb_call call = {.module = module};
    const char *missing;
    if (entry_parse(entry, args, kwargs, &call) < 0
        || entry_missing(entry, &missing) < 0) {
        return NULL;
    }
    if (missing != NULL) {
        return PyErr_Format(PyExc_NotImplementedError, missing);
    }
    call.kernel = *entry_kernel(entry, call.plan.options);
    call.plan.name = entry->name;
    call.plan.kernel = &call.kernel;
    return entry->run != NULL ? entry->run(&call) : pb_call_run(&call, NULL);
}

PyObject *
pb_call_run(struct pb_call *call, void *shared)
{
    call->plan.shared = shared;
    return pb_run(call->module, &call->plan);
}

/* The docstring, which begins with the signature; NULL with an exception. */
static PyObject *
entry_docstring(const struct pb_entry *entry)
{
    int count = entry_option_count(entry);
    PyObject *text =
        PyUnicode_FromFormat("%s($module, /, iterations, *", entry->name);
    pb_option_sign(&usual_rounds, &text);
    pb_option_sign(entry_option(&entry->threads, &usual_threads), &text);
    pb_text_add(&text, ", pin=True");
    for (int i = 0; i < count; i++) {
        pb_option_sign(&entry->options[i], &text);
    }
    pb_text_add(&text, ")\n--\n\n%s\n\n", entry->doc);
    pb_option_describe(entry_option(&entry->iterations, &usual_iterations), &text);
    pb_option_describe(&usual_rounds, &text);
    pb_option_describe(entry_option(&entry->threads, &usual_threads), &text);
    pb_text_add(&text,
                "pin: keep each thread on a CPU of its own, where the system "
                "allows it\n    and there are enough.\n");
    for (int i = 0; i < count; i++) {
        pb_option_describe(&entry->options[i], &text);
    }
    pb_text_add(&text,
                "\nReturns a list with one KernelResult per round. Raises "
                "TypeError or\nValueError for a bad argument, RuntimeError "
                "when a thread cannot start.");
    if (entry->more != NULL) {
        pb_text_add(&text, "\n%s", entry->more);
    }
    return text;
}

/* {option: {choice: attached}} where the first option decides whether the
   kernel runs attached, else {}; NULL with an exception. */
static PyObject *
entry_attached_by(const struct pb_entry *entry)
{
    const struct pb_option *first = &entry->options[0];
    int64_t options[PB_OPTIONS] = {0};
    bool differ = false;
    PyObject *states = PyDict_New();
    for (int i = 0;
         states != NULL && entry->chosen_by > 0 && first->choices[i] != NULL;
         i++) {
        options[0] = i;
        bool attached = entry_kernel(entry, options)->attached;
        differ = differ || attached != entry->kernels[0].attached;
        if (PyDict_SetItemString(states, first->choices[i],
                                 attached ? Py_True : Py_False) < 0) {
            Py_CLEAR(states);
        }
    }
    if (states == NULL || differ) {
        return states == NULL ? NULL
                              : Py_BuildValue("{s:N}", first->name, states);
    }
    PyDict_Clear(states);
    return states;
}

/* Enters the kernel into KERNELS; 0, or -1 with an exception set. */
static int
entry_list(const struct pb_entry *entry, PyObject *kernels)
{
    const char *missing;
    PyObject *attached_by = entry_attached_by(entry);
    if (attached_by == NULL || entry_missing(entry, &missing) < 0) {
        Py_XDECREF(attached_by);
        return -1;
    }
    PyObject *facts = Py_BuildValue(
        "{s:N,s:O,s:N,s:s}", "area",
        PyUnicode_FromStringAndSize(entry->name,
                                    (Py_ssize_t)strcspn(entry->name, "_")),
        "attached", entry->kernels[0].attached ? Py_True : Py_False,
        "attached_by", attached_by, "missing", missing != NULL ? missing : "");
    if (facts == NULL) {
        return -1;
    }
    int status = PyDict_SetItemString(kernels, entry->name, facts);
    Py_DECREF(facts);
    return status;
}

int
pb_entries_add(PyObject *module, const struct pb_method *methods, size_t count)
{
    struct pb_state *state = pb_get_state(module);
    PyMethodDef *first = &state->methods[state->method_count];
    if (state->method_count + count > PB_KERNELS_MAX) {
        PyErr_SetString(PyExc_SystemError, "PB_KERNELS_MAX is too small");
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct pb_entry *entry = methods[i].entry;
        PyObject *doc = entry_docstring(entry);
        int status = doc == NULL ? -1 : PyList_Append(state->docs, doc);
        Py_XDECREF(doc);
        if (status < 0 || entry_list(entry, state->kernels) < 0) {
            return -1;
        }
        first[i] = (PyMethodDef){
            entry->name, (PyCFunction)(void (*)(void))methods[i].function,
            METH_VARARGS | METH_KEYWORDS, PyUnicode_AsUTF8(doc)};
        if (first[i].ml_doc == NULL) {
            return -1;
        }
    }
    state->method_count += count;
    /* Of zeros, so that the one behind the last ends the table. */
    return PyModule_AddFunctions(module, first);
}
