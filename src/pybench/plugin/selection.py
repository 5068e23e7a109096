"""Which of the collected tests this session runs."""

from collections.abc import Callable

import pytest

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
