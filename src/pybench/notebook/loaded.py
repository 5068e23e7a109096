"""Results that are read from files or were just recorded, as a notebook shows them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.notebook.shown import Picture, Shown, needed, notes_html, table_html

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

        from pybench.report import show

        out = io.StringIO()
        console = Console(file=out, width=_WIDTH, color_system=None)
        if self.summary is not None:
            show(self.summary, console)
        elif self.saved is not None:
            show(self.saved, console)
        else:
            out.write(self.verdict)
        return "\n".join([out.getvalue().rstrip(), *self.contents.notes])

    def _headline(self) -> str:
        return self.verdict

    def _tables(self) -> str:
        if self.summary is not None:
            return _run_html(self.summary)
        if self.saved is not None:
            return _saved_html(self.saved)
        return _files_html(self.records()) if self.files else ""

    def _notes(self) -> Sequence[str]:
        return self.contents.notes


def _run_html(summary: Summary) -> str:
    from pybench.report.labels import LEGEND, duration, ratio
    from pybench.report.row_names import short_names
    from pybench.report.words import facts

    names = short_names(row.row for row in summary.rows)

    arms = [
        f"{side.name}: {side.interpreter}, GIL {'on' if side.gil_enabled else 'off'}"
        for side in summary.sides
    ]
    rows = [
        [
            names[row.row],
            row.side,
            row.verdict,
            ratio(row),
            duration(row.baseline_ns),
            duration(row.side_ns),
            str(row.pairs),
            row.reason,
        ]
        for row in summary.rows
    ]
    columns = ["row", "side", "verdict", "ratio", "baseline", "time", "pairs", "reason"]
    return (
        notes_html([*arms, *facts(summary)])
        + table_html(columns, rows, left=3)
        + notes_html([LEGEND])
    )


def _saved_html(saved: SavedComparison) -> str:
    from pybench.report.labels import duration
    from pybench.report.row_names import short_names

    names = short_names(row.row for row in saved.rows)

    rows = [
        [
            names[row.row],
            row.side,
            row.word,
            f"{row.ratio:.3f}",
            duration(row.baseline_s * 1e9),
            duration(row.side_s * 1e9),
            row.reason,
        ]
        for row in saved.rows
    ]
    columns = ["row", "file", "verdict", "ratio", "first file", "time", "reason"]
    return notes_html([saved.limits, *saved.notes]) + table_html(columns, rows, left=3)


def _files_html(records: Sequence[dict[str, Any]]) -> str:
    from pybench.report.labels import duration

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
