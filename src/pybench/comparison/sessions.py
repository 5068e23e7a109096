"""The sessions of a comparison: started for an arm, and known to be what they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pybench.children import Callgrind
from pybench.comparison.suites import Suite
from pybench.comparison.worker import Worker
from pybench.interpreters.prepare import START
from pybench.records.identity import differences
from pybench.records.refs import GitRef
from pybench.records.row_names import row_name
from pybench.records.run import Record, RowRecord, Run, SideRecord

# What a row may take under callgrind, where everything takes fifty times as long.
COUNTED_ROW_S = 60.0

# By name, for a suite that turns the loading of all plugins off.
PLUGINS = ("-p", "benchmark", "-p", "pybench")


class ComparisonError(Exception):
    """Nothing can be compared; says why and what to do."""


class RefusedError(ComparisonError):
    """An arm is not what it was or claims to be: there can be no verdicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """An interpreter that is ready: its environment has pybench in it.

    `start` is what follows the interpreter where its sessions are started; `asked` are
    the packages by which it shall differ from the others; `ref` is what its package was
    built from, and `build` what that was built with.
    """

    name: str
    python: Path
    environ: Mapping[str, str]
    start: tuple[str, ...] = START
    asked: tuple[str, ...] = ()
    ref: GitRef | None = None
    build: Mapping[str, str] = field(default_factory=dict)


class Sessions:
    """Starts sessions of the arms, and notes in the record who they are.

    `root` is the folder that the names of the rows begin in, as sessions tell it;
    `overridden` are the suite's own options of pytest that had to be overridden;
    `selecting` are the options of pytest that choose rows, and `wants` tells which of
    these are measured.
    """

    def __init__(
        self,
        arms: Sequence[Arm],
        suite: Suite,
        *,
        selecting: Sequence[str],
        folder: Path,
        record: Run,
        note: Callable[[Record], None],
        wants: Callable[[str], bool],
    ) -> None:
        self.arms = {arm.name: arm for arm in arms}
        self.wants = wants
        self.root = ""
        self.overridden: list[str] = []
        self.start_s = self.collection_s = 0.0  # of all sessions, added up
        self._configuration = ""  # pytest's file of settings
        self._suite = suite
        self.selecting = selecting
        self._folder = folder
        self._record = record
        self._note = note
        self._packages: dict[str, Mapping[str, str]] = {}  # of arms not yet recorded

    def start_with(
        self,
        name: str,
        rows: Sequence[RowRecord],
        hash_seed: int,
        under: Callgrind | None = None,
    ) -> Worker:
        """Start a session that collects at least those rows.

        It picks them by their names, which no command line can hold as they are: there
        they are paths. Naming their files spares it collecting all others.
        """
        roots = {_root_of(row) for row in rows}
        files = [*dict.fromkeys(row.file for row in rows)]
        if len(roots) > 1 or "" in roots or any(map(is_odd_path, files)):
            return self.start(name, (), hash_seed, under)
        self.root = roots.pop()
        return self.start(name, files, hash_seed, under)

    def start(
        self,
        name: str,
        files: Sequence[str],
        hash_seed: int,
        under: Callgrind | None = None,
    ) -> Worker:
        """Start a session that collects files, or the suite if none is named.

        What the run selects of the suite it selects of those files. It runs under
        callgrind where that is given.
        """
        known = self._record.sides.get(name)
        arm = self.arms[(known and known.twin_of) or name]
        chosen = [*self._suite.words]
        if files:
            chosen = [*self._suite.options, f"--rootdir={self.root}", *files]
            if self._configuration:
                # One that lies nearer to those files was not the suite's.
                chosen += ["-c", self._configuration]
        chosen += self.selecting
        command = [
            str(arm.python), *arm.start, *PLUGINS, *chosen,
            "--benchmark-only", "--continue-on-collection-errors",
            "-q", "--no-header",
        ]  # fmt: skip
        environ = {**arm.environ, "PYTHONHASHSEED": str(hash_seed)}
        if under is not None:
            command = [*under.command, *command]
            environ |= under.environ
        return Worker(
            name,
            command,
            environ=environ,
            folder=self._folder,
            on_packages=self._check_packages,
            on_strays=self._refuse_strays,
            row_s=COUNTED_ROW_S if under else None,
        )

    def check(self, name: str, worker: Worker) -> None:
        """Note who an arm is; refuse one that has become another."""
        if worker.identity is None:
            return
        self.start_s += worker.start_s
        self.collection_s += worker.collection_s
        self.root, self._configuration = worker.root, worker.configuration
        self.overridden += [o for o in worker.overridden if o not in self.overridden]
        known = self._record.sides.get(name)
        if known is None:
            self._note(
                SideRecord(
                    name=name,
                    python=str(self.arms[name].python),
                    identity=worker.identity,
                    packages=self._packages.get(name, {}),
                    asked=self.arms[name].asked,
                    ref=self.arms[name].ref,
                    build=self.arms[name].build,
                    events=worker.events,
                )
            )
        elif unlike := differences(known.identity, worker.identity):
            changed = "; ".join(unlike[:3])
            raise RefusedError(
                f"{name} is no longer what it was when this run began ({changed}): "
                "begin a new run"
            )

    def _refuse_strays(self, name: str, files: Mapping[str, str]) -> None:
        """Refuse an arm that imports another copy of what was built for it."""
        module, file = next(iter(files.items()))
        raise RefusedError(
            f"{name} imports {module} from {file}, and not as it was built for it: "
            "leave that folder out of PYTHONPATH, of sys.path in conftest.py and of "
            "pythonpath in pytest's settings; if it is an editable installation, name "
            "the interpreter by its version"
        )

    def _check_packages(self, name: str, packages: Mapping[str, str]) -> None:
        """Note which packages an arm has imported; refuse one that has others now."""
        side = self._record.sides.get(name)
        known = self._packages.get(name, {}) if side is None else side.packages
        for package, version in packages.items():
            if known.get(package, version) != version:
                raise RefusedError(
                    f"{name} imports {package} {version} now, and imported "
                    f"{known[package]} when this run began: begin a new run"
                )
        everything = {**known, **packages}
        if side is None:
            self._packages[name] = everything
        elif everything != side.packages:
            self._note(replace(side, packages=everything))


def _root_of(row: RowRecord) -> str:
    """Return the folder that the name of a row begins in, "" if it is not known.

    Names of rows outside pytest's own root begin in what it was told to collect.
    """
    path = "/" + row_name(row.row).path
    return row.file.removesuffix(path) if row.file.endswith(path) else ""


def is_odd_path(path: str) -> bool:
    """Tell whether pytest takes what is in a path for something else."""
    return "[" in path or "::" in path
