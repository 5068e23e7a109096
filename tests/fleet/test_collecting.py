"""Shards handed out in a simulation: how long it takes, what is lost or doubled."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

import msgspec

from pybench import __version__
from pybench.comparison.sharding import make_plan
from pybench.fleet.collecting import (
    Came,
    Ended,
    Event,
    FleetError,
    Gone,
    Records,
    Text,
    measure_shards,
    new_handout,
)
from pybench.records.fleet import Answer, WorkerFacts
from pybench.records.run import RowRecord, Run, RunHeader, SideRecord
from pybench.records.run_file import read_run
from pybench.records.shard_plan import ShardPlan
from pybench.target.process.identity import read_identity

pytestmark = pytest.mark.once

HEADER = RunHeader(
    version="0", started="now", command=("x",), seed=1, margin=0.03, pairs=None,
    suite="benchmarks",
)  # fmt: skip
PAIRS = 4


def facts(host: str = "lab 7") -> WorkerFacts:
    return WorkerFacts(host=host, version=__version__, slots=1)


def plan_of(costs_s: Sequence[float]) -> ShardPlan:
    """Return a plan of shards that cost so much, each of one row."""
    rows = tuple((f"f.py::test_{n}",) for n in range(len(costs_s)))
    return ShardPlan(header=HEADER, arms=("a", "b"), shards=rows, costs_s=(*costs_s,))


class Simulated:
    """Workers that take simulated time, and vanish at random."""

    def __init__(self, hosts: int, costs_s: Sequence[float], dying: float = 0) -> None:
        self.now_s = 0.0
        self.vanished = 0
        self._draws = random.Random(20261130)
        self._costs_s = costs_s
        self._dying = dying
        self._events: list[tuple[float, int, Event]] = []
        self._of_life: Counter[str] = Counter()
        self._number = 0
        for host in range(hosts):
            self._later(0.0, Came(f"{host}", facts(f"host {host}")))

    def _later(self, after_s: float, event: Event) -> None:
        self._number += 1
        heapq.heappush(self._events, (self.now_s + after_s, self._number, event))

    def send(self, worker: str, shard: int, budget_s: float | None) -> None:
        took_s = self._costs_s[shard - 1]
        ends = 1.0
        if self._draws.random() < self._dying:
            ends = self._draws.random()
            self.vanished += 1
            self._later(took_s * ends, Gone(worker, "it is gone"))
            again = Came(worker, facts(f"host {worker}"))
            self._later(took_s * ends + 30, again)
        for pair in range(PAIRS):
            if (pair + 1) / PAIRS < ends or ends == 1:
                line = f"{shard} {pair}\n".encode()
                self._later(took_s * (pair + 1) / PAIRS, Text(worker, line))
        if ends == 1:
            self._later(took_s, Ended(worker, Answer(status=0, size=0, digest="")))

    def wait(self) -> Iterator[Event]:
        self.now_s, _, event = heapq.heappop(self._events)
        yield event


class Lines(Records):
    """Keeps in memory what is received, and checks nothing of it."""

    def __init__(self, plan: ShardPlan) -> None:
        super().__init__(Path("nowhere"), plan)
        self.part: dict[int, list[bytes]] = {}
        self.kept: dict[int, list[bytes]] = {}

    def add(self, shard: int, data: bytes) -> None:
        self.part.setdefault(shard, []).append(data)

    def drop(self, shard: int) -> None:
        self.part.pop(shard, None)

    def keep(self, shard: int, answer: Answer, worker: str) -> str:
        assert shard not in self.kept
        self.kept[shard] = self.part.pop(shard)
        return ""


def test_four_workers_end_within_a_quarter_of_the_ideal() -> None:
    """Rows take what was expected by a factor, and each shard has to start."""
    draws = random.Random(7)
    run = Run(header=HEADER)
    for arm in "ab":
        run.add(SideRecord(name=arm, python="/p", identity=read_identity()))
    for n in range(400):
        ms = min(5 * draws.paretovariate(0.9), 500)
        run.add(
            RowRecord(
                row=f"f.py::test_{n}", group=None, apart=False, pinned=True,
                margin=None, metric="cpu", operations=1, threads=1,
                numbers={"count": 1}, per_sample_ns=min(ms, 5) * 1e6,
                per_turn_ns=ms * 1e6, reasons={},
                outcomes={"a": "measured", "b": "measured"},
            )
        )  # fmt: skip
    plan = make_plan(HEADER, ("a", "b"), run, 16)
    start_s = 0.02 * sum(plan.costs_s) / 16
    took_s = [start_s + cost * draws.lognormvariate(0, 0.2) for cost in plan.costs_s]
    fleet, records = Simulated(4, took_s), Lines(plan)
    notes = measure_shards(plan, new_handout(plan, records), records, fleet, note=print)

    assert len(records.kept) == 16
    assert notes == []
    assert fleet.now_s < 1.25 * sum(took_s) / 4


def test_a_thousand_hosts_lose_and_double_no_pair() -> None:
    draws = random.Random(3)
    costs_s = [draws.uniform(100, 1000) for _ in range(3000)]
    plan = plan_of(costs_s)
    fleet, records = Simulated(1000, costs_s, dying=0.05), Lines(plan)
    handout = new_handout(plan, records)
    measure_shards(plan, handout, records, fleet, note=lambda text: None)

    assert fleet.vanished > 100
    assert handout.given_up == {}
    assert handout.done == {*range(1, 3001)} == {*records.kept}
    assert records.part == {}
    for shard, lines in records.kept.items():
        assert lines == [f"{shard} {pair}\n".encode() for pair in range(PAIRS)]


class Scripted:
    """Plays events; each shard that is sent is answered by the next script."""

    def __init__(self, first: Sequence[Event], *scripts: Sequence[Event]) -> None:
        self.sent: list[tuple[str, int, float | None]] = []
        self._next = [[*first]]
        self._scripts = iter(scripts)

    def send(self, worker: str, shard: int, budget_s: float | None) -> None:
        self.sent.append((worker, shard, budget_s))
        self._next.append([*next(self._scripts)])

    def wait(self) -> Iterator[Event]:
        yield from self._next.pop(0) if self._next else ()


def record_of(plan: ShardPlan, shard: int, version: str = "3.14.0") -> bytes:
    """Return the record of a shard that one row was calibrated in."""
    header = replace(
        plan.header, plan=plan.digest, shard=f"{shard}/{len(plan.shards)}", seed=shard
    )
    identity = replace(read_identity(), version=version)
    lines = [msgspec.json.encode(header)]
    for arm in "ab":
        side = SideRecord(name=arm, python="/p", identity=identity)
        lines.append(
            msgspec.json.encode({"record": "side", **msgspec.to_builtins(side)})
        )
    row = RowRecord(
        row=plan.shards[shard - 1][0], group=None, apart=False, pinned=True,
        margin=None, metric="cpu", operations=1, threads=1, numbers={"count": 1},
        per_sample_ns=5e6, outcomes={"a": "measured", "b": "measured"}, reasons={},
    )  # fmt: skip
    lines.append(msgspec.json.encode({"record": "row", **msgspec.to_builtins(row)}))
    return b"\n".join(lines) + b"\n"


def measured(worker: str, data: bytes, **changed: object) -> list[Event]:
    """Return the events of a shard that was measured whole, in two parts."""
    digest = hashlib.sha256(data).hexdigest()
    answer = Answer(status=0, size=len(data), digest=digest)
    return [
        Text(worker, data[:100]),
        Text(worker, data[100:]),
        Ended(worker, replace(answer, **changed)),  # type: ignore[arg-type]
    ]


def collected(
    folder: Path,
    plan: ShardPlan,
    link: Scripted,
    budget_s: float | None = None,
    patience_s: float = 600,
) -> tuple[list[str], list[str], Records]:
    """Run to the end; return what was noted, what was told, and the records."""
    records, noted = Records(folder, plan), list[str]()
    told = measure_shards(
        plan, new_handout(plan, records), records, link,
        note=noted.append, budget_s=budget_s, patience_s=patience_s,
    )  # fmt: skip
    return noted, told, records


def test_shard_of_a_worker_that_vanishes_is_repeated_as_a_whole(tmp_path: Path) -> None:
    plan = plan_of([1, 9])
    long, short = record_of(plan, 2), record_of(plan, 1)
    link = Scripted(
        [Came("a", facts())],
        [Text("a", long[:50]), Gone("a", "it is gone"), Came("b", facts("other"))],
        measured("b", short),
        measured("b", long),
    )
    noted, told, records = collected(tmp_path, plan, link, budget_s=100)

    assert link.sent == [("a", 2, 90), ("b", 1, 10), ("b", 2, 90)]
    assert noted == ["lab 7 (a): it is gone; shard 2 is repeated"]
    assert told == []
    assert [*records.done()] == [1, 2]
    assert (tmp_path / "2" / "run.jsonl").read_bytes() == long
    assert [*read_run(tmp_path / "1").rows] == ["f.py::test_0"]
    # Who goes on finds nothing to do.
    assert new_handout(plan, Records(tmp_path, plan)).is_over


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"digest": "0"}, "its record did not arrive as it was sent"),
        ({"status": 4, "error": "a: no space"}, "a: no space"),
        ({"status": 1}, "it ended with exit status 1"),
    ],
)
def test_shard_that_fails_is_tried_on_another_worker(
    tmp_path: Path, changed: dict[str, object], why: str
) -> None:
    plan = plan_of([1])
    data = record_of(plan, 1)
    link = Scripted(
        [Came("a", facts())],
        [*measured("a", data, **changed), Gone("a", "it is gone"), Came("b", facts())],
        measured("b", data),
    )
    noted, told, records = collected(tmp_path, plan, link)

    assert noted == [f"lab 7 (a): shard 1: {why}"]
    assert told == []
    assert [*records.done()] == [1]


def test_shard_that_fails_everywhere_is_kept_as_far_as_it_came(tmp_path: Path) -> None:
    plan = plan_of([1])
    failed = {"status": 4, "error": "no row could be measured"}
    script = measured("a", record_of(plan, 1), **failed)
    link = Scripted([Came("a", facts())], script, script)
    _, told, records = collected(tmp_path, plan, link)

    assert told == ["shard 1: no row could be measured"]
    assert [*records.done()] == [1]


def test_shard_of_another_build_is_measured_by_another_worker(
    tmp_path: Path,
) -> None:
    plan = plan_of([3, 2, 1])
    link = Scripted(
        [Came("a", facts()), Came("b", facts("odd"))],
        measured("a", record_of(plan, 1)),
        measured("b", record_of(plan, 2, version="3.14.9")),
        measured("a", record_of(plan, 3)),
        measured("a", record_of(plan, 2)),
    )
    noted, _, records = collected(tmp_path, plan, link)

    assert [("3.14.9" in line, line[:11]) for line in noted] == [(True, "odd (b): sh")]
    assert [*records.done()] == [1, 2, 3]


def test_worker_that_fails_twice_in_a_row_gets_no_more(tmp_path: Path) -> None:
    """What it sends is of another plan."""
    plan = plan_of([3, 2, 1])
    link = Scripted(
        [Came("odd", facts()), Came("b", facts("other"))],
        measured("odd", record_of(plan_of([9, 9, 9]), 1)),
        measured("b", record_of(plan, 2)),
        measured("odd", record_of(plan_of([9, 9, 9]), 3)),
        measured("b", record_of(plan, 1)),
        measured("b", record_of(plan, 3)),
    )
    noted, _, records = collected(tmp_path, plan, link)

    assert [*records.done()] == [1, 2, 3]
    assert "it is shard '1/3' of" in noted[0]
    assert noted[2] == "left out: lab 7 (odd): 2 shards in a row failed there"


@pytest.mark.parametrize(
    ("came", "why"),
    [
        (
            replace(facts(), version="9"),
            rf"it has pybench 9, and this is {__version__}",
        ),
        (replace(facts(), slots=0), "start it with pybench fleet worker"),
        (WorkerFacts(problem="it cannot be asked"), "a: it cannot be asked"),
    ],
)
def test_worker_that_cannot_measure_is_left_out(
    tmp_path: Path, came: WorkerFacts, why: str
) -> None:
    with pytest.raises(FleetError, match=f"no worker can measure: .*{why}"):
        collected(tmp_path, plan_of([1]), Scripted([Came("a", came)]))


def test_worker_without_the_suite_is_left_out(tmp_path: Path) -> None:
    answer = Answer(status=2, size=0, digest="", error="no benchmarks at x")
    link = Scripted([Came("a", facts())], [Ended("a", answer)])
    with pytest.raises(FleetError, match=r"lab 7 \(a\): no benchmarks at x"):
        collected(tmp_path, plan_of([1]), link)


def test_fleet_without_workers_ends_after_its_patience(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="none came within 0 s"):
        collected(tmp_path, plan_of([1]), Scripted([]), patience_s=0)


def test_workers_of_one_host_are_said_to_disturb_each_other(tmp_path: Path) -> None:
    plan = plan_of([1])
    link = Scripted(
        [Came("a", facts()), Came("b", facts())], measured("a", record_of(plan, 1))
    )

    assert collected(tmp_path, plan, link)[1] == [
        "up to 2 workers measured on the host lab 7 at once, and disturbed each other"
    ]
