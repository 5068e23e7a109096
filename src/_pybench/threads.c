/* threads.c - workers, start line, windows, pinning, interruption.

   One round of one worker: round_prepare, attached; arrive, asleep, until the
   last to arrive opens the gate; spin to a common deadline; attach, if the
   kernel is attached (attach_wait_ns); start_ns; the loop, in blocks; stop_ns;
   detach; round_finish.

   The start line has two phases because one is not enough: threads that sleep
   wake up tens of microseconds apart, and threads that spin for stragglers
   take the CPU from them.  So all sleep until the last has arrived, all spin
   until the last is awake, and the last to wake sets the deadline.

   After each block an attached loop looks at the clock, and when SAFEPOINT_NS
   have passed it calls an empty Python function, so that Ctrl-C, another
   thread's stop-the-world and other Python threads are not held up; the time
   that takes is taken out of the window.  Detaching and attaching will not do
   instead: on a free-threaded build a stop-the-world notices a detached thread
   only when it polls, every millisecond, while bytecode sees the request at
   once.  And it is the worker that keeps the time, because the coordinator may
   itself be waiting for the GIL this worker holds. */

#include "threads.h"

#include "areas.h"
#include "clock.h"
#include "instructions.h"
#include "options.h"
#include "result.h"
#include "state.h"

#include <sched.h>         // sched_getcpu, sched_yield
#include <signal.h>        // pthread_sigmask
#include <stdatomic.h>
#include <stdlib.h>        // free, posix_memalign
#include <string.h>        // memset, strerror
#include <sys/resource.h>  // getrusage

/* From the last arrival to the common start.  Twenty microseconds cover the
   time that the deadline's cache line needs to reach every spinning thread. */
enum { START_DELAY_NS = 20000 };

/* How long an attached loop may go on before it must pass a safepoint. */
enum { SAFEPOINT_NS = 8 * 1000 * 1000 };

/* How often the coordinator attaches to look for signals.  With the GIL on it
   may wait for two safepoints and two switch intervals (5 ms).  That leaves half
   of the promised 100 ms to the machine. */
enum { SIGNAL_NS = 30 * 1000 * 1000 };

/* Spins of the start line before a thread gives its CPU away; reached only
   where there are more threads than CPUs. */
enum { SPINS_BEFORE_YIELD = 2000 };

/* More than any machine has. */
enum { CPUS_MAX = 65536 };

struct pb_run {
    /* Constant while workers run. */
    const struct pb_plan *plan;
    PyInterpreterState *interpreter;
    struct pb_worker *workers;
    struct pb_sample *samples;  // of one worker after the other
    char *locals;
    size_t worker_count;  // measured, then background
    bool uses_thread_state;
    PyObject *safepoint;  // the module's; see pb_threads_add()

    /* Asks for an early end.  Read by every worker after each block, written
       by the coordinator or by a worker that fails.  Relaxed is enough: nothing
       else is published through it. */
    _Alignas(PB_ALIGNMENT) atomic_bool stop;

    /* The first failure: an exception, owned, or the worker that has a text.
       `lock` guards both, and arrived and generation of the start line. */
    PyObject *exception;
    const struct pb_worker *failed;
    _Alignas(PB_ALIGNMENT) pthread_mutex_t lock;
    pthread_cond_t gate;
    int arrived;
    unsigned generation;
    _Alignas(PB_ALIGNMENT) atomic_int awake;
    /* Zero while closed.  Released by the last to wake, acquired by the rest. */
    _Alignas(PB_ALIGNMENT) _Atomic int64_t deadline_ns;

    /* Ends.  `done_lock` guards the two counts. */
    pthread_mutex_t done_lock;
    pthread_cond_t done;
    size_t ended;
    int background_ready;
    atomic_bool background_over;
};

bool
pb_stopping(const struct pb_worker *worker)
{
    return atomic_load_explicit(&worker->run->stop, memory_order_relaxed);
}

bool
pb_background_over(const struct pb_worker *worker)
{
    return pb_stopping(worker)
           || atomic_load_explicit(&worker->run->background_over,
                                   memory_order_relaxed);
}

