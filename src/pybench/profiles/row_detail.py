"""One row in detail: its functions, its resident memory and what Python allocated.

Three children run the row, one for each question: a profiler slows it, tracing
allocations slows and enlarges it, and resident memory is a process's own.
"""

from collections.abc import Sequence
from typing import Any

from pybench.comparison.suites import Suite
from pybench.interpreters import Interpreter
from pybench.interpreters.prepare import START
from pybench.profiles.child_programs import ChildError
from pybench.profiles.row_process import MEMORY_OPTION, locate, run_row
from pybench.records.row_detail import DetailedRow, Function

# How many functions of a row are kept, by the time spent in themselves.
TOP = 10

# A row is run a few times at most; a profiler slows calls down by a factor of ten.
_TIMEOUT_S = 30.0

_SIZES = (
    "rss_before_bytes", "rss_peak_bytes", "traced_before_bytes", "traced_peak_bytes",
)  # fmt: skip

# cProfile is pytest-benchmark's: it profiles one more call after the timed ones,
# which are kept to a minimum here and thrown away.
_CPROFILE = (
    "--benchmark-only",
    "--benchmark-cprofile=tottime",
    "--benchmark-cprofile-loops=1",
    "--benchmark-max-time=0.000001",
    "--benchmark-min-rounds=1",
    "--benchmark-warmup=off",
)


def profile_row(
    interpreter: Interpreter,
    suite: Suite,
    fullname: str,
    *,
    is_native: bool,
    kernel: str = "",
    loop: str = "",
    start: Sequence[str] = START,
) -> DetailedRow:
    """Run one row three times, each in a process of its own.

    A native row is a kernel, which has no functions to profile; `kernel` and `loop` are
    what it says of itself. `start` is what follows the interpreter to start a session,
    of an `Environment`.
    """
    node = locate(suite, fullname)
    problems = []
    functions: tuple[Function, ...] = ()
    if not is_native:
        # As in `experiments.conditions`: without the GIL, threads that cProfile sees
        # end by signal 11 or not at all.
        switches = ("-X", "gil=1") if interpreter.free_threaded else ()
        words = (*node, *_CPROFILE)
        try:
            document = run_row(
                interpreter, (*switches, *start), words, "--benchmark-json", _TIMEOUT_S
            )
            functions = _functions(document)
            problem = "" if functions else "the profile is empty"
        except ChildError as error:
            problem = str(error)
        if problem:
            problems.append(f"functions: {problem}")
    sizes: dict[str, int] = {}
    words = (*node, "--benchmark-disable")
    for what, switches in (("resident", ()), ("allocated", ("-X", "tracemalloc"))):
        try:
            document = run_row(
                interpreter, (*switches, *start), words, MEMORY_OPTION, _TIMEOUT_S
            )
            row = document[fullname]
        except (ChildError, KeyError) as error:
            why = error if isinstance(error, ChildError) else "nothing was written"
            problems.append(f"{what} memory: {why}")
        else:
            sizes |= {name: row[name] for name in _SIZES if name in row}
    return DetailedRow(
        fullname=fullname,
        is_native=is_native,
        functions=functions,
        kernel=kernel,
        loop=loop,
        problems=tuple(problems),
        **sizes,
    )


def _functions(document: dict[str, Any]) -> tuple[Function, ...]:
    """Return the functions that cost most themselves, the profiler's own left out."""
    rows = document.get("benchmarks") or [{}]
    functions = [
        Function(
            name=entry["function_name"],
            calls=str(entry["ncalls_recursion"]),
            own_s=entry["tottime"],
            total_s=entry["cumtime"],
        )
        for entry in rows[0].get("cprofile", [])
        if "_lsprof" not in entry["function_name"]
    ]
    functions.sort(key=lambda function: function.own_s, reverse=True)
    return tuple(functions[:TOP])
