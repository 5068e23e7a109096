/* ordering.c - what does the order in which memory is touched cost?

   ordering_walk       one 64-bit access in memory of the thread's own:
     pattern sequential  the next word
             strided     `stride` bytes on; a pass over the memory begins one
                         line after the last pass, as a walk along the columns
                         of a matrix with rows of `stride` bytes
             random      anywhere, by a hash of a running count, so that many
                         accesses are under way at once
             linked      where the last load said: the next line
             paged       the same: any line of a page, then of the next page
             chased      the same: any line
             column      the same: 32 lines, `stride` bytes apart, in a circle
     access  read, write (a plain store; not for the four that follow a link)
     level   L1 16 KiB, L2 256 KiB, L3 8 MiB, memory 64 MiB
   ordering_bandwidth  one 64-byte line of a sequential pass: read, written, or
                       copied from one half of the memory to the other
   ordering_aligned    one 64-bit access at a place
     place   aligned     on a boundary of 8 bytes
             within      three bytes off, inside one cache line
             line        over the end of a line
             page        over the end of a page
     access  load (each waits for the last), store
   ordering_publish    one store of a payload and one of a flag, whose order is
                       relaxed, release, seq_cst, or relaxed after a fence
   ordering_message    one message from a thread to another and one back: a
                       payload published by a flag, both together on one line
                       or apart on two
   ordering_objects    one float of an array of pointers, whose objects lie in
                       the order of the array (allocated) or not (shuffled):
     access  read        its value
             count       its value, between an incref and a decref
   ordering_neighbours one incref and one decref of an object of the thread's
                       own, on the cache line of the other thread's object
                       (together) or not (apart)

   One iteration is one of these.  Inside the window: the operations and an
   eighth of a loop turn each; for strided an addition and for random a hash of
   five instructions, which the core does while it waits for memory.  Outside:
   making and filling memory and objects.

   Who depends on whom decides as much as distance: a core waits for one cache
   miss as long as for ten that it could begin together.  linked, paged and
   chased tell the latency of one; sequential, strided and random how many the
   core and its prefetchers keep under way.  paged misses the caches as chased
   does, but not the translation of addresses.  With a stride of 4096 the lines
   of column fall into one set of a first-level cache with 64 sets and push
   each other out, though it has room for hundreds; 4160 is the control.  After
   lmbench (McVoy, Staelin: lmbench, USENIX 1996) and Drepper: What every
   programmer should know about memory, 2007.

   The memory is mapped for the call, on the thread that uses it, with pages of
   the usual size even where the system would take huge ones by itself.

   ordering_objects and ordering_neighbours are what this means for CPython's
   objects: they run attached, the others without the interpreter.  The plain C
   control of the latter is counters_increment.

   Each message is checked for its payload, and the objects for their values
   and counts after the last round.  Not shown: NUMA, huge pages, streaming
   stores, a third thread. */

#include "areas.h"
#include "arguments.h"
#include "loop.h"
#include "state.h"
#include "threads.h"

#include <sched.h>      // sched_yield
#include <stdatomic.h>  // _Atomic, atomic_thread_fence
#include <string.h>     // memcpy, memset
#include <sys/mman.h>   // mmap
#include <unistd.h>     // sysconf

/* Blocks: 16384 operations of 0.1 to 100 ns; 1024 messages of 0.1 to 1 us. */
enum { ORDERING_BLOCK = 16384, MESSAGE_BLOCK = 1024 };

/* What places are spaced by: see LINE_BYTES in yardstick.c. */
enum { LINE_BYTES = 64, LINE_WORDS = LINE_BYTES / 8 };

/* Lines of a column: more than the ways of any first-level cache (8 to 16),
   fewer than its sets. */
enum { COLUMN_LINES = 32 };

enum { STRIDE_MOST = 65536 };

/* What a call may ask of a machine. */
#define ORDERING_BYTES_MAX (INT64_C(1) << 30)

/* Spins before giving the CPU away: reached where both threads share one. */
enum { MESSAGE_SPINS_BEFORE_YIELD = 2000 };

/* Objects of a call: up to 200 MB on a thread. */
enum { OBJECTS_LEAST = 64, OBJECTS_MOST = 1 << 22 };

/* Objects made or checked between two safepoints: about 0.1 ms. */
enum { OBJECTS_BLOCK = 4096 };

/* Among so many new ones there are two on a line on every build. */
enum { NEIGHBOURS_CANDIDATES = 256 };

enum pattern {
    PATTERN_SEQUENTIAL,
    PATTERN_STRIDED,
    PATTERN_RANDOM,
    PATTERN_LINKED,
    PATTERN_PAGED,
    PATTERN_CHASED,
    PATTERN_COLUMN,
};
static const char *const pattern_names[] = {
    "sequential", "strided", "random", "linked",
    "paged",      "chased",  "column", NULL};

