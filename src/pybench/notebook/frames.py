"""Records as frames of other libraries; an error names what is not installed."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any


def needed(name: str, what: str) -> ModuleType:
    """Import a library.

    Raises
    ------
    ImportError
        If it is not installed; names it, what needs it and how to get it.
    """
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


def to_pandas(records: Sequence[dict[str, Any]]) -> Any:
    """Return a `pandas.DataFrame` with a row per record."""
    return needed("pandas", "to_pandas()").DataFrame.from_records(list(records))


def to_polars(records: Sequence[dict[str, Any]]) -> Any:
    """Return a `polars.DataFrame` with a row per record."""
    polars = needed("polars", "to_polars()")
    # All of them are looked at: the first rows may lack a ratio.
    return polars.from_dicts(list(records), infer_schema_length=None)
