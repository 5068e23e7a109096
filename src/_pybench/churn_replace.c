/* churn_replace.c - the part of churn that frees what others may be reading.

   One iteration makes an empty list grow by one item and shrink again, and so
   allocates an array and frees it.  On a free-threaded build a thread may read
   such an array without a lock, so that of a list that more than one thread has
   used is kept until every attached thread, the writer too, has been between two
   instructions (quiescent-state-based reclamation: Python/qsbr.c, PEP 703); the
   writer is every 64 replacements, outside the window.  A list that one
   thread alone has used is the control: its arrays are freed at once.

   `reader` is another thread: none; one that runs bytecode, and so lets go all the
   time; one that is attached in C, and lets go when it detaches for a moment; or a
   detached one, which is never waited for.

   Memory that is kept cannot be used again, so the places of the arrays tell what
   is kept, without asking the allocator: `places` is how many different ones the
   round used, retained_bytes what they take, and reuse_after how many more
   replacements it took to see an old place once the reader had let go, -1 if none
   of as many as the round had did.  lapses is how often an attached reader
   detached in the round. */

#include "clock.h"
#include "companions.h"
#include "entries.h"

#include <sched.h>      // sched_yield
#include <stdatomic.h>  // _Atomic
#include <stdlib.h>     // free, qsort

/* Each operation leaves its place, eight bytes, in an array. */
enum { REPLACE_ITERATIONS_MAX = 1000 * 1000 };

/* After so many the writer runs bytecode: it is waited for as others are. */
enum { REPLACE_BLOCK = 64 };

enum { READER_NONE = PB_DETACHED + 1 };
static const char *const reader_names[] = {PB_COMPANION_NAMES, "none", NULL};
enum layout { LAYOUT_PRIVATE, LAYOUT_SHARED };
static const char *const layout_names[] = {"private", "shared", NULL};
enum { OPTION_READER, OPTION_LAYOUT };

/* What writer and reader tell each other. */
struct replace {
    _Alignas(PB_ALIGNMENT) _Atomic int64_t lapses;
    /* The reader keeps to its state while it is set, and is detached, then says
       so, while it is not. */
    _Alignas(PB_ALIGNMENT) atomic_bool wanted;
    atomic_bool away;
    PyObject *list;    // the caller's
    uintptr_t *places; // of the round, by the writer
};

struct replace_worker {
    int64_t done;    // places written in this round
    int64_t lapses;  // before it
};

enum { NOTE_PLACES, NOTE_BYTES, NOTE_REUSE, NOTE_LAPSES };
enum { OWNED_LIST };

static bool
replace_read(struct pb_worker *worker)
{
    struct replace *replace = worker->shared;
    return atomic_load(&replace->wanted) && !pb_background_over(worker);
}

static bool
replace_rest(struct pb_worker *worker)
{
    struct replace *replace = worker->shared;
    atomic_store(&replace->away, true);
    return !atomic_load(&replace->wanted) && !pb_background_over(worker);
}

static int
replace_reader(struct pb_worker *worker)
{
    struct replace *replace = worker->shared;
    int status = 0;
    pb_background_ready(worker);
    while (status == 0 && !pb_background_over(worker)) {
        status = pb_companion_stay(worker, PB_DETACHED, replace_rest, NULL);
        atomic_store(&replace->away, false);
        if (status == 0) {
            status = pb_companion_stay(
                worker, worker->plan->options[OPTION_READER], replace_read,
                &replace->lapses);
        }
    }
    return status;
}

/* Has the reader begin or end, and waits, detached, until it has. */
static void
replace_want(struct pb_worker *worker, bool wanted)
{
    struct replace *replace = worker->shared;
    if (worker->plan->background == 0) {
        return;
    }
    Py_BEGIN_ALLOW_THREADS
    atomic_store(&replace->wanted, wanted);
    while (atomic_load(&replace->away) == wanted && !pb_stopping(worker)) {
        sched_yield();
    }
    Py_END_ALLOW_THREADS
}

static int
replace_prepare(struct pb_worker *worker)
{
    struct replace *replace = worker->shared;
    bool is_shared = worker->plan->options[OPTION_LAYOUT] == LAYOUT_SHARED;
    worker->owned[OWNED_LIST] =
        is_shared ? Py_NewRef(replace->list) : PyList_New(0);
    return worker->owned[OWNED_LIST] == NULL ? -1 : 0;
}

static int
replace_round_prepare(struct pb_worker *worker)
{
    struct replace *replace = worker->shared;
    struct replace_worker *local = worker->local;
    replace_want(worker, true);
    local->done = 0;
    local->lapses = atomic_load(&replace->lapses);
    return 0;
}

/* The place of the array, 0 with an exception set. */
static inline uintptr_t
replace_once(PyObject *list)
{
    if (PyList_Append(list, Py_None) < 0) {
        return 0;
    }
    uintptr_t place = (uintptr_t)((PyListObject *)list)->ob_item;
    return PyList_SetSlice(list, 0, 1, NULL) < 0 ? 0 : place;
}

