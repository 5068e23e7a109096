"""How answers about planted causes are counted, and that a run goes on where it was."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pybench.records.scaling import Cause

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def script(script_of: Callable[[str], ModuleType]) -> ModuleType:
    """Return the script as a module."""
    return script_of("planted_scaling")


def planted(script: ModuleType, name: str) -> Any:
    """Return what is planted under a name."""
    (each,) = (each for each in script.PLANTED if each.name == name)
    return each


def answered(path: Path, cause: Cause, what: str = "") -> Path:
    """Write a record with an answer."""
    diagnosis = {"cause": cause, "what": what}
    path.write_text(json.dumps({"profiles": [{"diagnosis": diagnosis}]}))
    return path


@pytest.mark.parametrize(
    ("cause", "what", "counted"),
    [
        (Cause.REFCOUNT, "instance account (Account)", "right"),
        (Cause.REFCOUNT, "instance other (Account)", "contended reference count: "),
        (Cause.LOCK, "account", "contended lock: account"),
        (Cause.UNKNOWN, "", "undecided"),
        (Cause.DISTURBED, "", "undecided"),
    ],
)
def test_an_answer_is_right_undecided_or_wrong(
    script: ModuleType, tmp_path: Path, cause: Cause, what: str, counted: str
) -> None:
    path = answered(tmp_path / "answer.json", cause, what)

    outcome = script.outcome(planted(script, "one_instance"), path)

    assert outcome.startswith(counted)


def test_beside_a_hog_disturbed_is_right(script: ModuleType, tmp_path: Path) -> None:
    path = answered(tmp_path / "answer.json", Cause.DISTURBED)

    assert script.outcome(planted(script, "hog"), path) == "right"


def test_each_planted_function_is_in_the_module(script: ModuleType) -> None:
    names: dict[str, object] = {}
    exec(script.MODULE, names)

    assert all(callable(names[each.function]) for each in script.PLANTED)
    assert len({each.name for each in script.PLANTED}) == len(script.PLANTED)


def test_a_wrong_answer_is_shown(script: ModuleType) -> None:
    answers = ["right", "undecided", *["contended lock: other"] * 2]
    outcomes = [(planted(script, "one_instance"), answers)]

    first, second = script.lines_of(outcomes, markdown=False)
    *_, row = script.lines_of(outcomes, markdown=True)

    assert "1 of 4 right, 1 undecided, 2 wrong" in first
    assert "2 times contended lock: other" in second
    assert row.endswith("| 4 | 1 | 1 | 2 |")


def test_what_is_done_is_not_measured_again(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []

    def diagnose(_: object, each: Any, path: Path) -> str:
        asked.append(path.name)
        if len(asked) == 2:
            return "it broke"
        answered(path, each.cause, each.names)
        return ""

    monkeypatch.setattr(script, "diagnose", diagnose)
    words = ["planted_scaling", "3.14t", "-o", str(tmp_path), "--repeats", "2"]
    monkeypatch.setattr(sys, "argv", [*words, "--only", "pure", "--only", "hog"])

    with pytest.raises(SystemExit, match="hog: it broke"):
        script.main()
    script.main()

    assert asked == [
        "pure-01.json",
        *["hog-01.json"] * 2,
        "pure-02.json",
        "hog-02.json",
    ]
    assert "2 of 2 right" in capsys.readouterr().out
