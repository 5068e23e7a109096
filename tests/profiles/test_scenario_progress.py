"""Progress of a scenario: on standard error, now and then, nothing of what is short."""

import time
from collections.abc import Callable

import pytest

from pybench.target.programs.scenario_progress import AFTER_S, LINE_EVERY_S, Progress

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
    progress = Progress(is_live=True)

    for done in range(1, 5):
        let_pass(AFTER_S / 5)
        progress.tell("round", done, 4)
    progress.announce("9 requests", AFTER_S)
    progress.close()

    assert capsys.readouterr() == ("", "")


def test_lines_come_now_and_then_with_the_time_left(
    let_pass: Pass, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(is_live=False)

    for done in range(1, 26):
        let_pass(1.0)
        progress.tell("round", done, 100)

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "scenario: round 2 of 100, 0:02, about 1:38 left",
        "scenario: round 12 of 100, 0:12, about 1:28 left",
        "scenario: round 22 of 100, 0:22, about 1:18 left",
    ]
    assert LINE_EVERY_S == 10


def test_terminal_has_one_line_that_goes_away(
    let_pass: Pass, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(is_live=True)

    for done in (1, 2):
        let_pass(3.0)
        progress.tell("round", done, 2)
    progress.close()
    progress.close()

    assert capsys.readouterr().err == (
        "\r\x1b[Kscenario: round 1 of 2, 0:03, about 0:03 left"
        "\r\x1b[Kscenario: round 2 of 2, 0:06, about 0:00 left\r\x1b[K"
    )


def test_time_that_is_known_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    Progress(is_live=False).announce("1005 requests", 65.9)

    assert capsys.readouterr().err == "scenario: 1005 requests, about 1:05 left\n"


def test_unwanted_it_is_silent(
    let_pass: Pass, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(is_wanted=False, is_live=True)

    let_pass(60)
    progress.tell("round", 1, 2)
    progress.announce("9 requests", 60)
    progress.close()

    assert capsys.readouterr() == ("", "")
