/* ordering.c - what does the order in which memory is touched cost?

   One iteration is one 64-bit access, or of ordering_bandwidth one line, in
   memory of the thread's own.  Inside the window: that and an eighth of a loop
   turn; for strided an addition and for random a hash of five instructions,
   which the core does while it waits for memory.  Outside: making and filling
   memory.  No Python.  What an order of stores costs between threads is in
   ordering_threads.c, and what this means for objects in ordering_objects.c.

   Who depends on whom decides as much as distance: a core waits for one cache
   miss as long as for ten that it could begin together.  linked, paged and
   chased tell the latency of one; sequential, strided and random how many the
   core and its prefetchers keep under way.  A pass of strided begins one line
   after the last, as a walk along the columns of a matrix.  paged misses the
   caches as chased does, but not the translation of addresses.  With a stride
   of 4096 the lines of column fall into one set of a first-level cache with 64
   sets and push each other out, though it has room for hundreds; 4160 is the
   control.  After lmbench (McVoy, Staelin: lmbench, USENIX 1996) and Drepper:
   What every programmer should know about memory, 2007.

   The memory is mapped for the call, on the thread that uses it, with pages of
   the usual size even where the system would take huge ones by itself.  Not
   shown: NUMA, huge pages, streaming stores. */

#include "entries.h"

#include <string.h>    // memcpy, memset
#include <sys/mman.h>  // mmap
#include <unistd.h>    // sysconf

/* 16384 operations of 0.1 to 100 ns. */
enum { ORDERING_BLOCK = 16384 };

/* Lines of a column: more than the ways of any first-level cache (8 to 16),
   fewer than its sets. */
enum { COLUMN_LINES = 32 };

enum { STRIDE_MOST = 65536 };

/* What a call may ask of a machine. */
#define ORDERING_BYTES_MAX (INT64_C(1) << 30)

enum pattern {
    PATTERN_SEQUENTIAL, PATTERN_STRIDED, PATTERN_RANDOM, PATTERN_LINKED,
    PATTERN_PAGED, PATTERN_CHASED, PATTERN_COLUMN,
};
static const char *const pattern_names[] = {
    "sequential", "strided", "random", "linked",
    "paged",      "chased",  "column", NULL};
enum access { ACCESS_READ, ACCESS_WRITE };
static const char *const access_names[] = {"read", "write", NULL};

/* Powers of two: see pb_scatter(). */
enum level { LEVEL_L1, LEVEL_L2, LEVEL_L3, LEVEL_MEMORY };
static const char *const level_names[] = {"L1", "L2", "L3", "memory", NULL};
static const size_t level_bytes[] = {
    [LEVEL_L1] = 16 * 1024,
    [LEVEL_L2] = 256 * 1024,
    [LEVEL_L3] = 8 * 1024 * 1024,
    [LEVEL_MEMORY] = 64 * 1024 * 1024,
};

enum transfer { TRANSFER_READ, TRANSFER_WRITE, TRANSFER_COPY };
static const char *const transfer_names[] = {"read", "write", "copy", NULL};
enum place { PLACE_ALIGNED, PLACE_WITHIN, PLACE_LINE, PLACE_PAGE };
static const char *const place_names[] = {"aligned", "within", "line", "page",
                                          NULL};
enum reach { REACH_LOAD, REACH_STORE };
static const char *const reach_names[] = {"load", "store", NULL};

#define LEVEL_DOC                                                             \
    "16 KiB, 256 KiB, 8 MiB or 64 MiB, for each thread its own, 1 GiB in all."

/* Arguments of a call; read-only for the workers. */
struct ordering_shared {
    enum pattern pattern;  // of the links, for the four that follow them
    size_t bytes;          // of each worker's memory
    size_t step;           // words of a stride
    size_t page_bytes;
    enum place place;
};

struct ordering_worker {
    uint64_t *memory;  // mapped by prepare
    size_t words;
    size_t step;
    size_t position;   // of the next access
    size_t first;      // of this pass of a strided walk
    uint64_t index;    // of the next link; or how many accesses there were
    unsigned shift;    // of a hash, to the number of a line
    size_t toggle;     // from one place to the other, and back
};

