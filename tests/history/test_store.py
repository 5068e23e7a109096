"""A store keeps each run once, whole or not at all, and says what is damaged."""

from __future__ import annotations

import errno
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.cli import run_command
from pybench.history.store import SAVED_NAME, Store, choose
from pybench.records.documents import DocumentError
from pybench.records.history import NAME, TAGS
from pybench.records.identity import identity_document
from pybench.records.run import NAME as RUN_NAME
from pybench.records.summary import NAME as SUMMARY_NAME
from pybench.target.process.identity import read_identity

from .conftest import WriteRun

pytestmark = pytest.mark.once


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store, in a folder with a quote and a space in its name."""
    return Store(tmp_path / "the store's")


def saved(path: Path, made: str = "2026-11-05T00:00:00+00:00") -> Path:
    """Write a file of pytest-benchmark."""
    info = {"pybench": identity_document(read_identity())}
    rows = [{"fullname": "a.py::test_a", "stats": {"median": 1e-6}}]
    document = {"machine_info": info, "benchmarks": rows, "datetime": made}
    path.write_text(json.dumps(document))
    return path


def test_a_run_is_stored_once_under_its_digest(
    store: Store, write_run: WriteRun
) -> None:
    """With its summary; the same record again is the same run."""
    run = write_run("first")
    entry, is_new = store.add(run)
    again, is_new_again = store.add(run)

    assert (is_new, is_new_again, again) == (True, False, entry)
    assert {*entry.files} == {RUN_NAME, SUMMARY_NAME}
    assert store.file(entry, RUN_NAME).read_bytes() == (run / RUN_NAME).read_bytes()
    assert (entry.name, entry.sides) == ("first", ("a", "b"))
    assert store.entries() == [entry]
    assert store.find(entry.run[:5]) == entry


def test_two_writers_of_one_run_store_it_once(
    store: Store, write_run: WriteRun
) -> None:
    """And of two runs both; tags of both are whole lines."""
    runs = [write_run("first"), write_run("second", 1.1)]
    start = threading.Barrier(8)
    made: list[bool] = []

    def write(number: int) -> None:
        start.wait()
        made.append(Store(store.folder).add(runs[number % 2], [f"t{number}"])[1])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [False] * 6 + [True] * 2
    assert len(store.entries()) == 2
    problems: list[str] = []
    tags = store.tags(problems)
    assert {*frozenset().union(*tags.values())} == {f"t{n}" for n in range(8)}
    assert not problems
    assert not [*store.runs.glob(".*")]


def test_half_a_line_of_tags_costs_itself_alone(
    store: Store, write_run: WriteRun
) -> None:
    """What comes after it is whole."""
    entry, _ = store.add(write_run("first"), ["one"])
    with (store.folder / TAGS).open("a") as file:
        file.write('{"tag": "tw')
    store.tag("three", entry.run)
    store.tag("one", entry.run, removed=True)
    problems: list[str] = []

    assert store.tags(problems) == {entry.run: {"three"}}
    assert [problem.partition(": ")[2] for problem in problems] == [
        "line 2 is no tag, and passed by"
    ]


def test_a_full_disk_leaves_nothing_behind(
    store: Store, write_run: WriteRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says what was not stored."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pybench.history.store.shutil.copyfile", full)
    with pytest.raises(DocumentError, match=r"No space left.*nothing was stored"):
        store.add(write_run("first"))

    assert not [*store.runs.iterdir()]


def test_a_clock_that_was_ahead_does_not_order_runs(
    store: Store, write_run: WriteRun
) -> None:
    """A run from the future lies where it was added."""
    late = (datetime.now(UTC) + timedelta(days=300)).date().isoformat()
    ahead, _ = store.add(write_run("ahead", started=late))
    store.add(write_run("old", started="2026-01-01"))

    assert ahead.clock_was_ahead
    assert [entry.name for entry in store.entries()] == ["old", "ahead"]
    assert ahead.moment < datetime.now(UTC) + timedelta(minutes=1)


def test_baselines_are_found_by_what_is_said_of_them(
    store: Store, write_run: WriteRun, tmp_path: Path
) -> None:
    """By name, tag, date and identity; the newest that fits."""
    old, _ = store.add(write_run("main", started="2026-10-01"), ["v1"])
    new, _ = store.add(write_run("main", 1.1, started="2026-11-01"))
    file, _ = store.add(saved(tmp_path / "0001_base.json"))
    entries, tags = store.entries(), store.tags()

    assert choose(entries, tags, name="main") == new
    assert choose(entries, tags, tag="v1") == old
    assert choose(entries, tags, before="2026-10-15") == old
    assert choose(entries, tags, name="base") == file
    assert choose(entries, tags, identity=read_identity().fingerprint) == file
    assert choose(entries, tags, identity="zz") is None
    with pytest.raises(DocumentError, match="'monday' is no date"):
        choose(entries, tags, before="monday")


def test_what_was_changed_or_linked_is_refused(
    store: Store, write_run: WriteRun, tmp_path: Path
) -> None:
    """A file of a shared folder is what was stored, or is not used."""
    entry, _ = store.add(saved(tmp_path / "base.json"))
    path = store.runs / entry.run / SAVED_NAME
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DocumentError, match="not what was stored"):
        store.file(entry, SAVED_NAME)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(DocumentError, match="not there"):
        store.file(entry, SAVED_NAME)
    (store.runs / ("0" * 16)).symlink_to(tmp_path)
    damaged = store.add(write_run("first"))[0]
    (store.runs / damaged.run / NAME).write_text("\x80\x04cpickle")
    problems: list[str] = []

    assert store.entries(problems) == [entry]
    assert len(problems) == 1


def test_retention_removes_records_alone(
    store: Store, write_run: WriteRun, tmp_path: Path
) -> None:
    """Tagged ones, the newest, young ones and saved files stay."""
    runs = [
        store.add(write_run(f"r{n}", 1 + n / 10, started=f"2026-0{n + 1}-01"))[0]
        for n in range(4)
    ]
    store.tag("keep", runs[1].run)
    store.add(saved(tmp_path / "b.json", made="2025-01-01T00:00:00"))

    assert not [*store.prune(2, timedelta(days=9999))]
    assert [entry.name for entry in store.prune(2)] == ["r0"]
    assert not (store.runs / runs[0].run / RUN_NAME).exists()
    assert len(store.entries()) == 5
    assert store.file(runs[0], SUMMARY_NAME).is_file()
    with pytest.raises(DocumentError, match="may have been pruned"):
        store.file(runs[0], RUN_NAME)


@pytest.mark.parametrize("tag", ["", "a b", "../x", "-x", "x" * 65])
def test_odd_tags_are_refused_by_name(
    store: Store, write_run: WriteRun, tag: str
) -> None:
    with pytest.raises(DocumentError, match="is no tag"):
        store.add(write_run("first"), [tag])

    assert not store.digests()


def test_what_is_no_run_is_refused(store: Store, tmp_path: Path) -> None:
    pickled = tmp_path / "run.json"
    pickled.write_bytes(b"\x80\x04\x95")
    for path in (tmp_path, tmp_path / "missing.json", pickled):
        with pytest.raises(DocumentError):
            store.add(path)

    assert not store.digests()


def test_the_commands(
    write_run: WriteRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Add, list, tag, find and prune; a bad run stops no other."""
    folder = str(tmp_path / "store")

    def run(*words: str) -> tuple[int, Any]:
        status = run_command(["store", words[0], "--store", folder, *words[1:]])
        return status, capsys.readouterr()

    first = str(write_run("first"))
    status, said = run("add", first, str(tmp_path / "no.json"), "--tag", "v1")
    assert status == 4
    digest = said.out.split()[0]
    assert run("add", first)[1].out == f"{digest} first (was there)\n"
    assert run("tag", "v2", digest[:4])[0] == 0
    status, said = run("list")
    assert said.out.split() == [
        digest, "2026-11-01", "00:00", "first", "b", "against", "a",
        read_identity().fingerprint, "v1", "v2",
    ]  # fmt: skip
    status, said = run("baseline", "--tag", "v1")
    assert said.out == f"{tmp_path / 'store' / 'runs' / digest}\n"
    assert run("baseline", "--tag", "v3")[0] == 3
    assert run("tag", "v3", "zzz")[0] == 2
    assert run("prune", "--keep", "0")[1].out == ""
    assert run_command(["store", "list", "--store", str(tmp_path / "none")]) == 2
    assert "no store: make one" in capsys.readouterr().err
