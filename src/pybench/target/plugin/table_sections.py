"""What is known of rows beside their times, listed after the table.

A row says it in ``extra_info``: ``bytes`` is a mapping of what was weighed to its
size, ``scaling`` one with ``threads``, ``speedup`` and more of `benchmark_threads`; an
interval ``low`` to ``high`` is over processes. What the columns do not have is listed
behind. What memory it takes is not the row's to say: `pybench.target.plugin.memory`
looks at that.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from pybench.records.instructions import RowInstructions
from pybench.records.journal import JournalRow
from pybench.records.speed_ups import LEAST_PROCESSES
from pybench.records.texts import size_text

WIDTH = 110

T = TypeVar("T")

# The spread of one process says nothing of the next: where objects lie, and which
# thread owns them, is new in each.
NO_INTERVAL = (
    "one process: no interval, the spread is that of its rounds; "
    f"--pybench-processes={LEAST_PROCESSES} gives one"
)

_RATES = ("", "k", "M", "G")
# What is known of a number of threads, in columns; the interval where there is one.
_COLUMNS = ("threads", "speedup", "spread", "control", "fairness", "per_second")
_INTERVAL_COLUMNS = ("threads", "speedup", "low", "high", "control", "fairness")
_HEADS = {"per_second": "per s"}
# What files have besides.
_MESSAGES = ("message_ns", "message_least_ns", "message_most_ns")
_FILED = {"one_thread_ns", "rounds", "processes", *_MESSAGES}
_MEMORY_COLUMNS = {
    "rss_peak_bytes": "rss peak",
    "rss_grown_bytes": "rss left",
    "traced_peak_bytes": "traced peak",
    "blocks_grown": "blocks left",
}


def size_lines(rows: Iterable[JournalRow]) -> list[str]:
    """List the sizes, a line per row, or more where they do not fit."""
    sized = list(_rows_with(rows, "bytes"))
    width = max((len(name) for name, _ in sized), default=0)
    lines = []
    for name, sizes in sized:
        pairs = [f"{what} {size_text(size)}" for what, size in sizes.items()]
        lines += _wrapped(name, width, pairs)
    return lines


def scaling_lines(rows: Iterable[JournalRow]) -> list[str]:
    """List the speedups in columns, under a head.

    A row with an interval has it from processes; the spread of one is not shown then.
    """
    scaled = list(_rows_with(rows, "scaling"))
    if not scaled:
        return []
    lacking = sum("low" not in facts for _, facts in scaled)
    columns = _COLUMNS if lacking == len(scaled) else _INTERVAL_COLUMNS
    known = {*_COLUMNS, *_INTERVAL_COLUMNS, *_FILED}
    width = max(len(name) for name, _ in scaled)
    lines = [
        "".join([" " * width, *(f"{_HEADS.get(what, what):>10}" for what in columns)])
    ]
    for name, facts in scaled:
        numbers = [
            _rate_text(facts[what])
            if what == "per_second" and what in facts
            else _number_text(facts.get(what))
            for what in columns
        ]
        head = "".join([f"{name:<{width}}", *(f"{number:>10}" for number in numbers)])
        rest = [
            f"{what} {_number_text(value)}"
            for what, value in facts.items()
            if what not in known
        ]
        if rest and len(head) > WIDTH - 30:
            lines.append(head)
            lines += _wrapped("", width, rest)
        else:
            lines += _wrapped(head, len(head), rest)
    if lacking:
        most = max(facts.get("processes", 1) for _, facts in scaled)
        lines.append(NO_INTERVAL if most == 1 else _few_processes_text(most))
    return lines + _message_lines([facts for _, facts in scaled])


def _message_lines(scaled: list[Mapping[str, float]]) -> list[str]:
    """Say how far the CPUs were apart, on which the cost of what is shared depends."""
    known = [facts[what] for facts in scaled for what in _MESSAGES if what in facts]
    if not known:
        return []
    low, high = min(known), max(known)
    took = f"{low:.0f} ns" if high < 1.5 * low else f"{low:.0f} to {high:.0f} ns"
    return [
        f"a message between two of the CPUs and back took {took}: what threads share "
        "costs by it"
    ]


def _few_processes_text(processes: float) -> str:
    return f"{processes} processes: no interval, it takes {LEAST_PROCESSES}"


def memory_lines(
    rows: Iterable[JournalRow], memory: Mapping[str, Mapping[str, int]]
) -> list[str]:
    """List what rows took, by their full names, under a head."""
    taken, width = _known_of(rows, memory)
    if not taken:
        return []
    heads = "".join(f"{head:>13}" for head in _MEMORY_COLUMNS.values())
    lines = [
        "above what there was before the row; processes of their own, after the times",
        " " * width + heads,
    ]
    for name, numbers in taken:
        cells = "".join(f"{_memory_text(numbers, key):>13}" for key in _MEMORY_COLUMNS)
        lines.append(f"{name:<{width}}{cells}")
    return lines


def instruction_lines(
    rows: Iterable[JournalRow], counted: Mapping[str, RowInstructions]
) -> list[str]:
    """List what rows execute per iteration, or why that is not known."""
    counts, width = _known_of(rows, counted)
    if not counts:
        return []
    lines = [f"per iteration, counted by {counts[0][1].counter}; they are no times"]
    for name, known in counts:
        text = " ".join(f"{count:>14,.1f}" for count in known.processes)
        lines.append(f"{name:<{width}} {text or known.reason}")
    return lines


def _known_of(
    rows: Iterable[JournalRow], known: Mapping[str, T]
) -> tuple[list[tuple[str, T]], int]:
    """Return what is known of rows, in the order of their names, and the longest."""
    pairs = [
        (row.name.removeprefix("test_"), known[row.fullname])
        for row in sorted(rows, key=lambda row: row.name)
        if row.fullname in known
    ]
    return pairs, max((len(name) for name, _ in pairs), default=0)


def _memory_text(numbers: Mapping[str, int], key: str) -> str:
    if key not in numbers:
        return "n/a"
    return size_text(numbers[key]) if key.endswith("bytes") else f"{numbers[key]:,}"


def _number_text(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def _rate_text(value: float) -> str:
    """Write a rate with the unit in which it has one to three digits."""
    unit = 0
    while value >= 999.95 and unit + 1 < len(_RATES):
        value, unit = value / 1000, unit + 1
    return f"{value:.1f}{_RATES[unit]}"


def _rows_with(
    rows: Iterable[JournalRow], key: str
) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Yield name and numbers of the rows that have them, in the order of names."""
    for row in sorted(rows, key=lambda row: row.name):
        # Only rows of a suite that asks for our record: elsewhere the same word may
        # mean another thing.
        is_ours = isinstance(row.extra_info.get("pybench"), dict)
        facts = row.extra_info.get(key)
        if not is_ours or not isinstance(facts, dict):
            continue
        numbers = {
            str(what): value
            for what, value in facts.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }
        if numbers:
            yield row.name.removeprefix("test_"), numbers


def _wrapped(head: str, width: int, pairs: list[str]) -> list[str]:
    """Put the pairs behind the head, and below each other where they do not fit."""
    # A pair is not torn apart: its space only looks like one.
    text = "  ".join(pair.replace(" ", "\0") for pair in pairs)
    lines = textwrap.wrap(
        text,
        width=WIDTH,
        initial_indent=f"{head:<{width}}  ",
        subsequent_indent=" " * (width + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines] or [head]
