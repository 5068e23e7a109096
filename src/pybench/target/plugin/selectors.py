"""Where a row is in its suite, and what a selector means.

A selector is ``category/area/operation``: the folder, the file without ``test_`` and
the function without ``test_benchmark_<category>_``. Each part may be a glob, and what
is left out at the end is everything.
"""

from fnmatch import fnmatchcase

import pytest

Place = tuple[str, str, str]


def place_of(item: pytest.Item) -> Place:
    """Return the category, area and operation of a test, parameters included."""
    category = item.path.parent.name
    operation = item.name.removeprefix("test_").removeprefix("benchmark_")
    area = item.path.stem.removeprefix("test_")
    return category, area, operation.removeprefix(f"{category}_")


def parts(selector: str) -> list[str]:
    """Split a selector; a slash at its end is nothing."""
    stripped = selector.removesuffix("/")
    return stripped.split("/") if stripped else []


def matches(selector: str, place: Place) -> bool:
    """Tell whether a selector means a test.

    An operation is meant with its parameters and without them: ``release`` is both
    ``release[1]`` and ``release[2]``, and ``release[1]``, which as a glob would mean
    another thing, is itself.
    """
    category, area, operation = [*parts(selector), "*", "*", "*"][:3]
    bare = place[2].partition("[")[0]
    return (
        fnmatchcase(place[0], category)
        and fnmatchcase(place[1], area)
        and (
            operation == place[2]
            or fnmatchcase(place[2], operation)
            or fnmatchcase(bare, operation)
        )
    )
