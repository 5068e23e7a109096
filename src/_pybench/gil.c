/* gil.c - what does it cost to let go of the interpreter and to come back?

   gil_release    PyEval_SaveThread and PyEval_RestoreThread: what every
                  blocking call in the standard library does.  threads=1: no
                  rival; more: each releases to the others all the time.
   gil_ensure     how a native thread gets at Python and leaves it again:
     state nested      PyGILState_Ensure/Release in a thread that is attached
           transient   the same in a thread that has no thread state: one is
                       made and destroyed each time
           persistent  PyEval_RestoreThread/SaveThread of a thread state made
                       once: the remedy where transient is dear
     body  nothing     between the two
           allocate    one empty list, made and dropped
   gil_handoff    two threads give the GIL to each other
   gil_reacquire  how long a thread that needs the GIL waits for it, while hogs
                  (threads that run Python code) keep it

   One iteration of gil_release and gil_ensure is one pair.  Inside the window:
   the pairs and an eighth of a loop turn each.  With one thread, the row tells
   the price of the calls; with several and the GIL on, mostly that of waiting.
   On a free-threaded build detaching still is work (the thread's state is
   published for stop-the-world, its memory for reclamation: PEP 703).  A
   transient thread state that allocates is thousands of times as dear there as
   a persistent one: its heaps are abandoned with it, and ending a thread state
   walks the list of what was abandoned (a profile of 3.13t shows nearly all of
   the time in mimalloc's mi_abandoned_collect).  One that allocates nothing
   walks it too, so transient with body='nothing' is cheap only in a process in
   which no thread that had allocated has ended yet.

   gil_handoff.  One iteration is one turn taken over: from the giver's last
   look at the clock before PyEval_SaveThread to the taker's first after its
   PyEval_RestoreThread.  Only that is in the window.  A giver that went for
   the GIL again at once would mostly get it, because it is still awake when
   the other is not yet.  So a turn goes like this: the taker says that it is
   about to wait, the giver gives it HANDOFF_SETTLE_NS to fall asleep in the
   GIL's queue, lets go, and does not come for the GIL again before the taker
   has said that it has it.  Every turn therefore is a real change of hands,
   with a sleeper woken; the note sleeps counts how often that thread slept
   (one per turn; fewer says that the settling time was too short here).  It is
   a voluntary release: the forced one after a switch interval is what
   gil_reacquire meets.

   gil_reacquire.  One iteration is one request.  Requests have deadlines on a
   fixed grid, one each gap_us, that do not move when an earlier one was late
   (open loop), so a long wait is not followed by leniency (Tene: How not to
   measure latency, 2013, on coordinated omission).  The worker sleeps, then
   spins, detached, until the deadline; then PyEval_RestoreThread, and
   PyEval_SaveThread at once.  The window is the time from the deadline (or
   from when the worker was ready, if that was later) to being attached; the
   waiting for deadlines is taken out of it.  So the row's value is the mean
   latency as long as no request was late, and the mean time in service
   otherwise: with gap_us below what a request takes, requests queue up, and a
   mean from the deadlines would only tell how long one has measured.  The
   percentiles are from the deadlines, whatever the queue; late says how many
   requests found their deadline gone by when the worker was ready;
   restore_p50_ns is of PyEval_RestoreThread alone.  Each latency contains one
   reading of the clock.  Hogs are Python loops, for they alone look at the
   eval breaker and yield after sys.getswitchinterval(); a hog in C would keep
   the GIL until it is done.

   gil_handoff and gil_reacquire attach by themselves and count as detached
   kernels: their waits are the measurement, so their value is wall time, never
   CPU time, and neither has a mutant that tells by its instruction count.

   Not shown: the convoy of several releases per request (a socket's recv and
   send: it multiplies), thread start and end, and
   PyThreadState_Ensure of PEP 788. */

#include "areas.h"
#include "arguments.h"
#include "clock.h"
#include "histogram.h"
#include "loop.h"
#include "threads.h"

