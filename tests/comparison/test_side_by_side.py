"""Batches side by side: how many, where, what is noted, and how they end."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench import children
from pybench.comparison import live
from pybench.comparison.pairs import Batch
from pybench.comparison.sessions import RefusedError
from pybench.comparison.side_by_side import (
    Jobs,
    JobsError,
    Meeting,
    choose,
    jobs_of,
    waves,
)
from pybench.comparison.suspension import Suspension
from pybench.records.run import PairRecord, Run
from pybench.records.run_file import RecordWriter, read_run

Compare = Callable[..., tuple[Run, Any]]

FOUR = ((0, 4), (1, 5), (2, 6), (3, 7))
CPUS = sorted(getattr(os, "sched_getaffinity", lambda pid: ())(0))
two_cpus = pytest.mark.skipif(len(CPUS) < 2, reason="n/a: one CPU")


@pytest.mark.parametrize(
    ("cpus", "cores", "quota", "most", "why"),
    [
        ([0], [(0,)], None, 1, "CPU 0 alone is usable, by an affinity"),
        ([0, 1], [(0, 1)], None, 1, "2 CPUs usable, on 1 core, so"),
        ([0, 1], [(0,), (1,)], None, 2, "2 CPUs usable, on 2 cores, so"),
        (range(8), FOUR, None, 3, "on 4 cores, one of which is the controller's"),
        (range(8), FOUR, 2.5, 2, "the quota is 2.5 CPUs"),
        ([0, 1], [(0,), (1,)], 0.5, 1, "the quota is 0.5 CPUs"),
        ([0, 1], [], None, 1, "which CPUs share a core is not known here"),
    ],
)
def test_no_two_batches_share_a_core(
    cpus: list[int],
    cores: list[tuple[int, ...]],
    quota: float | None,
    most: int,
    why: str,
) -> None:
    assert jobs_of(most, cpus, cores, quota).count == most
    with pytest.raises(JobsError, match=f"--jobs {most + 1}: .*at most {most} ") as e:
        jobs_of(most + 1, cpus, cores, quota)
    assert why in str(e.value)
    auto = jobs_of(None, cpus, cores, quota)
    assert (auto.count, auto.is_tried, bool(auto.note)) == (most, most > 1, most == 1)


def batch(cpu: int | None) -> Batch:
    return Batch(
        rows=(), arms=(), start_order=(), exclusive=False, cpu=cpu, hash_seed=1
    )


def test_only_batches_of_one_cpu_have_neighbours() -> None:
    batches = [batch(0), batch(None), batch(1), batch(0)]

    taken = [*waves(batches, 2, FOUR, random.Random(1))]

    assert [[one.neighbours for one in wave] for wave in taken] == [[0], [1, 1], [0]]
    for wave in taken[1:]:
        cores = [core for one in wave for core in FOUR if one.cpu in core]
        assert len({*cores}) == len(wave)
    assert [*waves(batches, 1, (), random.Random(1))] == [[one] for one in batches]


def test_in_doubt_nothing_is_side_by_side() -> None:
    wide, narrow = [0.1, 0.9] * 10, [0.45, 0.55] * 10

    assert choose(narrow, 2.0, 1.0, 2)[0] == 2
    assert choose([0.6, 0.65] * 10, 2.0, 1.0, 2)[0] == 1  # much wider
    assert choose(narrow, 1.05, 1.0, 2)[0] == 1  # hardly faster
    assert choose(wide, 1.3, 1.0, 2)[0] == 1  # perhaps
    assert choose([0.5] * 9, 2.0, 1.0, 2) == (
        1,
        "--jobs auto: 1, as 9 rows were tried",
    )
    assert "2 side by side gave 2.00 times the pairs" in choose(narrow, 2, 1, 2)[1]


def test_who_leaves_is_not_waited_for() -> None:
    meeting, met = Meeting(3), []

    def go(turns: int) -> None:
        for turn in range(turns):
            meeting.meet()
            met.append(turn)
        meeting.leave()

    threads = [threading.Thread(target=go, args=[turns]) for turns in (0, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert met == [0, 0, 1]


def test_each_batch_forgets_a_suspension_by_itself() -> None:
    whole = Suspension()
    first, second = whole.beside(), whole.beside()

    whole._note(0, None)
    first.forget()

    assert (first.happened, second.happened) == (False, True)


def two_at_once(**more: Any) -> Jobs:
    return Jobs(count=2, cores=tuple((cpu,) for cpu in CPUS[:2]), **more)


@two_cpus
def test_pairs_say_that_they_had_neighbours(compare: Compare, tmp_path: Any) -> None:
    """A batch too small for two has its next pair beside it, up to the look."""
    run, _ = compare(odd="", pairs=3, jobs=two_at_once())

    read = read_run(tmp_path / "out").pairs
    for row, pairs in run.pairs.items():
        assert [read[row][n].neighbours for n in (1, 2, 3)] == [1, 1, 0]
        assert [pairs[n].neighbours for n in (1, 2, 3)] == [1, 1, 0]
        assert {pairs[1].cpu, pairs[2].cpu} == {*CPUS[:2]}
    assert {*CPUS} == os.sched_getaffinity(0)


@two_cpus
def test_a_trial_says_what_it_chose(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pybench.comparison.side_by_side.TRIED_LEAST", 1)
    comparisons: list[live.Comparison] = []
    init = live.Comparison.__init__

    def noted(self: live.Comparison, *args: Any, **options: Any) -> None:
        init(self, *args, **options)
        comparisons.append(self)

    monkeypatch.setattr(live.Comparison, "__init__", noted)
    run, _ = compare(odd="", pairs=7, jobs=two_at_once(is_tried=True))

    [note] = comparisons[0].notes
    assert note.startswith("--jobs auto: ")
    assert "2 side by side gave" in note
    for pairs in run.pairs.values():
        assert [pairs[n].neighbours for n in range(1, 7)] == [0, 1, 1, 1, 1, 0]


@two_cpus
@pytest.mark.parametrize("error", [KeyboardInterrupt, RefusedError])
def test_an_interrupt_leaves_no_session(
    compare: Compare, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    started: list[Any] = []
    threads = {*threading.enumerate()}  # an earlier test may have left some
    start, append = children.start, RecordWriter.append

    def noted(*args: Any, **options: Any) -> Any:
        started.append(start(*args, **options))
        return started[-1]

    def interrupted(self: RecordWriter, record: Any) -> None:
        if isinstance(record, PairRecord):
            raise error("now")
        append(self, record)

    monkeypatch.setattr(children, "start", noted)
    monkeypatch.setattr(RecordWriter, "append", interrupted)

    with pytest.raises(error):
        compare(odd="", pairs=2, jobs=two_at_once())

    assert len(started) > 2
    assert all(child.poll() is not None for child in started)
    assert {*threading.enumerate()} == threads
    assert {*CPUS} == os.sched_getaffinity(0)


@two_cpus
def test_a_session_that_dies_costs_its_own_batch(compare: Compare) -> None:
    """The others neither wait for it nor lose anything."""
    odd = 'if at == "sample 2" and start == 2 and row.endswith("first"): os._exit(3)'

    run, _ = compare(odd=odd, pairs=4, jobs=two_at_once())

    assert [record.side for record in run.lost] == ["b"]
    assert {len(pairs) for pairs in run.pairs.values()} == {4}


@two_cpus
def test_a_cpu_that_goes_away_is_told(compare: Compare) -> None:
    gone = Jobs(count=2, cores=((CPUS[0],), (99_999,)))

    run, _ = compare(odd="", pairs=2, jobs=gone)

    assert {p.neighbours for pairs in run.pairs.values() for p in pairs.values()} == {0}
