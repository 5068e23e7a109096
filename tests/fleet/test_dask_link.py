"""The link by Dask: a real scheduler and workers, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="n/a: dask.distributed is not installed here")
pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

import msgspec

from pybench.fleet import worker as on_worker
from pybench.fleet.collecting import (
    Came,
    Event,
    FleetError,
    Records,
    Text,
    measure_shards,
    new_handout,
)
from pybench.fleet.dask_link import DaskLink, connect
from pybench.records.run import RunHeader
from pybench.records.run_file import read_run
from pybench.records.shard_plan import ShardPlan

pytestmark = pytest.mark.once

SCHEDULER = """
import asyncio, sys
from distributed import Scheduler
async def main():
    port = int(sys.argv[1])
    scheduler = await Scheduler(
        host="127.0.0.1", port=port, dashboard=False, dashboard_address=":0"
    )
    print(scheduler.address, flush=True)
    await scheduler.finished()
asyncio.run(main())
"""
WORKER = """
import asyncio, sys
from pybench.fleet import worker
worker.COMMAND = (sys.executable, "-I", sys.argv[2])
asyncio.run(worker.serve(sys.argv[1], None, lambda text: print(text, flush=True)))
"""
# Stands in for `pybench compare`: writes a record. Where the file `hold` is, that of
# shard 1 is written by half, and what is left waits to be killed.
MEASURE = """
import json, pathlib, signal, sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
plan = pathlib.Path(options["--plan"])
assert (pathlib.Path(options["--find-links"]) / "a.whl").read_bytes() == b"wheel"
header = json.loads(plan.read_text())["header"]
header |= {"shard": options["--shard"], "plan": pathlib.Path("digest").read_text()}
row = {
    "record": "row", "row": options["--shard"], "group": None, "apart": False,
    "pinned": True, "margin": None, "metric": "cpu", "operations": 1, "threads": 1,
    "numbers": {}, "per_sample_ns": 1, "outcomes": {"a": "n/a"}, "reasons": {},
}
side = json.loads(pathlib.Path("side").read_text())
with open(pathlib.Path(options["-o"]) / "run.jsonl", "w") as record:
    print(json.dumps(header), json.dumps(side), sep="\\n", file=record, flush=True)
    if options["--shard"].startswith("1/") and pathlib.Path("hold").exists():
        signal.pause()
    print(json.dumps(row), file=record)
"""


class Killing(DaskLink):
    """Kills the worker that first sends something, then the scheduler."""

    fleet: Fleet
    workers_came = 0

    def wait(self) -> Iterator[Event]:
        for event in super().wait():
            yield event
            self.workers_came += isinstance(event, Came)
            if isinstance(event, Text) and Path("hold").exists():
                Path("hold").unlink()
                self.fleet.kill_worker(event.worker)
                self.fleet.restart_scheduler()


class Fleet:
    """A scheduler and its workers."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._scheduler, line = self._start(SCHEDULER, "0")
        self.address = line
        self._workers: dict[str, subprocess.Popen[str]] = {}

    def add_worker(self) -> None:
        child, line = self._start(WORKER, self.address, "measure.py")
        self._workers[line.split()[2]] = child

    def kill_worker(self, address: str) -> None:
        os.kill(self._workers[address].pid, signal.SIGKILL)

    def restart_scheduler(self) -> None:
        self._scheduler.kill()
        self._scheduler.wait()
        port = self.address.rpartition(":")[2]
        self._scheduler, line = self._start(SCHEDULER, port)
        assert line == self.address

    def _start(self, program: str, *words: str) -> tuple[subprocess.Popen[str], str]:
        child = subprocess.Popen(
            [sys.executable, "-c", program, *words], stdout=subprocess.PIPE, text=True
        )
        self._stack.callback(child.communicate)
        self._stack.callback(child.kill)
        assert child.stdout is not None
        return child, child.stdout.readline().strip()


def test_worker_and_scheduler_die_and_each_shard_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pybench.records.run import SideRecord
    from pybench.target.process.identity import read_identity

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYBENCH_HOST", "lab 7")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    header = RunHeader(
        version="0", started="now", command=("x",), seed=1, margin=0.03, pairs=None,
        suite="s",
    )  # fmt: skip
    plan = ShardPlan(header=header, arms=("a",), shards=(("1/3",), ("2/3",), ("3/3",)))
    side = SideRecord(name="a", python="/p", identity=read_identity())
    Path("side").write_bytes(
        msgspec.json.encode({"record": "side", **msgspec.to_builtins(side)})
    )
    Path("digest").write_text(plan.digest)
    Path("measure.py").write_text(MEASURE)
    Path("hold").touch()
    records, noted = Records(Path("shards"), plan), list[str]()
    with contextlib.ExitStack() as stack:
        fleet = Fleet(stack)
        fleet.add_worker()
        fleet.add_worker()
        link = stack.enter_context(Killing(fleet.address))
        link.begin(msgspec.json.encode(plan), 3, {"a.whl": b"wheel"})
        link.fleet = fleet
        told = measure_shards(
            plan, new_handout(plan, records), records, link, note=noted.append
        )

    assert [*records.done()] == [1, 2, 3]
    for shard, folder in records.done().items():
        assert [*read_run(folder).rows] == [f"{shard}/3"]
    assert any("shard 1 is repeated" in line for line in noted), noted
    assert link.workers_came == 3  # two, and the one that is left once more
    assert told == [
        "up to 2 workers measured on the host lab 7 at once, and disturbed each other"
    ]


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "lab 7", "nonsense://127.0.0.1:1", ""]
)
def test_scheduler_that_is_not_there_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_worker, "CONNECT_S", 0.1)
    with pytest.raises(FleetError, match=f"no scheduler answers at {address}: "):
        connect(address, None)
