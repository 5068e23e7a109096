"""The plugin's options: those for users, and those for sessions that pybench starts."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pybench.records.texts import share
from pybench.target.plugin import (
    count_pass,
    event_loops,
    interleaving,
    listing,
    memory,
    overriding,
    processes,
    selection,
)
from pybench.target.plugin.changes import FAIL_ON, MARGIN

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
    memory.OPTION: _FLAG
    | {
        "help": "When all is timed, run the measured rows in two more processes for "
        "the memory they take, listed after the table and saved in their extra_info."
    },
    count_pass.OPTION: {
        "choices": (count_pass.TIME, count_pass.INSTRUCTIONS),
        "default": count_pass.TIME,
        "help": "instructions: when all is timed, count the measured rows under "
        "callgrind in two more processes, save that in their extra_info, and compare "
        "it with a baseline which has it.",
    },
    "--pybench-counts": {
        "metavar": "PATH",
        "type": Path,
        "help": "Write how many rows were measured, n/a and void as JSON.",
    },
    processes.OPTION: {
        "metavar": "N",
        "type": processes.process_count,
        "default": 1,
        "help": "Repeat the session in fresh processes, until there are N with this "
        "one; what is saved has the median of each: a baseline that shows its own "
        "spread.",
    },
    event_loops.OPTION: {
        "choices": event_loops.LOOPS,
        "default": event_loops.LOOPS[0],
        "help": "Whose event loop rows of benchmark_async run on, unless their marker "
        "async_loop says it.",
    },
    "--pybench-fail-on": {
        "choices": [*FAIL_ON],
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
    processes.REPETITION_OPTION: {"type": Path},
    memory.PASS_OPTION: {"type": Path},
    # `pybench profile memory` and `pybench run --profile detailed`: a run of one row,
    # which writes its memory there.
    memory.TO_OPTION: {"type": Path},
    memory.LINES_OPTION: {"type": int},
    selection.ROW_OPTION: {},
    # `pybench list`, whose sessions collect and run nothing.
    listing.OPTION: {"type": Path},
    # `pybench run`: what contradicts a measurement is overridden.
    overriding.MEASURED_OPTION: _FLAG,
    # `pybench compare`, which leaves the socket to its children.
    # `--benchmark-metric=instructions` has a folder instead.
    interleaving.OPTION: {
        "type": lambda text: int(text) if text.isdigit() else Path(text)
    },
}
_NEED_BENCHMARK = (
    "--pybench-resume",
    processes.OPTION,
    "--pybench-fail-on",
    memory.OPTION,
    count_pass.OPTION,
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