int
pb_thread_start(pthread_t *thread, void *(*function)(void *), void *argument)
{
    /* A thread inherits the mask that it is created under. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(thread, NULL, function, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

void
pb_condition_init(pthread_cond_t *condition)
{
#ifdef __APPLE__  // which cannot set the clock, but has relative waits
    pthread_cond_init(condition, NULL);
#else
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
#endif
}

void
pb_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                  int64_t timeout_ns)
{
    struct timespec time = {0};
#ifdef __APPLE__
    time.tv_sec = (time_t)(timeout_ns / 1000000000);
    time.tv_nsec = (long)(timeout_ns % 1000000000);
    pthread_cond_timedwait_relative_np(condition, lock, &time);
#else
    clock_gettime(CLOCK_MONOTONIC, &time);
    int64_t fraction_ns = time.tv_nsec + timeout_ns;
    time.tv_sec += (time_t)(fraction_ns / 1000000000);
    time.tv_nsec = (long)(fraction_ns % 1000000000);
    pthread_cond_timedwait(condition, lock, &time);
#endif
}

int64_t
pb_thread_switches(bool voluntary)
{
#ifdef RUSAGE_THREAD
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) == 0) {
        return voluntary ? usage.ru_nvcsw : usage.ru_nivcsw;
    }
#endif
    (void)voluntary;
    return -1;
}

int
pb_safepoint(PyObject *function)
{
    PyObject *answer = PyObject_CallNoArgs(function);
    Py_XDECREF(answer);
    return answer == NULL ? -1 : 0;
}

int
pb_worker_safepoint(const struct pb_worker *worker)
{
    return pb_safepoint(worker->run->safepoint);
}

PyObject *
pb_define(const char *source, PyObject *value)
{
    PyObject *names = PyDict_New();
    if (names == NULL
        || PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins())
               < 0
        || PyDict_SetItemString(names, "value", value) < 0) {
        Py_CLEAR(names);
        return NULL;
    }
    PyObject *result = PyRun_String(source, Py_file_input, names, names);
    if (result == NULL) {
        Py_CLEAR(names);
    }
    Py_XDECREF(result);
    return names;
}

PyObject *
pb_defined(PyObject *names, const char *name)
{
    PyObject *object = PyDict_GetItemString(names, name);
    if (object == NULL) {
        PyErr_Format(PyExc_SystemError, "'%s' is not defined", name);
    }
    return Py_XNewRef(object);
}

void *
pb_allocate(size_t count, size_t size)
{
    void *memory = NULL;
    /* To whole boundaries: what the allocator puts behind must not be on the
       last line. */
    size_t bytes = (count * size / PB_ALIGNMENT + 1) * PB_ALIGNMENT;
    if (posix_memalign(&memory, PB_ALIGNMENT, bytes) != 0) {
        PyErr_NoMemory();
        return NULL;
    }
    return memset(memory, 0, bytes);
}

/* Returns how many CPUs this process may use, 0 where the system does not
   tell, and gives the measured workers theirs if they are to be pinned: the
   allowed ones in order, beginning with the caller's own, so that a process
   confined to one CPU, or a single worker, stays where it is.  The caller may
   move meanwhile, so its CPU is read once: two workers would get one CPU
   otherwise. */
static int
threads_assign_cpus(struct pb_run *run)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 0;
    }
    int allowed = CPU_COUNT(&set);
    int here = sched_getcpu();
    if (!run->plan->pin || here < 0 || run->plan->threads > allowed) {
        return allowed;
    }
    int index = 0;
    for (int offset = 0; index < run->plan->threads && offset < CPU_SETSIZE;
         offset++) {
        int cpu = (here + offset) % CPU_SETSIZE;
        if (CPU_ISSET(cpu, &set)) {
            run->workers[index++].cpu = cpu;
        }
    }
    return allowed;
#else
    (void)run;
    return 0;
#endif
}

static void
threads_pin(int cpu)
{
#ifdef __linux__
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        /* A refusal (a CPU just taken away) shows as a bad overlap. */
        (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    }
#else
    (void)cpu;
#endif
}

static int
threads_current_cpu(void)
{
#ifdef __linux__
    return sched_getcpu();
#else
    return -1;
#endif
}

/* Ends the call because of the exception that is set, if attached, or of the
   worker's text; the first failure of all counts. */
