"""A killed run goes on where it was, and no disk problem costs what was measured."""

import json
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pybench.records.documents import DocumentError
from pybench.records.journal import JournalHeader, JournalRow
from pybench.target.plugin.journal import (
    NAME,
    JournalWriter,
    find_journal,
    read_journal,
)
from pybench.target.process.identity import read_identity

PREVIOUS = "journal.previous.jsonl"

Run = Callable[..., pytest.RunResult]

IDENTITY = read_identity()
HEADER = JournalHeader(identity=IDENTITY, arguments=("-q",), started="then")
ROW = JournalRow(fullname="t.py::a", outcome="n/a", reason="too old")

SUITE = """
import os, signal
import pytest

pytestmark = pytest.mark.pybench(data_limit=20)

@pytest.mark.parametrize("number", range(3))
def test_first(benchmark, number):
    benchmark(sum, (1, number))

def test_lacking(benchmark):
    pytest.skip("n/a: too old")

def test_killer(benchmark):
    if os.path.exists("kill"):
        os.unlink("kill")
        os.kill(os.getpid(), signal.SIGKILL)
    benchmark(sum, (1, 2))

def test_failing(benchmark):
    benchmark(sum, (1, 2))
    assert not os.path.exists("fail")

def test_last(benchmark):
    benchmark(sum, (1, 2))

def test_plain():
    pass
"""
ROWS = ["first[0]", "first[1]", "first[2]", "killer", "failing", "last"]


def journal_path(pytester: pytest.Pytester) -> Path:
    """Return where this interpreter's journal is."""
    return pytester.path / ".benchmarks" / IDENTITY.folder / NAME


def saved_rows(path: Path) -> dict[str, Any]:
    """Return the rows of a saved file by their short name."""
    document = json.loads(path.read_text())
    return {row["name"].removeprefix("test_"): row for row in document["benchmarks"]}


def begin(
    folder: Path, *rows: JournalRow, say: Callable[[str], None] = print
) -> JournalWriter:
    """Write a journal of these rows, and keep it as a session does that runs."""
    writer = JournalWriter(folder, HEADER, resumed=None, say=say)
    for row in rows:
        writer.append(row)
    return writer


def write(folder: Path, *rows: JournalRow, say: Callable[[str], None] = print) -> Path:
    """Write a journal of these rows, as an interrupted session leaves it."""
    writer = begin(folder, *rows, say=say)
    writer.close()
    return writer.path


# The killed run, which is the same for each test that begins with it.
_KILLED: list[tuple[Path, pytest.RunResult]] = []


@pytest.fixture
def killed(pytester: pytest.Pytester, run_process: Run) -> pytest.RunResult:
    """Leave a run that was killed in the middle."""
    pytester.makepyfile(test_suite=SUITE)
    if _KILLED:
        shutil.copytree(_KILLED[0][0], pytester.path / ".benchmarks")
    else:
        (pytester.path / "kill").touch()
        result = run_process("--benchmark-json=lost.json")
        kept = pytester.path.parent / "killed"
        shutil.copytree(pytester.path / ".benchmarks", kept)
        _KILLED.append((kept, result))
    return _KILLED[0][1]


def test_reads_what_was_written(tmp_path: Path) -> None:
    other = replace(ROW, fullname="t.py::b")

    journal = read_journal(write(tmp_path / "a", ROW, other))

    assert journal.header == HEADER
    assert list(journal.rows.values()) == [ROW, other]
    assert (journal.is_finished, journal.torn) == (False, "")


@pytest.mark.once
def test_the_last_line_of_a_row_counts(tmp_path: Path) -> None:
    later = replace(ROW, reason="another")

    journal = read_journal(write(tmp_path, ROW, later))

    assert list(journal.rows.values()) == [later]


@pytest.mark.once
def test_a_torn_last_line_is_named_and_cut_off(tmp_path: Path) -> None:
    path = write(tmp_path, ROW)
    with path.open("a") as file:
        file.write('{"fullname": "t.p')

    torn = read_journal(path)
    writer = JournalWriter(tmp_path, HEADER, resumed=torn, say=print)
    writer.append(replace(ROW, fullname="t.py::b"))
    writer.finish()
    writer.close()

    assert torn.torn == "line 3 (17 bytes)"
    assert list(torn.rows) == ["t.py::a"]
    assert list(read_journal(path).rows) == ["t.py::a", "t.py::b"]
    assert read_journal(path).is_finished


