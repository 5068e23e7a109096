"""The house keeps its order: one word per area, imports one way, names that last."""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "pybench"
NATIVE = ROOT / "src" / "_pybench"
BENCHMARKS = ROOT / "benchmarks"

AREAS = sorted(
    re.findall(r"^int pb_(\w+)_add\(", (NATIVE / "areas.h").read_text(), re.MULTILINE)
)
# What each part of the package may import of the others, besides itself.  The two
# planes, plugin and everything from verdicts on, share the modules of `SHARED`.
SHARED = {"results", "sequential", "outputs", "streams", "texts"}
MAY_IMPORT = {
    "results": set[str](),
    "sequential": set[str](),
    "outputs": set[str](),
    "streams": set[str](),
    "texts": set[str](),
    "inside": {*SHARED, "_pybench"},
    "plugin": {*SHARED, "inside", "_pybench"},
    "verdicts": SHARED,
    "runner": {*SHARED, "verdicts"},
    # The extension: in files that the interpreter under test runs as its program.
    "profiles": {*SHARED, "verdicts", "runner", "_pybench"},
    "report": {*SHARED, "verdicts", "runner", "profiles"},
    # A session of its own, in the process that it measures: of both planes.
    "notebook": {*SHARED, "inside", "verdicts", "runner", "report", "_pybench"},
    "selfcheck": {*SHARED, "verdicts", "runner"},
    "cli": {*SHARED, "verdicts", "runner", "profiles", "report", "selfcheck"},
    "__main__": {"cli"},
}
MEANINGLESS = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "misc",
    "base",
    "manager",
}
LONGEST_NAME = 52  # what leaves the default table within 110 columns


def tree_files() -> list[Path]:
    """List the files under version control; without git, those of the source."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode == 0:
        names = listing.stdout.rstrip("\0").split("\0")
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    tops = [
        ROOT / name for name in ("src", "tests", "benchmarks", "scripts", ".github")
    ]
    return [path for top in tops for path in top.rglob("*") if path.is_file()]


FILES = tree_files()
BENCHMARK_FILES = sorted(BENCHMARKS.glob("*/test_*.py"))


def part_of(path: Path) -> str:
    """Name the part of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT / "src").parent.parts
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imported_parts(path: Path) -> set[str]:
    """Name the parts of pybench that a file imports, its own left out."""
    found = set()
    for name in imports(path):
        words = name.split(".")
        if words[0] == "_pybench":
            found.add("_pybench")
        elif words[0] == "pybench" and len(words) > 1:
            found.add(words[1])
    return found & {*MAY_IMPORT, "_pybench"} - {part_of(path)}


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """List the test functions of a file, those in classes too."""
    return [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test")
    ]


BENCHMARK_FUNCTIONS = [
    (path.parent.name, function)
    for path in BENCHMARK_FILES
    for function in functions(path)
]


def test_areas_are_known() -> None:
    """The header lists them; the other tests here would pass on an empty list."""
    assert {"refcount", "counters", "gil", "churn", "yardstick"} <= set(AREAS)


@pytest.mark.parametrize("area", AREAS)
def test_area_has_its_c_file_and_function(area: str) -> None:
    source = NATIVE / f"{area}.c"

    assert source.is_file()
    assert re.search(rf"^pb_{area}_add\(", source.read_text(), re.MULTILINE)


@pytest.mark.parametrize("area", AREAS)
def test_area_is_the_prefix_of_its_kernels(area: str) -> None:
    native = pytest.importorskip("_pybench")
    kernels = [name for name, fact in native.KERNELS.items() if fact["area"] == area]

    assert kernels
    assert [name for name in kernels if not name.startswith(f"{area}_")] == []


@pytest.mark.parametrize("area", AREAS)
def test_area_has_its_tests(area: str) -> None:
    assert (ROOT / "tests" / "_pybench" / f"test_{area}.py").is_file()


@pytest.mark.parametrize("area", AREAS)
def test_area_has_its_benchmarks(area: str) -> None:
    found = list(BENCHMARKS.glob(f"*/test_{area}.py"))

    assert found
    assert any(f'"{area}_' in path.read_text() for path in found)


