"""Queries over all rows of a store: Parquet that is made of its runs, and DuckDB.

`rows/<digest>.parquet` has the rows of one run; when there are many, they are joined in
`rows/all.parquet`, sorted so that one row's history lies together. Each file is
replaced as a whole, and a run that is in none is read again, so writers may meet.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.comparison.run_series import build_of, changes_of
from pybench.history.store import SAVED_NAME, Store
from pybench.records.documents import DocumentError
from pybench.records.history import SAVED, ChangePoint, Entry, Point, RowHistory
from pybench.records.saved_files import read_saved
from pybench.records.summary import NAME as SUMMARY_NAME
from pybench.records.summary import Summary, read_summary
from pybench.records.usage import UsageError
from pybench.statistics.change_points import Step, smallest_step

if TYPE_CHECKING:
    import duckdb  # type: ignore[import-not-found,unused-ignore]

COLUMNS = {
    "run": "VARCHAR", "name": "VARCHAR", "started": "TIMESTAMP", "series": "VARCHAR",
    "machine": "VARCHAR", "baseline": "VARCHAR", "side": "VARCHAR",
    "interpreter": "VARCHAR", "row": "VARCHAR", "category": "VARCHAR",
    "verdict": "VARCHAR", "ratio": "DOUBLE", "low": "DOUBLE", "high": "DOUBLE",
    "margin": "DOUBLE", "pairs": "INTEGER", "baseline_ns": "DOUBLE",
    "side_ns": "DOUBLE", "metric": "VARCHAR",
}  # fmt: skip
ALL = "all.parquet"
# Files of single runs that a query may open; more of them are joined.
_MOST_LOOSE = 32
_DUCKDB: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}


class QueryError(UsageError):
    """A query that cannot be answered, and why."""


@contextlib.contextmanager
def opened(
    store: Store, problems: list[str], *, closed: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a store for queries of its table `runs`, a line per run, row and side.

    `closed` copies all into memory and shuts every file and option to the queries: a
    text from somebody else can then read nothing but the table.

    Raises
    ------
    QueryError
        Without DuckDB, or if the disk refuses.
    """
    try:
        import duckdb  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise QueryError(
            f"{error.name} is not installed: pip install 'pybench-native[store]'"
        ) from None
    connection = duckdb.connect(config=_DUCKDB)
    try:
        try:
            paths = _files(connection, store, problems)
            kind = "TABLE" if closed else "VIEW"
            connection.execute(
                f"CREATE {kind} runs AS SELECT * FROM read_parquet("
                f"[{', '.join(map(_quoted, paths))}])"
                if paths
                else f"CREATE TABLE runs ({_columns(' ')})"
            )
        except (duckdb.Error, OSError) as error:
            raise QueryError(f"{store.rows}: {error}") from None
        if closed:
            connection.execute("SET enable_external_access=false")
            connection.execute("SET lock_configuration=true")
        yield connection
    finally:
        connection.close()


def _columns(between: str) -> str:
    return ", ".join(f"{name}{between}{kind}" for name, kind in COLUMNS.items())


def _quoted(path: object) -> str:
    text = str(path).replace("'", "''")
    return f"'{text}'"


def _files(
    connection: duckdb.DuckDBPyConnection, store: Store, problems: list[str]
) -> list[Path]:
    """Return files that have each run of the store; make those that are missing."""
    digests = store.digests()
    if not digests:
        store.entries()  # says that there is no store
        return []
    store.rows.mkdir(exist_ok=True)
    everything = store.rows / ALL
    joined: set[str] = set()
    if _is_ours(connection, everything, problems):
        joined = {
            run
            for (run,) in connection.execute(
                f"SELECT DISTINCT run FROM read_parquet({_quoted(everything)})"
            ).fetchall()
        }
        if not joined <= {*digests}:
            joined = set()  # made of another store, or runs were removed
    loose = []
    for digest in sorted({*digests} - joined):
        path = store.rows / f"{digest}.parquet"
        if not _is_ours(connection, path, problems):
            try:
                entry = store.entry(digest)
                lines = [*_lines(store, entry)]
            except DocumentError as error:
                problems.append(str(error))
                continue
            _write(connection, lines, path)
        loose.append(path)
    paths = ([everything] if joined else []) + loose
    if len(loose) <= _MOST_LOOSE:
        return paths
    listed = ", ".join(map(_quoted, paths))
    _copy(connection, f"SELECT * FROM read_parquet([{listed}])", everything)
    # Those of now may be what another query is about to read.
    for run in joined:
        (store.rows / f"{run}.parquet").unlink(missing_ok=True)
    return [everything]


def _is_ours(
    connection: duckdb.DuckDBPyConnection, path: Path, problems: list[str]
) -> bool:
    """Tell whether a file has our columns; another one is made again, and said."""
    import duckdb  # type: ignore[import-not-found,unused-ignore]

    if path.is_symlink():
        problems.append(f"{path}: a link, which is replaced")
        return False
    if not path.is_file():
        return False
    with contextlib.suppress(duckdb.Error):
        found = connection.execute(
            f"DESCRIBE SELECT * FROM read_parquet({_quoted(path)})"
        ).fetchall()
        if {name: kind for name, kind, *_ in found} == COLUMNS:
            return True
    problems.append(f"{path}: not the rows of a run, or damaged: made again")
    return False


