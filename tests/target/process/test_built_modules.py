"""Which modules of an arm come from elsewhere than where they were put for it."""

import json
from pathlib import Path
from types import ModuleType

from pybench.records.messages import BUILT
from pybench.target.process.built_modules import BuiltModules


def module(name: str, file: Path | None, *folders: Path) -> ModuleType:
    """Return a module as an import leaves it."""
    made = ModuleType(name)
    if file is not None:
        made.__file__ = str(file)
    if folders:
        made.__path__ = [*map(str, folders)]
    return made


def test_modules_from_elsewhere_are_named(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "ours-not"
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "linked.py").touch()
    ours.mkdir()
    (ours / "linked.py").symlink_to(tmp_path / "kept" / "linked.py")
    names = ["right", "wrong", "linked", "space", "lost", "shared", "not_imported"]
    built = BuiltModules({BUILT: json.dumps({"modules": names, "folder": str(ours)})})

    strays = built.strays(
        {
            "right": module("right", ours / "lib" / "right.py"),
            "wrong": module("wrong", theirs / "wrong.py"),
            "linked": module("linked", ours / "linked.py"),
            "space": module("space", None, ours / "space"),
            "lost": module("lost", None, theirs / "lost"),
            "shared": module("shared", None, theirs / "shared", ours / "shared"),
            "another": module("another", theirs / "another.py"),
        }
    )

    assert strays == {"wrong": str(theirs / "wrong.py"), "lost": str(theirs / "lost")}


def test_an_arm_without_anything_built_has_none() -> None:
    assert BuiltModules({}).strays() == {}
