"""What it costs to let a container grow, against making it at its full size.

One operation is one element, unless the row says otherwise; the elements exist before
the timing. Every call starts from an empty container and drops it at its end, which
is inside. The collector is off.
"""

import sys
from array import array
from collections import deque
from collections.abc import Callable
from io import BytesIO
from itertools import chain, repeat

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="growth", max_time=0.15),
    pytest.mark.usefixtures("collector_off"),
]

TimePrepared = Callable[..., None]
Statement = Callable[..., object]
Unrolled = Callable[..., Callable[[], object]]

LENGTH = 100_000  # elements, where they are more than an `unrolled` function adds
CHUNK = b"x" * 64


def test_benchmark_memory_growth_list_append(
    benchmark: BenchmarkFixture, unrolled: Unrolled
) -> None:
    """Append to a list until it has 100,000 elements.

    One operation is the call of a bound `append`. Expect 5 to 20 ns, its share in some
    seventy growths by an eighth included; two to three times that on a free-threaded
    build, which locks the list.
    """
    items: list[None] = []
    append = unrolled("append(None)", append=items.append)

    def fill() -> None:
        items.clear()
        for _ in repeat(None, LENGTH // 1000):
            append()

    benchmark.extra_info["operations"] = LENGTH
    benchmark(fill)
    assert len(items) == LENGTH


def test_benchmark_memory_growth_list_extend(statement: Statement) -> None:
    """Extend a list by ten elements, a thousand times.

    One operation is `items.extend(ten)`: a call, room for ten, and ten references.
    Expect 25 to 80 ns, a third of ten appends.
    """
    statement("items.extend(ten)", prepare="items = []", ten=list(range(1000, 1010)))


def test_benchmark_memory_growth_list_unhinted(benchmark: BenchmarkFixture) -> None:
    """Make a list of 100,000 from an iterator that does not know its length.

    One operation is one element in a loop in C, the iterator's step of 2 to 5 ns
    included. Expect 3 to 12 ns: the difference to `growth_list_hinted` is the growing.
    """
    benchmark.extra_info["operations"] = LENGTH
    benchmark(lambda: list(chain(repeat(None, LENGTH))))


def test_benchmark_memory_growth_list_hinted(benchmark: BenchmarkFixture) -> None:
    """Make a list of 100,000 from an iterator that says how many are to come.

    As `growth_list_unhinted`, through the same two iterators, but the list is made at
    its full size at once. Expect 10 to 50 % less.
    """

    class Hinted:
        """The iterator of the other row, with a length."""

        def __iter__(self) -> chain[None]:
            return chain(repeat(None, LENGTH))

        def __length_hint__(self) -> int:
            return LENGTH

    benchmark.extra_info["operations"] = LENGTH
    benchmark(lambda: list(Hinted()))


def test_benchmark_memory_growth_list_preset(benchmark: BenchmarkFixture) -> None:
    """Make a list of 100,000 by repetition, to be filled by index afterwards.

    One operation is one element of `[None] * 100_000`. Expect 0.3 to 1.5 ns: one
    allocation and one pass of stores; below it no other way can be.
    """
    benchmark.extra_info["operations"] = LENGTH
    benchmark(lambda: [None] * LENGTH)


def test_benchmark_memory_growth_dict_insert(benchmark: BenchmarkFixture) -> None:
    """Insert 100,000 integer keys into a dict that starts empty.

    One operation is one key of `dict.fromkeys(list)`. Expect 12 to 50 ns: a hash, a
    probe, and a share in fourteen resizings, each of which inserts everything again.
    """
    keys = list(range(LENGTH))
    benchmark.extra_info["operations"] = LENGTH
    benchmark(lambda: dict.fromkeys(keys))


def test_benchmark_memory_growth_dict_presized(benchmark: BenchmarkFixture) -> None:
    """Insert the same keys into a dict that is made large enough at once.

    One operation is one key of `dict.fromkeys(dict)`, which takes the table's size and
    the hashes from its argument. Expect a third to two thirds of `growth_dict_insert`.
    """
    keys = dict.fromkeys(range(LENGTH))
    benchmark.extra_info["operations"] = LENGTH
    benchmark(lambda: dict.fromkeys(keys))


def test_benchmark_memory_growth_dict_copy(benchmark: BenchmarkFixture) -> None:
    """Copy a dict of 100,000 entries.

    One operation is one entry of `dict.copy`, which copies the table as memory and
    counts the references. Expect 1 to 8 ns: no hash, no probe.
    """
    table = dict.fromkeys(range(LENGTH))
    benchmark.extra_info["operations"] = LENGTH
    benchmark(table.copy)


def test_benchmark_memory_growth_dict_resize(time_prepared: TimePrepared) -> None:
    """Insert the one key for which a dict of 87,381 entries has no room.

    One operation is that insertion, the table before it being excluded: 2**17 slots
    are full when two thirds are taken. Expect 0.1 to 1 ms, the pause that an insertion
    of 20 ns turns into: a new table, and every entry moved.
    """
    full = dict.fromkeys(range(2**17 * 2 // 3))
    tables: list[dict[int, None]] = []

    def prepare() -> None:
        tables[:] = [full.copy()]

    def insert() -> None:
        tables[0][-1] = None

    time_prepared(insert, prepare, rounds=30)
    assert sys.getsizeof(tables[0]) > sys.getsizeof(full)


def test_benchmark_memory_growth_set_add(benchmark: BenchmarkFixture) -> None:
    """Add 100,000 integers to a set that starts empty.

    One operation is one element of `set(list)`. Expect 5 to 30 ns, less than a dict;
    sets grow by four at first, so they resize less often and take more memory.
    """
    keys = list(range(LENGTH))
    benchmark.extra_info["operations"] = LENGTH
    benchmark(lambda: set(keys))


def test_benchmark_memory_growth_str_append(statement: Statement) -> None:
    """Append a character to a string that has no other reference.

    One operation is `text += 'x'` on a local variable, up to 1000 characters. The
    interpreter extends the string in place. Expect 15 to 50 ns, a reallocation.
    """
    statement("text += 'x'", prepare="text = ''")


def test_benchmark_memory_growth_str_copied(statement: Statement) -> None:
    """Append a character to a string that has another reference.

    One operation is `longer = text + 'x'` with 10,000 characters, all of which are
    copied. Expect 0.1 to 1 us, in proportion to the length: what makes a loop of
    `growth_str_append` quadratic as soon as a second reference exists.
    """
    statement("longer = text + 'x'", text="x" * 10_000)


def test_benchmark_memory_growth_bytearray_append(statement: Statement) -> None:
    """Append 64 bytes to a bytearray, up to 64,000.

    One operation is `data += chunk`. Expect 15 to 60 ns: the copy of 64 bytes is the
    least of it, and the array grows by an eighth at a time.
    """
    statement("data += chunk", prepare="data = bytearray()", chunk=CHUNK)


def test_benchmark_memory_growth_bytearray_take(statement: Statement) -> None:
    """Remove the first 64 of up to 64,000 bytes of a bytearray.

    One operation is `del data[:64]`, which moves the start instead of the bytes, and
    now and then gives memory back. Expect 12 to 60 ns whatever the length.
    """
    statement("del data[:64]", prepare="data = bytearray(64_000)")


def test_benchmark_memory_growth_bytesio_write(statement: Statement) -> None:
    """Write 64 bytes to a `BytesIO`, up to 64,000.

    One operation is the call of `write`. Expect 15 to 80 ns: the buffer protocol, a
    number returned, and growth by an eighth.
    """
    statement("write(chunk)", prepare="write = make().write", make=BytesIO, chunk=CHUNK)


def test_benchmark_memory_growth_array_append(statement: Statement) -> None:
    """Append a number to an `array` of 64-bit integers, up to 1000.

    One operation is the call of `append`, the number being converted. Expect 20 to
    60 ns, more than a list: arrays grow by a sixteenth.
    """
    statement("append(1)", prepare="append = make('q').append", make=array)


def test_benchmark_memory_growth_deque_append(statement: Statement) -> None:
    """Append to a deque that starts empty, up to 1000 elements.

    One operation is the call of `append`. Expect 7 to 25 ns: a block of 64 is
    allocated once in 64 times, and nothing is ever moved.
    """
    statement("append(None)", prepare="append = make().append", make=deque)
