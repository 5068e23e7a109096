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

   Not shown: objects with contents; see churn_handover.c for the drop by another
   thread. */

#include "entries.h"

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

/* Kernel and entry. */

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

PB_AREA(churn, PB_METHOD(churn_create))
