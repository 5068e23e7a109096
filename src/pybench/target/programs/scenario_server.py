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

from pybench.children import start
from pybench.progress import Meter
from pybench.records.scenario import ServerResult
from pybench.target.programs.scenario_memory import Sampler
from pybench.target.programs.scenario_pools import Pool, make_pool
from pybench.target.programs.scenario_record import Measured, quantile
from pybench.target.programs.scenario_work import Job

_CLIENT = Path(__file__).with_name("scenario_client.py")

# Requests without work before the load begins: the cost of asking and answering.
_EMPTY_REQUESTS = 100
_EMPTY_RATE = 500.0

Pairs = list[tuple[socket.socket, socket.socket]]


def run_server(
    measured: Measured, jobs: list[Job], sampler: Sampler | None, meter: Meter
) -> None:
    """Fill in the latencies of the requests."""
    settings = measured.settings
    load = range(len(jobs), len(jobs) + settings.load)
    pairs = [socket.socketpair() for _ in jobs]
    with make_pool(
        settings.mode,
        settings.start_method,
        [*jobs, *(jobs[0]._replace(place=index, fault="") for index in load)],
        (*(server for _client, server in pairs), *(None for _ in load)),
    ) as pool:
        try:
            measured.note_lost(pool.names, pool.start(settings.timeout), "its start")
            empty, _ = _ask(
                measured, pool, pairs, _EMPTY_REQUESTS, _EMPTY_RATE, 0,
                "the requests without work",
            )  # fmt: skip
            known = sorted(latency for latency in empty if latency is not None)
            measured.overhead_s = quantile(known, 0.5)
            if sampler is not None:
                sampler.begin()
            warm = settings.warmup or 0
            count = warm + (settings.iterations or 0)
            meter.announce(f"{count} requests", count / settings.rate)
            measured.began = time.perf_counter()
            latencies, late = _ask(
                measured, pool, pairs, count, settings.rate, settings.work_iters,
                "the requests",
            )  # fmt: skip
            counted = latencies[warm:]
            measured.times_s += [latency for latency in counted if latency is not None]
            measured.left_out = unanswered = counted.count(None)
            measured.server = ServerResult(
                rate_per_s=settings.rate,
                load=settings.load,
                unanswered=unanswered,
                client_late_p95_s=quantile(sorted(late), 0.95) or 0.0,
            )
            if unanswered:
                measured.problems.append(f"{unanswered} requests were not answered")
        finally:
            measured.end(sampler)
            for connection in (end for pair in pairs for end in pair):
                connection.close()
    measured.abandoned |= pool.abandoned


def _ask(
    measured: Measured, pool: Pool, pairs: Pairs,
    count: int, rate: float, steps: int, name: str,
) -> tuple[list[float | None], list[float]]:  # fmt: skip
    """Let the client ask so much; return the latencies, and how late it asked."""
    timeout_s = measured.settings.timeout
    lasts_s = count / rate
    asked = [
        client.fileno()
        for index, (client, _server) in enumerate(pairs)
        if index in pool.alive
    ]
    question: dict[str, Any] = {
        "files": asked, "count": count, "rate": rate, "steps": steps,
        "timeout_s": timeout_s,
    }  # fmt: skip
    load = [index for index in pool.alive if index >= len(pairs)]

    def hang_up(index: int) -> None:
        """Let the client see that a worker is lost, which need not close anything."""
        if index < len(pairs):
            pairs[index][1].shutdown(socket.SHUT_RDWR)

    with start(
        [sys.executable, "-P", str(_CLIENT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=asked,
    ) as client:
        try:
            assert client.stdin is not None
            client.stdin.write(json.dumps(question).encode() + b"\n")
            client.stdin.flush()
            done = pool.round(
                lasts_s + 2 * timeout_s,
                dict.fromkeys(load, lasts_s if steps else 0.0),
                on_lost=hang_up,
            )
            output, _ = client.communicate(timeout=2 * timeout_s)
        except BaseException:
            client.kill()
            raise
    measured.note_lost(pool.names, done.lost, name)
    try:
        answer = json.loads(output)
    except ValueError:
        measured.problems.append("the client ended without an answer")
        return [None] * count, []
    return answer["latencies_s"], answer["late_s"]
