"""`--benchmark-compare` finds a save by its name and refuses what is no baseline."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pybench.records.documents import DocumentError
from pybench.records.identity import identity_document
from pybench.target.plugin.baselines import (
    check_baseline,
    find_baseline,
    list_saves,
    newest_save,
    storage_folder,
    unlikeness,
)
from pybench.target.process.identity import read_identity

Run = Callable[..., pytest.RunResult]

IDENTITY = read_identity()
SUITE = """
import pytest

@pytest.mark.pybench(data_limit=10)
def test_row(benchmark):
    benchmark(sum, (1, 2))
"""


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """Make a storage with some saves of this identity and one of another."""
    folder = tmp_path / IDENTITY.folder
    folder.mkdir()
    for name in ("0001_baseline", "0002_baseline_two", "0003_baseline", "0004_2024"):
        (folder / f"{name}.json").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "0007_theirs.json").touch()
    return tmp_path


def saved(pytester: pytest.Pytester, name: str) -> Path:
    """Return the one save with this name."""
    (path,) = pytester.path.glob(f".benchmarks/*/{name}.json")
    return path


def change(path: Path, **changes: Any) -> None:
    """Replace fields of the identity in a saved file."""
    document = json.loads(path.read_text())
    document["machine_info"]["pybench"] |= changes
    path.write_text(json.dumps(document))


@pytest.mark.once
@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("file://store", Path("store")),
        ("store", Path("store")),
        ("file:///tmp", Path("/tmp")),
        ("elasticsearch+http://host", None),
    ],
)
def test_finds_the_folder_of_a_storage(option: str, expected: Path | None) -> None:
    assert storage_folder(option) == (expected and expected.resolve())


@pytest.mark.once
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("baseline", ["0003_baseline"]),
        ("baseline_two", ["0002_baseline_two"]),
        ("0001", ["0001_baseline"]),
        ("2024", ["0004_2024"]),
        ("0002_base", ["0002_baseline_two"]),
        ("000", ["0001_baseline", "0002_baseline_two", "0003_baseline", "0004_2024"]),
        ("other/0007", ["0007_theirs"]),
    ],
)
def test_finds_by_name_number_and_glob(
    storage: Path, wanted: str, found: list[str]
) -> None:
    paths = find_baseline(wanted, storage, IDENTITY)

    assert [path.stem for path in paths] == found


@pytest.mark.once
def test_finds_by_path(storage: Path) -> None:
    path = storage / "other" / "0007_theirs.json"

    assert find_baseline(str(path), storage, IDENTITY) == [path]


@pytest.mark.once
@pytest.mark.parametrize("wanted", ["base", "one", "9999", "/no/such", "a/b/c", "**x"])
def test_names_what_there_is_when_nothing_matches(storage: Path, wanted: str) -> None:
    with pytest.raises(DocumentError) as caught:
        find_baseline(wanted, storage, IDENTITY)

    message = str(caught.value)
    assert f"--benchmark-compare={wanted}:" in message
    assert IDENTITY.folder in message
    assert "baseline (0001, 0003), baseline_two (0002), 2024 (0004)" in message


@pytest.mark.once
def test_names_the_saves_of_other_interpreters(storage: Path) -> None:
    with pytest.raises(DocumentError, match=r"other/0007_theirs\.json: give the path"):
        find_baseline("theirs", storage, IDENTITY)


@pytest.mark.once
def test_says_when_there_is_no_save_at_all(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="there is none for this interpreter yet"):
        find_baseline("baseline", tmp_path, IDENTITY)


@pytest.mark.once
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("0005", ["stock/0005_commit"]),
        ("commit", ["stock/0005_commit"]),
        ("0005_c", ["stock/0005_commit"]),
        # The identity's own come first.
        ("0001", [f"{IDENTITY.folder}/0001_baseline"]),
        ("baseline", [f"{IDENTITY.folder}/0003_baseline"]),
    ],
)
def test_finds_saves_that_were_made_without_pybench(
    storage: Path, wanted: str, found: list[str]
) -> None:
    (storage / "stock").mkdir()
    for name in ("0001_stock", "0005_commit", "0009_baseline"):
        (storage / "stock" / f"{name}.json").touch()

    paths = find_baseline(wanted, storage, IDENTITY, "stock")

    assert [f"{path.parent.name}/{path.stem}" for path in paths] == found


@pytest.mark.once
@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("0007", r"other interpreters saved other/0007_theirs\.json: give the path"),
        ("0008", "there are saves of others in other: give the path of one"),
    ],
)
def test_says_where_saves_are_if_there_are_none_of_ours(
    tmp_path: Path, wanted: str, said: str
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "0007_theirs.json").touch()

    with pytest.raises(DocumentError, match=said):
        find_baseline(wanted, tmp_path, IDENTITY)


@pytest.mark.once
def test_stock_save_is_compared_by_its_number_and_as_the_newest(
    pytester: pytest.Pytester, run: Run
) -> None:
    """As somebody does who installs pybench after the first save."""
    pytester.makepyfile(SUITE.replace("@pytest.mark.pybench(data_limit=10)", ""))
    run("-p", "no:pybench", "--benchmark-save=before")

    for option in ("--benchmark-compare=0001", "--benchmark-compare"):
        result = run(option)

        assert result.ret == 0
        result.stdout.fnmatch_lines(
            [
                "test_row (*0001_before)*",
                "no verdict is possible: *written without pybench*",
            ]
        )


@pytest.mark.once
def test_newest_save_has_the_highest_number(storage: Path) -> None:
    newest = newest_save(storage / IDENTITY.folder)

    assert newest is not None
    assert newest.stem == "0004_2024"
    assert newest_save(storage / "nowhere") is None
    assert list_saves(storage / "nowhere") == {}


ROW = {"fullname": "t.py::a", "stats": {}}


@pytest.mark.once
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ('{"benchmarks": [', "truncated or not JSON"),
        ("not json", "truncated or not JSON"),
        ("[1]", "not a file of pytest-benchmark"),
        ('{"benchmarks": []}', "not a file of pytest-benchmark"),
        ('{"machine_info": {}, "benchmarks": [3]}', "row 1 is not a benchmark"),
        (
            '{"machine_info": {}, "benchmarks": [{"stats": {}}]}',
            "row 1 has no 'fullname'",
        ),
        (
            json.dumps({"machine_info": {}, "benchmarks": [ROW]}),
            "row 1: no number for 'min'",
        ),
    ],
)
def test_says_what_is_wrong_with_a_file(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "0001_odd.json"
    path.write_text(text)

    with pytest.raises(DocumentError, match=rf"0001_odd\.json.*{message}"):
        check_baseline(path)


@pytest.mark.once
def test_binary_is_not_a_baseline(tmp_path: Path) -> None:
    path = tmp_path / "0001_odd.json"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(DocumentError, match="cannot be read"):
        check_baseline(path)


@pytest.mark.once
def test_equal_machines_are_alike() -> None:
    info = {"node": "a", "pybench": identity_document(IDENTITY)}

    assert unlikeness(IDENTITY, info, info | {"cpu": {"hz_actual": 1}}) == ([], "")


@pytest.mark.once
def test_says_field_by_field_what_is_unlike() -> None:
    ours = {"node": "a", "pybench": identity_document(IDENTITY)}
    other = replace(IDENTITY, cpu_model="slow")
    theirs = {"node": "b", "pybench": identity_document(other)}

    said, _ = unlikeness(IDENTITY, ours, theirs)

    assert said == [
        f"cpu_model: {IDENTITY.cpu_model!r} here, 'slow' there",
        "node: 'a' here, 'b' there",
    ]


@pytest.mark.once
@pytest.mark.parametrize("theirs", [{}, {"pybench": {"schema": 99}}, {"pybench": 3}])
def test_says_that_a_stock_file_tells_nothing(theirs: dict[str, Any]) -> None:
    ((said,), _) = unlikeness(IDENTITY, {}, theirs)

    assert "its build, GIL state and CPUs are unknown" in said


def test_save_baseline_compare_baseline(pytester: pytest.Pytester, run: Run) -> None:
    """The two options as everybody types them."""
    pytester.makepyfile(SUITE)
    run("--benchmark-save=baseline")

    result = run("--benchmark-compare=baseline")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["row (0001)*", "row (NOW)*"])
    assert "not like this run" not in result.stdout.str()
    assert "is different" not in result.stdout.str() + result.stderr.str()


@pytest.mark.once
def test_the_newest_save_of_a_name_is_compared(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)
    for name in ("baseline", "other", "baseline", "baseline2"):
        run(f"--benchmark-save={name}")

    by_name = run("--benchmark-compare=baseline")
    by_number = run("--benchmark-compare=0002")
    newest = run("--benchmark-compare")

    by_name.stdout.fnmatch_lines(["row (0003)*"])
    by_number.stdout.fnmatch_lines(["row (0002)*"])
    newest.stdout.fnmatch_lines(["row (0004)*"])


@pytest.mark.once
def test_compare_fail_still_works(pytester: pytest.Pytester, run_process: Run) -> None:
    pytester.makepyfile(SUITE)
    run_process("--benchmark-save=baseline")
    path = saved(pytester, "0001_baseline")
    document = json.loads(path.read_text())
    document["benchmarks"][0]["stats"]["median"] = 1e-12
    path.write_text(json.dumps(document))

    result = run_process(
        "--benchmark-compare=baseline", "--benchmark-compare-fail=median:5%"
    )

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["pybench: 1 rows measured*"])


@pytest.mark.once
def test_name_without_a_save_is_an_error(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(SUITE)
    run("--benchmark-save=baseline")

    result = run("--benchmark-compare=base")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: --benchmark-compare=base: *{IDENTITY.folder}*baseline (0001)"]
    )


@pytest.mark.once
@pytest.mark.parametrize(("by", "keep"), [("path", 0), ("name", 300), ("newest", 300)])
def test_truncated_baseline_is_refused_before_the_first_row(
    pytester: pytest.Pytester, run: Run, by: str, keep: int
) -> None:
    pytester.makepyfile(SUITE)
    run("--benchmark-save=baseline")
    path = saved(pytester, "0001_baseline")
    path.write_text(path.read_text()[:keep])
    wanted = {"path": f"={path}", "name": "=baseline", "newest": ""}[by]

    result = run(f"--benchmark-compare{wanted}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: baseline *0001_baseline.json is *"])
    assert "Traceback" not in result.stderr.str()


@pytest.mark.once
def test_foreign_file_is_refused(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(SUITE)
    (pytester.path / "package.json").write_text('{"name": "something"}')

    result = run("--benchmark-compare=package.json")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *package.json is not a file of pytest-be*"])


@pytest.mark.once
def test_unlike_baseline_is_said_and_compared(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)
    run("--benchmark-save=baseline")
    path = saved(pytester, "0001_baseline")
    change(path, gil_enabled=not IDENTITY.gil_enabled, affinity=99)

    result = run(f"--benchmark-compare={path}")

    assert result.ret == 0
    said = "*the baseline is not like this run: gil_enabled: *; affinity: *99 there*"
    result.stdout.fnmatch_lines([f"pybench: {said}", "row (0001)*", f"  note: {said}"])
    assert "Benchmark machine_info is different" not in (
        result.stdout.str() + result.stderr.str()
    )


@pytest.mark.once
def test_stock_baseline_is_said_to_be_unknown(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE.replace("@pytest.mark.pybench(data_limit=10)", ""))
    run("-p", "no:pybench", "--benchmark-json=stock.json")

    result = run("--benchmark-compare=stock.json")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*written without pybench*GIL state*unknown"])


@pytest.mark.once
def test_storage_outside_the_working_directory_can_be_compared(
    pytester: pytest.Pytester, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Stock ends in a traceback here when the machines differ."""
    pytester.makepyfile(SUITE)
    storage = f"--benchmark-storage={tmp_path_factory.mktemp('store')}"
    run(storage, "--benchmark-save=baseline")
    pytester.makeconftest(
        "def pytest_benchmark_generate_machine_info():\n"
        '    return {"node": "there", "release": "1", "python_compiler": "cc"}\n'
    )

    result = run(storage, "--benchmark-compare=baseline")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*note: *node: 'there' here, 'here' there*"])


@pytest.mark.once
def test_hooks_of_others_still_see_the_difference(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)
    run("--benchmark-save=baseline")
    change(saved(pytester, "0001_baseline"), affinity=99)
    with (pytester.path / "conftest.py").open("a") as file:
        file.write(
            "\ndef pytest_benchmark_compare_machine_info("
            "benchmarksession, machine_info, compared_benchmark):\n"
            "    if compared_benchmark['machine_info'] != machine_info:\n"
            "        print('SEEN')\n"
        )

    result = run("--benchmark-compare=baseline")

    assert "SEEN" in result.stdout.str()
