"""HTML from templates: what is put into one is escaped, unless it says otherwise."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pybench.records.texts import printable


def templates_in(folder: Path) -> Environment:
    """Return the templates of a folder; using a name that was not given is an error.

    What is put in has no control characters: a page is read in terminals as well.
    """
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: object) -> object:
    # What is marked as safe is of another type: it is ours, such as the style sheet.
    if type(value) is not str:
        return value
    return printable(value, keep="\n\t")
