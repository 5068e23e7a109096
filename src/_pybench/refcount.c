/* refcount.c - what does a reference cost, and to whom?

   refcount_pair       one Py_INCREF and one Py_DECREF of one object:
     target owned      created by the thread that counts
            foreign    created by another thread, used by this one alone (each
                       thread has its own such object)
            immortal   None: 3.12 and later do not count it
            shared     one object, created elsewhere, for all threads
     form   paired     incref, decref, incref, ... of the same object
            chained    which object comes next is read from the count that was
                       just written, so each pair has to wait for the last
            strided    64 objects in turn: 64 increfs, then 64 decrefs
   refcount_stress     the atomic stress: all threads on one object (layout
                       shared) or each on its own (private, the control)
   refcount_weakref    a strong reference from a weak one, and its release
   refcount_try_incref PyUnstable_TryIncRef and its release (3.14)
   refcount_word       the same two stores without CPython: one added to a word
                       in memory, and one subtracted
     width  whole      both on 64 bits, as until 3.11
            half       both on the lower 32, as from 3.14
            mixed      up by 32 bits, down by 64, as in 3.12 and 3.13

   One iteration is one pair.  Inside the window: the pairs and an eighth of a
   loop turn each.  Outside: creating the objects.  `paired` is a lower bound:
   a core may keep the count in a register of its own (memory renaming) when
   the incref is followed at once by its decref, which real code rarely does.

   On a GIL build owned, foreign and shared are the same instructions.  On a
   free-threaded build the owner counts without atomics, everybody else with
   one compare-and-swap loop for each of the two (PEP 703, biased reference
   counting; Choi, Shull, Torrellas: Biased reference counting, PACT 2018).
   The price of the hardware alone, without CPython, is refcount_word,
   counters_increment and yardstick_atomic on the same driver.  A load wider
   than the store before it cannot be served from the store buffer and waits
   until the cache has it ("store forwarding" in the optimization manuals of
   Intel, section 3.6, and AMD): that is what `mixed` shows.

   Not shown: the last decref (see churn) and deferred reference counts, which
   concern the interpreter's stack and not Py_INCREF. */

#include "areas.h"
#include "arguments.h"
#include "loop.h"
#include "threads.h"

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

struct refcount_worker {
    PyObject *owner;    // keeps them alive: the caller's tuple or this worker's
    PyObject *objects[REFCOUNT_OBJECTS];
    PyObject *reference;  // weak, for refcount_weakref
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
    if (shared->target == TARGET_OWNED) {
        local->owner = refcount_new_objects(REFCOUNT_OBJECTS);
        if (local->owner == NULL) {
            return -1;
        }
    }
    else {
        local->owner = Py_NewRef(shared->objects);
        if (shared->target == TARGET_FOREIGN) {
            first = (Py_ssize_t)worker->index * REFCOUNT_OBJECTS;
        }
    }
    for (Py_ssize_t i = 0; i < REFCOUNT_OBJECTS; i++) {
        local->objects[i] = PyTuple_GET_ITEM(local->owner, first + i);
    }
    return 0;
}

static void
refcount_finish(struct pb_worker *worker)
{
    struct refcount_worker *local = worker->local;
    Py_CLEAR(local->reference);
    Py_CLEAR(local->owner);
}

static int
refcount_paired_loop(struct pb_worker *worker, int64_t iterations)
{
    PyObject *object = ((struct refcount_worker *)worker->local)->objects[0];
    (void)object;  // the mutant has no use for it
    PB_LOOP(iterations, {
        PB_OP(Py_INCREF(object);)
        pb_clobber();
        PB_OP(Py_DECREF(object);)
        pb_clobber();
    });
    return 0;
}

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
    struct refcount_worker *local = worker->local;
    /* A set: lists take no weak references. */
    local->owner = PySet_New(NULL);
    if (local->owner == NULL) {
        return -1;
    }
    local->reference = PyWeakref_NewRef(local->owner, NULL);
    return local->reference == NULL ? -1 : 0;
}

static int
refcount_weakref_loop(struct pb_worker *worker, int64_t iterations)
{
    PyObject *reference = ((struct refcount_worker *)worker->local)->reference;
    int dead = 0;
    (void)reference;
    PB_LOOP(iterations, {
        PB_OP(
            PyObject *object = NULL;
            dead |= pb_weakref_get(reference, &object) != 1;
            Py_XDECREF(object);
        )
        pb_clobber();
    });
    if (dead) {
        PyErr_SetString(PyExc_RuntimeError,
                        "refcount_weakref: the referent died in the window");
        return -1;
    }
    return 0;
}

static int
refcount_word_whole_loop(struct pb_worker *worker, int64_t iterations)
{
    struct refcount_word *word = worker->local;
    (void)word;
    PB_LOOP(iterations, {
        PB_OP(word->whole++;)
        pb_clobber();
        PB_OP(word->whole--;)
        pb_clobber();
    });
    return 0;
}

