"""Queries see every run once, closed ones no file, and a change is told when it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("duckdb", reason="n/a: duckdb is not installed here")
pytest.importorskip("ruptures", reason="n/a: ruptures is not installed here")

import duckdb  # type: ignore[import-not-found,unused-ignore]

from pybench.cli import run_command
from pybench.comparison.run_folders import read_site
from pybench.history import queries
from pybench.history.queries import ALL, QueryError, answer, histories, opened
from pybench.history.store import Store
from pybench.report.site.pages import site_files

from .conftest import OTHER, ROW, WriteRun

pytestmark = pytest.mark.once

RUNS = 12


@pytest.fixture(scope="module")
def filled(write_run: WriteRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a store with runs in which a row becomes a tenth slower with the eighth."""
    store = Store(tmp_path_factory.mktemp("store"))
    for number in range(RUNS):
        ratio = 1.1 if number >= 7 else 1.0
        store.add(write_run(f"r{number}", ratio, f"2026-11-{number + 1:02}"))
    assert ask(store, "SELECT count(*) FROM runs") == [(2 * RUNS,)]
    return store.folder


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Store:
    """Return a copy of that store, in a folder with a quote and a space in its name."""
    return Store(shutil.copytree(filled, tmp_path / "the store's"))


def ask(store: Store, query: str, problems: list[str] | None = None) -> object:
    """Return what one query gives."""
    with opened(store, [] if problems is None else problems) as connection:
        return answer(connection, query)[1]


def test_every_run_is_there_once(
    store: Store, write_run: WriteRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As single files, joined, and when both are there."""
    count = "SELECT count(*), count(DISTINCT run) FROM runs"

    assert ask(store, count) == [(2 * RUNS, RUNS)]
    assert len([*store.rows.iterdir()]) == RUNS
    monkeypatch.setattr(queries, "_MOST_LOOSE", 3)
    assert ask(store, count) == [(2 * RUNS, RUNS)]
    assert (store.rows / ALL).is_file()
    assert ask(store, count) == [(2 * RUNS, RUNS)]
    for number in range(4):
        store.add(write_run(f"new{number}", 1.2, "2026-12-01"))
    assert ask(store, count) == [(2 * RUNS + 8, RUNS + 4)]
    # What was joined before is gone, and what was joined now stays for a while.
    assert len([*store.rows.iterdir()]) == 5


def test_a_change_is_told_with_its_run_and_interval(store: Store) -> None:
    """In one row, not in the other."""
    with opened(store, []) as connection:
        (changed,), (same,) = (histories(connection, r, 0.03) for r in (ROW, OTHER))

    (change,) = changed.changes
    assert change.started == "2026-11-08T00:00:00"
    assert change.low < 1.1 < change.high
    assert change.ratio == pytest.approx(1.1, abs=0.005)
    assert [point.name for point in changed.points] == [f"r{n}" for n in range(RUNS)]
    assert (same.changes, same.searched) == ((), "")


def test_parquet_of_others_is_made_again(store: Store, tmp_path: Path) -> None:
    """Damaged, of other columns, or a link: said, and the runs are all there."""
    torn, other, link = sorted(store.rows.iterdir())[:3]
    torn.write_bytes(torn.read_bytes()[:100])
    outside = tmp_path / "outside.parquet"
    link.rename(outside)
    link.symlink_to(outside)
    with duckdb.connect() as connection:
        text = queries._quoted(other)
        connection.execute(f"COPY (SELECT 1 AS x) TO {text} (FORMAT parquet)")
    problems: list[str] = []

    assert ask(store, "SELECT count(*) FROM runs", problems) == [(2 * RUNS,)]
    assert [problem.split(": ")[1][:12] for problem in problems] == [
        "not the rows",
        "not the rows",
        "a link, whic",
    ]
    assert not link.is_symlink()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY runs TO 'x.csv'",
        "INSTALL httpfs",
        "ATTACH 'x.db'",
        "SET enable_external_access = true",
    ],
)
def test_a_closed_query_reaches_no_file(
    store: Store, query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(store, [], closed=True) as connection, pytest.raises(QueryError):
        answer(connection, query)

    assert not (tmp_path / "x.csv").exists()


def test_the_commands(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """History as text and JSON, SQL as a table and CSV; what is wrong is named."""
    folder = ["--store", str(store.folder)]

    assert run_command(["history", "churn_list", *folder]) == 0
    text = capsys.readouterr().out
    assert "b against a" in text
    assert "changed with the run of 2026-11-08 00:00: ratio times 1.1" in text
    assert "smallest step that these runs would show: " in text
    record = tmp_path / "record.json"
    assert run_command(["history", ROW, *folder, "--json", str(record)]) == 0
    (one,) = json.loads(record.read_text())
    assert len(one["points"]) == RUNS
    capsys.readouterr()
    assert run_command(["history", "churn_li_t", *folder]) == 2
    assert "0 rows of" in capsys.readouterr().err
    query = "SELECT verdict, count(*) AS n FROM runs GROUP BY 1 ORDER BY 2, 1"
    assert run_command(["sql", query, *folder]) == 0
    assert capsys.readouterr().out.split()[:2] == ["verdict", "n"]
    assert run_command(["sql", query, *folder, "--csv"]) == 0
    assert capsys.readouterr().out.startswith("verdict,n\n")
    assert run_command(["sql", "SELEC", *folder]) == 2
    assert "syntax error" in capsys.readouterr().err
    assert run_command(["sql", query, "--store", str(tmp_path / "none")]) == 2


def test_the_site_shows_changes_and_pruned_runs(store: Store) -> None:
    """A run without its record keeps its machine, so its place in the line."""
    assert [*store.prune(2)]
    site = read_site(store.folder, lambda contents: contents.title)
    index = site_files(site)["index.html"]

    assert not site.problems
    assert [len(series.runs) for series in site.series] == [RUNS]
    assert "changed 2026-11-08: ratio times 1.1" in index
    assert index.count("changed 2026") == 1
