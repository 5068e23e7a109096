"""Suites: what ``--suite`` may name, and what the sessions of each kind collect.

Each kind has a module here, which finds the suite on the host's side, and where it is
not pytest's own a plugin in `pybench.target.suites`, which makes rows of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Where a suite is looked for that is not named.
DEFAULT = "benchmarks"


class SuiteError(ValueError):
    """A suite that is not there or cannot be used; says which and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A suite, ready to be collected.

    Attributes
    ----------
    text : str
        What finds it again: it is recorded, and `find_suite` takes it.
    paths : tuple of str
        What pytest collects.
    options : tuple of str
        Options that each session needs, also one that collects a part of the suite.
    packages : tuple of str
        Requirements of the suite in the environment of each arm.
    """

    text: str
    paths: tuple[str, ...]
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What pytest is given to collect the whole suite."""
        return (*self.options, *self.paths)


def find_suite(text: str | None = None) -> Suite:
    """Return the suite that a text names; without one, the default.

    Raises
    ------
    SuiteError
        If there is no such suite.
    """
    path = Path(DEFAULT if text is None else text)
    if not path.exists():
        raise SuiteError(
            f"no benchmarks at {path.absolute()}; run this in a checkout, or say where "
            "they are: --suite PATH"
        )
    return Suite(text=str(path), paths=(str(path),))
