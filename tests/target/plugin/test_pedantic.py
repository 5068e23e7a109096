"""What a row writes in ``benchmark.pedantic`` holds in the processes of `compare`.

Stock's own method is asked what is right: how often it calls what, and what it refuses.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pybench.comparison.calibration import TIMED as CALIBRATION_TIMED
from pybench.comparison.pairs import (
    TIMED,
    WARMUPS,
    fitting_count,
    fitting_samples,
)
from pybench.target.plugin.interleaving import Interleaving
from pybench.target.plugin.interleaving_adapters import PedanticAdapter

TARGET_NS = 1e5
OURS = SimpleNamespace(_disable_gc=False)


def stock(target: Callable[..., Any], **how: Any) -> Any:
    """Run ``benchmark.pedantic`` as pytest-benchmark does."""
    fixture: Any = object.__new__(BenchmarkFixture)
    fixture.__dict__.update(
        disabled=False,
        cprofile=None,
        _disable_gc=False,
        _timer=lambda: 0.0,
        _make_stats=lambda _: SimpleNamespace(update=lambda _: None),
    )
    return fixture._raw_pedantic(target, **how)


def tried_out(work: PedanticAdapter) -> dict[str, int]:
    """Do what a process does in which a row is tried out; return its numbers."""
    numbers = work.size(TARGET_NS, fitting_count(work.rounds) or 100)
    counted = fitting_samples(work.rounds, numbers["count"], CALIBRATION_TIMED)
    for _ in range(sum(counted)):
        work.run(numbers)
    return numbers


def in_a_pair(work: PedanticAdapter, numbers: dict[str, int]) -> None:
    """Do what a process of a pair does."""
    for _ in range(sum(fitting_samples(work.rounds, numbers["count"], TIMED))):
        work.run(numbers)


@pytest.mark.once
@pytest.mark.parametrize("rounds", [1, 2, 3, 10, 11, 12, 100, 1000])
@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize("warmup_rounds", [0, 2])
def test_no_process_calls_more_than_stock_does(
    rounds: int, iterations: int, warmup_rounds: int
) -> None:
    """Neither one in which the row is tried out nor one of a pair."""
    how: dict[str, Any] = {
        "rounds": rounds,
        "iterations": iterations,
        "warmup_rounds": warmup_rounds,
    }
    calls: list[int] = []
    stock(lambda: calls.append(1), **how)
    allowed = len(calls)

    calls.clear()
    work = PedanticAdapter(OURS, lambda: calls.append(1), **how)
    numbers = tried_out(work)
    work.finish()
    scouted = len(calls)
    calls.clear()
    work = PedanticAdapter(OURS, lambda: calls.append(1), **how)
    in_a_pair(work, numbers)
    work.finish()

    assert numbers["iterations"] == iterations
    assert scouted <= allowed
    assert len(calls) <= allowed
    if rounds <= WARMUPS + TIMED:
        assert len(calls) == allowed


def sort_in_place() -> tuple[Callable[[], Any], Callable[[], bool]]:
    """Return a call, and what tells whether it was the first one."""
    values = [3, 1, 2]
    seen: list[list[int]] = []

    def call() -> None:
        seen.append([*values])
        values.sort()

    return call, lambda: seen == [[3, 1, 2]]


def fill_a_cache() -> tuple[Callable[[], Any], Callable[[], bool]]:
    """Return the same of a cached load."""
    load = functools.lru_cache(lambda: sum(range(100)))
    return load, lambda: (load.cache_info().misses, load.cache_info().hits) == (1, 0)


def insert_a_key() -> tuple[Callable[[], Any], Callable[[], bool]]:
    """Return the same of an insert into a unique key."""
    database = sqlite3.connect(":memory:")
    database.execute("create table t (id integer primary key)")

    def was_called_once() -> bool:
        with contextlib.closing(database):
            rows: list[tuple[int]] = database.execute("select id from t").fetchall()
        return rows == [(1,)]

    return lambda: database.execute("insert into t values (1)"), was_called_once


@pytest.mark.once
@pytest.mark.parametrize("make", [sort_in_place, fill_a_cache, insert_a_key])
@pytest.mark.parametrize("how", [{}, {"rounds": 1}, {"rounds": 1, "iterations": 1}])
def test_what_keeps_its_state_is_called_once_a_process(
    make: Callable[[], tuple[Callable[[], Any], Callable[[], bool]]],
    how: dict[str, Any],
) -> None:
    """The one sample is of the call that the row is about."""
    for process in (tried_out, functools.partial(in_a_pair, numbers={"count": 1})):
        call, was_called_once = make()
        work = PedanticAdapter(OURS, call, says_rounds=bool(how), **how)
        process(work)
        work.finish()

        assert work.rounds == 1
        assert was_called_once()


@pytest.mark.once
def test_the_row_gets_what_the_last_round_returned() -> None:
    results = iter(range(100))
    work = PedanticAdapter(OURS, lambda: next(results), rounds=3)
    for _ in range(3):
        work.run({"count": 1, "iterations": 1})

    assert work.finish() == 2


@pytest.mark.once
@pytest.mark.parametrize("warmup_rounds", [0, 1, 5])
def test_each_round_has_its_setup_and_teardown(warmup_rounds: int) -> None:
    """Rounds with a setup may be more than the row says, as each is the first one."""
    done: list[str] = []
    work = PedanticAdapter(
        OURS,
        lambda: done.append("call"),
        setup=lambda: done.append("setup"),
        teardown=lambda: done.append("teardown"),
        rounds=2,
        warmup_rounds=warmup_rounds,
    )
    work.run({"count": 7, "iterations": 1})

    assert work.rounds is None
    assert done == ["setup", "call", "teardown"] * (7 + warmup_rounds)


@pytest.mark.once
@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"count": 3, "iterations": 1}, r"rounds=2\) and 3 are asked for"),
        ({"count": 1, "iterations": 5}, r"iterations=1\) here, and 5"),
    ],
)
def test_a_sample_that_the_row_does_not_allow_is_refused(
    numbers: dict[str, int], said: str
) -> None:
    """As one of a run that an older version began."""
    calls: list[int] = []
    work = PedanticAdapter(OURS, lambda: calls.append(1), rounds=2)
    with pytest.raises(ValueError, match=said):
        work.run(numbers)

    assert calls == []


REFUSED: list[dict[str, Any]] = [
    {"rounds": 0},
    {"rounds": 1.5},
    {"iterations": 0},
    {"iterations": "2"},
    {"warmup_rounds": -1},
    {"iterations": 2, "setup": lambda: None},
    {"args": (1,), "setup": lambda: ((2,), {})},
    {"kwargs": {"x": 1}, "setup": lambda: ((), {"x": 2})},
]


@pytest.mark.once
@pytest.mark.parametrize("how", REFUSED, ids=map(str, range(len(REFUSED))))
def test_what_stock_refuses_is_refused_in_its_words(how: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)) as theirs:
        stock(lambda *_, **__: None, **how)
    with pytest.raises((ValueError, TypeError)) as ours:
        PedanticAdapter(OURS, lambda *_, **__: None, **how).run({"count": 1})

    assert (ours.type, str(ours.value)) == (theirs.type, str(theirs.value))


@pytest.mark.once
@pytest.mark.parametrize(
    ("how", "rounds"),
    [
        ({"setup": lambda: None}, None),
        ({"setup": lambda: None, "rounds": 1}, 1),
        ({"setup": lambda: None, "rounds": 4}, None),
        ({"rounds": 4}, 4),
        ({}, 1),
    ],
    ids=["setup", "setup, once", "setup, four", "four", "nothing said"],
)
def test_one_round_that_the_row_says_itself_holds_with_a_setup_too(
    how: dict[str, Any], rounds: int | None
) -> None:
    """Which one stock has filled in is seen where the row calls."""
    limits: list[int | None] = []

    class Fixture(BenchmarkFixture):
        pass

    interleaving: Any = object.__new__(Interleaving)
    interleaving.serve = lambda _, work: limits.append(work.rounds)
    fixture: Any = object.__new__(Fixture)
    fixture._mode = None
    undo = interleaving.attach(Fixture)
    try:
        fixture.pedantic(int, **how)
    finally:
        undo()

    assert limits == [rounds]
