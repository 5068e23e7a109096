"""What ``python -X importtime`` prints, as a tree.

Each import prints one line when it ends, its depth as spaces: children come before
the one that imported them. Nothing marks where a line comes from, and a module may
print what looks like one. So a line counts only if that name was imported as often,
and what a module says of itself and its children has to add up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pybench.profiles.means import estimate
from pybench.records.imports import Cost, Module

# CPython writes two spaces per level and "cached" for what -X importtime=2 adds. Not
# anchored at the front: a print without a newline may stand before it. Times may be
# negative: it takes from a module what all threads imported meanwhile.
_LINE = re.compile(
    r"import time:\s*(?P<own>-?\d{1,15}) \|\s*(?P<total>-?\d{1,15}) \| "
    r"(?P<depth>(?:  )*)(?P<name>\S.*)",
    re.ASCII,
)
_US = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import of one process, in microseconds as CPython rounds them up."""

    name: str
    own_us: int
    total_us: int
    children: tuple[Import, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Tell whether itself and its children make its total, but for rounding."""
        parts = self.own_us + sum(child.total_us for child in self.children)
        return abs(parts - self.total_us) <= len(self.children) + 1

    def mended(self) -> Import:
        """Return it with the times that are left where one is negative.

        Its own is then what its children leave of its total; without a total that is
        one, what there is of its own, and theirs.
        """
        if min(self.own_us, self.total_us) >= 0:
            return self
        within = sum(child.total_us for child in self.children)
        own = max(0, self.own_us if self.total_us < 0 else self.total_us - within)
        return replace(self, own_us=own, total_us=max(self.total_us, own + within))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The imports of one process, in the order in which they ended.

    ``foreign`` counts the lines of this form that a program printed. ``doubtful`` are
    the modules whose numbers do not add up or are negative: a forged line, or threads
    that import.
    """

    roots: tuple[Import, ...]
    foreign: int = 0
    doubtful: tuple[str, ...] = ()


def parse(text: str, imported: Mapping[str, int] | None = None) -> Tree:
    """Read the lines of one process.

    Parameters
    ----------
    text : str
        What was written to standard error, whatever else may stand in it.
    imported : mapping of str to int, optional
        How often each name was imported; lines beyond that are not CPython's. Without
        it every line of the form counts.
    """
    matches = [match for match in map(_LINE.search, text.splitlines()) if match]
    lines = Counter(match["name"] for match in matches)
    surplus = Counter[str]() if imported is None else lines - Counter(imported)
    foreign = surplus.total()
    open_at: dict[int, list[Import]] = {}
    doubtful: dict[str, None] = {}
    for match in matches:
        name = match["name"]
        depth = len(match["depth"]) // 2
        # All that ended deeper since the last one of this depth was imported by it.
        deeper = sorted(level for level in open_at if level > depth)
        module = Import(
            name=name,
            own_us=int(match["own"]),
            total_us=int(match["total"]),
            children=tuple(child for level in deeper for child in open_at[level]),
        )
        # Of a name with too many lines those that do not add up go first.
        is_last = surplus[name] == lines[name]
        lines[name] -= 1
        if surplus[name] > 0 and (is_last or not module.is_sound):
            surplus[name] -= 1
            continue
        for level in deeper:
            del open_at[level]
        mended = module.mended()
        if mended is not module or not module.is_sound:
            doubtful[name] = None
        open_at.setdefault(depth, []).append(mended)
    # What is left deeper was cut off: its importer never ended.
    roots = [module for level in sorted(open_at) for module in open_at[level]]
    return Tree(roots=tuple(roots), foreign=foreign, doubtful=tuple(doubtful))


def merge(
    warm: Sequence[Sequence[Import]], cold: Sequence[Sequence[Import]]
) -> tuple[Module, ...]:
    """Join the trees of several processes, place by place.

    A module that a process imported twice at one place, as after a first failure, is
    one place there with the sum. A place that some processes lack has the mean of
    those that have it, and their number.
    """
    kinds = [[_by_name(roots) for roots in processes] for processes in (warm, cold)]
    names = dict.fromkeys(
        name for kind in kinds for by_name in kind for name in by_name
    )
    modules = []
    for name in names:
        here = [
            [by_name[name] for by_name in kind if name in by_name] for kind in kinds
        ]
        children = [
            [
                [child for module in process for child in module.children]
                for process in kind
            ]
            for kind in here
        ]
        costs = [_cost(kind) for kind in here]
        modules.append(
            Module(name=name, warm=costs[0], cold=costs[1], children=merge(*children))
        )
    return tuple(modules)


def walk(modules: Sequence[Module], depth: int = 0) -> Iterator[tuple[int, Module]]:
    """Yield each module with its depth, importers before what they import."""
    for module in modules:
        yield depth, module
        yield from walk(module.children, depth + 1)


def _by_name(imports: Sequence[Import]) -> dict[str, list[Import]]:
    grouped: dict[str, list[Import]] = {}
    for module in imports:
        grouped.setdefault(module.name, []).append(module)
    return grouped


def _cost(processes: Sequence[Sequence[Import]]) -> Cost | None:
    """Return the means of one place; None where no process has it."""
    if not processes:
        return None
    own = [_US * sum(module.own_us for module in process) for process in processes]
    total = [_US * sum(module.total_us for module in process) for process in processes]
    return Cost(own=estimate(own), total=estimate(total))
