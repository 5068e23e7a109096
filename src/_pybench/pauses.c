/* pauses.c - how long does the collector hold a program up, and who can tell?

   pauses_record  one collection as the recorder below sees it: it is called
                  twice, with "start" and with "stop", as the collector would

   One iteration is both calls.  Inside the window: two calls through the
   vectorcall protocol, two readings of the clock, the lookups in the dict that
   the collector hands over, and the entry in the ring.  Outside: the dict and
   the two words, which exist; the collector makes a dict for each collection
   whoever listens, so that a recorder in Python pays for it as well.  It runs
   attached, on a native thread, each with a ring of its own.

   Besides the kernel, what `pybench profile gc` measures with:

   pauses_recorder  an entry for gc.callbacks.  It allocates nothing: the ring
                    is there and touched before the first collection.
   pauses_recorded  what it has seen.
   pauses_watch     runs a function while a native thread, the victim, watches
                    the clock with a thread state of its own, and returns the
                    gaps in what it saw.

   With the GIL a collection lasts from "start" to "stop", and both see the
   same.  Without it the other threads are stopped for two parts of that time
   and run in the rest of it: there the victim alone sees the pauses.  A gap may
   also be a CPU that was taken away; then the thread has not waited of its own
   accord, and the gap says so where the system counts that.

   The victim lives inside one call, so that none is left behind.  With the GIL
   off it calls an empty Python function between two readings, because a
   request to stop is seen at once in bytecode, but only by polling, every
   millisecond, in a thread that attaches and detaches.  With the GIL on it
   naps detached between two readings, so that the program it watches has the
   GIL nearly all the time; a gap is then longer than the pause by a nap and by
   what the handing over takes. */

#include "areas.h"
#include "arguments.h"
#include "clock.h"
#include "loop.h"
#include "state.h"
#include "threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>        // posix_memalign
#include <string.h>        // memset, memcpy, strerror
#include <sys/resource.h>  // getrusage
#include <unistd.h>        // getpid

/* Two calls take 100 to 300 ns: 0.1 to 0.3 ms between two looks. */
enum { PAUSES_BLOCK = 1024 };

/* Entries of a ring: 40 bytes each, so at most 400 MB. */
enum { CAPACITY_DEFAULT = 100000, CAPACITY_MOST = 10000000 };

/* Of a kernel's own ring, which wraps around. */
enum { KERNEL_CAPACITY = 1024 };

/* Gaps that are shorter than this are the turns of the loop itself. */
#define THRESHOLD_LEAST_NS INT64_C(1000)
#define THRESHOLD_MOST_NS INT64_C(60000000000)
#define THRESHOLD_DEFAULT_NS INT64_C(100000)

/* Between two readings with the GIL on.  The system adds about as much. */
enum { NAP_NS = 50000 };

/* ---- the ring ---- */

struct pauses_entry {
    int64_t start_ns;
    int64_t stop_ns;
    int64_t generation;
    int64_t collected;
    int64_t uncollectable;
};

struct pauses_ring {
    PyObject *keys[3];  // generation, collected, uncollectable; owned
    struct pauses_entry *entries;
    int64_t capacity;

    /* Guards what follows and the entries.  Nothing is called while it is
       held, so nobody waits longer than a copy takes. */
    pthread_mutex_t lock;
    int64_t start_ns;  // of the collection that goes on, 0 for none
    int64_t count;     // entries ever written
};

static const char pauses_capsule[] = "_pybench.pauses_ring";

/* Memory whose pages are there: a page fault in the recorder would be taken
   for a longer pause.  NULL with an exception set. */
static void *
pauses_allocate(int64_t count, size_t size)
{
    void *memory = NULL;
    size_t bytes = (size_t)count * size;
    if (posix_memalign(&memory, PB_ALIGNMENT, bytes) != 0) {
        PyErr_NoMemory();
        return NULL;
    }
    memset(memory, 0, bytes);
    return memory;
}

static void
pauses_ring_free(struct pauses_ring *ring)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(ring->keys); i++) {
        Py_CLEAR(ring->keys[i]);
    }
    pthread_mutex_destroy(&ring->lock);
    free(ring->entries);
    free(ring);
}

static const char *const pauses_names[] = {"generation", "collected",
                                           "uncollectable"};

