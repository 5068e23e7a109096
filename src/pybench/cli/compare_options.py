"""Which options of ``pybench compare`` apply in which of its forms.

An option that does not apply is refused by name: a user would believe that an ignored
option had an effect.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli.status import UsageError

if TYPE_CHECKING:
    from pybench.records.run import RunHeader

# The forms of the command.
LIVE = "live"
RESUMED = "resumed"
RECORDED = "recorded"
SAVED = "saved"
FORMS = (LIVE, RESUMED, RECORDED, SAVED)

# What a form does with an option: follows it, wants it as the run was begun with, or
# refuses it.
USED, SAME, REFUSED = "used", "same", "refused"

MARGIN = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Applies:
    """Where an option applies; `place` is its name among argparse's."""

    flag: str
    place: str
    resumed: str
    recorded: str
    saved: str

    def in_form(self, form: str) -> str:
        """Return `USED`, `SAME` or `REFUSED`."""
        return USED if form == LIVE else str(getattr(self, form))


def _applies(flag: str, place: str, *in_forms: str) -> Applies:
    resumed, recorded, saved = in_forms
    return Applies(
        flag=flag, place=place, resumed=resumed, recorded=recorded, saved=saved
    )


# A test holds that every option of the command is here.
OPTIONS = (
    _applies("--python", "python", USED, REFUSED, REFUSED),
    _applies("--with", "packages", SAME, REFUSED, REFUSED),
    _applies("--suite", "suite", SAME, REFUSED, REFUSED),
    _applies("--benchmarks", "benchmarks", SAME, REFUSED, REFUSED),
    _applies("-k", "keyword", SAME, REFUSED, REFUSED),
    _applies("--quick", "quick", SAME, REFUSED, REFUSED),
    _applies("--margin", "margin", SAME, REFUSED, USED),
    _applies("--budget", "budget", USED, REFUSED, REFUSED),
    _applies("--pairs", "pairs", SAME, REFUSED, REFUSED),
    _applies("--seed", "seed", SAME, REFUSED, REFUSED),
    _applies("-o", "output", USED, REFUSED, REFUSED),
    _applies("--resume", "resume", USED, REFUSED, REFUSED),
    _applies("--fail-on", "fail_on", USED, USED, USED),
    _applies("--strict", "strict", USED, USED, USED),
    _applies("--format", "format", USED, USED, USED),
    _applies("--all", "all", USED, USED, USED),
    _applies("--max-chars", "max_chars", USED, USED, USED),
)

_WHY = {
    RECORDED: ": a recorded run is judged by what was fixed before its first pair, and "
    "nothing is measured: leave it out, or measure again",
    SAVED: " mean nothing for saved files: nothing is measured",
}


def is_given(options: argparse.Namespace, place: str) -> bool:
    """Tell whether an option was typed; a seed may be 0, and is typed all the same."""
    value = getattr(options, place)
    return not (value is None or value is False or value == [])


def refuse(options: argparse.Namespace, form: str) -> None:
    """Raise `UsageError` with the names of the options that this form refuses."""
    refused = [
        one.flag
        for one in OPTIONS
        if one.in_form(form) == REFUSED and is_given(options, one.place)
    ]
    if refused:
        raise UsageError(f"{', '.join(refused)}{_WHY[form]}")


def margin_of(options: argparse.Namespace) -> float:
    """Return the margin that was asked for, or the usual one."""
    return MARGIN if options.margin is None else float(options.margin)


def same_as_begun(
    options: argparse.Namespace, header: RunHeader, selecting: Sequence[str]
) -> None:
    """Refuse to resume a run under other options, and take over what was left out.

    Parameters
    ----------
    options : argparse.Namespace
        Its suite and packages are set to the run's.
    header : RunHeader
        Of the run that is resumed.
    selecting : sequence of str
        What the options select, as words of pytest.

    Raises
    ------
    UsageError
        For an option that differs; names it, both values and the way out.
    """
    selected = [*header.options]
    begun: Mapping[str, tuple[Any, Any]] = {
        "packages": (options.packages, [*header.packages]),
        "suite": (options.suite, header.suite),
        "benchmarks": (selecting, selected),
        "keyword": (selecting, selected),
        "quick": (selecting, selected),
        "margin": (options.margin, header.margin),
        "pairs": (options.pairs, header.pairs),
        "seed": (options.seed, header.seed),
    }
    for one in OPTIONS:
        if one.resumed != SAME or not is_given(options, one.place):
            continue
        now, then = begun[one.place]
        if not _is_same(one.place, now, then):
            raise UsageError(
                f"{one.flag}: the run was begun with {_said(then)}, and this asks for "
                f"{_said(now)}: leave {one.flag} out to go on with it, or begin "
                "another with -o"
            )
    options.suite = Path(header.suite)
    options.packages = [*header.packages]


def _is_same(place: str, now: Any, then: Any) -> bool:
    if place == "suite":
        return os.path.realpath(str(now)) == os.path.realpath(str(then))
    if place == "margin":
        return math.isclose(float(now), float(then))
    return bool(now == then)


def _said(value: Any) -> str:
    """Return an option's value in words."""
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return " ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
