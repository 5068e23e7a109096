/* module.c - the extension module `_pybench`: state, slots, build facts.

   Native benchmark kernels, one file per area (see README.md beside this
   file); each area's one exported function adds its kernels.  All state is in
   the module's own, so every interpreter that imports it has its own. */

#include "areas.h"
#include "result.h"
#include "state.h"
#include "threads.h"

/* setup.py passes what it compiled with; a build without it is not ours and
   must not be compared. */
#ifndef PB_BUILD_FLAGS
#  define PB_BUILD_FLAGS "unknown"
#endif
#ifndef PB_BUILD_FLAVOUR
#  define PB_BUILD_FLAVOUR "unknown"
#endif

#ifdef PB_MUTANT
#  define MODULE_MUTANT Py_True
#else
#  define MODULE_MUTANT Py_False
#endif

#if defined(__clang__)
#  define MODULE_COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#  define MODULE_COMPILER "gcc " __VERSION__
#else
#  define MODULE_COMPILER "unknown"
#endif

static int
module_add_build(PyObject *module)
{
    PyObject *build = Py_BuildValue(
        "{s:s,s:s,s:s,s:O,s:O}", "compiler", MODULE_COMPILER, "flags",
        PB_BUILD_FLAGS, "flavour", PB_BUILD_FLAVOUR, "free_threaded",
        PB_FREE_THREADED ? Py_True : Py_False, "mutant", MODULE_MUTANT);
    if (build == NULL) {
        return -1;
    }
    int status = PyModule_AddObjectRef(module, "BUILD", build);
    Py_DECREF(build);
    return status;
}

static int
module_exec(PyObject *module)
{
    static PyMethodDef *const functions[] = {
        pb_clock_functions,        pb_events_functions,
        pb_histogram_functions,    pb_instructions_functions,
        pb_pauses_functions,       pb_pauses_watch_functions,
        pb_sampler_functions,      pb_stopwatch_functions,
        pb_threads_functions,
    };
    static int (*const add[])(PyObject *) = {
        module_add_build,        pb_result_add,
        pb_threads_add,          pb_calls_add,
        pb_churn_add,            pb_churn_handover_add,
        pb_churn_replace_add,    pb_containers_add,
        pb_counters_add,         pb_gil_add,
        pb_locks_add,            pb_ordering_add,
        pb_ordering_objects_add, pb_ordering_threads_add,
        pb_pauses_add,           pb_pauses_stop_add,
        pb_refcount_add,         pb_subinterpreters_add,
        pb_yardstick_add,
    };
    struct pb_state *state = pb_get_state(module);
    state->kernels = PyDict_New();
    state->docs = PyList_New(0);
    if (state->kernels == NULL || state->docs == NULL
        || PyModule_AddObjectRef(module, "KERNELS", state->kernels) < 0) {
        return -1;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(functions); i++) {
        if (PyModule_AddFunctions(module, functions[i]) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(add); i++) {
        if (add[i](module) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct pb_state *state = pb_get_state(module);
    Py_VISIT(state->result_type);
    Py_VISIT(state->kernels);
    Py_VISIT(state->safepoint);
    return 0;
}

static int
module_clear(PyObject *module)
{
    struct pb_state *state = pb_get_state(module);
    Py_CLEAR(state->result_type);
    Py_CLEAR(state->kernels);
    Py_CLEAR(state->safepoint);
    return 0;
}

static void
module_free(void *module)
{
    (void)module_clear((PyObject *)module);
    Py_CLEAR(pb_get_state((PyObject *)module)->docs);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
/* 3.12 (PEP 684): no object is shared between interpreters. */
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
/* 3.13 (PEP 703): without it, importing this would turn the GIL on for the
   whole process. */
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

PyDoc_STRVAR(module_doc,
"Native benchmark kernels: what an operation costs, without Python's own.\n\n"
"Every kernel is a function area_operation(iterations, *, rounds, threads,\n"
"pin, ...) that returns one KernelResult per round. KERNELS lists them, BUILD\n"
"says what they were compiled with.");

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_pybench",
    .m_doc = module_doc,
    .m_size = sizeof(struct pb_state),
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__pybench(void)
{
    return PyModuleDef_Init(&module_def);
}
