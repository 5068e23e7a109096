"""``%bench`` and ``%%bench``, with the options of ``%timeit`` where it has them."""

from __future__ import annotations

import ast
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.display import display

from pybench.notebook.measurement import Measurement
from pybench.notebook.session import measure_loop
from pybench.notebook.subject import positive, thread_counts
from pybench.notebook.workers import Loop

_NAME = "_pybench_loop"
_LONGEST = 60


@magics_class
class BenchMagics(Magics):  # type: ignore[misc, unused-ignore]
    """The magics of ``%load_ext pybench``."""

    @line_cell_magic  # type: ignore[misc, untyped-decorator, unused-ignore]
    def bench(self, line: str, cell: str | None = None) -> Measurement | None:
        """Measure a statement; as ``%%bench`` the cell below.

        Usage: ``%bench [-n N] [-r R] [-t T] [-q] [-o] statement``, or
        ``%%bench [options] [setup]`` above a cell; the setup is run once, before.

        -n N: turns of a round; sized to about 10 ms otherwise.
        -r R: rounds.
        -t T: numbers of threads, such as 1,2,4; each thread does the statement.
        -q: show nothing.
        -o: return the result.

        What the setup and the statement assign does not reach the notebook.
        """
        options, rest = self.parse_options(line, "n:r:t:qo", posix=False, strict=False)
        statement, setup = (rest, "") if cell is None else (cell, rest)
        if not statement.strip():
            raise UsageError("%bench needs a statement to measure")
        try:
            threads = thread_counts(_numbers("t", options.get("t", "1")))
            rounds = positive("-r", _number("r", options.get("r")))
            iterations = positive("-n", _number("n", options.get("n")))
        except ValueError as error:
            raise UsageError(str(error)) from None
        shell: Any = self.shell
        names = dict(shell.user_ns)  # so that a setup leaves nothing behind
        if setup.strip():
            exec(shell.transform_cell(setup), names)
        found = measure_loop(
            compiled(shell.transform_cell(statement), names),
            _shown(statement),
            threads=threads,
            rounds=rounds,
            iterations=iterations,
            empty=compiled("pass", {}),
        )
        if "o" in options:
            return found
        if "q" not in options:
            show: Any = display
            show(found)
        return None


def compiled(statement: str, names: dict[str, Any]) -> Loop:
    """Return a loop with the statement in it: no call of a function per turn.

    Raises
    ------
    SyntaxError
        At its own line of the statement.
    """
    parsed = ast.parse(statement, "<bench>")
    whole = ast.parse(f"def {_NAME}(turns):\n    for _turn in turns: pass", "<bench>")
    function = whole.body[0]
    assert isinstance(function, ast.FunctionDef)
    repeated = function.body[0]
    assert isinstance(repeated, ast.For)
    repeated.body = parsed.body or repeated.body
    made: dict[str, Any] = {}
    code = compile(ast.fix_missing_locations(whole), "<bench>", "exec")
    exec(code, names, made)
    loop: Loop = made[_NAME]
    return loop


def _shown(statement: str) -> str:
    first, *others = statement.strip().splitlines()
    is_cut = bool(others) or len(first) > _LONGEST
    return first[:_LONGEST] + (" ..." if is_cut else "")


def _numbers(option: str, text: str) -> list[int]:
    found = [_number(option, word) for word in text.split(",")]
    return [number for number in found if number is not None]


def _number(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"-{option} takes a number, not {text!r}") from None