static void
threads_fail(struct pb_run *run, const struct pb_worker *worker, bool attached)
{
    PyObject *exception = attached ? pb_take_exception() : NULL;
    pthread_mutex_lock(&run->lock);
    if (run->exception == NULL && run->failed == NULL) {
        run->failed = worker;
        run->exception = exception;
        exception = NULL;
    }
    atomic_store_explicit(&run->stop, true, memory_order_relaxed);
    pthread_cond_broadcast(&run->gate);
    pthread_mutex_unlock(&run->lock);
    Py_XDECREF(exception);
}

/* Waits until all measured workers are here and sets off with them; false
   when the call is ending instead. */
static bool
threads_start_line(struct pb_worker *worker)
{
    struct pb_run *run = worker->run;
    int threads = worker->plan->threads;

    pthread_mutex_lock(&run->lock);
    unsigned generation = run->generation;
    if (++run->arrived == threads) {
        run->arrived = 0;
        run->generation++;
        atomic_store_explicit(&run->awake, 0, memory_order_relaxed);
        atomic_store_explicit(&run->deadline_ns, 0, memory_order_relaxed);
        pthread_cond_broadcast(&run->gate);
    }
    while (run->generation == generation && !pb_stopping(worker)) {
        pthread_cond_wait(&run->gate, &run->lock);
    }
    pthread_mutex_unlock(&run->lock);
    if (pb_stopping(worker)) {
        return false;
    }

    int64_t deadline_ns = 0;
    if (atomic_fetch_add_explicit(&run->awake, 1, memory_order_acq_rel) + 1
        == threads) {
        deadline_ns = pb_clock_ns() + (threads > 1 ? START_DELAY_NS : 0);
        atomic_store_explicit(&run->deadline_ns, deadline_ns,
                              memory_order_release);
    }
    for (int spins = 0; deadline_ns == 0; spins++) {
        deadline_ns =
            atomic_load_explicit(&run->deadline_ns, memory_order_acquire);
        pb_cpu_relax();
        if (spins > SPINS_BEFORE_YIELD) {
            if (pb_stopping(worker)) {
                return false;
            }
            sched_yield();
        }
    }
    while (pb_clock_ns() < deadline_ns) {
        pb_cpu_relax();
    }
    return true;
}

/* Runs a hook attached; 0 or -1. */
static int
threads_hook(struct pb_worker *worker, int (*hook)(struct pb_worker *))
{
    if (hook == NULL) {
        return 0;
    }
    PyEval_RestoreThread(worker->tstate);
    int status = hook(worker);
    if (status < 0) {
        threads_fail(worker->run, worker, true);
    }
    (void)PyEval_SaveThread();
    return status;
}

/* Passes a safepoint; the clock's reading after that, or -1 with an exception
   set. */
static int64_t
threads_safepoint(struct pb_worker *worker, int64_t now_ns)
{
    if (pb_worker_safepoint(worker) < 0) {
        return -1;
    }
    int64_t after_ns = pb_clock_ns();
    worker->sample->excluded_ns += after_ns - now_ns;
    return after_ns;
}

/* The window, and nothing but the window: its own function so that callgrind
   can count the instructions of exactly this.  Returns 0 or -1. */
PB_NOINLINE static int
threads_window(struct pb_worker *worker)
{
    const struct pb_kernel *kernel = worker->plan->kernel;
    int64_t left = worker->plan->iterations;
    int64_t safepoint_ns = worker->sample->start_ns;
    while (left > 0) {
        int64_t count = left < kernel->block ? left : kernel->block;
        if (kernel->loop(worker, count) < 0) {
            return -1;
        }
        left -= count;
        if (pb_stopping(worker)) {
            break;
        }
        if (kernel->attached && left > 0) {
            int64_t now_ns = pb_clock_ns();
            if (now_ns - safepoint_ns >= SAFEPOINT_NS) {
                safepoint_ns = threads_safepoint(worker, now_ns);
                if (safepoint_ns < 0) {
                    return -1;
                }
            }
        }
    }
    worker->sample->operations = worker->plan->iterations - left;
    return 0;
}

