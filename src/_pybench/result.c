/* result.c - KernelResult, what a round says about itself.

   Derived numbers are computed here, once: ns per operation is the mean over
   the threads of window / operations, not total time / total work; fairness is
   Jain's index over the threads' rates (Jain, Chiu, Hawe: A quantitative measure
   of fairness, DEC-TR-301, 1984); overlap is the part of the whole window in
   which all threads were inside theirs. */

#include "result.h"

#include <stddef.h>  // offsetof
#include <stdio.h>   // snprintf

/* Below this a round of threads meant to meet says little about meeting. */
static const double OVERLAP_LEAST = 0.90;

/* A thread that spins and yet had less CPU than this was descheduled. */
static const double CPU_SHARE_LEAST = 0.90;

/* The CPU clock is read outside the wall clock's window; for windows shorter
   than this the two readings themselves would decide about the share. */
enum { CPU_SHARE_WINDOW_NS = 100 * 1000 };

/* Name, text and value of each field; the value is an expression in what
   round_result() knows. */
#define TUPLE(member) round_tuple(round, offsetof(struct pb_sample, member))
#define RESULT_FIELDS(FIELD)                                                  \
    FIELD(iterations, "operations asked for on each thread",                  \
          PyLong_FromLongLong(plan->iterations))                              \
    FIELD(threads, "measured threads", PyLong_FromLong(plan->threads))        \
    FIELD(elapsed_ns, "first start to last finish, ns",                       \
          PyLong_FromLongLong(summary.elapsed_ns))                            \
    FIELD(ns_per_operation, "mean over threads of wall_ns / operations",      \
          PyFloat_FromDouble(summary.wall_ns_per_operation))                  \
    FIELD(cpu_ns_per_operation, "mean over threads of cpu_ns / operations",   \
          PyFloat_FromDouble(summary.cpu_ns_per_operation))                   \
    FIELD(operations, "operations done, per thread", TUPLE(operations))       \
    FIELD(start_ns, "monotonic clock at the first iteration, per thread",     \
          TUPLE(start_ns))                                                    \
    FIELD(stop_ns, "monotonic clock after the last iteration, per thread",    \
          TUPLE(stop_ns))                                                     \
    FIELD(wall_ns, "window less waits at safepoints, per thread",             \
          TUPLE(wall_ns))                                                     \
    FIELD(cpu_ns, "thread CPU time of the window, per thread", TUPLE(cpu_ns)) \
    FIELD(attach_wait_ns,                                                     \
          "release to attached, before the window, per thread",               \
          TUPLE(attach_wait_ns))                                              \
    FIELD(involuntary_switches, "in the window, per thread, -1 unknown",      \
          TUPLE(switches))                                                    \
    FIELD(cpus, "CPU at the finish, per thread, -1 unknown", TUPLE(cpu))      \
    FIELD(overlap, "shared window / whole window, 1.0 for one thread",        \
          PyFloat_FromDouble(summary.overlap))                                \
    FIELD(fairness, "Jain's index over the threads' rates, 1.0 is even",      \
          PyFloat_FromDouble(summary.fairness))                               \
    FIELD(attached, "the loop ran with an attached thread state",             \
          PyBool_FromLong(plan->kernel->attached))                            \
    FIELD(serialised, "the GIL made the threads take turns",                  \
          PyBool_FromLong(summary.serialised))                                \
    FIELD(oversubscribed, "more threads than CPUs this process may use",      \
          PyBool_FromLong(summary.oversubscribed))                            \
    FIELD(disturbed, "'' or why this round should not be used",               \
          PyUnicode_FromString(summary.disturbed))                            \
    FIELD(clock_cost_ns, "one reading of the wall clock, ns",                 \
          PyFloat_FromDouble(during->clock_cost_ns))                          \
    FIELD(detail,                                                             \
          "dict of per-thread tuples special to the kernel, or None",         \
          round_detail(round))                                                \
    FIELD(loop, "the C function that was measured",                           \
          PyUnicode_FromString(plan->kernel->loop_name))

