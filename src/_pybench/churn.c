/* churn.c - what does it cost to make an object and to destroy it?

   churn_create.  One iteration is one object, made by PyLong_FromLong and the
   like or by the tp_new of a type.  Inside the window: making, dropping, and
   with a batch of more than one a store and a load of its pointer.  Outside:
   the types and the array of pointers.  Contents are left as the allocation
   leaves them.  batch=1 is the friendliest case: the same memory again and
   again, mostly from a free list; a large batch leaves those lists (80 floats,
   2000 tuples of a size) for the allocator, and then the cache.  The rows run
   with the collector disabled, a call by hand does not.

   Threads share nothing but the allocator, which is per thread on a
   free-threaded build.  The exception is `heap`: tp_alloc counts the new
   reference to the type per thread, but the Py_DECREF of the type that an
   extension has to do in tp_dealloc is an ordinary atomic one there, on a line
   that all threads write, and on which the next allocation finds the type's
   size.  heap_private has that atomic without the others.

   churn_handover.  One iteration is one last reference dropped by a thread
   that does not own the object.  A background worker, the owner, makes the
   objects while the measured one sleeps; then the measured one, the dropper,
   drops them while the owner sleeps, detached; then the owner calls an empty
   Python function.  Only the dropping is in the window.  On a GIL build to drop
   is to destroy.  On a free-threaded one it is to put the object into its
   owner's queue (biased reference counting, PEP 703; Python/brc.c): the
   destructors run when the owner next runs bytecode, which drain_ns tells (with
   nothing queued, a few microseconds).

   Not shown: destruction by the collector, objects with contents, an owner
   that runs, or has ended, while its objects are dropped. */

#include "clock.h"
#include "entries.h"

#include <stdatomic.h>  // _Atomic
#include <stdlib.h>     // free, malloc

enum { CHURN_SIZE_MAX = 1 << 20, CHURN_BATCH_MAX = 1 << 16 };

/* What the objects of a batch may take on one thread, and on all.  To touch
   the former for the first time takes some 5 ms, and only after a batch is a
   safepoint possible; the latter is what a call may ask of a machine. */
#define CHURN_ALIVE_MAX (INT64_C(32) << 20)
#define CHURN_ALIVE_ALL_MAX (INT64_C(1) << 30)

/* Bytes of an object besides what `size` asks for, on the safe side. */
enum { CHURN_OBJECT_BYTES = 80 };

/* Blocks: with 10 to 100 ns an object, 40 us to 0.4 ms.  A large object costs
   more (a list is zeroed, and both may be mapped and unmapped each time): at
   4 GB/s this many bytes take a millisecond. */
enum { CHURN_BLOCK = 4096 };
#define CHURN_BLOCK_BYTES (INT64_C(4) << 20)

/* All objects of a round of churn_handover are alive at once: with their array
   and the allocator's share some 64 MB. */
enum { HANDOVER_ITERATIONS_MAX = 1000 * 1000 };

/* How long the two threads of churn_handover sleep between two looks at
   whether the call is ending. */
enum { HANDOVER_LOOK_NS = 10 * 1000 * 1000 };

enum kind {
    KIND_INT, KIND_FLOAT, KIND_STR, KIND_BYTES, KIND_TUPLE, KIND_LIST,
    KIND_DICT, KIND_OBJECT, KIND_HEAP, KIND_HEAP_PRIVATE,
};
static const char *const kind_names[] = {
    "int",  "float",  "str",  "bytes",        "tuple", "list",
    "dict", "object", "heap", "heap_private", NULL};
enum order { ORDER_LIFO, ORDER_FIFO };
static const char *const order_names[] = {"lifo", "fifo", NULL};

/* What `size` means for a kind; `most` 0 where it has none. */
struct churn_sizes {
    int64_t least;      // below it, objects are cached or there is only one
    int64_t most;
    int64_t otherwise;  // what size=0 stands for
    int64_t item;       // bytes of one
};
static const struct churn_sizes churn_sizes[] = {
    [KIND_STR] = {2, CHURN_SIZE_MAX, 16, 1},
    [KIND_BYTES] = {2, CHURN_SIZE_MAX, 16, 1},
    [KIND_TUPLE] = {1, CHURN_SIZE_MAX, 3, sizeof(PyObject *)},
    [KIND_LIST] = {0, CHURN_SIZE_MAX, 0, sizeof(PyObject *)},
    [KIND_HEAP_PRIVATE] = {0, 0, 0, 0},
};

enum { OPTION_KIND, OPTION_ORDER, OPTION_BATCH, OPTION_SIZE };

