"""The inputs of the action: each reaches its option whole, and a wrong one is named."""

import argparse

import pytest
from github_runner import StepError
from inputs import FAIL_ON, command, extras, name_of, read_inputs, versions

pytestmark = pytest.mark.once


def given(**changes: str) -> dict[str, str]:
    """Return the environment of a step."""
    return {"INPUT_PYTHONS": "3.14", **{f"INPUT_{k}": v for k, v in changes.items()}}


def test_inputs_become_words_of_the_command() -> None:
    inputs = read_inputs(
        given(
            PYTHONS="3.14 3.14t",
            SUITE="asv:bench",
            SUITE_FROM="base",
            BENCHMARKS="gil 'memory/*'",
            PACKAGES="numpy==2.4\n\n -r requirements.txt \n",
            BUDGET="10m",
            MARGIN="5%",
            FAIL_ON="different",
            STRICT="true",
        )
    )

    assert command(inputs, "0123abc") == [
        "compare",
        "3.14",
        "3.14t",
        "--ref=base=0123abc",
        "--ref=head=HEAD",
        "--suite=asv:bench",
        "--suite-from=base",
        "--budget=10m",
        "--margin=5%",
        "--fail-on=different",
        "--benchmarks=gil",
        "--benchmarks=memory/*",
        "--with=numpy==2.4",
        "--with=-r requirements.txt",
        "--strict",
    ]


def test_empty_inputs_leave_the_choice_to_the_command() -> None:
    inputs = read_inputs(given(FAIL_ON="", SUITE=" ", HEAD=""))

    assert command(inputs, "base") == [
        "compare",
        "3.14",
        "--ref=base=base",
        "--ref=head=HEAD",
    ]


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("time", ["--fail-on=slower"]),
        ("instructions", ["--fail-on=more", "--metric=instructions"]),
        (
            "time instructions",
            ["--fail-on=slower", "--metric=time", "--metric=instructions"],
        ),
    ],
)
def test_metric_chooses_what_fails(metric: str, words: list[str]) -> None:
    """What the input fail-on has by default means more where no time is measured."""
    inputs = read_inputs(given(METRIC=metric, FAIL_ON="slower"))

    assert command(inputs, "base")[4:] == words


def test_command_takes_the_words() -> None:
    """Each option that the action writes is one of `pybench compare`."""
    options = pytest.importorskip("pybench.cli.compare_options")
    parser = argparse.ArgumentParser()
    options.add_options(parser)
    inputs = read_inputs(
        given(
            SUITE="s",
            SUITE_FROM="base",
            BENCHMARKS="a b",
            PACKAGES="x",
            BUDGET="1m",
            MARGIN="5%",
            METRIC="instructions",
            FAIL_ON="slower",
            STRICT="true",
        )
    )

    known, left = parser.parse_known_args(command(inputs, "base")[2:])

    assert left == []
    assert known.benchmarks == ["a", "b"]


def test_fail_on_is_that_of_the_command() -> None:
    options = pytest.importorskip("pybench.cli.compare_options").OPTIONS
    (choices,) = (o.settings["choices"] for o in options if o.flag == "--fail-on")

    assert ["", *choices] == [*FAIL_ON]


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("FAIL_ON", "slow", "fail-on"),
        ("STRICT", "yes", "strict"),
        ("METRIC", "cycles", "metric"),
        ("COMMENT", "no", "comment"),
        ("PYTHONS", " ", "pythons"),
        ("PYTHONS", "3.14 -o", "-o"),
        ("PYTHONS", "'3.14", "No closing quotation"),
        ("BASE", "--upload-pack=x", "--upload-pack=x"),
        ("BASE", "main other", "no git ref"),
        ("SUITE_FROM", "main", "suite-from"),
        ("BENCHMARKS", "gil --fail-on", "--fail-on"),
        ("SUITE", "a\0b", "null"),
    ],
)
def test_wrong_input_is_named(name: str, value: str, named: str) -> None:
    with pytest.raises(StepError) as error:
        read_inputs(given(**{name: value}))

    assert named in str(error.value)
    assert error.value.status == 2


@pytest.mark.parametrize(
    "name", ["a/b", "-x", "a\nb", "x" * 51, "a-->b", "a--b", "$(x)", "${{ x }}"]
)
def test_name_that_would_not_do_for_an_artifact_is_refused(name: str) -> None:
    with pytest.raises(StepError, match="input name"):
        name_of({"INPUT_NAME": name})


def test_name_of_several_words() -> None:
    assert name_of({"INPUT_NAME": "slow rows 3.14"}) == "slow rows 3.14"
    assert name_of({}) == "pybench"


def test_shell_words_stay_words() -> None:
    """They reach the command as they are, and no shell."""
    inputs = read_inputs(given(SUITE="$(touch x); `y` && z", PACKAGES="a; rm b"))

    assert "--suite=$(touch x); `y` && z" in command(inputs, "base")
    assert "--with=a; rm b" in command(inputs, "base")


def test_suite_brings_the_extra_that_it_needs() -> None:
    assert extras(read_inputs(given(SUITE="tests/bench"))) == ["compare", "charts"]
    for suite in ("pyperformance", "pyperformance:nbody"):
        assert extras(read_inputs(given(SUITE=suite)))[-1] == "pyperformance"


def test_versions_are_those_that_uv_installs() -> None:
    inputs = read_inputs(
        given(PYTHONS="3.14+gil 3.14t new=3.15 3.14.2 ./venv/bin/python python3 3.14")
    )

    assert versions(inputs) == ["3.14", "3.14t", "3.15", "3.14.2"]
