"""What the experiments tell: by made-up shares, and by programs of known answers."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

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
    estimate,
    find,
    judge,
)
from pybench.profiles.experiments import read_report
from pybench.profiles.extensions import extension_of
from pybench.profiles.targets import Target, parse_target
from pybench.records.bottleneck import Cause, Run, share
from pybench.records.documents import convert
from pybench.records.profile_run import (
    BARE,
    GC_OFF,
    IMPORTS,
    NATIVE,
    WAITS,
    WHOLE,
)

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")

DATA = Path(__file__).parents[1] / "data"
ANSWERS = [
    ("tight_loop.py:run", BYTECODE),
    ("collector.py:run", ALLOCATION),
    ("locks.py:run", LOCKS),
    ("waiting.py:run", IO),
    ("imports.py", START_UP),
]


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
    target = Target(kind="script", name="a.py")

    findings = find(target, [], free_threaded=False)

    assert findings.times.steady is None
    assert findings.verdict is not None
    assert findings.verdict.cause is None


def recorded_run(line: str) -> Run:
    """Read one child of a recorded profile."""
    document: dict[str, Any] = json.loads(line)
    report = read_report(document.pop("report", {}), document["condition"])
    run: Run = convert(document, Run)
    return replace(run, report=report)


@pytest.mark.once
@pytest.mark.parametrize("build", ["3.11", "3.14t"])
@pytest.mark.parametrize(("program", "expected"), ANSWERS)
def test_program_of_known_answer_is_diagnosed(
    build: str, program: str, expected: str
) -> None:
    """By what its children answered once on this build."""
    name = program.partition(".")[0]
    lines = (DATA / "profiles" / f"{name}-{build}.jsonl").read_text().splitlines()
    target = parse_target(str(DATA / "programs" / program))

    findings = find(target, [*map(recorded_run, lines)], free_threaded=build[-1] == "t")

    assert findings.problems == ()
    assert findings.gil_enabled == (build == "3.11")
    assert findings.verdict is not None
    assert findings.verdict.cause == expected, findings.verdict
    assert len(findings.verdict.ruled_out) == len(findings.causes) - 1


def free_threaded() -> Interpreter:
    """Return one that runs without the GIL; one that PYBENCH_REQUIRE names is there."""
    # To ask all Pythons of the machine takes long: first those that are named.
    for environ in (os.environ | {"PATH": "", "HOME": ""}, None):
        for interpreter in reversed(find_interpreters(environ).interpreters):
            if interpreter.free_threaded and not interpreter.gil_enabled:
                return interpreter
    required = os.environ.get("PYBENCH_REQUIRE", "").split()
    if any(kind.endswith("t") for kind in required):
        pytest.fail(f"none free-threaded was found; PYBENCH_REQUIRE is {required}")
    pytest.skip("n/a: no free-threaded Python was found; name one in PYBENCH_PYTHONS")


@pytest.mark.parametrize(
    ("program", "build"),
    [
        ("locks.py:run", "default"),
        ("imports.py", "default"),
        ("locks.py:run", "no GIL"),
    ],
)
def test_program_is_profiled(
    program: str, build: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once under each condition that gives a share, whatever the share is.

    A function and a script; the records above are of the other programs too.
    """
    monkeypatch.setattr(experiments, "BUDGET_S", 0.01)
    is_default = build == "default"
    python = probe(sys.executable) if is_default else free_threaded()
    target = parse_target(str(DATA / "programs" / program))

    runs = [
        *experiments.run_all(
            python,
            target,
            repeat=1,
            timeout_s=300,
            only={GC_OFF, WAITS, NATIVE, BARE, WHOLE, IMPORTS},
            extension=extension_of(python, build=True) if is_default else None,
        )
    ]
    findings = find(target, runs, free_threaded=python.free_threaded)

    assert findings.gil_enabled == python.gil_enabled
    assert findings.problems == ()
    assert findings.verdict is not None
    assert findings.verdict.evidence
    names = {cause.name for cause in findings.causes}
    assert {BYTECODE, ALLOCATION, LOCKS, IO} <= names
    assert (START_UP in names) == target.is_program
    for cause in findings.causes:
        assert 0 <= cause.share.low <= cause.share.value <= cause.share.high <= 1
