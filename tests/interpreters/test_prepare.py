"""What an environment is made from, and that an interpreter's own packages come first.

No package is downloaded: pip is a stand-in that notes what it is asked for.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from pybench.interpreters import prepare
from pybench.interpreters.making import Making
from pybench.interpreters.prepare import PrepareError
from pybench.interpreters.probe import probe
from pybench.interpreters.wheels import Wheel

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a virtual environment without any package."""
    folder = tmp_path_factory.mktemp("own") / "env"
    line = [sys.executable, "-I", "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(line, check=True)
    return folder / "bin" / "python"


def add(python: Path, name: str, version: str) -> Path:
    """Put the metadata of a distribution into an environment."""
    (site,) = python.parent.parent.glob("lib/python*/site-packages")
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    return folder


@pytest.fixture
def asked_pip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> list[tuple[list[str], dict[str, str]]]:
    """Replace the tools: what pip is asked for, and a report that it would write."""
    lines: list[tuple[list[str], dict[str, str]]] = []

    def entry(name: str, version: str, *, requested: bool = True) -> dict[str, Any]:
        return {
            "metadata": {"name": name, "version": version},
            "download_info": {"url": "https://files.invalid/x.whl"},
            "is_direct": False,
            "requested": requested,
        }

    def run(self: Any, command: Sequence[str], step: str, **variables: str) -> None:
        line = [*command]
        lines.append((line, variables))
        if "--report" in line:
            wanted = line[line.index("--report") + 2 :]
            lacking = [
                entry(Requirement(word).name, "7.7")
                for word in wanted
                if not word.startswith(("-", ":", "/")) and "pluggy" not in word
            ]
            report = Path(line[line.index("--report") + 1])
            report.write_text(json.dumps({"install": lacking}))

    monkeypatch.setattr(Making, "run", run)
    wheel = tmp_path / "pybench_native-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pybench/target/programs/start_pytest.py", "")
    monkeypatch.setattr(prepare, "find_wheel", lambda *_: Wheel(path=wheel))
    monkeypatch.setattr(prepare, "builder", lambda *_: Path("builder/python"))
    return lines


def test_interpreter_with_packages_is_run_itself(
    venv: Path, tmp_path: Path, asked_pip: list[tuple[list[str], dict[str, str]]]
) -> None:
    """What it has constrains pip; nothing is installed anywhere but beside it."""
    added = [add(venv, "Some.Package", "1.5"), add(venv, "pluggy", "1.3.0")]
    before = sorted(venv.parent.parent.rglob("*"))
    made = prepare.prepare(
        probe(venv), packages=["extra==2"], as_it_is=True, cache=tmp_path
    )

    assert made.python == venv
    folder = Path(made.start[-1])
    assert made.start[:2] == (
        "-P",
        f"{folder}/ours/pybench/target/programs/start_pytest.py",
    )
    constraints = (folder / "constraints.txt").read_text().splitlines()
    assert {"some-package==1.5", "pluggy==1.3.0", "extra==7.7"} <= {*constraints}
    for line, _ in asked_pip:
        assert line[line.index("--python") + 1] == str(venv)
        if "--dry-run" not in line:
            assert Path(line[line.index("--target") + 1]).parent == folder
    assert made.asked == ("extra",)
    assert made.beside == {"pytest": "7.7", "pytest-benchmark": "7.7", "psutil": "7.7"}
    assert sorted(venv.parent.parent.rglob("*")) == before
    again = prepare.prepare(
        probe(venv), packages=["extra==2"], as_it_is=True, cache=tmp_path
    )
    assert not again.made
    assert again.beside == made.beside
    with_gil = prepare.prepare(
        replace(probe(venv), switches=("-X", "gil=1")),
        packages=["extra==2"],
        as_it_is=True,
        cache=tmp_path,
    )
    assert with_gil == replace(again, start=("-X", "gil=1", *made.start))
    assert with_gil.folder == made.folder
    # Another version in it is another environment.
    (added[0] / "METADATA").write_text("Name: some_package\nVersion: 1.6\n")
    upgraded = prepare.prepare(
        probe(venv), packages=["extra==2"], as_it_is=True, cache=tmp_path
    )
    assert upgraded.made


def test_another_build_of_a_version_that_is_there_is_installed(
    venv: Path, tmp_path: Path, asked_pip: list[tuple[list[str], dict[str, str]]]
) -> None:
    """One whose version is there is left out by pip, and may be of other sources."""
    wheel = tmp_path / "some_package-1.5-py3-none-any.whl"
    wheel.touch()
    made = prepare.prepare(
        probe(venv), packages=[str(wheel)], as_it_is=True, cache=tmp_path / "cache"
    )

    lines = [line for line, _ in asked_pip if str(made.folder / "with") in line]
    assert [line[-1] for line in lines] == [str(wheel)]
    assert made.asked == ("some-package",)


@pytest.mark.parametrize(
    ("name", "version"),
    [("pytest", "6.2.5"), ("pytest-benchmark", "3.4.1"), ("pluggy", "0.13.1")],
)
def test_packages_out_of_the_range_are_refused_by_name(
    tmp_path: Path, venv: Path, monkeypatch: pytest.MonkeyPatch, name: str, version: str
) -> None:
    has = {"pytest": "8.0.0", "pytest-benchmark": "4.0.0", name: version}
    monkeypatch.setattr(prepare, "_packages_of", lambda *_: has)
    with pytest.raises(PrepareError) as refused:
        prepare.prepare(probe(venv), as_it_is=True, cache=tmp_path)

    said = str(refused.value)
    for r in prepare.SUPPORTED_PACKAGES:
        assert f"{r.name} {has.get(r.name)}" in said or f"no {r.name}" in said
        assert f"'{r}'" in said
    assert not [*tmp_path.iterdir()]


def test_range_holds_its_least_and_its_newest() -> None:
    known = {r.name: r for r in prepare.SUPPORTED_PACKAGES}

    def held(name: str, *versions: str) -> list[bool]:
        return [prepare.holds(known[name], version) for version in versions]

    assert held("pytest", "7.3.2", "7.4.0", "9.2.0", "10.0") == [
        False, True, True, False,
    ]  # fmt: skip
    assert held("pytest-benchmark", "3.4.1", "4.0.0", "5.3.1", "6.0.0") == [
        False, True, True, False,
    ]  # fmt: skip
    assert held("pluggy", "1.10.dev3+g12", "1.2rc1", "unknown") == [True, True, False]


def test_failed_making_leaves_no_folder(
    venv: Path,
    tmp_path: Path,
    asked_pip: list[tuple[list[str], dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Interrupted as well: half of an environment is of no use to anybody."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "_fill", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare.prepare(probe(venv), cache=tmp_path)

    environments = tmp_path / "environments"
    assert [path for path in environments.iterdir() if path.is_dir()] == []
