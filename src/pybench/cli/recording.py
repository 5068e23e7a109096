"""Where a command leaves its record: a file, standard output, or nowhere."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pybench.cli.status import UsageError


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
    if text == "-":
        return text
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder: give a file in it")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"no folder {str(folder)!r} for {path.name!r}")
    if not os.access(folder, os.W_OK):
        raise argparse.ArgumentTypeError(f"nothing can be written into {str(folder)!r}")
    return text


def write_record(document: Mapping[str, Any], where: str | None) -> None:
    """Write a record, whole or not at all; nothing if ``where`` is None.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    if where is None:
        return
    write_whole(json.dumps(document, indent=1, allow_nan=False) + "\n", where, "--json")


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
    encoded = data.encode() if isinstance(data, str) else data
    if where == "-":
        if isinstance(data, str):
            print(data, end="")
            return
        if sys.stdout.isatty():
            raise UsageError(f"{option} -: not text, and this is a terminal: a file")
        sys.stdout.buffer.write(data)
        return
    path = Path(where)
    fresh: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.absolute().parent, delete=False
        ) as file:
            fresh = Path(file.name)
            file.write(encoded)
        # The mode of a temporary file keeps others from reading it.
        fresh.chmod(0o644)
        fresh.replace(path)
    except OSError as error:
        raise UsageError(f"{option} {where}: {error.strerror or error}") from error
    finally:
        if fresh is not None:
            fresh.unlink(missing_ok=True)
