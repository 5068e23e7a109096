"""Programs of `pybench.target.programs` that get an order, and give an answer."""

import json
from pathlib import Path
from typing import Any

from pybench.children import describe_end, last_line, run

_FOLDER = Path(__file__).parents[1] / "target" / "programs"


class ChildError(Exception):
    """A child that gave no answer; the text says how it ended."""


def ask(
    python: Path,
    program: str,
    order: dict[str, Any],
    timeout_s: float,
    *,
    hint: str = "a longer --timeout?",
) -> dict[str, Any]:
    """Start a program with an order, both in JSON; return its answer.

    `hint` says what helps if it takes too long.

    Raises
    ------
    ChildError
        If it ends badly, takes too long or says something else.
    """
    # -P: what lies beside the program shall not be imported in place of a module.
    command = [str(python), "-P", str(_FOLDER / program), json.dumps(order)]
    done = run(command, timeout_s=timeout_s)
    check_end(done.status, done.stderr, timeout_s, hint)
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise ChildError(f"its answer is {done.stdout[:100]!r}") from None
    return answer


def check_end(
    status: int | None, errors: str, timeout_s: float, hint: str = ""
) -> None:
    """Raise `ChildError` unless a child ended well; None is the time-out."""
    if status is None:
        end = f"no end within {timeout_s:g} seconds"
        raise ChildError(f"{end}: {hint}" if hint else end)
    if status:
        why = " (out of memory?)" * (status == -9)
        if status > 0:
            why = f": {last_line(errors) or 'no message'}"
        raise ChildError(f"the process {describe_end(status)}{why}")
