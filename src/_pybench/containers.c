/* containers.c - what does a container's operation cost from C, own and shared?

   containers_read   one item of a container of 64, as a strong reference that
                     is dropped again
     kind   list     PyList_GetItemRef (before 3.13: PyList_GetItem, incref)
            dict     PyDict_GetItemRef, by a text whose hash is known
            tuple    PyTuple_GetItem and an incref; a tuple cannot change
            set      PySet_Contains, which gives no reference
            attribute  PyObject_GetAttr of an instance with a dict
     value  immortal None, which 3.12 and later do not count
            mortal   an object whose count is written
   containers_write  one store in place of what was there
     kind   list     PyList_SetItem at one index
            dict     PyDict_SetItem under one key
            attribute  PyObject_SetAttr under one name
   layout   private  a container for each thread, made by it: the control
            shared   one for all threads, made by the caller

   One iteration is one operation.  Inside the window: that, and an eighth of
   a loop turn.  Outside: making the containers.  All run attached: with the
   GIL on, threads take turns.

   A read of a shared container can be slow for three reasons, which the
   variants tell apart: the lock or lock-free protocol of the container
   (immortal values), the count of the value (mortal ones), and the count of
   the container itself, which C code that was handed it does not write and
   Python code often does.  Source: PEP 703; Python/critical_section.c.

   Each call ends by looking: what the containers hold is what was put there. */

#include "areas.h"
#include "arguments.h"
#include "loop.h"
#include "threads.h"

/* Block of a 2 to 300 ns operation: 10 us to 1.2 ms between two looks. */
enum { CONTAINERS_BLOCK = 4096 };

/* Items: more than a small dict's first table, less than a cache. */
enum { CONTAINERS_ITEMS = 64, CONTAINERS_INDEX = 41 };

enum kind { KIND_LIST, KIND_DICT, KIND_ATTRIBUTE, KIND_TUPLE, KIND_SET };
static const char *const read_names[] = {"list",  "dict", "attribute",
                                         "tuple", "set",  NULL};
/* The first three of them, in the same order. */
static const char *const write_names[] = {"list", "dict", "attribute", NULL};

static const char *const value_names[] = {"immortal", "mortal", NULL};
enum value { VALUE_IMMORTAL, VALUE_MORTAL };

static const char *const layout_names[] = {"private", "shared", NULL};
enum layout { LAYOUT_PRIVATE, LAYOUT_SHARED };

/* Arguments of a call; read-only for the workers. */
struct containers_shared {
    enum kind kind;
    enum value value;
    PyObject *container;  // NULL: each worker makes its own
};

struct containers_worker {
    PyObject *container;  // owned
    PyObject *key;        // text of a dict or attribute, owned
    PyObject *value;      // what is there, owned
};

/* Interned, so that the key of a look-up is the one that is there: comparing
   two equal texts would be a call of the C library in the window. */
static PyObject *
containers_key(Py_ssize_t index)
{
    PyObject *key = PyUnicode_FromFormat("key%zd", index);
    if (key != NULL) {
        PyUnicode_InternInPlace(&key);
    }
    return key;
}

/* An object that keeps attributes in a dict: an instance of a class without
   slots.  types.SimpleNamespace is one that every version has. */
static PyObject *
containers_new_instance(void)
{
    PyObject *types = PyImport_ImportModule("types");
    if (types == NULL) {
        return NULL;
    }
    PyObject *instance = PyObject_CallMethod(types, "SimpleNamespace", NULL);
    Py_DECREF(types);
    return instance;
}

/* Stores one item; 0 or -1 with an exception set. */
static int
containers_put(enum kind kind, PyObject *container, Py_ssize_t index,
               PyObject *value)
{
    if (kind == KIND_LIST) {
        return PyList_Append(container, value);
    }
    if (kind == KIND_TUPLE) {
        PyTuple_SET_ITEM(container, index, Py_NewRef(value));
        return 0;
    }
    PyObject *key = containers_key(index);
    if (key == NULL) {
        return -1;
    }
    int status;
    if (kind == KIND_DICT) {
        status = PyDict_SetItem(container, key, value);
    }
    else if (kind == KIND_SET) {
        status = PySet_Add(container, key);
    }
    else {
        status = PyObject_SetAttr(container, key, value);
    }
    Py_DECREF(key);
    return status;
}

