"""The pages say what is there: links, rows, folders, options, commands."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", ".github/**/*.md", "src/_pybench/*.md")
    for path in ROOT.glob(pattern)
)
ROW = re.compile(r"`(test_benchmark_\w+)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"(?<![\w-])-{1,2}[a-z][\w-]*")
PACKAGE = ROOT / "src" / "pybench"


def named(path: Path) -> str:
    """Name a page in the test's id."""
    return str(path.relative_to(ROOT))


def section(page: Path, heading: str) -> str:
    """Return what stands under a heading, up to the next one of its level or above."""
    text = page.read_text()
    level = heading.split(" ")[0]
    body = text.split(f"{heading}\n", 1)[1]
    return re.split(rf"^#{{1,{len(level)}}} ", body, maxsplit=1, flags=re.MULTILINE)[0]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    words = (
        re.sub(r"[^\w\- ]", "", title.lower())
        for title in HEADING.findall(page.read_text())
    )
    return {title.replace(" ", "-") for title in words}


def test_there_are_pages() -> None:
    """The other tests here would pass on nothing."""
    names = {named(path) for path in PAGES}

    assert {
        "README.md",
        ".github/CONTRIBUTING.md",
        "docs/architecture.md",
        "docs/core_concepts.md",
        "docs/first-comparison.md",
        "docs/free_threading_context.md",
        "docs/glossary.md",
        "docs/reference/method.md",
    } <= names


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_rows_that_are_named_exist(page: Path) -> None:
    defined = {
        name
        for path in ROOT.glob("benchmarks/*/test_*.py")
        for name in re.findall(r"^def (test_benchmark_\w+)", path.read_text(), re.M)
    }

    assert len(defined) > 300
    assert sorted(set(ROW.findall(page.read_text())) - defined) == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text()):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if "://" in link:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_readme_is_short() -> None:
    assert len(README.read_text().split()) <= 900


def test_glossary_is_short_and_in_order() -> None:
    lines = section(ROOT / "docs" / "glossary.md", "# Glossary").splitlines()
    terms = [line.split("|")[1].strip() for line in lines if line.startswith("| ")][1:]

    assert 0 < len(terms) <= 25
    assert terms == sorted(terms, key=str.casefold)


def test_architecture_names_each_part_of_the_package() -> None:
    """Folders that hold delivered files, modules, and nothing that is gone."""
    table = section(ROOT / "docs" / "architecture.md", "## The package")
    listed = set(re.findall(r"^\| `([\w/.]+)` \|", table, re.MULTILINE))
    delivered = [path for path in PACKAGE.rglob("*.*") if path.suffix != ".pyc"]
    folders = {f"{path.parent.relative_to(PACKAGE)}/" for path in delivered} - {"./"}
    modules = {path.name for path in PACKAGE.glob("[!_]*.py")}

    assert listed == folders | modules


def test_architecture_names_each_c_area() -> None:
    text = section(ROOT / "docs" / "architecture.md", "## The extension")
    header = (ROOT / "src" / "_pybench" / "areas.h").read_text()
    # A name of several words is a part of an area, `<area>_<part>`.
    areas = re.findall(r"^int pb_([a-z0-9]+)_add\(", header, re.MULTILINE)

    assert areas
    assert [area for area in areas if f"`{area}`" not in text] == []


def test_architecture_walks_past_files_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    files = re.findall(r"`((?:[\w.]+/)*\w+\.(?:py|c|h|md))`", text)
    above = (ROOT, PACKAGE, ROOT / "src" / "_pybench")

    assert len(files) > 10
    assert [f for f in files if not any((top / f).is_file() for top in above)] == []


# Commands


def help_of(command: str, monkeypatch: pytest.MonkeyPatch, output: "Output") -> str:
    """Return what a command says of itself."""
    cli = pytest.importorskip("pybench.cli", exc_type=ImportError)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split()[1:], "--help"])
    assert not ended.value.code
    return output.readouterr().out


Output = pytest.CaptureFixture[str]
COMMANDS = re.findall(
    r"^## (pybench .+)$", (REFERENCE / "commands.md").read_text(), re.MULTILINE
)


# Commands that have kinds and do nothing without one.
GROUPS = {command.rpartition(" ")[0] for command in COMMANDS} - {*COMMANDS, "pybench"}


