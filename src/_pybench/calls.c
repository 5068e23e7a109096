/* calls.c - what does a call cost from C, by the kind of thing that is called?

   One iteration is one call and dropping what it returns, or one look-up of an
   attribute.  Inside the window: that, and an eighth of a loop turn.  Outside:
   making what is called.  All run attached (the control too, a C function
   through a pointer, so that it is on the same footing).

   C code calls functions through the vectorcall protocol (PEP 590); the
   interpreter calls Python functions without leaving its loop, so that a
   Python function is dearer from here than from bytecode.  Every call must
   return, or the kernel raises. */

#include "entries.h"

/* Block of a 1 to 200 ns operation: 4 us to 0.8 ms between two looks. */
enum { CALLS_BLOCK = 4096 };

enum kind {
    KIND_C, KIND_NOARGS, KIND_ONE, KIND_KEYWORDS, KIND_PYTHON, KIND_ARGUMENT,
    KIND_METHOD, KIND_INSTANCE, KIND_TYPE,
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
    "instance = Class()\n"
    "type = object\n";

/* Arguments of a call; read-only for the workers. */
struct calls_shared {
    PyObject *names;     // what calls_source has defined; NULL: each its own
    const char *target;  // which of them is called
    const char *name;    // what is looked up in it
};

/* What a worker owns: what is called, and the name of a method or attribute. */
enum { OWNED_TARGET, OWNED_NAME };

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

/* What the source defines and the built-in functions, as a dict; a new
   reference, or NULL with an exception set. */
static PyObject *
calls_define(void)
{
    PyObject *names = pb_define(calls_source, Py_None);
    for (size_t i = 0; names != NULL && i < Py_ARRAY_LENGTH(calls_builtins);
         i++) {
        PyObject *function = PyCFunction_New(&calls_builtins[i], Py_None);
        if (function == NULL
            || PyDict_SetItemString(names, calls_builtins[i].ml_name, function)
                   < 0) {
            Py_CLEAR(names);
        }
        Py_XDECREF(function);
    }
    return names;
}

static int
calls_prepare(struct pb_worker *worker)
{
    const struct calls_shared *shared = worker->shared;
    PyObject *names = shared->names != NULL ? Py_NewRef(shared->names)
                                            : calls_define();
    if (names == NULL) {
        return -1;
    }
    worker->owned[OWNED_TARGET] = pb_defined(names, shared->target);
    Py_DECREF(names);
    if (worker->owned[OWNED_TARGET] == NULL) {
        return -1;
    }
    worker->owned[OWNED_NAME] = PyUnicode_InternFromString(shared->name);
    return worker->owned[OWNED_NAME] == NULL ? -1 : 0;
}

/* A call that fails leaves its exception for the end of the block, where it
   ends the call of the kernel. */
#define CALLED                                                                \
    PyObject *target = worker->owned[OWNED_TARGET];                           \
    PyObject *name = worker->owned[OWNED_NAME];                               \
    int failed = 0;                                                           \
    (void)target, (void)name;
#define FAILED (failed ? -1 : 0)

/* Not a constant to the compiler, so that it is called and not copied. */
#define C_FUNCTION                                                            \
    PyObject *target = worker->owned[OWNED_TARGET];                           \
    binaryfunc function = calls_builtin_one;                                  \
    __asm__ volatile("" : "+r"(function));                                    \
    (void)target;

PB_MEASURED(calls_c_loop, C_FUNCTION,
            PB_OP(Py_DECREF(function(NULL, target));), 0)
PB_MEASURED(calls_plain_loop, CALLED,
            PB_OP(PyObject *result = PyObject_CallNoArgs(target);
                  failed |= result == NULL; Py_XDECREF(result);), FAILED)
PB_MEASURED(calls_argument_loop, CALLED,
            PB_OP(PyObject *result = PyObject_CallOneArg(target, Py_None);
                  failed |= result == NULL; Py_XDECREF(result);), FAILED)
PB_MEASURED(calls_method_loop, CALLED,
            PB_OP(PyObject *result = PyObject_CallMethodNoArgs(target, name);
                  failed |= result == NULL; Py_XDECREF(result);), FAILED)
PB_MEASURED(calls_attribute_loop, CALLED,
            PB_OP(PyObject *result = PyObject_GetAttr(target, name);
                  failed |= result == NULL; Py_XDECREF(result);), FAILED)
PB_MEASURED(calls_missing_loop, CALLED,
            PB_OP(PyObject *result = PyObject_GetAttr(target, name);
                  failed |= result != NULL; Py_XDECREF(result);
                  PyErr_Clear();), FAILED)

#define CALLS_KERNEL(loop_)                                                   \
    {.attached = true, .block = CALLS_BLOCK, .prepare = calls_prepare,        \
     PB_LOOP_FUNCTION(loop_)}

static const struct pb_kernel call_kernels[] = {
    [KIND_C] = CALLS_KERNEL(calls_c_loop),
    [KIND_NOARGS] = CALLS_KERNEL(calls_plain_loop),
    [KIND_ONE] = CALLS_KERNEL(calls_argument_loop),
    [KIND_KEYWORDS] = CALLS_KERNEL(calls_plain_loop),
    [KIND_PYTHON] = CALLS_KERNEL(calls_plain_loop),
    [KIND_ARGUMENT] = CALLS_KERNEL(calls_argument_loop),
    [KIND_METHOD] = CALLS_KERNEL(calls_method_loop),
    [KIND_INSTANCE] = CALLS_KERNEL(calls_plain_loop),
    [KIND_TYPE] = CALLS_KERNEL(calls_plain_loop),
};
static const struct pb_kernel attribute_kernels[] = {
    [ATTRIBUTE_FOUND] = CALLS_KERNEL(calls_attribute_loop),
    [ATTRIBUTE_OF_CLASS] = CALLS_KERNEL(calls_attribute_loop),
    [ATTRIBUTE_MISSING] = CALLS_KERNEL(calls_missing_loop),
};

/* Both kernels have the options `kind` and `layout`. */
static PyObject *
calls_run(struct pb_call *call, const char *target, const char *name)
{
    struct calls_shared shared = {.target = target, .name = name};
    if (call->plan.options[1] == LAYOUT_SHARED) {
        shared.names = calls_define();
        if (shared.names == NULL) {
            return NULL;
        }
    }
    PyObject *results = pb_call_run(call, &shared);
    Py_XDECREF(shared.names);
    return results;
}

static PyObject *
calls_call_run(struct pb_call *call)
{
    int64_t kind = call->plan.options[0];
    bool is_instance =
        kind == KIND_C || kind == KIND_METHOD || kind == KIND_INSTANCE;
    return calls_run(call, is_instance ? "instance" : kind_names[kind],
                     kind_names[kind]);
}

static PyObject *
calls_attribute_run(struct pb_call *call)
{
    return calls_run(call, "instance", attribute_names[call->plan.options[0]]);
}

PB_ENTRY(calls_call,
    .doc = "Call something from C, by the public protocol for its kind.",
    .options = {
        PB_CHOICE("kind", kind_names, KIND_PYTHON,
                  "c: a C function, no Python; noargs, one, keywords:\n    "
                  "built-in functions; python, argument: Python\n    "
                  "functions; instance: has __call__; type: object()."),
        PB_CHOICE("layout", layout_names, 0,
                  "What is called: each thread its own, or one for\n    "
                  "all.")},
    .kernels = call_kernels, .chosen_by = 1, .run = calls_call_run)

PB_ENTRY(calls_attribute,
    .doc = "Look an attribute of an instance up from C.",
    .options = {
        PB_CHOICE("kind", attribute_names, 0,
                  "In its dict, in that of its class, or nowhere (the\n    "
                  "error is cleared)."),
        PB_CHOICE("layout", layout_names, 0,
                  "An instance for each thread, or one for all.")},
    .kernels = attribute_kernels, .chosen_by = 1, .run = calls_attribute_run)

PB_AREA(calls, PB_METHOD(calls_call), PB_METHOD(calls_attribute))
