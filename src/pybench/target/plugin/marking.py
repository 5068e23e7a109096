"""Which tests are rows, which are kernel rows, and what their markers say."""

from typing import Any

import pytest

from pybench.target.process.identity import gil_enabled, is_free_threaded

# In the stash of an item that stands for a file which wants a process that has no other
# file. Under `pybench compare` the file gets one, if the item is selected.
OWN_PROCESS = pytest.StashKey[bool]()
# In the stash of the configuration, by selector or option: why it selects none of what
# this session has collected.
UNMATCHED = pytest.StashKey[dict[str, str]]()

MARKERS = (
    "kernel: a row measured by a native kernel (set by the fixture `kernel`)",
    "pybench(data_limit=N, alternate=True, margin=F): save at most N raw values of "
    "this row; never run it beside itself; call changes below F equivalent",
    "quick: a row of the short list that --pybench-quick runs",
    "slow: a row that takes seconds",
    "requires_ft: a row that is n/a unless the GIL is off",
    "threads(n): a row of n threads, oversubscribed where fewer CPUs are usable",
    "async_loop(name): the event loop of a row of benchmark_async, asyncio or uvloop",
    "needs(*what): libraries without which a row is n/a, for `pybench list`",
)


def is_row(item: pytest.Item) -> bool:
    """Tell whether a test is a benchmark."""
    return "benchmark" in getattr(item, "fixturenames", ())


def is_kernel_row(item: pytest.Item) -> bool:
    """Tell whether a test uses our `kernel`, not a fixture of that name of its own."""
    if "kernel" not in getattr(item, "fixturenames", ()):
        return False
    known = getattr(item, "_fixtureinfo", None)
    definitions = known.name2fixturedefs.get("kernel", ()) if known else ()
    for definition in reversed(definitions):
        if definition.func.__module__ == "pybench.target.plugin":
            return True
        if "kernel" not in definition.argnames:  # it does not build on ours
            return False
    return False


_SETTINGS = {"data_limit", "alternate", "margin"}


def data_limit(item: pytest.Item) -> int | None:
    """Read how many raw values a row's ``pybench`` marker lets into the JSON."""
    limit = marker_settings(item).get("data_limit")
    if limit is None or (type(limit) is int and limit >= 1):
        return limit
    raise pytest.UsageError(
        f"{item.nodeid}: the marker is pybench(data_limit=N) with N at least 1, not "
        f"data_limit={limit!r}"
    )


def marker_settings(item: pytest.Item) -> dict[str, Any]:
    """Merge the ``pybench`` markers of a row, the closest one winning."""
    merged: dict[str, Any] = {}
    for marker in reversed([*item.iter_markers("pybench")]):
        unknown = set(marker.kwargs) - _SETTINGS
        if marker.args or unknown or not marker.kwargs:
            raise pytest.UsageError(
                f"{item.nodeid}: the marker is pybench(data_limit=N, alternate=True, "
                f"margin=0.03), not pybench{marker.args or ''}{marker.kwargs or ''}"
            )
        merged.update(marker.kwargs)
    return merged


def is_exclusive(item: pytest.Item) -> bool:
    """Tell whether a row said that two processes must not run it at once."""
    return bool(marker_settings(item).get("alternate"))


def margin(item: pytest.Item) -> float | None:
    """Read the relative change below which a row counts as equal."""
    value = marker_settings(item).get("margin")
    if value is None or (isinstance(value, int | float) and 0 < value < 1):
        return value
    raise pytest.UsageError(
        f"{item.nodeid}: pybench(margin={value!r}): expected a share such as 0.03"
    )


def thread_count(item: pytest.Item) -> int | None:
    """Read how many threads a row's ``threads`` marker says it has."""
    marker = item.get_closest_marker("threads")
    if marker is None:
        return None
    values = [*marker.args, *marker.kwargs.values()]
    is_count = len(values) == 1 and type(values[0]) is int and values[0] >= 1
    if not is_count or set(marker.kwargs) - {"n"}:
        raise pytest.UsageError(
            f"{item.nodeid}: the marker is threads(n) with n at least 1, "
            f"not threads{marker.args or ''}{marker.kwargs or ''}"
        )
    return int(values[0])


def label_threads(
    extra_info: dict[str, Any], declared: int | None, usable_cpus: int
) -> None:
    """Record a row's threads, and whether they are more than the usable CPUs.

    `declared` is what its marker says; what the row says of itself goes first. The
    usable CPUs are by affinity and the cgroup's quota; a row may know the affinity
    alone.
    """
    if declared is not None:
        extra_info.setdefault("threads", declared)
    threads = extra_info.get("threads")
    if type(threads) is int:
        is_said = extra_info.get("oversubscribed") is True
        extra_info["oversubscribed"] = is_said or threads > usable_cpus


def skip_without_free_threading(item: pytest.Item, *, gil_was_turned_on: bool) -> None:
    """Make a ``requires_ft`` row n/a where the GIL is on.

    Not where a module turned it on behind the user's back: the row is void then, and
    calling it n/a would hide the module.
    """
    if item.get_closest_marker("requires_ft") is None or gil_was_turned_on:
        return
    if not is_free_threaded():
        reason = "needs a free-threaded build"
    elif gil_enabled():
        reason = "needs the GIL off, and this process was started with it on"
    else:
        return
    # A marker: pytest then names the test's own line and sets no fixture up.
    item.add_marker(pytest.mark.skip(reason=f"n/a: {reason}"))
