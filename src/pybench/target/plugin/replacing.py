"""Methods of pytest-benchmark that have no hook, and are replaced for a session."""

from collections.abc import Callable
from typing import Any


def replace_methods(owner: Any, **methods: Callable[..., Any]) -> Callable[[], None]:
    """Replace functions of a class or module; return what puts them back."""
    kept = {name: getattr(owner, name) for name in methods}
    for name, function in methods.items():
        setattr(owner, name, function)

    def undo() -> None:
        for name, function in kept.items():
            setattr(owner, name, function)

    return undo
