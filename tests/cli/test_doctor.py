"""`pybench doctor` as somebody types it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pybench.cli import doctor, status
from pybench.profiles import machine
from pybench.records.doctor import Finding

Pybench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time pass between the two readings of what counts up."""
    monkeypatch.setattr(machine, "WINDOW_S", 0.0)


def test_record_and_exit_status_agree(tmp_path: Path) -> None:
    """Whatever this machine is, the two say the same."""
    done = subprocess.run(
        [sys.executable, "-m", "pybench", "doctor", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )

    record = json.loads(done.stdout)
    assert done.returncode == (status.OK if record["fit"] else status.NO_VERDICT)
    assert [*tmp_path.iterdir()] == []


def test_findings_are_shown_and_the_record_saved(
    tmp_path: Path, pybench: Pybench
) -> None:
    path = tmp_path / "record.json"
    done = pybench("doctor", "--json", str(path))

    assert done.stderr == ""
    record = json.loads(path.read_text())
    for finding in record["findings"]:
        assert finding["name"] in done.stdout
    assert done.stdout.startswith("fit" if record["fit"] else "unfit")


@pytest.mark.parametrize("words", [("--json", "no/where.json"), ("now",)])
def test_usage_errors(words: tuple[str, ...], pybench: Pybench) -> None:
    assert pybench("doctor", *words).returncode == status.USAGE


def test_findings_are_laid_out_in_a_hundred_columns() -> None:
    long = " ".join(["word"] * 60)
    findings = [
        Finding(name="thermal throttling", state="unfit", now=long, cost=long),
        Finding(name="turbo", state="costs", now="on", cost=long, advice=long),
        Finding(name="SMT", state="unknown", now="not there"),
        Finding(name="ASLR", state="fine", now="on"),
    ]

    lines = [*doctor.lines(findings)]

    assert lines[0] == "unfit: thermal throttling; 1 unknown"
    assert max(map(len, lines)) <= 100
    assert any(line.split()[:2] == ["?", "SMT"] for line in lines)
    assert "unknown: not there" in "\n".join(lines)
    fit = doctor.verdict(findings[1:])
    assert fit == "fit; 1 of 3 findings cost something; 1 unknown"
