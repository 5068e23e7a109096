/* sampler.c - what is a thread doing, at equal steps of its CPU time?

   A thread that joined gets a signal now and then while it runs.  The handler
   notes the instruction that the thread's current frame is in, and whether the
   machine code that was interrupted lies in the evaluation loop.  Nothing is
   traced, so the program pays for its samples alone.  What a sample means is
   for the caller to say: an instruction that calls, outside of the loop and
   without a frame above it, is inside of a callable that is written in C.

   Timers of CPU time never wake who sleeps, but the kernel looks at them in its
   ticks alone, 4 ms apart, and what runs at a tick is not just anything.  So
   that timer only begins a series of steps by the wall clock, each of random
   length.  The series ends where the thread gave its CPU away within a step:
   where it is now says nothing of the CPU time before.

   The handler runs between any two machine instructions.  It takes no lock,
   allocates nothing and calls nothing of Python.  What it follows may be half
   written or gone, so it reads all of it by process_vm_readv, which fails
   where a pointer leads nowhere.  The layout of a frame is private to CPython:
   sampler_start() reads its own caller in this way, and refuses to work where
   that is not what Python says of the caller.

   Signal handlers belong to the process, and so does all state here.  Who holds
   the lock calls nothing of Python: that could call these functions again (a
   finalizer, a signal handler, a profile function), or wait for a thread that
   waits for the lock.  A child of a fork inherits no timer, and is refused. */

#include "areas.h"
#include "clock.h"
#include "options.h"
#include "threads.h"

#ifdef __linux__

#include <dlfcn.h>  // dladdr1, dlsym
#include <errno.h>
#include <link.h>  // ElfW, dl_iterate_phdr
#include <pthread.h>
#include <sched.h>   // sched_yield
#include <signal.h>  // sigaction
#include <stdatomic.h>
#include <stddef.h>  // offsetof
#include <stdlib.h>  // calloc
#include <string.h>  // memset, strerror
#include <sys/syscall.h>
#include <sys/uio.h>  // process_vm_readv
#include <time.h>     // timer_create
#include <ucontext.h>
#include <unistd.h>  // getpid
#include <unwind.h>  // _Unwind_Backtrace

#ifndef sigev_notify_thread_id
#  define sigev_notify_thread_id _sigev_un._tid
#endif

enum { SAMPLER_THREADS = 512, SAMPLER_COPIES = 64, SAMPLER_WORDS = 8 };

/* Frames that are followed down to one that lies on the thread's stack of
   frames; those of generators do not. */
enum { SAMPLER_DEPTH = 32 };
/* Ranges of the loop; frames of C that are looked at to learn them. */
enum { SAMPLER_LOOP = 3, SAMPLER_CHAIN = 16, SAMPLER_FUNCTION_MOST = 1 << 17 };

/* Where the interrupted machine code lies. */
enum { PLACE_LOOP = 0, PLACE_OWN = 1, PLACE_LIBRARY = 2 };

struct sampler_sample {
    int thread;
    int place;
    bool entering;    // a frame is there that is not the current one
    int opcode;       // -1: no frame, or none that could be read
    int64_t weight;   // ns of CPU time that it stands for
    uintptr_t code;   // the code object's id, 0 without one
    int64_t offset;   // of the instruction in bytes; -1 unknown
};

struct sampler_slot {
    atomic_int thread;  // 0: free
    timer_t ticks;      // of CPU time: begins a series of steps
    timer_t step;       // of the wall clock: ends one step
    PyThreadState *state;
    /* Of the step that goes on, the thread's own; cpu_ns is 0 for none.  Atomic
       for a signal that comes late, when another thread has the slot. */
    atomic_llong cpu_ns;
    int64_t given_away;  // its voluntary context switches
    uint32_t random;
};

struct sampler_range {
    uintptr_t start;
    uintptr_t stop;
};

struct sampler_places {
    struct sampler_range loop[SAMPLER_LOOP];
    struct sampler_range own[2];  // the interpreter, and the C library
};