def options_in(lines: Iterator[str]) -> set[str]:
    """Collect the options in lines; those of help are said once for all commands."""
    found = {option for line in lines for option in OPTION.findall(line)}
    return found - {"-h", "--help"}


@pytest.mark.once
@pytest.mark.parametrize("command", COMMANDS)
def test_options_of_a_command_are_in_the_reference(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    told = help_of(command, monkeypatch, capsys).splitlines()
    page = section(REFERENCE / "commands.md", f"## {command}").splitlines()
    real = options_in(line.split("  ")[1] for line in told if re.match(r"  -", line))
    listed = options_in(line.split("|")[1] for line in page if line.startswith("| `"))

    assert listed == real


@pytest.mark.once
def test_reference_has_each_command(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """One section for a command, or one for each of its kinds."""
    told = help_of("pybench", monkeypatch, capsys)
    kinds = re.search(r"\{([\w,]+)\}", told)

    assert kinds is not None
    first_words = {command.split()[1] for command in COMMANDS}
    assert first_words == set(kinds.group(1).split(","))


@pytest.mark.once
def test_options_of_the_plugin_are_in_the_reference(
    pytestconfig: pytest.Config,
) -> None:
    """Whatever is no secret between our own processes."""
    group = pytestconfig._parser.getgroup("pybench")
    shown = {
        name
        for option in group.options
        if option.attrs().get("help") != "==SUPPRESS=="
        for name in option.names()
    }
    page = section(REFERENCE / "commands.md", "## pytest options").splitlines()

    assert shown
    assert options_in(line.split("|")[1] for line in page if "| `--" in line) == shown


@pytest.mark.parametrize("page", [p for p in PAGES if p.stem != "CHANGELOG"], ids=named)
def test_commands_that_are_shown_have_their_options(page: Path) -> None:
    """What the reference lists; a test above holds it against the commands."""
    text = page.read_text()
    shown = [
        line.split("#")[0].strip()
        for block in SHELL.findall(text)
        for line in block.replace("\\\n", " ").splitlines()
    ]
    shown += re.findall(r"`(pybench [a-z][^`]*)`", text)
    unknown = []
    for line in shown:
        words = line.split(" >> ")[0].split(" -- ")[0]
        if not words.startswith("pybench ") or words in GROUPS:
            continue
        known = [c for c in COMMANDS if f"{words} ".startswith(f"{c} ")]
        command = max(known, key=len, default="")
        if not command:
            unknown.append(words)
            continue
        listed = section(REFERENCE / "commands.md", f"## {command}").splitlines()
        options = options_in(line.split("|")[1] for line in listed if "| `-" in line)
        unknown += [f"{words}: {o}" for o in options_in(iter([words])) - options]

    assert unknown == []


def shell_block(page: Path, heading: str) -> list[str]:
    """Return the commands of the first block under a heading."""
    block = SHELL.search(section(page, heading))
    assert block is not None
    return block.group(1).splitlines()


FIRST = shell_block(README, "## First verdict")


def test_first_comparison_has_the_commands_of_the_readme() -> None:
    page = ROOT / "docs" / "first-comparison.md"

    assert shell_block(page, "## 1. Install and compare") == FIRST


@pytest.mark.once
def test_commands_of_the_readme_reach_a_verdict(tmp_path: Path) -> None:
    """As typed in a checkout by a user who has built and measured nothing before.

    Two pairs are measured however busy the machine is. The first command would only
    repeat what made this environment, so its requirements are looked at instead.
    """
    pytest.importorskip("scipy", reason="this Python has no host's side")
    install, *commands = FIRST
    assert shlex.split(install) == ["pip", "install", "-e", ".[compare]"]
    for requirement in map(Requirement, requires("pybench-native") or []):
        if requirement.marker is None or requirement.marker.evaluate(
            {"extra": "compare"}
        ):
            assert version(requirement.name) in requirement.specifier

    for name in ("benchmarks", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    output = ""
    for command in commands:
        limit = " --budget 10m --pairs 2" if "--budget" in command else ""
        done = subprocess.run(
            command + limit,
            shell=True,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
        )
        # 3: a control moved, which it may where other tests run beside.
        assert done.returncode in (0, 3), done.stderr
        output = done.stdout

    assert re.match(r"b against a: 1 \w+", output)
    assert "interpreter_call_function" in output
    (summary,) = tmp_path.rglob("summary.json")
    assert json.loads(summary.read_text())["rows"][0]["pairs"] == 2
