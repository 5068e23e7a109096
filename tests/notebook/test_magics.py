"""`%bench` and `%%bench` in a shell of IPython, without a kernel around it."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("IPython", reason="n/a: IPython is not installed here")

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import pybench
from pybench.notebook.measurement import Measurement


@pytest.fixture
def shell() -> Any:
    """Start a shell that has the extension loaded."""
    new: Any = InteractiveShell
    # Its history would be a database in the user's folder, and a thread.
    started = new(config=Config(HistoryManager={"enabled": False}))
    started.run_line_magic("load_ext", "pybench")
    return started


def test_options_are_those_of_timeit_and_threads(shell: Any) -> None:
    shell.user_ns["numbers"] = [3, 1, 2]

    found = shell.run_line_magic("bench", "-o -q -n 10 -r 3 -t 1,2 sorted(numbers)")

    assert isinstance(found, Measurement)
    assert [one.threads for one in found.counts] == [1, 2]
    assert {len(one.rounds) for one in found.counts} == {3}
    assert found.name == "sorted(numbers)"


def test_cell_has_its_setup_in_its_line_and_leaves_nothing(shell: Any) -> None:
    found = shell.run_cell_magic(
        "bench", "-o -n 5 -r 2 words = ['b', 'a']", "found = sorted(words)\n"
    )

    assert isinstance(found, Measurement)
    assert "words" not in shell.user_ns
    assert "found" not in shell.user_ns


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "needs a statement"),
        ("-n many len('')", "-n takes a number, not 'many'"),
        ("-r 0 len('')", "-r"),
        ("-t 1,x len('')", "-t takes a number, not 'x'"),
        ("-t 0 len('')", "0"),
    ],
)
def test_bad_options_are_named(shell: Any, line: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        shell.run_line_magic("bench", line)


def test_statement_that_raises_raises(shell: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        shell.run_line_magic("bench", "-n 1 -r 1 1 / 0")


def test_extension_can_be_unloaded(shell: Any) -> None:
    assert shell.find_line_magic("bench") is not None

    shell.run_line_magic("unload_ext", "pybench")

    assert shell.find_line_magic("bench") is None
    assert shell.find_cell_magic("bench") is None
    assert callable(pybench.measure)
