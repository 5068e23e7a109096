"""Which objects of a function threads write to: seen in the objects' own headers.

A free-threaded build keeps the count of references by other threads than the owner,
and the lock of the object, in its header. While threads run the function, this module
reads the headers of what the function can reach. A header that changes is written to.
That is no statistic: an object that nobody writes to never changes.

The layout is that of CPython 3.13t and 3.14t (``Include/object.h``, ``struct _object``
with ``Py_GIL_DISABLED``). It is checked on an object of our own before it is trusted.
"""

import importlib
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from pybench.records.scaling import Suspect, SuspectKind
from pybench.target.process.identity import gil_enabled
from pybench.target.process.thread_team import ThreadTeam

# So many objects, so many steps from the function: the rest is not looked at.
MOST_OBJECTS, MOST_STEPS, MOST_ELEMENTS = 128, 6, 16
# The headers of all are read so often; if none changes, for so long.
SAMPLES, LOOK_NS = 4000, 300_000_000

# Offsets in a header of 64-bit builds.
_LOCK, _LOCAL, _SHARED, _TYPE = 10, 12, 16, 24
_FLAGS = 2  # the lowest bits of the shared count
_IMMORTAL = 0xFFFFFFFF
_UNKNOWN_LAYOUT = "this build lays out the header of an object in another way"

_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_CONTAINERS = (list, tuple, dict, set, frozenset, deque)
_KINDS: tuple[tuple[Any, SuspectKind], ...] = (
    (_LOCKS, SuspectKind.LOCK),
    (types.ModuleType, SuspectKind.MODULE),
    (type, SuspectKind.CLASS),
    ((types.MethodType, types.BuiltinMethodType), SuspectKind.METHOD),
    ((types.FunctionType, types.BuiltinFunctionType), SuspectKind.FUNCTION),
    (_CONTAINERS, SuspectKind.CONTAINER),
    ((str, bytes, int, float, complex), SuspectKind.CONSTANT),
)


# Methods that no code has to name: an operator, a call or the look-up of an attribute
# runs them, and counts a reference to each that is written in Python.
_IMPLICIT = frozenset(
    f"__{name}__"
    for name in (
        "add", "bool", "call", "contains", "delattr", "delete", "delitem", "enter",
        "eq", "exit", "format", "ge", "get", "getattr", "getattribute", "getitem", "gt",
        "hash", "index", "init", "instancecheck", "iter", "le", "len", "lt", "mul",
        "ne", "new", "next", "set", "setattr", "setitem", "str", "sub",
    )
)  # fmt: skip


def reachable(call: Any, name: str) -> list[tuple[str, Any]]:
    """Return what a function can reach by the names that its code has, nearest first.

    Objects that are immortal are left out: no thread writes to their headers.
    """
    names = {*_IMPLICIT}
    seen: dict[int, tuple[str, Any]] = {}
    waiting = deque([(name, call, 0)])
    while waiting and len(seen) < MOST_OBJECTS:
        label, value, step = waiting.popleft()
        if id(value) in seen:
            continue
        seen[id(value)] = (label, value)
        if step < MOST_STEPS:
            waiting.extend(
                (label, part, step + 1) for label, part in _parts(label, value, names)
            )
    return [each for each in seen.values() if not _Header(each[1]).is_immortal]


def classes() -> list[tuple[str, Any]]:
    """Return the classes of the process whose references are counted.

    What a function makes has a class that none of its names need mean, as a match of a
    pattern has: each that ends takes one away, where the class is written in C.
    """
    # By what `type` knows of them: a metaclass may compare and name its classes anyhow.
    seen: dict[int, type] = {}
    waiting: list[type] = [object]
    while waiting:
        below: list[type] = type.__subclasses__(waiting.pop())
        waiting += [each for each in below if id(each) not in seen]
        seen |= {id(each): each for each in below}
    contents, name = vars(type)["__dict__"], vars(type)["__qualname__"]
    return [
        (f"{contents.__get__(each).get('__module__')}.{name.__get__(each)}", each)
        for each in seen.values()
        if not _Header(each).is_immortal
    ]


