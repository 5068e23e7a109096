"""What the experiments tell: by made-up shares, and by programs of known answers."""

import os
import sys
from pathlib import Path

import pytest

from pybench.interpreters import Interpreter, probe
from pybench.interpreters import find as find_interpreters
from pybench.profiles import experiments
from pybench.profiles.bottleneck import (
    ALLOCATION,
    BYTECODE,
    IO,
    LOCKS,
    START_UP,
    Cause,
    estimate,
    find,
    judge,
    share,
)
from pybench.profiles.experiments import (
    BARE,
    GC_OFF,
    IMPORTS,
    NATIVE,
    PROBE,
    TRACED,
    WAITS,
    WHOLE,
    parse_target,
)
from pybench.profiles.extensions import extension_of

PROGRAMS = Path(__file__).parents[1] / "data" / "programs"
STEADY = {GC_OFF, TRACED, WAITS, NATIVE, PROBE}
OF_SCRIPTS = {BARE, WHOLE, IMPORTS}


def cause(name: str, low: float, value: float, high: float) -> Cause:
    return Cause(name=name, share=share(low, value, high), evidence="seen")


def test_largest_share_is_the_verdict_and_the_others_are_ruled_out() -> None:
    verdict = judge([cause(IO, 0.1, 0.2, 0.3), cause(BYTECODE, 0.7, 0.8, 0.9)])

    assert verdict.cause == BYTECODE
    assert verdict.ruled_out == ("I/O: 20% [10, 30]; seen",)


def test_shares_that_overlap_are_no_verdict() -> None:
    """And what overlaps is left open; the rest is ruled out all the same."""
    verdict = judge(
        [
            cause(IO, 0.3, 0.45, 0.6),
            cause(BYTECODE, 0.3, 0.5, 0.7),
            cause(LOCKS, 0.0, 0.05, 0.1),
        ]
    )

    assert verdict.cause is None
    assert "bytecode or I/O" in verdict.evidence
    assert len(verdict.open) == 2
    assert verdict.ruled_out == ("lock or GIL waiting: 5% [0, 10]; seen",)
    assert "--repeat" in verdict.needed


def test_nothing_measured_is_no_verdict() -> None:
    verdict = judge([])

    assert verdict.cause is None
    assert verdict.needed


def test_interval_is_students() -> None:
    found = estimate([1.0, 2.0, 3.0])

    assert found is not None
    assert found.mean == 2.0
    assert found.deviation == 1.0
    assert found.half_width == pytest.approx(4.303 / 3**0.5, rel=1e-3)


def test_one_process_has_no_interval() -> None:
    found = estimate([1.0])

    assert found is not None
    assert found.half_width is None
    assert (found.low, found.high) == (float("-inf"), float("inf"))


def test_no_runs_are_no_findings() -> None:
    target = experiments.Target(kind="script", name="a.py")

    findings = find(target, [], free_threaded=False)

    assert findings.steady is None
    assert findings.verdict is not None
    assert findings.verdict.cause is None


@pytest.fixture(scope="module")
def found() -> tuple[Interpreter, ...]:
    """Look for the interpreters of this machine once."""
    return find_interpreters().interpreters


@pytest.fixture(params=["default", "free-threaded"])
def python(request: pytest.FixtureRequest) -> Interpreter:
    """Return what runs the programs: the Python that runs this, and one without GIL.

    One that PYBENCH_REQUIRE names has to be there.
    """
    default = probe(sys.executable)
    if request.param == "default":
        return default
    if default.free_threaded:
        pytest.skip("n/a: the default Python is free-threaded, and ran them already")
    found: tuple[Interpreter, ...] = request.getfixturevalue("found")
    free = [one for one in found if one.free_threaded and not one.gil_enabled]
    if free:
        return free[-1]
    required = os.environ.get("PYBENCH_REQUIRE", "").split()
    if any(kind.endswith("t") for kind in required):
        pytest.fail(f"none free-threaded was found; PYBENCH_REQUIRE is {required}")
    pytest.skip("n/a: no free-threaded Python was found; name one in PYBENCH_PYTHONS")


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("tight_loop.py:run", BYTECODE),
        ("collector.py:run", ALLOCATION),
        ("locks.py:run", LOCKS),
        ("waiting.py:run", IO),
        ("imports.py", START_UP),
    ],
)
def test_program_of_known_answer_is_diagnosed(
    python: Interpreter, program: str, expected: str
) -> None:
    """By what tells one cause from another; the rest is left out, to save time."""
    target = parse_target(str(PROGRAMS / program))
    needed = STEADY | (OF_SCRIPTS if target.kind == "script" else set())

    # With three of each, Student's interval is 2.4 times as wide: on a busy machine the
    # shares overlapped, and no cause was named.
    runs = list(
        experiments.run_all(
            python,
            target,
            repeat=6,
            timeout_s=60,
            only=needed,
            extension=extension_of(python, build=True),
        )
    )
    findings = find(target, runs, free_threaded=python.free_threaded)

    assert findings.problems == ()
    assert findings.gil_enabled == python.gil_enabled
    assert findings.verdict is not None
    assert findings.verdict.cause == expected, findings.verdict
    assert len(findings.verdict.ruled_out) == len(findings.causes) - 1
