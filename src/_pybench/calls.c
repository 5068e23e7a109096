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
#include "entries.h"
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

/* A thing that is called, by its name in calls_source, and the name that is
   looked up in it. */
struct calls_what {
    const char *target;
    const char *name;
};
static const struct calls_what call_whats[] = {
    [KIND_C] = {"instance", NULL},        [KIND_NOARGS] = {"noargs", NULL},
    [KIND_ONE] = {"one", NULL},           [KIND_KEYWORDS] = {"keywords", NULL},
    [KIND_PYTHON] = {"python", NULL},     [KIND_ARGUMENT] = {"argument", NULL},
    [KIND_METHOD] = {"instance", "method"},
    [KIND_INSTANCE] = {"instance", NULL}, [KIND_TYPE] = {"type", NULL},
};
static const struct calls_what attribute_whats[] = {
    [ATTRIBUTE_FOUND] = {"instance", "found"},
    [ATTRIBUTE_OF_CLASS] = {"instance", "of_class"},
    [ATTRIBUTE_MISSING] = {"instance", "missing"},
};

/* Arguments of a call; read-only for the workers. */
struct calls_shared {
    PyObject *names;  // what calls_source has defined; NULL: each its own
    const struct calls_what *what;
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
    const char *wanted = shared->what->target;
    PyObject *target = PyDict_GetItemString(names, wanted);
    local->target = Py_XNewRef(target);
    Py_DECREF(names);
    if (target == NULL) {
        PyErr_Format(PyExc_SystemError, "calls: '%s' is not defined", wanted);
        return -1;
    }
    if (shared->what->name != NULL) {
        local->name = PyUnicode_InternFromString(shared->what->name);
    }
    return shared->what->name != NULL && local->name == NULL ? -1 : 0;
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

#define CALLS_KERNEL(loop_)                                                   \
    {.attached = true, .block = CALLS_BLOCK,                                  \
     .local_size = sizeof(struct calls_worker), .prepare = calls_prepare,     \
     PB_LOOP_FUNCTION(loop_), .finish = calls_finish}

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

/* Both kernels have the options `kind`, which decides what is called, and
   `layout`. */
static PyObject *
calls_run(struct pb_call *call, const struct calls_what *whats)
{
    struct calls_shared shared = {.what = &whats[call->options[0]]};
    if (call->options[1] == LAYOUT_SHARED) {
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
    return calls_run(call, call_whats);
}

static PyObject *
calls_attribute_run(struct pb_call *call)
{
    return calls_run(call, attribute_whats);
}

static const struct pb_entry calls_call_entry = {
    .name = "calls_call",
    .doc = "Call something from C, by the public protocol for its kind.",
    .options = {{"kind", kind_names, .otherwise = KIND_PYTHON,
                 .doc = "c: a C function, no Python; noargs, one, keywords: "
                        "built-in functions;\n    python, argument: Python "
                        "functions; instance: has __call__; type: object()."},
                {"layout", layout_names,
                 .doc = "What is called: each thread its own, or one for "
                        "all."}},
    .kernels = call_kernels,
    .chosen_by = 1,
    .run = calls_call_run,
};
PB_FUNCTION(calls_call)

static const struct pb_entry calls_attribute_entry = {
    .name = "calls_attribute",
    .doc = "Look an attribute of an instance up from C.",
    .options = {{"kind", attribute_names,
                 .doc = "In its dict, in that of its class, or nowhere (the "
                        "error is cleared)."},
                {"layout", layout_names,
                 .doc = "An instance for each thread, or one for all."}},
    .kernels = attribute_kernels,
    .chosen_by = 1,
    .run = calls_attribute_run,
};
PB_FUNCTION(calls_attribute)

int
pb_calls_add(PyObject *module)
{
    static const struct pb_method methods[] = {
        PB_METHOD(calls_call),
        PB_METHOD(calls_attribute),
    };
    return pb_entries_add(module, methods, Py_ARRAY_LENGTH(methods));
}
