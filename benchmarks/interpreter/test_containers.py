"""What the built-in containers cost, one operation at a time.

Keys and values exist before the timing; rows that build a container say so.
"""

from collections.abc import Callable, Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="containers")

Statement = Callable[..., object]

LENGTH = 1000  # elements of the sequences that rows go through


def test_benchmark_interpreter_dict_get(statement: Statement) -> None:
    """Look a string key up in a dict of 100.

    One operation is a specialized look-up: the string's hash is cached and its
    identity ends the search. Expect 5 to 15 ns.
    """
    table: dict[str, object] = {f"key{number}": None for number in range(100)}
    # The key itself, not an equal one: comparing texts is a call of the C library,
    # and where that lies in memory would decide over twice the time.
    statement("_ = table[key]", table=table, key=[*table][50])


def test_benchmark_interpreter_dict_set(statement: Statement) -> None:
    """Store under a string key that a dict of 100 has already.

    One operation is a specialized store over an old value; the dict does not grow.
    Expect a little more than `dict_get`; on free-threaded builds also a lock.
    """
    table: dict[str, object] = {f"key{number}": None for number in range(100)}
    statement("table[key] = None", table=table, key=[*table][50])


def test_benchmark_interpreter_dict_display(statement: Statement) -> None:
    """Build a dict of four entries and drop it.

    One operation is `{...}` with four constant keys, its keys' table included.
    Expect 50 to 120 ns: the dict comes from a free list, the table may.
    """
    statement("_ = {'a': one, 'b': one, 'c': one, 'd': one}", one=None)


def test_benchmark_interpreter_list_get(statement: Statement) -> None:
    """Read an element of a list by a small constant index.

    One operation is a specialized read. Expect 2 to 6 ns; more on free-threaded
    builds, where another thread may be changing the list.
    """
    statement("_ = items[3]", items=[None] * 8)


def test_benchmark_interpreter_list_set(statement: Statement) -> None:
    """Store an element of a list at a small constant index.

    One operation is a specialized store over an old value. Expect about
    `list_get`; on free-threaded builds also a lock.
    """
    statement("items[3] = None", items=[None] * 8)


def test_benchmark_interpreter_list_append(statement: Statement) -> None:
    """Append to a list that starts empty.

    One operation is an append of an existing object, its share of growing the list
    to 1000 and of dropping the list at the next call. Expect 5 to 20 ns.
    """
    statement("items.append(None)", prepare="items = []")


def test_benchmark_interpreter_list_display(statement: Statement) -> None:
    """Build a list of four elements and drop it.

    One operation is `[...]` of four locals, the element array included. Expect 20
    to 50 ns: the list comes from a free list, the array from the allocator.
    """
    statement("_ = [one, one, one, one]", one=None)


def test_benchmark_interpreter_list_comprehension_short(statement: Statement) -> None:
    """Build a list of two with a comprehension: what entering one costs.

    One operation is one comprehension over a tuple of two, its list dropped again.
    Since 3.12 it is entered without a function made and called; `list_comprehension`,
    which goes through a thousand elements, does not show that.
    """
    statement("_ = [item for item in pair]", pair=(None, None))


def test_benchmark_interpreter_tuple_unpack(statement: Statement) -> None:
    """Unpack a tuple of two into two locals.

    One operation is a specialized unpacking and two stores; the tuple is made
    once, outside. Expect 2 to 5 ns.
    """
    statement("first, second = pair", pair=(None, None))


def test_benchmark_interpreter_set_contains(statement: Statement) -> None:
    """Look a string up in a set of 100.

    One operation is `in` with its answer dropped. Expect 10 to 20 ns: 3.13t and
    3.14t lock the set, 3.15t does not.
    """
    words = {f"key{number}" for number in range(100)}
    statement("_ = key in words", words=words, key="key50")


def test_benchmark_interpreter_list_loop(benchmark: BenchmarkFixture) -> None:
    """Build a list with a loop and `append`: the reference for the next two.

    One operation is one element: next, multiply, append. The numbers to go through
    exist before. Expect a tenth more than `list_comprehension`: `append` is
    specialized too.
    """
    numbers = [float(number) for number in range(LENGTH)]

    def build() -> list[float]:
        doubled = []
        for number in numbers:
            doubled.append(number * 2.0)
        return doubled

    benchmark.extra_info["operations"] = LENGTH
    assert len(benchmark(build)) == LENGTH


def test_benchmark_interpreter_list_comprehension(benchmark: BenchmarkFixture) -> None:
    """Build a list with a comprehension.

    One operation is one element: next, multiply, add to the list. Since 3.12 the
    comprehension runs inside its function; before, it was a call of its own, once
    per list and so hardly seen here.
    """
    numbers = [float(number) for number in range(LENGTH)]

    def build() -> list[float]:
        return [number * 2.0 for number in numbers]

    benchmark.extra_info["operations"] = LENGTH
    assert len(benchmark(build)) == LENGTH


def test_benchmark_interpreter_list_generator(benchmark: BenchmarkFixture) -> None:
    """Build a list from a generator expression.

    One operation is one element: resume the generator from C, multiply, yield, add
    to the list. Expect half more than `list_comprehension`, for entering and
    leaving the interpreter once per element.
    """
    numbers = [float(number) for number in range(LENGTH)]

    def build() -> list[float]:
        return list(number * 2.0 for number in numbers)  # noqa: C400 - it is the row

    benchmark.extra_info["operations"] = LENGTH
    assert len(benchmark(build)) == LENGTH


def test_benchmark_interpreter_generator_for(benchmark: BenchmarkFixture) -> None:
    """Go through a generator with `for`.

    One operation is one yielded value, taken and dropped. Expect less than
    `list_generator` from 3.12 on, where `for` resumes a generator without
    recursing in C.
    """

    def constants() -> Iterator[None]:
        for _ in range(LENGTH):
            yield None

    def consume() -> None:
        for _ in constants():
            pass

    benchmark.extra_info["operations"] = LENGTH
    benchmark(consume)
