"""Where pyperf's scripts are found, sessions get the plugin that makes rows of them."""

from pathlib import Path

import pytest

from pybench.comparison.suites import find_suite
from pybench.comparison.suites.scripts import OPTIONS

SCRIPT = "import pyperf\nrunner = pyperf.Runner()\n"


@pytest.mark.parametrize("name", ["bm.py", "deep/er/bm.py", "nbody.pyperf"])
def test_a_script_is_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SCRIPT)

    for suite in (find_suite(str(path)), find_suite(str(tmp_path))):
        assert suite.options == OPTIONS
        assert suite.words[-1] in (str(path), str(tmp_path))
        assert find_suite(suite.text) == suite


@pytest.mark.parametrize("name", ["test_rows.py", "bm.txt", ".venv/bm.py", "env/bm.py"])
def test_others_are_pytest_s_own(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    is_hidden = path.parent != tmp_path
    path.write_text(SCRIPT if is_hidden or name.endswith("txt") else "import pyperf\n")
    if is_hidden:
        (path.parent / "pyvenv.cfg").touch()

    assert find_suite(str(tmp_path)).options == ()
