"""What the build promises, without waiting for a whole one; and what CI checks."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOWS = ROOT / ".github" / "workflows"
TINY_MODULE = """
#include <Python.h>
static PyModuleDef_Slot slots[] = {
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};
static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_pybench", .m_slots = slots,
    .m_doc = PB_BUILD_FLAVOUR "\\n" PB_BUILD_FLAGS
#ifdef PB_MUTANT
             "\\nmutant"
#endif
};
PyMODINIT_FUNC PyInit__pybench(void) { return PyModuleDef_Init(&definition); }
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the tree whose extension is one tiny C file."""
    # Not imported here: it refuses where something has imported distutils before.
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("the build needs setuptools")
    for name in ("pyproject.toml", "setup.py", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "README.md").write_text("# pybench\n")
    shutil.copytree(
        ROOT / "src" / "pybench",
        tmp_path / "src" / "pybench",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    native = tmp_path / "src" / "_pybench"
    native.mkdir()
    (native / "module.c").write_text(TINY_MODULE)
    (native / "areas.h").write_text("/* none */\n")
    for name in ("conftest.py", "quick.txt", ".cache/left.py", "gil/test_gil.py"):
        file = tmp_path / "benchmarks" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


def setup(
    tree: Path, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run setup.py of a tree."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYBENCH_")}
    clean.pop("CFLAGS", None)
    return subprocess.run(
        [sys.executable, "setup.py", *words],
        cwd=tree,
        env=clean | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )


def build(tree: Path, **variables: str) -> list[str]:
    """Build the tiny module; return what it was told of its build."""
    built = setup(tree, "build_ext", "--build-lib=lib", "--force", **variables)
    assert built.returncode == 0, built.stderr
    program = "import _pybench; print(_pybench.__doc__)"
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tree / "lib",
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.splitlines()


def test_setup_is_short() -> None:
    assert len((ROOT / "setup.py").read_text().splitlines()) < 130


def test_release_is_what_is_built_by_default(tree: Path) -> None:
    flavour, flags = build(tree)

    assert flavour == "release"
    assert "-O3" in flags.split()
    assert "-fno-omit-frame-pointer" in flags.split()
    assert not [flag for flag in flags.split() if flag.startswith("-march")]


def test_mutant_and_flavour_are_told_to_the_module(tree: Path) -> None:
    flavour, flags, mutant = build(tree, PYBENCH_BUILD="debug", PYBENCH_MUTANT="1")

    assert flavour == "debug"
    assert "-O0" in flags.split()
    assert mutant == "mutant"


def test_own_flags_come_last_and_are_told(tree: Path) -> None:
    """CFLAGS of the user do not win over ours, and unequal builds are told apart."""
    _flavour, flags = build(tree, CFLAGS="-O1 -DMINE")

    assert flags.split()[:2] == ["-O1", "-DMINE"]
    assert flags.rindex("-O3") > flags.rindex("-O1")


def test_code_generation_is_not_that_of_the_interpreter(tree: Path) -> None:
    """The command line holds the options that we list, once each, and no others."""
    built = setup(tree, "build_ext", "--build-lib=lib", "--force")
    compiling = next(line for line in built.stdout.splitlines() if " -c " in line)
    told = re.search(r'-DPB_BUILD_FLAGS=\\?"(.*?)\\?"', compiling)
    assert told is not None

    rest = compiling.replace(told[0], "").split()
    options = [word for word in rest if re.match(r"-[fmOg]", word)]

    assert options == [w for w in told[1].split() if re.match(r"-[fmOg]", w)]


def test_unknown_flavour_is_refused(tree: Path) -> None:
    built = setup(tree, "build_ext", PYBENCH_BUILD="fast")

    assert built.returncode != 0
    assert "PYBENCH_BUILD='fast' is not one of release, debug" in built.stderr


def test_failing_build_fails_with_the_words_of_the_compiler(tree: Path) -> None:
    """No fallback: without its kernels pybench would measure nothing."""
    (tree / "src" / "_pybench" / "module.c").write_text("int broken = ;\n")

    built = setup(tree, "build_ext", "--build-lib=lib")

    assert built.returncode != 0
    assert "module.c:1" in built.stderr
    assert "error:" in built.stderr


def test_sources_are_in_the_sdist(tree: Path) -> None:
    """Headers too, without which it cannot be built."""
    made = setup(tree, "sdist")
    assert made.returncode == 0, made.stderr

    with tarfile.open(next((tree / "dist").glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"src/_pybench/module.c", "src/_pybench/areas.h"} <= names
    assert {"src/pybench/target/plugin/__init__.py", "src/pybench/py.typed"} <= names
    assert {"benchmarks/conftest.py", "benchmarks/gil/test_gil.py"} <= names


def test_suite_and_sources_are_installed_in_the_package(tree: Path) -> None:
    """What would be put into site-packages is one folder; files of tools are not."""
    for left in ("gone.py", "pyproject.toml"):
        old = tree / "lib" / "pybench" / "_sources" / left
        old.parent.mkdir(parents=True, exist_ok=True)
        old.write_text("# of an earlier build")
    made = setup(tree, "build_py", "--build-lib=lib")
    assert made.returncode == 0, made.stderr

    files = [path for path in (tree / "lib").rglob("*") if path.is_file()]
    installed = {path.relative_to(tree / "lib") for path in files}

    assert {path.parts[0] for path in installed} == {"pybench"}
    assert Path("pybench/py.typed") in installed
    carried = Path("pybench/_sources")
    inside = {str(p.relative_to(carried)) for p in installed if carried in p.parents}
    assert inside == {
        "LICENSE", "README.md", "pyproject.toml", "setup.py",
        "src/_pybench/areas.h", "src/_pybench/module.c",
        "benchmarks/conftest.py", "benchmarks/gil/test_gil.py", "benchmarks/quick.txt",
    }  # fmt: skip
    copied = (tree / "lib" / carried / "pyproject.toml").read_text()
    assert copied == (tree / "pyproject.toml").read_text()


def test_extension_can_be_left_out(tree: Path) -> None:
    """For an interpreter that nothing can be compiled for; the package says why."""
    why = "no compiler: ü"
    made = setup(tree, "build", "--build-base=lib", PYBENCH_WITHOUT_EXTENSION=why)
    assert made.returncode == 0, made.stderr

    built = [path for path in (tree / "lib").rglob("*") if path.is_file()]
    assert not [path for path in built if path.suffix == ".so"]
    (said,) = [path for path in built if path.name == "without_extension.txt"]
    assert said.read_text(encoding="utf-8") == why
    assert said.parent.name == "pybench"


def test_installing_needs_nothing_that_is_compiled() -> None:
    """What every free-threaded and pre-release build has to take stays at two."""
    names = [re.split(r"[<>=]", need)[0] for need in PROJECT["project"]["dependencies"]]

    assert names == ["pytest", "pytest-benchmark"]


def test_extras_are_those_of_the_readme() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    every = {
        "dev", "compare", "charts", "numpy", "torch", "async", "store", "fleet", "asv",
        "pyperformance",
    }  # fmt: skip

    assert {*extras} == every | {"all"}
    named = [re.findall(r"\w+", words.partition("[")[2]) for words in extras["all"]]
    assert {name for names in named for name in names} == every


def test_developing_takes_nothing_that_a_build_has_no_wheel_of() -> None:
    """A free-threaded build would compile it: Rust, for minutes, or not at all."""
    extras = PROJECT["project"]["optional-dependencies"]
    charts = set(extras["charts"])
    groups = PROJECT["dependency-groups"]

    assert {re.split(r"[<>=]", need)[0] for need in charts} == {
        "altair", "vl-convert-python",
    }  # fmt: skip
    assert charts.isdisjoint([*extras["dev"], *extras["compare"]])
    assert not any("charts" in need for need in [*extras["dev"], *extras["compare"]])
    assert set(groups["charts"]) == charts


def test_set_up_takes_the_host_s_side_and_charts_where_wheels_are() -> None:
    """Each of its groups is there, and none is a part of what must be installed."""
    program = "import environment; print(*environment.WHERE_WHEELS_ARE)"
    line = [sys.executable, "-c", program]
    told = subprocess.run(
        line, cwd=ROOT / "scripts", capture_output=True, text=True, check=True
    )
    groups = PROJECT["dependency-groups"]
    names = told.stdout.split()

    assert names == ["wheels", "host", "charts"]
    compare = {*PROJECT["project"]["optional-dependencies"]["compare"]}
    assert compare <= {*groups["host"], *groups["test"]}
    assert all(groups[name] for name in names)


def test_plugin_is_found_by_pytest() -> None:
    entry_points = PROJECT["project"]["entry-points"]["pytest11"]

    assert entry_points == {"pybench": "pybench.target.plugin"}


def parsed(name: str) -> dict[str, Any]:
    """Return a parsed workflow."""
    yaml = pytest.importorskip("yaml", reason="PyYAML has no wheel for this build")
    document = yaml.safe_load((WORKFLOWS / name).read_text())
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    """Return the parsed ci.yml."""
    return parsed("ci.yml")


# The longest job of each, in minutes.
TIME_LIMITS = {
    "ci.yml": 25,
    "benchmarks.yml": 90,
    "sanitizers.yml": 40,
    "wheels.yml": 60,
}
# What a job needs beside reading the sources.  A job that may write installs nothing,
# and one that publishes has what the jobs before it made.
RIGHTS = {
    ("benchmarks.yml", "keep"): {"contents": "write"},
    ("benchmarks.yml", "pages"): {"pages": "write", "id-token": "write"},
    ("wheels.yml", "publish"): {"id-token": "write"},
}


@pytest.mark.parametrize("name", sorted(path.name for path in WORKFLOWS.glob("*.yml")))
def test_workflows_have_limits_and_no_needless_rights(name: str) -> None:
    """Every job ends some day, and may read the sources at most, but for a few."""
    document = parsed(name)
    limits = {n: job.get("timeout-minutes") for n, job in document["jobs"].items()}

    assert [n for n, limit in limits.items() if not limit] == []
    assert max(limits.values()) <= TIME_LIMITS[name]
    assert document["permissions"] == {}
    for key, job in document["jobs"].items():
        rights = RIGHTS.get((name, key))
        if rights is None:
            assert job["permissions"] in ({}, {"contents": "read"})
        else:
            assert job["permissions"] == rights
            assert "publish" in job["if"]
            assert "pip install" not in str(job["steps"])


@pytest.mark.parametrize("name", sorted(path.name for path in WORKFLOWS.glob("*.yml")))
def test_no_script_of_a_workflow_has_a_person_s_words_in_it(name: str) -> None:
    """They come as variables of the environment, so that none of them is code."""
    jobs = parsed(name)["jobs"]
    scripts = [step.get("run", "") for job in jobs.values() for step in job["steps"]]

    assert [script for script in scripts if "${{" in script] == []


@pytest.mark.parametrize("name", sorted(path.name for path in WORKFLOWS.glob("*.yml")))
def test_actions_are_pinned_by_commit(name: str) -> None:
    """With the version behind it; one that is not has a line above that says why."""
    lines = (WORKFLOWS / name).read_text().splitlines()
    uses = [number for number, line in enumerate(lines) if "uses: " in line]
    pinned = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")

    assert uses
    assert [
        lines[number]
        for number in uses
        if not pinned.search(lines[number])
        and not lines[number - 1].strip().startswith("#")
    ] == []


@pytest.mark.parametrize("name", sorted(path.name for path in WORKFLOWS.glob("*.yml")))
def test_paths_that_workflows_name_exist(name: str) -> None:
    text = (WORKFLOWS / name).read_text()
    folders = r"(?:src|tests|benchmarks|scripts|docs|\.github)"
    named = re.findall(rf"(?<![\w./-]){folders}/[\w./-]+", text)

    assert [path for path in named if not (ROOT / path.rstrip("/")).exists()] == []


def test_forms_of_issues_are_valid() -> None:
    """GitHub drops a form without these without a word."""
    yaml = pytest.importorskip("yaml", reason="PyYAML has no wheel for this build")
    forms = [*(ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")]

    assert forms
    for form in forms:
        document = yaml.safe_load(form.read_text())
        assert {"name", "description", "body"} <= set(document)
        ids = [field["id"] for field in document["body"]]
        assert len({*ids}) == len(ids)
        assert all(field["attributes"]["label"] for field in document["body"])


def test_runs_are_kept_on_a_branch_of_their_own(tmp_path: Path) -> None:
    """The script of the workflow, run twice: the branch is made, then added to."""
    steps = parsed("benchmarks.yml")["jobs"]["keep"]["steps"]
    script = next(step["run"] for step in steps if "run" in step)
    origin, kept = tmp_path / "origin.git", tmp_path / "kept"
    (tmp_path / "comparison" / "run").mkdir(parents=True)
    (tmp_path / "comparison" / "run" / "run.jsonl").write_text("{}\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@localhost"]

    def git(*words: object) -> str:
        command = ["git", *identity, *map(str, words)]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, cwd=tmp_path
        ).stdout

    git("init", "-q", "--bare", origin)
    git("clone", "-q", origin, kept)
    (kept / "source.py").touch()
    git("-C", kept, "add", ".")
    git("-C", kept, "commit", "-qm", "Begin")
    git("-C", kept, "push", "-q", "origin", "HEAD:main")
    for number in ("1", "2"):
        again = tmp_path / f"kept{number}" / "checkout"
        git("clone", "-q", "-b", "main", origin, again)
        (again.parent / "comparison").symlink_to(tmp_path / "comparison")
        subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=again,
            env=os.environ | {"GITHUB_RUN_ID": number},
            check=True,
            timeout=60,
        )

    listed = git("-C", origin, "ls-tree", "-r", "--name-only", "gh-pages").split()
    assert [re.sub(r"\d{4}-\d\d-\d\d", "DAY", name) for name in listed] == [
        "runs/DAY-1/run.jsonl",
        "runs/DAY-2/run.jsonl",
    ]


@pytest.mark.parametrize(
    ("selectors", "status", "expected", "rows"),
    [
        ("", 0, 0, "--quick"),
        ("gil 'memory/*'", 0, 0, "--benchmarks gil 'memory/*'"),
        ("", 3, 0, "--quick"),
        ("", 4, 4, "--quick"),
    ],
)
def test_the_comparison_of_the_workflow(
    tmp_path: Path, selectors: str, status: int, expected: int, rows: str
) -> None:
    """Its script is run with a `pybench` that only notes how it was called."""
    jobs = parsed("benchmarks.yml")["jobs"]
    steps = {step.get("name"): step.get("run") for step in jobs["compare"]["steps"]}
    stub = tmp_path / "pybench"
    stub.write_text(f'#!/bin/sh\necho "$@"\nexit {status}\n')
    stub.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", steps["Compare"]],
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONS": "3.14 3.14t",
            "BENCHMARKS": selectors,
            "BUDGET": "9m",
            "GITHUB_STEP_SUMMARY": str(tmp_path / "job"),
        },
        timeout=60,
    )

    assert done.returncode == expected
    said = (tmp_path / "job").read_text()
    assert said == f"compare 3.14 3.14t {rows} --budget 9m -o run --format md\n"


def test_gate_waits_for_every_job(workflow: dict[str, Any]) -> None:
    """One required check: it runs whatever happened, and looks at each result."""
    jobs = workflow["jobs"]
    gate = jobs["gate"]

    assert set(gate["needs"]) == set(jobs) - {"gate"}
    assert gate["if"] == "always()"
    assert "needs.*.result" in str(gate["steps"])


def test_matrix_has_every_supported_kind(workflow: dict[str, Any]) -> None:
    """On Linux x86-64 all of them; elsewhere at least one with the GIL off."""
    runner = pytest.importorskip("pybench.interpreters")
    legs = workflow["jobs"]["test"]["strategy"]["matrix"]["include"]
    kinds: dict[str, list[str]] = {}
    for leg in legs:
        kinds.setdefault(leg["os"], []).append(leg["python"])

    assert kinds["ubuntu-24.04"] == list(runner.SUPPORTED)
    assert len(kinds) == 3
    for found in kinds.values():
        assert any(kind.endswith("t") for kind in found)


def test_free_threaded_legs_assert_that_the_gil_is_off(
    workflow: dict[str, Any],
) -> None:
    steps = workflow["jobs"]["test"]["steps"]
    checks = [step for step in steps if "_is_gil_enabled" in step.get("run", "")]

    assert [step["if"] for step in checks] == ["endsWith(matrix.python, 't')"]
