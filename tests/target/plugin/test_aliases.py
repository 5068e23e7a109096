"""Other names of rows: one table of the suite, found like the rows' own names."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pybench.target.plugin.selection import other_places, read_aliases

Run = Callable[..., pytest.RunResult]

TABLE = {
    "basics": "gil/gil/first",
    "gil/patterns": "threading/locks",
    "gil/gil/shown_first": "threading/locks/first",
    "gil/gil/several": "*/*/s*",
}


@pytest.mark.once
@pytest.mark.parametrize(
    ("place", "found"),
    [
        (("gil", "gil", "first"), [("basics", "gil", "first")]),
        (("threading", "locks", "other"), [("gil", "patterns", "other")]),
        (
            ("threading", "locks", "first[2]"),
            [("gil", "patterns", "first[2]"), ("gil", "gil", "shown_first[2]")],
        ),
        (("memory", "churn", "second"), [("gil", "gil", "several")]),
        (("memory", "churn", "first"), []),
    ],
)
def test_other_places_of_a_row(
    place: tuple[str, str, str], found: list[tuple[str, str, str]]
) -> None:
    """What an alias leaves out is the row's own, its parameters always."""
    assert other_places(place, TABLE) == found


@pytest.mark.once
@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("aliases = 5", "not a table"),
        ("[aliases]\na = 5", "'a' = 5"),
        ("[aliases]\n'a/b/c/d' = 'gil'", "'a/b/c/d' = 'gil'"),
        ("[aliases]\na = 'gil//x'", "'a' = 'gil//x'"),
        ("[aliases]\na = ''", "'a' = ''"),
        ("[aliases", "aliases.toml: "),
    ],
)
def test_odd_table_is_refused_by_its_entry(
    tmp_path: Path, text: str, word: str
) -> None:
    (tmp_path / "aliases.toml").write_text(text)

    with pytest.raises(pytest.UsageError, match=r"aliases\.toml") as refused:
        read_aliases(tmp_path)

    assert word in str(refused.value)


@pytest.mark.once
def test_suite_without_a_table_has_no_aliases(tmp_path: Path) -> None:
    assert read_aliases(tmp_path) == {}


@pytest.fixture
def suite(pytester: pytest.Pytester) -> None:
    """Lay out two categories and a table."""
    for category, area in (("gil", "gil"), ("threading", "locks")):
        (pytester.mkdir(category) / f"test_{area}.py").write_text(
            f"def test_benchmark_{category}_first(benchmark): benchmark(int)\n"
            f"def test_benchmark_{category}_second(benchmark): benchmark(int)\n"
        )
    lines = [f'"{alias}" = "{selector}"' for alias, selector in TABLE.items()]
    (pytester.path / "aliases.toml").write_text("\n".join(["[aliases]", *lines]))


@pytest.mark.once
@pytest.mark.usefixtures("suite")
@pytest.mark.parametrize(
    ("selector", "count"),
    [
        ("basics/*", 1),
        ("gil/patterns", 2),
        ("gil/patterns/f*", 1),
        ("gil/gil/shown*", 1),
        ("gil/gil/several", 2),
        # By their own names first: an alias adds nothing to a folder.
        ("gil", 2),
        ("gil/gil/*", 2),
    ],
)
def test_selector_finds_rows_by_another_name(
    run: Run, selector: str, count: int
) -> None:
    result = run(f"--pybench-select={selector}", "--benchmark-disable")

    assert result.parseoutcomes().get("passed") == count


@pytest.mark.once
@pytest.mark.usefixtures("suite")
def test_near_matches_name_the_aliases_too(run: Run) -> None:
    result = run("--pybench-select=gil/pattern")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: no benchmark matches 'gil/pattern'; near: *gil/patterns*"]
    )