/* One round; false ends the worker. */
static bool
threads_round(struct pb_worker *worker)
{
    const struct pb_kernel *kernel = worker->plan->kernel;
    struct pb_sample *sample = &worker->samples[worker->round];
    worker->sample = sample;

    if (threads_hook(worker, kernel->round_prepare) < 0
        || !threads_start_line(worker)) {
        return false;
    }
    int64_t released_ns = pb_clock_ns();
    if (kernel->attached) {
        PyEval_RestoreThread(worker->tstate);
    }
    sample->attach_wait_ns = pb_clock_ns() - released_ns;
    int64_t switches = pb_thread_switches(false);
    int64_t cpu_ns = pb_clock_cpu_ns();
    pb_instructions_window(true);
    sample->start_ns = pb_clock_ns();

    int status = threads_window(worker);

    sample->stop_ns = pb_clock_ns();
    pb_instructions_window(false);
    sample->cpu_ns = pb_clock_cpu_ns() - cpu_ns;
    sample->cpu = threads_current_cpu();
    sample->switches =
        switches < 0 ? -1 : pb_thread_switches(false) - switches;
    sample->wall_ns = sample->stop_ns - sample->start_ns - sample->excluded_ns;
    if (status < 0) {
        threads_fail(worker->run, worker, kernel->attached);
    }
    if (kernel->attached) {
        (void)PyEval_SaveThread();
    }
    if (status < 0 || threads_hook(worker, kernel->round_finish) < 0) {
        return false;
    }
    return !pb_stopping(worker);
}

static void
threads_measured(struct pb_worker *worker)
{
    if (threads_hook(worker, worker->plan->kernel->prepare) < 0) {
        return;
    }
    for (; worker->round < worker->plan->rounds; worker->round++) {
        if (!threads_round(worker)) {
            return;
        }
    }
}

static void *
threads_worker(void *argument)
{
    struct pb_worker *worker = argument;
    struct pb_run *run = worker->run;
    const struct pb_kernel *kernel = worker->plan->kernel;

    threads_pin(worker->cpu);
    if (run->uses_thread_state) {
        /* On this thread, not on the coordinator: a free-threaded build binds
           the state to the caller's reference-count queue and heaps. */
        worker->tstate = PyThreadState_New(run->interpreter);
        if (worker->tstate == NULL) {
            worker->error = "no memory for a thread state";
            threads_fail(run, worker, false);
            goto end;
        }
    }
    if (worker->samples != NULL) {
        worker->prepared = true;
        threads_measured(worker);
    }
    else {
        threads_hook(worker, kernel->background);
        pb_background_ready(worker);
    }

end:
    if (worker->tstate != NULL) {
        PyEval_RestoreThread(worker->tstate);
        if (worker->prepared && kernel->finish != NULL) {
            kernel->finish(worker);
        }
        for (int i = 0; i < PB_OWNED; i++) {
            Py_CLEAR(worker->owned[i]);
        }
        PyThreadState_Clear(worker->tstate);
        PyThreadState_DeleteCurrent();
    }
    pthread_mutex_lock(&run->done_lock);
    run->ended++;
    pthread_cond_signal(&run->done);
    pthread_mutex_unlock(&run->done_lock);
    return NULL;
}

void
pb_background_ready(struct pb_worker *worker)
{
    struct pb_run *run = worker->run;
    if (worker->ready) {
        return;
    }
    worker->ready = true;
    pthread_mutex_lock(&run->done_lock);
    run->background_ready++;
    pthread_cond_signal(&run->done);
    pthread_mutex_unlock(&run->done_lock);
}

/* Waits, detached, until `ended` workers have ended (or, with `ready` not
   zero, that many background workers are at work), and looks for signals
   meanwhile.  After an exception all workers stop; with `ready` it does not wait
   for their end. */
static void
threads_wait(struct pb_run *run, size_t ended, int ready)
{
    bool failed = false;
    int64_t looked_ns = pb_clock_ns();
    PyThreadState *tstate = PyEval_SaveThread();
    pthread_mutex_lock(&run->done_lock);
    while (run->ended < ended && !(failed && ready != 0)
           && (ready == 0 || run->background_ready < ready)) {
        pb_condition_wait(&run->done, &run->done_lock, SIGNAL_NS);
        if (!failed && pb_clock_ns() - looked_ns >= SIGNAL_NS) {
            pthread_mutex_unlock(&run->done_lock);
            PyEval_RestoreThread(tstate);
            if (PyErr_CheckSignals() < 0) {
                failed = true;
                threads_fail(run, NULL, true);
            }
            tstate = PyEval_SaveThread();
            looked_ns = pb_clock_ns();
            pthread_mutex_lock(&run->done_lock);
        }
    }
    pthread_mutex_unlock(&run->done_lock);
    PyEval_RestoreThread(tstate);
}

