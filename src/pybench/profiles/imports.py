"""What an import costs: each number from fresh processes, interleaved.

A repeat runs one process of each kind, in shuffled order: the interpreter alone, with
``site``, as started by anybody, with the module, and the import by itself with warm
``.pyc`` files and with none. The tree comes from two more under ``-X importtime``,
which slows what it observes; times of the whole come from those without it.

Warm and cold are of ``.pyc`` files only: the files are in the system's cache both
times.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path

from pybench.interpreters import Interpreter
from pybench.profiles.import_processes import (
    Clocks,
    Imported,
    ImportsError,
    Kind,
    NoSuchModuleError,
    Processes,
)
from pybench.profiles.importtime import Tree, merge
from pybench.profiles.means import estimate
from pybench.records.imports import ImportsProfile, Saving, Times

# Student's interval of fewer is too wide to say anything.
REPEATS_LEAST = 2

# Which times of a process: of all of it, or of its import.
PROCESS = attrgetter("process")
ALONE = attrgetter("alone")

# Parts of the start-up: a kind of process, and what is taken off it.
_PARTS = {
    "interpreter": (Kind.INTERPRETER, None),
    "site": (Kind.SITE, Kind.INTERPRETER),
    "environment": (Kind.BARE, Kind.SITE),
    "imports": (Kind.WHOLE, Kind.BARE),
    "whole process": (Kind.WHOLE, None),
}


def check_name(name: str) -> None:
    """Raise `NoSuchModuleError` unless the text can be the name of a module."""
    separators = {os.sep, os.altsep or os.sep}
    if any(separator in name for separator in separators) or (
        name.endswith((".py", ".pyc")) and Path(name).exists()
    ):
        path = Path(name)
        stem = path.stem if path.suffix in (".py", ".pyc") else path.name
        raise NoSuchModuleError(
            f"{name!r} is a path, and an import needs the name of a module: "
            f"cd {path.parent} and give {stem!r}, or add that folder to PYTHONPATH"
        )
    if name.startswith("."):
        raise NoSuchModuleError(
            f"{name!r} is relative, and nothing is imported from here: give the full "
            f"name, package.{name.lstrip('.') or 'module'}"
        )
    if not all(part.isidentifier() for part in name.split(".")):
        raise NoSuchModuleError(
            f"{name!r} is no name of a module: give what stands after `import`, such "
            "as json or xml.dom (a distribution may be called otherwise)"
        )


class ImportsMeasurement:
    """The repeats of one import, as many as were done."""

    def __init__(
        self, interpreter: Interpreter, module: str, *, timeout_s: float = 60.0
    ) -> None:
        self._interpreter = interpreter
        self._module = module
        self._timeout_s = timeout_s
        self._repeats: list[dict[Kind, Imported]] = []
        self._notes: list[str] = []
        self._no_lazy = ""

    @property
    def repeats(self) -> int:
        """How many are whole."""
        return len(self._repeats)

    def measure(self, repeats: int) -> Iterator[int]:
        """Run the repeats, two at least, and yield how many are done after each.

        An interruption leaves those that are whole.

        Raises
        ------
        NoSuchModuleError
            For what is no module's name, or if the interpreter finds no such module.
        ImportsError
            If the import fails, ends the process or does not return.
        """
        check_name(self._module)
        if repeats < REPEATS_LEAST:
            raise ValueError(f"{repeats} repeats: {REPEATS_LEAST} are the least")
        order = random.Random(len(self._module))
        # Ctrl-C may come while a child starts, and that one may still write into it.
        with tempfile.TemporaryDirectory(
            prefix="pybench-imports-", ignore_cleanup_errors=True
        ) as name:
            processes = Processes(
                self._interpreter, self._module, Path(name), self._timeout_s
            )
            kinds = self._prepare(processes)
            for _ in range(repeats):
                order.shuffle(kinds)
                # Whole or not at all: differences are taken within a repeat.
                self._repeats.append({kind: processes.run(kind) for kind in kinds})
                yield self.repeats

    def _prepare(self, processes: Processes) -> list[Kind]:
        """Write the .pyc files, see that the import works, and choose the kinds."""
        first = processes.prepare()
        if first.was_loaded:
            self._notes.append(
                f"{self._module!r} is imported at every start: it is part of the "
                "start-up, and importing it again is a look-up"
            )
        if first.forks:
            self._notes.append(
                f"{self._module!r} forks while it is imported: the imports of those "
                "processes are not in the tree, and they are ended with it"
            )
        if not processes.has_pyc():
            self._notes.append(
                "no .pyc was written: nothing that was imported has source to compile, "
                "so warm and cold are the same"
            )
        if first.can_lazy:
            try:
                processes.run(Kind.LAZY)
                return [*Kind]
            except ImportsError as error:
                self._no_lazy = f"it does not work with all imports lazy: {error}"
        else:
            self._no_lazy = f"{self._interpreter.label} has no lazy imports (3.15 has)"
        return [kind for kind in Kind if kind != Kind.LAZY]

    def profile(self) -> ImportsProfile:
        """Estimate from the repeats there are; `ImportsError` without any."""
        if not self._repeats:
            raise ImportsError(f"{self._module}: no repeat was done")
        warm, cold = self._trees(Kind.WARM_TREE), self._trees(Kind.COLD_TREE)
        return ImportsProfile(
            module=self._module,
            python=f"{self._interpreter.label} ({self._interpreter.path})",
            repeats=self.repeats,
            startup={
                part: self._times(PROCESS, *kinds) for part, kinds in _PARTS.items()
            },
            warm=self._times(ALONE, Kind.WARM),
            cold=self._times(ALONE, Kind.COLD),
            compiling=self._times(ALONE, Kind.COLD, Kind.WARM),
            modules=self._repeats[0][Kind.WARM].loaded,
            observed=self._times(ALONE, Kind.WARM_TREE, Kind.WARM),
            tree=merge([tree.roots for tree in warm], [tree.roots for tree in cold]),
            lazy=self._lazy(),
            annotations=self._annotations(),
            notes=(*self._notes, *self._doubts([*warm, *cold])),
        )

    def _times(
        self, clocks: Callable[[Imported], Clocks], kind: Kind, less: Kind | None = None
    ) -> Times:
        """Estimate a kind, or the mean difference of two within a repeat."""
        pairs = [clocks(repeat[kind]) for repeat in self._repeats]
        if less is not None:
            others = [clocks(repeat[less]) for repeat in self._repeats]
            pairs = [
                (a - b, c - d) for (a, c), (b, d) in zip(pairs, others, strict=True)
            ]
        return _times(pairs)

    def _trees(self, kind: Kind) -> list[Tree]:
        trees = [repeat[kind].tree for repeat in self._repeats]
        return [tree for tree in trees if tree is not None]

    def _lazy(self) -> Saving:
        if self._no_lazy:
            return Saving(reason=self._no_lazy)
        first = self._repeats[0]
        return Saving(
            times=self._times(ALONE, Kind.WARM, Kind.LAZY),
            says="what -X lazy_imports=all takes off the warm import, "
            f"{first[Kind.LAZY].loaded} modules loaded instead of "
            f"{first[Kind.WARM].loaded}; what is used later is paid for then",
        )

    def _annotations(self) -> Saving:
        reported = [repeat[Kind.WARM].annotations for repeat in self._repeats]
        evaluated = [annotations for annotations in reported if annotations]
        if not evaluated:
            return Saving(
                reason=f"{self._interpreter.label} evaluates annotations at import "
                "(3.14 and later defer it): what is not deferred cannot be told apart"
            )
        first = evaluated[0]
        if not first.count:
            return Saving(reason="no annotations were left to evaluate")
        says = (
            f"what evaluating those of {first.count} functions, classes and modules "
            "would add to the import; saved already, unless something asks for them"
        )
        if first.failed:
            says += (
                f"; {first.failed} of them cannot be evaluated and count up to there"
            )
        return Saving(times=_times([(e.ns, e.cpu_ns) for e in evaluated]), says=says)

    def _doubts(self, trees: list[Tree]) -> Iterator[str]:
        """Say what the tree lacks, and where it cannot be right."""
        traced = 2 * self.repeats
        if len(trees) < traced:
            yield (
                f"no tree of {traced - len(trees)} of {traced} processes: "
                f"{self._module!r} closed or redirected descriptor 2, where "
                "-X importtime writes"
            )
        foreign = sum(tree.foreign for tree in trees)
        if foreign:
            yield (
                f"{foreign} lines that look like -X importtime's name nothing that was "
                "imported then: printed by a program, and left out"
            )
        doubtful = [*dict.fromkeys(name for tree in trees for name in tree.doubtful)]
        if doubtful:
            shown = ", ".join(doubtful[:5]) + ", ..." * (len(doubtful) > 5)
            yield (
                f"the tree does not add up at {shown}: threads import there, or a "
                "program prints lines like -X importtime's"
            )


def _times(clocks: list[Clocks]) -> Times:
    wall, cpu = zip(*clocks, strict=True)
    return Times(wall=estimate(wall), cpu=estimate(cpu))
