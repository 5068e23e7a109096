/* locks.c - what does a lock cost, free and contended, by kind of lock?

   One iteration is one acquisition and one release, or one beginning and end of
   a critical section, with a counter inside that is added one to.  Inside the
   window: that, and an eighth of a loop turn.  Outside: making locks and
   objects, which lie 256 bytes apart.

   locks_pair runs detached: a PyMutex needs no thread state.  pythread is what
   threading.Lock was made of up to 3.12, and a PyMutex itself from 3.15 on;
   pthread is the control without CPython.  Critical sections run attached, and
   on free-threaded builds alone; with the GIL they are empty, which would be a
   fast time for nothing.  A thread that waits for a shared lock sleeps sooner
   or later, so its CPU time is less than its window.

   Each call ends by counting: the counters must hold what was asked for.  Not
   shown: work between two acquisitions; none is the worst case.  Source:
   PEP 703; gh-108724 for PyMutex. */

#include "entries.h"

#include <pthread.h>  // pthread_mutex_t
#include <stdlib.h>   // free

/* Block of a 5 to 500 ns operation: 20 us to 2 ms between two looks. */
enum { LOCKS_BLOCK = 4096 };

enum kind { KIND_PYMUTEX, KIND_PYTHREAD, KIND_PTHREAD };
static const char *const kind_names[] = {"pymutex", "pythread", "pthread",
                                         NULL};
enum section { SECTION_ONE, SECTION_TWO, SECTION_NESTED, SECTION_SUSPENDED };
static const char *const section_names[] = {"one", "two", "nested",
                                            "suspended", NULL};
enum layout { LAYOUT_PRIVATE, LAYOUT_SHARED };
static const char *const layout_names[] = {"private", "shared", NULL};

/* A lock and what it protects, with cache lines of its own. */
struct slot {
    _Alignas(PB_ALIGNMENT) union {
#if PB_HAVE_MUTEX
        PyMutex mutex;
#endif
        PyThread_type_lock thread_lock;
        pthread_mutex_t pthread;
    } lock;
    uint64_t counter;
    PyObject *first;   // of a critical section, owned
    PyObject *second;
};

/* Arguments of a call; read-only for the workers, what it points at is not. */
struct locks_shared {
    struct slot *slots;
    int count;  // 1 for layout shared, else one for each thread
};

#define OWN                                                                   \
    const struct locks_shared *shared = worker->shared;                       \
    struct slot *own =                                                        \
        &shared->slots[shared->count == 1 ? 0 : worker->index];
#define LOCKED(acquire, release)                                              \
    PB_OP(acquire) own->counter++; PB_OP(release)

#if PB_HAVE_MUTEX
PB_MEASURED(locks_pymutex_loop, OWN,
            LOCKED(PyMutex_Lock(&own->lock.mutex);,
                   PyMutex_Unlock(&own->lock.mutex);), 0)
#else
#  define locks_pymutex_loop NULL
#endif

PB_MEASURED(locks_pythread_loop, OWN,
            LOCKED((void)PyThread_acquire_lock(own->lock.thread_lock,
                                               WAIT_LOCK);,
                   PyThread_release_lock(own->lock.thread_lock);), 0)
PB_MEASURED(locks_pthread_loop, OWN,
            LOCKED((void)pthread_mutex_lock(&own->lock.pthread);,
                   (void)pthread_mutex_unlock(&own->lock.pthread);), 0)

#if PB_HAVE_CRITICAL_SECTION
PB_MEASURED(locks_one_loop, OWN,
            LOCKED(PyCriticalSection section;
                   PyCriticalSection_Begin(&section, own->first);,
                   PyCriticalSection_End(&section);), 0)
PB_MEASURED(locks_two_loop, OWN,
            LOCKED(PyCriticalSection2 section;
                   PyCriticalSection2_Begin(&section, own->first,
                                            own->second);,
                   PyCriticalSection2_End(&section);), 0)
PB_MEASURED(locks_suspended_loop, OWN,
            LOCKED(PyCriticalSection section;
                   PyCriticalSection_Begin(&section, own->first);,
                   PyEval_RestoreThread(PyEval_SaveThread());
                   PyCriticalSection_End(&section);), 0)

static int
locks_nested_loop(struct pb_worker *worker, int64_t iterations)
{
    OWN
    PyCriticalSection outer;
    PyCriticalSection_Begin(&outer, own->first);
    (void)locks_one_loop(worker, iterations);
    PyCriticalSection_End(&outer);
    return 0;
}
#else
#  define locks_one_loop NULL
#  define locks_two_loop NULL
#  define locks_nested_loop NULL
#  define locks_suspended_loop NULL
#endif

static const struct pb_kernel pair_kernels[] = {
    [KIND_PYMUTEX] = {.block = LOCKS_BLOCK,
                      PB_LOOP_FUNCTION(locks_pymutex_loop)},
    [KIND_PYTHREAD] = {.block = LOCKS_BLOCK,
                       PB_LOOP_FUNCTION(locks_pythread_loop)},
    [KIND_PTHREAD] = {.block = LOCKS_BLOCK,
                      PB_LOOP_FUNCTION(locks_pthread_loop)},
};
static const struct pb_kernel section_kernels[] = {
    [SECTION_ONE] = {.attached = true, .block = LOCKS_BLOCK,
                     PB_LOOP_FUNCTION(locks_one_loop)},
    [SECTION_TWO] = {.attached = true, .block = LOCKS_BLOCK,
                     PB_LOOP_FUNCTION(locks_two_loop)},
    [SECTION_NESTED] = {.attached = true, .block = LOCKS_BLOCK,
                        PB_LOOP_FUNCTION(locks_nested_loop)},
    [SECTION_SUSPENDED] = {.attached = true, .block = LOCKS_BLOCK,
                           PB_LOOP_FUNCTION(locks_suspended_loop)},
};

