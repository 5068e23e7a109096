"""What a mapping that cannot change costs to make and to hash (PEP 814)."""

import builtins
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest

pytestmark = pytest.mark.benchmark(group="mappings", max_time=0.15)

Statement = Callable[..., object]

FROZENDICT: Any = getattr(builtins, "frozendict", None)
ITEMS = {f"key_{number}": number for number in range(10)}

needs_frozendict = pytest.mark.skipif(
    FROZENDICT is None, reason="n/a: needs Python 3.15 (PEP 814)"
)


@pytest.mark.parametrize(
    "kind",
    ["dict", "proxy", pytest.param("frozendict", marks=needs_frozendict)],
    ids=lambda kind: f"kind={kind}",
)
def test_benchmark_python314_mapping(statement: Statement, kind: str) -> None:
    """Make a mapping of the ten items of a dict.

    One operation is a copy as a `dict`, the control; a copy behind a
    `MappingProxyType`, as people protected one; or a `frozendict`. Expect 40 to
    250 ns for the copy, some 20 to 80 more for the proxy, and as much as the copy
    for the `frozendict`.
    """
    source = {
        "dict": "_ = make(items)",
        "proxy": "_ = protect(make(items))",
        "frozendict": "_ = make(items)",
    }[kind]
    make = FROZENDICT if kind == "frozendict" else dict
    assert make(ITEMS) == ITEMS
    statement(source, make=make, protect=MappingProxyType, items=ITEMS)


@pytest.mark.parametrize(
    "by",
    ["items", pytest.param("frozendict", marks=needs_frozendict)],
    ids=lambda by: f"by={by}",
)
def test_benchmark_python314_mapping_hash(statement: Statement, by: str) -> None:
    """Get a hash of ten items, to use them as a key.

    One operation is `hash(frozenset(mapping.items()))`, as people did, or `hash` of a
    `frozendict` that was hashed before. Expect 0.2 to 1.5 us for the first, and 10 to
    40 ns for the second, which remembers its hash.
    """
    if by == "items":
        source, mapping = "_ = hash(frozenset(mapping.items()))", ITEMS
    else:
        source, mapping = "_ = hash(mapping)", FROZENDICT(ITEMS)
        assert hash(mapping) == hash(FROZENDICT(ITEMS))
    statement(source, mapping=mapping)
