/* subinterpreters.c - what does a second interpreter in the process cost?

   subinterpreters_create  one interpreter made and destroyed
     gil      own     with a GIL of its own, and its own allocator
              shared  under the GIL of the interpreter that makes it
   subinterpreters_switch  one change to another interpreter and back, by
                           PyThreadState_Swap; nothing runs in it
     gil      own, shared

   One iteration is one of these.  Inside the window: that alone.  Outside:
   for switch, making the other interpreter.  Both run attached, on a native
   thread: each worker makes and destroys interpreters of its own, on the
   thread that made them and with their own thread state attached, as the API
   demands.

   Making an interpreter runs its start-up: built-in types, the import system,
   site if the main interpreter has it.  That is milliseconds of Python.

   Not shown: work inside (see the rows in Python), and what passes between
   interpreters.  Source: PEP 684 (a GIL each, 3.12), PEP 734. */

#include "areas.h"
#include "arguments.h"
#include "loop.h"
#include "threads.h"

/* One interpreter takes milliseconds: look after each.  A switch takes 20 to
   500 ns: 40 us to 1 ms between two looks. */
enum { CREATE_BLOCK = 1, SWITCH_BLOCK = 2048 };

enum gil { GIL_OWN, GIL_SHARED };
static const char *const gil_names[] = {"own", "shared", NULL};

/* Arguments of a call; read-only for the workers. */
struct subinterpreters_shared {
    enum gil gil;
};

struct subinterpreters_worker {
    PyThreadState *other;  // of the second interpreter, detached
};

#if PB_HAVE_INTERPRETER_CONFIG

/* Makes an interpreter from a detached thread; its thread state is attached
   on return.  NULL when it cannot be made, with nothing attached. */
static PyThreadState *
subinterpreters_new(enum gil gil)
{
    PyThreadState *made = NULL;
    PyInterpreterConfig config = {
        .use_main_obmalloc = gil == GIL_SHARED,
        .allow_fork = 0,
        .allow_exec = 0,
        .allow_threads = 1,
        .allow_daemon_threads = 0,
        .check_multi_interp_extensions = 1,
        .gil = gil == GIL_OWN ? PyInterpreterConfig_OWN_GIL
                              : PyInterpreterConfig_SHARED_GIL,
    };
    PyStatus status = Py_NewInterpreterFromConfig(&made, &config);
    return PyStatus_Exception(status) ? NULL : made;
}

static int
subinterpreters_create_loop(struct pb_worker *worker, int64_t iterations)
{
    const struct subinterpreters_shared *shared = worker->shared;
    PyThreadState *own = PyThreadState_Get();
    int failed = 0;
    for (int64_t i = 0; i < iterations && !failed; i++) {
        PB_OP(
            (void)PyThreadState_Swap(NULL);
            PyThreadState *made = subinterpreters_new(shared->gil);
            if (made != NULL) {
                Py_EndInterpreter(made);
            }
            (void)PyThreadState_Swap(own);
            failed = made == NULL;
        )
        pb_clobber();
    }
    (void)shared;
    (void)own;
    if (failed) {
        PyErr_SetString(PyExc_RuntimeError,
                        "subinterpreters_create: an interpreter could not be "
                        "made");
        return -1;
    }
    return 0;
}

static int
subinterpreters_switch_prepare(struct pb_worker *worker)
{
    const struct subinterpreters_shared *shared = worker->shared;
    struct subinterpreters_worker *local = worker->local;
    PyThreadState *own = PyThreadState_Swap(NULL);
    local->other = subinterpreters_new(shared->gil);
    (void)PyThreadState_Swap(own);
    if (local->other == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "subinterpreters_switch: an interpreter could not be "
                        "made");
        return -1;
    }
    return 0;
}

static void
subinterpreters_switch_finish(struct pb_worker *worker)
{
    struct subinterpreters_worker *local = worker->local;
    if (local->other == NULL) {
        return;
    }
    PyThreadState *own = PyThreadState_Swap(local->other);
    Py_EndInterpreter(local->other);
    local->other = NULL;
    (void)PyThreadState_Swap(own);
}