struct ordering_line {
    uint64_t words[PB_LINE_WORDS];
};

/* The line that a link leads to from this one: all lines in one circle. */
static uint64_t
ordering_next(enum pattern pattern, uint64_t line, uint64_t lines,
              uint64_t page_lines)
{
    if (pattern == PATTERN_CHASED) {
        return pb_scatter(line, lines);
    }
    if (pattern == PATTERN_PAGED) {
        uint64_t page = line & ~(page_lines - 1);
        uint64_t within = pb_scatter(line, page_lines);
        /* Back where the page was entered: on to the next page. */
        line = page + within + (within == 0 ? page_lines : 0);
        return line & (lines - 1);
    }
    return (line + 1) & (lines - 1);
}

/* Touches all pages; makes the links. */
static void
ordering_fill(const struct ordering_shared *shared, uint64_t *memory)
{
    uint64_t lines = shared->bytes / PB_LINE_BYTES;
    uint64_t page_lines =
        Py_MIN(shared->page_bytes, shared->bytes) / PB_LINE_BYTES;
    memset(memory, 1, shared->bytes);
    if (shared->pattern == PATTERN_COLUMN) {
        for (size_t line = 0; line < COLUMN_LINES; line++) {
            memory[line * shared->step] =
                (line + 1) % COLUMN_LINES * shared->step;
        }
    }
    else if (shared->pattern >= PATTERN_LINKED) {
        for (uint64_t line = 0; line < lines; line++) {
            memory[line * PB_LINE_WORDS] =
                ordering_next(shared->pattern, line, lines, page_lines)
                * PB_LINE_WORDS;
        }
    }
}

/* On the worker, so that its pages are near it; 0, or -1 with an exception
   set. */
static int
ordering_map(struct pb_worker *worker)
{
    const struct ordering_shared *shared = worker->shared;
    struct ordering_worker *local = worker->local;
    void *memory = mmap(NULL, shared->bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        PyErr_NoMemory();
        return -1;
    }
#ifdef MADV_NOHUGEPAGE
    /* Refused where the kernel has no huge pages, which is as good. */
    (void)madvise(memory, shared->bytes, MADV_NOHUGEPAGE);
#endif
    local->memory = memory;
    local->words = shared->bytes / sizeof(uint64_t);
    local->step = shared->step;
    local->shift = 64;
    for (size_t lines = shared->bytes / PB_LINE_BYTES; lines > 1; lines /= 2) {
        local->shift--;
    }
    return 0;
}

static int
ordering_prepare(struct pb_worker *worker)
{
    if (ordering_map(worker) < 0) {
        return -1;
    }
    struct ordering_worker *local = worker->local;
    Py_BEGIN_ALLOW_THREADS
    ordering_fill(worker->shared, local->memory);
    Py_END_ALLOW_THREADS
    return 0;
}

static void
ordering_finish(struct pb_worker *worker)
{
    const struct ordering_shared *shared = worker->shared;
    struct ordering_worker *local = worker->local;
    if (local->memory != NULL) {
        munmap(local->memory, shared->bytes);
    }
}

/* ordering_walk */

/* A pass over the memory, or the first of `share` parts of it, item by item. */
#define ORDERING_PASS_LOOP(name, type, share, ...)                            \
    static int name(struct pb_worker *worker, int64_t iterations)             \
    {                                                                         \
        struct ordering_worker *local = worker->local;                        \
        size_t items = local->words * sizeof(uint64_t) / sizeof(type)         \
                       / (share);                                             \
        size_t position = local->position;                                    \
        while (iterations > 0) {                                              \
            int64_t count = Py_MIN(iterations, (int64_t)(items - position));  \
            type *item = (type *)(void *)local->memory + position;            \
            PB_LOOP(count, {                                                  \
                PB_OP(__VA_ARGS__)                                            \
                item++;                                                       \
            });                                                               \
            pb_keep((uint64_t)(uintptr_t)item);                               \
            iterations -= count;                                              \
            position = (position + (size_t)count) % items;                    \
        }                                                                     \
        local->position = position;                                           \
        return 0;                                                             \
    }

