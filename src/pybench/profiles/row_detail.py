"""One row in detail: its functions, its resident memory and what Python allocated.

Three children run the row, one for each question: a profiler slows it, tracing
allocations slows and enlarges it, and resident memory is a process's own.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pybench.children import INTERRUPT, guarded
from pybench.interpreters import Interpreter
from pybench.interpreters.prepare import START
from pybench.records.documents import parse_json
from pybench.records.row_detail import (
    KIND,
    SCHEMA,
    DetailedRows,
    Function,
    RowDetail,
)

# Of the plugin: the node id of the row that a session runs.
ROW_OPTION = "--pybench-row"

# How many functions of a row are kept, by the time spent in themselves.
TOP = 10

# A row is run a few times at most; a profiler slows calls down by a factor of ten.
_TIMEOUT_S = 30.0

_SIZES = (
    "rss_before_bytes",
    "rss_peak_bytes",
    "traced_before_bytes",
    "traced_peak_bytes",
)

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
    suite: Path,
    fullname: str,
    *,
    is_native: bool,
    kernel: str = "",
    loop: str = "",
    start: Sequence[str] = START,
) -> RowDetail:
    """Run one row three times, each in a process of its own.

    Parameters
    ----------
    interpreter : Interpreter
        What runs it.
    suite : Path
        The folder or file that the row was collected from.
    fullname : str
        Its id in pytest-benchmark's JSON.
    is_native : bool
        Whether it is a kernel, which has no functions to profile.
    kernel, loop : str
        What the row says of itself if it is one.
    start : sequence of str
        What follows the interpreter to start a session; of an `Environment`.
    """
    node = locate(suite, fullname)
    problems = []
    functions: tuple[Function, ...] = ()
    if not is_native:
        # As in `experiments.conditions`: without the GIL, threads that cProfile sees
        # end by signal 11 or not at all.
        switches = ("-X", "gil=1") if interpreter.free_threaded else ()
        words = (*switches, *start)
        document, problem = _run(
            interpreter, words, "--benchmark-json", node, _CPROFILE
        )
        functions = _functions(document)
        if not functions:
            problems.append(f"functions: {problem or 'the profile is empty'}")
    sizes: dict[str, int] = {}
    for what, switches in (("resident", ()), ("allocated", ("-X", "tracemalloc"))):
        words = (*switches, *start)
        document, problem = _run(
            interpreter, words, "--pybench-memory-to", node, ("--benchmark-disable",)
        )
        found = document.get(fullname, {})
        sizes |= {name: found[name] for name in _SIZES if name in found}
        if fullname not in document:
            problems.append(f"{what} memory: {problem or 'nothing was written'}")
    return RowDetail(
        fullname=fullname,
        is_native=is_native,
        functions=functions,
        kernel=kernel,
        loop=loop,
        problems=tuple(problems),
        **sizes,
    )


def profile_document(label: str, rows: Sequence[RowDetail]) -> dict[str, Any]:
    """Return what is written to ``profile-<label>.json``."""
    profile = DetailedRows(interpreter=label, rows=tuple(rows))
    return {"pybench": KIND, "schema": SCHEMA, **asdict(profile)}


def locate(suite: Path, fullname: str) -> tuple[str, ...]:
    """Return words that make pytest run one row, from any working directory.

    pytest is given the row's file and, as an option of ours, its node id: on the
    command line ``//``, ``::`` or a bracket in it would be read as parts of a path. The
    id begins in pytest's root, which is the suite or above it, and stays the same only
    with it.
    """
    file = fullname.partition("::")[0]
    suite = suite.absolute()
    for folder in (suite, *suite.parents):
        path = folder / file
        # A path that pytest would cut: it is found with the whole suite.
        if path.is_file() and "[" not in str(path) and "::" not in str(path):
            return (str(path), f"--rootdir={folder}", f"{ROW_OPTION}={fullname}")
    return (str(suite), f"{ROW_OPTION}={fullname}")


def _functions(document: dict[str, Any]) -> tuple[Function, ...]:
    """Return the functions that cost most themselves, the profiler's own left out."""
    rows = document.get("benchmarks") or [{}]
    found = [
        Function(
            name=entry["function_name"],
            calls=str(entry["ncalls_recursion"]),
            own_s=entry["tottime"],
            total_s=entry["cumtime"],
        )
        for entry in rows[0].get("cprofile", [])
        if "_lsprof" not in entry["function_name"]
    ]
    return tuple(sorted(found, key=lambda one: one.own_s, reverse=True)[:TOP])


def _run(
    interpreter: Interpreter,
    start: Sequence[str],
    output_option: str,
    node: Sequence[str],
    words: Sequence[str],
) -> tuple[dict[str, Any], str]:
    """Run one row in a child; return what it wrote, or what went wrong."""
    with tempfile.TemporaryDirectory(prefix="pybench-profile-") as name:
        output = Path(name) / "output.json"
        command = [
            *(str(interpreter.path), *start, *node, *words),
            *(f"{output_option}={output}", "-q", "-p", "no:cacheprovider"),
            # The journal and the saves of the user's runs stay as they are.
            f"--benchmark-storage={name}/storage",
        ]
        log = Path(name) / "log"
        with (
            log.open("wb") as said,
            guarded(
                command, Path(name), stdout=said, stderr=subprocess.STDOUT
            ) as (child, pipe),
        ):  # fmt: skip
            try:
                status = child.wait(_TIMEOUT_S)
            except BaseException as end:
                # With the end of the pipe behind it, this ends the row at once.
                with contextlib.suppress(BrokenPipeError):
                    os.write(pipe, INTERRUPT)
                if not isinstance(end, subprocess.TimeoutExpired):
                    raise
                return {}, f"no end within {_TIMEOUT_S:g} seconds"
        try:
            document = parse_json(output.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            document = {}
        if status == 0:
            return document, ""
        if status < 0:
            return {}, f"the process was ended by signal {-status}"
        text = log.read_text(encoding="utf-8", errors="replace")
        last = ["no message", *filter(str.strip, text.splitlines())][-1]
        return {}, f"exit {status}: {last[:200]}"
