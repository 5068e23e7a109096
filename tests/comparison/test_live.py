"""A comparison of this Python with itself: what is measured, and what goes wrong."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison import judging, live, pairs, worker
from pybench.comparison.pair_details import details
from pybench.comparison.sessions import ComparisonError
from pybench.comparison.summary import summarise
from pybench.records.outcomes import MEASURED
from pybench.records.row_names import CellKey
from pybench.records.run import PairRecord
from pybench.records.run_file import read_run
from pybench.records.spent import ALL, COLLECTION, FUNCTIONS, JUDGING, PHASES, START

Compare = Callable[..., Any]

FIRST = "suite/test_rows.py::test_first"
SECOND = "suite/test_rows.py::test_second"

# Rows that do something odd on the side that has them in its environment.
ODD_ROWS = """
import os, signal
import pytest

@pytest.mark.parametrize("odd", ["skip", "raise", "late", "die", "exit"])
def test_odd(benchmark, odd):
    if odd not in os.environ["ODD"].split():
        odd = ""
    if odd == "skip":
        pytest.skip("n/a: not on this side")
    if odd == "raise":
        raise ValueError("of the row")
    if odd == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if odd == "exit":
        os._exit(3)
    def work():
        if odd == "late":
            raise ValueError("in the middle")
    benchmark(work)
"""


def pairs_of(run: Any, row: str) -> list[PairRecord]:
    """Return the pairs of a row in order."""
    return [run.pairs[row][number] for number in sorted(run.pairs.get(row, {}))]


def test_rows_take_turns_in_fresh_processes(compare: Compare, tmp_path: Path) -> None:
    """Every pair: both sides and the copy, equal samples, one hash seed, one count.

    And the run says where its time went.
    """
    began = time.monotonic()
    run, judgement = compare(pairs=2, control=True)
    elapsed_s = time.monotonic() - began

    assert [*run.rows] == [FIRST, SECOND]
    for row in run.rows:
        found = pairs_of(run, row)
        assert [pair.pair for pair in found] == [1, 2]
        assert found[0].order == found[1].order[::-1]
        assert found[0].hash_seed != found[1].hash_seed
        for pair in found:
            assert {*pair.samples} == {"a", "b", "a (copy)"}
            lengths = {len(one) for side in pair.samples.values() for one in side}
            turn_ns = max(run.rows[row].per_sample_ns, run.rows[row].per_turn_ns)
            assert lengths == {pairs.WARMUPS + pairs.timed_samples(turn_ns)}
            assert pair.numbers == run.rows[row].numbers
        assert run.rows[row].outcomes == {"a": MEASURED, "b": MEASURED}
    assert {cell.verdict is not None for cell in judgement.cells} == {True}

    spent = run.spent.seconds
    assert {*spent} == {FUNCTIONS, ALL}
    assert {*spent[ALL]} == {START, COLLECTION, JUDGING}
    assert {*spent[FUNCTIONS]} == {*PHASES} - {JUDGING}
    assert all(value > 0 for phases in spent.values() for value in phases.values())
    assert sum(sum(phases.values()) for phases in spent.values()) <= elapsed_s
    for pairs_of_row in run.pairs.values():
        assert all(pair.took_s > 0 for pair in pairs_of_row.values())
    assert summarise(read_run(tmp_path / "out"), judgement).spent == spent


@pytest.mark.parametrize("where", ["beside", "inside"])
def test_suite_may_lie_anywhere(compare: Compare, tmp_path: Path, where: str) -> None:
    """Names of rows begin where pytest's do, which is not always where it was started.

    Without an ini file they do at what the suite and that folder have in common.
    """
    folder = tmp_path / ("elsewhere" if where == "beside" else "suite/inside")
    folder.mkdir()

    run, _ = compare(folder=folder)

    assert len(run.rows) == 2
    assert {len(found) for found in run.pairs.values()} == {1}
    assert not run.lost


SLOW_SETUP_ROW = """
import time

def test_slow_setup(benchmark):
    benchmark.pedantic(int, setup=lambda: time.sleep(0.15))
