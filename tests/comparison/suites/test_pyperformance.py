"""A manifest of pyperformance as a suite: what is chosen, and what an arm gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pyperformance", reason="n/a: pyperformance is not installed here")

from pybench.comparison.suites import Suite, SuiteError, find_suite, pyperformance
from pybench.comparison.suites.pyperformance_manifest import Manifest
from pybench.interpreters.making import PrepareError
from pybench.interpreters.probe import Interpreter
from pybench.records.scripts import ARM_ENTRIES, ScriptEntry, arm_entry, read_entry

pytestmark = pytest.mark.once

MANIFEST = """\
[benchmarks]

name\tmetafile
alpha\t<local>
alpha_slow\t<local:alpha>
beta\t<local>
newer\t<local>
2to3\t<local>
sphinx\t<local>
gone\t<local>

[group fast]
alpha
beta
"""

METADATA = """
[project]
name = "pyperformance_bm_{name}"
version = "1"
requires-python = "{python}"

[tool.pyperformance]
name = "{name}"
tags = "{tag}"
"""


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a manifest whose benchmark `gone` has no files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "suite"
    for name, python, tag in (
        ("alpha", ">=3.8", "math"),
        ("beta", ">=3.8", "math"),
        ("newer", ">=3.14", "apps"),
        ("2to3", ">=3.8", "apps"),
        ("sphinx", ">=3.8", "apps"),
    ):
        own = folder / f"bm_{name}"
        own.mkdir(parents=True)
        text = METADATA.format(name=name, python=python, tag=tag)
        (own / "pyproject.toml").write_text(text)
        (own / "run_benchmark.py").write_text("")
    (folder / "bm_alpha/bm_alpha_slow.toml").write_text(
        '[tool.pyperformance]\nname = "alpha_slow"\nextra_opts = ["--slow", "2"]\n'
    )
    (folder / "bm_beta/requirements.txt").write_text("# by hand\nbeta==1.0  # x\n\n")
    path = folder / "MANIFEST"
    path.write_text(MANIFEST)
    return path


@pytest.fixture
def interpreter() -> Interpreter:
    return Interpreter(
        path=Path("python3.13"), implementation="CPython", version="3.13.1+",
        soabi="cpython-313", prefix=Path("usr"), free_threaded=False,
        gil_enabled=True, jit=None, pgo=True, lto=True, debug=False,
    )  # fmt: skip


def names(suite: Suite) -> list[str]:
    return [Path(path).stem for path in suite.paths]


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("alpha", ["alpha"]),
        ("beta,alpha", ["alpha", "beta"]),
        ("fast", ["alpha", "beta"]),
        ("fast,-alpha", ["beta"]),
        ("-gone,-fast,-2to3", ["alpha_slow", "newer", "sphinx"]),
        ("apps", ["newer", "2to3", "sphinx"]),
        ("alpha_slow, alpha_slow,", ["alpha_slow"]),
    ],
)
def test_names_groups_and_tags_choose(
    manifest: Path, words: str, chosen: list[str]
) -> None:
    suite = find_suite(f"pyperformance:{manifest},{words}")

    assert names(suite) == chosen
    assert find_suite(suite.text).paths == suite.paths


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("alhpa", r"^alhpa: no benchmark, group or tag of pyperformance: alpha"),
        (
            "new",
            r"^new: .*: newer, gone\? \(groups and tags: all, apps, default, fast",
        ),
        ("fast,-math", r"fast,-math: nothing is left"),
        ("other/MANIFEST", r"two manifests"),
    ],
)
def test_word_that_chooses_nothing_is_named(
    manifest: Path, words: str, reason: str
) -> None:
    with pytest.raises(SuiteError, match=reason):
        find_suite(f"pyperformance:{manifest},{words}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "No such file"),
        ("", "no sections found"),
        ("alpha <local>\n", "expected new section, got 'alpha <local>'"),
        ("[benchmarks]\nname\tmetafile\n", "has no benchmarks"),
        ("[benchmarks]\nname\tmetafile\na\t<b>\n", "unsupported metafile directive"),
        ("[odd]\nx\n", "unsupported section 'odd'"),
    ],
)
def test_manifest_that_cannot_be_read_is_named(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    path = tmp_path / "MANIFEST"
    if text is not None:
        path.write_text(text)

    with pytest.raises(SuiteError, match=reason) as error:
        Manifest(str(path))
    assert str(path) in str(error.value)


def test_manifest_without_a_slash_is_taken_for_a_name(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(manifest.parent)

    with pytest.raises(SuiteError, match=r"^MANIFEST: no benchmark.*: \./MANIFEST\?"):
        find_suite("pyperformance:MANIFEST")


def test_cache_that_cannot_be_written_is_named(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(manifest))

    with pytest.raises(SuiteError, match=r"MANIFEST.*: Not a directory: .* XDG_CACHE"):
        find_suite(f"pyperformance:{manifest}")


def test_without_pyperformance_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyperformance._manifest", None)

    with pytest.raises(SuiteError, match=r"pip install 'pybench-native\[pyperf"):
        find_suite("pyperformance")


def test_entries_say_how_each_script_is_run(manifest: Path) -> None:
    """Variants have arguments; pins and odd habits get a process."""
    suite = find_suite(f"pyperformance:{manifest}")

    [folder] = map(Path, suite.paths)
    assert (folder / "pytest.ini").is_file()
    entries = {path.stem: read_entry(path) for path in folder.rglob("*.pyperf")}
    assert entries["alpha"] == ScriptEntry(
        script=str(manifest.parent / "bm_alpha/run_benchmark.py"), group="math"
    )
    assert entries["alpha_slow"] == replace(entries["alpha"], arguments=("--slow", "2"))
    assert entries["beta"].own_process
    assert entries["beta"].unavailable.startswith("needs beta==1.0")
    assert entries["sphinx"].exclusive
    assert entries["sphinx"].own_process
    assert "bm_gone/pyproject.toml" in entries["gone"].unavailable
    assert (folder / "math/alpha_slow.pyperf").is_file()


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, ...]]:
    """Replace the installation of packages: what is asked for."""
    asked: list[tuple[str, ...]] = []

    def install(
        interpreter: Interpreter,
        words: Sequence[str],
        *,
        on_install: Callable[[], None],
    ) -> Path:
        asked.append((*words,))
        on_install()
        if words[0].startswith("broken"):
            raise PrepareError("3.13: installing failed:\n    ERROR: No wheel of it")
        return tmp_path / words[0]

    monkeypatch.setattr(pyperformance, "packages_folder", install)
    return asked


def test_an_arm_gets_entries_of_its_own(
    manifest: Path,
    interpreter: Interpreter,
    installed: list[tuple[str, ...]],
    tmp_path: Path,
) -> None:
    suite = find_suite(f"pyperformance:{manifest}")
    said: list[str] = []

    variables = suite.environ(interpreter, said.append)

    root = Path(suite.paths[0])
    entries = {
        path.stem: read_entry(arm_entry(path, root, variables))
        for path in root.rglob("*.pyperf")
    }
    assert {*variables} == {ARM_ENTRIES}
    assert installed == [("beta==1.0",)]
    assert said == ["installing packages of beta"]
    assert entries["beta"].folders == (str(tmp_path / "beta==1.0"),)
    assert not entries["beta"].unavailable
    assert entries["newer"].unavailable == "needs Python >=3.14"
    assert entries["2to3"].folders == (str(manifest.parent / "bm_2to3/vendor/src"),)
    assert "bm_gone" in entries["gone"].unavailable
    old = suite.environ(replace(interpreter, version="3.12.1"), said.append)
    script = next(root.rglob("2to3.pyperf"))
    assert read_entry(arm_entry(script, root, old)).folders == ()


def test_versions_that_no_pin_holds_are_told_where_they_differ(
    manifest: Path,
    interpreter: Interpreter,
    installed: list[tuple[str, ...]],
    tmp_path: Path,
) -> None:
    suite = find_suite(f"pyperformance:{manifest}")
    folder = tmp_path / "beta==1.0"
    said: list[str] = []

    for version in ("", "1.2", "1.2", "1.3"):
        if version:
            (folder / f"needed-{version}.dist-info").mkdir(parents=True, exist_ok=True)
        suite.environ(interpreter, said.append)

    assert [line for line in said if "other" in line] == [
        "math/beta has other versions here: needed 1.3"
    ]


def test_packages_that_cannot_be_installed_leave_out_their_benchmarks(
    manifest: Path, interpreter: Interpreter, installed: list[tuple[str, ...]]
) -> None:
    """What has the same pins is not tried again; all others are there."""
    for name in ("beta", "sphinx"):
        (manifest.parent / f"bm_{name}/requirements.txt").write_text("broken==1\n")
    suite = find_suite(f"pyperformance:{manifest},-2to3,-newer")

    variables = suite.environ(interpreter, lambda line: None)

    root = Path(suite.paths[0]).parents[1]
    entries = {
        Path(path).stem: read_entry(arm_entry(Path(path), root, variables))
        for path in suite.paths
    }
    reason = "its packages cannot be installed: No wheel of it"
    assert entries["beta"].unavailable == entries["sphinx"].unavailable == reason
    assert not entries["alpha"].unavailable
    assert installed == [("broken==1",)]


def test_quick_is_a_group_of_twelve() -> None:
    assert len(Manifest().choose(["quick"])) == 12


def test_declared_habits_are_of_benchmarks_that_there_are() -> None:
    known = {*Manifest().applications}

    declared = {*pyperformance.EXCLUSIVE, *pyperformance.OWN_PROCESS}
    assert declared | {*pyperformance.MORE_PACKAGES, *pyperformance.BESIDE} <= known
    for name, (beside, _) in pyperformance.BESIDE.items():
        assert (Manifest().applications[name].script.parent / beside).is_dir()
