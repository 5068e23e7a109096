/* gil.c - what does it cost to let go of the interpreter and to come back?

   gil_release and gil_ensure.  One iteration is one pair; inside the window are
   the pairs and an eighth of a loop turn each.  With one thread, the row tells
   the price of the calls; with several and the GIL on, mostly that of waiting.
   On a free-threaded build detaching still is work (the thread's state is
   published for stop-the-world, its memory for reclamation: PEP 703).  A
   transient thread state that allocates is thousands of times as dear there as
   a persistent one: its heaps are abandoned with it, and ending a thread state
   walks the list of what was abandoned (mimalloc's mi_abandoned_collect), also
   where this one allocated nothing.

   gil_handoff.  One iteration is one turn taken over: from the giver's last
   look at the clock before PyEval_SaveThread to the taker's first after its
   PyEval_RestoreThread.  Only that is in the window.  A giver that went for
   the GIL again at once would mostly get it, because the other is not yet
   awake.  So the taker says that it is about to wait, the giver gives it
   HANDOFF_SETTLE_NS to fall asleep in the GIL's queue, lets go, and does not
   come for the GIL again before the taker has said that it has it.  The note
   sleeps counts how often that thread slept (fewer than one per turn says that
   the settling time was too short here).

   gil_reacquire.  One iteration is one request.  Requests have deadlines on a
   fixed grid, one each gap_us, that do not move when an earlier one was late
   (open loop: Tene, How not to measure latency, 2013).  The worker sleeps, then
   spins, detached, until the deadline; then PyEval_RestoreThread, and
   PyEval_SaveThread at once.  The window is the time from the deadline, or from
   when the worker was ready, to being attached: the mean latency as long as no
   request was late, and the mean time in service otherwise.  The percentiles
   are from the deadlines, whatever the queue; each latency contains one reading
   of the clock.  With `releases` a request attaches and detaches so often, 50 us
   apart, as one of several blocking calls does, and ends with the last attaching:
   beside a hog each costs a switch interval (the convoy).  Hogs are Python loops, for they alone look at the eval breaker
   and yield after sys.getswitchinterval().

   gil_handoff and gil_reacquire attach by themselves and count as detached
   kernels: their waits are the measurement, so their value is wall time.  Not
   shown: thread start and end, PyThreadState_Ensure (PEP 788). */

#include "clock.h"
#include "entries.h"
#include "histogram.h"

#include <sched.h>      // sched_yield
#include <stdatomic.h>  // _Atomic
#include <time.h>       // nanosleep

/* Blocks, from what an iteration was seen to cost.  A pair takes 30 to 100 ns
   alone and up to 10 us among rivals. */
enum { GIL_PAIR_BLOCK = 1024 };

/* A transient thread state: 0.6 to 3 us, and, where it allocates on a
   free-threaded build, 100 to 200 us. */
enum { GIL_TRANSIENT_BLOCK = 64 };
enum { GIL_TRANSIENT_ALLOCATE_BLOCK = PB_FREE_THREADED ? 4 : 64 };

/* A turn and its settling take 20 to 100 us. */
enum { GIL_HANDOFF_BLOCK = 8 };

/* A sleeper needs 1 to 3 us from its announcement to lie on its futex; much
   longer than this and the CPU it left would fall into a deeper sleep of its
   own, whose end is not the GIL's. */
enum { HANDOFF_SETTLE_NS = 10 * 1000 };

/* Spins before giving the CPU away: reached where both threads share one. */
enum { GIL_SPINS_BEFORE_YIELD = 2000 };

/* A sleep ends up to 60 us late (timer slack and wake-up): the rest is spun.
   */
enum { REACQUIRE_SPIN_NS = 100 * 1000 };

/* Longest sleep between two looks at the control word. */
enum { REACQUIRE_SLEEP_NS = 10 * 1000 * 1000 };

enum { REACQUIRE_RELEASES_MAX = 100 };

/* Between two releases of a request: one that attached again at once would mostly
   find the GIL free, as those that wait for it are not awake yet. */
enum { RELEASED_NS = 50 * 1000 };

enum { REACQUIRE_HOGS_MAX = 256, REACQUIRE_GAP_US_MAX = 10 * 1000 * 1000 };

enum state { STATE_NESTED, STATE_TRANSIENT, STATE_PERSISTENT };
static const char *const state_names[] = {"nested", "transient", "persistent",
                                          NULL};
static const char *const body_names[] = {"nothing", "allocate", "call", NULL};

PB_MEASURED(gil_release_loop, ,
            PB_OP(PyEval_RestoreThread(PyEval_SaveThread());), 0)

