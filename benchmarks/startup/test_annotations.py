"""What annotations cost at import.

Three generated modules differ in their annotations alone: a thousand functions with
three parameters. One operation is a child's whole life with the import of one, from
bytecode; the annotations' cost is the difference between the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="annotations")

TimeChild = Callable[..., None]

FUNCTIONS = 1000

PLAIN = "def function_{number}(first, second, third): return first\n"
ANNOTATED = (
    "def function_{number}(first: int, second: dict[str, list[int]],"
    " third: str | None) -> tuple[int, ...]: return first\n"
)
STYLES = {
    "none": PLAIN,
    "evaluated": ANNOTATED,
    "strings": ANNOTATED,
}


@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"style={style}")
def test_benchmark_startup_annotated(
    benchmark: BenchmarkFixture, time_child: TimeChild, tmp_path: Path, style: str
) -> None:
    """Import a module of a thousand functions: bare, annotated, annotated in strings.

    `style=strings` has `from __future__ import annotations`. Up to 3.13 expect
    `evaluated` 1 to 3 ms above `none`, for building four thousand types, and
    `strings` in between. From 3.14 nothing is evaluated until somebody asks, and
    what remains is loading a function more for each function.
    """
    body = "".join(STYLES[style].format(number=number) for number in range(FUNCTIONS))
    if style == "strings":
        body = "from __future__ import annotations\n" + body
    (tmp_path / "annotated.py").write_text(body)
    benchmark.extra_info["floor"] = "test_benchmark_startup_bare"
    benchmark.extra_info["functions"] = FUNCTIONS
    time_child(
        f"import sys; sys.path.append({str(tmp_path)!r}); import annotated", "-S"
    )
