/* yardstick.c - did the machine move, rather than Python?

   Pure C, no Python object, no thread state: what these rows do between two
   interpreters, or between then and now, the machine did.  One iteration is one
   operation.  Inside the window: the operations and an eighth of a loop turn
   each.  Outside: filling memory.

   Loads are from 16 KiB, in every first-level cache; 256 KiB, beyond the first
   level, in the second; or 64 MiB, beyond both and nearly always a page-walk as
   well.  They go round a cycle of cache lines in an order that no prefetcher
   can run ahead of; after lmbench's lat_mem_rd (McVoy, Staelin: lmbench, USENIX
   1996).  Not shown: store bandwidth, NUMA, huge pages. */

#include "entries.h"

#include <stdatomic.h>
#include <stdlib.h>       // free, posix_memalign
#include <unistd.h>       // getppid
#ifdef __linux__
#  include <sys/syscall.h>  // SYS_getppid
#endif

/* 16384 operations of 0.05 to 100 ns. */
enum { YARDSTICK_BLOCK = 16384 };

enum level { LEVEL_L1, LEVEL_L2, LEVEL_MEMORY };
static const char *const level_names[] = {"L1", "L2", "memory", NULL};
/* Powers of two: see pb_scatter(). */
static const size_t level_bytes[] = {
    [LEVEL_L1] = 16 * 1024,
    [LEVEL_L2] = 256 * 1024,
    [LEVEL_MEMORY] = 64 * 1024 * 1024,
};

enum layout { LAYOUT_PRIVATE, LAYOUT_SHARED };
static const char *const layout_names[] = {"private", "shared", NULL};

/* Arguments of a call.  Workers only read it, but for the atomic words. */
struct yardstick_shared {
    uint64_t *memory;
    size_t words;
    enum layout layout;
    struct {
        _Alignas(PB_ALIGNMENT) _Atomic uint64_t word;
    } lines[PB_THREADS_MAX];
};

/* Where a worker goes on in its next block; its own. */
struct yardstick_worker {
    uint64_t value;
    size_t position;
    bool started;
};

PB_MEASURED(yardstick_empty_loop, , , 0)

static int
yardstick_alu_loop(struct pb_worker *worker, int64_t iterations)
{
    struct yardstick_worker *local = worker->local;
    uint64_t value = local->value;
    PB_LOOP(iterations, {
        /* Knuth's MMIX generator; any constants without a cheaper form do. */
        PB_OP(value = value * UINT64_C(6364136223846793005)
                      + UINT64_C(1442695040888963407);)
        pb_opaque(&value);
    });
    local->value = value;
    return 0;
}

static int
yardstick_load_loop(struct pb_worker *worker, int64_t iterations)
{
    const struct yardstick_shared *shared = worker->shared;
    struct yardstick_worker *local = worker->local;
    const uint64_t *memory = shared->memory;
    uint64_t index = local->value;
    PB_LOOP(iterations, {
        PB_OP(index = memory[index];)
        pb_opaque(&index);
    });
    (void)memory;
    local->value = index;
    return 0;
}

static int
yardstick_bandwidth_loop(struct pb_worker *worker, int64_t iterations)
{
    const struct yardstick_shared *shared = worker->shared;
    struct yardstick_worker *local = worker->local;
    if (!local->started) {
        /* Threads read the same memory from places far apart. */
        local->position = shared->words / PB_LINE_WORDS
                          / (size_t)worker->plan->threads
                          * (size_t)worker->index * PB_LINE_WORDS;
        local->started = true;
    }
    size_t position = local->position;
    uint64_t sum = local->value;
    while (iterations > 0) {
        size_t lines = (shared->words - position) / PB_LINE_WORDS;
        int64_t count = Py_MIN(iterations, (int64_t)lines);
        const uint64_t *line = shared->memory + position;
        PB_LOOP(count, {
            PB_OP(sum += ((line[0] + line[1]) + (line[2] + line[3]))
                         + ((line[4] + line[5]) + (line[6] + line[7]));)
            pb_opaque(&sum);
            line += PB_LINE_WORDS;
        });
        pb_keep((uint64_t)(uintptr_t)line);
        iterations -= count;
        position = (position + (size_t)count * PB_LINE_WORDS) % shared->words;
    }
    local->position = position;
    local->value = sum;
    return 0;
}

PB_MEASURED(yardstick_atomic_loop,
            struct yardstick_shared *shared = worker->shared;
            int index = shared->layout == LAYOUT_SHARED ? 0 : worker->index;
            _Atomic uint64_t *word = &shared->lines[index].word;
            (void)word;,
            PB_OP(atomic_fetch_add_explicit(word, 1, memory_order_relaxed);),
            0)

