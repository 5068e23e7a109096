/* calls.c - what does a call cost from C, by the kind of thing that is called?

   calls_call  one call and dropping what it returns
     kind    c        a C function through a pointer: the control, no Python
             noargs   a built-in function without arguments
             one      a built-in function of one argument
             keywords a built-in function that takes a tuple and a dict, called
                      without either
             python   an empty Python function, without arguments
             argument the same of one argument
             method   an empty method, looked up and called in one
             instance an instance whose class has `__call__`, in Python
             type     a class written in C (object), which makes an instance
     layout  private  each thread calls something of its own: the control
             shared   all threads call the same
   calls_attribute  one PyObject_GetAttr on an instance
     kind    found    a name that its dict has
             of_class a name that its class has
             missing  a name that nobody has, and the error it sets

   One iteration is one of these.  Inside the window: that, and an eighth of a
   loop turn.  Outside: making what is called.  All run attached (the control
   too, so that it is on the same footing).

   C code calls functions through the vectorcall protocol (PEP 590); the
   interpreter calls Python functions without leaving its loop, so that a
   Python function is dearer from here than from bytecode: see the rows of
   calls in Python for that side.

   Every call must return, or the kernel raises. */

#include "areas.h"
#include "arguments.h"
#include "loop.h"
#include "threads.h"

/* Block of a 1 to 200 ns operation: 4 us to 0.8 ms between two looks. */
enum { CALLS_BLOCK = 4096 };

enum kind {
    KIND_C,
    KIND_NOARGS,
    KIND_ONE,
    KIND_KEYWORDS,
    KIND_PYTHON,
    KIND_ARGUMENT,
    KIND_METHOD,
    KIND_INSTANCE,
    KIND_TYPE,
};
static const char *const kind_names[] = {
    "c",      "noargs", "one",      "keywords", "python", "argument",
    "method", "instance", "type", NULL};

enum attribute { ATTRIBUTE_FOUND, ATTRIBUTE_OF_CLASS, ATTRIBUTE_MISSING };
static const char *const attribute_names[] = {"found", "of_class", "missing",
                                              NULL};

enum layout { LAYOUT_PRIVATE, LAYOUT_SHARED };
static const char *const layout_names[] = {"private", "shared", NULL};

/* What is called, in Python: everything fresh for each thread or call. */
static const char calls_source[] =
    "def python(): pass\n"
    "def argument(value): pass\n"
    "class Class:\n"
    "    of_class = None\n"
    "    def __init__(self): self.found = None\n"
    "    def method(self): pass\n"
    "    def __call__(self): pass\n"
    "instance = Class()\n";

/* Arguments of a call; read-only for the workers. */
struct calls_shared {
    PyObject *names;  // what calls_source has defined; NULL: each its own
    const char *wanted;
};

struct calls_worker {
    PyObject *target;  // owned
    PyObject *name;    // of a method or attribute, owned
};

static PyObject *
calls_builtin_noargs(PyObject *self, PyObject *Py_UNUSED(args))
{
    return Py_NewRef(self);
}

static PyObject *
calls_builtin_one(PyObject *Py_UNUSED(self), PyObject *argument)
{
    return Py_NewRef(argument);
}

static PyObject *
calls_builtin_keywords(PyObject *self, PyObject *Py_UNUSED(args),
                       PyObject *Py_UNUSED(kwargs))
{
    return Py_NewRef(self);
}

static PyMethodDef calls_builtins[] = {
    {"noargs", calls_builtin_noargs, METH_NOARGS, NULL},
    {"one", calls_builtin_one, METH_O, NULL},
    {"keywords", (PyCFunction)(void (*)(void))calls_builtin_keywords,
     METH_VARARGS | METH_KEYWORDS, NULL},
};

/* Runs the source in a new dict and adds the built-in functions and a type;
   a new reference, or NULL with an exception set. */
static PyObject *
calls_define(void)
{
    PyObject *names = PyDict_New();
    if (names == NULL
        || PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins())
               < 0) {
        goto error;
    }
    PyObject *result = PyRun_String(calls_source, Py_file_input, names, names);
    if (result == NULL) {
        goto error;
    }
    Py_DECREF(result);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(calls_builtins); i++) {
        PyObject *function = PyCFunction_New(&calls_builtins[i], Py_None);
        if (function == NULL
            || PyDict_SetItemString(names, calls_builtins[i].ml_name, function)
                   < 0) {
            Py_XDECREF(function);
            goto error;
        }
        Py_DECREF(function);
    }
    if (PyDict_SetItemString(names, "type", (PyObject *)&PyBaseObject_Type)
        < 0) {
        goto error;
    }
    return names;
error:
    Py_XDECREF(names);
    return NULL;
}

