"""Short names of rows that can be told apart, the same in every face.

A name is as short as its neighbours allow: a test's own name where no other row bears
it, with its class where two classes have it, with as much of the path as it takes where
two files have it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pybench.records.texts import printable
from pybench.report.labels import LONGEST_NAME, own_name, shortened

# Digits of a digest that keep two names apart which are alike where they are shown.
_DIGITS = (4, 8, 16, 64)


def short_names(rows: Iterable[str], longest: int = LONGEST_NAME) -> dict[str, str]:
    """Return a short name for each row, different from all others.

    Parameters
    ----------
    rows : iterable of str
        Full names, as pytest gives them; all that are shown together.
    longest : int
        Characters that a name may have: longer ones are cut in the middle.
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

    Parameters
    ----------
    names : mapping of str to str, or sequence of str
        What each is called, or the names themselves.
    longest : int
        Characters, twelve or more.
    """
    if not isinstance(names, Mapping):
        names = {name: printable(name) for name in names}
    found = {key: shortened(name, longest) for key, name in names.items()}
    for digits in _DIGITS:
        counts = Counter(found.values())
        alike = [key for key, name in found.items() if counts[name] > 1]
        if not alike:
            break
        for key in alike:
            found[key] = _marked(names[key], _digest(key)[:digits], longest)
    return found


def _ways(row: str) -> list[str]:
    """Return what a row may be called, the shortest first and its full name last."""
    path, _, test = row.partition("::")
    head, bracket, parameters = test.partition("[")
    own = head.split("::")
    ways = [own_name(row)]
    ways += [
        "::".join(own[first:]) + bracket + parameters
        for first in range(len(own) - 2, -1, -1)
    ]
    folders = path.split("/")
    ways += [
        f"{'/'.join(folders[first:])}::{test}" if test else "/".join(folders[first:])
        for first in range(len(folders) - 1, -1, -1)
    ]
    return [*ways, row]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _marked(name: str, mark: str, longest: int) -> str:
    """Return a name with a mark in its middle, where it is cut."""
    room = max(longest - len(mark) - 2, 2)
    if len(name) <= room:
        return f"{name}…{mark}"
    end = room // 3
    return f"{name[: room - end]}…{mark}…{name[len(name) - end :] if end else ''}"
