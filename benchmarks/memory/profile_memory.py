"""Profile this folder's rows: ``pybench profile memory``, from a checkout.

    python benchmarks/memory/profile_memory.py [SELECTOR ...] [options]

Without a selector the rows are those of `memory/growth` and `memory/peak`. The Python
that runs this needs pybench installed; `make setup` prints one that has.
"""

import sys
from pathlib import Path

try:
    from pybench.cli import main
except ModuleNotFoundError as error:
    raise SystemExit(
        f"profile_memory: {error}: pybench is not installed for {sys.executable}; "
        "`make setup` prints a Python that has it"
    ) from None

ROWS = ("memory/growth", "memory/peak")

if __name__ == "__main__":
    words = sys.argv[1:]
    suite = Path(__file__).resolve().parents[1]
    chosen = [] if words and not words[0].startswith("-") else ROWS
    main(["profile", "memory", *chosen, *words, f"--suite={suite}"])