/* The list of body="allocate"; 1 when there was no memory for it.  The thread
   state may be gone a moment later, so no exception stays behind. */
static inline int
gil_allocate(void)
{
    PyObject *list = PyList_New(0);
    if (list == NULL) {
        PyErr_Clear();
        return 1;
    }
    Py_DECREF(list);
    return 0;
}

/* The call of body="call", of a Python function; as the above. */
static inline int
gil_call(const struct pb_worker *worker)
{
    if (pb_worker_safepoint(worker) < 0) {
        PyErr_Clear();
        return 1;
    }
    return 0;
}

static int
gil_no_memory(struct pb_worker *worker)
{
    worker->error = "no memory for a list or a call";
    if (worker->plan->kernel->attached) {
        PyErr_NoMemory();
    }
    return -1;
}

#define ENSURE PyGILState_STATE before = PyGILState_Ensure();
#define RELEASE PyGILState_Release(before);
#define RESTORE PyEval_RestoreThread(worker->tstate);
#define SAVE (void)PyEval_SaveThread();
#define ALLOCATE failed |= gil_allocate();
#define CALL failed |= gil_call(worker);
#define FAILED (failed ? gil_no_memory(worker) : 0)

PB_MEASURED(gil_ensure_loop, , PB_OP(ENSURE RELEASE), 0)
PB_MEASURED(gil_ensure_allocate_loop, int failed = 0;,
            PB_OP(ENSURE ALLOCATE RELEASE), FAILED)
PB_MEASURED(gil_ensure_call_loop, int failed = 0;,
            PB_OP(ENSURE CALL RELEASE), FAILED)
PB_MEASURED(gil_persistent_loop, , PB_OP(RESTORE SAVE), 0)
PB_MEASURED(gil_persistent_allocate_loop, int failed = 0;,
            PB_OP(RESTORE ALLOCATE SAVE), FAILED)
PB_MEASURED(gil_persistent_call_loop, int failed = 0;,
            PB_OP(RESTORE CALL SAVE), FAILED)

/* gil_handoff */

/* What the two threads tell each other; turns are numbered through the call,
   even ones worker 0's, odd ones worker 1's. */
struct handoff_exchange {
    /* Turns taken so far.  Released by the taker, once attached; acquired by
       the other, which must not come for the GIL earlier. */
    _Alignas(PB_ALIGNMENT) _Atomic int64_t taken;

    /* The turn whose taker is about to wait.  Released by it, acquired by the
       holder. */
    _Alignas(PB_ALIGNMENT) _Atomic int64_t queued;

    /* The holder's clock before it let go.  The GIL itself orders it before
       the taker's reading; atomic for the sanitizers, which cannot know. */
    _Alignas(PB_ALIGNMENT) _Atomic int64_t given_ns;
};

struct handoff_worker {
    int64_t round;       // that `turn` belongs to
    int64_t turn;        // the next one that is this worker's
    int64_t latency_ns;  // of this block's turns
};

enum { NOTE_SLEEPS };

/* Spins until *number has come to `least`; false when the call is ending. */
static bool
gil_await(const struct pb_worker *worker, const _Atomic int64_t *number,
          int64_t least)
{
    int spins = 0;
    while (atomic_load_explicit(number, memory_order_acquire) < least) {
        pb_cpu_relax();
        if (++spins > GIL_SPINS_BEFORE_YIELD) {
            if (pb_stopping(worker)) {
                return false;
            }
            sched_yield();
        }
    }
    return true;
}

/* Takes one turn and gives the next; `first` and `last` of the round have
   nobody to take it from and nobody to give it to.  Detached before and after;
   false when the call is ending. */
static bool
handoff_turn(struct pb_worker *worker, int64_t turn, bool first, bool last)
{
    struct handoff_exchange *exchange = worker->shared;
    struct handoff_worker *local = worker->local;
    if (!first && !gil_await(worker, &exchange->taken, turn)) {
        return false;
    }
    atomic_store_explicit(&exchange->queued, turn, memory_order_release);
    PB_OP(PyEval_RestoreThread(worker->tstate);)
    int64_t taken_ns = pb_clock_ns();
    if (!first) {
        local->latency_ns +=
            taken_ns
            - atomic_load_explicit(&exchange->given_ns, memory_order_relaxed);
    }
    atomic_store_explicit(&exchange->taken, turn + 1, memory_order_release);
    bool going = true;
    if (!last) {
        going = gil_await(worker, &exchange->queued, turn + 1);
        int64_t settled_ns = pb_clock_ns() + HANDOFF_SETTLE_NS;
        int64_t now_ns;
        do {
            now_ns = pb_clock_ns();
        } while (going && now_ns < settled_ns);
        atomic_store_explicit(&exchange->given_ns, pb_clock_ns(),
                              memory_order_relaxed);
    }
    PB_OP((void)PyEval_SaveThread();)
    return going;
}