static int
calls_prepare(struct pb_worker *worker)
{
    const struct calls_shared *shared = worker->shared;
    struct calls_worker *local = worker->local;
    PyObject *names = shared->names != NULL ? Py_NewRef(shared->names)
                                            : calls_define();
    if (names == NULL) {
        return -1;
    }
    PyObject *target = PyDict_GetItemString(names, shared->wanted);
    local->target = Py_XNewRef(target);
    Py_DECREF(names);
    if (target == NULL) {
        PyErr_Format(PyExc_SystemError, "calls: '%s' is not defined",
                     shared->wanted);
        return -1;
    }
    return 0;
}

static int
calls_named_prepare(struct pb_worker *worker, const char *name)
{
    struct calls_worker *local = worker->local;
    if (calls_prepare(worker) < 0) {
        return -1;
    }
    local->name = PyUnicode_InternFromString(name);
    return local->name == NULL ? -1 : 0;
}

static int
calls_method_prepare(struct pb_worker *worker)
{
    return calls_named_prepare(worker, "method");
}

static int
calls_found_prepare(struct pb_worker *worker)
{
    return calls_named_prepare(worker, "found");
}

static int
calls_class_prepare(struct pb_worker *worker)
{
    return calls_named_prepare(worker, "of_class");
}

static int
calls_missing_prepare(struct pb_worker *worker)
{
    return calls_named_prepare(worker, "missing");
}

static void
calls_finish(struct pb_worker *worker)
{
    struct calls_worker *local = worker->local;
    Py_CLEAR(local->target);
    Py_CLEAR(local->name);
}

/* -1 with the exception of the call that failed. */
static int
calls_failed(int failed)
{
    return failed ? -1 : 0;
}

static int
calls_c_loop(struct pb_worker *worker, int64_t iterations)
{
    const struct calls_worker *local = worker->local;
    PyObject *target = local->target;
    binaryfunc function = calls_builtin_one;
    /* Not a constant to the compiler, so that it is called and not copied. */
    __asm__ volatile("" : "+r"(function));
    (void)target;
    PB_LOOP(iterations, {
        PB_OP(Py_DECREF(function(NULL, target));)
        pb_clobber();
    });
    return 0;
}

/* A loop per protocol.  A call that fails leaves its exception for the end of
   the block, where it ends the call of the kernel. */
#define CALLS_LOOP(name_, ...)                                                \
    static int calls_##name_##_loop(struct pb_worker *worker,                 \
                                    int64_t iterations)                       \
    {                                                                         \
        const struct calls_worker *local = worker->local;                     \
        PyObject *target = local->target, *name = local->name;                \
        int failed = 0;                                                       \
        (void)target;                                                         \
        (void)name;                                                           \
        PB_LOOP(iterations, {                                                 \
            PB_OP(__VA_ARGS__)                                                \
            pb_clobber();                                                     \
        });                                                                   \
        return calls_failed(failed);                                          \
    }

CALLS_LOOP(plain, PyObject *result = PyObject_CallNoArgs(target);
           failed |= result == NULL; Py_XDECREF(result);)
CALLS_LOOP(argument, PyObject *result = PyObject_CallOneArg(target, Py_None);
           failed |= result == NULL; Py_XDECREF(result);)
CALLS_LOOP(method, PyObject *result = PyObject_CallMethodNoArgs(target, name);
           failed |= result == NULL; Py_XDECREF(result);)
CALLS_LOOP(attribute, PyObject *result = PyObject_GetAttr(target, name);
           failed |= result == NULL; Py_XDECREF(result);)
CALLS_LOOP(missing, PyObject *result = PyObject_GetAttr(target, name);
           failed |= result != NULL; Py_XDECREF(result); PyErr_Clear();)

#undef CALLS_LOOP

#define CALLS_KERNEL(name_, prepare_, loop_)                                  \
    {.name = name_, .attached = true, .block = CALLS_BLOCK,                   \
     .local_size = sizeof(struct calls_worker), .prepare = prepare_,          \
     PB_LOOP_FUNCTION(loop_), .finish = calls_finish}

