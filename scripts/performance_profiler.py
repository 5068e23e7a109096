"""Profile a tight loop, the collector and imports: ``pybench profile``.

    python scripts/performance_profiler.py [--python PY] [--repeat N] [run TARGET]

The Python that runs this needs pybench installed; `make setup` prints one that has.
"""

import sys

try:
    from pybench.cli import main
except ModuleNotFoundError as error:
    raise SystemExit(
        f"performance_profiler: {error}: pybench is not installed for "
        f"{sys.executable}; `make setup` prints a Python that has it"
    ) from None

if __name__ == "__main__":
    main(["profile", *sys.argv[1:]])
