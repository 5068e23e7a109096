"""Suites of known truth, measured: the user's own path from sessions to verdicts.

Both arms are the same binary file. The injected change is more calls: 21 for each 20,
so that the true ratio needs no calibration.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pybench.comparison import schedule
from pybench.comparison.beginning import new_run
from pybench.comparison.judging import CLASS_MARGINS, COMPUTING, class_of, judge
from pybench.comparison.live import ALONE, Comparison, Progress
from pybench.comparison.mean_groups import YARDSTICK_GROUP
from pybench.comparison.selfcheck.tally import Tally, tally
from pybench.comparison.sessions import Arm
from pybench.comparison.side_by_side import Jobs
from pybench.comparison.suites import Suite
from pybench.comparison.summary import summarise
from pybench.records.documents import DocumentError, convert, read_json
from pybench.records.files import write_file
from pybench.records.outcomes import MEASURED
from pybench.records.row_names import row_name
from pybench.records.run import MARGIN, RowRecord, Run
from pybench.records.run_file import RecordWriter, read_run
from pybench.records.summary import write_summary
from pybench.statistics.suite import GeometricMean

NAME = "suite.json"
_COMMAND = ("pybench", "selfcheck", "live")

# Rows of the class that the time of a row is stated for: about a sample of 5 ms.
SAMPLE_MOST_NS = 20e6

# More calls for a row that computes; for the others twice the margin of their class.
INJECTED = (21, 20)
INJECTED_BY_CLASS = {
    kind: INJECTED if kind == COMPUTING else (round(10 * (1 + 2 * margin)), 10)
    for kind, margin in CLASS_MARGINS.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the analysis never sees: a file of its own beside the record.

    `planted` has per row how many calls were made for how many; `load` is the system's
    before and after; `row_pairs` counts what `elapsed_s` was spent on.
    """

    seed: int
    planted: Mapping[str, tuple[int, int]]
    elapsed_s: float
    row_pairs: int
    load: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSuite:
    """One suite and what came of it."""

    folder: Path
    truth: Truth
    tallies: Mapping[str, Tally]
    withheld: Mapping[str, str]
    geometric_mean: GeometricMean | None


