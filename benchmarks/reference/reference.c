/* reference.c - the counters' operations in plain C, with no Python near them.

   A twin of counters_increment and yardstick_empty, to check those against:
   other code, other driver, same operations.  run.py builds it with the
   extension's flags, runs both in turn and compares.

       reference OPERATION THREADS ITERATIONS ROUNDS

   OPERATION is empty, store, padded, unpadded or shared; the last three are a
   relaxed atomic addition to a counter of the thread's own 256 bytes from the
   next, 8 bytes from the next, or to one for all.  Prints one JSON line per
   round with the mean over the threads of nanoseconds per operation, and per
   thread the counter's end.

   What is alike on purpose: eight operations to a turn of the loop, so that
   its own cost is the same; one thread per CPU; counters on a boundary of 256
   bytes; CLOCK_MONOTONIC read before and after.  What is not: one loop for the
   whole round instead of blocks with a look at a control word between them; a
   spinning barrier as the start line; threads that are started anew. */

#define _GNU_SOURCE  // pthread_setaffinity_np

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 64, BOUNDARY = 256 };

/* From the last arrival to the start: time for all to have seen the line. */
enum { START_DELAY_NS = 50000 };

/* Spins before a thread gives its CPU away, for machines with too few. */
enum { SPINS_BEFORE_YIELD = 10000 };

struct start_line {
    _Alignas(BOUNDARY) atomic_int arrived;
    _Alignas(BOUNDARY) _Atomic int64_t start_ns;  // 0 until the last is here
};

struct runner {
    void (*run)(_Atomic uint64_t *counter, uint64_t iterations);
    _Atomic uint64_t *counter;
    uint64_t iterations;
    struct start_line *line;
    int threads;
    int cpu;  // -1: anywhere
    int64_t elapsed_ns;
    pthread_t thread;
};

static int64_t
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Eight operations, then whether there are eight more; run.py asks for whole
   turns.  The empty statement tells the compiler that memory may have changed,
   so that it neither joins two operations nor drops any. */
#define EIGHT_TIMES(operation)                                                \
    while (iterations != 0) {                                                 \
        operation operation operation operation                               \
        operation operation operation operation                               \
        iterations -= 8;                                                      \
    }
#define BARRIER __asm__ volatile("" ::: "memory");

static void
run_empty(_Atomic uint64_t *counter, uint64_t iterations)
{
    (void)counter;
    EIGHT_TIMES(BARRIER)
}

static void
run_store(_Atomic uint64_t *counter, uint64_t iterations)
{
    uint64_t count = 0;
    EIGHT_TIMES(
        count++;
        atomic_store_explicit(counter, count, memory_order_relaxed);
        BARRIER)
}

static void
run_add(_Atomic uint64_t *counter, uint64_t iterations)
{
    EIGHT_TIMES(
        (void)atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
        BARRIER)
}

static const struct operation {
    const char *name;
    void (*run)(_Atomic uint64_t *counter, uint64_t iterations);
    size_t stride;
} operations[] = {
    {"empty", run_empty, 256}, {"store", run_store, 256},
    {"padded", run_add, 256},  {"unpadded", run_add, 8},
    {"shared", run_add, 0},
};

static void *
run_thread(void *argument)
{
    struct runner *runner = argument;
    struct start_line *line = runner->line;
#ifdef __linux__
    if (runner->cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(runner->cpu, &set);
        (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    }
#endif
    if (atomic_fetch_add(&line->arrived, 1) + 1 == runner->threads) {
        int64_t delay_ns = runner->threads > 1 ? START_DELAY_NS : 0;
        atomic_store(&line->start_ns, now_ns() + delay_ns);
    }
    int64_t start_ns;
    int spins = 0;
    while ((start_ns = atomic_load(&line->start_ns)) == 0) {
        if (++spins > SPINS_BEFORE_YIELD) {
            sched_yield();
        }
    }
    while (now_ns() < start_ns) {
    }
    int64_t began_ns = now_ns();
    runner->run(runner->counter, runner->iterations);
    runner->elapsed_ns = now_ns() - began_ns;
    return NULL;
}

/* CPU for a thread: the allowed ones in order, -1 if there are too few. */
static int
cpu_for(int index)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (CPU_ISSET(cpu, &set) && index-- == 0) {
                return cpu;
            }
        }
    }
#else
    (void)index;
#endif
    return -1;
}

/* One round; false when a thread could not start or a counter is wrong. */
static bool
run_round(const struct operation *operation, int threads, uint64_t iterations,
          unsigned char *memory)
{
    static struct start_line line;
    struct runner runners[THREADS_MAX];
    memset(memory, 0, (size_t)threads * BOUNDARY);
    atomic_store(&line.arrived, 0);
    atomic_store(&line.start_ns, 0);
    for (int i = 0; i < threads; i++) {
        void *place = memory + operation->stride * (size_t)i;
        runners[i] = (struct runner){
            .run = operation->run, .counter = place, .iterations = iterations,
            .line = &line, .threads = threads, .cpu = cpu_for(i)};
    }
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&runners[i].thread, NULL, run_thread, &runners[i])
            != 0) {
            fprintf(stderr, "reference: thread %d could not start\n", i + 1);
            return false;  // the process ends, and those that wait with it
        }
    }
    double ns_per_operation = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(runners[i].thread, NULL);
        ns_per_operation +=
            (double)runners[i].elapsed_ns / (double)iterations / threads;
    }
    uint64_t expected = operation->run == run_empty ? 0 : iterations;
    if (operation->stride == 0) {
        expected *= (uint64_t)threads;
    }
    for (int i = 0; i < threads; i++) {
        if (atomic_load(runners[i].counter) != expected) {
            fprintf(stderr, "reference: updates were lost in %s\n",
                    operation->name);
            return false;
        }
    }
    printf("{\"operation\": \"%s\", \"threads\": %d, \"iterations\": %" PRIu64
           ", \"ns_per_operation\": %.6f}\n",
           operation->name, threads, iterations, ns_per_operation);
    return true;
}

/* A whole number from 1 to `most`, or 0. */
static uint64_t
parse_count(const char *text, uint64_t most)
{
    char *end;
    unsigned long long count = strtoull(text, &end, 10);
    return *end == '\0' && count <= most ? count : 0;
}

int
main(int argc, char **argv)
{
    const struct operation *operation = NULL;
    size_t known = sizeof(operations) / sizeof(operations[0]);
    for (size_t i = 0; argc == 5 && i < known; i++) {
        if (strcmp(operations[i].name, argv[1]) == 0) {
            operation = &operations[i];
        }
    }
    uint64_t threads = 0, iterations = 0, rounds = 0;
    if (operation != NULL) {
        threads = parse_count(argv[2], THREADS_MAX);
        iterations = parse_count(argv[3], UINT64_C(1) << 40);
        rounds = parse_count(argv[4], 1000000);
    }
    if (threads == 0 || iterations == 0 || iterations % 8 != 0
        || rounds == 0) {
        fprintf(stderr, "usage: reference empty|store|padded|unpadded|shared "
                        "THREADS ITERATIONS(a multiple of 8) ROUNDS\n");
        return 2;
    }
    void *memory = NULL;
    if (posix_memalign(&memory, BOUNDARY, (size_t)threads * BOUNDARY) != 0) {
        fprintf(stderr, "reference: no memory\n");
        return 1;
    }
    for (uint64_t i = 0; i < rounds; i++) {
        if (!run_round(operation, (int)threads, iterations, memory)) {
            return 1;
        }
    }
    free(memory);
    return 0;
}
