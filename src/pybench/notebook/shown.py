"""A result as text, HTML, chart and data frame: what all results of a notebook share.

The HTML carries its own few styles and no address. Measuring has to show its chart
where no library of the host is installed, so charts are plain dictionaries of Vega-Lite
5, which JupyterLab draws itself, without network.
"""

from __future__ import annotations

import html
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pybench.records.texts import printable
from pybench.report.charts.drawing import is_here, svg_of

VEGALITE = "application/vnd.vegalite.v5+json"

_CELL = "text-align:right;padding:.1em .7em"
_LEFT = "text-align:left;padding:.1em .7em;vertical-align:top"


class Shown:
    """A result that a notebook shows. What it consists of is for the class to say."""

    __slots__ = ()

    def records(self) -> list[dict[str, Any]]:
        """Return flat records, a row of a table each."""
        raise NotImplementedError

    def _headline(self) -> str:
        """Return the result in one sentence."""
        raise NotImplementedError

    def _tables(self) -> str:
        """Return what stands below the headline, as HTML."""
        raise NotImplementedError

    def _notes(self) -> Sequence[str]:
        """Return what must be known to read the numbers, in sentences."""
        raise NotImplementedError

    def _spec(self) -> dict[str, Any] | None:
        """Return the chart; None if there is nothing to draw."""
        return None

    def to_pandas(self) -> Any:
        """Return the records as a `pandas.DataFrame`."""
        return needed("pandas", "to_pandas()").DataFrame.from_records(self.records())

    def to_polars(self) -> Any:
        """Return the records as a `polars.DataFrame`."""
        polars = needed("polars", "to_polars()")
        # All of them are looked at: the first rows may lack a ratio.
        return polars.from_dicts(self.records(), infer_schema_length=None)

    def plot(self) -> Picture:
        """Return the chart alone; raises ValueError if there is nothing to draw."""
        spec = self._spec()
        if spec is None:
            raise ValueError(f"nothing to draw: {self._headline()}")
        return Picture(spec=spec)

    def _repr_html_(self) -> str:
        spec = self._spec()
        drawn = "" if spec is None else svg_or_none(spec) or ""
        return (
            f"<div><strong>{escape(self._headline())}</strong>{self._tables()}{drawn}"
            f"{notes_html(self._notes())}</div>"
        )

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> dict[str, Any]:
        bundle = {"text/plain": str(self), "text/html": self._repr_html_()}
        spec = self._spec()
        return bundle if spec is None else bundle | {VEGALITE: spec}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One chart: `spec` is Vega-Lite 5 with its data in it."""

    spec: dict[str, Any]

    def svg(self) -> str:
        """Draw it; raises ImportError if vl-convert-python is not installed."""
        drawn = svg_or_none(self.spec)
        if drawn is None:
            raise ImportError(
                "svg() needs vl-convert-python, which is not installed here: pip "
                "install 'pybench-native[charts]'",
                name="vl_convert",
            )
        return drawn

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> dict[str, Any]:
        bundle: dict[str, Any] = {VEGALITE: self.spec, "text/plain": repr(self)}
        drawn = svg_or_none(self.spec)
        return bundle if drawn is None else bundle | {"image/svg+xml": drawn}

    def __repr__(self) -> str:
        return f"<chart: {self.spec.get('description', '')}>"


def svg_or_none(spec: dict[str, Any]) -> str | None:
    """Draw a chart; None where vl-convert-python is not installed."""
    return svg_of(spec) if is_here() else None


def needed(name: str, what: str) -> ModuleType:
    """Import a library; the ImportError names it, what needs it and how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] != name:
            name = error.name
        raise ImportError(
            f"{what} needs {name}, which is not installed here: pip install {name}, or "
            "pip install 'pybench-native[compare]' for all of the host's libraries",
            name=name,
        ) from error


def escape(text: str) -> str:
    """Return a text as HTML, without control characters: a notebook is a file too."""
    return html.escape(printable(text, keep="\n\t"))


def table_html(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 0
) -> str:
    """Return a table; the first `left` columns are text."""
    styles = [_LEFT if at < left else _CELL for at in range(len(columns))]

    def row(cells: Sequence[str], tag: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        return "".join(
            f'<{tag}{scope} style="{style}">{escape(cell)}</{tag}>'
            for style, cell in zip(styles, cells, strict=True)
        )

    body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in rows)
    return (
        f"<table><thead><tr>{row(columns, 'th')}</tr></thead><tbody>{body}</tbody>"
        "</table>"
    )


def notes_html(notes: Sequence[str]) -> str:
    """Return sentences as a list."""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<ul>{items}</ul>" if items else ""