#include <sched.h>         // sched_yield
#include <stdatomic.h>     // _Atomic
#include <sys/resource.h>  // getrusage
#include <time.h>          // nanosleep

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

enum { REACQUIRE_HOGS_MAX = 256, REACQUIRE_GAP_US_MAX = 10 * 1000 * 1000 };

enum state { STATE_NESTED, STATE_TRANSIENT, STATE_PERSISTENT };
static const char *const state_names[] = {"nested", "transient", "persistent",
                                          NULL};

enum body { BODY_NOTHING, BODY_ALLOCATE };
static const char *const body_names[] = {"nothing", "allocate", NULL};

static const char HANDOFF_MISSING[] =
    "the GIL is off in this process: there is none to hand over";

static int
gil_release_loop(struct pb_worker *worker, int64_t iterations)
{
    (void)worker;
    PB_LOOP(iterations, {
        PB_OP(PyEval_RestoreThread(PyEval_SaveThread());)
        pb_clobber();
    });
    return 0;
}

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

static int
gil_no_memory(struct pb_worker *worker)
{
    worker->error = "no memory for a list";
    if (worker->plan->kernel->attached) {
        PyErr_NoMemory();
    }
    return -1;
}

/* One loop for each way in and out and each body. */
#define GIL_LOOP(name, enter, body, leave)                                    \
    static int name(struct pb_worker *worker, int64_t iterations)             \
    {                                                                         \
        int failed = 0;                                                       \
        PB_LOOP(iterations, {                                                 \
            PB_OP(enter body leave)                                           \
            pb_clobber();                                                     \
        });                                                                   \
        return failed ? gil_no_memory(worker) : 0;                            \
    }

#define ENSURE PyGILState_STATE before = PyGILState_Ensure();
#define RELEASE PyGILState_Release(before);
#define RESTORE PyEval_RestoreThread(worker->tstate);
#define SAVE (void)PyEval_SaveThread();
#define ALLOCATE failed |= gil_allocate();

GIL_LOOP(gil_ensure_loop, ENSURE, , RELEASE)
GIL_LOOP(gil_ensure_allocate_loop, ENSURE, ALLOCATE, RELEASE)
GIL_LOOP(gil_persistent_loop, RESTORE, , SAVE)
GIL_LOOP(gil_persistent_allocate_loop, RESTORE, ALLOCATE, SAVE)

#undef ALLOCATE
#undef SAVE
#undef RESTORE
#undef RELEASE
#undef ENSURE
#undef GIL_LOOP

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

struct handoff_shared {
    struct handoff_exchange *exchange;
};

struct handoff_worker {
    int64_t round;       // that `turn` belongs to
    int64_t turn;        // the next one that is this worker's
    int64_t latency_ns;  // of this block's turns
};

enum { NOTE_SLEEPS };

/* How often this thread has gone to sleep by itself; -1 where unknown. */
static int64_t
gil_sleeps(void)
{
#ifdef RUSAGE_THREAD
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) == 0) {
        return usage.ru_nvcsw;
    }
#endif
    return -1;
}

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
    const struct handoff_shared *shared = worker->shared;
    struct handoff_exchange *exchange = shared->exchange;
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
    int64_t sleeps = gil_sleeps();
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
        worker->sample->note[NOTE_SLEEPS] += gil_sleeps() - sleeps;
    }
    worker->sample->safepoint_wait_ns +=
        pb_clock_ns() - begin_ns - local->latency_ns;
    return 0;
}

/* gil_reacquire */

/* Arguments of a call; read-only for the workers. */
struct reacquire_shared {
    int64_t gap_ns;
};

struct reacquire_worker {
    int64_t deadline_ns;  // of the next request; 0 before the round's first
    int64_t late;
    struct pb_histogram latency;  // from the deadline
    struct pb_histogram restore;  // PyEval_RestoreThread alone
};

