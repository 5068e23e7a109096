"""The other names of rows: under which people ask for them.

A suite has them in one table, ``aliases.toml`` beside its categories, which says for
each name the selector of the rows that it means. A name stands for the category, the
area or the whole place of a row, so that selectors and their globs find it as they
find a row.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from pybench.target.plugin.selectors import Place, matches, parts

FILE = "aliases.toml"

Aliases = Mapping[str, str]


@cache
def read_aliases(suite: Path) -> Aliases:
    """Read the table of a suite; empty if it has none.

    Raises
    ------
    pytest.UsageError
        If it is none; says which entry.
    """
    path = suite / FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"{path}: {error}") from None
    table = document.get("aliases", {})
    if not isinstance(table, dict):
        raise pytest.UsageError(f"{path}: aliases is {table!r}, not a table")
    for alias, selector in table.items():
        texts = (alias, selector)
        if any(not isinstance(text, str) or is_odd(text) for text in texts):
            raise pytest.UsageError(
                f"{path}: {alias!r} = {selector!r}: both are category/area/operation "
                "or the beginning of that"
            )
    return table


def is_odd(text: str) -> bool:
    """Tell whether a text has no part, an empty one, or too many."""
    found = parts(text)
    return not 1 <= len(found) <= 3 or not all(found)


def other_places(place: Place, aliases: Aliases) -> list[Place]:
    """Return the places of a row under its other names.

    What an alias leaves out is the row's own: as ``gil/lock_patterns`` the row
    ``threading/locks/barrier`` is at ``gil/lock_patterns/barrier``. One of the whole
    place keeps the row's parameters.
    """
    found = []
    for alias, selector in aliases.items():
        if not matches(selector, place):
            continue
        given = parts(alias)
        category, area, operation = [*given, *place[len(given) :]]
        if len(given) == len(place):
            _, bracket, parameters = place[2].partition("[")
            operation += bracket + parameters
        found.append((category, area, operation))
    return found
