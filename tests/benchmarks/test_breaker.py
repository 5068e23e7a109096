"""The rows of interrupting a thread: code in C that is injected is found as it is.

Its steps are counted: a request is served after all of them, and once.
"""

from __future__ import annotations

import collections
import ctypes
import itertools
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from operator import call
from types import ModuleType, SimpleNamespace

import pytest

from tests.benchmarks.conftest import Timed, load_rows

STEPS = 1000  # of code in C, between a request and the next look
SENT = 3


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the rows, with fewer requests in a call."""
    loaded = load_rows("gil/test_breaker.py")
    monkeypatch.setattr(loaded, "SENT", SENT)
    monkeypatch.setattr(loaded, "SENT_ABROAD", SENT)
    return loaded


def in_c(*calls: Callable[[], object]) -> None:
    """Call what is written in C, and no bytecode in between."""
    collections.deque(map(call, calls), maxlen=0)


@pytest.mark.parametrize("kind", ["pending", "signal", "exception"])
def test_request_is_served_after_all_that_c_code_does(
    rows: ModuleType, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[None] = []
    served_at: list[int] = []

    class Noting(rows.Served):  # type: ignore[misc, name-defined]
        @property
        def count(self) -> int:
            return len(served_at) - 1

        @count.setter
        def count(self, _: int) -> None:
            served_at.append(len(done))

    def delayed(request: Callable[..., object]) -> Callable[..., int]:
        def ask(*arguments: object) -> int:
            steps = [partial(done.append, None)] * STEPS
            in_c(partial(request, *arguments), *steps)
            return 0

        return ask

    api = ctypes.pythonapi
    here = ctypes.c_ulong(threading.get_ident())
    error = ctypes.py_object(rows.DeliveredError)
    raise_here = partial(api.PyThreadState_SetAsyncExc, here, error)
    pending = SimpleNamespace(Py_AddPendingCall=delayed(api.Py_AddPendingCall))
    served = Noting()
    monkeypatch.setattr(rows, "ctypes", SimpleNamespace(pythonapi=pending))
    monkeypatch.setattr(rows, "send_signal", delayed(rows.send_signal))
    # Of C alone, as the function of the row looks when it returns.
    monkeypatch.setattr(rows, "raise_in", lambda _: delayed(raise_here)())
    before = signal.signal(signal.SIGUSR1, served.handle)
    try:
        rows.test_benchmark_gil_breaker(Timed(), served, kind)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert served_at == [*range(0, (2 * SENT + 1) * STEPS, STEPS)]


@pytest.mark.parametrize("state", ["attached", "detached"])
def test_request_from_abroad_cuts_nothing_short(
    rows: ModuleType, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call in C that has begun comes to its end, also where it sleeps."""
    begun, ended = itertools.count(), itertools.count()
    within = partial(time.sleep, 0.0005) if state == "detached" else ended.__sizeof__
    steps = [begun.__next__, *[within] * (1 if state == "detached" else STEPS)]
    work = partial(in_c, *steps, ended.__next__)
    monkeypatch.setitem(rows.WORK, state, work)

    rows.test_benchmark_gil_breaker_abroad(Timed(), state)

    assert next(begun) == next(ended) > 0


def test_request_from_abroad_ends_a_loop_of_bytecode(
    rows: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop without an end goes on until a request: each is served, and once."""
    entered = 0
    is_over = False

    def work() -> None:
        nonlocal entered
        entered += 1
        while not is_over:
            pass

    class Ending(Timed):
        def pedantic(self, function: Callable[..., object], *_: object) -> None:
            nonlocal is_over
            super().pedantic(function)
            is_over = True

    monkeypatch.setitem(rows.WORK, "running", work)

    rows.test_benchmark_gil_breaker_abroad(Ending(), "running")

    assert entered == 2 * SENT + 1