enum access { ACCESS_READ, ACCESS_WRITE };
static const char *const access_names[] = {"read", "write", NULL};

/* Powers of two: see ordering_fill(). */
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

enum order { ORDER_RELAXED, ORDER_RELEASE, ORDER_SEQ_CST, ORDER_FENCE };
static const char *const order_names[] = {"relaxed", "release", "seq_cst",
                                          "fence", NULL};

enum layout { LAYOUT_TOGETHER, LAYOUT_APART };
static const char *const layout_names[] = {"together", "apart", NULL};

enum arrangement { ARRANGEMENT_ALLOCATED, ARRANGEMENT_SHUFFLED };
static const char *const arrangement_names[] = {"allocated", "shuffled", NULL};

enum touch { TOUCH_READ, TOUCH_COUNT };
static const char *const touch_names[] = {"read", "count", NULL};

/* Memory of a thread's own. */

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
    uint64_t words[LINE_WORDS];
};

/* The line that a link leads to from this one: all lines in one circle.  x ->
   a x + c modulo a power of two visits every number once if c is odd and a - 1
   a multiple of 4; see yardstick_fill(). */
static uint64_t
ordering_next(enum pattern pattern, uint64_t line, uint64_t lines,
              uint64_t page_lines)
{
    uint64_t scattered = line * UINT64_C(6364136223846793005)
                         + UINT64_C(1442695040888963407);
    uint64_t next = line + 1;
    if (pattern == PATTERN_CHASED) {
        next = scattered;
    }
    else if (pattern == PATTERN_PAGED) {
        uint64_t page = line & ~(page_lines - 1);
        uint64_t within = scattered & (page_lines - 1);
        /* Back where the page was entered: on to the next page. */
        next = page + within + (within == 0 ? page_lines : 0);
    }
    return next & (lines - 1);
}

