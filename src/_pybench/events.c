/* events.c - counters of the kernel and of the CPU, by perf_event_open.

   A counter is a descriptor that counts this process from then on, with the
   threads that it starts.  Whether there is one is known when it is opened. */

#include "areas.h"

#include <errno.h>
#include <limits.h>
#include <string.h>  // strcmp

#if defined(__linux__) && defined(__has_include)
#  if __has_include(<linux/perf_event.h>)
#    include <linux/perf_event.h>
#    include <sys/syscall.h>
#    include <unistd.h>
#    define EVENTS_KNOWN 1
#  endif
#endif

#ifdef EVENTS_KNOWN

static const struct {
    const char *name;
    unsigned int type;
    unsigned long long config;
} events[] = {
    {"page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"context_switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
};

static PyObject *
events_open(const char *name)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(events); i++) {
        if (strcmp(events[i].name, name) != 0) {
            continue;
        }
        struct perf_event_attr attr = {
            .size = sizeof(attr),
            .type = events[i].type,
            .config = events[i].config,
            .inherit = 1,
            .exclude_hv = 1,
            /* What the CPU counts is the row's own; the others happen in the
               kernel. */
            .exclude_kernel = events[i].type == PERF_TYPE_HARDWARE,
        };
        long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1,
                          PERF_FLAG_FD_CLOEXEC);
        if (fd < 0) {
            return PyErr_SetFromErrno(PyExc_OSError);
        }
        return PyLong_FromLong(fd);
    }
    return PyErr_Format(PyExc_ValueError, "there is no event %s", name);
}

static int
events_count(long fd, long long *count)
{
    errno = EIO;  // of a short answer, which no counter gives
    return read((int)fd, count, sizeof(*count)) == sizeof(*count) ? 0 : -1;
}

#else

static PyObject *
events_open(const char *name)
{
    (void)name;
    errno = ENOSYS;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static int
events_count(long fd, long long *count)
{
    (void)fd;
    (void)count;
    errno = ENOSYS;
    return -1;
}

#endif

PyDoc_STRVAR(event_open_doc,
"event_open($module, name, /)\n--\n\n"
"Return the descriptor of a counter of this process and its new threads.\n\n"
"Raises ValueError for a name that is none, and OSError where there is no\n"
"such counter or it may not be read.");

static PyObject *
event_open(PyObject *Py_UNUSED(module), PyObject *argument)
{
    if (!PyUnicode_Check(argument)) {
        return PyErr_Format(PyExc_TypeError, "the name of an event is a str");
    }
    const char *name = PyUnicode_AsUTF8(argument);
    return name == NULL ? NULL : events_open(name);
}

PyDoc_STRVAR(event_counts_doc,
"event_counts($module, descriptors, /)\n--\n\n"
"Return the counts of these descriptors, a tuple, as a tuple.\n\n"
"Raises OSError for one that is no counter.");

static PyObject *
event_counts(PyObject *Py_UNUSED(module), PyObject *descriptors)
{
    if (!PyTuple_Check(descriptors)) {
        return PyErr_Format(PyExc_TypeError, "descriptors must be a tuple");
    }
    Py_ssize_t length = PyTuple_GET_SIZE(descriptors);
    PyObject *counts = PyTuple_New(length);
    if (counts == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < length; i++) {
        long fd = PyLong_AsLong(PyTuple_GET_ITEM(descriptors, i));
        long long count = 0;
        PyObject *number = NULL;
        if (!PyErr_Occurred()) {
            if (fd < 0 || fd > INT_MAX || events_count(fd, &count) < 0) {
                errno = fd < 0 || fd > INT_MAX ? EBADF : errno;
                (void)PyErr_SetFromErrno(PyExc_OSError);
            }
            else {
                number = PyLong_FromLongLong(count);
            }
        }
        if (number == NULL) {
            Py_DECREF(counts);
            return NULL;
        }
        PyTuple_SET_ITEM(counts, i, number);
    }
    return counts;
}

PyMethodDef pb_events_functions[] = {
    {"event_open", event_open, METH_O, event_open_doc},
    {"event_counts", event_counts, METH_O, event_counts_doc},
    {NULL, NULL, 0, NULL},
};
