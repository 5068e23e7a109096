/* churn_handover.c - the part of churn that drops what another thread made.

   One iteration is one last reference dropped by a thread that does not own the
   object.  A background worker, the owner, makes the objects while the measured
   one, the dropper, sleeps; then the dropper drops them, and only that is in the
   window.  On a GIL build to drop is to destroy.  On a free-threaded one it is to
   put the object into its owner's queue (biased reference counting, PEP 703;
   Python/brc.c), where it stays until the owner runs bytecode.

   `owner` says what the owner does meanwhile: it runs bytecode, and so destroys
   as the queue is filled; it is attached in C, or detached and asleep, and calls
   an empty Python function afterwards, which drain_ns is of; or it is gone, and
   the dropper destroys.  backlog is how many were not destroyed yet when the last
   had been dropped, finalised_ns how long after that the last destructor ran.

   Not shown: destruction by the collector, objects with contents. */

#include "clock.h"
#include "companions.h"
#include "entries.h"

#include <sched.h>      // sched_yield
#include <stdatomic.h>  // _Atomic
#include <stdlib.h>     // free, malloc
#include <string.h>     // strerror

/* All objects of a round are alive at once: with their array and the allocator's
   share some 64 MB. */
enum { HANDOVER_ITERATIONS_MAX = 1000 * 1000 };

/* With 10 to 100 ns an object, 40 us to 0.4 ms. */
enum { HANDOVER_BLOCK = 4096 };

/* How long the two threads sleep between two looks at whether the call is
   ending. */
enum { HANDOVER_LOOK_NS = 10 * 1000 * 1000 };

enum { OWNER_GONE = PB_DETACHED + 1 };
static const char *const owner_names[] = {PB_COMPANION_NAMES, "gone", NULL};

enum request { REQUEST_NONE, REQUEST_MAKE, REQUEST_DRAIN, REQUEST_END };

/* Between dropper and owner.  `lock` guards what the owner sleeps for; nobody
   attaches while holding it.  The slots belong to the owner while it serves a
   request, to the dropper otherwise. */
struct handover {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_int request;    // set by the dropper, cleared when it is served
    int64_t drain_ns;      // of the last drain, set by the owner
    PyObject *type;        // made by the caller, read-only
    PyObject **slots;      // of `iterations` objects
    int64_t made;          // of them, so far, in this round
    int64_t dropped;       // of them, written by the dropper alone

    /* Written by the destructors. */
    _Alignas(PB_ALIGNMENT) _Atomic int64_t destroyed;
    _Atomic int64_t last_ns;  // when the last of the round ran
};

struct counted {
    PyObject_HEAD
    struct handover *handover;  // the call's; outlives every instance
};

static void
handover_dealloc(PyObject *self)
{
    struct handover *handover = ((struct counted *)self)->handover;
    /* With the GIL this runs in the dropper's window, and a plain addition is
       enough; without it two threads may meet. */
#if PB_FREE_THREADED
    int64_t count = atomic_fetch_add(&handover->destroyed, 1);
#else
    int64_t count =
        atomic_load_explicit(&handover->destroyed, memory_order_relaxed);
    atomic_store_explicit(&handover->destroyed, count + 1,
                          memory_order_relaxed);
#endif
    if (count + 1 == handover->made) {
        atomic_store(&handover->last_ns, pb_clock_ns());
    }
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Spec handover_spec = {
    .name = "_pybench.CountedObject",
    .basicsize = sizeof(struct counted),
    /* One made from Python would have nothing to count in. */
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = (PyType_Slot[]){{Py_tp_dealloc, handover_dealloc}, {0, NULL}},
};

enum {
    NOTE_ENQUEUE, NOTE_BACKLOG, NOTE_DRAIN, NOTE_FINALISED, NOTE_DESTROYED,
};

static void
handover_set(struct handover *handover, enum request request)
{
    pthread_mutex_lock(&handover->lock);
    atomic_store(&handover->request, request);
    pthread_cond_signal(&handover->changed);
    pthread_mutex_unlock(&handover->lock);
}

/* Sleeps, detached, until there is a request (or, for the dropper, none any
   more) or the call is ending; what there is then. */
static enum request
handover_await(const struct pb_worker *worker, bool is_owner)
{
    struct handover *handover = worker->shared;
    enum request request;
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&handover->lock);
    while ((atomic_load(&handover->request) == REQUEST_NONE) == is_owner
           && !(is_owner ? pb_background_over(worker) : pb_stopping(worker))) {
        pb_condition_wait(&handover->changed, &handover->lock,
                          HANDOVER_LOOK_NS);
    }
    request = (enum request)atomic_load(&handover->request);
    pthread_mutex_unlock(&handover->lock);
    Py_END_ALLOW_THREADS
    return request;
}

