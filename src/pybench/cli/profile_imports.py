"""``pybench profile imports``: what importing a module costs, and where."""

import argparse
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pybench.cli.options import add_timeout, find_interpreter, whole
from pybench.cli.output import add_json, write_record
from pybench.cli.status import FAILED, INTERRUPTED, OK, UsageError
from pybench.progress import SHOWN_AFTER_S, Meter

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

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_WIDTH = 12


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
        "--python",
        metavar="PY",
        help="as for pybench compare (default: the Python that runs this)",
    )
    parser.add_argument(
        "--repeat",
        metavar="N",
        type=whole(2),
        default=REPEATS,
        help=f"processes of each kind (default: {REPEATS}; 2 at least)",
    )
    add_timeout(parser, 60.0)
    parser.add_argument(
        "--all", action="store_true", help="the whole tree, not from 1 %% on"
    )
    add_json(parser)
    parser.set_defaults(command=imports)


def imports(options: argparse.Namespace) -> int:
    """Measure, show, save."""
    from pybench.profiles.imports import (
        ImportsError,
        ImportsMeasurement,
        NoSuchModuleError,
        check_name,
        imports_document,
    )

    try:
        check_name(options.module)
    except NoSuchModuleError as error:
        raise UsageError(str(error)) from error
    measurement = ImportsMeasurement(
        find_interpreter(options.python), options.module, timeout_s=options.timeout
    )
    status = OK
    try:
        with Meter(after_s=SHOWN_AFTER_S) as meter:
            measurement.measure(
                options.repeat,
                lambda done, total: meter.update("repeat", done, total),
            )
    except NoSuchModuleError as error:
        raise UsageError(str(error)) from error
    except ImportsError as error:
        print(f"pybench: error: {error}", file=sys.stderr)
        if not measurement.repeats:
            return FAILED
        status = FAILED
    except KeyboardInterrupt:
        if not measurement.repeats:
            raise
        status = INTERRUPTED
    profile = measurement.profile()
    saved = write_record(imports_document(profile), options.json)
    if options.json != "-":
        if status != OK:
            print(f"only {profile.repeats} of {options.repeat} repeats were done")
        print("\n".join(lines(profile, everything=options.all)))
    return max(status, saved)


def lines(profile: "ImportsProfile", *, everything: bool = False) -> Iterator[str]:
    """Lay a profile out."""
    yield (
        f"import {profile.module}: {profile.python}; {profile.repeats} fresh processes "
        "of each kind, means with 95 % intervals"
    )
    yield ""
    yield row("start-up", "wall", "CPU", "")
    for part, value in profile.startup.items():
        yield times(part, value, PARTS[part].format(module=profile.module))
    yield ""
    yield f"the import alone, modules loaded: {profile.modules}"
    for name, value, says in (
        ("warm", profile.warm, "all .pyc there"),
        ("cold", profile.cold, "no .pyc: each module compiled (files in the cache)"),
        ("compiling", profile.compiling, "cold less warm"),
        ("observing", profile.observed, "what -X importtime added to warm, for below"),
    ):
        yield times(name, value, says)
    yield ""
    yield from tree_lines(profile.tree, everything=everything)
    yield ""
    yield from saving_lines("lazy imports", profile.lazy)
    yield from saving_lines("deferred annotations", profile.annotations)
    for note in profile.notes:
        yield from wrapped(f"note: {note}")


def times(name: str, value: "Times", says: str) -> str:
    """Lay one part out."""
    return row(f"  {name}", spread(value.wall), spread(value.cpu), says)


def row(name: str, wall: str, cpu: str, says: str) -> str:
    """Lay the columns out."""
    return f"{name:<15} {wall:<19} {cpu:<19} {says}".rstrip()


def saving_lines(what: str, saving: "Saving") -> Iterator[str]:
    """Say what a feature would save, or why that is not known."""
    if saving.times is None:
        yield from wrapped(f"{what}: n/a: {saving.reason}")
    else:
        wall, cpu = spread(saving.times.wall), spread(saving.times.cpu)
        yield from wrapped(f"{what}: {wall} (CPU {cpu}): {saving.says}")


def wrapped(text: str) -> list[str]:
    """Break a sentence into lines, all but the first indented."""
    return textwrap.wrap(text, 100, subsequent_indent="  ")


def tree_lines(
    tree: "tuple[Module, ...]", *, everything: bool = False
) -> Iterator[str]:
    """Lay the tree out: importers above what they import, which is indented."""
    from pybench.profiles.importtime import walk

    if not tree:
        yield "tree: none"
        return
    least = 0.0 if everything else SHOWN_LEAST
    whole = {
        "warm": sum(total(one.warm) for one in tree),
        "cold": sum(total(one.cold) for one in tree),
    }
    heads = ("self", "cumulative", "cold self", "cold cumul.")
    yield "tree, under -X importtime (self, and with what it imported first)"
    yield " ".join(f"{head:>{_WIDTH}}" for head in heads) + "  module"
    hidden = 0
    for depth, one in walk(tree):
        is_small = total(one.warm) < least * whole["warm"]
        if is_small and total(one.cold) < least * whole["cold"]:
            hidden += 1
            continue
        cells = [cell(cost, part) for cost in (one.warm, one.cold) for part in (0, 1)]
        yield " ".join(f"{text:>{_WIDTH}}" for text in cells) + (
            f"  {'  ' * depth}{one.name}"
        )
    if hidden:
        yield f"{hidden} modules below {SHOWN_LEAST:.0%} are not shown: --all"


def total(cost: "Cost | None") -> float:
    """Return the cumulative mean; zero where there is none."""
    return cost.total.mean_ns if cost else 0.0


def cell(cost: "Cost | None", part: int) -> str:
    """Write one number of the tree: 0 for its own, 1 for the cumulative."""
    if cost is None:
        return "-"
    return short((cost.own, cost.total)[part])


def short(value: "Estimate") -> str:
    """Write a mean and its interval in one unit, for a column."""
    if value.half_ns is None:
        return f"{value.mean_ns / 1e6:.2f} ms"
    return f"{value.mean_ns / 1e6:.2f}±{value.half_ns / 1e6:.2f}"


def spread(value: "Estimate") -> str:
    """Write a mean and half its interval: ``45.2 ms ± 2.1 ms``."""
    if value.half_ns is None:
        return f"{duration(value.mean_ns)} (one process)"
    return f"{duration(value.mean_ns)} ± {duration(value.half_ns)}"


def duration(ns: float) -> str:
    """Return a time in three digits with its unit."""
    size, unit = next(((s, u) for s, u in _UNITS if abs(ns) >= s), _UNITS[-1])
    return f"{ns / size:.3g} {unit}"
