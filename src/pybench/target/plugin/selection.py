"""Which of the collected tests this session runs.

A selector is ``category/area/operation``: the folder, the file without ``test_`` and
the function without ``test_benchmark_<category>_``. Each part may be a glob, and what
is left out at the end is everything. A suite may give its rows other names, in
``aliases.toml`` beside its categories: there each name has the selector of the rows it
means. It stands for the category, the area or the whole place of a row. A selector
that no row's own name matches is looked up among these.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from pybench.target.plugin.marking import OWN_PROCESS
from pybench.target.plugin.options import ROW

# Seconds a row of --pybench-quick gets: sixty of them, their set-up and the start of
# the session have to end within a minute on a busy machine of two cores.
QUICK_BUDGET_S = 0.1

ALIASES_FILE = "aliases.toml"

Place = tuple[str, str, str]
Aliases = Mapping[str, str]

QUICK = "--pybench-quick"


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


@cache
def read_aliases(suite: Path) -> Aliases:
    """Read the table of a suite; empty if it has none.

    Raises `pytest.UsageError` if it is none; says which entry.
    """
    path = suite / ALIASES_FILE
    import tomllib

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
        if not _is_selector(alias) or not _is_selector(selector):
            raise pytest.UsageError(
                f"{path}: {alias!r} = {selector!r}: both are category/area/operation "
                "or the beginning of that"
            )
    return table


def _is_selector(text: object) -> bool:
    words = parts(text) if isinstance(text, str) else []
    return 1 <= len(words) <= 3 and all(words)


def other_places(place: Place, aliases: Aliases) -> list[Place]:
    """Return the places of a row under its other names.

    What an alias leaves out is the row's own: as ``gil/lock_patterns`` the row
    ``threading/locks/barrier`` is at ``gil/lock_patterns/barrier``. One of the whole
    place keeps the row's parameters.
    """
    places = []
    for alias, selector in aliases.items():
        if not matches(selector, place):
            continue
        given = parts(alias)
        category, area, operation = [*given, *place[len(given) :]]
        if len(given) == len(place):
            _, bracket, parameters = place[2].partition("[")
            operation += bracket + parameters
        places.append((category, area, operation))
    return places


def keep(
    config: pytest.Config,
    items: list[pytest.Item],
    is_wanted: Callable[[pytest.Item], bool],
) -> None:
    """Deselect what is not wanted."""
    wanted = [item for item in items if is_wanted(item)]
    unwanted = [item for item in items if not is_wanted(item)]
    if unwanted:
        items[:] = wanted
        config.hook.pytest_deselected(items=unwanted)


def select_quick(config: pytest.Config, items: list[pytest.Item]) -> Mapping[str, str]:
    """Keep the tests marked ``quick``; tells of it if there are others only."""
    count = len(items)
    keep(config, items, lambda item: item.get_closest_marker("quick") is not None)
    if items or not count:
        return {}
    return {
        QUICK: f"{QUICK}: none of the {count} tests collected here is marked quick; "
        "mark some with @pytest.mark.quick, or run without the option"
    }


def select_row(config: pytest.Config, items: list[pytest.Item], name: str) -> None:
    """Keep the row of this node id: on the command line it would be read as a path."""
    keep(config, items, lambda item: item.nodeid == name)
    if not items:
        raise pytest.UsageError(f"{ROW}: there is no row {name} here")


def cut_budget(item: pytest.Item) -> None:
    """Give a row at most the quick budget; less is left to it."""
    marker = item.get_closest_marker("benchmark")
    settings = dict(marker.kwargs) if marker else {}
    own = float(settings.get("max_time", QUICK_BUDGET_S))
    settings["max_time"] = min(own, QUICK_BUDGET_S)
    # pytest-benchmark reads the closest marker alone, so it has to carry them all.
    item.add_marker(pytest.mark.benchmark(**settings), append=False)


def select(
    config: pytest.Config, items: list[pytest.Item], selectors: Sequence[str]
) -> Mapping[str, str]:
    """Keep the tests that any of the selectors matches.

    Returns the selectors that match nothing, each with a message that names what is
    near. Raises `pytest.UsageError` if a selector is none.
    """
    own = {item: [place_of(item)] for item in items}
    other = {
        item: other_places(places[0], read_aliases(item.path.parent.parent))
        for item, places in own.items()
    }
    chosen: set[pytest.Item] = set()
    unmatched: dict[str, str] = {}
    for selector in selectors:
        if not 1 <= len(parts(selector)) <= 3:
            raise pytest.UsageError(
                f"{selector!r} is no selector: it is category/area/operation or the "
                "beginning of that, such as memory/refcount/*"
            )
        # By their own names first: an alias adds nothing to a folder that is there.
        meant = _meant(selector, own) or _meant(selector, other)
        if items and not meant:
            known = [
                place for places in (*own.values(), *other.values()) for place in places
            ]
            unmatched[selector] = (
                f"no benchmark matches {selector!r}; {near(selector, known)}; "
                "`pybench list` prints all"
            )
        chosen |= meant
    keep(config, items, lambda item: item in chosen)
    return unmatched


def _meant(
    selector: str, places: Mapping[pytest.Item, Iterable[Place]]
) -> set[pytest.Item]:
    # What stands for a file has that file's place, and none of an operation.
    of_file = "/".join(parts(selector)[:2])
    return {
        item
        for item, of_item in places.items()
        if any(
            matches(of_file if OWN_PROCESS in item.stash else selector, place)
            for place in of_item
        )
    }


def near(selector: str, places: Iterable[Place]) -> str:
    """Say what somebody may have meant, else what there is."""
    import difflib

    known: dict[str, None] = {}
    for category, area, operation in places:
        whole = f"{category}/{area}/{operation.partition('[')[0]}"
        known |= dict.fromkeys((category, f"*/{area}", f"{category}/{area}", whole))
    close = difflib.get_close_matches(selector, known, n=4)
    if close:
        return f"near: {', '.join(close)}"
    categories = sorted(word for word in known if "/" not in word)
    return f"categories here: {', '.join(categories)}"
