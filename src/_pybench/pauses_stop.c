/* pauses_stop.c - the part of pauses that stops the world.

   One iteration is one stop of all other threads, and their release.  `visit` is
   as little as can be done meanwhile: PyUnstable_GC_VisitObjects, left at its
   first object.  The other triggers are what programs do: a collection, another
   class for an instance, a new method of a class whose slot depends on it.  Which
   of them stop the world depends on the version; gap_max_ns tells.

   `others` threads are observers, all in one state: they run bytecode, or C for a
   millisecond at a time, attached, with bytecode between, or are detached in C.  Each counts its
   steps, and publishes the longest time between two steps since the last request
   to stop: what a stop costs those that are stopped.  The next stop comes when
   each has made two steps, since stops that follow at once meet threads that are
   stopped still, and cost next to nothing.  That wait, detached, is outside the
   window.

   stop_*_ns is from the request until the world has stopped (of visit; of the
   others until all is over), gap_*_ns the longest gap of any observer around a
   stop.  hold_us keeps the world stopped for longer, and `moved` is how many steps
   observers made while it was stopped: none, but for detached ones.  Source: PEP
   703; Python/pystate.c. */

#include "clock.h"
#include "companions.h"
#include "entries.h"
#include "histogram.h"

#include <sched.h>      // sched_yield
#include <stdatomic.h>  // _Atomic
#include <stdlib.h>     // free

enum { STOP_OTHERS_MAX = 64, STOP_HOLD_US_MAX = 100 * 1000 };

/* What an attached observer does in C between two moments of bytecode. */
enum { STOP_STRETCH_NS = 1000 * 1000 };

/* Steps after which an observer has surely gone on. */
enum { STOP_STEPS = 2 };

enum trigger { TRIGGER_VISIT };
static const char *const trigger_names[] = {"visit", "collect", "class",
                                            "method", NULL};
static const char *const state_names[] = {PB_COMPANION_NAMES, NULL};
enum { OPTION_TRIGGER, OPTION_OTHERS, OPTION_STATE, OPTION_HOLD };

/* By the names above. */
static const char stop_source[] =
    "import gc\n"
    "class First:\n"
    "    pass\n"
    "class Second:\n"
    "    pass\n"
    "item = First()\n"
    "def of_class():\n"
    "    item.__class__ = Second if type(item) is First else First\n"
    "def length(self):\n"
    "    return 0\n"
    "def method():\n"
    "    if hasattr(First, '__len__'):\n"
    "        del First.__len__\n"
    "    else:\n"
    "        First.__len__ = length\n"
    "triggers = {'visit': None, 'collect': gc.collect, 'class': of_class,\n"
    "            'method': method}\n"
    "trigger = triggers[value]\n";

struct observer {
    _Alignas(PB_ALIGNMENT) _Atomic int64_t steps;
    _Atomic int64_t longest_ns;  // between two steps, since the request `seen`
    int64_t seen;                // the observer's own, as the next
    int64_t last_ns;
};

struct stops {
    _Alignas(PB_ALIGNMENT) _Atomic int64_t requests;
    PyObject *trigger;  // what the measured worker calls; read-only
    struct observer *observers;
};

struct stop_worker {
    struct pb_histogram stop;
    struct pb_histogram gap;
    int64_t stopped_ns;  // of a visit, by the clock
    int64_t moved;
};

enum {
    NOTE_STOPS, NOTE_STOP_P50, NOTE_STOP_P99, NOTE_STOP_MAX, NOTE_GAP_P50,
    NOTE_GAP_P99, NOTE_GAP_MAX, NOTE_MOVED,
};

/* One step of an observer. */
static bool
stop_observe(struct pb_worker *worker)
{
    struct stops *stops = worker->shared;
    struct observer *observer =
        &stops->observers[worker->index - worker->plan->threads];
    int64_t begin_ns = pb_clock_ns();
    while (worker->plan->options[OPTION_STATE] == PB_ATTACHED
           && pb_clock_ns() - begin_ns < STOP_STRETCH_NS) {
        pb_cpu_relax();
    }
    int64_t request = atomic_load(&stops->requests);
    int64_t now_ns = pb_clock_ns();
    int64_t longest_ns = 0;
    if (request == observer->seen) {
        longest_ns = atomic_load(&observer->longest_ns);
    }
    if (observer->last_ns != 0) {
        longest_ns = Py_MAX(longest_ns, now_ns - observer->last_ns);
    }
    observer->seen = request;
    observer->last_ns = now_ns;
    atomic_store(&observer->longest_ns, longest_ns);
    atomic_fetch_add(&observer->steps, 1);
    pb_background_ready(worker);
    return !pb_background_over(worker);
}

