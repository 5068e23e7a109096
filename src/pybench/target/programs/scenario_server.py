"""The scenario `server`: answer requests that come at a fixed rate, under CPU load.

Each worker has one connection to a client in a process of its own; further workers of
the same kind keep CPUs busy beside them.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pybench.progress import Meter
from pybench.target.programs.scenario_memory import Sampler
from pybench.target.programs.scenario_pools import Pool, make_pool
from pybench.target.programs.scenario_record import Record, quantile
from pybench.target.programs.scenario_settings import jobs_of

_CLIENT = Path(__file__).with_name("scenario_client.py")

# Requests without work before the load begins: the cost of asking and answering.
_EMPTY_REQUESTS = 100
_EMPTY_RATE = 500.0


def run_server(record: Record, sampler: Sampler | None, meter: Meter) -> None:
    """Fill a record with the latencies of the requests."""
    settings = record.settings
    jobs = jobs_of(settings)
    load = range(len(jobs), len(jobs) + settings.load)
    pairs = [socket.socketpair() for _ in jobs]
    ours = [client for client, _server in pairs]
    shared = (*(server for _client, server in pairs), *(None for _ in load))
    word = {"threads": "thread", "processes": "process"}.get(
        settings.mode, "interpreter"
    )
    with make_pool(
        settings.mode,
        settings.start_method,
        [*jobs, *(jobs[0]._replace(place=index, fault="") for index in load)],
        shared,
        [f"{word}-{job.place + 1}" for job in jobs]
        + [f"load-{number + 1}" for number in range(settings.load)],
    ) as pool:
        run = _Client(record, pool, [*load], ours, [server for _, server in pairs])
        try:
            record.note_lost(pool.names, pool.start(settings.timeout), "its start")
            empty = run.phase(
                _EMPTY_REQUESTS, _EMPTY_RATE, 0, "the requests without work"
            )
            known = sorted(t for t in empty["latencies_s"] if t is not None)
            record.overhead_s = quantile(known, 0.5)
            if sampler is not None:
                sampler.begin()
            asked = (settings.warmup or 0) + (settings.iterations or 0)
            meter.announce(f"{asked} requests", asked / settings.rate)
            record.began = time.perf_counter()
            _take(record, run)
        finally:
            record.total_s = time.perf_counter() - record.began
            record.end_sampling(sampler)
            for one in (one for pair in pairs for one in pair):
                one.close()
    record.abandoned |= pool.abandoned


def _take(record: Record, run: _Client) -> None:
    """Ask under load, and fill the record with what came."""
    settings = record.settings
    warm = settings.warmup or 0
    count = warm + (settings.iterations or 0)
    answer = run.phase(count, settings.rate, settings.work_iters, "the requests")
    latencies = answer["latencies_s"][warm:]
    record.times_s += [value for value in latencies if value is not None]
    unanswered = latencies.count(None)
    record.left_out = unanswered
    record.server = {
        "rate_per_s": settings.rate,
        "load": settings.load,
        "unanswered": unanswered,
        "client_late_p95_s": quantile(sorted(answer["late_s"]), 0.95) or 0.0,
    }
    if unanswered:
        record.problems.append(f"{unanswered} requests were not answered")


class _Client:
    """The client's process, and the workers that it asks."""

    def __init__(
        self,
        record: Record,
        pool: Pool,
        load: list[int],
        client_ends: list[socket.socket],
        server_ends: list[socket.socket],
    ) -> None:
        self._record, self._pool, self._load = record, pool, load
        self._client_ends, self._server_ends = client_ends, server_ends

    def phase(self, count: int, rate: float, steps: int, name: str) -> dict[str, Any]:
        """Let the client ask so much, and wait until it and the workers are done."""
        timeout_s = self._record.settings.timeout
        lasts_s = count / rate
        asked = [
            end.fileno()
            for index, end in enumerate(self._client_ends)
            if index in self._pool.alive
        ]
        question = {
            "files": asked,
            "count": count,
            "rate": rate,
            "steps": steps,
            "timeout_s": timeout_s,
        }
        busy = dict.fromkeys(self._load, lasts_s if steps else 0.0)
        with subprocess.Popen(
            [sys.executable, "-P", str(_CLIENT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=asked,
            # Ctrl-C is for us, who then end it.
            start_new_session=True,
        ) as client:
            try:
                assert client.stdin is not None
                client.stdin.write(json.dumps(question) + "\n")
                client.stdin.flush()
                done = self._pool.round(
                    lasts_s + 2 * timeout_s, busy, lost_at_once=self._hang_up
                )
                output, _ = client.communicate(timeout=2 * timeout_s)
            except BaseException:
                client.kill()
                raise
        self._record.note_lost(self._pool.names, done.lost, name)
        try:
            answer: dict[str, Any] = json.loads(output)
        except ValueError:
            self._record.problems.append("the client ended without an answer")
            return {"latencies_s": [None] * count, "late_s": [], "wall_s": 0.0}
        return answer

    def _hang_up(self, index: int) -> None:
        """Let the client see that a worker is lost, which need not close anything."""
        if index < len(self._server_ends):
            self._server_ends[index].shutdown(socket.SHUT_RDWR)
