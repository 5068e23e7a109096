"""Scenarios in fresh processes: one, or pairs of two modes or two interpreters.

Each pair is one fresh process of either arm, one after the other, since both want all
CPUs; a balanced coin decides which arm goes first. One number per pair, the log ratio
of ``avg_iter_s``, and the looks and the decision of `pybench.statistics`.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pybench.children import describe_end, last_line, start
from pybench.comparison.schedule import hash_seed, sample_order
from pybench.interpreters.wheels import is_installed
from pybench.records.files import finite
from pybench.records.scenario import (
    ComparedArm,
    RatioVerdict,
    ScenarioComparison,
    ScenarioRecord,
    Settings,
)
from pybench.statistics.decision import Verdict, decide
from pybench.statistics.plan import Plan

ROW = "avg_iter_s"

# What a child runs: a file would put its folder, with modules of its own names, first.
_LAUNCH = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from pybench.target.programs.scenario import main; main()"
)
_PACKAGE = Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def _source() -> Iterator[str]:
    """Yield a folder with pybench for ``sys.path``, without other packages.

    Where pybench is installed, those beside it are of another interpreter.
    """
    if not is_installed():
        yield str(_PACKAGE.parent)
        return
    with tempfile.TemporaryDirectory(prefix="pybench-source-") as folder:
        Path(folder, _PACKAGE.name).symlink_to(_PACKAGE)
        yield folder


class ArmError(Exception):
    """An arm gave no figure; the text says which and why."""


def run_child(
    python: Path,
    words: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> tuple[int, str]:
    """Run the program of a scenario in a fresh process of an interpreter.

    Ctrl-C ends it as it would there: it prints and saves what it has. If ``quiet``,
    what it prints is kept from the terminal, and `KeyboardInterrupt` is raised after
    its end; else its status tells. Returns the status, and the last line of its errors
    if quiet.
    """
    interrupted, errors = False, b""
    sys.stdout.flush()
    with (
        _source() as source,
        start(
            [python, "-P", "-c", _LAUNCH, source, *words],
            stdout=subprocess.DEVNULL if quiet else None,
            stderr=subprocess.PIPE if quiet else None,
            env=environ,
            # Signals reach it through us, once: a second one would cut off its saving.
            new_session=False,
        ) as child,
    ):
        while True:
            try:
                _, errors = child.communicate()
                break
            except KeyboardInterrupt:
                child.send_signal(signal.SIGKILL if interrupted else signal.SIGINT)
                interrupted = True
    if interrupted and quiet:
        raise KeyboardInterrupt
    return child.returncode, last_line((errors or b"").decode(errors="replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm: a name, an interpreter and what it runs."""

    name: str
    python: Path
    settings: Settings

    def measure(self, hash_seed: int) -> float:
        """Run it in a fresh process; return its ``avg_iter_s``, without any hold.

        Raises `ArmError` if it fails or loses a worker: with fewer workers it is
        another measurement.
        """
        import msgspec

        with tempfile.TemporaryDirectory(prefix="pybench-scenario-") as folder:
            path = Path(folder) / "record.json"
            status, error = run_child(
                self.python,
                [*self.settings.words(), f"--json={path}", "--quiet"],
                environ=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
                quiet=True,
            )
            end = describe_end(status)
            try:
                record = msgspec.json.decode(path.read_bytes(), type=ScenarioRecord)
            except (OSError, ValueError):
                raise ArmError(f"{self.name} {end}: {error or 'no message'}") from None
        if status or record.result.avg_iter_s is None:
            raise ArmError(f"{self.name}: {[*record.problems, end][0]}")
        # The same sleep on both sides would hide a difference between them.
        return record.result.avg_iter_s - (record.result.avg_hold_s or 0.0)


@dataclass(slots=True, kw_only=True)
class Comparison:
    """The pairs so far; ``problem`` says what ended it early.

    ``pairs`` holds the seconds of either arm, baseline first, and ``first`` the arm
    that went first. ``verdict`` is None before the first pair.
    """

    arms: tuple[Arm, Arm]
    seed: int
    plan: Plan
    pairs: list[tuple[float, float]] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    verdict: Verdict | None = None
    problem: str = ""
    interrupted: bool = False

    def run(self, on_progress: Callable[[], None]) -> None:
        """Take pairs until the verdict is settled, the looks are over, or an arm fails.

        Ctrl-C leaves what there is.
        """
        try:
            for pair in range(1, self.plan.most_pairs + 1):
                self._take_pair(pair)
                if pair in self.plan.looks:
                    self.judge()
                on_progress()
                if self.verdict is not None and not self.verdict.is_open:
                    break
        except ArmError as error:
            self.problem = str(error)
        except KeyboardInterrupt:
            self.interrupted = True
        self.judge()

    def _take_pair(self, pair: int) -> None:
        arms = {arm.name: arm for arm in self.arms}
        order = sample_order(self.seed, ROW, pair, [*arms])
        seed = hash_seed(self.seed, pair, 0)
        taken_s = {name: arms[name].measure(seed) for name in order}
        baseline, contender = (taken_s[arm.name] for arm in self.arms)
        self.pairs.append((baseline, contender))
        self.first.append(order[0])

    def judge(self) -> None:
        """Decide on the pairs there are."""
        if self.pairs:
            taken = [math.log(second) - math.log(first) for first, second in self.pairs]
            self.verdict = decide({ROW: taken}, self.plan)[ROW]

    def record(self) -> ScenarioComparison:
        """Return what is written to ``--json``."""
        verdict = None
        if self.verdict is not None:
            # JSON has no infinity: an interval without an end has None there.
            verdict = RatioVerdict(**finite(asdict(self.verdict)))
        baseline, contender = (
            ComparedArm(name=arm.name, python=str(arm.python), settings=arm.settings)
            for arm in self.arms
        )
        return ScenarioComparison(
            seed=self.seed,
            sides=(baseline, contender),
            row=ROW,
            pairs=tuple(self.pairs),
            first=tuple(self.first),
            verdict=verdict,
            problem=self.problem,
            interrupted=self.interrupted,
        )