static PyObject *
containers_new(enum kind kind, PyObject *value)
{
    PyObject *container = kind == KIND_LIST      ? PyList_New(0)
                          : kind == KIND_DICT    ? PyDict_New()
                          : kind == KIND_TUPLE   ? PyTuple_New(CONTAINERS_ITEMS)
                          : kind == KIND_SET     ? PySet_New(NULL)
                                                 : containers_new_instance();
    for (Py_ssize_t i = 0; container != NULL && i < CONTAINERS_ITEMS; i++) {
        if (containers_put(kind, container, i, value) < 0) {
            Py_CLEAR(container);
        }
    }
    return container;
}

static PyObject *
containers_new_value(enum value value)
{
    return value == VALUE_IMMORTAL ? Py_NewRef(Py_None) : PyList_New(0);
}

static PyObject *
containers_get(enum kind kind, PyObject *container, PyObject *key)
{
    PyObject *item = NULL;
    if (kind == KIND_LIST) {
        (void)pb_list_get(container, CONTAINERS_INDEX, &item);
    }
    else if (kind == KIND_DICT) {
        (void)pb_dict_get(container, key, &item);
    }
    else if (kind == KIND_TUPLE) {
        item = Py_XNewRef(PyTuple_GetItem(container, CONTAINERS_INDEX));
    }
    else if (kind == KIND_ATTRIBUTE) {
        item = PyObject_GetAttr(container, key);
    }
    return item;
}

static int
containers_prepare(struct pb_worker *worker)
{
    const struct containers_shared *shared = worker->shared;
    struct containers_worker *local = worker->local;
    local->key = containers_key(CONTAINERS_INDEX);
    if (local->key == NULL || PyObject_Hash(local->key) == -1) {
        return -1;
    }
    if (shared->container != NULL) {
        local->container = Py_NewRef(shared->container);
        if (shared->kind == KIND_SET) {
            return 0;
        }
        local->value = containers_get(shared->kind, local->container,
                                      local->key);
        return local->value == NULL ? -1 : 0;
    }
    local->value = containers_new_value(shared->value);
    if (local->value == NULL) {
        return -1;
    }
    local->container = containers_new(shared->kind, local->value);
    return local->container == NULL ? -1 : 0;
}

static void
containers_finish(struct pb_worker *worker)
{
    struct containers_worker *local = worker->local;
    Py_CLEAR(local->container);
    Py_CLEAR(local->key);
    Py_CLEAR(local->value);
}

/* -1 with a RuntimeError if something was not there. */
static int
containers_missing(const struct pb_worker *worker, int missing)
{
    if (missing) {
        PyErr_Format(PyExc_RuntimeError,
                     "%s: an item was not there in the window",
                     worker->plan->kernel->name);
        return -1;
    }
    return 0;
}

/* One read loop per kind: the operation has to be known to the compiler. */
#define CONTAINERS_READ_LOOP(kind_, ...)                                      \
    static int containers_read_##kind_(struct pb_worker *worker,              \
                                       int64_t iterations)                    \
    {                                                                         \
        const struct containers_worker *local = worker->local;                \
        PyObject *container = local->container, *key = local->key;            \
        int missing = 0;                                                      \
        (void)container;                                                      \
        (void)key;                                                            \
        PB_LOOP(iterations, {                                                 \
            PB_OP(__VA_ARGS__)                                                \
            pb_clobber();                                                     \
        });                                                                   \
        return containers_missing(worker, missing);                           \
    }

CONTAINERS_READ_LOOP(list, PyObject *item;
                     missing |= pb_list_get(container, CONTAINERS_INDEX,
                                            &item) != 1;
                     Py_XDECREF(item);)
