"""What common operations of the standard library cost.

Whole calls, on inputs made outside the timing; most of each is C.
"""

import copy
import json
import pickle
import re
import struct
from collections import Counter
from datetime import datetime, timezone
from operator import itemgetter
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="library")

# About three kilobytes as JSON: a page of an interface over HTTP.
DOCUMENT: dict[str, Any] = {
    "items": [
        {
            "id": number,
            "name": f"item {number}",
            "price": number / 4,
            "tags": ["a", "b"],
        }
        for number in range(50)
    ],
    "next": None,
    "total": 50,
}
TEXT = " ".join(f"word{number % 37}" for number in range(500))


def test_benchmark_interpreter_json_dumps(benchmark: BenchmarkFixture) -> None:
    """Write a document of about three kilobytes as JSON.

    One operation is one call. Expect 20 to 60 us; half of it is floats and texts.
    """
    benchmark(json.dumps, DOCUMENT)


def test_benchmark_interpreter_json_loads(benchmark: BenchmarkFixture) -> None:
    """Read that document back.

    One operation is one call, and dropping what it made. Expect 20 to 80 us.
    """
    benchmark(json.loads, json.dumps(DOCUMENT))


def test_benchmark_interpreter_pickle_round(benchmark: BenchmarkFixture) -> None:
    """Write that document with pickle, and read it back.

    One operation is both calls. Expect half of what JSON takes for both.
    """
    benchmark(lambda: pickle.loads(pickle.dumps(DOCUMENT, protocol=5)))


def test_benchmark_interpreter_deepcopy(benchmark: BenchmarkFixture) -> None:
    """Copy that document with everything in it.

    One operation is one call of `copy.deepcopy`. Expect 100 to 400 us: all of it is
    Python code, several calls for each object.
    """
    benchmark(copy.deepcopy, DOCUMENT)


def test_benchmark_interpreter_regex_search(benchmark: BenchmarkFixture) -> None:
    """Find the words of a text of 500 with a compiled pattern.

    One operation is one `findall`. Expect 30 to 100 us.
    """
    pattern = re.compile(r"\bword(\d+)\b")
    benchmark(pattern.findall, TEXT)


def test_benchmark_interpreter_regex_compile(benchmark: BenchmarkFixture) -> None:
    """Compile that pattern, the cache of `re` emptied before.

    One operation is one `re.compile` and one `re.purge`. Expect 15 to 60 us: the
    compiler of patterns is Python code.
    """

    def compile_anew() -> None:
        re.purge()
        re.compile(r"\bword(\d+)\b")

    benchmark(compile_anew)


def test_benchmark_interpreter_sort_key(benchmark: BenchmarkFixture) -> None:
    """Sort a thousand tuples by their second field.

    One operation is one `sorted` with `operator.itemgetter`; the order is mixed.
    Expect 20 to 60 us.
    """
    rows = [(number, number * 7919 % 1000) for number in range(1000)]
    benchmark(sorted, rows, key=itemgetter(1))


def test_benchmark_interpreter_counter(benchmark: BenchmarkFixture) -> None:
    """Count 500 words.

    One operation is making a `collections.Counter` of them. Expect 15 to 50 us: the
    counting is a C loop over the dict.
    """
    benchmark(Counter, TEXT.split())


def test_benchmark_interpreter_struct_unpack(benchmark: BenchmarkFixture) -> None:
    """Unpack a hundred records of three fields.

    One operation is going through `Struct.iter_unpack` of all hundred. Expect 5 to
    20 us.
    """
    record = struct.Struct("<IHd")
    data = b"".join(record.pack(number, number, number / 4) for number in range(100))
    benchmark(lambda: list(record.iter_unpack(data)))


def test_benchmark_interpreter_datetime_iso(benchmark: BenchmarkFixture) -> None:
    """Write a moment as text and read it back.

    One operation is `isoformat` and `fromisoformat`. Expect 0.5 to 2 us.
    """
    moment = datetime(2026, 11, 21, 5, 30, tzinfo=timezone.utc)  # noqa: UP017
    benchmark(lambda: datetime.fromisoformat(moment.isoformat()))
