"""What a row says in ``benchmark.pedantic``: what stock refuses, and how often it runs.

Imports the standard library alone: a profiled child loads it by its path.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(kw_only=True)
class Pedantic:
    """One call of ``benchmark.pedantic``, with the defaults of stock.

    `says_rounds` tells whether the row says its rounds itself. Raises `ValueError` for
    what stock refuses, in its order and its words.
    """

    target: Callable[..., Any]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] | None = None
    setup: Callable[[], Any] | None = None
    teardown: Callable[..., Any] | None = None
    rounds: int = 1
    warmup_rounds: int = 0
    iterations: int = 1
    says_rounds: bool = True

    def __post_init__(self) -> None:
        rounds: object = self.rounds  # whatever the row has given
        warmup_rounds: object = self.warmup_rounds
        iterations: object = self.iterations
        if not isinstance(iterations, int) or iterations < 1:
            raise ValueError("Must have positive int for `iterations`.")
        if not isinstance(rounds, int) or rounds < 1:
            raise ValueError("Must have positive int for `rounds`.")
        if not isinstance(warmup_rounds, int) or warmup_rounds < 0:
            raise ValueError("Must have positive int for `warmup_rounds`.")
        if iterations > 1 and self.setup:
            raise ValueError(
                "Can't use more than 1 `iterations` with a `setup` function."
            )

    @property
    def most_rounds(self) -> int | None:
        """How many rounds one process may do; None for as many as are wanted.

        A row without a `setup` may keep the state that its calls leave: a list that is
        sorted, a cache that is filled. With a `setup` rounds may be repeated, each
        behind its own; except for ``rounds=1``, if the row says so itself.
        """
        is_limited = not self.setup or (self.says_rounds and self.rounds == 1)
        return self.rounds if is_limited else None

    def arguments(self) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Return what a round calls the target with, as stock does."""
        given = self.setup() if self.setup else None
        if not given:
            return self.args, self.kwargs or {}
        if self.args or self.kwargs:
            raise TypeError(
                "Can't use `args` or `kwargs` if `setup` returns the arguments."
            )
        args, kwargs = given
        return args, kwargs

    def round(self, iterations: int) -> Any:
        """Do a round of so many calls; return what the last one returned."""
        args, kwargs = self.arguments()
        result = None
        for _ in range(iterations):
            result = self.target(*args, **kwargs)
        if self.teardown is not None:
            self.teardown(*args, **kwargs)
        return result


def noting_rounds(
    pedantic: Callable[..., Any], note: Callable[[bool], object]
) -> Callable[..., Any]:
    """Return stock's method, which notes first whether a row says its rounds.

    Stock's own fills in what a row leaves out, and one round is what it fills in.
    """
    parameters = inspect.signature(pedantic)

    def noted(benchmark: Any, *args: Any, **kwargs: Any) -> Any:
        given = parameters.bind_partial(benchmark, *args, **kwargs).arguments
        note("rounds" in given)
        return pedantic(benchmark, *args, **kwargs)

    return noted