@pytest.mark.once
def test_a_damaged_line_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, ROW)
    path.write_text(path.read_text() + "{\n{}\n")

    with pytest.raises(DocumentError, match="line 3 is damaged"):
        read_journal(path)


@pytest.mark.once
@pytest.mark.parametrize("content", ["", '{"pybench": "jour'])
def test_a_journal_without_a_header_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / NAME
    path.write_text(content)

    with pytest.raises(DocumentError, match="no complete line"):
        read_journal(path)


@pytest.mark.once
def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_text('{"some": "file"}\n')

    with pytest.raises(DocumentError, match="not a journal's header"):
        read_journal(path)


@pytest.mark.once
def test_a_journal_of_another_identity_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / IDENTITY.folder, ROW)
    other = replace(IDENTITY, affinity=IDENTITY.affinity + 1)
    (tmp_path / IDENTITY.folder).rename(tmp_path / other.folder)

    with pytest.raises(
        DocumentError, match=rf"{re.escape(IDENTITY.folder)}.*affinity: "
    ):
        find_journal(tmp_path, other)


@pytest.mark.once
def test_journals_of_others_are_named_when_there_is_none(tmp_path: Path) -> None:
    other = replace(IDENTITY, affinity=IDENTITY.affinity + 1)
    write(tmp_path / other.folder, ROW)

    with pytest.raises(
        DocumentError, match=f"there are journals of {re.escape(other.folder)}"
    ):
        find_journal(tmp_path, IDENTITY)


@pytest.mark.once
def test_an_older_journal_is_kept_aside(tmp_path: Path) -> None:
    write(tmp_path, ROW)
    write(tmp_path, replace(ROW, fullname="t.py::b"))

    assert list(read_journal(tmp_path / NAME).rows) == ["t.py::b"]
    assert list(read_journal(tmp_path / PREVIOUS).rows) == ["t.py::a"]


@pytest.mark.once
def test_an_interrupted_journal_is_not_put_aside_in_silence(tmp_path: Path) -> None:
    said: list[str] = []
    path = write(tmp_path, ROW)

    write(tmp_path, ROW, say=said.append)
    read = read_journal(path)
    writer = JournalWriter(tmp_path, HEADER, resumed=read, say=said.append)
    writer.finish()
    writer.close()
    write(tmp_path, ROW, say=said.append)

    assert len(said) == 1
    assert (
        f"interrupted run of then (1 rows) is now {tmp_path / 'journal.previous.jsonl'}"
        in said[0]
    )


def test_each_of_two_sessions_has_its_own_journal(tmp_path: Path) -> None:
    """The second leaves the first alone, and a third takes what is free."""
    said: list[str] = []
    first = begin(tmp_path, ROW, say=said.append)
    second = begin(tmp_path, replace(ROW, fullname="t.py::b"), say=said.append)
    first.append(replace(ROW, fullname="t.py::c"))
    first.finish()
    first.close()
    third = begin(tmp_path, replace(ROW, fullname="t.py::d"), say=said.append)

    assert [one.path.name for one in (first, second, third)] == [
        NAME,
        "journal.2.jsonl",
        NAME,
    ]
    assert list(read_journal(tmp_path / PREVIOUS).rows) == [
        "t.py::a",
        "t.py::c",
    ]
    assert list(read_journal(second.path).rows) == ["t.py::b"]
    assert said == []
    second.close()
    third.close()


@pytest.mark.once
def test_the_unfinished_journal_is_resumed(tmp_path: Path) -> None:
    """A finished one may be younger; one that is still written is not touched."""
    folder = tmp_path / IDENTITY.folder
    interrupted, finished, running = (begin(folder, ROW) for _ in range(3))
    interrupted.close()
    finished.finish()
    finished.close()

    found = find_journal(tmp_path, IDENTITY)

    assert found.path == interrupted.path
    resumed = JournalWriter(folder, HEADER, resumed=found, say=print)
    assert find_journal(tmp_path, IDENTITY).path == finished.path
    with pytest.raises(DocumentError, match="journal of a session that runs"):
        JournalWriter(folder, HEADER, resumed=found, say=print)
    resumed.close()
    running.close()


@pytest.mark.once
def test_the_journal_of_a_running_session_is_not_resumed(tmp_path: Path) -> None:
    running = begin(tmp_path / IDENTITY.folder, ROW)

    with pytest.raises(DocumentError, match="journal of a session that is running"):
        find_journal(tmp_path, IDENTITY)

    running.close()


