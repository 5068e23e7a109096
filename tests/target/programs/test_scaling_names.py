"""Which shared object of a module is found to cost, when one of them does."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from pybench.records.scaling import Contended, SuspectKind
from pybench.target.programs.scaling_names import contended

pytestmark = pytest.mark.once

MODULE = """
import threading

class Account:
    rate = 1000.5
    def get(self):
        return lock

lock = threading.Lock()
other = threading.Lock()
account = Account()
hits = 0

def inner():
    with lock:
        return other

def work():
    global hits
    inner()
    hits += 1
    return account.get()

def closing():
    kept = []
    def call(made={}):
        kept.append(made)
        return 1000.5
    return call

call = closing()
"""


def loaded(name: str) -> ModuleType:
    """Execute the module once more."""
    module = ModuleType(name)
    exec(compile(MODULE, "work.py", "exec"), module.__dict__)
    return module


def found(
    function: str, costs: Callable[[ModuleType, ModuleType], bool], tried: list[int]
) -> tuple[Contended, ...]:
    """Look for what costs, where a speed-up is lost as soon as `costs` says so."""
    original, *copies = (loaded(name) for name in ("work", "work__0", "work__1"))

    def gain() -> float:
        tried.append(1)
        return 0.3 if any(costs(original, copy) for copy in copies) else 1.9

    own = [dict(vars(copy)) for copy in copies]
    result = contended(
        getattr(original, function),
        [getattr(copy, function) for copy in copies],
        gain,
        shared=0.3,
        private=1.9,
    )
    # Whatever was tried, each copy has its own again.
    assert [dict(vars(copy)) for copy in copies] == own
    return result


def in_globals(name: str) -> Callable[[ModuleType, ModuleType], bool]:
    """Tell whether a copy has the original's object."""
    return lambda original, copy: getattr(copy, name) is getattr(original, name)


@pytest.mark.parametrize(
    ("name", "kind", "line"),
    [
        ("lock", SuspectKind.LOCK, "work.py:15"),
        ("account", SuspectKind.INSTANCE, "work.py:22"),
    ],
)
def test_a_global_is_found_with_the_line_where_it_is_used(
    name: str, kind: SuspectKind, line: str
) -> None:
    (one,) = found("work", in_globals(name), [])

    assert (one.name, one.kind, one.speed_up) == (name, kind, 0.3)
    assert line in one.lines


def test_a_function_that_only_uses_what_costs_is_not_named() -> None:
    """Shared, it uses the original's lock, and costs as that does."""

    def costs(original: ModuleType, copy: ModuleType) -> bool:
        return copy.lock is original.lock or copy.inner is original.inner

    assert [one.name for one in found("work", costs, [])] == ["lock"]


@pytest.mark.parametrize(
    ("name", "costs"),
    [
        ("kept", lambda of: of.__closure__[0].cell_contents),
        ("the default of made", lambda of: of.__defaults__[0]),
        ("the code of closing.<locals>.call", lambda of: of.__code__),
    ],
)
def test_a_cell_a_default_and_the_code_are_slots(
    name: str, costs: Callable[[Any], object]
) -> None:
    (one,) = found(
        "call",
        lambda original, copy: costs(copy.call) is costs(original.call),
        [],
    )

    assert one.name == name


def test_where_no_object_costs_it_is_the_dictionary_that_is_written_to() -> None:
    (one,) = found("work", lambda original, copy: False, [])

    assert (one.name, one.lines) == ("the globals", ("work.py:21",))


def test_several_are_found_by_halves_and_nothing_is_tried_without_a_gain() -> None:
    tried: list[int] = []

    def costs(original: ModuleType, copy: ModuleType) -> bool:
        return copy.lock is original.lock or copy.other is original.other

    names = {one.name for one in found("work", costs, tried)}

    assert names == {"lock", "other"}
    assert len(tried) > len(names)
    assert contended(len, [len], lambda: 0.0, shared=0.3, private=1.9) == ()
    assert contended(found, [found], lambda: 0.0, shared=1.8, private=1.9) == ()
