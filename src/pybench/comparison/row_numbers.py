"""The numbers of a row's pairs, of all arms at once where they are packed alike.

The same as pair by pair and arm by arm, to the last bit, in a tenth of the time: a run
of 10,000 rows and seven arms has 15 million samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybench.records.packed_samples import WIDTH, PackedSamples
from pybench.records.run import PairRecord, RowRecord
from pybench.records.samples import CPU
from pybench.statistics.differences import (
    DifferenceError,
    adjacent_difference,
    exclusive_difference,
    running_ns,
    timed_ns,
)

Numbers = dict[str, dict[int, list[float]]]  # of each arm, by the run they are of
Times = NDArray[np.int64]


def difference(record: PairRecord, metric: str, baseline: str, side: str) -> float:
    """Return the number of one pair; `DifferenceError` if a time is not positive."""
    compute = exclusive_difference if record.apart else adjacent_difference
    processes = zip(record.timed(baseline), record.timed(side), strict=True)
    values = [compute(ours, theirs, metric) for ours, theirs in processes]
    return sum(values) / len(values)


def numbers_of(
    row: RowRecord, pairs: Sequence[PairRecord], baseline: str, sides: Iterable[str]
) -> Numbers:
    """Return the numbers of a row's pairs, in their order, by the run they are of."""
    numbers: Numbers = {side: {} for side in sides}
    for pair, side, number in each_number(row, pairs, baseline, [*numbers]):
        numbers[side].setdefault(pair.source, []).append(number)
    return numbers


def each_number(
    row: RowRecord, pairs: Sequence[PairRecord], baseline: str, sides: Sequence[str]
) -> Iterator[tuple[PairRecord, str, float]]:
    """Yield the pairs of a row with each arm and its number; of an arm in their order.

    Of a pair whose number cannot be made both arms are dropped, whichever it was.
    """
    for alike in _alike(pairs):
        times = _times(alike, row.clock)
        if times is None or baseline not in alike[0].samples:
            yield from _one_by_one(row, alike, baseline, sides)
            continue
        # By the library's logarithm, as a pair by itself has it.
        logs = np.array([*map(math.log, times.ravel().tolist())]).reshape(times.shape)
        arms = [*alike[0].samples]
        differences = logs - logs[:, arms.index(baseline), None, :]
        middles = _medians(differences).tolist()
        for pair, of_pair in zip(alike, middles, strict=True):
            for arm, number in zip(arms, of_pair, strict=True):
                if arm in sides:
                    yield pair, arm, number


def _one_by_one(
    row: RowRecord, pairs: Sequence[PairRecord], baseline: str, sides: Sequence[str]
) -> Iterator[tuple[PairRecord, str, float]]:
    for pair in pairs:
        for side in sides:
            if side in pair.samples:
                with suppress(DifferenceError):
                    yield pair, side, difference(pair, row.clock, baseline, side)


def times_ns(pair: PairRecord, arm: str, clock: str) -> list[list[int]]:
    """Return the times of each process of an arm, those of warm-ups too."""
    packed = pair.samples
    if not isinstance(packed, PackedSamples):
        return [[timed_ns(s, clock) for s in of] for of in packed.get(arm, ())]
    if arm not in packed:
        return []
    # Without an object for each sample.
    return [
        numbers[1::WIDTH].tolist()
        if clock == CPU
        else [*map(running_ns, numbers[::WIDTH], numbers[1::WIDTH], numbers[2::WIDTH])]
        for numbers in packed.of_processes(arm)
    ]


def medians_ns(
    row: RowRecord, pairs: Sequence[PairRecord], arms: Sequence[str]
) -> dict[str, float | None]:
    """Return the median time of one operation over all samples of each arm."""
    found: dict[str, list[NDArray[np.float64]]] = {arm: [] for arm in arms}
    for alike in _alike(pairs):
        times = _times(alike, row.clock, least=0)
        for place, arm in enumerate(alike[0].samples):
            if arm not in found:
                continue
            if times is not None:
                operations = np.array([pair.operations(row) for pair in alike])
                found[arm].append((times[:, place, :] / operations[:, None]).ravel())
                continue
            found[arm].append(
                np.array(
                    [
                        time / pair.operations(row)
                        for pair in alike
                        for process in times_ns(pair, arm, row.clock)
                        for time in process[pair.warmups :]
                    ]
                )
            )
    every = {
        arm: np.concatenate(parts or [np.empty(0)]) for arm, parts in found.items()
    }
    return {
        arm: float(_medians(values)) if len(values) else None
        for arm, values in every.items()
    }


def _alike(pairs: Sequence[PairRecord]) -> Iterator[list[PairRecord]]:
    """Yield pairs that follow on each other and are packed in one form."""
    last, alike = None, list[PairRecord]()
    for pair in pairs:
        packed = pair.samples
        form = (
            (packed.arms, packed.shape, pair.warmups, pair.apart)
            if isinstance(packed, PackedSamples)
            else (*packed,)
        )
        if form != last and alike:
            yield alike
            alike = []
        last = form
        alike.append(pair)
    if alike:
        yield alike


def _times(pairs: Sequence[PairRecord], clock: str, least: int = 1) -> Times | None:
    """Return the times that count, by pair, arm and sample.

    None where they are not packed, or arms are not of one process with as many samples
    each, or a time is below `least`.
    """
    packed, warmups = pairs[0].samples, pairs[0].warmups
    if not isinstance(packed, PackedSamples) or pairs[0].apart:
        return None
    count = packed.shape[0][0] if packed.shape else 0
    if {*packed.shape} != {(count,)} or not 0 <= warmups < count:
        return None
    numbers = np.concatenate([_packed(pair) for pair in pairs]).astype(np.int64)
    every = numbers.reshape(len(pairs), len(packed), count, WIDTH)[:, :, warmups:, :]
    wall, cpu, waited = (every[..., place] for place in range(3))
    times: Times = cpu
    if clock != CPU:  # as in `running_ns`
        idle = np.maximum(0, wall - cpu)
        times = np.where(waited >= wall, wall, wall - np.minimum(waited, idle))
    return times if int(times.min()) >= least else None


def _packed(pair: PairRecord) -> NDArray[np.signedinteger[Any]]:
    assert isinstance(pair.samples, PackedSamples)  # they are alike
    numbers = pair.samples.numbers
    return np.frombuffer(numbers, dtype=numbers.typecode)


def _medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the medians along the last axis."""
    ordered = np.sort(values, axis=-1)
    length = values.shape[-1]
    middle: NDArray[np.float64] = ordered[..., length // 2]
    if length % 2:
        return middle
    return (ordered[..., length // 2 - 1] + middle) / 2
