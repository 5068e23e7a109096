"""`pybench.compare`: interpreters, saved results or callables, each in its own way."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pybench.notebook.callables import PAIRS, CallableComparison, in_pairs, in_turn
from pybench.notebook.loaded import Loaded, load
from pybench.notebook.shown import needed
from pybench.records.run import MARGIN

_OF_INTERPRETERS = (
    "suite", "benchmarks", "keyword", "quick", "budget", "pairs", "margin", "seed",
    "output", "packages",
)  # fmt: skip
_OF_CALLABLES = ("margin", "rounds", "isolated", "pairs")


def compare(
    arms: Sequence[Any], options: Mapping[str, Any]
) -> Loaded | CallableComparison:
    """Compare what is given; see `pybench.compare`."""
    callables = [callable(arm) for arm in arms]
    if all(callables):
        return _callables(arms, options)
    if any(callables):
        raise TypeError(
            f"{_shown(arms)}: compare callables with each other, and interpreters or "
            "files with each other"
        )
    wrong = [arm for arm in arms if not isinstance(arm, str | Path)]
    if wrong:
        raise TypeError(
            f'{wrong[0]!r} is no interpreter, path or callable: give "3.14", a path '
            "or a function"
        )
    words = [str(arm) for arm in arms]
    for name in ("msgspec", "scipy", "rich"):
        needed(name, "comparing interpreters and files")
    files = [_holds_results(word) for word in words]
    if all(files):
        _known(options, ("margin",), "saved results")
        return load(
            [Path(word) for word in words], margin=options.get("margin", MARGIN)
        )
    if any(files):
        raise ValueError(
            f"{_shown(arms)}: some are results and some interpreters; compare each "
            "kind on its own"
        )
    _known(options, _OF_INTERPRETERS, "interpreters")
    return _live(words, options)


def _holds_results(word: str) -> bool:
    from pybench.interpreters.requests import is_kind
    from pybench.records.run import NAME
    from pybench.records.saved_files import holds_run, is_saved

    path = Path(word)
    if is_kind(word):
        return False
    return (path / NAME).is_file() or holds_run(path) or is_saved(path)


def _known(options: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise TypeError(
            f"{', '.join(unknown)}: no option of a comparison of {what}, which takes "
            f"{', '.join(known)}"
        )


def _shown(arms: Sequence[object]) -> str:
    return ", ".join(repr(arm) for arm in arms)


def _callables(arms: Sequence[Any], options: Mapping[str, Any]) -> CallableComparison:
    if len(arms) != 2:
        raise TypeError(f"two callables are compared at a time, not {len(arms)}")
    _known(options, _OF_CALLABLES, "callables")
    margin = options.get("margin", MARGIN)
    if not isinstance(margin, int | float) or not 0 < margin < 1:
        raise ValueError(f"margin must lie between 0 and 1, not {margin!r}")
    a, b = arms
    if options.get("isolated"):
        if "rounds" in options:
            raise TypeError("rounds: with isolated=True say pairs, of processes")
        needed("scipy", "a verdict")
        return in_pairs(a, b, margin=margin, pairs=options.get("pairs", PAIRS))
    if "pairs" in options:
        raise TypeError("pairs: pairs of processes need isolated=True")
    return in_turn(a, b, margin=margin, rounds=options.get("rounds"))


def _live(words: Sequence[str], options: Mapping[str, Any]) -> Loaded:
    from pybench.comparison.beginning import (
        new_run,
        prepare_arm,
        selection,
    )
    from pybench.comparison.judging import judge
    from pybench.comparison.live import Comparison
    from pybench.comparison.suites import find_suite
    from pybench.comparison.summary import summarise
    from pybench.interpreters.find import unlike
    from pybench.interpreters.requests import resolve
    from pybench.records.run import new_folder
    from pybench.records.run_file import RecordWriter
    from pybench.records.summary import write_summary

    suite = find_suite(str(options["suite"]) if "suite" in options else None)
    output = Path(options.get("output") or new_folder())
    selectors = options.get("benchmarks", ())
    packages = options.get("packages", ())
    packages = shlex.split(packages) if isinstance(packages, str) else [*packages]
    words_of_options = [f"{name}={value!r}" for name, value in sorted(options.items())]
    requested = resolve(words)
    run = new_run(
        ("pybench.compare", *words, *words_of_options),
        suite,
        selecting=selection(
            (selectors,) if isinstance(selectors, str) else selectors,
            quick=bool(options.get("quick")),
            keyword=options.get("keyword"),
        ),
        packages=[shlex.join(packages)] if packages else [],
        margin=options.get("margin", MARGIN),
        pairs=options.get("pairs"),
        seed=options.get("seed"),
    )
    arms = [prepare_arm(wanted, packages, suite)[0] for wanted in requested]
    notes = unlike([wanted.interpreter for wanted in requested])
    with RecordWriter(output, run.header) as writer:
        comparison = Comparison(
            arms,
            suite,
            selecting=run.header.options,
            folder=Path.cwd(),
            record=run,
            writer=writer,
            budget_s=options.get("budget"),
        )
        try:
            comparison.run()
        except BaseException as error:
            error.add_note(f"pybench: what was measured until then is in {output}")
            raise
    write_summary(summarise(run, judge(run), notes=notes), output)
    return load([output])
