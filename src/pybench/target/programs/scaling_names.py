"""Which objects of a module threads contend for, found by sharing them one by one.

Each thread has a copy of the module. A slot is a place of the function that refers to
an object: a global, a cell, a default, its code. What the original has there is put
into all copies; if the threads do less then, they contend for it. Slots are tried by
halves. Beside the object stand the lines where it is used: that is what to change.
"""

import dis
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from pybench.records.scaling import Contended, SuspectKind
from pybench.target.programs.scaling_suspects import kind_of

# A copy has to gain so much before it is asked what it gains by.
ENOUGH = 1.25
# No new group of slots is tried after so long.
BUDGET_NS = 1_000_000_000
MOST_LINES = 6


@dataclass(frozen=True, slots=True)
class Place:
    """A line that uses a name, or binds it."""

    file: str
    number: int
    stores: bool

    def __str__(self) -> str:
        """Return it as a traceback would."""
        return f"{self.file}:{self.number}"


Lines = dict[str, list[Place]]
_USES = ("LOAD_GLOBAL", "STORE_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "STORE_DEREF")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that copies have too: what the original has there, and how to put it."""

    name: str
    value: Any
    owns: Sequence[Any]
    put: Callable[[int, Any], None]

    def share(self) -> None:
        """Put the original's object into all copies."""
        for number in range(len(self.owns)):
            self.put(number, self.value)

    def restore(self) -> None:
        """Give each copy its own again."""
        for number, own in enumerate(self.owns):
            self.put(number, own)


def contended(
    original: Any,
    copies: Sequence[Any],
    gain: Callable[[], float],
    *,
    shared: float,
    private: float,
) -> tuple[Contended, ...]:
    """Return the objects that cost the speed-up when they alone are shared.

    Parameters
    ----------
    original, copies
        What is called, and what each thread calls of its own.
    gain : callable
        Measures the speed-up of the copies as they are now.
    shared, private : float
        The speed-ups of the original and of the copies.
    """
    functions = [plain(each) for each in (original, *copies)]
    if private < ENOUGH * shared or None in functions:
        return ()
    function, *others = [each for each in functions if each is not None]
    lines = used(function, function.__globals__)
    limit = (shared * private) ** 0.5
    costly: dict[str, tuple[Slot, float]] = {}
    every = [*slots_of(function, others, lines)]
    waiting = [every]
    until_ns = time.perf_counter_ns() + BUDGET_NS
    while waiting and time.perf_counter_ns() < until_ns:
        group = waiting.pop(0)
        for slot in group:
            slot.share()
        try:
            speed_up = gain() if group else limit
        finally:
            for slot in group:
                slot.restore()
        if speed_up >= limit:
            if group and group is every:
                return stored(lines, shared)
        elif len(group) == 1:
            costly[group[0].name] = (group[0], speed_up)
        else:
            middle = len(group) // 2
            waiting += [group[:middle], group[middle:]]
    return tuple(
        Contended(
            name=name,
            kind=kind_or_code(slot.value),
            type_name=type(slot.value).__qualname__,
            lines=tuple(dict.fromkeys(map(str, lines.get(name, ())))),
            speed_up=speed_up,
        )
        for name, (slot, speed_up) in costly.items()
        # It may cost only by what it uses, which was costly by itself.
        if not costly.keys() & used(slot.value, function.__globals__).keys() - {name}
    )


def stored(lines: Lines, speed_up: float) -> tuple[Contended, ...]:
    """Return the dictionary of the module, where it is all that is not shared.

    It costs where names are bound in it; without such a line nothing is known.
    """
    places = [place for places in lines.values() for place in places if place.stores]
    if not places:
        return ()
    return (
        Contended(
            name="the globals",
            kind=SuspectKind.CONTAINER,
            type_name="dict",
            lines=tuple(map(str, places)),
            speed_up=speed_up,
        ),
    )


def kind_or_code(value: object) -> SuspectKind:
    """Return the kind of an object; code is a function's."""
    return SuspectKind.FUNCTION if isinstance(value, CodeType) else kind_of(value)


def plain(call: Any) -> FunctionType | None:
    """Return the function that is called in the end; None if it is not in Python."""
    if isinstance(call, partial):
        call = call.func
    if isinstance(call, MethodType):
        call = call.__func__
    return call if isinstance(call, FunctionType) else None


def slots_of(
    function: FunctionType, copies: Sequence[FunctionType], lines: Lines
) -> Iterator[Slot]:
    """Yield the slots in which copies have objects of their own."""

    def in_globals(name: str, number: int, value: Any) -> None:
        copies[number].__globals__[name] = value

    def in_cell(at: int, number: int, value: Any) -> None:
        (copies[number].__closure__ or ())[at].cell_contents = value

    def in_defaults(at: int, number: int, value: Any) -> None:
        defaults = copies[number].__defaults__ or ()
        copies[number].__defaults__ = (*defaults[:at], value, *defaults[at + 1 :])

    def as_code(number: int, value: Any) -> None:
        copies[number].__code__ = value

    def slot(
        name: str, get: Callable[[FunctionType], Any], put: Callable[[int, Any], None]
    ) -> Iterator[Slot]:
        try:
            value, *owns = (get(each) for each in (function, *copies))
        except (LookupError, ValueError):  # not there, or an empty cell
            return
        if not any(own is value for own in owns) and not isinstance(value, ModuleType):
            yield Slot(name, value, owns, put)

    # A name that the function binds means another object after the first call.
    read = [name for name in lines if not any(of.stores for of in lines[name])]
    for name in read:
        yield from slot(name, partial(of_globals, name), partial(in_globals, name))
    code = function.__code__
    for at, name in enumerate(code.co_freevars):
        yield from slot(name, partial(of_cell, at), partial(in_cell, at))
    arguments = code.co_varnames[: code.co_argcount]
    count = len(function.__defaults__ or ())
    for at, name in enumerate(arguments[len(arguments) - count :]):
        title = f"the default of {name}"
        yield from slot(title, partial(of_defaults, at), partial(in_defaults, at))
    yield from slot(f"the code of {function.__qualname__}", of_code, as_code)


def of_globals(name: str, function: FunctionType) -> Any:
    """Return a global of a function."""
    return function.__globals__[name]


def of_cell(at: int, function: FunctionType) -> Any:
    """Return what one of its cells holds."""
    return (function.__closure__ or ())[at].cell_contents


def of_defaults(at: int, function: FunctionType) -> Any:
    """Return one of its defaults."""
    return (function.__defaults__ or ())[at]


def of_code(function: FunctionType) -> Any:
    """Return its code, with its constants."""
    return function.__code__


def used(value: Any, names: dict[str, Any]) -> Lines:
    """Return the names that an object's code uses, and what it calls of its module.

    Each with the lines where it is used, as ``file.py:12``.
    """
    lines: Lines = {}
    waiting, seen = [value], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        kind = value if isinstance(value, type) else type(value)
        if isinstance(value, FunctionType):
            if value.__globals__ is names:
                waiting += [
                    *note(value.__code__, names, lines),
                    *cells(value),
                ]
        elif kind.__module__ == names.get("__name__"):
            lines.setdefault(kind.__name__, [])
            for each in vars(kind).values():
                method = getattr(each, "__func__", getattr(each, "fget", each))
                waiting += [method] if isinstance(method, FunctionType) else []
        elif isinstance(value, MethodType):
            waiting += [value.__func__, value.__self__]
    return lines


def cells(function: FunctionType) -> Iterator[Any]:
    """Yield what a function closes over."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue


def note(code: CodeType, names: dict[str, Any], lines: Lines) -> Iterator[Any]:
    """Note where names are used; yield what they mean in the module."""
    file = Path(code.co_filename).name
    for each in dis.get_instructions(code):
        if each.opname.startswith(_USES):
            name = str(each.argval)
            number = each.positions.lineno if each.positions else None
            places = lines.setdefault(name, [])
            if number and len(places) < MOST_LINES:
                place = Place(file, number, each.opname == "STORE_GLOBAL")
                places += [place] if place not in places else []
            if name in names:
                yield names[name]
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from note(part, names, lines)
