/* yardstick.c - did the machine move, rather than Python?

   Pure C, no Python object, no thread state: what these rows do between two
   interpreters, or between then and now, the machine did.

   yardstick_empty      nothing: the floor of every native row
   yardstick_alu        one link of a chain of multiply-and-add; core clock
   yardstick_load       one load whose address is the value of the last load
     level L1           from 16 KiB, in every first-level cache
           L2           from 256 KiB, beyond the first level, in the second
           memory       from 64 MiB, beyond both: last-level cache or DRAM,
                        and nearly always a page-walk (4 KiB pages) as well
   yardstick_bandwidth  one cache line (64 bytes) of a long sequential read
   yardstick_atomic     one relaxed atomic add to a 64-bit word of one's own
                        (layout private) or of all threads (shared)
   yardstick_syscall    one getppid(), which the kernel answers at once

   One iteration is one of these.  Inside the window: the operations and an
   eighth of a loop turn each.  Outside: filling memory.

   Loads go round a cycle of cache lines in an order that no prefetcher can run
   ahead of; after lmbench's lat_mem_rd (McVoy, Staelin: lmbench, USENIX
   1996).  Not shown: store bandwidth, NUMA, huge pages. */

#include "areas.h"
#include "arguments.h"
#include "loop.h"
#include "threads.h"

#include <stdatomic.h>
#include <stdlib.h>       // posix_memalign, free
#include <unistd.h>       // getppid
#ifdef __linux__
#  include <sys/syscall.h>  // SYS_getppid
#endif

/* 16384 operations of 0.05 to 100 ns. */
enum { YARDSTICK_BLOCK = 16384 };

/* What the loads are spaced by.  64 bytes is a line on x86-64 and most Arm;
   where lines are 128 bytes (Apple) two nodes share one and half of the loads
   beyond L1 are cheaper. */
enum { LINE_BYTES = 64, LINE_WORDS = LINE_BYTES / 8 };

enum level { LEVEL_L1, LEVEL_L2, LEVEL_MEMORY };
static const char *const level_names[] = {"L1", "L2", "memory", NULL};
/* Powers of two: see yardstick_fill(). */
static const size_t level_bytes[] = {
    [LEVEL_L1] = 16 * 1024,
    [LEVEL_L2] = 256 * 1024,
    [LEVEL_MEMORY] = 64 * 1024 * 1024,
};

enum layout { LAYOUT_PRIVATE, LAYOUT_SHARED };
static const char *const layout_names[] = {"private", "shared", NULL};

struct yardstick_line {
    _Alignas(PB_ALIGNMENT) _Atomic uint64_t word;
};

/* Arguments of a call.  Workers only read it, but for the atomic words. */
struct yardstick_shared {
    uint64_t *memory;
    size_t words;
    enum layout layout;
    struct yardstick_line lines[PB_THREADS_MAX];
};

/* Where a worker goes on in its next block; its own. */
struct yardstick_worker {
    uint64_t value;
    size_t position;
    bool started;
};

static int
yardstick_empty_loop(struct pb_worker *worker, int64_t iterations)
{
    (void)worker;
    PB_LOOP(iterations, { pb_clobber(); });
    return 0;
}

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
        local->position = shared->words / LINE_WORDS
                          / (size_t)worker->plan->threads
                          * (size_t)worker->index * LINE_WORDS;
        local->started = true;
    }
    size_t position = local->position;
    uint64_t sum = local->value;
    while (iterations > 0) {
        size_t lines = (shared->words - position) / LINE_WORDS;
        int64_t count = Py_MIN(iterations, (int64_t)lines);
        const uint64_t *line = shared->memory + position;
        PB_LOOP(count, {
            PB_OP(sum += ((line[0] + line[1]) + (line[2] + line[3]))
                         + ((line[4] + line[5]) + (line[6] + line[7]));)
            pb_opaque(&sum);
            line += LINE_WORDS;
        });
        pb_keep((uint64_t)(uintptr_t)line);
        iterations -= count;
        position = (position + (size_t)count * LINE_WORDS) % shared->words;
    }
    local->position = position;
    local->value = sum;
    return 0;
}

static int
yardstick_atomic_loop(struct pb_worker *worker, int64_t iterations)
{
    /* The one thing that workers write to here. */
    struct yardstick_shared *shared =
        (struct yardstick_shared *)(uintptr_t)worker->shared;
    int index = shared->layout == LAYOUT_SHARED ? 0 : worker->index;
    _Atomic uint64_t *word = &shared->lines[index].word;
    (void)word;
    PB_LOOP(iterations, {
        PB_OP(atomic_fetch_add_explicit(word, 1, memory_order_relaxed);)
        pb_clobber();
    });
    return 0;
}

