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

   locks_wait is of one lock that is kept for a while each time.  One iteration is
   one acquisition; in the window is its wait, outside the keeping.  `passed` is how
   often others had the lock between a request and its acquisition: with a fair lock
   of two threads at most about once, and a PyMutex is handed to who has waited for a
   millisecond.

   Each call ends by counting: the counters must hold what was asked for.  Not
   shown: work between two acquisitions; none is the worst case.  Source:
   PEP 703; gh-108724 for PyMutex. */

#include "clock.h"
#include "entries.h"
#include "histogram.h"

#include <pthread.h>    // pthread_mutex_t
#include <stdatomic.h>  // _Atomic
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
    _Atomic int64_t turns;  // of locks_wait, of all threads
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

/* locks_wait */

enum { LOCKS_HOLD_US_MAX = 10 * 1000 };

struct wait_worker {
    struct pb_histogram wait;
    int64_t passed;
    int64_t passed_most;
};

enum {
    NOTE_WAIT_P50, NOTE_WAIT_P90, NOTE_WAIT_P99, NOTE_WAIT_MAX, NOTE_PASSED,
    NOTE_PASSED_MOST,
};

/* Returns when it got the lock; it is kept until `hold_ns` after that. */
static inline int64_t
locks_keep(struct pb_worker *worker, struct slot *own, int64_t request_ns,
           int64_t turns)
{
    struct wait_worker *local = worker->local;
    int64_t got_ns = pb_clock_ns();
    int64_t passed = atomic_fetch_add(&own->turns, 1) - turns;
    pb_histogram_record(&local->wait, got_ns - request_ns);
    local->passed += passed;
    local->passed_most = Py_MAX(local->passed_most, passed);
    /* The lock guards it; atomic for the sanitizers, which do not see a PyMutex
       that the interpreter hands on. */
    uint64_t count = __atomic_load_n(&own->counter, __ATOMIC_RELAXED);
    __atomic_store_n(&own->counter, count + 1, __ATOMIC_RELAXED);
    int64_t until_ns = got_ns + worker->plan->options[2] * 1000;
    while (pb_clock_ns() < until_ns) {
        pb_cpu_relax();
    }
    return got_ns;
}

#define WAIT_LOOP(kind, acquire, release)                                     \
    static int locks_wait_##kind##_loop(struct pb_worker *worker,             \
                                        int64_t iterations)                   \
    {                                                                         \
        OWN                                                                   \
        for (; iterations > 0; iterations--) {                                \
            int64_t turns = atomic_load(&own->turns);                         \
            int64_t request_ns = pb_clock_ns();                               \
            PB_OP(acquire)                                                    \
            int64_t got_ns = locks_keep(worker, own, request_ns, turns);      \
            PB_OP(release)                                                    \
            worker->sample->excluded_ns += pb_clock_ns() - got_ns;            \
        }                                                                     \
        return 0;                                                             \
    }

#if PB_HAVE_MUTEX
WAIT_LOOP(pymutex, PyMutex_Lock(&own->lock.mutex);,
          PyMutex_Unlock(&own->lock.mutex);)
#else
#  define locks_wait_pymutex_loop NULL
#endif
WAIT_LOOP(pythread,
          (void)PyThread_acquire_lock(own->lock.thread_lock, WAIT_LOCK);,
          PyThread_release_lock(own->lock.thread_lock);)
WAIT_LOOP(pthread, (void)pthread_mutex_lock(&own->lock.pthread);,
          (void)pthread_mutex_unlock(&own->lock.pthread);)

static int
locks_wait_finish(struct pb_worker *worker)
{
    const struct wait_worker *local = worker->local;
    int64_t *note = worker->sample->note;
    note[NOTE_WAIT_P50] = pb_histogram_quantile(&local->wait, 0.5);
    note[NOTE_WAIT_P90] = pb_histogram_quantile(&local->wait, 0.9);
    note[NOTE_WAIT_P99] = pb_histogram_quantile(&local->wait, 0.99);
    note[NOTE_WAIT_MAX] = local->wait.max_ns;
    note[NOTE_PASSED] = local->passed;
    note[NOTE_PASSED_MOST] = local->passed_most;
    return 0;
}

/* The look at the stop flag after each: it may be kept for 10 ms. */
#define WAIT_KERNEL(loop_)                                                    \
    {                                                                         \
        .block = 1, .local_size = sizeof(struct wait_worker),                 \
        .notes = {[NOTE_WAIT_P50] = "wait_p50_ns",                            \
                  [NOTE_WAIT_P90] = "wait_p90_ns",                            \
                  [NOTE_WAIT_P99] = "wait_p99_ns",                            \
                  [NOTE_WAIT_MAX] = "wait_max_ns",                            \
                  [NOTE_PASSED] = "passed",                                   \
                  [NOTE_PASSED_MOST] = "passed_most"},                        \
        PB_LOOP_FUNCTION(loop_), .round_finish = locks_wait_finish,           \
    }

static const struct pb_kernel wait_kernels[] = {
    [KIND_PYMUTEX] = WAIT_KERNEL(locks_wait_pymutex_loop),
    [KIND_PYTHREAD] = WAIT_KERNEL(locks_wait_pythread_loop),
    [KIND_PTHREAD] = WAIT_KERNEL(locks_wait_pthread_loop),
};

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

PB_ENTRY(locks_wait,
    .doc = "Wait for a lock that is kept for a while each time.",
    .more = "RuntimeError also when what the lock protects does not add up,\n"
            "NotImplementedError for pymutex before 3.13. detail, of this\n"
            "round and those before it: wait_p50_ns, wait_p90_ns, wait_p99_ns\n"
            "and wait_max_ns from the request; passed, how often others had\n"
            "the lock meanwhile, in all and, passed_most, in one wait.",
    .options = {
        PB_CHOICE("kind", kind_names, KIND_PYMUTEX, NULL),
        PB_CHOICE("layout", layout_names, LAYOUT_SHARED,
                  "A lock for each thread, or one for all."),
        PB_NUMBER("hold_us", 0, LOCKS_HOLD_US_MAX, 0,
                  "Microseconds for which each keeps it.")},
    .kernels = wait_kernels, .chosen_by = 1, .run = locks_pair_run)

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

PB_AREA(locks, PB_METHOD(locks_critical_section), PB_METHOD(locks_pair),
        PB_METHOD(locks_wait))
