"""What the garbage collector costs: by generation, heap and garbage, and on its own.

Every row but the last has a child with a heap of its own, so that neither pytest's
objects nor the state of another row's collector are in it, and nothing has to be put
back here. A request's way through the pipe, 5 to 60 us, is inside; where the operation
is shorter than a millisecond the child repeats it.

Which collector it is depends on the version: three generations, but increments in
3.14.0 to 3.14.4; a free-threaded build has no generations, stops all threads, and
walks the whole heap whichever generation it is asked for.
"""

import gc
import sysconfig
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="collector", max_time=0.2)

TimePrepared = Callable[..., None]
Serving = Callable[..., Any]
Statement = Callable[..., object]

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

# Objects of a heap: one less than a power of two, so that a tree can have so many.
HEAP = 2**17 - 1
MILLION = 1_000_000

# Collections of an all but empty young generation in one request. They take less than a
# microsecond each, but hundreds where each is one of the whole heap.
COLLECTIONS = 50 if FREE_THREADED else 2000


def test_benchmark_memory_collector_bare(
    benchmark: BenchmarkFixture, serving: Serving
) -> None:
    """Collect the heap of an interpreter that has done nothing yet.

    One operation is `gc.collect()`, of which one request does twenty. Expect 0.2 to
    1 ms: some ten thousand objects of the modules, types and functions of the start.
    """
    child = serving("collect-bare", 20)
    benchmark.extra_info["operations"] = 20
    benchmark(child.act)


def test_benchmark_memory_collector_young(
    time_prepared: TimePrepared, serving: Serving
) -> None:
    """Collect a young generation of 100,000 lists that stay, beside 300,000 old ones.

    One operation is `gc.collect(0)`. Making the lists is excluded. Expect 1 to 3 ms,
    10 to 30 ns an object, the old ones not being looked at; on a free-threaded build,
    which looks at all, several times that.
    """
    child = serving("collect-young", 100_000, 300_000)
    time_prepared(child.act, child.prepare, rounds=15)


@pytest.mark.parametrize("shape", ["lists", "dicts", "chain", "tree"])
def test_benchmark_memory_collector_full(
    benchmark: BenchmarkFixture, serving: Serving, shape: str
) -> None:
    """Collect a live heap of 131,071 objects, by its shape.

    One operation is `gc.collect()`, which frees nothing. Expect 1 to 6 ms, 10 to 40 ns
    an object: two or three visits and a cache miss. A chain gives the collector one
    object after the other, a list all at once; dicts are larger.
    """
    child = serving("collect-full", shape, HEAP, "thawed", 1)
    benchmark(child.act)


def test_benchmark_memory_collector_million(
    time_prepared: TimePrepared, serving: Serving
) -> None:
    """Collect a live heap of a million lists.

    One operation is `gc.collect()`, which frees nothing. Expect 10 to 60 ms: more an
    object than with `collector_full`, as the heap is larger than the caches.
    """
    child = serving("collect-full", "lists", MILLION, "thawed", 1)
    time_prepared(child.act, rounds=5)


def test_benchmark_memory_collector_million_frozen(
    benchmark: BenchmarkFixture, serving: Serving
) -> None:
    """Collect beside a million lists that `gc.freeze` has taken out.

    One operation is `gc.collect()` without anything else to look at. Expect 0.5 to
    2 us; a free-threaded build, whose frozen objects stay in the heap that it walks,
    takes 5 to 15 ms.
    """
    times = 1 if FREE_THREADED else COLLECTIONS
    child = serving("collect-full", "lists", MILLION, "frozen", times)
    benchmark.extra_info["operations"] = times
    benchmark(child.act)
    frozen = child.report()["frozen"]
    benchmark.extra_info["frozen"] = frozen
    assert frozen >= MILLION