/* What became of a call; all but SAMPLER_WELL raise. */
enum sampler_status {
    SAMPLER_WELL, SAMPLER_INHERITED, SAMPLER_STARTED, SAMPLER_NOT_STARTED,
    SAMPLER_SIGNAL_TAKEN, SAMPLER_NO_SIGNAL, SAMPLER_TOO_MANY,
    SAMPLER_NO_TIMER, SAMPLER_NO_MEMORY,
};
static const char *const sampler_messages[] = {
    [SAMPLER_INHERITED] = "the sampler was started before a fork, in the "
                          "parent of this process",
    [SAMPLER_STARTED] = "the sampler is started already: one in a process",
    [SAMPLER_NOT_STARTED] = "the sampler is not started",
    [SAMPLER_SIGNAL_TAKEN] = "the program took signal %d, which the sampler "
                             "used",
    [SAMPLER_NO_SIGNAL] = "no sampler: all real-time signals are in use",
    [SAMPLER_TOO_MANY] = "more than %d threads are sampled at once",
};

static struct {
    pthread_mutex_t lock;  // of all but what the handler reads
    atomic_bool open;      // samples are taken
    atomic_int inside;     // handlers that run now
    atomic_llong count;    // samples since the last drain, lost ones too
    struct sampler_sample *samples;
    int64_t capacity;
    int64_t interval_ns;
    int64_t starts;  // tells the slots of one start from those of the next
    atomic_int signal;   // 0: not started
    atomic_int process;  // which started it last
    struct sigaction before;
    struct sampler_places places;
    struct sampler_slot slots[SAMPLER_THREADS];
} sampler = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct sampler_slot *sampler_mine;
static _Thread_local int64_t sampler_mine_start;

/* ---- what the handler does ---- */

static bool
sampler_read(uintptr_t from, void *to, size_t size)
{
    struct iovec local = {.iov_base = to, .iov_len = size};
    struct iovec remote = {.iov_base = (void *)from, .iov_len = size};
    return process_vm_readv(atomic_load(&sampler.process), &local, 1, &remote,
                            1, 0)
           == (ssize_t)size;
}

/* Reads what `to` points at, or an array of that size. */
#define READ(from, to) sampler_read((uintptr_t)(from), (to), sizeof(*(to)))
#define MEMBER(code, type, member) ((code) + offsetof(type, member))

static bool
sampler_within(struct sampler_range range, uintptr_t address)
{
    return address >= range.start && address < range.stop;
}

#if PB_HAVE_CODE_COPIES
/* The offset in one of the copies of the bytecode that threads have. */
static int64_t
sampler_offset_in_copy(uintptr_t code, uintptr_t instruction, int64_t bytes)
{
    uintptr_t array;
    Py_ssize_t size;
    uintptr_t entries[SAMPLER_COPIES];
    if (!READ(MEMBER(code, PyCodeObject, co_tlbc), &array) || array == 0
        || !READ(MEMBER(array, _PyCodeArray, size), &size) || size <= 0) {
        return -1;
    }
    size = Py_MIN(size, SAMPLER_COPIES);
    if (!sampler_read(MEMBER(array, _PyCodeArray, entries), entries,
                      (size_t)size * sizeof(entries[0]))) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        int64_t offset = (int64_t)(instruction - entries[i]);
        if (entries[i] != 0 && offset >= 0 && offset < bytes) {
            return offset;
        }
    }
    return -1;
}
#endif

/* Words of a frame that runs this code; 0 where it cannot be read. */
static uintptr_t
sampler_frame_words(uintptr_t code)
{
#ifdef PB_FRAME_OWN_WORDS
    int variables, operands;
    return READ(MEMBER(code, PyCodeObject, co_nlocalsplus), &variables)
                   && READ(MEMBER(code, PyCodeObject, co_stacksize), &operands)
               ? (uintptr_t)variables + (uintptr_t)operands
                     + PB_FRAME_OWN_WORDS
               : 0;
#else
    int words;
    return READ(MEMBER(code, PyCodeObject, co_framesize), &words)
               ? (uintptr_t)words
               : 0;
#endif
}

/* Is a frame being made, or taken down, beyond the current one?  Then C code
   calls Python or comes back from it, which is the evaluation loop's work. */
static bool
sampler_is_entering(PyThreadState *state, uintptr_t frame)
{
    uintptr_t chunk, top, limit, words[SAMPLER_WORDS];
    if (!READ(&state->datastack_chunk, &chunk)
        || !READ(&state->datastack_top, &top)
        || !READ(&state->datastack_limit, &limit)) {
        return false;
    }
    for (int depth = 0; depth < SAMPLER_DEPTH && frame != 0; depth++) {
        if (!READ(frame, &words)) {
            return false;
        }
        if (frame >= chunk && frame < limit) {
            uintptr_t code = words[PB_FRAME_CODE] & ~(uintptr_t)3;
            return top > frame
                   && (top - frame) / sizeof(PyObject *)
                          > sampler_frame_words(code);
        }
        frame = words[PB_FRAME_PREVIOUS];
    }
    return false;
}

