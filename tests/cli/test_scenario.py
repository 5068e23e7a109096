"""`pybench scenario` as somebody types it: one side in a child, or two in pairs."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pybench.cli import scenario as scenarios
from pybench.cli import status
from pybench.records.scenario import Settings

SMALL = ("--workers=2", "--iterations=3", "--warmup=1", "--work-iters=100")

Pybench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pybench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pybench_and_children: Pybench
) -> Pybench:
    """Return what runs the command in an empty folder, with small work."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: pybench_and_children("scenario", *SMALL, *words)


def test_runs_and_saves(pybench: Pybench, tmp_path: Path) -> None:
    done = pybench("sum", "--mode=processes", "--json=out.json")

    assert done.returncode == status.OK, done.stdout + done.stderr
    assert "=== environment ===" in done.stdout
    assert "=== result ===" in done.stdout
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["pybench"] == "scenario"
    assert record["schema"] == 1
    assert record["settings"]["scenario"] == "sum"
    assert len(record["iter_s"]) == 3


def test_time_left_is_told(pybench: Pybench) -> None:
    """Of what lasts longer than two seconds, which these rounds are held to."""
    done = pybench("--hold-ms=250", "--iterations=10")

    assert done.returncode == status.OK, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("scenario: round ")
    assert line.endswith(" left")


def test_runs_on_another_interpreter(pybench: Pybench) -> None:
    done = pybench("--python", sys.executable, "--json=-")

    assert done.returncode == status.OK, done.stdout + done.stderr
    assert json.loads(done.stdout)["environment"]["mode"] == "threads"


def test_lost_worker_is_told_by_the_exit_status(pybench: Pybench) -> None:
    done = pybench("--mode=processes", "--fault=die:1:2")

    assert done.returncode == status.FAILED
    assert "was lost in round 1: ended by SIGKILL" in done.stdout


def test_scenario_that_is_killed_is_said(pybench: Pybench) -> None:
    """A thread that dies takes its process along."""
    done = pybench("--mode=threads", "--fault=die:1:2")

    assert done.returncode == status.FAILED
    assert "the scenario was ended by SIGKILL, and saved nothing" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_the_command_saves_what_there_is(
    tmp_path: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "pybench", "scenario", *SMALL),
            *("--iterations=10000000", "--json=out.json"),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        while "scenario: round" not in child.stderr.readline():
            assert child.poll() is None
        child.send_signal(number)
        output, errors = child.communicate(timeout=300)

    assert child.returncode == status.INTERRUPTED, output + errors
    assert "=== result ===" in output
    assert json.loads((tmp_path / "out.json").read_text())["interrupted"]


def test_mode_is_compared_in_pairs(pybench: Pybench, tmp_path: Path) -> None:
    """The verdict is that of the pairs, and each side went first as often."""
    pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

    done = pybench("--compare", "threads", "processes", "--pairs=6", "--json=out.json")

    assert done.returncode == status.OK, done.stdout + done.stderr
    assert "verdict: processes is " in done.stdout
    assert "95 % interval [" in done.stdout
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["pybench"] == "scenario-comparison"
    assert sorted(record["first"]) == ["processes"] * 3 + ["threads"] * 3
    ratios = [math.log(b / a) for a, b in record["pairs"]]
    verdict = record["verdict"]
    assert min(ratios) <= math.log(verdict["ratio"]) <= max(ratios)
    assert verdict["low"] <= verdict["ratio"] <= verdict["high"]


def test_interpreters_are_compared(pybench: Pybench) -> None:
    """The same twice, under two names."""
    pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
    python = ("--python", sys.executable)

    done = pybench(*python, *python, "--pairs=2", "--seed=7")

    assert done.returncode == status.OK, done.stdout + done.stderr
    assert "#2 is not told apart from (inconclusive) " in done.stdout
    assert "no interval: it takes six pairs" in done.stdout
    assert "seed 7" in done.stdout


def test_side_that_fails_ends_a_comparison(pybench: Pybench, tmp_path: Path) -> None:
    """By name and with its reason; a side of fewer workers gives no pair."""
    pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

    done = pybench(
        *("--compare", "threads", "processes", "--fault=raise:1:2", "--json=out.json")
    )

    assert done.returncode == status.FAILED
    assert "-1" in done.stderr
    assert "was lost in round 1: RuntimeError: injected" in done.stderr
    assert "verdict: none, no pair was completed" in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())["verdict"] is None


def test_ctrl_c_ends_a_comparison_with_its_pairs(tmp_path: Path) -> None:
    pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "pybench", "scenario", *SMALL),
            *("--compare", "threads", "threads", "--json=out.json", "--pairs=9999"),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        while "pair 2 of 9999" not in child.stderr.readline():
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=300)

    assert child.returncode == status.INTERRUPTED, output + errors
    assert "verdict: threads#2 is " in output
    assert len(json.loads((tmp_path / "out.json").read_text())["pairs"]) >= 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--pairs=6",), "--pairs belongs to a comparison"),
        (("--seed=0",), "--seed belongs to a comparison"),
        (("--compare", "threads"), "expected 2 arguments"),
        (("--compare", "threads", "rockets"), "--mode 'rockets': choose one of"),
        (("--compare", "threads", "threads", "--pairs=0"), "pairs must be a whole"),
        (
            ("--compare", "threads", "processes", "--python=3.11", "--python=3.12"),
            "compare either two modes",
        ),
        (("--workers=0",), "--workers must be at least 1, not 0"),
        (("--json=no/such/out.json",), "there is no folder no/such"),
    ],
)
def test_usage_errors(
    monkeypatch: pytest.MonkeyPatch,
    pybench: Pybench,
    words: tuple[str, ...],
    message: str,
) -> None:
    """Each before anything is measured."""
    pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
    monkeypatch.setattr("pybench.profiles.scenario.start", None)

    done = pybench(*words)

    assert done.returncode == status.USAGE
    assert message in done.stderr


def test_lines_name_the_sides_and_the_verdict() -> None:
    pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
    from pybench.profiles.scenario import Arm, Comparison
    from pybench.statistics.plan import Plan

    first, second = (
        Arm(name=name, python=Path(os.devnull), settings=Settings()) for name in "ab"
    )
    comparison = Comparison(arms=(first, second), seed=1, plan=Plan())
    comparison.pairs += [(1.0, 2.0 + number / 100) for number in range(20)]
    comparison.judge()

    lines = scenarios.lines_of(comparison)

    assert "verdict: b is slower than a" in lines
    assert any(line.startswith("ratio: 2.0") for line in lines)
    assert "pairs: 20; margin 3.0%" in lines
