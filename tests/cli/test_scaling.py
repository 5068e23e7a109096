"""``pybench scaling``: its output, its record and its exit statuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pybench.cli import main, status
from pybench.profiles import scaling, topology
from pybench.profiles.scaling import Repeat, ScalingError
from pybench.records.scaling import ScalingReport, ScalingWindow, Work


def repeat(factor: float, *, gil_enabled: bool) -> Repeat:
    """Return two threads that take `factor` times as long as one."""
    windows = {
        "1": ScalingWindow(ends_ns=(1000,), late_ns=0, cpu_ns=1000, waited_ns=0),
        "2": ScalingWindow(
            ends_ns=(round(1000 * factor),) * 2,
            late_ns=0,
            cpu_ns=2 * round(1000 * factor),
            waited_ns=0,
        ),
    }
    turn = {str(work): windows for work in Work}
    report = ScalingReport(gil_enabled=gil_enabled, calls=1, turns=(turn,))
    return Repeat(threads=report, processes={2: 2.0})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Repeat | BaseException]:
    """Let processes answer at once; one that is an exception ends so."""
    ends: list[Repeat | BaseException] = [repeat(1.0, gil_enabled=False)] * 7

    def measure(*_: Any) -> Iterator[Repeat]:
        for end in ends:
            if isinstance(end, BaseException):
                raise end
            yield end

    monkeypatch.setattr(scaling, "measure", measure)
    return ends


@pytest.fixture
def module(tmp_path: Path) -> str:
    """Return the path of a module with a function."""
    path = tmp_path / "work.py"
    path.write_text("def count():\n    pass\n")
    return f"{path}:count"


def run(*words: str) -> int:
    """Return the exit status of the command."""
    with pytest.raises(SystemExit) as ended:
        main(["scaling", *words, "--threads", "2"])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.usefixtures("measured")
def test_a_curve_and_its_cause_are_shown_and_saved(
    tmp_path: Path, module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "scaling.json"

    assert run(module, "--json", str(record)) == status.OK

    shown = capsys.readouterr().out
    assert "2.00 [2.00, 2.00]" in shown
    assert "scales" in shown
    [profile] = json.loads(record.read_text())["profiles"]
    assert profile["diagnosis"]["cause"] == "scales"


def test_the_gil_is_a_cause_that_is_told(
    measured: list[Repeat | BaseException],
    module: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured[:] = [repeat(2.0, gil_enabled=True)] * 7

    assert run(module) == status.OK
    assert "the GIL is on" in capsys.readouterr().out


def test_what_cannot_be_told_has_a_status_of_its_own(
    measured: list[Repeat | BaseException], module: str
) -> None:
    measured[:] = [repeat(2.0, gil_enabled=False)] * 7

    assert run(module) == status.NO_VERDICT


@pytest.mark.parametrize(("words", "processes"), [((), 14), (("--processes", "7"), 7)])
def test_processes_are_doubled_once_where_they_may_tell(
    measured: list[Repeat | BaseException],
    module: str,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    processes: int,
) -> None:
    measured[4:] = [repeat(2.0, gil_enabled=False)] * 3

    assert run(module, *words) == status.NO_VERDICT
    assert f" {processes} processes:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (ScalingError("it broke"), status.FAILED),
        (KeyboardInterrupt(), status.INTERRUPTED),
    ],
)
def test_what_was_measured_before_the_end_is_shown(
    measured: list[Repeat | BaseException],
    module: str,
    capsys: pytest.CaptureFixture[str],
    end: BaseException,
    code: int,
) -> None:
    measured[1] = end

    assert run(module) == code
    assert "speed-up over one thread" in capsys.readouterr().out


def test_several_interpreters_are_in_one_table(
    measured: list[Repeat | BaseException],
    module: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del measured[1:]
    record = tmp_path / "scaling.json"
    pythons = [f"--python={name}={sys.executable}" for name in ("old", "new")]

    run(module, *pythons, "--json", str(record))

    shown = capsys.readouterr().out
    assert shown.count("speed-up over one thread") == 1
    assert len(json.loads(record.read_text())["profiles"]) == 2


def test_a_row_that_cannot_run_here_is_no_failure(
    measured: list[Repeat | BaseException],
    module: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured[:] = [ScalingError("n/a: needs two CPUs")]

    assert run(module) == status.OK
    assert "n/a: needs two CPUs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("nowhere.py:count", "does not exist"),
        ("nowhere.py", "does not exist"),
        ("nowhere/test_x.py::test_row", "no benchmarks at"),
    ],
)
def test_a_target_that_is_not_there_is_refused(
    target: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(target) == status.USAGE
    assert text in capsys.readouterr().err


def test_a_function_that_fails_is_an_error(
    measured: list[Repeat | BaseException],
    module: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured[0] = ScalingError("it raised")

    assert run(module) == status.FAILED
    assert "it raised" in capsys.readouterr().err


@pytest.mark.usefixtures("measured")
def test_with_one_cpu_nothing_is_measured_and_that_is_said(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(topology, "usable_at_once", lambda _: 1)
    with pytest.raises(SystemExit) as ended:
        main(["scaling", module])

    assert ended.value.code == status.NO_VERDICT
    assert "one usable CPU" in capsys.readouterr().out