static int
handoff_prepare(struct pb_worker *worker)
{
    ((struct handoff_worker *)worker->local)->round = -1;
    return 0;
}

/* In a round of n iterations worker 0 begins with a turn that nobody gave it
   and that does not count; then each takes over n times. */
static int
handoff_loop(struct pb_worker *worker, int64_t iterations)
{
    struct handoff_worker *local = worker->local;
    int64_t begin_ns = pb_clock_ns();
    int64_t sleeps = pb_thread_switches(true);
    int64_t first = worker->round * 2 * (worker->plan->iterations + 1);
    int64_t last = first + 2 * worker->plan->iterations;
    local->latency_ns = 0;
    bool going = true;
    if (local->round != worker->round) {
        local->round = worker->round;
        local->turn = first + worker->index;
        if (worker->index == 0) {
            going = handoff_turn(worker, local->turn, true, false);
            local->turn += 2;
        }
    }
    for (; going && iterations > 0; iterations--) {
        going = handoff_turn(worker, local->turn, false, local->turn == last);
        local->turn += 2;
    }
    if (sleeps < 0) {
        worker->sample->note[NOTE_SLEEPS] = -1;
    }
    else {
        worker->sample->note[NOTE_SLEEPS] += pb_thread_switches(true) - sleeps;
    }
    worker->sample->excluded_ns +=
        pb_clock_ns() - begin_ns - local->latency_ns;
    return 0;
}

/* gil_reacquire */

struct reacquire_worker {
    int64_t deadline_ns;  // of the next request; 0 before the round's first
    int64_t late;
    struct pb_histogram latency;  // from the deadline
    struct pb_histogram restore;  // PyEval_RestoreThread alone
};

enum {
    NOTE_COUNT, NOTE_P50, NOTE_P90, NOTE_P99, NOTE_P99_9, NOTE_MAX,
    NOTE_RESTORE_P50, NOTE_LATE,
};

static int
reacquire_round_prepare(struct pb_worker *worker)
{
    /* The histograms are not cleared: percentiles of rounds cannot be averaged,
       but their requests can be counted together. */
    ((struct reacquire_worker *)worker->local)->deadline_ns = 0;
    return 0;
}

/* Waits, detached, for the deadline; the time at which it ended, or -1 when
   the call is ending. */
static int64_t
reacquire_wait(const struct pb_worker *worker, int64_t deadline_ns)
{
    int64_t now_ns;
    while ((now_ns = pb_clock_ns()) < deadline_ns) {
        int64_t sleep_ns = deadline_ns - now_ns - REACQUIRE_SPIN_NS;
        if (sleep_ns > 0) {
            if (pb_stopping(worker)) {
                return -1;
            }
            struct timespec nap = {
                .tv_nsec = (long)Py_MIN(sleep_ns, REACQUIRE_SLEEP_NS)};
            nanosleep(&nap, NULL);
        }
        /* No pause instruction here: it would make the end of the wait late by
           as much as an uncontended request takes. */
    }
    return now_ns;
}

/* The kernel's block is one request, so nothing but the driver's look lies
   between two calls of this. */
static int
reacquire_loop(struct pb_worker *worker, int64_t iterations)
{
    const int64_t gap_ns = worker->plan->options[1] * 1000;
    struct reacquire_worker *local = worker->local;
    int64_t ready_ns = pb_clock_ns();
    if (local->deadline_ns == 0) {
        /* Spread over the gap, else the workers would contend by design. */
        local->deadline_ns =
            ready_ns + gap_ns
            + gap_ns * worker->index / worker->plan->threads;
    }
    for (; iterations > 0; iterations--) {
        int64_t deadline_ns = local->deadline_ns;
        int64_t begin_ns = reacquire_wait(worker, deadline_ns);
        if (begin_ns < 0) {
            return 0;
        }
        int64_t attached_ns = begin_ns;
        for (int64_t left = worker->plan->options[2]; left > 0; left--) {
            PB_OP(PyEval_RestoreThread(worker->tstate);)
            attached_ns = pb_clock_ns();
            PB_OP((void)PyEval_SaveThread();)
            while (left > 1 && pb_clock_ns() - attached_ns < RELEASED_NS) {
                pb_cpu_relax();
            }
        }

        pb_histogram_record(&local->latency, attached_ns - deadline_ns);
        pb_histogram_record(&local->restore, attached_ns - begin_ns);
        local->late += ready_ns > deadline_ns;
        local->deadline_ns = deadline_ns + gap_ns;
        int64_t served_ns = attached_ns - Py_MAX(deadline_ns, ready_ns);
        int64_t done_ns = pb_clock_ns();
        worker->sample->excluded_ns += done_ns - ready_ns - served_ns;
        ready_ns = done_ns;
    }
    return 0;
}