def calibrate_suite(
    arm: Arm,
    suite: Suite,
    folder: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Run:
    """Run every row of a suite once, on one arm; a second call reads what was."""
    known = folder / "rows"
    if (known / "run.jsonl").is_file():
        return read_run(known)
    run = new_run(_COMMAND, suite, margin=MARGIN, seed=0)
    with RecordWriter(known, run.header) as writer:
        Comparison(
            [arm],
            suite,
            folder=Path.cwd(),
            record=run,
            writer=writer,
            on_progress=on_progress,
            control=False,
        ).calibrate()
    return run


def eligible(run: Run) -> dict[str, RowRecord]:
    """Return the rows that can stand in a suite: measured, and not too long."""
    usable = run.baseline.identity.usable_cpus
    return {
        name: row
        for name, row in run.rows.items()
        if {*row.outcomes.values()} == {MEASURED}
        and row.per_sample_ns <= SAMPLE_MOST_NS
        and row.threads <= usable
    }


def draw_rows(run: Run, count: int, seed: int) -> list[str]:
    """Draw the rows of one suite."""
    rows = sorted(eligible(run))
    return schedule.generator(seed, "suite").sample(rows, min(count, len(rows)))


def suite_of_rows(run: Run, suite: Suite, rows: Sequence[str]) -> Suite:
    """Return a suite of some rows: their names begin in pytest's folder, not ours."""
    known = {row: run.rows[row].file or row_name(row).path for row in rows}
    paths = (f"{file}::{row_name(row).test}" for row, file in known.items())
    return replace(suite, text="rows by name", paths=(*paths,))


def draw_injected(
    run: Run, computing: int, others: int, seed: int
) -> dict[str, tuple[int, int]]:
    """Draw the rows that get an injected change.

    Only where it can be: a row of which one call is longer than a sample cannot make a
    twentieth more calls, nor one that says how many it allows. Never in a row in which
    no interpreter takes part: verdicts are withheld when one of those moves, and
    rightly.
    """
    rows = {
        name: class_of(row)
        for name, row in eligible(run).items()
        if row.group != YARDSTICK_GROUP
        and row.rounds is None
        and not (
            class_of(row) == COMPUTING and row.numbers.get("count", 1) % INJECTED[1]
        )
    }
    chance = schedule.generator(seed, "plants")
    chosen = []
    for wanted, is_computing in ((computing, True), (others, False)):
        fit = sorted(r for r in rows if (rows[r] == COMPUTING) == is_computing)
        chosen += chance.sample(fit, min(wanted, len(fit)))
    return {row: INJECTED_BY_CLASS[rows[row]] for row in chosen}


def measure_suite(
    arms: Sequence[Arm],
    suite: Suite,
    folder: Path,
    *,
    seed: int,
    margin: float,
    pairs: int | None,
    injected: tuple[int, int],
    on_progress: Callable[[Progress], None],
    jobs: Jobs = ALONE,
) -> None:
    """Measure one suite and write it, its summary and its truth.

    `injected` is how many rows of the class that computes get a change, and how many
    others.
    """
    load = os.getloadavg()[0]
    started = time.monotonic()
    run = new_run(_COMMAND, suite, margin=margin, pairs=pairs, seed=seed)
    with RecordWriter(folder, run.header) as writer:
        comparison = Comparison(
            arms,
            suite,
            folder=Path.cwd(),
            record=run,
            writer=writer,
            on_progress=on_progress,
            jobs=jobs,
        )
        comparison.calibrate()
        # A seed of its own: from the one in the record nothing of this follows.
        secret = int.from_bytes(os.urandom(4))
        comparison.injected = draw_injected(run, *injected, secret)
        judgement = comparison.run()
    truth = Truth(
        seed=secret,
        planted=comparison.injected,
        elapsed_s=time.monotonic() - started,
        row_pairs=sum(len(pairs) for pairs in run.pairs.values()),
        load=(load, os.getloadavg()[0]),
    )
    write_summary(summarise(run, judgement), folder)
    text = json.dumps(asdict(truth), indent=1) + "\n"
    write_file(folder / NAME, text.encode(), inside=True)


def read_suite(folder: Path) -> MeasuredSuite:
    """Judge a measured suite again, and count."""
    path = folder / NAME
    document = read_json(path)
    try:
        truth: Truth = convert(document, Truth)
    except DocumentError as error:
        raise DocumentError(f"{path}: {error}") from None
    for row, (calls, of) in truth.planted.items():
        if min(calls, of) < 1:
            raise DocumentError(f"{path}: {row}: {calls} of {of} calls")
    run = read_run(folder)
    judgement = judge(run)
    cells = [(c.row, class_of(run.rows[c.row]), c.verdict) for c in judgement.cells]
    ratios = {row: calls / of for row, (calls, of) in truth.planted.items()}
    return MeasuredSuite(
        folder=folder,
        truth=truth,
        tallies=tally(cells, ratios),
        withheld=judgement.withheld,
        geometric_mean=judgement.means[run.contenders[0].name].get(""),
    )


def line_of(number: int, suite: MeasuredSuite) -> str:
    """Put one suite in one line."""
    rows = sum(tally.rows for tally in suite.tallies.values())
    false = sum(tally.false for tally in suite.tallies.values())
    truth, mean = suite.truth, suite.geometric_mean
    parts = [f"suite {number}: {rows} rows, {false} false"]
    if mean is not None:
        change, low, high = mean.ratio - 1, mean.low - 1, mean.high - 1
        parts.append(f"mean {change:+.2%} [{low:+.2%}, {high:+.2%}]")
    parts += [
        f"{truth.elapsed_s:.0f} s, {truth.elapsed_s / max(rows, 1):.2f} s a row",
        f"load {truth.load[0]:.1f} to {truth.load[1]:.1f}",
    ]
    withheld = "".join(f"; withheld: {why}" for why in suite.withheld.values())
    return ", ".join(parts) + withheld
