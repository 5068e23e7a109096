/* pauses_watch.c - the part of pauses that watches from another thread.

   pauses_watch runs a function while a native thread, the victim, watches the
   clock with a thread state of its own, and returns the gaps in what it saw.
   Without the GIL the victim alone sees what a collection stops.  A gap may
   also be a CPU that was taken away; then the thread has not waited of its own
   accord, and the gap says so where the system counts that.

   The victim lives inside one call, so that none is left behind.  With the GIL
   off it calls an empty Python function between two readings, because a
   request to stop is seen at once in bytecode, but only by polling, every
   millisecond, in a thread that attaches and detaches.  With the GIL on it
   naps detached between two readings, so that the program it watches has the
   GIL nearly all the time; a gap is then longer than the pause by a nap and by
   what the handing over takes. */

#include "areas.h"
#include "clock.h"
#include "options.h"
#include "state.h"
#include "threads.h"

#include <sched.h>  // sched_yield
#include <stdatomic.h>
#include <stdlib.h>  // free
#include <string.h>  // strerror
#include <unistd.h>  // getpid

/* Between two readings with the GIL on.  The system adds about as much. */
enum { NAP_NS = 50000 };

struct gap {
    int64_t start_ns;
    int64_t stop_ns;
    int64_t waits;  // voluntary context switches since the gap before, or -1
};

struct victim {
    /* Constant while the thread runs. */
    PyInterpreterState *interpreter;
    PyObject *safepoint;  // borrowed from the module, which the caller holds
    struct gap *gaps;
    int64_t capacity;
    int64_t threshold_ns;
    bool naps;  // the GIL is on

    /* Written by the caller, and by the thread, on lines of their own; the rest
       is the thread's own until it has been joined. */
    _Alignas(PB_ALIGNMENT) atomic_bool stop;
    atomic_bool ready;
    const char *error;  // static text
    int64_t count;      // gaps, also those without room
    int64_t looks;
};

/* Lets others have their way between two readings; false when it failed. */
static bool
victim_yield(struct victim *victim, PyThreadState *tstate)
{
    if (victim->naps) {
        const struct timespec nap = {.tv_nsec = NAP_NS};
        (void)PyEval_SaveThread();
        (void)nanosleep(&nap, NULL);
        PyEval_RestoreThread(tstate);
        return true;
    }
    if (pb_safepoint(victim->safepoint) < 0) {
        PyErr_Clear();
        return false;
    }
    return true;
}

static void *
victim_run(void *argument)
{
    struct victim *victim = argument;
    /* On this thread, as a free-threaded build demands. */
    PyThreadState *tstate = PyThreadState_New(victim->interpreter);
    if (tstate == NULL) {
        victim->error = "no memory for a thread state";
        atomic_store(&victim->ready, true);
        return NULL;
    }
    PyEval_RestoreThread(tstate);
    atomic_store(&victim->ready, true);
    int64_t waits = pb_thread_switches(true);
    int64_t last_ns = pb_clock_ns();
    while (!atomic_load_explicit(&victim->stop, memory_order_relaxed)) {
        if (!victim_yield(victim, tstate)) {
            victim->error = "its safepoint raised";
            break;
        }
        int64_t now_ns = pb_clock_ns();
        if (now_ns - last_ns >= victim->threshold_ns) {
            /* A system call, so only now: waits in shorter gaps count with
               the next long one. */
            int64_t waits_now = pb_thread_switches(true);
            if (victim->count < victim->capacity) {
                struct gap *gap = &victim->gaps[victim->count];
                gap->start_ns = last_ns;
                gap->stop_ns = now_ns;
                gap->waits = waits_now < 0 ? -1 : waits_now - waits;
            }
            victim->count++;
            waits = waits_now;
            now_ns = pb_clock_ns();
        }
        last_ns = now_ns;
        victim->looks++;
    }
    PyThreadState_Clear(tstate);
    PyThreadState_DeleteCurrent();
    return NULL;
}

/* Calls the function while the victim watches; its result, a new reference,
   or NULL with an exception set.  The thread is gone in either case. */