/* Fills code, offset and opcode, as far as there is something to be read. */
static void
sampler_look(PyThreadState *state, struct sampler_sample *sample)
{
    uintptr_t frame, words[SAMPLER_WORDS];
    unsigned char unit[2];
    sample->opcode = -1;
    sample->code = 0;
    sample->offset = -1;
    sample->entering = false;
#if PB_HAVE_CFRAME
    uintptr_t cframe;
    if (!READ(&state->cframe, &cframe)
        || !READ(MEMBER(cframe, _PyCFrame, current_frame), &frame)) {
        return;
    }
#else
    if (!READ(&state->current_frame, &frame)) {
        return;
    }
#endif
    if (frame == 0 || !READ(frame, &words)
        || !READ(words[PB_FRAME_INSTRUCTION], &unit)) {
        return;
    }
    sample->opcode = unit[0];
    sample->entering = sampler_is_entering(state, frame);
    sample->code = words[PB_FRAME_CODE] & ~(uintptr_t)3;  // less its tag
    Py_ssize_t units;
    if (!READ(MEMBER(sample->code, PyVarObject, ob_size), &units)) {
        return;
    }
    int64_t bytes = (int64_t)units * 2;
    int64_t offset = (int64_t)(words[PB_FRAME_INSTRUCTION]
                               - (sample->code
                                  + offsetof(PyCodeObject, co_code_adaptive)));
    if (offset >= 0 && offset < bytes) {
        sample->offset = offset;
        return;
    }
#if PB_HAVE_CODE_COPIES
    sample->offset = sampler_offset_in_copy(
        sample->code, words[PB_FRAME_INSTRUCTION], bytes);
#endif
}

static int
sampler_place(const ucontext_t *context)
{
#if defined(__x86_64__) && defined(REG_RIP)
    uintptr_t counter = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    uintptr_t counter = (uintptr_t)context->uc_mcontext.pc;
#else  // not known to be in the loop, nor in a library
    uintptr_t counter = sampler.places.own[0].start;
    (void)context;
#endif
    const struct sampler_places *places = &sampler.places;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(places->loop); i++) {
        if (sampler_within(places->loop[i], counter)) {
            return PLACE_LOOP;
        }
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(places->own); i++) {
        if (sampler_within(places->own[i], counter)) {
            return PLACE_OWN;
        }
    }
    return PLACE_LIBRARY;
}

static struct timespec
sampler_timespec(int64_t time_ns)
{
    return (struct timespec){.tv_sec = time_ns / 1000000000,
                             .tv_nsec = time_ns % 1000000000};
}

/* Begins a step of 0.5 to 1.5 intervals, not in step with anything. */
static void
sampler_begin_step(struct sampler_slot *slot)
{
    slot->random = slot->random * 1664525u + 1013904223u;
    int64_t length_ns = sampler.interval_ns / 2
                        + sampler.interval_ns * (slot->random >> 16) / 65536;
    struct itimerspec once = {.it_value = sampler_timespec(length_ns)};
    atomic_store(&slot->cpu_ns, pb_clock_cpu_ns());
    slot->given_away = pb_thread_switches(true);
    if (timer_settime(slot->step, 0, &once, NULL) != 0) {
        atomic_store(&slot->cpu_ns, 0);
    }
}

/* What a timer of the slot's own thread means: a tick (`which` 0) or the end of
   a step. */
static void
sampler_advance(struct sampler_slot *slot, int which, int thread,
                const ucontext_t *context)
{
    bool open = atomic_load(&sampler.open);
    int64_t begun_ns = atomic_load(&slot->cpu_ns);
    if (which == 0) {
        if (open && begun_ns == 0) {
            sampler_begin_step(slot);
        }
        return;
    }
    if (!open || begun_ns == 0
        || pb_thread_switches(true) != slot->given_away) {
        atomic_store(&slot->cpu_ns, 0);  // the next tick begins a series
        return;
    }
    int64_t ran_ns = pb_clock_cpu_ns() - begun_ns;
    long long index = atomic_fetch_add(&sampler.count, 1);
    if (index < sampler.capacity) {  // the caller learns how many were lost
        struct sampler_sample *sample = &sampler.samples[index];
        sample->thread = thread;
        sample->weight = ran_ns;
        sample->place = sampler_place(context);
        sampler_look(slot->state, sample);
    }
    sampler_begin_step(slot);
}

