"""Suites: what ``--suite`` may name, and what the sessions of each kind collect.

Each kind has a module here, which finds the suite on the host's side, and where it is
not pytest's own a plugin in `pybench.target.suites`, which makes rows of it.
"""

from __future__ import annotations

from pathlib import Path

from pybench.comparison.suites.suite import Suite, SuiteError

__all__ = ["DEFAULT", "Suite", "SuiteError", "find_suite"]

# Where a suite is looked for that is not named.
DEFAULT = "benchmarks"


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
