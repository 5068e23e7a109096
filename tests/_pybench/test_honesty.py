"""Every kernel does its operation as often as it says: callgrind counts it.

Callgrind counts the instructions of each window (the function `threads_window`),
at three counts of iterations. They must lie on one straight line. The slope of those
that are our own, not the interpreter's or the C library's, is what the compiler has
made of one iteration; it is kept in `tests/data/honesty.json`. And a build that
leaves the operations out (PYBENCH_MUTANT=1) must fail that very check.

Slopes depend on compiler, architecture and build. To record those of this one:

    python tests/_pybench/test_honesty.py --record
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

import pytest

import _pybench

ROOT = Path(__file__).resolve().parents[2]
RECORDS = Path(__file__).resolve().parents[1] / "data" / "honesty.json"

# Equally far apart, so that on a straight line they give equal differences, and
# multiples of 256, so that batches and blocks are whole ones. No attached kernel has
# a block as short as that many: after such a block the driver reads the clock.
STEP = 256
COUNTS = (STEP, 2 * STEP, 3 * STEP)

# The first round of a call resolves symbols and fills free lists; the second counts.
# Where the machine is so busy that a call takes 40 ms, the coordinator looks for
# signals, and wants the GIL for it: that adds instructions to loops that give the GIL
# away, and nothing takes any from them. Such a case is counted again, by several calls
# of which the smallest count stands.
ROUNDS = 2
CALLS_AGAIN = 5

# A function that is not inlined may still be copied under one of these names.
WINDOWS = [f"threads_window{suffix}" for suffix in ("", ".isra.0", ".constprop.0")]

# How long one process may take; it takes ten seconds or so.
PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kernel in one variant, on one thread."""

    kernel: str
    variant: tuple[tuple[str, str | int], ...] = ()
    # Arguments that change no loop, and are not in its name.
    more: tuple[tuple[str, str | int], ...] = ()

    def __str__(self) -> str:
        """Name it as it is recorded."""
        return " ".join(
            [self.kernel, *(f"{key}={value}" for key, value in self.variant)]
        )


def variants(kernel: str, **choices: tuple[str | int, ...]) -> Iterator[Case]:
    """Yield the kernel once per choice, of one argument after the other."""
    for name, values in choices.items():
        for value in values:
            yield Case(kernel=kernel, variant=((name, value),))


CASES = (
    *variants(
        "churn_create",
        kind=(
            *("int", "float", "str", "bytes", "tuple", "list", "dict"),
            *("object", "heap", "heap_private"),
        ),
        # The loop of a batch is one for both orders; `kind` is the default one's.
        batch=(64,),
    ),
    *variants(
        "counters_increment",
        operation=("store", "relaxed", "acq_rel", "seq_cst", "cas"),
        layout=("unpadded", "shared"),
    ),
    # `transient` is the loop of `nested`. On a free-threaded build its cost is that of
    # looking through what all threads before have left behind: 40 000 instructions,
    # or two million, depending on the rows that went before.
    *variants("gil_ensure", state=("nested", "persistent"), body=("allocate",)),
    Case(kernel="gil_release"),
    # `missing` makes an exception, whose allocations are not the same each time.
    *variants("calls_attribute", kind=("found", "of_class")),
    *variants(
        "calls_call",
        kind=("c", "noargs", "one", "python", "argument", "method", "type"),
    ),
    *variants("containers_read", kind=("list", "dict", "tuple", "set", "attribute")),
    *variants("containers_write", kind=("list", "dict", "attribute")),
    # `nested` makes the section before it wait: thousands of instructions, or more.
    *variants("locks_critical_section", kind=("one", "two")),
    *variants("locks_pair", kind=("pymutex", "pythread", "pthread")),
    # Patterns by loop: the rest are these over other memory.
    *variants("ordering_aligned", access=("load", "store")),
    # To fill its 64 MiB takes longer than all else here.
    *(
        replace(case, more=(("level", "L2"),))
        for case in variants("ordering_bandwidth", operation=("read", "write", "copy"))
    ),
    *variants("ordering_objects", access=("read", "count")),
    *variants("ordering_publish", order=("relaxed", "release", "seq_cst", "fence")),
    *variants("ordering_walk", pattern=("sequential", "random", "chased")),
    *variants("ordering_walk", access=("write",)),
    Case(kernel="pauses_record"),
    *variants("refcount_pair", target=("owned", "foreign", "immortal", "shared")),
    *variants("refcount_pair", form=("chained", "strided")),
    *variants("refcount_stress", layout=("shared", "private")),
    Case(kernel="refcount_try_incref"),
    Case(kernel="refcount_weakref"),
    *variants("refcount_word", width=("whole", "half", "mixed")),
    Case(kernel="yardstick_alu"),
    *variants("yardstick_atomic", layout=("private", "shared")),
    Case(kernel="yardstick_bandwidth"),
    Case(kernel="yardstick_empty"),
    # L2 and memory are the same loop, over more memory.
    *variants("yardstick_load", level=("L1",)),
    Case(kernel="yardstick_syscall"),
)