static void
sampler_handle(int Py_UNUSED(number), siginfo_t *info, void *context)
{
    int error = errno;
    atomic_fetch_add(&sampler.inside, 1);
    int which = info->si_value.sival_int;
    /* Else it was sent by somebody else. */
    if (info->si_code == SI_TIMER && which >= 0
        && which < 2 * SAMPLER_THREADS) {
        struct sampler_slot *slot = &sampler.slots[which / 2];
        int thread = (int)syscall(SYS_gettid);
        if (atomic_load(&slot->thread) == thread) {  // else it is late
            sampler_advance(slot, which % 2, thread, context);
        }
    }
    atomic_fetch_sub(&sampler.inside, 1);
    errno = error;
}

/* ---- starting and stopping; the lock is held ---- */

static void
sampler_close_door(void)
{
    atomic_store(&sampler.open, false);
    while (atomic_load(&sampler.inside) > 0) {
        sched_yield();  // handlers are short, and wait for nobody
    }
}

static void
sampler_disarm(struct sampler_slot *slot)
{
    /* First, so that the thread's own handler leaves the timers alone. */
    if (atomic_exchange(&slot->thread, 0) != 0) {
        timer_delete(slot->ticks);
        timer_delete(slot->step);
    }
}

/* A slot that is free, or was left by a thread that ended; NULL for none. */
static struct sampler_slot *
sampler_free_slot(void)
{
    for (int i = 0; i < SAMPLER_THREADS; i++) {
        if (atomic_load(&sampler.slots[i].thread) == 0) {
            return &sampler.slots[i];
        }
    }
    struct sampler_slot *left = NULL;
    for (int i = 0; i < SAMPLER_THREADS; i++) {
        struct sampler_slot *slot = &sampler.slots[i];
        if (syscall(SYS_tgkill, getpid(), atomic_load(&slot->thread), 0) != 0
            && errno == ESRCH) {
            sampler_disarm(slot);
            left = slot;
        }
    }
    return left;
}

static enum sampler_status
sampler_arm(PyThreadState *state)
{
    struct sampler_slot *slot = sampler_free_slot();
    if (slot == NULL) {
        return SAMPLER_TOO_MANY;
    }
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
                             .sigev_signo = atomic_load(&sampler.signal)};
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    int which = 2 * (int)(slot - sampler.slots);
    event.sigev_value.sival_int = which;
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &slot->ticks) != 0) {
        return SAMPLER_NO_TIMER;
    }
    event.sigev_value.sival_int = which + 1;
    if (timer_create(CLOCK_MONOTONIC, &event, &slot->step) != 0) {
        int error = errno;
        timer_delete(slot->ticks);
        errno = error;
        return SAMPLER_NO_TIMER;
    }
    slot->state = state;
    slot->random = (uint32_t)event.sigev_notify_thread_id * 2654435761u;
    atomic_store(&slot->thread, event.sigev_notify_thread_id);
    sampler_begin_step(slot);  // a thread may end before its first tick
    struct timespec often = sampler_timespec(sampler.interval_ns);
    struct itimerspec always = {.it_interval = often, .it_value = often};
    if (timer_settime(slot->ticks, 0, &always, NULL) != 0) {
        int error = errno;
        sampler_disarm(slot);
        errno = error;
        return SAMPLER_NO_TIMER;
    }
    sampler_mine = slot;
    sampler_mine_start = sampler.starts;
    return SAMPLER_WELL;
}

static bool
sampler_has_joined(void)
{
    return sampler_mine != NULL && sampler_mine_start == sampler.starts;
}

/* The range of an object's machine code that holds an address. */
struct sampler_search {
    uintptr_t address;
    struct sampler_range found;
};

static int
sampler_search_object(struct dl_phdr_info *info, size_t Py_UNUSED(size),
                      void *data)
{
    struct sampler_search *search = data;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        struct sampler_range range = {
            .start = (uintptr_t)(info->dlpi_addr + header->p_vaddr)};
        range.stop = range.start + header->p_memsz;
        if (header->p_type == PT_LOAD && (header->p_flags & PF_X)
            && sampler_within(range, search->address)) {
            search->found = range;
            return 1;
        }
    }
    return 0;
}

/* ---- how C code comes into the evaluation loop ---- */

/* Where the functions begin that are on the stack, the innermost first. */
struct sampler_chain {
    int count;
    uintptr_t starts[SAMPLER_CHAIN];
};