static int
reacquire_round_finish(struct pb_worker *worker)
{
    const struct reacquire_worker *local = worker->local;
    int64_t *note = worker->sample->note;
    note[NOTE_COUNT] = local->latency.count;
    note[NOTE_P50] = pb_histogram_quantile(&local->latency, 0.5);
    note[NOTE_P90] = pb_histogram_quantile(&local->latency, 0.9);
    note[NOTE_P99] = pb_histogram_quantile(&local->latency, 0.99);
    note[NOTE_P99_9] = pb_histogram_quantile(&local->latency, 0.999);
    note[NOTE_MAX] = local->latency.max_ns;
    note[NOTE_RESTORE_P50] = pb_histogram_quantile(&local->restore, 0.5);
    note[NOTE_LATE] = local->late;
    return 0;
}

/* A quarter of a millisecond to one: often enough at pb_background_over(), and
   each turn of the loop passes the eval breaker.  Compiled anew for each hog,
   so that on a free-threaded build they share no object that is counted. */
static const char hog_source[] =
    "def hog():\n"
    "    for _ in range(20000):\n"
    "        pass\n";

static int
reacquire_hog(struct pb_worker *worker)
{
    int status = -1;
    PyObject *names = pb_define(hog_source, Py_None);
    PyObject *hog = names == NULL ? NULL : pb_defined(names, "hog");
    if (hog != NULL) {
        do {
            status = pb_safepoint(hog);
            pb_background_ready(worker);
        } while (status == 0 && !pb_background_over(worker));
    }
    Py_XDECREF(hog);
    Py_XDECREF(names);
    return status;
}

/* Kernels and entries. */

static const struct pb_kernel gil_release_kernel = {
    .attached = true, .block = GIL_PAIR_BLOCK,
    PB_LOOP_FUNCTION(gil_release_loop),
};

/* By state, then by body. */
static const struct pb_kernel gil_ensure_kernels[] = {
    {.attached = true, .block = GIL_PAIR_BLOCK * 8,
     PB_LOOP_FUNCTION(gil_ensure_loop)},
    {.attached = true, .block = GIL_PAIR_BLOCK,
     PB_LOOP_FUNCTION(gil_ensure_allocate_loop)},
    {.attached = true, .block = GIL_PAIR_BLOCK,
     PB_LOOP_FUNCTION(gil_ensure_call_loop)},
    {.block = GIL_TRANSIENT_BLOCK, PB_LOOP_FUNCTION(gil_ensure_loop)},
    {.block = GIL_TRANSIENT_ALLOCATE_BLOCK,
     PB_LOOP_FUNCTION(gil_ensure_allocate_loop)},
    {.block = GIL_TRANSIENT_ALLOCATE_BLOCK,
     PB_LOOP_FUNCTION(gil_ensure_call_loop)},
    {.thread_state = true, .block = GIL_PAIR_BLOCK,
     PB_LOOP_FUNCTION(gil_persistent_loop)},
    {.thread_state = true, .block = GIL_PAIR_BLOCK,
     PB_LOOP_FUNCTION(gil_persistent_allocate_loop)},
    {.thread_state = true, .block = GIL_PAIR_BLOCK,
     PB_LOOP_FUNCTION(gil_persistent_call_loop)},
};

static const struct pb_kernel gil_handoff_kernel = {
    .waits = true, .block = GIL_HANDOFF_BLOCK,
    .local_size = sizeof(struct handoff_worker),
    .notes = {[NOTE_SLEEPS] = "sleeps"}, .prepare = handoff_prepare,
    PB_LOOP_FUNCTION(handoff_loop),
};

static const struct pb_kernel gil_reacquire_kernel = {
    .waits = true,
    .busy_background = true,
    .block = 1,
    .local_size = sizeof(struct reacquire_worker),
    .notes = {[NOTE_COUNT] = "count",
              [NOTE_P50] = "p50_ns",
              [NOTE_P90] = "p90_ns",
              [NOTE_P99] = "p99_ns",
              [NOTE_P99_9] = "p99_9_ns",
              [NOTE_MAX] = "max_ns",
              [NOTE_RESTORE_P50] = "restore_p50_ns",
              [NOTE_LATE] = "late"},
    .round_prepare = reacquire_round_prepare,
    PB_LOOP_FUNCTION(reacquire_loop),
    .round_finish = reacquire_round_finish,
    .background = reacquire_hog,
};