static int
yardstick_syscall_loop(struct pb_worker *worker, int64_t iterations)
{
    (void)worker;
    long answer = 0;
    PB_LOOP(iterations, {
#ifdef __linux__
        /* Directly: a C library may answer from a cache. */
        PB_OP(answer += syscall(SYS_getppid);)
#else
        PB_OP(answer += getppid();)
#endif
        pb_clobber();
    });
    pb_keep((uint64_t)answer);
    return 0;
}

#define YARDSTICK_KERNEL(name_, loop_, block_)                                \
    {.name = name_, .block = block_,                                          \
     .local_size = sizeof(struct yardstick_worker), PB_LOOP_FUNCTION(loop_)}

static const struct pb_kernel yardstick_empty_kernel =
    YARDSTICK_KERNEL("yardstick_empty", yardstick_empty_loop, YARDSTICK_BLOCK);
static const struct pb_kernel yardstick_alu_kernel =
    YARDSTICK_KERNEL("yardstick_alu", yardstick_alu_loop, YARDSTICK_BLOCK);
static const struct pb_kernel yardstick_load_kernel =
    YARDSTICK_KERNEL("yardstick_load", yardstick_load_loop, YARDSTICK_BLOCK);
static const struct pb_kernel yardstick_bandwidth_kernel = YARDSTICK_KERNEL(
    "yardstick_bandwidth", yardstick_bandwidth_loop, YARDSTICK_BLOCK);
static const struct pb_kernel yardstick_atomic_kernel = YARDSTICK_KERNEL(
    "yardstick_atomic", yardstick_atomic_loop, YARDSTICK_BLOCK);
/* 100 ns to 1 us each, more in a sandbox. */
static const struct pb_kernel yardstick_syscall_kernel =
    YARDSTICK_KERNEL("yardstick_syscall", yardstick_syscall_loop, 256);

/* Makes the first word of every line the index of the next line's: one cycle
   through all of them.  x -> a x + c modulo a power of two visits every number
   once if c is odd and a - 1 a multiple of 4 (Hull, Dobell: Random number
   generators, SIAM Review 4(3), 1962).  A shuffle would be more random, but
   takes 0.2 s for 64 MiB, in every call, and cannot be interrupted. */
static void
yardstick_fill(uint64_t *memory, size_t words)
{
    uint64_t lines = words / LINE_WORDS;
    for (uint64_t line = 0; line < lines; line++) {
        uint64_t next = line * UINT64_C(6364136223846793005)
                        + UINT64_C(1442695040888963407);
        memory[line * LINE_WORDS] = next % lines * LINE_WORDS;
    }
}

/* Runs the plan with `bytes` of memory (0 for none). */
static PyObject *
yardstick_run(PyObject *module, struct pb_plan *plan, size_t bytes,
              enum layout layout)
{
    PyObject *results = NULL;
    struct yardstick_shared *shared = NULL;
    void *place = NULL;
    if (posix_memalign(&place, PB_ALIGNMENT, sizeof(*shared)) != 0) {
        return PyErr_NoMemory();
    }
    shared = place;
    *shared = (struct yardstick_shared){.layout = layout};
    if (bytes > 0) {
        if (posix_memalign(&place, 4096, bytes) != 0) {
            PyErr_NoMemory();
            goto done;
        }
        shared->memory = place;
        shared->words = bytes / sizeof(uint64_t);
        Py_BEGIN_ALLOW_THREADS
        yardstick_fill(shared->memory, shared->words);
        Py_END_ALLOW_THREADS
    }
    plan->shared = shared;
    results = pb_run(module, plan);

done:
    free(shared->memory);
    free(shared);
    return results;
}

/* The entries without arguments of their own differ in kernel, name and
   memory. */
static PyObject *
yardstick_plain(PyObject *module, PyObject *args, PyObject *kwargs,
                const char *format, const struct pb_kernel *kernel,
                size_t bytes)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    struct pb_plan plan = {.kernel = kernel};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names,
                                     PB_ARGUMENTS_TARGETS(common))
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    return yardstick_run(module, &plan, bytes, LAYOUT_PRIVATE);
}

PyDoc_STRVAR(yardstick_empty_doc,
"yardstick_empty($module, /, " PB_ARGUMENTS_SIGNATURE ")\n--\n\n"
"Do nothing: the floor that every native row stands on.\n\n"
PB_ARGUMENTS_DOC);

static PyObject *
yardstick_empty(PyObject *module, PyObject *args, PyObject *kwargs)
{
    return yardstick_plain(module, args, kwargs,
                           PB_ARGUMENTS_FORMAT ":yardstick_empty",
                           &yardstick_empty_kernel, 0);
}

