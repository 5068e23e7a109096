"""``%bench`` and ``%%bench``, with the options of ``%timeit`` where it has them.

What is accepted, and which names are seen, is as with ``%timeit``: a statement is
compiled as IPython compiles it there, in a function with its setup.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.display import display

from pybench.notebook.measurement import Measurement
from pybench.notebook.session import measure_loop
from pybench.notebook.subject import positive, thread_counts
from pybench.notebook.workers import SelfTimed, Window
from pybench.target.process.lazy_results import ASYNCHRONOUS, article, discard, kind_of

# The statement is put into it: a name is a local one where it is assigned, a closure's
# if the calling function has it, else the notebook's.
_TEMPLATE = """
def _pybench_make({names}):
    def _pybench_loop(_pybench_turns, _pybench_wall, _pybench_cpu, _pybench_look):
        {setup}
        _pybench_cpu_start = _pybench_cpu()
        _pybench_start = _pybench_wall()
        for _pybench_turn in _pybench_turns:
            {statement}
        _pybench_stop = _pybench_wall()
        return _pybench_start, _pybench_stop, _pybench_cpu() - _pybench_cpu_start
    return _pybench_loop
"""
_FILE = "<bench>"
_LONGEST = 60


@magics_class
class BenchMagics(Magics):  # type: ignore[misc, unused-ignore]
    """The magics of ``%load_ext pybench``."""

    @no_var_expand  # type: ignore[misc, untyped-decorator, unused-ignore]
    @line_cell_magic  # type: ignore[misc, untyped-decorator, unused-ignore]
    @needs_local_scope  # type: ignore[misc, untyped-decorator, unused-ignore]
    def bench(
        self,
        line: str,
        cell: str | None = None,
        local_ns: Mapping[str, Any] | None = None,
    ) -> Measurement | None:
        """Measure a statement; as ``%%bench`` the cell below.

        Usage: ``%bench [-n N] [-r R] [-t T] [-q] [-o] statement``, or
        ``%%bench [options] [setup]`` above a cell; the setup is run before each round,
        by each thread, and is not timed.

        -n N: turns of a round; sized to about 10 ms otherwise.
        -r R: rounds.
        -t T: numbers of threads, such as 1,2,4; each thread does the statement.
        -q: show nothing.
        -o: return the result.

        What the setup and the statement assign does not reach the notebook, unless they
        declare it global.
        """
        options, rest = self.parse_options(
            line, "n:r:t:qo", posix=False, strict=False, preserve_non_opts=True
        )
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
        names = {} if cell is not None or local_ns is None else local_ns
        if names is shell.user_ns:
            names = {}
        measurement = measure_loop(
            compiled(shell, statement, setup, names),
            _shown(statement),
            threads=threads,
            rounds=rounds,
            iterations=iterations,
            empty=compiled(shell, "pass", "", {}),
        )
        if "o" in options:
            return measurement
        if "q" not in options:
            show: Any = display
            show(measurement)
        return None


class Statement(SelfTimed):
    """A loop with a statement in it: no call of a function per turn.

    Parameters
    ----------
    looking, loop : callable
        What `_TEMPLATE` makes. The first looks at the values that the statement drops;
        it does the first window, which is a warm-up.
    """

    def __init__(self, looking: Callable[..., Any], loop: Callable[..., Any]) -> None:
        self._looking = looking
        self._loop = loop
        self._looked = False

    def timed(self, turns: Iterable[None]) -> Window:
        """Run the setup, then the statement once for each item."""
        loop = self._loop if self._looked else self._looking
        start_ns, stop_ns, cpu_ns = loop(
            turns, time.perf_counter_ns, time.thread_time_ns, look
        )
        self._looked = True
        return Window(start_ns=start_ns, stop_ns=stop_ns, cpu_ns=cpu_ns)


def look(value: object, source: str) -> None:
    """Refuse a value that is dropped before it has been run.

    Raises
    ------
    UsageError
        Says what it is, and how it is measured.
    """
    kind = kind_of(value)
    if not kind:
        return
    discard(value)
    instead = f"%bench for _ in {source}: pass"
    if kind in ASYNCHRONOUS:
        instead = f"pybench.measure(lambda: {source})"
    raise UsageError(
        f"%bench: {source} makes {article(kind)} and does not run it; what runs it to "
        f"its end is measured by {instead}"
    )


def compiled(
    shell: Any, statement: str, setup: str, names: Mapping[str, Any]
) -> Statement:
    """Return a loop with the statement in it.

    Parameters
    ----------
    shell : InteractiveShell
        Transforms, compiles, and has the names of the notebook.
    statement, setup : str
        As they were typed.
    names : mapping
        Those of the calling function.

    Raises
    ------
    SyntaxError
        At its own line of the statement, for what is no statement of a module.
    UsageError
        For a statement that is nothing but a comment.
    """
    before, body = (
        shell.transform_ast(shell.compile.ast_parse(shell.transform_cell(text)))
        for text in (setup, statement)
    )
    if not body.body:
        raise UsageError("%bench needs a statement to measure")
    # Alone first: in a function and a loop, return, yield, await and break are valid.
    for tree in (before, body):
        shell.compile(tree, _FILE, "exec")
    used = {
        node.id
        for tree in (before, body)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name)
    }
    seen = sorted(used & names.keys())
    made: list[Callable[..., Any]] = []
    for statements in ([_looked_at(part) for part in body.body], body.body):
        whole = ast.parse(
            _TEMPLATE.format(names=", ".join(seen), setup="pass", statement="pass")
        )
        loop = whole.body[0].body[0]  # type: ignore[attr-defined]
        (turns,) = (node for node in loop.body if isinstance(node, ast.For))
        turns.body = statements
        loop.body[:1] = before.body
        ast.fix_missing_locations(whole)
        into: dict[str, Any] = {}
        exec(shell.compile(whole, _FILE, "exec"), shell.user_ns, into)
        made.append(into["_pybench_make"](*(names[name] for name in seen)))
    return Statement(*made)


def _looked_at(statement: ast.stmt) -> ast.stmt:
    """Return an expression whose value is looked at; any other statement as it is."""
    if not isinstance(statement, ast.Expr):
        return statement
    source = ast.unparse(statement.value)
    call = ast.Call(
        func=ast.Name(id="_pybench_look", ctx=ast.Load()),
        args=[statement.value, ast.Constant(value=source)],
        keywords=[],
    )
    return ast.copy_location(
        ast.Expr(value=ast.copy_location(call, statement)), statement
    )


def _shown(statement: str) -> str:
    first, *others = statement.strip().splitlines()
    is_cut = bool(others) or len(first) > _LONGEST
    return first[:_LONGEST] + (" ..." if is_cut else "")


def _numbers(option: str, text: str) -> list[int]:
    numbers = [_number(option, word) for word in text.split(",")]
    return [number for number in numbers if number is not None]


def _number(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"-{option} takes a number, not {text!r}") from None