@pytest.mark.once
def test_a_value_that_json_cannot_express_costs_no_row(tmp_path: Path) -> None:
    said: list[str] = []
    odd = JournalRow(fullname="t.py::odd", outcome="n/a", extra_info={(1, 2): 3})  # type: ignore[dict-item]

    path = write(tmp_path, odd, ROW, say=said.append)

    assert said == []
    rows = read_journal(path).rows
    assert list(rows) == ["t.py::odd", "t.py::a"]
    assert rows["t.py::odd"].extra_info == {"UNSERIALIZABLE[(1, 2)]": 3}


@pytest.mark.once
def test_rows_wait_for_a_disk_that_takes_them(tmp_path: Path) -> None:
    said: list[str] = []
    blocked = tmp_path / "folder"
    blocked.touch()
    writer = JournalWriter(blocked, HEADER, resumed=None, say=said.append)

    writer.append(ROW)
    writer.append(replace(ROW, fullname="t.py::b"))
    blocked.unlink()
    writer.append(replace(ROW, fullname="t.py::c"))
    writer.close()

    assert len(said) == 1
    assert len(read_journal(blocked / NAME).rows) == 3


def test_killed_run_has_its_rows_on_disk(
    pytester: pytest.Pytester, killed: pytest.RunResult
) -> None:
    assert killed.ret == -signal.SIGKILL
    assert not (pytester.path / "lost.json").exists()

    journal = read_journal(journal_path(pytester))

    outcomes = [row.outcome for row in journal.rows.values()]
    assert outcomes == ["measured"] * 3 + ["n/a"]
    assert not journal.is_finished


@pytest.mark.usefixtures("killed")
def test_resume_runs_the_rest_and_saves_all(
    pytester: pytest.Pytester, run: Run
) -> None:
    before = read_journal(journal_path(pytester)).rows

    result = run(
        "--pybench-resume",
        "--benchmark-json=out.json",
        "--benchmark-save=all",
        "--pybench-counts=counts.json",
    )

    result.assert_outcomes(passed=4, deselected=4)
    result.stdout.fnmatch_lines(
        [
            "pybench: resuming*--benchmark-json=lost.json*: 4 rows*, 3 are missing",
            "*6 tests*",
            "pybench: 6 rows measured, 1 n/a, *4 of them from the journal*",
        ]
    )
    rows = saved_rows(pytester.path / "out.json")
    assert list(rows) == ROWS
    for row in before.values():
        if row.outcome == "measured":
            saved = rows[row.name.removeprefix("test_")]
            assert saved["stats"] == row.stats
            assert saved["extra_info"] == row.extra_info
            assert saved["params"] == {"number": int(saved["param"])}
    assert {len(row["stats"]["data"]) for row in rows.values()} == {20}
    assert all(
        row["extra_info"]["pybench"]["raw_values"] == row["stats"]["rounds"]
        for row in rows.values()
    )
    (save,) = pytester.path.glob(".benchmarks/*/0001_all.json")
    assert list(saved_rows(save)) == ROWS
    counts = json.loads((pytester.path / "counts.json").read_text())
    assert counts["rows_measured"] == 6
    assert counts["rows_na"] == {"too old": 1}
    assert read_journal(journal_path(pytester)).is_finished


@pytest.mark.once
@pytest.mark.usefixtures("killed")
def test_resume_of_a_finished_run_says_nothing_is_missing(
    pytester: pytest.Pytester, run: Run
) -> None:
    run("--pybench-resume")

    result = run("--pybench-resume", "--benchmark-only", "-k", "not plain")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*7 rows are in the journal, nothing is missing"])
    result.stdout.fnmatch_lines(["*6 tests*", "pybench: 6 rows measured, 1 n/a*"])


@pytest.mark.once
@pytest.mark.usefixtures("killed")
def test_resume_names_a_torn_line_and_runs_its_row(
    pytester: pytest.Pytester, run: Run
) -> None:
    path = journal_path(pytester)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:10])

    result = run("--pybench-resume")

    result.stdout.fnmatch_lines(["*line 5 (10 bytes) is torn, its row runs again"])
    result.assert_outcomes(passed=4, skipped=1, deselected=3)


@pytest.mark.once
def test_a_failed_row_is_run_again(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_suite=SUITE)
    (pytester.path / "fail").touch()
    first = run()
    (pytester.path / "fail").unlink()

    second = run("--pybench-resume", "--benchmark-json=out.json")

    assert first.ret == pytest.ExitCode.TESTS_FAILED
    assert second.ret == 0
    assert sorted(saved_rows(pytester.path / "out.json")) == sorted(ROWS)


