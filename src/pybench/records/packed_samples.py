"""The samples of a pair in one array: of a large run they would fill the memory."""

from __future__ import annotations

import functools
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from pybench.records.samples import Sample

Shape = tuple[tuple[int, ...], ...]  # samples of each process of each arm
Processes = tuple[tuple[Sample, ...], ...]  # the samples of each process of an arm

# Numbers of one sample.
WIDTH = 4
# Where it is not known how often a process was blocked.
_UNKNOWN = -1


@functools.lru_cache(1024)
def _shared(shape: Shape) -> Shape:
    """Return one object for all pairs of one shape."""
    return shape


class PackedSamples(Mapping[str, Processes]):
    """Reads like the mapping that it was made of; samples are made when asked for.

    `numbers` has arm by arm and process by process of each sample its wall, CPU and
    waited time in ns, and how often it was blocked, -1 where that is not known.
    """

    __slots__ = ("arms", "numbers", "shape")

    def __init__(self, samples: Sequence[Processes], arms: tuple[str, ...]) -> None:
        self.arms = arms
        self.shape = _shared(tuple(tuple(map(len, of_arm)) for of_arm in samples))
        every = chain.from_iterable(chain.from_iterable(samples))
        numbers = [
            number
            for s in every
            for number in (
                s.wall_ns,
                s.cpu_ns,
                s.waited_ns,
                _UNKNOWN if s.blocked is None else s.blocked,
            )
        ]
        try:
            self.numbers = array("i", numbers)
        except OverflowError:  # a sample of more than two seconds
            self.numbers = array("q", numbers)

    def __getitem__(self, arm: str) -> Processes:
        """Return the samples of each process of an arm."""
        return tuple(
            tuple(
                Sample(
                    wall_ns=wall_ns,
                    cpu_ns=cpu_ns,
                    waited_ns=waited_ns,
                    blocked=None if blocked == _UNKNOWN else blocked,
                )
                for wall_ns, cpu_ns, waited_ns, blocked in zip(
                    *(numbers[place::WIDTH] for place in range(WIDTH)), strict=True
                )
            )
            for numbers in self.of_processes(arm)
        )

    def of_processes(self, arm: str) -> Iterator[array[int]]:
        """Yield the numbers of each process of an arm."""
        if arm not in self.arms:
            raise KeyError(arm)
        place = self.arms.index(arm)
        start = WIDTH * sum(map(sum, self.shape[:place]))
        for count in self.shape[place]:
            end = start + WIDTH * count
            yield self.numbers[start:end]
            start = end

    def __contains__(self, arm: object) -> bool:
        """Tell whether an arm has samples."""
        return arm in self.arms

    def __iter__(self) -> Iterator[str]:
        """Yield the arms."""
        return iter(self.arms)

    def __len__(self) -> int:
        """Return how many arms there are."""
        return len(self.arms)
