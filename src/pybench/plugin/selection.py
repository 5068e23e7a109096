"""Which of the collected tests this session runs.

A selector is ``category/area/operation``: the folder, the file without ``test_`` and
the function without ``test_benchmark_<category>_``. Each part may be a glob, and what
is left out at the end is everything.
"""

import difflib
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

import pytest

Place = tuple[str, str, str]

# Seconds a row of --pybench-quick gets: sixty of them, their set-up and the start of
# the session have to end within a minute on a busy machine of two cores.
QUICK_BUDGET_S = 0.1


def select_quick(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests marked ``quick``.

    Raises
    ------
    pytest.UsageError
        If tests were collected and none of them is marked.
    """
    count = len(items)
    keep(config, items, lambda item: item.get_closest_marker("quick") is not None)
    if count and not items:
        raise pytest.UsageError(
            f"--pybench-quick: none of the {count} tests collected here is marked "
            "quick; mark some with @pytest.mark.quick, or run without the option"
        )


def cut_budget(item: pytest.Item) -> None:
    """Give a row at most the quick budget; less is left to it."""
    marker = item.get_closest_marker("benchmark")
    settings = dict(marker.kwargs) if marker else {}
    own = float(settings.get("max_time", QUICK_BUDGET_S))
    settings["max_time"] = min(own, QUICK_BUDGET_S)
    # pytest-benchmark reads the closest marker alone, so it has to carry them all.
    item.add_marker(pytest.mark.benchmark(**settings), append=False)


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


def select(
    config: pytest.Config, items: list[pytest.Item], selectors: Sequence[str]
) -> None:
    """Keep the tests that any of the selectors matches.

    Raises
    ------
    pytest.UsageError
        If a selector is none, or matches nothing; names what is near.
    """
    places = {item: place_of(item) for item in items}
    for selector in selectors:
        if not 1 <= len(parts(selector)) <= 3:
            raise pytest.UsageError(
                f"{selector!r} is no selector: it is category/area/operation or the "
                "beginning of that, such as memory/refcount/*"
            )
        if items and not any(matches(selector, place) for place in places.values()):
            hint = near(selector, places.values())
            raise pytest.UsageError(f"no benchmark matches {selector!r}; {hint}")
    keep(
        config,
        items,
        lambda item: any(matches(selector, places[item]) for selector in selectors),
    )


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


def near(selector: str, places: Iterable[Place]) -> str:
    """Say what somebody may have meant, else what there is."""
    known: dict[str, None] = {}
    for category, area, operation in places:
        whole = f"{category}/{area}/{operation.partition('[')[0]}"
        known |= dict.fromkeys((category, f"*/{area}", f"{category}/{area}", whole))
    found = difflib.get_close_matches(selector, known, n=4)
    if found:
        return f"near: {', '.join(found)}"
    categories = sorted(word for word in known if "/" not in word)
    return f"categories here: {', '.join(categories)}"