static _Unwind_Reason_Code
sampler_note_function(struct _Unwind_Context *context, void *data)
{
    struct sampler_chain *chain = data;
    uintptr_t counter = (uintptr_t)_Unwind_GetIP(context);
    if (chain->count == SAMPLER_CHAIN || counter == 0) {
        return _URC_END_OF_STACK;
    }
    chain->starts[chain->count++] =
        (uintptr_t)_Unwind_FindEnclosingFunction((void *)(counter - 1));
    return _URC_NO_REASON;
}

static PyObject *
sampler_note_chain(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    struct sampler_chain *chain = PyCapsule_GetPointer(capsule, NULL);
    if (chain == NULL) {
        return NULL;
    }
    struct sampler_chain noted = {0};
    _Unwind_Backtrace(sampler_note_function, &noted);
    *chain = noted;
    Py_RETURN_NONE;
}

/* The program may see the function (a profile function, the collector), keep
   it, and call it when all here is over. */
static void
sampler_free_chain(PyObject *capsule)
{
    free(PyCapsule_GetPointer(capsule, NULL));
}

static PyMethodDef sampler_note_method = {
    "sampler_note_chain", sampler_note_chain, METH_NOARGS, NULL};

static struct sampler_range
sampler_function_range(uintptr_t start)
{
    struct sampler_range range = {.start = start, .stop = start};
    while (range.stop - start < SAMPLER_FUNCTION_MOST
           && (uintptr_t)_Unwind_FindEnclosingFunction(
                  (void *)(range.stop + 1)) == start) {
        range.stop += 16;
    }
    return range;
}

/* Calls Python from C, and C from that.  What lies between is how the loop is
   entered: two functions that most builds do not export, some not even by a
   name.  Where they are not found their time counts for whoever calls.  0, or
   -1 with an exception. */
static int
sampler_learn_entry(struct sampler_places *places)
{
    PyObject *globals = PyDict_New();
    PyObject *python = NULL, *native = NULL, *result = NULL, *capsule = NULL;
    struct sampler_chain *chain = calloc(1, sizeof(*chain));
    if (chain == NULL || globals == NULL) {
        free(chain);
        Py_XDECREF(globals);
        PyErr_NoMemory();
        return -1;
    }
    capsule = PyCapsule_New(chain, NULL, sampler_free_chain);
    if (capsule == NULL) {
        free(chain);
        goto done;
    }
    native = PyCFunction_New(&sampler_note_method, capsule);
    if (native == NULL
        || PyDict_SetItemString(globals, "__builtins__",
                                PyEval_GetBuiltins()) < 0) {
        goto done;
    }
    python = PyRun_String("lambda native: native()", Py_eval_input, globals,
                          globals);
    if (python == NULL) {
        goto done;
    }
    result = PyObject_CallOneArg(python, native);
    uintptr_t caller = (uintptr_t)dlsym(RTLD_DEFAULT, "PyObject_CallOneArg");
    for (int i = 3; caller != 0 && i < chain->count; i++) {
        if (chain->starts[i] == caller) {
            places->loop[1] = sampler_function_range(chain->starts[i - 1]);
            places->loop[2] = sampler_function_range(chain->starts[i - 2]);
            break;
        }
    }

done:
    Py_XDECREF(result);
    Py_XDECREF(python);
    Py_XDECREF(native);
    Py_XDECREF(globals);
    Py_XDECREF(capsule);
    return result == NULL ? -1 : 0;
}

/* Where the evaluation loop is; nowhere if it cannot be found. */
static struct sampler_range
sampler_find_loop(void)
{
    struct sampler_range range = {0};
    void *start = dlsym(RTLD_DEFAULT, "_PyEval_EvalFrameDefault");
    if (start == NULL) {
        return range;
    }
#ifdef __GLIBC__  // which has dladdr1, by no macro of its own
    Dl_info object;
    const ElfW(Sym) *symbol = NULL;
    if (dladdr1(start, &object, (void **)&symbol, RTLD_DL_SYMENT) != 0
        && symbol != NULL) {
        range.start = (uintptr_t)start;
        range.stop = (uintptr_t)start + symbol->st_size;
    }
#else  // a C library without symbols of its own keeps to the unwind tables
    range = sampler_function_range((uintptr_t)start);
#endif
    return range;
}

