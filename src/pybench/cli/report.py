"""``pybench report``: results as a page, as Markdown, or a folder of runs as a site."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli.options import add_order, host_needs, share
from pybench.cli.output import place, print_note, write_whole
from pybench.cli.status import FAILED, OK, UsageError
from pybench.records.run import MARGIN

if TYPE_CHECKING:
    from pybench.records.contents import Contents

PAGE = "report.html"
SITE = Path("site")


def add_report(subcommands: Any) -> None:
    """Add ``pybench report``."""
    parser = subcommands.add_parser(
        "report",
        help="one page that opens offline, Markdown, or a site of many runs",
        description="Show results: the folder of a run, its summary.json, files of "
        "pytest-benchmark and pyperf, records of pybench profile, scenario and doctor. "
        "Nothing is measured.",
        epilog="Exit status: 0 done, 2 usage, 4 a run of --index could not be read "
        "(the others are there).",
    )
    parser.add_argument("results", metavar="RESULTS", type=Path, nargs="*")
    parser.add_argument(
        "-o", dest="output", metavar="PATH",
        help=f"file, - for standard output (default {PAGE}; for Markdown -; with "
        f"--index a folder, default {SITE})",
    )  # fmt: skip
    parser.add_argument("--title", help="of the page (default: what is compared)")
    parser.add_argument("--format", choices=["html", "md"], default="html")
    parser.add_argument(
        "--max-chars", metavar="N", type=int, help="of Markdown (default 65000)"
    )
    parser.add_argument(
        "--margin", type=share,
        help="of a comparison of saved files; a run has its own (default 3%%)",
    )  # fmt: skip
    parser.add_argument(
        "--index", metavar="DIR", type=Path, help="make a site of all runs in a folder"
    )
    add_order(parser)
    parser.add_argument("--open", action="store_true", help="in the browser, when done")
    parser.set_defaults(command=report)


def report(options: argparse.Namespace) -> int:
    """Write one page, one text or one site."""
    host_needs()
    _check(options)
    if options.index is not None:
        return _index(options)
    contents = _contents(options)
    is_markdown = options.format == "md"
    text = _markdown(contents, options) if is_markdown else _page(contents, options)
    where = _place(options)
    try:
        write_whole(text, place(where), "-o")
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"-o {where}: {error}") from None
    for note in [*contents.notes, *([] if is_markdown else _without_charts())]:
        print_note(note)
    if where != "-":
        print_note(f"wrote {where}")
        _show(options, Path(where))
    return OK


def _check(options: argparse.Namespace) -> None:
    """Refuse by name what would be ignored in the form that is asked for."""
    is_page = options.format == "html" and options.index is None
    refused = (
        ("--max-chars", options.max_chars is not None and options.format != "md",
         "is of --format md; a page has what it has room for"),
        ("--title", options.title is not None and not is_page,
         "is of a page: a site is called after its folder, and Markdown has no title"),
        ("--margin", options.margin is not None and options.index is not None,
         "is of a comparison of saved files; the runs of a site have their own"),
        ("--open", options.open and _place(options) == "-",
         "shows a file, and this goes to standard output: name one with -o"),
    )  # fmt: skip
    for flag, is_refused, why in refused:
        if is_refused:
            raise UsageError(f"{flag} {why}")


def _place(options: argparse.Namespace) -> str:
    """Return where a page or a text is written."""
    return str(options.output or ("-" if options.format == "md" else PAGE))


def _contents(options: argparse.Namespace) -> Contents:
    from pybench.comparison.contents import read_contents

    contents = read_contents(
        options.results,
        title=options.title,
        margin=MARGIN if options.margin is None else options.margin,
        has_details=options.format != "md",
    )
    has_rows = contents.summary or (contents.saved and options.format == "md")
    if (options.sort or options.group) and not has_rows:
        raise UsageError(
            f"--sort and --group are of the rows of a run, and {contents.title} has "
            "none on this page: leave them out"
        )
    if options.margin is not None and contents.saved is None:
        raise UsageError(
            f"--margin {options.margin:g}: of a comparison of saved files, and none is "
            "in this report; a run is judged by the margin that it was begun with"
        )
    return contents


def _page(contents: Contents, options: argparse.Namespace) -> str:
    try:
        from pybench.report.page import page

        return page(contents, sort=options.sort, group=options.group)
    except ImportError as error:
        raise UsageError(
            f"a page needs {error.name}, which is not installed for {sys.executable}: "
            "pip install 'pybench-native[compare]'"
        ) from None


def _without_charts() -> list[str]:
    """Say that a page has its tables alone, where nothing can draw its charts."""
    from pybench.report.charts.drawing import MISSING, is_here

    return [] if is_here() else [f"{MISSING}; the page has its tables"]


def _markdown(contents: Contents, options: argparse.Namespace) -> str:
    from pybench.report.markdown import MOST_CHARACTERS, markdown

    most = MOST_CHARACTERS if options.max_chars is None else options.max_chars
    try:
        compared = contents.summary or contents.saved
        if compared is not None:
            return markdown(
                compared,
                most_characters=most,
                sort=options.sort,
                group=options.group,
            )
    except ValueError as error:
        raise UsageError(f"--max-chars: {error}") from None
    raise UsageError(
        f"--format md is of a comparison, and {contents.title} is none: give the "
        "folder of a run, or two saved files"
    )


def _index(options: argparse.Namespace) -> int:
    """Write the site of a folder, and say which of its runs could not be read."""
    if options.results:
        raise UsageError(
            f"--index {options.index} is of a folder; {options.results[0]} would be a "
            "page of its own: give one or the other"
        )
    if options.format == "md":
        raise UsageError("--index makes pages: leave out --format md")
    from pybench.comparison.run_folders import read_site
    from pybench.report.site.pages import site_files
    from pybench.report.site.writing import write_site

    folder = Path(options.output or SITE)
    site = read_site(options.index, partial(_page, options=options))
    write_site(site_files(site), folder)
    for problem in site.problems:
        print_note(f"{problem.name}: {problem.reason}")
    print_note(f"wrote {folder / 'index.html'}")
    _show(options, folder / "index.html")
    return FAILED if site.problems else OK


def _show(options: argparse.Namespace, path: Path) -> None:
    if options.open:
        webbrowser.open(path.absolute().as_uri())