/* What the call made. */
struct churn_shared {
    Py_ssize_t size;
    PyObject *type;  // of KIND_HEAP and KIND_OBJECT
};

/* What a worker owns: the type of the kinds made by tp_new, an empty tuple. */
enum { OWNED_TYPE, OWNED_ARGUMENTS };

struct churn_worker {
    PyTypeObject *type;   // borrowed, as the next
    PyObject *arguments;
    Py_ssize_t size;
    int64_t batch;
    PyObject **memory;    // one more than `slots`, which begins behind it
    PyObject **slots;     // of `batch` objects
    Py_ssize_t step;      // from one to be dropped to the next: -1 or 1
};

/* Types. */

static void
churn_plain_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Spec churn_plain_spec = {
    .name = "_pybench.ChurnObject",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = (PyType_Slot[]){{Py_tp_dealloc, churn_plain_dealloc}, {0, NULL}},
};

struct counted {
    PyObject_HEAD
    _Atomic int64_t *destroyed;  // the call's; outlives every instance
};

static void
churn_counted_dealloc(PyObject *self)
{
    _Atomic int64_t *destroyed = ((struct counted *)self)->destroyed;
    /* With the GIL this runs in the dropper's window, and a plain addition is
       enough; without it, in the owner's drain, and two threads may meet when
       a call ends early. */
#if PB_FREE_THREADED
    atomic_fetch_add_explicit(destroyed, 1, memory_order_relaxed);
#else
    int64_t count = atomic_load_explicit(destroyed, memory_order_relaxed);
    atomic_store_explicit(destroyed, count + 1, memory_order_relaxed);
#endif
    churn_plain_dealloc(self);
}

static PyType_Spec churn_counted_spec = {
    .name = "_pybench.CountedObject",
    .basicsize = sizeof(struct counted),
    /* One made from Python would have nothing to count in. */
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = (PyType_Slot[]){{Py_tp_dealloc, churn_counted_dealloc}, {0, NULL}},
};

/* churn_create */

static int
churn_prepare(struct pb_worker *worker)
{
    const struct churn_shared *shared = worker->shared;
    struct churn_worker *local = worker->local;
    const int64_t *options = worker->plan->options;
    bool is_private = options[OPTION_KIND] == KIND_HEAP_PRIVATE;
    local->size = shared->size;
    local->batch = options[OPTION_BATCH];
    local->step = options[OPTION_ORDER] == ORDER_LIFO ? -1 : 1;
    PyObject *arguments = PyTuple_New(0);
    PyObject *type = is_private ? PyType_FromSpec(&churn_plain_spec)
                                : Py_XNewRef(shared->type);
    worker->owned[OWNED_ARGUMENTS] = local->arguments = arguments;
    worker->owned[OWNED_TYPE] = type;
    local->type = (PyTypeObject *)type;
    if (arguments == NULL || (is_private && type == NULL)) {
        return -1;
    }
    /* The loop from the last slot to the first ends one before the first. */
    local->memory = PyMem_Calloc((size_t)local->batch + 1, sizeof(PyObject *));
    if (local->memory == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    local->slots = local->memory + 1;
    return 0;
}

static void
churn_finish(struct pb_worker *worker)
{
    PyMem_Free(((struct churn_worker *)worker->local)->memory);
}

#ifndef PB_MUTANT  // which makes nothing that could fail
/* Drops the slots before `end`; -1, with the exception of the making still
   set. */
static int
churn_give_up(struct churn_worker *local, PyObject **end)
{
    PyObject *exception = pb_take_exception();
    while (end > local->slots) {
        Py_DECREF(*--end);
    }
    pb_set_exception(exception);
    return -1;
}
#endif

/* For each kind, one loop that drops what it has just made, and one that fills
   the slots first.  In the second, the direction is data, not a branch; the
   last batch of a block is smaller when the iterations do not divide. */
#define CHURN_LOOPS(kind, ...)                                                \
    static int churn_##kind##_loop(struct pb_worker *worker,                  \
                                   int64_t iterations)                        \
    {                                                                         \
        struct churn_worker *local = worker->local;                           \
        (void)local;                                                          \
        PB_LOOP(iterations, {                                                 \
            PB_OP(                                                            \
                PyObject *object = __VA_ARGS__;                               \
                if (object == NULL) {                                         \
                    return -1;                                                \
                }                                                             \
                Py_DECREF(object);                                            \
            )                                                                 \
            pb_clobber();                                                     \
        });                                                                   \
        return 0;                                                             \
    }                                                                         \
                                                                              \
    static int churn_##kind##_batch_loop(struct pb_worker *worker,            \
                                         int64_t iterations)                  \
    {                                                                         \
        struct churn_worker *local = worker->local;                           \
        while (iterations > 0) {                                              \
            int64_t count = Py_MIN(iterations, local->batch);                 \
            PyObject **slot = local->slots;                                   \
            PB_LOOP(count, {                                                  \
                PB_OP(                                                        \
                    *slot = __VA_ARGS__;                                      \
                    if (*slot == NULL) {                                      \
                        return churn_give_up(local, slot);                    \
                    }                                                         \
                )                                                             \
                slot++;                                                       \
                pb_clobber();                                                 \
            });                                                               \
            Py_ssize_t step = local->step;                                    \
            slot = step < 0 ? slot - 1 : local->slots;                        \
            PB_LOOP(count, {                                                  \
                PB_OP(Py_DECREF(*slot);)                                      \
                slot += step;                                                 \
                pb_clobber();                                                 \
            });                                                               \
            iterations -= count;                                              \
        }                                                                     \
        return 0;                                                             \
    }