static struct pauses_ring *
pauses_ring_new(int64_t capacity)
{
    struct pauses_ring *ring = pauses_allocate(1, sizeof(*ring));
    if (ring == NULL) {
        return NULL;
    }
    pthread_mutex_init(&ring->lock, NULL);
    ring->capacity = capacity;
    ring->entries = pauses_allocate(capacity, sizeof(*ring->entries));
    if (ring->entries == NULL) {
        goto error;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(pauses_names); i++) {
        ring->keys[i] = PyUnicode_InternFromString(pauses_names[i]);
        if (ring->keys[i] == NULL) {
            goto error;
        }
    }
    return ring;

error:
    pauses_ring_free(ring);
    return NULL;
}

/* A whole number of the collector's dict; 0, or -1 with an exception set.
   Neither the lookup nor the conversion allocates. */
static int
pauses_number(PyObject *info, PyObject *key, int64_t *number)
{
    PyObject *value;
    int found = pb_dict_get(info, key, &value);
    if (found <= 0) {
        if (found == 0) {
            PyErr_SetObject(PyExc_KeyError, key);
        }
        return -1;
    }
    long long converted = PyLong_AsLongLong(value);
    Py_DECREF(value);
    if (converted == -1 && PyErr_Occurred()) {
        return -1;
    }
    *number = converted;
    return 0;
}

/* Letter by letter: how many instructions memcmp takes depends on where the
   string lies, and a test counts them. */
static bool
pauses_is(PyObject *phase, const char *word)
{
    size_t length = strlen(word);
    if (!PyUnicode_IS_ASCII(phase)
        || (size_t)PyUnicode_GET_LENGTH(phase) != length) {
        return false;
    }
    const Py_UCS1 *text = PyUnicode_1BYTE_DATA(phase);
    size_t i = 0;
    while (i < length && text[i] == (Py_UCS1)word[i]) {
        i++;
    }
    return i == length;
}

/* What the collector calls, as callback(phase, info). */
static PyObject *
pauses_callback(PyObject *capsule, PyObject *const *args, Py_ssize_t nargs)
{
    /* First of all at "stop"; at "start" it is read again, last of all. */
    int64_t now_ns = pb_clock_ns();
    struct pauses_ring *ring = PyCapsule_GetPointer(capsule, pauses_capsule);
    if (ring == NULL) {
        return NULL;
    }
    if (nargs != 2 || !PyUnicode_Check(args[0]) || !PyDict_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError,
                        "a recorder takes the phase, a str, and a dict, as "
                        "gc.callbacks gives them");
        return NULL;
    }
    if (pauses_is(args[0], "start")) {
        pthread_mutex_lock(&ring->lock);
        ring->start_ns = pb_clock_ns();
        pthread_mutex_unlock(&ring->lock);
        Py_RETURN_NONE;
    }
    if (!pauses_is(args[0], "stop")) {
        PyErr_Format(PyExc_ValueError,
                     "phase must be 'start' or 'stop', not %R", args[0]);
        return NULL;
    }
    struct pauses_entry entry = {.stop_ns = now_ns};
    if (pauses_number(args[1], ring->keys[0], &entry.generation) < 0
        || pauses_number(args[1], ring->keys[1], &entry.collected) < 0
        || pauses_number(args[1], ring->keys[2], &entry.uncollectable) < 0) {
        return NULL;
    }
    pthread_mutex_lock(&ring->lock);
    entry.start_ns = ring->start_ns;
    ring->start_ns = 0;
    /* A stop without its start: the recorder came in the middle. */
    if (entry.start_ns != 0) {
        ring->entries[ring->count % ring->capacity] = entry;
        ring->count++;
    }
    pthread_mutex_unlock(&ring->lock);
    Py_RETURN_NONE;
}

static PyMethodDef pauses_callback_method = {
    "pauses_callback", (PyCFunction)(void (*)(void))pauses_callback,
    METH_FASTCALL, NULL};

static void
pauses_capsule_free(PyObject *capsule)
{
    struct pauses_ring *ring = PyCapsule_GetPointer(capsule, pauses_capsule);
    if (ring != NULL) {
        pauses_ring_free(ring);
    }
}

/* A new reference to a callable with a ring of its own. */
static PyObject *
pauses_recorder_new(int64_t capacity)
{
    struct pauses_ring *ring = pauses_ring_new(capacity);
    if (ring == NULL) {
        return NULL;
    }
    PyObject *capsule =
        PyCapsule_New(ring, pauses_capsule, pauses_capsule_free);
    if (capsule == NULL) {
        pauses_ring_free(ring);
        return NULL;
    }
    PyObject *callback = PyCFunction_New(&pauses_callback_method, capsule);
    Py_DECREF(capsule);
    return callback;
}