static int
subinterpreters_switch_loop(struct pb_worker *worker, int64_t iterations)
{
    PyThreadState *other
        = ((struct subinterpreters_worker *)worker->local)->other;
    PyThreadState *own = PyThreadState_Get();
    PB_LOOP(iterations, {
        PB_OP(
            (void)PyThreadState_Swap(other);
            (void)PyThreadState_Swap(own);
        )
        pb_clobber();
    });
    (void)other;
    (void)own;
    return 0;
}

#else
#  define subinterpreters_create_loop NULL
#  define subinterpreters_switch_loop NULL
#  define subinterpreters_switch_prepare NULL
#  define subinterpreters_switch_finish NULL
#endif

static const struct pb_kernel create_kernel = {
    .name = "subinterpreters_create",
    .attached = true,
    .waits = true,  // it starts and ends with other locks than its own
    .block = CREATE_BLOCK,
    PB_LOOP_FUNCTION(subinterpreters_create_loop),
};
static const struct pb_kernel switch_kernel = {
    .name = "subinterpreters_switch",
    .attached = true,
    .block = SWITCH_BLOCK,
    .local_size = sizeof(struct subinterpreters_worker),
    .prepare = subinterpreters_switch_prepare,
    PB_LOOP_FUNCTION(subinterpreters_switch_loop),
    .finish = subinterpreters_switch_finish,
};

static const char subinterpreters_missing[]
    = "Py_NewInterpreterFromConfig came with CPython 3.12";

static PyObject *
subinterpreters_run(PyObject *module, PyObject *args, PyObject *kwargs,
                    const char *format, const struct pb_kernel *kernel)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "gil", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *gil_name = "own";
    struct pb_plan plan = {.kernel = kernel};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names,
                                     PB_ARGUMENTS_TARGETS(common), &gil_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int gil = pb_choice("gil", gil_name, gil_names);
    if (gil < 0) {
        return NULL;
    }
    if (!PB_HAVE_INTERPRETER_CONFIG) {
        PyErr_SetString(PyExc_NotImplementedError, subinterpreters_missing);
        return NULL;
    }
    struct subinterpreters_shared shared = {.gil = (enum gil)gil};
    plan.shared = &shared;
    return pb_run(module, &plan);
}

PyDoc_STRVAR(subinterpreters_create_doc,
"subinterpreters_create($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                       gil='own')\n--\n\n"
"Make an interpreter and destroy it.\n\n"
PB_ARGUMENTS_DOC "\n"
"gil: 'own' or 'shared'. NotImplementedError before 3.12.");

static PyObject *
subinterpreters_create(PyObject *module, PyObject *args, PyObject *kwargs)
{
    return subinterpreters_run(module, args, kwargs,
                               PB_ARGUMENTS_FORMAT "s:subinterpreters_create",
                               &create_kernel);
}

PyDoc_STRVAR(subinterpreters_switch_doc,
"subinterpreters_switch($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                       gil='own')\n--\n\n"
"Attach to another interpreter and come back.\n\n"
PB_ARGUMENTS_DOC "\n"
"gil: of the other one, 'own' or 'shared'. NotImplementedError before 3.12.");

static PyObject *
subinterpreters_switch(PyObject *module, PyObject *args, PyObject *kwargs)
{
    return subinterpreters_run(module, args, kwargs,
                               PB_ARGUMENTS_FORMAT "s:subinterpreters_switch",
                               &switch_kernel);
}

static PyMethodDef subinterpreters_methods[] = {
    {"subinterpreters_create",
     (PyCFunction)(void (*)(void))subinterpreters_create,
     METH_VARARGS | METH_KEYWORDS, subinterpreters_create_doc},
    {"subinterpreters_switch",
     (PyCFunction)(void (*)(void))subinterpreters_switch,
     METH_VARARGS | METH_KEYWORDS, subinterpreters_switch_doc},
    {NULL, NULL, 0, NULL},
};

static const struct pb_listing subinterpreters_listings[] = {
    {.name = "subinterpreters_create", .attached = true,
     .missing = PB_HAVE_INTERPRETER_CONFIG ? NULL : subinterpreters_missing},
    {.name = "subinterpreters_switch", .attached = true,
     .missing = PB_HAVE_INTERPRETER_CONFIG ? NULL : subinterpreters_missing},
    {NULL, false, NULL},
};

int
pb_subinterpreters_add(PyObject *module)
{
    return pb_area_add(module, "subinterpreters", subinterpreters_methods,
                       subinterpreters_listings);
}
