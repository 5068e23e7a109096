"""What JSON can hold of the values that rows bring, and a text in place of the rest.

Parameters and `extra_info` are anything that a suite has: objects whose `repr` raises,
lists that hold themselves, NaN. A value of that kind costs itself alone: the files are
written, are JSON to every reader, and say in its place what it was.
"""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from pybench.records.texts import encodable

# Deeper ones than any reader takes, whole numbers of more bits than the longest key,
# and longer texts than anybody reads.
_DEPTH_MOST = 100
_BITS_MOST = 4096
_TEXT_MOST = 2000

# What the document of the stock has at its top.
_STOCK = {"machine_info", "commit_info", "benchmarks", "datetime", "version"}


def held(value: object, within: frozenset[int] = frozenset()) -> Any:
    """Return what JSON can hold of a value, in new containers.

    Texts in place of what it cannot hold begin as those of pytest-benchmark do, with
    ``UNSERIALIZABLE[``. `within` has the ids of the containers around the value.
    """
    if value is None or isinstance(value, bool):
        return value
    # What is derived from these is written by their own methods, as `json` does.
    if isinstance(value, str):
        return encodable(str.__str__(value))
    if isinstance(value, int):
        number = int.__pos__(value)
        return number if number.bit_length() <= _BITS_MOST else _instead(number)
    if isinstance(value, float):
        real = float.__pos__(value)
        return real if math.isfinite(real) else _instead(real)
    if not isinstance(value, (dict, list, tuple)):
        return _instead(value)
    kind = type(value).__name__
    if id(value) in within:
        return f"UNSERIALIZABLE[a {kind} that holds itself]"
    if len(within) >= _DEPTH_MOST:
        return f"UNSERIALIZABLE[a {kind} {_DEPTH_MOST} levels down]"
    within |= {id(value)}
    if isinstance(value, dict):
        return {_key(key): held(kept, within) for key, kept in dict.items(value)}
    return [held(item, within) for item in value]


def _key(key: object) -> Any:
    """Return a key as `json` writes it, or a text in its place."""
    kept = None if isinstance(key, (tuple, list, dict)) else held(key)
    return kept if kept is not None or key is None else _instead(key)


def _instead(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > _BITS_MOST:
        # Thousands of digits are refused by Python itself.
        return f"UNSERIALIZABLE[a whole number of {value.bit_length()} bits]"
    return f"UNSERIALIZABLE[{described(value)}]"


def described(value: object) -> str:
    """Return the `repr` of a value, or why it has none."""
    try:
        return encodable(repr(value)[:_TEXT_MOST])
    except Exception as error:
        kind = type(error).__name__
        return f"{type(value).__name__} object, whose repr raises {kind}"


def for_table(value: object) -> object:
    """Return a value that the table can put into words, or a text in its place."""
    try:
        f"{value}".encode()
    except Exception:
        return described(value)
    return value


def is_stock_document(config: pytest.Config, document: object) -> bool:
    """Tell whether what ``pytest_benchmark_generate_json`` gave is the stock's."""
    makers = config.hook.pytest_benchmark_generate_json.get_hookimpls()
    is_own = any(
        not (maker.wrapper or maker.hookwrapper)
        and getattr(maker.plugin, "__name__", "") != "pytest_benchmark.plugin"
        for maker in makers
    )
    if is_own or not isinstance(document, dict) or not document.keys() >= _STOCK:
        return False
    rows = document["benchmarks"]
    return isinstance(rows, list) and all(
        isinstance(row, Mapping) and {"fullname", "stats", "extra_info"} <= row.keys()
        for row in rows
    )
