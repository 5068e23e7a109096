"""Which distributions are imported, asked of made-up ones in a folder of their own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybench.target.process.imported_packages import ImportedPackages

pytestmark = pytest.mark.once


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty folder at the front of sys.path."""
    before = {*sys.modules}
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in {*sys.modules} - before:
        del sys.modules[name]


def distribution(site: Path, name: str, version: str, *modules: str) -> None:
    """Install one by hand."""
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    for module in modules:
        (site / module).parent.mkdir(parents=True, exist_ok=True)
        (site / module).write_text("")
    (folder / "RECORD").write_text("".join(f"{module},,\n" for module in modules))
    importlib.invalidate_caches()


def test_each_is_told_once_when_it_is_imported(site: Path) -> None:
    distribution(site, "Made.Up_one", "1.2", "made_up_one/__init__.py")
    distribution(site, "made-up-two", "3", "made_up_two.py")
    packages = ImportedPackages()
    packages.new()

    assert packages.new() == {}
    importlib.import_module("made_up_one")
    assert packages.new() == {"made-up-one": "1.2"}
    importlib.import_module("made_up_two")
    assert packages.new() == {"made-up-two": "3"}


def test_what_was_imported_before_is_told_first() -> None:
    assert {"pytest", "pluggy"} <= ImportedPackages().new().keys()


def test_of_a_shared_namespace_only_what_is_imported(site: Path) -> None:
    distribution(site, "space-a", "1", "made_up_space/a/__init__.py")
    distribution(site, "space-b", "2", "made_up_space/b.py")
    packages = ImportedPackages()
    importlib.import_module("made_up_space.b")

    found = packages.new()
    assert found["space-b"] == "2"
    assert "space-a" not in found


def test_the_earlier_entry_of_the_path_hides_the_later(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does for the import itself."""
    later, earlier = site / "later", site / "earlier"
    for folder, version in ((later, "1"), (earlier, "2")):
        folder.mkdir()
        distribution(folder, "made-up", version, "made_up/__init__.py")
        monkeypatch.syspath_prepend(folder)
    packages = ImportedPackages()
    importlib.import_module("made_up")

    assert packages.new()["made-up"] == "2"


def test_broken_metadata_of_one_hides_no_other(site: Path) -> None:
    (site / "empty-1.dist-info").mkdir()
    (site / "nameless-1.dist-info").mkdir()
    (site / "nameless-1.dist-info" / "METADATA").write_text("Version: 1\n")
    distribution(site, "made-up", "1", "made_up.py")
    packages = ImportedPackages()
    importlib.import_module("made_up")

    assert packages.new()["made-up"] == "1"