static int
sampler_find_places(struct sampler_places *places)
{
    memset(places, 0, sizeof(*places));
    places->loop[0] = sampler_find_loop();
    const uintptr_t inside[] = {(uintptr_t)dlsym(RTLD_DEFAULT, "Py_IncRef"),
                                (uintptr_t)dlsym(RTLD_DEFAULT, "malloc")};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(inside); i++) {
        struct sampler_search search = {.address = inside[i]};
        dl_iterate_phdr(sampler_search_object, &search);
        places->own[i] = search.found;
    }
    return sampler_learn_entry(places);
}

/* Is the caller what a sample of it says?  0, or -1 with an exception. */
static int
sampler_check_layout(void)
{
    struct sampler_sample sample = {.opcode = -1};
    long probe = 1, copy = 0;
    if (!READ(&probe, &copy)) {
        PyErr_Format(PyExc_RuntimeError,
                     "no sampler here: process_vm_readv of the own process "
                     "fails (%s)", strerror(errno));
        return -1;
    }
    PyThreadState *state = PyThreadState_Get();
    PyFrameObject *frame = PyThreadState_GetFrame(state);
    if (frame == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "sampler_start() was not called by Python code");
        return -1;
    }
    PyCodeObject *code = PyFrame_GetCode(frame);
    sampler_look(state, &sample);
    int offset = PyFrame_GetLasti(frame);
    bool same = sample.code == (uintptr_t)code && sample.offset == offset
                && !sample.entering;
    Py_DECREF(code);
    Py_DECREF(frame);
    if (!same) {
        PyErr_SetString(PyExc_RuntimeError,
                        "no sampler here: frames of this interpreter have "
                        "another layout than this extension knows");
        return -1;
    }
    return 0;
}

/* ---- under the lock ---- */

