"""Short names of rows that can be told apart, the same in every format.

A name is as short as its neighbours allow: a test's own name where no other row bears
it, with its class where two classes have it, with as much of the path as it takes where
two files have it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pybench.records.row_names import row_name
from pybench.records.texts import printable
from pybench.report.labels import shortened

# A row's name may have parameters of any length.
LONGEST_NAME = 120

# Digits of a digest that keep two names apart which are alike where they are shown.
_DIGITS = (4, 8, 16, 64)


def pytest_name(row: str) -> str:
    """Return what pytest calls a test: its function and parameters, without a class."""
    name = row_name(row)
    _, bracket, parameters = name.test.partition("[")
    return name.operation + bracket + parameters or name.path


def operation(row: str) -> str:
    """Return the name of a row that is shown alone; `short_names` has those of many."""
    return shortened(printable(_own_name(row)), LONGEST_NAME)


def short_names(rows: Iterable[str], longest: int = LONGEST_NAME) -> dict[str, str]:
    """Return a short name for each row, different from all others.

    A name is cut in the middle to so many characters. Pass all rows that are shown
    together, under their full names.
    """
    ways = {row: _ways(row) for row in rows}
    taken = dict.fromkeys(ways, 0)
    while True:
        names = {row: printable(ways[row][taken[row]]) for row in ways}
        counts = Counter(names.values())
        longer = [
            row
            for row, name in names.items()
            if counts[name] > 1 and taken[row] + 1 < len(ways[row])
        ]
        if not longer:
            return distinct(names, longest)
        for row in longer:
            taken[row] += 1


def distinct(names: Mapping[str, str] | Sequence[str], longest: int) -> dict[str, str]:
    """Return names that are cut in the middle to a length and stay different.

    `names` has what each is called, or the names themselves; `longest` is twelve
    characters or more.
    """
    if not isinstance(names, Mapping):
        names = {name: printable(name) for name in names}
    cut = {key: shortened(name, longest) for key, name in names.items()}
    for digits in _DIGITS:
        counts = Counter(cut.values())
        alike = [key for key, name in cut.items() if counts[name] > 1]
        if not alike:
            break
        for key in alike:
            digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
            cut[key] = _marked(names[key], digest[:digits], longest)
    return cut


def _own_name(row: str) -> str:
    """Return a row's name without what all names have in common."""
    name = pytest_name(row)
    return name.removeprefix("test_benchmark_").removeprefix("test_") or name


def _ways(row: str) -> list[str]:
    """Return what a row may be called, the shortest first and its full name last."""
    path, _, test = row.partition("::")
    head, bracket, parameters = test.partition("[")
    classes, folders = head.split("::"), path.split("/")
    with_class = (
        "::".join(classes[first:]) + bracket + parameters
        for first in range(len(classes) - 2, -1, -1)
    )
    with_path = (
        "::".join(filter(None, ("/".join(folders[first:]), test)))
        for first in range(len(folders) - 1, -1, -1)
    )
    return [_own_name(row), *with_class, *with_path, row]


def _marked(name: str, mark: str, longest: int) -> str:
    """Return a name with a mark in its middle, where it is cut."""
    room = max(longest - len(mark) - 2, 2)
    if len(name) <= room:
        return f"{name}…{mark}"
    end = room // 3
    return f"{name[: room - end]}…{mark}…{name[len(name) - end :] if end else ''}"
