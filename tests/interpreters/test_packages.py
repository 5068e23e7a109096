"""The content of what ``--with`` names: any edit of a source is another environment."""

import subprocess
from pathlib import Path

import pytest

from pybench.interpreters.packages import PackagesError, read_packages

pytestmark = pytest.mark.once


def content(*words: str) -> str:
    return read_packages(words, {}).content


@pytest.fixture(params=["git", "no git"])
def package(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a package's folder, under version control or not."""
    folder = tmp_path / "package"
    for name in ("build/steps.py", "src/dist/a.py", "node_modules/b.js", "setup.cfg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("first\n")
    (folder / ".gitignore").write_text("__pycache__/\n*.egg-info/\nbuild/lib/\n")
    if request.param == "git":
        for words in (["init", "-q"], ["add", "-A"]):
            subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


@pytest.mark.parametrize(
    "name", ["build/steps.py", "src/dist/a.py", "node_modules/b.js", "new.py"]
)
def test_an_edit_below_any_folder_counts(package: Path, name: str) -> None:
    before = content(str(package))
    (package / name).write_text("second\n")

    edited = content(str(package))
    assert edited != before
    (package / name).unlink()
    assert content(str(package)) not in (edited, before) or name == "new.py"


def test_what_tools_leave_does_not_count(package: Path) -> None:
    before = content(str(package))
    for name in ("src/__pycache__/a.pyc", "p.egg-info/PKG-INFO", "build/lib/steps.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("made\n")

    assert content(str(package)) == before


def test_links_count_by_what_they_lead_to(package: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "c.py").write_text("first\n")
    (package / "linked").symlink_to(shared)
    (shared / "back").symlink_to(package)  # a circle
    before = content(str(package))
    (shared / "c.py").write_text("second\n")

    assert content(str(package)) != before


@pytest.mark.parametrize(
    "words",
    [
        ["PATH"],
        ["PATH[fast,x]"],
        ["-e", "PATH"],
        ["--editable=PATH"],
        ["p @ file://PATH"],
    ],
)
def test_a_folder_counts_however_it_is_named(package: Path, words: list[str]) -> None:
    said = [word.replace("PATH", str(package)) for word in words]
    before = content(*said)
    (package / "setup.cfg").write_text("second\n")

    assert content(*said) != before


@pytest.mark.parametrize("words", [["-r", "FILE"], ["-rFILE"], ["--requirement=FILE"]])
@pytest.mark.parametrize("edited", ["top.txt", "deep/nested.txt", "deep/limits.txt"])
def test_files_of_requirements_count_with_those_they_name(
    tmp_path: Path, words: list[str], edited: str
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "top.txt").write_text("numpy\n-r deep/nested.txt  # more\n")
    (tmp_path / "deep" / "nested.txt").write_text("--constraint limits.txt\nattrs\n")
    (tmp_path / "deep" / "limits.txt").write_text("attrs<20\n-r ../top.txt\n")
    said = [word.replace("FILE", str(tmp_path / "top.txt")) for word in words]
    before = content(*said)
    (tmp_path / edited).write_text((tmp_path / edited).read_text() + "more\n")

    assert content(*said) != before


def test_folders_in_files_of_requirements_and_constraints_of_variables_count(
    package: Path, tmp_path: Path
) -> None:
    (tmp_path / "top.txt").write_text(f"-e {package}\n")
    (tmp_path / "limits.txt").write_text("attrs<20\n")
    environ = {"PIP_CONSTRAINT": str(tmp_path / "limits.txt")}
    words = ["-r", str(tmp_path / "top.txt")]
    before = read_packages(words, environ).content
    (package / "setup.cfg").write_text("second\n")
    edited = read_packages(words, environ).content
    (tmp_path / "limits.txt").write_text("attrs<21\n")

    assert len({before, edited, read_packages(words, environ).content}) == 3


def test_words_are_made_ready_for_pip(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(package)
    (package / "r.txt").write_text("")
    said = [
        "numpy>=2",
        "./src[x]",
        "-r",
        "r.txt",
        "-e",
        ".",
        "--pre",
        "a @ https://b/c",
    ]

    assert read_packages(said, {}).words == (
        "numpy>=2", f"{package}/src[x]", "-r", f"{package}/r.txt", "-e", f"{package}",
        "--pre", "a @ https://b/c",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["./nothing"], r"\./nothing: no such file or folder"),
        (["-r", "nothing.txt"], "nothing.txt: No such file"),
        (["-e"], "-e: nothing after it"),
        (["~nobody-of-this-name/x"], "nobody-of-this-name"),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PackagesError, match=said):
        read_packages(words, {})
