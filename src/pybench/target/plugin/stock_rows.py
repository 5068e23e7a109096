"""A row that our own fixtures measure, in the stock fixture's table and JSON.

What they take of the private side of `BenchmarkFixture`: that it is used once, its
options, and how a round gets into its statistics.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

# What stock's own calls obey and a fixture of ours cannot.
THREADS = "benchmark_threads"
_CPROFILE = "--benchmark-cprofile"
_TIMER = "--benchmark-timer"
_PRECISION = "--benchmark-precision"


@contextmanager
def used_once(benchmark: Any, mode: str) -> Iterator[None]:
    """Mark the stock fixture as used by one of ours; a second use is stock's error."""
    __tracebackhide__ = True
    from pytest_benchmark.fixture import FixtureAlreadyUsed

    if benchmark._mode:
        benchmark.has_error = True
        raise FixtureAlreadyUsed(
            "Fixture can only be used once. Previously it was used in "
            f"{benchmark._mode} mode."
        )
    benchmark._mode = mode
    try:
        yield
    except BaseException:
        benchmark.has_error = True
        raise


def say_ignored(benchmark: Any, fixture: str, say: Callable[[str], None]) -> None:
    """Say which options of the user's do not hold for rows of this fixture."""
    ignored = [_CPROFILE] if benchmark.cprofile else []
    # Stock's default is one of these two, by its version.
    if benchmark._timer not in (perf_counter, None):
        ignored.append(_TIMER)
    if getattr(benchmark, "_precision", None) is not None:  # from 5.3 on
        ignored.append(_PRECISION)
    if ignored:
        say(f"rows of {fixture} are measured without {', '.join(ignored)}")


def add_rounds(benchmark: Any, rounds_s: Iterable[float], calls: int) -> None:
    """Give the row its rounds of so many calls each, in seconds."""
    stats = benchmark._make_stats(calls)
    for seconds in rounds_s:
        stats.update(seconds)


def is_of_threads(extra_info: Mapping[str, Any]) -> bool:
    """Tell whether a row is one of `benchmark_threads`, by what that has marked."""
    record = extra_info.get("pybench")
    return isinstance(record, dict) and record.get("fixture") == THREADS


def mark_ours(benchmark: Any, fixture: str) -> None:
    """Say in the row who measured it: only such rows are listed behind the table."""
    record = benchmark.extra_info.setdefault("pybench", {})
    if isinstance(record, dict):
        record["fixture"] = fixture