static enum sampler_status
sampler_take_signal(void)
{
    struct sigaction action = {.sa_sigaction = sampler_handle,
                               .sa_flags =
                                   SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    for (int number = SIGRTMAX - 1; number >= SIGRTMIN; number--) {
        if (sigaction(number, NULL, &sampler.before) == 0
            && !(sampler.before.sa_flags & SA_SIGINFO)
            && sampler.before.sa_handler == SIG_DFL
            && sigaction(number, &action, NULL) == 0) {
            atomic_store(&sampler.signal, number);
            return SAMPLER_WELL;
        }
    }
    return SAMPLER_NO_SIGNAL;
}

static bool
sampler_has_signal(void)
{
    struct sigaction now;
    return sigaction(atomic_load(&sampler.signal), NULL, &now) == 0
           && (now.sa_flags & SA_SIGINFO)
           && now.sa_sigaction == sampler_handle;
}

static enum sampler_status
sampler_end(void *Py_UNUSED(ignored))
{
    sampler_close_door();
    for (int i = 0; i < SAMPLER_THREADS; i++) {
        sampler_disarm(&sampler.slots[i]);
    }
    int number = atomic_load(&sampler.signal);
    if (number != 0 && sampler_has_signal()) {
        /* Ignoring it throws away those under way; by default they kill. */
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        sigaction(number, &ignore, NULL);
        sigaction(number, &sampler.before, NULL);
    }
    atomic_store(&sampler.signal, 0);
    free(sampler.samples);
    sampler.samples = NULL;
    return SAMPLER_WELL;
}

/* What sampler_start() asks for. */
struct sampler_request {
    struct sampler_sample *samples;  // the sampler's on success alone
    int64_t capacity;
    int64_t interval_ns;
    struct sampler_places places;
    PyThreadState *state;
};

/* So that the process can read itself. */
static enum sampler_status
sampler_claim(void *Py_UNUSED(ignored))
{
    atomic_store(&sampler.process, getpid());
    return SAMPLER_WELL;
}

static enum sampler_status
sampler_begin(void *argument)
{
    const struct sampler_request *request = argument;
    sampler.samples = request->samples;
    sampler.capacity = request->capacity;
    sampler.interval_ns = request->interval_ns;
    sampler.places = request->places;
    sampler.starts++;
    atomic_store(&sampler.count, 0);
    enum sampler_status status = sampler_take_signal();
    if (status == SAMPLER_WELL) {
        status = sampler_arm(request->state);
    }
    if (status == SAMPLER_WELL) {
        atomic_store(&sampler.open, true);
        return status;
    }
    int error = errno;
    sampler.samples = NULL;
    (void)sampler_end(NULL);
    errno = error;
    return status;
}

static enum sampler_status
sampler_add_thread(void *state)
{
    return sampler_has_joined() ? SAMPLER_WELL : sampler_arm(state);
}

static enum sampler_status
sampler_remove_thread(void *Py_UNUSED(ignored))
{
    if (sampler_has_joined()) {
        sampler_disarm(sampler_mine);
        sampler_mine = NULL;
    }
    return SAMPLER_WELL;
}

/* What was sampled since the last time; the caller frees it. */
struct sampler_taken {
    struct sampler_sample *samples;
    int64_t count;
    int64_t lost;
};

static enum sampler_status
sampler_take(void *argument)
{
    struct sampler_taken *taken = argument;
    if (!sampler_has_signal()) {
        return SAMPLER_SIGNAL_TAKEN;
    }
    sampler_close_door();
    int64_t count = (int64_t)atomic_load(&sampler.count);
    taken->count = Py_MIN(count, sampler.capacity);
    taken->lost = count - taken->count;
    size_t size = (size_t)taken->count * sizeof(*taken->samples);
    taken->samples = malloc(size + 1);
    if (taken->samples != NULL) {
        memcpy(taken->samples, sampler.samples, size);
        atomic_store(&sampler.count, 0);
    }
    atomic_store(&sampler.open, true);
    return taken->samples == NULL ? SAMPLER_NO_MEMORY : SAMPLER_WELL;
}

/* ---- the lock ---- */

/* A fork waits for the lock, so that it is free in the child. */
static void
sampler_before_fork(void)
{
    pthread_mutex_lock(&sampler.lock);
}

static void
sampler_after_fork(void)
{
    pthread_mutex_unlock(&sampler.lock);
}

static void
sampler_after_fork_child(void)
{
    atomic_store(&sampler.inside, 0);  // those threads are not here
    pthread_mutex_unlock(&sampler.lock);
}

static void
sampler_watch_forks(void)
{
    pthread_atfork(sampler_before_fork, sampler_after_fork,
                   sampler_after_fork_child);
}

enum sampler_need { NEED_NOTHING, NEED_STARTED, NEED_STOPPED };

/* Does something under the lock, for a while too short to be worth detaching
   the thread; 0, or -1 with the exception of what was not well. */
static int
sampler_locked(enum sampler_need need,
               enum sampler_status (*action)(void *argument), void *argument)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, sampler_watch_forks);
    pthread_mutex_lock(&sampler.lock);
    int number = atomic_load(&sampler.signal);
    enum sampler_status status =
        number != 0 && atomic_load(&sampler.process) != getpid()
            ? SAMPLER_INHERITED
        : need == NEED_STARTED && number == 0 ? SAMPLER_NOT_STARTED
        : need == NEED_STOPPED && number != 0 ? SAMPLER_STARTED
                                              : action(argument);
    int error = errno;
    pthread_mutex_unlock(&sampler.lock);
    if (status == SAMPLER_WELL) {
        return 0;
    }
    if (status == SAMPLER_NO_MEMORY) {
        PyErr_NoMemory();
    }
    else if (status == SAMPLER_NO_TIMER) {
        PyErr_Format(PyExc_OSError,
                     "no timer for another thread to sample: %s",
                     strerror(error));
    }
    else {
        PyErr_Format(PyExc_RuntimeError, sampler_messages[status],
                     status == SAMPLER_TOO_MANY ? SAMPLER_THREADS : number);
    }
    return -1;
}

static PyObject *
sampler_none(int status)
{
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

#endif /* __linux__ */

/* ---- the functions ---- */

PyDoc_STRVAR(sampler_start_doc,
"sampler_start($module, /, *, capacity=100000, interval_ns=1000000)\n--\n\n"
"Start the sampler of this process; the calling thread joins it.\n\n"
"capacity: samples that are kept until they are drained, 1..1000000.\n"
"interval_ns: from one sample of a thread that runs to the next, on average,\n"
"100000..10**9.\n"
"Raises RuntimeError when one runs already, or where there can be none.");

static PyObject *
sampler_start(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"capacity", "interval_ns", NULL};
    PyObject *given_capacity = NULL, *given_interval = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OO:sampler_start", names,
                                     &given_capacity, &given_interval)) {
        return NULL;
    }
