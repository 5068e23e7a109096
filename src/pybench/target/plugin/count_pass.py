"""``--benchmark-metric=instructions``: the measured rows again, counted by callgrind.

Two processes count them when all is timed. In each, a stand-in for the controller of
``pybench compare`` asks every row for its instructions once. A row that ends its
process has that for a reason, and another process goes on behind it.
"""

import json
import math
import signal
import tempfile
from pathlib import Path
from typing import Any

from pybench.children import CallgrindError, find_callgrind
from pybench.records.documents import parse_json
from pybench.records.instructions import RowInstructions
from pybench.records.outcomes import MEASURED
from pybench.target.plugin.controller import ControllerGoneError
from pybench.target.plugin.options import INSTRUCTIONS, METRIC
from pybench.target.plugin.rerun import FOUND, GIVEN, run_again, show
from pybench.target.plugin.session import Session

PROCESSES = 2
# What one row may take, which is fifty times as slow here.
ROW_S = 60
_CURRENT = "current"


class CountEach:
    """Stands where the controller does, in a process under callgrind.

    Each answer is on the disk before the next row begins.
    """

    def __init__(self, folder: Path) -> None:
        given = parse_json((folder / GIVEN).read_text(encoding="utf-8"))
        self._wanted: list[str] = given
        self._path = folder / FOUND
        self._found: dict[str, Any] = {_CURRENT: ""}
        self._next: list[dict[str, Any]] = []
        self._row = ""

    def send(self, **message: Any) -> None:
        """Take what the session says, and know what to ask next."""
        say = message["say"]
        if say == "hello":
            rows = [row for row in self._wanted if row in message["rows"]]
            self._next = [{"do": "rows", "rows": rows}]
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        elif say == "ready":
            self._row = message["row"]
            self._write(_CURRENT, self._row)
            signal.alarm(ROW_S)
            self._next = [{"do": "count", "numbers": {}}, {"do": "stop"}]
        elif say == "counted":
            self._write(self._row, message)
        elif say == "ended":
            signal.alarm(0)
            if message["outcome"] != MEASURED:
                reason = f"{message['outcome']}: {message['reason']}"
                self._write(message["row"], {"reason": reason, "counts": []})
            elif message["row"] in self._found:
                operations = message["facts"].get("operations", 1)
                self._found[message["row"]]["operations"] = operations
            self._write(_CURRENT, "")

    def receive(self) -> dict[str, Any]:
        """Return the next thing to do."""
        if not self._next:
            raise ControllerGoneError("every row has been asked")
        return self._next.pop(0)

    def _write(self, name: str, value: object) -> None:
        self._found[name] = value
        self._path.write_text(json.dumps(self._found), encoding="utf-8")


def count_again(session: Session) -> None:
    """Count the measured rows; the session gets what each came to."""
    names = [*session.measured_medians()]
    counts: dict[str, list[float]] = {name: [] for name in names}
    reasons: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="pybench-") as folder:
        try:
            callgrind = find_callgrind(Path(folder))
        except CallgrindError as error:
            session.say_problem(f"{METRIC}={INSTRUCTIONS}: {error}")
            return
        for process in range(1, PROCESSES + 1):
            show(session.config, f"pybench: instructions, process {process}")
            environ = callgrind.of_process(process).environ
            left = [name for name in names if name not in reasons]
            while left:
                rerun = run_again(
                    session.config,
                    "--pybench-turns",
                    left,
                    under=callgrind.command,
                    environ={**environ, "PYTHONHASHSEED": "0"},
                )
                answers = rerun.found or {}
                for name in left:
                    if name not in answers or name == answers[_CURRENT]:
                        continue
                    if reason := answers[name]["reason"]:
                        reasons[name] = reason
                    else:
                        counts[name].append(_per_iteration(answers[name]))
                culprit = answers.get(_CURRENT)
                if not culprit:
                    lost = [name for name in left if name not in answers]
                    why = f"not counted: the process {rerun.ended}"
                    reasons |= dict.fromkeys(lost, why)
                    break
                limit = f" after {ROW_S} s, the most that a row may take"
                ended = rerun.ended + limit * (rerun.status == -signal.SIGALRM)
                reasons[culprit] = f"under callgrind its process {ended}"
                left = left[left.index(culprit) + 1 :]
        session.instructions = {
            name: RowInstructions(
                counter=callgrind.version,
                processes=tuple(counts[name]) if name not in reasons else (),
                reason=reasons.get(name, ""),
            )
            for name in names
        }


def _per_iteration(row: dict[str, Any]) -> float:
    each = math.prod(row["numbers"].values()) * row.get("operations", 1)
    return float(min(row["counts"]) / each)
