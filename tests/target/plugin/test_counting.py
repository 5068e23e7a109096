"""Rows under callgrind, which a stand-in for the extension plays here."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pybench.children import CALLGRIND_FILES, run
from pybench.target.plugin import counting
from pybench.target.plugin.counting import (
    KEPT,
    NO_WINDOW,
    PROCESSES,
    THREADS,
    WARM,
    WINDOW,
    RowCounter,
)
from pybench.target.plugin.interleaving_adapters import CallAdapter, PedanticAdapter
from pybench.target.plugin.replacing import replace_methods
from pybench.target.process import callgrind

pytestmark = pytest.mark.once

# What a window has besides its calls, and what a call of a row is.
OVERHEAD, CALL = 300, 1_000


class Native:
    """An extension that counts calls of the row instead of instructions."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.files = self.count = self.calls = 0
        self.is_open = self.is_on = False

    def instructions_lacks(self) -> str:
        return ""

    def instructions_begin(self) -> None:
        self.is_on = True

    def instructions_end(self) -> None:
        self.is_on = False

    def instructions_start(self) -> None:
        self.is_open = True
        self.count += OVERHEAD

    def instructions_stop(self) -> None:
        self.is_open = False

    def instructions_dump(self) -> None:
        self.files += 1
        path = Path(f"{self.base}.{self.files}")
        path.write_text(f"events: Ir\n\ntotals: {self.count}\n")
        self.count = 0

    def row(self) -> None:
        """Be the row's function."""
        self.calls += 1
        if self.is_open:
            self.count += CALL


@pytest.fixture
def native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Native]:
    """Play callgrind, and put back what counting replaces."""
    known = Native(tmp_path / "count")
    monkeypatch.setenv(CALLGRIND_FILES, str(known.base))
    monkeypatch.setattr(callgrind, "extension", lambda: known)
    monkeypatch.setattr(counting, "threads_alive", lambda: 1)
    undo: list[Callable[[], None]] = []

    def noted(owner: Any, **methods: Any) -> None:
        undo.append(replace_methods(owner, **methods))

    monkeypatch.setattr(counting, "replace_methods", noted)
    yield known
    for put_back in reversed(undo):
        put_back()


def counted(
    function: Callable[[], object], numbers: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Count a row of plain calls."""
    fixture = SimpleNamespace(_disable_gc=False)
    adapter = CallAdapter(fixture, function, (), {})
    return RowCounter().count(adapter, numbers or {})


def test_windows_have_the_calls_and_nothing_else(native: Native) -> None:
    found = counted(native.row)

    count = found["numbers"]["count"]
    assert WINDOW / 2 < count * CALL <= WINDOW
    assert count & (count - 1) == 0
    assert found["counts"] == [count * CALL] * KEPT
    assert not native.is_on
    assert [*native.base.parent.glob("count.*")] == []


def test_a_window_can_be_of_a_given_size(native: Native) -> None:
    found = counted(native.row, {"count": 3})

    assert (found["numbers"], found["counts"]) == ({"count": 3}, [3 * CALL] * KEPT)


@pytest.mark.parametrize(
    ("rounds", "windows", "count"),
    [(1, 1, 1), (3, 3, 1), (WARM + KEPT + 2, WARM + KEPT, 1), (52, WARM + KEPT, 8)],
)
def test_no_more_rounds_are_made_than_a_row_allows(
    native: Native, rounds: int, windows: int, count: int
) -> None:
    adapter = PedanticAdapter(
        SimpleNamespace(_disable_gc=False),
        native.row,
        setup=lambda: None,
        rounds=rounds,
    )
    adapter.rounds = rounds

    found = RowCounter().count(adapter, {})

    assert native.calls <= rounds
    assert found["numbers"]["count"] == count
    assert {*found["counts"]} == {count * CALL}


def test_what_nobody_counts_is_said(native: Native) -> None:
    def starts_a_thread() -> None:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()

    def starts_a_process() -> None:
        run(["true"])

    for function, reason in (
        (starts_a_thread, THREADS),
        (starts_a_process, PROCESSES),
        (int, NO_WINDOW),
    ):
        native.files = 0
        assert counted(function)["reason"] == reason


def test_a_row_cannot_replace_its_process(native: Native) -> None:
    with pytest.raises(callgrind.CountError, match="executes another program"):
        counted(lambda: os.execvp("true", ["true"]))


def test_why_nothing_can_be_counted_is_said(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "instructions_lacks", lambda: "no header")
    assert counted(native.row) == {"reason": "n/a: no header", "counts": []}

    monkeypatch.setattr(callgrind, "extension", SimpleNamespace)
    assert "of a version that counts no" in counted(native.row)["reason"]


def test_a_file_that_is_not_there_is_named(native: Native) -> None:
    native.base = native.base.parent / "elsewhere"

    with pytest.raises(callgrind.CountError, match=r"callgrind's file .*count\.1: No"):
        counted(native.row)


def test_a_file_without_totals_is_named(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn() -> None:
        native.files += 1
        Path(f"{native.base}.{native.files}").write_text("events: Ir\n")

    monkeypatch.setattr(native, "instructions_dump", torn)

    with pytest.raises(callgrind.CountError, match="has no totals"):
        counted(native.row)
