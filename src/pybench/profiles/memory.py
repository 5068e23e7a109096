"""What memory each row takes, and what one object, thread or interpreter takes.

A row runs in processes of its own, apart from the runs whose times count: one for what
is resident, one under tracemalloc. The first is sampled from here for the peaks of USS
and PSS, of which the system keeps no high-water mark; the peak of RSS is the system's.
All of it is the process with pytest and the suite in it, so that what grew says more
than what there is. Children of the row's process are not in it.
"""

import math
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pybench.comparison.worker import Worker, WorkerError
from pybench.interpreters import Interpreter
from pybench.interpreters.prepare import START
from pybench.profiles.gc_pauses import ChildError, ask
from pybench.profiles.means import mean_of
from pybench.profiles.row_detail import locate
from pybench.records.documents import parse_json
from pybench.records.means import Mean
from pybench.records.memory import (
    KIND,
    SCHEMA,
    Line,
    MeasuredPython,
    MemoryProfile,
    OneMore,
    RowMemory,
)

# Between two samples of USS and PSS.  Reading them holds up the subject's page faults,
# which is why no time is taken there.
INTERVAL_S = 0.02

# Readings after the first one, which is left out: it fills what is free already.
STEPS = 5

KINDS = (
    "object",
    "float",
    "list of one",
    "dict of one",
    "instance",
    "instance with slots",
    "thread",
    "interpreter",
)

_CHILD = Path(__file__).parents[1] / "target" / "programs" / "object_sizes.py"
_PROC = Path("/proc")

# What a process says of a row, besides lines and times.
_COUNTS = (
    "rss_before_bytes",
    "rss_peak_bytes",
    "rss_after_bytes",
    "uss_before_bytes",
    "uss_after_bytes",
    "pss_before_bytes",
    "pss_after_bytes",
    "blocks_before",
    "blocks_after",
    "traced_before_bytes",
    "traced_peak_bytes",
    "traced_after_bytes",
    "harness_blocks",
    "harness_traced",
)


def rows_of(
    interpreter: Interpreter,
    suite: Path,
    selectors: Sequence[str],
    *,
    start: Sequence[str] = START,
) -> list[str]:
    """List the rows of a suite that selectors match, as pytest-benchmark names them.

    `start` is here and below what follows the interpreter to start a session; of an
    `Environment`.

    Raises
    ------
    ChildError
        If pytest collects nothing; with its last lines.
    """
    with tempfile.TemporaryDirectory(prefix="pybench-memory-") as storage:
        command = [
            str(interpreter.path), *start, str(suite.absolute()),
            "--benchmark-only", "-p", "no:cacheprovider", "-q", "--no-header",
            # The journal and the saves of the user's runs stay as they are.
            f"--benchmark-storage={storage}",
            *(f"--pybench-select={selector}" for selector in selectors),
        ]  # fmt: skip
        try:
            with Worker(
                interpreter.label, command, environ=os.environ, folder=Path.cwd()
            ) as worker:
                worker.await_hello()
                names = list(worker.rows)
        except WorkerError as error:
            raise ChildError(str(error)) from None
    if not names:
        raise ChildError(f"{suite}: collected nothing that is a benchmark")
    return names


