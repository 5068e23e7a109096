"""Where a command leaves its record: a file, standard output, or nowhere."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from pybench.cli.status import FAILED, OK, UsageError
from pybench.records.files import check_place, json_text, write_file
from pybench.records.texts import encoded


def add_json(parser: argparse.ArgumentParser, *, bare: bool = False) -> None:
    """Add ``--json PATH``; the folder is looked at before anything is measured.

    With ``bare``, which suits a command without arguments of its own, ``--json`` alone
    is standard output.
    """
    optional: dict[str, Any] = {"nargs": "?", "const": "-"} if bare else {}
    parser.add_argument(
        "--json",
        metavar="PATH",
        type=place,
        **optional,
        help="write the record there; - for standard output, and then only that",
    )


def place(text: str) -> str:
    """Read the place of a record; an error while nothing is measured yet."""
    problem = "" if text == "-" else check_place(Path(text))
    if problem:
        raise argparse.ArgumentTypeError(f"{text!r}: {problem}")
    return text


def beside(where: str | None) -> TextIO:
    """Return the stream of what is for people: standard output is the record's."""
    return sys.stderr if where == "-" else sys.stdout


def print_lines(lines: Iterable[str], out: TextIO | None = None) -> None:
    """Print lines at once, and see that they are out before a child writes."""
    print("\n".join(lines), file=out, flush=True)


def print_note(text: object) -> None:
    """Print what a person should know, beside the results."""
    print(f"pybench: {text}", file=sys.stderr, flush=True)


def print_error(text: object) -> None:
    """Print what went wrong, where the command goes on."""
    print_note(f"error: {text}")


def write_record(document: Mapping[str, Any] | Sequence[Any], where: str | None) -> int:
    """Write a record, whole or not at all; nothing if ``where`` is None.

    What cannot be written is printed and raises nothing: what was measured is still to
    be shown. Returns `OK` or `FAILED`.
    """
    if where is None:
        return OK
    try:
        write_whole(json_text(document), where, "--json")
    except UsageError as error:
        print_error(error)
        return FAILED
    return OK


def write_whole(data: str | bytes, where: str, option: str) -> None:
    """Write a file, whole or not at all; ``-`` is standard output.

    Parameters
    ----------
    option : str
        What named the place, for the error.

    Raises
    ------
    UsageError
        If the file cannot be written, or bytes are meant for a terminal.
    """
    if where == "-":
        if isinstance(data, str):
            print(data, end="")
            return
        if sys.stdout.isatty():
            raise UsageError(f"{option} -: not text, and this is a terminal: a file")
        sys.stdout.buffer.write(data)
        return
    try:
        write_file(Path(where), encoded(data) if isinstance(data, str) else data)
    except OSError as error:
        raise UsageError(f"{option} {where}: {error.strerror or error}") from error