@pytest.mark.parametrize("kind", ["lists", "pairs", "finalized"])
def test_benchmark_memory_collector_garbage(
    benchmark: BenchmarkFixture,
    time_prepared: TimePrepared,
    serving: Serving,
    kind: str,
) -> None:
    """Free 100,000 objects that are garbage because of cycles alone.

    One operation is the share of one object in `gc.collect()`, its destruction
    included, its making not. `lists` contain themselves, `pairs` of instances each
    other; `finalized` ones have a `__del__`, which is called, and are then looked at
    a second time. Expect 30 to 100 ns, and 100 to 300 ns with the call.
    """
    count = 100_000
    child = serving("collect-garbage", kind, count)
    benchmark.extra_info["operations"] = count
    time_prepared(child.act, child.prepare, rounds=10)
    assert min(child.report()["collected"]) >= count


def test_benchmark_memory_collector_garbage_million(
    time_prepared: TimePrepared, serving: Serving
) -> None:
    """Free one million cyclic objects at once.

    One operation is `gc.collect()` over a million lists that contain themselves; making
    them is excluded. Expect 50 to 200 ms: more an object than `collector_garbage`,
    as they are larger than the caches.
    """
    child = serving("collect-garbage", "lists", MILLION)
    time_prepared(child.act, child.prepare, rounds=3)
    assert min(child.report()["collected"]) >= MILLION


@pytest.mark.parametrize("state", ["enabled", "disabled", "frozen"])
def test_benchmark_memory_collector_allocate(
    benchmark: BenchmarkFixture,
    time_prepared: TimePrepared,
    serving: Serving,
    state: str,
) -> None:
    """Make 200,000 lists that stay, beside a heap of as many, by the collector's state.

    One operation is one empty list in a comprehension, whose turn of 5 to 10 ns is
    inside. Expect 20 to 50 ns with the collector `disabled`; `enabled` adds one to four
    times that, in a hundred young collections and a full one; with the old heap
    `frozen` the full one is shorter. On a free-threaded 3.13 expect `frozen` above
    `enabled`: what is frozen does not count as live there, so collections come more
    often. `extra_info` has the thresholds and how often each generation was collected.
    """
    count = 200_000
    child = serving("allocate", state, count, count)
    benchmark.extra_info["operations"] = count
    time_prepared(child.act, child.prepare, rounds=12)
    benchmark.extra_info.update(child.report())


@pytest.mark.parametrize("state", ["enabled", "disabled"])
def test_benchmark_memory_collector_cycle(
    benchmark: BenchmarkFixture,
    time_prepared: TimePrepared,
    serving: Serving,
    state: str,
) -> None:
    """Make 200,000 cyclic objects, each garbage as soon as the next one is there.

    One operation is a list that is appended to itself; a loop's turn is inside.
    With the collector `enabled` their destruction is inside too, in young collections
    as they come due, and their memory is used again. With it `disabled` they pile up:
    less work, but all of it in fresh memory. Expect 50 to 150 ns for both.
    """
    count = 200_000
    child = serving("allocate-cycles", state, count)
    benchmark.extra_info["operations"] = count
    time_prepared(child.act, child.prepare, rounds=10)
    benchmark.extra_info.update(child.report())


@pytest.mark.parametrize("callbacks", [0, 1])
def test_benchmark_memory_collector_callback(
    benchmark: BenchmarkFixture, serving: Serving, callbacks: int
) -> None:
    """Collect a young generation with nothing in it, with a callback and without.

    One operation is `gc.collect(0)`; a callback in `gc.callbacks` is called twice, with
    a dict made for it. Expect 50 to 200 ns without, and 0.3 to 1 us more with one. On
    a free-threaded build each is a collection of the whole, if small, heap: 10 us to
    1 ms, in which a callback hardly shows.
    """
    child = serving("call-back", callbacks, COLLECTIONS)
    benchmark.extra_info["operations"] = COLLECTIONS
    benchmark(child.act)
    calls = child.report()["calls"]
    assert calls % (2 * COLLECTIONS) == 0
    assert bool(calls) == bool(callbacks)


def test_benchmark_memory_collector_stats(statement: Statement) -> None:
    """Ask the collector for its statistics.

    One operation is `gc.get_stats()`: a list of three dicts of three counts each, five
    values from 3.15. Expect 0.5 to 1.5 us. On a free-threaded build the generations are
    book-keeping only.
    """
    statement("stats()", stats=gc.get_stats)