# Kernels whose instructions say nothing about their iterations.
EXCLUDED = {
    "churn_handover": "two threads meet, and one waits for the other",
    "churn_replace": "its blocks end in bytecode",
    "gil_handoff": "two threads meet, and one waits for the other",
    "gil_reacquire": "waits for deadlines on the clock",
    "locks_wait": "keeps the lock by the clock",
    "ordering_neighbours": "has two threads; its loop is refcount_pair's",
    "pauses_stop": "other threads stop, and it waits for them",
    "subinterpreters_switch": "attaching runs the interpreter's instructions alone",
    "subinterpreters_create": "a second interpreter is millions of instructions",
    "ordering_message": "two threads meet, and one waits for the other",
}

# What nothing can be left out of: here the mutant must be the same.
WITHOUT_OPERATION = "yardstick_empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What callgrind counted of one case; the tuples have one item per count."""

    missing: str = ""  # why this interpreter cannot run it
    error: str = ""  # what the kernel raised, after its windows or in them
    instructions: tuple[int, ...] = ()  # of the window; empty unless all were seen
    own: tuple[int, ...] = ()  # those of them in our own object file

    @property
    def slope(self) -> float:
        """Return our own instructions of one iteration."""
        return (self.own[-1] - self.own[0]) / (STEP * (len(self.own) - 1))


def faults(counted: Counted, slope: float) -> list[str]:
    """Say what is wrong with a count that should have this slope: the check."""
    if not counted.instructions:
        return [f"not every window was seen: {counted.error or 'no error'}"]
    found = [
        f"{values} at {COUNTS} is no straight line"
        for values in (counted.instructions, counted.own)
        if len({more - less for less, more in pairwise(values)}) > 1
    ]
    if counted.slope != slope:
        found.append(f"{counted.slope:g} instructions per iteration and not {slope:g}")
    return found


# Runs under valgrind, so it imports as little as it can. Each window leaves one
# file behind, written before the call returns: their number tells whose they are.
CHILD = """
import gc, json, os, sys
import _pybench

def files():
    return len(os.listdir(sys.argv[1]))

gc.disable()
for name, variant, count, rounds in json.loads(sys.argv[2]):
    before, missing, error = files(), "", ""
    try:
        getattr(_pybench, name)(count, rounds=rounds, **dict(variant))
    except NotImplementedError as reason:
        missing = str(reason)
    except Exception as reason:
        error = f"{type(reason).__name__}: {reason}"
    print(json.dumps([before, files(), missing, error]), flush=True)
"""