"""


def test_a_row_that_prepares_for_long_takes_few_samples(
    compare: Compare, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it times is next to nothing; what it takes is what counts."""
    monkeypatch.setattr(pairs, "SAMPLES_NS", 240e6)
    (suite / "test_rows.py").write_text(SLOW_SETUP_ROW)

    run, _ = compare()

    [(name, row)] = run.rows.items()
    [pair] = pairs_of(run, name)
    assert row.per_sample_ns < row.per_turn_ns
    few = pairs.timed_samples(row.per_turn_ns)
    assert 1 <= few <= pairs.TIMED_LEAST
    assert {len(one) for side in pair.samples.values() for one in side} == {
        pairs.WARMUPS + few
    }


def test_sample_of_a_second_is_taken_once() -> None:
    wanted = {1e6: 10, 20e6: 10, 60e6: 4, 120e6: 2, 499e6: 2, 500e6: 1, 1e10: 1}

    assert {ns: pairs.timed_samples(ns) for ns in wanted} == wanted


SLOW_ROW = """
import os, time
nap_s = float(os.environ.get("NAP_S", 1e-4))
def test_slow(benchmark):
    benchmark(time.sleep, nap_s)
"""
SLOW = "suite/test_slow.py::test_slow"


def test_a_side_that_is_much_slower_gets_fewer_calls_as_its_partner_does(
    compare: Compare, suite: Path
) -> None:
    """What fills five milliseconds on the baseline is four tenths of a second there."""
    (suite / "test_slow.py").write_text(SLOW_ROW)
    run, judgement = compare(b={"NAP_S": "0.01"})

    row = run.rows[SLOW]
    [pair] = pairs_of(run, SLOW)
    assert pair.numbers == row.numbers
    assert 1 <= row.numbers["count"] <= pairs.SAMPLE_MOST_NS / 0.01e9
    assert row.per_turn_ns >= 0.01e9
    samples = pair.samples["b"][0][pairs.WARMUPS :]
    assert len(samples) == len(pair.samples["a"][0][pairs.WARMUPS :])
    assert min(one.wall_ns for one in samples) >= row.numbers["count"] * 0.01e9
    [shown] = [one for one in summarise(run, judgement).rows if one.row == SLOW]
    assert shown.side_ns is not None
    assert shown.side_ns >= 0.01e9


@pytest.mark.parametrize(
    ("values", "is_clear"),
    [
        ([0.5, 0.52], False),
        ([0.5, 0.52, 0.51], True),
        ([-0.5, -0.52, -0.51], True),
        ([0.05, 0.09, 0.07], False),
        ([0.5, 0.52, -0.51], False),
        ([0.0, 0.0, 0.0], False),
    ],
)
def test_a_change_is_clear_that_lies_many_spreads_off(
    values: list[float], is_clear: bool
) -> None:
    assert judging.is_clear(values) is is_clear