def _write(
    connection: duckdb.DuckDBPyConnection, lines: Sequence[Any], path: Path
) -> None:
    fresh = path.parent / f".{secrets.token_hex(8)}.json"
    types = "{" + ", ".join(f"{n}: '{k}'" for n, k in COLUMNS.items()) + "}"
    try:
        fresh.write_text("\n".join(map(json.dumps, lines)) or "\n", encoding="utf-8")
        _copy(
            connection,
            f"SELECT * FROM read_json({_quoted(fresh)}, columns={types}, "
            "format='newline_delimited')",
            path,
        )
    finally:
        fresh.unlink(missing_ok=True)


def _copy(connection: duckdb.DuckDBPyConnection, select: str, path: Path) -> None:
    fresh = path.parent / f".{secrets.token_hex(8)}.parquet"
    try:
        connection.execute(
            f"COPY ({select} ORDER BY row, series, started) TO {_quoted(fresh)} "
            "(FORMAT parquet, COMPRESSION zstd)"
        )
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _lines(store: Store, entry: Entry) -> Iterator[dict[str, Any]]:
    """Yield the lines of one run, from what was stored of it."""
    common = {
        "run": entry.run,
        "name": entry.name,
        "started": entry.moment.astimezone(UTC).replace(tzinfo=None).isoformat(),
        "machine": entry.machine.words if entry.machine else "",
        "baseline": entry.sides[0],
    }
    if entry.kind == SAVED:
        saved = read_saved(store.file(entry, SAVED_NAME))
        for row, times in saved.rows.items():
            yield common | {
                "series": _digest(common["machine"], *entry.identities),
                "side": entry.sides[0], "interpreter": saved.interpreter, "row": row,
                "category": "", "verdict": "none", "pairs": 0, "metric": "wall",
                "baseline_ns": times.median_s * 1e9, "side_ns": times.median_s * 1e9,
            }  # fmt: skip
        return
    summary = read_summary(store.file(entry, SUMMARY_NAME))
    series = _series(summary, common["machine"] or entry.run)
    sides = {side.name: side for side in summary.sides}
    for measured in summary.rows:
        yield common | {
            "series": series[measured.side], "side": measured.side,
            "interpreter": sides[measured.side].interpreter, "row": measured.row,
            "category": measured.category, "verdict": measured.verdict,
            "ratio": measured.ratio, "low": measured.low, "high": measured.high,
            "margin": measured.margin,
            "pairs": measured.pairs, "baseline_ns": measured.baseline_ns,
            "side_ns": measured.side_ns, "metric": measured.metric,
        }  # fmt: skip


def _series(summary: Summary, machine: str) -> dict[str, str]:
    """Return what makes a line of history, per side: builds and machine."""
    baseline, *contenders = summary.sides
    return {
        side.name: _digest(machine, *build_of(baseline), *build_of(side))
        for side in contenders
    }


def _digest(*parts: object) -> str:
    # A set has another order in each process.
    text = repr([sorted(p) if isinstance(p, frozenset) else p for p in parts])
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:8]


def rows_like(connection: duckdb.DuckDBPyConnection, word: str) -> list[str]:
    """Return the rows of this name, or whose name has this in it."""
    rows = [
        row for (row,) in connection.execute(
            "SELECT DISTINCT row FROM runs WHERE contains(row, ?) ORDER BY row", [word]
        ).fetchall()
    ]  # fmt: skip
    return [word] if word in rows else rows


def histories(
    connection: duckdb.DuckDBPyConnection, row: str, margin: float
) -> list[RowHistory]:
    """Return the history of a row, one for each pair of builds and machine."""
    lines: dict[str, list[tuple[Any, ...]]] = {}
    for series, *line in connection.execute(
        "SELECT series, run, name, started, verdict, ratio, low, high, baseline_ns, "
        "side_ns, baseline, side, machine, margin FROM runs WHERE row = ? "
        "ORDER BY started, run",
        [row],
    ).fetchall():
        lines.setdefault(series, []).append(tuple(line))
    return [_history(row, found, margin) for found in lines.values()]


def _history(row: str, lines: Sequence[tuple[Any, ...]], margin: float) -> RowHistory:
    points = tuple(
        Point(
            run=run, name=name, started=started.isoformat(), verdict=verdict,
            ratio=ratio, low=low, high=high, baseline_ns=then, side_ns=now,
        )
        for run, name, started, verdict, ratio, low, high, then, now, *_ in lines
    )  # fmt: skip
    *_, baseline, side, machine, own = lines[-1]
    ratios = [point.ratio for point in points]
    found, problem = changes_of(ratios, own or margin)

    def of(step: Step) -> ChangePoint:
        at = points[step.index]
        return ChangePoint(
            run=at.run, started=at.started,
            ratio=step.ratio, low=step.low, high=step.high,
        )  # fmt: skip

    return RowHistory(
        row=row,
        baseline=baseline,
        side=side,
        machine=machine,
        margin=own or margin,
        points=points,
        changes=tuple(map(of, found)),
        searched=problem,
        smallest_step=None if problem else smallest_step(ratios, own or margin),
    )


def answer(
    connection: duckdb.DuckDBPyConnection, query: str
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the names of the columns and the lines that a query gives."""
    import duckdb  # type: ignore[import-not-found,unused-ignore]

    try:
        result = connection.execute(query)
        names = [name for name, *_ in result.description or ()]
        return names, result.fetchall() if names else []
    except duckdb.Error as error:
        raise QueryError(str(error)) from None