def run_child(valgrind: list[str], folder: Path, *arguments: str) -> str:
    """Run the child under valgrind with the extension of that folder."""
    environment = {
        name: value for name, value in os.environ.items() if name[:6] != "PYTHON"
    }
    environment |= {"PYTHONHASHSEED": "0", "PYTHONPATH": str(folder)}
    done = subprocess.run(
        ["valgrind", *valgrind, sys.executable, "-S", "-c", CHILD, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE_S,
    )
    if done.returncode != 0:
        said = done.stderr.strip()[-600:]
        raise ChildProcessError(f"exit {done.returncode} under valgrind: {said}")
    return done.stdout


def parse_window(path: Path) -> tuple[int, int]:
    """Return the instructions of one window, and how many of them are our own.

    The format is callgrind's: lines of a position and a cost, under the object file
    (ob=) they belong to; a line after calls= repeats what the callee's own lines say.
    """
    names: dict[str, str] = {}
    total, own, place, repeated = 0, 0, "", False
    for line in path.read_text(errors="replace").splitlines():
        if match := re.match(r"(c?)ob=(\(\d+\))(?: (.*))?$", line):
            callee, number, name = match.groups()
            if name is not None:  # given once, abbreviated from then on
                names[number] = name
            if not callee:
                place = names[number]
        elif line.startswith("calls="):
            repeated = True
        elif re.match(r"[+\-*\d]", line):
            if not repeated and "/_pybench." in place:
                own += int(line.split()[1])
            repeated = False
        elif line.startswith("totals:"):
            total = int(line.split()[1])
    return total, own


def read_case(
    out: Path, lines: list[tuple[int, int, str, str]], calls_each: int
) -> Counted:
    """Read the windows of one case from what the child said of its calls."""
    counted: list[tuple[int, int]] = []
    for first in range(0, len(lines), calls_each):
        last_windows = [
            parse_window(out / f"window.{after - 1}")
            for before, after, _, _ in lines[first : first + calls_each]
            if after - before == ROUNDS
        ]
        if last_windows:
            counted.append(min(last_windows))
    complete = len(counted) * calls_each == len(lines)
    return Counted(
        missing=lines[0][2],
        error=lines[0][3],
        instructions=tuple(total for total, _ in counted) if complete else (),
        own=tuple(own for _, own in counted) if complete else (),
    )


def count_all(
    folder: Path,
    cases: Sequence[Case] = CASES,
    calls_each: int = 1,
    counts: Sequence[int] = COUNTS,
) -> dict[Case, Counted]:
    """Count cases of the extension in that folder, in one process."""
    calls = [
        (case.kernel, case.variant + case.more, count, ROUNDS)
        for case in cases
        for count in counts
        for _ in range(calls_each)
    ]
    with tempfile.TemporaryDirectory() as out:
        options = ["--collect-atstart=no", f"--callgrind-out-file={out}/window"]
        for window in WINDOWS:
            options += [f"--toggle-collect={window}", f"--dump-after={window}"]
        text = run_child(["--tool=callgrind", *options], folder, out, json.dumps(calls))
        said = iter([json.loads(line) for line in text.splitlines()])
        return {
            case: read_case(
                Path(out), list(islice(said, len(counts) * calls_each)), calls_each
            )
            for case in cases
        }


def count_honest() -> dict[Case, Counted]:
    """Count the extension under test, and again what was disturbed."""
    folder = honest_folder()
    counts = count_all(folder)
    recorded = read_records().get(record_key(), {})
    odd = [
        case
        for case, counted in counts.items()
        if not counted.missing
        and faults(counted, recorded.get(str(case), counted.slope))
    ]
    return counts | (count_all(folder, odd, CALLS_AGAIN) if odd else {})


def build_mutant(folder: Path) -> Path:
    """Build the extension without its operations; return where it is."""
    flavour = str(_pybench.BUILD["flavour"])
    places = [f"--build-lib={folder}/lib", f"--build-temp={folder}/temp"]
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", *places],
        cwd=ROOT,
        env=os.environ | {"PYBENCH_MUTANT": "1", "PYBENCH_BUILD": flavour},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    if done.returncode != 0:
        raise ChildProcessError(f"the mutant does not build: {done.stderr[-2000:]}")
    return folder / "lib"


def record_key() -> str:
    """Name what the slopes depend on: x86_64 gcc-12 cp313t release."""
    compiler, version = str(_pybench.BUILD["compiler"]).split()[:2]
    tag = str(sysconfig.get_config_var("SOABI")).split("-")[1]
    major = version.split(".")[0]
    flavour = _pybench.BUILD["flavour"]
    return f"{platform.machine()} {compiler}-{major} cp{tag} {flavour}"


def read_records() -> dict[str, dict[str, float]]:
    """Return the recorded slopes, by key and case."""
    records: dict[str, dict[str, float]] = json.loads(RECORDS.read_text())
    return records


def reason_to_skip() -> str:
    """Say why nothing can be counted here, or nothing."""
    if sys.platform != "linux":
        return f"valgrind is not used on {sys.platform}"
    if shutil.which("valgrind") is None:
        return "valgrind is not installed"
    if _pybench.BUILD["flavour"] not in ("release", "debug"):
        return f"valgrind cannot run a {_pybench.BUILD['flavour']} build"
    with tempfile.TemporaryDirectory() as folder:
        try:
            # Can it run this interpreter, and load the extension, at all?
            run_child(["--tool=none"], honest_folder(), folder, "[]")
        except (ChildProcessError, subprocess.TimeoutExpired) as error:
            return f"this interpreter does not run under valgrind: {error}"
    return ""


def honest_folder() -> Path:
    """Return the folder of the extension under test."""
    return Path(str(_pybench.__file__)).resolve().parent


def case_or_skip(counts: dict[Case, Counted], case: Case) -> Counted:
    """Return the count of a case that this interpreter can run."""
    if counts[case].missing:
        pytest.skip(f"n/a: {counts[case].missing}")
    return counts[case]


@pytest.fixture(scope="module")
def honest() -> dict[Case, Counted]:
    """Return the counts of the extension under test."""
    if reason := reason_to_skip():
        pytest.skip(reason)
    return count_honest()


@pytest.fixture(scope="module")
def mutant(
    honest: dict[Case, Counted], tmp_path_factory: pytest.TempPathFactory
) -> dict[Case, Counted]:
    """Return the counts of a build without the operations.

    At two counts: its slope alone has to give it away.
    """
    folder = build_mutant(tmp_path_factory.mktemp("mutant"))
    return count_all(folder, counts=COUNTS[:2])


def test_every_kernel_is_counted_or_excused() -> None:
    """A new kernel gets its cases above, or a reason why it has none."""
    counted = {case.kernel for case in CASES}

    assert counted | set(EXCLUDED) == set(_pybench.KERNELS)
    assert not counted & set(EXCLUDED)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_instructions_grow_with_iterations(
    honest: dict[Case, Counted], case: Case
) -> None:
    """Twice the iterations are twice the work: none is skipped or done at once."""
    counted = case_or_skip(honest, case)

    assert counted.error == ""
    assert faults(counted, counted.slope) == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_iteration_executes_what_is_recorded(
    honest: dict[Case, Counted], case: Case
) -> None:
    """The compiler made the same of an iteration as when somebody looked at it."""
    counted = case_or_skip(honest, case)
    recorded = read_records().get(record_key())
    if recorded is None:
        pytest.skip(
            f"no slopes are recorded for {record_key()!r}:"
            " python tests/_pybench/test_honesty.py --record"
        )

    assert str(case) in recorded
    assert faults(counted, recorded[str(case)]) == []


@pytest.mark.once
@pytest.mark.parametrize("case", CASES, ids=str)
def test_mutant_is_found_out(
    honest: dict[Case, Counted], mutant: dict[Case, Counted], case: Case
) -> None:
    """A build that leaves the operation out does not pass for the real one."""
    counted = case_or_skip(honest, case)
    recorded = read_records().get(record_key(), {})

    found = faults(mutant[case], recorded.get(str(case), counted.slope))

    if case.kernel == WITHOUT_OPERATION:
        assert found == []
    else:
        assert found != []


def record() -> None:
    """Write the slopes of this build into the file; all other builds' stay."""
    if reason := reason_to_skip():
        raise SystemExit(reason)
    slopes = {}
    for case, counted in count_honest().items():
        if counted.missing:
            continue
        if problems := faults(counted, counted.slope):
            raise SystemExit(f"{case}: {'; '.join(problems)}. Nothing was recorded.")
        slopes[str(case)] = counted.slope
    records = read_records()
    before = records.get(record_key(), {})
    for name in sorted(slopes.keys() | before.keys()):
        if slopes.get(name) != before.get(name):
            change = f"{before.get(name, 'none')} -> {slopes.get(name, 'none')}"
            sys.stdout.write(f"{name}: {change}\n")
    records[record_key()] = slopes
    RECORDS.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] != ["--record"]:
        raise SystemExit(__doc__)
    record()
