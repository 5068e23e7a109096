/* containers.c - what does a container's operation cost from C, own and shared?

   One iteration is one read of an item, as a strong reference that is dropped
   again, or one store in place of what was there, in a container of 64.  Inside
   the window: that, and an eighth of a loop turn.  Outside: making the
   containers.  All run attached: with the GIL on, threads take turns.

   A read of a shared container can be slow for three reasons, which the
   variants tell apart: the lock or lock-free protocol of the container
   (immortal values), the count of the value (mortal ones), and the count of
   the container itself, which C code that was handed it does not write and
   Python code often does.  Source: PEP 703; Python/critical_section.c.

   Each call ends by looking: what the containers hold is what was put there. */

#include "entries.h"

/* Block of a 2 to 300 ns operation: 10 us to 1.2 ms between two looks. */
enum { CONTAINERS_BLOCK = 4096 };

enum kind { KIND_LIST, KIND_DICT, KIND_ATTRIBUTE, KIND_TUPLE, KIND_SET };
static const char *const read_names[] = {"list",  "dict", "attribute",
                                         "tuple", "set",  NULL};
/* The first three of them, in the same order. */
static const char *const write_names[] = {"list", "dict", "attribute", NULL};
static const char *const value_names[] = {"immortal", "mortal", NULL};
enum value { VALUE_IMMORTAL, VALUE_MORTAL };

static const char *const layout_names[] = {"private", "shared", NULL};
enum layout { LAYOUT_PRIVATE, LAYOUT_SHARED };

/* All containers, in Python, with `value` in each place.  Keys are interned, so
   that the key of a look-up is the one that is there: comparing two equal
   texts would be a call of the C library in the window. */
static const char containers_source[] =
    "from sys import intern\n"
    "from types import SimpleNamespace\n"
    "list, dict, set, attribute = [], {}, set(), SimpleNamespace()\n"
    "for number in range(64):\n"
    "    key = intern(f'key{number}')\n"
    "    list.append(value)\n"
    "    dict[key] = value\n"
    "    set.add(key)\n"
    "    setattr(attribute, key, value)\n"
    "tuple = tuple(list)\n"
    "key = intern('key41')\n";

/* The place of a list or tuple that is read, which is that of `key`. */
enum { CONTAINERS_INDEX = 41 };

/* Arguments of a call; read-only for the workers. */
struct containers_shared {
    const char *kind;
    PyObject *value;  // of layout shared; NULL: each worker makes its own
    PyObject *names;  // what containers_source has defined with it, or NULL
    bool is_immortal;
};

/* What a worker owns. */
enum { OWNED_CONTAINER, OWNED_KEY, OWNED_VALUE };

static PyObject *
containers_new_value(bool is_immortal)
{
    return is_immortal ? Py_NewRef(Py_None) : PyList_New(0);
}

static int
containers_prepare(struct pb_worker *worker)
{
    const struct containers_shared *shared = worker->shared;
    PyObject *names = Py_XNewRef(shared->names);
    worker->owned[OWNED_VALUE] =
        names != NULL ? Py_NewRef(shared->value)
                      : containers_new_value(shared->is_immortal);
    if (names == NULL && worker->owned[OWNED_VALUE] != NULL) {
        names = pb_define(containers_source, worker->owned[OWNED_VALUE]);
    }
    if (names == NULL) {
        return -1;
    }
    worker->owned[OWNED_CONTAINER] = pb_defined(names, shared->kind);
    worker->owned[OWNED_KEY] = pb_defined(names, "key");
    Py_DECREF(names);
    return worker->owned[OWNED_CONTAINER] == NULL
                   || worker->owned[OWNED_KEY] == NULL
               ? -1
               : 0;
}

/* -1 with a RuntimeError if something was not there. */
static int
containers_missing(const struct pb_worker *worker, int missing)
{
    if (missing) {
        PyErr_Format(PyExc_RuntimeError,
                     "%s: an item was not there in the window",
                     worker->plan->name);
        return -1;
    }
    return 0;
}

#define USED                                                                  \
    PyObject *container = worker->owned[OWNED_CONTAINER];                     \
    PyObject *key = worker->owned[OWNED_KEY];                                 \
    PyObject *value = worker->owned[OWNED_VALUE];                             \
    int missing = 0;                                                          \
    (void)container, (void)key, (void)value;
#define MISSING containers_missing(worker, missing)

PB_MEASURED(containers_read_list, USED,
            PB_OP(PyObject *item;
                  missing |=
                  pb_list_get(container, CONTAINERS_INDEX, &item) != 1;
                  Py_XDECREF(item);), MISSING)
PB_MEASURED(containers_read_dict, USED,
            PB_OP(PyObject *item = NULL;
                  missing |= pb_dict_get(container, key, &item) != 1;
                  Py_XDECREF(item);), MISSING)
PB_MEASURED(containers_read_attribute, USED,
            PB_OP(PyObject *item = PyObject_GetAttr(container, key);
                  missing |= item == NULL; Py_XDECREF(item);), MISSING)
PB_MEASURED(containers_read_tuple, USED,
            PB_OP(PyObject *item = Py_XNewRef(
                      PyTuple_GetItem(container, CONTAINERS_INDEX));
                  missing |= item == NULL; Py_XDECREF(item);), MISSING)
