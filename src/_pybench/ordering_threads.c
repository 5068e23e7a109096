/* ordering_threads.c - the part of ordering that asks what a promised order of
   two stores costs, alone and between two threads.

   One iteration is one store of a payload and one of a flag, or one message to
   another thread and one back.  No Python.  Each message is checked for its
   payload.  Not shown: a third thread. */

#include "entries.h"

#include <sched.h>      // sched_yield
#include <stdatomic.h>  // _Atomic, atomic_thread_fence

/* Blocks: 16384 stores of 0.1 to 100 ns; 1024 messages of 0.1 to 1 us. */
enum { PUBLISH_BLOCK = 16384, MESSAGE_BLOCK = 1024 };

/* Spins before giving the CPU away: reached where both threads share one. */
enum { MESSAGE_SPINS_BEFORE_YIELD = 2000 };

enum order { ORDER_RELAXED, ORDER_RELEASE, ORDER_SEQ_CST, ORDER_FENCE };
static const char *const order_names[] = {"relaxed", "release", "seq_cst",
                                          "fence", NULL};
enum layout { LAYOUT_TOGETHER, LAYOUT_APART };
static const char *const layout_names[] = {"together", "apart", NULL};

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
    /* By the index of the worker that sends. */
    struct message_box *boxes = worker->shared;
    enum layout layout = (enum layout)worker->plan->options[0];
    struct message_worker *local = worker->local;
    struct message_box *own = &boxes[worker->index];
    struct message_box *other = &boxes[1 - worker->index];
    _Atomic uint64_t *sent = message_payload(own, layout);
    _Atomic uint64_t *received = message_payload(other, layout);
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

/* Kernels and entries. */

#define PUBLISH_KERNEL(loop_)                                                 \
    {.block = PUBLISH_BLOCK, .local_size = sizeof(struct publish_worker),     \
     PB_LOOP_FUNCTION(loop_), .notes = {[NOTE_PUBLISHED] = "published"}}
static const struct pb_kernel publish_kernels[] = {
    [ORDER_RELAXED] = PUBLISH_KERNEL(publish_relaxed_loop),
    [ORDER_RELEASE] = PUBLISH_KERNEL(publish_release_loop),
    [ORDER_SEQ_CST] = PUBLISH_KERNEL(publish_seq_cst_loop),
    [ORDER_FENCE] = PUBLISH_KERNEL(publish_fence_loop),
};

PB_ENTRY(ordering_publish,
    .doc = "Store a payload, then a flag that publishes it, which nobody "
           "reads.",
    .more = "detail: published, the flag after the round, counting on from\n"
            "round to round.",
    .options = {
        PB_CHOICE("order", order_names, ORDER_RELEASE,
                  "Of the flag's store; relaxed publishes nothing:\n    "
                  "the control; fence: a full fence, then relaxed.")},
    .kernels = publish_kernels, .chosen_by = 1)

static const struct pb_kernel message_kernel = {
    .waits = true, .block = MESSAGE_BLOCK,
    .local_size = sizeof(struct message_worker),
    PB_LOOP_FUNCTION(message_loop),
};

static PyObject *
ordering_message_run(struct pb_call *call)
{
    struct message_box boxes[2];
    for (size_t i = 0; i < Py_ARRAY_LENGTH(boxes); i++) {
        atomic_init(&boxes[i].flag, 0);
        atomic_init(&boxes[i].payload_together, 0);
        atomic_init(&boxes[i].payload_apart, 0);
    }
    return pb_call_run(call, boxes);
}

PB_ENTRY(ordering_message,
    .doc = "Pass a message to another thread through memory, and get one "
           "back.",
    .more = "RuntimeError also when a message came without its payload.",
    .options = {
        PB_CHOICE("layout", layout_names, 0,
                  "The payload on its flag's cache line, or on\n    "
                  "another.")},
    .iterations = {"iterations", .least = 1, .most = PB_ITERATIONS_MAX,
                   .doc = "Messages each way in one round."},
    .threads = PB_THREADS(2, "one that begins and one that answers"),
    .kernels = &message_kernel, .run = ordering_message_run)

PB_AREA(ordering_threads, PB_METHOD(ordering_message),
        PB_METHOD(ordering_publish))
