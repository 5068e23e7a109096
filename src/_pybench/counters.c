/* counters.c - what does sharing memory cost without any Python in it?

   counters_increment  each thread adds one to a 64-bit counter:
     layout padded     its own, 256 bytes from the next: nothing is shared, the
                       control that says whether this machine scales at all
            unpadded   its own, 8 bytes from the next: no value is shared, the
                       cache line is (false sharing)
            strided    its own, `stride` bytes from the next (8 to 256)
            shared     one for all threads (true sharing)
     operation store   a plain store of a running count of the thread's own; no
                       read-modify-write, so it can lose nothing
            relaxed, acq_rel, seq_cst
                       an atomic fetch-and-add of that memory order
            cas        a load, then compare-and-exchange until it succeeds

   One iteration is one store, addition or successful exchange.  Inside the
   window: that, and an eighth of a loop turn.  Outside: memory, threads.  The
   threads are native and have no thread state: no CPython and no GIL.

   On x86-64 the three orders are one and the same instruction (lock add);
   rows of them differ by noise only.  On AArch64 they differ.  A machine that
   prefetches cache lines in pairs shares falsely at a stride of 64 as well,
   and one with 128-byte lines at 64 by definition; hence the strides.

   Each call ends by counting: the counters must hold exactly what was asked
   for, or the call raises, so no lost update goes into a number.

   Not shown: what CPython adds to this when the counter is a reference count
   (see refcount), and false sharing between objects, which depends on the
   allocator. */

#include "areas.h"
#include "arguments.h"
#include "loop.h"
#include "threads.h"

#include <stdatomic.h>  // _Atomic, atomic_fetch_add_explicit
#include <stdlib.h>     // free, posix_memalign
#include <string.h>     // memset

/* Block of a 0.2 to 100 ns operation: 3 us to 1.6 ms between two looks. */
enum { COUNTERS_BLOCK = 16384 };

/* Strides: one counter's own size up to two lines of 128 bytes. */
enum { STRIDE_LEAST = 8, STRIDE_MOST = PB_ALIGNMENT };

enum layout { LAYOUT_PADDED, LAYOUT_UNPADDED, LAYOUT_SHARED, LAYOUT_STRIDED };
static const char *const layout_names[] = {"padded", "unpadded", "shared",
                                           "strided", NULL};

enum operation {
    OPERATION_STORE,
    OPERATION_RELAXED,
    OPERATION_ACQ_REL,
    OPERATION_SEQ_CST,
    OPERATION_CAS,
};
static const char *const operation_names[] = {"store",   "relaxed", "acq_rel",
                                              "seq_cst", "cas",     NULL};

typedef _Atomic uint64_t counter;

/* Arguments of a call; read-only for the workers. */
struct counters_shared {
    char *base;     // the counters themselves; zeroed before the workers start
    size_t stride;  // 0: all threads on the first one
};

struct counters_worker {
    uint64_t stored;  // what this thread has stored so far
};

/* KernelResult.detail, by index of pb_sample.note. */
enum { NOTE_COUNTER, NOTE_RETRIES };

static counter *
counters_of(const struct counters_shared *shared, int index)
{
    return (counter *)(void *)(shared->base + shared->stride * (size_t)index);
}

/* After each block, so also after the last: what the counter holds now. */
static void
counters_note(struct pb_worker *worker, counter *own)
{
    worker->sample->note[NOTE_COUNTER] =
        (int64_t)atomic_load_explicit(own, memory_order_relaxed);
}

static int
counters_store_loop(struct pb_worker *worker, int64_t iterations)
{
    struct counters_worker *local = worker->local;
    counter *own = counters_of(worker->shared, worker->index);
    uint64_t stored = local->stored;
    /* Relaxed is as plain as a store can be without the race being undefined;
       it pairs with nothing.  The clobber keeps two of them from becoming
       one. */
    PB_LOOP(iterations, {
        PB_OP(atomic_store_explicit(own, ++stored, memory_order_relaxed);)
        pb_clobber();
    });
    local->stored = stored;
    counters_note(worker, own);
    return 0;
}

/* One loop for each memory order, which has to be a constant.  Nothing is
   published through the counters, so no order pairs with another access: what
   the order costs is the question. */
