/* arguments.h - the arguments that every kernel takes, checked once. */

#ifndef PB_ARGUMENTS_H
#define PB_ARGUMENTS_H

#include "compat.h"
#include "threads.h"

/* As parsed, unchecked; NULL where not given. */
struct pb_arguments {
    PyObject *iterations;
    PyObject *rounds;
    PyObject *threads;
    int pin;
};

/* Format and names of the common part: pass them to
   PyArg_ParseTupleAndKeywords in front of the kernel's own. */
#define PB_ARGUMENTS_FORMAT "O|$OOp"
#define PB_ARGUMENTS_NAMES "iterations", "rounds", "threads", "pin"
#define PB_ARGUMENTS_TARGETS(a) &(a).iterations, &(a).rounds, &(a).threads, \
                                &(a).pin
#define PB_ARGUMENTS_DEFAULTS {.pin = 1}

/* Text of the signature and of the docstring for the common part. */
#define PB_ARGUMENTS_SIGNATURE "iterations, *, rounds=1, threads=1, pin=True"
#define PB_ARGUMENTS_DOC                                                      \
    "iterations: operations on each thread in one round, 1..10**12.\n"        \
    "rounds: 1..100000. threads: 1..256. pin: keep each thread on a CPU of\n" \
    "its own where the system allows it and there are enough.\n"              \
    "Returns a list with one KernelResult per round. Raises TypeError or\n"   \
    "ValueError for a bad argument, RuntimeError when a thread cannot start."

/* Fills iterations, rounds, threads and pin of the plan; 0, or -1 with a
   TypeError or ValueError that names argument, value and range. */
int pb_plan_set(struct pb_plan *plan, const struct pb_arguments *arguments);

/* One whole number in least..most; `value` NULL gives `otherwise`.  0 or -1
   with an exception set. */
int pb_whole_number(const char *name, PyObject *value, int64_t least,
                    int64_t most, int64_t otherwise, int64_t *number);

/* Index of `value` in the NULL-terminated `choices`; -1 with a ValueError that
   lists them. */
int pb_choice(const char *name, const char *value,
              const char *const *choices);

/* What the module says about one kernel. */
struct pb_listing {
    const char *name;
    bool attached;
    const char *missing;  // why this interpreter cannot run it, or NULL
};

/* Adds an area's methods and enters its kernels (up to a NULL name) into
   KERNELS. */
int pb_area_add(PyObject *module, const char *area, PyMethodDef *methods,
                const struct pb_listing *listings);

#endif /* PB_ARGUMENTS_H */