PyDoc_STRVAR(pauses_recorder_doc,
"pauses_recorder($module, /, capacity=100000)\n--\n\n"
"Return a callable for gc.callbacks that notes when collections begin and end.\n\n"
"capacity: how many it keeps, the latest ones, 1..10**7; 40 bytes each, made\n"
"here and now. Raises TypeError or ValueError for another capacity. Take it\n"
"out of gc.callbacks again when done; pauses_recorded() reads it.");

static PyObject *
pauses_recorder(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"capacity", NULL};
    PyObject *given = NULL;
    int64_t capacity;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:pauses_recorder", names,
                                     &given)
        || pb_whole_number("capacity", given, 1, CAPACITY_MOST,
                           CAPACITY_DEFAULT, &capacity) < 0) {
        return NULL;
    }
    return pauses_recorder_new(capacity);
}

/* The ring of a recorder, NULL with a TypeError for anything else. */
static struct pauses_ring *
pauses_ring_of(PyObject *recorder)
{
    if (PyCFunction_Check(recorder)) {
        PyObject *capsule = PyCFunction_GetSelf(recorder);
        if (capsule != NULL && PyCapsule_IsValid(capsule, pauses_capsule)) {
            return PyCapsule_GetPointer(capsule, pauses_capsule);
        }
        PyErr_Clear();
    }
    PyErr_Format(PyExc_TypeError,
                 "recorder must come from pauses_recorder(), not %R", recorder);
    return NULL;
}

/* The copy as a list of tuples, oldest first. */
static PyObject *
pauses_list(const struct pauses_entry *entries, int64_t count, int64_t first,
            int64_t capacity)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (int64_t i = 0; list != NULL && i < count; i++) {
        const struct pauses_entry *entry = &entries[(first + i) % capacity];
        PyObject *item = Py_BuildValue(
            "LLLLL", (long long)entry->start_ns, (long long)entry->stop_ns,
            (long long)entry->generation, (long long)entry->collected,
            (long long)entry->uncollectable);
        if (item == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    return list;
}

PyDoc_STRVAR(pauses_recorded_doc,
"pauses_recorded($module, recorder, /)\n--\n\n"
"Return what a recorder has seen, as a dict of pauses and lost.\n\n"
"pauses: a list of tuples (start_ns, stop_ns, generation, collected,\n"
"uncollectable), oldest first, on the clock of time.monotonic_ns().\n"
"lost: how many older ones the ring has no room for. Raises TypeError for\n"
"anything but a recorder.");

static PyObject *
pauses_recorded(PyObject *Py_UNUSED(module), PyObject *recorder)
{
    struct pauses_ring *ring = pauses_ring_of(recorder);
    if (ring == NULL) {
        return NULL;
    }
    struct pauses_entry *copy =
        pauses_allocate(ring->capacity, sizeof(*copy));
    if (copy == NULL) {
        return NULL;
    }
    /* A copy, because making the list may start a collection. */
    pthread_mutex_lock(&ring->lock);
    int64_t written = ring->count;
    int64_t count = written < ring->capacity ? written : ring->capacity;
    memcpy(copy, ring->entries, (size_t)count * sizeof(*copy));
    pthread_mutex_unlock(&ring->lock);

    PyObject *answer = NULL;
    PyObject *list =
        pauses_list(copy, count, written - count, ring->capacity);
    if (list != NULL) {
        answer = Py_BuildValue("{s:O,s:L}", "pauses", list, "lost",
                               (long long)(written - count));
        Py_DECREF(list);
    }
    free(copy);
    return answer;
}

/* ---- the victim ---- */

struct pauses_gap {
    int64_t start_ns;
    int64_t stop_ns;
    int64_t waits;  // voluntary context switches since the gap before, or -1
};

struct pauses_victim {
    /* Constant while the thread runs. */
    PyInterpreterState *interpreter;
    PyObject *safepoint;  // borrowed from the module, which the caller holds
    struct pauses_gap *gaps;
    int64_t capacity;
    int64_t threshold_ns;
    bool naps;  // the GIL is on

    atomic_bool stop;

    /* `lock` guards `ready` until the function is called; the rest is the
       thread's own until it has been joined. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ready;
    const char *error;  // static text
    int64_t count;      // gaps, also those without room
    int64_t looks;
};

/* Voluntary context switches of this thread; -1 where nobody counts them. */
static int64_t
pauses_waits(void)
{
#ifdef RUSAGE_THREAD
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) == 0) {
        return usage.ru_nvcsw;
    }
#endif
    return -1;
}

