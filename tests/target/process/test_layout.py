"""Blocks that move all that follows them."""

from __future__ import annotations

import sys

from pybench import children
from pybench.target.process.layout import shifted

# Where code of a module lies in its page, after what was allocated before.
WHERE = """
import sys
from pybench.target.process.layout import shifted

kept = shifted(sys.argv[1])
names = {}
exec("def function():\\n    return max(1, 5)\\n", names)
print(id(names["function"].__code__) % 4096)
"""


def place(seed: str) -> int:
    """Return where code lies in its page in a process of that seed."""
    done = children.run([sys.executable, "-c", WHERE, seed])
    assert not done.problem, done.stderr
    return int(done.stdout)


def test_a_seed_gives_the_same_blocks() -> None:
    """All arms of a pair have them alike: a run can be repeated."""
    sizes = [[sys.getsizeof(block) for block in shifted(seed)] for seed in "112"]

    assert sizes[0] == sizes[1]
    assert sizes[0] != sizes[2]


def test_blocks_take_the_same_memory_under_each_seed() -> None:
    """Else the peak of a process would depend on it."""
    sizes = {
        sum(sys.getsizeof(block) for block in shifted(str(seed))) for seed in range(20)
    }

    assert sizes == {2**20}


def test_code_lies_elsewhere_under_another_seed() -> None:
    """It lies where it lay in each process of one seed otherwise."""
    assert len({place(str(seed)) for seed in range(6)}) > 1