enum {
    NOTE_COUNT,
    NOTE_P50,
    NOTE_P90,
    NOTE_P99,
    NOTE_P99_9,
    NOTE_MAX,
    NOTE_RESTORE_P50,
    NOTE_LATE,
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
    const struct reacquire_shared *shared = worker->shared;
    struct reacquire_worker *local = worker->local;
    int64_t ready_ns = pb_clock_ns();
    if (local->deadline_ns == 0) {
        /* Spread over the gap, else the workers would contend by design. */
        local->deadline_ns =
            ready_ns + shared->gap_ns
            + shared->gap_ns * worker->index / worker->plan->threads;
    }
    for (; iterations > 0; iterations--) {
        int64_t deadline_ns = local->deadline_ns;
        int64_t begin_ns = reacquire_wait(worker, deadline_ns);
        if (begin_ns < 0) {
            return 0;
        }
        PB_OP(PyEval_RestoreThread(worker->tstate);)
        int64_t attached_ns = pb_clock_ns();
        PB_OP((void)PyEval_SaveThread();)

        pb_histogram_record(&local->latency, attached_ns - deadline_ns);
        pb_histogram_record(&local->restore, attached_ns - begin_ns);
        local->late += ready_ns > deadline_ns;
        local->deadline_ns = deadline_ns + shared->gap_ns;
        int64_t served_ns = attached_ns - Py_MAX(deadline_ns, ready_ns);
        int64_t done_ns = pb_clock_ns();
        worker->sample->safepoint_wait_ns += done_ns - ready_ns - served_ns;
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
static const char HOG_SOURCE[] =
    "def hog():\n"
    "    for _ in range(20000):\n"
    "        pass\n";

static int
reacquire_hog(struct pb_worker *worker)
{
    int status = -1;
    PyObject *answer = NULL, *hog = NULL;
    PyObject *globals = PyDict_New();
    if (globals == NULL) {
        goto done;
    }
    answer = PyRun_String(HOG_SOURCE, Py_file_input, globals, globals);
    if (answer == NULL) {
        goto done;
    }
    hog = Py_XNewRef(PyDict_GetItemString(globals, "hog"));
    if (hog == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "gil_reacquire: no hog defined");
        goto done;
    }
    bool told = false;
    do {
        Py_SETREF(answer, PyObject_CallNoArgs(hog));
        if (answer == NULL) {
            goto done;
        }
        if (!told) {
            pb_background_ready(worker);
            told = true;
        }
    } while (!pb_background_over(worker));
    status = 0;

done:
    Py_XDECREF(hog);
    Py_XDECREF(answer);
    Py_XDECREF(globals);
    return status;
}

/* Kernels. */

static const struct pb_kernel gil_release_kernel = {
    .name = "gil_release",
    .attached = true,
    .block = GIL_PAIR_BLOCK,
    PB_LOOP_FUNCTION(gil_release_loop),
};

static const struct pb_kernel gil_ensure_kernels[][2] = {
    [STATE_NESTED] = {
        {.name = "gil_ensure", .attached = true, .block = GIL_PAIR_BLOCK * 8,
         PB_LOOP_FUNCTION(gil_ensure_loop)},
        {.name = "gil_ensure", .attached = true, .block = GIL_PAIR_BLOCK,
         PB_LOOP_FUNCTION(gil_ensure_allocate_loop)}},
    [STATE_TRANSIENT] = {
        {.name = "gil_ensure", .block = GIL_TRANSIENT_BLOCK,
         PB_LOOP_FUNCTION(gil_ensure_loop)},
        {.name = "gil_ensure", .block = GIL_TRANSIENT_ALLOCATE_BLOCK,
         PB_LOOP_FUNCTION(gil_ensure_allocate_loop)}},
    [STATE_PERSISTENT] = {
        {.name = "gil_ensure", .thread_state = true, .block = GIL_PAIR_BLOCK,
         PB_LOOP_FUNCTION(gil_persistent_loop)},
        {.name = "gil_ensure", .thread_state = true, .block = GIL_PAIR_BLOCK,
         PB_LOOP_FUNCTION(gil_persistent_allocate_loop)}},
};

static const struct pb_kernel gil_handoff_kernel = {
    .name = "gil_handoff",
    .waits = true,
    .block = GIL_HANDOFF_BLOCK,
    .local_size = sizeof(struct handoff_worker),
    .notes = {[NOTE_SLEEPS] = "sleeps"},
    .prepare = handoff_prepare,
    PB_LOOP_FUNCTION(handoff_loop),
};

static const struct pb_kernel gil_reacquire_kernel = {
    .name = "gil_reacquire",
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

/* Entries. */

/* Runs the kernel as one that waits if its threads will wait for the GIL: a
   thread without its CPU is then no sign of a disturbance. */
static PyObject *
gil_run(PyObject *module, struct pb_plan *plan, struct pb_kernel kernel)
{
    int gil_enabled = pb_gil_enabled();
    if (gil_enabled < 0) {
        return NULL;
    }
    kernel.waits = gil_enabled && plan->threads > 1;
    plan->kernel = &kernel;
    return pb_run(module, plan);
}

PyDoc_STRVAR(gil_release_doc,
"gil_release($module, /, " PB_ARGUMENTS_SIGNATURE ")\n--\n\n"
"Detach and attach again: PyEval_SaveThread and PyEval_RestoreThread in C.\n\n"
PB_ARGUMENTS_DOC);

static PyObject *
gil_release(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT ":gil_release", names,
            PB_ARGUMENTS_TARGETS(common))
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    return gil_run(module, &plan, gil_release_kernel);
}

PyDoc_STRVAR(gil_ensure_doc,
"gil_ensure($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"           state='nested', body='nothing')\n--\n\n"
"Get at Python from native code and leave it again.\n\n"
PB_ARGUMENTS_DOC "\n"
"state: 'nested' (PyGILState_Ensure in an attached thread), 'transient' (in\n"
"one without a thread state), 'persistent' (PyEval_RestoreThread of a state\n"
"made once). body: 'nothing' or 'allocate' (one empty list while attached).\n"
"NotImplementedError for 'nested' and 'transient' in a subinterpreter:\n"
"PyGILState_Ensure always means the main one.");

