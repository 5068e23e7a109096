"""``pybench scenario``: threads, processes or interpreters, in rounds of work."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from pybench.children import describe_end
from pybench.cli.options import (
    as_it_is,
    find_interpreter,
    find_interpreters,
    host_needs,
    share,
)
from pybench.cli.output import (
    add_json,
    beside,
    print_error,
    print_lines,
    print_note,
    write_record,
)
from pybench.cli.status import FAILED, INTERRUPTED, UsageError
from pybench.progress import clock
from pybench.records.scenario import (
    ScenarioError,
    Settings,
    add_options,
    settings_of,
)

if TYPE_CHECKING:
    from pybench.profiles.scenario import Arm, Comparison

_VERDICTS = {
    "slower": "slower than",
    "faster": "faster than",
    "equivalent": "equivalent to",
}


def add_scenario(subcommands: Any) -> None:
    """Add ``pybench scenario``."""
    parser = subcommands.add_parser(
        "scenario",
        help="run a pool of threads, processes or interpreters",
        description="Let one pool of workers do rounds of work: the time of a round, "
        "what a round costs without work, and with --profile memory the memory of the "
        "whole process tree. With --compare or two --python, take pairs of fresh "
        "processes until a verdict is settled.",
        epilog="Exit status: 0 done, 2 usage, 4 a worker or a side was lost and the "
        "rest is printed and saved, 130 interrupted, likewise.",
    )
    add_options(parser)
    add_json(parser)
    parser.add_argument(
        "--python", metavar="PY", action="append", default=[],
        help="as for pybench compare (default: the one that runs this); two of them "
        "are compared",
    )  # fmt: skip
    parser.add_argument(
        "--compare", nargs=2, metavar=("MODE1", "MODE2"),
        help="compare two modes; the first is the baseline",
    )  # fmt: skip
    parser.add_argument(
        "--margin", type=share, default=0.03,
        help="of a comparison: changes below it count as equal (default 3%%)",
    )  # fmt: skip
    parser.add_argument(
        "--pairs", type=int, help="exactly so many pairs, decided once at the end"
    )
    parser.add_argument("--seed", type=int, help="repeat the draws of another run")
    parser.set_defaults(command=scenario)


def scenario(options: argparse.Namespace) -> int:
    """Run one arm, or compare two."""
    settings = settings_of(options)
    if options.compare or len(options.python) > 1:
        return compare(settings, options)
    given = [name for name in ("pairs", "seed") if getattr(options, name) is not None]
    if given:
        raise UsageError(
            f"--{given[0]} belongs to a comparison: name --compare MODE1 MODE2, or "
            "--python twice"
        )
    from pybench.profiles.scenario import run_child

    words = settings.words()
    if options.json:
        words.append(f"--json={options.json}")
    status, _ = run_child(python_of(options), words)
    if status < 0:
        print_error(f"the scenario {describe_end(status)}, and saved nothing")
        return FAILED
    return status


def python_of(options: argparse.Namespace) -> Path:
    """Return the interpreter that was asked for, or the one that runs this."""
    if not options.python:
        return Path(sys.executable)
    return find_interpreter(options.python[0]).path


def compare(settings: Settings, options: argparse.Namespace) -> int:
    """Take pairs, and print what they tell."""
    host_needs()
    from pybench.profiles.scenario import Comparison
    from pybench.statistics.plan import Plan, PlanError

    arms = arms_of(settings, options)
    try:
        plan = Plan(margin=options.margin)
        if options.pairs is not None:
            plan = plan.for_pairs(options.pairs)
    except PlanError as error:
        raise UsageError(str(error)) from None
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    comparison = Comparison(arms=arms, seed=seed, plan=plan)
    began = time.monotonic()
    comparison.run(lambda: print_pair(comparison, time.monotonic() - began))
    status = write_record(comparison.record().document(), options.json)
    print_lines(lines_of(comparison), beside(options.json))
    if comparison.problem:
        print_error(comparison.problem)
        status = FAILED
    return INTERRUPTED if comparison.interrupted else status


def arms_of(settings: Settings, options: argparse.Namespace) -> tuple[Arm, Arm]:
    """Return the two arms, the baseline first."""
    from pybench.profiles.scenario import Arm

    if len(options.python) > 2 or (options.compare and len(options.python) > 1):
        raise UsageError(
            "compare either two modes (--compare MODE1 MODE2, on one --python) or two "
            "interpreters (--python twice, in one --mode)"
        )
    if not options.compare:
        first, second = (
            Arm(
                name=asked.name,
                python=as_it_is(asked.interpreter).path,
                settings=settings,
            )
            for asked in find_interpreters(options.python)
        )
        return first, second
    python = python_of(options)
    same = options.compare[0] == options.compare[1]
    try:
        first, second = (
            Arm(
                # A mode with itself: a comparison of nothing, which is a fine test.
                name=f"{mode}#{number}" if same else mode,
                python=python,
                settings=replace(settings, mode=mode),
            )
            for number, mode in enumerate(options.compare, start=1)
        )
    except ScenarioError as error:
        raise UsageError(f"--compare: {error}") from None
    return first, second


def print_pair(comparison: Comparison, taken_s: float) -> None:
    """Print how far it is, and how long it may still take."""
    first, second = comparison.pairs[-1]
    done, whole = len(comparison.pairs), comparison.plan.most_pairs
    left = clock(taken_s / done * (whole - done))
    a, b = comparison.arms
    print_note(
        f"pair {done} of {whole} at most: {a.name} {first:.6f} s, "
        f"{b.name} {second:.6f} s; about {left} left at most"
    )


def lines_of(comparison: Comparison) -> list[str]:
    """Return what the pairs tell: the verdict, the ratio and its interval."""
    a, b = comparison.arms
    lines = [
        "=== comparison ===",
        f"scenario: {a.settings.scenario}, of avg_iter_s; baseline {a.name}, "
        f"contender {b.name}; seed {comparison.seed}",
    ]
    verdict = comparison.verdict
    if verdict is None:
        return [*lines, "verdict: none, no pair was completed"]
    middle = median(first for first, _ in comparison.pairs)
    interval = f"95 % interval [{verdict.low:.3f}, {verdict.high:.3f}]"
    if verdict.low == 0 or verdict.high == float("inf"):
        interval = "no interval: it takes six pairs"
    word = _VERDICTS.get(verdict.word, "not told apart from (inconclusive)")
    below = ", below the margin" if verdict.below_margin else ""
    lines += [
        f"{a.name}: {middle:.6f} s, the median of its processes",
        # Not its own median, which may point another way than the ratio of the pairs.
        f"{b.name}: {middle * verdict.ratio:.6f} s, that times the ratio",
        f"verdict: {b.name} is {word} {a.name}{below}",
        f"ratio: {verdict.ratio:.3f}, {interval}, below 1 is less time",
        f"pairs: {len(comparison.pairs)}; margin {verdict.margin:.1%}",
    ]
    if verdict.pairs_to_settle is not None:
        lines.append(f"to settle it: about {verdict.pairs_to_settle} pairs in all")
    return lines
