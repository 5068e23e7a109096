"""Rows that do their operation many times a call show the time of one operation.

A statement of 5 ns cannot be timed through a fixture that costs 50 ns a call, so such
a row times a function that does it a thousand times and says so:
``benchmark.extra_info["operations"] = 1000``. Stock pytest-benchmark would show the
thousand.
"""

from typing import Any


def divide_by_operations(metadata: Any) -> None:
    """Turn a row's seconds per call into seconds per operation, in place.

    Parameters
    ----------
    metadata : pytest_benchmark.stats.Metadata
        A row that has been measured and not been looked at yet: its statistics are
        computed from the raw data when they are first asked for. Its iterations
        become operations, as for a row that stock itself repeats.

    Raises
    ------
    ValueError
        If the count is not an int of at least 1.
    """
    count = metadata.extra_info.get("operations", 1)
    if type(count) is not int or count < 1:
        raise ValueError(
            f"{metadata.fullname}: extra_info['operations'] must be an int of at "
            f"least 1, not {count!r}"
        )
    metadata.stats.data[:] = [seconds / count for seconds in metadata.stats.data]
    metadata.iterations *= count