/* Threads that will wait for the GIL make it a kernel that waits: a thread
   without its CPU is then no sign of a disturbance. */
static PyObject *
gil_release_run(struct pb_call *call)
{
    int gil_enabled = pb_gil_enabled();
    if (gil_enabled < 0) {
        return NULL;
    }
    call->kernel.waits = gil_enabled && call->plan.threads > 1;
    return pb_call_run(call, NULL);
}

PB_ENTRY(gil_release,
    .doc = "Detach and attach again: PyEval_SaveThread and "
           "PyEval_RestoreThread in C.",
    .kernels = &gil_release_kernel, .run = gil_release_run)

static PyObject *
gil_ensure_run(struct pb_call *call)
{
    if (call->plan.options[0] != STATE_PERSISTENT
        && PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_Format(PyExc_NotImplementedError,
                     "state='%s' is PyGILState_Ensure, which always means the "
                     "main interpreter and is wrong in this one",
                     state_names[call->plan.options[0]]);
        return NULL;
    }
    return gil_release_run(call);
}

PB_ENTRY(gil_ensure,
    .doc = "Get at Python from native code and leave it again.",
    .more = "NotImplementedError for nested and transient in a\n"
            "subinterpreter: PyGILState_Ensure always means the main one.",
    .options = {
        PB_CHOICE("state", state_names, 0,
                  "nested: PyGILState_Ensure in an attached thread;\n    "
                  "transient: in one without a thread state;\n    "
                  "persistent: PyEval_RestoreThread of a state made\n    "
                  "once."),
        PB_CHOICE("body", body_names, 0,
                  "allocate: one empty list while attached; call: one call\n    "
                  "of a Python function.")},
    .kernels = gil_ensure_kernels, .chosen_by = 2, .run = gil_ensure_run)

static PyObject *
gil_handoff_run(struct pb_call *call)
{
    struct handoff_exchange exchange;
    atomic_init(&exchange.taken, 0);
    atomic_init(&exchange.queued, -1);
    atomic_init(&exchange.given_ns, 0);
    return pb_call_run(call, &exchange);
}

PB_ENTRY(gil_handoff,
    .doc = "Take the GIL over from a thread that lets go of it, with two "
           "threads.",
    .more = "The window is from the giver's release to the taker being\n"
            "attached. detail: sleeps, how often the taker slept, -1\n"
            "unknown. NotImplementedError when the GIL is off.",
    .iterations = {"iterations", .least = 1, .most = PB_ITERATIONS_MAX,
                   .doc = "Turns that each thread takes over in one round."},
    .threads = PB_THREADS(2, "one that gives and one that takes"),
    .kernels = &gil_handoff_kernel, .needs_gil = true, .run = gil_handoff_run)

static PyObject *
gil_reacquire_run(struct pb_call *call)
{
    call->plan.background = (int)call->plan.options[0];
    return pb_call_run(call, NULL);
}

PB_ENTRY(gil_reacquire,
    .doc = "Ask for the GIL on a fixed schedule and tell how long that took.",
    .more = "The window is from the deadline (or from ready, if later) to\n"
            "attached. detail, of this round and those before it: count,\n"
            "p50_ns, p90_ns, p99_ns, p99_9_ns and max_ns from the deadline;\n"
            "restore_p50_ns of PyEval_RestoreThread alone; late, requests\n"
            "that had to wait for the one before.",
    .iterations = {"iterations", .least = 1, .most = PB_ITERATIONS_MAX,
                   .doc = "Requests of each thread in one round."},
    .options = {
        PB_NUMBER("hogs", 0, REACQUIRE_HOGS_MAX, 0,
                  "Threads that run Python code meanwhile."),
        PB_NUMBER("gap_us", 1, REACQUIRE_GAP_US_MAX, 200,
                  "Microseconds between two deadlines; with hogs it\n    "
                  "should be above hogs * sys.getswitchinterval(),\n    "
                  "else requests queue up."),
        PB_NUMBER("releases", 1, REACQUIRE_RELEASES_MAX, 1,
                  "How often a request attaches and detaches.")},
    .kernels = &gil_reacquire_kernel, .run = gil_reacquire_run)

PB_AREA(gil, PB_METHOD(gil_ensure), PB_METHOD(gil_handoff),
        PB_METHOD(gil_reacquire), PB_METHOD(gil_release))
