"""Start `profile_target` from the tree that this file lies in, and hide that tree.

The interpreter may lack pybench, or have another one that the target imports. So no
path is changed, and no module of ours keeps its name.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType


def hidden_main() -> Callable[[], None]:
    """Import the program under a name that is free again afterwards."""
    package = ModuleType("pybench")
    package.__path__ = [str(Path(__file__).parents[2])]
    sys.modules["pybench"] = package
    from pybench.target.programs.profile_target import main

    for name in [name for name in sys.modules if name.partition(".")[0] == "pybench"]:
        del sys.modules[name]
    return main


if __name__ == "__main__":
    hidden_main()()