#define ORDERING_STRIDED_LOOP(name, ...)                                      \
    static int name(struct pb_worker *worker, int64_t iterations)             \
    {                                                                         \
        struct ordering_worker *local = worker->local;                        \
        uint64_t *memory = local->memory;                                     \
        size_t step = local->step, position = local->position;                \
        (void)memory;                                                         \
        while (iterations > 0) {                                              \
            size_t left = (local->words - position + step - 1) / step;        \
            int64_t count = Py_MIN(iterations, (int64_t)left);                \
            PB_LOOP(count, {                                                  \
                PB_OP(uint64_t *word = memory + position; __VA_ARGS__)        \
                position += step;                                             \
            });                                                               \
            iterations -= count;                                              \
            if (position >= local->words) {                                   \
                local->first = (local->first + PB_LINE_WORDS) % step;            \
                position = local->first;                                      \
            }                                                                 \
        }                                                                     \
        local->position = position;                                           \
        return 0;                                                             \
    }

/* The constants are those of the finisher of SplitMix64 (Steele, Lea, Flood:
   Fast splittable pseudorandom number generators, OOPSLA 2014), shortened:
   it need not pass tests of randomness, only be out of a prefetcher's reach.
   The addresses do not depend on what is read. */
#define ORDERING_RANDOM_LOOP(name, ...)                                       \
    static int name(struct pb_worker *worker, int64_t iterations)             \
    {                                                                         \
        struct ordering_worker *local = worker->local;                        \
        uint64_t *memory = local->memory;                                     \
        uint64_t index = local->index;                                        \
        unsigned shift = local->shift;                                        \
        (void)memory, (void)shift;                                            \
        PB_LOOP(iterations, {                                                 \
            PB_OP(                                                            \
                uint64_t hash = index * UINT64_C(0xBF58476D1CE4E5B9);         \
                hash = (hash ^ hash >> 31) * UINT64_C(0x94D049BB133111EB);    \
                uint64_t *word = memory + (hash >> shift) * PB_LINE_WORDS;       \
                __VA_ARGS__                                                   \
            )                                                                 \
            index++;                                                          \
        });                                                                   \
        local->index = index;                                                 \
        return 0;                                                             \
    }

#define READ pb_keep(*word);
#define WRITE *word = 1; pb_clobber();

ORDERING_PASS_LOOP(ordering_sequential_read_loop, uint64_t, 1, pb_keep(*item);)
ORDERING_PASS_LOOP(ordering_sequential_write_loop, uint64_t, 1,
                   *item = 1; pb_clobber();)
ORDERING_STRIDED_LOOP(ordering_strided_read_loop, READ)
ORDERING_STRIDED_LOOP(ordering_strided_write_loop, WRITE)
ORDERING_RANDOM_LOOP(ordering_random_read_loop, READ)
ORDERING_RANDOM_LOOP(ordering_random_write_loop, WRITE)

#undef WRITE
#undef READ
#undef ORDERING_RANDOM_LOOP
#undef ORDERING_STRIDED_LOOP

static int
ordering_link_loop(struct pb_worker *worker, int64_t iterations)
{
    struct ordering_worker *local = worker->local;
    const uint64_t *memory = local->memory;
    uint64_t index = local->index;
    PB_LOOP(iterations, {
        PB_OP(index = memory[index];)
        pb_opaque(&index);
    });
    (void)memory;
    local->index = index;
    return 0;
}

/* ordering_bandwidth */

static inline void
ordering_read_line(const struct ordering_line *line)
{
    const uint64_t *word = line->words;
    pb_keep(((word[0] + word[1]) + (word[2] + word[3]))
            + ((word[4] + word[5]) + (word[6] + word[7])));
}

static inline void
ordering_write_line(struct ordering_line *line)
{
    for (int i = 0; i < PB_LINE_WORDS; i++) {
        line->words[i] = 1;
    }
    pb_clobber();
}

