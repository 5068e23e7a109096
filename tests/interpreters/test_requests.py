"""What somebody types for an interpreter, and what is said when it is none."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pybench.interpreters import RequestError, resolve
from tests.interpreters.conftest import fake


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return a machine with one Python on PATH and three in pyenv."""
    fake(tmp_path / "bin" / "python3.13", "3.13.2")
    for version in ("3.14.0", "3.14.2"):
        fake(tmp_path / f"home/.pyenv/versions/{version}/bin/python3.14", version)
    fake(
        tmp_path / "home/.pyenv/versions/3.14.1t/bin/python3.14t",
        "3.14.1",
        free_threaded=True,
        gil_enabled=False,
    )
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("python3.13", "3.13.2"),
        ("3.13", "3.13.2"),
        ("3.14", "3.14.2"),
        ("3.14.0", "3.14.0"),
        ("3.14t", "3.14.1t"),
        ("3.14.1t", "3.14.1t"),
    ],
)
def test_word_means(environ: dict[str, str], word: str, label: str) -> None:
    """A name, a kind (of several the newest) or a version."""
    (found,) = resolve([word], environ)

    assert found.interpreter.label == label


def test_free_threaded_build_is_an_arm_of_its_own_with_the_gil(
    environ: dict[str, str],
) -> None:
    """It is started so, says so, and has the packages that its build has."""
    path = Path(environ["HOME"]) / ".pyenv/versions/3.14.1t/bin/python3.14t"
    words = ["3.14t", "3.14t+gil", "3.14", f"third={path}+gil"]
    without, with_gil, other, third = resolve(words, environ)

    names = [of.name for of in (without, with_gil, other)]
    assert names == ["3.14t", "3.14t+gil", "3.14"]
    assert with_gil.interpreter.switches == ("-X", "gil=1")
    assert third == replace(with_gil, name="third", by_path=True)
    assert with_gil.interpreter.gil_enabled
    assert not without.interpreter.gil_enabled
    assert with_gil.interpreter.free_threaded
    assert with_gil.interpreter.build == without.interpreter.label == "3.14.1t"
    again = resolve(["3.14t+gil", "3.14t+gil"], environ)
    assert [of.name for of in again] == ["3.14.1t+gil#1", "3.14.1t+gil#2"]


def test_this_interpreter_with_the_gil() -> None:
    """A real one is asked: it has the GIL then, or always had it."""
    if "t" in sys.abiflags:
        (found,) = resolve([f"{sys.executable}+gil"])
        assert found.interpreter.gil_enabled
        return
    with pytest.raises(RequestError, match=r"always has the GIL: leave \+gil out"):
        resolve([f"{sys.executable}+gil"])


