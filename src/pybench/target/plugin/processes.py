"""``--pybench-processes``: the session again, in fresh processes, one after another.

Two processes of one interpreter differ by more than the rounds inside either: hash
seed, where things lie in memory. A baseline of one process does not know by how much.
"""

import json
import os
import secrets
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pybench.records.documents import DocumentError
from pybench.records.identity import differences, identity_document, parse_identity
from pybench.target.plugin import count_pass, memory
from pybench.target.plugin.options import REPETITION
from pybench.target.plugin.rerun import FOUND, run_again, show
from pybench.target.plugin.session import Session
from pybench.target.process.layout import shifted
from pybench.target.process.speed_up import over_processes

_HASH_SEEDS = 2**32  # what PYTHONHASHSEED takes
_ROWS_NAMED = 5


class RepetitionError(Exception):
    """A process that gave nothing, or not what was asked for; says why."""


class Processes:
    """Runs the session's rows again after its own last row, before anything is saved.

    Timed until there are `wanted` processes, this one included, then for their memory
    and their instructions: the session gets the medians of each, and those.
    """

    def __init__(
        self, session: Session, wanted: int, *, is_memory: bool, is_counted: bool
    ) -> None:
        self._session = session
        self._config = session.config
        self._wanted = wanted
        self._is_memory = is_memory
        self._is_counted = is_counted
        self._ended = 1

    # Around everything that other plugins do to the loop: their work is done then.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Repeat what was measured; an interrupt keeps what is there."""
        try:
            result = yield
            if self._wanted > 1 and self._has_measured():
                self._repeat()
        finally:
            if self._wanted > 1 and self._has_measured():
                self._session.say(
                    f"{self._ended} of {self._wanted} processes measured; the table "
                    "is of the first, the medians of each are in what is saved"
                )
        if self._is_memory and self._has_measured():
            memory.observe(self._session)
        if self._is_counted and self._has_measured():
            count_pass.count_again(self._session)
        return result

    def _has_measured(self) -> bool:
        # A resumed session has rows of the journal also if it only collects.
        is_run = not self._config.getoption("collectonly")
        return is_run and bool(self._session.measured_medians())

    def _repeat(self) -> None:
        medians = self._session.process_medians
        medians.update(
            (name, (median,))
            for name, median in self._session.measured_medians().items()
        )
        scaling: dict[str, list[dict[str, Any]]] = {
            name: [] for name in self._session.scaling()
        }
        for number in range(2, self._wanted + 1):
            name = f"process {number} of {self._wanted}"
            show(self._config, f"pybench: {name}")
            try:
                results = self._run(name)
            except RepetitionError as error:
                self._session.say_problem(str(error))
                continue
            self._ended += 1
            for row in medians.keys() & results["medians"].keys():
                medians[row] += (results["medians"][row],)
            for row in scaling.keys() & results["scaling"].keys():
                scaling[row].append(results["scaling"][row])
        for row, facts in self._session.scaling().items():
            # In place: the stock fixture's record is the same.
            facts.update(over_processes(facts, scaling[row]))
        fewer = [row for row, values in medians.items() if len(values) < self._ended]
        if fewer:
            left = len(fewer) - _ROWS_NAMED
            more = f" and {left} more" if left > 0 else ""
            self._session.say(
                f"fewer medians than processes: {', '.join(fewer[:_ROWS_NAMED])}{more};"
                " where others have no row of that name, give its parameters ids that "
                "stay the same"
            )

    def _run(self, name: str) -> dict[str, dict[str, Any]]:
        """Run one process; return the medians of its rows, and of threads the scaling.

        The medians are in seconds.
        """
        seed = {"PYTHONHASHSEED": str(secrets.randbelow(_HASH_SEEDS))}
        rerun = run_again(self._config, REPETITION, environ=seed)
        if rerun.found is None:
            raise RepetitionError(f"{name} gave no results, it {rerun.ended}")
        if rerun.status != 0:
            # Rows that it measured count: one failing test does not undo them.
            self._session.say_problem(f"{name} {rerun.ended}")
        try:
            identity = parse_identity(rerun.found["identity"], name)
        except DocumentError as error:
            raise RepetitionError(str(error)) from error
        unlike = differences(self._session.identity, identity)
        if unlike:
            raise RepetitionError(
                f"{name} was not like this one and is left out: {'; '.join(unlike)}"
            )
        return {what: rerun.found[what] for what in ("medians", "scaling")}


class Repetition:
    """The other end: a session that saves nothing but its medians, in its folder."""

    def __init__(self, session: Session, folder: Path) -> None:
        self._session = session
        self._folder = folder
        # Else all of them would agree on what is luck of one layout.
        self._blocks = shifted(os.environ.get("PYTHONHASHSEED", ""))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Write what was measured."""
        document = {
            "identity": identity_document(self._session.identity),
            "medians": self._session.measured_medians(),
            "scaling": self._session.scaling(),
        }
        (self._folder / FOUND).write_text(json.dumps(document), encoding="utf-8")
