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
from dataclasses import asdict, dataclass
from pathlib import Path

from pybench.comparison.timings import operations
from pybench.records.files import write_file
from pybench.records.results import Identity, parse_json
from pybench.records.run import Run

SCHEMA = 1


class ExtremesError(ValueError):
    """A file of the cache that cannot be read; names it and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """The largest ratio of two processes of one row, by the wall clock.

    `row` is where it was, `rows` and `processes` how many were looked at, `started`
    when, and `machine` has the facts of `machine_of`.
    """

    ratio: float
    row: str
    rows: int
    processes: int
    started: str
    machine: Mapping[str, str]


def machine_of(identity: Identity) -> dict[str, str]:
    """Return what of an identity is the machine's, in words."""
    return {
        "CPU": identity.cpu_model,
        "architecture": identity.machine,
        "system": identity.system,
        "usable CPUs": str(identity.usable_cpus),
    }


def extreme_of(run: Run, leave_out: Collection[str] = ()) -> Extreme | None:
    """Return the extreme of a run of an interpreter with itself.

    Parameters
    ----------
    run : Run
        Its sides are one interpreter.
    leave_out : collection of str
        Rows that one side did more of.

    Returns
    -------
    Extreme or None
        None if no row has two processes.
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
        machine=machine_of(run.baseline.identity),
    )


def _process_times(run: Run, row: str) -> Iterator[float]:
    """Yield the median wall time of an operation, process by process."""
    for pair in run.pairs.get(row, {}).values():
        number = operations(run.rows[row], pair)
        for of_side in pair.samples.values():
            for process in of_side:
                # The first is a warm-up. Waits count: a process alone has them too.
                walls = [sample.wall_ns for sample in process[1:]]
                if walls and min(walls) > 0:
                    yield statistics.median(walls) / number


def remember(extreme: Extreme, folder: Path) -> Path:
    """Keep the widest of each machine in a folder; return the file.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    key = json.dumps([*sorted(extreme.machine.items())])
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    try:
        known = _read(path)
    except ExtremesError:
        known = None
    if known is None or known.ratio < extreme.ratio:
        folder.mkdir(parents=True, exist_ok=True)
        document = {"pybench": "extremes", "schema": SCHEMA, **asdict(extreme)}
        write_file(path, f"{json.dumps(document, indent=1)}\n".encode())
    return path


def recall(machine: Mapping[str, str], folder: Path) -> Extreme | None:
    """Return the widest of a machine, None without a self-check of it.

    Parameters
    ----------
    machine : mapping of str to str
        What is known of it; without its CPU nothing is of that machine.
    folder : Path
        Where `remember` kept them.

    Raises
    ------
    ExtremesError
        If a file there is none of ours.
    """
    if "CPU" not in machine:
        return None
    known = [one for one in map(_read, sorted(folder.glob("*.json"))) if one]
    of_machine = [
        one
        for one in known
        if all(one.machine.get(name, fact) == fact for name, fact in machine.items())
    ]
    return max(of_machine, key=lambda one: one.ratio, default=None)


def _read(path: Path) -> Extreme | None:
    try:
        document = parse_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ExtremesError(_damaged(path, str(error))) from None
    if not isinstance(document, dict) or document.pop("pybench", None) != "extremes":
        raise ExtremesError(_damaged(path, "not a file of a self-check"))
    if document.pop("schema", None) != SCHEMA:
        raise ExtremesError(_damaged(path, f"not of schema {SCHEMA}"))
    try:
        found = Extreme(**document)
    except TypeError:
        raise ExtremesError(_damaged(path, "fields are missing or unknown")) from None
    machine = found.machine
    is_sound = (
        type(found.ratio) in (int, float)
        and 1 <= found.ratio < math.inf
        and all(type(text) is str for text in (found.row, found.started))
        and all(type(number) is int for number in (found.rows, found.processes))
        and isinstance(machine, dict)
        and all(type(fact) is str for pair in machine.items() for fact in pair)
    )
    if not is_sound:
        raise ExtremesError(_damaged(path, "a field is of the wrong kind"))
    return found


def _damaged(path: Path, why: str) -> str:
    return f"{path}: {why}: remove it, and run `pybench selfcheck live` again"
