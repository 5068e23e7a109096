"""What every kind of suite comes down to; in a file of its own, as all import it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pybench.interpreters.probe import Interpreter


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
    environ : callable
        Prepares what it needs for the interpreter of an arm, telling how far it is by
        the function that it is given; returns variables for the arm's sessions.
    """

    text: str
    paths: tuple[str, ...]
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    environ: Callable[[Interpreter, Callable[[str], None]], Mapping[str, str]] = (
        lambda interpreter, say: {}
    )

    @property
    def words(self) -> tuple[str, ...]:
        """What pytest is given to collect the whole suite."""
        return (*self.options, *self.paths)