/* Touches all pages; makes the links. */
static void
ordering_fill(const struct ordering_shared *shared, uint64_t *memory)
{
    uint64_t lines = shared->bytes / LINE_BYTES;
    uint64_t page_lines =
        Py_MIN(shared->page_bytes, shared->bytes) / LINE_BYTES;
    memset(memory, 1, shared->bytes);
    if (shared->pattern == PATTERN_COLUMN) {
        for (size_t line = 0; line < COLUMN_LINES; line++) {
            memory[line * shared->step] =
                (line + 1) % COLUMN_LINES * shared->step;
        }
    }
    else if (shared->pattern >= PATTERN_LINKED) {
        for (uint64_t line = 0; line < lines; line++) {
            memory[line * LINE_WORDS] =
                ordering_next(shared->pattern, line, lines, page_lines)
                * LINE_WORDS;
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
    for (size_t lines = shared->bytes / LINE_BYTES; lines > 1; lines /= 2) {
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

/* One loop for each access, with the touch of a word as it is written here. */
#define ORDERING_SEQUENTIAL_LOOP(name, ...)                                   \
    static int name(struct pb_worker *worker, int64_t iterations)             \
    {                                                                         \
        struct ordering_worker *local = worker->local;                        \
        size_t position = local->position;                                    \
        while (iterations > 0) {                                              \
            int64_t left = (int64_t)(local->words - position);                \
            int64_t count = Py_MIN(iterations, left);                         \
            uint64_t *word = local->memory + position;                        \
            PB_LOOP(count, {                                                  \
                PB_OP(__VA_ARGS__)                                            \
                word++;                                                       \
            });                                                               \
            pb_keep((uint64_t)(uintptr_t)word);                               \
            iterations -= count;                                              \
            position = (position + (size_t)count) % local->words;             \
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
                local->first = (local->first + LINE_WORDS) % step;            \
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
                uint64_t *word = memory + (hash >> shift) * LINE_WORDS;       \
                __VA_ARGS__                                                   \
            )                                                                 \
            index++;                                                          \
        });                                                                   \
        local->index = index;                                                 \
        return 0;                                                             \
    }

#define READ pb_keep(*word);
#define WRITE *word = 1; pb_clobber();

ORDERING_SEQUENTIAL_LOOP(ordering_sequential_read_loop, READ)
ORDERING_SEQUENTIAL_LOOP(ordering_sequential_write_loop, WRITE)
ORDERING_STRIDED_LOOP(ordering_strided_read_loop, READ)
ORDERING_STRIDED_LOOP(ordering_strided_write_loop, WRITE)
ORDERING_RANDOM_LOOP(ordering_random_read_loop, READ)
ORDERING_RANDOM_LOOP(ordering_random_write_loop, WRITE)

#undef WRITE
#undef READ
#undef ORDERING_RANDOM_LOOP
#undef ORDERING_STRIDED_LOOP
#undef ORDERING_SEQUENTIAL_LOOP

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

/* One loop for each transfer of `lines` lines that begin at the worker's
   memory. */
#define ORDERING_TRANSFER_LOOP(name, share, ...)                              \
    static int name(struct pb_worker *worker, int64_t iterations)             \
    {                                                                         \
        struct ordering_worker *local = worker->local;                        \
        size_t lines = local->words / LINE_WORDS / (share);                   \
        size_t position = local->position;                                    \
        while (iterations > 0) {                                              \
            int64_t count = Py_MIN(iterations, (int64_t)(lines - position));  \
            struct ordering_line *line =                                      \
                (struct ordering_line *)local->memory + position;             \
            PB_LOOP(count, {                                                  \
                PB_OP(__VA_ARGS__)                                            \
                line++;                                                       \
            });                                                               \
            pb_keep((uint64_t)(uintptr_t)line);                               \
            iterations -= count;                                              \
            position = (position + (size_t)count) % lines;                    \
        }                                                                     \
        local->position = position;                                           \
        return 0;                                                             \
    }

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
    for (int i = 0; i < LINE_WORDS; i++) {
        line->words[i] = 1;
    }
    pb_clobber();
}

static inline void
ordering_copy_line(struct ordering_line *to, const struct ordering_line *from)
{
    *to = *from;
    pb_clobber();
}

ORDERING_TRANSFER_LOOP(ordering_read_loop, 1, ordering_read_line(line);)
ORDERING_TRANSFER_LOOP(ordering_write_loop, 1, ordering_write_line(line);)
ORDERING_TRANSFER_LOOP(ordering_copy_loop, 2,
                       ordering_copy_line(line + lines, line);)

#undef ORDERING_TRANSFER_LOOP

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
        [PLACE_ALIGNED] = 2 * LINE_BYTES,
        [PLACE_WITHIN] = 2 * LINE_BYTES + 3,
        [PLACE_LINE] = 3 * LINE_BYTES - 4,
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

/* ordering_publish */

/* Nobody reads what is published here: what each order costs the writer alone
   is the question.  In real use the store of the flag pairs with an acquire
   load of it, as in ordering_message. */
struct publish_worker {
    _Alignas(PB_ALIGNMENT) _Atomic uint64_t payload;
    _Alignas(PB_ALIGNMENT) _Atomic uint64_t flag;
    uint64_t count;  // published so far
};

/* KernelResult.detail, by index of pb_sample.note. */
enum { NOTE_PUBLISHED };

#define ORDERING_PUBLISH_LOOP(name, fence, order)                             \
    static int name(struct pb_worker *worker, int64_t iterations)             \
    {                                                                         \
        struct publish_worker *local = worker->local;                         \
        uint64_t count = local->count;                                        \
        PB_LOOP(iterations, {                                                 \
            count++;                                                          \
            PB_OP(                                                            \
                atomic_store_explicit(&local->payload, ~count,                \
                                      memory_order_relaxed);                  \
                fence                                                         \
                atomic_store_explicit(&local->flag, count, order);            \
            )                                                                 \
            pb_clobber();                                                     \
        });                                                                   \
        local->count = count;                                                 \
        worker->sample->note[NOTE_PUBLISHED] = (int64_t)atomic_load_explicit( \
            &local->flag, memory_order_relaxed);                              \
        return 0;                                                             \
    }

ORDERING_PUBLISH_LOOP(publish_relaxed_loop, , memory_order_relaxed)
ORDERING_PUBLISH_LOOP(publish_release_loop, , memory_order_release)
ORDERING_PUBLISH_LOOP(publish_seq_cst_loop, , memory_order_seq_cst)
ORDERING_PUBLISH_LOOP(publish_fence_loop,
                      atomic_thread_fence(memory_order_seq_cst);,
                      memory_order_relaxed)

#undef ORDERING_PUBLISH_LOOP

/* ordering_message */

/* What one thread writes and the other reads. */
struct message_box {
    /* The number of the last message.  Released by the sender after its
       payload, acquired by the receiver before it reads that. */
    _Alignas(PB_ALIGNMENT) _Atomic uint64_t flag;

    /* On the flag's line, or on one of its own; one of them is used.  Atomic
       because the sender may be a message ahead when a call ends early. */
    _Atomic uint64_t payload_together;
    _Alignas(PB_ALIGNMENT) _Atomic uint64_t payload_apart;
};

struct message_shared {
    struct message_box *boxes;  // by the index of the worker that sends
    enum layout layout;
};

struct message_worker {
    uint64_t number;  // of the last exchange, through all rounds
};

static _Atomic uint64_t *
message_payload(struct message_box *box, enum layout layout)
{
    return layout == LAYOUT_TOGETHER ? &box->payload_together
                                     : &box->payload_apart;
}

/* Never what the message before had. */
static uint64_t
message_content(uint64_t number)
{
    return ~number;
}

static inline void
message_send(struct message_box *box, _Atomic uint64_t *payload,
             uint64_t number)
{
    atomic_store_explicit(payload, message_content(number),
                          memory_order_relaxed);
    atomic_store_explicit(&box->flag, number, memory_order_release);
}

/* Spins until message `number` is there; 1, 0 when the call is ending, or -1
   when its payload is not there.  No pause instruction: on some cores it takes
   as long as the message. */
static inline int
message_receive(const struct pb_worker *worker, struct message_box *box,
                _Atomic uint64_t *payload, uint64_t number)
{
    int spins = 0;
    while (atomic_load_explicit(&box->flag, memory_order_acquire) < number) {
        if (++spins > MESSAGE_SPINS_BEFORE_YIELD) {
            if (pb_stopping(worker)) {
                return 0;
            }
            sched_yield();
        }
    }
    uint64_t found = atomic_load_explicit(payload, memory_order_relaxed);
    return found == message_content(number) ? 1 : -1;
}

static int
message_loop(struct pb_worker *worker, int64_t iterations)
{
    const struct message_shared *shared = worker->shared;
    struct message_worker *local = worker->local;
    struct message_box *own = &shared->boxes[worker->index];
    struct message_box *other = &shared->boxes[1 - worker->index];
    _Atomic uint64_t *sent = message_payload(own, shared->layout);
    _Atomic uint64_t *received = message_payload(other, shared->layout);
    (void)sent, (void)received, (void)other, (void)own;
    bool begins = worker->index == 0;
    int status = 1;
    for (; status > 0 && iterations > 0; iterations--) {
        uint64_t number = ++local->number;
        (void)number, (void)begins;
        PB_OP(
            if (begins) {
                message_send(own, sent, number);
            }
            status = message_receive(worker, other, received, number);
            if (!begins && status > 0) {
                message_send(own, sent, number);
            }
        )
    }
    if (status < 0) {
        worker->error = "a message came without its payload";
    }
    return status < 0 ? -1 : 0;
}

/* ordering_objects */

struct objects_shared {
    enum arrangement arrangement;
    int64_t count;        // a power of two
    PyObject *safepoint;  // an empty Python function, read-only
};

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
    const struct objects_shared *shared = worker->shared;
    PyObject *answer = PyObject_CallNoArgs(shared->safepoint);
    if (answer == NULL) {
        return -1;
    }
    Py_DECREF(answer);
    return !pb_stopping(worker);
}

