"""Measure this checkout's benchmarks: ``pybench run`` under another name.

    python benchmark_runner.py --benchmarks memory/refcount/*

The Python that runs this needs pybench installed; `make setup` prints one that has.
"""

import sys
from pathlib import Path

try:
    from pybench.cli import main
except ModuleNotFoundError as error:
    raise SystemExit(
        f"benchmark_runner: {error}: pybench is not installed for {sys.executable}; "
        "`make setup` prints a Python that has it"
    ) from None

if __name__ == "__main__":
    suite = Path(__file__).resolve().parent / "benchmarks"
    main(["run", f"--suite={suite}", *sys.argv[1:]])