#ifdef __linux__  // directly: a C library may answer from a cache
#  define GETPPID syscall(SYS_getppid)
#else
#  define GETPPID getppid()
#endif
PB_MEASURED(yardstick_syscall_loop, long answer = 0;,
            PB_OP(answer += GETPPID;), (pb_keep((uint64_t)answer), 0))

/* Runs the call with `bytes` of memory (0 for none), the first word of each line
   of which is the index of the next line's: one cycle through all of them. */
static PyObject *
yardstick_run(struct pb_call *call, size_t bytes, enum layout layout)
{
    PyObject *results = NULL;
    void *memory = NULL;
    struct yardstick_shared *shared = pb_allocate(1, sizeof(*shared));
    if (shared == NULL) {
        return NULL;
    }
    shared->layout = layout;
    if (bytes > 0 && posix_memalign(&memory, 4096, bytes) != 0) {
        PyErr_NoMemory();
        goto done;
    }
    shared->memory = memory;
    shared->words = bytes / sizeof(uint64_t);
    uint64_t lines = bytes / PB_LINE_BYTES;
    Py_BEGIN_ALLOW_THREADS
    for (uint64_t line = 0; line < lines; line++) {
        shared->memory[line * PB_LINE_WORDS] =
            pb_scatter(line, lines) * PB_LINE_WORDS;
    }
    Py_END_ALLOW_THREADS
    results = pb_call_run(call, shared);

done:
    free(memory);
    free(shared);
    return results;
}

#define YARDSTICK_KERNEL(loop_, block_)                                       \
    {.block = block_, .local_size = sizeof(struct yardstick_worker),          \
     PB_LOOP_FUNCTION(loop_)}

static const struct pb_kernel empty_kernel =
    YARDSTICK_KERNEL(yardstick_empty_loop, YARDSTICK_BLOCK);

PB_ENTRY(yardstick_empty,
    .doc = "Do nothing: the floor that every native row stands on.",
    .kernels = &empty_kernel)

static const struct pb_kernel alu_kernel =
    YARDSTICK_KERNEL(yardstick_alu_loop, YARDSTICK_BLOCK);

PB_ENTRY(yardstick_alu,
    .doc = "Multiply and add, each step waiting for the last: the core's "
           "clock.",
    .kernels = &alu_kernel)

static PyObject *
yardstick_load_run(struct pb_call *call)
{
    return yardstick_run(call, level_bytes[call->plan.options[0]], LAYOUT_PRIVATE);
}

static const struct pb_kernel load_kernel =
    YARDSTICK_KERNEL(yardstick_load_loop, YARDSTICK_BLOCK);

PB_ENTRY(yardstick_load,
    .doc = "Load a word whose address the last load gave.",
    .options = {
        PB_CHOICE("level", level_names, 0, "16 KiB, 256 KiB or 64 MiB.")},
    .kernels = &load_kernel, .run = yardstick_load_run)

static PyObject *
yardstick_bandwidth_run(struct pb_call *call)
{
    return yardstick_run(call, level_bytes[LEVEL_MEMORY], LAYOUT_PRIVATE);
}

static const struct pb_kernel bandwidth_kernel =
    YARDSTICK_KERNEL(yardstick_bandwidth_loop, YARDSTICK_BLOCK);

PB_ENTRY(yardstick_bandwidth,
    .doc = "Read one 64-byte line of a sequential pass over 64 MiB.",
    .more = "64 / ns_per_operation is the bandwidth in GB/s.",
    .kernels = &bandwidth_kernel, .run = yardstick_bandwidth_run)

static PyObject *
yardstick_atomic_run(struct pb_call *call)
{
    return yardstick_run(call, 0, (enum layout)call->plan.options[0]);
}

static const struct pb_kernel atomic_kernel =
    YARDSTICK_KERNEL(yardstick_atomic_loop, YARDSTICK_BLOCK);

PB_ENTRY(yardstick_atomic,
    .doc = "Add one to a 64-bit word with one relaxed atomic instruction.",
    .options = {
        PB_CHOICE("layout", layout_names, 0,
                  "A word and cache line for each thread, or one word\n    "
                  "for all: what the hardware charges for contention.")},
    .kernels = &atomic_kernel, .run = yardstick_atomic_run)

/* 100 ns to 1 us each, more in a sandbox. */
static const struct pb_kernel syscall_kernel =
    YARDSTICK_KERNEL(yardstick_syscall_loop, 256);

PB_ENTRY(yardstick_syscall,
    .doc = "Call getppid(), a system call that does next to nothing.",
    .kernels = &syscall_kernel)

PB_AREA(yardstick, PB_METHOD(yardstick_alu), PB_METHOD(yardstick_atomic),
        PB_METHOD(yardstick_bandwidth), PB_METHOD(yardstick_empty),
        PB_METHOD(yardstick_load), PB_METHOD(yardstick_syscall))