ORDERING_PASS_LOOP(ordering_read_loop, struct ordering_line, 1,
                   ordering_read_line(item);)
ORDERING_PASS_LOOP(ordering_write_loop, struct ordering_line, 1,
                   ordering_write_line(item);)
ORDERING_PASS_LOOP(ordering_copy_loop, struct ordering_line, 2,
                   item[items] = *item; pb_clobber();)

#undef ORDERING_PASS_LOOP

/* ordering_aligned */

/* One instruction each wherever the architecture has one that may be
   unaligned. */
static inline uint64_t
ordering_load(const char *place)
{
    uint64_t value;
    memcpy(&value, place, sizeof(value));
    return value;
}

static inline void
ordering_store(char *place, uint64_t value)
{
    memcpy(place, &value, sizeof(value));
}

/* Two places in two pages, each of which holds the offset of the other.  Only
   two, because those at the ends of pages share a set of the cache. */
static int
ordering_aligned_prepare(struct pb_worker *worker)
{
    const struct ordering_shared *shared = worker->shared;
    struct ordering_worker *local = worker->local;
    const size_t offsets[] = {
        [PLACE_ALIGNED] = 2 * PB_LINE_BYTES,
        [PLACE_WITHIN] = 2 * PB_LINE_BYTES + 3,
        [PLACE_LINE] = 3 * PB_LINE_BYTES - 4,
        [PLACE_PAGE] = shared->page_bytes - 4,
    };
    if (ordering_map(worker) < 0) {
        return -1;
    }
    memset(local->memory, 1, shared->bytes);
    size_t first = offsets[shared->place];
    size_t second = first ^ shared->page_bytes;
    ordering_store((char *)local->memory + first, second);
    ordering_store((char *)local->memory + second, first);
    local->index = first;
    local->toggle = shared->page_bytes;
    return 0;
}

static int
ordering_load_loop(struct pb_worker *worker, int64_t iterations)
{
    struct ordering_worker *local = worker->local;
    const char *base = (const char *)local->memory;
    uint64_t offset = local->index;
    PB_LOOP(iterations, {
        PB_OP(offset = ordering_load(base + offset);)
        pb_opaque(&offset);
    });
    (void)base;
    local->index = offset;
    return 0;
}

static int
ordering_store_loop(struct pb_worker *worker, int64_t iterations)
{
    struct ordering_worker *local = worker->local;
    char *base = (char *)local->memory;
    uint64_t offset = local->index, toggle = local->toggle;
    PB_LOOP(iterations, {
        PB_OP(ordering_store(base + offset, offset);)
        offset ^= toggle;
        pb_opaque(&offset);
        pb_clobber();
    });
    (void)base;
    local->index = offset;
    return 0;
}

/* Kernels and entries. */

#define ORDERING_KERNEL(prepare_, loop_)                                      \
    {.block = ORDERING_BLOCK, .local_size = sizeof(struct ordering_worker),   \
     .prepare = prepare_, PB_LOOP_FUNCTION(loop_), .finish = ordering_finish}

/* Runs the call, unless its threads' memory is too much: a ValueError. */
static PyObject *
ordering_run(struct pb_call *call, struct ordering_shared *shared)
{
    int64_t most = ORDERING_BYTES_MAX / (int64_t)shared->bytes;
    if (call->plan.threads > most) {
        return PyErr_Format(PyExc_ValueError,
                            "threads must be from 1 to %lld with %zu bytes of "
                            "memory for each of them, not %d",
                            (long long)most, shared->bytes,
                            call->plan.threads);
    }
    return pb_call_run(call, shared);
}

#define WALK_KERNEL(loop) ORDERING_KERNEL(ordering_prepare, loop)