static PyObject *
gil_ensure(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "state", "body", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *state_name = "nested", *body_name = "nothing";
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "ss:gil_ensure", names,
            PB_ARGUMENTS_TARGETS(common), &state_name, &body_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int state = pb_choice("state", state_name, state_names);
    if (state < 0) {
        return NULL;
    }
    int body = pb_choice("body", body_name, body_names);
    if (body < 0) {
        return NULL;
    }
    if (state != STATE_PERSISTENT
        && PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_Format(PyExc_NotImplementedError,
                     "state='%s' is PyGILState_Ensure, which always means the "
                     "main interpreter and is wrong in this one",
                     state_name);
        return NULL;
    }
    return gil_run(module, &plan, gil_ensure_kernels[state][body]);
}

PyDoc_STRVAR(gil_handoff_doc,
"gil_handoff($module, /, iterations, *, rounds=1, threads=2, pin=True)\n"
"--\n\n"
"Take the GIL over from a thread that lets go of it, with two threads.\n\n"
"iterations: turns that each thread takes over in one round, 1..10**12.\n"
"rounds: 1..100000. threads: 2. pin: keep each thread on a CPU of its own\n"
"where the system allows it and there are enough.\n"
"Returns a list with one KernelResult per round: its window is from the\n"
"giver's release to the taker being attached; detail['sleeps'] counts how\n"
"often the taker slept (-1: not known). Raises TypeError or ValueError for a\n"
"bad argument, RuntimeError when a thread cannot start, NotImplementedError\n"
"when the GIL is off.");