#define COUNTERS_ADD_LOOP(order)                                              \
    static int counters_##order##_loop(struct pb_worker *worker,              \
                                       int64_t iterations)                    \
    {                                                                         \
        counter *own = counters_of(worker->shared, worker->index);            \
        PB_LOOP(iterations, {                                                 \
            PB_OP(atomic_fetch_add_explicit(own, 1, memory_order_##order);)   \
            pb_clobber();                                                     \
        });                                                                   \
        counters_note(worker, own);                                           \
        return 0;                                                             \
    }

COUNTERS_ADD_LOOP(relaxed)
COUNTERS_ADD_LOOP(acq_rel)
COUNTERS_ADD_LOOP(seq_cst)

#undef COUNTERS_ADD_LOOP

static int
counters_cas_loop(struct pb_worker *worker, int64_t iterations)
{
    counter *own = counters_of(worker->shared, worker->index);
    uint64_t retries = 0;
    /* Relaxed as well, for success and failure: the loop is the question, and
       `relaxed` is then the row to compare it with. */
    PB_LOOP(iterations, {
        PB_OP(
            uint64_t seen = atomic_load_explicit(own, memory_order_relaxed);
            while (!atomic_compare_exchange_weak_explicit(
                own, &seen, seen + 1, memory_order_relaxed,
                memory_order_relaxed)) {
                retries++;
            }
        )
        pb_clobber();
    });
    worker->sample->note[NOTE_RETRIES] += (int64_t)retries;
    counters_note(worker, own);
    return 0;
}

#define COUNTERS_KERNEL(loop_)                                                \
    .name = "counters_increment", .block = COUNTERS_BLOCK,                    \
    .local_size = sizeof(struct counters_worker), PB_LOOP_FUNCTION(loop_)

static const struct pb_kernel counters_kernels[] = {
    [OPERATION_STORE] = {COUNTERS_KERNEL(counters_store_loop),
                         .notes = {"counter"}},
    [OPERATION_RELAXED] = {COUNTERS_KERNEL(counters_relaxed_loop),
                           .notes = {"counter"}},
    [OPERATION_ACQ_REL] = {COUNTERS_KERNEL(counters_acq_rel_loop),
                           .notes = {"counter"}},
    [OPERATION_SEQ_CST] = {COUNTERS_KERNEL(counters_seq_cst_loop),
                           .notes = {"counter"}},
    [OPERATION_CAS] = {COUNTERS_KERNEL(counters_cas_loop),
                       .notes = {"counter", "retries"}},
};

/* Zeroed counters for the plan's threads; 0, or -1 with an exception set. */
static int
counters_allocate(struct counters_shared *shared, int threads)
{
    void *memory = NULL;
    size_t bytes = shared->stride * (size_t)threads;
    /* To whole boundaries: what the allocator puts behind the last counter
       must not be on its line. */
    bytes = (bytes / PB_ALIGNMENT + 1) * PB_ALIGNMENT;
    if (posix_memalign(&memory, PB_ALIGNMENT, bytes) != 0) {
        PyErr_NoMemory();
        return -1;
    }
    memset(memory, 0, bytes);
    shared->base = memory;
    return 0;
}

/* 0 when the counters hold exactly what the plan's threads have done, else -1
   with a RuntimeError.  The threads have been joined. */
static int
counters_check(const struct counters_shared *shared,
               const struct pb_plan *plan, enum operation operation)
{
    /* At most 10**12 * 10**5 * 256: may wrap, and then wraps on both sides. */
    uint64_t each = (uint64_t)plan->iterations * (uint64_t)plan->rounds;
    int counters = shared->stride > 0 ? plan->threads : 1;
    uint64_t expected = each;
    if (shared->stride == 0 && operation != OPERATION_STORE) {
        expected = each * (uint64_t)plan->threads;
    }
    /* Of stores to one counter, the last is the last of its thread, and all
       threads end with the same number. */
    for (int i = 0; i < counters; i++) {
        uint64_t found = atomic_load_explicit(counters_of(shared, i),
                                              memory_order_relaxed);
        if (found != expected) {
            PyErr_Format(PyExc_RuntimeError,
                         "counters_increment: counter %d of %d holds %llu "
                         "and not %llu: updates were lost or invented",
                         i + 1, counters, (unsigned long long)found,
                         (unsigned long long)expected);
            return -1;
        }
    }
    return 0;
}

/* Bytes from one thread's counter to the next; 0 or -1 with a ValueError or
   TypeError. */
static int
counters_stride(enum layout layout, PyObject *asked, size_t *stride)
{
    static const size_t of_layout[] = {[LAYOUT_PADDED] = PB_ALIGNMENT,
                                       [LAYOUT_UNPADDED] = sizeof(counter),
                                       [LAYOUT_SHARED] = 0};
    if (asked == Py_None) {
        asked = NULL;
    }
    if (layout != LAYOUT_STRIDED) {
        if (asked != NULL) {
            PyErr_Format(PyExc_ValueError,
                         "stride is only for layout='strided', not for "
                         "layout='%s' (stride=%R)",
                         layout_names[layout], asked);
            return -1;
        }
        *stride = of_layout[layout];
        return 0;
    }
    if (asked == NULL) {
        PyErr_SetString(PyExc_ValueError,
                        "stride must be given with layout='strided': 8, 16, "
                        "32, 64, 128 or 256");
        return -1;
    }
    int64_t bytes;
    if (pb_whole_number("stride", asked, STRIDE_LEAST, STRIDE_MOST, 0, &bytes)
        < 0) {
        return -1;
    }
    if ((bytes & (bytes - 1)) != 0) {
        PyErr_Format(PyExc_ValueError,
                     "stride must be 8, 16, 32, 64, 128 or 256, not %lld",
                     (long long)bytes);
        return -1;
    }
    *stride = (size_t)bytes;
    return 0;
}

PyDoc_STRVAR(counters_increment_doc,
"counters_increment($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                   operation='relaxed', layout='padded', stride=None)\n"
"--\n\n"
"Add one to a 64-bit counter in memory, on native threads without Python.\n\n"
PB_ARGUMENTS_DOC "\n"
"operation: 'store' (plain store of an own running count, no\n"
"read-modify-write), 'relaxed', 'acq_rel', 'seq_cst' (atomic addition of\n"
"that order; one instruction on x86-64), 'cas' (compare-and-exchange loop).\n"
"layout: 'padded' (a counter per thread, 256 bytes apart), 'unpadded' (8\n"
"bytes apart), 'strided' (`stride` bytes apart: 8, 16, 32, 64, 128 or 256),\n"
"'shared' (one counter for all). detail: 'counter', what the thread's\n"
"counter held after the round, counting on from round to round; for 'cas'\n"
"also 'retries', exchanges that another thread made fail.\n"
"RuntimeError when at the end an update is missing.");

static PyObject *
counters_increment(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "operation", "layout",
                            "stride", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *operation_name = "relaxed", *layout_name = "padded";
    PyObject *stride = NULL;
    struct pb_plan plan = {0};
    struct counters_shared shared = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "ssO:counters_increment", names,
            PB_ARGUMENTS_TARGETS(common), &operation_name, &layout_name,
            &stride)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int operation = pb_choice("operation", operation_name, operation_names);
    if (operation < 0) {
        return NULL;
    }
    int layout = pb_choice("layout", layout_name, layout_names);
    if (layout < 0
        || counters_stride((enum layout)layout, stride, &shared.stride) < 0
        || counters_allocate(&shared, plan.threads) < 0) {
        return NULL;
    }
    plan.kernel = &counters_kernels[operation];
    plan.shared = &shared;
    PyObject *results = pb_run(module, &plan);
    if (results != NULL
        && counters_check(&shared, &plan, (enum operation)operation) < 0) {
        Py_CLEAR(results);
    }
    free(shared.base);
    return results;
}

static PyMethodDef counters_methods[] = {
    {"counters_increment", (PyCFunction)(void (*)(void))counters_increment,
     METH_VARARGS | METH_KEYWORDS, counters_increment_doc},
    {NULL, NULL, 0, NULL},
};

static const struct pb_listing counters_listings[] = {
    {.name = "counters_increment", .attached = false},
    {NULL, false, NULL},
};

int
pb_counters_add(PyObject *module)
{
    return pb_area_add(module, "counters", counters_methods,
                       counters_listings);
}
