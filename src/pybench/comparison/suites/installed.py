"""``--suite pybench``: the suite of pybench itself, which is installed with it.

It is what is measured without ``--suite`` where there is no ``./benchmarks``.
"""

from __future__ import annotations

from pybench.comparison.suites.suite import Suite, SuiteError
from pybench.interpreters.wheels import source_folder

NAME = "pybench"


def installed_suite() -> Suite:
    """Return it; `SuiteError` if this pybench was installed without it.

    Its rows are named as in a checkout, and its settings are those of the checkout:
    what is built from lies in the package as it does there.
    """
    root = source_folder()
    path = root / "benchmarks" if root else None
    if path is None or not path.is_dir():
        raise SuiteError(
            "this pybench was installed without its suite: reinstall it, or say where "
            "benchmarks are: --suite PATH"
        )
    # Where it is installed nothing is left behind, and often nothing can be written.
    options = ("-p", "no:cacheprovider")
    return Suite(text=NAME, paths=(str(path),), options=options)