def test_parameters_that_cannot_be_copied_do_no_harm(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        import threading
        import pytest

        @pytest.mark.parametrize("lock", [threading.Lock()])
        def test_row(benchmark, lock):
            benchmark(lock.locked)
        """
    )

    run().assert_outcomes(passed=1)
    result = run("--pybench-resume", "--benchmark-json=out.json")

    assert result.ret == 0
    (row,) = saved_rows(pytester.path / "out.json").values()
    assert row["params"]["lock"].startswith("UNSERIALIZABLE[")


@pytest.mark.usefixtures("native")
def test_ctrl_c_in_a_kernel_leaves_a_journal_to_resume(
    pytester: pytest.Pytester, run_process: Run
) -> None:
    pytester.makepyfile(
        """
        import os, signal, threading

        def test_first(kernel):
            kernel("yardstick_alu", rounds=1)

        def test_long(kernel):
            iterations = 1000
            if not os.path.exists("interrupted"):
                open("interrupted", "w").close()
                iterations = 10**12
                signal_self = lambda: os.kill(os.getpid(), signal.SIGINT)
                threading.Timer(0.3, signal_self).start()
            kernel("yardstick_alu", iterations=iterations, rounds=1)
        """
    )

    interrupted = run_process()
    resumed = run_process("--pybench-resume", "--benchmark-json=out.json")

    assert interrupted.ret == pytest.ExitCode.INTERRUPTED
    assert resumed.ret == 0
    resumed.assert_outcomes(passed=1, deselected=1)
    assert list(saved_rows(pytester.path / "out.json")) == ["first", "long"]


@pytest.mark.once
def test_resume_without_a_journal_is_an_error(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_suite=SUITE)

    result = run("--pybench-resume")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --pybench-resume: no journal to resume*"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


@pytest.mark.once
def test_resume_refuses_a_journal_that_was_renamed(
    pytester: pytest.Pytester, run: Run
) -> None:
    other = replace(IDENTITY, cpu_model="another")
    writer = JournalWriter(
        journal_path(pytester).parent,
        replace(HEADER, identity=other),
        resumed=None,
        say=print,
    )
    writer.append(ROW)
    writer.close()

    result = run("--pybench-resume")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR:*{other.folder}*cpu_model: *'another' there"])


@pytest.mark.once
def test_resume_needs_something_to_measure(
    pytester: pytest.Pytester, killed: pytest.RunResult, run: Run
) -> None:
    result = run("--pybench-resume", "--benchmark-disable")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --pybench-resume: benchmarks are disabled"])


@pytest.mark.once
def test_a_storage_that_cannot_be_written_costs_no_row(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_suite=SUITE)
    (pytester.path / "file").touch()

    result = run("--benchmark-storage=file/store", "--benchmark-json=out.json")

    result.assert_outcomes(passed=7, skipped=1)
    result.stdout.fnmatch_lines(
        ["*6 tests*", "*note: the journal * cannot be written*"]
    )
    assert list(saved_rows(pytester.path / "out.json")) == ROWS
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


FULL_DISK = """
import resource

def pytest_sessionstart():
    # A write past this size fails like one on a full disk; the report of this
    # session, which goes to a file as well, stays well below.
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, resource.RLIM_INFINITY))
"""


@pytest.mark.once
def test_a_full_disk_costs_no_table_and_leaves_no_torn_file(
    pytester: pytest.Pytester, run_process: Run
) -> None:
    pytester.makepyfile(test_suite=SUITE.replace("limit=20", "limit=200"))
    pytester.makeconftest(FULL_DISK)

    result = run_process("--benchmark-json=out.json", "--benchmark-save=mine")

    result.assert_outcomes(passed=7, skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*6 tests*",
            "pybench: 6 rows measured*",
            "*note: the journal *cannot be written (File too large)*",
            "*note: the results cannot be saved*File too large*",
        ]
    )
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert not (pytester.path / "out.json").exists()
    assert not list(pytester.path.glob(".benchmarks/*/0001*"))
    assert read_journal(journal_path(pytester)).torn == ""


@pytest.mark.once
def test_what_a_full_disk_refused_is_saved_by_a_resume(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_suite=SUITE)

    first = run("--benchmark-json=no/such/folder/out.json")
    second = run("--pybench-resume", "--benchmark-json=out.json")

    assert first.ret == pytest.ExitCode.TESTS_FAILED
    first.stdout.fnmatch_lines(
        ["*cannot be saved*No such file*--pybench-resume saves*"]
    )
    assert second.ret == 0
    assert list(saved_rows(pytester.path / "out.json")) == ROWS
