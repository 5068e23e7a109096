/* instructions.c - tells callgrind which instructions are a row's.

   A process that runs under callgrind is instrumented from begin to end, and
   what lies in a window is counted; dump writes the count of all windows since
   the last one into callgrind's next file.  The requests are instructions that
   do nothing elsewhere. */

#include "instructions.h"

#include "areas.h"

#include <stdatomic.h>
#include <stdlib.h>  // free, malloc

#if defined(__has_include)
#  if __has_include(<valgrind/callgrind.h>)
#    include <valgrind/callgrind.h>
#    define INSTRUCTIONS_KNOWN 1
#  endif
#endif

#ifdef INSTRUCTIONS_KNOWN

static atomic_bool instructions_armed;
/* Callgrind has a switch per thread, which can only be turned over. */
static _Thread_local bool instructions_open;

static const char *
instructions_missing(void)
{
    return RUNNING_ON_VALGRIND ? "" : "this process is not under valgrind";
}

void
pb_instructions_window(bool opens)
{
    if (opens != instructions_open && atomic_load(&instructions_armed)) {
        instructions_open = opens;
        CALLGRIND_TOGGLE_COLLECT;
    }
}

static void
instructions_arm(bool arms)
{
    if (arms == atomic_load(&instructions_armed)) {
        return;
    }
    atomic_store(&instructions_armed, arms);
    if (arms) {
        CALLGRIND_START_INSTRUMENTATION;
    }
    else {
        CALLGRIND_STOP_INSTRUMENTATION;
    }
}

static void
instructions_write(void)
{
    CALLGRIND_DUMP_STATS;
}

#else

static const char *
instructions_missing(void)
{
    return "_pybench was compiled without <valgrind/callgrind.h>: install "
           "valgrind and build it again";
}

void
pb_instructions_window(bool opens)
{
    (void)opens;
}

static void
instructions_arm(bool arms)
{
    (void)arms;
}

static void
instructions_write(void)
{
}

#endif

/* Blocks that fill the holes of the C library's heap: where one that the row
   takes is cut from a larger block and joined with it again, each time, a call
   is hundreds of instructions more, or not, as what ran before has left it. */
enum { FILL_SIZES = 64, FILL_STEP = 16, FILL_EACH = 64, FILL_FREED = 7 };
static void *instructions_filling[FILL_SIZES][FILL_EACH];
static atomic_flag instructions_filled = ATOMIC_FLAG_INIT;  // by another thread

static void
instructions_fill(bool fills)
{
    if (atomic_flag_test_and_set(&instructions_filled)) {
        return;
    }
    for (int size = 0; size < FILL_SIZES; size++) {
        for (int i = 0; i < FILL_EACH; i++) {
            void **block = &instructions_filling[size][i];
            free(*block);
            *block = fills ? malloc((size_t)(size + 1) * FILL_STEP) : NULL;
        }
        /* The last ones are what the row gets: so many a thread keeps at hand. */
        for (int i = FILL_EACH - FILL_FREED; i < FILL_EACH; i++) {
            free(instructions_filling[size][i]);
            instructions_filling[size][i] = NULL;
        }
    }
    atomic_flag_clear(&instructions_filled);
}

PyDoc_STRVAR(instructions_lacks_doc,
"instructions_lacks($module, /)\n--\n\n"
"Say why no instructions can be counted here, or nothing.");

static PyObject *
instructions_lacks(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyUnicode_FromString(instructions_missing());
}

PyDoc_STRVAR(instructions_begin_doc,
"instructions_begin($module, /)\n--\n\n"
"Let windows be counted from now on, those of kernels among them.");

static PyObject *
instructions_begin(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    instructions_fill(true);
    instructions_arm(true);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(instructions_end_doc,
"instructions_end($module, /)\n--\n\n"
"Count nothing any more; the process is fast again.");

static PyObject *
instructions_end(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    pb_instructions_window(false);
    instructions_arm(false);
    instructions_fill(false);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(instructions_start_doc,
"instructions_start($module, /)\n--\n\n"
"Begin a window on this thread.");

static PyObject *
instructions_start(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    pb_instructions_window(true);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(instructions_stop_doc,
"instructions_stop($module, /)\n--\n\n"
"End the window of this thread.");

static PyObject *
instructions_stop(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    pb_instructions_window(false);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(instructions_dump_doc,
"instructions_dump($module, /)\n--\n\n"
"Write what was counted since the last time into callgrind's next file.");

static PyObject *
instructions_dump(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    instructions_write();
    Py_RETURN_NONE;
}

PyMethodDef pb_instructions_functions[] = {
    {"instructions_begin", instructions_begin, METH_NOARGS,
     instructions_begin_doc},
    {"instructions_dump", instructions_dump, METH_NOARGS,
     instructions_dump_doc},
    {"instructions_end", instructions_end, METH_NOARGS, instructions_end_doc},
    {"instructions_lacks", instructions_lacks, METH_NOARGS,
     instructions_lacks_doc},
    {"instructions_start", instructions_start, METH_NOARGS,
     instructions_start_doc},
    {"instructions_stop", instructions_stop, METH_NOARGS,
     instructions_stop_doc},
    {NULL, NULL, 0, NULL},
};
