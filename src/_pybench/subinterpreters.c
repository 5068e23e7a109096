/* subinterpreters.c - what does a second interpreter in the process cost?

   One iteration is one interpreter made and destroyed, or one change to another
   and back, by PyThreadState_Swap.  Inside the window: that alone.  Both run
   attached, on a native thread: each worker makes and destroys interpreters of
   its own, on the thread that made them and with their own thread state
   attached, as the API demands.  Making one runs its start-up: built-in types,
   the import system, site if the main interpreter has it.

   Not shown: work inside (see the rows in Python), and what passes between
   interpreters.  Source: PEP 684 (a GIL each, 3.12), PEP 734. */

#include "entries.h"

/* One interpreter takes milliseconds: look after each.  A switch takes 20 to
   500 ns: 40 us to 1 ms between two looks. */
enum { CREATE_BLOCK = 1, SWITCH_BLOCK = 2048 };

enum gil { GIL_OWN, GIL_SHARED };
static const char *const gil_names[] = {"own", "shared", NULL};

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
subinterpreters_failed(const struct pb_worker *worker)
{
    PyErr_Format(PyExc_RuntimeError, "%s: an interpreter could not be made",
                 worker->plan->name);
    return -1;
}

static int
subinterpreters_create_loop(struct pb_worker *worker, int64_t iterations)
{
    enum gil gil = (enum gil)worker->plan->options[0];
    PyThreadState *own = PyThreadState_Get();
    int failed = 0;
    for (int64_t i = 0; i < iterations && !failed; i++) {
        PB_OP(
            (void)PyThreadState_Swap(NULL);
            PyThreadState *made = subinterpreters_new(gil);
            if (made != NULL) {
                Py_EndInterpreter(made);
            }
            (void)PyThreadState_Swap(own);
            failed = made == NULL;
        )
        pb_clobber();
    }
    (void)gil;
    (void)own;
    return failed ? subinterpreters_failed(worker) : 0;
}

static int
subinterpreters_switch_prepare(struct pb_worker *worker)
{
    struct subinterpreters_worker *local = worker->local;
    PyThreadState *own = PyThreadState_Swap(NULL);
    local->other = subinterpreters_new((enum gil)worker->plan->options[0]);
    (void)PyThreadState_Swap(own);
    return local->other == NULL ? subinterpreters_failed(worker) : 0;
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

PB_MEASURED(subinterpreters_switch_loop,
            PyThreadState *other =
                ((struct subinterpreters_worker *)worker->local)->other;
            PyThreadState *own = PyThreadState_Get();
            (void)other; (void)own;,
            PB_OP((void)PyThreadState_Swap(other);
                  (void)PyThreadState_Swap(own);), 0)

#else
#  define subinterpreters_create_loop NULL
#  define subinterpreters_switch_loop NULL
#  define subinterpreters_switch_prepare NULL
#  define subinterpreters_switch_finish NULL
#endif

static const struct pb_kernel create_kernel = {
    .attached = true,
    .waits = true,  // it starts and ends with other locks than its own
    .block = CREATE_BLOCK,
    PB_LOOP_FUNCTION(subinterpreters_create_loop),
};
static const struct pb_kernel switch_kernel = {
    .attached = true, .block = SWITCH_BLOCK,
    .local_size = sizeof(struct subinterpreters_worker),
    .prepare = subinterpreters_switch_prepare,
    PB_LOOP_FUNCTION(subinterpreters_switch_loop),
    .finish = subinterpreters_switch_finish,
};

#define SUBINTERPRETERS_MISSING                                               \
    (PB_HAVE_INTERPRETER_CONFIG                                               \
         ? NULL                                                               \
         : "Py_NewInterpreterFromConfig came with CPython 3.12")

PB_ENTRY(subinterpreters_create,
    .doc = "Make an interpreter and destroy it.",
    .more = "NotImplementedError before 3.12.",
    .options = {
        PB_CHOICE("gil", gil_names, 0, "Of the new one.")},
    .kernels = &create_kernel,
    .missing = SUBINTERPRETERS_MISSING)

PB_ENTRY(subinterpreters_switch,
    .doc = "Attach to another interpreter and come back.",
    .more = "NotImplementedError before 3.12.",
    .options = {
        PB_CHOICE("gil", gil_names, 0, "Of the other one.")},
    .kernels = &switch_kernel,
    .missing = SUBINTERPRETERS_MISSING)

PB_AREA(subinterpreters, PB_METHOD(subinterpreters_create),
        PB_METHOD(subinterpreters_switch))