static int
refcount_word_half_loop(struct pb_worker *worker, int64_t iterations)
{
    struct refcount_word *word = worker->local;
    (void)word;
    PB_LOOP(iterations, {
        PB_OP(word->half++;)
        pb_clobber();
        PB_OP(word->half--;)
        pb_clobber();
    });
    return 0;
}

static int
refcount_word_mixed_loop(struct pb_worker *worker, int64_t iterations)
{
    struct refcount_word *word = worker->local;
    (void)word;
    PB_LOOP(iterations, {
        PB_OP(word->half++;)
        pb_clobber();
        PB_OP(word->whole--;)
        pb_clobber();
    });
    return 0;
}

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

static int
refcount_try_loop(struct pb_worker *worker, int64_t iterations)
{
    PyObject *object = ((struct refcount_worker *)worker->local)->objects[0];
    int refused = 0;
    (void)object;
    PB_LOOP(iterations, {
        PB_OP(
            if (PyUnstable_TryIncRef(object)) {
                Py_DECREF(object);
            }
            else {
                refused = 1;
            }
        )
        pb_clobber();
    });
    if (refused) {
        PyErr_SetString(PyExc_RuntimeError,
                        "refcount_try_incref: a live object was refused");
        return -1;
    }
    return 0;
}
#endif

#define REFCOUNT_KERNEL(prepare_, loop_)                                      \
    .attached = true, .block = REFCOUNT_BLOCK,                                \
    .local_size = sizeof(struct refcount_worker), .prepare = prepare_,        \
    PB_LOOP_FUNCTION(loop_), .finish = refcount_finish

static const struct pb_kernel refcount_pair_kernels[] = {
    [FORM_PAIRED] = {.name = "refcount_pair",
                     REFCOUNT_KERNEL(refcount_prepare, refcount_paired_loop)},
    [FORM_CHAINED] = {.name = "refcount_pair",
                      REFCOUNT_KERNEL(refcount_prepare,
                                      refcount_chained_loop)},
    [FORM_STRIDED] = {.name = "refcount_pair",
                      REFCOUNT_KERNEL(refcount_prepare,
                                      refcount_strided_loop)},
};
static const struct pb_kernel refcount_stress_kernel = {
    .name = "refcount_stress",
    REFCOUNT_KERNEL(refcount_prepare, refcount_paired_loop)};
static const struct pb_kernel refcount_weakref_kernel = {
    .name = "refcount_weakref",
    REFCOUNT_KERNEL(refcount_weakref_prepare, refcount_weakref_loop)};

#define REFCOUNT_WORD_KERNEL(loop_)                                           \
    {.name = "refcount_word", .block = REFCOUNT_BLOCK,                        \
     .local_size = sizeof(struct refcount_word), PB_LOOP_FUNCTION(loop_)}

static const struct pb_kernel refcount_word_kernels[] = {
    [WIDTH_WHOLE] = REFCOUNT_WORD_KERNEL(refcount_word_whole_loop),
    [WIDTH_HALF] = REFCOUNT_WORD_KERNEL(refcount_word_half_loop),
    [WIDTH_MIXED] = REFCOUNT_WORD_KERNEL(refcount_word_mixed_loop),
};

#if PB_HAVE_TRY_INCREF
static const struct pb_kernel refcount_try_kernel = {
    .name = "refcount_try_incref",
    REFCOUNT_KERNEL(refcount_try_prepare, refcount_try_loop)};
#endif

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
refcount_run(PyObject *module, struct pb_plan *plan, enum target target)
{
    struct refcount_shared shared = {.target = target};
    if (target == TARGET_IMMORTAL && !PB_HAVE_IMMORTAL) {
        PyErr_SetString(PyExc_NotImplementedError,
                        "no object is immortal before CPython 3.12");
        return NULL;
    }
    shared.objects = refcount_caller_objects(target, plan->threads);
    if (shared.objects == NULL) {
        return NULL;
    }
    plan->shared = &shared;
    PyObject *results = pb_run(module, plan);
    Py_DECREF(shared.objects);
    return results;
}

PyDoc_STRVAR(refcount_pair_doc,
"refcount_pair($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"              target='owned', form='paired')\n--\n\n"
"Take and drop one reference: Py_INCREF and Py_DECREF in C.\n\n"
PB_ARGUMENTS_DOC "\n"
"target: 'owned' (made by the counting thread), 'foreign' (made by another),\n"
"'immortal' (None; NotImplementedError before 3.12), 'shared' (one foreign\n"
"object for all threads). form: 'paired', 'chained' (each pair waits for the\n"
"last), 'strided' (64 increfs, then 64 decrefs).");

static PyObject *
refcount_pair(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "target", "form", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *target_name = "owned", *form_name = "paired";
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "ss:refcount_pair", names,
            PB_ARGUMENTS_TARGETS(common), &target_name, &form_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int target = pb_choice("target", target_name, target_names);
    if (target < 0) {
        return NULL;
    }
    int form = pb_choice("form", form_name, form_names);
    if (form < 0) {
        return NULL;
    }
    plan.kernel = &refcount_pair_kernels[form];
    return refcount_run(module, &plan, (enum target)target);
}

