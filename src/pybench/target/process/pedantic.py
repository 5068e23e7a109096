"""What a row says in ``benchmark.pedantic``: what stock refuses, and how often it runs.

Imports the standard library alone: a profiled child loads it by its path.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Given = tuple[Sequence[Any], Mapping[str, Any]]


def check_pedantic(
    *, rounds: object, warmup_rounds: object, iterations: object, has_setup: bool
) -> None:
    """Raise `ValueError` for what stock refuses, in its order and its words."""
    if not isinstance(iterations, int) or iterations < 1:
        raise ValueError("Must have positive int for `iterations`.")
    if not isinstance(rounds, int) or rounds < 1:
        raise ValueError("Must have positive int for `rounds`.")
    if not isinstance(warmup_rounds, int) or warmup_rounds < 0:
        raise ValueError("Must have positive int for `warmup_rounds`.")
    if iterations > 1 and has_setup:
        raise ValueError("Can't use more than 1 `iterations` with a `setup` function.")


def most_rounds(rounds: int, *, has_setup: bool, says_rounds: bool) -> int | None:
    """Return how many rounds one process may do; None for as many as are wanted.

    A row without a `setup` may keep the state that its calls leave: a list that is
    sorted, a cache that is filled. With a `setup` rounds may be repeated, each behind
    its own; except for ``rounds=1``, if the row says so itself (`says_rounds`).
    """
    is_limited = not has_setup or (says_rounds and rounds == 1)
    return rounds if is_limited else None


def round_arguments(
    args: Sequence[Any], kwargs: Mapping[str, Any], setup: Callable[[], Any] | None
) -> Given:
    """Return what a round calls the target with, as stock does."""
    given = setup() if setup else None
    if not given:
        return args, kwargs
    if args or kwargs:
        raise TypeError(
            "Can't use `args` or `kwargs` if `setup` returns the arguments."
        )
    ours, names = given
    return ours, names
