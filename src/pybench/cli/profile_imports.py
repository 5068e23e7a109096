"""``pybench profile imports``: what importing a module costs, and where."""

import argparse
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pybench.cli.options import add_timeout, find_interpreter, whole
from pybench.cli.output import add_json, print_error, print_lines, write_record
from pybench.cli.profile_steps import collect
from pybench.cli.status import FAILED, INTERRUPTED, OK, UsageError
from pybench.progress import SHOWN_AFTER_S, Meter
from pybench.records.texts import duration

if TYPE_CHECKING:
    from pybench.records.imports import (
        Cost,
        Estimate,
        ImportsProfile,
        Module,
        Saving,
        Times,
    )

REPEATS = 10

# Modules below this share of the whole import are only counted, unless --all.
SHOWN_LEAST = 0.01

# The rows of the start-up: words of the record, and what they are to a reader.
PARTS = {
    "interpreter": "python -I -S -c pass, from its start to its end",
    "site": "what `site` adds (-I without -S)",
    "environment": "what PYTHON* variables and the user's site add (without -I)",
    "imports": "what importing the module adds, to the end of the process",
    "whole process": "python -c 'import {module}'",
}
_TREE_HEADS = ("self", "cumulative", "cold self", "cold cumul.")


def add_imports(kinds: Any) -> None:
    """Add ``pybench profile imports``."""
    parser = kinds.add_parser(
        "imports",
        help="what importing a module costs, with and without .pyc",
        description="Import a module in fresh processes that take turns: the parts of "
        "the start-up, the import with all .pyc there and with none, and the tree of "
        "-X importtime. Nothing is written beside the module.",
        epilog="Exit status: 0 done, 2 usage (no such module), 4 the import failed, "
        "130 interrupted (whole repeats are shown and saved).",
    )
    parser.add_argument("module", metavar="MODULE", help="as it stands after `import`")
    parser.add_argument(
        "--python", metavar="PY",
        help="as for pybench compare (default: the Python that runs this)",
    )  # fmt: skip
    parser.add_argument(
        "--repeat", metavar="N", type=whole(2), default=REPEATS,
        help=f"processes of each kind (default: {REPEATS}; 2 at least)",
    )  # fmt: skip
    add_timeout(parser, 60.0)
    parser.add_argument(
        "--all", action="store_true", help="the whole tree, not from 1 %% on"
    )
    add_json(parser)
    parser.set_defaults(command=imports)


def imports(options: argparse.Namespace) -> int:
    """Measure, show, save."""
    from pybench.profiles.import_processes import ImportsError, NoSuchModuleError
    from pybench.profiles.imports import ImportsMeasurement

    measurement = ImportsMeasurement(
        find_interpreter(options.python), options.module, timeout_s=options.timeout
    )
    try:
        status = collect(
            measurement.measure(options.repeat), [], options.repeat,
            Meter(after_s=SHOWN_AFTER_S), stage="repeat",
        )  # fmt: skip
    except NoSuchModuleError as error:
        raise UsageError(str(error)) from error
    except ImportsError as error:
        print_error(error)
        status = FAILED
    if not measurement.repeats:
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        return status
    profile = measurement.profile()
    saved = write_record(asdict(profile), options.json)
    if options.json != "-":
        if status != OK:
            print(f"only {profile.repeats} of {options.repeat} repeats were done")
        print_lines(profile_lines(profile, everything=options.all))
    return max(status, saved)


def profile_lines(
    profile: "ImportsProfile", *, everything: bool = False
) -> Iterator[str]:
    """Lay a profile out."""
    yield (
        f"import {profile.module}: {profile.python}; {profile.repeats} fresh processes "
        "of each kind, means with 95 % intervals"
    )
    yield ""
    yield _row("start-up", "wall", "CPU", "")
    for part, times in profile.startup.items():
        yield _times(part, times, PARTS[part].format(module=profile.module))
    yield ""
    yield f"the import alone, modules loaded: {profile.modules}"
    yield _times("warm", profile.warm, "all .pyc there")
    cold = "no .pyc: each module compiled (files in the cache)"
    yield _times("cold", profile.cold, cold)
    yield _times("compiling", profile.compiling, "cold less warm")
    observing = "what -X importtime added to warm, for below"
    yield _times("observing", profile.observed, observing)
    yield ""
    yield from tree_lines(profile.tree, everything=everything)
    yield ""
    for text in (
        _saving("lazy imports", profile.lazy),
        _saving("deferred annotations", profile.annotations),
        *(f"note: {note}" for note in profile.notes),
    ):
        yield from textwrap.wrap(text, 100, subsequent_indent="  ")


def _times(name: str, times: "Times", says: str) -> str:
    return _row(f"  {name}", spread(times.wall), spread(times.cpu), says)


def _row(name: str, wall: str, cpu: str, says: str) -> str:
    return f"{name:<15} {wall:<19} {cpu:<19} {says}".rstrip()


def _saving(what: str, saving: "Saving") -> str:
    """Say what a feature would save, or why that is not known."""
    if saving.times is None:
        return f"{what}: n/a: {saving.reason}"
    wall, cpu = spread(saving.times.wall), spread(saving.times.cpu)
    return f"{what}: {wall} (CPU {cpu}): {saving.says}"


def tree_lines(
    tree: "tuple[Module, ...]", *, everything: bool = False
) -> Iterator[str]:
    """Lay the tree out: importers above what they import, which is indented."""
    from pybench.profiles.importtime import walk

    if not tree:
        yield "tree: none"
        return
    least = 0.0 if everything else SHOWN_LEAST
    least_warm = least * sum(_total_ns(root.warm) for root in tree)
    least_cold = least * sum(_total_ns(root.cold) for root in tree)
    yield "tree, under -X importtime (self, and with what it imported first)"
    yield " ".join(f"{head:>12}" for head in _TREE_HEADS) + "  module"
    hidden = 0
    for depth, module in walk(tree):
        is_small = _total_ns(module.warm) < least_warm
        if is_small and _total_ns(module.cold) < least_cold:
            hidden += 1
            continue
        cells = " ".join(f"{cell:>12}" for cell in _cells(module))
        yield f"{cells}  {'  ' * depth}{module.name}"
    if hidden:
        yield f"{hidden} modules below {SHOWN_LEAST:.0%} are not shown: --all"


def _total_ns(cost: "Cost | None") -> float:
    return cost.total.mean_ns if cost else 0.0


def _cells(module: "Module") -> Iterator[str]:
    """Write the numbers of a module in milliseconds, with half of their intervals."""
    for cost in (module.warm, module.cold):
        for estimate in (cost.own, cost.total) if cost else (None, None):
            if estimate is None:
                yield "-"
            elif estimate.half_ns is None:
                yield f"{estimate.mean_ns / 1e6:.2f} ms"
            else:
                yield f"{estimate.mean_ns / 1e6:.2f}±{estimate.half_ns / 1e6:.2f}"


def spread(estimate: "Estimate") -> str:
    """Write a mean and half its interval: ``45.2 ms ± 2.1 ms``."""
    if estimate.half_ns is None:
        return f"{duration(estimate.mean_ns)} (one process)"
    return f"{duration(estimate.mean_ns)} ± {duration(estimate.half_ns)}"
