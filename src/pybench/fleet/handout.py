"""Which shards wait, which worker measures which, and which are done.

A shard is with one worker at most. It is done when that worker has measured all of it;
else it waits again, and nothing of it is kept.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

# So many workers may vanish with a shard, or fail with it, before it is given up: it
# may be the shard that ends them.
VANISHED_MOST = 5
FAILED_MOST = 2


class Handout:
    """The shards of a plan, counted from 1.

    Parameters
    ----------
    costs_s : sequence of float
        What each is expected to take.
    done : iterable of int
        Those that were measured before.

    Attributes
    ----------
    at : dict of str to int
        The shard that each worker measures.
    given_up : dict of int to str
        Shards that nobody could measure, and why.
    """

    def __init__(self, costs_s: Sequence[float], done: Iterable[int] = ()) -> None:
        self.done = {*done}
        self.at: dict[str, int] = {}
        self.given_up: dict[int, str] = {}
        self.shards = len(costs_s)
        self._costs_s = costs_s
        self._vanished: Counter[int] = Counter()
        self._failed: defaultdict[int, list[str]] = defaultdict(list)
        self._waiting: list[tuple[int, float, int]] = []
        for shard in {*range(1, self.shards + 1)} - self.done:
            self._wait(shard)

    @property
    def is_over(self) -> bool:
        """Whether none waits or is being measured."""
        return not self._waiting and not self.at

    @property
    def are_waiting(self) -> bool:
        """Whether there is a shard to give."""
        return bool(self._waiting)

    def give(self, worker: str, *, is_alone: bool = False) -> int | None:
        """Give a worker the longest shard that waits; None if there is none for it.

        What was tried in vain comes last, so that it does not hold up the others. A
        shard that failed with a worker is for another one, unless it is alone.
        """
        passed = []
        while self._waiting:
            place = heapq.heappop(self._waiting)
            shard = place[2]
            if is_alone or worker not in self._failed[shard]:
                self.at[worker] = shard
                break
            passed.append(place)
        for place in passed:
            heapq.heappush(self._waiting, place)
        return self.at.get(worker)

    def finish(self, worker: str) -> None:
        """Take a worker's shard as done."""
        self.done.add(self.at.pop(worker))

    def take_back(self, worker: str, why: str = "", *, is_vanished: bool) -> int | None:
        """Take the shard of a worker that is gone or has failed, if it has one.

        It waits again, or is given up for the reason `why`. Without a reason it counts
        as never given.
        """
        shard = self.at.pop(worker, None)
        if shard is None:
            return None
        if why and is_vanished:
            self._vanished[shard] += 1
        elif why:
            self._failed[shard].append(worker)
        if (
            self._vanished[shard] >= VANISHED_MOST
            or len(self._failed[shard]) >= FAILED_MOST
        ):
            self.given_up[shard] = why
        else:
            self._wait(shard)
        return shard

    def is_last_try(self, shard: int) -> bool:
        """Tell whether a shard is given up if it fails once more."""
        return len(self._failed[shard]) + 1 >= FAILED_MOST

    def _wait(self, shard: int) -> None:
        tries = self._vanished[shard] + len(self._failed[shard])
        heapq.heappush(self._waiting, (tries, -self._costs_s[shard - 1], shard))
