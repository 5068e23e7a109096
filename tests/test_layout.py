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

LISTED = sorted(
    re.findall(r"^int pb_(\w+)_add\(", (NATIVE / "areas.h").read_text(), re.MULTILINE)
)
# A word each; what is listed besides is a part of one, `<area>_<part>`.
AREAS = [name for name in LISTED if "_" not in name]
# What each part of the package may import of the others, besides itself.
MAY_IMPORT = {
    "records": set[str](),
    "streams": set[str](),
    "progress": set[str](),
    "children": set[str](),
    "statistics": set[str](),
    # Inside the interpreter under test.
    "target": {"records", "streams", "progress", "children", "_pybench"},
    # On the host.
    "interpreters": {"records", "children"},
    "comparison": {"records", "streams", "children", "interpreters", "statistics"},
    "history": {"records", "children", "interpreters", "statistics", "comparison"},
    "fleet": {"records", "children", "interpreters", "comparison"},
    "profiles": {"records", "children", "interpreters", "statistics", "comparison"},
    "report": {"records"},
    # Measures in its own process, so it is of both planes.
    "notebook": {
        "records",
        "children",
        "target",
        "interpreters",
        "statistics",
        "comparison",
        "report",
        "_pybench",
    },
    "cli": {
        "records",
        "streams",
        "progress",
        "children",
        "interpreters",
        "statistics",
        "comparison",
        "profiles",
        "history",
        "fleet",
        "report",
    },
    "__main__": {"cli"},
}
# Imports against the rules above. The first stays: a saved baseline is judged inside
# pytest, by a pure function. A line that is no longer needed fails the test.
EXCEPTIONS = {
    ("target/plugin/changes.py", "statistics"),
}
# The same for the other rules; each list may only become shorter.
SCHEMAS_ELSEWHERE: set[str] = set()
UNTYPED_DOCUMENTS: set[str] = set()
KNOWN_CIRCLES: list[list[Path]] = []
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


def part_named(name: str) -> str | None:
    """Name the part that an imported name belongs to, None for what is not ours."""
    words = name.split(".")
    if words[0] == "_pybench":
        return "_pybench"
    if words[0] == "pybench" and len(words) > 1 and words[1] in MAY_IMPORT:
        return words[1]
    return None


def imported_parts(path: Path) -> set[str]:
    """Name the parts of pybench that a file imports, its own left out."""
    parts = {part_named(name) for name in imports(path)} - {None, part_of(path)}
    return {part for part in parts if part is not None}


def module_file(name: str) -> Path | None:
    """Return the file of the module that a dotted name begins with, if it is ours."""
    words = name.split(".")
    if words[0] != "pybench":
        return None
    for length in range(len(words), 0, -1):
        place = ROOT / "src" / Path(*words[:length])
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    return None


def circles(edges: dict[Path, set[Path]]) -> list[list[Path]]:
    """Return the groups of files that import each other, directly or not."""
    reachable: dict[Path, set[Path]] = {}
    for start in edges:
        seen: set[Path] = set()
        waiting = [start]
        while waiting:
            for path in edges.get(waiting.pop(), set()) - seen:
                seen.add(path)
                waiting.append(path)
        reachable[start] = seen
    groups = {
        frozenset(b for b in reachable[a] if a in reachable.get(b, set()))
        for a in edges
        if a in reachable[a]
    }
    return sorted(sorted(group) for group in groups)


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


@pytest.mark.parametrize("name", LISTED)
def test_area_has_its_c_file_and_function(name: str) -> None:
    """A part too, and it has no kernels of another area."""
    area = name.partition("_")[0]
    source = (NATIVE / f"{name}.c").read_text()

    assert area in AREAS
    assert re.search(rf"^(pb_{name}_add\(|PB_AREA\({name},)", source, re.MULTILINE)
    kernels = re.findall(r"^PB_ENTRY\((\w+),", source, re.MULTILINE)
    assert [kernel for kernel in kernels if not kernel.startswith(f"{area}_")] == []


def test_c_file_is_of_an_area_or_is_shared() -> None:
    """Others have a header, or add functions that are no kernels."""
    header = (NATIVE / "areas.h").read_text()
    others = {path.stem for path in NATIVE.glob("*.c")} - {*LISTED, "module"}

    assert [
        name
        for name in others
        if not (NATIVE / f"{name}.h").exists()
        and f"PyMethodDef pb_{name}_functions[];" not in header
    ] == []


def test_c_files_include_each_other_in_no_circle() -> None:
    """A file and its header are one; each is taken away once it needs no other."""
    needs: dict[str, set[str]] = {}
    for path in (*NATIVE.glob("*.c"), *NATIVE.glob("*.h")):
        names = re.findall(r'^ *#\s*include "(\w+)\.h"', path.read_text(), re.MULTILINE)
        needs.setdefault(path.stem, set()).update(set(names) - {path.stem})
    assert needs["threads"] >= {"clock", "result"}
    while free := {stem for stem, names in needs.items() if not names}:
        needs = {s: names - free for s, names in needs.items() if s not in free}

    assert needs == {}


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
    assert [name for name in LISTED if (NATIVE / f"{name}.h").exists()] == []


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
    name = str(path.relative_to(PACKAGE))

    assert part in MAY_IMPORT
    against = {(name, other) for other in imported_parts(path) - MAY_IMPORT[part]}
    assert against == {pair for pair in EXCEPTIONS if pair[0] == name}


def test_no_files_import_each_other() -> None:
    """Whoever reads one file of a circle has to read all of them."""
    edges: dict[Path, set[Path]] = {}
    for path in PACKAGE.rglob("*.py"):
        files = {module_file(name) for name in imports(path)}
        edges[path] = {file for file in files if file is not None} - {path}
    # The names for people are taken by nobody inside.
    edges[PACKAGE / "__init__.py"] = set()

    assert circles(edges) == sorted(KNOWN_CIRCLES)


def test_planes_stay_apart() -> None:
    """The host starts what runs inside the interpreter under test."""
    hosts = [part for part in MAY_IMPORT if "target" in MAY_IMPORT[part]]

    assert hosts == ["notebook"]
    assert MAY_IMPORT["target"] == {
        "records",
        "streams",
        "progress",
        "children",
        "_pybench",
    }


def files_with(pattern: str) -> set[str]:
    """Name the files of the package in whose code a pattern stands."""
    return {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(pattern, path.read_text(), re.MULTILINE)
    }


def test_processes_are_started_in_one_place() -> None:
    """Elsewhere a time-out, a signal or the last line of an error is forgotten."""
    raw = r"subprocess\.(run|Popen|call|check_\w+)\(|os\.(fork|posix_spawn|exec\w+)\("

    assert files_with(raw) <= {"children.py"}


def test_documents_have_their_schema_in_records() -> None:
    others = {name for name in files_with(r"^_?SCHEMA\b") if "records/" not in name}

    assert others == SCHEMAS_ELSEWHERE


def test_report_reads_fields_of_records() -> None:
    """A look-up by a string finds out too late that a document lacks it."""
    raw = {name for name in files_with(r"\bdocument\[") if name.startswith("report/")}

    assert raw == UNTYPED_DOCUMENTS


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