enum field {
#define FIELD(name, doc, value) FIELD_##name,
    RESULT_FIELDS(FIELD) FIELD_COUNT,
#undef FIELD
};

static PyStructSequence_Field result_fields[] = {
#define FIELD(name, doc, value) {#name, doc},
    RESULT_FIELDS(FIELD){NULL, NULL},
#undef FIELD
};

static PyStructSequence_Desc result_desc = {
    .name = "_pybench.KernelResult",
    .doc = "One round of one kernel. Units are in the names; tuples have one "
           "item per thread.",
    .fields = result_fields,
    .n_in_sequence = FIELD_COUNT,
};

/* The samples of one round. */
struct round {
    const struct pb_plan *plan;
    const struct pb_sample *samples;
    int64_t index;
};

static const struct pb_sample *
round_sample(const struct round *round, int thread)
{
    return &round->samples[(int64_t)thread * round->plan->rounds
                           + round->index];
}

/* A tuple of one int64_t member over the threads. */
static PyObject *
round_tuple(const struct round *round, size_t offset)
{
    int threads = round->plan->threads;
    PyObject *list = PyList_New(0);
    for (int i = 0; list != NULL && i < threads; i++) {
        const char *sample = (const char *)round_sample(round, i);
        int64_t value = *(const int64_t *)(const void *)(sample + offset);
        pb_list_add(&list, PyLong_FromLongLong(value));
    }
    PyObject *tuple = list == NULL ? NULL : PyList_AsTuple(list);
    Py_XDECREF(list);
    return tuple;
}

/* The kernel's notes as {name: tuple}, or None when it has none. */
static PyObject *
round_detail(const struct round *round)
{
    const struct pb_kernel *kernel = round->plan->kernel;
    if (kernel->notes[0] == NULL) {
        Py_RETURN_NONE;
    }
    PyObject *detail = PyDict_New();
    for (int i = 0; detail != NULL && i < PB_NOTES; i++) {
        if (kernel->notes[i] == NULL) {
            break;
        }
        size_t offset =
            offsetof(struct pb_sample, note) + (size_t)i * sizeof(int64_t);
        PyObject *tuple = round_tuple(round, offset);
        if (tuple == NULL
            || PyDict_SetItemString(detail, kernel->notes[i], tuple) < 0) {
            Py_CLEAR(detail);
        }
        Py_XDECREF(tuple);
    }
    return detail;
}

/* What a round amounts to; plain numbers, no Python. */
struct summary {
    int64_t elapsed_ns;
    double wall_ns_per_operation;
    double cpu_ns_per_operation;
    double overlap;
    double fairness;
    bool serialised;
    bool oversubscribed;
    char disturbed[96];
};

