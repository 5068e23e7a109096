"""Where objects lie in memory: elsewhere in each process.

Where the code and the objects of a function lie decides about caches and about loads
that wait for stores of another page. It is the same in each process of one build of one
package, since allocators begin at a page, and changes once a line of the package is
moved. So all processes of a comparison would agree on what is luck: functions that were
only put into another order came out 4 % slower, with narrow intervals. What is
allocated here before anything is imported moves all that follows, so that luck is a
difference between processes, and an interval over processes holds it.

Source: Mytkowicz, Diwan, Hauswirth and Sweeney, Producing wrong data without doing
anything obviously wrong, 2009; Curtsinger and Berger, Stabilizer, 2013.
"""

from __future__ import annotations

import random
import sys

# CPython's own allocator has pools of a size for blocks of up to 512 bytes, a class
# each 16 bytes. Larger blocks are the C library's.
_STEP, _SMALL, _POOL = 16, 512, 16 * 1024
_LARGEST, _LARGE = 8192, 32
_HEAD = sys.getsizeof(b"")
# All blocks together, so that the memory of a process does not depend on the seed.
_BYTES = 2**20


def shifted(seed: str) -> list[object]:
    """Allocate 1 MiB in blocks of all sizes, how many of each by chance of that seed.

    Returns the blocks: what follows lies elsewhere as long as they are kept.
    """
    generator = random.Random(f"layout/{seed}")
    blocks: list[object] = []
    for make in (object, generator.random):  # smaller than any bytes
        count = generator.randrange(_POOL // sys.getsizeof(make()))
        blocks.extend(make() for _ in range(count))
    for size in range(-(-_HEAD // _STEP) * _STEP, _SMALL + 1, _STEP):
        count = generator.randrange(_POOL // size)
        blocks.extend(bytes(size - _HEAD) for _ in range(count))
    blocks.extend(
        bytes(generator.randrange(_SMALL, _LARGEST))
        for _ in range(generator.randrange(_LARGE))
    )
    # Not of zeros, whose pages the system would not have to give.
    blocks.append(b"." * (_BYTES - sum(map(sys.getsizeof, blocks)) - _HEAD))
    return blocks
