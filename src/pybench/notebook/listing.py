"""The list of kernels, as a notebook shows it."""

from __future__ import annotations

from typing import Any

from pybench import KernelInfo
from pybench.notebook.shown import Shown, table_html

_COLUMNS = ("kernel", "area", "thread state", "available", "what it does")


class KernelList(list[KernelInfo], Shown):
    """A list of `KernelInfo` that is shown as a table."""

    def records(self) -> list[dict[str, Any]]:
        """Return one flat record per kernel."""
        names = ("name", "area", "attached", "is_available", "missing", "doc")
        return [{name: getattr(kernel, name) for name in names} for kernel in self]

    def _headline(self) -> str:
        return f"{len(self)} kernels"

    def _rows(self) -> list[list[str]]:
        return [
            [
                kernel.name,
                kernel.area,
                "attached" if kernel.attached else "detached",
                "yes" if kernel.is_available else f"n/a: {kernel.missing}",
                kernel.doc.partition("\n")[0],
            ]
            for kernel in self
        ]

    def _tables(self) -> str:
        return table_html(_COLUMNS, self._rows(), left=len(_COLUMNS))

    def _notes(self) -> tuple[str, ...]:
        return ()

    def __str__(self) -> str:
        return "\n".join(
            f"{name:24} {available:4} {what}"
            for name, _area, _state, available, what in self._rows()
        )
