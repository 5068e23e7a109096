"""Files that want a process that has no other file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.records.outcomes import MEASURED

Compare = Callable[..., Any]

# Has an item stand for a file of that name where others are collected as well, as a
# collector does that imports nothing before it knows.
CONFTEST = """
import pytest
from pybench.target.plugin.marking import OWN_PROCESS

class Wanting(pytest.File):
    def collect(self):
        def stands_for_it(benchmark): ...
        item = pytest.Function.from_parent(
            self, name=self.path.stem, callobj=stands_for_it
        )
        item.stash[OWN_PROCESS] = True
        yield item

def pytest_pycollect_makemodule(module_path, parent):
    if not module_path.name.startswith("test_own"):
        return None
    if parent.config.args == [str(module_path)]:
        return None
    return Wanting.from_parent(parent, path=module_path)
"""

# Fails where another file is in the process.
OWN = """
import sys

others = {name for name in sys.modules if "test_rows" in name or "test_own" in name}

def test_alone(benchmark):
    assert others == {__name__}
    benchmark(sum, range(100))
"""


def test_files_get_processes_of_their_own(compare: Compare, suite: Path) -> None:
    """Also where one of them ends its own: that costs nothing else."""
    with (suite / "conftest.py").open("a") as conftest:
        conftest.write(CONFTEST)
    for name in ("test_own_a.py", "test_own_b.py"):
        (suite / name).write_text(OWN)
    (suite / "test_own_c.py").write_text("import os\nos._exit(3)\n")
    (suite / "test_own_d.py").write_text("import no_such_module\n")
    (suite / "test_own_not_selected.py").write_text(OWN)

    run, _ = compare(selecting=["-k", "not selected"])

    assert {row: record.own_process for row, record in run.rows.items()} == {
        "suite/test_rows.py::test_first": False,
        "suite/test_rows.py::test_second": False,
        "suite/test_own_a.py::test_alone": True,
        "suite/test_own_b.py::test_alone": True,
        "suite/test_own_c.py": False,
        "suite/test_own_d.py": False,
    }
    broken = run.rows.pop("suite/test_own_c.py")
    assert "exit status 3" in broken.reasons["a"]
    broken = run.rows.pop("suite/test_own_d.py")
    reason = "error: cannot be collected: ModuleNotFoundError: No module named 'no_such"
    assert broken.reasons["a"].startswith(reason)
    for row, record in run.rows.items():
        assert record.outcomes == {"a": MEASURED, "b": MEASURED}, record.reasons
        assert len(run.pairs[row]) == 1
    assert not run.lost
