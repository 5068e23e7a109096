"""The list of kernels, as a notebook shows it."""

from __future__ import annotations

from typing import Any

from pybench import KernelInfo
from pybench.notebook.display import table_html
from pybench.notebook.frames import to_pandas, to_polars


class KernelList(list[KernelInfo]):
    """A list of `KernelInfo` that is shown as a table."""

    def records(self) -> list[dict[str, Any]]:
        """Return one flat record per kernel."""
        return [
            {
                "name": one.name,
                "area": one.area,
                "attached": one.attached,
                "is_available": one.is_available,
                "missing": one.missing,
                "doc": one.doc,
            }
            for one in self
        ]

    def to_pandas(self) -> Any:
        """Return the records as a `pandas.DataFrame`."""
        return to_pandas(self.records())

    def to_polars(self) -> Any:
        """Return the records as a `polars.DataFrame`."""
        return to_polars(self.records())

    def _rows(self) -> list[list[str]]:
        return [
            [
                one.name,
                one.area,
                "attached" if one.attached else "detached",
                "yes" if one.is_available else f"n/a: {one.missing}",
                one.doc.partition("\n")[0],
            ]
            for one in self
        ]

    def _repr_html_(self) -> str:
        columns = ["kernel", "area", "thread state", "available", "what it does"]
        return table_html(columns, self._rows(), left=len(columns))

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> dict[str, Any]:
        lines = [
            f"{name:24} {available:4} {what}"
            for name, _area, _state, available, what in self._rows()
        ]
        return {"text/plain": "\n".join(lines), "text/html": self._repr_html_()}