def test_a_clear_change_is_measured_on_with_fewer_samples(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its signs are wanted, not its digits; other rows go on as they were."""
    monkeypatch.setattr(
        live,
        "clear_changes",
        lambda judged, arms: {CellKey("b", FIRST)} if judged.numbers["b"] else {},
    )
    run, _ = compare(odd="", pairs=2)

    lengths = {
        row: [len(pair.samples["b"][0]) - pairs.WARMUPS for pair in pairs_of(run, row)]
        for row in (FIRST, SECOND)
    }
    assert lengths[FIRST] == [pairs.TIMED, pairs.TIMED_CLEAR]
    assert lengths[SECOND][0] == lengths[SECOND][1]


def test_a_pair_that_takes_too_long_ends_early_and_the_next_does_less(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row can be slow for what ran before it, which nobody saw when it was tried.

    The heaps that other rows had left made one kernel 500 times as slow on 3.13t.
    """
    monkeypatch.setattr(pairs, "ROW_MOST_NS", 1)
    asked = pairs.shortened
    # Always by half: how long a sample takes here is the machine's affair.
    monkeypatch.setattr(
        live, "shortened", lambda numbers, ns: asked(numbers, 2 * pairs.SAMPLE_MOST_NS)
    )
    run, _ = compare(odd="", pairs=2)

    first, second = pairs_of(run, FIRST)
    least = pairs.WARMUPS + pairs.TIMED_LEAST
    for pair in (first, second):
        assert {len(one[0]) for one in pair.samples.values()} == {least}
    assert 1 <= second.numbers["count"] < first.numbers["count"]
    # Times are those of an operation, by the count of each pair.
    [detail] = [one for one in details(run) if one.row == FIRST]
    for pair, told in zip((first, second), detail.pairs, strict=True):
        samples = pair.samples["a"][0][pairs.WARMUPS :]
        middle_ns = statistics.median(one.cpu_ns for one in samples)
        assert told.baseline_ns == pytest.approx(middle_ns / pair.numbers["count"])


@pytest.mark.parametrize(
    ("count", "sample_ns", "expected"),
    [(1000, 50e6, 1000), (1000, 100e6, 500), (3, 1e12, 1)],
)
def test_a_sample_that_is_too_long_is_shortened_to_the_most(
    count: int, sample_ns: float, expected: int
) -> None:
    assert pairs.shortened({"count": count}, sample_ns) == {"count": expected}


COUNTING_ROW = """
import os
calls = 0
def work():
    global calls
    calls += 1
def test_counting(benchmark):
    benchmark(work)
    with open(os.environ["CALLS"], "a") as file:
        file.write(f"{calls}\\n")
"""
COUNTING = "suite/test_counting.py::test_counting"


def test_counts_are_those_of_the_baseline_and_a_twentieth_more_where_planted(
    compare: Compare, suite: Path, tmp_path: Path
) -> None:
    """A change of exactly 5 %, by which the tool itself is checked."""
    (suite / "test_counting.py").write_text(COUNTING_ROW)
    files = {side: tmp_path / f"calls-{side}" for side in "ab"}
    sides = {side: {"CALLS": str(path)} for side, path in files.items()}
    run, _ = compare(**sides, injected={COUNTING: (21, 20)})

    count = run.rows[COUNTING].numbers["count"]
    assert count % 20 == 0
    samples = pairs.WARMUPS + pairs.TIMED
    for side, factor in (("a", 1), ("b", 21 / 20)):
        calls = int(files[side].read_text().split()[-1])
        # One untimed call before each sample, and one for the value of the row.
        assert calls == samples * (count * factor + 1) + 1


@pytest.mark.parametrize(
    ("native", "numbers", "changed"),
    [
        (True, {"count": 5, "iterations": 400}, {"count": 5, "iterations": 420}),
        (False, {"count": 40, "iterations": 400}, {"count": 42, "iterations": 400}),
    ],
)
def test_change_of_a_kernel_is_more_iterations_of_each_round(
    native: bool, numbers: dict[str, int], changed: dict[str, int]
) -> None:
    """Its sample has few rounds, of which a twentieth is none."""
    row = SimpleNamespace(native=native, numbers=numbers)
    comparison: Any = SimpleNamespace(
        injected={FIRST: (21, 20)},
        _record=SimpleNamespace(rows={FIRST: row}, pairs={}),
        _sessions=SimpleNamespace(arms={"a": None, "b": None}),
    )

    found = live.Comparison._numbers(comparison, FIRST, ("a", "b"))

    assert found == {"a": numbers, "b": changed}


CLASSES = """
import subprocess, sys, time

# One that only computes would be timed by its CPU time, as it is counted here, too.
CHILD = [sys.executable, "-S", "-c", "import time; time.sleep(0.02)"]

def test_short_windows(benchmark):
    benchmark.pedantic(int, setup=lambda: None, rounds=3)

def test_child(benchmark):
    benchmark(subprocess.run, CHILD)

def test_asleep(benchmark):
    benchmark(time.sleep, 0.002)

def test_two_threads(benchmark):
    benchmark.extra_info["threads"] = 2
    benchmark(sum, range(1000))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="n/a: Linux alone tells who waits")
def test_who_waits_has_the_margin_of_that_and_nobody_else(
    compare: Compare, suite: Path
) -> None:
    """Reading the clocks is most of a window of a function that does nothing."""
    (suite / "test_classes.py").write_text(CLASSES)
    run, judgement = compare(pairs=1)

    classes = {
        row.rpartition("::")[2]: judging.class_of(record)
        for row, record in run.rows.items()
    }
    assert classes == {
        "test_first": judging.COMPUTING,
        "test_second": judging.COMPUTING,
        "test_short_windows": judging.COMPUTING,
        "test_child": judging.WAITING,
        "test_asleep": judging.WAITING,
        "test_two_threads": judging.THREADS,
    }
    assert run.rows["suite/test_classes.py::test_two_threads"].metric == "wall"
    margins = {cell.row: cell.verdict.margin for cell in judgement.cells}
    assert margins[FIRST] == pytest.approx(0.03)


def test_row_that_fails_on_one_side_costs_only_itself(
    compare: Compare, suite: Path
) -> None:
    (suite / "test_odd.py").write_text(ODD_ROWS)
    run, judgement = compare(a={"ODD": "skip die"}, b={"ODD": "raise late exit"})

    for odd, side, outcome, said in (
        ("skip", "a", "n/a", "not on this side"),
        ("raise", "b", "error", "of the row"),
        ("late", "b", "error", "in the middle"),
        ("die", "a", "error", "SIGSEGV"),
        ("exit", "b", "error", "exit status 3"),
    ):
        row = f"suite/test_odd.py::test_odd[{odd}]"
        assert run.rows[row].outcomes[side] == outcome
        cell = judgement.cell(row, "b")
        assert cell.verdict is None
        assert said in cell.reason
        assert f"{side}: " in cell.reason
    assert len(pairs_of(run, FIRST)) == len(pairs_of(run, SECOND)) == 1


def test_row_that_hangs_is_ended(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive_step = worker.Worker._receive_step

    def hurried(session: worker.Worker) -> dict[str, Any]:
        with monkeypatch.context() as hurry:
            if (session.name, session._row) == ("b", FIRST):
                hurry.setattr(worker, "PATIENCE_S", 0.1)
            return receive_step(session)

    monkeypatch.setattr(worker.Worker, "_receive_step", hurried)
    odd = "if at == 'sample 0' and row.endswith('first'): time.sleep(600)"
    run, judgement = compare(odd=odd)

    assert "silent for 0.1 s" in judgement.cell(FIRST, "b").reason
    assert len(pairs_of(run, SECOND)) == 1


@pytest.mark.parametrize(
    ("when", "has_verdict"), [("start == 2", True), ("start > 1", False)]
)
def test_pair_that_dies_is_repeated_once_then_the_row_is_void(
    compare: Compare, when: str, has_verdict: bool
) -> None:
    """The rows that shared the process are measured another time."""
    odd = f"if {when} and at == 'ready' and row.endswith('first'): os._exit(9)"
    run, judgement = compare(odd=odd)

    cell = judgement.cell(FIRST, "b")
    assert (cell.verdict is not None) is has_verdict
    assert has_verdict or "exit status 9" in cell.reason
    assert {one.row for one in run.lost} == {FIRST}
    assert len(pairs_of(run, FIRST)) == has_verdict
    assert len(pairs_of(run, SECOND)) == 1


def test_row_of_one_side_alone_is_named(compare: Compare) -> None:
    odd = "if at == 'start': hello['rows']['suite/test_new.py::test_new'] = FACTS"
    run, judgement = compare(odd=odd)

    cell = judgement.cell("suite/test_new.py::test_new", "b")
    assert cell.verdict is None
    assert "a: this side has no such row" in cell.reason
    assert len(pairs_of(run, FIRST)) == 1


def test_row_that_must_be_alone_is_never_alive_twice(
    compare: Compare, suite: Path, tmp_path: Path
) -> None:
    """It holds a file that a second one would trip over."""
    (suite / "test_alone.py").write_text(
        "import pytest\nfrom pathlib import Path\n"
        f"LOCK = Path({str(tmp_path / 'lock')!r})\n"
        "@pytest.mark.pybench(alternate=True)\n"
        "def test_alone(benchmark):\n"
        "    LOCK.open('x').close()\n"
        "    benchmark(int)\n"
        "    LOCK.unlink()\n"
    )
    run, judgement = compare()

    alone = "suite/test_alone.py::test_alone"
    assert run.rows[alone].apart
    found = pairs_of(run, alone)
    assert len(found) == 1
    assert {len(processes) for processes in found[0].samples.values()} == {2}
    assert judgement.cell(alone, "b").verdict is not None


def test_suite_without_rows_says_so(compare: Compare, suite: Path) -> None:
    (suite / "test_rows.py").write_text("def test_plain(): pass\n")

    with pytest.raises(ComparisonError, match="found no benchmarks"):
        compare()


def test_suite_that_cannot_be_imported_shows_why(compare: Compare, suite: Path) -> None:
    (suite / "test_rows.py").write_text("import there_is_no_such_module\n")

    with pytest.raises(ComparisonError, match="there_is_no_such_module"):
        compare()


def test_interpreter_that_is_gone_is_an_error(
    compare: Compare, suite: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone" / "python"))

    with pytest.raises(ComparisonError, match=r"a: cannot be started.*gone"):
        compare()


def test_side_that_changes_underneath_ends_the_run(
    compare: Compare, tmp_path: Path
) -> None:
    """What was measured before stays; the rest would be of another interpreter."""
    compare(odd="")
    record = tmp_path / "out" / "run.jsonl"
    lines = record.read_text().splitlines(keepends=True)
    version = sys.version.split()[0]
    sides = [
        line.replace(version, "3.11.0") for line in lines if '"record":"side"' in line
    ]
    rows = [line for line in lines if '"record":"row"' in line]
    record.write_text("".join([lines[0], *sides, *rows]))

    with pytest.raises(ComparisonError, match="no longer what it was"):
        compare(odd="")


def test_budget_ends_a_run_with_what_there_is(compare: Compare) -> None:
    """Of one that is spent at once, with nothing: no row has a verdict."""
    run, judgement = compare(odd="", pairs=None, budget_s=1e-6)

    assert run.pairs == {}
    assert {cell.reason for cell in judgement.cells} == {"not measured yet"}


def test_run_goes_on_where_it_was(compare: Compare, tmp_path: Path) -> None:
    """Also after a line that a kill left torn."""
    compare(odd="", pairs=3)
    record = tmp_path / "out" / "run.jsonl"
    lines = record.read_bytes().splitlines(keepends=True)
    # Each round is two pairs and what they took.
    record.write_bytes(b"".join(lines[:-5]) + lines[-5][:40])
    before = read_run(tmp_path / "out")
    assert before.torn

    run, _ = compare(odd="", pairs=3)
    assert sum(map(len, before.pairs.values())) == 3
    assert sum(map(len, run.pairs.values())) == 6
    assert read_run(tmp_path / "out").pairs == run.pairs


def test_calibration_that_was_interrupted_goes_on_with_the_next_arm(
    compare: Compare, tmp_path: Path
) -> None:
    def interrupt(progress: Any) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    def starts(arm: str) -> int:
        return len((tmp_path / f"python-{arm}.starts").read_text())

    with pytest.raises(KeyboardInterrupt):
        compare(odd="", on_progress=interrupt)
    assert [*read_run(tmp_path / "out").arms] == ["a"]
    assert not read_run(tmp_path / "out").rows

    told: list[Any] = []
    run, _ = compare(odd="", on_progress=told.append)

    assert [one.done for one in told if one.stage.startswith("calibrating")] == [2]
    assert {len(pairs) for pairs in run.pairs.values()} == {1}
    assert starts("a") == starts("b") == 2
    assert read_run(tmp_path / "out").arms == run.arms


def test_progress_is_told_between_lots(compare: Compare) -> None:
    told: list[Any] = []
    compare(odd="", on_progress=told.append)

    assert [one.stage for one in told[:2]] == ["calibrating interpreter"] * 2
    assert told[-1].rows == 2
    assert told[-1].left_s is not None
    assert all(one.elapsed_s >= 0 for one in told)


def test_rows_that_are_not_wanted_are_left_to_others(compare: Compare) -> None:
    run, judgement = compare(odd="", pairs=1, wants=lambda row: row == FIRST)

    assert [*run.rows] == [*run.pairs] == [FIRST]
    assert [cell.row for cell in judgement.cells] == [FIRST]
