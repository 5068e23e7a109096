"""Progress: on standard error, drawn only when told, plain where nobody looks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

pytest.importorskip("rich", reason="n/a: rich is not installed here")

from pybench.cli.progress import Meter
from pybench.target.programs.scenario_progress import clock

TELLS = """
import sys, threading
from pybench.cli.progress import Meter
with Meter() as meter:
    for done in range(1, 4):
        meter.tell("pair", done, 3, more="1 of 2 rows settled")
        assert threading.active_count() == 1
print("the result")
"""


def in_a_terminal(**environ: str) -> tuple[str, str]:
    """Return what a program with a terminal for standard error says on both."""
    pty = pytest.importorskip("pty", reason="n/a: no pseudo-terminals here")
    ours, theirs = pty.openpty()
    known = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR")}
    done = subprocess.run(
        [sys.executable, "-c", TELLS], stdout=subprocess.PIPE, stderr=theirs, text=True,
        env=known | {"TERM": "xterm", "COLUMNS": "100"} | environ, check=True,
    )  # fmt: skip
    os.close(theirs)
    said = os.read(ours, 100_000).decode()
    os.close(ours)
    return done.stdout, said


def test_a_terminal_has_a_bar_with_the_time_left() -> None:
    out, said = in_a_terminal()

    assert out == "the result\n"
    assert "pair 2 of 3, 1 of 2 rows settled" in said
    assert "left" in said
    assert "\x1b[" in said
    assert "pybench: pair" not in said


def test_a_terminal_of_ci_has_lines() -> None:
    out, said = in_a_terminal(CI="true")

    assert out == "the result\n"
    assert "pybench: pair 3 of 3" in said
    assert "\x1b[" not in said


def test_a_file_has_the_first_line_and_the_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The ones between came too soon after it."""
    with Meter(is_live=False) as meter:
        for done in range(1, 6):
            meter.tell("pair", done, 5)

    out = capsys.readouterr()
    assert out.out == ""
    assert [line.partition(",")[0] for line in out.err.splitlines()] == [
        "pybench: pair 1 of 5",
        "pybench: pair 5 of 5",
    ]


def test_what_is_short_may_show_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Meter(is_live=False, after_s=3600) as meter:
        meter.tell("pair", 1, 2)
        meter.tell("pair", 2, 2)

    assert capsys.readouterr() == ("", "")


def test_the_time_that_is_known_is_believed(capsys: pytest.CaptureFixture[str]) -> None:
    with Meter(is_live=False) as meter:
        meter.tell("pair", 0, 5)
        meter.tell("pair", 5, 5, left_s=125)

    first, last = capsys.readouterr().err.splitlines()
    assert "left" not in first
    assert "about 2:05 left" in last


@pytest.mark.once
@pytest.mark.parametrize(
    ("done", "is_begun", "left_s", "has_left"),
    [
        (1, True, None, False),  # nothing has ended
        (2, True, None, True),  # one of two has: the other may take as long
        (1, False, None, True),
        (2, False, None, False),
        (1, False, 0.0, False),
        (1, False, 0.4, True),
        (1, False, 61.0, True),
    ],
)
def test_what_has_only_begun_is_no_measure_of_the_time_left(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    done: int,
    is_begun: bool,
    left_s: float | None,
    has_left: bool,
) -> None:
    """And no zero is shown while something is going on."""
    times = iter([0.0, 30.0])
    monkeypatch.setattr("pybench.cli.progress.time.monotonic", lambda: next(times))

    with Meter(is_live=False) as meter:
        meter.tell("side", done, 2, left_s=left_s, is_begun=is_begun)

    said = capsys.readouterr().err
    assert f"side {done} of 2" in said
    assert ("left" in said) is has_left
    assert "0:00 left" not in said


@pytest.mark.once
def test_a_side_that_is_tried_out_is_counted_as_it_begins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
    from pybench.cli.compare import shown
    from pybench.comparison.live import Progress

    with Meter(is_live=False) as meter:
        shown(meter)(
            Progress(
                stage="trying out side", done=2, whole=2, settled=0, rows=0,
                elapsed_s=0.1, left_s=None,
            )
        )  # fmt: skip

    said = capsys.readouterr().err
    assert said.startswith("pybench: trying out side 2 of 2")
    assert "0 of 0 rows" not in said
    assert "0:00 left" not in said


def test_nothing_draws_by_itself() -> None:
    before = threading.active_count()

    with Meter(is_live=True) as meter:
        meter.tell("pair", 1, 5)
        assert threading.active_count() == before


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (65.9, "1:05")])
def test_clock(seconds: float, said: str) -> None:
    assert clock(seconds) == said