static PyObject *
gil_handoff(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    struct pb_plan plan = {.kernel = &gil_handoff_kernel};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT ":gil_handoff", names,
            PB_ARGUMENTS_TARGETS(common))
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    if (common.threads == NULL) {
        plan.threads = 2;
    }
    if (plan.threads != 2) {
        PyErr_Format(PyExc_ValueError,
                     "threads must be 2 for gil_handoff, one that gives and "
                     "one that takes, not %d",
                     plan.threads);
        return NULL;
    }
    int gil_enabled = pb_gil_enabled();
    if (gil_enabled < 0) {
        return NULL;
    }
    if (!gil_enabled) {
        PyErr_SetString(PyExc_NotImplementedError, HANDOFF_MISSING);
        return NULL;
    }
    struct handoff_exchange exchange;
    atomic_init(&exchange.taken, 0);
    atomic_init(&exchange.queued, -1);
    atomic_init(&exchange.given_ns, 0);
    struct handoff_shared shared = {.exchange = &exchange};
    plan.shared = &shared;
    return pb_run(module, &plan);
}

PyDoc_STRVAR(gil_reacquire_doc,
"gil_reacquire($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"              hogs=0, gap_us=200)\n--\n\n"
"Ask for the GIL on a fixed schedule and tell how long that took.\n\n"
PB_ARGUMENTS_DOC "\n"
"iterations are requests. hogs: threads that run Python code meanwhile,\n"
"0..256. gap_us: from one deadline to the next, 1..10**7 microseconds; with\n"
"hogs it should be above hogs * sys.getswitchinterval(), else requests queue\n"
"up. The window is from the deadline (or from ready, if later) to attached.\n"
"detail, per thread, of this round and those before it: count, p50_ns,\n"
"p90_ns, p99_ns, p99_9_ns and max_ns from the deadline; restore_p50_ns of\n"
"PyEval_RestoreThread alone; late, the requests that had to wait for the one\n"
"before.");

static PyObject *
gil_reacquire(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "hogs", "gap_us", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    PyObject *hogs_object = NULL, *gap_object = NULL;
    struct pb_plan plan = {.kernel = &gil_reacquire_kernel};
    int64_t hogs, gap_us;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "OO:gil_reacquire", names,
            PB_ARGUMENTS_TARGETS(common), &hogs_object, &gap_object)
        || pb_plan_set(&plan, &common) < 0
        || pb_whole_number("hogs", hogs_object, 0, REACQUIRE_HOGS_MAX, 0,
                           &hogs) < 0
        || pb_whole_number("gap_us", gap_object, 1, REACQUIRE_GAP_US_MAX, 200,
                           &gap_us) < 0) {
        return NULL;
    }
    struct reacquire_shared shared = {.gap_ns = gap_us * 1000};
    plan.background = (int)hogs;
    plan.shared = &shared;
    return pb_run(module, &plan);
}

#define GIL_METHOD(name)                                                      \
    {#name, (PyCFunction)(void (*)(void))name, METH_VARARGS | METH_KEYWORDS,  \
     name##_doc}

static PyMethodDef gil_methods[] = {
    GIL_METHOD(gil_ensure),
    GIL_METHOD(gil_handoff),
    GIL_METHOD(gil_reacquire),
    GIL_METHOD(gil_release),
    {NULL, NULL, 0, NULL},
};

int
pb_gil_add(PyObject *module)
{
    int gil_enabled = pb_gil_enabled();
    if (gil_enabled < 0) {
        return -1;
    }
    const struct pb_listing listings[] = {
        {.name = "gil_ensure", .attached = true},
        {.name = "gil_handoff",
         .attached = false,
         .missing = gil_enabled ? NULL : HANDOFF_MISSING},
        {.name = "gil_reacquire", .attached = false},
        {.name = "gil_release", .attached = true},
        {NULL, false, NULL},
    };
    return pb_area_add(module, "gil", gil_methods, listings);
}