static void
pauses_victim_ready(struct pauses_victim *victim)
{
    pthread_mutex_lock(&victim->lock);
    victim->ready = true;
    pthread_cond_signal(&victim->changed);
    pthread_mutex_unlock(&victim->lock);
}

/* Lets others have their way between two readings; false when it failed. */
static bool
pauses_victim_yield(struct pauses_victim *victim, PyThreadState *tstate)
{
    if (victim->naps) {
        const struct timespec nap = {.tv_nsec = NAP_NS};
        (void)PyEval_SaveThread();
        (void)nanosleep(&nap, NULL);
        PyEval_RestoreThread(tstate);
        return true;
    }
    PyObject *answer = PyObject_CallNoArgs(victim->safepoint);
    if (answer == NULL) {
        PyErr_Clear();
        return false;
    }
    Py_DECREF(answer);
    return true;
}

static void *
pauses_victim_run(void *argument)
{
    struct pauses_victim *victim = argument;
    /* On this thread, as a free-threaded build demands. */
    PyThreadState *tstate = PyThreadState_New(victim->interpreter);
    if (tstate == NULL) {
        victim->error = "no memory for a thread state";
        pauses_victim_ready(victim);
        return NULL;
    }
    PyEval_RestoreThread(tstate);
    pauses_victim_ready(victim);
    int64_t waits = pauses_waits();
    int64_t last_ns = pb_clock_ns();
    while (!atomic_load_explicit(&victim->stop, memory_order_relaxed)) {
        if (!pauses_victim_yield(victim, tstate)) {
            victim->error = "its safepoint raised";
            break;
        }
        int64_t now_ns = pb_clock_ns();
        if (now_ns - last_ns >= victim->threshold_ns) {
            /* A system call, so only now: waits in shorter gaps count with
               the next long one. */
            int64_t waits_now = pauses_waits();
            if (victim->count < victim->capacity) {
                struct pauses_gap *gap = &victim->gaps[victim->count];
                gap->start_ns = last_ns;
                gap->stop_ns = now_ns;
                gap->waits = waits_now < 0 ? -1 : waits_now - waits;
            }
            victim->count++;
            waits = waits_now;
            now_ns = pb_clock_ns();
        }
        last_ns = now_ns;
        victim->looks++;
    }
    PyThreadState_Clear(tstate);
    PyThreadState_DeleteCurrent();
    return NULL;
}

/* Calls the function while the victim watches; its result, a new reference,
   or NULL with an exception set.  The thread is gone in either case. */