def _parts(label: str, value: Any, names: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield what an object refers to and a function that was seen may name.

    Nothing of the target runs for it: no property, no ``__getattr__``, no ``__iter__``.
    """
    kind = type(value)
    if kind is types.FunctionType:
        yield from _parts_of_function(label, value, names)
    elif kind is types.MethodType:
        yield f"{label}.__self__", value.__self__
        yield f"{label}.__func__", value.__func__
    elif issubclass(kind, type):
        for each in value.__mro__[:-1]:
            yield from _named(label, vars(each), names)
            yield each.__qualname__, each
    elif kind is dict:
        for number, (key, element) in enumerate([*value.items()][:MOST_ELEMENTS]):
            shown = f"{key!r:.40}" if type(key) in (str, int) else f"key {number}"
            yield f"{label}[{shown}]", element
    elif kind in _CONTAINERS:
        for number, element in enumerate([*value][:MOST_ELEMENTS]):
            yield f"{label}[{number}]", element
    else:
        yield kind.__qualname__, kind
        with suppress(AttributeError):
            yield from _named(label, object.__getattribute__(value, "__dict__"), names)
        for each in kind.__mro__:
            for slot, member in vars(each).items():
                if type(member) is types.MemberDescriptorType and slot in names:
                    with suppress(AttributeError):
                        yield f"{label}.{slot}", member.__get__(value)


def _parts_of_function(
    label: str, function: types.FunctionType, names: set[str]
) -> Iterator[tuple[str, Any]]:
    codes = [function.__code__]
    for code in codes:
        names.update(code.co_names)
        codes += [each for each in code.co_consts if isinstance(each, types.CodeType)]
        yield from (
            (f"a constant of {label}", each)
            for each in code.co_consts
            if not isinstance(each, types.CodeType)
        )
    of_globals = {name for code in codes for name in code.co_names}
    for name in sorted(of_globals & function.__globals__.keys()):
        yield name, function.__globals__[name]
    for name, cell in zip(
        function.__code__.co_freevars, function.__closure__ or (), strict=True
    ):
        with suppress(ValueError):  # an empty cell
            yield name, cell.cell_contents
    yield from ((f"a default of {label}", each) for each in function.__defaults__ or ())


def _named(label: str, values: Any, names: set[str]) -> Iterator[tuple[str, Any]]:
    # What code names comes first: only so many objects are looked at.
    for name in sorted(names & values.keys(), key=lambda n: (n in _IMPLICIT, n)):
        value = values[name]
        if type(value) in (staticmethod, classmethod):
            value = value.__func__
        yield f"{label}.{name}", value


def headers_problem() -> str:
    """Say why headers cannot be read here; empty if they can."""
    if gil_enabled():
        return "the GIL is on: threads do not write at once"
    try:
        importlib.import_module("ctypes")
    except ImportError as error:
        return f"no ctypes to read headers with: {error}"
    # The type comes first: what does not lie where it should is not read any further.
    probe = _Probe()
    if _Header(probe).type != id(_Probe):
        return _UNKNOWN_LAYOUT
    header = _Header(probe)
    before = header.shared
    kept: list[object] = []
    thread = threading.Thread(target=lambda: kept.extend([probe] * 8))
    thread.start()
    thread.join()
    if (header.shared >> _FLAGS) - (before >> _FLAGS) != len(kept):
        return _UNKNOWN_LAYOUT
    elements = [1]
    header = _Header(elements)
    locked = [header.is_locked]

    def key(element: int) -> int:
        locked.append(header.is_locked)
        return element

    elements.sort(key=key)
    locked.append(header.is_locked)
    return "" if locked == [False, True, False] else _UNKNOWN_LAYOUT


def observe(
    team: ThreadTeam,
    calls: Sequence[Callable[[], object]],
    objects: Sequence[tuple[str, Any]],
) -> list[Suspect]:
    """Let each of a team run its call; return the objects whose headers change.

    Those whose count changes most come first.
    """
    is_over = threading.Event()
    seen: list[Suspect] = []

    def work(call: Callable[[], object]) -> None:
        while not is_over.is_set():
            call()

    def look() -> None:
        try:
            seen.extend(_looked(objects))
        finally:
            is_over.set()

    observer = threading.Thread(target=look)
    observer.start()
    team.run([partial(work, call) for call in calls])
    observer.join()
    return sorted(seen, key=lambda each: each.rank)


def _looked(objects: Sequence[tuple[str, Any]]) -> list[Suspect]:
    headers = [_Header(value) for _, value in objects]
    last = [header.shared for header in headers]
    changes = [0] * len(headers)
    locked = [0] * len(headers)
    samples = 0
    until_ns = time.perf_counter_ns() + LOOK_NS
    while time.perf_counter_ns() < until_ns:
        if samples >= SAMPLES and any(changes):
            break
        samples += 1
        for number, header in enumerate(headers):
            shared = header.shared
            changes[number] += shared != last[number]
            last[number] = shared
            locked[number] += header.is_locked
    return [
        Suspect(
            name=label,
            kind=kind_of(value),
            type_name=type(value).__qualname__,
            samples=samples,
            count_changes=changes[number],
            locked=locked[number],
        )
        for number, (label, value) in enumerate(objects)
        if changes[number] or locked[number]
    ]


def kind_of(value: object) -> SuspectKind:
    """Return what kind of object it is."""
    return next(
        (kind for types_of, kind in _KINDS if issubclass(type(value), types_of)),
        SuspectKind.INSTANCE,
    )


def make_immortal(value: object) -> None:
    """Let no thread count references to an object from now on.

    The object stays until the process ends. The caller makes sure that no other thread
    uses it meanwhile.
    """
    _Header(value).make_immortal()


class _Header:
    """The header of one object, read as memory: no reference is counted for it."""

    def __init__(self, value: object) -> None:
        import ctypes  # not everywhere: `headers_problem` is asked first

        address = id(value)
        self._lock = ctypes.c_uint8.from_address(address + _LOCK)
        self._local = ctypes.c_uint32.from_address(address + _LOCAL)
        self._shared = ctypes.c_ssize_t.from_address(address + _SHARED)
        self._type = ctypes.c_size_t.from_address(address + _TYPE)

    @property
    def shared(self) -> int:
        """The count by other threads than the owner, and its flags."""
        return self._shared.value

    @property
    def type(self) -> int:
        """The address of the type."""
        return self._type.value

    @property
    def is_locked(self) -> bool:
        """Whether a thread holds the lock of the object."""
        return bool(self._lock.value & 1)

    @property
    def is_immortal(self) -> bool:
        """Whether references to it are not counted."""
        return self._local.value == _IMMORTAL

    def make_immortal(self) -> None:
        self._local.value = _IMMORTAL


class _Probe:
    """An object of our own."""
