"""The inputs of the action, checked before anything is installed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from github_runner import USAGE, StepError

# What --fail-on of `pybench compare` takes; nothing: a difference never fails the job.
FAIL_ON = ("", "slower", "faster", "different", "more")
# What --metric takes.
TIME, INSTRUCTIONS = METRICS = ("time", "instructions")
# The names of the two arms; nothing: the newer commit's suite.
SUITE_FROM = ("", "base", "head")
SWITCH = {"": False, "true": True, "false": False}
# Part of the name of artifacts and of a comment in HTML.
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._ -]{0,48}[A-Za-z0-9])?")
# What uv can install.
VERSION = re.compile(r"(\d+\.\d+(?:\.\d+)?)(t|\+gil)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a workflow asks for; empty where it leaves the choice to the command."""

    name: str
    pythons: tuple[str, ...]
    base: str
    head: str
    suite: str
    suite_from: str
    benchmarks: tuple[str, ...]
    packages: tuple[str, ...]
    budget: str
    metrics: tuple[str, ...]
    margin: str
    fail_on: str
    strict: bool


def refused(name: str, value: str, why: str) -> StepError:
    """Return the error of an input, which names it and its value."""
    return StepError(f"input {name}: {value!r}: {why}", USAGE)


def name_of(given: Mapping[str, str]) -> str:
    """Return the name of the comparison among others of one pull request."""
    name = given.get("INPUT_NAME", "").strip() or "pybench"
    if not NAME.fullmatch(name) or "--" in name:
        raise refused(
            "name", name, "letters, digits, spaces and single . _ - between them, 50"
        )
    return name


def read_inputs(given: Mapping[str, str]) -> Inputs:
    """Read the inputs from the environment; `StepError` names a wrong one."""

    def text(name: str) -> str:
        value = given.get(f"INPUT_{name.upper().replace('-', '_')}", "").strip()
        if "\0" in value:
            raise refused(name, value, "has a null character")
        return value

    def words(name: str) -> tuple[str, ...]:
        value = text(name)
        try:
            split = shlex.split(value)
        except ValueError as error:
            raise refused(name, value, str(error)) from None
        for word in split:
            if word.startswith("-"):
                raise refused(name, word, "an option is no value of this input")
        return tuple(split)

    def ref(name: str) -> str:
        value = text(name)
        if value.startswith("-") or re.search(r"\s", value):
            raise refused(name, value, "is no git ref")
        return value

    pythons = words("pythons")
    if not pythons:
        raise refused("pythons", "", "name at least one interpreter, as 3.14 or 3.14t")
    fail_on, suite_from = text("fail-on"), text("suite-from")
    if suite_from not in SUITE_FROM:
        raise refused("suite-from", suite_from, "base or head, or nothing")
    if fail_on not in FAIL_ON:
        known = ", ".join(FAIL_ON[1:])
        raise refused("fail-on", fail_on, f"{known}, or nothing")
    metrics = words("metric") or (TIME,)
    for metric in metrics:
        if metric not in METRICS:
            raise refused("metric", metric, f"{' or '.join(METRICS)}, or both")
    if TIME not in metrics and fail_on == "slower":
        fail_on = "more"  # the input's own default is of times
    for name in ("strict", "comment"):
        if text(name) not in SWITCH:
            raise refused(name, text(name), "true or false")
    return Inputs(
        name=name_of(given),
        pythons=pythons,
        base=ref("base"),
        head=ref("head") or "HEAD",
        suite=text("suite"),
        suite_from=suite_from,
        benchmarks=words("benchmarks"),
        packages=tuple(filter(None, map(str.strip, text("packages").splitlines()))),
        budget=text("budget"),
        metrics=metrics,
        margin=text("margin"),
        fail_on=fail_on,
        strict=SWITCH[text("strict")],
    )


def versions(inputs: Inputs) -> list[str]:
    """Return the interpreters that are named by version, as uv names them."""
    found = []
    for word in inputs.pythons:
        match = VERSION.fullmatch(word.partition("=")[2] or word)
        if match:
            found.append(match[1] + (match[2] or "").replace("+gil", ""))
    return [*dict.fromkeys(found)]


def extras(inputs: Inputs) -> list[str]:
    """Return the extras of pybench that the comparison needs."""
    is_pyperformance = inputs.suite.partition(":")[0] == "pyperformance"
    return ["compare", "charts", *(["pyperformance"] if is_pyperformance else [])]


def command(inputs: Inputs, base: str) -> list[str]:
    """Return the words of `pybench compare` but for the folder of the run."""
    # With `=`, so that no value is taken for an option.
    words = [
        "compare",
        *inputs.pythons,
        f"--ref=base={base}",
        f"--ref=head={inputs.head}",
    ]
    for option, value in (
        ("--suite", inputs.suite),
        ("--suite-from", inputs.suite_from),
        ("--budget", inputs.budget),
        ("--margin", inputs.margin),
        ("--fail-on", inputs.fail_on),
    ):
        if value:
            words.append(f"{option}={value}")
    if inputs.metrics != (TIME,):
        words += [f"--metric={metric}" for metric in inputs.metrics]
    words += [f"--benchmarks={selector}" for selector in inputs.benchmarks]
    words += [f"--with={packages}" for packages in inputs.packages]
    return [*words, "--strict"] if inputs.strict else words