static PyObject *
pauses_victim_watch(struct pauses_victim *victim, PyObject *function)
{
    pthread_t thread;
    pid_t process = getpid();
    int failure = pb_thread_start(&thread, pauses_victim_run, victim);
    if (failure != 0) {
        PyErr_Format(PyExc_RuntimeError,
                     "pauses_watch: the victim's thread cannot start: %s",
                     strerror(failure));
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&victim->lock);
    while (!victim->ready) {
        pthread_cond_wait(&victim->changed, &victim->lock);
    }
    pthread_mutex_unlock(&victim->lock);
    Py_END_ALLOW_THREADS

    PyObject *result = PyObject_CallNoArgs(function);
    atomic_store_explicit(&victim->stop, true, memory_order_relaxed);
    if (getpid() != process) {
        /* The function has forked, and this is the child: it has no such
           thread to wait for. */
        if (result != NULL) {
            Py_CLEAR(result);
            PyErr_SetString(PyExc_RuntimeError,
                            "pauses_watch: the function forked; the victim "
                            "stayed with the parent");
        }
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    pthread_join(thread, NULL);
    Py_END_ALLOW_THREADS
    if (result != NULL && victim->error != NULL) {
        Py_CLEAR(result);
        PyErr_Format(PyExc_RuntimeError, "pauses_watch, victim: %s",
                     victim->error);
    }
    return result;
}

static PyObject *
pauses_gaps(const struct pauses_victim *victim, int64_t kept)
{
    PyObject *list = PyList_New((Py_ssize_t)kept);
    for (int64_t i = 0; list != NULL && i < kept; i++) {
        PyObject *item =
            Py_BuildValue("LLL", (long long)victim->gaps[i].start_ns,
                          (long long)victim->gaps[i].stop_ns,
                          (long long)victim->gaps[i].waits);
        if (item == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    return list;
}

PyDoc_STRVAR(pauses_watch_doc,
"pauses_watch($module, function, /, *, threshold_ns=100000, capacity=100000)\n"
"--\n\n"
"Call function() while another thread watches for gaps; return what it saw.\n\n"
"The thread is native, has a thread state, and lives as long as the call.\n"
"threshold_ns: gaps from this on are kept, 1000..60*10**9. capacity: how many,\n"
"the first ones, 1..10**7. Returns a dict: result (of the function), gaps (a\n"
"list of tuples (start_ns, stop_ns, waits) on the clock of time.monotonic_ns();\n"
"without waits, voluntary context switches, the CPU was taken away; -1 where\n"
"nobody counts them), lost (gaps without room), looks (at the clock), naps (the GIL is on: the thread\n"
"sleeps between two looks, and gaps are longer than pauses by that). Raises\n"
"what the function raises; TypeError or ValueError for a bad argument;\n"
"RuntimeError when the thread cannot start or the interpreter shuts down.");

static PyObject *
pauses_watch(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "threshold_ns", "capacity", NULL};
    PyObject *function, *given_threshold = NULL, *given_capacity = NULL;
    struct pauses_victim *victim = NULL;
    PyObject *result = NULL, *gaps = NULL, *answer = NULL;
    int64_t threshold_ns, capacity;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OO:pauses_watch", names,
                                     &function, &given_threshold,
                                     &given_capacity)
        || pb_whole_number("threshold_ns", given_threshold, THRESHOLD_LEAST_NS,
                           THRESHOLD_MOST_NS, THRESHOLD_DEFAULT_NS,
                           &threshold_ns) < 0
        || pb_whole_number("capacity", given_capacity, 1, CAPACITY_MOST,
                           CAPACITY_DEFAULT, &capacity) < 0) {
        return NULL;
    }
    if (!PyCallable_Check(function)) {
        PyErr_Format(PyExc_TypeError, "function must be callable, not %R",
                     function);
        return NULL;
    }
    if (pb_is_finalizing() || pb_get_state(module)->closed) {
        PyErr_SetString(PyExc_RuntimeError,
                        "pauses_watch cannot run while the interpreter shuts "
                        "down: its thread could not attach any more");
        return NULL;
    }
    int gil_enabled = pb_gil_enabled();
    if (gil_enabled < 0) {
        return NULL;
    }
    victim = pauses_allocate(1, sizeof(*victim));
    if (victim == NULL) {
        return NULL;
    }
    pthread_mutex_init(&victim->lock, NULL);
    pthread_cond_init(&victim->changed, NULL);
    victim->interpreter = PyInterpreterState_Get();
    victim->safepoint = pb_get_state(module)->safepoint;
    victim->threshold_ns = threshold_ns;
    victim->capacity = capacity;
    victim->naps = gil_enabled != 0;
    victim->gaps = pauses_allocate(capacity, sizeof(*victim->gaps));
    if (victim->gaps == NULL) {
        goto done;
    }
    result = pauses_victim_watch(victim, function);
    if (result == NULL) {
        goto done;
    }
    int64_t kept = victim->count < capacity ? victim->count : capacity;
    gaps = pauses_gaps(victim, kept);
    if (gaps == NULL) {
        goto done;
    }
    answer = Py_BuildValue("{s:O,s:O,s:L,s:L,s:O}", "result", result, "gaps",
                           gaps, "lost", (long long)(victim->count - kept),
                           "looks", (long long)victim->looks, "naps",
                           victim->naps ? Py_True : Py_False);

done:
    Py_XDECREF(gaps);
    Py_XDECREF(result);
    pthread_cond_destroy(&victim->changed);
    pthread_mutex_destroy(&victim->lock);
    free(victim->gaps);
    free(victim);
    return answer;
}

/* ---- the kernel ---- */

struct pauses_worker {
    PyObject *recorder;  // owned, as all of them
    PyObject *start[2];  // "start" and the dict
    PyObject *stop[2];   // "stop" and the same dict
};

