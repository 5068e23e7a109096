/* entries.h - what Python sees of a kernel, and the one way of calling it. */

#ifndef PB_ENTRIES_H
#define PB_ENTRIES_H

#include "areas.h"
#include "kernel.h"
#include "options.h"
#include "threads.h"

/* One call, its arguments checked. */
struct pb_call {
    PyObject *module;
    struct pb_plan plan;
    struct pb_kernel kernel;  // the plan's; an entry may change this copy
};

/* All that there is to say of a kernel. */
struct pb_entry {
    const char *name;  // <area>_<operation>
    const char *doc;   // what one iteration is, in one line
    const char *more;  // what else the result holds and what raises, or NULL

    struct pb_option options[PB_OPTIONS];
    /* Where they are not the usual ones; else without a name. */
    struct pb_option iterations;
    struct pb_option threads;

    /* One for each choice of the first `chosen_by` options, the last of them
       varying fastest. */
    const struct pb_kernel *kernels;
    int chosen_by;

    const char *missing;  // why this build cannot run it, or NULL
    bool needs_gil;       // cannot run while the GIL is off

    /* Checks what depends on several options, prepares and runs; NULL: there is
       nothing to do besides. */
    PyObject *(*run)(struct pb_call *call);
};

/* The entry's function: reads the arguments, chooses the kernel and runs it; a
   list of KernelResult, or NULL with an exception set. */
PyObject *pb_entry_call(const struct pb_entry *entry, PyObject *module,
                        PyObject *args, PyObject *kwargs);

/* Runs the call's plan with arguments of the kernel's own. */
PyObject *pb_call_run(struct pb_call *call, void *shared);

struct pb_method {
    const struct pb_entry *entry;
    PyCFunctionWithKeywords function;
};

/* Defines a kernel's entry, of these fields, and its function. */
#define PB_ENTRY(name_, ...)                                                  \
    static const struct pb_entry name_##_entry = {.name = #name_,             \
                                                  __VA_ARGS__};               \
    static PyObject *name_(PyObject *module, PyObject *args,                  \
                           PyObject *kwargs)                                  \
    {                                                                         \
        return pb_entry_call(&name_##_entry, module, args, kwargs);           \
    }

/* Defines the function that adds the kernels of an area, or of a part. */
#define PB_AREA(area_, ...)                                                   \
    int pb_##area_##_add(PyObject *module)                                    \
    {                                                                         \
        static const struct pb_method methods[] = {__VA_ARGS__};              \
        return pb_entries_add(module, methods, Py_ARRAY_LENGTH(methods));     \
    }
/* The threads of a kernel that has a certain number of them, and why. */
#define PB_THREADS(count_, reason_)                                           \
    {"threads", .least = count_, .most = count_, .otherwise = count_,         \
     .reason = reason_}
#define PB_METHOD(name_) {&name_##_entry, name_}

/* Adds the functions of an area, with their docstrings, to the module and to
   KERNELS; 0, or -1 with an exception set. */
int pb_entries_add(PyObject *module, const struct pb_method *methods,
                   size_t count);

#endif /* PB_ENTRIES_H */
