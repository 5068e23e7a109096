"""Write the catalogue of benchmarks/README.md from the docstrings of the rows.

    python scripts/catalogue.py [--check]

A folder is a category, a file an area, a function a line: its name, how many rows its
parameters make of it where the source alone tells, and the first line of what it says
of itself.  The files are read, not imported, so that every interpreter writes the same.
Exit status 1 under --check if the file in the tree is another.
"""

import argparse
import ast
import math
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
README = BENCHMARKS / "README.md"

BEGIN = "<!-- catalogue: begin; written by scripts/catalogue.py -->"
END = "<!-- catalogue: end -->"

# As people read them; one that is not here follows.
CATEGORIES = (
    "interpreter",
    "threading",
    "gil",
    "memory",
    "async",
    "startup",
    "numpy",
    "pytorch",
    "python314",
    "scaling",
    "examples",
)


def catalogue(benchmarks: Path) -> str:
    """Return the catalogue as Markdown."""
    files: dict[str, list[Path]] = {}
    for path in sorted(benchmarks.glob("*/test_*.py")):
        files.setdefault(path.parent.name, []).append(path)
    known = [category for category in CATEGORIES if category in files]
    lines = []
    for category in [*known, *sorted(set(files) - set(CATEGORIES))]:
        lines += [f"### {category}", ""]
        for path in files[category]:
            lines += area_lines(path)
    return "\n".join(lines).rstrip("\n")


def area_lines(path: Path) -> list[str]:
    """Return the lines of one file: its question, and a table of its functions."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    prefix = f"test_benchmark_{path.parent.name}_"
    lines = [
        f"**{path.stem.removeprefix('test_')}**: {first_line(module)}",
        "",
        "| benchmark | what it measures |",
        "| --- | --- |",
    ]
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            count = row_count(node, module)
            times = f" ({count})" if count is not None and count != 1 else ""
            name = node.name.removeprefix(prefix)
            lines.append(f"| `{name}`{times} | {first_line(node)} |")
    return [*lines, ""]


def first_line(node: ast.Module | ast.FunctionDef) -> str:
    """Return the first line of a docstring, safe in a table."""
    text = (ast.get_docstring(node) or "").partition("\n")[0]
    return text.replace("|", "\\|")


def row_count(function: ast.FunctionDef, module: ast.Module) -> int | None:
    """Count the rows of a function; None where the source does not tell."""
    marks = [
        (assigned(mark.id, module) or mark) if isinstance(mark, ast.Name) else mark
        for mark in (*function.decorator_list, *module_marks(module))
    ]
    if any(isinstance(mark, ast.Name) for mark in marks):
        return None  # a mark out of another file
    counts = [
        value_count(mark.args[1], module)
        for mark in marks
        if isinstance(mark, ast.Call)
        and ast.unparse(mark.func).endswith("parametrize")
        and len(mark.args) > 1
    ]
    known = [count for count in counts if count is not None]
    return math.prod(known) if len(known) == len(counts) else None


def module_marks(module: ast.Module) -> list[ast.expr]:
    """Return what a file's `pytestmark` puts on each of its functions."""
    value = assigned("pytestmark", module)
    if isinstance(value, (ast.List, ast.Tuple)):
        return value.elts
    return [] if value is None else [value]


def value_count(node: ast.expr, module: ast.Module) -> int | None:
    """Count the values of a parameter: a display, or the name of one in the file."""
    if isinstance(node, ast.Name):
        value = assigned(node.id, module)
        return None if value is None else value_count(value, module)
    if isinstance(node, ast.Dict):
        return None if None in node.keys else len(node.keys)
    if isinstance(node, (ast.List, ast.Tuple)):
        starred = any(isinstance(element, ast.Starred) for element in node.elts)
        return None if starred else len(node.elts)
    return None


def assigned(name: str, module: ast.Module) -> ast.expr | None:
    """Find what a file assigns to a name, if it does so once."""
    found = list(assignments(name, module))
    return found[0] if len(found) == 1 else None


def assignments(name: str, module: ast.Module) -> Iterator[ast.expr]:
    """Yield what is assigned to a name at the top level."""
    for node in module.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            yield value


def replaced(text: str, lines: str) -> str:
    """Put the catalogue between its marks; the rest is written by hand."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"catalogue: no line {BEGIN!r} and {END!r} in {README}")
    return f"{before}{BEGIN}\n\n{lines}\n\n{END}{after}"


def main() -> int:
    """Write the file, or compare it."""
    parser = argparse.ArgumentParser(description="Write the catalogue of benchmarks.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    options = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    wanted = replaced(text, catalogue(BENCHMARKS))
    if wanted == text:
        return 0
    if options.check:
        print(
            "catalogue: benchmarks/README.md is not what the docstrings say; run "
            "`python scripts/catalogue.py`",
            file=sys.stderr,
        )
        return 1
    README.write_text(wanted, encoding="utf-8")
    print("catalogue: benchmarks/README.md written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
