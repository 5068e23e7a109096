/* refcount.c - what does a reference cost, and to whom?

   One iteration is one pair: a reference taken and dropped, or of refcount_word
   the same two stores without CPython.  Inside the window: the pairs and an
   eighth of a loop turn each.  Outside: creating the objects.  `paired` is a
   lower bound: a core may keep the count in a register of its own (memory
   renaming) when the incref is followed at once by its decref, which real code
   rarely does.

   On a GIL build owned, foreign and shared are the same instructions.  On a
   free-threaded build the owner counts without atomics, everybody else with
   one compare-and-swap loop for each of the two (PEP 703, biased reference
   counting; Choi, Shull, Torrellas: Biased reference counting, PACT 2018).
   The price of the hardware alone is refcount_word, counters_increment and
   yardstick_atomic.  A load wider than the store before it cannot be served
   from the store buffer and waits until the cache has it ("store forwarding" in
   the optimization manuals of Intel and AMD): that is what `mixed` shows.

   Not shown: the last decref (see churn) and deferred reference counts, which
   concern the interpreter's stack and not Py_INCREF. */

#include "entries.h"

/* Objects of the strided and chained forms: at 32 bytes and up they fill a
   few KiB, well inside L1, and no store is near enough to be renamed. */
enum { REFCOUNT_OBJECTS = 64 };

/* Block of a 1 to 100 ns operation: 10 us to 1.6 ms between two looks. */
enum { REFCOUNT_BLOCK = 16384 };

enum target { TARGET_OWNED, TARGET_FOREIGN, TARGET_IMMORTAL, TARGET_SHARED };
static const char *const target_names[] = {"owned", "foreign", "immortal",
                                           "shared", NULL};
enum form { FORM_PAIRED, FORM_CHAINED, FORM_STRIDED };
static const char *const form_names[] = {"paired", "chained", "strided", NULL};
static const char *const layout_names[] = {"shared", "private", NULL};
enum width { WIDTH_WHOLE, WIDTH_HALF, WIDTH_MIXED };
static const char *const width_names[] = {"whole", "half", "mixed", NULL};

/* What refcount_word counts in: 64 bits, or the 32 at the same address. */
struct refcount_word {
    _Alignas(PB_ALIGNMENT) union {
        uint64_t whole;
        uint32_t half;
    };
};

/* Arguments of a call; read-only for the workers. */
struct refcount_shared {
    enum target target;
    PyObject *objects;  // tuple made by the caller, for all targets but owned
};

/* What a worker owns: what keeps its objects alive, and a weak reference. */
enum { OWNED_OBJECTS, OWNED_REFERENCE };

struct refcount_worker {
    PyObject *reference;  // weak, borrowed
    PyObject *objects[REFCOUNT_OBJECTS];  // borrowed
};

/* A plain, mutable object with no reference elsewhere; lists because every
   build allocates them one by one and none is ever immortal. */
static PyObject *
refcount_new_objects(Py_ssize_t count)
{
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *object = PyList_New(0);
        if (object == NULL) {
            Py_CLEAR(tuple);
            break;
        }
        PyTuple_SET_ITEM(tuple, i, object);
    }
    return tuple;
}

static int
refcount_prepare(struct pb_worker *worker)
{
    const struct refcount_shared *shared = worker->shared;
    struct refcount_worker *local = worker->local;
    Py_ssize_t first = 0;
    PyObject *objects = shared->target == TARGET_OWNED
                            ? refcount_new_objects(REFCOUNT_OBJECTS)
                            : Py_NewRef(shared->objects);
    if (objects == NULL) {
        return -1;
    }
    worker->owned[OWNED_OBJECTS] = objects;
    if (shared->target == TARGET_FOREIGN) {
        first = (Py_ssize_t)worker->index * REFCOUNT_OBJECTS;
    }
    for (Py_ssize_t i = 0; i < REFCOUNT_OBJECTS; i++) {
        local->objects[i] = PyTuple_GET_ITEM(objects, first + i);
    }
    return 0;
}

#define OBJECT                                                                \
    PyObject *object = ((struct refcount_worker *)worker->local)->objects[0]; \
    (void)object;

PB_MEASURED(refcount_paired_loop, OBJECT,
            PB_OP(Py_INCREF(object);) pb_clobber(); PB_OP(Py_DECREF(object);),
            0)

/* `zero` is zero, but the compiler does not know: the next index cannot be
   had before the count that was just written has been read back.  (A shift of
   Py_REFCNT will not do: from 3.14 it is 32 bits wide, and folds.) */