static int
stop_observer(struct pb_worker *worker)
{
    bool is_detached =
        worker->plan->options[OPTION_STATE] == PB_DETACHED;
    return pb_companion_stay(worker, is_detached ? PB_DETACHED : PB_RUNNING,
                             stop_observe, NULL);
}

static int64_t
stop_steps(const struct pb_worker *worker)
{
    const struct stops *stops = worker->shared;
    int64_t steps = 0;
    for (int64_t i = 0; i < worker->plan->options[OPTION_OTHERS]; i++) {
        steps += atomic_load(&stops->observers[i].steps);
    }
    return steps;
}

/* With the world stopped; 0, so that the visit ends at its first object. */
static int
stop_visited(PyObject *Py_UNUSED(object), void *argument)
{
    struct pb_worker *worker = argument;
    struct stop_worker *local = worker->local;
    int64_t hold_ns = worker->plan->options[OPTION_HOLD] * 1000;
    local->stopped_ns = pb_clock_ns();
    if (hold_ns > 0) {
        int64_t steps = stop_steps(worker);
        while (pb_clock_ns() - local->stopped_ns < hold_ns) {
            sched_yield();
        }
        local->moved += stop_steps(worker) - steps;
    }
    return 0;
}

static inline int
stop_world(struct pb_worker *worker)
{
#if PB_HAVE_VISIT
    if (worker->plan->options[OPTION_TRIGGER] == TRIGGER_VISIT) {
        PyUnstable_GC_VisitObjects(stop_visited, worker);
        return 0;
    }
#else
    (void)stop_visited;
#endif
    return pb_safepoint(((struct stops *)worker->shared)->trigger);
}

/* Waits, detached, until all observers have gone on; the longest gap of one, or
   -1 when the call is ending. */
static int64_t
stop_await(struct pb_worker *worker)
{
    const struct stops *stops = worker->shared;
    int64_t gap_ns = 0;
    Py_BEGIN_ALLOW_THREADS
    for (int64_t i = 0; i < worker->plan->options[OPTION_OTHERS]; i++) {
        struct observer *observer = &stops->observers[i];
        int64_t steps = atomic_load(&observer->steps) + STOP_STEPS;
        while (gap_ns >= 0 && atomic_load(&observer->steps) < steps) {
            sched_yield();
            if (pb_stopping(worker)) {
                gap_ns = -1;
            }
        }
        if (gap_ns >= 0) {
            gap_ns = Py_MAX(gap_ns, atomic_load(&observer->longest_ns));
        }
    }
    Py_END_ALLOW_THREADS
    return gap_ns;
}

static int
stop_loop(struct pb_worker *worker, int64_t iterations)
{
    struct stops *stops = worker->shared;
    struct stop_worker *local = worker->local;
    for (; iterations > 0; iterations--) {
        int status = 0;
        local->stopped_ns = 0;
        atomic_fetch_add(&stops->requests, 1);
        int64_t request_ns = pb_clock_ns();
        PB_OP(status = stop_world(worker);)
        int64_t done_ns = pb_clock_ns();
        if (status < 0) {
            return -1;
        }
        pb_histogram_record(
            &local->stop,
            (local->stopped_ns != 0 ? local->stopped_ns : done_ns)
                - request_ns);
        int64_t gap_ns = stop_await(worker);
        if (gap_ns > 0) {
            pb_histogram_record(&local->gap, gap_ns);
        }
        worker->sample->excluded_ns += pb_clock_ns() - done_ns;
    }
    return 0;
}

