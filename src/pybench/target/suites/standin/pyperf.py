"""As much of pyperf as its scripts use, for an interpreter that has none.

The runner is the one that takes the place of pyperf's own as well. Reading and writing
results is not here.
"""

import sys
from time import perf_counter as perf_counter

from pybench.target.suites.pyperf_runner import Runner as Runner


def python_implementation() -> str:
    """Return the name of this implementation of Python."""
    return sys.implementation.name.lower()


def python_has_jit() -> bool:
    """Tell whether this implementation always compiles, as PyPy does."""
    return python_implementation() == "pypy"


def __getattr__(name: str) -> object:
    # `from pyperf import x` of a missing name says less, so no ImportError is made.
    raise AttributeError(
        f"pyperf is not installed here, and what stands in for it has no {name!r}: "
        "install pyperf (pybench compare --with pyperf)"
    )