/* By pattern, then by access; without a loop where there is no such walk. */
static const struct pb_kernel walk_kernels[] = {
    WALK_KERNEL(ordering_sequential_read_loop),
    WALK_KERNEL(ordering_sequential_write_loop),
    WALK_KERNEL(ordering_strided_read_loop),
    WALK_KERNEL(ordering_strided_write_loop),
    WALK_KERNEL(ordering_random_read_loop),
    WALK_KERNEL(ordering_random_write_loop),
    [2 * PATTERN_LINKED] = WALK_KERNEL(ordering_link_loop),
    [2 * PATTERN_PAGED] = WALK_KERNEL(ordering_link_loop),
    [2 * PATTERN_CHASED] = WALK_KERNEL(ordering_link_loop),
    [2 * PATTERN_COLUMN] = WALK_KERNEL(ordering_link_loop),
    [2 * PATTERN_COLUMN + 1] = {.loop = NULL},
};

enum { WALK_PATTERN, WALK_ACCESS, WALK_LEVEL, WALK_STRIDE, WALK_KIB };

/* Bytes of memory, of the level or as told; 0, or -1 with an exception set. */
static int
walk_bytes(struct ordering_shared *shared, const struct pb_call *call)
{
    int64_t kib = call->plan.options[WALK_KIB];
    shared->bytes = level_bytes[call->plan.options[WALK_LEVEL]];
    if (kib == PB_NONE) {
        return 0;
    }
    if (shared->pattern == PATTERN_COLUMN || (kib & (kib - 1)) != 0) {
        PyErr_Format(PyExc_ValueError,
                     "kib must be a power of two, and left out with "
                     "pattern='column'; not %lld with pattern='%s'",
                     (long long)kib, pattern_names[shared->pattern]);
        return -1;
    }
    shared->bytes = (size_t)kib * 1024;
    return 0;
}

/* Words of a stride; 0, or -1 with an exception set. */
static int
walk_stride(struct ordering_shared *shared, const struct pb_call *call)
{
    const char *pattern = pattern_names[shared->pattern];
    const char *level = level_names[call->plan.options[WALK_LEVEL]];
    int64_t stride = call->plan.options[WALK_STRIDE];
    if (shared->pattern != PATTERN_STRIDED
        && shared->pattern != PATTERN_COLUMN) {
        if (stride != PB_NONE) {
            PyErr_Format(PyExc_ValueError,
                         "stride is only for pattern='strided' and "
                         "pattern='column', not for pattern='%s' "
                         "(stride=%lld)",
                         pattern, (long long)stride);
            return -1;
        }
        return 0;
    }
    if (stride == PB_NONE) {
        PyErr_Format(PyExc_ValueError,
                     "stride must be given with pattern='%s': a multiple of "
                     "%d from %d to %d",
                     pattern, PB_LINE_BYTES, PB_LINE_BYTES, STRIDE_MOST);
        return -1;
    }
    if (stride % PB_LINE_BYTES != 0) {
        PyErr_Format(PyExc_ValueError,
                     "stride must be a multiple of %d, not %lld",
                     PB_LINE_BYTES, (long long)stride);
        return -1;
    }
    if (shared->pattern == PATTERN_STRIDED
        && (size_t)stride > shared->bytes) {
        PyErr_Format(PyExc_ValueError,
                     "stride must be at most %zu, the memory of level='%s' or "
                     "of kib, not %lld",
                     shared->bytes, level, (long long)stride);
        return -1;
    }
    shared->step = (size_t)stride / sizeof(uint64_t);
    if (shared->pattern == PATTERN_COLUMN) {
        if (call->plan.options[WALK_LEVEL] != LEVEL_L1) {
            PyErr_Format(PyExc_ValueError,
                         "level must be 'L1' with pattern='column', whose %d "
                         "lines would fit there, not '%s'",
                         COLUMN_LINES, level);
            return -1;
        }
        shared->bytes = COLUMN_LINES * (size_t)stride;
    }
    return 0;
}

static PyObject *
ordering_walk_run(struct pb_call *call)
{
    struct ordering_shared shared = {
        .pattern = (enum pattern)call->plan.options[WALK_PATTERN],
        .page_bytes = (size_t)sysconf(_SC_PAGESIZE),
    };
    if (call->kernel.loop == NULL) {
        PyErr_Format(PyExc_ValueError,
                     "access must be 'read' with pattern='%s', which follows "
                     "what it reads, not 'write'",
                     pattern_names[shared.pattern]);
        return NULL;
    }
    if (walk_bytes(&shared, call) < 0 || walk_stride(&shared, call) < 0) {
        return NULL;
    }
    return ordering_run(call, &shared);
}

