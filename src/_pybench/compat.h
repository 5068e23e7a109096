/* compat.h - the only file that asks which CPython or compiler this is.

   Every gap between CPython 3.11 and 3.15 that the kernels meet is answered
   here, by feature test where the feature is a macro and by version where it
   is a function, each with the change it answers.  Nothing from pycore_*.h. */

#ifndef PB_COMPAT_H
#define PB_COMPAT_H

/* Before any system header: sched_getcpu, pthread_setaffinity_np and
   RUSAGE_THREAD are GNU extensions. */
#ifndef _GNU_SOURCE
#  define _GNU_SOURCE 1
#endif

#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __STDC_NO_ATOMICS__
#  error "pybench needs <stdatomic.h> (C11 with atomics)"
#endif

#if PY_VERSION_HEX < 0x030B0000
#  error "pybench needs CPython 3.11 or later"
#endif

/* A property of the build (PEP 703, 3.13).  Whether the GIL is on in this
   process is another question: see pb_gil_enabled(). */
#ifdef Py_GIL_DISABLED
#  define PB_FREE_THREADED 1
#else
#  define PB_FREE_THREADED 0
#endif

/* Immortal objects: PEP 683, 3.12. */
#define PB_HAVE_IMMORTAL (PY_VERSION_HEX >= 0x030C0000)

/* PyUnstable_EnableTryIncRef and PyUnstable_TryIncRef: 3.14.  Functions, so
   no #ifdef can see them. */
#define PB_HAVE_TRY_INCREF (PY_VERSION_HEX >= 0x030E0000)

/* Py_NewInterpreterFromConfig: 3.12 (PEP 684). */
#define PB_HAVE_INTERPRETER_CONFIG (PY_VERSION_HEX >= 0x030C0000)

/* PyUnstable_GC_VisitObjects: 3.12. */
#define PB_HAVE_VISIT (PY_VERSION_HEX >= 0x030C0000)

/* PyMutex: 3.13 (gh-108724). */
#define PB_HAVE_MUTEX (PY_VERSION_HEX >= 0x030D0000)

/* Critical sections do something on free-threaded builds alone, from 3.13 on
   (PEP 703); elsewhere they are empty macros. */
#define PB_HAVE_CRITICAL_SECTION (PB_FREE_THREADED && PB_HAVE_MUTEX)

/* What the sampler follows from a thread to the instruction that it is in.  The
   words of a frame are private; sampler.c compares what it finds by them with
   what Python says, before it uses them.  The current frame is behind the
   public tstate->cframe up to 3.12, and tstate->current_frame since.  The code
   object became the first word in 3.12; free-threaded 3.14 gave each thread
   its copy of the bytecode. */
#define PB_HAVE_CFRAME (PY_VERSION_HEX < 0x030D0000)
#if PY_VERSION_HEX < 0x030C0000
#  define PB_FRAME_CODE 4
#  define PB_FRAME_PREVIOUS 6
#  define PB_FRAME_OWN_WORDS 9  // before its variables; the code adds theirs
#else
#  define PB_FRAME_CODE 0
#  define PB_FRAME_PREVIOUS 1
#endif
#define PB_FRAME_INSTRUCTION 7
#define PB_HAVE_CODE_COPIES (PB_FREE_THREADED && PY_VERSION_HEX >= 0x030E0000)

/* PyList_GetItemRef and PyDict_GetItemRef: 3.13.  Before it the GIL keeps a
   borrowed reference alive until it is counted.  1 and *item, or -1 with an
   exception; the caller knows that the item is there. */
static inline int
pb_list_get(PyObject *list, Py_ssize_t index, PyObject **item)
{
#if PY_VERSION_HEX >= 0x030D0000
    *item = PyList_GetItemRef(list, index);
#else
    *item = Py_XNewRef(PyList_GetItem(list, index));
#endif
    return *item == NULL ? -1 : 1;
}

static inline int
pb_dict_get(PyObject *dict, PyObject *key, PyObject **item)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyDict_GetItemRef(dict, key, item);
#else
    *item = Py_XNewRef(PyDict_GetItemWithError(dict, key));
    if (*item != NULL) {
        return 1;
    }
    return PyErr_Occurred() != NULL ? -1 : 0;
#endif
}

/* Py_IsFinalizing became public in 3.13; 3.11 and 3.12 export the same
   function with an underscore. */
static inline bool
pb_is_finalizing(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;
#endif
}

/* Is the GIL on in this process now?  1, 0, or -1 with an exception set.
   There is no C function for it in any version; sys._is_gil_enabled exists
   from 3.13 and before that the answer cannot be no. */
static inline int
pb_gil_enabled(void)
{
#if PB_FREE_THREADED
    PyObject *function = PySys_GetObject("_is_gil_enabled");
    if (function == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "sys._is_gil_enabled is missing");
        return -1;
    }
    PyObject *answer = PyObject_CallNoArgs(function);
    if (answer == NULL) {
        return -1;
    }
    int enabled = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return enabled;
#else
    return 1;
#endif
}

/* One strong reference from a weak one: 1 and *object, 0 when it is dead,
   -1 with an exception.  PyWeakref_GetRef is 3.13; before it the borrowed
   reference of PyWeakref_GetObject is safe because the GIL is held. */
static inline int
pb_weakref_get(PyObject *reference, PyObject **object)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyWeakref_GetRef(reference, object);
#else
    PyObject *borrowed = PyWeakref_GetObject(reference);
    if (borrowed == NULL) {
        *object = NULL;
        return -1;
    }
    if (borrowed == Py_None) {
        *object = NULL;
        return 0;
    }
    *object = Py_NewRef(borrowed);
    return 1;
#endif
}

/* Appends an item, which it takes, to a list, which becomes NULL, with an
   exception set, on failure and then stays so. */
static inline void
pb_list_add(PyObject **list, PyObject *item)
{
    if (item == NULL || (*list != NULL && PyList_Append(*list, item) < 0)) {
        Py_CLEAR(*list);
    }
    Py_XDECREF(item);
}

/* The exception that is set, as one owned object, and back: 3.12. */
static inline PyObject *
pb_take_exception(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL && value != NULL) {
        (void)PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

/* Steals the reference. */
static inline void
pb_set_exception(PyObject *exception)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(exception);
#else
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
#endif
}

#endif /* PB_COMPAT_H */
