"""The count of iterations is found once per machine and survives bad files."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pybench.records.iterations import parse_counts
from pybench.target.process.iterations import (
    WINDOW_NS,
    IterationStore,
    machine_folder,
    row_key,
    size,
    two_digits,
)

Run = Callable[..., pytest.RunResult]

SUITE = """
def test_pair(kernel):
    kernel("refcount_pair", target="owned")
"""


@pytest.fixture
def said() -> list[str]:
    """Collect what a store has to say."""
    return []


def stored(folder: Path) -> Path:
    """Return the one file of iterations under a folder."""
    (path,) = folder.glob(".benchmarks/machines/*/iterations.json")
    return path


@pytest.mark.once
@pytest.mark.parametrize(
    ("count", "expected"),
    [(0.2, 1), (1, 1), (9.6, 10), (99, 99), (104, 100), (1_749, 1_700)],
)
def test_rounds_to_two_digits(count: float, expected: int) -> None:
    assert two_digits(count) == expected


@pytest.mark.parametrize("ns", [0.04, 0.3, 2.0, 55.0, 3_000.0, 70_000.0, 5e6])
def test_sizes_a_window_of_a_millisecond(ns: float) -> None:
    iterations = size(lambda count, rounds: count * ns)

    assert iterations == two_digits(WINDOW_NS / ns)


@pytest.mark.once
def test_sizing_ends_for_a_kernel_that_takes_no_time() -> None:
    assert size(lambda count, rounds: 0.0) == 1_000_000_000


@pytest.mark.once
def test_key_does_not_depend_on_the_order_of_arguments() -> None:
    one = row_key("pair", {"target": "owned", "threads": 2})
    other = row_key("pair", {"threads": 2, "target": "owned"})

    assert one == other == "pair(target='owned', threads=2)"


@pytest.mark.once
def test_machine_is_a_safe_folder_name() -> None:
    name = machine_folder("Intel(R) Xeon(R) CPU @ 2.20GHz", "x86_64")

    assert name == "x86-64-Intel-R-Xeon-R-CPU-2.20GHz"


@pytest.mark.once
def test_a_stored_count_is_found_again(tmp_path: Path, said: list[str]) -> None:
    path = tmp_path / "machine" / "iterations.json"

    IterationStore(path, said.append).put("row", 1200)

    assert IterationStore(path, said.append).get("row") == 1200
    assert IterationStore(path, said.append).get("other") is None
    assert said == []


@pytest.mark.once
def test_the_first_to_store_decides(tmp_path: Path, said: list[str]) -> None:
    """Two interpreters that size one row at the same time must agree."""
    path = tmp_path / "iterations.json"
    one, other = (IterationStore(path, said.append) for _ in range(2))
    assert (one.get("row"), other.get("row")) == (None, None)

    assert one.put("row", 1200) == 1200
    assert other.put("row", 1300) == 1200
    assert other.put("second", 7) == 7

    assert IterationStore(path, said.append).get("row") == 1200


@pytest.mark.once
@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"counts": {"row": 5}}',
        json.dumps(
            {
                "pybench": "iterations",
                "schema": 1,
                "window_ns": WINDOW_NS,
                "counts": {"row": -1},
            }
        ),
    ],
)
def test_a_bad_file_is_named_and_rewritten(
    tmp_path: Path, said: list[str], text: str
) -> None:
    path = tmp_path / "iterations.json"
    path.write_text(text)
    store = IterationStore(path, said.append)

    assert store.get("row") is None
    assert store.put("row", 50) == 50

    assert len(said) == 1
    assert str(path) in said[0]
    assert parse_counts(path.read_text(), WINDOW_NS) == {"row": 50}


@pytest.mark.once
def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, said: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    store = IterationStore(tmp_path / "file" / "iterations.json", said.append)

    assert store.get("row") is None
    assert store.put("row", 50) == 50
    assert store.get("row") == 50

    assert "this session keeps its own" in said[-1]


@pytest.mark.once
def test_no_folder_keeps_counts_in_memory(said: list[str]) -> None:
    store = IterationStore(None, said.append)

    store.put("row", 50)

    assert store.get("row") == 50


@pytest.mark.usefixtures("native")
def test_every_interpreter_uses_the_stored_count(
    pytester: pytest.Pytester, run: Run
) -> None:
    """The file has no word about the interpreter, so any of them obeys it."""
    pytester.makepyfile(SUITE)
    run()
    path = stored(pytester.path)
    document = json.loads(path.read_text())
    document["counts"] = dict.fromkeys(document["counts"], 4321)
    path.write_text(json.dumps(document))

    run("--benchmark-json=out.json")

    (row,) = json.loads((pytester.path / "out.json").read_text())["benchmarks"]
    assert row["extra_info"]["pybench"]["iterations"] == 4321
    assert sys.implementation.cache_tag not in path.read_text()


@pytest.mark.once
@pytest.mark.usefixtures("native")
def test_a_truncated_file_is_said_in_the_summary(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)
    run()
    path = stored(pytester.path)
    path.write_text(path.read_text()[:20])

    result = run()

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*note:*iterations.json is truncated*rewritten"])
    assert parse_counts(path.read_text(), WINDOW_NS) is not None


def test_native_is_the_module_with_kernels(native: ModuleType) -> None:
    assert "refcount_pair" in native.KERNELS
