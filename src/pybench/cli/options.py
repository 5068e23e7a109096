"""A parser whose nested commands take the options before their name; ``--timeout``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

# A year: what the system can wait is bounded.
_MOST_SECONDS = 3.2e7


def timeout(text: str) -> float:
    """Read ``--timeout``: seconds, with or without an ``s``."""
    try:
        value = float(text.removesuffix("s"))
    except ValueError:
        value = 0.0
    if not 0 < value < _MOST_SECONDS:  # and nan is neither
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


class _Kinds(argparse._SubParsersAction):  # type: ignore[type-arg]  # no public name
    """Hands what stood before the name of a command on to that command's parser.

    argparse reads those words by the outer parser, and then overwrites them by the
    defaults of the inner one. Here the inner one reads them as if they came after its
    name, or refuses them.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Parse the words of a nested command, those before its name first."""
        name, *rest = values
        before: list[str] = []
        if isinstance(parser, Parser):
            before = parser.words[: len(parser.words) - len(values)]
        if before[-1:] == ["--"]:
            before.pop()
        for action in parser._actions:
            if action.option_strings and hasattr(namespace, action.dest):
                delattr(namespace, action.dest)
        super().__call__(parser, namespace, [name, *before, *rest], option_string)


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that remembers the words it was given.

    ``after`` may name where all words after the first ``--`` go as they are: argparse
    takes one ``--`` off for each of its positional arguments.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.words: list[str] = []
        self.after = ""
        self.register("action", "parsers", _Kinds)

    def parse_known_args(  # type: ignore[override]  # argparse overloads it
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse the words, as argparse does."""
        self.words = [*sys.argv[1:]] if args is None else [*args]
        if not self.after or "--" not in self.words:
            return super().parse_known_args(self.words, namespace)
        end = self.words.index("--")
        options, unknown = super().parse_known_args(self.words[:end], namespace)
        setattr(options, self.after, self.words[end + 1 :])
        return options, unknown
