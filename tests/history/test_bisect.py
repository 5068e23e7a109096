"""A change is found among versions, whatever some of them cannot say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

from pybench.cli import bisect as command
from pybench.cli import run_command
from pybench.cli.status import INTERRUPTED, UsageError
from pybench.comparison.judging import judge
from pybench.comparison.summary import summarise
from pybench.history.bisect import Found, search
from pybench.records.run_file import read_run
from pybench.records.summary import write_summary
from tests.interpreters.repositories import git

from .conftest import ROW, WriteRun

pytestmark = pytest.mark.once


@pytest.mark.parametrize("word", ["slower", "faster"])
@pytest.mark.parametrize("count", [2, 3, 10, 33])
def test_every_place_is_found_in_few_steps(count: int, word: str) -> None:
    for place in range(1, count):
        asked: list[int] = []

        def said(index: int, place: int = place, asked: list[int] = asked) -> str:
            asked.append(index)
            return word if index >= place else "equivalent"

        found = search(count, said)
        assert found == Found(word=word, same=place - 1, changed=place)
        assert len(asked) <= 1 + (count - 1).bit_length()
        assert len({*asked}) == len(asked)


def test_undecided_versions_are_passed_by_and_named() -> None:
    """The change lies between the nearest ones that say something."""
    chance = Random(2)
    for _ in range(200):
        count = chance.randrange(3, 20)
        place = chance.randrange(1, count)
        silent = {i for i in range(1, count - 1) if chance.random() < 0.4}
        words = ["slower" if i >= place else "faster" for i in range(count)]
        for i in silent:
            words[i] = "inconclusive"
        found = search(count, words.__getitem__)
        between = {*range(found.same + 1, found.changed)}
        assert found.same < place <= found.changed
        assert between == {*found.undecided} == between & silent


@pytest.mark.parametrize("word", ["equivalent", "inconclusive", "none"])
def test_ends_that_do_not_differ_have_nothing_between(word: str) -> None:
    found = search(9, lambda _: word)

    assert not found.is_change
    with pytest.raises(ValueError, match="two are the least"):
        search(1, lambda _: word)


def test_the_command_over_commits(
    write_run: WriteRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Measured once per step; undecided steps again, then their neighbours."""
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    git(repository, "init", "-q")
    (repository / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    shas = []
    for number in range(6):
        (repository / "n").write_text(str(number))
        git(repository, "add", ".")
        git(repository, "commit", "-qm", str(number))
        shas.append(git(repository, "rev-parse", "HEAD").strip())
    compared: list[list[str]] = []
    run = read_run(write_run("run", 1.2))
    summary = summarise(run, judge(run))

    def compare(words: list[str]) -> int:
        compared.append(words)
        number = shas.index(next(w for w in words if "step=" in w).split("=")[1])
        word = {3: "inconclusive", 4: "slower", 5: "slower"}.get(number, "equivalent")
        rows = tuple(replace(row, verdict=word) for row in summary.rows)
        folder = Path(words[words.index("-o") + 1])
        folder.mkdir(parents=True)
        write_summary(replace(summary, rows=rows), folder)
        return 0

    monkeypatch.setattr(command, "run_compare", compare)
    words = ["bisect", "--row", ROW, "--ref", shas[0], "--ref", shas[5], "-o", "out"]

    assert run_command(words) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-2:] == [
        f"{ROW}: slower from {shas[4]} on, not in {shas[2]}",
        f"  or already from {shas[3]} on, which is undecided",
    ]
    assert len(compared) == 5
    assert sum("--pairs" in words for words in compared) == 1
    assert run_command(words) == 0
    assert len(compared) == 5  # all of it is there
    assert run_command([*words[:3], *words[5:7], *words[3:5], "-o", "o"]) == 2
    assert "does not come after" in capsys.readouterr().err
    monkeypatch.setattr(command, "run_compare", lambda _: INTERRUPTED)
    assert run_command([*words[:-1], "other"]) == INTERRUPTED


def test_a_row_is_meant_by_its_function_before_its_file(
    write_run: WriteRun, tmp_path: Path
) -> None:
    run = read_run(write_run("run", 1.2))
    summary = summarise(run, judge(run))
    rows = tuple(
        replace(summary.rows[0], row=f"b/test_work.py::{name}", verdict=word)
        for name, word in (("test_work", "slower"), ("test_other", "faster"))
    )
    write_summary(replace(summary, rows=rows), tmp_path)

    path = tmp_path / "summary.json"
    assert command.verdict(path, "test_work") == "slower"
    assert command.verdict(path, "other") == "faster"
    with pytest.raises(UsageError, match="2 rows"):
        command.verdict(path, "b/test_work")


def test_what_cannot_be_bisected_is_refused(tmp_path: Path) -> None:
    assert run_command(["bisect", "--row", "x", "3.13", "3.14"]) == 2
    assert run_command(["bisect", "--row", "x", "--ref", "a"]) == 2
    with pytest.raises(UsageError, match=r"summary\.json"):
        command.verdict(tmp_path / "summary.json", "x")
