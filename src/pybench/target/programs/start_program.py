"""Start a program of this folder from the tree that this file lies in, and hide it.

The interpreter may lack pybench, or have another one that the target imports. So no
path is changed, and no module of ours keeps its name. The first argument names the
program; the others are the program's own.
"""

import atexit
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType


def hidden_main(program: str) -> Callable[[], None]:
    """Import a program under a name that is free again afterwards."""
    package = ModuleType("pybench")
    package.__path__ = [str(Path(__file__).parents[2])]
    sys.modules["pybench"] = package
    module = importlib.import_module(f"pybench.target.programs.{program}")

    names = [name for name in sys.modules if name.partition(".")[0] == "pybench"]
    hidden = [sys.modules.pop(name) for name in names]
    # Held by what no collection sees. Free-threaded 3.14 collects a function that is
    # referred to by its own module and by running frames alone, with its globals.
    atexit.register(hidden.clear)
    main: Callable[[], None] = module.main
    return main


if __name__ == "__main__":
    hidden_main(sys.argv.pop(1))()
