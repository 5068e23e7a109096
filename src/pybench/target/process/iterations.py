"""How many iterations a kernel row does: found once per machine, then kept.

Two interpreters are comparable only if both did the same number of iterations, so the
count is keyed by machine and row, never by interpreter: whoever comes first decides.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pybench.records.files import lock_file, write_file
from pybench.records.iterations import MOST, iterations_document, parse_counts

# Long against the clock (tens of ns) and the start of threads (tens of us), short
# against the scheduler's slice (several ms), so that most rounds are undisturbed.
WINDOW_NS = 1_000_000

# Small enough that even a 5 ms hand-off of the GIL is found out in a tenth of a
# second; a kernel below 1 ns needs eight steps from here.
_FIRST = 16
_GROWTH = 4

# Rounds per step: the fastest counts, so that one preemption does not pass for a slow
# operation.
_ROUNDS = 3


def row_key(kernel: str, arguments: Mapping[str, object]) -> str:
    """Return the key of a row: the kernel and its arguments, sorted."""
    words = [f"{name}={arguments[name]!r}" for name in sorted(arguments)]
    return f"{kernel}({', '.join(words)})"


def machine_folder(cpu_model: str, machine: str) -> str:
    """Return a name for this kind of machine that is safe as a folder's."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", f"{machine}-{cpu_model}").strip("-")


def two_digits(count: float) -> int:
    """Round to two significant digits, at least 1 and at most the bound."""
    whole = max(1, round(count))
    digits_left_out = max(0, len(str(whole)) - 2)
    return min(MOST, int(round(whole, -digits_left_out)))


def size(
    window_ns: Callable[[int, int], float],
    *,
    target_ns: int = WINDOW_NS,
    first: int = _FIRST,
) -> int:
    """Find the iterations that make a window of about a millisecond, or `target_ns`.

    `window_ns` takes iterations and rounds, and returns the shortest window in ns.
    `first` is where it begins: with fewer where one iteration may take long.
    """
    iterations = first
    while True:
        window = window_ns(iterations, _ROUNDS)
        # From a quarter of the window on, a round is long enough to be scaled from.
        if window >= target_ns // 4:
            return two_digits(iterations * target_ns / window)
        if iterations >= MOST:
            return MOST
        iterations = min(MOST, iterations * _GROWTH)


def size_calls(window_ns: Callable[[int], float], target_ns: int) -> int:
    """Find how many calls fill a window, where already one may take long.

    `window_ns` makes so many calls, and returns what they took.
    """

    def shortest(calls: int, rounds: int) -> float:
        least = window_ns(calls)
        for _ in range(rounds - 1):
            if least > target_ns:
                break  # long enough, and the next takes as long
            least = min(least, window_ns(calls))
        return least

    return size(shortest, target_ns=target_ns, first=1)


class IterationStore:
    """The counts of one machine, in memory and in a file.

    Without a `path` they are kept for this session only. `say` is told each problem, in
    a sentence, at most once.
    """

    def __init__(self, path: Path | None, say: Callable[[str], None]) -> None:
        self.path = path
        self._say = say
        self._said: set[str] = set()
        self._counts: dict[str, int] = {}
        self._is_read = False

    def get(self, row: str) -> int | None:
        """Return the stored count of a row, None if there is none yet."""
        if not self._is_read:
            self._is_read = True
            self._counts.update(self._read())
        return self._counts.get(row)

    def put(self, row: str, iterations: int) -> int:
        """Store a count unless another process was first; return what holds."""
        self._counts[row] = iterations
        if self.path is None:
            return iterations
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.with_suffix(".lock").open("a") as lock:
                lock_file(lock.fileno(), wait=True)
                self._counts = {row: iterations, **self._counts, **self._read()}
                document = iterations_document(self._counts, WINDOW_NS)
                text = json.dumps(document, indent=1) + "\n"
                write_file(self.path, text.encode())
        except OSError as error:
            self._once(
                f"iterations cannot be stored in {self.path} "
                f"({error.strerror or error}): this session keeps its own"
            )
        return self._counts[row]

    def _read(self) -> dict[str, int]:
        if self.path is None:
            return {}
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            self._once(f"{self.path} cannot be read ({error}): rows are sized anew")
            return {}
        counts = parse_counts(text, WINDOW_NS)
        if counts is None:
            self._once(
                f"{self.path} is truncated or not a file of iterations: "
                "rows are sized anew and it is rewritten"
            )
            return {}
        return counts

    def _once(self, problem: str) -> None:
        if problem not in self._said:
            self._said.add(problem)
            self._say(problem)
