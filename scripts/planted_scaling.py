"""How often `pybench scaling` names a cause rightly: causes that are planted.

    python scripts/planted_scaling.py 3.14t -o FOLDER [--repeats 20] [--only one_type]

Each function of a small module has one thing that keeps threads from more, or none. It
is diagnosed by `pybench scaling`, as somebody would type it. An answer is right if it
has the cause and names the object, wrong if it has another cause. "Cannot tell" is
undecided, and "disturbed" is too, except beside a process that takes one CPU.

What is done already is read, not measured again: the command resumes, and may span
days. With --count it measures nothing. With --markdown it prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pybench import children
from pybench.records.scaling import Cause

MODULE = '''"""Functions that each have one thing that keeps threads from more."""

import gc
import mmap
import threading
from functools import partial


class Account:
    def __init__(self):
        self.value = 1

    def get(self):
        return self.value


account = Account()
lock = threading.Lock()
PAGES = 64


def pure():
    total = 0
    for number in range(2000):
        total += number * number
    return total


def one_instance():
    for _ in range(500):
        account.get()


def one_type():
    for _ in range(500):
        partial(int)


def one_mutex():
    for _ in range(500):
        with lock:
            pass


def memory():
    with mmap.mmap(-1, PAGES * mmap.PAGESIZE) as pages:
        for page in range(PAGES):
            pages[page * mmap.PAGESIZE] = 1


def stop_the_world():
    pure()
    gc.collect()
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A function of the module, and what is right to say of it."""

    function: str
    cause: Cause
    names: str = ""  # what the answer has to name
    has_hog: bool = False  # beside a process that takes one CPU

    @property
    def name(self) -> str:
        """What its files and its line are called."""
        return "hog" if self.has_hog else self.function


PLANTED = (
    Planted(function="pure", cause=Cause.SCALES),
    Planted(function="one_instance", cause=Cause.REFCOUNT, names="account"),
    Planted(function="one_type", cause=Cause.REFCOUNT, names="class partial"),
    Planted(function="one_mutex", cause=Cause.LOCK, names="lock lock"),
    Planted(function="memory", cause=Cause.MEMORY),
    Planted(function="stop_the_world", cause=Cause.STOP_THE_WORLD),
    Planted(function="pure", cause=Cause.DISTURBED, has_hog=True),
)


@contextmanager
def hog(*, runs: bool) -> Iterator[None]:
    """Let a process take one of the CPUs meanwhile."""
    if not runs:
        yield
        return
    cpu = max(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        try:
            yield
        finally:
            process.kill()


def diagnose(options: argparse.Namespace, planted: Planted, path: Path) -> str:
    """Diagnose once; return what went wrong, "" for nothing."""
    line = [sys.executable, "-m", "pybench", "scaling"]
    line += [f"planted.py:{planted.function}", "--python", options.python]
    # Whole or not at all: an interrupted one is measured again.
    part = path.with_suffix(".part")
    line += ["--json", str(part.absolute())]
    with hog(runs=planted.has_hog):
        done = children.run(line, cwd=options.output, merged=True)
    if not part.exists():
        return done.last_line
    part.rename(path)
    return ""


def outcome(planted: Planted, path: Path) -> str:
    """Return "right", "undecided", or the wrong answer."""
    (profile,) = json.loads(path.read_text())["profiles"]
    diagnosis = profile["diagnosis"]
    cause, what = diagnosis["cause"], diagnosis["what"]
    if cause == planted.cause and planted.names in what:
        return "right"
    if cause in (Cause.UNKNOWN, Cause.DISTURBED):
        return "undecided"
    return f"{cause}: {what}"


def lines_of(
    outcomes: Sequence[tuple[Planted, Sequence[str]]], *, markdown: bool
) -> Iterator[str]:
    """Lay out how often each cause was named rightly, and what else was said."""
    if markdown:
        yield "| planted | right answer | repeats | right | undecided | wrong |"
        yield "|---|---|--:|--:|--:|--:|"
    for planted, answers in outcomes:
        counts = Counter(answers)
        right, undecided = counts.pop("right", 0), counts.pop("undecided", 0)
        wrong = counts.total()
        cells = [
            planted.name,
            planted.cause,
            *map(str, (len(answers), right, undecided)),
        ]
        if markdown:
            yield f"| {' | '.join([*cells, str(wrong)])} |"
            continue
        yield (
            f"{planted.name} ({planted.cause}): {right} of {len(answers)} right, "
            f"{undecided} undecided, {wrong} wrong"
        )
        yield from (f"    {number} times {text}" for text, number in counts.items())


def main() -> None:
    """Diagnose what is not diagnosed yet, in turns of all causes, and count."""
    parser = argparse.ArgumentParser(description="Diagnose planted causes.")
    parser.add_argument("python", metavar="PY", help="as for pybench scaling")
    parser.add_argument("-o", dest="output", metavar="DIR", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=20, help="(default 20)")
    parser.add_argument("--only", metavar="CAUSE", action="append", default=[])
    parser.add_argument("--count", action="store_true", help="measure nothing")
    parser.add_argument("--markdown", action="store_true", help="print a table")
    options = parser.parse_args()
    chosen = [each for each in PLANTED if not options.only or each.name in options.only]
    options.output.mkdir(parents=True, exist_ok=True)
    paths = {
        planted.name: [
            options.output / f"{planted.name}-{number:02}.json"
            for number in range(1, options.repeats + 1)
        ]
        for planted in chosen
    }
    if not options.count:
        (options.output / "planted.py").write_text(MODULE)
        for number in range(options.repeats):
            for planted in chosen:
                path = paths[planted.name][number]
                if path.exists():
                    continue
                print(f"{planted.name}, {number + 1} of {options.repeats}", flush=True)
                if problem := diagnose(options, planted, path):
                    sys.exit(f"planted_scaling: {planted.name}: {problem}")
    outcomes = [
        (
            planted,
            [outcome(planted, path) for path in paths[planted.name] if path.exists()],
        )
        for planted in chosen
    ]
    print("\n".join(lines_of(outcomes, markdown=options.markdown)))


if __name__ == "__main__":
    main()
