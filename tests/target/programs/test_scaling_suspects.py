"""Which objects a function reaches, and which of them its threads are seen to write."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

from pybench.records.scaling import SuspectKind
from pybench.target.process.thread_team import ThreadTeam
from pybench.target.programs import scaling_suspects
from pybench.target.programs.scaling_suspects import (
    classes,
    headers_problem,
    kind_of,
    make_immortal,
    observe,
    reachable,
)

PROBLEM = headers_problem()
needs_headers = pytest.mark.skipif(bool(PROBLEM), reason=PROBLEM)


class Account:
    """An object with a value and a method."""

    rate = 1000.5

    def __init__(self) -> None:
        self.value = 1

    def get(self) -> int:
        return self.value


class Slotted:
    """An object whose attribute lies in a slot."""

    __slots__ = ("account",)


account = Account()
bound = account.get
elements: list[object] = []
slotted = Slotted()
slotted.account = Account()  # type: ignore[attr-defined]
lock = threading.Lock()


def of_globals() -> None:
    for _ in range(50):
        bound()


def of_a_list() -> None:
    for _ in range(50):
        elements.append(None)
        elements.pop()


def of_a_lock() -> None:
    for _ in range(50):
        with lock:
            pass


def of_a_slot() -> object:
    return slotted.account.rate  # type: ignore[attr-defined]


def of_nothing() -> int:
    return sum(range(50))


def closed() -> Any:
    kept = Account()

    def call() -> None:
        for _ in range(50):
            kept.get()

    return call


@pytest.fixture(autouse=True)
def nothing_is_immortal(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without headers, what a function reaches is the same."""
    if PROBLEM and "reach" in request.node.name:
        monkeypatch.setattr(
            scaling_suspects._Header, "is_immortal", property(lambda _: False)
        )


def names(call: Any) -> dict[str, object]:
    # A class may have the name of an object, and comes after it.
    return dict(reversed(reachable(call, "call")))


def test_a_function_reaches_what_its_code_names() -> None:
    reached = names(of_globals)

    assert reached["bound"] == bound
    assert reached["bound.__self__"] is account
    assert "elements" not in reached


def test_a_function_reaches_its_closure_and_slots() -> None:
    assert isinstance(names(closed())["kept"], Account)
    assert isinstance(names(of_a_slot)["slotted.account"], Account)


def test_reaching_runs_no_code_of_the_target() -> None:
    class Refusing:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

        @property
        def value(self) -> int:
            raise AssertionError

    refusing = Refusing()

    def call() -> Any:
        return refusing.value

    assert "refusing" in names(call)


def test_a_cycle_is_reached_once() -> None:
    cycle: list[object] = []
    cycle.append(cycle)

    def call() -> list[object]:
        return cycle

    assert [value for value in names(call).values() if value is cycle] == [cycle]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (account, SuspectKind.INSTANCE),
        (Account, SuspectKind.CLASS),
        (bound, SuspectKind.METHOD),
        (of_globals, SuspectKind.FUNCTION),
        (threading, SuspectKind.MODULE),
        (elements, SuspectKind.CONTAINER),
        (lock, SuspectKind.LOCK),
        ("text", SuspectKind.CONSTANT),
    ],
)
def test_each_kind_of_object_has_a_word(value: object, kind: SuspectKind) -> None:
    assert kind_of(value) == kind


@needs_headers
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (of_globals, "bound.__self__"),
        (of_a_list, "elements"),
        (of_a_lock, "lock"),
        (closed(), "kept"),
    ],
)
def test_the_object_that_threads_count_is_seen(
    call: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It ends as soon as it is seen, however seldom the threads get CPUs together.
    monkeypatch.setattr(scaling_suspects, "SAMPLES", 1)
    monkeypatch.setattr(scaling_suspects, "LOOK_NS", 60 * 10**9)
    objects = [(name, names(call)[name])]
    team = ThreadTeam([None, None])

    seen = observe(team, [call] * 2, objects)

    team.dismiss()
    assert [each.name for each in seen] == [name]


@needs_headers
def test_nobody_counts_what_is_immortal() -> None:
    made = Account()

    # No attribute: looking one up may take the lock of the object.
    def call() -> None:
        for _ in range(50):
            _ = [made, made]

    make_immortal(made)

    assert "made" not in names(call)
    team = ThreadTeam([None, None])
    assert observe(team, [call] * 2, [("made", made)]) == []
    team.dismiss()


@needs_headers
def test_nothing_is_seen_of_threads_that_share_nothing() -> None:
    team = ThreadTeam([None, None])

    seen = observe(team, [of_nothing] * 2, reachable(of_nothing, "call"))

    team.dismiss()
    assert [each for each in seen if each.kind == SuspectKind.INSTANCE] == []


def test_a_build_with_the_gil_has_no_such_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scaling_suspects, "gil_enabled", lambda: True)

    assert "the GIL is on" in headers_problem()


class Descriptor:
    """A descriptor in Python, as `enum.property` is."""

    def __get__(self, instance: object, owner: type) -> int:
        return 1


class Described:
    """A class that has it."""

    value = Descriptor()


def of_a_descriptor() -> object:
    return Described.value


def test_a_function_reaches_methods_that_no_code_names() -> None:
    """The look-up of the attribute runs it."""
    assert names(of_a_descriptor)["Descriptor.__get__"] is Descriptor.__get__


def test_classes_are_all_that_are_counted_each_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also those that a function makes objects of without a name of it."""
    if PROBLEM:
        monkeypatch.setattr(
            scaling_suspects._Header, "is_immortal", property(lambda _: False)
        )
    found = classes()

    assert (f"{__name__}.Account", Account) in found
    assert len({id(each) for _, each in found}) == len(found)


pattern = re.compile("a+b")


def of_a_match() -> None:
    for _ in range(50):
        pattern.match("aab")


@needs_headers
def test_the_class_of_what_is_made_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling_suspects, "SAMPLES", 1)
    monkeypatch.setattr(scaling_suspects, "LOOK_NS", 60 * 10**9)
    match = type(pattern.match("aab"))
    team = ThreadTeam([None, None])

    seen = observe(
        team, [of_a_match] * 2, [each for each in classes() if each[1] is match]
    )

    team.dismiss()
    assert [each.name for each in seen] == ["re.Match"]
