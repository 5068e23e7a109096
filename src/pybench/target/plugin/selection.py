"""Which of the collected tests this session runs.

A selector means rows by their own names; one that no row has so is looked up among
the other names of the suite.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence

import pytest

from pybench.target.plugin.aliases import other_places, read_aliases
from pybench.target.plugin.selectors import Place, matches, parts, place_of

# For the profiles of one row, each in a process of its own.
ROW_OPTION = "--pybench-row"

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


def select_row(config: pytest.Config, items: list[pytest.Item], name: str) -> None:
    """Keep the row of this node id: on the command line it would be read as a path.

    Raises
    ------
    pytest.UsageError
        If it is not collected here.
    """
    keep(config, items, lambda item: item.nodeid == name)
    if not items:
        raise pytest.UsageError(f"{ROW_OPTION}: there is no row {name} here")


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
    own = {item: [place_of(item)] for item in items}
    other = {
        item: other_places(places[0], read_aliases(item.path.parent.parent))
        for item, places in own.items()
    }
    chosen: set[pytest.Item] = set()
    for selector in selectors:
        if not 1 <= len(parts(selector)) <= 3:
            raise pytest.UsageError(
                f"{selector!r} is no selector: it is category/area/operation or the "
                "beginning of that, such as memory/refcount/*"
            )
        # By their own names first: an alias adds nothing to a folder that is there.
        found = meant(selector, own) or meant(selector, other)
        if items and not found:
            known = [
                place for places in (*own.values(), *other.values()) for place in places
            ]
            raise pytest.UsageError(
                f"no benchmark matches {selector!r}; {near(selector, known)}; "
                "`pybench list` prints all"
            )
        chosen |= found
    keep(config, items, lambda item: item in chosen)


def meant(
    selector: str, places: Mapping[pytest.Item, Iterable[Place]]
) -> set[pytest.Item]:
    """Return the tests with a place that a selector matches."""
    return {
        item
        for item, of_item in places.items()
        if any(matches(selector, place) for place in of_item)
    }


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