def test_paths_are_taken_as_they_are() -> None:
    """In the order they were given, the same one twice if it was."""
    chosen = resolve([sys.executable, sys.executable])

    assert [one.interpreter.path for one in chosen] == [Path(sys.executable)] * 2


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["3.13", "3.14"], ["3.13", "3.14"]),
        (["3.14.0", "3.14.2"], ["3.14.0", "3.14.2"]),
        (["old=3.14.0", "3.14+gil"], ["old", "3.14"]),
        (["3.14.0", "3.14.0"], ["3.14.0#1", "3.14.0#2"]),
        (["a=3.14", "b=3.14"], ["a", "b"]),
    ],
)
def test_each_has_a_name_of_its_own(
    environ: dict[str, str], words: list[str], names: list[str]
) -> None:
    """As short as tells them apart."""
    assert [one.name for one in resolve(words, environ)] == names


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("3.13t", r"only 3\.13 found here is with the GIL .*ask for 3\.13\+gil"),
        ("3.14+gil=1", r"'3\.14\+gil=1': \+gil takes no value: 3\.14\+gil has the GIL"),
        ("python3.13+gil", r"3\.13\+gil: .* is 3\.13\.2, which always has the GIL"),
        ("3.13t+gil", r"only 3\.13 found here is with the GIL"),
        ("3.x", r"'3\.x' is no interpreter.*3\.13 3\.14 3\.14t"),
        ("a b=3.14", "'a b' is no name"),
        ("name=", "nothing after"),
    ],
)
def test_wrong_word_is_told_the_right_one(
    environ: dict[str, str], word: str, said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        resolve([word], environ)


def test_one_name_for_two_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(RequestError, match="two interpreters are called a"):
        resolve(["a=3.14", "a=3.13"], environ)


def test_free_threaded_build_alone_does_not_pass_for_the_other(
    environ: dict[str, str],
) -> None:
    """`3.15` may find a 3.15t alone: the answer says how to ask for it."""
    home = Path(environ["HOME"])
    fake(
        home / ".pyenv/versions/3.15t/bin/python3.15",
        "3.15.0",
        free_threaded=True,
        gil_enabled=False,
    )
    with pytest.raises(RequestError, match=r"free-threaded .*ask for 3\.15t"):
        resolve(["3.15"], environ)


def test_folder_means_the_python_in_it(tmp_path: Path) -> None:
    fake(tmp_path / "env" / "bin" / "python", "3.13.2")
    (found,) = resolve([str(tmp_path / "env")])

    assert found.interpreter.label == "3.13.2"
    with pytest.raises(RequestError, match="without bin/python"):
        resolve([str(tmp_path)])


def test_unknown_word_names_what_there_is(environ: dict[str, str]) -> None:
    with pytest.raises(RequestError, match=r"3\.12: not found.*3\.13\.2 .*3\.14\.0 "):
        resolve(["3.13", "3.12"], environ)


def test_path_that_is_no_interpreter_says_why(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="nothing: no such file"):
        resolve([str(tmp_path / "nothing")])


def test_name_that_is_another_kind_is_refused(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """A free-threaded build ships a python3.14 too."""
    fake(tmp_path / "bin" / "python3.14", "3.14.9", free_threaded=True)

    with pytest.raises(RequestError, match=r"is 3\.14\.9t: say 3\.14t if"):
        resolve(["python3.14"], environ)


def test_unsupported_interpreter_is_refused(tmp_path: Path) -> None:
    old = fake(tmp_path / "python3.9", "3.9.1")

    with pytest.raises(RequestError, match=r"3\.9\.1; pybench measures CPython 3\.11"):
        resolve([str(old)])


@pytest.mark.once
@pytest.mark.parametrize("word", ["env", "./env", "old=env", "old=./env"])
def test_folder_without_a_slash_is_one_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    fake(tmp_path / "env" / "bin" / "python", "3.13.2")
    (found,) = resolve([word])

    assert found.interpreter.label == "3.13.2"
    assert found.by_path


@pytest.mark.once
def test_version_means_an_interpreter_though_a_folder_is_called_so(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fake(tmp_path / "3.14" / "bin" / "python", "3.11.1")
    named, there = resolve(["3.14", "./3.14"], environ)

    assert (named.interpreter.label, named.by_path) == ("3.14.2", False)
    assert (there.interpreter.label, there.by_path) == ("3.11.1", True)


@pytest.mark.once
def test_name_on_path_is_that_installation(environ: dict[str, str]) -> None:
    (found,) = resolve(["python3.13"], environ)

    assert found.by_path


@pytest.mark.once
@pytest.mark.parametrize(
    ("word", "version", "changes"),
    [
        ("3.10", "3.10.13", {}),
        ("3.10.13", "3.10.13", {}),
        ("3.12", "3.12.4", {"implementation": "PyPy"}),
        ("old=3.16t", "3.16.0", {"free_threaded": True}),
    ],
)
def test_installed_interpreter_that_is_not_supported_is_not_said_to_be_missing(
    environ: dict[str, str], word: str, version: str, changes: dict[str, object]
) -> None:
    home = Path(environ["HOME"])
    path = home / f".pyenv/versions/{version}/bin/python{version[:4]}"
    fake(path, version, **changes)
    with pytest.raises(RequestError) as refused:
        resolve([word], environ)

    said = str(refused.value)
    assert f"{path} is " in said
    assert version in said
    assert "pybench measures CPython 3.11 to 3.15t" in said
    assert "not found" not in said


@pytest.mark.once
def test_folder_of_nobody_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="~nobody-of-this-name/env: no such file"):
        resolve(["~nobody-of-this-name/env"])
