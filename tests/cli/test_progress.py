"""Progress: on standard error, drawn only when told, plain where nobody looks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

pytest.importorskip("rich", reason="n/a: rich is not installed here")

from pybench.cli.progress import Meter
from pybench.profiles.scenario_progress import clock

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


def test_nothing_draws_by_itself() -> None:
    before = threading.active_count()

    with Meter(is_live=True) as meter:
        meter.tell("pair", 1, 5)
        assert threading.active_count() == before


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (65.9, "1:05")])
def test_clock(seconds: float, said: str) -> None:
    assert clock(seconds) == said