/* Starts the workers from `first` up to `last`; returns behind which of them it
   came, the call failing where that is not `last`. */
static size_t
threads_start(struct pb_run *run, size_t first, size_t last)
{
    size_t i = first;
    for (; i < last; i++) {
        struct pb_worker *worker = &run->workers[i];
        int failure = pb_thread_start(&worker->thread, threads_worker, worker);
        if (failure != 0) {
            PyErr_Format(PyExc_RuntimeError,
                         "worker thread %zu of %zu could not start: %s; ask "
                         "for fewer threads or raise the limit on processes "
                         "(ulimit -u)",
                         i + 1, run->worker_count, strerror(failure));
            threads_fail(run, NULL, true);
            break;
        }
    }
    return i;
}

/* Starts, watches and joins; 0, or -1 with an exception set. */
static int
threads_execute(struct pb_run *run)
{
    size_t measured = (size_t)run->plan->threads;
    size_t measured_end = 0;

    /* Background workers lie behind the measured ones, but start first. */
    size_t background_end = threads_start(run, measured, run->worker_count);
    if (background_end == run->worker_count) {
        if (run->plan->background > 0) {
            threads_wait(run, run->worker_count, run->plan->background);
        }
        if (!atomic_load_explicit(&run->stop, memory_order_relaxed)) {
            measured_end = threads_start(run, 0, measured);
        }
    }
    /* The measured ones first: the background lasts as long as they do and ends
       only when told to. */
    threads_wait(run, measured_end, 0);
    atomic_store_explicit(&run->background_over, true, memory_order_relaxed);
    threads_wait(run, measured_end + (background_end - measured), 0);
    Py_BEGIN_ALLOW_THREADS
    for (size_t i = 0; i < background_end; i++) {
        if (i < measured_end || i >= measured) {
            pthread_join(run->workers[i].thread, NULL);
        }
    }
    Py_END_ALLOW_THREADS
    if (run->exception != NULL) {
        pb_set_exception(run->exception);
        return -1;
    }
    if (run->failed != NULL) {
        const char *error = run->failed->error;
        PyErr_Format(PyExc_RuntimeError, "%s, worker %d: %s", run->plan->name,
                     run->failed->index,
                     error != NULL ? error : "failed without a word");
        return -1;
    }
    return 0;
}

/* Fills what the workers are given; 0, or -1 with an exception set. */
static int
threads_prepare(struct pb_run *run, PyObject *module)
{
    const struct pb_plan *plan = run->plan;
    const struct pb_kernel *kernel = plan->kernel;
    size_t threads = (size_t)plan->threads, rounds = (size_t)plan->rounds;
    /* Each worker's own part begins on its own boundary. */
    size_t local_size = (kernel->local_size + PB_ALIGNMENT - 1)
                        / PB_ALIGNMENT * PB_ALIGNMENT;

    run->interpreter = PyInterpreterState_Get();
    run->worker_count = threads + (size_t)plan->background;
    run->safepoint = pb_get_state(module)->safepoint;
    run->uses_thread_state =
        kernel->attached || kernel->thread_state || kernel->prepare != NULL
        || kernel->round_prepare != NULL || kernel->round_finish != NULL
        || kernel->finish != NULL || kernel->background != NULL;
    run->workers = pb_allocate(run->worker_count, sizeof(*run->workers));
    run->samples = pb_allocate(threads * rounds, sizeof(*run->samples));
    run->locals = pb_allocate(run->worker_count, local_size);
    if (run->workers == NULL || run->samples == NULL || run->locals == NULL) {
        return -1;
    }
    for (size_t i = 0; i < run->worker_count; i++) {
        run->workers[i] = (struct pb_worker){
            .run = run,
            .plan = plan,
            .shared = plan->shared,
            .local = run->locals + i * local_size,
            .index = (int)i,
            .samples = i < threads ? run->samples + i * rounds : NULL,
            .cpu = -1,
        };
    }
    return 0;
}

int
pb_threads_allowed(PyObject *module, const char *name)
{
    if (pb_is_finalizing() || pb_get_state(module)->closed) {
        PyErr_Format(PyExc_RuntimeError,
                     "%s cannot run while the interpreter shuts down: its "
                     "threads could not attach any more",
                     name);
        return -1;
    }
    return 0;
}

