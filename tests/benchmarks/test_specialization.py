"""The rows of warming up: what is timed has been called as often as the row says.

How warm it is is counted, in instructions that are made for the types they have seen.
"""

from __future__ import annotations

import dis
import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.benchmarks.conftest import Timed, load_rows

# 3.13t alone does not do it.
SPECIALIZES = "t" not in sys.abiflags or sys.version_info >= (3, 14)
ADAPTED = ("BINARY_OP", "STORE_ATTR", "LOAD_ATTR")


@pytest.fixture
def rows() -> ModuleType:
    return load_rows("interpreter/test_specialization.py")


def specialized(function: Callable[..., object]) -> int:
    """Count the additions, stores and reads that have become another instruction."""
    pairs = zip(
        dis.get_instructions(function),
        dis.get_instructions(function, adaptive=True),
        strict=True,
    )
    return sum(
        now.opname not in (was.opname, f"{was.opname}_ADAPTIVE")
        for was, now in pairs
        if was.opname in ADAPTED
    )


class Seen(Timed):
    """Notes how many instructions were specialized around each timed call."""

    def __init__(self) -> None:
        self.counts: list[set[int]] = []
        super().__init__(around=self.note)

    def note(self, functions: list[Callable[..., object]], *_: object) -> None:
        """Look at the functions that are called."""
        self.counts.append({*map(specialized, functions)})


@pytest.mark.parametrize(("row", "share"), [("cold", 0), ("warm", 1), ("deopt", 1)])
def test_functions_are_as_warm_as_the_row_says(
    rows: ModuleType, row: str, share: int
) -> None:
    """All of them are, in every round, and one call more or less changes nothing."""
    seen = Seen()

    getattr(rows, f"test_benchmark_interpreter_special_{row}")(seen)

    count = len(ADAPTED) * rows.OPERATIONS * share * SPECIALIZES
    assert seen.counts == [{count}] * 4
    assert seen.extra_info["operations"] == rows.OPERATIONS * rows.FUNCTIONS


def test_training_that_is_left_out_is_found_whole(
    rows: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of the calls is enough for every version, and none is for none."""
    for calls, share in ((rows.WARM_CALLS // 4, 1), (0, 0)):
        monkeypatch.setattr(rows, "WARM_CALLS", calls)
        (count,) = {*map(specialized, rows.trained_functions())}
        assert count == len(ADAPTED) * rows.OPERATIONS * share * SPECIALIZES


def test_class_of_the_row_that_misses_is_another(rows: ModuleType) -> None:
    """Its guards fail: 40 stores and 40 reads of each function, and its additions."""
    classes: Counter[type] = Counter()

    def note(_: object, point: Any, first: object, second: object) -> None:
        classes[type(point)] += 1
        assert type(first) is type(second) is float

    rows.test_benchmark_interpreter_special_deopt(Timed(around=note))

    assert rows.Point not in classes
    assert [*classes.values()] == [2, 2]


@pytest.mark.parametrize("calls", ["first", "later"])
def test_thread_has_called_as_often_as_the_row_says(
    rows: ModuleType, calls: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions that the main thread has trained, and each round in a new thread."""
    made: Counter[threading.Thread] = Counter()
    counts: set[int] = set()
    original = rows.call_each

    def count(functions: list[Callable[..., object]], *rest: object) -> None:
        made[threading.current_thread()] += 1
        if made[threading.current_thread()] == 1:
            counts.update(map(specialized, functions))
        original(functions, *rest)

    monkeypatch.setattr(rows, "call_each", count)

    rows.test_benchmark_interpreter_special_thread(Timed(), calls)

    before = rows.WARM_CALLS if calls == "later" else 0
    assert [*made.values()] == [before + 1] * 2
    assert counts == {len(ADAPTED) * rows.OPERATIONS * SPECIALIZES}
