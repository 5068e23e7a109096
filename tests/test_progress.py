"""Progress: on standard error, drawn only when told, plain where nobody looks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from pybench.progress import LINE_EVERY_S, SHOWN_AFTER_S, Meter, clock

TELLS = """
import sys, threading
from pybench.progress import Meter
with Meter() as meter:
    for done in range(1, 4):
        meter.update("pair", done, 3, more="1 of 2 rows settled")
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
            meter.update("pair", done, 5)

    out = capsys.readouterr()
    assert out.out == ""
    assert [line.partition(",")[0] for line in out.err.splitlines()] == [
        "pybench: pair 1 of 5",
        "pybench: pair 5 of 5",
    ]


def test_what_is_short_may_show_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Meter(is_live=False, after_s=3600) as meter:
        meter.update("pair", 1, 2)
        meter.update("pair", 2, 2)

    assert capsys.readouterr() == ("", "")


def test_the_time_that_is_known_is_believed(capsys: pytest.CaptureFixture[str]) -> None:
    with Meter(is_live=False) as meter:
        meter.update("pair", 0, 5)
        meter.update("pair", 5, 5, left_s=125)

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
    monkeypatch.setattr("pybench.progress.time.monotonic", lambda: next(times))

    with Meter(is_live=False) as meter:
        meter.update("side", done, 2, left_s=left_s, is_begun=is_begun)

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
        meter.update("pair", 1, 5)
        assert threading.active_count() == before


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (65.9, "1:05")])
def test_clock(seconds: float, said: str) -> None:
    assert clock(seconds) == said


Pass = Callable[[float], None]


@pytest.fixture
def let_pass(monkeypatch: pytest.MonkeyPatch) -> Pass:
    """Stop the clock, and return what moves it on."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def move(duration_s: float) -> None:
        now[0] += duration_s

    return move


def test_what_is_short_says_nothing(
    let_pass: Pass, capsys: pytest.CaptureFixture[str]
) -> None:
    meter = Meter(is_live=True, after_s=SHOWN_AFTER_S)

    for done in range(1, 5):
        let_pass(SHOWN_AFTER_S / 5)
        meter.update("round", done, 4)
    meter.announce("9 requests", SHOWN_AFTER_S)
    meter.close()

    assert capsys.readouterr() == ("", "")


def test_lines_come_now_and_then_with_the_time_left(
    let_pass: Pass, capsys: pytest.CaptureFixture[str]
) -> None:
    meter = Meter(name="scenario", is_live=False, after_s=SHOWN_AFTER_S)

    for done in range(1, 26):
        let_pass(1.0)
        meter.update("round", done, 100)

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "scenario: round 2 of 100, 0:02, about 1:38 left",
        "scenario: round 12 of 100, 0:12, about 1:28 left",
        "scenario: round 22 of 100, 0:22, about 1:18 left",
    ]
    assert LINE_EVERY_S == 10


def test_terminal_has_one_line_that_goes_away(
    let_pass: Pass,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut to the width of the terminal: one that wraps could not be drawn over."""
    monkeypatch.setenv("COLUMNS", "54")
    meter = Meter(is_live=True, draw_every_s=2.0)

    for done in (1, 2, 3):
        let_pass(1.0)
        meter.update("round", done, 4)
    meter.close()
    meter.close()

    assert capsys.readouterr().err == (
        f"\r\x1b[K{'━' * 5:<20} round 1 of 4, 0:01, about 0:03 l"
        f"\r\x1b[K{'━' * 15:<20} round 3 of 4, 0:03, about 0:01 l"
        "\r\x1b[K"
    )


def test_time_that_is_known_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    Meter(name="scenario", is_live=False).announce("1005 requests", 65.9)

    assert capsys.readouterr().err == "scenario: 1005 requests, about 1:05 left\n"