PyObject *
pb_run(PyObject *module, const struct pb_plan *plan)
{
    if (pb_threads_allowed(module, plan->name) < 0) {
        return NULL;
    }
    struct pb_run *run = pb_allocate(1, sizeof(*run));
    if (run == NULL) {
        return NULL;
    }
    run->plan = plan;
    pthread_mutex_init(&run->lock, NULL);
    pthread_mutex_init(&run->done_lock, NULL);
    pthread_cond_init(&run->gate, NULL);
    pb_condition_init(&run->done);

    PyObject *results = NULL;
    int gil_enabled = pb_gil_enabled();
    if (gil_enabled < 0 || threads_prepare(run, module) < 0) {
        goto done;
    }
    int allowed = threads_assign_cpus(run);
    int limit = pb_get_state(module)->cpus_limit;
    struct pb_conditions conditions = {
        .gil_enabled = gil_enabled != 0,
        .clock_cost_ns = pb_clock_cost_ns(),
        .cpus = limit > 0 && (allowed == 0 || limit < allowed) ? limit
                                                               : allowed,
    };
    if (threads_execute(run) == 0) {
        results = pb_results(module, plan, run->samples, &conditions);
    }

done:
    pthread_cond_destroy(&run->done);
    pthread_cond_destroy(&run->gate);
    pthread_mutex_destroy(&run->done_lock);
    pthread_mutex_destroy(&run->lock);
    free(run->locals);
    free(run->samples);
    free(run->workers);
    free(run);
    return results;
}

PyDoc_STRVAR(limit_cpus_doc,
"limit_cpus($module, cpus, /)\n--\n\n"
"Tell how many CPUs a quota leaves this process: 1..65536, 0 for no limit.\n\n"
"Results are oversubscribed with more threads than that, or than the CPUs\n"
"the process may run on. Raises TypeError or ValueError for a bad number.");

static PyObject *
limit_cpus(PyObject *module, PyObject *cpus)
{
    static const struct pb_option option = {"cpus", .most = CPUS_MAX};
    int64_t limit;
    if (pb_option_read(&option, NULL, cpus, &limit) < 0) {
        return NULL;
    }
    pb_get_state(module)->cpus_limit = (int)limit;
    Py_RETURN_NONE;
}

PyMethodDef pb_threads_functions[] = {
    {"limit_cpus", limit_cpus, METH_O, limit_cpus_doc},
    {NULL, NULL, 0, NULL},
};

/* Called when this interpreter begins to exit. */
static PyObject *
threads_close(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    pb_get_state(module)->closed = true;
    Py_RETURN_NONE;
}

static PyMethodDef threads_close_method = {"close", threads_close, METH_NOARGS,
                                           NULL};

/* A thread that attaches to an interpreter which is past its exit functions
   ends or hangs then and there, and the call would wait for it for ever.
   pb_is_finalizing() knows of the main interpreter alone, so each module asks
   to be told. */
static int
threads_register_close(PyObject *module)
{
    PyObject *answer = NULL;
    PyObject *atexit = PyImport_ImportModule("atexit");
    PyObject *close =
        atexit == NULL ? NULL : PyCFunction_New(&threads_close_method, module);
    if (close != NULL) {
        answer = PyObject_CallMethod(atexit, "register", "O", close);
    }
    Py_XDECREF(answer);
    Py_XDECREF(close);
    Py_XDECREF(atexit);
    return answer == NULL ? -1 : 0;
}

/* With a jump backwards: on a free-threaded build a call alone, once specialized,
   is no moment between two instructions to the reclamation of memory. */
static const char safepoint_source[] =
    "def safepoint():\n"
    "    for _ in (None,):\n"
    "        pass\n";

int
pb_threads_add(PyObject *module)
{
    /* Made once per module, not per call: 3.13t makes functions immortal from
       the first thread on, so each one would stay for ever. */
    struct pb_state *state = pb_get_state(module);
    PyObject *names = pb_define(safepoint_source, Py_None);
    if (names == NULL) {
        return -1;
    }
    state->safepoint = pb_defined(names, "safepoint");
    Py_DECREF(names);
    return state->safepoint == NULL ? -1 : threads_register_close(module);
}
