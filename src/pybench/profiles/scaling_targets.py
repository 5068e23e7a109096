"""What `pybench scaling` can be pointed at: a function, a script, rows of a suite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pybench.comparison.suites import Suite, find_suite
from pybench.profiles.targets import parse_target
from pybench.records.scaling import Kind
from pybench.records.scripts import SUFFIX, is_script


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingTarget:
    """One target, or how rows of a suite begin; `options` are pytest's."""

    name: str
    kind: Kind
    options: tuple[str, ...] = ()
    suite: Suite | None = None

    def row(self, name: str) -> ScalingTarget:
        """Return one of the rows."""
        assert self.suite is not None
        return ScalingTarget(
            name=name, kind=Kind.ROW, options=self.suite.options, suite=self.suite
        )


def scaling_target(word: str | None, suite: str | None = None) -> ScalingTarget:
    """Tell what a word means; with a suite, or if it is no path, it selects rows.

    Raises
    ------
    TargetMissingError, SuiteError
        For a path, a script, a module or a suite that is not there.
    """
    path, colons, begin = (word or "").partition("::")
    if word and suite is None:
        if colons or _is_suite(Path(path)):
            return _rows(find_suite(path), begin)
        if ":" in word or word.endswith(".py") or Path(word).exists():
            target = parse_target(word)
            return ScalingTarget(name=target.name, kind=Kind(target.kind))
    return _rows(find_suite(suite), select=word)


def _rows(of: Suite, begin: str = "", select: str | None = None) -> ScalingTarget:
    chosen = (f"--pybench-select={select}",) if select else ()
    return ScalingTarget(
        name=begin, kind=Kind.ROWS, options=(*of.words, *chosen), suite=of
    )


def _is_suite(path: Path) -> bool:
    """Tell a folder, tests or scripts of pyperf from a program."""
    if path.suffix == ".py":
        is_test = path.match("test_*.py") or path.match("*_test.py")
        return path.is_file() and (is_test or is_script(path))
    return path.suffix == SUFFIX or path.is_dir()