PyDoc_STRVAR(yardstick_alu_doc,
"yardstick_alu($module, /, " PB_ARGUMENTS_SIGNATURE ")\n--\n\n"
"Multiply and add, each step waiting for the last: the core's clock.\n\n"
PB_ARGUMENTS_DOC);

static PyObject *
yardstick_alu(PyObject *module, PyObject *args, PyObject *kwargs)
{
    return yardstick_plain(module, args, kwargs,
                           PB_ARGUMENTS_FORMAT ":yardstick_alu",
                           &yardstick_alu_kernel, 0);
}

PyDoc_STRVAR(yardstick_bandwidth_doc,
"yardstick_bandwidth($module, /, " PB_ARGUMENTS_SIGNATURE ")\n--\n\n"
"Read one 64-byte line of a sequential pass over 64 MiB.\n\n"
PB_ARGUMENTS_DOC "\n64 / ns_per_operation is the bandwidth in GB/s.");

static PyObject *
yardstick_bandwidth(PyObject *module, PyObject *args, PyObject *kwargs)
{
    return yardstick_plain(module, args, kwargs,
                           PB_ARGUMENTS_FORMAT ":yardstick_bandwidth",
                           &yardstick_bandwidth_kernel,
                           level_bytes[LEVEL_MEMORY]);
}

PyDoc_STRVAR(yardstick_syscall_doc,
"yardstick_syscall($module, /, " PB_ARGUMENTS_SIGNATURE ")\n--\n\n"
"Call getppid(), a system call that does next to nothing.\n\n"
PB_ARGUMENTS_DOC);

static PyObject *
yardstick_syscall(PyObject *module, PyObject *args, PyObject *kwargs)
{
    return yardstick_plain(module, args, kwargs,
                           PB_ARGUMENTS_FORMAT ":yardstick_syscall",
                           &yardstick_syscall_kernel, 0);
}

PyDoc_STRVAR(yardstick_load_doc,
"yardstick_load($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"               level='L1')\n--\n\n"
"Load a word whose address the last load gave.\n\n"
PB_ARGUMENTS_DOC "\n"
"level: 'L1' (16 KiB), 'L2' (256 KiB), 'memory' (64 MiB).");

static PyObject *
yardstick_load(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "level", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *level_name = "L1";
    struct pb_plan plan = {.kernel = &yardstick_load_kernel};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "s:yardstick_load", names,
            PB_ARGUMENTS_TARGETS(common), &level_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int level = pb_choice("level", level_name, level_names);
    if (level < 0) {
        return NULL;
    }
    return yardstick_run(module, &plan, level_bytes[level], LAYOUT_PRIVATE);
}

PyDoc_STRVAR(yardstick_atomic_doc,
"yardstick_atomic($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                 layout='private')\n--\n\n"
"Add one to a 64-bit word with one relaxed atomic instruction.\n\n"
PB_ARGUMENTS_DOC "\n"
"layout: 'private' (a word and cache line of one's own), 'shared' (one word\n"
"for all threads): what the hardware charges for contention.");

static PyObject *
yardstick_atomic(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "layout", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *layout_name = "private";
    struct pb_plan plan = {.kernel = &yardstick_atomic_kernel};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "s:yardstick_atomic", names,
            PB_ARGUMENTS_TARGETS(common), &layout_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int layout = pb_choice("layout", layout_name, layout_names);
    if (layout < 0) {
        return NULL;
    }
    return yardstick_run(module, &plan, 0, (enum layout)layout);
}

#define YARDSTICK_METHOD(name)                                                \
    {#name, (PyCFunction)(void (*)(void))name, METH_VARARGS | METH_KEYWORDS,  \
     name##_doc}

static PyMethodDef yardstick_methods[] = {
    YARDSTICK_METHOD(yardstick_alu),
    YARDSTICK_METHOD(yardstick_atomic),
    YARDSTICK_METHOD(yardstick_bandwidth),
    YARDSTICK_METHOD(yardstick_empty),
    YARDSTICK_METHOD(yardstick_load),
    YARDSTICK_METHOD(yardstick_syscall),
    {NULL, NULL, 0, NULL},
};

static const struct pb_listing yardstick_listings[] = {
    {.name = "yardstick_alu"},       {.name = "yardstick_atomic"},
    {.name = "yardstick_bandwidth"}, {.name = "yardstick_empty"},
    {.name = "yardstick_load"},      {.name = "yardstick_syscall"},
    {NULL, false, NULL},
};

int
pb_yardstick_add(PyObject *module)
{
    return pb_area_add(module, "yardstick", yardstick_methods,
                       yardstick_listings);
}
