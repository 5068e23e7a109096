/* locks.c - what does a lock cost, free and contended, by kind of lock?

   locks_pair              one acquisition and one release of a lock
     kind   pymutex        PyMutex, one byte (3.13)
            pythread       PyThread_acquire_lock, what threading.Lock was made
                           of up to 3.12; a PyMutex itself from 3.15 on
            pthread        pthread_mutex_t: the control without CPython
   locks_critical_section  one beginning and one end of a critical section,
                           which locks an object of the interpreter's
     kind   one            on one object
            two            on two at once
            nested         on one whose section is open already
   layout   private        a lock or object for each thread: the control
            shared         one for all

   One iteration is one pair, with a counter inside that is added one to.
   Inside the window: that, and an eighth of a loop turn.  Outside: making
   locks and objects.  Locks lie 256 bytes apart.

   locks_pair runs detached: a PyMutex needs no thread state.  Critical
   sections run attached, and on free-threaded builds alone; with the GIL they
   are empty, which would be a fast time for nothing (n/a).  A thread that
   waits for a shared lock sleeps sooner or later, so its CPU time is less
   than its window.

   Each call ends by counting: the counters must hold what was asked for, or
   the call raises, since then the lock did not lock.

   Not shown: the work between two acquisitions, which decides how contended a
   lock of a program is; here there is none, the worst case.  Source: PEP 703;
   gh-108724 for PyMutex. */

#include "areas.h"
#include "arguments.h"
#include "loop.h"
#include "threads.h"

#include <pthread.h>  // pthread_mutex_t
#include <stdlib.h>   // free, posix_memalign
#include <string.h>   // memset

/* Block of a 5 to 500 ns operation: 20 us to 2 ms between two looks. */
enum { LOCKS_BLOCK = 4096 };

enum kind { KIND_PYMUTEX, KIND_PYTHREAD, KIND_PTHREAD };
static const char *const kind_names[] = {"pymutex", "pythread", "pthread",
                                         NULL};

enum section { SECTION_ONE, SECTION_TWO, SECTION_NESTED };
static const char *const section_names[] = {"one", "two", "nested", NULL};

enum layout { LAYOUT_PRIVATE, LAYOUT_SHARED };
static const char *const layout_names[] = {"private", "shared", NULL};

