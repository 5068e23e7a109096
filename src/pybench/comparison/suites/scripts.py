"""Scripts of pyperf as a suite: a script, or a folder that has some among its files."""

from __future__ import annotations

from pathlib import Path

from pybench.comparison.suites.suite import source_files
from pybench.records.scripts import SUFFIX, is_script

# What makes rows of them in each session.
OPTIONS = ("-p", "pybench.target.suites.pyperf")


def options_for(path: Path) -> tuple[str, ...]:
    """Return the options of pytest that the scripts at a path need, () if it has none.

    They add to what pytest collects: a folder may have tests as well.
    """
    files = source_files(path) if path.is_dir() else [path]
    return OPTIONS if any(map(_is_entry, files)) else ()


def _is_entry(path: Path) -> bool:
    return path.suffix == SUFFIX or (path.suffix == ".py" and is_script(path))
