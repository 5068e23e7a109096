/* ordering_objects.c - the part of ordering that asks what places in memory mean
   for CPython's objects.

   One iteration is one float of an array of pointers, or one incref and decref
   of an object whose neighbour another thread counts.  Inside the window: that,
   and an eighth of a loop turn.  Outside: making the objects, which are checked
   for their values and counts after the last round.  Both run attached.  The
   plain C control of the latter is counters_increment. */

#include "entries.h"

#include <string.h>  // memcpy

/* 16384 operations of 0.5 to 100 ns. */
enum { ORDERING_BLOCK = 16384 };

/* Objects of a call: up to 200 MB on a thread, a GiB on all.  An object and its
   pointer take at most 64 bytes on any build. */
enum { OBJECTS_LEAST = 64, OBJECTS_MOST = 1 << 22, OBJECT_BYTES = 64 };
#define OBJECTS_BYTES_MAX (INT64_C(1) << 30)

/* Objects made or checked between two safepoints: about 0.1 ms. */
enum { OBJECTS_BLOCK = 4096 };

/* Among so many new ones there are two on a line on every build. */
enum { NEIGHBOURS_CANDIDATES = 256 };

enum layout { LAYOUT_TOGETHER, LAYOUT_APART };
static const char *const layout_names[] = {"together", "apart", NULL};
enum arrangement { ARRANGEMENT_ALLOCATED, ARRANGEMENT_SHUFFLED };
static const char *const arrangement_names[] = {"allocated", "shuffled", NULL};
enum touch { TOUCH_READ, TOUCH_COUNT };
static const char *const touch_names[] = {"read", "count", NULL};

/* ordering_objects */

enum { OPTION_ORDER, OPTION_ACCESS, OPTION_COUNT };

struct objects_worker {
    PyObject **items;    // owned, and so is each of the `count`
    int64_t count;
    int64_t position;    // of the next access
    int64_t neighbours;  // items that lie right after the one before them
};

enum { NOTE_NEIGHBOURS };

/* To be called between the blocks of what takes long attached: passes a
   safepoint; 1, 0 when the call is ending, or -1 with an exception set. */
static int
objects_safepoint(const struct pb_worker *worker)
{
    return pb_worker_safepoint(worker) < 0 ? -1 : !pb_stopping(worker);
}

/* The objects are made by the worker that reads them, which therefore owns
   them on a free-threaded build. */
