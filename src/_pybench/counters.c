/* counters.c - what does sharing memory cost without any Python in it?

   One iteration is one store, addition or successful exchange.  Inside the
   window: that, and an eighth of a loop turn.  Outside: memory, threads, which
   are native and have no thread state.  padded shares nothing, the control that
   says whether this machine scales at all; unpadded and strided share no value
   but a line (false sharing), shared the value (true sharing).

   On x86-64 the three orders are one and the same instruction (lock add);
   rows of them differ by noise only.  On AArch64 they differ.  A machine that
   prefetches cache lines in pairs shares falsely at a stride of 64 as well,
   and one with 128-byte lines at 64 by definition.

   Each call ends by counting: no lost update goes into a number.  Not shown:
   what CPython adds when the counter is a reference count (see refcount), and
   false sharing between objects, which depends on the allocator. */

#include "entries.h"

#include <stdatomic.h>  // _Atomic, atomic_fetch_add_explicit
#include <stdlib.h>     // free

/* Block of a 0.2 to 100 ns operation: 3 us to 1.6 ms between two looks. */
enum { COUNTERS_BLOCK = 16384 };

/* Strides: one counter's own size up to two lines of 128 bytes. */
enum { STRIDE_LEAST = 8, STRIDE_MOST = PB_ALIGNMENT };

enum layout { LAYOUT_PADDED, LAYOUT_UNPADDED, LAYOUT_SHARED, LAYOUT_STRIDED };
static const char *const layout_names[] = {"padded", "unpadded", "shared",
                                           "strided", NULL};