PB_MEASURED(containers_read_set, USED,
            PB_OP(missing |= PySet_Contains(container, key) != 1;), MISSING)
PB_MEASURED(containers_write_list, USED,
            PB_OP(missing |= PyList_SetItem(container, CONTAINERS_INDEX,
                                            Py_NewRef(value)) < 0;), MISSING)
PB_MEASURED(containers_write_dict, USED,
            PB_OP(missing |= PyDict_SetItem(container, key, value) < 0;),
            MISSING)
PB_MEASURED(containers_write_attribute, USED,
            PB_OP(missing |= PyObject_SetAttr(container, key, value) < 0;),
            MISSING)

#define CONTAINERS_KERNEL(loop_)                                              \
    {.attached = true, .block = CONTAINERS_BLOCK,                             \
     .prepare = containers_prepare, PB_LOOP_FUNCTION(loop_)}

static const struct pb_kernel read_kernels[] = {
    [KIND_LIST] = CONTAINERS_KERNEL(containers_read_list),
    [KIND_DICT] = CONTAINERS_KERNEL(containers_read_dict),
    [KIND_ATTRIBUTE] = CONTAINERS_KERNEL(containers_read_attribute),
    [KIND_TUPLE] = CONTAINERS_KERNEL(containers_read_tuple),
    [KIND_SET] = CONTAINERS_KERNEL(containers_read_set),
};
static const struct pb_kernel write_kernels[] = {
    [KIND_LIST] = CONTAINERS_KERNEL(containers_write_list),
    [KIND_DICT] = CONTAINERS_KERNEL(containers_write_dict),
    [KIND_ATTRIBUTE] = CONTAINERS_KERNEL(containers_write_attribute),
};

/* 0 when the shared container still holds the value where it was put; else -1
   with an exception set. */
static int
containers_check(const struct containers_shared *shared)
{
    PyObject *container = PyDict_GetItemString(shared->names, shared->kind);
    PyObject *key = PyDict_GetItemString(shared->names, "key");
    PyObject *item = NULL;
    if (PyList_Check(container)) {
        (void)pb_list_get(container, CONTAINERS_INDEX, &item);
    }
    else if (PyDict_Check(container)) {
        (void)pb_dict_get(container, key, &item);
    }
    else if (PyTuple_Check(container)) {
        item = Py_XNewRef(PyTuple_GetItem(container, CONTAINERS_INDEX));
    }
    else if (!PyAnySet_Check(container)) {
        item = PyObject_GetAttr(container, key);
    }
    Py_XDECREF(item);
    if (item == shared->value || PyAnySet_Check(container)) {
        return 0;
    }
    if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_RuntimeError,
                        "a shared container holds what nobody put there");
    }
    return -1;
}

static PyObject *
containers_run(struct pb_call *call, bool is_immortal, enum layout layout)
{
    struct containers_shared shared = {.kind = read_names[call->plan.options[0]],
                                       .is_immortal = is_immortal};
    if (layout == LAYOUT_SHARED) {
        shared.value = containers_new_value(is_immortal);
        shared.names = shared.value == NULL
                           ? NULL
                           : pb_define(containers_source, shared.value);
        if (shared.names == NULL) {
            Py_XDECREF(shared.value);
            return NULL;
        }
    }
    PyObject *results = pb_call_run(call, &shared);
    if (results != NULL && shared.names != NULL
        && containers_check(&shared) < 0) {
        Py_CLEAR(results);
    }
    Py_XDECREF(shared.names);
    Py_XDECREF(shared.value);
    return results;
}

static PyObject *
containers_read_run(struct pb_call *call)
{
    bool is_immortal = call->plan.options[1] == VALUE_IMMORTAL;
    if (is_immortal && !PB_HAVE_IMMORTAL) {
        return PyErr_Format(PyExc_NotImplementedError,
                            "no object is immortal before CPython 3.12");
    }
    return containers_run(call, is_immortal, (enum layout)call->plan.options[2]);
}

static PyObject *
containers_write_run(struct pb_call *call)
{
    return containers_run(call, false, (enum layout)call->plan.options[1]);
}

PB_ENTRY(containers_read,
    .doc = "Read one item of a container, by the C API, and drop it.",
    .options = {
        PB_CHOICE("kind", read_names, 0, "set: is it in it?"),
        PB_CHOICE("value", value_names, VALUE_MORTAL,
                  "immortal: None; NotImplementedError before 3.12."),
        PB_CHOICE("layout", layout_names, 0,
                  "A container for each thread, or one for all.")},
    .kernels = read_kernels, .chosen_by = 1, .run = containers_read_run)

PB_ENTRY(containers_write,
    .doc = "Store an object where one is already, by the C API.",
    .options = {
        PB_CHOICE("kind", write_names, KIND_LIST, NULL),
        PB_CHOICE("layout", layout_names, 0,
                  "A container for each thread, or one for all, and\n    "
                  "the same place in it.")},
    .kernels = write_kernels, .chosen_by = 1, .run = containers_write_run)

PB_AREA(containers, PB_METHOD(containers_read), PB_METHOD(containers_write))
