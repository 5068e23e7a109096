/* threads.h - the driver that every kernel shares.

   A kernel is a loop that does one named operation `iterations` times on each
   of `threads` threads.  The driver starts one native thread per worker (also
   for a single one, so that every number is made the same way), lets them
   begin each round on one start line, and notes per worker and round when its
   loop began and ended.  The calling thread only coordinates: detached, asleep,
   awake every few milliseconds to look for Ctrl-C. */

#ifndef PB_THREADS_H
#define PB_THREADS_H

#include "compat.h"
#include "kernel.h"

#include <pthread.h>

/* Runs the plan and returns a list of KernelResult, or NULL with an exception
   set.  No thread is left behind in either case. */
PyObject *pb_run(PyObject *module, const struct pb_plan *plan);

/* 0, or -1 with a RuntimeError when threads of `name` could not attach any
   more, because this interpreter shuts down. */
int pb_threads_allowed(PyObject *module, const char *name);

/* For loops that wait for other workers: the call is ending early. */
bool pb_stopping(const struct pb_worker *worker);

/* For background workers: the measured ones are done, or the call is ending. */
bool pb_background_over(const struct pb_worker *worker);

/* For a background worker: it is now doing what it is there for; may be called
   again. */
void pb_background_ready(struct pb_worker *worker);

/* Starts a thread that takes no signal: those belong to the threads of the
   interpreter, which can act on them.  0 or an error number. */
int pb_thread_start(pthread_t *thread, void *(*function)(void *),
                    void *argument);

/* Context switches of the calling thread so far, voluntary or not; -1 where
   the system does not count them. */
int64_t pb_thread_switches(bool voluntary);

/* A condition whose timed waits go by the monotonic clock, so that a step of
   the wall clock does not lengthen them. */
void pb_condition_init(pthread_cond_t *condition);

/* Waits for at most `timeout_ns`; the lock is held. */
void pb_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                       int64_t timeout_ns);

/* Calls a Python function, and so passes a safepoint, where other threads have
   their way; the worker's is empty.  0, or -1 with an exception set. */
int pb_safepoint(PyObject *function);
int pb_worker_safepoint(const struct pb_worker *worker);

/* What Python source defines, as a dict, given the object `value`; a new
   reference, or NULL with an exception set. */
PyObject *pb_define(const char *source, PyObject *value);

/* One of those; a new reference, or NULL with an exception set. */
PyObject *pb_defined(PyObject *names, const char *name);

/* Zeroed memory on a boundary of PB_ALIGNMENT, whose pages are there; to be
   freed by free().  NULL with a MemoryError set. */
void *pb_allocate(size_t count, size_t size);

/* Makes the empty function that attached loops call as their safepoint, and
   asks to be told when the interpreter exits. */
int pb_threads_add(PyObject *module);

#endif /* PB_THREADS_H */