static const struct pb_kernel call_kernels[] = {
    [KIND_C] = CALLS_KERNEL("calls_call", calls_prepare, calls_c_loop),
    [KIND_NOARGS] = CALLS_KERNEL("calls_call", calls_prepare,
                                 calls_plain_loop),
    [KIND_ONE] = CALLS_KERNEL("calls_call", calls_prepare,
                              calls_argument_loop),
    [KIND_KEYWORDS] = CALLS_KERNEL("calls_call", calls_prepare,
                                   calls_plain_loop),
    [KIND_PYTHON] = CALLS_KERNEL("calls_call", calls_prepare,
                                 calls_plain_loop),
    [KIND_ARGUMENT] = CALLS_KERNEL("calls_call", calls_prepare,
                                   calls_argument_loop),
    [KIND_METHOD] = CALLS_KERNEL("calls_call", calls_method_prepare,
                                 calls_method_loop),
    [KIND_INSTANCE] = CALLS_KERNEL("calls_call", calls_prepare,
                                   calls_plain_loop),
    [KIND_TYPE] = CALLS_KERNEL("calls_call", calls_prepare, calls_plain_loop),
};
static const char *const call_targets[] = {
    [KIND_C] = "instance",        [KIND_NOARGS] = "noargs",
    [KIND_ONE] = "one",           [KIND_KEYWORDS] = "keywords",
    [KIND_PYTHON] = "python",     [KIND_ARGUMENT] = "argument",
    [KIND_METHOD] = "instance",   [KIND_INSTANCE] = "instance",
    [KIND_TYPE] = "type",
};
static const struct pb_kernel attribute_kernels[] = {
    [ATTRIBUTE_FOUND] = CALLS_KERNEL("calls_attribute", calls_found_prepare,
                                     calls_attribute_loop),
    [ATTRIBUTE_OF_CLASS] = CALLS_KERNEL("calls_attribute",
                                        calls_class_prepare,
                                        calls_attribute_loop),
    [ATTRIBUTE_MISSING] = CALLS_KERNEL("calls_attribute",
                                       calls_missing_prepare,
                                       calls_missing_loop),
};

static PyObject *
calls_run(PyObject *module, struct pb_plan *plan, int layout,
          const char *wanted)
{
    struct calls_shared shared = {.wanted = wanted};
    if (layout == LAYOUT_SHARED) {
        shared.names = calls_define();
        if (shared.names == NULL) {
            return NULL;
        }
    }
    plan->shared = &shared;
    PyObject *results = pb_run(module, plan);
    Py_XDECREF(shared.names);
    return results;
}

PyDoc_STRVAR(calls_call_doc,
"calls_call($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"           kind='python', layout='private')\n--\n\n"
"Call something from C, by the public protocol for its kind.\n\n"
PB_ARGUMENTS_DOC "\n"
"kind: 'c' (a C function, no Python), 'noargs', 'one', 'keywords' (built-in\n"
"functions), 'python', 'argument' (Python functions), 'method', 'instance'\n"
"(with __call__), 'type' (object()). layout: 'private', 'shared'.");

static PyObject *
calls_call(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "kind", "layout", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *kind_name = "python", *layout_name = "private";
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "ss:calls_call", names,
            PB_ARGUMENTS_TARGETS(common), &kind_name, &layout_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int kind = pb_choice("kind", kind_name, kind_names);
    if (kind < 0) {
        return NULL;
    }
    int layout = pb_choice("layout", layout_name, layout_names);
    if (layout < 0) {
        return NULL;
    }
    plan.kernel = &call_kernels[kind];
    return calls_run(module, &plan, layout, call_targets[kind]);
}

PyDoc_STRVAR(calls_attribute_doc,
"calls_attribute($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                kind='found', layout='private')\n--\n\n"
"Look an attribute of an instance up from C.\n\n"
PB_ARGUMENTS_DOC "\n"
"kind: 'found' (in its dict), 'of_class', 'missing' (and the error is\n"
"cleared). layout: 'private' (an instance for each thread), 'shared'.");

static PyObject *
calls_attribute(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "kind", "layout", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *kind_name = "found", *layout_name = "private";
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "ss:calls_attribute", names,
            PB_ARGUMENTS_TARGETS(common), &kind_name, &layout_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int kind = pb_choice("kind", kind_name, attribute_names);
    if (kind < 0) {
        return NULL;
    }
    int layout = pb_choice("layout", layout_name, layout_names);
    if (layout < 0) {
        return NULL;
    }
    plan.kernel = &attribute_kernels[kind];
    return calls_run(module, &plan, layout, "instance");
}

static PyMethodDef calls_methods[] = {
    {"calls_call", (PyCFunction)(void (*)(void))calls_call,
     METH_VARARGS | METH_KEYWORDS, calls_call_doc},
    {"calls_attribute", (PyCFunction)(void (*)(void))calls_attribute,
     METH_VARARGS | METH_KEYWORDS, calls_attribute_doc},
    {NULL, NULL, 0, NULL},
};

static const struct pb_listing calls_listings[] = {
    {.name = "calls_call", .attached = true},
    {.name = "calls_attribute", .attached = true},
    {NULL, false, NULL},
};

int
pb_calls_add(PyObject *module)
{
    return pb_area_add(module, "calls", calls_methods, calls_listings);
}
