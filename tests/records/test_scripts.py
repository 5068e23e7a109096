"""Which files are scripts of pyperf, and the file of an entry."""

import json
from pathlib import Path

import pytest

from pybench.records.documents import DocumentError
from pybench.records.scripts import (
    ARM_ENTRIES,
    SUFFIX,
    ScriptEntry,
    arm_entry,
    is_script,
    read_entry,
    write_entry,
)


@pytest.mark.parametrize(
    "source",
    [
        "import pyperf\nrunner = pyperf.Runner()\n",
        "import pyperf as p\nif True:\n    r = p.Runner()\n",
        "from pyperf import Runner\nRunner()\n",
        "import pyperf\nclass Ours(pyperf.Runner): pass\n",
        "def main():\n    import pyperf\n    pyperf.Runner()\n",
    ],
)
def test_a_file_that_makes_a_runner_is_a_script(tmp_path: Path, source: str) -> None:
    path = tmp_path / "bm.py"
    path.write_text(source)

    assert is_script(path)


@pytest.mark.parametrize(
    "source",
    [
        "import pyperf\nsuite = pyperf.BenchmarkSuite.load('a.json')  # no Runner\n",
        "class Runner: pass  # pyperf\n",
        "from .pyperf import x\nx.Runner()\n",
        "import pyperf\npyperf.Runner(\n",
        "pyperf Runner \0",
        "",
    ],
)
def test_others_are_none(tmp_path: Path, source: str) -> None:
    """A script is run to be listed, so what only reads results must not be one."""
    path = tmp_path / "other.py"
    path.write_text(source)

    assert not is_script(path)
    assert not is_script(tmp_path / "missing.py")


def test_an_entry_is_read_as_it_was_written(tmp_path: Path) -> None:
    entry = ScriptEntry(
        script="/there/run_benchmark.py",
        arguments=("--kind", "é"),
        group="apps",
        folders=("/more",),
        exclusive=True,
        own_process=True,
        anew=("pickle",),
        unavailable="needs a port",
    )
    path = write_entry(tmp_path, "nbody", entry)

    assert path == tmp_path / f"nbody{SUFFIX}"
    assert read_entry(path) == entry


def test_an_arm_s_own_entry_is_read_in_place_of_the_suite_s(tmp_path: Path) -> None:
    root, own = tmp_path / "entries", tmp_path / "arm"
    for folder in (root / "math", own / "math"):
        folder.mkdir(parents=True)
    path = write_entry(root / "math", "nbody", ScriptEntry(script="a.py"))
    stand_in = write_entry(own / "math", "nbody", ScriptEntry(script="b.py"))
    other = write_entry(root, "other", ScriptEntry(script="a.py"))
    environ = {ARM_ENTRIES: str(own)}

    assert arm_entry(path, root, environ) == stand_in
    assert arm_entry(other, root, environ) == other
    assert arm_entry(path, own, environ) == path
    assert arm_entry(path, root, {}) == path


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "Expecting property name"),
        ([], "expected an object"),
        ({"pybench": "run"}, "not a document of the kind 'pyperf script'"),
        ({"schema": 9}, "schema 9"),
        ({"script": None}, "'script' is missing, not str"),
        ({"arguments": [1]}, "'arguments' must be a list of texts"),
        ({"exclusive": "yes"}, "'exclusive' is str, not bool"),
    ],
)
def test_what_is_no_entry_is_named(
    tmp_path: Path, document: object, reason: str
) -> None:
    path = write_entry(tmp_path, "a", ScriptEntry(script="a.py"))
    if isinstance(document, dict):
        document = {**json.loads(path.read_text()), **document}
    path.write_text(document if isinstance(document, str) else json.dumps(document))

    with pytest.raises(DocumentError, match=reason) as error:
        read_entry(path)

    assert str(path) in str(error.value) or path.name in str(error.value)