/* What the lock protects must add up; 0, or -1 with a RuntimeError. */
static int
locks_check(const struct locks_shared *shared, const struct pb_plan *plan)
{
    uint64_t expected = (uint64_t)plan->iterations * (uint64_t)plan->rounds;
    if (shared->count == 1) {
        expected *= (uint64_t)plan->threads;
    }
    for (int i = 0; i < shared->count; i++) {
        uint64_t counter = shared->slots[i].counter;
        if (counter != expected) {
            PyErr_Format(PyExc_RuntimeError,
                         "%s: counter %d of %d holds %llu and not %llu: the "
                         "lock did not lock",
                         plan->name, i + 1, shared->count,
                         (unsigned long long)counter,
                         (unsigned long long)expected);
            return -1;
        }
    }
    return 0;
}

/* Makes what is locked, runs, checks, and frees it.  Both kernels have the
   options `kind` and `layout`. */
static PyObject *
locks_run(struct pb_call *call,
          int (*make)(struct slot *slot, int64_t kind),
          void (*destroy)(struct slot *slot, int64_t kind))
{
    PyObject *results = NULL;
    int64_t kind = call->plan.options[0];
    bool is_shared = call->plan.options[1] == LAYOUT_SHARED;
    int made = 0;
    struct locks_shared shared = {.count =
                                      is_shared ? 1 : call->plan.threads};
    /* Zeroed bytes are an unlocked PyMutex. */
    shared.slots = pb_allocate((size_t)shared.count, sizeof(struct slot));
    if (shared.slots == NULL) {
        return NULL;
    }
    while (made < shared.count && make(&shared.slots[made], kind) == 0) {
        made++;
    }
    if (made == shared.count) {
        /* Who waits for a shared lock is not disturbed. */
        call->kernel.waits = is_shared;
        results = pb_call_run(call, &shared);
    }
    if (results != NULL && locks_check(&shared, &call->plan) < 0) {
        Py_CLEAR(results);
    }
    for (int i = 0; i < made; i++) {
        destroy(&shared.slots[i], kind);
    }
    free(shared.slots);
    return results;
}

static int
locks_pair_make(struct slot *slot, int64_t kind)
{
    if (kind == KIND_PYTHREAD) {
        slot->lock.thread_lock = PyThread_allocate_lock();
        if (slot->lock.thread_lock == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    else if (kind == KIND_PTHREAD
             && pthread_mutex_init(&slot->lock.pthread, NULL) != 0) {
        PyErr_SetString(PyExc_RuntimeError,
                        "locks_pair: a pthread mutex cannot be made");
        return -1;
    }
    return 0;
}

static void
locks_pair_destroy(struct slot *slot, int64_t kind)
{
    if (kind == KIND_PYTHREAD) {
        PyThread_free_lock(slot->lock.thread_lock);
    }
    else if (kind == KIND_PTHREAD) {
        (void)pthread_mutex_destroy(&slot->lock.pthread);
    }
}

static PyObject *
locks_pair_run(struct pb_call *call)
{
    if (call->kernel.loop == NULL) {
        return PyErr_Format(PyExc_NotImplementedError,
                            "PyMutex came with CPython 3.13");
    }
    return locks_run(call, locks_pair_make, locks_pair_destroy);
}

PB_ENTRY(locks_pair,
    .doc = "Acquire and release a lock, on native threads without the "
           "interpreter.",
    .more = "RuntimeError also when what the lock protects does not add up,\n"
            "NotImplementedError for pymutex before 3.13.",
    .options = {
        PB_CHOICE("kind", kind_names, KIND_PYMUTEX, NULL),
        PB_CHOICE("layout", layout_names, 0,
                  "A lock for each thread, or one for all.")},
    .kernels = pair_kernels, .chosen_by = 1, .run = locks_pair_run)

static int
locks_section_make(struct slot *slot, int64_t Py_UNUSED(kind))
{
    slot->first = PyList_New(0);
    slot->second = PyList_New(0);
    if (slot->first == NULL || slot->second == NULL) {
        Py_CLEAR(slot->first);
        Py_CLEAR(slot->second);
        return -1;
    }
    return 0;
}

static void
locks_section_destroy(struct slot *slot, int64_t Py_UNUSED(kind))
{
    Py_DECREF(slot->first);
    Py_DECREF(slot->second);
}

static PyObject *
locks_critical_section_run(struct pb_call *call)
{
    return locks_run(call, locks_section_make, locks_section_destroy);
}

PB_ENTRY(locks_critical_section,
    .doc = "Begin and end a critical section, which locks objects of the "
           "interpreter.",
    .more = "RuntimeError also when what the lock protects does not add up,\n"
            "NotImplementedError on a build with the GIL.",
    .options = {
        PB_CHOICE("kind", section_names, 0,
                  "One object, two at once, nested in a section of the\n    "
                  "same object, or suspended: the thread detaches and\n    "
                  "attaches within, and others may enter."),
        PB_CHOICE("layout", layout_names, 0,
                  "Objects for each thread, or for all.")},
    .kernels = section_kernels, .chosen_by = 1,
    .missing = PB_HAVE_CRITICAL_SECTION
                   ? NULL
                   : "critical sections are empty on a build with the GIL",
    .run = locks_critical_section_run)

PB_AREA(locks, PB_METHOD(locks_critical_section), PB_METHOD(locks_pair))
