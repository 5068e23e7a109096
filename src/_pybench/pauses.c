/* pauses.c - how long does the collector hold a program up, and who can tell?

   pauses_recorder gives an entry for gc.callbacks that allocates nothing: the
   ring is there and touched before the first collection.  pauses_record calls
   it twice, with "start" and with "stop", as the collector would.  One
   iteration is both calls: through the vectorcall protocol, two readings of the
   clock, the lookups in the dict that the collector hands over, and the entry
   in the ring.  Outside the window: the dict and the two words, which exist; the
   collector makes a dict for each collection whoever listens.  It runs attached.

   With the GIL a collection lasts from "start" to "stop".  Without it the other
   threads are stopped for two parts of that time and run in the rest of it:
   see pauses_watch.c. */

#include "clock.h"
#include "entries.h"

#include <pthread.h>
#include <stdlib.h>  // free
#include <string.h>  // memcpy, strlen

/* Two calls take 100 to 300 ns: 0.1 to 0.3 ms between two looks. */
enum { PAUSES_BLOCK = 1024 };

/* Entries of a ring: 40 bytes each, so at most 400 MB. */
enum { CAPACITY_MOST = 10000000 };

/* Of a kernel's own ring, which wraps around. */
enum { KERNEL_CAPACITY = 1024 };

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
    struct pauses_entry *entries;  // behind this struct, in one allocation
    int64_t capacity;

    /* Guards what follows and the entries.  Nothing is called while it is
       held, so nobody waits longer than a copy takes. */
    pthread_mutex_t lock;
    int64_t start_ns;  // of the collection that goes on, 0 for none
    int64_t count;     // entries ever written
};

static const char pauses_capsule[] = "_pybench.pauses_ring";

static const char *const pauses_names[] = {"generation", "collected",
                                           "uncollectable"};

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
pauses_ring_free(PyObject *capsule)
{
    struct pauses_ring *ring = PyCapsule_GetPointer(capsule, pauses_capsule);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(ring->keys); i++) {
        Py_CLEAR(ring->keys[i]);
    }
    pthread_mutex_destroy(&ring->lock);
    free(ring);
}

/* A new reference to a callable with a ring of its own. */
static PyObject *
pauses_recorder_new(int64_t capacity)
{
    struct pauses_ring *ring =
        pb_allocate(1, sizeof(*ring)
                           + (size_t)capacity * sizeof(struct pauses_entry));
    PyObject *capsule =
        ring == NULL ? NULL
                     : PyCapsule_New(ring, pauses_capsule, pauses_ring_free);
    if (capsule == NULL) {
        free(ring);
        return NULL;
    }
    pthread_mutex_init(&ring->lock, NULL);
    ring->capacity = capacity;
    ring->entries = (struct pauses_entry *)(ring + 1);
    size_t made = 0;
    for (; made < Py_ARRAY_LENGTH(pauses_names); made++) {
        ring->keys[made] = PyUnicode_InternFromString(pauses_names[made]);
        if (ring->keys[made] == NULL) {
            break;
        }
    }
    PyObject *callback =
        made < Py_ARRAY_LENGTH(pauses_names)
            ? NULL
            : PyCFunction_New(&pauses_callback_method, capsule);
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
    static const struct pb_option option = {
        "capacity", .least = 1, .most = CAPACITY_MOST, .otherwise = 100000};
    static char *names[] = {"capacity", NULL};
    PyObject *given = NULL;
    int64_t capacity;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:pauses_recorder", names,
                                     &given)
        || pb_option_read(&option, NULL, given, &capacity) < 0) {
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
    PyObject *list = PyList_New(0);
    for (int64_t i = 0; list != NULL && i < count; i++) {
        const struct pauses_entry *entry = &entries[(first + i) % capacity];
        pb_list_add(&list,
                    Py_BuildValue("LLLLL", (long long)entry->start_ns,
                                  (long long)entry->stop_ns,
                                  (long long)entry->generation,
                                  (long long)entry->collected,
                                  (long long)entry->uncollectable));
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
        pb_allocate((size_t)ring->capacity, sizeof(*copy));
    if (copy == NULL) {
        return NULL;
    }
    /* A copy, because making the list may start a collection. */
    pthread_mutex_lock(&ring->lock);
    int64_t written = ring->count;
    int64_t count = written < ring->capacity ? written : ring->capacity;
    memcpy(copy, ring->entries, (size_t)count * sizeof(*copy));
    pthread_mutex_unlock(&ring->lock);

    PyObject *list =
        pauses_list(copy, count, written - count, ring->capacity);
    free(copy);
    return list == NULL ? NULL
                        : Py_BuildValue("{s:N,s:L}", "pauses", list, "lost",
                                        (long long)(written - count));
}

/* ---- the kernel ---- */

/* What a worker owns: a recorder, the two words, and a dict for both. */
enum { OWNED_RECORDER, OWNED_START, OWNED_STOP, OWNED_INFO };

struct pauses_worker {
    PyObject *start[2];  // borrowed, as the collector passes them
    PyObject *stop[2];
};

/* A dict as the collector makes it, but with keys that are the recorder's own:
   equal ones are compared byte by byte, and how long that takes depends on
   where they happen to lie. */
static PyObject *
pauses_info_new(void)
{
    PyObject *info = PyDict_New();
    PyObject *zero = PyLong_FromLong(0);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(pauses_names); i++) {
        PyObject *key = PyUnicode_InternFromString(pauses_names[i]);
        if (info == NULL || key == NULL
            || PyDict_SetItem(info, key, zero) < 0) {
            Py_CLEAR(info);
        }
        Py_XDECREF(key);
    }
    Py_DECREF(zero);  // never NULL: small numbers exist
    return info;
}

static int
pauses_record_prepare(struct pb_worker *worker)
{
    struct pauses_worker *local = worker->local;
    PyObject **owned = worker->owned;
    if ((owned[OWNED_RECORDER] = pauses_recorder_new(KERNEL_CAPACITY)) == NULL
        || (owned[OWNED_START] = PyUnicode_FromString("start")) == NULL
        || (owned[OWNED_STOP] = PyUnicode_FromString("stop")) == NULL
        || (owned[OWNED_INFO] = pauses_info_new()) == NULL) {
        return -1;
    }
    *local = (struct pauses_worker){
        .start = {owned[OWNED_START], owned[OWNED_INFO]},
        .stop = {owned[OWNED_STOP], owned[OWNED_INFO]},
    };
    return 0;
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

PB_MEASURED(pauses_record_loop,
            const struct pauses_worker *local = worker->local;
            int failed = 0; (void)local;,
            PB_OP(failed |= pauses_tell(worker->owned[OWNED_RECORDER],
                                        local->start);
                  failed |= pauses_tell(worker->owned[OWNED_RECORDER],
                                        local->stop);),
            failed)

static const struct pb_kernel record_kernel = {
    .attached = true, .block = PAUSES_BLOCK,
    .local_size = sizeof(struct pauses_worker),
    .prepare = pauses_record_prepare, PB_LOOP_FUNCTION(pauses_record_loop),
};

PB_ENTRY(pauses_record,
    .doc = "Tell a recorder of pauses that a collection began and ended.",
    .kernels = &record_kernel)

PyMethodDef pb_pauses_functions[] = {
    {"pauses_recorder", (PyCFunction)(void (*)(void))pauses_recorder,
     METH_VARARGS | METH_KEYWORDS, pauses_recorder_doc},
    {"pauses_recorded", pauses_recorded, METH_O, pauses_recorded_doc},
    {NULL, NULL, 0, NULL},
};

PB_AREA(pauses, PB_METHOD(pauses_record))