static int
refcount_chained_loop(struct pb_worker *worker, int64_t iterations)
{
    struct refcount_worker *local = worker->local;
    uint64_t index = 0, zero = 0;
    pb_opaque(&zero);
    PB_LOOP(iterations, {
        PyObject *object = local->objects[index % REFCOUNT_OBJECTS];
        (void)object;
        PB_OP(Py_INCREF(object);)
        pb_clobber();
        PB_OP(index += 1 + ((uint64_t)Py_REFCNT(object) & zero);)
        PB_OP(Py_DECREF(object);)
        pb_opaque(&index);
        pb_clobber();
    });
    return 0;
}

static int
refcount_strided_loop(struct pb_worker *worker, int64_t iterations)
{
    struct refcount_worker *local = worker->local;
    for (; iterations > 0; iterations -= REFCOUNT_OBJECTS) {
        int64_t count = Py_MIN(iterations, REFCOUNT_OBJECTS);
        PyObject **object = local->objects;
        PB_LOOP(count, {
            PB_OP(Py_INCREF(*object);)
            object++;
            pb_clobber();
        });
        object = local->objects;
        PB_LOOP(count, {
            PB_OP(Py_DECREF(*object);)
            object++;
            pb_clobber();
        });
    }
    return 0;
}

static int
refcount_weakref_prepare(struct pb_worker *worker)
{
    /* A set: lists take no weak references. */
    PyObject *set = PySet_New(NULL);
    worker->owned[OWNED_OBJECTS] = set;
    if (set == NULL) {
        return -1;
    }
    PyObject *reference = PyWeakref_NewRef(set, NULL);
    worker->owned[OWNED_REFERENCE] = reference;
    ((struct refcount_worker *)worker->local)->reference = reference;
    return reference == NULL ? -1 : 0;
}

/* 0, or -1 with a RuntimeError when what lives was said not to. */
static int
refcount_alive(const struct pb_worker *worker, int dead)
{
    if (dead) {
        PyErr_Format(PyExc_RuntimeError,
                     "%s: a live object was refused, or died in the window",
                     worker->plan->name);
    }
    return dead ? -1 : 0;
}

PB_MEASURED(refcount_weakref_loop,
            PyObject *reference =
                ((struct refcount_worker *)worker->local)->reference;
            int dead = 0; (void)reference;,
            PB_OP(PyObject *object = NULL;
                  dead |= pb_weakref_get(reference, &object) != 1;
                  Py_XDECREF(object);),
            refcount_alive(worker, dead))

#define WORD struct refcount_word *word = worker->local; (void)word;

PB_MEASURED(refcount_word_whole_loop, WORD,
            PB_OP(word->whole++;) pb_clobber(); PB_OP(word->whole--;), 0)
PB_MEASURED(refcount_word_half_loop, WORD,
            PB_OP(word->half++;) pb_clobber(); PB_OP(word->half--;), 0)
PB_MEASURED(refcount_word_mixed_loop, WORD,
            PB_OP(word->half++;) pb_clobber(); PB_OP(word->whole--;), 0)

#if PB_HAVE_TRY_INCREF
static int
refcount_try_prepare(struct pb_worker *worker)
{
    if (refcount_prepare(worker) < 0) {
        return -1;
    }
    struct refcount_worker *local = worker->local;
    /* Before the object is shared, as the API demands; does nothing on a GIL
       build. */
    PyUnstable_EnableTryIncRef(local->objects[0]);
    return 0;
}

PB_MEASURED(refcount_try_loop,
            OBJECT
            int refused = 0;,
            PB_OP(if (PyUnstable_TryIncRef(object)) {
                      Py_DECREF(object);
                  }
                  else {
                      refused = 1;
                  }),
            refcount_alive(worker, refused))
#else
#  define refcount_try_prepare NULL
#  define refcount_try_loop NULL
#endif

#define REFCOUNT_KERNEL(prepare_, loop_)                                      \
    {.attached = true, .block = REFCOUNT_BLOCK,                               \
     .local_size = sizeof(struct refcount_worker), .prepare = prepare_,       \
     PB_LOOP_FUNCTION(loop_)}

static const struct pb_kernel pair_kernels[] = {
    [FORM_PAIRED] = REFCOUNT_KERNEL(refcount_prepare, refcount_paired_loop),
    [FORM_CHAINED] = REFCOUNT_KERNEL(refcount_prepare, refcount_chained_loop),
    [FORM_STRIDED] = REFCOUNT_KERNEL(refcount_prepare, refcount_strided_loop),
};
static const struct pb_kernel weakref_kernel =
    REFCOUNT_KERNEL(refcount_weakref_prepare, refcount_weakref_loop);
static const struct pb_kernel try_incref_kernel =
    REFCOUNT_KERNEL(refcount_try_prepare, refcount_try_loop);

#define REFCOUNT_WORD_KERNEL(loop_)                                           \
    {.block = REFCOUNT_BLOCK, .local_size = sizeof(struct refcount_word),     \
     PB_LOOP_FUNCTION(loop_)}

