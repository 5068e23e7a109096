"""What other tools say of one interpreter compared with itself, in the same hour.

    pybench selfcheck others PY [-o DIR] [--seed N]

Eight small functions, no two of which use the interpreter alike, at four sizes each,
are measured by pyperf, by pytest-benchmark and by pybench, each by its defaults, on the
same files. Of every row called different the truth is known: it is not.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pybench import children
from pybench.comparison.beginning import new_run
from pybench.comparison.judging import judge
from pybench.comparison.live import Comparison
from pybench.comparison.sessions import Arm, ComparisonError
from pybench.comparison.suites import Suite
from pybench.records.documents import DocumentError
from pybench.records.outcomes import MEASURED
from pybench.records.run_file import RecordWriter
from pybench.statistics.decision import FASTER, SLOWER

# The threshold of pytest-benchmark's manual: --benchmark-compare-fail=mean:5%.
THRESHOLD = 0.05

_TIMEOUT_S = 3600.0

FUNCTIONS = """
import json
import re
import zlib


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def length(self):
        return self.x * self.x + self.y * self.y


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def recursion(size):
    return [fibonacci(8) for _ in range(size)]


def methods(size):
    return sum(Point(n, n).length() for n in range(20 * size))


def mapping(size):
    counts = {}
    for n in range(50 * size):
        counts[n % 50] = counts.get(n % 50, 0) + 1
    return counts


def sorting(size):
    return sorted(range(50 * size), key=lambda n: -n * n % 101)


def text(size):
    return "".join(f"{n}:{n * n}" for n in range(20 * size))


def documents(size):
    return json.loads(json.dumps({"numbers": [*range(50 * size)], "text": "a" * size}))


def patterns(size):
    return len(re.findall(r"w(o+)rd(\\d+)", "some word12 " * 10 * size))


def compression(size):
    return len(zlib.compress(b"a few words of text" * 20 * size, 1))


ALL = (recursion, methods, mapping, sorting, text, documents, patterns, compression)
CASES = [(function, size) for function in ALL for size in (2, 5, 12, 30)]
"""

ROWS = """
import pytest
from functions import CASES


@pytest.mark.parametrize(
    ("function", "size"), CASES, ids=[f"{f.__name__}-{size}" for f, size in CASES]
)
def test_function(benchmark, function, size):
    benchmark(function, size)
"""

PYPERF = """
import pyperf
from functions import CASES

runner = pyperf.Runner()
for function, size in CASES:
    runner.bench_func(f"{function.__name__}-{size}", function, size)
"""


class OtherError(Exception):
    """A tool that could not be run; with what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What a tool said of one interpreter compared with itself."""

    tool: str
    different: int
    rows: int
    elapsed_s: float


def write_suite(folder: Path) -> None:
    """Write the functions and what each tool needs of files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "functions.py").write_text(FUNCTIONS)
    (folder / "test_functions.py").write_text(ROWS)
    (folder / "measure_functions.py").write_text(PYPERF)


def ask_all(
    python: Path, folder: Path, environ: Mapping[str, str], seed: int
) -> Iterator[Count]:
    """Ask every tool, one after the other.

    Raises
    ------
    OtherError
        If a tool fails.
    ComparisonError, DocumentError
        If ours does.
    """
    yield ask_pybench(python, folder, environ, seed)
    yield ask_pytest_benchmark(python, folder, environ)
    yield ask_pyperf(python, folder, environ)


def ask_pyperf(python: Path, folder: Path, environ: Mapping[str, str]) -> Count:
    """Measure twice by pyperf and let it compare."""

    def once(path: Path) -> None:
        words = ["measure_functions.py", "--quiet", "-o", str(path)]
        _run([str(python), *words], folder, environ)

    elapsed_s, (first, second) = _twice(once, folder, "pyperf")
    command = [str(python), "-m", "pyperf", "compare_to", str(first), str(second)]
    text = _run([*command, "--table"], folder, environ)
    rows = len(json.loads(first.read_text())["benchmarks"])
    hidden = re.search(r"hidden because not significant \((\d+)\)", text)
    return Count(
        tool="pyperf compare_to",
        different=rows - int(hidden[1] if hidden else 0),
        rows=rows,
        elapsed_s=elapsed_s,
    )


def ask_pytest_benchmark(
    python: Path, folder: Path, environ: Mapping[str, str]
) -> Count:
    """Measure twice by pytest-benchmark, without our plugin, and apply a threshold."""

    def once(path: Path) -> None:
        words = ["-m", "pytest", "test_functions.py", "-q", "--benchmark-only"]
        words += ["-p", "no:pybench", "-p", "no:cacheprovider"]
        _run([str(python), *words, f"--benchmark-json={path}"], folder, environ)

    elapsed_s, paths = _twice(once, folder, "pytest-benchmark")
    first, second = (
        {
            row["name"]: row["stats"]["mean"]
            for row in json.loads(p.read_text())["benchmarks"]
        }
        for p in paths
    )
    changes = [max(first[n] / second[n], second[n] / first[n]) - 1 for n in first]
    return Count(
        tool=f"pytest-benchmark, mean:{THRESHOLD:.0%}",
        different=sum(change > THRESHOLD for change in changes),
        rows=len(changes),
        elapsed_s=elapsed_s,
    )


def ask_pybench(
    python: Path, folder: Path, environ: Mapping[str, str], seed: int
) -> Count:
    """Compare by pairs."""
    started = time.monotonic()
    command = ("pybench", "selfcheck", "others")
    suite = Suite(text="test_functions.py", paths=("test_functions.py",))
    run = new_run(command, suite, seed=seed)
    arms = [Arm(name=name, python=python, environ=environ) for name in "AB"]
    with RecordWriter(folder / "pybench", run.header) as writer:
        Comparison(arms, suite, folder=folder, record=run, writer=writer).run()
    cells = judge(run).cells
    return Count(
        tool="pybench compare",
        different=sum(
            c.verdict is not None and c.verdict.word in (SLOWER, FASTER) for c in cells
        ),
        rows=sum({*row.outcomes.values()} == {MEASURED} for row in run.rows.values()),
        elapsed_s=time.monotonic() - started,
    )


def _twice(
    once: Callable[[Path], None], folder: Path, tool: str
) -> tuple[float, tuple[Path, Path]]:
    started = time.monotonic()
    paths = (folder / f"{tool}-1.json", folder / f"{tool}-2.json")
    for path in paths:
        path.unlink(missing_ok=True)
        once(path)
    return time.monotonic() - started, paths


def _run(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> str:
    result = children.run(
        command,
        cwd=folder,
        env={**environ, "PYTHONPATH": os.fspath(folder)},
        timeout_s=_TIMEOUT_S,
    )
    if result.problem:
        lines = (result.stdout + result.stderr).strip().splitlines()[:12]
        raise OtherError(
            f"{' '.join(command[:4])}: " + "\n".join([result.problem, *lines])
        )
    return result.stdout


def main(python: Path, folder: Path, environ: Mapping[str, str], seed: int) -> int:
    """Ask all tools, and print what each says; return the exit status."""
    write_suite(folder)
    try:
        for count in ask_all(python, folder, environ, seed):
            print(
                f"{count.tool}: {count.different} of {count.rows} rows called "
                f"different, {count.elapsed_s:.0f} s",
                flush=True,
            )
    except (ComparisonError, DocumentError, OtherError) as error:
        print(f"pybench: error: {error}", file=sys.stderr)
        return 4
    return 0
