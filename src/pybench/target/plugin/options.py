"""The plugin's options: those for users, and those for sessions that pybench starts."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pybench.records.texts import share
from pybench.target.plugin import overriding

# The names that others need as well. They are here because a session that was not asked
# for something does not import what does it.
METRIC = "--benchmark-metric"
TIME, INSTRUCTIONS = "time", "instructions"
ASYNC_LOOP = "--benchmark-async-loop"
LOOPS = ("asyncio", "uvloop")
MEMORY = "--pybench-memory"
MEMORY_TO = "--pybench-memory-to"
# How many traced bytes the peak is: then its lines are looked for.
MEMORY_LINES = "--pybench-memory-lines"
# For the processes of ours alone: their folder.
MEMORY_PASS = "--pybench-memory-pass"
PROCESSES = "--pybench-processes"
REPETITION = "--pybench-repetition"
LIST_TO = "--pybench-list-to"
# For the profiles of one row, each in a process of its own.
ROW = "--pybench-row"
TURNS = "--pybench-turns"

# What a run may be failed for; `changes` has the words that are each.
FAIL_ON = ("slower", "faster", "different", "more")
MARGIN = 0.03


def process_count(text: str) -> int:
    """Read the value of ``--pybench-processes``."""
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of processes: say a whole number from 2, "
            "such as 8, or 1 for this one alone"
        )
    return count


_FLAG: dict[str, Any] = {"action": "store_true", "default": False}

# Those for users, by their names.
_PUBLIC: Mapping[str, Mapping[str, Any]] = {
    "--pybench-resume": _FLAG
    | {
        "help": "Run only the benchmarks that the journal of an interrupted run lacks; "
        "the table and saved files have all."
    },
    "--pybench-select": {
        "metavar": "SELECTOR",
        "action": "append",
        "default": [],
        "help": "Run what this matches: category/area/operation, each part a glob, or "
        "the beginning of that, or another name that `pybench list` prints; may be "
        "given several times.",
    },
    "--pybench-quick": _FLAG
    | {"help": "Run the rows marked quick alone, on a small budget."},
    MEMORY: _FLAG
    | {
        "help": "When all is timed, run the measured rows in two more processes for "
        "the memory they take, listed after the table and saved in their extra_info."
    },
    METRIC: {
        "choices": (TIME, INSTRUCTIONS),
        "default": TIME,
        "help": "instructions: when all is timed, count the measured rows under "
        "callgrind in two more processes, save that in their extra_info, and compare "
        "it with a baseline which has it.",
    },
    "--pybench-counts": {
        "metavar": "PATH",
        "type": Path,
        "help": "Write how many rows were measured, n/a and void as JSON.",
    },
    PROCESSES: {
        "metavar": "N",
        "type": process_count,
        "default": 1,
        "help": "Repeat the session in fresh processes, until there are N with this "
        "one; what is saved has the median of each: a baseline that shows its own "
        "spread.",
    },
    ASYNC_LOOP: {
        "choices": LOOPS,
        "default": LOOPS[0],
        "help": "Whose event loop rows of benchmark_async run on, unless their marker "
        "async_loop says it.",
    },
    "--pybench-fail-on": {
        "choices": FAIL_ON,
        "help": "End with exit status 10 if a row changed so against the baseline of "
        "--benchmark-compare, by more than its spread and the machine's drift explain.",
    },
    "--pybench-margin": {
        "metavar": "SHARE",
        "type": share,
        "default": MARGIN,
        "help": "Changes against a baseline that are smaller are not told, and none is "
        "where the machine has drifted by as much (default 3%%).",
    },
}
# Those for sessions that pybench starts.
_HIDDEN: Mapping[str, Mapping[str, Any]] = {
    # The processes of --pybench-processes and of --pybench-memory: their folder.
    REPETITION: {"type": Path},
    MEMORY_PASS: {"type": Path},
    # `pybench profile memory` and `pybench run --profile detailed`: a run of one row,
    # which writes its memory there.
    MEMORY_TO: {"type": Path},
    MEMORY_LINES: {"type": int},
    ROW: {},
    # `pybench list`, whose sessions collect and run nothing.
    LIST_TO: {"type": Path},
    # `pybench run`: what contradicts a measurement is overridden.
    overriding.MEASURED_OPTION: _FLAG,
    # `pybench compare`, which leaves the socket to its children.
    # `--benchmark-metric=instructions` has a folder instead.
    TURNS: {"type": lambda text: int(text) if text.isdigit() else Path(text)},
}
_NEED_BENCHMARK = (
    "--pybench-resume",
    PROCESSES,
    "--pybench-fail-on",
    MEMORY,
    METRIC,
)


def add_options(parser: pytest.Parser) -> None:
    """Add them all."""
    group = parser.getgroup("pybench")
    for name, settings in _PUBLIC.items():
        group.addoption(name, **{"default": None, **settings})
    for name, settings in _HIDDEN.items():
        group.addoption(
            name, **{"default": None, "help": argparse.SUPPRESS, **settings}
        )


def refuse_without_benchmark(config: pytest.Config) -> None:
    """Refuse what was asked for and needs pytest-benchmark."""
    for name in _NEED_BENCHMARK:
        if config.getoption(name) != _PUBLIC[name].get("default"):
            raise pytest.UsageError(f"{name} needs pytest-benchmark")