enum operation {
    OPERATION_STORE, OPERATION_RELAXED, OPERATION_ACQ_REL, OPERATION_SEQ_CST,
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

/* After each block, so also after the last: what the counter holds now; 0. */
static int
counters_note(struct pb_worker *worker, counter *own)
{
    worker->sample->note[NOTE_COUNTER] =
        (int64_t)atomic_load_explicit(own, memory_order_relaxed);
    return 0;
}

#define OWN counter *own = counters_of(worker->shared, worker->index);

/* Relaxed is as plain as a store can be without the race being undefined; it
   pairs with nothing.  The clobber keeps two of them from becoming one. */
PB_MEASURED(counters_store_loop,
            OWN
            struct counters_worker *local = worker->local;
            uint64_t stored = local->stored;,
            PB_OP(atomic_store_explicit(own, ++stored, memory_order_relaxed);),
            (local->stored = stored, counters_note(worker, own)))

/* One loop for each memory order, which has to be a constant.  Nothing is
   published through the counters, so no order pairs with another access: what
   the order costs is the question. */
PB_MEASURED(counters_relaxed_loop, OWN,
            PB_OP(atomic_fetch_add_explicit(own, 1, memory_order_relaxed);),
            counters_note(worker, own))
PB_MEASURED(counters_acq_rel_loop, OWN,
            PB_OP(atomic_fetch_add_explicit(own, 1, memory_order_acq_rel);),
            counters_note(worker, own))
PB_MEASURED(counters_seq_cst_loop, OWN,
            PB_OP(atomic_fetch_add_explicit(own, 1, memory_order_seq_cst);),
            counters_note(worker, own))

/* Relaxed as well, for success and failure: the loop is the question, and
   `relaxed` is then the row to compare it with. */
PB_MEASURED(counters_cas_loop,
            OWN
            uint64_t retries = 0;,
            PB_OP(uint64_t seen =
                      atomic_load_explicit(own, memory_order_relaxed);
                  while (!atomic_compare_exchange_weak_explicit(
                      own, &seen, seen + 1, memory_order_relaxed,
                      memory_order_relaxed)) {
                      retries++;
                  }),
            (worker->sample->note[NOTE_RETRIES] += (int64_t)retries,
             counters_note(worker, own)))

#define COUNTERS_KERNEL(loop_, ...)                                           \
    {.block = COUNTERS_BLOCK, .local_size = sizeof(struct counters_worker),   \
     PB_LOOP_FUNCTION(loop_), .notes = {__VA_ARGS__}}

static const struct pb_kernel counters_kernels[] = {
    [OPERATION_STORE] = COUNTERS_KERNEL(counters_store_loop, "counter"),
    [OPERATION_RELAXED] = COUNTERS_KERNEL(counters_relaxed_loop, "counter"),
    [OPERATION_ACQ_REL] = COUNTERS_KERNEL(counters_acq_rel_loop, "counter"),
    [OPERATION_SEQ_CST] = COUNTERS_KERNEL(counters_seq_cst_loop, "counter"),
    [OPERATION_CAS] = COUNTERS_KERNEL(counters_cas_loop, "counter", "retries"),
};

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

enum { OPTION_OPERATION, OPTION_LAYOUT, OPTION_STRIDE };

/* Bytes from one thread's counter to the next; 0, or -1 with a ValueError. */
static int
counters_stride(const struct pb_call *call, size_t *stride)
{
    static const size_t of_layout[] = {[LAYOUT_PADDED] = PB_ALIGNMENT,
                                       [LAYOUT_UNPADDED] = sizeof(counter),
                                       [LAYOUT_SHARED] = 0};
    int64_t layout = call->plan.options[OPTION_LAYOUT];
    int64_t asked = call->plan.options[OPTION_STRIDE];
    if (layout != LAYOUT_STRIDED) {
        *stride = of_layout[layout];
        if (asked != PB_NONE) {
            PyErr_Format(PyExc_ValueError,
                         "stride is only for layout='strided', not for "
                         "layout='%s' (stride=%lld)",
                         layout_names[layout], (long long)asked);
            return -1;
        }
        return 0;
    }
    if (asked == PB_NONE) {
        PyErr_SetString(PyExc_ValueError,
                        "stride must be given with layout='strided': 8, 16, "
                        "32, 64, 128 or 256");
        return -1;
    }
    if ((asked & (asked - 1)) != 0) {
        PyErr_Format(PyExc_ValueError,
                     "stride must be 8, 16, 32, 64, 128 or 256, not %lld",
                     (long long)asked);
        return -1;
    }
    *stride = (size_t)asked;
    return 0;
}

static PyObject *
counters_increment_run(struct pb_call *call)
{
    struct counters_shared shared;
    if (counters_stride(call, &shared.stride) < 0) {
        return NULL;
    }
    shared.base =
        pb_allocate(1, shared.stride * (size_t)call->plan.threads);
    if (shared.base == NULL) {
        return NULL;
    }
    PyObject *results = pb_call_run(call, &shared);
    if (results != NULL
        && counters_check(&shared, &call->plan,
                          (enum operation)call->plan.options[OPTION_OPERATION])
               < 0) {
        Py_CLEAR(results);
    }
    free(shared.base);
    return results;
}

PB_ENTRY(counters_increment,
    .doc = "Add one to a 64-bit counter in memory, on native threads without "
           "Python.",
    .more = "RuntimeError also when at the end an update is missing. detail:\n"
            "counter, what the thread's counter held after the round,\n"
            "counting on from round to round; for cas also retries,\n"
            "exchanges that another thread made fail.",
    .options = {
        [OPTION_OPERATION] = PB_CHOICE("operation", operation_names,
                  OPERATION_RELAXED,
                  "store: a plain store of an own running count;\n    "
                  "relaxed, acq_rel, seq_cst: atomic addition of that\n    "
                  "order (one instruction on x86-64); cas:\n    "
                  "compare-and-exchange loop."),
        [OPTION_LAYOUT] = PB_CHOICE("layout", layout_names, 0,
                  "padded: a counter per thread, 256 bytes apart;\n    "
                  "unpadded: 8 bytes apart; strided: `stride` bytes\n    "
                  "apart; shared: one counter for all."),
        [OPTION_STRIDE] = PB_NUMBER("stride", STRIDE_LEAST, STRIDE_MOST,
                  PB_NONE,
                  "8, 16, 32, 64, 128 or 256; with layout='strided'\n    "
                  "alone.")},
    .kernels = counters_kernels, .chosen_by = 1, .run = counters_increment_run)

PB_AREA(counters, PB_METHOD(counters_increment))
