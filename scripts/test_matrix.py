"""Run the tests on the default Python and on one other build of each kind found.

The default (the one that runs this) runs all of ``tests/``, in four legs that may run
beside each other; the others run what touches the extension, but for what is marked
``once``; the newest of them and those without the GIL also count the kernels'
instructions and run tests of the plugin: the newest all of them, the others those of
the GIL, of threads and of the process.
Each also runs the benchmarks, so that the rows which it can and cannot run are counted.
The default and those without the GIL measure them with the smallest budget; the others
call each row once.  Four at a time: they disturb each other, but rows are counted
here and no test looks at a time.
What an interpreter says is printed when it is done.  A second build of a kind, such as
another 3.11, is run where PYBENCH_PYTHONS names it, and with --all.

    python scripts/test_matrix.py [--only-default | --all] [--record-rows] [-- ...]

Environment
    PYBENCH_PYTHONS   further interpreters, paths separated as in PATH
    PYBENCH_REQUIRE   kinds that must be there and pass: "3.13t 3.14 3.15"
    PYBENCH_FETCH=1   let uv install the kinds that are missing

Exit status 0 when every interpreter that could be used passed, and every required
kind was used, ran with the GIL off where it should, and ran as many rows as
``tests/rows.json`` records for it.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pybench.interpreters import SUPPORTED, Interpreter, Search, find, probe

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "tests" / "rows.json"
# What depends on each build, and takes little: its C, and how it lays objects out.
OF_EACH_BUILD: tuple[str, ...] = (
    "tests/_pybench",
    "tests/target/programs/test_scaling_suspects.py",
)
# Python alone: what holds on the oldest and on the newest build holds between them, and
# the rows that each build measures go through it too.
PLUGIN: tuple[str, ...] = ("tests/target/plugin", "tests/test_installed.py")
# What may differ without the GIL: threads, what a process holds, how it is imported.
# The rest of the plugin is text and files, and each row that is measured there goes
# through it.
PLUGIN_WITHOUT_GIL: tuple[str, ...] = (
    *(
        f"tests/target/plugin/test_{name}.py"
        for name in (
            "event_loops", "gil", "identity", "interleaving", "interleaving_adapters",
            "iterations", "kernel", "lazy_rows", "observing", "package", "peaks",
            "rowstate", "selection", "threads",
        )
    ),
    "tests/test_installed.py",
)  # fmt: skip
# So it is with the counted instructions of each kernel, half a minute of each build.
NOT_COUNTED = "--ignore=tests/_pybench/test_honesty.py"
NOT_ONCE = ("-m", "not once")
# The default runs everything, in four legs that may run beside each other: what
# depends on the build and is measured, whole commands and profiles, comparisons, and
# the rest.
BUILD: tuple[str, ...] = (*OF_EACH_BUILD, *PLUGIN, "tests/benchmarks")
COMMANDS: tuple[str, ...] = ("tests/cli", "tests/profiles")
COMPARISONS: tuple[str, ...] = ("tests/comparison",)
REST: tuple[str, ...] = (
    "tests",
    *(f"--ignore={folder}" for folder in (*BUILD, *COMMANDS, *COMPARISONS)),
)
# The least that still measures: a row is counted once it has a few rounds.
SMALL_BUDGET = (
    "--benchmark-only",
    "--benchmark-max-time=0.001",
    "--benchmark-min-rounds=2",
    "--benchmark-quiet",
)
# A row runs once and is not timed; what is n/a is n/a here too.
UNMEASURED = ("--benchmark-disable",)
# Twice the least CPUs that a machine of ours has: a leg waits for answers, ends and
# time-outs for a third of its time or more.
AT_ONCE = 4
SETUP_TIMEOUT_S = 900
PYTEST_TIMEOUT_S = 1200
FETCH_TIMEOUT_S = 300  # each; uv downloads about 30 MB
CANNOT_BE_USED = 3  # exit status of environment.py: nothing of ours is wrong
NO_TESTS = 5  # pytest's exit status when nothing was selected


NO_FREE_THREADED = (
    "No free-threaded build was tested: none was found that can be used. With uv,"
    " PYBENCH_FETCH=1 installs them; PYBENCH_PYTHONS names those lying elsewhere."
)
NO_SEARCH = Search(interpreters=(), unsupported=(), rejected=(), looked_in=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one interpreter."""

    interpreter: Interpreter
    seconds: float = 0.0
    not_run: str = ""  # why it could not be used at all
    problems: tuple[str, ...] = ()
    tests: Mapping[str, Any] = field(default_factory=dict)  # counts of the plugin
    rows: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What one interpreter runs in one go: these tests, and the benchmarks or not."""

    interpreter: Interpreter
    where: tuple[str, ...]
    rows: tuple[str, ...] | None = None  # options of the benchmarks; None: none run


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A set-up: the Python to run, or why there is none and whether we are at fault."""

    python: str = ""
    not_made: str = ""
    ours: bool = False
    said: str = ""


