"""What memory each row takes, and what one object, thread or interpreter takes.

A row runs in processes of its own, apart from the runs whose times count: one for what
is resident, one under tracemalloc. The first is sampled from here for the peaks of USS
and PSS, of which the system keeps no high-water mark; the peak of RSS is the system's.
All of it is the process with pytest and the suite in it, so that what grew says more
than what there is. Children of the row's process are not in it.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pybench import children
from pybench.comparison.suites import Suite
from pybench.comparison.worker import Worker, WorkerError
from pybench.interpreters import Interpreter
from pybench.interpreters.prepare import START
from pybench.profiles.child_programs import ChildError, ask
from pybench.profiles.means import mean_of
from pybench.profiles.row_process import MEMORY_OPTION, locate, row_command, run_row
from pybench.records.means import Mean
from pybench.records.memory import (
    Line,
    OneMore,
    RowMemory,
)
from pybench.records.proc import own_and_share

# Readings after the first one, which is left out: it fills what is free already.
STEPS = 5

KINDS = (
    "object", "float", "list of one", "dict of one", "instance", "instance with slots",
    "thread", "interpreter",
)  # fmt: skip
_TRACING = ("-X", "tracemalloc")
_PROC = Path("/proc")

# A time on the monotonic clock in nanoseconds, USS and PSS in bytes.
Sample = tuple[int, int, int]


def rows_of(
    interpreter: Interpreter,
    suite: Suite,
    selectors: Sequence[str],
    *,
    start: Sequence[str] = START,
) -> list[str]:
    """List the rows of a suite that selectors match, as pytest-benchmark names them.

    `start` is here and below what follows the interpreter to start a session, of an
    `Environment`. Without any row it raises `ChildError` with pytest's last lines.
    """
    selected = [f"--pybench-select={selector}" for selector in selectors]
    words = [*suite.words, "--benchmark-only", "--no-header", *selected]
    with tempfile.TemporaryDirectory(prefix="pybench-memory-") as storage:
        command = row_command(interpreter, start, words, Path(storage))
        try:
            with Worker(
                interpreter.label, command, environ=os.environ, folder=Path.cwd()
            ) as worker:
                worker.await_hello()
                names = list(worker.rows)
                unmatched = [*worker.unmatched.values()]
        except WorkerError as error:
            raise ChildError(str(error)) from None
    if unmatched:
        raise ChildError(f"{interpreter.label}: {unmatched[0]}")
    if not names:
        raise ChildError(f"{suite.text}: collected nothing that is a benchmark")
    return names


def measure_row(
    interpreter: Interpreter,
    suite: Suite,
    fullname: str,
    *,
    repeats: int,
    timeout_s: float,
    start: Sequence[str] = START,
) -> RowMemory:
    """Run one row `repeats` times in each of two ways, in fresh processes.

    One more looks for the lines of the peak that the others found.
    """
    node = locate(suite, fullname)
    problems: dict[str, None] = {}
    measured: list[dict[str, Any]] = []
    samples = 0
    for _ in range(repeats):
        numbers: dict[str, Any] = {}
        for what, switches in (("resident", ()), ("allocated", _TRACING)):
            try:
                rows, taken = sample_row(
                    interpreter, (*switches, *start), node, timeout_s
                )
            except ChildError as error:
                problems[f"{what} memory: {error}"] = None
                continue
            if fullname not in rows:
                problems[f"{what} memory: the row did not run; is it n/a here?"] = None
                continue
            row = rows[fullname]
            numbers |= row
            if "begin_ns" in row:
                within = [s for s in taken if row["begin_ns"] <= s[0] <= row["end_ns"]]
                samples += len(within)
                numbers |= sampled_peaks(row, within)
        measured.append(numbers)
    means = means_of(measured)
    lines: tuple[Line, ...] = ()
    if "traced_peak" in means:
        peak = max(0, round(means["traced_peak"].value))
        words = (*node, f"--pybench-memory-lines={peak}")
        try:
            rows, _ = sample_row(interpreter, (*_TRACING, *start), words, timeout_s)
            lines, problem = peak_lines(rows.get(fullname, {}))
        except ChildError as error:
            problem = str(error)
        if problem:
            problems[f"lines of the peak: {problem}"] = None
    if means and "uss_grown" not in means:
        problems["USS and PSS: the system does not tell (no smaps_rollup)"] = None
    return RowMemory(
        fullname=fullname,
        means=means,
        lines=lines,
        samples=samples,
        problems=tuple(problems),
    )


def peak_lines(row: Mapping[str, Any]) -> tuple[tuple[Line, ...], str]:
    """Return what the lines had allocated, and why that may not be all of it."""
    lines = tuple(
        Line(file=file, line=line, bytes=size, blocks=blocks, brief=brief)
        for file, line, size, blocks, brief in row.get("peak_lines", ())
    )
    if row.get("peak_lines_cut"):
        return lines, (
            "the row sets a trace or profile function; they are from before that"
        )
    if not lines:
        return lines, "the run that looked for them came nowhere near that peak"
    return lines, ""


def sampled_peaks(row: Mapping[str, Any], samples: Sequence[Sample]) -> dict[str, int]:
    """Return the peaks of USS and PSS from samples and from both ends, in bytes."""
    peaks = {}
    for index, name in enumerate(("uss", "pss"), start=1):
        ends = [row.get(f"{name}_{when}_bytes") for when in ("before", "after")]
        known = [size for size in ends if size is not None]
        if known:
            peaks[f"{name}_peak_bytes"] = max(*known, *(s[index] for s in samples), 0)
    return peaks


def means_of(measured: Sequence[Mapping[str, Any]]) -> dict[str, Mean]:
    """Return what grew, and the peaks above what was there, over the repeats."""
    differences: dict[str, list[float]] = {}
    for numbers in measured:
        for name in ("rss", "uss", "pss", "traced", "blocks"):
            unit = "" if name == "blocks" else "_bytes"
            before = numbers.get(f"{name}_before{unit}")
            for key, when in (("peak", "peak"), ("grown", "after")):
                value = numbers.get(f"{name}_{when}{unit}")
                if before is not None and value is not None:
                    harness = numbers.get(f"harness_{name}", 0) if key == "grown" else 0
                    difference = value - before - harness
                    differences.setdefault(f"{name}_{key}", []).append(difference)
    means = {name: mean_of(values) for name, values in differences.items()}
    return {name: mean for name, mean in means.items() if mean}


def sample_row(
    interpreter: Interpreter,
    start: Sequence[str],
    node: Sequence[str],
    timeout_s: float,
) -> tuple[dict[str, Any], list[Sample]]:
    """Run one row; return what it wrote, and samples of its memory.

    None is taken under tracemalloc, which enlarges the process. It raises `ChildError`
    as `run_row` does.
    """
    samples: list[Sample] = []

    def watch(guard: int) -> None:
        sizes = sizes_of(guard)
        if sizes:
            samples.append((time.monotonic_ns(), *sizes))

    words = [*node, "--benchmark-disable"]
    if _TRACING[1] in start:
        return run_row(interpreter, start, words, MEMORY_OPTION, timeout_s), []
    rows = run_row(interpreter, start, words, MEMORY_OPTION, timeout_s, watch=watch)
    return rows, samples


def sizes_of(guard: int) -> tuple[int, int] | None:
    """Return USS and PSS of its child in bytes; None where they cannot be had."""
    try:
        children_of = (_PROC / f"{guard}/task/{guard}/children").read_text()
        path = _PROC / children_of.split()[0] / "smaps_rollup"
        return own_and_share(path.read_text(encoding="utf-8"))
    except (OSError, IndexError):
        return None


def measure_each(
    interpreter: Interpreter, kinds: Sequence[str], repeats: int, timeout_s: float
) -> Iterator[OneMore]:
    """Measure what one more of each kind takes, from a slope in each of the repeats."""
    for kind in kinds:
        slopes: list[float] = []
        problem = ""
        order = {"kind": kind, "steps": STEPS}
        for _ in range(repeats):
            try:
                answer = ask(interpreter.path, "object_sizes.py", order, timeout_s)
            except ChildError as error:
                problem = str(error)
                continue
            sizes = [own_and_share(text) for text in answer.get("rollups", ())]
            own = [size[0] for size in sizes if size]
            if len(own) <= STEPS:
                problem = answer.get("missing", "its own memory is not told")
                break
            counts = answer["counts"]
            slopes.append(statistics.linear_regression(counts[1:], own[1:]).slope)
        yield OneMore(kind=kind, bytes=mean_of(slopes), problem=problem)


def has_memray(interpreter: Interpreter) -> bool:
    """Tell whether memray can be imported there."""
    command = [str(interpreter.path), "-c", "import memray"]
    return children.run(command, timeout_s=60).status == 0


def flame_graph(
    interpreter: Interpreter,
    suite: Suite,
    fullname: str,
    page: Path,
    timeout_s: float,
    *,
    start: Sequence[str] = START,
) -> None:
    """Run a row under memray and write its flame graph, a page of HTML.

    It raises `ChildError` if one of the two steps fails.
    """
    with tempfile.TemporaryDirectory(prefix="pybench-memray-") as name:
        record = f"{name}/memray.bin"
        # memray starts the session in its own process: -P is for that one.
        safe, *session = start
        memray = [safe, "-m", "memray"]
        words = [*locate(suite, fullname), "--benchmark-disable"]
        test = row_command(interpreter, session, words, Path(name))
        for command in (
            [test[0], *memray, "run", "-q", "-o", record, *test[1:]],
            [test[0], *memray, "flamegraph", "-f", "-o", str(page), record],
        ):
            done = children.run(command, timeout_s=timeout_s, merged=True)
            if done.problem:
                raise ChildError(f"memray {done.problem}: {done.last_line}")
