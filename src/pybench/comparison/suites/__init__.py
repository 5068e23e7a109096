"""Suites: what ``--suite`` may name, and what the sessions of each kind collect.

Each kind has a module here, which finds the suite on the host's side, and where it is
not pytest's own a plugin in `pybench.target.suites`, which makes rows of it.
"""

from __future__ import annotations

from pathlib import Path

from pybench.comparison.suites import asv, installed, scripts
from pybench.comparison.suites.suite import Suite, SuiteError

__all__ = ["DEFAULT", "Suite", "SuiteError", "find_suite"]

# Where a suite is looked for that is not named; else the installed one is measured.
DEFAULT = "benchmarks"


def find_suite(text: str | None = None) -> Suite:
    """Return the suite that a text names; without one, the default.

    Raises
    ------
    SuiteError
        If there is no such suite.
    """
    if text is None:
        text = DEFAULT if Path(DEFAULT).exists() else installed.NAME
    if text == installed.NAME:
        return installed.installed_suite()
    if text.startswith(asv.PREFIX):
        return asv.find_asv(text)
    if text.partition(":")[0] == "pyperformance":
        # Only here, as it needs libraries of the host.
        from pybench.comparison.suites.pyperformance import pyperformance_suite

        return pyperformance_suite(text)
    path = Path(text)
    if not path.exists():
        raise SuiteError(
            f"no benchmarks at {path.absolute()}; say where they are: --suite PATH, or "
            f"measure those of pybench: --suite {installed.NAME}"
        )
    options = scripts.options_for(path)
    return Suite(text=str(path), paths=(str(path),), options=options)
