"""One record a row and side: what CSV, Parquet and data frames are made of.

The libraries of frames are imported when one is asked for.
"""

from __future__ import annotations

import csv
import io
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pybench.records.row_names import row_name
from pybench.records.summary import NO_VERDICT, CountSummary, RowSummary, Summary
from pybench.report.exports.cells import cell

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped,unused-ignore]
    import polars
    import pyarrow  # type: ignore[import-untyped,unused-ignore]

# Arrow's types by ours: a column of nothing but None would have none otherwise. What is
# of another type, such as a list of reasons, is no column.
_ARROW = {"str": "string", "float": "float64", "int": "int64", "bool": "bool"}


def _types_of(form: type[RowSummary | CountSummary]) -> dict[str, str]:
    kinds = {field.name: str(field.type) for field in fields(form)}
    kinds = {name: kind.removesuffix(" | None") for name, kind in kinds.items()}
    return {name: _ARROW[kind] for name, kind in kinds.items() if kind in _ARROW}


_ROW_TYPES, _COUNT_TYPES = _types_of(RowSummary), _types_of(CountSummary)
ROW_COLUMNS = (*_ROW_TYPES,)
# The columns: all that a summary knows of a row, then what is known of the arm, then
# what a row came to that is no time, then its instructions.
_TYPES = _ROW_TYPES | {
    "baseline": "string",
    "interpreter": "string",
    "free_threaded": "bool",
    "gil_enabled": "bool",
    "baseline_value": "float64",
    "side_value": "float64",
    "unit": "string",
}
_TYPES |= {f"instructions_{name}": kind for name, kind in _COUNT_TYPES.items()}
COLUMNS = (*_TYPES,)


def row_records(summary: Summary) -> list[dict[str, Any]]:
    """Return a mapping per row and arm, in the summary's order, values at the end.

    Its keys are `COLUMNS`; times are in ns. What is not known is None.
    """
    baseline, *contenders = summary.sides
    records = {
        (row.row, row.side): {name: getattr(row, name) for name in ROW_COLUMNS}
        for row in summary.rows
    }
    for row in summary.rows:
        if row.instructions is not None:
            records[row.row, row.side] |= {
                f"instructions_{name}": getattr(row.instructions, name)
                for name in _COUNT_TYPES
            }
    for of in summary.values:
        for arm in contenders:
            known = {name: of.values.get(name) for name in (baseline.name, arm.name)}
            there = [value for value in known.values() if value]
            if not there:
                continue
            record = records.setdefault(
                (of.row, arm.name),
                {"row": of.row, "category": row_name(of.row).category,
                 "side": arm.name, "verdict": NO_VERDICT},
            )  # fmt: skip
            ours, theirs = known.values()
            record["baseline_value"] = ours and float(ours.value)
            record["side_value"] = theirs and float(theirs.value)
            record["unit"] = there[0].unit
    arms = {arm.name: arm for arm in contenders}
    for record in records.values():
        arm = arms[record["side"]]
        record["baseline"] = baseline.name
        for name in ("interpreter", "free_threaded", "gil_enabled"):
            record[name] = getattr(arm, name)
    return [{name: of.get(name) for name in COLUMNS} for of in records.values()]


def to_csv(summary: Summary) -> str:
    """Return the records as CSV, its first line the names; an unknown is empty.

    Texts are as `cell` writes them.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: cell(value) for name, value in record.items()}
        for record in row_records(summary)
    )
    return text.getvalue()


def to_arrow(summary: Summary) -> pyarrow.Table:
    """Return the records as a table of Arrow; `ImportError` without pyarrow."""
    import pyarrow  # type: ignore[import-untyped,unused-ignore]

    types = [(name, pyarrow.type_for_alias(kind)) for name, kind in _TYPES.items()]
    schema = pyarrow.schema(types)
    return pyarrow.Table.from_pylist(row_records(summary), schema=schema)


def to_parquet(summary: Summary) -> bytes:
    """Return the records as a file of Parquet; `ImportError` without pyarrow."""
    import pyarrow  # type: ignore[import-untyped,unused-ignore]
    import pyarrow.parquet  # type: ignore[import-untyped,unused-ignore]

    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(to_arrow(summary), sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def to_pandas(summary: Summary) -> pandas.DataFrame:
    """Return the records as a frame; `ImportError` without pandas."""
    import pandas  # type: ignore[import-untyped,unused-ignore]

    return pandas.DataFrame.from_records(row_records(summary), columns=[*COLUMNS])


def to_polars(summary: Summary) -> polars.DataFrame:
    """Return the records as a frame; `ImportError` without polars."""
    import polars

    kinds = {"bool": polars.Boolean, "string": polars.String}
    kinds |= {"int64": polars.Int64, "float64": polars.Float64}
    schema = {name: kinds[kind] for name, kind in _TYPES.items()}
    return polars.DataFrame(row_records(summary), schema=schema)