PB_ENTRY(ordering_walk,
    .doc = "Read or write one 64-bit word of a walk through memory.",
    .options = {
        [WALK_PATTERN] = PB_CHOICE("pattern", pattern_names, 0,
                  "strided: `stride` bytes on; random: addresses that\n    "
                  "depend on nothing; or a word whose address the\n    "
                  "last one gave: linked (the next line), paged (any\n    "
                  "line of a page, then of the next), chased (any\n    "
                  "line), column (32 lines, `stride` bytes apart)."),
        [WALK_ACCESS] = PB_CHOICE("access", access_names, 0,
                  "The last four patterns can only be read."),
        [WALK_LEVEL] = PB_CHOICE("level", level_names, 0, LEVEL_DOC),
        [WALK_STRIDE] = PB_NUMBER("stride", PB_LINE_BYTES, STRIDE_MOST,
                  PB_NONE,
                  "Bytes, a multiple of 64; with pattern 'strided' or\n    "
                  "'column' alone."),
        [WALK_KIB] = PB_NUMBER("kib", 4, ORDERING_BYTES_MAX / 1024, PB_NONE,
                  "Memory of each thread instead of a level's: a power\n    "
                  "of two, 1 GiB in all; not with pattern 'column'.")},
    .kernels = walk_kernels, .chosen_by = 2, .run = ordering_walk_run)

static const struct pb_kernel bandwidth_kernels[] = {
    [TRANSFER_READ] = ORDERING_KERNEL(ordering_prepare, ordering_read_loop),
    [TRANSFER_WRITE] = ORDERING_KERNEL(ordering_prepare, ordering_write_loop),
    [TRANSFER_COPY] = ORDERING_KERNEL(ordering_prepare, ordering_copy_loop),
};

static PyObject *
ordering_bandwidth_run(struct pb_call *call)
{
    struct ordering_shared shared = {.bytes = level_bytes[call->plan.options[1]]};
    return ordering_run(call, &shared);
}

PB_ENTRY(ordering_bandwidth,
    .doc = "Read, write or copy one 64-byte line of a sequential pass over "
           "memory.",
    .more = "64 / ns_per_operation is GB/s, of a copy each way.",
    .options = {
        PB_CHOICE("operation", transfer_names, 0,
                  "copy: from one half of the memory to the other."),
        PB_CHOICE("level", level_names, LEVEL_MEMORY, LEVEL_DOC)},
    .kernels = bandwidth_kernels, .chosen_by = 1,
    .run = ordering_bandwidth_run)

static const struct pb_kernel aligned_kernels[] = {
    [REACH_LOAD] = ORDERING_KERNEL(ordering_aligned_prepare, ordering_load_loop),
    [REACH_STORE] = ORDERING_KERNEL(ordering_aligned_prepare, ordering_store_loop),
};

static PyObject *
ordering_aligned_run(struct pb_call *call)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    struct ordering_shared shared = {
        .bytes = 3 * page_bytes,
        .page_bytes = page_bytes,
        .place = (enum place)call->plan.options[1],
    };
    return pb_call_run(call, &shared);
}

PB_ENTRY(ordering_aligned,
    .doc = "Load or store 64 bits at an address that is aligned, or not.",
    .options = {
        PB_CHOICE("access", reach_names, 0,
                  "load: each waits for the value of the last."),
        PB_CHOICE("place", place_names, 0,
                  "within: 3 bytes off, in one line; line, page: over\n    "
                  "the end of one.")},
    .kernels = aligned_kernels, .chosen_by = 1, .run = ordering_aligned_run)

PB_AREA(ordering, PB_METHOD(ordering_aligned), PB_METHOD(ordering_bandwidth),
        PB_METHOD(ordering_walk))
