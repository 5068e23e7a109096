"""What options say: one reader for each kind of value, and a parser that nests.

A reader is a ``type=`` of `argparse`; what several commands look up or require before
they measure is here as well, and raises `UsageError`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pybench.cli.status import UsageError
from pybench.records import texts

if TYPE_CHECKING:
    from pybench.comparison.suites import Suite
    from pybench.interpreters import Interpreter, Requested

# What runs in any interpreter reads them as well.
seconds = texts.duration_s
share = texts.share


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return the reader of a whole number: ``100000``, or ``1e5``."""

    def read(text: str) -> int:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not (least <= value <= (most or sys.maxsize) and value.is_integer()):
            bounds = f"{least:g} on" if most is None else f"{least:g} to {most:g}"
            raise argparse.ArgumentTypeError(
                f"{text!r} is no whole number from {bounds}"
            )
        return int(value)

    return read


def one_of(what: str, choices: Callable[[], Sequence[str]]) -> Callable[[str], str]:
    """Return the reader of a word; its choices are asked for when one is read.

    So a command that is not run imports nothing for its choices.
    """

    def read(text: str) -> str:
        if text not in choices():
            raise argparse.ArgumentTypeError(
                f"{text!r} is no {what}: one of {', '.join(choices())}"
            )
        return text

    return read


def add_timeout(parser: argparse.ArgumentParser, default_s: float) -> None:
    """Add ``--timeout`` of each process."""
    parser.add_argument(
        "--timeout", metavar="S", type=seconds, default=default_s,
        help=f"end a process after so many seconds (default {default_s:g})",
    )  # fmt: skip


SUITE_HELP = (
    "the benchmarks: a folder or a file, of tests with pytest-benchmark or of scripts "
    "of pyperf; pyperformance, or pyperformance:nbody,json_loads; asv:PATH; pybench, "
    "which is installed (default: ./benchmarks where there is one, else pybench). "
    "docs/other-suites.md has an example of each"
)


# In which order rows are shown: what argparse is told, which imports no report for it.
ORDER: Mapping[str, Mapping[str, Any]] = {
    "--sort": {
        "choices": ("change", "ratio", "time", "name", "suite"),
        "help": "rows by the size of their change (default), by ratio, by the "
        "baseline's time, by name, or as the suite has them",
    },
    "--group": {
        "choices": ("verdict", "category", "area", "none"),
        "help": "rows under their verdict (default), category or area, or under none",
    },
}


def add_order(parser: argparse.ArgumentParser) -> None:
    """Add ``--sort`` and ``--group``."""
    for flag, settings in ORDER.items():
        parser.add_argument(flag, **settings)


def add_suite(parser: argparse.ArgumentParser) -> None:
    """Add ``--suite``, which `find_suite` reads."""
    parser.add_argument("--suite", metavar="SUITE", help=SUITE_HELP)


def find_suite(text: str | None) -> Suite:
    """Find the suite of ``--suite``, or the default."""
    from pybench.comparison import suites

    return suites.find_suite(text)


def find_interpreters(words: Sequence[str]) -> list[Requested]:
    """Find the interpreters that are asked for."""
    from pybench.interpreters import resolve

    return resolve(words)


def find_interpreter(word: str | None) -> Interpreter:
    """Find the interpreter of ``--python``; without it, the one that runs this."""
    from pybench.interpreters import ProbeError, RequestError, probe, resolve

    try:
        found = (
            probe(sys.executable) if word is None else resolve([word])[0].interpreter
        )
    except (ProbeError, RequestError) as error:
        raise UsageError(f"--python {error}" if word else str(error)) from None
    return as_it_is(found)


def as_it_is(interpreter: Interpreter) -> Interpreter:
    """Refuse one that is to be started with switches, where a command has no place."""
    if interpreter.switches:
        raise UsageError(
            f"{interpreter.kind}: compare, run and scaling start it so; here say "
            f"{interpreter.path} and set PYTHON_GIL=1"
        )
    return interpreter


def host_needs() -> None:
    """Raise `UsageError` unless what decides and shows is installed."""
    try:
        import msgspec  # noqa: F401
        import rich  # noqa: F401

        # All of it, now: what Ctrl-C ends in the middle cannot be imported again.
        import scipy.stats  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is not installed for {sys.executable}: pip install "
            "'pybench-native[compare]', or '.[compare]' in a checkout"
        ) from None
    except ImportError as error:
        # It is there, and cannot be loaded: little memory, or built for another one.
        raise UsageError(
            f"{error.name or 'a library'} cannot be loaded by {sys.executable}: {error}"
        ) from None


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
