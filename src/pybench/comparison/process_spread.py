"""How far apart two single processes of one interpreter lay on this machine.

`pybench selfcheck live` compares an interpreter with itself; what is largest there, a
comparison of single processes has to exceed before anybody looks at it. It says
nothing of two machines, and a machine has worse days than the one of the check.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from pybench.records.documents import DocumentError
from pybench.records.extremes import Extreme, read_extreme
from pybench.records.files import write_file
from pybench.records.run import Run


def extreme_of(run: Run, leave_out: Collection[str] = ()) -> Extreme | None:
    """Return the extreme of a run of an interpreter with itself.

    None if no row has two processes. `leave_out` are rows that one arm did more of.
    """
    widest, where, rows, processes = 0.0, "", 0, 0
    for row in run.rows:
        times = [] if row in leave_out else [*_process_times(run, row)]
        if len(times) < 2:
            continue
        rows, processes = rows + 1, processes + len(times)
        apart = math.log(max(times) / min(times))
        if apart >= widest:
            widest, where = apart, row
    if not rows:
        return None
    return Extreme(
        ratio=math.exp(widest),
        row=where,
        rows=rows,
        processes=processes,
        started=run.header.started,
        machine=run.baseline.identity.machine_facts,
    )


def _process_times(run: Run, row: str) -> Iterator[float]:
    """Yield the median wall time of an operation, process by process."""
    for pair in run.pairs.get(row, {}).values():
        number = pair.operations(run.rows[row])
        for of_side in pair.samples.values():
            for process in of_side:
                # The first is a warm-up. Waits count: a process alone has them too.
                walls = [sample.wall_ns for sample in process[1:]]
                if walls and min(walls) > 0:
                    yield statistics.median(walls) / number


def remember(extreme: Extreme, folder: Path) -> Path:
    """Keep the widest of each machine in a folder; return the file."""
    key = json.dumps([*sorted(extreme.machine.items())])
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    try:
        widest = read_extreme(path).ratio
    except DocumentError:  # none there, or none that says anything
        widest = 0.0
    if widest < extreme.ratio:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(path, f"{json.dumps(asdict(extreme), indent=1)}\n".encode())
    return path


def recall(machine: Mapping[str, str], folder: Path) -> Extreme | None:
    """Return the widest of a machine, None without a self-check of it.

    `machine` is what is known of it; without its CPU nothing is of that machine. Raises
    `DocumentError` if a file in the folder is none of ours.
    """
    if "CPU" not in machine:
        return None
    of_machine = [
        extreme
        for extreme in map(read_extreme, sorted(folder.glob("*.json")))
        if all(
            extreme.machine.get(name, fact) == fact for name, fact in machine.items()
        )
    ]
    return max(of_machine, key=lambda extreme: extreme.ratio, default=None)
