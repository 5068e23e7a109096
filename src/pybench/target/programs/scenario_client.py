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
import struct
import sys
import time
from typing import Any

# That of `scenario_work`, which is not imported here.
REQUEST = struct.Struct("<qQ")


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
            data = os.read(self.file, 1 << 16)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        self.incoming += data
        whole = len(self.incoming) // REQUEST.size * REQUEST.size
        answers = REQUEST.iter_unpack(bytes(self.incoming[:whole]))
        del self.incoming[:whole]
        return [number for number, _steps in answers]


def ask(
    files: list[int], count: int, rate: float, steps: int, timeout_s: float
) -> dict[str, Any]:
    """Send so many requests at a rate a second, to one worker after the other.

    Answers are waited for until ``timeout_s`` after the last request was due. Returns
    ``latencies_s`` by request, None where no answer came; and ``late_s``, how long
    after it was due each was handed to the system.
    """
    connections = [_Connection(file) for file in files]
    begin = time.monotonic() + 0.005
    latencies: list[float | None] = [None] * count
    late: list[float] = []
    sent = answered = 0
    until = begin + count / rate + timeout_s
    while answered < count and connections:
        now = time.monotonic()
        while sent < count and begin + sent / rate <= now and connections:
            connection = connections[sent % len(connections)]
            connection.outgoing += REQUEST.pack(sent, steps)
            late.append(time.monotonic() - begin - sent / rate)
            sent += 1
            if not connection.send():
                connections.remove(connection)
        if now >= until:
            break
        due = begin + sent / rate if sent < count else until
        readable, writable, _ = select.select(
            [connection.file for connection in connections],
            [connection.file for connection in connections if connection.outgoing],
            [],
            max(0.0, min(due, until) - time.monotonic()),
        )
        moment = time.monotonic()
        for connection in [*connections]:
            numbers = connection.receive() if connection.file in readable else []
            for number in numbers or ():
                latencies[number] = moment - begin - number / rate
                answered += 1
            is_sent = connection.file not in writable or connection.send()
            if numbers is None or not is_sent:
                connections.remove(connection)
    for connection in connections:
        # The number -1 sends the worker back to its pool.
        connection.outgoing += REQUEST.pack(-1, 0)
        connection.send()
    return {"latencies_s": latencies, "late_s": late}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(ask(**json.loads(sys.stdin.readline()))))
