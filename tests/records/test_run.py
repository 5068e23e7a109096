"""The record of a run: what is written is read back; what is no record is named."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")

from pybench.records.documents import DocumentError
from pybench.records.run import (
    LostRecord,
    PairRecord,
    Record,
    RowRecord,
    RunHeader,
    SideRecord,
)
from pybench.records.run_file import RecordWriter, read_run
from pybench.records.samples import Sample
from pybench.target.process.identity import read_identity

HEADER = RunHeader(
    version="1",
    started="now",
    command=("x",),
    seed=1,
    margin=0.03,
    pairs=None,
    suite="s",
)
RECORDS: list[Record] = [
    SideRecord(name="a", python="/python", identity=read_identity()),
    RowRecord(
        row="f.py::test", group=None, apart=False, pinned=True, margin=None,
        metric="cpu", operations=1, threads=1, numbers={"count": 20}, per_sample_ns=5e6,
        outcomes={"a": "measured"}, reasons={},
    ),
    PairRecord(
        row="f.py::test", pair=1, order=("a", "b"), apart=False, cpu=None, hash_seed=3,
        numbers={"count": 20},
        samples={"a": ((Sample(wall_ns=1, cpu_ns=2, waited_ns=3),),)},
    ),
    LostRecord(row="f.py::test", pair=2, side="b", reason="gone"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a record of one of each."""
    with RecordWriter(tmp_path / "run", HEADER) as writer:
        for record in RECORDS:
            writer.append(record)
    return tmp_path / "run"


def test_everything_is_read_back(folder: Path) -> None:
    run = read_run(folder)

    side, row, pair, lost = RECORDS
    assert run.header == HEADER
    assert run.sides == {"a": side}
    assert run.rows == {"f.py::test": row}
    assert run.pairs == {"f.py::test": {1: pair}}
    assert run.lost == [lost]
    assert not run.torn


def test_every_torn_end_is_read_up_to_its_last_whole_line(folder: Path) -> None:
    """A kill may come at any byte of the last line."""
    path = folder / "run.jsonl"
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(last + 1, len(whole)):
        path.write_bytes(whole[:end])
        run = read_run(folder)
        assert run.torn
        assert run.lost == []


def test_writing_goes_on_behind_a_torn_line(folder: Path) -> None:
    path = folder / "run.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    with RecordWriter(folder, None) as writer:
        writer.append(RECORDS[3])

    assert read_run(folder).lost == [RECORDS[3]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("{}\n", "not the record of a run"),
        ("[]\n", "line 1: no JSON object"),
        ("nonsense\n", "line 1"),
        ('{"pybench": "run", "schema": 99}\n', "schema 99"),
        ('{"pybench": "run", "schema": 1}\n', "line 1.*missing"),
        ("HEADER" + '{"record": "no such"}\n', "line 2"),
        ("HEADER" + '{"record": "lost", "row": 5}\n', "line 2"),
        ("HEADER" + "{torn in the middle\n{}\n", "line 2"),
    ],
)
def test_what_is_no_record_is_named(folder: Path, text: str, said: str) -> None:
    path = folder / "run.jsonl"
    header = path.read_text().splitlines()[0] + "\n"
    path.write_text(text.replace("HEADER", header))

    with pytest.raises(DocumentError, match=rf"run\.jsonl.*{said}"):
        read_run(folder)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"nowhere.*No such file"):
        read_run(tmp_path / "nowhere")


def test_a_run_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(DocumentError, match="--resume, or choose another folder"):
        RecordWriter(folder, HEADER)


def test_disk_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DocumentError, match="file"):
        RecordWriter(tmp_path / "file" / "run", HEADER)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="n/a: no /dev/full here")
def test_full_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.jsonl").symlink_to("/dev/full")

    with (
        RecordWriter(tmp_path / "run", None) as writer,
        pytest.raises(DocumentError, match=r"No space left.*--resume"),
    ):
        writer.append(RECORDS[3])


def test_a_record_that_is_deleted_ends_the_run_and_says_what_is_kept(
    tmp_path: Path,
) -> None:
    """Hours later nothing would be there, and nobody would have been told."""
    with RecordWriter(tmp_path / "run", HEADER) as writer:
        writer.append(RECORDS[0])
        writer.path.unlink()
        with pytest.raises(
            DocumentError, match=r"run\.jsonl was deleted.*nothing is kept"
        ):
            writer.append(RECORDS[1])