class Children:
    """The commands that run now, so that Ctrl-C in one thread ends those of all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_over = False

    def run(self, command: Sequence[str], timeout_s: float, log: Path) -> int:
        """Run a command in the tree; end its whole group when time is up."""
        with log.open("ab") as target:
            with self._lock:
                if self._is_over:
                    raise KeyboardInterrupt
                child = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=target,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self._running.add(child)
            try:
                return child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                return 124  # as timeout(1) says it
            finally:
                with self._lock:
                    self._running.discard(child)
                    _end(child)

    def end(self) -> None:
        """End what runs, and start nothing any more."""
        with self._lock:
            self._is_over = True
            for child in self._running:
                _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


CHILDREN = Children()


def required_kinds(text: str) -> tuple[str, ...]:
    """Read PYBENCH_REQUIRE; a word that is no kind stops the run."""
    words = tuple(re.split(r"[\s,]+", text.strip())) if text.strip() else ()
    unknown = [word for word in words if word not in SUPPORTED]
    if unknown:
        known = " ".join(SUPPORTED)
        raise SystemExit(f"PYBENCH_REQUIRE names {', '.join(unknown)}; known: {known}")
    return words


def judge(outcome: Outcome, required: Sequence[str], least_rows: int) -> Outcome:
    """Add what is wrong for a required kind; others only have to pass."""
    kind = outcome.interpreter.kind
    if kind not in required:
        return outcome
    found = []
    if outcome.not_run:
        found.append(f"required, but not run: {outcome.not_run}")
    else:
        runs = {"the tests": outcome.tests, "the rows": outcome.rows}
        for name, counts in runs.items():
            if kind.endswith("t") and counts.get("gil_enabled", True):
                found.append(f"{name} ran with the GIL on")
        ran = rows_that_ran(outcome)
        if ran < least_rows:
            found.append(f"{ran} rows ran, {least_rows} are recorded")
    return replace(outcome, problems=(*outcome.problems, *found))


def rows_that_ran(outcome: Outcome) -> int:
    """Return how many rows ran, measured or not."""
    counts = outcome.rows
    return sum(counts.get(f"rows_{what}", 0) for what in ("measured", "unmeasured"))


def rows_by_kind(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return the rows that ran on every interpreter of a kind."""
    least: dict[str, int] = {}
    for outcome in outcomes:
        if outcome.rows and not outcome.problems:
            kind, ran = outcome.interpreter.kind, rows_that_ran(outcome)
            least[kind] = min(ran, least.get(kind, ran))
    return least


def describe(outcome: Outcome) -> str:
    """Put one interpreter in one line."""
    it = outcome.interpreter
    build = "free-threaded" if it.free_threaded else "GIL"
    name = f"{it.label:<10} {build:<14}"
    parts = []
    if outcome.tests:
        tests = outcome.tests
        parts.append(f"{tests['tests_passed']} tests passed")
        parts += [
            f"{tests[f'tests_{what}']} {what}"
            for what in ("failed", "skipped")
            if tests.get(f"tests_{what}")
        ]
    if outcome.rows:
        parts.append(f"{outcome.rows['rows_measured']} rows measured")
        if outcome.rows["rows_unmeasured"]:
            parts.append(f"{outcome.rows['rows_unmeasured']} run without measuring")
        parts.append(f"{sum(outcome.rows['rows_na'].values())} n/a")
        if outcome.rows["rows_void"]:
            parts.append(f"{outcome.rows['rows_void']} void")
        if it.free_threaded:
            parts.append(f"GIL {'ON' if outcome.rows['gil_enabled'] else 'off'}")
    said = ", ".join(parts)
    if outcome.problems:
        said = "FAILED: " + "; ".join(outcome.problems) + (f" ({said})" * bool(said))
    elif outcome.not_run:
        said = f"not run: {outcome.not_run}"
    return f"{name} {said} [{outcome.seconds:.0f} s]"