/* The objects are made by the worker that reads them, which therefore owns
   them on a free-threaded build. */
static int
objects_prepare(struct pb_worker *worker)
{
    const struct objects_shared *shared = worker->shared;
    struct objects_worker *local = worker->local;
    uint64_t mask = (uint64_t)shared->count - 1, place = 0;
    local->items = PyMem_Calloc((size_t)shared->count, sizeof(PyObject *));
    if (local->items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    local->count = shared->count;
    for (int64_t i = 0; i < shared->count; i++) {
        /* The circle of ordering_next(), or the line. */
        place = shared->arrangement == ARRANGEMENT_SHUFFLED
                    ? (place * UINT64_C(6364136223846793005)
                       + UINT64_C(1442695040888963407))
                          & mask
                    : (uint64_t)i;
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
    for (int64_t i = 1; i < shared->count; i++) {
        uintptr_t distance =
            (uintptr_t)local->items[i] - (uintptr_t)local->items[i - 1];
        local->neighbours += distance <= LINE_BYTES;
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

static int
neighbours_loop(struct pb_worker *worker, int64_t iterations)
{
    const struct neighbours_shared *shared = worker->shared;
    PyObject *object = shared->objects[worker->index];
    PB_LOOP(iterations, {
        PB_OP(Py_INCREF(object);)
        pb_clobber();
        PB_OP(Py_DECREF(object);)
        pb_clobber();
    });
    worker->sample->note[NOTE_OFFSET] =
        (int64_t)(uintptr_t)object - (int64_t)(uintptr_t)shared->objects[0];
    return 0;
}

/* Two of the candidates as the layout says, borrowed; 0, or -1 with an
   exception set. */
static int
neighbours_choose(PyObject *candidates, enum layout layout,
                  PyObject *objects[2])
{
    Py_ssize_t count = PyTuple_GET_SIZE(candidates);
    for (Py_ssize_t i = 0; i < count; i++) {
        for (Py_ssize_t j = 0; j < count; j++) {
            PyObject *first = PyTuple_GET_ITEM(candidates, i);
            PyObject *second = PyTuple_GET_ITEM(candidates, j);
            uintptr_t here = (uintptr_t)first, there = (uintptr_t)second;
            bool fits = layout == LAYOUT_TOGETHER
                            ? here / LINE_BYTES == there / LINE_BYTES
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

/* Kernels. */

#define ORDERING_KERNEL(name_, prepare_, loop_)                               \
    {.name = name_, .block = ORDERING_BLOCK,                                  \
     .local_size = sizeof(struct ordering_worker), .prepare = prepare_,       \
     PB_LOOP_FUNCTION(loop_), .finish = ordering_finish}
#define WALK_KERNEL(loop)                                                     \
    ORDERING_KERNEL("ordering_walk", ordering_prepare, loop)

/* By pattern, then by access; without a loop where there is no such walk. */
static const struct pb_kernel walk_kernels[][2] = {
    [PATTERN_SEQUENTIAL] = {WALK_KERNEL(ordering_sequential_read_loop),
                            WALK_KERNEL(ordering_sequential_write_loop)},
    [PATTERN_STRIDED] = {WALK_KERNEL(ordering_strided_read_loop),
                         WALK_KERNEL(ordering_strided_write_loop)},
    [PATTERN_RANDOM] = {WALK_KERNEL(ordering_random_read_loop),
                        WALK_KERNEL(ordering_random_write_loop)},
    [PATTERN_LINKED] = {WALK_KERNEL(ordering_link_loop)},
    [PATTERN_PAGED] = {WALK_KERNEL(ordering_link_loop)},
    [PATTERN_CHASED] = {WALK_KERNEL(ordering_link_loop)},
    [PATTERN_COLUMN] = {WALK_KERNEL(ordering_link_loop)},
};

static const struct pb_kernel bandwidth_kernels[] = {
    [TRANSFER_READ] = ORDERING_KERNEL("ordering_bandwidth", ordering_prepare,
                                      ordering_read_loop),
    [TRANSFER_WRITE] = ORDERING_KERNEL("ordering_bandwidth", ordering_prepare,
                                       ordering_write_loop),
    [TRANSFER_COPY] = ORDERING_KERNEL("ordering_bandwidth", ordering_prepare,
                                      ordering_copy_loop),
};

static const struct pb_kernel aligned_kernels[] = {
    [REACH_LOAD] = ORDERING_KERNEL(
        "ordering_aligned", ordering_aligned_prepare, ordering_load_loop),
    [REACH_STORE] = ORDERING_KERNEL(
        "ordering_aligned", ordering_aligned_prepare, ordering_store_loop),
};

#define PUBLISH_KERNEL(loop_)                                                 \
    {.name = "ordering_publish", .block = ORDERING_BLOCK,                     \
     .local_size = sizeof(struct publish_worker), PB_LOOP_FUNCTION(loop_),              \
     .notes = {[NOTE_PUBLISHED] = "published"}}
static const struct pb_kernel publish_kernels[] = {
    [ORDER_RELAXED] = PUBLISH_KERNEL(publish_relaxed_loop),
    [ORDER_RELEASE] = PUBLISH_KERNEL(publish_release_loop),
    [ORDER_SEQ_CST] = PUBLISH_KERNEL(publish_seq_cst_loop),
    [ORDER_FENCE] = PUBLISH_KERNEL(publish_fence_loop),
};

static const struct pb_kernel message_kernel = {
    .name = "ordering_message",
    .waits = true,
    .block = MESSAGE_BLOCK,
    .local_size = sizeof(struct message_worker),
    PB_LOOP_FUNCTION(message_loop),
};

#define OBJECTS_KERNEL(loop_)                                                 \
    {.name = "ordering_objects", .attached = true, .block = ORDERING_BLOCK,   \
     .local_size = sizeof(struct objects_worker),                             \
     .notes = {[NOTE_NEIGHBOURS] = "neighbours"},                             \
     .prepare = objects_prepare, PB_LOOP_FUNCTION(loop_),                               \
     .round_finish = objects_round_finish, .finish = objects_finish}
static const struct pb_kernel objects_kernels[] = {
    [TOUCH_READ] = OBJECTS_KERNEL(objects_read_loop),
    [TOUCH_COUNT] = OBJECTS_KERNEL(objects_count_loop),
};

static const struct pb_kernel neighbours_kernel = {
    .name = "ordering_neighbours",
    .attached = true,
    .block = ORDERING_BLOCK,
    .notes = {[NOTE_OFFSET] = "offset_bytes"},
    PB_LOOP_FUNCTION(neighbours_loop),
};

/* Entries. */

/* 0, or -1 with a ValueError where the threads' memory is too much. */
static int
ordering_bound(const struct pb_plan *plan, size_t bytes)
{
    int64_t most = ORDERING_BYTES_MAX / (int64_t)bytes;
    if (plan->threads > most) {
        PyErr_Format(PyExc_ValueError,
                     "threads must be from 1 to %lld with %zu bytes of memory "
                     "for each of them, not %d",
                     (long long)most, bytes, plan->threads);
        return -1;
    }
    return 0;
}

/* Words of a stride and bytes of memory; 0, or -1 with an exception set. */
static int
walk_stride(struct ordering_shared *shared, enum level level, PyObject *asked)
{
    if (asked == Py_None) {
        asked = NULL;
    }
    const char *pattern = pattern_names[shared->pattern];
    bool strided = shared->pattern == PATTERN_STRIDED
                   || shared->pattern == PATTERN_COLUMN;
    shared->bytes = level_bytes[level];
    if (!strided) {
        if (asked != NULL) {
            PyErr_Format(PyExc_ValueError,
                         "stride is only for pattern='strided' and "
                         "pattern='column', not for pattern='%s' (stride=%R)",
                         pattern, asked);
            return -1;
        }
        return 0;
    }
    if (asked == NULL) {
        PyErr_Format(PyExc_ValueError,
                     "stride must be given with pattern='%s': a multiple of "
                     "%d from %d to %d",
                     pattern, LINE_BYTES, LINE_BYTES, STRIDE_MOST);
        return -1;
    }
    int64_t most = STRIDE_MOST;
    if (shared->pattern == PATTERN_STRIDED) {
        most = Py_MIN(most, (int64_t)shared->bytes);
    }
    int64_t stride;
    if (pb_whole_number("stride", asked, LINE_BYTES, most, 0, &stride) < 0) {
        return -1;
    }
    if (stride % LINE_BYTES != 0) {
        PyErr_Format(PyExc_ValueError,
                     "stride must be a multiple of %d, not %lld", LINE_BYTES,
                     (long long)stride);
        return -1;
    }
    shared->step = (size_t)stride / sizeof(uint64_t);
    if (shared->pattern == PATTERN_COLUMN) {
        if (level != LEVEL_L1) {
            PyErr_Format(PyExc_ValueError,
                         "level must be 'L1' with pattern='column', whose %d "
                         "lines would fit there, not '%s'",
                         COLUMN_LINES, level_names[level]);
            return -1;
        }
        shared->bytes = COLUMN_LINES * (size_t)stride;
    }
    return 0;
}

PyDoc_STRVAR(ordering_walk_doc,
"ordering_walk($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"              pattern='sequential', access='read', level='L1', stride=None)\n"
"--\n\n"
"Read or write one 64-bit word of a walk through memory.\n\n"
PB_ARGUMENTS_DOC "\n"
"pattern: 'sequential', 'strided' (`stride` bytes on), 'random' (addresses\n"
"that depend on nothing), or a word whose address the last one gave:\n"
"'linked' (the next line), 'paged' (any line of a page, then of the next),\n"
"'chased' (any line), 'column' (32 lines, `stride` bytes apart). access:\n"
"'read' or 'write'; the last four can only be read. level: 'L1' (16 KiB),\n"
"'L2' (256 KiB), 'L3' (8 MiB), 'memory' (64 MiB), for each thread its own,\n"
"1 GiB in all. stride: bytes, a multiple of 64 up to 65536.");

static PyObject *
ordering_walk(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "pattern", "access", "level",
                            "stride", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *pattern_name = "sequential", *access_name = "read";
    const char *level_name = "L1";
    PyObject *stride = NULL;
    struct ordering_shared shared = {0};
    struct pb_plan plan = {.shared = &shared};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "sssO:ordering_walk", names,
            PB_ARGUMENTS_TARGETS(common), &pattern_name, &access_name,
            &level_name, &stride)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int pattern = pb_choice("pattern", pattern_name, pattern_names);
    if (pattern < 0) {
        return NULL;
    }
    int access = pb_choice("access", access_name, access_names);
    if (access < 0) {
        return NULL;
    }
    int level = pb_choice("level", level_name, level_names);
    if (level < 0) {
        return NULL;
    }
    plan.kernel = &walk_kernels[pattern][access];
    if (plan.kernel->loop == NULL) {
        PyErr_Format(PyExc_ValueError,
                     "access must be 'read' with pattern='%s', which follows "
                     "what it reads, not '%s'",
                     pattern_name, access_name);
        return NULL;
    }
    shared.pattern = (enum pattern)pattern;
    shared.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    if (walk_stride(&shared, (enum level)level, stride) < 0
        || ordering_bound(&plan, shared.bytes) < 0) {
        return NULL;
    }
    return pb_run(module, &plan);
}

PyDoc_STRVAR(ordering_bandwidth_doc,
"ordering_bandwidth($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                   operation='read', level='memory')\n"
"--\n\n"
"Read, write or copy one 64-byte line of a sequential pass over memory.\n\n"
PB_ARGUMENTS_DOC "\n"
"operation: 'read', 'write', 'copy' (from one half of the memory to the\n"
"other). level: 'L1' (16 KiB), 'L2' (256 KiB), 'L3' (8 MiB), 'memory'\n"
"(64 MiB), for each thread its own, 1 GiB in all. 64 / ns_per_operation is\n"
"GB/s, of a copy each way.");

static PyObject *
ordering_bandwidth(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "operation", "level", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *operation_name = "read", *level_name = "memory";
    struct ordering_shared shared = {0};
    struct pb_plan plan = {.shared = &shared};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "ss:ordering_bandwidth", names,
            PB_ARGUMENTS_TARGETS(common), &operation_name, &level_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int operation = pb_choice("operation", operation_name, transfer_names);
    if (operation < 0) {
        return NULL;
    }
    int level = pb_choice("level", level_name, level_names);
    if (level < 0) {
        return NULL;
    }
    plan.kernel = &bandwidth_kernels[operation];
    shared.bytes = level_bytes[level];
    if (ordering_bound(&plan, shared.bytes) < 0) {
        return NULL;
    }
    return pb_run(module, &plan);
}

PyDoc_STRVAR(ordering_aligned_doc,
"ordering_aligned($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                 access='load', place='aligned')\n"
"--\n\n"
"Load or store 64 bits at an address that is aligned, or not.\n\n"
PB_ARGUMENTS_DOC "\n"
"access: 'load' (each waits for the value of the last), 'store'. place:\n"
"'aligned', 'within' (3 bytes off, in one line), 'line' (over the end of a\n"
"64-byte line), 'page' (over the end of a page).");

static PyObject *
ordering_aligned(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "access", "place", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *access_name = "load", *place_name = "aligned";
    struct ordering_shared shared = {0};
    struct pb_plan plan = {.shared = &shared};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "ss:ordering_aligned", names,
            PB_ARGUMENTS_TARGETS(common), &access_name, &place_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int access = pb_choice("access", access_name, reach_names);
    if (access < 0) {
        return NULL;
    }
    int place = pb_choice("place", place_name, place_names);
    if (place < 0) {
        return NULL;
    }
    plan.kernel = &aligned_kernels[access];
    shared.place = (enum place)place;
    shared.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    shared.bytes = 3 * shared.page_bytes;
    return pb_run(module, &plan);
}

PyDoc_STRVAR(ordering_publish_doc,
"ordering_publish($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                 order='release')\n"
"--\n\n"
"Store a payload, then a flag that publishes it, which nobody reads.\n\n"
PB_ARGUMENTS_DOC "\n"
"order: of the flag's store: 'relaxed' (which publishes nothing: the\n"
"control), 'release', 'seq_cst', 'fence' (a full fence, then relaxed).\n"
"detail: 'published', the flag after the round, counting on from round to\n"
"round.");

static PyObject *
ordering_publish(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "order", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *order_name = "release";
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "s:ordering_publish", names,
            PB_ARGUMENTS_TARGETS(common), &order_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int order = pb_choice("order", order_name, order_names);
    if (order < 0) {
        return NULL;
    }
    plan.kernel = &publish_kernels[order];
    return pb_run(module, &plan);
}

PyDoc_STRVAR(ordering_message_doc,
"ordering_message($module, /, iterations, *, rounds=1, threads=2, pin=True,\n"
"                 layout='together')\n"
"--\n\n"
"Pass a message to another thread through memory, and get one back.\n\n"
"iterations: messages each way in one round, 1..10**12. rounds: 1..100000.\n"
"threads: 2. pin: keep each thread on a CPU of its own where the system\n"
"allows it and there are enough.\n"
"layout: the payload 'together' with its flag on one cache line, or 'apart'.\n"
"Returns a list with one KernelResult per round. Raises TypeError or\n"
"ValueError for a bad argument, RuntimeError when a thread cannot start or a\n"
"message came without its payload.");

static PyObject *
ordering_message(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "layout", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *layout_name = "together";
    struct message_box boxes[2];
    struct message_shared shared = {.boxes = boxes};
    struct pb_plan plan = {.kernel = &message_kernel, .shared = &shared};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "s:ordering_message", names,
            PB_ARGUMENTS_TARGETS(common), &layout_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int layout = pb_choice("layout", layout_name, layout_names);
    if (layout < 0) {
        return NULL;
    }
    if (common.threads == NULL) {
        plan.threads = 2;
    }
    if (plan.threads != 2) {
        PyErr_Format(PyExc_ValueError,
                     "threads must be 2 for ordering_message, one that begins "
                     "and one that answers, not %d",
                     plan.threads);
        return NULL;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(boxes); i++) {
        atomic_init(&boxes[i].flag, 0);
        atomic_init(&boxes[i].payload_together, 0);
        atomic_init(&boxes[i].payload_apart, 0);
    }
    shared.layout = (enum layout)layout;
    return pb_run(module, &plan);
}

PyDoc_STRVAR(ordering_objects_doc,
"ordering_objects($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                 order='allocated', access='read', count=4096)\n"
"--\n\n"
"Touch one float of an array of objects.\n\n"
PB_ARGUMENTS_DOC "\n"
"order: the objects were made in the array's order ('allocated') or in\n"
"another ('shuffled'). access: 'read' the value, or 'count' a reference up\n"
"and down as well. count: objects of each thread, a power of two from 64 to\n"
"2**22. detail: 'neighbours', the objects that lie at most 64 bytes after\n"
"the one before them. RuntimeError when at the end a value or a reference is\n"
"not what it was.");

static PyObject *
ordering_objects(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "order", "access", "count",
                            NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *order_name = "allocated", *access_name = "read";
    PyObject *count = NULL;
    struct objects_shared shared = {0};
    struct pb_plan plan = {.shared = &shared};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "ssO:ordering_objects", names,
            PB_ARGUMENTS_TARGETS(common), &order_name, &access_name, &count)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int order = pb_choice("order", order_name, arrangement_names);
    if (order < 0) {
        return NULL;
    }
    int access = pb_choice("access", access_name, touch_names);
    if (access < 0
        || pb_whole_number("count", count, OBJECTS_LEAST, OBJECTS_MOST, 4096,
                           &shared.count) < 0) {
        return NULL;
    }
    if ((shared.count & (shared.count - 1)) != 0) {
        PyErr_Format(PyExc_ValueError,
                     "count must be a power of two, not %lld",
                     (long long)shared.count);
        return NULL;
    }
    /* An object and its pointer take at most 64 bytes on any build. */
    if (ordering_bound(&plan, (size_t)shared.count * 64) < 0) {
        return NULL;
    }
    shared.arrangement = (enum arrangement)order;
    shared.safepoint = pb_get_state(module)->safepoint;
    plan.kernel = &objects_kernels[access];
    return pb_run(module, &plan);
}

PyDoc_STRVAR(ordering_neighbours_doc,
"ordering_neighbours($module, /, iterations, *, rounds=1, threads=2,\n"
"                    pin=True, layout='together')\n"
"--\n\n"
"Count references to an object beside one whose references another thread\n"
"counts.\n\n"
"iterations: operations on each thread in one round, 1..10**12. rounds:\n"
"1..100000. threads: 1 or 2. pin: keep each thread on a CPU of its own where\n"
"the system allows it and there are enough.\n"
"layout: the two objects lie 'together' on one cache line, or 'apart'.\n"
"Returns a list with one KernelResult per round; detail: 'offset_bytes', from\n"
"the first object to the thread's own. Raises TypeError or ValueError for a\n"
"bad argument, RuntimeError when a thread cannot start or no objects lie as\n"
"asked for.");

static PyObject *
ordering_neighbours(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "layout", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *layout_name = "together";
    struct neighbours_shared shared = {0};
    struct pb_plan plan = {.kernel = &neighbours_kernel, .shared = &shared};
    PyObject *results = NULL, *candidates = NULL;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "s:ordering_neighbours", names,
            PB_ARGUMENTS_TARGETS(common), &layout_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int layout = pb_choice("layout", layout_name, layout_names);
    if (layout < 0) {
        return NULL;
    }
    if (common.threads == NULL) {
        plan.threads = 2;
    }
    if (plan.threads > 2) {
        PyErr_Format(PyExc_ValueError,
                     "threads must be 1 or 2 for ordering_neighbours, not %d: "
                     "more objects than two need not fit on a line",
                     plan.threads);
        return NULL;
    }
    candidates = PyTuple_New(NEIGHBOURS_CANDIDATES);
    if (candidates == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < NEIGHBOURS_CANDIDATES; i++) {
        PyObject *object = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
        if (object == NULL) {
            goto done;
        }
        PyTuple_SET_ITEM(candidates, i, object);
    }
    if (neighbours_choose(candidates, (enum layout)layout, shared.objects)
        < 0) {
        goto done;
    }
    results = pb_run(module, &plan);

done:
    Py_DECREF(candidates);
    return results;
}

#define ORDERING_METHOD(name)                                                 \
    {#name, (PyCFunction)(void (*)(void))name, METH_VARARGS | METH_KEYWORDS,  \
     name##_doc}

static PyMethodDef ordering_methods[] = {
    ORDERING_METHOD(ordering_aligned),
    ORDERING_METHOD(ordering_bandwidth),
    ORDERING_METHOD(ordering_message),
    ORDERING_METHOD(ordering_neighbours),
    ORDERING_METHOD(ordering_objects),
    ORDERING_METHOD(ordering_publish),
    ORDERING_METHOD(ordering_walk),
    {NULL, NULL, 0, NULL},
};

static const struct pb_listing ordering_listings[] = {
    {.name = "ordering_aligned", .attached = false},
    {.name = "ordering_bandwidth", .attached = false},
    {.name = "ordering_message", .attached = false},
    {.name = "ordering_neighbours", .attached = true},
    {.name = "ordering_objects", .attached = true},
    {.name = "ordering_publish", .attached = false},
    {.name = "ordering_walk", .attached = false},
    {NULL, false, NULL},
};

int
pb_ordering_add(PyObject *module)
{
    return pb_area_add(module, "ordering", ordering_methods,
                       ordering_listings);
}
