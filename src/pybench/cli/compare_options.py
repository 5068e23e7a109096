"""The options of ``pybench compare``, and in which of its forms each applies.

An option that does not apply is refused by name: a user would believe that an ignored
option had an effect.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pybench.cli.options import ORDER, SUITE_HELP, seconds, share
from pybench.cli.status import UsageError
from pybench.records.run import METRICS

if TYPE_CHECKING:
    from pybench.records.run import RunHeader

# The forms of the command.
LIVE = "live"
RESUMED = "resumed"
RECORDED = "recorded"
SAVED = "saved"
FORMS = (LIVE, RESUMED, RECORDED, SAVED)

AUTO = "auto"  # of --jobs

# What a form does with an option: follows it, wants it as the run was begun with, or
# refuses it.
USED, SAME, REFUSED = "used", "same", "refused"


def job_count(text: str) -> int | str:
    """Read the value of ``--jobs``."""
    if text == AUTO:
        return text
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of batches: say 1, 2 or more, or {AUTO}"
        )
    return int(text)


class Option(NamedTuple):
    """One option: where it applies, and what argparse is told of it."""

    flag: str
    place: str  # its name among argparse's
    resumed: str
    recorded: str
    saved: str
    settings: Mapping[str, Any]

    def in_form(self, form: str) -> str:
        """Return `USED`, `SAME` or `REFUSED`."""
        return USED if form == LIVE else str(getattr(self, form))


def _measuring(flag: str, place: str, resumed: str, **settings: Any) -> Option:
    return Option(flag, place, resumed, REFUSED, REFUSED, settings)


def _showing(flag: str, place: str, **settings: Any) -> Option:
    return Option(flag, place, USED, USED, USED, settings)


# How a link of Dask is secured; `pybench fleet` has them as well.
TLS = {
    "--tls-ca": ("tls_ca", "the certificate of who signed all others"),
    "--tls-cert": ("tls_cert", "the certificate of this end"),
    "--tls-key": ("tls_key", "the key of that"),
}

# A test holds that every option of the command is here.
OPTIONS = (
    _measuring(
        "--python", "python", USED, metavar="NAME=PATH", action="append", default=[],
        help="one more interpreter, under a name",
    ),
    _measuring(
        "--with", "packages", SAME, metavar="PACKAGES", action="append", default=[],
        help="what the suite needs installed, e.g. 'numpy pkg==1.2' or ./pkg; given "
        "once for all sides, or once per side, in their order",
    ),
    _measuring(
        "--find-links", "find_links", USED,
        metavar="DIR", action="append", default=[], type=Path,
        help="a folder of wheels, such as pybench's for each interpreter; without one "
        "for an interpreter it is compiled",
    ),
    _measuring(
        "--metric", "metrics", SAME, metavar="METRIC", action="append", default=[],
        choices=METRICS,
        help="time (default), or instructions, which callgrind counts: the same number "
        "each time, whatever else runs; given twice for both",
    ),
    _measuring("--suite", "suite", SAME, metavar="SUITE", help=SUITE_HELP),
    _measuring(
        "--ref", "refs", SAME, metavar="REF", action="append", default=[],
        help="compare versions of this repository's package instead: a branch, tag or "
        "commit, name=REF, or WORKTREE for the tree as it is; the baseline first",
    ),
    _measuring(
        "--suite-from", "suite_from", SAME, metavar="REF",
        help="which --ref has the suite (default: the newest)",
    ),
    _measuring(
        "--benchmarks", "benchmarks", SAME,
        metavar="SELECTOR", nargs="+", action="extend", default=[],
        help="category/area/operation, each part a glob, or the beginning of that, or "
        "another name that `pybench list` prints; or the path of a suite",
    ),
    _measuring("-k", "keyword", SAME, help="rows by word, as pytest's -k"),
    _measuring(
        "--quick", "quick", SAME, action="store_true", help="the rows marked quick"
    ),
    Option(
        "--margin", "margin", SAME, REFUSED, USED,
        {"type": share, "help": "changes below it count as equal (default 3%%)"},
    ),
    _measuring(
        "--budget", "budget", USED, type=seconds, help="stop after: 90s, 10m, 1h"
    ),
    _measuring(
        "--jobs", "jobs", USED, metavar="N|auto", type=job_count,
        help="measure so many batches of rows of one thread side by side, each on a "
        "core of its own (default 1); auto tries whether that pays",
    ),
    _measuring(
        "--pairs", "pairs", SAME, type=int,
        help="exactly so many pairs, decided once at the end",
    ),
    _measuring(
        "--seed", "seed", SAME, type=int, help="repeat the draws of another run"
    ),
    _measuring(
        "--plan", "plan", USED, metavar="FILE", type=Path,
        help="what pybench plan wrote: measure a shard of it",
    ),
    _measuring(
        "--shard", "shard", USED, metavar="K/N", help="which of the plan's shards: 3/8"
    ),
    _measuring(
        "--scheduler", "scheduler", USED, metavar="ADDRESS",
        help="let the workers of a Dask scheduler measure: tcp://host:8786",
    ),
    *(
        _measuring(flag, place, USED, metavar="FILE", help=f"of --scheduler: {what}")
        for flag, (place, what) in TLS.items()
    ),
    _measuring("-o", "output", USED, metavar="DIR", type=Path, help="the run"),
    _measuring(
        "--resume", "resume", USED, action="store_true", help="go on with the run in -o"
    ),
    _showing(
        "--fail-on", "fail_on", choices=["slower", "faster", "different", "more"],
        help="exit 1 when a row is, by the margin or more; more: of instructions",
    ),
    _showing(
        "--strict", "strict", action="store_true",
        help="exit 3 when a row is undecided",
    ),
    _showing(
        "--format", "format", choices=["table", "md", "json"], default="table",
        help="of stdout",
    ),
    _showing("--all", "all", action="store_true", help="list all rows"),
    Option(
        "--verbose", "verbose", USED, USED, REFUSED,
        {"action": "store_true", "help": "say where the time went, by kind of row"},
    ),
    _showing("--sort", "sort", **ORDER["--sort"]),
    _showing("--group", "group", **ORDER["--group"]),
    _showing(
        "--max-chars", "max_chars", metavar="N", type=int,
        help="the most characters of --format md (default: what a comment on GitHub "
        "may have)",
    ),
)  # fmt: skip

# What shows verdicts; a form that measures a part of a run has none.
SHOWING = (
    "--fail-on", "--strict", "--format", "--all", "--verbose", "--sort", "--group",
    "--max-chars",
)  # fmt: skip

_WHY = {
    RECORDED: ": a recorded run is judged by what was fixed before its first pair, and "
    "nothing is measured: leave it out, or measure again",
    SAVED: " mean nothing for saved files: nothing is measured",
}


def add_options(
    parser: argparse.ArgumentParser, wanted: Sequence[str] | None = None
) -> None:
    """Add them, all or those of some flags."""
    for option in OPTIONS:
        if wanted is None or option.flag in wanted:
            parser.add_argument(option.flag, dest=option.place, **option.settings)


def is_given(options: argparse.Namespace, place: str) -> bool:
    """Tell whether an option was typed; a seed may be 0, and is typed all the same."""
    value = getattr(options, place)
    return not (value is None or value is False or value == [])


def refuse(options: argparse.Namespace, form: str) -> None:
    """Raise `UsageError` with the names of the options that this form refuses."""
    refused = [
        option.flag
        for option in OPTIONS
        if option.in_form(form) == REFUSED and is_given(options, option.place)
    ]
    if refused:
        raise UsageError(f"{', '.join(refused)}{_WHY[form]}")


def same_as_begun(
    options: argparse.Namespace,
    header: RunHeader,
    selecting: Sequence[str],
    begun_as: str = "the run was begun",
) -> None:
    """Refuse to resume a run under other options, and take over what was left out.

    Its suite and packages are set to the run's; `selecting` is what the options select,
    as words of pytest. `UsageError` names an option that differs, both values and the
    way out.
    """
    selected = [*header.options]
    begun: Mapping[str, tuple[Any, Any]] = {
        "packages": (options.packages, [*header.packages]),
        "suite": (options.suite, header.suite),
        "refs": (options.refs, [ref.asked for ref in header.refs]),
        "suite_from": (options.suite_from, header.suite_from or None),
        "benchmarks": (selecting, selected),
        "keyword": (selecting, selected),
        "quick": (selecting, selected),
        "metrics": (options.metrics, [*header.metrics]),
        "margin": (options.margin, header.margin),
        "pairs": (options.pairs, header.pairs),
        "seed": (options.seed, header.seed),
    }
    for option in OPTIONS:
        if option.resumed != SAME or not is_given(options, option.place):
            continue
        now, then = begun[option.place]
        if not _is_same(option.place, now, then):
            raise UsageError(
                f"{option.flag}: {begun_as} with {_in_words(then)}, and this "
                f"asks for {_in_words(now)}: leave {option.flag} out to go on with it, "
                "or begin another with -o"
            )
    options.suite = header.suite
    options.packages = [*header.packages]
    options.metrics = [*header.metrics]


def _is_same(place: str, now: Any, then: Any) -> bool:
    if place == "suite":
        return os.path.realpath(str(now)) == os.path.realpath(str(then))
    if place == "margin":
        return math.isclose(float(now), float(then))
    return bool(now == then)


def _in_words(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return " ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def selects(options: argparse.Namespace) -> bool:
    """Tell whether an option chooses rows."""
    return any(is_given(options, name) for name in ("benchmarks", "keyword", "quick"))