#ifdef __linux__
    static const struct pb_option capacity_option = {
        "capacity", .least = 1, .most = 1000000, .otherwise = 100000};
    static const struct pb_option interval_option = {
        "interval_ns", .least = 100000, .most = 1000000000,
        .otherwise = 1000000};
    struct sampler_request request = {.state = PyThreadState_Get()};
    if (pb_option_read(&capacity_option, NULL, given_capacity,
                       &request.capacity) < 0
        || pb_option_read(&interval_option, NULL, given_interval,
                          &request.interval_ns) < 0
        || sampler_locked(NEED_STOPPED, sampler_claim, NULL) < 0
        /* Without the lock: both call Python. */
        || sampler_check_layout() < 0
        || sampler_find_places(&request.places) < 0) {
        return NULL;
    }
    request.samples =
        calloc((size_t)request.capacity, sizeof(*request.samples));
    if (request.samples == NULL) {
        return PyErr_NoMemory();
    }
    int status = sampler_locked(NEED_STOPPED, sampler_begin, &request);
    if (status < 0) {
        free(request.samples);
    }
    return sampler_none(status);
#else
    return PyErr_Format(PyExc_RuntimeError,
                        "no sampler here: timers of a thread's CPU time that "
                        "signal that thread are Linux's");
#endif
}

#ifdef __linux__

PyDoc_STRVAR(sampler_join_doc,
"sampler_join($module, /)\n--\n\n"
"Have the calling thread sampled as well; harmless when it is.\n\n"
"Raises RuntimeError when the sampler is not started.");

static PyObject *
sampler_join(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return sampler_none(sampler_locked(NEED_STARTED, sampler_add_thread,
                                       PyThreadState_Get()));
}

PyDoc_STRVAR(sampler_leave_doc,
"sampler_leave($module, /)\n--\n\n"
"Sample the calling thread no longer; harmless when it is not.");

static PyObject *
sampler_leave(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return sampler_none(
        sampler_locked(NEED_NOTHING, sampler_remove_thread, NULL));
}

static PyObject *
sampler_list(const struct sampler_taken *taken)
{
    PyObject *list = PyList_New(0);
    for (int64_t i = 0; list != NULL && i < taken->count; i++) {
        const struct sampler_sample *sample = &taken->samples[i];
        pb_list_add(&list,
                    Py_BuildValue("(iLKLiiO)", sample->thread,
                                  (long long)sample->weight,
                                  (unsigned long long)sample->code,
                                  (long long)sample->offset, sample->opcode,
                                  sample->place,
                                  sample->entering ? Py_True : Py_False));
    }
    return list;
}

PyDoc_STRVAR(sampler_drain_doc,
"sampler_drain($module, /)\n--\n\n"
"Return the samples since the last drain, and how many more were lost.\n\n"
"Each is (thread, weight, code, offset, opcode, place, entering): the native id\n"
"of the thread; the ns of its CPU time that it stands for; the id of the code\n"
"object of its current frame, 0 without one; the offset of the instruction in\n"
"bytes, and its opcode as it is in memory, -1 if unknown; where the machine code\n"
"was: 0 in the evaluation loop, 1 elsewhere in the interpreter or the C library,\n"
"2 in another library; whether a frame was being made or taken down beyond the\n"
"current one. Raises RuntimeError when the sampler is not started, or when the\n"
"program took its signal away.");

static PyObject *
sampler_drain(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    struct sampler_taken taken = {0};
    if (sampler_locked(NEED_STARTED, sampler_take, &taken) < 0) {
        return NULL;
    }
    PyObject *list = sampler_list(&taken);
    free(taken.samples);
    return list == NULL ? NULL
                        : Py_BuildValue("(NL)", list, (long long)taken.lost);
}

PyDoc_STRVAR(sampler_stop_doc,
"sampler_stop($module, /)\n--\n\n"
"Stop the sampler: no timer is left, and its signal is as it was before.\n\n"
"Samples that were not drained are lost.  Harmless when it is not started.");

static PyObject *
sampler_stop(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return sampler_none(sampler_locked(NEED_NOTHING, sampler_end, NULL));
}

#endif /* __linux__ */

PyMethodDef pb_sampler_functions[] = {
    {"sampler_start", (PyCFunction)(void (*)(void))sampler_start,
     METH_VARARGS | METH_KEYWORDS, sampler_start_doc},
#ifdef __linux__
    {"sampler_join", sampler_join, METH_NOARGS, sampler_join_doc},
    {"sampler_leave", sampler_leave, METH_NOARGS, sampler_leave_doc},
    {"sampler_drain", sampler_drain, METH_NOARGS, sampler_drain_doc},
    {"sampler_stop", sampler_stop, METH_NOARGS, sampler_stop_doc},
#endif
    {NULL, NULL, 0, NULL},
};
