"""Which tests are rows, which are kernel rows, and what their markers say."""

import pytest


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
        if definition.func.__module__ == "pybench.plugin":
            return True
        if "kernel" not in definition.argnames:  # it does not build on ours
            return False
    return False


def data_limit(item: pytest.Item) -> int | None:
    """Read how many raw values a row's ``pybench`` marker lets into the JSON."""
    marker = item.get_closest_marker("pybench")
    if marker is None:
        return None
    limit = marker.kwargs.get("data_limit")
    unknown = set(marker.kwargs) - {"data_limit"}
    is_count = type(limit) is int and limit >= 1
    if marker.args or unknown or not is_count:
        raise pytest.UsageError(
            f"{item.nodeid}: the marker is pybench(data_limit=N) with N at least 1, "
            f"not pybench{marker.args or ''}{marker.kwargs or ''}"
        )
    return int(marker.kwargs["data_limit"])
