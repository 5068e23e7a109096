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


# What %timeit is given as well, in a cell: accepted or refused alike.
STATEMENTS = [
    "return 1",
    "yield 1",
    "yield from ()",
    "break",
    "continue",
    "await thing()",
    "async for i in x: pass",
    "nonlocal shared",
    "from math import *",
    "x =",
    "number = 1; number += 1",
    "for i in (1, 2):\n    if i == 1: continue\n    break",
    "def inner():\n    return 1\ninner()",
    "async def inner():\n    await thing()",
    "if (found := [1]): found.append(2)",
    "# a comment\nlen('') # and one\n\n",
    "global shared\nshared = 2",
    "shared += 1",
    "class Made:\n    shared = shared",
    "[shared for _ in (1, 2)]",
    "assert '{shared} $shared {{}}' == '{' + 'shared} $' + 'shared {' + '{}}'",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statements_are_accepted_as_by_timeit(shell: Any, statement: str) -> None:
    ended: list[tuple[object, ...]] = []
    for magic in ("timeit", "bench"):
        shell.user_ns["shared"] = 1
        try:
            shell.run_cell_magic(magic, "-n 1 -r 1 -q", statement)
        except Exception as error:
            said: object = (type(error), str(error).partition(" (")[0])
        else:
            said = None
        ended.append((said, shell.user_ns["shared"]))

    assert ended[0] == ended[1]


@pytest.mark.parametrize("text", ["{shared}", "$shared", "{{}}", "$$", "{0}", "a  b"])
def test_python_sees_the_code_as_it_was_typed(shell: Any, text: str) -> None:
    shell.user_ns |= {"shared": 1, "seen": []}

    shell.run_cell(f"%bench -q -n 1 -r 1 seen.append('{text}')").raise_error()
    shell.run_cell(f"%%bench -q -n 1 -r 1 word = '{text}'\nseen.append(word)")

    assert {*shell.user_ns["seen"]} == {text}
    assert len(shell.user_ns["seen"]) == 4


def test_names_of_the_calling_function_come_before_those_of_the_notebook(
    shell: Any,
) -> None:
    """And a function of the notebook still sees the notebook's."""
    shell.run_cell(
        "name, only = 'global', 'global only'\n"
        "seen = []\n"
        "def look(): return name\n"
        "def caller():\n"
        "    name, extra = 'local', 'local only'\n"
        "    get_ipython().run_line_magic('bench', '-q -n 1 -r 1 '\n"
        "        'seen.append((name, extra, only, look(), [name for _ in (1,)]))')\n"
        "caller()\n"
    ).raise_error()

    assert shell.user_ns["seen"][-1] == (
        "local", "local only", "global only", "global", ["local"]
    )  # fmt: skip
    assert shell.user_ns["name"] == "global"
    assert "extra" not in shell.user_ns


def test_setup_begins_each_round_and_its_names_can_be_assigned(shell: Any) -> None:
    """As with %timeit: both are in one function."""
    shell.user_ns["ends"] = []

    shell.run_cell_magic(
        "bench", "-q -n 3 -r 2 count = 0", "count += 1\nends.append(count)"
    )

    assert shell.user_ns["ends"] == [1, 2, 3] * 3


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("work()", r"work\(\) makes a coroutine .* pybench.measure\(lambda: work"),
        ("1; items()", r"items\(\) makes a generator .* %bench for _ in items"),
        ("(x for x in 'ab')", "makes a generator and does not run it"),
        ("map(str, [1])", "makes a lazy iterator and does not run it"),
    ],
)
def test_what_would_only_be_made_is_refused(
    shell: Any, statement: str, says: str
) -> None:
    shell.run_cell("async def work(): pass\ndef items(): yield 1").raise_error()

    with pytest.raises(UsageError, match=says):
        shell.run_line_magic("bench", f"-q -n 1 -r 1 {statement}")
    shell.run_line_magic("bench", "-q -n 1 -r 1 for _ in items(): pass")


def test_cell_of_comments_is_no_statement(shell: Any) -> None:
    with pytest.raises(UsageError, match="needs a statement"):
        shell.run_cell_magic("bench", "-q", "# nothing\n")


def test_statement_that_raises_raises(shell: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        shell.run_line_magic("bench", "-n 1 -r 1 1 / 0")


def test_extension_can_be_unloaded(shell: Any) -> None:
    assert shell.find_line_magic("bench") is not None

    shell.run_line_magic("unload_ext", "pybench")

    assert shell.find_line_magic("bench") is None
    assert shell.find_cell_magic("bench") is None
    assert callable(pybench.measure)