def closing_lines(
    outcomes: Sequence[Outcome],
    search: Search,
    required: Sequence[str],
    not_fetched: Mapping[str, str],
) -> tuple[list[str], bool]:
    """Write one line per interpreter, and tell whether all is well."""
    lines = [describe(outcome) for outcome in outcomes]
    problems = sum(bool(outcome.problems) for outcome in outcomes)
    there = {outcome.interpreter.kind for outcome in outcomes}
    for kind in SUPPORTED:
        if kind not in there:
            places = ", ".join(search.looked_in) or "no place: only the default"
            reason = not_fetched.get(kind, f"looked in {places}")
            must = "FAILED: required, but " if kind in required else ""
            lines.append(f"{kind:<25} {must}not found ({reason})")
            problems += kind in required
    for rejected in search.rejected:
        if rejected.named:
            lines.append(f"{'PYBENCH_PYTHONS':<25} FAILED: {rejected.reason}")
            problems += 1
    if not any(o.tests and o.interpreter.free_threaded for o in outcomes):
        lines.append(NO_FREE_THREADED)
    if search.unsupported:
        labels = " ".join(interpreter.label for interpreter in search.unsupported)
        lines.append(f"{'not supported':<25} {labels}")

    totals = {
        what: sum(o.tests.get(f"tests_{what}", 0) for o in outcomes)
        for what in ("passed", "failed", "skipped")
    }
    # A required build that is missing is a failure too, though no test of ours.
    failed = max(totals["failed"], problems)
    total = f"{totals['passed']} passed, {failed} failed, {totals['skipped']} skipped"
    return [*lines, total], problems == 0


def fetch(kinds: Iterable[str]) -> dict[str, str]:
    """Let uv install interpreters; return why not, per kind."""
    uv = shutil.which("uv")
    failures = {}
    for kind in kinds:
        if uv is None:
            failures[kind] = "PYBENCH_FETCH=1 needs uv, which is not on PATH"
            continue
        print(f"matrix: uv python install {kind}", flush=True)
        try:
            subprocess.run(
                [uv, "python", "install", kind],
                timeout=FETCH_TIMEOUT_S,
                check=True,
                stderr=subprocess.PIPE,
                text=True,
            )
        except subprocess.TimeoutExpired:
            failures[kind] = f"uv took more than {FETCH_TIMEOUT_S} s"
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or ["no message"])[-1].strip()
            failures[kind] = f"uv could not install it: {last[:120]}"
    return failures


def run_pytest(
    python: str, arguments: Sequence[str], folder: Path, log: Path
) -> tuple[int, dict[str, Any]]:
    """Run pytest once; return its status and the plugin's counts."""
    counts = folder / "counts.json"
    counts.unlink(missing_ok=True)
    command = [python, "-m", "pytest", *arguments, f"--pybench-counts={counts}"]
    status = CHILDREN.run(command, PYTEST_TIMEOUT_S, log)
    return status, json.loads(counts.read_text()) if counts.is_file() else {}


