"""Processes of ``pybench scaling``: what they answer, and how they fail."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from pybench.interpreters import probe
from pybench.profiles import scaling
from pybench.profiles.scaling import (
    Place,
    Repeat,
    ScalingError,
    by_distance,
    found_by_most,
    measure,
    rows,
    scaling_profile,
)
from pybench.profiles.scaling_targets import ScalingTarget, scaling_target
from pybench.records.scaling import (
    Cause,
    Contended,
    Kind,
    ScalingReport,
    ScalingWindow,
    SuspectKind,
    Work,
)

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

def forks():
    os.fork()

async def awaits():
    pass

def needs(argument):
    pass
"""


@pytest.fixture(scope="module")
def python() -> Place:
    """Return this interpreter."""
    return Place(interpreter=probe(sys.executable))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write the module and return its path; windows are short."""
    monkeypatch.setattr(scaling, "WINDOW_NS", 200_000)
    monkeypatch.setattr(scaling, "BUDGET_NS", 1_000_000)
    path = tmp_path / "work_to_scale.py"
    path.write_text(textwrap.dedent(MODULE))
    return str(path)


def one(python: Place, target: str, timeout_s: float = 300.0) -> Repeat:
    """Measure one repeat of two threads."""
    wanted = ScalingTarget(name=target, kind=Kind.FUNCTION)
    (repeat,) = measure(python, wanted, [1, 2], 1, timeout_s)
    return repeat


def test_every_work_is_measured_on_both_numbers_of_threads(
    python: Place, module: str
) -> None:
    """Also by a target that prints, and one whose module is large for a collection."""
    repeat = one(python, f"{module}:counts")

    turns = repeat.threads.turns
    # What is not there has its reason: a function of one's own that nobody counts.
    missing = {*(repeat.threads.unavailable or {})}
    assert missing <= {Work.IMMORTAL}
    for turn in turns:
        assert {*turn} | missing == {*Work}
        assert all({*of_work} == {"1", "2"} for of_work in turn.values())
    assert all(gain > 0 for gain in repeat.processes.values())
    target = ScalingTarget(name="target", kind=Kind.FUNCTION)
    profile = scaling_profile(python, target, [1, 2], [repeat])
    assert [point.threads for point in profile.points] == [2]
    assert {*profile.points[0].by_work} == {str(work) for work in Work} - missing
    assert "no interval" in profile.notes[-1]
    expected = Cause.GIL if python.interpreter.gil_enabled else Cause.UNKNOWN
    assert profile.diagnosis.cause == expected


def test_a_target_that_collects_does_not_lose_the_program(
    python: Place, module: str
) -> None:
    """Free-threaded 3.14 collected the program's own functions, which it had hidden."""
    assert one(python, f"{module}:collects").threads.turns


@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("raises", "LookupError: nothing here"),
        ("once", "called twice"),
        ("forks", "it forks, and the child returns"),
        ("awaits", "runs nothing"),
        ("needs", "needs argument"),
        ("absent", "has no 'absent'"),
    ],
)
def test_a_function_that_cannot_be_measured_is_told(
    python: Place, module: str, function: str, text: str
) -> None:
    with pytest.raises(ScalingError, match=text):
        one(python, f"{module}:{function}")


def test_a_function_that_ends_its_process_is_told(python: Place, module: str) -> None:
    with pytest.raises(ScalingError, match="7"):
        one(python, f"{module}:ends")


def test_a_function_that_never_ends_is_ended(python: Place, module: str) -> None:
    with pytest.raises(ScalingError, match=r"no answer within 0\.1 seconds"):
        one(python, f"{module}:waits", timeout_s=0.1)


def test_windows_of_many_threads_are_short_enough_for_a_time_out(python: Place) -> None:
    """Each waits for the CPUs while the others do their calls."""
    target = ScalingTarget(name="target", kind=Kind.FUNCTION)

    of_two, of_many = (
        scaling._order(python, target, [1, most]).window_ns for most in (2, 8192)
    )

    assert of_many == of_two // scaling.SHORTEST


ROWS = """
import pytest
print("no answer")

@pytest.mark.parametrize("threads", [1, 2])
def test_row(benchmark_threads, threads):
    benchmark_threads(sum, [1, 2], threads=threads)
"""


@pytest.mark.usefixtures("module")
def test_a_row_and_a_script_are_measured_as_a_function_is(
    python: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("test_row.py").write_text(ROWS)
    Path("script.py").write_text("import sys\nprint(sum(range(99)))\nsys.exit()\n")

    targets = [
        *rows(python, scaling_target("test_row.py"), 300.0),
        *rows(python, scaling_target("script.py"), 300.0),
    ]

    assert [target.name for target in targets] == [
        "test_row.py::test_row[2]",
        "script.py",
    ]
    for target in targets:
        (repeat,) = measure(python, target, [1], 1, 300.0)
        missing = {*(repeat.threads.unavailable or {})}
        assert missing >= {Work.PRIVATE}
        assert {*repeat.threads.turns[0]} | missing == {*Work}


def test_an_object_is_named_if_half_of_the_processes_found_it() -> None:
    def report(*names: str) -> ScalingReport:
        return ScalingReport(
            contended=tuple(
                Contended(
                    name=name,
                    kind=SuspectKind.LOCK,
                    type_name="lock",
                    lines=(),
                    speed_up=speed_up,
                )
                for name, speed_up in zip(names, (0.3, 0.5), strict=False)
            )
        )

    named = found_by_most([report("a", "b"), report("b", "a"), report("c"), report()])

    assert [(of.name, of.processes, of.speed_up) for of in named] == [
        ("a", 2, 0.4),
        ("b", 2, 0.4),
    ]


def repeats_of(*found: tuple[float, float | None]) -> list[Repeat]:
    """Return processes of two threads: the speed-up of each, and its CPUs' distance."""

    def window(*ends_ns: int) -> ScalingWindow:
        return ScalingWindow(ends_ns=ends_ns, late_ns=0, cpu_ns=1, waited_ns=0)

    return [
        Repeat(
            threads=ScalingReport(
                turns=(
                    {"shared": {"1": window(1000), "2": window(round(2000 / of), 1)}},
                )
            ),
            message_ns=distance,
            processes={},
        )
        for of, distance in found
    ]


def test_processes_are_judged_within_one_distance_of_their_cpus(python: Place) -> None:
    near, far = (0.45, 110.0), (0.2, 490.0)
    target = ScalingTarget(name="target", kind=Kind.FUNCTION)

    profile = scaling_profile(
        python, target, [1, 2], repeats_of(*[near, far, near] * 4)
    )

    (point,), (other,) = profile.points, profile.elsewhere
    assert point.by_work["shared"].value == pytest.approx(0.45, abs=0.01)
    assert other.by_work["shared"].value == pytest.approx(0.2, abs=0.01)
    assert point.by_work["shared"].repeats == 8
    assert profile.message_ns[:2] == (110.0, 490.0)
    assert any("490 ns apart" in note for note in profile.notes)


@pytest.mark.parametrize(
    "found",
    [
        [(0.45, 110.0), (0.45, 490.0)] * 4,  # one mode
        [(0.45, 110.0), (0.2, 110.0)] * 4,  # one distance
        [(0.45, 110.0), (0.2, None)] * 4,  # not known
    ],
)
def test_without_two_modes_and_two_distances_all_are_judged(
    found: list[tuple[float, float | None]],
) -> None:
    repeats = repeats_of(*found)

    assert by_distance(repeats, 2) == (repeats, [])
