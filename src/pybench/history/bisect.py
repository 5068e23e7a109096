"""With which of several versions a row changed, by halves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pybench.records.summary import FASTER, INCONCLUSIVE, NO_VERDICT, SLOWER


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Between which versions the change lies, by their indices.

    `word` is what the last is against the first; without a change `same` and `changed`
    are the two ends. `undecided` are those between `same` and `changed` of which no
    verdict could be had.
    """

    word: str
    same: int
    changed: int
    undecided: tuple[int, ...] = ()

    @property
    def is_change(self) -> bool:
        """Whether the last is slower or faster than the first."""
        return self.word in (SLOWER, FASTER)


def search(count: int, judge: Callable[[int], str]) -> Found:
    """Find the first version that is changed as the last one is.

    `judge` returns the verdict of a version against the first, whose index is 0. One
    that has another verdict than the last counts as the same as the first; of one that
    has none its neighbours are asked. Raises `ValueError` for fewer than two.
    """
    if count < 2:
        raise ValueError(f"{count} versions: two are the least that can differ")
    low, high = 0, count - 1
    word = judge(high)
    found = Found(word=word, same=low, changed=high)
    if not found.is_change:
        return found
    undecided: set[int] = set()
    while asked := {*range(low + 1, high)} - undecided:
        middle = min(asked, key=lambda index: (abs(2 * index - low - high), index))
        said = judge(middle)
        if said == word:
            high = middle
        elif said in (INCONCLUSIVE, NO_VERDICT):
            undecided.add(middle)
        else:
            low = middle
    between = sorted(index for index in undecided if low < index < high)
    return Found(word=word, same=low, changed=high, undecided=tuple(between))
