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
    def adds_up(self) -> bool:
        """Tell whether itself and its children make its total, but for rounding."""
        parts = self.own_us + sum(child.total_us for child in self.children)
        return abs(parts - self.total_us) <= len(self.children) + 1

    @property
    def is_negative(self) -> bool:
        """Tell whether one of its times is none."""
        return min(self.own_us, self.total_us) < 0

    def mended(self) -> Import:
        """Return it with the times that are left where one is negative.

        Its own is then what its children leave of its total; without a total that is
        one, what there is of its own, and theirs.
        """
        if not self.is_negative:
            return self
        within = sum(child.total_us for child in self.children)
        own = max(0, self.own_us if self.total_us < 0 else self.total_us - within)
        return replace(self, own_us=own, total_us=max(self.total_us, own + within))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The imports of one process.

    Parameters
    ----------
    roots : tuple of Import
        In the order in which they ended.
    foreign : int
        Lines of this form that belong to no import, so were printed by a program.
    doubtful : tuple of str
        Modules whose numbers do not add up or are negative: a forged line, or threads
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
    foreign = sum(surplus.values())
    open_at: dict[int, list[Import]] = {}
    doubtful: list[str] = []
    for match in matches:
        name = match["name"]
        depth = len(match["depth"]) // 2
        # All that ended deeper since the last one of this depth was imported by it.
        deeper = sorted(level for level in open_at if level > depth)
        one = Import(
            name=name,
            own_us=int(match["own"]),
            total_us=int(match["total"]),
            children=tuple(child for level in deeper for child in open_at[level]),
        )
        # Of a name with too many lines those that do not add up go first.
        is_last = surplus[name] == lines[name]
        lines[name] -= 1
        if surplus[name] > 0 and (is_last or not one.adds_up):
            surplus[name] -= 1
            continue
        for level in deeper:
            del open_at[level]
        if one.is_negative or not one.adds_up:
            doubtful.append(name)
        open_at.setdefault(depth, []).append(one.mended())
    # What is left deeper was cut off: its importer never ended.
    roots = [one for level in sorted(open_at) for one in open_at[level]]
    return Tree(
        roots=tuple(roots), foreign=foreign, doubtful=tuple(dict.fromkeys(doubtful))
    )


def merge(
    warm: Sequence[Sequence[Import]], cold: Sequence[Sequence[Import]]
) -> tuple[Module, ...]:
    """Join the trees of several processes, place by place.

    A module that a process imported twice at one place, as after a first failure, is
    one place there with the sum. A place that some processes lack has the mean of
    those that have it, and their number.
    """
    grouped_warm = [_by_name(roots) for roots in warm]
    grouped_cold = [_by_name(roots) for roots in cold]
    names = dict.fromkeys(
        name for grouped in (*grouped_warm, *grouped_cold) for name in grouped
    )
    return tuple(_module(name, grouped_warm, grouped_cold) for name in names)


def walk(modules: Sequence[Module], depth: int = 0) -> Iterator[tuple[int, Module]]:
    """Yield each module with its depth, importers before what they import."""
    for module in modules:
        yield depth, module
        yield from walk(module.children, depth + 1)


def _by_name(imports: Sequence[Import]) -> dict[str, list[Import]]:
    grouped: dict[str, list[Import]] = {}
    for one in imports:
        grouped.setdefault(one.name, []).append(one)
    return grouped


def _module(
    name: str,
    warm: Sequence[Mapping[str, Sequence[Import]]],
    cold: Sequence[Mapping[str, Sequence[Import]]],
) -> Module:
    here_warm = [grouped[name] for grouped in warm if name in grouped]
    here_cold = [grouped[name] for grouped in cold if name in grouped]
    return Module(
        name=name,
        warm=_cost(here_warm),
        cold=_cost(here_cold),
        children=merge(_children(here_warm), _children(here_cold)),
    )


def _children(processes: Sequence[Sequence[Import]]) -> list[list[Import]]:
    return [[child for one in ones for child in one.children] for ones in processes]


def _cost(processes: Sequence[Sequence[Import]]) -> Cost | None:
    if not processes:
        return None
    return Cost(
        own=estimate([_US * sum(one.own_us for one in ones) for ones in processes]),
        total=estimate([_US * sum(one.total_us for one in ones) for ones in processes]),
    )