static PyObject *
victim_watch(struct victim *victim, PyObject *function)
{
    pthread_t thread;
    pid_t process = getpid();
    int failure = pb_thread_start(&thread, victim_run, victim);
    if (failure != 0) {
        PyErr_Format(PyExc_RuntimeError,
                     "pauses_watch: the victim's thread cannot start: %s",
                     strerror(failure));
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    while (!atomic_load(&victim->ready)) {
        sched_yield();
    }
    Py_END_ALLOW_THREADS

    PyObject *result = PyObject_CallNoArgs(function);
    atomic_store_explicit(&victim->stop, true, memory_order_relaxed);
    if (getpid() != process) {
        /* The function has forked, and this is the child: it has no such
           thread to wait for. */
        if (result != NULL) {
            Py_CLEAR(result);
            PyErr_SetString(PyExc_RuntimeError,
                            "pauses_watch: the function forked; the victim "
                            "stayed with the parent");
        }
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    pthread_join(thread, NULL);
    Py_END_ALLOW_THREADS
    if (result != NULL && victim->error != NULL) {
        Py_CLEAR(result);
        PyErr_Format(PyExc_RuntimeError, "pauses_watch, victim: %s",
                     victim->error);
    }
    return result;
}

static PyObject *
victim_gaps(const struct victim *victim, int64_t kept)
{
    PyObject *list = PyList_New(0);
    for (int64_t i = 0; list != NULL && i < kept; i++) {
        const struct gap *gap = &victim->gaps[i];
        pb_list_add(&list, Py_BuildValue("LLL", (long long)gap->start_ns,
                                         (long long)gap->stop_ns,
                                         (long long)gap->waits));
    }
    return list;
}

PyDoc_STRVAR(pauses_watch_doc,
"pauses_watch($module, function, /, *, threshold_ns=100000, capacity=100000)\n"
"--\n\n"
"Call function() while another thread watches for gaps; return what it saw.\n\n"
"threshold_ns: gaps from this on are kept, 1000..60*10**9. capacity: how many,\n"
"the first ones, 1..10**7. Returns a dict: result (of the function); gaps,\n"
"tuples (start_ns, stop_ns, waits) on the clock of time.monotonic_ns(), waits\n"
"being voluntary context switches, without which the CPU was taken away, or -1;\n"
"lost (gaps without room); looks (at the clock); naps (the GIL is on: gaps are\n"
"longer than pauses by the thread's sleep). Raises what the function raises;\n"
"TypeError or ValueError for a bad argument; RuntimeError when the thread cannot\n"
"start or the interpreter shuts down.");

static PyObject *
pauses_watch(PyObject *module, PyObject *args, PyObject *kwargs)
{
    /* Gaps that are shorter are the turns of the loop itself. */
    static const struct pb_option threshold = {
        "threshold_ns", .least = 1000, .most = INT64_C(60000000000),
        .otherwise = 100000};
    static const struct pb_option capacity = {
        "capacity", .least = 1, .most = 10000000, .otherwise = 100000};
    static char *names[] = {"", "threshold_ns", "capacity", NULL};
    PyObject *function, *given_threshold = NULL, *given_capacity = NULL;
    PyObject *result, *answer = NULL;
    struct victim victim = {.interpreter = PyInterpreterState_Get(),
                            .safepoint = pb_get_state(module)->safepoint};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OO:pauses_watch", names,
                                     &function, &given_threshold,
                                     &given_capacity)
        || pb_option_read(&threshold, NULL, given_threshold,
                          &victim.threshold_ns) < 0
        || pb_option_read(&capacity, NULL, given_capacity, &victim.capacity)
               < 0) {
        return NULL;
    }
    if (!PyCallable_Check(function)) {
        PyErr_Format(PyExc_TypeError, "function must be callable, not %R",
                     function);
        return NULL;
    }
    if (pb_threads_allowed(module, "pauses_watch") < 0) {
        return NULL;
    }
    int gil_enabled = pb_gil_enabled();
    if (gil_enabled < 0) {
        return NULL;
    }
    victim.naps = gil_enabled != 0;
    victim.gaps = pb_allocate((size_t)victim.capacity, sizeof(*victim.gaps));
    if (victim.gaps == NULL) {
        return NULL;
    }
    result = victim_watch(&victim, function);
    int64_t kept = Py_MIN(victim.count, victim.capacity);
    PyObject *gaps = result == NULL ? NULL : victim_gaps(&victim, kept);
    if (gaps != NULL) {
        answer = Py_BuildValue(
            "{s:O,s:N,s:L,s:L,s:O}", "result", result, "gaps", gaps, "lost",
            (long long)(victim.count - kept), "looks",
            (long long)victim.looks, "naps",
            victim.naps ? Py_True : Py_False);
    }
    Py_XDECREF(result);
    free(victim.gaps);
    return answer;
}

PyMethodDef pb_pauses_watch_functions[] = {
    {"pauses_watch", (PyCFunction)(void (*)(void))pauses_watch,
     METH_VARARGS | METH_KEYWORDS, pauses_watch_doc},
    {NULL, NULL, 0, NULL},
};