PyDoc_STRVAR(refcount_stress_doc,
"refcount_stress($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"                layout='shared')\n--\n\n"
"Count references from all threads at once: the atomic refcount stress.\n\n"
PB_ARGUMENTS_DOC "\n"
"layout: 'shared' (all threads on one object that none of them owns) or\n"
"'private' (each on an object of its own: the share-nothing control).");

static PyObject *
refcount_stress(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "layout", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *layout_name = "shared";
    struct pb_plan plan = {.kernel = &refcount_stress_kernel};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "s:refcount_stress", names,
            PB_ARGUMENTS_TARGETS(common), &layout_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int layout = pb_choice("layout", layout_name, layout_names);
    if (layout < 0) {
        return NULL;
    }
    return refcount_run(module, &plan,
                        layout == 0 ? TARGET_SHARED : TARGET_OWNED);
}

PyDoc_STRVAR(refcount_weakref_doc,
"refcount_weakref($module, /, " PB_ARGUMENTS_SIGNATURE ")\n--\n\n"
"Make a strong reference from a weak one and drop it.\n\n"
PB_ARGUMENTS_DOC "\n"
"PyWeakref_GetRef from 3.13; before, PyWeakref_GetObject and Py_INCREF.");

static PyObject *
refcount_weakref(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    struct pb_plan plan = {.kernel = &refcount_weakref_kernel};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT ":refcount_weakref", names,
            PB_ARGUMENTS_TARGETS(common))
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    return pb_run(module, &plan);
}

PyDoc_STRVAR(refcount_try_incref_doc,
"refcount_try_incref($module, /, " PB_ARGUMENTS_SIGNATURE ")\n--\n\n"
"Try to take a reference to a live object, and drop it.\n\n"
PB_ARGUMENTS_DOC "\n"
"NotImplementedError before 3.14. On a GIL build the API is a plain incref.");

static PyObject *
refcount_try_incref(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT ":refcount_try_incref", names,
            PB_ARGUMENTS_TARGETS(common))
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
#if PB_HAVE_TRY_INCREF
    plan.kernel = &refcount_try_kernel;
    return refcount_run(module, &plan, TARGET_OWNED);
#else
    (void)module;
    PyErr_SetString(PyExc_NotImplementedError,
                    "PyUnstable_TryIncRef came with CPython 3.14");
    return NULL;
#endif
}

PyDoc_STRVAR(refcount_word_doc,
"refcount_word($module, /, " PB_ARGUMENTS_SIGNATURE ",\n"
"              width='whole')\n--\n\n"
"Add one to a word of plain memory and subtract it again: no Python in it.\n\n"
PB_ARGUMENTS_DOC "\n"
"width: 'whole' (64 bits, as CPython counts until 3.11), 'half' (32 bits, as\n"
"from 3.14), 'mixed' (32 up and 64 down, as in 3.12 and 3.13).");

static PyObject *
refcount_word(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {PB_ARGUMENTS_NAMES, "width", NULL};
    struct pb_arguments common = PB_ARGUMENTS_DEFAULTS;
    const char *width_name = "whole";
    struct pb_plan plan = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, PB_ARGUMENTS_FORMAT "s:refcount_word", names,
            PB_ARGUMENTS_TARGETS(common), &width_name)
        || pb_plan_set(&plan, &common) < 0) {
        return NULL;
    }
    int width = pb_choice("width", width_name, width_names);
    if (width < 0) {
        return NULL;
    }
    plan.kernel = &refcount_word_kernels[width];
    return pb_run(module, &plan);
}

#define REFCOUNT_METHOD(name)                                                 \
    {#name, (PyCFunction)(void (*)(void))name, METH_VARARGS | METH_KEYWORDS,  \
     name##_doc}

static PyMethodDef refcount_methods[] = {
    REFCOUNT_METHOD(refcount_pair),
    REFCOUNT_METHOD(refcount_stress),
    REFCOUNT_METHOD(refcount_try_incref),
    REFCOUNT_METHOD(refcount_weakref),
    REFCOUNT_METHOD(refcount_word),
    {NULL, NULL, 0, NULL},
};

static const struct pb_listing refcount_listings[] = {
    {.name = "refcount_pair", .attached = true},
    {.name = "refcount_stress", .attached = true},
    {.name = "refcount_try_incref",
     .attached = true,
     .missing = PB_HAVE_TRY_INCREF
                    ? NULL
                    : "PyUnstable_TryIncRef came with CPython 3.14"},
    {.name = "refcount_weakref", .attached = true},
    {.name = "refcount_word"},
    {NULL, false, NULL},
};

int
pb_refcount_add(PyObject *module)
{
    return pb_area_add(module, "refcount", refcount_methods,
                       refcount_listings);
}
