"""Processes of ``pybench scaling``: what they answer, and how they fail."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from pybench.interpreters import Interpreter, probe
from pybench.profiles import scaling
from pybench.profiles.scaling import Repeat, ScalingError, measure, scaling_profile
from pybench.records.scaling import Cause, Work

MODULE = """
import gc, os, threading
lock = threading.Lock()
lock.acquire()
calls = []

def counts():
    print("no answer")
    return sum(range(1000))

def collects():
    made = [[number] for number in range(20_000)]
    gc.collect()
    return made

def raises():
    raise LookupError("nothing here")

def ends():
    os._exit(7)

def waits():
    lock.acquire()

def once():
    calls.append(None)
    if len(calls) > 1:
        raise RuntimeError("called twice")

async def awaits():
    pass

def needs(argument):
    pass
"""


@pytest.fixture(scope="module")
def python() -> Interpreter:
    """Return this interpreter."""
    return probe(sys.executable)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write the module and return its path; windows are short."""
    monkeypatch.setattr(scaling, "WINDOW_NS", 200_000)
    monkeypatch.setattr(scaling, "BUDGET_NS", 1_000_000)
    path = tmp_path / "work_to_scale.py"
    path.write_text(textwrap.dedent(MODULE))
    return str(path)


def one(python: Interpreter, target: str, timeout_s: float = 60.0) -> Repeat:
    """Measure one repeat of two threads."""
    (repeat,) = measure(python, target, [1, 2], 1, timeout_s)
    return repeat


def test_every_work_is_measured_on_both_numbers_of_threads(
    python: Interpreter, module: str
) -> None:
    """Also by a target that prints, and one whose module is large for a collection."""
    repeat = one(python, f"{module}:counts")

    assert not repeat.problem
    turns = repeat.threads.turns
    # What is not there has its reason: a function of one's own that nobody counts.
    missing = {*(repeat.threads.unavailable or {})}
    assert missing <= {Work.IMMORTAL}
    for turn in turns:
        assert {*turn} | missing == {*Work}
        assert all({*of_work} == {"1", "2"} for of_work in turn.values())
    assert repeat.processes[2] > 0
    profile = scaling_profile(python, "target", [1, 2], [repeat])
    assert [point.threads for point in profile.points] == [2]
    assert {*profile.points[0].by_work} == {str(work) for work in Work} - missing
    assert "no interval" in profile.notes[-1]
    expected = Cause.GIL if python.gil_enabled else Cause.UNKNOWN
    assert profile.diagnosis.cause == expected


def test_a_target_that_collects_does_not_lose_the_program(
    python: Interpreter, module: str
) -> None:
    """Free-threaded 3.14 collected the program's own functions, which it had hidden."""
    assert not one(python, f"{module}:collects").problem


@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("raises", "LookupError: nothing here"),
        ("once", "called twice"),
        ("awaits", "runs nothing"),
        ("needs", "needs argument"),
        ("absent", "has no 'absent'"),
    ],
)
def test_a_function_that_cannot_be_measured_is_told(
    python: Interpreter, module: str, function: str, text: str
) -> None:
    assert text in one(python, f"{module}:{function}").problem


def test_a_function_that_ends_its_process_is_told(
    python: Interpreter, module: str
) -> None:
    with pytest.raises(ScalingError, match="7"):
        one(python, f"{module}:ends")


def test_a_function_that_never_ends_is_ended(python: Interpreter, module: str) -> None:
    with pytest.raises(ScalingError, match=r"no answer within 0\.1 seconds"):
        one(python, f"{module}:waits", timeout_s=0.1)