static int
stop_round_finish(struct pb_worker *worker)
{
    const struct stop_worker *local = worker->local;
    int64_t *note = worker->sample->note;
    note[NOTE_STOPS] = local->stop.count;
    note[NOTE_STOP_P50] = pb_histogram_quantile(&local->stop, 0.5);
    note[NOTE_STOP_P99] = pb_histogram_quantile(&local->stop, 0.99);
    note[NOTE_STOP_MAX] = local->stop.max_ns;
    note[NOTE_GAP_P50] = pb_histogram_quantile(&local->gap, 0.5);
    note[NOTE_GAP_P99] = pb_histogram_quantile(&local->gap, 0.99);
    note[NOTE_GAP_MAX] = local->gap.max_ns;
    note[NOTE_MOVED] = local->moved;
    return 0;
}

static const struct pb_kernel stop_kernel = {
    .attached = true,
    .waits = true,
    .busy_background = true,
    .block = 1,
    .local_size = sizeof(struct stop_worker),
    .notes = {[NOTE_STOPS] = "stops",
              [NOTE_STOP_P50] = "stop_p50_ns",
              [NOTE_STOP_P99] = "stop_p99_ns",
              [NOTE_STOP_MAX] = "stop_max_ns",
              [NOTE_GAP_P50] = "gap_p50_ns",
              [NOTE_GAP_P99] = "gap_p99_ns",
              [NOTE_GAP_MAX] = "gap_max_ns",
              [NOTE_MOVED] = "moved"},
    PB_LOOP_FUNCTION(stop_loop),
    .round_finish = stop_round_finish,
    .background = stop_observer,
};

static PyObject *
stop_run(struct pb_call *call)
{
    const int64_t *options = call->plan.options;
    if (options[OPTION_HOLD] > 0 && options[OPTION_TRIGGER] != TRIGGER_VISIT) {
        return PyErr_Format(PyExc_ValueError,
                            "hold_us must be 0 with trigger='%s', not %lld: "
                            "only a visit can be held",
                            trigger_names[options[OPTION_TRIGGER]],
                            (long long)options[OPTION_HOLD]);
    }
    if (pb_companion_allowed(options[OPTION_STATE]) < 0) {
        return NULL;
    }
    PyObject *results = NULL;
    struct stops stops = {.requests = 0};
    PyObject *name =
        PyUnicode_FromString(trigger_names[options[OPTION_TRIGGER]]);
    PyObject *names = name == NULL ? NULL : pb_define(stop_source, name);
    call->plan.background = (int)options[OPTION_OTHERS];
    stops.observers =
        pb_allocate((size_t)options[OPTION_OTHERS], sizeof(struct observer));
    if (names != NULL && stops.observers != NULL
        && (stops.trigger = pb_defined(names, "trigger")) != NULL) {
        results = pb_call_run(call, &stops);
    }
    free(stops.observers);
    Py_XDECREF(stops.trigger);
    Py_XDECREF(names);
    Py_XDECREF(name);
    return results;
}

PB_ENTRY(pauses_stop,
    .doc = "Stop all other threads and let them go again.",
    .more = "NotImplementedError on a build with the GIL. detail, of this\n"
            "round and those before it: stops; stop_p50_ns, stop_p99_ns and\n"
            "stop_max_ns, from the request until the world has stopped\n"
            "(where it is not a visit, until all is over); gap_p50_ns,\n"
            "gap_p99_ns and gap_max_ns of the longest gap that another\n"
            "thread saw; moved, steps of others while it was stopped.",
    .threads = PB_THREADS(1, "the one that stops the others"),
    .options = {
        [OPTION_TRIGGER] = PB_CHOICE("trigger", trigger_names, TRIGGER_VISIT,
                  "visit: nothing but the stop; collect: gc.collect();\n    "
                  "class: store __class__; method: store __len__."),
        [OPTION_OTHERS] = PB_NUMBER("others", 0, STOP_OTHERS_MAX, 1,
                  "Threads to be stopped, which observe it."),
        [OPTION_STATE] = PB_CHOICE("state", state_names, PB_RUNNING,
                  "What they do: run bytecode, run C for a millisecond at\n    "
                  "a time, attached, or run C detached."),
        [OPTION_HOLD] = PB_NUMBER("hold_us", 0, STOP_HOLD_US_MAX, 0,
                  "Microseconds for which a visit keeps the world stopped.")},
    .kernels = &stop_kernel,
    .missing = PB_FREE_THREADED
                   ? NULL
                   : "with the GIL one thread at a time runs, and none has to "
                     "be stopped",
    .run = stop_run)

PB_AREA(pauses_stop, PB_METHOD(pauses_stop))