CHURN_LOOPS(int, PyLong_FromLong(1000000))
CHURN_LOOPS(float, PyFloat_FromDouble(1.5))
CHURN_LOOPS(str, PyUnicode_New(local->size, 127))
CHURN_LOOPS(bytes, PyBytes_FromStringAndSize(NULL, local->size))
CHURN_LOOPS(tuple, PyTuple_New(local->size))
CHURN_LOOPS(list, PyList_New(local->size))
CHURN_LOOPS(dict, PyDict_New())
CHURN_LOOPS(instance, local->type->tp_new(local->type, local->arguments, NULL))

#undef CHURN_LOOPS

/* A kernel's loop and what it is found by, by kind, then by whether there is a
   batch. */
static const struct churn_form {
    int (*loop)(struct pb_worker *worker, int64_t iterations);
    const char *name;
} churn_forms[][2] = {
#define LOOPS(kind)                                                           \
    {{churn_##kind##_loop, "churn_" #kind "_loop"},                           \
     {churn_##kind##_batch_loop, "churn_" #kind "_batch_loop"}}
    [KIND_INT] = LOOPS(int),         [KIND_FLOAT] = LOOPS(float),
    [KIND_STR] = LOOPS(str),         [KIND_BYTES] = LOOPS(bytes),
    [KIND_TUPLE] = LOOPS(tuple),     [KIND_LIST] = LOOPS(list),
    [KIND_DICT] = LOOPS(dict),       [KIND_OBJECT] = LOOPS(instance),
    [KIND_HEAP] = LOOPS(instance),   [KIND_HEAP_PRIVATE] = LOOPS(instance),
#undef LOOPS
};

/* churn_handover */

enum request { REQUEST_NONE, REQUEST_MAKE, REQUEST_DRAIN, REQUEST_END };

/* Between dropper and owner.  `lock` guards all but `destroyed`; nobody
   attaches while holding it.  The slots belong to the owner while it serves a
   request, to the dropper otherwise. */
struct handover {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum request request;  // set by the dropper, cleared when it is served
    int64_t drain_ns;      // of the last drain, set by the owner
    PyObject *type;        // made by the caller, read-only
    PyObject **slots;      // of `iterations` objects
    int64_t made;          // of them, so far, in this round
    int64_t dropped;       // of them, written by the dropper alone
    _Atomic int64_t destroyed;
};

enum { NOTE_ENQUEUE, NOTE_DRAIN, NOTE_BEFORE_DRAIN, NOTE_DESTROYED };

/* The one thing of a call that its workers write to. */
static struct handover *
handover_of(const struct pb_worker *worker)
{
    return (struct handover *)(uintptr_t)worker->shared;
}

static void
handover_set(struct handover *handover, enum request request)
{
    pthread_mutex_lock(&handover->lock);
    handover->request = request;
    pthread_cond_signal(&handover->changed);
    pthread_mutex_unlock(&handover->lock);
}

/* Sleeps, detached, until there is a request (or, for the dropper, none any
   more) or the call is ending; what there is then. */
static enum request
handover_await(const struct pb_worker *worker, bool is_owner)
{
    struct handover *handover = handover_of(worker);
    enum request request;
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&handover->lock);
    while ((handover->request == REQUEST_NONE) == is_owner
           && !(is_owner ? pb_background_over(worker) : pb_stopping(worker))) {
        pb_condition_wait(&handover->changed, &handover->lock,
                          HANDOVER_LOOK_NS);
    }
    request = handover->request;
    pthread_mutex_unlock(&handover->lock);
    Py_END_ALLOW_THREADS
    return request;
}

/* The attached dropper has the owner do something. */
static void
handover_ask(const struct pb_worker *worker, enum request request)
{
    handover_set(handover_of(worker), request);
    (void)handover_await(worker, false);
}

/* The owner, attached, makes the round's objects, or some of them when the
   call is ending; 0, or -1 with an exception. */
static int
handover_make(const struct pb_worker *worker)
{
    struct handover *handover = handover_of(worker);
    PyTypeObject *type = (PyTypeObject *)handover->type;
    atomic_store_explicit(&handover->destroyed, 0, memory_order_relaxed);
    handover->dropped = 0;
    handover->made = 0;
    while (handover->made < worker->plan->iterations) {
        PyObject *object = type->tp_alloc(type, 0);
        if (object == NULL) {
            return -1;
        }
        ((struct counted *)object)->destroyed = &handover->destroyed;
        handover->slots[handover->made++] = object;
        /* A million of them take long enough to keep a Ctrl-C waiting. */
        if (handover->made % CHURN_BLOCK == 0) {
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

/* The owner: asleep and detached but for what the dropper asks of it. */
static int
handover_owner(struct pb_worker *worker)
{
    struct handover *handover = handover_of(worker);
    int status = 0;
    pb_background_ready(worker);
    while (status == 0) {
        enum request request = handover_await(worker, true);
        /* None: the call ends early. */
        if (request == REQUEST_NONE || request == REQUEST_END) {
            break;
        }
        if (request == REQUEST_MAKE) {
            status = handover_make(worker);
        }
        else {
            int64_t begin_ns = pb_clock_ns();
            status = pb_worker_safepoint(worker);
            handover->drain_ns = pb_clock_ns() - begin_ns;
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
    struct handover *handover = handover_of(worker);
    PyObject **slot = handover->slots + handover->dropped;
    handover->dropped += iterations;
    PB_LOOP(iterations, {
        PB_OP(Py_DECREF(*slot);)
        slot++;
        pb_clobber();
    });
    return 0;
}

static int
handover_round_finish(struct pb_worker *worker)
{
    struct handover *handover = handover_of(worker);
    struct pb_sample *sample = worker->sample;
#ifdef PB_MUTANT
    for (int64_t i = 0; i < handover->dropped; i++) {
        Py_DECREF(handover->slots[i]);
    }
#endif
    int64_t before =
        atomic_load_explicit(&handover->destroyed, memory_order_relaxed);
    handover_ask(worker, REQUEST_DRAIN);
    int64_t destroyed =
        atomic_load_explicit(&handover->destroyed, memory_order_relaxed);
    /* The owner may then still be at it, and the round is not told of. */
    if (pb_stopping(worker)) {
        return 0;
    }
    sample->note[NOTE_ENQUEUE] = sample->wall_ns;
    sample->note[NOTE_DRAIN] = handover->drain_ns;
    sample->note[NOTE_BEFORE_DRAIN] = before;
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

static const struct pb_kernel churn_handover_kernel = {
    .attached = true,
    .block = CHURN_BLOCK,
    .notes = {[NOTE_ENQUEUE] = "enqueue_ns",
              [NOTE_DRAIN] = "drain_ns",
              [NOTE_BEFORE_DRAIN] = "destroyed_before_drain",
              [NOTE_DESTROYED] = "destroyed"},
    .round_prepare = handover_round_prepare,
    PB_LOOP_FUNCTION(handover_loop),
    .round_finish = handover_round_finish,
    .background = handover_owner,
};

static PyObject *
churn_handover_run(struct pb_call *call)
{
    struct handover handover = {.request = REQUEST_NONE};
    PyObject *results = NULL;
    /* The owner is no measured thread: see the head of this file. */
    call->plan.threads = 1;
    call->plan.background = 1;
    handover.slots =
        malloc((size_t)call->plan.iterations * sizeof(PyObject *));
    if (handover.slots == NULL) {
        return PyErr_NoMemory();
    }
    handover.type = PyType_FromSpec(&churn_counted_spec);
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
    .more = "RuntimeError also when not every object was destroyed once.\n"
            "detail: enqueue_ns (to drop all), drain_ns (the owner's next\n"
            "call of a Python function), and of the destructors\n"
            "destroyed_before_drain and destroyed.",
    .iterations = {"iterations", .least = 1, .most = HANDOVER_ITERATIONS_MAX,
                   .doc = "Objects in one round.",
                   .reason = "whose objects are all alive at once"},
    .threads = {"threads", .least = 2, .most = 2, .otherwise = 2,
                .doc = "The owner and the dropper; only the dropper is measured.",
                .reason = "an owner and a dropper"},
    .kernels = &churn_handover_kernel, .run = churn_handover_run)

/* churn_create, its entry */

static const struct pb_kernel churn_create_kernel = {
    .attached = true, .local_size = sizeof(struct churn_worker),
    .prepare = churn_prepare, .finish = churn_finish,
};

/* What size=0 stands for, or the size; -1 with a ValueError set. */
static Py_ssize_t
churn_size(int64_t kind, int64_t size)
{
    const struct churn_sizes *sizes = &churn_sizes[kind];
    if (size == 0) {
        return (Py_ssize_t)sizes->otherwise;
    }
    if (sizes->most == 0) {
        PyErr_Format(PyExc_ValueError,
                     "size must be 0 with kind='%s', which has none, not %lld",
                     kind_names[kind], (long long)size);
        return -1;
    }
    if (size < sizes->least) {
        PyErr_Format(PyExc_ValueError,
                     "size must be 0 (for %lld) or from %lld to %lld with "
                     "kind='%s', not %lld: smaller ones may be cached",
                     (long long)sizes->otherwise, (long long)sizes->least,
                     (long long)sizes->most, kind_names[kind],
                     (long long)size);
        return -1;
    }
    return (Py_ssize_t)size;
}

static PyObject *
churn_create_run(struct pb_call *call)
{
    int64_t kind = call->plan.options[OPTION_KIND];
    int64_t batch = call->plan.options[OPTION_BATCH];
    struct churn_shared shared = {
        .size = churn_size(kind, call->plan.options[OPTION_SIZE])};
    if (shared.size < 0) {
        return NULL;
    }
    int64_t items = shared.size * churn_sizes[kind].item;
    int64_t alive = (CHURN_OBJECT_BYTES + items) * batch;
    if (alive > CHURN_ALIVE_MAX
        || alive * call->plan.threads > CHURN_ALIVE_ALL_MAX) {
        return PyErr_Format(
            PyExc_ValueError,
            "batch must be smaller: %lld objects of size %zd on %d thread(s) "
            "are about %lld bytes on each, and at most %lld on one and %lld "
            "on all may be alive at once",
            (long long)batch, shared.size, call->plan.threads,
            (long long)alive, (long long)CHURN_ALIVE_MAX,
            (long long)CHURN_ALIVE_ALL_MAX);
    }
    int64_t block = CHURN_BLOCK;
    if (items > CHURN_BLOCK_BYTES / CHURN_BLOCK) {
        block = Py_MAX(CHURN_BLOCK_BYTES / items, 1);
    }
    call->kernel.block = Py_MAX(block / batch, 1) * batch;  // whole batches
    call->kernel.loop = churn_forms[kind][batch > 1].loop;
    call->kernel.loop_name = churn_forms[kind][batch > 1].name;
    if (kind == KIND_OBJECT) {
        shared.type = Py_NewRef(&PyBaseObject_Type);
    }
    else if (kind == KIND_HEAP) {
        shared.type = PyType_FromSpec(&churn_plain_spec);
        if (shared.type == NULL) {
            return NULL;
        }
    }
    PyObject *results = pb_call_run(call, &shared);
    Py_XDECREF(shared.type);
    return results;
}

PB_ENTRY(churn_create,
    .doc = "Make an object and destroy it.",
    .more = "A batch may take 32 MiB on a thread and 1 GiB on all.",
    .options = {
        [OPTION_KIND] = PB_CHOICE("kind", kind_names, KIND_LIST,
                  "heap: one heap type for all threads; heap_private:\n    "
                  "one for each."),
        [OPTION_ORDER] = PB_CHOICE("order", order_names, 0,
                  "Drop the youngest of a batch first, or the oldest."),
        [OPTION_BATCH] = PB_NUMBER("batch", 1, CHURN_BATCH_MAX, 1,
                  "How many are alive before the first is dropped."),
        [OPTION_SIZE] = PB_NUMBER("size", 0, CHURN_SIZE_MAX, 0,
                  "Characters, bytes or items of a str or bytes (from\n    "
                  "2), tuple (from 1) or list; 0 stands for 16, 16, 3\n    "
                  "and 0.")},
    .kernels = &churn_create_kernel, .run = churn_create_run)

PB_AREA(churn, PB_METHOD(churn_create), PB_METHOD(churn_handover))
