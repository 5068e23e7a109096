"""What weak references cost: making and following them, and their callbacks.

Objects that rows refer to exist before the timing, unless the row is about their end.
The collector is off; nothing here is part of a cycle.
"""

import weakref
from collections.abc import Callable

import pytest

pytestmark = [
    pytest.mark.benchmark(group="weakrefs", max_time=0.15),
    pytest.mark.usefixtures("collector_off"),
]

Statement = Callable[..., object]

SIZE = 100  # entries of the mappings


class Referent:
    """An object that can be referred to weakly."""

    def __init__(self) -> None:
        self.value = None


class Bare:
    """The least that can be referred to weakly: no attributes, no constructor."""

    __slots__ = ("__weakref__",)


def ignore(dead: object) -> None:
    """Be called with a reference whose object has died."""


def test_benchmark_memory_weakref_create(statement: Statement) -> None:
    """Make a weak reference to an object that has none, and drop it.

    One operation is `ref(object)`: a call, an object of 70 bytes, its entry in the
    object's list and its removal. Expect 30 to 100 ns.
    """
    statement("ref(thing)", ref=weakref.ref, thing=Referent())


def test_benchmark_memory_weakref_again(statement: Statement) -> None:
    """Ask for a weak reference to an object that has one already.

    One operation is `ref(object)`, which finds the reference that exists and returns
    it. Expect half to two thirds of `weakref_create`: nothing is allocated.
    """
    thing = Referent()
    kept = weakref.ref(thing)
    statement("ref(thing)", ref=weakref.ref, thing=thing, kept=kept)


def test_benchmark_memory_weakref_follow(statement: Statement) -> None:
    """Follow a weak reference to an object that lives.

    One operation is the call of the reference and a strong reference made and dropped.
    Expect 8 to 40 ns, most of it the call; `refcount_weakref` is what remains in C.
    """
    thing = Referent()
    statement("reference()", reference=weakref.ref(thing), thing=thing)


def test_benchmark_memory_weakref_proxy(statement: Statement) -> None:
    """Read an attribute through a weak proxy.

    One operation is an attribute of the proxy, which looks it up on its object without
    any inline cache. Expect 12 to 60 ns, several times a read without it.
    """
    thing = Referent()
    statement("proxy.value", proxy=weakref.proxy(thing), thing=thing)


def test_benchmark_memory_weakref_cleared(statement: Statement) -> None:
    """Free an object that has a weak reference.

    One operation makes an object without attributes and a reference to it, and drops
    the object first, so that the reference is cleared. Expect 60 to 200 ns:
    `weakref_create`, the object, and the clearing.
    """
    statement(
        "thing = make()\nreference = ref(thing)\nthing = None",
        make=Bare,
        ref=weakref.ref,
    )


def test_benchmark_memory_weakref_callback(statement: Statement) -> None:
    """Free an object whose weak reference has a callback.

    One operation is that of `weakref_cleared` and the call of an empty Python function
    with the dead reference. Expect 30 to 120 ns more.
    """
    statement(
        "thing = make()\nreference = ref(thing, ignore)\nthing = None",
        make=Bare,
        ref=weakref.ref,
        ignore=ignore,
    )


def test_benchmark_memory_weakref_finalize(statement: Statement) -> None:
    """Free an object that has a `weakref.finalize`.

    One operation makes an object, registers a function for its end and drops it, so
    that it is called. Expect 0.5 to 4 us: a registry, an object and a callback, all in
    Python, around what `weakref_callback` costs.
    """
    statement(
        "thing = make()\nfinalize(thing, ignore, None)\nthing = None",
        make=Bare,
        finalize=weakref.finalize,
        ignore=ignore,
    )


def test_benchmark_memory_weakref_value_get(statement: Statement) -> None:
    """Look an object up in a `WeakValueDictionary` of 100.

    One operation is `table[key]`: a method in Python, a dict, and a reference followed.
    Expect 30 to 200 ns, three to ten times a dict.
    """
    things = {number: Referent() for number in range(SIZE)}
    table = weakref.WeakValueDictionary(things)
    statement("table[50]", table=table, things=things)


def test_benchmark_memory_weakref_value_set(statement: Statement) -> None:
    """Store an object in a `WeakValueDictionary` that is freed by the next one.

    One operation makes an object and stores it under a key, whose former object is
    dropped right after: the table is told and removes its entry, or finds it taken
    again. Expect 0.3 to 1.5 us.
    """
    table: weakref.WeakValueDictionary[str, Bare] = weakref.WeakValueDictionary()
    statement("thing = make()\ntable['key'] = thing", table=table, make=Bare)


def test_benchmark_memory_weakref_key_get(statement: Statement) -> None:
    """Look a value up in a `WeakKeyDictionary` of 100 by its object.

    One operation is `table[object]`: a method in Python, a weak reference to compare
    with, its hash and equality. Expect 60 to 300 ns.
    """
    things = [Referent() for _ in range(SIZE)]
    table = weakref.WeakKeyDictionary(dict.fromkeys(things))
    statement("table[thing]", table=table, thing=things[50], things=things)
