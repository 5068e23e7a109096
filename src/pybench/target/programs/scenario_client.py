"""The client of the scenario `server`: requests at fixed times, whatever comes back.

Run as a file, ``python -P scenario_client.py``, it reads one JSON object with the
arguments of `ask`, and writes one with the latencies. A process of its own, so that it
does not wait for the GIL of those whom it asks.

A latency counts from when its request was due, not from when it was sent: a server
that stalls delays all that are due meanwhile, and a client that waits with it would
never see that (coordinated omission).
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from typing import Any

_REQUEST_BYTES = 16


class _Connection:
    """One connection, and what is still to be sent or read on it."""

    def __init__(self, file: int) -> None:
        self.file = file
        self.outgoing = bytearray()
        self.incoming = bytearray()
        os.set_blocking(file, False)

    def send(self) -> bool:
        """Write what can be written; return whether the connection is there."""
        try:
            while self.outgoing:
                del self.outgoing[: os.write(self.file, self.outgoing)]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def receive(self) -> list[int] | None:
        """Return the numbers of the answers that came, None at its end."""
        try:
            came = os.read(self.file, 1 << 16)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not came:
            return None
        self.incoming += came
        whole = len(self.incoming) // _REQUEST_BYTES * _REQUEST_BYTES
        numbers = [
            int.from_bytes(self.incoming[at : at + 8], "little", signed=True)
            for at in range(0, whole, _REQUEST_BYTES)
        ]
        del self.incoming[:whole]
        return numbers


def ask(
    files: list[int], count: int, rate: float, steps: int, timeout_s: float
) -> dict[str, Any]:
    """Send requests at a fixed rate and take the answers.

    Parameters
    ----------
    files : list of int
        Connections to the workers, which take turns.
    count, rate : int, float
        How many requests, and how many a second.
    steps : int
        The work of each.
    timeout_s : float
        Seconds to wait for answers after the last request was due.

    Returns
    -------
    dict
        ``latencies_s`` by request, None where no answer came; ``late_s``, how long
        after it was due each was handed to the system; ``wall_s``.
    """
    connections = [_Connection(file) for file in files]
    begin = time.monotonic() + 0.005
    latencies: list[float | None] = [None] * count
    late: list[float] = []
    sent = answered = 0
    until = begin + count / rate + timeout_s
    work = steps.to_bytes(8, "little")
    while answered < count and connections:
        now = time.monotonic()
        while sent < count and begin + sent / rate <= now and connections:
            connection = connections[sent % len(connections)]
            connection.outgoing += sent.to_bytes(8, "little") + work
            late.append(time.monotonic() - begin - sent / rate)
            sent += 1
            if not connection.send():
                connections.remove(connection)
        if now >= until:
            break
        due = begin + sent / rate if sent < count else until
        writing = [one for one in connections if one.outgoing]
        readable, writable, _ = select.select(
            [one.file for one in connections],
            [one.file for one in writing],
            [],
            max(0.0, min(due, until) - time.monotonic()),
        )
        came = time.monotonic()
        for one in [*connections]:
            if one.file in readable:
                numbers = one.receive()
                if numbers is None:
                    connections.remove(one)
                    continue
                for number in numbers:
                    latencies[number] = came - begin - number / rate
                    answered += 1
            if one.file in writable and not one.send():
                connections.remove(one)
    wall_s = time.monotonic() - begin
    for one in connections:
        # The number -1 sends the worker back to its pool.
        one.outgoing += (-1).to_bytes(8, "little", signed=True) + bytes(8)
        one.send()
    return {"latencies_s": latencies, "late_s": late, "wall_s": wall_s}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(ask(**json.loads(sys.stdin.readline()))))