def prepare(interpreter: Interpreter) -> Environment:
    """Set up one interpreter, without the host's side: no test of that runs there."""
    script = ROOT / "scripts" / "environment.py"
    try:
        done = subprocess.run(
            [str(interpreter.path), str(script), "--under-test"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=SETUP_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return Environment(not_made=f"set-up took more than {SETUP_TIMEOUT_S} s")
    if done.returncode == 0:
        return Environment(python=done.stdout.strip(), said=done.stderr)
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return Environment(
        not_made=last.removeprefix("set-up: ERROR: "),
        ours=done.returncode != CANNOT_BE_USED,
        said=done.stderr,
    )


def run_one(
    leg: Leg, environment: Environment, options: Sequence[str]
) -> tuple[Outcome, str]:
    """Run the tests and the rows on one interpreter; return also what was said."""
    interpreter, where = leg.interpreter, leg.where
    python, reason = environment.python, environment.not_made
    if not python:
        problems = [f"set-up: {reason}"] if environment.ours else []
        outcome = Outcome(
            interpreter=interpreter, not_run=reason, problems=tuple(problems)
        )
        return outcome, environment.said
    problems = []
    with tempfile.TemporaryDirectory(prefix="pybench-matrix-") as name:
        folder = Path(name)
        log, row_log = folder / "tests.txt", folder / "rows.txt"
        arguments = [*where, "--durations=12", *options]
        status, tests = run_pytest(python, arguments, folder, log)
        # With options of the user's a selection may well be empty on one of them.
        if status != 0 and not (status == NO_TESTS and options):
            problems.append(f"pytest {' '.join(where)}: exit {status}")
        elif not tests:
            problems.append("the tests left no counts: is the plugin loaded?")
        said = environment.said + log.read_text(errors="replace")
        rows: dict[str, Any] = {}
        if leg.rows is not None:
            rows = _run_rows(python, leg.rows, folder, row_log, problems)
            if problems:
                said += row_log.read_text(errors="replace")
    outcome = Outcome(
        interpreter=interpreter, problems=tuple(problems), tests=tests, rows=rows
    )
    return outcome, said


def _run_rows(
    python: str, options: Sequence[str], folder: Path, log: Path, problems: list[str]
) -> dict[str, Any]:
    """Run the benchmarks; return their counts."""
    # Neither the journal of the user's last run nor sizes found while another
    # interpreter runs beside belong into the storage of the tree.
    arguments = ["benchmarks/", *options, "-p", "no:cacheprovider"]
    arguments.append(f"--benchmark-storage={folder / 'storage'}")
    status, rows = run_pytest(python, arguments, folder, log)
    if status != 0:
        problems.append(f"pytest benchmarks/ {options[0]}: exit {status}")
    elif not rows:
        problems.append("the benchmarks left no counts: is the plugin loaded?")
    return rows


def merged(parts: Sequence[Outcome]) -> Outcome:
    """Return what the legs of one interpreter came to together."""
    if len(parts) == 1:
        return parts[0]
    tests: dict[str, Any] = {}
    for part in parts:
        for name, value in part.tests.items():
            is_count = name.startswith("tests_")
            tests[name] = tests.get(name, 0) + value if is_count else value
    return replace(
        parts[0],
        seconds=max(part.seconds for part in parts),
        problems=tuple(problem for part in parts for problem in part.problems),
        tests=tests,
        rows=next((part.rows for part in parts if part.rows), {}),
    )


def one_of_each_kind(
    default: Interpreter, others: Iterable[Interpreter], named: Iterable[Path]
) -> list[Interpreter]:
    """Leave out builds of a kind that is there already, unless the user named them."""
    kinds = {default.kind}
    listed = set(named)
    chosen = []
    for interpreter in others:
        if interpreter.kind not in kinds or interpreter.path in listed:
            chosen.append(interpreter)
        kinds.add(interpreter.kind)
    return chosen


def with_plugin(others: Iterable[Interpreter]) -> list[Interpreter]:
    """Choose those that run the tests of the plugin: without the GIL, or the newest."""
    chosen = []
    newest = None
    for interpreter in others:
        if interpreter.free_threaded:
            chosen.append(interpreter)
        elif newest is None or _order(interpreter) > _order(newest):
            newest = interpreter
    return chosen if newest is None else [*chosen, newest]


def _order(interpreter: Interpreter) -> int:
    return SUPPORTED.index(interpreter.kind)


def groups_by_abi(
    interpreters: Iterable[Interpreter],
) -> list[list[Interpreter]]:
    """Group those that must take turns: of one ABI they share the built module.

    It lies beside the sources, and must not change under a run.
    """
    groups: dict[str, list[Interpreter]] = {}
    for interpreter in interpreters:
        groups.setdefault(interpreter.soabi, []).append(interpreter)
    return list(groups.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """What all interpreters have in common."""

    default: Interpreter
    with_plugin: Sequence[Interpreter]
    options: Sequence[str]
    required: Sequence[str]
    least_rows: Mapping[str, int]
    printing: threading.Lock = field(default_factory=threading.Lock)

    def groups(self, others: Iterable[Interpreter]) -> list[list[Leg]]:
        """Return what may run beside each other; the default's legs come first."""
        first, *rest = groups_by_abi((self.default, *others))
        legs = [
            Leg(interpreter=self.default, where=BUILD, rows=SMALL_BUDGET),
            Leg(interpreter=self.default, where=COMMANDS),
            Leg(interpreter=self.default, where=COMPARISONS),
            Leg(interpreter=self.default, where=REST),
        ]
        # The longest first, so that none of them is left alone at the end.
        rest.sort(key=lambda group: group[0] not in self.with_plugin)
        others_of_first = [self._leg(one) for one in first[1:]]
        # Another build of its ABI replaces the module that all of its legs load.
        own = (
            [[*legs, *others_of_first]] if others_of_first else [[leg] for leg in legs]
        )
        return [*own, *([self._leg(one) for one in group] for group in rest)]

    def _leg(self, interpreter: Interpreter) -> Leg:
        more: tuple[str, ...] = (NOT_COUNTED,)
        if interpreter in self.with_plugin:
            more = PLUGIN_WITHOUT_GIL if interpreter.free_threaded else PLUGIN
        where = (*OF_EACH_BUILD, *more, *NOT_ONCE)
        rows = SMALL_BUDGET if interpreter.free_threaded else UNMEASURED
        return Leg(interpreter=interpreter, where=where, rows=rows)

    def run_group(self, legs: Sequence[Leg]) -> list[Outcome]:
        """Run legs that take turns."""
        return [self.run(leg) for leg in legs]

    def run(self, leg: Leg) -> Outcome:
        """Set up and run one leg, then print all it said."""
        start = time.monotonic()
        interpreter = leg.interpreter
        self._say(f"matrix: {interpreter.label} at {interpreter.path} begins")
        if interpreter is self.default:
            environment = Environment(python=sys.executable)
        else:
            environment = prepare(interpreter)
        outcome, said = run_one(leg, environment, self.options)
        outcome = replace(outcome, seconds=time.monotonic() - start)
        head = f"matrix: {interpreter.label} at {interpreter.path}"
        self._say(f"\n{head}\n{said}matrix: {describe(outcome)}\n")
        return outcome

    def judged(self, interpreter: Interpreter, found: Iterable[Outcome]) -> Outcome:
        """Return what an interpreter came to, with what is wrong for its kind."""
        outcome = merged([one for one in found if one.interpreter is interpreter])
        least_rows = self.least_rows.get(interpreter.kind, 1)
        return judge(outcome, self.required, least_rows)

    def _say(self, text: str) -> None:
        with self.printing:
            print(text, flush=True)


def main() -> int:
    """Find, run, judge, tell."""
    parser = argparse.ArgumentParser(description="Run the tests on every interpreter.")
    parser.add_argument("--only-default", action="store_true", help="no others")
    parser.add_argument("--all", action="store_true", help="all builds of a kind")
    parser.add_argument(
        "--record-rows",
        action="store_true",
        help="write the rows that ran now to tests/rows.json, in place of comparing",
    )
    parser.add_argument("options", nargs="*", help="options of pytest, after --")
    said = parser.parse_args()
    required = required_kinds(os.environ.get("PYBENCH_REQUIRE", ""))
    recorded = json.loads(ROWS.read_text())
    # Another system may lack rows (pinning, /proc) that these counts include.
    least_rows = {} if said.record_rows else recorded.get(sys.platform, {})

    default = probe(sys.executable)
    search = NO_SEARCH if said.only_default else find()
    not_fetched: dict[str, str] = {}
    if not said.only_default and os.environ.get("PYBENCH_FETCH") == "1":
        kinds = {default.kind, *(i.kind for i in search.interpreters)}
        not_fetched = fetch(kind for kind in SUPPORTED if kind not in kinds)
        search = find()
    others = [i for i in search.interpreters if i.identity != default.identity]
    if not said.all:
        listed = os.environ.get("PYBENCH_PYTHONS", "").split(os.pathsep)
        others = one_of_each_kind(default, others, map(Path, filter(None, listed)))
    labels = ", ".join(interpreter.label for interpreter in others) or "none"
    print(f"matrix: default {default.label}; others found: {labels}", flush=True)

    matrix = Matrix(
        default=default,
        with_plugin=with_plugin(others),
        options=said.options,
        required=required,
        least_rows=least_rows,
    )
    # The default, whose tests are the most, comes first.
    groups = matrix.groups(others)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as slots:
        try:
            found = [
                one for group in slots.map(matrix.run_group, groups) for one in group
            ]
        except BaseException:
            slots.shutdown(wait=False, cancel_futures=True)
            CHILDREN.end()
            raise
    outcomes = [matrix.judged(one, found) for one in (default, *others)]

    if said.record_rows:
        recorded[sys.platform] = recorded.get(sys.platform, {}) | rows_by_kind(outcomes)
        ROWS.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")
    lines, well = closing_lines(outcomes, search, required, not_fetched)
    print("\nmatrix: one line per interpreter")
    print("\n".join(lines), flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