static const struct pb_kernel word_kernels[] = {
    [WIDTH_WHOLE] = REFCOUNT_WORD_KERNEL(refcount_word_whole_loop),
    [WIDTH_HALF] = REFCOUNT_WORD_KERNEL(refcount_word_half_loop),
    [WIDTH_MIXED] = REFCOUNT_WORD_KERNEL(refcount_word_mixed_loop),
};

/* The objects that the calling thread makes for the workers. */
static PyObject *
refcount_caller_objects(enum target target, int threads)
{
    if (target == TARGET_FOREIGN) {
        return refcount_new_objects((Py_ssize_t)threads * REFCOUNT_OBJECTS);
    }
    PyObject *objects = refcount_new_objects(REFCOUNT_OBJECTS);
    if (objects == NULL || target != TARGET_IMMORTAL) {
        return objects;
    }
    for (Py_ssize_t i = 0; i < REFCOUNT_OBJECTS; i++) {
        PyObject *object = PyTuple_GET_ITEM(objects, i);
        PyTuple_SET_ITEM(objects, i, Py_NewRef(Py_None));
        /* Last: the collector may see the tuple, which holds no dead object. */
        Py_DECREF(object);
    }
    return objects;
}

static PyObject *
refcount_run(struct pb_call *call, enum target target)
{
    struct refcount_shared shared = {.target = target};
    if (target == TARGET_IMMORTAL && !PB_HAVE_IMMORTAL) {
        return PyErr_Format(PyExc_NotImplementedError,
                            "no object is immortal before CPython 3.12");
    }
    shared.objects = refcount_caller_objects(target, call->plan.threads);
    if (shared.objects == NULL) {
        return NULL;
    }
    PyObject *results = pb_call_run(call, &shared);
    Py_DECREF(shared.objects);
    return results;
}

static PyObject *
refcount_pair_run(struct pb_call *call)
{
    call->kernel = pair_kernels[call->plan.options[1]];
    return refcount_run(call, (enum target)call->plan.options[0]);
}

PB_ENTRY(refcount_pair,
    .doc = "Take and drop one reference: Py_INCREF and Py_DECREF in C.",
    .options = {
        PB_CHOICE("target", target_names, 0,
                  "owned: made by the counting thread; foreign: made\n    "
                  "by another; immortal: None (NotImplementedError\n    "
                  "before 3.12); shared: one foreign object for all\n    "
                  "threads."),
        PB_CHOICE("form", form_names, 0,
                  "chained: each pair waits for the last; strided: 64\n    "
                  "increfs, then 64 decrefs.")},
    .kernels = pair_kernels, .run = refcount_pair_run)

static PyObject *
refcount_stress_run(struct pb_call *call)
{
    return refcount_run(call, call->plan.options[0] == 0 ? TARGET_SHARED
                                                    : TARGET_OWNED);
}

PB_ENTRY(refcount_stress,
    .doc = "Count references from all threads at once: the atomic refcount "
           "stress.",
    .options = {
        PB_CHOICE("layout", layout_names, 0,
                  "All threads on one object that none of them owns,\n    "
                  "or each on its own.")},
    .kernels = &pair_kernels[FORM_PAIRED], .run = refcount_stress_run)

PB_ENTRY(refcount_weakref,
    .doc = "Make a strong reference from a weak one and drop it.",
    .more = "PyWeakref_GetRef from 3.13; before, PyWeakref_GetObject and\n"
            "Py_INCREF.",
    .kernels = &weakref_kernel)

static PyObject *
refcount_try_incref_run(struct pb_call *call)
{
    return refcount_run(call, TARGET_OWNED);
}

PB_ENTRY(refcount_try_incref,
    .doc = "Try to take a reference to a live object, and drop it.",
    .more = "NotImplementedError before 3.14. On a GIL build the API is a\n"
            "plain incref.",
    .kernels = &try_incref_kernel,
    .missing = PB_HAVE_TRY_INCREF
                   ? NULL
                   : "PyUnstable_TryIncRef came with CPython 3.14",
    .run = refcount_try_incref_run)

PB_ENTRY(refcount_word,
    .doc = "Add one to a word of plain memory and subtract it again: no "
           "Python in it.",
    .options = {
        PB_CHOICE("width", width_names, 0,
                  "whole: 64 bits, as CPython counts until 3.11;\n    "
                  "half: 32 bits, as from 3.14; mixed: 32 up and 64\n    "
                  "down, as in 3.12 and 3.13.")},
    .kernels = word_kernels, .chosen_by = 1)

PB_AREA(refcount, PB_METHOD(refcount_pair), PB_METHOD(refcount_stress),
        PB_METHOD(refcount_try_incref), PB_METHOD(refcount_weakref),
        PB_METHOD(refcount_word))