/* The attached dropper has the owner do something. */
static void
handover_ask(const struct pb_worker *worker, enum request request)
{
    handover_set(worker->shared, request);
    (void)handover_await(worker, false);
}

/* Makes the round's objects, or some of them when the call is ending; whoever
   calls it, attached, owns them.  0, or -1 with an exception. */
static int
handover_make(const struct pb_worker *worker)
{
    struct handover *handover = worker->shared;
    PyTypeObject *type = (PyTypeObject *)handover->type;
    atomic_store(&handover->destroyed, 0);
    handover->dropped = 0;
    handover->made = 0;
    while (handover->made < worker->plan->iterations) {
        PyObject *object = type->tp_alloc(type, 0);
        if (object == NULL) {
            return -1;
        }
        ((struct counted *)object)->handover = handover;
        handover->slots[handover->made++] = object;
        /* A million of them take long enough to keep a Ctrl-C waiting. */
        if (handover->made % HANDOVER_BLOCK == 0) {
            if (pb_stopping(worker)) {
                return 0;
            }
            if (pb_worker_safepoint(worker) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* An owner that ends as soon as it has made them. */
struct mortal {
    const struct pb_worker *worker;
    PyInterpreterState *interpreter;
    int status;
};

static void *
handover_mortal(void *argument)
{
    struct mortal *mortal = argument;
    PyThreadState *tstate = PyThreadState_New(mortal->interpreter);
    if (tstate != NULL) {
        PyEval_RestoreThread(tstate);
        mortal->status = handover_make(mortal->worker);
        PyErr_Clear();
        PyThreadState_Clear(tstate);
        PyThreadState_DeleteCurrent();
    }
    return NULL;
}

/* 0, or -1 with an exception. */
static int
handover_make_apart(const struct pb_worker *worker)
{
    struct mortal mortal = {worker, PyInterpreterState_Get(), -1};
    pthread_t thread;
    int failure;
    Py_BEGIN_ALLOW_THREADS
    failure = pb_thread_start(&thread, handover_mortal, &mortal);
    if (failure == 0) {
        pthread_join(thread, NULL);
    }
    Py_END_ALLOW_THREADS
    if (failure != 0) {
        PyErr_Format(PyExc_RuntimeError,
                     "churn_handover: the owner's thread could not start: %s",
                     strerror(failure));
    }
    else if (mortal.status < 0) {
        PyErr_NoMemory();
    }
    return failure == 0 ? mortal.status : -1;
}

static bool
handover_unasked(struct pb_worker *worker)
{
    struct handover *handover = worker->shared;
    return atomic_load(&handover->request) == REQUEST_NONE
           && !pb_background_over(worker);
}

/* The owner: does what the dropper asks of it, and is in its state otherwise. */
static int
handover_owner(struct pb_worker *worker)
{
    struct handover *handover = worker->shared;
    int64_t owner = worker->plan->options[0];
    int status = 0;
    pb_background_ready(worker);
    while (status == 0) {
        if (owner < PB_DETACHED) {
            status =
                pb_companion_stay(worker, owner, handover_unasked, NULL);
        }
        enum request request =
            status < 0 ? REQUEST_NONE : handover_await(worker, true);
        /* None: the call ends early. */
        if (request == REQUEST_NONE || request == REQUEST_END) {
            break;
        }
        if (request == REQUEST_DRAIN) {
            int64_t begin_ns = pb_clock_ns();
            status = pb_worker_safepoint(worker);
            handover->drain_ns = pb_clock_ns() - begin_ns;
        }
        else {
            status = owner == OWNER_GONE ? handover_make_apart(worker)
                                         : handover_make(worker);
        }
        handover_set(handover, REQUEST_NONE);
    }
    /* Nobody is served after this; the dropper need not wait. */
    handover_set(handover, REQUEST_NONE);
    return status;
}

static int
handover_round_prepare(struct pb_worker *worker)
{
    handover_ask(worker, REQUEST_MAKE);
    return 0;
}

static int
handover_loop(struct pb_worker *worker, int64_t iterations)
{
    struct handover *handover = worker->shared;
    PyObject **slot = handover->slots + handover->dropped;
    handover->dropped += iterations;
    PB_LOOP(iterations, {
        PB_OP(Py_DECREF(*slot);)
        slot++;
        pb_clobber();
    });
    return 0;
}

/* Has the owner destroy what is left, or waits for one that does it by itself. */
static void
handover_drain(struct pb_worker *worker)
{
    struct handover *handover = worker->shared;
    handover->drain_ns = 0;
    if (worker->plan->options[0] != PB_RUNNING) {
        handover_ask(worker, REQUEST_DRAIN);
        return;
    }
    Py_BEGIN_ALLOW_THREADS
    while (atomic_load(&handover->destroyed) < handover->dropped
           && !pb_stopping(worker)) {
        sched_yield();
    }
    Py_END_ALLOW_THREADS
}

static int
handover_round_finish(struct pb_worker *worker)
{
    struct handover *handover = worker->shared;
    struct pb_sample *sample = worker->sample;
#ifdef PB_MUTANT
    for (int64_t i = 0; i < handover->dropped; i++) {
        Py_DECREF(handover->slots[i]);
    }
#endif
    int64_t backlog = handover->dropped - atomic_load(&handover->destroyed);
    handover_drain(worker);
    int64_t destroyed = atomic_load(&handover->destroyed);
    /* The owner may then still be at it, and the round is not told of. */
    if (pb_stopping(worker)) {
        return 0;
    }
    sample->note[NOTE_ENQUEUE] = sample->wall_ns;
    sample->note[NOTE_BACKLOG] = backlog;
    sample->note[NOTE_DRAIN] = handover->drain_ns;
    sample->note[NOTE_FINALISED] =
        Py_MAX(atomic_load(&handover->last_ns) - sample->stop_ns, 0);
    sample->note[NOTE_DESTROYED] = destroyed;
    if (destroyed != worker->plan->iterations) {
        PyErr_Format(PyExc_RuntimeError,
                     "churn_handover: %lld of %lld objects were destroyed "
                     "when their owner had run bytecode",
                     (long long)destroyed,
                     (long long)worker->plan->iterations);
        return -1;
    }
    if (worker->round + 1 == worker->plan->rounds) {
        /* Else the owner would sleep on until its next look. */
        handover_ask(worker, REQUEST_END);
    }
    return 0;
}

static const struct pb_kernel handover_kernel = {
    .attached = true,
    .block = HANDOVER_BLOCK,
    .notes = {[NOTE_ENQUEUE] = "enqueue_ns",
              [NOTE_BACKLOG] = "backlog",
              [NOTE_DRAIN] = "drain_ns",
              [NOTE_FINALISED] = "finalised_ns",
              [NOTE_DESTROYED] = "destroyed"},
    .round_prepare = handover_round_prepare,
    PB_LOOP_FUNCTION(handover_loop),
    .round_finish = handover_round_finish,
    .background = handover_owner,
};

static PyObject *
handover_run(struct pb_call *call)
{
    struct handover handover = {.request = REQUEST_NONE};
    PyObject *results = NULL;
    if (pb_companion_plan(call, call->plan.options[0]) < 0) {
        return NULL;
    }
    /* The owner is no measured thread: see the head of this file. */
    call->plan.threads = 1;
    handover.slots =
        malloc((size_t)call->plan.iterations * sizeof(PyObject *));
    if (handover.slots == NULL) {
        return PyErr_NoMemory();
    }
    handover.type = PyType_FromSpec(&handover_spec);
    if (handover.type == NULL) {
        goto done;
    }
    pthread_mutex_init(&handover.lock, NULL);
    pb_condition_init(&handover.changed);
    results = pb_call_run(call, &handover);
    /* A call that ended early has not dropped all.  What it queued was
       destroyed with the owner's thread state, so nothing counts after this.
       */
    while (handover.dropped < handover.made) {
        Py_DECREF(handover.slots[handover.dropped++]);
    }
    pthread_cond_destroy(&handover.changed);
    pthread_mutex_destroy(&handover.lock);

done:
    Py_XDECREF(handover.type);
    free(handover.slots);
    return results;
}

PB_ENTRY(churn_handover,
    .doc = "Drop the last reference to an object that another thread made.",
    .more = "RuntimeError also when not every object was destroyed once,\n"
            "NotImplementedError for an owner that is attached with the GIL\n"
            "on. detail: enqueue_ns (to drop all), backlog (not destroyed\n"
            "then), drain_ns (the owner's next call of a Python function; 0\n"
            "of one that is running), finalised_ns (from the last drop to\n"
            "the last destructor), destroyed.",
    .iterations = {"iterations", .least = 1, .most = HANDOVER_ITERATIONS_MAX,
                   .doc = "Objects in one round.",
                   .reason = "whose objects are all alive at once"},
    .threads = {"threads", .least = 2, .most = 2, .otherwise = 2,
                .doc = "The owner and the dropper; only the dropper is measured.",
                .reason = "an owner and a dropper"},
    .options = {
        PB_CHOICE("owner", owner_names, PB_DETACHED,
                  "What the owner does meanwhile: runs bytecode, is in C,\n    "
                  "attached or not, or has ended.")},
    .kernels = &handover_kernel, .run = handover_run)

PB_AREA(churn_handover, PB_METHOD(churn_handover))