/* A lock and what it protects; one per thread or one for all. */
struct slot {
    union {
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
    char *slots;  // PB_ALIGNMENT bytes each
    int count;    // 1 for layout shared
};

static struct slot *
locks_slot(const struct locks_shared *shared, int index)
{
    if (shared->count == 1) {
        index = 0;
    }
    return (struct slot *)(void *)(shared->slots
                                   + (size_t)index * PB_ALIGNMENT);
}

static struct slot *
locks_own(const struct pb_worker *worker)
{
    return locks_slot(worker->shared, worker->index);
}

#if PB_HAVE_MUTEX
static int
locks_pymutex_loop(struct pb_worker *worker, int64_t iterations)
{
    struct slot *own = locks_own(worker);
    PB_LOOP(iterations, {
        PB_OP(PyMutex_Lock(&own->lock.mutex);)
        own->counter++;
        PB_OP(PyMutex_Unlock(&own->lock.mutex);)
        pb_clobber();
    });
    return 0;
}
#else
#  define locks_pymutex_loop NULL
#endif

static int
locks_pythread_loop(struct pb_worker *worker, int64_t iterations)
{
    struct slot *own = locks_own(worker);
    PB_LOOP(iterations, {
        PB_OP((void)PyThread_acquire_lock(own->lock.thread_lock, WAIT_LOCK);)
        own->counter++;
        PB_OP(PyThread_release_lock(own->lock.thread_lock);)
        pb_clobber();
    });
    return 0;
}

static int
locks_pthread_loop(struct pb_worker *worker, int64_t iterations)
{
    struct slot *own = locks_own(worker);
    PB_LOOP(iterations, {
        PB_OP((void)pthread_mutex_lock(&own->lock.pthread);)
        own->counter++;
        PB_OP((void)pthread_mutex_unlock(&own->lock.pthread);)
        pb_clobber();
    });
    return 0;
}

#if PB_HAVE_CRITICAL_SECTION
static int
locks_one_loop(struct pb_worker *worker, int64_t iterations)
{
    struct slot *own = locks_own(worker);
    PB_LOOP(iterations, {
        PB_OP(PyCriticalSection section;
              PyCriticalSection_Begin(&section, own->first);)
        own->counter++;
        PB_OP(PyCriticalSection_End(&section);)
        pb_clobber();
    });
    return 0;
}

static int
locks_two_loop(struct pb_worker *worker, int64_t iterations)
{
    struct slot *own = locks_own(worker);
    PB_LOOP(iterations, {
        PB_OP(PyCriticalSection2 section;
              PyCriticalSection2_Begin(&section, own->first, own->second);)
        own->counter++;
        PB_OP(PyCriticalSection2_End(&section);)
        pb_clobber();
    });
    return 0;
}

static int
locks_nested_loop(struct pb_worker *worker, int64_t iterations)
{
    struct slot *own = locks_own(worker);
    PyCriticalSection outer;
    PyCriticalSection_Begin(&outer, own->first);
    PB_LOOP(iterations, {
        PB_OP(PyCriticalSection section;
              PyCriticalSection_Begin(&section, own->first);)
        own->counter++;
        PB_OP(PyCriticalSection_End(&section);)
        pb_clobber();
    });
    PyCriticalSection_End(&outer);
    return 0;
}
#else
#  define locks_one_loop NULL
#  define locks_two_loop NULL
#  define locks_nested_loop NULL
#endif

#define PAIR_KERNEL(loop_, waits_)                                            \
    {.name = "locks_pair", .block = LOCKS_BLOCK, PB_LOOP_FUNCTION(loop_),               \
     .waits = waits_}
#define SECTION_KERNEL(loop_, waits_)                                         \
    {.name = "locks_critical_section", .block = LOCKS_BLOCK, PB_LOOP_FUNCTION(loop_),   \
     .waits = waits_, .attached = true}

/* Second index: the layout.  Who waits for a shared lock is not disturbed. */
static const struct pb_kernel pair_kernels[][2] = {
    [KIND_PYMUTEX] = {PAIR_KERNEL(locks_pymutex_loop, false),
                      PAIR_KERNEL(locks_pymutex_loop, true)},
    [KIND_PYTHREAD] = {PAIR_KERNEL(locks_pythread_loop, false),
                       PAIR_KERNEL(locks_pythread_loop, true)},
    [KIND_PTHREAD] = {PAIR_KERNEL(locks_pthread_loop, false),
                      PAIR_KERNEL(locks_pthread_loop, true)},
};
static const struct pb_kernel section_kernels[][2] = {
    [SECTION_ONE] = {SECTION_KERNEL(locks_one_loop, false),
                     SECTION_KERNEL(locks_one_loop, true)},
    [SECTION_TWO] = {SECTION_KERNEL(locks_two_loop, false),
                     SECTION_KERNEL(locks_two_loop, true)},
    [SECTION_NESTED] = {SECTION_KERNEL(locks_nested_loop, false),
                        SECTION_KERNEL(locks_nested_loop, true)},
};

/* Slots of zeroed bytes, which is an unlocked PyMutex; 0 or -1 with an
   exception set. */
static int
locks_allocate(struct locks_shared *shared, enum layout layout, int threads)
{
    void *memory = NULL;
    _Static_assert(sizeof(struct slot) <= PB_ALIGNMENT, "a slot has its lines");
    shared->count = layout == LAYOUT_SHARED ? 1 : threads;
    size_t bytes = (size_t)shared->count * PB_ALIGNMENT;
    if (posix_memalign(&memory, PB_ALIGNMENT, bytes) != 0) {
        PyErr_NoMemory();
        return -1;
    }
    memset(memory, 0, bytes);
    shared->slots = memory;
    return 0;
}

static void
locks_free(const struct locks_shared *shared, int kind)
{
    for (int i = 0; shared->slots != NULL && i < shared->count; i++) {
        struct slot *slot = locks_slot(shared, i);
        if (kind == KIND_PYTHREAD && slot->lock.thread_lock != NULL) {
            PyThread_free_lock(slot->lock.thread_lock);
        }
        else if (kind == KIND_PTHREAD) {
            (void)pthread_mutex_destroy(&slot->lock.pthread);
        }
        Py_XDECREF(slot->first);
        Py_XDECREF(slot->second);
    }
    free(shared->slots);
}

/* 0, or -1 with an exception set. */
static int
locks_make(const struct locks_shared *shared, enum kind kind)
{
    for (int i = 0; i < shared->count; i++) {
        struct slot *slot = locks_slot(shared, i);
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
    }
    return 0;
}

/* Runs the plan and counts; a list of results, or NULL with an exception. */
static PyObject *
locks_run(PyObject *module, struct pb_plan *plan,
          const struct locks_shared *shared)
{
    plan->shared = shared;
    PyObject *results = pb_run(module, plan);
    if (results == NULL) {
        return NULL;
    }
    uint64_t expected = (uint64_t)plan->iterations * (uint64_t)plan->rounds;
    if (shared->count == 1) {
        expected *= (uint64_t)plan->threads;
    }
    for (int i = 0; i < shared->count; i++) {
        uint64_t found = locks_slot(shared, i)->counter;
        if (found != expected) {
            PyErr_Format(PyExc_RuntimeError,
                         "%s: counter %d of %d holds %llu and not %llu: the "
                         "lock did not lock",
                         plan->kernel->name, i + 1, shared->count,
                         (unsigned long long)found,
                         (unsigned long long)expected);
            Py_DECREF(results);
            return NULL;
        }
    }
    return results;
}

PyDoc_STRVAR(locks_pair_doc,
"locks_pair($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"           kind='pymutex', layout='private')\n--\n\n"
"Acquire and release a lock, on native threads without the interpreter.\n\n"
PB_ARGUMENTS_DOC "\n"
"kind: 'pymutex' (NotImplementedError before 3.13), 'pythread', 'pthread'.\n"
"layout: 'private' (a lock for each thread), 'shared' (one for all).\n"
"RuntimeError when what the lock protects does not add up.");

