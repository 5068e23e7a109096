"""An option before a nested command is the command's own, or is refused."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pybench import interpreters
from pybench.cli import make_parser, options
from pybench.cli.options import Parser
from pybench.cli.status import USAGE, UsageError

pytestmark = pytest.mark.once

# What each nested command needs beside options.
NEEDED = {
    "run": ["mod:function"],
    "imports": ["json"],
    "replay": ["folder"],
    "live": ["3.14"],
    "others": ["3.14"],
}
# A value for an option, none of them a default.
VALUES = {"--json": "-", "--repeat": "7", "--repeats": "7", "--timeout": "9"}


def nested(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers right below one, by name."""
    return {
        name: inner
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, inner in action.choices.items()
    }


def words_of(action: argparse.Action) -> list[str]:
    """Return an option as it is given."""
    name = action.option_strings[-1]
    return [name] if action.nargs == 0 else [name, VALUES.get(name, "value")]


def cases() -> Iterator[Any]:
    """Yield each option of each parser with each command below that parser."""
    to_visit: list[tuple[list[str], argparse.ArgumentParser]] = [([], make_parser())]
    while to_visit:
        path, parser = to_visit.pop()
        for name, inner in nested(parser).items():
            to_visit.append(([*path, name], inner))
            for action in parser._actions:
                if action.option_strings and action.dest != "help":
                    words = words_of(action)
                    yield pytest.param(
                        path, words, name, id=" ".join([*path, *words, name])
                    )


def came(words: list[str]) -> dict[str, Any] | int:
    """Return what words are parsed into, or the status of their refusal."""
    try:
        return vars(make_parser().parse_args(words))
    except SystemExit as refusal:
        return int(refusal.code or 0)


@pytest.mark.parametrize(("path", "option", "name"), [*cases()])
def test_option_before_a_command_is_as_after_it(
    path: list[str], option: list[str], name: str
) -> None:
    needed = NEEDED.get(name, [])
    before = came([*path, *option, name, *needed])

    assert before == came([*path, name, *option, *needed])
    assert before != came([*path, name, *needed])


def test_there_are_such_options() -> None:
    """Else the test above would hold of nothing."""
    listed = [" ".join([*path, name]) for path, _, name in (c.values for c in cases())]

    assert {"profile imports", "profile run", "profile gc", "profile memory"} == {
        *listed
    }


def test_the_kind_reads_the_value_by_its_own_rules(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One repeat is enough for `profile run`, and not for an interval."""
    assert came(["profile", "--repeat", "1", "imports", "json"]) == USAGE
    assert "'1' is no whole number from 2 on" in capsys.readouterr().err
    found = came(["profile", "--repeat", "1", "run", "mod:function"])
    assert isinstance(found, dict)
    assert found["repeat"] == 1


def test_all_before_and_after_are_joined() -> None:
    words = ["--python", "P", "--repeat", "2", "--json", "-", "imports", "this"]
    found = came(["profile", *words, "--timeout", "3"])

    assert isinstance(found, dict)
    asked = {name: found[name] for name in ("python", "repeat", "json", "timeout")}
    assert asked == {"python": "P", "repeat": 2, "json": "-", "timeout": 3.0}
    assert found["module"] == "this"


def test_parsers_nest_to_any_depth() -> None:
    parser = Parser(prog="p")
    outer = parser.add_subparsers()
    middle = outer.add_parser("out")
    middle.add_argument("--level", type=int, default=0)
    inner = middle.add_subparsers().add_parser("in")
    inner.add_argument("--level", type=float, default=1.5)
    inner.add_argument("what")

    found = vars(parser.parse_args(["out", "--level", "2", "in", "x"]))
    assert found == {"level": 2.0, "what": "x"}


def test_unknown_option_before_a_command_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert came(["profile", "--repeat", "2", "memory", "--bogus"]) == USAGE
    assert "--bogus" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "value"), [("3%", 0.03), ("0.05", 0.05), ("12.5%", 0.125)]
)
def test_shares(text: str, value: float) -> None:
    assert options.share(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["3", "0", "100%", "-1%", "nan", "much"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        options.share(text)


@pytest.mark.parametrize(
    ("text", "value"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("45", 45)]
)
def test_times(text: str, value: float) -> None:
    assert options.seconds(text) == value


@pytest.mark.parametrize("text", ["soon", "0", "0s", "-1", "nan", "inf", "s", "9999h"])
def test_what_is_no_time(text: str) -> None:
    """Nor what no system call can wait for."""
    with pytest.raises(argparse.ArgumentTypeError, match="is no time: say 90s"):
        options.seconds(text)


def test_whole_numbers_have_bounds() -> None:
    size = options.whole(10**4, 10**7)

    assert [size("10000"), size("1e5")] == [10_000, 100_000]
    for text in ("9999", "1e8", "10000.5", "nan", "inf", "x", ""):
        with pytest.raises(argparse.ArgumentTypeError, match=r"from 10000 to 1e\+07"):
            size(text)
    with pytest.raises(argparse.ArgumentTypeError, match="number from 2 on"):
        options.whole(2)("1")


def test_interpreter_that_is_not_there_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For all commands; one of ``--python`` is named after it."""

    def refuse(_: object) -> None:
        raise interpreters.RequestError("'9.9' is no interpreter")

    monkeypatch.setattr(interpreters, "resolve", refuse)

    with pytest.raises(UsageError, match=r"^'9\.9' is no interpreter"):
        options.find_interpreters(["9.9"])
    with pytest.raises(UsageError, match=r"^--python '9\.9' is no interpreter"):
        options.find_interpreter("9.9")


def test_interpreter_with_switches_is_refused_where_a_command_has_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What would be measured is the build as it starts by itself."""
    switched = replace(interpreters.probe(sys.executable), switches=("-X", "gil=1"))
    asked = [interpreters.Requested(name="", interpreter=switched)]
    monkeypatch.setattr(interpreters, "resolve", lambda _: asked)

    with pytest.raises(UsageError, match=r"\+gil: compare, run .* set PYTHON_GIL=1"):
        options.find_interpreter("3.14t+gil")