static int
objects_prepare(struct pb_worker *worker)
{
    struct objects_worker *local = worker->local;
    int64_t count = worker->plan->options[OPTION_COUNT];
    bool shuffled =
        worker->plan->options[OPTION_ORDER] == ARRANGEMENT_SHUFFLED;
    uint64_t place = 0;
    local->items = PyMem_Calloc((size_t)count, sizeof(PyObject *));
    if (local->items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    local->count = count;
    for (int64_t i = 0; i < count; i++) {
        place = shuffled ? pb_scatter(place, (uint64_t)count) : (uint64_t)i;
        local->items[place] = PyFloat_FromDouble((double)i);
        if (local->items[place] == NULL) {
            return -1;
        }
        if (i % OBJECTS_BLOCK == OBJECTS_BLOCK - 1) {
            int going = objects_safepoint(worker);
            if (going <= 0) {
                return going;
            }
        }
    }
    for (int64_t i = 1; i < count; i++) {
        uintptr_t distance =
            (uintptr_t)local->items[i] - (uintptr_t)local->items[i - 1];
        local->neighbours += distance <= PB_LINE_BYTES;
    }
    return 0;
}

static void
objects_finish(struct pb_worker *worker)
{
    struct objects_worker *local = worker->local;
    for (int64_t i = 0; i < local->count; i++) {
        Py_XDECREF(local->items[i]);
        if (i % OBJECTS_BLOCK == OBJECTS_BLOCK - 1
            && objects_safepoint(worker) < 0) {
            PyErr_Clear();
        }
    }
    PyMem_Free(local->items);
}

static inline uint64_t
objects_value(PyObject *object)
{
    uint64_t bits;
    memcpy(&bits, &((PyFloatObject *)object)->ob_fval, sizeof(bits));
    return bits;
}

/* One loop for each touch. */
#define OBJECTS_LOOP(name, ...)                                               \
    static int name(struct pb_worker *worker, int64_t iterations)             \
    {                                                                         \
        struct objects_worker *local = worker->local;                         \
        while (iterations > 0) {                                              \
            int64_t count =                                                   \
                Py_MIN(iterations, local->count - local->position);           \
            PyObject **item = local->items + local->position;                 \
            PB_LOOP(count, {                                                  \
                PB_OP(PyObject *object = *item; __VA_ARGS__)                  \
                item++;                                                       \
            });                                                               \
            pb_keep((uint64_t)(uintptr_t)item);                               \
            iterations -= count;                                              \
            local->position = (local->position + count) % local->count;       \
        }                                                                     \
        worker->sample->note[NOTE_NEIGHBOURS] = local->neighbours;            \
        return 0;                                                             \
    }

OBJECTS_LOOP(objects_read_loop, pb_keep(objects_value(object));)
/* The clobbers keep the two counts from becoming none. */
OBJECTS_LOOP(objects_count_loop,
             Py_INCREF(object);
             pb_clobber();
             pb_keep(objects_value(object));
             Py_DECREF(object);
             pb_clobber();)

#undef OBJECTS_LOOP

/* After the last round: every object is there, with its one reference. */
static int
objects_round_finish(struct pb_worker *worker)
{
    const struct objects_worker *local = worker->local;
    if (worker->round + 1 < worker->plan->rounds || pb_stopping(worker)) {
        return 0;
    }
    double sum = 0;
    Py_ssize_t references = 0;
    for (int64_t i = 0; i < local->count; i++) {
        sum += PyFloat_AS_DOUBLE(local->items[i]);
        references += Py_REFCNT(local->items[i]);
        if (i % OBJECTS_BLOCK == OBJECTS_BLOCK - 1) {
            int going = objects_safepoint(worker);
            if (going <= 0) {
                return going;
            }
        }
    }
    double count = (double)local->count;
    if (sum != count * (count - 1) / 2 || references != local->count) {
        PyErr_Format(PyExc_RuntimeError,
                     "ordering_objects: %lld objects have %zd references, or "
                     "other values than they were made with",
                     (long long)local->count, references);
        return -1;
    }
    return 0;
}

/* ordering_neighbours */

struct neighbours_shared {
    PyObject *objects[2];  // by the index of the worker that counts
};

enum { NOTE_OFFSET };

PB_MEASURED(neighbours_loop,
            const struct neighbours_shared *shared = worker->shared;
            PyObject *object = shared->objects[worker->index];,
            PB_OP(Py_INCREF(object);) pb_clobber(); PB_OP(Py_DECREF(object);),
            (worker->sample->note[NOTE_OFFSET] =
                 (int64_t)(uintptr_t)object
                 - (int64_t)(uintptr_t)shared->objects[0], 0))

/* Two of the candidates as the layout says, borrowed; 0, or -1 with an
   exception set. */
static int
neighbours_choose(PyObject *candidates, enum layout layout,
                  PyObject *objects[2])
{
    Py_ssize_t count = PyList_GET_SIZE(candidates);
    for (Py_ssize_t i = 0; i < count; i++) {
        for (Py_ssize_t j = 0; j < count; j++) {
            PyObject *first = PyList_GET_ITEM(candidates, i);
            PyObject *second = PyList_GET_ITEM(candidates, j);
            uintptr_t here = (uintptr_t)first, there = (uintptr_t)second;
            bool fits = layout == LAYOUT_TOGETHER
                            ? here / PB_LINE_BYTES == there / PB_LINE_BYTES
                            : there >= here + 2 * PB_ALIGNMENT;
            if (first != second && fits) {
                objects[0] = first;
                objects[1] = second;
                return 0;
            }
        }
    }
    PyErr_Format(PyExc_RuntimeError,
                 "ordering_neighbours: of %zd new objects no two lie %s",
                 count, layout_names[layout]);
    return -1;
}

/* Kernels and entries. */

#define OBJECTS_KERNEL(loop_)                                                 \
    {.attached = true, .block = ORDERING_BLOCK,                               \
     .local_size = sizeof(struct objects_worker),                             \
     .notes = {[NOTE_NEIGHBOURS] = "neighbours"},                             \
     .prepare = objects_prepare, PB_LOOP_FUNCTION(loop_),                     \
     .round_finish = objects_round_finish, .finish = objects_finish}
static const struct pb_kernel objects_kernels[] = {
    [TOUCH_READ] = OBJECTS_KERNEL(objects_read_loop),
    [TOUCH_COUNT] = OBJECTS_KERNEL(objects_count_loop),
};

static PyObject *
ordering_objects_run(struct pb_call *call)
{
    int64_t count = call->plan.options[OPTION_COUNT];
    int64_t most = OBJECTS_BYTES_MAX / (count * OBJECT_BYTES);
    if ((count & (count - 1)) != 0) {
        return PyErr_Format(PyExc_ValueError,
                            "count must be a power of two, not %lld",
                            (long long)count);
    }
    if (call->plan.threads > most) {
        return PyErr_Format(PyExc_ValueError,
                            "threads must be from 1 to %lld with %lld objects "
                            "for each of them, not %d",
                            (long long)most, (long long)count,
                            call->plan.threads);
    }
    call->kernel = objects_kernels[call->plan.options[OPTION_ACCESS]];
    return pb_call_run(call, NULL);
}

PB_ENTRY(ordering_objects,
    .doc = "Touch one float of an array of objects.",
    .more = "RuntimeError also when at the end a value or a reference is not\n"
            "what it was. detail: neighbours, the objects that lie at most\n"
            "64 bytes after the one before them.",
    .options = {
        PB_CHOICE("order", arrangement_names, 0,
                  "The objects were made in the array's order, or in\n    "
                  "another."),
        PB_CHOICE("access", touch_names, 0,
                  "count: a reference up and down as well."),
        PB_NUMBER("count", OBJECTS_LEAST, OBJECTS_MOST, 4096,
                  "Objects of each thread, a power of two.")},
    .kernels = objects_kernels, .run = ordering_objects_run)

static const struct pb_kernel neighbours_kernel = {
    .attached = true, .block = ORDERING_BLOCK,
    .notes = {[NOTE_OFFSET] = "offset_bytes"},
    PB_LOOP_FUNCTION(neighbours_loop),
};

static PyObject *
ordering_neighbours_run(struct pb_call *call)
{
    struct neighbours_shared shared;
    PyObject *results = NULL;
    PyObject *candidates = PyList_New(0);
    for (int i = 0; candidates != NULL && i < NEIGHBOURS_CANDIDATES; i++) {
        pb_list_add(&candidates,
                    PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type));
    }
    if (candidates != NULL
        && neighbours_choose(candidates, (enum layout)call->plan.options[0],
                             shared.objects) == 0) {
        results = pb_call_run(call, &shared);
    }
    Py_XDECREF(candidates);
    return results;
}

PB_ENTRY(ordering_neighbours,
    .doc = "Count references to an object beside one whose references another "
           "thread counts.",
    .more = "RuntimeError also when no objects lie as asked for. detail:\n"
            "offset_bytes, from the first object to the thread's own.",
    .options = {
        PB_CHOICE("layout", layout_names, 0,
                  "The two objects on one cache line, or not.")},
    .threads = {"threads", .least = 1, .most = 2, .otherwise = 2,
                .reason = "whose objects more than two would not fit on a line"},
    .kernels = &neighbours_kernel, .run = ordering_neighbours_run)

PB_AREA(ordering_objects, PB_METHOD(ordering_neighbours),
        PB_METHOD(ordering_objects))
