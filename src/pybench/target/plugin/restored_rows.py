"""A row out of the journal, as pytest-benchmark knows one that it measured."""

from types import SimpleNamespace
from typing import Any

from pybench.records.documents import DocumentError
from pybench.records.journal import JournalRow


def restore(row: JournalRow) -> Any:
    """Make of a journaled row what pytest-benchmark makes of one it measured.

    Its statistics are those that were computed when all raw data was there.
    """
    from pytest_benchmark.stats import Metadata, Stats

    missing = [name for name in (*Stats.fields, "data") if name not in row.stats]
    if missing:
        raise DocumentError(f"{row.fullname}: no {', '.join(missing)} in the journal")
    fixture = SimpleNamespace(
        name=row.name,
        fullname=row.fullname,
        group=row.group,
        param=row.param,
        params=row.params,
        extra_info=dict(row.extra_info),
        cprofile_stats=None,
        has_error=False,
    )
    metadata: Any = Metadata(  # type: ignore[no-untyped-call]
        fixture, iterations=row.stats["iterations"], options=dict(row.options)
    )
    values = {name: row.stats[name] for name in Stats.fields}
    metadata.stats = type("JournaledStats", (Stats,), values)()
    metadata.stats.data = list(row.stats["data"])
    return metadata
