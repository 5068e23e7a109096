"""Which folders that the user named hold rows, none of which was measured.

Each row says why it is n/a, and a session of such rows passes. A user who names
a folder wants its values, and a script reads the exit status alone.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from pybench.records.journal import RowStatus
from pybench.records.outcomes import NOT_AVAILABLE, SKIPPED

# Reasons that a line names, the commonest first.
_MOST_REASONS = 3


def named_folders(config: pytest.Config) -> list[Path]:
    """Return the folders of the command line.

    Files and rows are left out: whoever names one reads what became of it.
    """
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return []
    folder = config.invocation_params.dir
    return [folder / word for word in config.args if (folder / word).is_dir()]


def unmeasured_lines(
    folders: Iterable[Path], statuses: Iterable[RowStatus], root: Path
) -> list[str]:
    """Say of each folder in which nothing was measured why that is so.

    Parameters
    ----------
    folders : iterable of Path
        What was named.
    statuses : iterable of RowStatus
        What became of every row.
    root : Path
        The folder from which the ids of rows count.

    Returns
    -------
    list of str
        A line for each folder whose rows are all n/a or skipped, one of them n/a at
        least; a folder without any row, or with a row that failed, has none.
    """
    files: dict[Path, list[RowStatus]] = {}
    for status in statuses:
        place = root / status.fullname.partition("::")[0]
        files.setdefault(place, []).append(status)
    resolved = {place.resolve(): rows for place, rows in files.items()}
    lines = []
    for folder in dict.fromkeys(folders):
        inside = [
            row
            for place, rows in resolved.items()
            if place.is_relative_to(folder.resolve())
            for row in rows
        ]
        reasons = Counter(row.reason for row in inside if row.status == NOT_AVAILABLE)
        if reasons and all(row.status in (NOT_AVAILABLE, SKIPPED) for row in inside):
            lines.append(f"nothing was measured in {folder}: {_reasons(reasons)}")
    return lines


def _reasons(reasons: Counter[str]) -> str:
    said = [
        f"{reason} ({number} row{'s' * (number > 1)})"
        for reason, number in reasons.most_common(_MOST_REASONS)
    ]
    more = len(reasons) - _MOST_REASONS
    return "; ".join(said) + (f"; and {more} more reasons" if more > 0 else "")