static int
replace_loop(struct pb_worker *worker, int64_t iterations)
{
    struct replace *replace = worker->shared;
    struct replace_worker *local = worker->local;
    PyObject *list = worker->owned[OWNED_LIST];
    uintptr_t *place = replace->places + local->done;
    local->done += iterations;
    PB_LOOP(iterations, {
        PB_OP(
            *place = replace_once(list);
            if (*place == 0) {
                return -1;
            }
        )
        place++;
        pb_clobber();
    });
    int64_t begin_ns = pb_clock_ns();
    int status = pb_worker_safepoint(worker);
    worker->sample->excluded_ns += pb_clock_ns() - begin_ns;
    return status;
}

static int
replace_compare(const void *first, const void *second)
{
    uintptr_t a = *(const uintptr_t *)first, b = *(const uintptr_t *)second;
    return a < b ? -1 : a > b;
}

static int
replace_round_finish(struct pb_worker *worker)
{
    struct replace *replace = worker->shared;
    struct replace_worker *local = worker->local;
    int64_t *note = worker->sample->note;
    size_t count = (size_t)local->done;
    uintptr_t *places = replace->places;
    /* Those that lay in the round, in part at least: an odd number is within one. */
    note[NOTE_LAPSES] =
        (atomic_load(&replace->lapses) + 1) / 2 - local->lapses / 2;
    replace_want(worker, false);
    if (pb_stopping(worker)) {
        return 0;
    }
    qsort(places, count, sizeof(*places), replace_compare);
    for (size_t i = 0; i < count; i++) {
        note[NOTE_PLACES] += i == 0 || places[i] != places[i - 1];
    }
    /* The list's growth from nothing is by four items. */
    note[NOTE_BYTES] = note[NOTE_PLACES] * 4 * (int64_t)sizeof(PyObject *);
    note[NOTE_REUSE] = -1;
    for (size_t i = 1; i <= count && note[NOTE_REUSE] < 0; i++) {
        uintptr_t place = replace_once(worker->owned[OWNED_LIST]);
        if (place == 0 || pb_worker_safepoint(worker) < 0) {
            return -1;
        }
        if (bsearch(&place, places, count, sizeof(*places), replace_compare)
            != NULL) {
            note[NOTE_REUSE] = (int64_t)i;
        }
    }
    return 0;
}

static const struct pb_kernel replace_kernel = {
    .attached = true,
    .block = REPLACE_BLOCK,
    .local_size = sizeof(struct replace_worker),
    .notes = {[NOTE_PLACES] = "places",
              [NOTE_BYTES] = "retained_bytes",
              [NOTE_REUSE] = "reuse_after",
              [NOTE_LAPSES] = "lapses"},
    .prepare = replace_prepare,
    .round_prepare = replace_round_prepare,
    PB_LOOP_FUNCTION(replace_loop),
    .round_finish = replace_round_finish,
    .background = replace_reader,
};

static PyObject *
replace_run(struct pb_call *call)
{
    int64_t reader = call->plan.options[OPTION_READER];
    if (reader != READER_NONE && pb_companion_plan(call, reader) < 0) {
        return NULL;
    }
    PyObject *results = NULL;
    struct replace replace = {.away = true};
    replace.list = PyList_New(0);
    replace.places = pb_allocate((size_t)call->plan.iterations,
                                 sizeof(*replace.places));
    if (replace.list != NULL && replace.places != NULL) {
        results = pb_call_run(call, &replace);
    }
    free(replace.places);
    Py_XDECREF(replace.list);
    return results;
}

PB_ENTRY(churn_replace,
    .doc = "Replace the array of a list that another thread may be reading.",
    .more = "NotImplementedError for a reader that is attached with the GIL\n"
            "on. detail: places (different arrays of the round),\n"
            "retained_bytes (what they take), reuse_after (replacements until\n"
            "an old one was used again, once the reader had let go; -1:\n"
            "none was), lapses (how often an attached reader detached).",
    .iterations = {"iterations", .least = 1, .most = REPLACE_ITERATIONS_MAX,
                   .reason = "whose arrays may all be kept",
                   .doc = "Replacements in one round."},
    .threads = PB_THREADS(1, "the writer"),
    .options = {
        [OPTION_READER] = PB_CHOICE("reader", reader_names, READER_NONE,
                  "Another thread that runs bytecode, or is in C, attached\n    "
                  "or not."),
        [OPTION_LAYOUT] = PB_CHOICE("layout", layout_names, LAYOUT_SHARED,
                  "A list of the writer's own, or one that another thread\n    "
                  "has made.")},
    .kernels = &replace_kernel, .run = replace_run)

PB_AREA(churn_replace, PB_METHOD(churn_replace))