/* A dict as the collector makes it, but with keys that are the recorder's own:
   equal ones are compared byte by byte, and how long that takes depends on
   where they happen to lie. */
static PyObject *
pauses_info_new(void)
{
    PyObject *info = PyDict_New();
    PyObject *zero = PyLong_FromLong(0);
    if (info == NULL || zero == NULL) {
        goto error;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(pauses_names); i++) {
        PyObject *key = PyUnicode_InternFromString(pauses_names[i]);
        int failed = key == NULL || PyDict_SetItem(info, key, zero) < 0;
        Py_XDECREF(key);
        if (failed) {
            goto error;
        }
    }
    Py_DECREF(zero);
    return info;

error:
    Py_XDECREF(zero);
    Py_XDECREF(info);
    return NULL;
}

static int
pauses_record_prepare(struct pb_worker *worker)
{
    struct pauses_worker *local = worker->local;
    local->recorder = pauses_recorder_new(KERNEL_CAPACITY);
    if (local->recorder == NULL) {
        return -1;
    }
    local->start[0] = PyUnicode_FromString("start");
    local->stop[0] = PyUnicode_FromString("stop");
    local->start[1] = pauses_info_new();
    local->stop[1] = Py_XNewRef(local->start[1]);
    return local->start[0] == NULL || local->stop[0] == NULL
                   || local->start[1] == NULL
               ? -1
               : 0;
}

static void
pauses_record_finish(struct pb_worker *worker)
{
    struct pauses_worker *local = worker->local;
    Py_CLEAR(local->recorder);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(local->start); i++) {
        Py_CLEAR(local->start[i]);
        Py_CLEAR(local->stop[i]);
    }
}

/* 0, or -1 with an exception set. */
static inline int
pauses_tell(PyObject *recorder, PyObject *const *args)
{
    PyObject *answer = PyObject_Vectorcall(recorder, args, 2, NULL);
    if (answer == NULL) {
        return -1;
    }
    Py_DECREF(answer);
    return 0;
}

static int
pauses_record_loop(struct pb_worker *worker, int64_t iterations)
{
    const struct pauses_worker *local = worker->local;
    int failed = 0;
    PB_LOOP(iterations, {
        PB_OP(
            failed |= pauses_tell(local->recorder, local->start);
            failed |= pauses_tell(local->recorder, local->stop);
        )
        pb_clobber();
    });
    (void)local;
    return failed;
}

static const struct pb_kernel record_kernel = {
    .name = "pauses_record",
    .attached = true,
    .block = PAUSES_BLOCK,
    .local_size = sizeof(struct pauses_worker),
    .prepare = pauses_record_prepare,
    PB_LOOP_FUNCTION(pauses_record_loop),
    .finish = pauses_record_finish,
};

PyDoc_STRVAR(pauses_record_doc,
"pauses_record($module, /, " PB_ARGUMENTS_SIGNATURE ")\n--\n\n"
"Tell a recorder of pauses that a collection began and ended.\n\n"
PB_ARGUMENTS_DOC);

static PyObject *
pauses_record(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    struct pb_plan plan = {.kernel = &record_kernel};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs,
                                     PB_ARGUMENTS_FORMAT ":pauses_record",
                                     names, PB_ARGUMENTS_TARGETS(common))
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    return pb_run(module, &plan);
}

static PyMethodDef pauses_methods[] = {
    {"pauses_record", (PyCFunction)(void (*)(void))pauses_record,
     METH_VARARGS | METH_KEYWORDS, pauses_record_doc},
    {"pauses_recorder", (PyCFunction)(void (*)(void))pauses_recorder,
     METH_VARARGS | METH_KEYWORDS, pauses_recorder_doc},
    {"pauses_recorded", pauses_recorded, METH_O, pauses_recorded_doc},
    {"pauses_watch", (PyCFunction)(void (*)(void))pauses_watch,
     METH_VARARGS | METH_KEYWORDS, pauses_watch_doc},
    {NULL, NULL, 0, NULL},
};

static const struct pb_listing pauses_listings[] = {
    {.name = "pauses_record", .attached = true, .missing = NULL},
    {NULL, false, NULL},
};

int
pb_pauses_add(PyObject *module)
{
    return pb_area_add(module, "pauses", pauses_methods, pauses_listings);
}