CONTAINERS_READ_LOOP(dict, PyObject *item = NULL;
                     missing |= pb_dict_get(container, key, &item) != 1;
                     Py_XDECREF(item);)
CONTAINERS_READ_LOOP(attribute,
                     PyObject *item = PyObject_GetAttr(container, key);
                     missing |= item == NULL; Py_XDECREF(item);)
CONTAINERS_READ_LOOP(tuple, PyObject *item = Py_XNewRef(
                         PyTuple_GetItem(container, CONTAINERS_INDEX));
                     missing |= item == NULL; Py_XDECREF(item);)
CONTAINERS_READ_LOOP(set, missing |= PySet_Contains(container, key) != 1;)

#undef CONTAINERS_READ_LOOP

#define CONTAINERS_WRITE_LOOP(kind_, ...)                                     \
    static int containers_write_##kind_(struct pb_worker *worker,             \
                                        int64_t iterations)                   \
    {                                                                         \
        const struct containers_worker *local = worker->local;                \
        PyObject *container = local->container, *key = local->key;            \
        PyObject *value = local->value;                                       \
        int missing = 0;                                                      \
        (void)container;                                                      \
        (void)key;                                                            \
        (void)value;                                                          \
        PB_LOOP(iterations, {                                                 \
            PB_OP(__VA_ARGS__)                                                \
            pb_clobber();                                                     \
        });                                                                   \
        return containers_missing(worker, missing);                           \
    }

CONTAINERS_WRITE_LOOP(list, missing |= PyList_SetItem(container,
                                                      CONTAINERS_INDEX,
                                                      Py_NewRef(value)) < 0;)
CONTAINERS_WRITE_LOOP(dict, missing |= PyDict_SetItem(container, key, value)
                                       < 0;)
CONTAINERS_WRITE_LOOP(attribute, missing |= PyObject_SetAttr(container, key,
                                                             value) < 0;)

#undef CONTAINERS_WRITE_LOOP

#define CONTAINERS_KERNEL(name_, loop_)                                       \
    {.name = name_, .attached = true, .block = CONTAINERS_BLOCK,              \
     .local_size = sizeof(struct containers_worker),                          \
     .prepare = containers_prepare, PB_LOOP_FUNCTION(loop_),                            \
     .finish = containers_finish}

static const struct pb_kernel read_kernels[] = {
    [KIND_LIST] = CONTAINERS_KERNEL("containers_read", containers_read_list),
    [KIND_DICT] = CONTAINERS_KERNEL("containers_read", containers_read_dict),
    [KIND_ATTRIBUTE] = CONTAINERS_KERNEL("containers_read",
                                         containers_read_attribute),
    [KIND_TUPLE] = CONTAINERS_KERNEL("containers_read", containers_read_tuple),
    [KIND_SET] = CONTAINERS_KERNEL("containers_read", containers_read_set),
};
static const struct pb_kernel write_kernels[] = {
    [KIND_LIST] = CONTAINERS_KERNEL("containers_write", containers_write_list),
    [KIND_DICT] = CONTAINERS_KERNEL("containers_write", containers_write_dict),
    [KIND_ATTRIBUTE] = CONTAINERS_KERNEL("containers_write",
                                         containers_write_attribute),
};

/* 0 when the shared container still holds `value` where it was put; else -1
   with an exception set. */
static int
containers_check(const struct containers_shared *shared, PyObject *value)
{
    if (shared->container == NULL || shared->kind == KIND_SET) {
        return 0;
    }
    PyObject *key = containers_key(CONTAINERS_INDEX);
    if (key == NULL) {
        return -1;
    }
    PyObject *item = containers_get(shared->kind, shared->container, key);
    Py_DECREF(key);
    Py_XDECREF(item);
    if (item == value) {
        return 0;
    }
    if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_RuntimeError,
                        "a shared container holds what nobody put there");
    }
    return -1;
}

