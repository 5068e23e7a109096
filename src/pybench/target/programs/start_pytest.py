"""Start pytest so that no file of the current folder stands in for a package.

    python -P -m pybench.target.programs.start_pytest [pytest's words]
    python -P .../target/programs/start_pytest.py --packages FOLDER [pytest's words]

The second is for an interpreter that lacks pybench. FOLDER has up to three folders:
`ours` (pybench alone, before all), `with` (what was asked for by ``--with``, before the
interpreter's own packages) and `beside` (what the interpreter lacks, after them). The
current folder comes last, so that rows import what their side has installed.
"""

import os
import runpy
import site
import sys
from pathlib import Path

OURS = "ours"
WITH = "with"
BESIDE = "beside"
OPTION = "--packages"


def add_packages(folder: Path) -> None:
    """Put the folders into ``sys.path``, each at its place."""
    own = {*site.getsitepackages(), site.getusersitepackages()}
    places = [index for index, entry in enumerate(sys.path) if entry in own]
    place = places[0] if places else len(sys.path)
    asked = folder / WITH
    if asked.is_dir():
        known = [*sys.path]
        site.addsitedir(str(asked))  # its .pth files count, as editable installs need
        sys.path[:] = [*known[:place], *sys.path[len(known) :], *known[place:]]
    if (folder / OURS).is_dir():
        sys.path.insert(0, str(folder / OURS))
    if (folder / BESIDE).is_dir():
        site.addsitedir(str(folder / BESIDE))


def main() -> None:
    """Set the path up and run pytest as ``python -m pytest`` would."""
    words = sys.argv[1:]
    if words[:1] == [OPTION]:
        add_packages(Path(words[1]))
        del words[:2]
    sys.argv[1:] = words
    # Found by -m as a part of pybench; pytest warns of a plugin imported before it.
    for name in [name for name in sys.modules if name.partition(".")[0] == "pybench"]:
        del sys.modules[name]
    sys.path.append(os.getcwd())  # noqa: PTH109 - an entry is a str
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