static struct summary
round_summary(const struct round *round, const struct pb_conditions *during)
{
    const struct pb_plan *plan = round->plan;
    int threads = plan->threads;
    int busy = threads;
    if (plan->kernel->busy_background && !during->gil_enabled) {
        busy += plan->background;
    }
    struct summary summary = {
        .serialised =
            plan->kernel->attached && during->gil_enabled && threads > 1,
        .oversubscribed = during->cpus > 0 && busy > during->cpus,
    };
    const struct pb_sample *first = round_sample(round, 0);
    int64_t first_start = first->start_ns, last_start = first->start_ns;
    int64_t first_stop = first->stop_ns, last_stop = first->stop_ns;
    double rate_sum = 0, rate_squares = 0;
    double share_least = 1.0;
    int share_thread = -1;
    for (int i = 0; i < threads; i++) {
        const struct pb_sample *sample = round_sample(round, i);
        double operations = (double)sample->operations;
        int64_t wall_ns = sample->wall_ns;
        summary.wall_ns_per_operation += (double)wall_ns / operations;
        summary.cpu_ns_per_operation += (double)sample->cpu_ns / operations;
        double rate = operations / (double)(wall_ns > 0 ? wall_ns : 1);
        rate_sum += rate;
        rate_squares += rate * rate;
        first_start = Py_MIN(first_start, sample->start_ns);
        last_start = Py_MAX(last_start, sample->start_ns);
        first_stop = Py_MIN(first_stop, sample->stop_ns);
        last_stop = Py_MAX(last_stop, sample->stop_ns);
        double share = (double)sample->cpu_ns / (double)Py_MAX(wall_ns, 1);
        if (wall_ns >= CPU_SHARE_WINDOW_NS && share < share_least) {
            share_least = share;
            share_thread = i;
        }
    }
    summary.wall_ns_per_operation /= threads;
    summary.cpu_ns_per_operation /= threads;
    summary.elapsed_ns = last_stop - first_start;
    summary.fairness = rate_sum * rate_sum / (threads * rate_squares);
    summary.overlap = (double)(first_stop - last_start)
                      / (double)Py_MAX(summary.elapsed_ns, 1);
    if (summary.overlap < 0) {
        summary.overlap = 0;
    }
    if (threads == 1) {
        summary.overlap = 1;
    }
    bool meant_to_meet = !summary.serialised && !summary.oversubscribed;
    if (meant_to_meet && summary.overlap < OVERLAP_LEAST) {
        snprintf(summary.disturbed, sizeof(summary.disturbed),
                 "overlap %.2f below %.2f", summary.overlap, OVERLAP_LEAST);
    }
    else if (!plan->kernel->waits && !summary.oversubscribed
             && share_least < CPU_SHARE_LEAST) {
        snprintf(summary.disturbed, sizeof(summary.disturbed),
                 "thread %d had its CPU for %.0f %% of the window",
                 share_thread, share_least * 100);
    }
    return summary;
}

static PyObject *
round_result(const struct pb_state *state, const struct round *round,
             const struct pb_conditions *during)
{
    const struct pb_plan *plan = round->plan;
    struct summary summary = round_summary(round, during);
    PyObject *result = PyStructSequence_New(state->result_type);
    if (result == NULL) {
        return NULL;
    }
#define FIELD(name, doc, value) value,
    PyObject *values[] = {RESULT_FIELDS(FIELD)};
#undef FIELD
    /* The sequence owns what it is given, a missing item included. */
    bool complete = true;
    for (int i = 0; i < FIELD_COUNT; i++) {
        complete = complete && values[i] != NULL;
        PyStructSequence_SetItem(result, i, values[i]);
    }
    if (!complete) {
        Py_CLEAR(result);
    }
    return result;
}

PyObject *
pb_results(PyObject *module, const struct pb_plan *plan,
           const struct pb_sample *samples,
           const struct pb_conditions *during)
{
    const struct pb_state *state = pb_get_state(module);
    PyObject *results = PyList_New(0);
    for (int64_t i = 0; results != NULL && i < plan->rounds; i++) {
        struct round round = {.plan = plan, .samples = samples, .index = i};
        pb_list_add(&results, round_result(state, &round, during));
    }
    return results;
}

int
pb_result_value_ns(const struct pb_state *state, PyObject *result,
                   double *value_ns)
{
    if (!Py_IS_TYPE(result, state->result_type)) {
        PyErr_Format(PyExc_TypeError,
                     "result must be a KernelResult, not %.100s",
                     Py_TYPE(result)->tp_name);
        return -1;
    }
    PyObject *serialised = PyStructSequence_GetItem(result, FIELD_serialised);
    PyObject *value = PyStructSequence_GetItem(
        result, serialised == Py_True ? FIELD_cpu_ns_per_operation
                                      : FIELD_ns_per_operation);
    *value_ns = PyFloat_AsDouble(value);
    return *value_ns == -1.0 && PyErr_Occurred() ? -1 : 0;
}

int
pb_result_add(PyObject *module)
{
    struct pb_state *state = pb_get_state(module);
    state->result_type = PyStructSequence_NewType(&result_desc);
    if (state->result_type == NULL) {
        return -1;
    }
    return PyModule_AddType(module, state->result_type);
}
