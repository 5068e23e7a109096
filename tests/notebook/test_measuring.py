"""`pybench.measure` in this process: what it counts, refuses and leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import math
import os
import signal
import sys
import threading
import time
import types
from collections.abc import AsyncIterator, Iterator
from types import ModuleType

import pytest

import pybench
from pybench.notebook import session
from pybench.notebook.measurement import Measurement, Round, ThreadCount
from pybench.notebook.workers import CalledOff, Workers, calls
from pybench.target.process.gil import GilWatch
from pybench.target.process.identity import extension, extension_missing
from pybench.target.process.lazy_results import (
    ASYNC_GENERATOR,
    AWAITABLE,
    COROUTINE,
    GENERATOR,
    ITERATOR,
)


@pytest.fixture
def native() -> ModuleType:
    """Return the real extension; a test that needs it fails without it."""
    module = extension()
    assert module is not None, extension_missing()
    return module


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have SIGINT raise KeyboardInterrupt: a background job starts with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pybench_threads() -> list[str]:
    """Name our threads that are still there."""
    return [t.name for t in threading.enumerate() if t.name.startswith("pybench-")]


def rounds(elapsed_ns: int, value_ns: float = 10.0) -> tuple[Round, ...]:
    """Return three equal rounds of a hundred iterations."""
    one = Round(
        iterations=100, value_ns=value_ns, cpu_ns=value_ns, elapsed_ns=elapsed_ns,
        overlap=1.0, disturbed="",
    )  # fmt: skip
    return (one,) * 3


def measurement(*counts: ThreadCount, void: str = "") -> Measurement:
    """Return a measurement that nobody made."""
    return Measurement(
        name="<work> & 'co'", kind="callable", counts=counts, void=void,
        gil_enabled=True, free_threaded=False, interpreter="CPython 3", machine="cpu",
        extension="", usable_cpus=2, floor_ns=0.5, no_control="not built",
    )  # fmt: skip


def count(threads: int, elapsed_ns: int, control_ns: int) -> ThreadCount:
    """Return what so many threads did."""
    return ThreadCount(
        threads=threads, rounds=rounds(elapsed_ns), control=rounds(control_ns),
        dropped=0, disturbed=False, turns=False, oversubscribed=threads > 2,
    )  # fmt: skip


def test_calls_the_callable_as_often_as_it_says() -> None:
    called: list[int] = []

    found = pybench.measure(called.append, 1, rounds=4, iterations=7)

    # One warm-up round; nothing else, since nothing had to be sized.
    assert len(called) == (1 + 4) * 7
    assert [one.iterations for one in found.at(1).rounds] == [7] * 4


class Made:
    """Things whose call makes what has yet to be run, and counts when it is."""

    def __init__(self) -> None:
        self.note: list[int] = []  # threads append to it at the same time

    @property
    def done(self) -> int:
        return len(self.note)

    def plain(self) -> None:
        self.note.append(1)

    async def coroutine(self) -> None:
        await asyncio.sleep(0)
        self.note.append(1)

    def generator(self) -> Iterator[int]:
        yield 1
        self.note.append(1)

    async def asynchronous(self) -> AsyncIterator[int]:
        yield 1
        self.note.append(1)

    @types.coroutine
    def old_style(self) -> Iterator[None]:
        yield from asyncio.sleep(0).__await__()
        self.note.append(1)

    def wrapper(self) -> object:
        return self.coroutine()

    async def __call__(self) -> None:
        self.note.append(1)

    def __await__(self) -> Iterator[None]:
        self.note.append(1)
        return iter(())

    def awaitable(self) -> Made:
        return self

    def iterator(self) -> object:
        return map(self.note.append, [1])


KINDS = {
    "plain": "",
    "coroutine": COROUTINE,
    "wrapper": COROUTINE,
    "old_style": COROUTINE,
    "__call__": COROUTINE,
    "awaitable": AWAITABLE,
    "generator": GENERATOR,
    "asynchronous": ASYNC_GENERATOR,
    "iterator": ITERATOR,
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_call_makes_is_run_to_its_end(name: str, threads: int) -> None:
    """As often as it says, and it says so; on each thread."""
    made = Made()
    call = getattr(made, name) if name != "__call__" else functools.partial(made)

    found = pybench.measure(call, threads=[threads], rounds=2, iterations=3)

    counts = [one.threads for one in found.counts]
    assert made.done == sum(counts) * (1 + 2) * 3
    assert found.makes == KINDS[name]
    assert any("run to its end" in s or "awaited" in s for s in found.limits) == bool(
        KINDS[name]
    )
    assert pybench_threads() == []


def test_coroutine_is_measured_where_a_loop_runs_already() -> None:
    """As in a notebook, whose cells run on one."""
    made = Made()

    async def cell() -> Measurement:
        return pybench.measure(made.coroutine, rounds=1, iterations=1)

    assert asyncio.run(cell()).makes == COROUTINE
    assert made.done == 2


def test_two_that_take_turns_are_each_run_as_they_need() -> None:
    pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
    made, other = Made(), Made()

    found = pybench.compare(made.coroutine, other.generator, rounds=2)

    assert made.done > 2
    assert other.done > 2
    assert "coroutine, which is awaited" in str(found)
    assert "generator, which is run to its end" in str(found)


def test_exception_of_a_coroutine_arrives() -> None:
    async def fails() -> None:
        raise LookupError("awaited")

    with pytest.raises(LookupError, match="awaited") as caught:
        pybench.measure(fails, rounds=1, iterations=1)

    assert "raised by call 1 of the 1 of a round" in caught.value.__notes__[0]
    assert pybench_threads() == []


def test_isolated_coroutine_function_is_awaited() -> None:
    # It needs an event loop: without one the call raises.
    found = pybench.measure(asyncio.sleep, 0, isolated=True, rounds=1, iterations=1)

    assert found.makes == COROUTINE


@pytest.mark.usefixtures("interruptible")
def test_interrupt_ends_what_is_awaited() -> None:
    """Although its thread waits for a timer that is an hour away."""
    started = threading.Event()

    async def waits() -> None:
        started.set()
        await asyncio.sleep(3600)

    def interrupt() -> None:
        started.wait()
        os.kill(os.getpid(), signal.SIGINT)

    killer = threading.Thread(target=interrupt)
    killer.start()
    with pytest.raises(KeyboardInterrupt):
        pybench.measure(waits, iterations=1)
    killer.join()

    assert pybench_threads() == []


def test_every_thread_calls_it() -> None:
    names = set[str]()

    found = pybench.measure(
        lambda: names.add(threading.current_thread().name),
        threads=[3], rounds=2, iterations=5,
    )  # fmt: skip

    assert names == {"pybench-0", "pybench-1", "pybench-2"}
    assert [one.threads for one in found.counts] == [1, 3]
    assert pybench_threads() == []


def test_one_thread_is_the_calling_one() -> None:
    names = set[str]()

    pybench.measure(lambda: names.add(threading.current_thread().name), rounds=1)

    assert names == {threading.current_thread().name}


def test_kernel_is_measured_by_name_and_by_function(native: ModuleType) -> None:
    by_name = pybench.measure("refcount_pair", rounds=2, iterations=100)
    by_function = pybench.measure(native.refcount_pair, rounds=2, iterations=100)

    assert by_name.kind == by_function.kind == "kernel"
    assert by_name.name == by_function.name == "refcount_pair"
    assert len(by_name.at(1).rounds) == 2
    assert by_name.at(1).median_ns > 0


def test_kernel_that_needs_two_threads_has_no_speed_up(native: ModuleType) -> None:
    found = pybench.measure("gil_handoff", threads=2, rounds=1, iterations=2)

    assert [one.threads for one in found.counts] == [2]
    assert found.speed_up(2) is None


def test_several_threads_come_with_the_control(native: ModuleType) -> None:
    found = pybench.measure(math.sqrt, 2.0, threads=[1, 2], rounds=2, iterations=10)

    assert len(found.at(2).control) == 2
    assert found.control_speed_up(2) is not None
    assert found.speed_up(1) == 1.0


def test_speed_up_is_work_per_second_against_one_thread() -> None:
    # Two threads do twice the work in the same time, four in twice the time.
    found = measurement(
        count(1, 1000, 1000), count(2, 1000, 1000), count(4, 2000, 4000)
    )

    assert found.speed_up(2) == pytest.approx(2.0)
    assert found.speed_up(4) == pytest.approx(2.0)
    assert found.control_speed_up(4) == pytest.approx(1.0)


def test_more_threads_than_cpus_are_said_to_be_oversubscribed() -> None:
    found = measurement(count(1, 1000, 1000), count(4, 2000, 4000))

    assert "4 threads are oversubscribed: 2 usable CPUs" in found.limits


def test_empty_loop_of_more_than_a_tenth_is_said() -> None:
    short = measurement(
        ThreadCount(
            threads=1, rounds=rounds(1000, value_ns=4.0), control=(), dropped=0,
            disturbed=False, turns=False, oversubscribed=False,
        )
    )  # fmt: skip

    assert any("empty loop takes 0.5 ns" in said for said in short.limits)
    assert not any("empty loop" in s for s in measurement(count(1, 1, 1)).limits)


def test_one_process_is_always_said_to_be_unreplicated() -> None:
    assert "unreplicated" in measurement(count(1, 1, 1)).limits[-1]


def test_names_are_escaped() -> None:
    found = measurement(count(1, 1000, 1000))

    assert "<work>" not in found._repr_html_().partition("<svg")[0]
    assert "&lt;work&gt;" in found._repr_html_()


def test_bundle_has_text_page_and_chart_without_an_address() -> None:
    bundle = measurement(count(1, 1000, 1000), count(2, 1500, 1100))._repr_mimebundle_()
    spec = bundle["application/vnd.vegalite.v5+json"]

    assert set(bundle) == {
        "text/plain", "text/html", "application/vnd.vegalite.v5+json",
    }  # fmt: skip
    assert "1.33" in bundle["text/plain"]
    assert "1.33" in bundle["text/html"]
    assert spec["$schema"].endswith("/v5.json")
    assert len(spec["hconcat"]) == 2
    assert json.loads(json.dumps(spec, allow_nan=False)) == spec
    assert "<script" not in bundle["text/html"]
    assert "src=" not in bundle["text/html"]


def test_frames_have_a_row_for_each_number_of_threads() -> None:
    pytest.importorskip("pandas", reason="n/a: pandas is not installed here")
    pytest.importorskip("polars", reason="n/a: polars is not installed here")
    found = measurement(count(1, 1000, 1000), count(2, 1500, 1100))

    assert list(found.to_pandas()["threads"]) == [1, 2]
    assert found.to_polars()["speed_up"].to_list() == pytest.approx([1.0, 4 / 3])


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_missing_library_is_named_with_the_way_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    found = measurement(count(1, 1000, 1000))

    with pytest.raises(ImportError, match=rf"to_{name}\(\) needs {name}.*pip install"):
        getattr(found, f"to_{name}")()


def test_exception_of_the_callable_says_how_far_it_got() -> None:
    left = [0, 0, 0, 0, 0, 0, 0, 0]

    with pytest.raises(IndexError, match="pop from empty list") as caught:
        pybench.measure(left.pop, iterations=3, rounds=5)

    # The warm-up takes three, the first round three, the second fails at its third.
    assert caught.value.__notes__ == [
        "pybench: raised by call 3 of the 3 of a round",
        "pybench: after 1 complete rounds",
    ]


def test_exception_in_a_thread_arrives_and_leaves_no_thread() -> None:
    def fails() -> None:
        raise LookupError("in a thread")

    with pytest.raises(LookupError, match="in a thread"):
        pybench.measure(fails, threads=[2], iterations=1)

    assert pybench_threads() == []


@pytest.mark.parametrize(
    ("subject", "options", "error", "says"),
    [
        (5, {}, TypeError, "5 is a int, and cannot be called"),
        (len, {"threads": 0}, ValueError, "threads must be at least 1, not 0"),
        (len, {"threads": [2, -1]}, ValueError, "threads must be at least 1, not -1"),
        (len, {"threads": 1.5}, TypeError, "threads must be an int or several"),
        (len, {"threads": [True]}, TypeError, "threads must be ints, not True"),
        (len, {"threads": []}, ValueError, "threads is empty"),
        (len, {"threads": "12"}, TypeError, "threads must be an int or several"),
        (len, {"rounds": 0}, ValueError, "rounds must be at least 1, not 0"),
        (len, {"iterations": "9"}, TypeError, "iterations must be an int, not '9'"),
        ("refcount_par", {}, ValueError, "no kernel 'refcount_par'; near: refcount_p"),
    ],
)  # fmt: skip
def test_bad_input_is_named(
    native: ModuleType,
    subject: object,
    options: dict[str, object],
    error: type[Exception],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        pybench.measure(subject, **options)  # type: ignore[arg-type]


def test_gil_that_was_turned_on_voids_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(GilWatch):
        @property
        def is_broken(self) -> bool:
            return bool(called)

    called: list[int] = []
    watch = Broken(guarded=True)
    watch.module = "loud"
    monkeypatch.setattr(session, "watch_for_process", lambda: watch)

    found = pybench.measure(called.append, 1, rounds=1)

    assert found.counts == ()
    assert found.void == "module 'loud' turned the GIL on meanwhile"
    assert "void: module 'loud'" in str(found)
    with pytest.raises(ValueError, match=r"nothing to draw: list\.append: void"):
        found.plot()


def test_gil_that_is_on_already_voids_it_before_anything_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken(GilWatch):
        is_broken = True

    monkeypatch.setattr(session, "watch_for_process", lambda: Broken(guarded=True))
    called: list[int] = []

    found = pybench.measure(called.append, 1, rounds=1)

    assert called == []
    assert "had turned the GIL on before" in found.void


@pytest.mark.skipif(os.name != "posix", reason="n/a: signals of POSIX")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("threads", [1, 2])
def test_interrupt_ends_the_run_and_its_threads(threads: int) -> None:
    started = threading.Event()

    def works_forever() -> None:
        started.set()
        while True:
            math.sqrt(2.0)

    def interrupt() -> None:
        started.wait()
        time.sleep(0.05)  # until the main thread waits
        os.kill(os.getpid(), signal.SIGINT)

    killer = threading.Thread(target=interrupt)
    killer.start()
    with pytest.raises(KeyboardInterrupt):
        pybench.measure(works_forever, threads=threads, iterations=1)
    killer.join()

    assert pybench_threads() == []


@pytest.mark.usefixtures("interruptible")
def test_interrupt_that_ends_no_wait_is_seen_all_the_same() -> None:
    """As one does that another thread takes, or that comes just before the wait."""
    started = threading.Event()

    def works_forever() -> None:
        started.set()
        while True:
            pass

    def interrupt() -> None:
        started.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    killer = threading.Thread(target=interrupt)
    killer.start()
    with pytest.raises(KeyboardInterrupt), Workers(calls(works_forever), 2) as workers:
        workers.round(2, 1)
    killer.join()

    assert pybench_threads() == []


def test_callable_that_catches_exceptions_is_ended_all_the_same() -> None:
    started = threading.Event()

    def stubborn() -> None:
        started.set()
        while True:
            try:
                math.sqrt(2.0)
            except Exception:
                continue

    with Workers(calls(stubborn), 2) as workers:

        def begin() -> None:
            # Called off before both have left the start line.
            with contextlib.suppress(threading.BrokenBarrierError):
                workers.round(2, 1)

        threading.Thread(target=begin, daemon=True).start()
        started.wait()

    assert not issubclass(CalledOff, Exception)
    assert pybench_threads() == []


def test_kernels_are_a_list_that_is_shown_as_a_table(native: ModuleType) -> None:
    listed = pybench.kernels()

    assert isinstance(listed, list)
    assert len(listed) == len(native.KERNELS)
    assert listed._repr_html_().count("<tr>") == len(listed) + 1
    assert "refcount_pair" in listed._repr_mimebundle_()["text/plain"]
    assert {one["name"] for one in listed.records()} == set(native.KERNELS)


def test_isolated_function_runs_in_another_process() -> None:
    found = pybench.measure(json.dumps, [1], isolated=True, rounds=2, iterations=10)

    assert found.place.startswith("in one fresh process")
    assert found.name == "dumps"
    assert len(found.at(1).rounds) == 2


def test_isolated_function_that_raises_raises_here() -> None:
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        pybench.measure(math.sqrt, -1.0, isolated=True, iterations=1)


def test_isolated_process_that_dies_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"measured _exit ended with exit status 7"):
        pybench.measure(os._exit, 7, isolated=True, iterations=1)


def test_isolated_needs_an_importable_function() -> None:
    with pytest.raises(ValueError, match="another process can import"):
        pybench.measure(lambda: None, isolated=True)