def measure_row(
    interpreter: Interpreter,
    suite: Path,
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
    found: list[dict[str, float]] = []
    samples = 0
    for _ in range(repeats):
        numbers: dict[str, float] = {}
        for what, switches in (("resident", ()), ("allocated", ("-X", "tracemalloc"))):
            try:
                said, taken = run_row(
                    interpreter, switches, node, timeout_s, start=start
                )
            except ChildError as error:
                problems[f"{what} memory: {error}"] = None
                continue
            if fullname not in said:
                problems[f"{what} memory: the row did not run; is it n/a here?"] = None
                continue
            row = said[fullname]
            numbers |= {name: row[name] for name in _COUNTS if name in row}
            if "begin_ns" in row:
                within = [s for s in taken if row["begin_ns"] <= s[0] <= row["end_ns"]]
                samples += len(within)
                numbers |= sampled_peaks(row, within)
        found.append(numbers)
    means = means_of(found)
    lines: tuple[Line, ...] = ()
    if "traced_peak" in means:
        try:
            lines, problem = peak_lines(
                interpreter,
                node,
                fullname,
                means["traced_peak"].value,
                timeout_s,
                start,
            )
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


def peak_lines(
    interpreter: Interpreter,
    node: Sequence[str],
    fullname: str,
    expected: float,
    timeout_s: float,
    start: Sequence[str] = START,
) -> tuple[tuple[Line, ...], str]:
    """Run a row once more and look for the lines of its peak.

    Returns
    -------
    (tuple of Line, str)
        What the lines had allocated then; why they may not be all of it, or "".

    Raises
    ------
    ChildError
        If the process ends badly, or not in time: it looks at every line of the row.
    """
    said, _ = run_row(
        interpreter,
        ("-X", "tracemalloc"),
        node,
        timeout_s,
        options=(f"--pybench-memory-lines={max(0, round(expected))}",),
        start=start,
    )
    row = said.get(fullname, {})
    lines = tuple(_line(words) for words in row.get("peak_lines", ()))
    problem = (
        "" if lines else "the run that looked for them came nowhere near that peak"
    )
    if row.get("peak_lines_cut"):
        problem = "the row sets a trace or profile function; they are from before that"
    return lines, problem


def sampled_peaks(
    row: dict[str, Any], samples: Sequence[tuple[int, int, int]]
) -> dict[str, float]:
    """Return the peaks of USS and PSS from samples and from both ends, in bytes."""
    peaks = {}
    for index, name in enumerate(("uss", "pss"), start=1):
        ends = [row.get(f"{name}_{when}_bytes") for when in ("before", "after")]
        known = [size for size in ends if size is not None]
        if known:
            peaks[f"{name}_peak_bytes"] = max(*known, *(s[index] for s in samples), 0)
    return peaks


def means_of(found: Sequence[dict[str, float]]) -> dict[str, Mean]:
    """Return what grew, and the peaks above what was there, over the repeats."""
    differences: dict[str, list[float]] = {}
    for numbers in found:
        for name in ("rss", "uss", "pss", "traced"):
            before = numbers.get(f"{name}_before_bytes")
            for key, when in (("peak", "peak_bytes"), ("grown", "after_bytes")):
                value = numbers.get(f"{name}_{when}")
                if before is not None and value is not None:
                    difference = value - before
                    if key == "grown":
                        difference -= numbers.get(f"harness_{name}", 0)
                    differences.setdefault(f"{name}_{key}", []).append(difference)
        if "blocks_after" in numbers:
            grown = numbers["blocks_after"] - numbers["blocks_before"]
            grown -= numbers.get("harness_blocks", 0)
            differences.setdefault("blocks_grown", []).append(grown)
    return {name: mean_of(values) for name, values in differences.items()}


def run_row(
    interpreter: Interpreter,
    switches: Sequence[str],
    node: Sequence[str],
    timeout_s: float,
    *,
    options: Sequence[str] = (),
    start: Sequence[str] = START,
) -> tuple[dict[str, Any], list[tuple[int, int, int]]]:
    """Run one row in a child; return what it wrote, and samples of its memory.

    A sample is a time on the monotonic clock in nanoseconds, USS and PSS in bytes.
    None is taken under tracemalloc, which enlarges the process.

    Raises
    ------
    ChildError
        If it ends badly, or not in time.
    """
    samples = []
    with tempfile.TemporaryDirectory(prefix="pybench-memory-") as name:
        output, log = Path(name) / "memory.json", Path(name) / "log"
        command = [
            *(str(interpreter.path), *switches, *start, *node),
            *("--benchmark-disable", f"--pybench-memory-to={output}", "-q"),
            *("-p", "no:cacheprovider", f"--benchmark-storage={name}/storage"),
            *options,
        ]
        with log.open("wb") as file:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        ends_s = time.monotonic() + timeout_s
        try:
            while (status := _ended(child)) is None:
                if time.monotonic() > ends_s:
                    raise ChildError(f"no end within {timeout_s:g} seconds")
                sizes = () if switches else own_and_share(child.pid)
                if sizes:
                    samples.append((time.monotonic_ns(), *sizes))
        finally:
            child.kill()
            child.wait()
        if status < 0:
            raise ChildError(f"the process was ended by signal {-status}")
        if status:
            said = log.read_text(encoding="utf-8", errors="replace")
            last = ["no message", *filter(str.strip, said.splitlines())][-1]
            raise ChildError(f"exit {status}: {last[:200]}")
        try:
            document: dict[str, Any] = parse_json(output.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise ChildError("it wrote no sizes; is its pybench an old one?") from None
        return document, samples


def _ended(child: subprocess.Popen[bytes]) -> int | None:
    """Wait for the next sample; return the exit status if the child ended."""
    try:
        return child.wait(INTERVAL_S)
    except subprocess.TimeoutExpired:
        return None


def own_and_share(pid: int) -> tuple[int, int] | tuple[()]:
    """Return USS and PSS of a process in bytes; empty where they cannot be had."""
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return ()
    # The first line is the range of addresses.
    sizes = [line.split() for line in text.splitlines()[1:]]
    private = [int(words[1]) for words in sizes if words[0].startswith("Private_")]
    share = [int(words[1]) for words in sizes if words[0] == "Pss:"]
    # A process that has just ended has none of either.
    return (1024 * sum(private), 1024 * share[0]) if private and share else ()


def measure_each(
    interpreter: Interpreter, kinds: Sequence[str], repeats: int, timeout_s: float
) -> Iterator[OneMore]:
    """Measure what one more of each kind takes, from a slope in each of the repeats."""
    for kind in kinds:
        slopes: list[float] = []
        problem = ""
        for _ in range(repeats):
            order = {"kind": kind, "steps": STEPS}
            try:
                said = ask(interpreter.path, order, timeout_s, child=_CHILD)
            except ChildError as error:
                problem = str(error)
                continue
            if "missing" in said:
                problem = said["missing"]
                break
            slopes.append(slope(said["counts"][1:], said["bytes"][1:]))
        yield OneMore(
            kind=kind, bytes=mean_of(slopes) if slopes else None, problem=problem
        )


def slope(counts: Sequence[float], sizes: Sequence[float]) -> float:
    """Return the slope of the least-squares line, in bytes for one more.

    Raises
    ------
    ValueError
        With fewer than two different counts.
    """
    middle, level = math.fsum(counts) / len(counts), math.fsum(sizes) / len(sizes)
    spread = math.fsum((count - middle) ** 2 for count in counts)
    if spread == 0:
        raise ValueError(f"no line through {len(counts)} points at one count")
    pairs = zip(counts, sizes, strict=True)
    return math.fsum((c - middle) * (s - level) for c, s in pairs) / spread


def has_memray(interpreter: Interpreter) -> bool:
    """Tell whether memray can be imported there."""
    command = [str(interpreter.path), "-c", "import memray"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    return done.returncode == 0


def flame_graph(
    interpreter: Interpreter,
    suite: Path,
    fullname: str,
    page: Path,
    timeout_s: float,
    *,
    start: Sequence[str] = START,
) -> None:
    """Run a row under memray and write its flame graph, a page of HTML.

    Raises
    ------
    ChildError
        If one of the two steps fails.
    """
    with tempfile.TemporaryDirectory(prefix="pybench-memray-") as name:
        record = f"{name}/memray.bin"
        # memray starts the session in its own process: -P is for that one.
        safe, *session = start
        memray = [str(interpreter.path), safe, "-m", "memray"]
        test = [*locate(suite, fullname), "--benchmark-disable", "-q"]
        test += ["-p", "no:cacheprovider", f"--benchmark-storage={name}/storage"]
        for command in (
            [*memray, "run", "-q", "-o", record, *session, *test],
            [*memray, "flamegraph", "-f", "-o", str(page), record],
        ):
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    timeout=timeout_s,
                )
            except subprocess.TimeoutExpired:
                raise ChildError(f"memray: no end within {timeout_s:g} s") from None
            if done.returncode:
                last = ["no message", *filter(str.strip, done.stdout.splitlines())][-1]
                raise ChildError(f"memray: exit {done.returncode}: {last[:200]}")


def profile_document(
    interpreter: Interpreter,
    rows: Sequence[RowMemory],
    each: Sequence[OneMore],
    *,
    complete: bool,
) -> dict[str, Any]:
    """Return what ``--json`` writes."""
    profile = MemoryProfile(
        interpreter=MeasuredPython(
            label=interpreter.label,
            path=str(interpreter.path),
            free_threaded=interpreter.free_threaded,
        ),
        interval_s=INTERVAL_S,
        complete=complete,
        rows=tuple(rows),
        each=tuple(each),
    )
    return {"pybench": KIND, "schema": SCHEMA, **asdict(profile)}


def _line(words: Sequence[Any]) -> Line:
    file, line, size, blocks, brief = words
    return Line(file=file, line=line, bytes=size, blocks=blocks, brief=brief)
