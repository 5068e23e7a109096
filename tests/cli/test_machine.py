"""``pybench machine``: its output, its record and its exit statuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pybench.cli import main, status
from pybench.profiles import machine_speed
from pybench.profiles.child_programs import ChildError
from pybench.records.machine import Topology


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | None]:
    """Let processes answer at once; one that is an exception ends so."""
    ends: list[BaseException | None] = [None, None]

    def answers(
        topology: Topology, processes: int, timeout_s: float
    ) -> Iterator[dict[str, Any]]:
        keys = [probe.key for probe in machine_speed.plan(topology)[0]]
        for number, end in enumerate(ends[:processes]):
            if end is not None:
                raise end
            yield {
                "ns": dict.fromkeys(keys, 2.0 + number / 100),
                "clock_cost_ns": 20.0,
                "clock_step_ns": 1.0,
            }

    monkeypatch.setattr(machine_speed, "answers", answers)
    return ends


def run(*words: str) -> int:
    """Return the exit status of the command."""
    with pytest.raises(SystemExit) as ended:
        main(["machine", "--processes", "2", *words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.usefixtures("measured")
def test_numbers_are_shown_and_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "machine.json"

    assert run("--json", str(record)) == status.OK

    shown = capsys.readouterr().out
    assert "4 KiB" in shown
    assert "GB/s" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())
    document = json.loads(record.read_text())
    assert (document["pybench"], document["processes"]) == ("machine", 2)


@pytest.mark.usefixtures("measured")
def test_the_record_alone_is_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--json") == status.OK
    assert json.loads(capsys.readouterr().out)["pybench"] == "machine"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (ChildError("it broke"), status.FAILED),
        (KeyboardInterrupt(), status.INTERRUPTED),
    ],
)
def test_what_was_measured_before_the_end_is_shown(
    measured: list[BaseException | None],
    capsys: pytest.CaptureFixture[str],
    end: BaseException,
    code: int,
) -> None:
    measured[1] = end

    assert run() == code

    assert "1 processes" in capsys.readouterr().out


def test_nothing_measured_is_no_record(
    measured: list[BaseException | None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured[0] = ChildError("no such kernel")

    assert run("--json", str(tmp_path / "machine.json")) == status.FAILED

    assert "no such kernel" in capsys.readouterr().err
    assert not (tmp_path / "machine.json").exists()
