"""What the sides have imported: recorded, and said where it differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison.sessions import RefusedError
from pybench.comparison.summary import summarise
from pybench.interpreters.package_differences import (
    extension_differences,
    package_differences,
)
from pybench.records.identity import ExtensionBuild
from pybench.records.run import Run, RunHeader, SideRecord
from pybench.records.run_file import read_run
from pybench.target.process.identity import read_identity

pytestmark = pytest.mark.once


def run_of(*sides: tuple[dict[str, str], tuple[str, ...]]) -> Run:
    """Return a run of sides called a, b, ... with those packages, asked for those."""
    header = RunHeader(
        version="0", started="", command=(), seed=1, margin=0.03, pairs=1, suite="."
    )
    run = Run(header=header)
    for name, (packages, asked) in zip("abc", sides, strict=False):
        run.add(
            SideRecord(
                name=name,
                python="python",
                identity=read_identity(),
                packages=packages,
                asked=asked,
            )
        )
    return run


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ({"x": "1"}, {"x": "2"}, "x 1 in a, 2 in b"),
        ({"x": "1", "y": "1"}, {"x": "1"}, "y 1 in a alone"),
        ({"x": "1"}, {"x": "1", "y": "1"}, "y 1 in b alone"),
    ],
)
def test_a_difference_is_named(a: dict[str, str], b: dict[str, str], said: str) -> None:
    (line,) = package_differences(run_of((a, ()), (b, ())))

    assert line == f"packages differ, which was not asked for: {said}"


def test_what_was_asked_for_or_is_not_known_is_not_said() -> None:
    assert package_differences(run_of(({"x": "1"}, ()), ({"x": "2"}, ("x",)))) == ()
    assert package_differences(run_of(({"x": "1"}, ("x",)), ({"x": "2"}, ()))) == ()
    assert package_differences(run_of(({}, ()), ({"x": "2"}, ()))) == ()
    assert package_differences(run_of(({"x": "1"}, ()), ({"x": "1"}, ()))) == ()


def test_many_differences_stay_one_line() -> None:
    packages = {f"p{number:02}": "1" for number in range(12)}
    (line,) = package_differences(
        run_of((packages, ()), (dict.fromkeys(packages, "2"), ()))
    )

    assert line.endswith("p07 1 in a, 2 in b; 4 more")


ROW = """
def work():
    import made_up
    return made_up

def test_first(benchmark):
    benchmark(work)
"""


def install(folder: Path, version: str) -> dict[str, str]:
    """Install a package by hand; return the variables by which a side finds it."""
    info = folder / f"made_up-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: made-up\nVersion: {version}\n")
    (info / "RECORD").write_text("made_up.py,,\n")
    (folder / "made_up.py").write_text("")
    return {"PYTHONPATH": str(folder)}


def test_what_a_row_imports_is_recorded_and_its_difference_is_a_note(
    compare: Callable[..., Any], suite: Path, tmp_path: Path
) -> None:
    """The row imports it in its first call, after the session has said who it is."""
    (suite / "test_rows.py").write_text(ROW)
    a, b = install(tmp_path / "one", "1.0"), install(tmp_path / "two", "2.0")
    _, judgement = compare(a=a, b=b, control=True)

    run = read_run(tmp_path / "out")
    versions = {name: side.packages["made-up"] for name, side in run.sides.items()}
    assert versions == {"a": "1.0", "b": "2.0", "a (copy)": "1.0"}
    assert {"pytest", "pytest-benchmark"} <= run.sides["a"].packages.keys()
    note = "packages differ, which was not asked for: made-up 1.0 in a, 2.0 in b"
    assert note in summarise(run, judgement).notes
    # Resumed with another version, it would be two comparisons in one.
    path = tmp_path / "out" / "run.jsonl"
    kept = [
        line for line in path.read_text().splitlines() if '"record":"pair"' not in line
    ]
    path.write_text("".join(f"{line}\n" for line in kept))
    with pytest.raises(RefusedError, match=r"a.* imports made-up 2\.0 now"):
        compare(a=b, b=b)


def test_records_without_packages_are_read(tmp_path: Path) -> None:
    """Those of before."""
    from pybench.records.run_file import RecordWriter

    run = run_of(({}, ()), ({}, ()))
    with RecordWriter(tmp_path, run.header) as writer:
        for side in run.sides.values():
            writer.append(side)
    path = tmp_path / "run.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[1:]:
        del line["packages"], line["asked"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    assert [side.packages for side in read_run(tmp_path).sides.values()] == [{}, {}]


def test_kernels_of_another_compiler_are_named() -> None:
    """Of a side without any there is nothing to say: its rows are n/a."""
    gcc = ExtensionBuild(
        compiler="gcc 12", flags="-O3", flavour="release",
        free_threaded=False, mutant=False,
    )  # fmt: skip
    builds = {"a": gcc, "b": replace(gcc, compiler="clang 19"), "c": None}
    run = run_of(({}, ()), ({}, ()), ({}, ()))
    for name, build in builds.items():
        side = run.sides[name]
        identity = replace(side.identity, extension=build)
        run.sides[name] = replace(side, identity=identity)
    (line,) = extension_differences(run)

    assert line.endswith("gcc 12 -O3 in a; clang 19 -O3 in b")
    assert line.startswith("native kernels were compiled differently")
    same = run_of(({}, ()), ({}, ()))
    assert not extension_differences(same)
