# /// script
# requires-python = ">=3.11"
# dependencies = ["psutil>=6"]
# ///
"""Threads, processes or interpreters: rounds of work by one pool of workers.

    uv run --python 3.14t scripts/scenario1.py --mode threads

From a bare checkout, with nothing installed; ``--profile memory`` needs psutil.
``--help`` lists the options.
"""

import sys
from pathlib import Path

# Workers may import this file again; what they do not need is imported below alone.
if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
    from pybench.target.programs.scenario import main

    main()