@pytest.mark.parametrize("area", AREAS)
def test_area_has_its_row_in_the_readme(area: str) -> None:
    assert f"| `{area}` |" in (NATIVE / "README.md").read_text()


@pytest.mark.parametrize("area", AREAS)
def test_area_has_its_signatures_in_the_stub(area: str) -> None:
    assert f"def {area}_" in (ROOT / "src" / "_pybench.pyi").read_text()


def test_c_files_share_only_what_areas_do_not_own() -> None:
    """An area's header would let one area call another."""
    assert [area for area in AREAS if (NATIVE / f"{area}.h").exists()] == []


@pytest.mark.parametrize(
    "path",
    BENCHMARK_FILES,
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_benchmark_group_is_the_word_of_its_file(path: Path) -> None:
    """A literal group has to be the file's area; kernels bring theirs."""
    groups = {
        keyword.value.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("benchmark")
        for keyword in node.keywords
        if keyword.arg == "group" and isinstance(keyword.value, ast.Constant)
    }

    assert groups <= {path.stem.removeprefix("test_")}


def test_benchmark_names_are_unique_in_the_suite() -> None:
    names = Counter(function.name for _category, function in BENCHMARK_FUNCTIONS)

    assert BENCHMARK_FUNCTIONS
    assert [name for name, times in names.items() if times > 1] == []


def test_benchmark_names_say_their_category() -> None:
    wrong = [
        function.name
        for category, function in BENCHMARK_FUNCTIONS
        if not function.name.startswith(f"test_benchmark_{category}_")
    ]

    assert wrong == []


def test_benchmark_names_fit_the_table() -> None:
    long = [
        f.name for _category, f in BENCHMARK_FUNCTIONS if len(f.name) > LONGEST_NAME
    ]

    assert long == []


def test_benchmarks_say_what_they_measure() -> None:
    """A docstring of more than its first line: what, what not, what to expect."""
    silent = [
        f.name for _category, f in BENCHMARK_FUNCTIONS if not ast.get_docstring(f)
    ]

    assert silent == []


@pytest.mark.parametrize(
    "path",
    sorted(PACKAGE.rglob("*.py")),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_imports_go_one_way(path: Path) -> None:
    """The planes share few modules; the names for people are on top."""
    part = part_of(path)
    if part == "__init__":
        pytest.skip("the names that people import may come from any part")

    assert part in MAY_IMPORT
    assert imported_parts(path) - MAY_IMPORT[part] == set()


def test_runner_and_plugin_stay_apart() -> None:
    """One runs on the host, the other inside the interpreter under test."""
    assert "plugin" not in MAY_IMPORT["runner"]
    assert "runner" not in MAY_IMPORT["plugin"]


def test_test_folders_are_no_packages() -> None:
    """With __init__.py, benchmarks/threading would shadow the real module."""
    packages = [
        path
        for folder in (BENCHMARKS, ROOT / "tests")
        for path in folder.rglob("__init__.py")
    ]

    assert packages == []


def test_no_file_bears_a_name_without_meaning() -> None:
    """benchmarks/utils is the one name that is given from outside."""
    vague = [
        path
        for path in FILES
        if MEANINGLESS & {path.stem, path.parent.name}
        and path.parent != BENCHMARKS / "utils"
    ]

    assert vague == []


# Put together here, so that this file does not hold what it looks for.
REGISTRY = re.compile(
    r"([a-z]+\.)*(" + "|".join(["py" + "pi", "python" + "hosted", "npm" + "js"]) + r")"
    r"\.(org|com|net)|([a-z]+\.)*deb" + r"ian\.(org|net)"
)
MACHINE = re.compile("|".join(["/ro" + "ot/", "/wo" + "rk/", "/ho" + r"me/\w+/"]))


@pytest.mark.parametrize("forbidden", [REGISTRY, MACHINE], ids=["registry", "machine"])
def test_no_file_names_a_registry_or_a_machine(forbidden: re.Pattern[str]) -> None:
    """Packages have names, not hosts; and a path of one machine helps on no other."""
    found = []
    for path in FILES:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path}: {match[0]}" for match in forbidden.finditer(text)]

    assert found == []
