"""Results that are read from files or were just recorded, as a notebook shows them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.notebook.shown import Picture, Shown, needed, notes_html, table_html
from pybench.records.texts import duration

if TYPE_CHECKING:
    from pybench.records.contents import Contents, Profile
    from pybench.records.saved_comparison import SavedComparison
    from pybench.records.saved_files import (
        Saved,
    )
    from pybench.records.summary import Summary

# A chart of more rows is longer than a screen; `plot(most=...)` draws others.
_MOST_DRAWN = 60
_WIDTH = 100


def load(paths: Sequence[Path], *, margin: float = 0.03) -> Loaded:
    """Read results; see `pybench.load`."""
    for name in ("msgspec", "scipy", "rich"):
        needed(name, "reading results")
    from pybench.comparison.contents import read_contents

    return Loaded(contents=read_contents(paths, margin=margin))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Shown):
    """Results with what they say: a run, saved files, profiles.

    Parameters
    ----------
    contents : pybench.records.contents.Contents
        All that a report would show of it.
    """

    contents: Contents

    @property
    def summary(self) -> Summary | None:
        """What a run decided."""
        return self.contents.summary

    @property
    def saved(self) -> SavedComparison | None:
        """What two or more saved files say."""
        return self.contents.saved

    @property
    def files(self) -> tuple[Saved, ...]:
        """The saved files."""
        return self.contents.files

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """Records of `pybench profile`, `scenario` and `doctor`."""
        return self.contents.profiles

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        if self.summary is not None:
            return self.summary.verdict
        if self.saved is not None:
            return self.saved.verdict
        if self.files:
            return "; ".join(
                f"{file.path.name}: {len(file.rows)} rows of {file.interpreter}, "
                "nothing to compare them with"
                for file in self.files
            )
        return ", ".join(
            f"{profile.name} ({profile.kind})" for profile in self.profiles
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one flat record per row and side: of the run, or of saved files.

        Raises
        ------
        ValueError
            If there are profiles alone, which are no table.
        """
        import msgspec

        if self.summary is not None:
            from pybench.report.exports.frames import row_records

            return row_records(self.summary)
        if self.saved is not None:
            rows: list[dict[str, Any]] = msgspec.to_builtins(self.saved.rows)
            return rows
        if self.files:
            import statistics

            return [
                {
                    "file": file.path.name,
                    "row": name,
                    "group": row.group,
                    "median_s": statistics.median(row.times_s),
                    "processes": len(row.times_s),
                }
                for file in self.files
                for name, row in file.rows.items()
            ]
        raise ValueError(
            f"{self.contents.title} has profiles alone, which are no table: see "
            ".profiles[0].document"
        )

    def plot(self, *, most: int = _MOST_DRAWN) -> Picture:
        """Return ratios and intervals as a chart, largest change first.

        Parameters
        ----------
        most : int
            Rows that are drawn at most.

        Raises
        ------
        ValueError
            If there is no ratio to draw.
        """
        drawn = self._spec(most)
        if drawn is None:
            raise ValueError(f"no ratios to draw in {self.contents.title}")
        return Picture(spec=drawn)

    def _spec(self, most: int = _MOST_DRAWN) -> dict[str, Any] | None:
        from pybench.report.charts.forest import forest_of
        from pybench.report.charts.vega import in_plain_inks

        drawn = forest_of(self.contents, most)
        return None if drawn is None else in_plain_inks(drawn)

    def __str__(self) -> str:
        from rich.console import Console

        from pybench.report.terminal import show

        out = io.StringIO()
        console = Console(file=out, width=_WIDTH, color_system=None)
        compared = self.summary or self.saved
        if compared is not None:
            show(compared, console)
        else:
            out.write(self.verdict)
        return "\n".join([out.getvalue().rstrip(), *self.contents.notes])

    def _headline(self) -> str:
        return self.verdict

    def _tables(self) -> str:
        compared = self.summary or self.saved
        if compared is not None:
            return _compared_html(compared)
        return _files_html(self.records()) if self.files else ""

    def _notes(self) -> Sequence[str]:
        return self.contents.notes


def _compared_html(comparison: Summary | SavedComparison) -> str:
    from pybench.report.tables import lines_of
    from pybench.report.words import words_of

    words = words_of(comparison)
    rows = [
        [
            line.name,
            arm,
            cell.verdict,
            cell.text("point", "around", "word"),
            line.baseline,
            cell.time,
            cell.pairs,
            cell.reason,
        ]
        for line in lines_of(comparison)
        for arm, cell in line.cells.items()
    ]
    columns = ["row", "side", "verdict", "ratio", "baseline", "time", "pairs", "reason"]
    table = table_html(columns, rows, left=3)
    return notes_html(words.head) + table + notes_html([words.legend])


def _files_html(records: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            record["file"],
            record["row"],
            duration(record["median_s"] * 1e9),
            str(record["processes"]),
        ]
        for record in records
    ]
    return table_html(["file", "row", "median", "processes"], rows, left=2)
