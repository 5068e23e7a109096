"""`pybench compare --scheduler` and `pybench fleet`: what is refused, what goes on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

pytest.importorskip("distributed", reason="n/a: dask.distributed is not installed here")
pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

import msgspec

from pybench import __version__
from pybench.cli import compare_fleet, status
from pybench.fleet import dask_link, worker
from pybench.fleet.collecting import Came, Ended, Event, Text
from pybench.records.fleet import Answer, WorkerFacts
from pybench.records.run import RowRecord, RunHeader, SideRecord
from pybench.records.run_file import RecordWriter, read_run
from pybench.records.shard_plan import ShardPlan
from pybench.target.process.identity import read_identity

pytestmark = pytest.mark.once

Pybench = Callable[..., Any]
NOWHERE = ("--scheduler", "tcp://127.0.0.1:1")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(worker, "CONNECT_S", 0.1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["3.13", "3.14", *NOWHERE], "no scheduler answers at tcp://127.0.0.1:1: .*up"),
        (["3.13", "--scheduler", "tls://lab"], "tls://lab: TLS needs --tls-ca, --tls"),
        (["3.13", *NOWHERE, "--ref", "x", "--seed", "0"], "--ref, --seed: not with"),
        (["3.13", *NOWHERE, "--resume"], "--resume goes on with a run: say which"),
        (["3.13", *NOWHERE, "--resume", "-o", "x"], "x has no comparison on a fleet"),
        (["3.13", *NOWHERE, "--tls-ca", "x"], "give all of them, or none"),
        (
            [*NOWHERE, "--tls-ca", "a b", "--tls-cert", "x", "--tls-key", "x"],
            "--tls-ca a b: no such file",
        ),
        (["3.13", "3.14", "--tls-ca", "x"], "--tls-key are of --scheduler"),
        (["old.json", *NOWHERE], "--scheduler mean nothing for saved files"),
    ],
)
def test_comparison_that_no_fleet_can_do_is_refused(
    pybench: Pybench, words: list[str], said: str
) -> None:
    Path("old.json").write_text('{"benchmarks": []}')
    done = pybench("compare", *words)

    assert done.returncode == status.USAGE
    assert re.search(said, done.stderr), done.stderr


def test_worker_without_a_scheduler_says_so(pybench: Pybench) -> None:
    done = pybench("fleet", "worker", "nonsense://lab 7", "--beside")

    assert done.returncode == status.USAGE
    assert "no scheduler answers at nonsense://lab 7: " in done.stderr


PLAN = ShardPlan(
    header=RunHeader(
        version=__version__, started="now", command=("x",), seed=1, margin=0.03,
        pairs=None, suite="s",
    ),
    arms=("3.13", "3.14"),
    shards=(("row 1",), ("row 2",)),
)  # fmt: skip


class Fleet:
    """One worker, which measures a shard as soon as it is sent."""

    def __init__(self, address: str, security: object) -> None:
        self._next: list[list[Event]] = [
            [Came("w", WorkerFacts(host="lab 7", version=__version__, slots=1))]
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begin(self, plan: bytes, shards: int, wheels: object) -> None:
        assert msgspec.json.decode(plan, type=ShardPlan) == PLAN

    def send(self, worker: str, shard: int, budget_s: float | None) -> None:
        folder, name = Path(f"sent-{shard}"), f"{shard}/2"
        header = replace(PLAN.header, plan=PLAN.digest, shard=name, host="lab 7")
        with RecordWriter(folder, header) as writer:
            for arm in PLAN.arms:
                writer.append(
                    SideRecord(name=arm, python="/p", identity=read_identity())
                )
            writer.append(
                RowRecord(
                    row=f"row {shard}", group=None, apart=False, pinned=True,
                    margin=None, metric=None, operations=1, threads=1, numbers={},
                    per_sample_ns=1, reasons={},
                    outcomes=dict.fromkeys(PLAN.arms, "n/a"),
                )
            )  # fmt: skip
        data = writer.path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        answer = Answer(status=0, size=len(data), digest=digest)
        self._next.append([Text("w", data), Ended("w", answer)])

    def wait(self) -> Iterator[Event]:
        yield from self._next.pop(0)


def test_comparison_that_was_interrupted_goes_on(
    pybench: Pybench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done is in the record at once; at the end nothing else is left."""
    monkeypatch.setattr(dask_link, "DaskLink", Fleet)
    monkeypatch.setattr(compare_fleet, "_wheels", lambda plan, options: {})
    Path("given.json").write_bytes(msgspec.json.encode(PLAN))
    words = ("compare", "--scheduler", "tcp://lab 7", "-o", "run")
    sent = Fleet.send

    def interrupted(
        fleet: Fleet, worker: str, shard: int, budget: float | None
    ) -> None:
        if shard == 2:
            raise KeyboardInterrupt
        sent(fleet, worker, shard, budget)

    monkeypatch.setattr(Fleet, "send", interrupted)
    done = pybench(*words, "--plan", "given.json")
    assert done.returncode == status.INTERRUPTED
    assert "1 of 2 shards are done; go on: pybench compare" in done.stderr
    assert [*read_run(Path("run")).rows] == ["row 1"]
    assert "has a run already" in pybench(*words, "--plan", "given.json").stderr
    assert "name the same ones" in pybench(*words, "3.12", "3.13", "--resume").stderr

    monkeypatch.setattr(Fleet, "send", sent)
    done = pybench(*words, "3.13", "3.14", "--resume")
    assert done.returncode == status.NO_VERDICT, done.stderr  # no row could run
    assert [*read_run(Path("run")).rows] == ["row 1", "row 2"]
    assert sorted(path.name for path in Path("run").iterdir()) == [
        "run.jsonl",
        "summary.json",
    ]
    assert "is not at its end" in pybench(*words, "--resume").stderr
