"""How often comparisons of two refs are wrong: refs that change nothing, and some +5 %.

    python scripts/noop_refs.py 3.14 -o FOLDER [--refs 50] [--changes 20] [--budget 5m]

A small package of twenty functions gets a branch per ref. Half-way between two releases
most commits change no speed: those here change a docstring, a comment and the order of
functions. The others let one function do 5 % more. Each is compared with the base by
`pybench compare --ref`, as somebody would type it. Every row called slower or faster
that was not changed is a false one; a change is found if its row is called slower.

What is done already is read, not measured again: the command resumes. With --part 1/2
it takes every second ref, so that two of them, each bound to a CPU of its own, share
the work of one folder. With --count it measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pybench import children
from pybench.statistics.decision import FASTER, SLOWER

ROWS = 20
BASE = "base"
# Of the calls that a function makes: what it does more where it is changed.
TIMES = 100
TIMES_CHANGED = 105

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "small"
version = "1.0"
"""
# Without a network: a wheel is a copy of the package.
BACKEND = """
import pathlib
import zipfile


def build_wheel(folder, settings=None, metadata=None):
    name, info = "small-1.0-py3-none-any.whl", "small-1.0.dist-info/"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        wheel.write("small/__init__.py")
        lines = ["Metadata-Version: 2.1", "Name: small", "Version: 1.0"]
        wheel.writestr(info + "METADATA", "\\n".join(lines))
        lines = ["Wheel-Version: 1.0", "Root-Is-Purelib: true", "Tag: py3-none-any"]
        wheel.writestr(info + "WHEEL", "\\n".join(lines))
        wheel.writestr(info + "RECORD", "small/__init__.py,,")
    return name
"""
SUITE = """
import pytest
import small


@pytest.mark.parametrize("number", range({rows}))
def test_function(benchmark, number):
    benchmark(getattr(small, f"function_{{number}}"))
"""
HEAD = '''"""{about}"""

import json
import re


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def length(self):
        return self.x * self.x + self.y * self.y
'''
FUNCTION = """

def function_{number}():{comment}
    kept = None
    for turn in range({times}):
        {body}
    return kept
"""
# No two use the interpreter alike.
BODIES = (
    "kept = turn * 3 + 1",
    "kept = turn / 7.0 - 0.5",
    "kept = str(turn)",
    "kept = 'a,b,c'.split(',')",
    "kept = f'{turn}-{turn}'",
    "kept = {'a': turn, 'b': 2}['a']",
    "kept = [turn, 1, 2]",
    "kept = (turn, turn)",
    "kept = sorted((3, turn, 1))",
    "kept = Point(turn, 2).length()",
    "kept = len('text') + turn",
    "kept = [n for n in (1, 2, 3)]",
    "kept = re.match('[0-9]+', '123')",
    "kept = json.loads('[1, 2]')",
    "kept = b'bytes'.hex()",
    "kept = max(turn, 5)",
    "kept = {turn, 1} & {1}",
    "kept = 'text'.upper().lower()",
    "kept = isinstance(turn, int) and turn > 3",
    "kept = list(zip((1, 2), (3, 4)))",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """A branch, and which of its functions does more; None for a no-op."""

    name: str
    changed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What came of the refs that are done."""

    refs: int
    rows: int  # that changed nothing
    false: tuple[str, ...]
    changes: int
    found: int
    undecided: int


def refs_of(no_ops: int, changes: int) -> list[Ref]:
    """Return the refs; each change is in another function, as long as there are any."""
    plain = [Ref(name=f"no-op-{number:02}") for number in range(1, no_ops + 1)]
    return plain + [
        Ref(name=f"change-{number:02}", changed=(number - 1) % ROWS)
        for number in range(1, changes + 1)
    ]


def module(ref: Ref | None) -> str:
    """Return the package's module at a ref; None is the base."""
    order = [*range(ROWS)]
    about, comment = "Small functions.", ""
    if ref is not None:
        random.Random(ref.name).shuffle(order)
        about = f"Small functions, as of {ref.name}.\n\nNothing else has changed.\n"
        comment = f"\n    # Looked at again for {ref.name}."
    changed = ref.changed if ref else None
    functions = [
        FUNCTION.format(
            number=number,
            comment=comment,
            times=TIMES_CHANGED if number == changed else TIMES,
            body=BODIES[number],
        )
        for number in order
    ]
    return HEAD.format(about=about) + "".join(functions)


def make_repository(folder: Path, refs: Sequence[Ref]) -> None:
    """Make the repository with a branch per ref, and leave those that are there."""
    package = folder / "small"
    if not (folder / ".git").exists():
        for place in (package, folder / "benchmarks"):
            place.mkdir(parents=True, exist_ok=True)
        (folder / "pyproject.toml").write_text(PROJECT)
        (folder / "backend.py").write_text(BACKEND)
        (folder / "benchmarks" / "test_small.py").write_text(SUITE.format(rows=ROWS))
        (package / "__init__.py").write_text(module(None))
        git(folder, "init", "-q", "-b", BASE)
        commit(folder, "The package")
    there = git(folder, "for-each-ref", "--format=%(refname:short)").split()
    for ref in refs:
        if ref.name not in there:
            git(folder, "checkout", "-q", "-b", ref.name, BASE)
            (package / "__init__.py").write_text(module(ref))
            commit(folder, ref.name)
            git(folder, "checkout", "-q", BASE)


def commit(folder: Path, message: str) -> None:
    """Commit all that there is."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--no-gpg-sign", "-m", message)


def git(folder: Path, *words: str) -> str:
    """Run git under a name of its own; ends the script if that fails."""
    who = {"NAME": "noop_refs", "EMAIL": "noop@example.org"}
    environ = os.environ | {
        f"GIT_{role}_{name}": value
        for role in ("AUTHOR", "COMMITTER")
        for name, value in who.items()
    }
    done = children.run(["git", "-C", str(folder), *words], env=environ)
    if done.problem:
        sys.exit(f"noop_refs: git {words[0]} {done.problem}: {done.last_line}")
    return done.stdout


def compare(options: argparse.Namespace, ref: Ref, seed: int) -> str:
    """Compare a ref with the base; return what went wrong, "" for nothing."""
    run = (options.output / "runs" / ref.name).absolute()
    line = [sys.executable, "-m", "pybench", "compare", options.python]
    line += ["--ref", BASE, "--ref", ref.name, "-o", str(run)]
    is_begun = (run / "run.jsonl").exists()
    line += ["--resume"] if is_begun else ["--seed", str(seed)]
    line += ["--budget", options.budget] if options.budget else []
    done = children.run(line, cwd=options.output / "small", merged=True)
    # A row that is changed is no failure here.
    return "" if (run / "summary.json").exists() else done.last_line


def counted(folder: Path, refs: Sequence[Ref]) -> Count:
    """Count what the summaries say."""
    rows = found = undecided = done = changes = 0
    false: list[str] = []
    for ref in refs:
        path = folder / "runs" / ref.name / "summary.json"
        if not path.exists():
            continue
        done += 1
        changes += ref.changed is not None
        for number, row in rows_of(json.loads(path.read_text())):
            word = row["verdict"]
            if number == ref.changed:
                found += word == SLOWER
                continue
            rows += 1
            undecided += word not in (SLOWER, FASTER, "equivalent")
            if word in (SLOWER, FASTER):
                ratio = row["ratio"]
                false.append(f"{ref.name}: function {number} {word} ({ratio:.3f})")
    return Count(
        refs=done,
        rows=rows,
        false=tuple(false),
        changes=changes,
        found=found,
        undecided=undecided,
    )


def rows_of(
    summary: Mapping[str, object],
) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the rows of a summary, each with the number of its function."""
    rows = summary["rows"]
    assert isinstance(rows, list)
    for row in rows:
        yield int(row["row"].rpartition("[")[2].rstrip("]")), row


def lines_of(count: Count) -> list[str]:
    """Say what came of them."""
    return [
        f"{count.refs} refs, {count.rows} rows without a change: "
        f"{len(count.false)} false, {count.undecided} undecided",
        f"{count.changes} refs with one function by 5 %: {count.found} found",
        *count.false,
    ]


def part(text: str) -> tuple[int, int]:
    """Read K/N: the K-th of N parts."""
    chosen, _, parts = text.partition("/")
    if not (chosen.isdecimal() and parts.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form K/N")
    if not 1 <= int(chosen) <= int(parts):
        raise argparse.ArgumentTypeError(f"{text!r}: K lies between 1 and N")
    return int(chosen), int(parts)


def main() -> None:
    """Compare what is not compared yet, and count."""
    parser = argparse.ArgumentParser(description="Compare refs that change nothing.")
    parser.add_argument("python", metavar="PY", help="as for pybench compare")
    parser.add_argument("-o", dest="output", metavar="DIR", type=Path, required=True)
    parser.add_argument("--refs", type=int, default=50, help="no-ops (default 50)")
    parser.add_argument("--changes", type=int, default=20, help="(default 20)")
    parser.add_argument("--budget", help="of each comparison, such as 5m")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", type=part, default=(1, 1), metavar="K/N")
    parser.add_argument("--count", action="store_true", help="measure nothing")
    options = parser.parse_args()
    refs = refs_of(options.refs, options.changes)
    if not options.count:
        make_repository(options.output / "small", refs)
        first, step = options.part
        for number, ref in list(enumerate(refs))[first - 1 :: step]:
            if (options.output / "runs" / ref.name / "summary.json").exists():
                continue
            print(f"{ref.name}, {number + 1} of {len(refs)}", flush=True)
            if problem := compare(options, ref, options.seed + number):
                sys.exit(f"noop_refs: {ref.name}: {problem}")
    print("\n".join(lines_of(counted(options.output, refs))))


if __name__ == "__main__":
    main()
