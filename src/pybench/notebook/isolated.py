"""Measure an importable function in a process of its own.

The child is started by ``python -m pybench.notebook.isolated``, gets what to measure
on its standard input and answers on its standard output, which it takes away from the
function: what that prints goes to standard error.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from subprocess import PIPE
from typing import Any

from pybench.children import describe_end, last_line, start
from pybench.notebook.measurement import IN_FRESH_PROCESS, Measurement
from pybench.notebook.session import measure
from pybench.notebook.subject import KERNEL, find_subject, thread_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a child is to measure: a function by its address, or a kernel's name."""

    module: str
    name: str
    arguments: tuple[object, ...]
    keywords: Mapping[str, object]
    threads: tuple[int, ...]
    rounds: int | None
    iterations: int | None


def order(
    subject: object,
    arguments: tuple[object, ...] = (),
    keywords: Mapping[str, object] | None = None,
    *,
    threads: int | Iterable[int] = 1,
    rounds: int | None = None,
    iterations: int | None = None,
) -> Order:
    """Address a subject so that another process finds it.

    Raises
    ------
    ValueError
        If no other process can import it.
    """
    target = find_subject(subject, arguments, keywords or {})
    module, name = "", target.name
    if target.kind != KERNEL:
        module, name = _address(subject)
    return Order(
        module=module,
        name=name,
        arguments=arguments,
        keywords=dict(keywords or {}),
        threads=thread_counts(threads),
        rounds=rounds,
        iterations=iterations,
    )


def _address(subject: object) -> tuple[str, str]:
    module = getattr(subject, "__module__", None) or ""
    name = getattr(subject, "__qualname__", None) or ""
    advice = "isolated=True needs a function that another process can import"
    if module == "__main__":
        raise ValueError(
            f"{advice}: {name or subject!r} was defined in this session; put it into "
            "a module (in a notebook: %%writefile my_functions.py) and import it"
        )
    try:
        if _look_up(module, name) is subject:
            return module, name
    except (ImportError, AttributeError, ValueError):
        pass
    raise ValueError(
        f"{advice}: {subject!r} is not found as {module or '?'}.{name or '?'}"
    )


def _look_up(module: str, name: str) -> Any:
    thing: Any = importlib.import_module(module)
    for word in name.split("."):
        thing = getattr(thing, word)
    return thing


def measure_isolated(asked: Order) -> Measurement:
    """Measure in a fresh process, which has ended when this returns or raises.

    Raises
    ------
    RuntimeError
        If the process died; with what it said last.
    Exception
        What the function raised.
    """
    try:
        request = pickle.dumps((sys.path, asked))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(f"the arguments cannot be sent to a process: {error}") from None
    child = start(
        [sys.executable, "-m", __name__],
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        answer, errors = child.communicate(request)
    except BaseException:
        child.end_group()
        child.wait()
        raise
    if child.returncode or not answer:
        reason = last_line(errors.decode(errors="replace")) or "no message"
        raise RuntimeError(
            f"the process that measured {asked.name} "
            f"{describe_end(child.returncode)}: {reason}"
        )
    result = pickle.loads(answer)
    if isinstance(result, BaseException):
        raise result
    assert isinstance(result, Measurement)
    return replace(result, place=IN_FRESH_PROCESS)


def _serve() -> None:
    answers = os.dup(1)
    os.dup2(2, 1)
    path, asked = pickle.load(sys.stdin.buffer)
    sys.path[:] = path
    answer: object
    try:
        answer = measure(
            _look_up(asked.module, asked.name) if asked.module else asked.name,
            asked.arguments,
            asked.keywords,
            threads=asked.threads,
            rounds=asked.rounds,
            iterations=asked.iterations,
        )
    except Exception as error:
        answer = error
    try:
        data = pickle.dumps(answer)
        pickle.loads(data)
    except Exception:
        data = pickle.dumps(RuntimeError(f"{type(answer).__name__}: {answer}"))
    with os.fdopen(answers, "wb") as out:
        out.write(data)


if __name__ == "__main__":
    _serve()