static PyObject *
locks_pair(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "kind", "layout", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *kind_name = "pymutex", *layout_name = "private";
    struct locks_shared shared = {0};
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "ss:locks_pair", names,
            PB_ARGUMENTS_TARGETS(common), &kind_name, &layout_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int kind = pb_choice("kind", kind_name, kind_names);
    if (kind < 0) {
        return NULL;
    }
    int layout = pb_choice("layout", layout_name, layout_names);
    if (layout < 0) {
        return NULL;
    }
    plan.kernel = &pair_kernels[kind][layout];
    if (plan.kernel->loop == NULL) {
        PyErr_SetString(PyExc_NotImplementedError,
                        "PyMutex came with CPython 3.13");
        return NULL;
    }
    PyObject *results = NULL;
    if (locks_allocate(&shared, (enum layout)layout, plan.threads) == 0
        && locks_make(&shared, (enum kind)kind) == 0) {
        results = locks_run(module, &plan, &shared);
    }
    locks_free(&shared, kind);
    return results;
}

PyDoc_STRVAR(locks_critical_section_doc,
"locks_critical_section($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                       kind='one', layout='private')\n--\n\n"
"Begin and end a critical section, which locks objects of the interpreter.\n\n"
PB_ARGUMENTS_DOC "\n"
"kind: 'one' object, 'two' at once, 'nested' in one of the same object.\n"
"layout: 'private' (objects for each thread), 'shared' (for all).\n"
"NotImplementedError on a build with the GIL, where it does nothing.");

static PyObject *
locks_critical_section(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "kind", "layout", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *kind_name = "one", *layout_name = "private";
    struct locks_shared shared = {0};
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "ss:locks_critical_section",
            names, PB_ARGUMENTS_TARGETS(common), &kind_name, &layout_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int kind = pb_choice("kind", kind_name, section_names);
    if (kind < 0) {
        return NULL;
    }
    int layout = pb_choice("layout", layout_name, layout_names);
    if (layout < 0) {
        return NULL;
    }
    plan.kernel = &section_kernels[kind][layout];
    if (!PB_HAVE_CRITICAL_SECTION) {
        PyErr_SetString(PyExc_NotImplementedError,
                        "critical sections are empty on a build with the GIL");
        return NULL;
    }
    PyObject *results = NULL;
    if (locks_allocate(&shared, (enum layout)layout, plan.threads) < 0) {
        return NULL;
    }
    for (int i = 0; i < shared.count; i++) {
        struct slot *slot = locks_slot(&shared, i);
        slot->first = PyList_New(0);
        slot->second = PyList_New(0);
        if (slot->first == NULL || slot->second == NULL) {
            goto done;
        }
    }
    results = locks_run(module, &plan, &shared);
done:
    locks_free(&shared, -1);
    return results;
}

static PyMethodDef locks_methods[] = {
    {"locks_pair", (PyCFunction)(void (*)(void))locks_pair,
     METH_VARARGS | METH_KEYWORDS, locks_pair_doc},
    {"locks_critical_section",
     (PyCFunction)(void (*)(void))locks_critical_section,
     METH_VARARGS | METH_KEYWORDS, locks_critical_section_doc},
    {NULL, NULL, 0, NULL},
};

static const struct pb_listing locks_listings[] = {
    {.name = "locks_pair", .attached = false},
    {.name = "locks_critical_section", .attached = true,
     .missing = PB_HAVE_CRITICAL_SECTION
                    ? NULL
                    : "critical sections are empty on a build with the GIL"},
    {NULL, false, NULL},
};

int
pb_locks_add(PyObject *module)
{
    return pb_area_add(module, "locks", locks_methods, locks_listings);
}