static PyObject *
containers_run(PyObject *module, struct pb_plan *plan, enum layout layout,
               struct containers_shared *shared)
{
    PyObject *results = NULL;
    PyObject *value = containers_new_value(shared->value);
    if (value == NULL) {
        return NULL;
    }
    if (layout == LAYOUT_SHARED) {
        shared->container = containers_new(shared->kind, value);
        if (shared->container == NULL) {
            goto done;
        }
    }
    plan->shared = shared;
    results = pb_run(module, plan);
    if (results != NULL && containers_check(shared, value) < 0) {
        Py_CLEAR(results);
    }
done:
    Py_XDECREF(shared->container);
    Py_DECREF(value);
    return results;
}

PyDoc_STRVAR(containers_read_doc,
"containers_read($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                kind='list', value='mortal', layout='private')\n--\n\n"
"Read one item of a container, by the C API, and drop it.\n\n"
PB_ARGUMENTS_DOC "\n"
"kind: 'list', 'dict', 'tuple', 'set' (is it in it?), 'attribute'. value:\n"
"'mortal', 'immortal' (None; NotImplementedError before 3.12). layout:\n"
"'private' (a container for each thread), 'shared' (one for all).");

static PyObject *
containers_read(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "kind", "value", "layout",
                            NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *kind_name = "list", *value_name = "mortal";
    const char *layout_name = "private";
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "sss:containers_read", names,
            PB_ARGUMENTS_TARGETS(common), &kind_name, &value_name,
            &layout_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int kind = pb_choice("kind", kind_name, read_names);
    if (kind < 0) {
        return NULL;
    }
    int value = pb_choice("value", value_name, value_names);
    if (value < 0) {
        return NULL;
    }
    int layout = pb_choice("layout", layout_name, layout_names);
    if (layout < 0) {
        return NULL;
    }
    if (value == VALUE_IMMORTAL && !PB_HAVE_IMMORTAL) {
        PyErr_SetString(PyExc_NotImplementedError,
                        "no object is immortal before CPython 3.12");
        return NULL;
    }
    struct containers_shared shared = {.kind = (enum kind)kind,
                                       .value = (enum value)value};
    plan.kernel = &read_kernels[kind];
    return containers_run(module, &plan, (enum layout)layout, &shared);
}

PyDoc_STRVAR(containers_write_doc,
"containers_write($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                 kind='list', layout='private')\n--\n\n"
"Store an object where one is already, by the C API.\n\n"
PB_ARGUMENTS_DOC "\n"
"kind: 'list', 'dict', 'attribute'. layout: 'private' (a container for each\n"
"thread), 'shared' (one for all, the same place in it).");

static PyObject *
containers_write(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "kind", "layout", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *kind_name = "list", *layout_name = "private";
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "ss:containers_write", names,
            PB_ARGUMENTS_TARGETS(common), &kind_name, &layout_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int kind = pb_choice("kind", kind_name, write_names);
    if (kind < 0) {
        return NULL;
    }
    int layout = pb_choice("layout", layout_name, layout_names);
    if (layout < 0) {
        return NULL;
    }
    struct containers_shared shared = {.kind = (enum kind)kind,
                                       .value = VALUE_MORTAL};
    plan.kernel = &write_kernels[kind];
    return containers_run(module, &plan, (enum layout)layout, &shared);
}

static PyMethodDef containers_methods[] = {
    {"containers_read", (PyCFunction)(void (*)(void))containers_read,
     METH_VARARGS | METH_KEYWORDS, containers_read_doc},
    {"containers_write", (PyCFunction)(void (*)(void))containers_write,
     METH_VARARGS | METH_KEYWORDS, containers_write_doc},
    {NULL, NULL, 0, NULL},
};

static const struct pb_listing containers_listings[] = {
    {.name = "containers_read", .attached = true},
    {.name = "containers_write", .attached = true},
    {NULL, false, NULL},
};

int
pb_containers_add(PyObject *module)
{
    return pb_area_add(module, "containers", containers_methods,
                       containers_listings);
}
