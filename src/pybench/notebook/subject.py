"""What is measured: a native kernel or a callable, asked for in one of several ways."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pybench.target.process.identity import extension, extension_missing

KERNEL = "kernel"
CALLABLE = "callable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A kernel with its arguments, or a callable of none."""

    kind: str
    name: str
    call: Callable[..., Any]
    keywords: Mapping[str, object] = field(default_factory=dict)


def find_subject(
    subject: object, arguments: tuple[object, ...], keywords: Mapping[str, object]
) -> Subject:
    """Tell what is to be measured.

    Parameters
    ----------
    subject : callable or str
        A callable; a function of `_pybench`, or its name.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        For a name that no kernel bears.
    NotImplementedError
        If this interpreter cannot run the kernel; says why.
    ImportError
        If the extension is not built; says how to build it.
    """
    name = subject if isinstance(subject, str) else _kernel_name(subject)
    if name is not None:
        return _kernel(name, arguments, keywords)
    if not callable(subject):
        raise TypeError(
            f"{subject!r} is a {type(subject).__name__}, and cannot be called: give a "
            "callable such as `lambda: ...`, or a kernel of pybench.kernels() by name"
        )
    called: Callable[..., Any] = subject
    if arguments or keywords:
        bare = subject

        def called() -> object:
            return bare(*arguments, **keywords)

    return Subject(kind=CALLABLE, name=name_of(subject), call=called)


def name_of(called: object) -> str:
    """Return the name under which a callable is shown."""
    name = getattr(called, "__qualname__", None) or type(called).__qualname__
    return str(name).replace("<locals>.", "")


def thread_counts(threads: int | Iterable[int]) -> tuple[int, ...]:
    """Return the numbers of threads in rising order, each once.

    Raises
    ------
    TypeError
        If one is no int.
    ValueError
        If one is below 1, or there is none.
    """
    given: Any = (threads,) if isinstance(threads, int) else threads
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"threads must be an int or several, not {threads!r}")
    counts: list[Any] = list(given)
    for count in counts:
        if type(count) is not int:
            raise TypeError(f"threads must be ints, not {count!r}")
        if count < 1:
            raise ValueError(f"threads must be at least 1, not {count}")
    if not counts:
        raise ValueError("threads is empty: give one or more, such as [1, 2, 4]")
    return tuple(sorted(set(counts)))


def positive(name: str, value: int | None) -> int | None:
    """Check an optional count.

    Raises
    ------
    TypeError
        If it is no int.
    ValueError
        If it is below 1.
    """
    if value is None:
        return None
    if type(value) is not int:
        raise TypeError(f"{name} must be an int, not {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")
    return value


def _kernel_name(subject: object) -> str | None:
    """Return the name if it is a kernel's function itself."""
    name = getattr(subject, "__name__", None)
    if getattr(subject, "__module__", None) != "_pybench" or not isinstance(name, str):
        return None
    native = extension()
    return name if native is not None and name in native.KERNELS else None


def _kernel(
    name: str, arguments: tuple[object, ...], keywords: Mapping[str, object]
) -> Subject:
    native = extension()
    if native is None:
        raise ImportError(extension_missing())
    known = native.KERNELS.get(name)
    if known is None:
        near = difflib.get_close_matches(name, native.KERNELS, n=3)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise ValueError(f"there is no kernel {name!r}{hint}; see pybench.kernels()")
    if arguments:
        raise TypeError(f"kernel {name} takes its arguments by name, not {arguments!r}")
    if known["missing"]:
        raise NotImplementedError(f"{name} is n/a here: {known['missing']}")
    return Subject(
        kind=KERNEL, name=name, call=getattr(native, name), keywords=dict(keywords)
    )
